// SPDX-License-Identifier: BSD-2-Clause

//go:build go1.23

package main

import "unique"

type label struct {
	Text   string
	Number int
}

var (
	labels []unique.Handle[label]
	texts  []unique.Handle[string]
)

//go:noinline
func makeUnique() {
	for i := 0; i < 2000; i++ {
		labels = append(labels, unique.Make(label{"label", i}))
	}
	for i := 0; i < 100; i++ {
		texts = append(texts, unique.Make(text(208+i)))
	}
}
