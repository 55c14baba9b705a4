// SPDX-License-Identifier: BSD-2-Clause

// Objects that one look at their contents takes for what they are not.
package main

import (
	"os"
	"reflect"
	"runtime"
	"sync/atomic"
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

// Made is made by reflection alone, Look by code: a lone one and an array.
type Made struct {
	leaf  *Leaf
	text  string
	count int
}

type Look struct {
	leaf  *Leaf
	text  string
	count int
}

var (
	look  *Look
	looks []Look
)

//go:noinline
func makeLooks(count int) {
	look = &Look{count: count}
	looks = make([]Look, count)
}

//go:noinline
func keepMade(ready chan<- bool) {
	value := reflect.New(reflect.TypeOf(Made{}))
	value.Elem().Field(0)
	ready <- true
	time.Sleep(time.Hour)
	runtime.KeepAlive(value)
}

// A reflect.Value of a pointer that leads to where the pointer is.
var field reflect.Value

//go:noinline
func setField() {
	field = reflect.ValueOf(&Published{count: 3}).Elem().Field(0)
}

//go:noinline
func keepElement(ready chan<- bool) {
	value := reflect.MakeSlice(reflect.TypeOf([]Made{}), 3, 3).Index(1)
	ready <- true
	time.Sleep(time.Hour)
	runtime.KeepAlive(value)
}

// Published is held by an unsafe.Pointer, Lookout by nobody.
type Published struct {
	leaf  *Leaf
	count int
	other *Leaf
}

type Lookout struct {
	leaf  *Leaf
	count int
	other *Leaf
}

var lookout **Lookout

//go:noinline
func publish(where *unsafe.Pointer) {
	if len(os.Args) > 9 {
		config = where
	}
	atomic.StorePointer(where, unsafe.Pointer(&Published{leaf: &Leaf{}, count: 3}))
}

//go:noinline
func keepPublished(ready chan<- bool) {
	var published unsafe.Pointer
	publish(&published)
	ready <- true
	time.Sleep(time.Hour)
	runtime.KeepAlive(published)
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
	setField()
	makeLooks(3)
	lookout = new(*Lookout)
	*lookout = &Lookout{count: 3}
	lookout = nil
	look, looks = nil, nil
	ready := make(chan bool)
	for i := 0; i < 3; i++ {
		go keepMade(ready)
		<-ready
		go keepElement(ready)
		<-ready
		go keepPublished(ready)
		<-ready
	}
	runtime.GC()
	runtime.GC()
	os.Stdout.WriteString("READY\n")
	time.Sleep(time.Hour)
	println(len(*(*map[string]*Leaf)(hide(unsafe.Pointer(&leaves)))), handler)
}
