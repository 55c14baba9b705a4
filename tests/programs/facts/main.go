// SPDX-License-Identifier: BSD-2-Clause

// Values whose sizes are known from the tests of a tool of the same kind, held by locals of main
// and by package variables.
package main

import (
	"os"
	"runtime"
	"time"
	"unsafe"
)

type Data struct {
	ID   int
	Name string
	Ptr  *int
}

type InnerData struct {
	ID   int64
	Name string
}

type MiddleStruct struct {
	Inner     *InnerData
	Count     int
	Timestamp int64
}

type OuterStruct struct {
	Middle   *MiddleStruct
	Version  string
	IsActive bool
}

type LargeStruct struct {
	ID   int
	Name string
	Data [100]byte
	Flag bool
}

type Finalized struct {
	data [100]int64
	next *Finalized
}

type Message struct {
	ID   int64
	Text string
}

type Node struct {
	Value int64
	Next  *Node
}

type Hidden struct {
	Head *Node
	Pad  [560]byte
	Tail *Node
}

type Small struct {
	Left  *Node
	Pad   [8]byte
	Right *Node
}

type Writer interface{ Write(text string) error }

type FileWriter struct{ fileData *InnerData }

func (writer *FileWriter) Write(text string) error { return nil }

var (
	globalMap         map[string]string
	globalSlice       []int
	globalArray       *[5]int
	globalStruct      *Data
	globalAny         interface{}
	globalOuter       *OuterStruct
	fieldPtr          *int
	globalWriter      Writer
	globalMessageChan chan *Message
	globalStringChan  chan string
	hiddenRaw         *byte
	smallRaw          *byte
)

//go:noinline
func makeClosure(number int) func() int {
	payload := &struct{ Values [3]int }{[3]int{number}}
	return func() int { return payload.Values[0] }
}

//go:noinline
func setUp() {
	globalMap = make(map[string]string)
	globalMap[time.Now().String()] = time.Now().String()
	globalMap[time.Now().String()] = time.Now().String()
	globalMap[time.Now().String()] = time.Now().String()
	globalSlice = make([]int, 5)
	globalArray = new([5]int)
	holder := &struct {
		V    int
		Next *int
	}{V: 456}
	globalStruct = &Data{ID: 123, Name: "test", Ptr: &holder.V}
	globalAny = makeClosure(7)
	globalOuter = &OuterStruct{
		Middle:  &MiddleStruct{Inner: &InnerData{ID: 12345, Name: "nested data"}},
		Version: "v1.0.0",
	}
	large := &LargeStruct{ID: 123, Name: "large struct"}
	fieldPtr = &large.ID
	globalWriter = &FileWriter{fileData: &InnerData{ID: 12345, Name: "test data 1"}}
	globalStringChan = make(chan string, 10)
	globalStringChan <- "test string"
	globalMessageChan = make(chan *Message, 5)
	globalMessageChan <- &Message{ID: 1001, Text: "Hello"}
	globalMessageChan <- &Message{ID: 1002, Text: "World"}
	hidden := &Hidden{Head: &Node{Value: 1}, Tail: &Node{Value: 2}}
	hiddenRaw = (*byte)(unsafe.Pointer(hidden))
	small := &Small{Left: &Node{Value: 1}, Right: &Node{Value: 2}}
	smallRaw = (*byte)(unsafe.Pointer(small))
}

func main() {
	setUp()

	localString := new(string)
	*localString = time.Now().String()

	captured := len(os.Args) + 41
	globalClosure := func() { println("captured value:", captured) }

	finTarget := &Finalized{data: [100]int64{9, 8, 7, 6, 5}}
	obj := &Finalized{data: [100]int64{1, 2, 3, 4, 5}}
	runtime.SetFinalizer(obj, func(*Finalized) { println(finTarget.data[0]) })

	localSlice := []int{1, 2, 3, 4, 5, len(os.Args)}

	runtime.GC()
	runtime.GC()
	os.Stdout.WriteString("READY\n")
	time.Sleep(time.Hour)

	go func() { runtime.KeepAlive(localString) }()
	go func() { runtime.KeepAlive(localSlice) }()
	go globalClosure()
	runtime.KeepAlive(obj)
	runtime.KeepAlive(finTarget)
}
