// SPDX-License-Identifier: BSD-2-Clause

//go:build go1.25

package main

import (
	"runtime"
	"testing"
	"testing/synctest"
)

// Goroutines in a bubble of testing/synctest, which a test outside of go test runs.
func bubble() {
	all := func(pattern, name string) (bool, error) { return true, nil }
	go testing.Main(all, []testing.InternalTest{{Name: "bubble", F: func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			for i := 0; i < 10; i++ {
				go inBubble(leaf())
			}
			<-never
		})
	}}}, nil, nil)
}

//go:noinline
func inBubble(held *Leaf) {
	inside := make(chan struct{})
	go func() {
		<-never
		close(inside)
	}()
	<-inside
	runtime.KeepAlive(held)
}
