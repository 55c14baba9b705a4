// SPDX-License-Identifier: BSD-2-Clause

// Channels: buffers, and senders that wait.
package main

import (
	"time"

	"programs/ready"
)

type Leaf = ready.Leaf

var (
	messages = make(chan *Leaf, 5)
	words    = make(chan string, 10)
	numbers  = make(chan int, 100)
	values   = make(chan [2]*Leaf, 3)
	blocked  = make(chan *Leaf)
)

func main() {
	messages = make(chan *Leaf, 5)
	words = make(chan string, 10)
	numbers = make(chan int, 100)
	values = make(chan [2]*Leaf, 3)
	blocked = make(chan *Leaf)
	messages <- new(Leaf)
	messages <- new(Leaf)
	words <- ready.Text(64)
	values <- [2]*Leaf{new(Leaf), new(Leaf)}
	go func() {
		blocked <- new(Leaf)
	}()
	time.Sleep(50 * time.Millisecond)
	ready.Wait()
}
