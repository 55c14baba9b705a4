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

var (
	kept []*Node
	sink [64]interface{}
)

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
		// What stays, stays, but not where it was; each has a part of its own.
		share := len(kept) / (2 * runtime.NumCPU())
		mine := kept[id*share : (id+1)*share]
		for i := 0; i < 50; i++ {
			a, b := (round+i)%share, (round+i+1)%share
			mine[a], mine[b] = mine[b], mine[a]
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
	kept = make([]*Node, 500000)
	for i := range kept {
		kept[i] = &Node{nil, i}
	}
	for i := 0; i < 2*runtime.NumCPU(); i++ {
		go work(i)
	}
	runtime.GC()
	runtime.GC()
	os.Stdout.WriteString("READY\n")
	time.Sleep(time.Hour)
}
