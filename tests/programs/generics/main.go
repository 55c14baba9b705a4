// SPDX-License-Identifier: BSD-2-Clause

//go:build go1.18

// Generic types and functions.
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

type Box[T any] struct {
	Value T
	Next  *Box[T]
}

type Pair[K comparable, V any] struct {
	Key   K
	Value V
}

type List[T any] struct {
	Items []T
}

type Getter[T any] interface{ Get() T }

func (box *Box[T]) Get() T { return box.Value }

var (
	pointerBox *Box[*Leaf]
	stringBox  *Box[string]
	pair       Pair[string, *Leaf]
	pairs      map[string]Pair[string, *Leaf]
	list       *List[Pair[int, *Leaf]]
	getter     Getter[*Leaf]
	waiting    int32
	release    = make(chan struct{})
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
func box[T any](value T, next *Box[T]) *Box[T] {
	return &Box[T]{Value: value, Next: next}
}

//go:noinline
func wait() {
	atomic.AddInt32(&waiting, 1)
	<-release
}

//go:noinline
func hold[T any](held *Box[T]) {
	wait()
	runtime.KeepAlive(held)
}

//go:noinline
func setUp() {
	pointerBox = box(leaf(), box(leaf(), nil))
	stringBox = box(text(32), nil)
	pair = Pair[string, *Leaf]{text(48), leaf()}
	pairs = make(map[string]Pair[string, *Leaf])
	pairs[text(16)] = Pair[string, *Leaf]{text(64), leaf()}
	list = &List[Pair[int, *Leaf]]{Items: []Pair[int, *Leaf]{{1, leaf()}, {2, leaf()}}}
	getter = box(leaf(), nil)
	go hold(box(leaf(), nil))
	go hold(box(text(80), nil))
	for atomic.LoadInt32(&waiting) < 2 {
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
