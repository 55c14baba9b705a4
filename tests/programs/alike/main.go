// SPDX-License-Identifier: BSD-2-Clause

// Two types that look the same in memory: only the code that makes them tells which is which.
package main

import (
	"os"
	"reflect"
	"runtime"
	"time"
	"unsafe"
)

// Leaf is 24 bytes without pointers.
type Leaf struct {
	Numbers [3]int
}

// First and Second are 16 bytes.
type First struct {
	Next *First
	Leaf *Leaf
}

type Second struct {
	Next *Second
	Leaf *Leaf
}

var (
	first    *First
	second   *Second
	returned *Second
	list     []*Second
	raw      unsafe.Pointer
	either   unsafe.Pointer
	joined   unsafe.Pointer
	within   **Leaf
	element  *Second
	firsts   map[string]*First
	mapped   map[string]*Second
	boxed    interface{}
)

// State is written to by its methods.
type State struct {
	count int
	kept  unsafe.Pointer
}

// Wide is written to by its methods far behind its beginning.
type Wide struct {
	count   int
	padding [200]unsafe.Pointer
	kept    unsafe.Pointer
}

// Variables whose address goes elsewhere. They are large, so that they stand behind the others: of
// what stands behind an address that goes elsewhere, nothing is said.
var (
	given   [40]unsafe.Pointer
	swapped [50]unsafe.Pointer
	table   [60]unsafe.Pointer
	state   struct {
		State
		padding [80]unsafe.Pointer
	}
	wide [2]Wide
	long [900]unsafe.Pointer
)

// Made is made by code, Decoded by reflection alone.
type Made struct {
	First   *Leaf
	Numbers [3]int
	Last    *Leaf
}

type Decoded struct {
	Left   *Leaf
	Counts [3]int
	Right  *Leaf
}

var (
	made    *Made
	decoded [90]*Decoded
)

// Fills in the pointer that `into` points to.
//
//go:noinline
func decode(into interface{}) {
	pointer := reflect.ValueOf(into).Elem()
	pointer.Set(reflect.New(pointer.Type().Elem()))
	pointer.Elem().Field(0).Set(reflect.ValueOf(leaf()))
}

//go:noinline
func setByReflection() {
	made = &Made{First: leaf()}
	decode(&decoded[0])
}

//go:noinline
func (state *State) keep() {
	state.count++
	state.kept = unsafe.Pointer(&Second{Leaf: leaf()})
}

//go:noinline
func (wide *Wide) keep() {
	wide.count++
	wide.kept = unsafe.Pointer(&Second{Leaf: leaf()})
}

//go:noinline
func putFar(at int) {
	long[at] = unsafe.Pointer(&Second{Leaf: leaf()})
}

//go:noinline
func put(at int) {
	table[at] = unsafe.Pointer(&Second{Leaf: leaf()})
}

//go:noinline
func leaf() *Leaf {
	return &Leaf{Numbers: [3]int{1, 2, 3}}
}

//go:noinline
func seconds(count int) *Second {
	var first *Second
	for i := 0; i < count; i++ {
		first = &Second{Next: first, Leaf: leaf()}
	}
	return first
}

//go:noinline
func choose(which bool) unsafe.Pointer {
	if which {
		return unsafe.Pointer(&First{Leaf: leaf()})
	}
	return unsafe.Pointer(&Second{Leaf: leaf()})
}

//go:noinline
func give(where *unsafe.Pointer) {
	*where = unsafe.Pointer(&Second{Leaf: leaf()})
}

//go:noinline
func setFirst() {
	either = unsafe.Pointer(&First{Leaf: leaf()})
	given[0] = unsafe.Pointer(&First{Leaf: leaf()})
	swapped[0] = unsafe.Pointer(&First{Leaf: leaf()})
	table[1] = unsafe.Pointer(&First{Leaf: leaf()})
	state.kept = unsafe.Pointer(&First{Leaf: leaf()})
	wide[0].kept = unsafe.Pointer(&First{Leaf: leaf()})
	long[800] = unsafe.Pointer(&First{Leaf: leaf()})
}

//go:noinline
func setSecond(count int) {
	either = unsafe.Pointer(&Second{Leaf: leaf()})
	give(&given[0])
	put(count - 3)
	state.keep()
	wide[0].keep()
	putFar(count + 796)
	*(**Second)(unsafe.Pointer(&swapped[0])) = seconds(count)
}

//go:noinline
func setUp(count int) {
	first = &First{Leaf: leaf()}
	second = &Second{Leaf: leaf()}
	returned = seconds(count)
	list = make([]*Second, count)
	for i := range list {
		list[i] = &Second{Leaf: leaf()}
	}
	raw = unsafe.Pointer(&First{Leaf: leaf()})
	joined = choose(count > 100)
	setFirst()
	setSecond(count)
}

//go:noinline
func setInside(count int) {
	within = &(&Second{Leaf: leaf()}).Leaf
	array := make([]Second, count)
	for i := range array {
		array[i].Leaf = leaf()
	}
	element = &array[1]
}

//go:noinline
func setMaps(name string) {
	firsts = map[string]*First{}
	mapped = map[string]*Second{}
	firsts[name] = &First{Leaf: leaf()}
	mapped[name] = &Second{Leaf: leaf()}
	boxed = map[string]*First{name: {Leaf: leaf()}}
}

//go:noinline
func look() bool {
	seconds, ok := boxed.(map[string]*Second)
	return ok && seconds[""] != nil
}

// An array in a frame, which an index chooses the elements of.
//
//go:noinline
func keepArray(ready chan<- bool) {
	array := make([]*Second, 50)
	for i := range array {
		array[i] = &Second{}
	}
	ready <- true
	time.Sleep(time.Hour)
	runtime.KeepAlive(array)
}

//go:noinline
func fill(array []unsafe.Pointer) {
	for i := range array {
		array[i] = unsafe.Pointer(&First{})
	}
}

// One that another function writes to.
//
//go:noinline
func keepFilled(ready chan<- bool) {
	array := make([]unsafe.Pointer, 6)
	for i := range array {
		array[i] = unsafe.Pointer(&Second{})
	}
	fill(array)
	ready <- true
	time.Sleep(time.Hour)
	runtime.KeepAlive(array)
}

func main() {
	setUp(4)
	setInside(4)
	setMaps("name")
	setGeneric(4)
	setByReflection()
	ready := make(chan bool)
	go keepArray(ready)
	<-ready
	go keepFilled(ready)
	<-ready
	if look() {
		return
	}
	held := seconds(3)
	runtime.GC()
	runtime.GC()
	os.Stdout.WriteString("READY\n")
	time.Sleep(time.Hour)
	println(held)
}
