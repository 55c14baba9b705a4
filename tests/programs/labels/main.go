// SPDX-License-Identifier: BSD-2-Clause

// Goroutines with labels of runtime/pprof, and without.
package main

import (
	"context"
	"fmt"
	"os"
	"runtime"
	"runtime/pprof"
	"strings"
	"sync"
	"time"
)

var ready sync.WaitGroup

type task struct{ next *task }

//go:noinline
func newTask() *task { return &task{new(task)} }

//go:noinline
func work(stop chan int) {
	held := newTask()
	ready.Done()
	<-stop
	runtime.KeepAlive(held)
}

// labelled has its labels for as long as it runs.
func labelled(labels pprof.LabelSet, stop chan int) {
	pprof.Do(context.Background(), labels, func(context.Context) { work(stop) })
}

// many are so many labels that a map of them has many buckets.
func many(count int) pprof.LabelSet {
	var pairs []string
	for i := 0; i < count; i++ {
		pairs = append(pairs, fmt.Sprintf("key%03d", i), fmt.Sprint(i))
	}
	return pprof.Labels(pairs...)
}

func main() {
	stop := make(chan int)
	ready.Add(3 + 2 + 5 + 2)
	for i := 0; i < 3; i++ {
		go labelled(pprof.Labels("user", "ann", "path", "/a"), stop)
	}
	for i := 0; i < 2; i++ {
		go labelled(pprof.Labels("path", "/b", "user", fmt.Sprint("bob", 1)), stop)
	}
	go labelled(many(13), stop)
	go labelled(many(40), stop)
	go labelled(many(200), stop)
	go labelled(pprof.Labels("evil", "a, b=\"\x1b[2J\x00\\", "", ""), stop)
	go labelled(pprof.Labels("long", strings.Repeat("é", 5000)), stop)
	pprof.SetGoroutineLabels(pprof.WithLabels(context.Background(), pprof.Labels("of", "main")))
	// It inherits those.
	go work(stop)
	pprof.SetGoroutineLabels(context.Background())
	go work(stop)
	ready.Wait()
	time.Sleep(100 * time.Millisecond)
	runtime.GC()
	os.Stdout.WriteString("READY\n")
	time.Sleep(time.Hour)
}
