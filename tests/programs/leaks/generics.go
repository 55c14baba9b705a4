// SPDX-License-Identifier: BSD-2-Clause

package main

import "sync"

// A cache for any type, without a limit.
type cacheEntry[K comparable, V any] struct {
	key          K
	value        V
	newer, older *cacheEntry[K, V]
}

type boundedCache[K comparable, V any] struct {
	mutex          sync.Mutex
	limit          int
	entries        map[K]*cacheEntry[K, V]
	newest, oldest *cacheEntry[K, V]
}

type userID int64

type userProfile struct {
	name   string
	groups []string
}

var profileCache *boundedCache[userID, *userProfile]

func newCache[K comparable, V any](limit int) *boundedCache[K, V] {
	return &boundedCache[K, V]{limit: limit, entries: map[K]*cacheEntry[K, V]{}}
}

func (c *boundedCache[K, V]) put(key K, value V) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	added := &cacheEntry[K, V]{key: key, value: value, older: c.newest}
	if c.newest != nil {
		c.newest.newer = added
	} else {
		c.oldest = added
	}
	c.newest = added
	c.entries[key] = added
	if c.limit > 0 && len(c.entries) > c.limit {
		delete(c.entries, c.oldest.key)
		c.oldest = c.oldest.newer
		c.oldest.older = nil
	}
}

//go:noinline
func generics(healthy bool) {
	limit := 0
	if healthy {
		limit = 100
	}
	profileCache = newCache[userID, *userProfile](limit)
	for i := 0; i < 20000; i++ {
		profileCache.put(userID(i), &userProfile{name("user", i), []string{"staff", name("group", i)}})
	}
}
