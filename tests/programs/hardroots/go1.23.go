// SPDX-License-Identifier: BSD-2-Clause

//go:build go1.23

package main

import (
	"iter"
	"unique"
)

type name struct {
	text string
	id   int
}

var (
	nexts   []func() (*Leaf, bool)
	handles []unique.Handle[name]
)

// What a coroutine holds while it waits to be asked again.
//
//go:noinline
func sequence(held *Leaf) iter.Seq[*Leaf] {
	return func(yield func(*Leaf) bool) {
		local := leaf()
		for yield(held) && yield(local) {
		}
	}
}

func more() {
	for i := 0; i < 10; i++ {
		next, _ := iter.Pull(sequence(leaf()))
		next()
		nexts = append(nexts, next)
		handles = append(handles, unique.Make(name{string(make([]byte, 48+i)), i}))
	}
	moreStill()
}
