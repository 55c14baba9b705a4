// SPDX-License-Identifier: BSD-2-Clause

package main

import (
	"runtime"
	"time"
)

// A context of an own type, as of a framework for the web: the context package cannot see into it, and
// starts a goroutine for each context that is made of it, which waits for the end of either.
type frameContext struct {
	body   []byte
	params map[string]string
	done   chan struct{}
}

func (c *frameContext) Deadline() (time.Time, bool) { return time.Time{}, false }
func (c *frameContext) Done() <-chan struct{}       { return c.done }
func (c *frameContext) Err() error                  { return nil }
func (c *frameContext) Value(key interface{}) interface{} {
	name, _ := key.(string)
	return c.params[name]
}

//go:noinline
func renderPage(number int, answered chan int, healthy bool) {
	frame := &frameContext{body: payload(3000), params: map[string]string{"id": name("page", number)}}
	frame.done = make(chan struct{})
	group, ctx := newTaskGroup(frame)
	group.run(func() error {
		answered <- len(frame.body)
		return ctx.Err()
	})
	<-answered
	if healthy && group.wait() != nil {
		panic(number)
	}
}

//go:noinline
func errgroupOwn(healthy bool) {
	answered := make(chan int)
	before := runtime.NumGoroutine()
	const pages = 1500
	for i := 0; i < pages; i++ {
		renderPage(i, answered, healthy)
	}
	if healthy {
		waitUntil(func() bool { return runtime.NumGoroutine() <= before })
	} else {
		waitUntil(func() bool { return runtime.NumGoroutine() <= before+pages })
	}
}
