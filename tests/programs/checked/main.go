// SPDX-License-Identifier: BSD-2-Clause

// Checked: goroutines that keep sums over memory that they change all the time, with floating point
// and vector registers in use, and say in the process's name how often they found them right. An argument
// says how many MiB of other memory it has, for a copy that takes its time.
package main

import (
	"os"
	"runtime"
	"strconv"
	"sync/atomic"
	"syscall"
	"time"
	"unsafe"
)

type block struct {
	words [512]uint64
	sum   uint64
	float float64
}

var (
	rounds, broken uint64
	ballast        [][]*uint64
)

// Has that many MiB of memory with a pointer in each page.
func load(mebibytes int) {
	for i := 0; i < mebibytes; i++ {
		pointers := make([]*uint64, 1<<17)
		for k := 0; k < len(pointers); k += 512 {
			pointers[k] = &rounds
		}
		ballast = append(ballast, pointers)
	}
}

// Changes words of the block and what their sum is to be, checks it all, many times over.
func work(seed uint64) {
	blocks := make([]*block, 64)
	for i := range blocks {
		blocks[i] = new(block)
	}
	state := seed
	for {
		one := blocks[state%uint64(len(blocks))]
		for i := 0; i < 64; i++ {
			state = state*6364136223846793005 + 1442695040888963407
			word := &one.words[state>>55]
			one.sum += state - *word
			*word = state
			one.float = one.float*0.5 + float64(i)
		}
		var sum uint64
		for _, word := range one.words {
			sum += word
		}
		if sum != one.sum || one.float < 0 || one.float > 128 {
			atomic.AddUint64(&broken, 1)
		}
		atomic.AddUint64(&rounds, 1)
		if state>>60 == 0 {
			blocks[state%uint64(len(blocks))] = new(block)
			time.Sleep(time.Microsecond)
		}
	}
}

func name(text string) {
	bytes := append([]byte(text), 0)
	syscall.RawSyscall(syscall.SYS_PRCTL, 15, uintptr(unsafe.Pointer(&bytes[0])), 0)
}

func main() {
	runtime.LockOSThread()
	if len(os.Args) > 1 {
		mebibytes, err := strconv.Atoi(os.Args[1])
		if err != nil {
			panic(err)
		}
		load(mebibytes)
	}
	for i := 0; i < runtime.NumCPU(); i++ {
		go work(uint64(i + 1))
	}
	name("0")
	os.Stdout.WriteString("READY\n")
	for count := 1; ; count++ {
		before := atomic.LoadUint64(&rounds)
		time.Sleep(5 * time.Millisecond)
		if atomic.LoadUint64(&broken) != 0 {
			name("broken")
			time.Sleep(time.Hour)
		}
		if atomic.LoadUint64(&rounds) > before {
			name(strconv.Itoa(count))
		} else {
			count--
		}
	}
}
