// SPDX-License-Identifier: BSD-2-Clause

package main

import "sync"

// A queue that is taken from at its front by queue = queue[1:]: what was taken still stands in the
// array, before the slice begins.
type outgoing struct {
	to   string
	body []byte
}

type outboxQueue struct {
	mutex   sync.Mutex
	pending []*outgoing
}

var outbox = &outboxQueue{}

//go:noinline
func (o *outboxQueue) pop(healthy bool) *outgoing {
	o.mutex.Lock()
	defer o.mutex.Unlock()
	first := o.pending[0]
	if healthy {
		o.pending[0] = nil
	}
	o.pending = o.pending[1:]
	return first
}

//go:noinline
func reslice(healthy bool) {
	outbox.pending = make([]*outgoing, 0, 8192)
	for i := 0; i < 6000; i++ {
		outbox.pending = append(outbox.pending, &outgoing{name("peer", i), payload(700)})
	}
	for len(outbox.pending) > 20 {
		if outbox.pop(healthy).body == nil {
			panic("nothing was pending")
		}
	}
}
