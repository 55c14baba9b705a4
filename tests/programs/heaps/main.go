// SPDX-License-Identifier: BSD-2-Clause

// Heaps are heaps of one shape each, as large as asked for: heaps [SHAPE COUNT]. It says READY, and
// what the collector's own mark of the heap takes is in its trace (GODEBUG=gctrace=1).
package main

import (
	"fmt"
	"os"
	"runtime"
	"strconv"
	"sync"
	"time"
)

// Node points to others at random.
type Node struct {
	Edges [2]*Node
	Name  uint64
}

// Link is an element of a list.
type Link struct {
	Next  *Link
	Value uint64
}

var (
	nodes  []*Node
	list   *Link
	maps   []map[int]*Link
	blocks [][]byte
	wide   []*Link
	hot    = &Link{}
	ending = make(chan struct{})
)

// random returns numbers that look like any (xorshift), the same in each run.
func random(state *uint64) uint64 {
	*state ^= *state << 13
	*state ^= *state >> 7
	*state ^= *state << 17
	return *state
}

func graph(count int) {
	state := uint64(88172645463325252)
	nodes = make([]*Node, count)
	for i := range nodes {
		nodes[i] = &Node{Name: uint64(i)}
	}
	for _, node := range nodes {
		for k := range node.Edges {
			node.Edges[k] = nodes[random(&state)%uint64(count)]
		}
	}
	// All hang from a few, so that the way to most leads through the graph.
	nodes = append([]*Node(nil), nodes[:100]...)
}

func deep(depth int, held *Link) uint64 {
	own := &Link{Next: held}
	if depth == 0 {
		<-ending
		return own.Value
	}
	return deep(depth-1, own) + own.Value
}

func goroutines(count int) {
	var started sync.WaitGroup

	started.Add(count)
	for i := 0; i < count; i++ {
		go func() {
			started.Done()
			deep(40, hot)
		}()
	}
	started.Wait()
	time.Sleep(time.Second)
}

func main() {
	shape, count := "graph", 10000
	if len(os.Args) > 2 {
		shape = os.Args[1]
		count, _ = strconv.Atoi(os.Args[2])
	}
	switch shape {
	case "graph":
		graph(count)
	case "list":
		for i := 0; i < count; i++ {
			list = &Link{Next: list, Value: uint64(i)}
		}
	case "maps":
		for i := 0; i < count; i++ {
			maps = append(maps, map[int]*Link{i: {Value: uint64(i)}, i + 1: hot})
		}
	case "bytes":
		for i := 0; i < count>>20; i++ {
			block := make([]byte, 1<<20)
			block[0] = byte(i)
			blocks = append(blocks, block)
		}
	case "goroutines":
		goroutines(count)
	case "array":
		wide = make([]*Link, count)
		for i := range wide {
			if i%16 == 0 {
				wide[i] = &Link{Value: uint64(i)}
			} else {
				wide[i] = hot
			}
		}
	default:
		panic("no such shape")
	}
	for i := 0; i < 3; i++ {
		runtime.GC()
	}
	fmt.Println("READY")
	time.Sleep(time.Hour)
	runtime.KeepAlive(ending)
}
