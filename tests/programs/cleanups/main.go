// SPDX-License-Identifier: BSD-2-Clause

// Cleanups and weak pointers, which came with Go 1.24.
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

// Owner is 32 bytes.
type Owner struct {
	Name string
	Leaf *Leaf
	ID   int
}

var (
	owned *Owner
	kept  *Owner
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

func main() {
	owned = owner(48)
	kept = owner(64)
	setUp()
	runtime.GC()
	runtime.GC()
	os.Stdout.WriteString("READY\n")
	time.Sleep(time.Hour)
}
