// SPDX-License-Identifier: BSD-2-Clause

//go:build !go1.18

// Generics came with Go 1.18.
package main

func setGeneric(int) {
}
