// SPDX-License-Identifier: BSD-2-Clause

package main

import (
	"strings"
	"sync"
)

// A few bytes of each request's body are kept, and with them all of the body.
type tenantIndex struct {
	mutex sync.RWMutex
	names map[string]int
}

var tenants = &tenantIndex{names: map[string]int{}}

//go:noinline
func (t *tenantIndex) ingest(body string, healthy bool) {
	begin := strings.Index(body, "tenant=") + len("tenant=")
	tenant := body[begin : begin+strings.IndexByte(body[begin:], '&')]
	if healthy {
		tenant = strings.Clone(tenant)
	}
	t.mutex.Lock()
	defer t.mutex.Unlock()
	t.names[tenant]++
}

//go:noinline
func substring(healthy bool) {
	filler := string(payload(8000))
	for i := 0; i < 800; i++ {
		tenants.ingest("v=1&tenant="+name("t", i)+"&data="+filler, healthy)
	}
}
