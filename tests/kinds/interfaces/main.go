// SPDX-License-Identifier: BSD-2-Clause

// Interfaces: pointers in them, values boxed, functions, with and without methods.
package main

import "programs/ready"

type Leaf = ready.Leaf

type Boxed struct {
	A *Leaf
	N int
}

type Speaker interface {
	Speak() string
}

type Impl struct {
	Data *Leaf
}

func (i *Impl) Speak() string { return "" }

type ByValue struct {
	Data *Leaf
	More *Leaf
}

func (b ByValue) Speak() string { return "" }

type One struct {
	Only *Leaf
}

var (
	direct      any
	boxed       any
	boxedString any
	boxedSlice  any
	boxedMap    any
	speaker     Speaker
	byValue     Speaker
	one         any
	function    any
	list        []any
	problem     error
)

type failure struct {
	cause error
	what  *Leaf
}

func (f *failure) Error() string { return "failure" }

//go:noinline
func makeFunc(payload *Leaf) func() int64 {
	return func() int64 { return payload.Words[0] }
}

func main() {
	direct = new(Leaf)
	boxed = Boxed{new(Leaf), 1}
	boxedString = ready.Text(64)
	boxedSlice = []*Leaf{new(Leaf), new(Leaf)}
	boxedMap = map[string]int{}
	speaker = &Impl{new(Leaf)}
	byValue = ByValue{new(Leaf), new(Leaf)}
	one = One{new(Leaf)}
	function = makeFunc(new(Leaf))
	list = []any{new(Leaf), Boxed{new(Leaf), 2}, 7}
	problem = &failure{&failure{nil, new(Leaf)}, new(Leaf)}
	ready.Wait()
}
