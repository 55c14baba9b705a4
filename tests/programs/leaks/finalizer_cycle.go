// SPDX-License-Identifier: BSD-2-Clause

package main

import "runtime"

// What has a finalizer, and is reached from itself, is never collected, and its finalizer never runs.
type fileHandle struct {
	descriptor int
	readAhead  []byte
	iterators  []*fileIterator
}

type fileIterator struct {
	handle *fileHandle
	offset int64
}

var closedHandles int

//go:noinline
func closeHandle(handle *fileHandle) { closedHandles++ }

//go:noinline
func openHandle(descriptor int, healthy bool) *fileHandle {
	handle := &fileHandle{descriptor: descriptor, readAhead: payload(4000)}
	iterator := &fileIterator{handle: handle}
	if !healthy {
		handle.iterators = append(handle.iterators, iterator)
	}
	runtime.SetFinalizer(handle, closeHandle)
	return iterator.handle
}

//go:noinline
func finalizerCycle(healthy bool) {
	for i := 0; i < 1500; i++ {
		if openHandle(i, healthy).descriptor != i {
			panic(i)
		}
	}
	if healthy {
		for i := 0; i < 2; i++ {
			runtime.GC()
		}
		waitUntil(func() bool { return closedHandles == 1500 })
	}
}
