// SPDX-License-Identifier: BSD-2-Clause

// Package store is not main.
package store

import "container/list"

// Recent holds whatever is put there.
var Recent = list.New()
