// SPDX-License-Identifier: BSD-2-Clause

// Abrupt: signals and preemption at every moment. Goroutines that loop without a call, profiling
// signals a thousand times a second, and a handler that allocates.
package main

import (
	"io"
	"math"
	"os"
	"os/signal"
	"runtime"
	"runtime/pprof"
	"syscall"
	"time"
)

type node struct {
	left, right *node
	value       float64
}

var (
	trees   [4]*node
	handled []*node
)

//go:noinline
func tree(depth int) *node {
	if depth == 0 {
		return &node{}
	}
	return &node{tree(depth - 1), tree(depth - 1), float64(depth)}
}

// Walks a tree without a call that could be a safe point.
//
//go:noinline
func walk(root *node) float64 {
	sum := 0.0
	for i := 0; ; i++ {
		at := root
		for bit := 0; at.left != nil; bit++ {
			if i>>uint(bit)&1 == 0 {
				at = at.left
			} else {
				at = at.right
			}
			sum = math.Float64frombits(math.Float64bits(sum+at.value) &^ 1)
		}
		if i > 1<<20 {
			return sum
		}
	}
}

func work(index int) {
	for {
		walk(trees[index])
		// The tree that it walks next is another one.
		fresh := tree(10)
		walk(fresh)
		trees[index] = fresh
	}
}

func main() {
	for i := range trees {
		trees[i] = tree(10)
		go work(i)
	}
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGUSR1)
	go func() {
		for range signals {
			handled = append(handled[len(handled)/2:], &node{value: 1})
		}
	}()
	go func() {
		for {
			syscall.Kill(os.Getpid(), syscall.SIGUSR1)
			time.Sleep(time.Millisecond)
		}
	}()
	runtime.SetCPUProfileRate(1000)
	pprof.StartCPUProfile(io.Discard)
	runtime.GC()
	runtime.GC()
	os.Stdout.WriteString("READY\n")
	time.Sleep(time.Hour)
}
