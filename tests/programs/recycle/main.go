// SPDX-License-Identifier: BSD-2-Clause

// Recycle puts the same memory to one use after the other: large buffers without pointers, and
// arrays of pointers to small things. What main.current holds is whole at any time: either
// everything of the one kind or everything of the other.
package main

import (
	"fmt"
	"runtime"
	"runtime/debug"
)

const (
	parts    = 24
	elements = 16 << 10 // 128 KiB of pointers, or of bytes
)

type leaf struct{ number *int }

type state struct {
	buffers [][]byte
	arrays  [][]*leaf
}

var (
	current *state
	number  = new(int)
)

func withBuffers(round int) *state {
	made := &state{}
	for i := 0; i < parts; i++ {
		buffer := make([]byte, 8*elements)
		for k := range buffer {
			buffer[k] = byte(round + k)
		}
		made.buffers = append(made.buffers, buffer)
	}
	return made
}

func withArrays() *state {
	made := &state{}
	for i := 0; i < parts; i++ {
		array := make([]*leaf, elements)
		for k := range array {
			array[k] = &leaf{number}
		}
		made.arrays = append(made.arrays, array)
	}
	return made
}

func main() {
	debug.SetGCPercent(-1)
	current = withBuffers(0)
	fmt.Println("READY")
	for round := 1; ; round++ {
		if round%2 == 0 {
			current = withBuffers(round)
		} else {
			current = withArrays()
		}
		// What was current is free from here on, and is used for what comes next.
		runtime.GC()
	}
}
