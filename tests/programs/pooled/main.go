// SPDX-License-Identifier: BSD-2-Clause

// A pool with a stale item: a function that was put back with it still points to the service, which the
// main goroutine has.
package main

import (
	"fmt"
	"runtime/debug"
	"strconv"
	"sync"
	"time"
)

type record struct {
	name string
}

type service struct {
	records []*record
}

type task struct {
	done func()
	own  *[64]byte
}

var tasks sync.Pool

//go:noinline
func serve(s *service) {
	fmt.Println("READY")
	for number := 0; ; number++ {
		time.Sleep(time.Hour)
		s.records[number].name = ""
	}
}

func main() {
	// A collection would take the item out of the pool.
	debug.SetGCPercent(-1)
	s := &service{}
	for i := 0; i < 1000; i++ {
		s.records = append(s.records, &record{strconv.Itoa(i)})
	}
	tasks.Put(&task{done: func() { s.records = nil }, own: new([64]byte)})
	serve(s)
}
