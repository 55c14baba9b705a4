// SPDX-License-Identifier: BSD-2-Clause

// Maps of every size and shape.
package main

import (
	"strconv"

	"programs/ready"
)

type Leaf = ready.Leaf

type BigKey [130]byte

type BigValue struct {
	Pad [150]byte
	P   *Leaf
}

type Value struct {
	A, B *Leaf
}

var (
	small    map[string]*Leaf
	table    map[int]*Leaf
	tables   map[int]*Leaf
	bigKeys  map[BigKey]*Leaf
	bigVals  map[int]BigValue
	structs  map[string]Value
	deleted  map[int]*Leaf
	growing  map[int]*Leaf
	pointers map[*Leaf]*Leaf
	any1     map[any]any
	sets     map[string]struct{}
	nested   map[string]map[string]*Leaf
)

func fill(n int) map[int]*Leaf {
	m := map[int]*Leaf{}
	for i := 0; i < n; i++ {
		m[i] = new(Leaf)
	}
	return m
}

func key(i int) string {
	return ready.Text(61)[:30] + strconv.Itoa(1000+i) + ready.Text(30)
}

func main() {
	small = map[string]*Leaf{key(1): new(Leaf), key(2): new(Leaf), key(3): new(Leaf)}
	table = fill(100)
	tables = fill(5000)
	bigKeys = map[BigKey]*Leaf{{1}: new(Leaf), {2}: new(Leaf)}
	bigVals = map[int]BigValue{1: {P: new(Leaf)}, 2: {P: new(Leaf)}}
	structs = map[string]Value{key(1): {new(Leaf), new(Leaf)}}
	deleted = fill(1000)
	for i := 0; i < 990; i++ {
		delete(deleted, i)
	}
	growing = fill(1665)
	pointers = map[*Leaf]*Leaf{new(Leaf): new(Leaf)}
	any1 = map[any]any{key(5): &Value{new(Leaf), nil}}
	sets = map[string]struct{}{}
	for i := 0; i < 20; i++ {
		sets[key(i)] = struct{}{}
	}
	nested = map[string]map[string]*Leaf{"x": {key(6): new(Leaf)}}
	ready.Wait()
}
