// SPDX-License-Identifier: BSD-2-Clause

package main

import (
	"runtime"
	"time"
)

// A goroutine for each session sends something now and then, and does not learn that the session ended.
type chatSession struct {
	user    string
	history []byte
	closed  chan struct{}
	sent    int
}

//go:noinline
func (s *chatSession) keepAlive(never <-chan struct{}, healthy bool) {
	ticker := time.NewTicker(time.Hour)
	defer ticker.Stop()
	closed := never
	if healthy {
		closed = s.closed
	}
	for {
		select {
		case <-ticker.C:
			s.sent++
		case <-closed:
			return
		}
	}
}

//go:noinline
func tickers(healthy bool) {
	const sessions = 1000
	before, left := runtime.NumGoroutine(), sessions
	if healthy {
		left = 0
	}
	for i := 0; i < sessions; i++ {
		session := &chatSession{user: name("user", i), history: payload(5000), closed: make(chan struct{})}
		go session.keepAlive(nil, healthy)
		close(session.closed)
	}
	waitUntil(func() bool { return runtime.NumGoroutine() <= before+left })
}
