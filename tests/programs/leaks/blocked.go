// SPDX-License-Identifier: BSD-2-Clause

package main

import (
	"runtime"
	"time"
)

// The caller gives up after a while, and nobody takes the answer of what it started.
type proxyRequest struct {
	path string
	body []byte
}

type upstream struct {
	name  string
	calls int
}

//go:noinline
func (u *upstream) roundTrip(request *proxyRequest, release <-chan time.Time, room int) bool {
	answers := make(chan int, room)
	go u.forward(request, answers)
	select {
	case <-release:
		return false
	case <-time.After(time.Hour):
		return true
	}
}

//go:noinline
func (u *upstream) forward(request *proxyRequest, answers chan<- int) {
	answers <- len(request.body)
	runtime.KeepAlive(request)
}

//go:noinline
func blocked(healthy bool) {
	const requests = 600
	room, left := 0, requests
	if healthy {
		room, left = 1, 0
	}
	gaveUp := make(chan time.Time)
	close(gaveUp)
	before := runtime.NumGoroutine()
	backend := &upstream{name: "backend"}
	for i := 0; i < requests; i++ {
		if backend.roundTrip(&proxyRequest{name("/api", i), payload(8000)}, gaveUp, room) {
			panic("answered")
		}
	}
	waitUntil(func() bool { return runtime.NumGoroutine() <= before+left })
}
