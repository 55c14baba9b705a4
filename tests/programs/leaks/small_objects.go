// SPDX-License-Identifier: BSD-2-Clause

package main

import "sync"

// Objects of two words: fewer bytes than a heap profile samples, and very many.
type busEvent struct {
	code int32
	next *busEvent
}

type eventBus struct {
	mutex   sync.Mutex
	history *busEvent
	count   int
}

var bus = &eventBus{}

//go:noinline
func (b *eventBus) publish(code int32, healthy bool) {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	if healthy && b.count%100 == 0 {
		b.history = nil
	}
	b.history = &busEvent{code, b.history}
	b.count++
}

//go:noinline
func smallObjects(healthy bool) {
	for i := 0; i < 300000; i++ {
		bus.publish(int32(i), healthy)
	}
}
