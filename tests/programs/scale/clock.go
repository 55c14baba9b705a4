// SPDX-License-Identifier: BSD-2-Clause

//go:build cgo

package main

/*
#cgo CFLAGS: -O2 -D_GNU_SOURCE
#include <fcntl.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define GAP_NS  100000u
// A gap after which it is asked what the thread was doing; a context switch takes longer than this,
// and asking takes less.
#define LOOK_NS 20000u

struct gap {
	uint64_t begin, end; // CLOCK_MONOTONIC
	uint64_t blocked;    // times that the thread gave up its CPU itself
	uint64_t preempted;  // times that it lost it to another
	uint64_t waited;     // ns that it was ready to run and did not
	uint64_t unused;
};

struct gaps {
	uint64_t count; // ever written; the place of the next one is count % capacity
	uint64_t capacity;
	uint64_t unused[6];
	struct gap items[];
};

static uint64_t now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

static void look(int schedstat, struct gap *ret)
{
	struct rusage usage;
	char text[96] = "";

	getrusage(RUSAGE_THREAD, &usage);
	if (pread(schedstat, text, sizeof(text) - 1, 0) < 0)
		abort();
	ret->blocked = (uint64_t)usage.ru_nvcsw;
	ret->preempted = (uint64_t)usage.ru_nivcsw;
	ret->waited = strtoull(strchr(text, ' ') ?: text, NULL, 10);
}

static void *run(void *argument)
{
	struct gaps *gaps = argument;
	struct gap before, after;
	char name[64];
	int schedstat;
	uint64_t last;

	snprintf(name, sizeof(name), "/proc/self/task/%ld/schedstat", (long)syscall(SYS_gettid));
	schedstat = open(name, O_RDONLY | O_CLOEXEC);
	look(schedstat, &before);
	for (last = now();;) {
		uint64_t time = now();
		struct gap *gap;

		if (time - last < LOOK_NS) {
			last = time;
			continue;
		}
		look(schedstat, &after);
		if (time - last > GAP_NS) {
			gap = &gaps->items[gaps->count % gaps->capacity];
			*gap = (struct gap){last, time, after.blocked - before.blocked,
					    after.preempted - before.preempted,
					    after.waited - before.waited, 0};
			__atomic_add_fetch(&gaps->count, 1, __ATOMIC_RELEASE);
		}
		before = after;
		last = time;
	}
	return NULL;
}

static void start_clock(void *memory, uint64_t size)
{
	struct gaps *gaps = memory;
	pthread_t thread;

	memset(memory, 0, size);
	gaps->capacity = (size - sizeof(*gaps)) / sizeof(struct gap);
	if (pthread_create(&thread, NULL, run, gaps))
		abort();
}
*/
import "C"

import "unsafe"

// startClock starts a thread that only looks at the clock, and writes each gap longer than 100 µs into
// the memory. It is no thread of Go's: what Go itself does to its threads, it does not see. It never
// waits for anything: when it has given up its CPU it was stopped.
func startClock(memory []byte) {
	C.start_clock(unsafe.Pointer(&memory[0]), C.uint64_t(len(memory)))
}
