// SPDX-License-Identifier: BSD-2-Clause

//go:build go1.18

// Slices whose elements look like pointers, made in generic code: only the dictionaries that it is
// given tell what they are.
package main

// Wrapped looks like a *Leaf.
type Wrapped struct {
	Leaf *Leaf
}

var (
	leaves  []*Leaf
	wrapped []Wrapped
	nested  []Wrapped
)

// Instance looks like a Made.
type Instance struct {
	Left   *Leaf
	Counts [3]int
	Right  *Leaf
}

type store[T any] struct {
	last *T
}

type adder interface {
	add() *Instance
}

var (
	instances       = &store[Instance]{}
	adding    adder = instances
	added     *Instance
)

//go:noinline
func (store *store[T]) add() *T {
	store.last = new(T)
	return store.last
}

//go:noinline
func fill1[T any](count int, make1 func() T) []T {
	made := make([]T, 0, count)
	for i := 0; i < count; i++ {
		made = append(made, make1())
	}
	return made
}

//go:noinline
func fill2[T any](count int, make1 func() T) []T {
	return fill1(count+1, make1)
}

//go:noinline
func setGeneric(count int) {
	added = adding.add()
	added.Left = leaf()
	leaves = fill1(count, leaf)
	wrapped = fill1(count, func() Wrapped { return Wrapped{leaf()} })
	nested = fill2(count, func() Wrapped { return Wrapped{leaf()} })
}
