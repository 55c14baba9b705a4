// SPDX-License-Identifier: BSD-2-Clause

// Objects that one look at their contents takes for what they are not.
package main

import (
	"os"
	"runtime"
	"time"
	"unsafe"
)

// Leaf is 24 bytes without pointers; so is Twin.
type Leaf struct{ Numbers [3]int }

type Twin struct{ Numbers [3]uint }

// Hooks looks like a variable of a function's type.
type Hooks struct{ called func(*Leaf) }

// Config is made by code, what hangs from it by reflection at most.
type Config struct {
	count  int
	hooks  *Hooks
	byName map[string]*Twin
}

var (
	handler unsafe.Pointer // a *func(string, string)
	leaves  map[string]*Leaf
	first   = Leaf{Numbers: [3]int{1, 2, 3}}
	second  = Leaf{Numbers: [3]int{4, 5, 6}}
	config  interface{}
)

//go:noinline
func store(where *unsafe.Pointer, what func(string, string)) {
	*where = unsafe.Pointer(&what)
}

//go:noinline
func handle(left, right string) { println(left, right) }

//go:noinline
func setMap(name string, leaf, other *Leaf) {
	m := make(map[string]*Leaf)
	m[name], m["other"] = leaf, other
	*(*map[string]*Leaf)(hide(unsafe.Pointer(&leaves))) = m
}

//go:noinline
func hide(pointer unsafe.Pointer) unsafe.Pointer { return pointer }

func main() {
	config = &Config{count: 3}
	store(&handler, handle)
	setMap("name", &first, &second)
	runtime.GC()
	runtime.GC()
	os.Stdout.WriteString("READY\n")
	time.Sleep(time.Hour)
	println(len(*(*map[string]*Leaf)(hide(unsafe.Pointer(&leaves)))), handler)
}
