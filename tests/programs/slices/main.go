// SPDX-License-Identifier: BSD-2-Clause

// Slices: all of the array behind them counts, also what lies past their length or before their
// beginning; slices of strings, structs, slices and interfaces.
package main

import (
	"os"
	"runtime"
	"time"
)

// Leaf is 24 bytes without pointers.
type Leaf struct {
	Numbers [3]int
}

// Row is 48 bytes.
type Row struct {
	ID     int
	Name   string
	Values []int
}

var (
	pointers  []*Leaf
	pastEnd   []*Leaf
	inMiddle  []*Leaf
	bytes     []byte
	strings   []string
	rows      []Row
	nested    [][]*Leaf
	mixed     []interface{}
	toSlice   *[]*Leaf
	large     []*Leaf
	grown     []Row
	arrays    [][3]*Leaf
	empty     []*Leaf
	fromArray []*Leaf
	fromLarge []*Leaf
	fromRows  []Row
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
func leaf() *Leaf {
	return &Leaf{Numbers: [3]int{1, 2, 3}}
}

//go:noinline
func leaves(count int) []*Leaf {
	made := make([]*Leaf, count)
	for i := range made {
		made[i] = leaf()
	}
	return made
}

//go:noinline
func row() Row {
	return Row{Name: text(32), Values: make([]int, 6)}
}

//go:noinline
func setUp(few, many int) {
	pointers = leaves(few)
	pastEnd = leaves(10)[:2]
	inMiddle = leaves(8)[3:5:5]
	bytes = make([]byte, 4096)[100:200]
	strings = []string{text(16), text(32), text(32)}
	rows = []Row{row(), row()}
	nested = [][]*Leaf{leaves(2), leaves(3)}
	mixed = []interface{}{leaf(), text(48), row()}
	inner := leaves(2)
	toSlice = &inner
	large = leaves(many)
	for i := 0; i < 3; i++ {
		grown = append(grown, row())
	}
	arrays = [][3]*Leaf{{leaf(), leaf(), nil}, {nil, nil, leaf()}}
	empty = make([]*Leaf, 0, 4)
	fromLarge = leaves(many)[5:]
	fromRows = make([]Row, 30)
	for i := range fromRows {
		fromRows[i] = row()
	}
	fromRows = fromRows[20:]
	fromArray = (&[5]*Leaf{leaf(), nil, nil, nil, leaf()})[1:3]
}

func main() {
	setUp(4, 10000)
	runtime.GC()
	runtime.GC()
	os.Stdout.WriteString("READY\n")
	time.Sleep(time.Hour)
}
