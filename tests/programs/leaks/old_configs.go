// SPDX-License-Identifier: BSD-2-Clause

package main

import (
	"regexp"
	"sync"
)

// Each reload of the configuration makes a router with its expressions, and adds a listener, a
// function that has the router. The listeners of the routers before are not taken out.
type routingConfig struct {
	version int
	rules   map[string]string
}

type compiledRouter struct {
	config   *routingConfig
	patterns []*regexp.Regexp
	handlers map[string]*compiledRule
}

type compiledRule struct {
	name    string
	headers []string
}

type configurationWatcher struct {
	mutex     sync.Mutex
	listeners []func(config *routingConfig)
}

var configWatcher = &configurationWatcher{}

//go:noinline
func buildRouter(config *routingConfig) *compiledRouter {
	router := &compiledRouter{config: config, handlers: map[string]*compiledRule{}}
	for rule, pattern := range config.rules {
		router.patterns = append(router.patterns, regexp.MustCompile(pattern))
		router.handlers[rule] = &compiledRule{rule, []string{"X-Forwarded-For", pattern}}
	}
	return router
}

//go:noinline
func (w *configurationWatcher) addListener(listener func(config *routingConfig)) {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	w.listeners = append(w.listeners, listener)
}

//go:noinline
func reloadConfiguration(version int, healthy bool) {
	config := &routingConfig{version, map[string]string{}}
	for i := 0; i < 20; i++ {
		config.rules[name("rule", i)] = "^/api/v[0-9]+/" + name("resource", i) + "(/.*)?$"
	}
	router := buildRouter(config)
	if healthy {
		configWatcher.listeners = nil
	}
	configWatcher.addListener(func(config *routingConfig) {
		router.config = config
	})
}

//go:noinline
func oldConfigs(healthy bool) {
	for version := 0; version < 80; version++ {
		reloadConfiguration(version, healthy)
	}
}
