// SPDX-License-Identifier: BSD-2-Clause

//go:build go1.24

package main

import (
	"runtime"
	"weak"
)

// Argument is 24 bytes.
type Argument struct {
	Name string
	ID   int
}

var (
	weakAlive weak.Pointer[Owner]
	weakGone  weak.Pointer[Owner]
)

//go:noinline
func cleanUp(argument *Argument) {
	runtime.KeepAlive(argument)
}

//go:noinline
func setUp() {
	runtime.AddCleanup(owned, cleanUp, &Argument{Name: text(112)})
	weakAlive = weak.Make(kept)
	weakGone = weak.Make(owner(128))
}
