// SPDX-License-Identifier: BSD-2-Clause

//go:build go1.23 && !go1.24

package main

func moreStill() {}
