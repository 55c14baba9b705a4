// SPDX-License-Identifier: BSD-2-Clause

// Rewriter writes to all pages of its memory all the time: faster than anybody copies them.
package main

import (
	"flag"
	"fmt"
	"runtime"
)

type node struct{ next *node }

var nodes [][]*node

const pageElements = 512

// Writes to every page, again and again.
func rewrite(part []*node, leaves []node) {
	for round := 0; ; round++ {
		for i := 0; i < len(part); i += pageElements {
			part[i] = &leaves[round%len(leaves)]
		}
	}
}

func main() {
	size := flag.Int("mb", 256, "how much is rewritten")
	flag.Parse()
	parts := runtime.GOMAXPROCS(0)
	leaves := make([]node, 64)
	for i := range leaves {
		leaves[i].next = &leaves[(i+1)%len(leaves)]
	}
	for i := 0; i < parts; i++ {
		nodes = append(nodes, make([]*node, *size<<17/parts))
		go rewrite(nodes[i], leaves)
	}
	fmt.Println("READY")
	select {}
}
