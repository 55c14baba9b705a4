// SPDX-License-Identifier: BSD-2-Clause

// Slices: all of the array counts, also what lies before and behind the slice.
package main

import "programs/ready"

type Leaf = ready.Leaf

type Pair struct {
	A *Leaf
	B string
}

var (
	pastLength []*Leaf
	pairs      []Pair
	tail       []*Leaf
	bytes      []byte
	nested     [][]*Leaf
	element    *Pair
	large      []Pair
	empty      []*Leaf
)

func main() {
	pastLength = make([]*Leaf, 3, 4)
	for i := range pastLength {
		pastLength[i] = new(Leaf)
	}
	pastLength[:4][3] = new(Leaf)
	pairs = make([]Pair, 3)
	for i := range pairs {
		pairs[i] = Pair{new(Leaf), ready.Text(64)}
	}
	array := make([]*Leaf, 10)
	for i := range array {
		array[i] = new(Leaf)
	}
	tail = array[6:8]
	bytes = make([]byte, 1000)[500:600]
	nested = [][]*Leaf{{new(Leaf)}, {new(Leaf), new(Leaf)}}
	more := make([]Pair, 4)
	for i := range more {
		more[i].A = new(Leaf)
	}
	element = &more[2]
	large = make([]Pair, 100)
	for i := range large {
		large[i].A = new(Leaf)
	}
	empty = make([]*Leaf, 0, 5)
	ready.Wait()
}
