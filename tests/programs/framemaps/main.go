// SPDX-License-Identifier: BSD-2-Clause

// Maps that stand in a frame: what the frame has of them are words without a name, and their buckets
// are objects by themselves.
package main

import (
	"os"
	"runtime"
	"strconv"
	"time"
)

// Leaf is 24 bytes without pointers.
type Leaf struct {
	Numbers [3]int
}

// Node and Twin look the same.
type Node struct {
	Next *Node
	Leaf *Leaf
}

type Twin struct {
	Next *Twin
	Leaf *Leaf
}

//go:noinline
func name(number int) string {
	return strconv.Itoa(1000+number) + " is the name of one of the nodes"
}

//go:noinline
func keepGrown(ready chan<- bool) {
	m := make(map[string]*Node)
	for i := 0; i < 100; i++ {
		m[name(i)] = &Node{Leaf: &Leaf{}}
	}
	ready <- true
	time.Sleep(time.Hour)
	println(len(m), m["x"])
}

//go:noinline
func keepSized(ready chan<- bool) {
	m := make(map[int]*Node, 100)
	for i := 0; i < 100; i++ {
		m[i] = &Node{Leaf: &Leaf{}}
	}
	ready <- true
	time.Sleep(time.Hour)
	println(len(m), m[1])
}

//go:noinline
func fill(m map[string]*Node) {
	for i := 0; i < 100; i++ {
		m[name(i)] = &Node{Leaf: &Leaf{}}
	}
}

//go:noinline
func keepFilled(ready chan<- bool) {
	m := make(map[string]*Node)
	fill(m)
	ready <- true
	time.Sleep(time.Hour)
	println(len(m), m["x"])
}

//go:noinline
func made() map[string]*Node {
	m := make(map[string]*Node)
	for i := 0; i < 100; i++ {
		m[name(i)] = &Node{Leaf: &Leaf{}}
	}
	return m
}

//go:noinline
func keepMade(ready chan<- bool) {
	m := made()
	ready <- true
	time.Sleep(time.Hour)
	println(len(m), m["x"])
}

//go:noinline
func keepParam(m map[string]*Node, ready chan<- bool) {
	ready <- true
	time.Sleep(time.Hour)
	println(len(m), m["x"])
}

//go:noinline
func keepNodes(ready chan<- bool) {
	m := make(map[int32]*Node)
	for i := int32(0); i < 100; i++ {
		m[i] = &Node{Leaf: &Leaf{}}
	}
	ready <- true
	time.Sleep(time.Hour)
	println(len(m), m[1])
}

//go:noinline
func keepTwins(ready chan<- bool) {
	m := make(map[int32]*Twin)
	for i := int32(0); i < 100; i++ {
		m[i] = &Twin{Leaf: &Leaf{}}
	}
	ready <- true
	time.Sleep(time.Hour)
	println(len(m), m[1])
}

func main() {
	ready := make(chan bool)
	for _, keep := range []func(chan<- bool){
		keepGrown, keepSized, keepFilled, keepMade, keepNodes, keepTwins,
	} {
		go keep(ready)
		<-ready
	}
	go keepParam(made(), ready)
	<-ready
	runtime.GC()
	runtime.GC()
	os.Stdout.WriteString("READY\n")
	time.Sleep(time.Hour)
}
