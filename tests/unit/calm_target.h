/* SPDX-License-Identifier: BSD-2-Clause */
/* A process that mostly writes: some threads of it, some calls of the kernel, some as another
 * process would. */
#ifndef GRF_TESTS_CALM_TARGET_H
#define GRF_TESTS_CALM_TARGET_H

#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/uio.h>
#include <unistd.h>

#include "restless_target.h"

#define CALM_BYTES   (64u << 20)
#define CALM_THREADS 3

static uint8_t *calm_memory;
static uint64_t calm_seed;

static uint64_t next_calm(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

/* From outside, as the kernel sees it. */
static void write_as_another(uint8_t *at, uint64_t value)
{
	struct iovec local = {&value, sizeof(value)}, remote = {at, sizeof(value)};

	if (process_vm_writev(getpid(), &local, 1, &remote, 1, 0) < 0)
		_exit(21);
}

static void do_calmly(uint64_t *state)
{
	uint64_t what = next_calm(state) % 20000;
	uint8_t *at = calm_memory + next_calm(state) % (CALM_BYTES / PAGE - 2) * PAGE;

	if (what < 2)
		madvise(at, PAGE, MADV_DONTNEED);
	else if (what < 3)
		mremap(at, PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED | MREMAP_DONTUNMAP,
		       calm_memory + next_calm(state) % (CALM_BYTES / PAGE) * PAGE);
	else if (what < 10)
		write_as_another(at + what, *state);
	else if (what < 500 && getrandom(at + what, 2 * PAGE, 0) < 0)
		_exit(22);
	else
		at[next_calm(state) % PAGE] = (uint8_t)*state;
}

/* At rest now and then, so that some of it stays untouched. */
static void *be_calm(void *argument)
{
	const struct timespec moment = {.tv_nsec = 200000};
	uint64_t state = calm_seed + (uintptr_t)argument;

	for (;;) {
		for (uint64_t i = next_calm(&state) % 100; i; i--)
			do_calmly(&state);
		nanosleep(&moment, NULL);
	}
	return NULL;
}

static void begin_calm(uint64_t seed)
{
	calm_seed = seed | 1;
	calm_memory =
	    mmap(NULL, CALM_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (calm_memory == MAP_FAILED)
		_exit(23);
	/* A part of it does not exist yet. */
	for (size_t at = 0; at < CALM_BYTES / 3 * 2; at += PAGE)
		calm_memory[at] = 1;
}

static void live_calmly(void)
{
	pthread_t thread;

	for (uintptr_t i = 1; i < CALM_THREADS; i++)
		if (pthread_create(&thread, NULL, be_calm, (void *)(i << 20)))
			_exit(24);
	be_calm(NULL);
}

#endif
