// SPDX-License-Identifier: BSD-2-Clause

package main

import "sync"

// A map keeps the room for the most that it ever had.
type presence struct {
	user, device string
	seen         int64
	position     [4]float64
}

type presenceTable struct {
	mutex  sync.Mutex
	online map[int]presence
}

var presences = &presenceTable{online: map[int]presence{}}

//go:noinline
func (p *presenceTable) endOfDay(healthy bool) {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	for user := range p.online {
		if user >= 100 {
			delete(p.online, user)
		}
	}
	if healthy {
		smaller := make(map[int]presence, len(p.online))
		for user, presence := range p.online {
			smaller[user] = presence
		}
		p.online = smaller
	}
}

//go:noinline
func mapShrink(healthy bool) {
	for user := 0; user < 50000; user++ {
		presences.online[user] = presence{"user", "phone", int64(user), [4]float64{1, 2, 3, 4}}
	}
	presences.endOfDay(healthy)
}
