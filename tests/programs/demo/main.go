// SPDX-License-Identifier: BSD-2-Clause

// Demo is a small service that leaks: a cache that forgets nothing, subscribers that nobody reads
// from, a request that a goroutine keeps.
package main

import (
	"fmt"
	"runtime"
	"strconv"
	"sync"
	"time"
)

// User is a row of the cache.
type User struct {
	Name     string
	Email    string
	Sessions []*Session
	Settings map[string]string
}

// Session belongs to a user.
type Session struct {
	Token   []byte
	Started time.Time
	Owner   *User
}

// Event goes to subscribers.
type Event struct {
	Text    string
	Payload interface{}
}

// Cache forgets nothing.
type Cache struct {
	mutex sync.Mutex
	users map[string]*User
}

// Broker sends events to subscribers.
type Broker struct {
	subscribers []chan *Event
}

var (
	cache  = &Cache{users: map[string]*User{}}
	broker = &Broker{}
	recent sync.Map
)

func (c *Cache) add(i int) *User {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	user := &User{
		Name:     "user-" + strconv.Itoa(i),
		Email:    "user-" + strconv.Itoa(i) + "@example.com",
		Settings: map[string]string{"theme": "dark", "language": "en-" + strconv.Itoa(i%7)},
	}
	for k := 0; k < 3; k++ {
		user.Sessions = append(user.Sessions, &Session{make([]byte, 256), time.Now(), user})
	}
	c.users[user.Name] = user
	return user
}

func (b *Broker) publish(event *Event) {
	for _, subscriber := range b.subscribers {
		select {
		case subscriber <- event:
		default:
		}
	}
}

func handle(id int) {
	request := make([]byte, 64<<10+id)
	time.Sleep(time.Hour)
	fmt.Println(id, len(request))
	runtime.KeepAlive(request)
}

func main() {
	for i := 0; i < 100; i++ {
		broker.subscribers = append(broker.subscribers, make(chan *Event, 256))
	}
	for i := 0; i < 20000; i++ {
		user := cache.add(i)
		if i%10 == 0 {
			recent.Store(i, user)
		}
	}
	for i := 0; i < 300; i++ {
		broker.publish(&Event{Text: "event " + strconv.Itoa(i), Payload: &User{Name: "copy"}})
	}
	for i := 0; i < 100; i++ {
		go handle(i)
	}
	time.Sleep(100 * time.Millisecond)
	runtime.GC()
	fmt.Println("READY")
	time.Sleep(time.Hour)
}
