// SPDX-License-Identifier: BSD-2-Clause

// Many objects at the same distance from their roots, so that several threads walk them at a time:
// of each form that a pointer to an object can have, and with all that threads can meet at one
// object.
package main

import (
	"fmt"
	"os"
	"reflect"
	"runtime"
	"sync"
	"time"
	"unsafe"
)

const crowd = 6000

// Inner is what pointers into an Outer lead to.
type Inner struct {
	Name  string
	Next  *Inner
	Count int
}

// Outer is known by a pointer to its first field, to another one, or to itself.
type Outer struct {
	First  Inner
	Second Inner
	Data   []byte
}

// Large has a type that the runtime stores, from Go 1.22 on.
type Large struct {
	Names [40]string
	Inner *Inner
	Any   interface{}
}

type Shape interface{ Area() int }
type Square struct{ Side *int }
type Circle struct{ Radius, Center *int }
type Label string

func (s *Square) Area() int { return *s.Side }
func (c Circle) Area() int  { return *c.Radius }
func (l Label) Area() int   { return len(l) }

// Row is what hangs from an element of the long array, by all kinds of pointers.
type Row struct {
	Hot      *Large // one for all
	First    *Inner // the first field of an Outer
	Second   *Inner // another field of the same
	Whole    *Outer // itself, in some
	Element  *Inner // of an array
	Elements []Inner
	Large    *Large
	Shape    Shape
	Any      interface{}
	Call     func() int
	Raw      unsafe.Pointer
	Map      map[string]*Inner
	Channel  chan *Inner
	Text     string
	Value    reflect.Value
	Cond     *sync.Cond
	Timer    *time.Timer
}

var (
	rows   []*Row
	early  []*Inner // reach Outers before rows do
	table  []Inner
	list   *Inner
	hidden []unsafe.Pointer
	long   []*Inner
	shared Large
)

//go:noinline
func row(i int) *Row {
	outer := &Outer{Data: make([]byte, 10)}
	outer.First.Name = fmt.Sprint("first ", i)
	outer.Second.Next = &Inner{Name: fmt.Sprint("second ", i)}
	r := &Row{Hot: &shared, First: &outer.First, Second: &outer.Second, Text: fmt.Sprint(i)}
	if i%3 == 0 {
		r.Whole = outer
	}
	if i%2 == 0 {
		early = append(early, &outer.Second)
	}
	r.Element = &table[i*7%len(table)]
	r.Elements = table[i%100 : i%100+5]
	r.Large = &Large{Inner: r.Element}
	r.Large.Names[i%40] = fmt.Sprint("large ", i)
	number := i
	switch i % 4 {
	case 0:
		r.Shape, r.Any = &Square{&number}, Circle{&number, &i}
	case 1:
		r.Shape, r.Any = Circle{&number, nil}, Label(r.Text)
	case 2:
		r.Shape, r.Any = Label(r.Text), r.Large
		r.Large.Any = outer
	default:
		r.Any = []*Inner{r.First, r.Second}
	}
	captured := &Inner{Count: i}
	r.Call = func() int { return captured.Count }
	r.Raw = unsafe.Pointer(&Inner{Name: r.Text})
	if i%5 == 0 {
		r.Map = map[string]*Inner{r.Text: outer.Second.Next, "element": r.Element}
		r.Channel = make(chan *Inner, 2)
		r.Channel <- captured
		r.Value = reflect.ValueOf(&Square{&number})
	}
	if i%50 == 0 {
		r.Cond = sync.NewCond(&sync.Mutex{})
		r.Timer = time.NewTimer(time.Hour)
	}
	hidden = append(hidden, unsafe.Pointer(&Large{Inner: captured}))
	return r
}

func main() {
	table = make([]Inner, 1000)
	for i := range table {
		table[i].Name = fmt.Sprint("table ", i)
		table[i].Next = &Inner{Count: i}
	}
	for i := 0; i < crowd; i++ {
		rows = append(rows, row(i))
		list = &Inner{Next: list}
	}
	// Longer than what is visited at once.
	long = make([]*Inner, 100000)
	for i := range long {
		switch {
		case i%3 == 0:
			long[i] = &Inner{Count: i}
		case i%3 == 1:
			long[i] = long[i-1]
		case i > 50000:
			long[i] = &table[i%len(table)]
		}
	}
	runtime.GC()
	os.Stdout.WriteString("READY\n")
	time.Sleep(time.Hour)
	runtime.KeepAlive(rows)
}
