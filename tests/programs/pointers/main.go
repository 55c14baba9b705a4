// SPDX-License-Identifier: BSD-2-Clause

// Pointers: to structs, in arrays, to pointers, into the middle of objects, and back to where they
// come from.
package main

import (
	"os"
	"runtime"
	"sync"
	"time"
)

// Leaf is 32 bytes without pointers.
type Leaf struct {
	Words [4]int64
}

type Embedded struct {
	E *Leaf
}

type Outer struct {
	Inner *Leaf
	Embedded
}

type Deep struct {
	Middle struct {
		Rows [2][3]*Leaf
	}
}

type Node struct {
	Value int
	Next  *Node
}

// Guarded has its lock in it.
type Guarded struct {
	P *Leaf
	N int64
	sync.Mutex
	Q *Leaf
}

// First and Second look alike from their Part.
type First struct {
	P    *Leaf
	Part [4]int32
	N    int64
}

type Second struct {
	Q    *Leaf
	Part [4]int32
	F    float64
}

type Twin struct {
	Left, Right *Twin
}

var (
	single  *Leaf
	outer   *Outer
	value   Outer
	pp      **Leaf
	ppp     ***Leaf
	inArray [12]*Leaf
	deep    Deep
	list    *Node
	ring    *Node
	twins   *Twin
	field   *[2]int64
	lock    *sync.Mutex
	first   *First
	either  *[4]int32
	shared1 *Outer
	shared2 **Leaf
)

func grow(depth int) *Twin {
	if depth == 0 {
		return nil
	}
	return &Twin{grow(depth - 1), grow(depth - 1)}
}

//go:noinline
func setUp() {
	single = new(Leaf)
	outer = &Outer{new(Leaf), Embedded{new(Leaf)}}
	value = Outer{new(Leaf), Embedded{new(Leaf)}}
	p := new(Leaf)
	pp = &p
	q := new(Leaf)
	qq := &q
	ppp = &qq
	for i := range inArray {
		inArray[i] = new(Leaf)
	}
	deep.Middle.Rows[1][2] = new(Leaf)
	for i := 0; i < 1000; i++ {
		list = &Node{i, list}
	}
	ring = &Node{1, &Node{2, nil}}
	ring.Next.Next = ring
	twins = grow(8)
	big := &struct {
		Pad  [5]int64
		Part [2]int64
		P    *Leaf
	}{P: new(Leaf)}
	field = &big.Part
	lock = &(&Guarded{P: new(Leaf), Q: new(Leaf)}).Mutex
	first = &First{P: new(Leaf)}
	either = &(&Second{Q: new(Leaf)}).Part
	shared1 = &Outer{new(Leaf), Embedded{}}
	shared2 = &shared1.Inner
}

func main() {
	setUp()
	runtime.GC()
	runtime.GC()
	os.Stdout.WriteString("READY\n")
	time.Sleep(time.Hour)
}
