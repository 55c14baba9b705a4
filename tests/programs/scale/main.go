// SPDX-License-Identifier: BSD-2-Clause

// Scale looks like a service with a large heap: a map of sessions with slices of structs of strings,
// byte slices and sometimes an interface; a list, a sync.Map and a channel that share them; a binary
// tree; goroutines that wait with something in their hands. With -scale 1 it holds 12.9 million
// objects in 0.7 GB.
//
// It prints the runtime's own figures as JSON, then READY, and waits; with -collect D it collects
// garbage every D meanwhile. With -control FILE it rewrites objects at the rate that it is told there,
// and, if built with cgo, writes there every gap in its own time (control.go, clock.go).
package main

import (
	"container/list"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"runtime"
	"runtime/metrics"
	"strconv"
	"sync"
	"time"
)

// Attribute is a pair of strings in a slice.
type Attribute struct {
	Key   string
	Value string
}

// Session is what the map holds.
type Session struct {
	ID         int64
	Name       string
	Attributes []Attribute
	Body       []byte
	Extra      interface{}
}

// Origin is what some sessions hold in an interface.
type Origin struct {
	Address string
	Port    int
}

// Tree is a binary tree.
type Tree struct {
	Left, Right *Tree
	Depth       int
}

var (
	sessions = map[string]*Session{}
	recent   = list.New()
	cache    sync.Map
	queue    = make(chan *Session, 4096)
	tree     *Tree
	finished = make(chan struct{})
)

func newAttributes(i int) []Attribute {
	attributes := make([]Attribute, 2)
	for k := range attributes {
		attributes[k].Key = "key-" + strconv.Itoa(i) + "-" + strconv.Itoa(k)
		attributes[k].Value = "value-" + strconv.Itoa(i*7+k)
	}
	return attributes
}

func newSession(i int) *Session {
	session := &Session{
		ID:         int64(i),
		Name:       "session-" + strconv.Itoa(i),
		Attributes: newAttributes(i),
		Body:       make([]byte, 128+i%160),
	}
	if i%2 == 0 {
		session.Extra = &Origin{Address: "10.0." + strconv.Itoa(i%256) + ".1", Port: i % 65536}
	}
	return session
}

func newTree(depth int) *Tree {
	if depth == 0 {
		return nil
	}
	return &Tree{newTree(depth - 1), newTree(depth - 1), depth}
}

//go:noinline
func wait(id int) int {
	request := newSession(id)
	names := map[int]string{id: request.Name}
	buffer := make([]byte, 256)
	<-finished
	return len(request.Body) + len(names) + len(buffer) + len(request.Attributes)
}

func report() {
	samples := []metrics.Sample{{Name: "/gc/heap/live:bytes"}, {Name: "/gc/heap/objects:objects"}}
	runtime.GC()
	runtime.GC()
	metrics.Read(samples)
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	facts := map[string]uint64{
		"heap_alloc":   stats.HeapAlloc,
		"heap_objects": stats.HeapObjects,
		"live_bytes":   stats.HeapAlloc,
		"live_objects": samples[1].Value.Uint64(),
	}
	// The first one came with Go 1.21.
	if samples[0].Value.Kind() == metrics.KindUint64 {
		facts["live_bytes"] = samples[0].Value.Uint64()
	}
	json.NewEncoder(os.Stdout).Encode(facts)
	fmt.Println("READY")
}

func main() {
	scale := flag.Float64("scale", 1, "size; 1 is 0.7 GB")
	goroutines := flag.Int("goroutines", 10000, "waiting goroutines")
	controlled := flag.String("control", "", "file through which it is told what to do")
	collect := flag.Duration("collect", time.Hour, "time between garbage collections")
	flag.Parse()

	count := int(1000000 * *scale)
	depth := 21
	for s := *scale; s < 0.9 && depth > 4; s *= 2 {
		depth--
	}
	var all []*Session
	for i := 0; i < count; i++ {
		session := newSession(i)
		key := "user/" + strconv.Itoa(i)
		sessions[key] = session
		if *controlled != "" {
			all = append(all, session)
		}
		if i%4 == 1 {
			recent.PushBack(session)
		}
		if i%8 == 2 {
			cache.Store(key, session)
		}
		if len(queue) < cap(queue) {
			queue <- session
		}
	}
	tree = newTree(depth)
	for i := 0; i < *goroutines; i++ {
		go wait(i)
	}
	time.Sleep(200 * time.Millisecond)
	report()
	if *controlled != "" {
		follow(*controlled, all)
	}
	for {
		time.Sleep(*collect)
		runtime.GC()
	}
}
