// SPDX-License-Identifier: BSD-2-Clause

//go:build go1.24

package main

import (
	"runtime"
	"weak"
)

var (
	strong []*object
	weaks  []weak.Pointer[object]
)

func moreStill() {
	for i := 0; i < 10; i++ {
		kept, lost := &object{held: leaf()}, &object{held: leaf()}
		strong = append(strong, kept)
		weaks = append(weaks, weak.Make(kept), weak.Make(lost))
		runtime.AddCleanup(kept, func(held *Leaf) { runtime.KeepAlive(held) }, leaf())
	}
	runtime.AddCleanup(&object{held: leaf()}, func(held *Leaf) {
		<-never
		runtime.KeepAlive(held)
	}, leaf())
	bubble()
}
