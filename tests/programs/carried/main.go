// SPDX-License-Identifier: BSD-2-Clause

// Interfaces that a loop carries from one round to the next, and of which one becomes the other. The
// location lists of the compiler mix their words. And types beside pointers to something else. What they
// hold looks the same but for its size.
package main

import (
	"os"
	"reflect"
	"runtime"
	"sync/atomic"
	"time"
)

// Shape is a Square or a Circle.
type Shape interface{ Area() int }

// Square has a side of 24 bytes.
type Square struct {
	side *[3]int
	area int
}

// Circle has a radius of 48 bytes.
type Circle struct {
	radius *[6]int
	area   int
}

func (s *Square) Area() int { return s.area }
func (c *Circle) Area() int { return c.area }

var (
	waiting int32
	release = make(chan int)

	registered [4]struct {
		of     reflect.Type
		circle *Circle
	}
	current struct {
		of      reflect.Type
		circles [2]*Circle
		name    string
	}
)

//go:noinline
func wait() {
	atomic.AddInt32(&waiting, 1)
	<-release
}

//go:noinline
func make1(n int) Shape {
	if n%2 == 0 {
		return &Square{new([3]int), n}
	}
	return &Circle{new([6]int), n}
}

//go:noinline
func make2(n int) (string, interface{}) {
	return "", make1(n)
}

//go:noinline
func same(a, b interface{}) bool { return a == b }

//go:noinline
func largest(n int) int {
	best := make1(0)
	for k := 1; k < n; k++ {
		next := make1(k)
		if k == n-1 {
			wait()
		}
		if next.Area() > best.Area() {
			best = next
		}
	}
	return best.Area()
}

//go:noinline
func retry(n int) interface{} {
	var last interface{}
	for k := 0; k < n; k++ {
		s, err := make2(k)
		if err == nil {
			return s
		}
		if k == n-1 {
			wait()
		}
		if last != nil {
			same(last, last)
		}
		last = err
	}
	return last
}

//go:noinline
func swap(n int) int {
	from, to := make1(0), make1(1)
	sum := 0
	for k := 0; k < n; k++ {
		if k == n-1 {
			wait()
		}
		sum += from.Area() - to.Area()
		from, to = to, from
	}
	return sum + from.Area()
}

//go:noinline
func swapAny(n int) bool {
	_, x := make2(0)
	_, y := make2(1)
	for k := 0; k < n; k++ {
		if k == n-1 {
			wait()
		}
		x, y = y, x
		same(x, y)
	}
	return same(x, y)
}

//go:noinline
func previous(n int) bool {
	_, last := make2(1)
	var before interface{}
	for k := 0; k < n; k++ {
		_, x := make2(k)
		if k == n-1 {
			wait()
		}
		if !same(x, last) {
			before, last = last, x
		}
	}
	return same(before, last)
}

//go:noinline
func parameter(v interface{}, n int) {
	for k := 0; k < n; k++ {
		_, w := make2(k)
		same(v, w)
		v = w
		if k == n-1 {
			wait()
		}
		same(v, w)
	}
}

//go:noinline
func typeOf(n int) reflect.Type {
	if n%2 == 0 {
		return reflect.TypeOf(Square{})
	}
	return reflect.TypeOf(&Square{})
}

//go:noinline
func newCircle(n int) *Circle { return &Circle{new([6]int), n} }

//go:noinline
func use(t reflect.Type, c *Circle) int { return int(t.Kind()) + c.area }

//go:noinline
func described(n int) int {
	t := typeOf(n)
	c := newCircle(n)
	u := typeOf(n + 1)
	d := newCircle(n)
	wait()
	return use(t, c) + use(u, d)
}

//go:noinline
func two(n int) int {
	a := make1(n)
	b := make1(n + 1)
	wait()
	return a.Area() + b.Area()
}

func main() {
	for i := range registered {
		registered[i].of, registered[i].circle = typeOf(0), newCircle(i)
	}
	current.of, current.circles = typeOf(0), [2]*Circle{newCircle(1), newCircle(2)}
	for n := 2; n < 4; n++ {
		n := n
		go largest(n)
		go retry(n)
		go swap(n)
		go swapAny(n)
		go previous(n)
		go parameter(make1(0), n)
		go described(n)
		go two(n)
	}
	for atomic.LoadInt32(&waiting) < 16 {
		time.Sleep(time.Millisecond)
	}
	runtime.GC()
	os.Stdout.WriteString("READY\n")
	time.Sleep(time.Hour)
	use(registered[0].of, registered[1].circle)
	use(current.of, current.circles[0])
}
