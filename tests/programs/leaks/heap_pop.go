// SPDX-License-Identifier: BSD-2-Clause

package main

import "container/heap"

// A queue by due time, as the page of container/heap has it, but for the line that clears what is
// popped: the array still points to it.
type delivery struct {
	due     int
	payload []byte
}

type delayQueue []*delivery

var deliveries delayQueue
var clearsPopped bool

func (q delayQueue) Len() int            { return len(q) }
func (q delayQueue) Less(i, j int) bool  { return q[i].due < q[j].due }
func (q delayQueue) Swap(i, j int)       { q[i], q[j] = q[j], q[i] }
func (q *delayQueue) Push(x interface{}) { *q = append(*q, x.(*delivery)) }
func (q *delayQueue) Pop() interface{} {
	old := *q
	last := len(old) - 1
	item := old[last]
	if clearsPopped {
		old[last] = nil
	}
	*q = old[:last]
	return item
}

//go:noinline
func heapPop(healthy bool) {
	clearsPopped = healthy
	for i := 0; i < 6000; i++ {
		heap.Push(&deliveries, &delivery{(i * 7919) % 6000, payload(700)})
	}
	for len(deliveries) > 20 {
		if heap.Pop(&deliveries).(*delivery).payload == nil {
			panic("popped twice")
		}
	}
}
