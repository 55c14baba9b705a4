// SPDX-License-Identifier: BSD-2-Clause

package main

import (
	"context"
	"sync"
)

// The cancel function of each job is kept, and not called when the job ends: the context of all jobs
// has each job's as its child.
type jobRegistry struct {
	mutex   sync.Mutex
	ctx     context.Context
	stop    context.CancelFunc
	current context.CancelFunc
	resumed int
}

var jobs *jobRegistry

//go:noinline
func (r *jobRegistry) resume(id int, healthy bool) {
	ctx, cancel := context.WithCancel(r.ctx)
	r.mutex.Lock()
	r.current = cancel
	r.mutex.Unlock()
	r.run(context.WithValue(ctx, jobKey{}, id))
	if healthy {
		cancel()
	}
}

type jobKey struct{}

//go:noinline
func (r *jobRegistry) run(ctx context.Context) {
	if _, there := ctx.Value(jobKey{}).(int); there && ctx.Err() == nil {
		r.resumed++
	}
}

//go:noinline
func withCancel(healthy bool) {
	jobs = &jobRegistry{}
	jobs.ctx, jobs.stop = context.WithCancel(context.Background())
	for id := 0; id < 30000; id++ {
		jobs.resume(id, healthy)
	}
}
