// SPDX-License-Identifier: BSD-2-Clause

// Leaks as people reported them, a file for each: leaks MECHANISM [healthy]. With "healthy" the same
// work is done as it should be. Beside it stands what a service has anyway (service.go).
package main

import (
	"os"
	"runtime"
	"time"
)

var mechanisms = map[string]func(healthy bool){
	"with-cancel":      withCancel,
	"with-value":       withValue,
	"stream-context":   streamContext,
	"transport-cache":  transportCache,
	"grpc-requests":    grpcRequests,
	"substring":        substring,
	"instruments":      instruments,
	"cardinality":      cardinality,
	"time-after":       timeAfter,
	"errgroup":         errgroup,
	"errgroup-own":     errgroupOwn,
	"map-shrink":       mapShrink,
	"pool":             pool,
	"finalizer-cycle":  finalizerCycle,
	"heap-pop":         heapPop,
	"reslice":          reslice,
	"blocked":          blocked,
	"small-objects":    smallObjects,
	"rss":              rss,
	"metrics-registry": metricsRegistry,
	"old-configs":      oldConfigs,
	"after-func":       afterFunc,
	"tickers":          tickers,
	"generics":         generics,
}

// What is to be done after the last garbage collection.
var atLast = func() {}

// payload has `length` bytes that are not zero.
//
//go:noinline
func payload(length int) []byte {
	bytes := make([]byte, length)
	for i := range bytes {
		bytes[i] = 'a' + byte(i%26)
	}
	return bytes
}

// waitUntil lets other goroutines come to where they wait.
func waitUntil(done func() bool) {
	for !done() {
		time.Sleep(time.Millisecond)
	}
}

func main() {
	if len(os.Args) < 2 || mechanisms[os.Args[1]] == nil {
		os.Stderr.WriteString("usage: leaks MECHANISM [healthy]\n")
		os.Exit(2)
	}
	startService()
	mechanisms[os.Args[1]](len(os.Args) > 2 && os.Args[2] == "healthy")
	for i := 0; i < 3; i++ {
		runtime.GC()
	}
	atLast()
	os.Stdout.WriteString("READY\n")
	for {
		time.Sleep(time.Hour)
	}
}
