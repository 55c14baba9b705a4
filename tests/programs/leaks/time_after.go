// SPDX-License-Identifier: BSD-2-Clause

package main

import "time"

type reading struct {
	sensor string
	value  float64
}

var readings chan reading

// Each turn of the loop makes a timer, which lives until it fires (before Go 1.23).
//
//go:noinline
func watchReadings(idle time.Duration, healthy bool, seen chan<- int) {
	timer := time.NewTimer(idle)
	count := 0
	for {
		after := timer.C
		if healthy {
			timer.Reset(idle)
		} else {
			after = time.After(idle)
		}
		select {
		case <-readings:
			count++
			seen <- count
		case <-after:
			return
		}
	}
}

//go:noinline
func timeAfter(healthy bool) {
	readings = make(chan reading)
	seen := make(chan int)
	go watchReadings(time.Hour, healthy, seen)
	for i := 0; i < 20000; i++ {
		readings <- reading{"sensor", float64(i)}
		<-seen
	}
}
