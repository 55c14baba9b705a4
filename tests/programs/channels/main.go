// SPDX-License-Identifier: BSD-2-Clause

// Channels: what stands in their buffers, by place, and who waits at them.
package main

import (
	"os"
	"runtime"
	"sync/atomic"
	"time"
)

// Leaf is 24 bytes without pointers.
type Leaf struct {
	Numbers [3]int
}

// Message is 24 bytes.
type Message struct {
	ID   int64
	Text string
}

type Request struct {
	Body  string
	Reply chan *Leaf
}

var (
	messages   chan *Message
	strings    chan string
	requests   chan Request
	numbers    chan int
	signals    chan struct{}
	many       chan *Leaf
	ofChannels chan chan *Leaf
	field      *struct{ C chan *Leaf }
	unbuffered chan *Message
	receivers  chan *Message
	consumed   chan *Message
	waiting    int32
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
func leaf() *Leaf {
	return &Leaf{Numbers: [3]int{1, 2, 3}}
}

//go:noinline
func message(length int) *Message {
	return &Message{ID: 1, Text: text(length)}
}

//go:noinline
func leafChannel(size, sent int) chan *Leaf {
	channel := make(chan *Leaf, size)
	for i := 0; i < sent; i++ {
		channel <- leaf()
	}
	return channel
}

//go:noinline
func send(sent *Message) {
	atomic.AddInt32(&waiting, 1)
	unbuffered <- sent
}

//go:noinline
func receive() {
	atomic.AddInt32(&waiting, 1)
	got := <-receivers
	runtime.KeepAlive(got)
}

//go:noinline
func setUp() {
	messages = make(chan *Message, 5)
	messages <- message(32)
	messages <- message(48)
	strings = make(chan string, 10)
	strings <- text(64)
	requests = make(chan Request, 2)
	requests <- Request{Body: text(32), Reply: leafChannel(1, 1)}
	numbers = make(chan int, 10)
	numbers <- 1
	signals = make(chan struct{}, 100)
	many = leafChannel(100, 30)
	ofChannels = make(chan chan *Leaf, 4)
	ofChannels <- leafChannel(4, 1)
	field = &struct{ C chan *Leaf }{leafChannel(4, 2)}
	// What was received is gone.
	consumed = make(chan *Message, 4)
	for i := 0; i < 3; i++ {
		consumed <- message(32)
	}
	<-consumed
	<-consumed
	unbuffered = make(chan *Message)
	receivers = make(chan *Message)
	for i := 0; i < 3; i++ {
		go send(message(80))
		go receive()
	}
	for atomic.LoadInt32(&waiting) < 6 {
		time.Sleep(time.Millisecond)
	}
	time.Sleep(50 * time.Millisecond)
}

func main() {
	setUp()
	runtime.GC()
	runtime.GC()
	os.Stdout.WriteString("READY\n")
	time.Sleep(time.Hour)
}
