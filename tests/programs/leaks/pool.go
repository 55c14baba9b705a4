// SPDX-License-Identifier: BSD-2-Clause

package main

import (
	"bytes"
	"runtime"
	"sync"
)

// A pool whose buffers all become as large as the largest message, and stay so.
var encodeBuffers = sync.Pool{New: func() interface{} { return new(bytes.Buffer) }}

const largestPooled = 16 << 10

//go:noinline
func encodeMessage(message []byte, send func(), healthy bool) {
	buffer := encodeBuffers.Get().(*bytes.Buffer)
	buffer.Reset()
	buffer.Write(message)
	send()
	if healthy && buffer.Cap() > largestPooled {
		return
	}
	encodeBuffers.Put(buffer)
}

// So many messages are sent at once.
//
//go:noinline
func encodeNested(message []byte, depth int, healthy bool) {
	encodeMessage(message, func() {
		if depth > 1 {
			encodeNested(message, depth-1, healthy)
		}
	}, healthy)
}

//go:noinline
func pool(healthy bool) {
	atLast = func() {
		encodeNested(payload(400<<10), 16, healthy)
		runtime.GC()
		encodeNested(payload(100), 4, healthy)
	}
}
