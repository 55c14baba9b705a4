// SPDX-License-Identifier: BSD-2-Clause

// Maps at every size: empty, small, one table, a directory of tables, with indirect keys and
// elements, with deleted slots, growing, as sets, in fields and in each other.
package main

import (
	"os"
	"runtime"
	"strconv"
	"time"
)

// Leaf is 24 bytes without pointers.
type Leaf struct {
	Numbers [3]int
}

// Big is 136 bytes: more than a map keeps in its slots.
type Big struct {
	ID     string
	Number [15]int
}

type Entry struct {
	Name string
	Leaf *Leaf
}

type Holder struct {
	ByName map[string]*Entry
}

var (
	small         map[string]*Leaf
	noPointers    map[int]int
	none          map[int]int
	oneTable      map[int]*Leaf
	hinted        map[int]*Leaf
	directory     map[int]*Leaf
	directoryFull map[int]*Leaf
	indirectKey   map[Big]*Leaf
	indirectElem  map[int]Big
	deleted       map[string]*Leaf
	deletedTable  map[int]*Leaf
	growing       map[int]*Leaf
	set           map[string]struct{}
	structKeys    map[Entry]int
	structElems   map[int]Entry
	interfaceKeys map[interface{}]interface{}
	ofMaps        map[string]map[string]*Leaf
	ofSlices      map[int][]*Leaf
	holder        *Holder
	pointerKeys   map[*Leaf]bool
)

//go:noinline
func text(length int, number int) string {
	bytes := make([]byte, length)
	for i := range bytes {
		bytes[i] = 'x'
	}
	copy(bytes, strconv.Itoa(number))
	return string(bytes)
}

//go:noinline
func leaf() *Leaf {
	return &Leaf{Numbers: [3]int{1, 2, 3}}
}

//go:noinline
func fill(filled map[int]*Leaf, count int) map[int]*Leaf {
	for i := 0; i < count; i++ {
		filled[i] = leaf()
	}
	return filled
}

//go:noinline
func setUp() {
	small = make(map[string]*Leaf)
	for i := 0; i < 5; i++ {
		small[text(16, i)] = leaf()
	}
	noPointers = make(map[int]int)
	noPointers[1] = 1
	none = make(map[int]int)
	oneTable = fill(make(map[int]*Leaf), 20)
	hinted = fill(make(map[int]*Leaf, 100), 10)
	directory = fill(make(map[int]*Leaf, 3000), 1000)
	directoryFull = fill(make(map[int]*Leaf), 20000)
	indirectKey = make(map[Big]*Leaf)
	indirectElem = make(map[int]Big)
	for i := 0; i < 3; i++ {
		indirectKey[Big{ID: text(16, i)}] = leaf()
		indirectElem[i] = Big{ID: text(32, i)}
	}
	setUpDeleted()
	growing = fill(make(map[int]*Leaf), 105)
	set = make(map[string]struct{})
	structKeys = make(map[Entry]int)
	structElems = make(map[int]Entry)
	interfaceKeys = make(map[interface{}]interface{})
	ofMaps = make(map[string]map[string]*Leaf)
	ofSlices = make(map[int][]*Leaf)
	pointerKeys = make(map[*Leaf]bool)
	holder = &Holder{ByName: make(map[string]*Entry)}
	for i := 0; i < 4; i++ {
		set[text(48, i)] = struct{}{}
		structKeys[Entry{text(32, i), leaf()}] = i
		structElems[i] = Entry{text(32, i), leaf()}
		interfaceKeys[text(64, i)] = leaf()
		ofMaps[text(16, i)] = map[string]*Leaf{text(32, i): leaf()}
		ofSlices[i] = []*Leaf{leaf(), leaf()}
		pointerKeys[leaf()] = true
		holder.ByName[text(16, i)] = &Entry{text(32, i), leaf()}
	}
}

//go:noinline
func setUpDeleted() {
	deleted = make(map[string]*Leaf)
	for i := 0; i < 8; i++ {
		deleted[text(16, i)] = leaf()
	}
	for i := 0; i < 3; i++ {
		delete(deleted, text(16, i))
	}
	deletedTable = fill(make(map[int]*Leaf, 100), 100)
	for i := 0; i < 90; i++ {
		delete(deletedTable, i)
	}
}

func main() {
	setUp()
	runtime.GC()
	runtime.GC()
	os.Stdout.WriteString("READY\n")
	time.Sleep(time.Hour)
}
