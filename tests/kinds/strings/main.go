// SPDX-License-Identifier: BSD-2-Clause

// Strings and substrings.
package main

import (
	"strings"

	"programs/ready"
)

type Holder struct {
	Name string
	N    int
}

var (
	text      string
	substring string
	words     []string
	pointer   *string
	holder    *Holder
	builder   strings.Builder
	constant  = "laid out by the linker"
)

func main() {
	text = ready.Text(100)
	substring = ready.Text(300)[100:110]
	words = []string{ready.Text(20), ready.Text(40), constant}
	s := ready.Text(64)
	pointer = &s
	holder = &Holder{Name: ready.Text(128)}
	builder.WriteString(ready.Text(48))
	ready.Wait()
}
