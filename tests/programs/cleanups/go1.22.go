// SPDX-License-Identifier: BSD-2-Clause

//go:build !go1.24

package main

func setUp() {}
