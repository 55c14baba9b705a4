// SPDX-License-Identifier: BSD-2-Clause

// Structures that come back to themselves: their chains are folded; and objects that several
// chains lead to, which stand on the shortest one.
package main

import (
	"container/list"
	"os"
	"runtime"
	"time"
)

// Leaf is 24 bytes without pointers.
type Leaf struct {
	Numbers [3]int
}

// Node is 16 bytes.
type Node struct {
	Next *Node
	Leaf *Leaf
}

// Tree is 24 bytes.
type Tree struct {
	Left, Right *Tree
	Leaf        *Leaf
}

// Left and Right are 16 bytes.
type Left struct {
	Right *Right
	Leaf  *Leaf
}

type Right struct {
	Left *Left
	Leaf *Leaf
}

type Holder struct {
	Deep   *Node
	Shared *Leaf
}

var (
	chain     *Node
	cycle     *Node
	tree      *Tree
	mutual    *Left
	elements  *list.List
	farHolder **Holder
	near      *Leaf
	anyCycle  interface{}
)

//go:noinline
func leaf() *Leaf {
	return &Leaf{Numbers: [3]int{1, 2, 3}}
}

//go:noinline
func nodes(count int) *Node {
	var first *Node
	for i := 0; i < count; i++ {
		first = &Node{Next: first, Leaf: leaf()}
	}
	return first
}

//go:noinline
func trees(depth int) *Tree {
	if depth == 0 {
		return nil
	}
	return &Tree{Left: trees(depth - 1), Right: trees(depth - 1), Leaf: leaf()}
}

//go:noinline
func lefts(count int) *Left {
	var first *Left
	for i := 0; i < count; i++ {
		first = &Left{Right: &Right{Left: first, Leaf: leaf()}, Leaf: leaf()}
	}
	return first
}

//go:noinline
func anys(count int) interface{} {
	var first interface{}
	for i := 0; i < count; i++ {
		first = &struct{ Inner interface{} }{first}
	}
	return first
}

//go:noinline
func setUp() {
	chain = nodes(1000)
	cycle = nodes(10)
	last := cycle
	for last.Next != nil {
		last = last.Next
	}
	last.Next = cycle
	tree = trees(8)
	mutual = lefts(50)
	elements = list.New()
	for i := 0; i < 20; i++ {
		elements.PushBack(leaf())
	}
	near = leaf()
	holder := &Holder{Deep: nodes(3), Shared: near}
	farHolder = &holder
	anyCycle = anys(30)
}

func main() {
	setUp()
	runtime.GC()
	runtime.GC()
	os.Stdout.WriteString("READY\n")
	time.Sleep(time.Hour)
}
