// SPDX-License-Identifier: BSD-2-Clause

package main

import (
	"os"
	"strconv"
	"sync/atomic"
	"syscall"
	"time"
	"unsafe"
)

// Words of the file that the benchmark and this program both map. Behind the first page come the gaps.
const (
	wordRate      = 0 // objects to rewrite a second; written by the benchmark
	wordRewritten = 1 // objects rewritten so far
	controlBytes  = 4096
)

// follow maps the file and starts what it tells to do.
func follow(path string, all []*Session) {
	file, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		panic(err)
	}
	info, err := file.Stat()
	if err != nil {
		panic(err)
	}
	memory, err := syscall.Mmap(int(file.Fd()), 0, int(info.Size()),
		syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_SHARED)
	if err != nil {
		panic(err)
	}
	words := (*[controlBytes / 8]uint64)(unsafe.Pointer(&memory[0]))
	startClock(memory[controlBytes:])
	go rewrite(words, all)
}

// rewrite changes objects at random places of the heap, in bursts of a millisecond: it gives a session
// an origin that is allocated anew, exchanges the attributes of two, or puts a new string in one.
func rewrite(words *[controlBytes / 8]uint64, all []*Session) {
	random := uint64(1)
	pick := func() *Session {
		random ^= random << 13
		random ^= random >> 7
		random ^= random << 17
		return all[random%uint64(len(all))]
	}
	last, owed := time.Now(), 0.0
	for {
		rate := atomic.LoadUint64(&words[wordRate])
		if rate == 0 {
			time.Sleep(100 * time.Millisecond)
			last, owed = time.Now(), 0
			continue
		}
		time.Sleep(time.Millisecond)
		now := time.Now()
		owed += now.Sub(last).Seconds() * float64(rate)
		last = now
		// What a pause kept it from is not made up for all at once.
		if most := float64(rate) / 50; owed > most {
			owed = most
		}
		done := uint64(0)
		for ; owed >= 1; owed-- {
			session := pick()
			switch done++; done % 3 {
			case 0:
				session.Extra = &Origin{Address: "10.0.0.1", Port: int(done)}
			case 1:
				session.Attributes[0].Value = strconv.FormatUint(random, 16)
			case 2:
				other := pick()
				session.Attributes, other.Attributes = other.Attributes, session.Attributes
			}
		}
		atomic.AddUint64(&words[wordRewritten], done)
	}
}
