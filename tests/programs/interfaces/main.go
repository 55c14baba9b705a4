// SPDX-License-Identifier: BSD-2-Clause

// Interfaces with and without methods, holding pointers (direct) and values (boxed), maps,
// channels, functions, other structs of pointer shape, and each other.
package main

import (
	"os"
	"runtime"
	"time"
)

// Leaf is 24 bytes without pointers.
type Leaf struct {
	Numbers [3]int
}

// Named is 24 bytes.
type Named struct {
	Name string
	Leaf *Leaf
}

func (named *Named) Get() string { return named.Name }

// Boxed is 32 bytes; its methods are the value's.
type Boxed struct {
	Name   string
	Leaf   *Leaf
	Number int
}

func (boxed Boxed) Get() string { return boxed.Name }

type Getter interface{ Get() string }

// Holder has the shape of a pointer.
type Holder struct{ Named *Named }

type Node struct {
	Any    interface{}
	Getter Getter
}

var (
	direct       interface{}
	boxed        interface{}
	boxedString  interface{}
	boxedSlice   interface{}
	boxedArray   interface{}
	aMap         interface{}
	aChannel     interface{}
	aFunction    interface{}
	pointerShape interface{}
	methods      Getter
	boxedMethods Getter
	list         []interface{}
	node         *Node
	pointerToAny *interface{}
	toString     interface{}
	toPointer    interface{}
)

//go:noinline
func text(length int) string {
	bytes := make([]byte, length)
	for i := range bytes {
		bytes[i] = 'x'
	}
	return string(bytes)
}

//go:noinline
func leaf() *Leaf {
	return &Leaf{Numbers: [3]int{1, 2, 3}}
}

//go:noinline
func named() *Named {
	return &Named{Name: text(32), Leaf: leaf()}
}

//go:noinline
func function(held *Named) func() string {
	return func() string { return held.Name }
}

//go:noinline
func setUp() {
	direct = named()
	boxed = Boxed{Name: text(32), Leaf: leaf()}
	boxedString = text(48)
	boxedSlice = []*Leaf{leaf(), leaf()}
	boxedArray = [2]*Leaf{leaf(), leaf()}
	aMap = map[string]*Leaf{text(16): leaf()}
	channel := make(chan *Leaf, 2)
	channel <- leaf()
	aChannel = channel
	aFunction = function(named())
	pointerShape = Holder{named()}
	methods = named()
	boxedMethods = Boxed{Name: text(64), Leaf: leaf()}
	list = []interface{}{named(), text(32), Boxed{Leaf: leaf()}, nil}
	node = &Node{Any: &Node{Any: leaf(), Getter: named()}, Getter: Boxed{Leaf: leaf()}}
	inner := interface{}(named())
	pointerToAny = &inner
	moved := text(80)
	toString = &moved
	second := leaf()
	toPointer = &second
}

func main() {
	setUp()
	runtime.GC()
	runtime.GC()
	os.Stdout.WriteString("READY\n")
	time.Sleep(time.Hour)
}
