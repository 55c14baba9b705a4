// SPDX-License-Identifier: BSD-2-Clause

// Structs: nested, embedded by value and by pointer, arrays, arrays of arrays, pointers to
// pointers, structs without a name; behind a pointer and as package variables themselves.
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

type Base struct {
	Name  string
	First *Leaf
}

type Extra struct {
	Label string
	Next  *Leaf
}

type Inner struct {
	A    *Leaf
	Both [2]*Leaf
	Text string
}

type Pair struct {
	Left, Right *Leaf
}

// Outer is 288 bytes: 24 + 8 + 8 + 40 + 48 + 32 + 8 + 8 + 16 + 96.
type Outer struct {
	Base
	*Extra
	Number    int
	In        Inner
	Pairs     [3]Pair
	Grid      [2][2]*Leaf
	Twice     **Leaf
	Thrice    ***Leaf
	Anonymous struct{ Left, Right *Leaf }
	Flags     [12]*Leaf
}

var (
	outer    *Outer
	value    Inner
	pairs    [2]Pair
	pointers [11]*Leaf
	twice    **Leaf
	array    *[4]Pair
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
func setUp() {
	second, third, fourth := leaf(), leaf(), leaf()
	pointer := &third
	outer = &Outer{
		Base:   Base{Name: text(32), First: leaf()},
		Extra:  &Extra{Label: text(16), Next: leaf()},
		In:     Inner{A: leaf(), Both: [2]*Leaf{leaf(), leaf()}, Text: text(48)},
		Pairs:  [3]Pair{{leaf(), nil}, {nil, leaf()}, {leaf(), leaf()}},
		Grid:   [2][2]*Leaf{{leaf(), nil}, {leaf(), leaf()}},
		Twice:  &second,
		Thrice: &pointer,
	}
	outer.Anonymous.Left, outer.Anonymous.Right = leaf(), leaf()
	for i := range outer.Flags {
		outer.Flags[i] = leaf()
	}
	value = Inner{A: leaf(), Both: [2]*Leaf{leaf(), leaf()}, Text: text(64)}
	pairs = [2]Pair{{leaf(), leaf()}, {leaf(), nil}}
	for i := range pointers {
		pointers[i] = leaf()
	}
	twice = &fourth
	array = &[4]Pair{{leaf(), nil}, {nil, leaf()}, {leaf(), nil}, {leaf(), leaf()}}
}

func main() {
	setUp()
	runtime.GC()
	runtime.GC()
	os.Stdout.WriteString("READY\n")
	time.Sleep(time.Hour)
}
