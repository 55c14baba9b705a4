// SPDX-License-Identifier: BSD-2-Clause

//go:build go1.21

package main

import "sync"

func once(get func() *Named) func() *Named {
	return sync.OnceValue(get)
}
