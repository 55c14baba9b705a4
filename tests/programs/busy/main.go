// SPDX-License-Identifier: BSD-2-Clause

// Busy: goroutines on every thread that allocate, change what others hold, call, sort, print, start
// others and see them exit, around something that stays.
package main

import (
	"fmt"
	"os"
	"runtime"
	"sort"
	"strings"
	"time"
)

type Node struct {
	Next *Node
	Data int
}

const (
	count = 500000
	most  = 64 // goroutines
)

var (
	kept []*Node // as many as that, and a place for each goroutine to change two by
	sink [most]interface{}
)

func goroutines() int {
	if 2*runtime.NumCPU() < most {
		return 2 * runtime.NumCPU()
	}
	return most
}

func work(id int) {
	for round := 0; ; round++ {
		words := map[string]int{}
		var list *Node
		for i := 0; i < 100; i++ {
			list = &Node{list, i}
			words[fmt.Sprint("word ", i, id)] = i
		}
		keys := make([]string, 0, len(words))
		for key := range words {
			keys = append(keys, strings.ToUpper(key))
		}
		sort.Strings(keys)
		sink[id] = list
		// What stays, stays, but not where it was; each has a part of its own. Nothing is
		// ever in a register alone.
		share := count / goroutines()
		mine, between := kept[id*share:(id+1)*share], &kept[count+id]
		for i := 0; i < 50; i++ {
			a, b := (round+i)%share, (round+i+1)%share
			*between = mine[a]
			mine[a] = mine[b]
			mine[b] = *between
		}
		if round%16 == 0 {
			done := make(chan *Node)
			go func() { done <- list.Next }()
			<-done
		}
		if round%64 == 0 {
			time.Now()
			runtime.Gosched()
		}
	}
}

func main() {
	kept = make([]*Node, count+most)
	for i := 0; i < count; i++ {
		kept[i] = &Node{nil, i}
	}
	for i := 0; i < goroutines(); i++ {
		go work(i)
	}
	runtime.GC()
	runtime.GC()
	os.Stdout.WriteString("READY\n")
	time.Sleep(time.Hour)
}
