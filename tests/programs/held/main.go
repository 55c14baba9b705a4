// SPDX-License-Identifier: BSD-2-Clause

// Users that are held by a list of another package, by a slice, and by one another.
package main

import (
	"fmt"
	"strings"
	"time"

	"example.com/programs/held/store"
)

// User has a name of its own.
type User struct {
	Name   string
	Friend *User
}

var users []*User

func newUser(i int) *User {
	return &User{Name: strings.Repeat(string(rune('a'+i%26)), 100)}
}

func main() {
	first := newUser(0)
	store.Recent.PushBack(first)
	for i := 1; i < 200; i++ {
		store.Recent.PushBack(newUser(i))
	}
	for i := 0; i < 100; i++ {
		user := newUser(i)
		if i < 50 {
			user.Friend = first
		}
		users = append(users, user)
	}
	fmt.Println("READY")
	for {
		time.Sleep(time.Hour)
	}
}
