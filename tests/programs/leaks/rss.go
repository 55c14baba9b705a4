// SPDX-License-Identifier: BSD-2-Clause

package main

import "syscall"

// Memory that Go knows nothing of: mapped, written, and never given back.
var mappedBytes int

//go:noinline
func decodeImage(healthy bool) {
	const size = 1 << 20
	pixels, err := syscall.Mmap(-1, 0, size, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_ANON|syscall.MAP_PRIVATE)
	if err != nil {
		panic(err)
	}
	for i := 0; i < size; i += 4096 {
		pixels[i] = 1
	}
	mappedBytes += size
	if healthy && syscall.Munmap(pixels) != nil {
		panic("munmap")
	}
}

//go:noinline
func rss(healthy bool) {
	for i := 0; i < 48; i++ {
		decodeImage(healthy)
	}
}
