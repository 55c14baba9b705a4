// SPDX-License-Identifier: BSD-2-Clause

// Strings and substrings: a substring holds all of the string that it was cut from.
package main

import (
	"os"
	"runtime"
	"strings"
	"time"
)

type Record struct {
	Whole string
	Part  string
	Key   string
}

var (
	whole    string
	part     string
	shared   string
	pointer  *string
	record   *Record
	split    []string
	builder  strings.Builder
	literal  = "not in the heap"
	mixed    []string
	fromByte string
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
func setUp() {
	whole = text(1000)
	part = text(2000)[500:510]
	both := text(300)
	record = &Record{Whole: both, Part: both[100:200], Key: text(20)}
	moved := text(64)
	pointer = &moved
	split = strings.Split("a"+text(30)+",b"+text(30), ",")
	builder.Grow(500)
	builder.WriteString("text")
	mixed = []string{literal, text(80), "also not"}
	shared = mixed[1][:10]
	fromByte = string([]byte(text(100)))
}

func main() {
	setUp()
	runtime.GC()
	runtime.GC()
	os.Stdout.WriteString("READY\n")
	time.Sleep(time.Hour)
}
