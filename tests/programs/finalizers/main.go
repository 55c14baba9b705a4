// SPDX-License-Identifier: BSD-2-Clause

// Finalizers: of objects that live, and queued ones that cannot run because another one blocks.
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

// Blocker is 64 bytes.
type Blocker struct {
	Numbers [8]int
}

// Owner is 32 bytes.
type Owner struct {
	Name string
	Leaf *Leaf
	Self *Owner
}

// Target is 128 bytes.
type Target struct {
	Numbers [16]int
}

var (
	alive   *Owner
	started = make(chan struct{})
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
func owner(length int) *Owner {
	return &Owner{Name: text(length), Leaf: leaf()}
}

//go:noinline
func setUpBlocker() {
	runtime.SetFinalizer(&Blocker{}, func(*Blocker) {
		close(started)
		select {}
	})
}

//go:noinline
func setUpQueued() {
	target := &Target{}
	runtime.SetFinalizer(owner(48), func(*Owner) { runtime.KeepAlive(target) })
}

//go:noinline
func setUpAlive() {
	target := &Target{}
	alive = owner(80)
	runtime.SetFinalizer(alive, func(*Owner) { runtime.KeepAlive(target) })
}

func main() {
	setUpAlive()
	setUpBlocker()
	for blocked := false; !blocked; {
		runtime.GC()
		select {
		case <-started:
			blocked = true
		case <-time.After(10 * time.Millisecond):
		}
	}
	setUpQueued()
	for i := 0; i < 3; i++ {
		runtime.GC()
		time.Sleep(10 * time.Millisecond)
	}
	os.Stdout.WriteString("READY\n")
	time.Sleep(time.Hour)
}
