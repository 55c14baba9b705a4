// SPDX-License-Identifier: BSD-2-Clause

// Package ready is how the programs tell that they may be looked at.
package ready

import (
	"fmt"
	"runtime"
	"time"
)

// Leaf is an object of 32 bytes without pointers.
type Leaf struct {
	Words [4]int64
}

// Wait collects garbage, says READY and never returns.
func Wait() {
	runtime.GC()
	runtime.GC()
	time.Sleep(20 * time.Millisecond)
	fmt.Println("READY")
	for {
		time.Sleep(time.Hour)
	}
}

// Text makes a string of n bytes in the heap.
//
//go:noinline
func Text(n int) string {
	return string(make([]byte, n))
}
