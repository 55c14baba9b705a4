// SPDX-License-Identifier: BSD-2-Clause

//go:build go1.18

// What the code of generics has shapes for: variables of generic functions, each for two types of
// one shape. And structs of which only a field is pointed to: one that a generic function is made for
// too, and one that looks like an array of its field.
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

// Node is 16 bytes with two pointers.
type Node struct {
	Left, Right *Leaf
}

// Other is as Node.
type Other struct {
	First, Second *string
}

type Pair[K comparable, V any] struct {
	Key   K
	Value V
}

// Inner stands in Outer.
type Inner struct {
	Name   *Leaf
	Number int
}

type Outer struct {
	Before *Leaf
	Inner
	After *Leaf
}

// Middle repeated is as Triple.
type Middle struct {
	Name *Leaf
}

type Triple struct {
	First *Leaf
	Middle
	Last *Leaf
}

var (
	inner   *Inner
	middle  *Middle
	sink    interface{}
	waiting int32
	release = make(chan struct{})
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
func node() *Node {
	return &Node{leaf(), leaf()}
}

//go:noinline
func other() *Other {
	first, second := text(48), text(80)
	return &Other{&first, &second}
}

//go:noinline
func wait() {
	atomic.AddInt32(&waiting, 1)
	<-release
}

//go:noinline
func escape(value interface{}) {
	sink = value
	sink = nil
}

//go:noinline
func inMap[K comparable, V any](key K, value func() V) {
	local := map[K]V{key: value()}
	escape(local)
	wait()
	runtime.KeepAlive(local)
}

//go:noinline
func inSlice[V any](value func() V) {
	local := []V{value()}
	escape(local)
	wait()
	runtime.KeepAlive(local)
}

//go:noinline
func inChan[V any](value func() V) {
	local := make(chan V, 3)
	local <- value()
	escape(local)
	wait()
	runtime.KeepAlive(local)
}

//go:noinline
func inPointer[K comparable, V any](key K, value func() V) {
	local := &Pair[K, V]{key, value()}
	escape(local)
	wait()
	runtime.KeepAlive(local)
}

//go:noinline
func inStruct[K comparable, V any](key K, value func() V) {
	local := Pair[K, V]{key, value()}
	wait()
	runtime.KeepAlive(local)
}

// passed gets its dictionary from code that names it, and keeps it nowhere.
//
//go:noinline
func passed[K comparable, V any](key K, value func() V) {
	local := Pair[K, V]{key, value()}
	wait()
	runtime.KeepAlive(local)
}

//go:noinline
func passNode() {
	passed(1, node)
}

//go:noinline
func passOther() {
	passed(1, other)
}

//go:noinline
func moved[V any](value func() V) {
	local := value()
	escape(&local)
	wait()
	runtime.KeepAlive(&local)
}

//go:noinline
func movedPair[K comparable, V any](key K, value func() V) {
	local := Pair[K, V]{key, value()}
	escape(&local)
	wait()
	runtime.KeepAlive(&local)
}

//go:noinline
func movedMap[K comparable, V any](key K, value func() V) {
	local := map[K]V{key: value()}
	escape(&local)
	wait()
	runtime.KeepAlive(&local)
}

//go:noinline
func run(function func()) {
	wait()
	function()
}

//go:noinline
func byValue[K comparable, V any](key K, value func() V) {
	local := map[K]V{key: value()}
	function := func() { runtime.KeepAlive(local) }
	escape(function)
	run(function)
}

//go:noinline
func byReference[K comparable, V any](key K, value func() V) {
	local := Pair[K, V]{key, value()}
	function := func() {
		runtime.KeepAlive(local.Value)
		local = Pair[K, V]{}
	}
	escape(function)
	run(function)
}

//go:noinline
func (pair *Pair[K, V]) method(value func() V) {
	local := []Pair[K, V]{{pair.Key, value()}}
	escape(local)
	wait()
	runtime.KeepAlive(local)
}

//go:noinline
func spawn[K comparable, V any](key K, value func() V) {
	go func() {
		local := Pair[K, V]{key, value()}
		escape(&local)
		wait()
		runtime.KeepAlive(&local)
	}()
}

// alone is made for one type only.
//
//go:noinline
func alone[K comparable, V any](key K, value func() V) {
	local := Pair[K, V]{key, value()}
	function := func() {
		runtime.KeepAlive(local.Key)
		local.Key = key
	}
	wait()
	function()
	runtime.KeepAlive(&local)
}

//go:noinline
func copied[T any](value T) *T {
	local := value
	return &local
}

func start[V any](value func() V) {
	go inMap(1, value)
	go inSlice(value)
	go inChan(value)
	go inPointer(1, value)
	go inStruct(1, value)
	go moved(value)
	go movedPair(1, value)
	go movedMap(1, value)
	go byValue(1, value)
	go byReference(1, value)
	go (&Pair[int, V]{}).method(value)
	spawn(1, value)
}

//go:noinline
func setUp() {
	outer := &Outer{leaf(), Inner{leaf(), 1}, leaf()}
	inner = &outer.Inner
	escape(copied(Outer{}))
	triple := &Triple{leaf(), Middle{leaf()}, leaf()}
	middle = &triple.Middle
	start(node)
	start(other)
	go alone(1, node)
	go passNode()
	go passOther()
	for atomic.LoadInt32(&waiting) < 27 {
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
