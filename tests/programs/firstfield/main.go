// SPDX-License-Identifier: BSD-2-Clause

// Pointers to the first field of structs: they lead to where the struct begins, and say only that.
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

// Text is 32 bytes.
type Text struct {
	Leaf  *Leaf
	Bytes [24]byte
}

// Holder is the only type of 48 bytes with two pointers that begins with a *Leaf.
type Holder struct {
	First *Leaf
	Text  *Text
	Pad   [4]int
}

// Inner is the first field of Outer, which has another pointer.
type Inner struct {
	Leaf *Leaf
	Pad  [3]int
}

type Outer struct {
	Inner Inner
	Text  *Text
	Pad   [5]int
}

// Tail has no other pointers than its first field.
type Tail struct {
	First *Leaf
	Pad   [9]int
}

// Count is the first field of Number, and has no pointers.
type Count struct {
	Count, More int
}

type Number struct {
	Count Count
	Text  *Text
	Leaf  *Leaf
	Pad   [10]int
}

// Flat has no pointers at all.
type Flat struct {
	Count Count
	Pad   [26]int
}

// Left and Right look the same in all that is asked for.
type Left struct {
	First *Leaf
	Pad   [3]int
}

type Right struct {
	First *Leaf
	Pad   [3]int
}

// Big and Large are more than 512 bytes, so that the runtime stores their types from Go 1.22 on.
type Big struct {
	Inner Inner
	Texts [20]*Text
	Pad   [4]int
	Leaf  *Leaf
	More  [40]int
}

type Large struct {
	Count Count
	Texts [10]*Text
	Pad   [6]int
	Leaf  *Leaf
	More  [50]int
}

// Whole is pointed to by its first field, and as a whole from further away.
type Whole struct {
	Inner Inner
	Pad   [11]int
}

type Far struct {
	Whole *Whole
	Pad   [12]int
}

type Way struct {
	Far *Far
	Pad [13]int
}

var (
	holder **Leaf
	many   []**Leaf
	outer  *Inner
	tail   **Leaf
	number *Count
	flat   *Count
	either [2]**Leaf
	big    *Inner
	large  *Count
	whole  *Inner
	way    *Way
)

//go:noinline
func leaf() *Leaf { return &Leaf{} }

//go:noinline
func text() *Text { return &Text{Leaf: leaf()} }

//go:noinline
func makeHolder() *Holder { return &Holder{First: leaf(), Text: text()} }

//go:noinline
func makeOuter() *Outer { return &Outer{Inner: Inner{Leaf: leaf()}, Text: text()} }

//go:noinline
func makeTail() *Tail { return &Tail{First: leaf()} }

//go:noinline
func makeNumber() *Number { return &Number{Text: text(), Leaf: leaf()} }

//go:noinline
func makeFlat() *Flat { return &Flat{} }

//go:noinline
func makeLeft() *Left { return &Left{First: leaf()} }

//go:noinline
func makeRight() *Right { return &Right{First: leaf()} }

//go:noinline
func makeBig() *Big {
	made := &Big{Inner: Inner{Leaf: leaf()}, Leaf: leaf()}
	made.Texts[3] = text()
	return made
}

//go:noinline
func makeLarge() *Large {
	made := &Large{Leaf: leaf()}
	made.Texts[3] = text()
	return made
}

//go:noinline
func makeWhole() *Whole { return &Whole{Inner: Inner{Leaf: leaf()}} }

// Which of the two is made for which place, the code does not say.
//
//go:noinline
func setEither(left, right func() **Leaf) {
	either[0], either[1] = left(), right()
}

//go:noinline
func setMany() {
	many = make([]**Leaf, 0, 100)
	for i := 0; i < 100; i++ {
		many = append(many, &makeHolder().First)
	}
}

//go:noinline
func setWhole() {
	made := makeWhole()
	whole = &made.Inner
	way = &Way{Far: &Far{Whole: made}}
}

func main() {
	holder = &makeHolder().First
	outer = &makeOuter().Inner
	tail = &makeTail().First
	number = &makeNumber().Count
	flat = &makeFlat().Count
	big = &makeBig().Inner
	large = &makeLarge().Count
	setEither(func() **Leaf { return &makeLeft().First }, func() **Leaf { return &makeRight().First })
	setMany()
	setWhole()
	runtime.GC()
	runtime.GC()
	os.Stdout.WriteString("READY\n")
	time.Sleep(time.Hour)
}
