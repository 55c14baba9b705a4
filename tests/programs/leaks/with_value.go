// SPDX-License-Identifier: BSD-2-Clause

package main

import "context"

type transaction struct {
	name     string
	segments []string
}

type transactionKey struct{}

// The context of each message is made of the one of the message before.
//
//go:noinline
func consumeMessages(ctx context.Context, messages <-chan string, healthy bool, handled chan<- int) {
	count := 0
	for message := range messages {
		transaction := &transaction{message, []string{message, "db", "cache"}}
		if healthy {
			handleMessage(context.WithValue(ctx, transactionKey{}, transaction), message)
		} else {
			ctx = context.WithValue(ctx, transactionKey{}, transaction)
			handleMessage(ctx, message)
		}
		count++
		handled <- count
	}
}

//go:noinline
func handleMessage(ctx context.Context, message string) {
	if ctx.Value(transactionKey{}).(*transaction).name != message {
		panic(message)
	}
}

var messageQueue chan string

//go:noinline
func withValue(healthy bool) {
	messageQueue = make(chan string)
	handled := make(chan int)
	go consumeMessages(context.Background(), messageQueue, healthy, handled)
	for i := 0; i < 20000; i++ {
		messageQueue <- name("message", i)
		<-handled
	}
}
