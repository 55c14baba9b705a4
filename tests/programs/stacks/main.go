// SPDX-License-Identifier: BSD-2-Clause

// Stacks: goroutines whose stacks have been deep and are in use for a little part now, with something
// in their hands. With -withhold a child of the process does not get the heap, nor the stacks in it.
package main

import (
	"bufio"
	"flag"
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"sync"
	"syscall"
	"time"
	"unsafe"
)

// Leaf is 32 bytes without pointers.
type Leaf struct {
	Words [4]int64
}

const dontFork = 10 // MADV_DONTFORK

var release = make(chan struct{})

//go:noinline
func leaf() *Leaf {
	return new(Leaf)
}

//go:noinline
func deep(depth int) byte {
	var local [512]byte
	if depth > 0 {
		local[depth&511] = deep(depth - 1)
	}
	return local[depth*7&511]
}

//go:noinline
func wait(depth int, ready *sync.WaitGroup) {
	held := leaf()
	held.Words[0] = int64(deep(depth))
	ready.Done()
	<-release
	runtime.KeepAlive(held)
}

// withhold finds the heap by an object in it.
func withhold(object *Leaf) {
	address := uintptr(unsafe.Pointer(object))
	maps, err := os.Open("/proc/self/maps")
	if err != nil {
		panic(err)
	}
	defer maps.Close()
	lines := bufio.NewScanner(maps)
	for lines.Scan() {
		var start, end uintptr
		fmt.Sscanf(lines.Text(), "%x-%x", &start, &end)
		if start <= address && address < end {
			syscall.Syscall(syscall.SYS_MADVISE, start, end-start, dontFork)
		}
	}
}

func main() {
	count := flag.Int("goroutines", 3000, "waiting goroutines")
	depth := flag.Int("depth", 20, "how deep each has been; 600 bytes each")
	withheld := flag.Bool("withhold", false, "a child does not get the heap")
	flag.Parse()

	// A collection would make the stacks smaller.
	debug.SetGCPercent(-1)
	var ready sync.WaitGroup
	ready.Add(*count)
	for i := 0; i < *count; i++ {
		go wait(*depth, &ready)
	}
	ready.Wait()
	time.Sleep(100 * time.Millisecond)
	if *withheld {
		withhold(leaf())
	}
	os.Stdout.WriteString("READY\n")
	time.Sleep(time.Hour)
}
