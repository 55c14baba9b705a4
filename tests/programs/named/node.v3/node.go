// SPDX-License-Identifier: BSD-2-Clause

// Package node has a dot in the last element of its path, which the compiler writes as %2e.
package node

// Node points on.
type Node struct {
	Text string
	Next *Node
}

// New has Next point to another one.
//
//go:noinline
func New(text, next string) *Node {
	return &Node{Text: text, Next: &Node{Text: next}}
}

// Kept is a package variable.
var Kept *Node

// Wait is what a goroutine does.
//
//go:noinline
func Wait(held *Node, done chan bool) {
	<-done
	Kept = held
}
