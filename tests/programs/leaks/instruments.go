// SPDX-License-Identifier: BSD-2-Clause

package main

import "sync"

// As OpenTelemetry's global provider of meters: it keeps each instrument that is asked for, until a
// real provider is set, and a new handler asks for its own.
type delegatedInstrument interface{ setDelegate(provider *meterProvider) }

type instrument struct {
	name, description, unit string
	delegate                *meterProvider
	attributes              []string
}

func (i *instrument) setDelegate(provider *meterProvider) { i.delegate = provider }

type meter struct {
	name        string
	mutex       sync.Mutex
	instruments []delegatedInstrument
	byName      map[string]*instrument
}

type meterProvider struct {
	mutex  sync.Mutex
	meters map[string]*meter
}

var globalMeterProvider = &meterProvider{meters: map[string]*meter{}}

//go:noinline
func (p *meterProvider) meter(name string) *meter {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	if p.meters[name] == nil {
		p.meters[name] = &meter{name: name, byName: map[string]*instrument{}}
	}
	return p.meters[name]
}

//go:noinline
func (m *meter) counter(name string, once bool) *instrument {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	if known := m.byName[name]; once && known != nil {
		return known
	}
	added := &instrument{name: name, description: "requests", unit: "1", attributes: []string{"http", "GET"}}
	m.instruments = append(m.instruments, added)
	m.byName[name] = added
	return added
}

type tracedHandler struct{ requests, errors *instrument }

//go:noinline
func newTracedHandler(healthy bool) *tracedHandler {
	meter := globalMeterProvider.meter("otelhttp")
	return &tracedHandler{meter.counter("http.requests", healthy), meter.counter("http.errors", healthy)}
}

//go:noinline
func instruments(healthy bool) {
	for i := 0; i < 12000; i++ {
		if newTracedHandler(healthy).errors.unit != "1" {
			panic(i)
		}
	}
}
