// SPDX-License-Identifier: BSD-2-Clause

// Hardroots: what is alive only through places that are hard to see. Each thing holds a Leaf, and
// the names of the roots are the functions here.
package main

import (
	"os"
	"runtime"
	"strings"
	"syscall"
	"time"
)

// Leaf is 32 bytes without pointers.
type Leaf struct {
	Words [4]int64
}

//go:noinline
func leaf() *Leaf {
	return new(Leaf)
}

var (
	never = make(chan struct{})
	sink  int64
)

// A goroutine that never yields by itself: the runtime interrupts it, with what it holds in
// registers, the vector registers too.
//
//go:noinline
func spinning(held *Leaf) {
	var sums [8]float64
	for {
		for i := range sums {
			sums[i] = sums[i]*1.5 + float64(held.Words[i%4])
		}
		if sums[0] > 1e300 {
			sums[0] = 0
		}
	}
}

// Calls that lead nowhere for long, with every goroutine in a system call of its own.
//
//go:noinline
func inSystemCall(held *Leaf) {
	var pipe [2]int
	if err := syscall.Pipe(pipe[:]); err != nil {
		panic(err)
	}
	syscall.Read(pipe[0], make([]byte, 1))
	runtime.KeepAlive(held)
}

// A deferred call runs while a panic unwinds, and waits.
//
//go:noinline
func panicking(held, later *Leaf) {
	defer func() { runtime.KeepAlive(later) }()
	defer func() {
		waitInDefer(held)
		recover()
	}()
	fail(held)
}

//go:noinline
func fail(held *Leaf) {
	panic(held)
}

//go:noinline
func waitInDefer(held *Leaf) {
	<-never
	runtime.KeepAlive(held)
}

// Recovered, and then waits: the frames of the panic are gone.
//
//go:noinline
func recovered(held *Leaf) {
	func() {
		defer func() { recover() }()
		fail(leaf())
	}()
	<-never
	runtime.KeepAlive(held)
}

// Defers in a loop are records in the heap.
//
//go:noinline
func deferredInLoop(count int) {
	for i := 0; i < count; i++ {
		held := leaf()
		defer func() { runtime.KeepAlive(held) }()
	}
	<-never
}

// A goroutine that waits to exit in its deferred call, which Goexit runs.
//
//go:noinline
func exiting(held *Leaf) {
	defer waitInDefer(held)
	runtime.Goexit()
}

// A stack that has grown by copying, and shrinks again.
//
//go:noinline
func grown(held *Leaf, depth int) int64 {
	var space [128]int64
	space[depth%128] = held.Words[0]
	if depth > 0 {
		return grown(held, depth-1) + space[depth%128]
	}
	return space[0]
}

//go:noinline
func grownOnce(held *Leaf) {
	sink += grown(held, 1000)
	<-never
	runtime.KeepAlive(held)
}

type object struct {
	held *Leaf
	self *object
}

// Finalizers at work: one that waits for ever with its object in hand.
//
//go:noinline
func finalized() {
	runtime.SetFinalizer(&object{held: leaf()}, func(dead *object) {
		<-never
		runtime.KeepAlive(dead)
	})
}

// A pointer that only a stack object holds, through a pointer to the stack.
//
//go:noinline
func stackObject() {
	object := object{held: leaf()}
	use(&object)
	<-never
	use(&object)
}

//go:noinline
func use(object *object) {
	sink += object.held.Words[0]
}

// An array on the stack that is indexed, with pointers in some of its elements.
//
//go:noinline
func stackArray(index int) {
	var array [16]*Leaf
	for i := 0; i < len(array); i += 3 {
		array[i] = leaf()
	}
	<-never
	sink += array[index].Words[0]
}

// Waits with a timer that holds a closure that holds a Leaf.
//
//go:noinline
func timed() {
	held := leaf()
	time.AfterFunc(time.Hour, func() { runtime.KeepAlive(held) })
}

func main() {
	ofMain := leaf()
	for i := 0; i < 10; i++ {
		go inSystemCall(leaf())
		go panicking(leaf(), leaf())
		go recovered(leaf())
		go deferredInLoop(5)
		go exiting(leaf())
		go grownOnce(leaf())
		go stackObject()
		go stackArray(3 * (i % 5))
		timed()
	}
	finalized()
	// With this the runtime does not interrupt goroutines, and would wait for ever.
	if !strings.Contains(os.Getenv("GODEBUG"), "gccheckmark") {
		go spinning(leaf())
	}
	more()
	// On a busy machine some take a while until they wait.
	time.Sleep(400 * time.Millisecond)
	runtime.GC()
	runtime.GC()
	os.Stdout.WriteString("READY\n")
	time.Sleep(time.Hour)
	runtime.KeepAlive(ofMain)
}
