// SPDX-License-Identifier: BSD-2-Clause

// Holds memory under names that a test puts others of the same length in the place of.
package main

import (
	"fmt"
	"runtime"
	"time"
)

// NamedTypeWithRoomForMuchElse is what the variable points to.
type NamedTypeWithRoomForMuchElse struct {
	NamedFieldWithRoomForMuchElse *[64]byte
	next                          *NamedTypeWithRoomForMuchElse
}

var namedVariableWithRoomForMuchElse *NamedTypeWithRoomForMuchElse

//go:noinline
func namedFunctionWithRoomForMuchElse(ready chan<- bool) {
	namedLocalWithRoomForMuchElse := make([]*NamedTypeWithRoomForMuchElse, 100)
	for i := range namedLocalWithRoomForMuchElse {
		namedLocalWithRoomForMuchElse[i] = &NamedTypeWithRoomForMuchElse{}
	}
	ready <- true
	time.Sleep(time.Hour)
	runtime.KeepAlive(namedLocalWithRoomForMuchElse)
}

func main() {
	for i := 0; i < 100; i++ {
		namedVariableWithRoomForMuchElse = &NamedTypeWithRoomForMuchElse{
			NamedFieldWithRoomForMuchElse: new([64]byte),
			next:                          namedVariableWithRoomForMuchElse,
		}
	}
	ready := make(chan bool)
	go namedFunctionWithRoomForMuchElse(ready)
	<-ready
	fmt.Println("READY")
	time.Sleep(time.Hour)
}
