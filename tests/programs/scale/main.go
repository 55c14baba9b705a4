// SPDX-License-Identifier: BSD-2-Clause

// Scale looks like a service with a large heap: a map of sessions with slices of structs of strings,
// byte slices and sometimes an interface; a list, a sync.Map and a channel that share them; a binary
// tree; goroutines that wait with something in their hands. With -scale 1 it holds 12.9 million
// objects in 0.7 GB.
//
// It prints the runtime's own figures as JSON, then READY, and waits. With -rewrite N it replaces N
// sessions' attributes a second; with -collect D it collects garbage every D; with -clock it reports
// gaps in its own time longer than 100 µs.
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

// clock reports gaps in the flow of time, as this program sees it.
func clock() {
	last := time.Now()
	for {
		now := time.Now()
		if gap := now.Sub(last); gap > 100*time.Microsecond {
			fmt.Printf("gap %d ns\n", gap.Nanoseconds())
		}
		last = now
	}
}

func rewrite(perSecond int, keys []string) {
	tick := time.NewTicker(time.Millisecond)
	for i := 0; ; {
		<-tick.C
		for n := perSecond / 1000; n > 0; n-- {
			i = (i*1103515245 + 12345) & (1<<31 - 1)
			sessions[keys[i%len(keys)]].Attributes = newAttributes(i)
		}
	}
}

func main() {
	scale := flag.Float64("scale", 1, "size; 1 is 0.7 GB")
	goroutines := flag.Int("goroutines", 10000, "waiting goroutines")
	perSecond := flag.Int("rewrite", 0, "sessions to change a second")
	collect := flag.Duration("collect", time.Hour, "time between garbage collections")
	withClock := flag.Bool("clock", false, "report gaps in time")
	flag.Parse()

	count := int(1000000 * *scale)
	depth := 21
	for s := *scale; s < 0.9 && depth > 4; s *= 2 {
		depth--
	}
	var keys []string
	for i := 0; i < count; i++ {
		session := newSession(i)
		key := "user/" + strconv.Itoa(i)
		sessions[key] = session
		if *perSecond > 0 {
			keys = append(keys, key)
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
	if *perSecond > 0 {
		go rewrite(*perSecond, keys)
	}
	if *withClock {
		clock()
	}
	runtime.KeepAlive(keys)
	for {
		time.Sleep(*collect)
		runtime.GC()
	}
}
