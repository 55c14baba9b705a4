// SPDX-License-Identifier: BSD-2-Clause

//go:build go1.24 && !go1.25

package main

func bubble() {}
