// SPDX-License-Identifier: BSD-2-Clause

// One of each kind of element that a chain has: what it is called is the question, not how much
// there is of it.
package main

import (
	"os"
	"runtime"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
	"unsafe"

	node "example.com/programs/named/node.v3"
)

type Leaf struct {
	Text string
	Next *Leaf
}

type Base struct {
	First *Leaf
}

// Registry is what has its name from the field that it is embedded as.
type Registry struct {
	sync.Map
	Count int
}

type Conn interface{ Close() }

func (leaf *Leaf) Close() {}

type Server struct {
	Base
	Plain     Leaf
	Anonymous struct {
		Inner struct{ Deep *Leaf }
		List  []*Leaf
	}
	Nameless []struct{ Held *Leaf }
	Conn     Conn
	Any      interface{}
	Boxed    interface{}
	Handler  func() string
	Queue    []*Leaf
	ByName   map[string]*Leaf
	ByAny    map[interface{}]interface{}
	Anys     []interface{}
	Sessions sync.Map
	Registry Registry
	Buffers  sync.Pool
	Value    atomic.Value
	Raw      unsafe.Pointer
	Later    *time.Timer
	Ticker   *time.Ticker
	Node     *node.Node
	Requests chan *Leaf
}

var server *Server

// Where variables have no names, its struct has none either.
var parts map[string]*struct{ Part *Leaf }

//go:noinline
func text(length int) string {
	bytes := make([]byte, length)
	for i := range bytes {
		bytes[i] = 'x'
	}
	return string(bytes)
}

//go:noinline
func leaf() *Leaf {
	return &Leaf{Text: text(24)}
}

//go:noinline
func handlerOf(held *Leaf) func() string {
	return func() string { return held.Text }
}

//go:noinline
func laterOf(held *Leaf) *time.Timer {
	return time.AfterFunc(time.Hour, func() { held.Close() })
}

//go:noinline
func setUp() {
	parts = map[string]*struct{ Part *Leaf }{text(16): {leaf()}}
	server = &Server{
		Base:     Base{First: leaf()},
		Plain:    Leaf{Next: leaf()},
		Conn:     leaf(),
		Any:      leaf(),
		Boxed:    text(40),
		Handler:  handlerOf(leaf()),
		Nameless: make([]struct{ Held *Leaf }, 3),
		ByName:   map[string]*Leaf{text(16): leaf()},
		ByAny:    map[interface{}]interface{}{text(16): leaf()},
		Anys:     []interface{}{leaf(), text(16)},
		Raw:      unsafe.Pointer(leaf()),
		Later:    laterOf(leaf()),
		Ticker:   time.NewTicker(time.Hour),
		Node:     node.New(text(16), text(16)),
		Requests: make(chan *Leaf, 4),
	}
	server.Anonymous.Inner.Deep = leaf()
	server.Anonymous.List = []*Leaf{leaf()}
	server.Nameless[1].Held = leaf()
	for i := 0; i < 100; i++ {
		server.Queue = append(server.Queue, leaf())
	}
	server.Queue = server.Queue[1:]
	for i := 0; i < 200; i++ {
		server.Sessions.Store("session "+strconv.Itoa(i), leaf())
	}
	server.Registry.Store(leaf(), leaf())
	server.Value.Store(leaf())
	server.Requests <- leaf()
	node.Kept = node.New(text(16), text(16))
}

// waiter keeps what it is given until the end.
//
//go:noinline
func waiter(held *Leaf, done chan bool) {
	<-done
	runtime.KeepAlive(held)
}

func main() {
	done := make(chan bool)
	setUp()
	go waiter(leaf(), done)
	go node.Wait(node.New(text(16), text(16)), done)
	time.Sleep(20 * time.Millisecond)
	runtime.GC()
	server.Buffers.Put(leaf())
	server.Buffers.Put(leaf())
	server.Buffers.Put(leaf())
	os.Stdout.WriteString("READY\n")
	time.Sleep(time.Hour)
	runtime.KeepAlive(server)
	close(done)
}
