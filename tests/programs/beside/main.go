// SPDX-License-Identifier: BSD-2-Clause

// Beside: a frame keeps the type word of an interface that is gone beside a pointer to something
// else. Read together, the pointer would seem to lead to what the type word says.
package main

import (
	"os"
	"time"
)

type Leaf struct {
	N   *int
	Pad [8]int
	S   string
}

type Doer interface{ Do() int }

type Large struct {
	L    *Leaf
	More [10]*Leaf
}

func (large *Large) Do() int { return *large.L.N }

type Node struct {
	Next  *Node
	Value Doer
}

var (
	block = make(chan int)
	ready = make(chan bool)
	sink  interface{}
)

//go:noinline
func list(create func(int) Doer) {
	var head *Node
	for i := 0; i < 1000; i++ {
		head = &Node{head, create(i)}
	}
	ready <- true
	<-block
	sink = head
}

func main() {
	create := func(i int) Doer { x := i; return &Large{L: &Leaf{N: &x}} }
	go list(create)
	<-ready
	time.Sleep(50 * time.Millisecond)
	os.Stdout.WriteString("READY\n")
	time.Sleep(time.Hour)
}
