// SPDX-License-Identifier: BSD-2-Clause

// Pointers that do not say what they point at: unsafe.Pointer, *byte to something else, pointers
// to fields and to elements, uintptr.
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

type Pair struct {
	Left, Right *Leaf
}

// Large is 576 bytes; with the runtime's header in front it takes 640.
type Large struct {
	Head *Leaf
	Pad  [560]byte
	Tail *Leaf
}

// Record is 128 bytes.
type Record struct {
	ID   int
	Name string
	Data [100]byte
	Flag bool
}

var (
	rawAlone   unsafe.Pointer
	rawLarge   unsafe.Pointer
	rawAndSo   unsafe.Pointer
	typedPair  *Pair
	bytePair   *byte
	byteLarge  *byte
	toField    *bool
	toName     *string
	toElement  **Leaf
	intoArray  *Pair
	intoLarge  *Pair
	toHead     **Leaf
	toWhole    *struct{ Held *struct{ Whole *Large } }
	integer    uintptr
	rawBytes   unsafe.Pointer
	rawInside  *struct{ Raw unsafe.Pointer }
	fromString *byte
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
func pair() *Pair {
	return &Pair{leaf(), leaf()}
}

//go:noinline
func large() *Large {
	return &Large{Head: leaf(), Tail: leaf()}
}

//go:noinline
func record() *Record {
	return &Record{Name: "a literal"}
}

//go:noinline
func setUp(count int) {
	rawAlone = unsafe.Pointer(pair())
	rawLarge = unsafe.Pointer(large())
	typedPair = pair()
	rawAndSo = unsafe.Pointer(typedPair)
	bytePair = (*byte)(unsafe.Pointer(pair()))
	byteLarge = (*byte)(unsafe.Pointer(large()))
	toField = &record().Flag
	toName = &record().Name
	elements := make([]*Leaf, count)
	for i := range elements {
		elements[i] = leaf()
	}
	toElement = &elements[2]
	array := make([]Pair, count)
	for i := range array {
		array[i] = *pair()
	}
	intoArray = &array[1]
	array = make([]Pair, 10*count)
	for i := range array {
		array[i] = *pair()
	}
	intoLarge = &array[1]
	whole := large()
	toHead = &whole.Head
	toWhole = &struct{ Held *struct{ Whole *Large } }{&struct{ Whole *Large }{whole}}
	integer = uintptr(unsafe.Pointer(leaf()))
	rawBytes = unsafe.Pointer(&make([]byte, 100)[0])
	rawInside = &struct{ Raw unsafe.Pointer }{unsafe.Pointer(large())}
	held := text(48)
	fromString = *(**byte)(unsafe.Pointer(&held))
}

func main() {
	setUp(4)
	runtime.GC()
	runtime.GC()
	os.Stdout.WriteString("READY\n")
	time.Sleep(time.Hour)
}
