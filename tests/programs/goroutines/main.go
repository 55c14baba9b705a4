// SPDX-License-Identifier: BSD-2-Clause

// Goroutines: many that wait with something in their hands.
package main

import (
	"os"
	"runtime"
	"sync"
	"time"
)

// Leaf is 32 bytes without pointers.
type Leaf struct {
	Words [4]int64
}

type Job struct {
	Payload *Leaf
	Name    string
}

var (
	release = make(chan struct{})
	mutex   sync.Mutex
	cond    = sync.NewCond(&sync.Mutex{})
)

//go:noinline
func onChannel(job *Job) {
	<-release
	runtime.KeepAlive(job)
}

//go:noinline
func onMutex(job *Job) {
	mutex.Lock()
	runtime.KeepAlive(job)
}

//go:noinline
func onSelect(job *Job, other chan int) {
	select {
	case <-release:
	case <-other:
	}
	runtime.KeepAlive(job)
}

//go:noinline
func asleep(job *Job) {
	time.Sleep(time.Hour)
	runtime.KeepAlive(job)
}

//go:noinline
func onCondition(job *Job) {
	cond.L.Lock()
	cond.Wait()
	runtime.KeepAlive(job)
}

//go:noinline
func deferred(payload *Leaf) {
	defer func() { runtime.KeepAlive(payload) }()
	<-release
}

//go:noinline
func deep(depth int, payload *Leaf) int64 {
	if depth == 0 {
		<-release
		return 0
	}
	total := deep(depth-1, payload)
	return total + payload.Words[0]
}

// leaf keeps its Leaf from being laid out on the caller's stack.
//
//go:noinline
func leaf() *Leaf {
	return new(Leaf)
}

func job() *Job {
	return &Job{new(Leaf), string(make([]byte, 64))}
}

func main() {
	mutex.Lock()
	for i := 0; i < 200; i++ {
		go onChannel(job())
		go onMutex(job())
		go onSelect(job(), make(chan int))
		go asleep(job())
		go onCondition(job())
		go deferred(leaf())
		go deep(20, leaf())
	}
	time.Sleep(100 * time.Millisecond)
	runtime.GC()
	runtime.GC()
	os.Stdout.WriteString("READY\n")
	time.Sleep(time.Hour)
}
