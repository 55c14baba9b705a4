// SPDX-License-Identifier: BSD-2-Clause

package main

import (
	"math/rand"
	"sync"
	"time"
)

// As go-metrics: each connection registers meters under names of its own in a registry for all, and
// does not take them out. An arbiter, which lets all meters tick, has them as well.
type exponentialSample struct {
	values []float64
	random *rand.Rand
}

type standardMeter struct {
	mutex   sync.Mutex
	rates   [3]float64
	samples *exponentialSample
	stopped bool
}

type metricRegistry struct {
	mutex   sync.RWMutex
	metrics map[string]interface{}
}

type meterArbiter struct {
	mutex   sync.RWMutex
	started bool
	meters  map[*standardMeter]struct{}
	ticker  *time.Ticker
}

var (
	defaultRegistry = &metricRegistry{metrics: map[string]interface{}{}}
	arbiter         = &meterArbiter{meters: map[*standardMeter]struct{}{}}
)

//go:noinline
func (r *metricRegistry) register(name string) *standardMeter {
	meter := &standardMeter{samples: &exponentialSample{values: make([]float64, 100)}}
	arbiter.mutex.Lock()
	arbiter.meters[meter] = struct{}{}
	if !arbiter.started {
		arbiter.started = true
		arbiter.ticker = time.NewTicker(time.Hour)
		go arbiter.tick()
	}
	arbiter.mutex.Unlock()
	r.mutex.Lock()
	defer r.mutex.Unlock()
	r.metrics[name] = meter
	return meter
}

//go:noinline
func (r *metricRegistry) unregister(name string) {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	meter := r.metrics[name].(*standardMeter)
	delete(r.metrics, name)
	arbiter.mutex.Lock()
	defer arbiter.mutex.Unlock()
	delete(arbiter.meters, meter)
}

//go:noinline
func (a *meterArbiter) tick() {
	for range a.ticker.C {
		a.mutex.RLock()
		for meter := range a.meters {
			meter.rates[0]++
		}
		a.mutex.RUnlock()
	}
}

//go:noinline
func metricsRegistry(healthy bool) {
	for i := 0; i < 4000; i++ {
		label := name("request-rate-for-broker", i)
		meter := defaultRegistry.register(label)
		meter.samples.values[0]++
		if healthy {
			defaultRegistry.unregister(label)
		}
	}
}
