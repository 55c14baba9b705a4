// SPDX-License-Identifier: BSD-2-Clause

//go:build goexperiment.arenas

// Arenas: values in user arenas, which GOEXPERIMENT=arenas has, one of which was freed.
package main

import (
	"arena"
	"os"
	"runtime"
	"time"
)

// Leaf is 32 bytes.
type Leaf struct {
	Numbers [4]int
}

// Node is in an arena, its Leaf in the heap.
type Node struct {
	Next *Node
	Leaf *Leaf
}

var (
	inside  *Node
	several []*Leaf
	kept    *arena.Arena
)

func leaf() *Leaf { return &Leaf{[4]int{1, 2, 3, 4}} }

func fill(a *arena.Arena, count int) (list *Node) {
	for i := 0; i < count; i++ {
		node := arena.New[Node](a)
		node.Next, node.Leaf = list, leaf()
		list = node
	}
	return list
}

func main() {
	freed := arena.NewArena()
	fill(freed, 1000)
	freed.Free()

	kept = arena.NewArena()
	inside = fill(kept, 1000)
	several = arena.MakeSlice[*Leaf](kept, 100, 100)
	for i := range several {
		several[i] = leaf()
	}
	os.Stdout.WriteString("READY\n")
	for {
		time.Sleep(20 * time.Millisecond)
		runtime.GC()
	}
}
