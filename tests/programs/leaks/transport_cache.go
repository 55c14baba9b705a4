// SPDX-License-Identifier: BSD-2-Clause

package main

import (
	"context"
	"net"
	"net/http"
	"sync"
	"time"
)

// As the cache of transports in Kubernetes' client: the key has the address of what holds the dial
// function, and each controller makes a new one for the same server. Nothing is ever evicted.
type dialHolder struct {
	dial func(ctx context.Context, network, address string) (net.Conn, error)
}

type tlsCacheKey struct {
	insecure   bool
	caData     string
	certData   string
	serverName string
	dialer     *dialHolder
}

type tlsTransportCache struct {
	mutex      sync.Mutex
	transports map[tlsCacheKey]*http.Transport
}

var tlsCache = &tlsTransportCache{transports: make(map[tlsCacheKey]*http.Transport)}

//go:noinline
func (c *tlsTransportCache) get(key tlsCacheKey) http.RoundTripper {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	if transport, there := c.transports[key]; there {
		return transport
	}
	transport := &http.Transport{
		Proxy:               http.ProxyFromEnvironment,
		TLSHandshakeTimeout: 10 * time.Second,
		MaxIdleConnsPerHost: 25,
		DialContext:         key.dialer.dial,
	}
	c.transports[key] = transport
	return transport
}

type cluster struct {
	name   string
	client *http.Client
}

//go:noinline
func reconcile(holder *dialHolder, healthy bool) *cluster {
	if !healthy {
		dialer := &net.Dialer{Timeout: 30 * time.Second, KeepAlive: 30 * time.Second}
		holder = &dialHolder{dialer.DialContext}
	}
	key := tlsCacheKey{caData: "ca", certData: "certificate", serverName: "apiserver", dialer: holder}
	return &cluster{"cluster", &http.Client{Transport: tlsCache.get(key)}}
}

//go:noinline
func transportCache(healthy bool) {
	holder := &dialHolder{(&net.Dialer{}).DialContext}
	for i := 0; i < 6000; i++ {
		reconcile(holder, healthy).client.CloseIdleConnections()
	}
}
