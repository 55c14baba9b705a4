// SPDX-License-Identifier: BSD-2-Clause

// Load asks tests/programs/web for pages, over some connections, and notes how long each answer took:
// when it was to be sent (CLOCK_MONOTONIC) and what passed until it was there, in ns, as pairs of
// 64-bit numbers in the file -out. It prints READY when it begins, and ends when its input does.
//
// With -rate N requests are sent at fixed times, N a second over all connections, and the time counts
// from when a request was to be sent: one that has to wait for the answer before it is late, and that
// is the server's doing. Without, each connection sends the next request when it has the answer.
package main

import (
	"bufio"
	"encoding/binary"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
	"unsafe"
)

// For one connection, of times that are relative to `began`.
type worker struct {
	connection net.Conn
	reader     *bufio.Reader
	took       []int64 // pairs
}

var (
	address     = flag.String("address", "", "of the server")
	rate        = flag.Float64("rate", 0, "requests a second; 0: as many as are answered")
	connections = flag.Int("connections", 8, "to the server")
	out         = flag.String("out", "", "file for the times")
	ended       int32
)

func check(err error) {
	if err != nil {
		panic(err)
	}
}

// ask sends one request and reads the answer.
func (w *worker) ask(id uint64) {
	_, err := fmt.Fprintf(w.connection, "GET /%d HTTP/1.1\r\nHost: here\r\n\r\n", id)
	check(err)
	response, err := http.ReadResponse(w.reader, nil)
	check(err)
	_, err = io.Copy(io.Discard, response.Body)
	check(err)
	check(response.Body.Close())
	if response.StatusCode != http.StatusOK {
		panic(response.Status)
	}
}

func (w *worker) run(index int, began time.Time) {
	random := uint64(index + 1)
	interval := time.Duration(0)
	if *rate > 0 {
		interval = time.Duration(float64(*connections) / *rate * 1e9)
	}
	due := interval * time.Duration(index) / time.Duration(*connections)
	for atomic.LoadInt32(&ended) == 0 {
		random = random*6364136223846793005 + 1442695040888963407
		if interval == 0 {
			due = time.Since(began)
		} else if early := due - time.Since(began); early > 0 {
			time.Sleep(early)
		}
		w.ask(random >> 33)
		w.took = append(w.took, int64(due), int64(time.Since(began)-due))
		due += interval
	}
}

func monotonic() int64 {
	var now syscall.Timespec
	syscall.RawSyscall(syscall.SYS_CLOCK_GETTIME, 1, uintptr(unsafe.Pointer(&now)), 0)
	return now.Nano()
}

func main() {
	flag.Parse()
	workers := make([]*worker, *connections)
	for i := range workers {
		connection, err := net.Dial("tcp", *address)
		check(err)
		workers[i] = &worker{connection, bufio.NewReader(connection), make([]int64, 0, 1<<20)}
	}
	origin, began := monotonic(), time.Now()
	var group sync.WaitGroup
	for i, one := range workers {
		group.Add(1)
		go func(index int, one *worker) {
			defer group.Done()
			one.run(index, began)
		}(i, one)
	}
	fmt.Println("READY")
	io.Copy(io.Discard, os.Stdin)
	atomic.StoreInt32(&ended, 1)
	group.Wait()
	file, err := os.Create(*out)
	check(err)
	buffered := bufio.NewWriter(file)
	for _, one := range workers {
		for i := 0; i < len(one.took); i += 2 {
			one.took[i] += origin
		}
		check(binary.Write(buffered, binary.LittleEndian, one.took))
	}
	check(buffered.Flush())
	check(file.Close())
}
