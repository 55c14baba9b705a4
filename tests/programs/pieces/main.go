// SPDX-License-Identifier: BSD-2-Clause

// Variables of several words that the compiler takes apart, whose words then need not stand side by
// side in the frame.
package main

import (
	"context"
	"fmt"
	"os"
	"runtime"
	"sync/atomic"
	"time"
)

type key int

// Failure is 32 bytes.
type Failure struct {
	next  error
	where string
}

func (f *Failure) Error() string { return f.where }

// Leaf is 24 bytes without pointers.
type Leaf struct {
	Numbers [3]int
}

// Held is a context and a slice.
type Held struct {
	ctx  context.Context
	list []*Leaf
}

var (
	waiting int32
	release = make(chan int)
)

//go:noinline
func wait(n int) int {
	atomic.AddInt32(&waiting, 1)
	return n + <-release
}

// Keys and values of less than 256 are not allocated.
//
//go:noinline
func growContext(ctx context.Context, n int) error {
	for i := 0; i < n; i++ {
		ctx = context.WithValue(ctx, key(i), i+100)
	}
	wait(n)
	return ctx.Err()
}

//go:noinline
func growLoop(k, v interface{}, n int) {
	ctx := context.Background()
	for i := 1; ; i++ {
		ctx = context.WithValue(ctx, k, v)
		if i == n {
			wait(i)
		}
	}
}

//go:noinline
func growError(err error, n int) error {
	for i := 0; i < n; i++ {
		err = &Failure{err, "here"}
	}
	if wait(n) == 7 {
		return nil
	}
	return fmt.Errorf("wrapped %w", err)
}

//go:noinline
func growSlice(n int) int {
	var list []*Leaf
	for i := 0; i < n; i++ {
		list = append(list, &Leaf{})
		if i == n-1 {
			wait(i)
		}
	}
	return len(list)
}

//go:noinline
func growStruct(n int) int {
	var held Held
	held.ctx = context.Background()
	for i := 0; i < n; i++ {
		held.ctx = context.WithValue(held.ctx, key(i), nil)
		held.list = append(held.list, &Leaf{})
		if i == n-1 {
			wait(i)
		}
	}
	if held.ctx.Err() != nil {
		return 1
	}
	return len(held.list)
}

func main() {
	go growContext(context.Background(), 100)
	go growLoop(key(1), nil, 50)
	go growError(os.ErrExist, 60)
	go growSlice(64)
	go growStruct(32)
	for atomic.LoadInt32(&waiting) < 5 {
		time.Sleep(time.Millisecond)
	}
	runtime.GC()
	os.Stdout.WriteString("READY\n")
	time.Sleep(time.Hour)
}
