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
	leaves = fill1(count, leaf)
	wrapped = fill1(count, func() Wrapped { return Wrapped{leaf()} })
	nested = fill2(count, func() Wrapped { return Wrapped{leaf()} })
}
