// SPDX-License-Identifier: BSD-2-Clause

// Closures and method values.
package main

import "programs/ready"

type Leaf = ready.Leaf

type Server struct {
	State *Leaf
}

func (s *Server) Serve() int64 { return s.State.Words[0] }

var (
	byValue     func() int64
	byReference func() *Leaf
	two         func() int
	method      func() int64
	handlers    []func() int64
)

//go:noinline
func makeByValue(payload *Leaf) func() int64 {
	return func() int64 { return payload.Words[0] }
}

//go:noinline
func makeByReference() func() *Leaf {
	current := new(Leaf)
	return func() *Leaf {
		old := current
		current = new(Leaf)
		return old
	}
}

//go:noinline
func makeTwo(first *Leaf, text string) func() int {
	return func() int { return int(first.Words[1]) + int(text[first.Words[2]]) }
}

//go:noinline
func newServer() *Server {
	return &Server{new(Leaf)}
}

func main() {
	byValue = makeByValue(new(Leaf))
	byReference = makeByReference()
	two = makeTwo(new(Leaf), ready.Text(64))
	method = newServer().Serve
	for i := 0; i < 3; i++ {
		handlers = append(handlers, makeByValue(new(Leaf)))
	}
	ready.Wait()
}
