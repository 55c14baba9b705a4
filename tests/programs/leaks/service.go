// SPDX-License-Identifier: BSD-2-Clause

package main

import (
	"container/list"
	"container/ring"
	"strconv"
	"sync"
)

// What a service has anyway: twelve things of one size, 128 KiB, so that none of them stands out.
var (
	routes        map[string]*route
	templates     []*template
	certificates  map[string][]byte
	featureFlags  sync.Map
	recentErrors  *ring.Ring
	leastRecent   *list.List
	dictionary    *word
	countryCodes  [][]string
	permissions   map[int]map[string]bool
	readBuffers   [][]byte
	shards        [16]shard
	statusByState map[state][]*transition
)

type route struct {
	pattern string
	methods []string
	limits  *limits
}

type limits struct{ rate, burst, size int }

type template struct {
	name  string
	parts []string
	next  *template
}

type word struct {
	text        string
	left, right *word
}

type shard struct {
	mutex   sync.Mutex
	entries map[uint64]*shardEntry
}

type shardEntry struct {
	value [64]byte
	hits  int
}

type state struct{ major, minor int }

type transition struct {
	to     state
	reason string
}

func name(prefix string, number int) string {
	return prefix + "/" + strconv.Itoa(100000+number)
}

func grow(tree *word, from, to int) *word {
	if from >= to {
		return tree
	}
	middle := (from + to) / 2
	return &word{name("word", middle), grow(nil, from, middle), grow(nil, middle+1, to)}
}

//go:noinline
func startService() {
	routes = map[string]*route{}
	for i := 0; i < 640; i++ {
		routes[name("GET", i)] = &route{name("pattern", i), []string{"GET", "PUT"}, &limits{i, i, i}}
	}
	for i := 0; i < 128; i++ {
		templates = append(templates, &template{name: name("page", i), parts: []string{string(payload(896))}})
	}
	certificates = map[string][]byte{}
	for i := 0; i < 64; i++ {
		certificates[name("host", i)] = payload(2000)
	}
	for i := 0; i < 900; i++ {
		featureFlags.Store(name("flag", i), i%2 == 0)
	}
	recentErrors = ring.New(1000)
	for i := 0; i < 1000; i++ {
		recentErrors.Value = name("error: connection reset by peer: attempt at address", i)
		recentErrors = recentErrors.Next()
	}
	leastRecent = list.New()
	for i := 0; i < 1200; i++ {
		leastRecent.PushBack(name("entry", i))
	}
	dictionary = grow(nil, 0, 2200)
	for i := 0; i < 640; i++ {
		countryCodes = append(countryCodes, []string{name("code", i), name("name", i), name("phone", i), name("zone", i)})
	}
	permissions = map[int]map[string]bool{}
	for i := 0; i < 320; i++ {
		permissions[i] = map[string]bool{name("read", i): true, name("write", i): false}
	}
	for i := 0; i < 32; i++ {
		readBuffers = append(readBuffers, payload(4096))
	}
	for i := range shards {
		shards[i].entries = map[uint64]*shardEntry{}
		for k := 0; k < 75; k++ {
			shards[i].entries[uint64(k)] = &shardEntry{hits: k}
		}
	}
	statusByState = map[state][]*transition{}
	for i := 0; i < 600; i++ {
		from := state{i, i}
		statusByState[from] = []*transition{{from, name("up", i)}, {state{i, 0}, name("down", i)}}
	}
}
