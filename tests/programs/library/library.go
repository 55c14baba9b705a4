// SPDX-License-Identifier: BSD-2-Clause

// Library: Go as a guest of a C program (go build -buildmode=c-shared or c-archive), or Go that calls
// C and is called back.
package main

/*
typedef void (*callback)(void *);

static void call(callback function, void *argument)
{
	function(argument);
}

void from_go(void *argument);
*/
import "C"

import (
	"os"
	"runtime"
	"time"
	"unsafe"
)

// Session is 64 bytes.
type Session struct {
	Name    string
	Payload []byte
	Next    *Session
	Words   [2]int64
}

var (
	sessions = map[string]*Session{}
	list     *Session
	never    = make(chan struct{})
	other    string // set by the linker, to make another build
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
func session(length int) *Session {
	return &Session{Name: text(length), Payload: make([]byte, 128)}
}

// FillSessions is called first.
//
//export FillSessions
func FillSessions(count C.int) {
	for i := 0; i < int(count); i++ {
		one := session(32)
		one.Next = list
		list = one
		sessions[text(i+1)] = session(48)
	}
	for i := 0; i < 4; i++ {
		go wait(session(80))
	}
	go collect()
}

func collect() {
	for {
		time.Sleep(20 * time.Millisecond)
		runtime.GC()
	}
}

//go:noinline
func wait(held *Session) {
	<-never
	runtime.KeepAlive(held)
}

// StayInGo is called on a thread of C's, and waits.
//
//export StayInGo
func StayInGo() {
	stay(session(96))
}

//go:noinline
func stay(held *Session) {
	<-never
	runtime.KeepAlive(held)
}

// StayInC goes to C and back to Go, with something in hand on each side.
//
//export StayInC
func StayInC() {
	outer(session(112))
}

//go:noinline
func outer(held *Session) {
	C.call(C.callback(C.from_go), unsafe.Pointer(nil))
	runtime.KeepAlive(held)
}

//export from_go
func from_go(argument unsafe.Pointer) {
	inner(session(144))
}

//go:noinline
func inner(held *Session) {
	<-never
	runtime.KeepAlive(held)
}

// Ready says so.
//
//export Ready
func Ready() {
	time.Sleep(100 * time.Millisecond)
	runtime.GC()
	os.Stdout.WriteString("READY\n")
}

// Only where this is a program of its own.
func main() {
	FillSessions(100)
	go StayInGo()
	go StayInC()
	Ready()
	<-never
}
