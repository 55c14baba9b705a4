// SPDX-License-Identifier: BSD-2-Clause

// Plugin: a module of its own, with variables, types and functions that its host knows nothing of.
package main

import "runtime"

// Entry is 48 bytes.
type Entry struct {
	Name string
	Next *Entry
	Data []byte
}

// Wrapped hides an Entry.
type Wrapped struct {
	entry *Entry
	words [7]int64
}

var (
	entries = map[int]*Entry{}
	list    *Entry
	stays   = &Entry{Name: "laid out by the linker"}
	never   = make(chan struct{})
)

//go:noinline
func text(length int) string {
	bytes := make([]byte, length)
	for i := range bytes {
		bytes[i] = 'x'
	}
	return string(bytes)
}

//go:noinline
func entry(length int) *Entry {
	return &Entry{Name: text(length), Data: make([]byte, 128)}
}

// Fill makes things that the plugin keeps.
func Fill(count int) {
	for i := 0; i < count; i++ {
		entries[i] = entry(48)
		list = &Entry{Name: text(32), Next: list}
	}
	stays.Next = entry(80)
	go wait(entry(96))
}

//go:noinline
func wait(held *Entry) {
	<-never
	runtime.KeepAlive(held)
}

// Make gives the host something that it does not know the type of.
func Make() interface{} {
	return &Wrapped{entry: entry(112)}
}

// Call comes back to the host with something in hand.
func Call(back func()) {
	held := entry(144)
	back()
	runtime.KeepAlive(held)
}

func main() {}
