// SPDX-License-Identifier: BSD-2-Clause

// Values of types that reflect made while the program runs: no DWARF describes them.
package main

import (
	"os"
	"reflect"
	"runtime"
	"time"
)

// Leaf is 24 bytes without pointers.
type Leaf struct {
	Numbers [3]int
}

var (
	madeStruct   interface{}
	madeLarge    interface{}
	madeSlice    interface{}
	madeArray    interface{}
	madeMap      interface{}
	madeChannel  interface{}
	madeFunction func(int) int
	boxedStruct  interface{}
	list         []interface{}

	// Values: of pointers, and of variables in a Box, each the only thing that leads to it.
	ofPointer  reflect.Value
	ofVariable reflect.Value
	ofMap      reflect.Value
	ofFunction reflect.Value
	ofStruct   reflect.Value
	ofElement  reflect.Value
	values     []reflect.Value
)

// Box is 48 bytes, and the only type that looks so.
type Box struct {
	Pointer  *Leaf
	Map      map[int]*Leaf
	Function func() *Leaf
	Pair     Pair
	Count    int
}

// Pair is 16 bytes.
type Pair struct {
	Left  *Leaf
	Count int
}

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
func structType(extra int) reflect.Type {
	fields := []reflect.StructField{
		{Name: "Leaf", Type: reflect.TypeOf((*Leaf)(nil))},
		{Name: "Text", Type: reflect.TypeOf("")},
	}
	if extra > 0 {
		fields = append(fields, reflect.StructField{
			Name: "Pad",
			Type: reflect.ArrayOf(extra, reflect.TypeOf(byte(0))),
		}, reflect.StructField{
			Name: "Last",
			Type: reflect.TypeOf((*Leaf)(nil)),
		})
	}
	return reflect.StructOf(fields)
}

//go:noinline
func fill(value reflect.Value, length int) reflect.Value {
	value.Field(0).Set(reflect.ValueOf(leaf()))
	value.Field(1).SetString(text(length))
	if value.NumField() > 2 {
		value.Field(3).Set(reflect.ValueOf(leaf()))
	}
	return value
}

//go:noinline
func makeFunction(held *Leaf) func(int) int {
	made := reflect.MakeFunc(reflect.TypeOf(madeFunction), func(in []reflect.Value) []reflect.Value {
		return []reflect.Value{reflect.ValueOf(held.Numbers[0] + int(in[0].Int()))}
	})
	return made.Interface().(func(int) int)
}

//go:noinline
func setUp() {
	small := structType(0)
	pointer := reflect.New(small)
	fill(pointer.Elem(), 32)
	madeStruct = pointer.Interface()

	pointer = reflect.New(structType(1000))
	fill(pointer.Elem(), 48)
	madeLarge = pointer.Interface()

	boxed := reflect.New(small)
	boxedStruct = fill(boxed.Elem(), 64).Interface()

	slice := reflect.MakeSlice(reflect.SliceOf(small), 2, 2)
	fill(slice.Index(0), 16)
	fill(slice.Index(1), 16)
	madeSlice = slice.Interface()

	array := reflect.New(reflect.ArrayOf(5, small))
	fill(array.Elem().Index(3), 80)
	madeArray = array.Interface()

	made := reflect.MakeMap(reflect.MapOf(reflect.TypeOf(""), small))
	element := reflect.New(small).Elem()
	made.SetMapIndex(reflect.ValueOf(text(96)), fill(element, 112))
	madeMap = made.Interface()

	channel := reflect.MakeChan(reflect.ChanOf(reflect.BothDir, small), 3)
	element = reflect.New(small).Elem()
	channel.Send(fill(element, 128))
	madeChannel = channel.Interface()

	madeFunction = makeFunction(leaf())
	list = []interface{}{reflect.New(small).Interface()}
}

//go:noinline
func box() *Box {
	held := leaf()
	return &Box{leaf(), map[int]*Leaf{}, func() *Leaf { return held }, Pair{leaf(), 1}, 1}
}

//go:noinline
func setValues() {
	ofPointer = reflect.ValueOf(leaf())
	ofVariable = reflect.ValueOf(box()).Elem().Field(0)
	ofMap = reflect.ValueOf(box()).Elem().Field(1)
	ofFunction = reflect.ValueOf(box()).Elem().Field(2)
	ofStruct = reflect.ValueOf(box()).Elem().Field(3)
	ofElement = reflect.ValueOf([]*Leaf{leaf(), leaf(), leaf()}).Index(1)
	values = []reflect.Value{
		reflect.ValueOf(leaf()),
		reflect.ValueOf(box()).Elem().Field(0),
		reflect.ValueOf(Pair{leaf(), 1}),
	}
}

//go:noinline
func keepValue(ready chan<- bool) {
	value := reflect.ValueOf(box()).Elem().Field(0)
	ready <- true
	time.Sleep(time.Hour)
	runtime.KeepAlive(value)
}

func main() {
	setUp()
	setValues()
	ready := make(chan bool)
	go keepValue(ready)
	<-ready
	runtime.GC()
	runtime.GC()
	os.Stdout.WriteString("READY\n")
	time.Sleep(time.Hour)
}
