// SPDX-License-Identifier: BSD-2-Clause

// sync and sync/atomic: Map, Pool, Pointer, Value, Once and friends.
package main

import (
	"os"
	"runtime"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

// Named is 24 bytes.
type Named struct {
	Name string
	ID   int
}

// Cache is all a sync.Map, and looks like one.
type Cache struct {
	sync.Map
}

type Server struct {
	mutex   sync.Mutex
	config  namedPointer
	once    sync.Once
	clients sync.Map
	group   sync.WaitGroup
	locks   sync.RWMutex
}

var (
	clients       sync.Map
	bigMap        sync.Map
	deletedMap    sync.Map
	pool          = sync.Pool{New: func() interface{} { return new(Named) }}
	atomicPointer namedPointer
	atomicValue   atomic.Value
	atomicString  atomic.Value
	server        *Server
	onceValue     func() *Named
	cache         *Cache
	waiting       = make(chan struct{})
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
func holdMap() {
	var local sync.Map
	for i := 0; i < 300; i++ {
		local.Store(i, named(176))
	}
	waiting <- struct{}{}
	waiting <- struct{}{}
	local.Delete(0)
}

//go:noinline
func setUp() {
	for i := 0; i < 3; i++ {
		clients.Store("key "+strconv.Itoa(i), named(64))
	}
	for i := 0; i < 1000; i++ {
		bigMap.Store(i, named(96))
	}
	for i := 0; i < 10; i++ {
		deletedMap.Store(i, named(112))
	}
	for i := 0; i < 6; i++ {
		deletedMap.Delete(i)
	}
	atomicPointer.Store(named(32))
	atomicValue.Store(named(48))
	atomicString.Store(text(80))
	server = &Server{}
	server.config.Store(named(16))
	server.clients.Store("key", named(128))
	onceValue = once(func() *Named { return named(144) })
	onceValue()
	cache = &Cache{}
	cache.Store("key", named(192))
	makeUnique()
	go holdMap()
	<-waiting
}

//go:noinline
func fillPool() {
	for i := 0; i < 4; i++ {
		pool.Put(named(160))
	}
}

func main() {
	setUp()
	runtime.GC()
	runtime.GC()
	// Pools lose what they hold at the second GC.
	fillPool()
	os.Stdout.WriteString("READY\n")
	time.Sleep(time.Hour)
}
