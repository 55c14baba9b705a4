// SPDX-License-Identifier: BSD-2-Clause

package main

import (
	"sync"
	"time"
)

// A timer for each lease; the lease is released, and its timer is not stopped.
type lease struct {
	id     string
	owner  string
	tokens []string
}

type leaseStore struct {
	mutex   sync.Mutex
	leases  map[string]*lease
	expired int
}

var leaseTable = &leaseStore{leases: map[string]*lease{}}

//go:noinline
func (s *leaseStore) expire(expired *lease) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if s.leases[expired.id] == expired {
		s.expired++
		delete(s.leases, expired.id)
	}
}

//go:noinline
func (s *leaseStore) grant(id string) *time.Timer {
	granted := &lease{id, "worker", []string{id, "read", "write"}}
	s.mutex.Lock()
	s.leases[id] = granted
	s.mutex.Unlock()
	return time.AfterFunc(time.Hour, func() { s.expire(granted) })
}

//go:noinline
func (s *leaseStore) release(id string) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	delete(s.leases, id)
}

//go:noinline
func afterFunc(healthy bool) {
	for i := 0; i < 12000; i++ {
		id := name("lease", i)
		timer := leaseTable.grant(id)
		leaseTable.release(id)
		if healthy && !timer.Stop() {
			panic(i)
		}
	}
}
