// SPDX-License-Identifier: BSD-2-Clause

//go:build go1.19

package main

import "sync/atomic"

type namedPointer = atomic.Pointer[Named]
