// SPDX-License-Identifier: BSD-2-Clause

// Timers of one function that two variables hold.
package main

import (
	"os"
	"runtime"
	"time"
)

type lease struct {
	data [1024]byte
	next *lease
}

var (
	byNumber []*time.Timer
	byTime   = map[int]*time.Timer{}
	expired  int
)

func (l *lease) expire() { expired += int(l.data[0]) }

func main() {
	for i := 0; i < 2000; i++ {
		held := &lease{next: new(lease)}
		timer := time.AfterFunc(time.Hour, held.expire)
		byNumber = append(byNumber, timer)
		byTime[i] = timer
	}
	runtime.GC()
	os.Stdout.WriteString("READY\n")
	time.Sleep(time.Hour)
}
