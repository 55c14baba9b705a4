// SPDX-License-Identifier: BSD-2-Clause

//go:build !go1.19

package main

import (
	"sync/atomic"
	"unsafe"
)

type namedPointer struct {
	held unsafe.Pointer
}

func (pointer *namedPointer) Store(named *Named) {
	atomic.StorePointer(&pointer.held, unsafe.Pointer(named))
}
