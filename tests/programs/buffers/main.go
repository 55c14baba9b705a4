// SPDX-License-Identifier: BSD-2-Clause

// Buffers is mostly bytes: 64 MiB in large slices and 30 MiB in middle-sized ones, with closures
// that captured no pointers between them.
package main

import (
	"fmt"
	"os"
	"os/signal"
	"runtime"
)

type node struct {
	next   *node
	middle []byte
	number func() int
}

var (
	list  *node
	large [][]byte
)

func closure(i int) func() int { return func() int { return i } }

func filled(size, seed int) []byte {
	buffer := make([]byte, size)
	for i := range buffer {
		buffer[i] = byte(i*seed + 1)
	}
	return buffer
}

func main() {
	for i := 0; i < 15000; i++ {
		list = &node{list, filled(2048, i), closure(i)}
	}
	for i := 0; i < 16; i++ {
		large = append(large, filled(4<<20, i))
	}
	runtime.GC()
	fmt.Println("READY")
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, os.Interrupt)
	<-signals
	fmt.Println(list.number(), len(large))
}
