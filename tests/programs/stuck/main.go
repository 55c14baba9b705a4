// SPDX-License-Identifier: BSD-2-Clause

// Stuck: goroutines that can never run again, in every way, beside others that look alike and can.
// With an argument, it writes Go's own profile of such goroutines to that file, if the release has it.
package main

import (
	"net"
	"os"
	"runtime"
	"runtime/pprof"
	"sync"
	"time"
)

const each = 10

// Shared is what goroutines wait on: each of them in an object of its own.
type Shared struct {
	mutex   sync.Mutex
	rw      sync.RWMutex
	group   sync.WaitGroup
	cond    *sync.Cond
	channel chan *int
	other   chan *int
	payload [64]byte
}

func shared() *Shared {
	s := &Shared{channel: make(chan *int), other: make(chan *int)}
	s.cond = sync.NewCond(&sync.Mutex{})
	s.mutex.Lock()
	s.rw.Lock()
	s.group.Add(1)
	return s
}

//go:noinline
func receiveStuck(s *Shared) { runtime.KeepAlive(<-s.channel); runtime.KeepAlive(s) }

//go:noinline
func sendStuck(s *Shared) { s.channel <- new(int); runtime.KeepAlive(s) }

//go:noinline
func selectStuck(s *Shared) {
	select {
	case <-s.channel:
	case s.other <- new(int):
	}
	runtime.KeepAlive(s)
}

//go:noinline
func rangeStuck(s *Shared) {
	for v := range s.channel {
		runtime.KeepAlive(v)
	}
	runtime.KeepAlive(s)
}

//go:noinline
func mutexStuck(s *Shared) { s.mutex.Lock(); runtime.KeepAlive(s) }

//go:noinline
func readStuck(s *Shared) { s.rw.RLock(); runtime.KeepAlive(s) }

//go:noinline
func writeStuck(s *Shared) { s.rw.Lock(); runtime.KeepAlive(s) }

//go:noinline
func groupStuck(s *Shared) { s.group.Wait(); runtime.KeepAlive(s) }

//go:noinline
func conditionStuck(s *Shared) { s.cond.L.Lock(); s.cond.Wait(); runtime.KeepAlive(s) }

//go:noinline
func emptyStuck(s *Shared) { defer runtime.KeepAlive(s); select {} }

//go:noinline
func nilStuck(s *Shared) { var none chan int; defer runtime.KeepAlive(s); <-none }

// One that is stuck has what another one waits for.
//
//go:noinline
func chainStuck(s, next *Shared) {
	<-s.channel
	next.channel <- new(int)
}

// These can run: a variable, a goroutine that sleeps or one that such a one can wake has what they wait
// for, or a timer or the network wakes them.
var (
	global  = shared()
	handled = []func(*Shared){
		receiveStuck, sendStuck, selectStuck, rangeStuck, mutexStuck, readStuck, writeStuck, groupStuck,
		conditionStuck, emptyStuck, nilStuck,
	}
)

//go:noinline
func receiveHealthy(s *Shared) { <-s.channel; runtime.KeepAlive(s) }

//go:noinline
func selectHealthy(s, dead *Shared) {
	select {
	case <-s.channel:
	case <-dead.channel:
	}
}

//go:noinline
func mutexHealthy(s *Shared) { s.mutex.Lock(); runtime.KeepAlive(s) }

//go:noinline
func groupHealthy(s *Shared) { s.group.Wait(); runtime.KeepAlive(s) }

//go:noinline
func conditionHealthy(s *Shared) { s.cond.L.Lock(); s.cond.Wait(); runtime.KeepAlive(s) }

//go:noinline
func sleepHealthy(s *Shared) { time.Sleep(time.Hour); s.channel <- new(int) }

//go:noinline
func chainHealthy(s, next *Shared) { <-s.channel; next.channel <- new(int) }

//go:noinline
func timerHealthy() { <-time.After(time.Hour) }

//go:noinline
func tickerHealthy(s *Shared) {
	select {
	case <-s.channel:
	case <-time.NewTicker(time.Hour).C:
	}
}

//go:noinline
func networkHealthy(listener net.Listener) { listener.Accept() }

func start() {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	for i := 0; i < each; i++ {
		for _, function := range handled {
			go function(shared())
		}
		a, b, c := shared(), shared(), shared()
		go chainStuck(a, b)
		go chainStuck(b, c)
		go receiveHealthy(global)
		go selectHealthy(global, shared())
		go mutexHealthy(global)
		go groupHealthy(global)
		go conditionHealthy(global)
		d, e, f := shared(), shared(), shared()
		go sleepHealthy(d)
		go chainHealthy(d, e)
		go chainHealthy(e, f)
		go receiveHealthy(f)
		go timerHealthy()
		go tickerHealthy(shared())
		go networkHealthy(listener)
	}
}

func main() {
	start()
	time.Sleep(200 * time.Millisecond)
	runtime.GC()
	runtime.GC()
	if profile := pprof.Lookup("goroutineleak"); profile != nil && len(os.Args) > 1 {
		file, err := os.Create(os.Args[1])
		if err != nil {
			panic(err)
		}
		profile.WriteTo(file, 1)
		file.Close()
	}
	os.Stdout.WriteString("READY\n")
	time.Sleep(time.Hour)
}
