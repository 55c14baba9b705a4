// SPDX-License-Identifier: BSD-2-Clause

package main

import (
	"context"
	"sync"
)

// As golang.org/x/sync/errgroup. Wait cancels the context of the group; who does not wait leaves it
// with its parent.
type taskGroup struct {
	cancel  context.CancelCauseFunc
	waiting sync.WaitGroup
	once    sync.Once
	err     error
}

func newTaskGroup(parent context.Context) (*taskGroup, context.Context) {
	ctx, cancel := context.WithCancelCause(parent)
	return &taskGroup{cancel: cancel}, ctx
}

//go:noinline
func (g *taskGroup) run(task func() error) {
	g.waiting.Add(1)
	go func() {
		defer g.waiting.Done()
		if err := task(); err != nil {
			g.once.Do(func() { g.err = err; g.cancel(err) })
		}
	}()
}

//go:noinline
func (g *taskGroup) wait() error {
	g.waiting.Wait()
	g.cancel(g.err)
	return g.err
}

type fetcher struct {
	ctx     context.Context
	stop    context.CancelFunc
	fetched chan int
}

var thumbnails *fetcher

//go:noinline
func (f *fetcher) fetch(number int, healthy bool) {
	group, ctx := newTaskGroup(f.ctx)
	group.run(func() error {
		f.fetched <- number
		return ctx.Err()
	})
	<-f.fetched
	if healthy && group.wait() != nil {
		panic(number)
	}
}

//go:noinline
func errgroup(healthy bool) {
	thumbnails = &fetcher{fetched: make(chan int)}
	thumbnails.ctx, thumbnails.stop = context.WithCancel(context.Background())
	for i := 0; i < 20000; i++ {
		thumbnails.fetch(i, healthy)
	}
}
