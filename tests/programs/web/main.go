// SPDX-License-Identifier: BSD-2-Clause

// Web is an HTTP server with a large heap: a map of sessions, which requests look up and change. It
// prints the port that it listens on as JSON, then READY.
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"net"
	"net/http"
	"os"
	"strconv"
	"sync"
)

type item struct {
	Name  string `json:"name"`
	Price int    `json:"price"`
}

type session struct {
	User  string            `json:"user"`
	Cart  []*item           `json:"cart"`
	Notes map[string]string `json:"notes,omitempty"`
	Hits  int               `json:"hits"`
	blob  []byte
}

var (
	lock     sync.RWMutex
	sessions = map[int]*session{}
	count    = flag.Int("sessions", 1000000, "sessions in memory; a million take about 0.7 GB")
)

func newSession(id int) *session {
	one := &session{User: "user-" + strconv.Itoa(id), blob: make([]byte, 200)}
	for i := 0; i < 4; i++ {
		one.Cart = append(one.Cart, &item{"item-" + strconv.Itoa(id*4+i), i})
	}
	if id%8 == 0 {
		one.Notes = map[string]string{"seen": strconv.Itoa(id)}
	}
	return one
}

// change puts something else into the cart of a session, and now and then makes the session anew.
func change(id int) []byte {
	lock.Lock()
	defer lock.Unlock()
	one := sessions[id]
	one.Hits++
	one.Cart[one.Hits%len(one.Cart)] = &item{"item-" + strconv.Itoa(one.Hits), id}
	if one.Hits%4 == 0 {
		one = newSession(id)
		sessions[id] = one
	}
	text, err := json.Marshal(one)
	if err != nil {
		panic(err)
	}
	return text
}

func show(id int) []byte {
	lock.RLock()
	defer lock.RUnlock()
	text, err := json.Marshal(sessions[id])
	if err != nil {
		panic(err)
	}
	return text
}

func serve(writer http.ResponseWriter, request *http.Request) {
	id, err := strconv.Atoi(request.URL.Path[1:])
	if err != nil || id < 0 {
		http.NotFound(writer, request)
		return
	}
	id %= *count
	if id%2 == 0 {
		writer.Write(change(id))
	} else {
		writer.Write(show(id))
	}
}

func main() {
	flag.Parse()
	for id := 0; id < *count; id++ {
		sessions[id] = newSession(id)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	facts := map[string]int{"port": listener.Addr().(*net.TCPAddr).Port}
	json.NewEncoder(os.Stdout).Encode(facts)
	fmt.Println("READY")
	panic(http.Serve(listener, http.HandlerFunc(serve)))
}
