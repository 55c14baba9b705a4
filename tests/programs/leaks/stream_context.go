// SPDX-License-Identifier: BSD-2-Clause

package main

import (
	"context"
	"sync"
)

// A stream as of gRPC, wrapped by a middleware that puts each message's facts into its context.
type pushStream struct {
	ctx      context.Context
	received chan []byte
}

func (s *pushStream) Context() context.Context { return s.ctx }

func (s *pushStream) receive() ([]byte, bool) {
	message, more := <-s.received
	return message, more
}

type loggedStream struct {
	*pushStream
	ctx     context.Context
	healthy bool
}

type requestFacts struct {
	user, path string
	bytes      int
}

type requestKey struct{}

func (s *loggedStream) Context() context.Context { return s.ctx }

//go:noinline
func (s *loggedStream) receive() ([]byte, bool) {
	message, more := s.pushStream.receive()
	facts := &requestFacts{"tenant", string(message), len(message)}
	if s.healthy {
		s.ctx = context.WithValue(s.pushStream.ctx, requestKey{}, facts)
	} else {
		s.ctx = context.WithValue(s.ctx, requestKey{}, facts)
	}
	return message, more
}

type pushServer struct {
	mutex   sync.Mutex
	streams map[int]*loggedStream
	pushed  chan int
}

var ingester *pushServer

//go:noinline
func (s *pushServer) serve(stream *loggedStream) {
	total := 0
	for {
		message, more := stream.receive()
		if !more {
			return
		}
		total += len(message)
		s.pushed <- total
	}
}

//go:noinline
func streamContext(healthy bool) {
	ingester = &pushServer{streams: map[int]*loggedStream{}, pushed: make(chan int)}
	for i := 0; i < 4; i++ {
		inner := &pushStream{context.Background(), make(chan []byte)}
		stream := &loggedStream{inner, inner.ctx, healthy}
		ingester.streams[i] = stream
		go ingester.serve(stream)
		for k := 0; k < 6000; k++ {
			inner.received <- []byte(name("/push", k))
			<-ingester.pushed
		}
	}
}
