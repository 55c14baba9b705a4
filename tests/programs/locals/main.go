// SPDX-License-Identifier: BSD-2-Clause

// What goroutines hold in their frames.
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

type Pair struct {
	Left, Right *Leaf
}

var (
	waiting int32
	release = make(chan struct{})
	index   int
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
func named(length int) *Named {
	return &Named{Name: text(length), Leaf: leaf()}
}

//go:noinline
func wait() {
	atomic.AddInt32(&waiting, 1)
	<-release
}

//go:noinline
func holdPointer() {
	held := named(16)
	wait()
	runtime.KeepAlive(held)
}

//go:noinline
func holdArgument(held *Named) {
	wait()
	runtime.KeepAlive(held)
}

//go:noinline
func holdString() {
	held := text(64)
	wait()
	os.Stdout.WriteString(held)
}

//go:noinline
func holdSlice(count int) {
	held := make([]*Leaf, count)
	for i := range held {
		held[i] = leaf()
	}
	wait()
	for _, one := range held {
		runtime.KeepAlive(one)
	}
}

//go:noinline
func use(interface{}) {}

//go:noinline
func holdInterface(held interface{}) {
	wait()
	use(held)
}

//go:noinline
func makeMap() map[string]*Leaf {
	return map[string]*Leaf{text(32): leaf()}
}

//go:noinline
func holdMap() {
	held := makeMap()
	wait()
	runtime.KeepAlive(held)
}

//go:noinline
func holdChannel() {
	held := make(chan *Leaf, 4)
	held <- leaf()
	wait()
	runtime.KeepAlive(held)
}

//go:noinline
func holdFunction(held func() int) {
	wait()
	held()
}

//go:noinline
func makeFunction(captured *Leaf) func() int {
	return func() int { return captured.Numbers[0] }
}

//go:noinline
func holdArray() {
	held := [4]*Leaf{leaf(), nil, leaf(), leaf()}
	wait()
	runtime.KeepAlive(held[index])
}

//go:noinline
func holdStruct() {
	held := Pair{leaf(), leaf()}
	wait()
	runtime.KeepAlive(held.Left)
	runtime.KeepAlive(held.Right)
}

//go:noinline
func escape(pointer **Named) { *pointer = named(96) }

// Called through a variable, for all that the compiler knows it keeps what it gets.
var keep = func(run func()) func() { return run }

//go:noinline
func holdEscaped() {
	held := named(80)
	set := keep(func() { held = nil })
	wait()
	set()
	runtime.KeepAlive(held)
}

//go:noinline
func holdOnStack() {
	var held *Named
	escape(&held)
	wait()
	runtime.KeepAlive(held)
}

//go:noinline
func holdInner(inner *Leaf) {
	wait()
	runtime.KeepAlive(inner)
}

//go:noinline
func holdOuter() {
	outer := leaf()
	holdInner(leaf())
	runtime.KeepAlive(outer)
}

func inlined(held *Leaf) {
	wait()
	runtime.KeepAlive(held)
}

//go:noinline
func holdInlined() {
	inlined(leaf())
}

//go:noinline
func worker(task *Named) {
	wait()
	runtime.KeepAlive(task)
}

//go:noinline
func holdDead() {
	dead := named(1024)
	runtime.KeepAlive(dead)
	wait()
}

//go:noinline
func start() {
	go holdPointer()
	go holdArgument(named(32))
	go holdString()
	go holdSlice(6)
	go holdInterface(named(48))
	go holdMap()
	go holdChannel()
	go holdFunction(makeFunction(leaf()))
	go holdArray()
	go holdStruct()
	go holdEscaped()
	go holdOnStack()
	go holdOuter()
	go holdInlined()
	go holdDead()
	for i := 0; i < 100; i++ {
		go worker(named(112))
	}
	for atomic.LoadInt32(&waiting) < 115 {
		time.Sleep(time.Millisecond)
	}
	time.Sleep(50 * time.Millisecond)
}

func main() {
	start()
	mine := named(128)
	runtime.GC()
	runtime.GC()
	os.Stdout.WriteString("READY\n")
	time.Sleep(time.Hour)
	runtime.KeepAlive(mine)
}
