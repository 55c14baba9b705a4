// SPDX-License-Identifier: BSD-2-Clause

// Pointers into the middle of objects to whose beginning nothing points: to an element of an array,
// to a field, to a field of an element. For each there is another type that looks the same.
package main

import (
	"os"
	"runtime"
	"time"
	"unsafe"
)

// Leaf is 24 bytes without pointers.
type Leaf struct {
	Numbers [3]int
}

// Item and Other are 16 bytes.
type Item struct {
	Next *Item
	Leaf *Leaf
}

type Other struct {
	Next *Other
	Leaf *Leaf
}

// Pair looks like two Items, and so does Twin.
type Pair struct {
	Left, Right Item
}

type Twin struct {
	Left, Right Item
}

// Leaves looks like four Items.
type Leaves struct {
	Leaves [8]*Leaf
}

// Around has an array of Items in its middle, with words before and behind it that are none.
type Around struct {
	First *Leaf
	Name  *Text
	Items [2]Item
	Last  *Leaf
	Count int
}

// Full is nothing but pointers, as four Items are.
type Full struct {
	First, Second *Text
	Items         [3]Item
}

// Large is more than 512 bytes, so that the runtime stores its type from Go 1.22 on.
type Large struct {
	First *Text
	Count int
	Items [40]Item
	Last  *Text
}

// Text is 32 bytes.
type Text struct {
	Leaf  *Leaf
	Bytes [24]byte
}

var (
	element *Item
	half    *Item
	right   *Item
	field   **Leaf
	view    []Item
	full    []Item
	large   []Item
	raw     unsafe.Pointer
	kept    [8]interface{}
)

//go:noinline
func leaf() *Leaf {
	return &Leaf{Numbers: [3]int{1, 2, 3}}
}

//go:noinline
func items(count int) []Item {
	array := make([]Item, count)
	for i := range array {
		array[i].Leaf = leaf()
		array[i].Next = &Item{Leaf: leaf()}
	}
	return array
}

//go:noinline
func pair() *Pair {
	made := new(Pair)
	made.Left = Item{&Item{Leaf: leaf()}, leaf()}
	made.Right = Item{&Item{Leaf: leaf()}, leaf()}
	return made
}

//go:noinline
func around() *Around {
	made := new(Around)
	made.First, made.Last = leaf(), leaf()
	made.Name = &Text{Leaf: leaf()}
	made.Items[0] = Item{&Item{Leaf: leaf()}, leaf()}
	made.Items[1] = Item{&Item{Leaf: leaf()}, leaf()}
	return made
}

//go:noinline
func makeFull() *Full {
	made := new(Full)
	made.First, made.Second = &Text{Leaf: leaf()}, &Text{Leaf: leaf()}
	for i := range made.Items {
		made.Items[i] = Item{&Item{Leaf: leaf()}, leaf()}
	}
	return made
}

//go:noinline
func makeLarge() *Large {
	made := new(Large)
	made.First, made.Last = &Text{Leaf: leaf()}, &Text{Leaf: leaf()}
	for i := range made.Items {
		made.Items[i] = Item{&Item{Leaf: leaf()}, leaf()}
	}
	return made
}

// What else looks like the objects, and is made by the code.
//
//go:noinline
func setAlike() {
	kept[0] = &Other{Leaf: leaf()}
	kept[1] = &Twin{Right: Item{Leaf: leaf()}}
	kept[2] = &Leaves{}
}

//go:noinline
func setInside() {
	element = &items(4)[1]
	half = &items(2)[1]
	right = &pair().Right
	field = &items(4)[1].Leaf
	view = around().Items[:]
	full = makeFull().Items[:]
	large = makeLarge().Items[:]
	raw = unsafe.Pointer(&Item{&Item{Leaf: leaf()}, leaf()})
}

//go:noinline
func keepHalf(ready chan<- bool) {
	local := &items(2)[1]
	ready <- true
	time.Sleep(time.Hour)
	runtime.KeepAlive(local)
}

//go:noinline
func keepRight(ready chan<- bool) {
	local := &pair().Right
	ready <- true
	time.Sleep(time.Hour)
	runtime.KeepAlive(local)
}

//go:noinline
func keepField(ready chan<- bool) {
	local := &items(4)[1].Leaf
	ready <- true
	time.Sleep(time.Hour)
	runtime.KeepAlive(local)
}

//go:noinline
func keepView(ready chan<- bool) {
	local := around().Items[:1]
	ready <- true
	time.Sleep(time.Hour)
	runtime.KeepAlive(local)
}

//go:noinline
func keepRaw(ready chan<- bool) {
	local := unsafe.Pointer(&Item{&Item{Leaf: leaf()}, leaf()})
	ready <- true
	time.Sleep(time.Hour)
	runtime.KeepAlive(local)
}

func main() {
	setAlike()
	setInside()
	ready := make(chan bool)
	for _, keep := range []func(chan<- bool){keepHalf, keepRight, keepField, keepView, keepRaw} {
		go keep(ready)
		<-ready
	}
	runtime.GC()
	runtime.GC()
	os.Stdout.WriteString("READY\n")
	time.Sleep(time.Hour)
}
