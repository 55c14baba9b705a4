// SPDX-License-Identifier: BSD-2-Clause

// Timers and contexts.
package main

import (
	"context"
	"os"
	"runtime"
	"time"
)

// Named is 24 bytes.
type Named struct {
	Name string
	ID   int
}

type key struct{}

type Session struct {
	Context context.Context
	Timer   *time.Timer
	Cancel  context.CancelFunc
}

var (
	values    context.Context
	cancelled context.Context
	deadline  context.Context
	afterFunc *time.Timer
	timer     *time.Timer
	ticker    *time.Ticker
	session   *Session
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
func named(length int) *Named {
	return &Named{Name: text(length)}
}

//go:noinline
func after(held *Named) *time.Timer {
	return time.AfterFunc(time.Hour, func() { runtime.KeepAlive(held) })
}

//go:noinline
func setUp() {
	values = context.WithValue(context.Background(), key{}, named(32))
	values = context.WithValue(values, key{}, named(32))
	values = context.WithValue(values, key{}, named(32))

	parent := context.WithValue(context.Background(), key{}, named(48))
	cancelled, _ = context.WithCancel(parent)
	cancelled = context.WithValue(cancelled, key{}, named(48))

	parent = context.WithValue(context.Background(), key{}, named(64))
	deadline, _ = context.WithTimeout(parent, time.Hour)

	afterFunc = after(named(80))
	timer = time.NewTimer(time.Hour)
	ticker = time.NewTicker(time.Hour)
	session = &Session{Timer: after(named(96))}
	session.Context = context.WithValue(context.Background(), key{}, named(112))
}

func main() {
	setUp()
	runtime.GC()
	runtime.GC()
	os.Stdout.WriteString("READY\n")
	time.Sleep(time.Hour)
}
