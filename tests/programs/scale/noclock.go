// SPDX-License-Identifier: BSD-2-Clause

//go:build !cgo

package main

func startClock([]byte) {
	panic("the clock is written in C: build with cgo")
}
