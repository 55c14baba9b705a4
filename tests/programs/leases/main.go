// SPDX-License-Identifier: BSD-2-Clause

// Timers of one function that two variables hold, and a map of package sync.
package main

import (
	"os"
	"runtime"
	"sync"
	"time"
)

type lease struct {
	data [1024]byte
	next *lease
}

type owner struct{ next *owner }

var (
	byNumber []*time.Timer
	byTime   = map[int]*time.Timer{}
	expired  int
	owners   sync.Map
)

func (l *lease) expire() { expired += int(l.data[0]) }

func main() {
	for i := 0; i < 2000; i++ {
		held := &lease{next: new(lease)}
		timer := time.AfterFunc(time.Hour, held.expire)
		byNumber = append(byNumber, timer)
		byTime[i] = timer
	}
	for i := 0; i < 500; i++ {
		owners.Store(i, new(owner))
	}
	runtime.GC()
	os.Stdout.WriteString("READY\n")
	time.Sleep(time.Hour)
}
