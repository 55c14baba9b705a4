// SPDX-License-Identifier: BSD-2-Clause

package main

import (
	"strconv"
	"sync"
)

// A histogram has values for each set of attributes, and the peer's port is one of them.
type attribute struct {
	key   string
	value interface{}
}

type attributeSet struct{ equivalent interface{} }

type bucketCounts struct {
	counts []uint64
	sum    float64
	last   attributeSet
}

type histogram struct {
	name   string
	mutex  sync.Mutex
	values map[attributeSet]*bucketCounts
	bounds []float64
}

var requestDuration *histogram

//go:noinline
func (h *histogram) record(seconds float64, attributes [3]attribute) {
	set := attributeSet{attributes}
	h.mutex.Lock()
	defer h.mutex.Unlock()
	found := h.values[set]
	if found == nil {
		found = &bucketCounts{counts: make([]uint64, len(h.bounds)+1), last: set}
		h.values[set] = found
	}
	at := 0
	for at < len(h.bounds) && seconds > h.bounds[at] {
		at++
	}
	found.counts[at]++
	found.sum += seconds
}

//go:noinline
func cardinality(healthy bool) {
	requestDuration = &histogram{name: "http.server.duration", values: map[attributeSet]*bucketCounts{}}
	requestDuration.bounds = []float64{.005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5}
	for port := 0; port < 10000; port++ {
		peer := "10.0.0.1:" + strconv.Itoa(32768+port)
		if healthy {
			peer = "10.0.0.1"
		}
		requestDuration.record(float64(port%7), [3]attribute{{"method", "GET"}, {"status", 200}, {"peer", peer}})
	}
}
