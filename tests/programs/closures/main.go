// SPDX-License-Identifier: BSD-2-Clause

// Functions as values: closures that capture by value and by reference, method values, function
// values in structs and slices, and defers that have not run yet.
package main

import (
	"os"
	"runtime"
	"sync/atomic"
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

//go:noinline
func (named *Named) Get() int { return named.Leaf.Numbers[0] }

// Point is 16 bytes; its methods are the value's.
type Point struct {
	Leaf *Leaf
	X    int
}

//go:noinline
func (point Point) Area() int { return point.X + point.Leaf.Numbers[0] }

type Getter interface{ Get() int }

type Handler struct {
	Name string
	Run  func() int
}

var (
	plain          func() int
	byValue        func() int
	byReference    func() *Leaf
	mixed          func(int) int
	ofString       func() string
	ofStruct       func() int
	nested         func() int
	methodValue    func() int
	valueMethod    func() int
	interfaceValue func() int
	handler        *Handler
	handlers       []func() int
	pointer        *func() int
	release        = make(chan struct{})
	waiting        int32
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
func captureByValue(held *Leaf, number int) func() int {
	return func() int { return held.Numbers[0] + number }
}

//go:noinline
func captureByReference() func() *Leaf {
	var held *Leaf
	get := func() *Leaf { return held }
	held = leaf()
	return get
}

//go:noinline
func captureMixed(first *Leaf, number int, last *Named) func(int) int {
	return func(added int) int {
		number += added
		return number + first.Numbers[0] + last.Get()
	}
}

//go:noinline
func captureString(held string) func() string {
	return func() string { return held }
}

//go:noinline
func captureStruct(held Named) func() int {
	return func() int { return len(held.Name) + held.Leaf.Numbers[0] }
}

//go:noinline
func captureFunction(run func() int) func() int {
	return func() int { return run() + 1 }
}

//go:noinline
func getterOf(getter Getter) func() int {
	return getter.Get
}

//go:noinline
func wait() {
	atomic.AddInt32(&waiting, 1)
	<-release
}

//go:noinline
func deferInLoop(count int) {
	for i := 0; i < count; i++ {
		held := leaf()
		defer func() { runtime.KeepAlive(held) }()
	}
	wait()
}

//go:noinline
func deferOpen() {
	held := leaf()
	defer func() { runtime.KeepAlive(held) }()
	wait()
}

//go:noinline
func deferMethod() {
	held := named()
	defer held.Get()
	wait()
}

//go:noinline
func setUp() {
	plain = func() int { return 1 }
	byValue = captureByValue(leaf(), 7)
	byReference = captureByReference()
	mixed = captureMixed(leaf(), 7, named())
	ofString = captureString(text(48))
	ofStruct = captureStruct(Named{Name: text(64), Leaf: leaf()})
	nested = captureFunction(captureByValue(leaf(), 7))
	methodValue = named().Get
	valueMethod = Point{Leaf: leaf()}.Area
	interfaceValue = getterOf(named())
	handler = &Handler{Name: text(16), Run: captureByValue(leaf(), 7)}
	handlers = []func() int{captureByValue(leaf(), 7), plain, captureByValue(leaf(), 7)}
	moved := captureByValue(leaf(), 7)
	pointer = &moved
	go deferInLoop(3)
	go deferOpen()
	go deferMethod()
	for atomic.LoadInt32(&waiting) < 3 {
		time.Sleep(time.Millisecond)
	}
	time.Sleep(20 * time.Millisecond)
}

func main() {
	setUp()
	runtime.GC()
	runtime.GC()
	os.Stdout.WriteString("READY\n")
	time.Sleep(time.Hour)
}
