/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A process that writes, maps, unmaps, moves, discards, grows and shrinks its memory for ever, by
 * chance: what copies of a living process are tried on.
 */
#ifndef GRF_TESTS_RESTLESS_TARGET_H
#define GRF_TESTS_RESTLESS_TARGET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

#define PAGE       4096u
#define AREAS      8
#define AREA_PAGES 1024u

static uint64_t random_state;

static uint64_t next_random(void)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return random_state;
}

struct area {
	uint8_t *memory;
	size_t pages;
};

static uint8_t data_segment[64 * PAGE] = {1};

static void map(struct area *area)
{
	area->pages = 1 + next_random() % AREA_PAGES;
	area->memory = mmap(NULL, area->pages * PAGE, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (area->memory == MAP_FAILED)
		_exit(2);
}

static void write_some(struct area *area)
{
	for (int i = 0; i < 32; i++) {
		size_t page = next_random() % area->pages;

		area->memory[page * PAGE + next_random() % PAGE] = (uint8_t)next_random();
	}
	data_segment[next_random() % sizeof(data_segment)]++;
}

static void discard_some(struct area *area)
{
	size_t page = next_random() % area->pages;
	size_t count = 1 + next_random() % (area->pages - page);

	madvise(area->memory + page * PAGE, count * PAGE, MADV_DONTNEED);
}

/* Where there is swap space. */
static void page_out(struct area *area)
{
	size_t page = next_random() % area->pages;
	size_t count = 1 + next_random() % (area->pages - page);

	madvise(area->memory + page * PAGE, count * PAGE, MADV_PAGEOUT);
}

static void move(struct area *area)
{
	size_t pages = 1 + next_random() % AREA_PAGES;
	uint8_t *moved = mremap(area->memory, area->pages * PAGE, pages * PAGE, MREMAP_MAYMOVE);

	/* It may be in several mappings by now, which cannot be moved as one. */
	if (moved != MAP_FAILED)
		*area = (struct area){moved, pages};
}

/* The same addresses, another mapping. */
static void replace(struct area *area)
{
	if (mmap(area->memory, area->pages * PAGE, PROT_READ | PROT_WRITE,
		 MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == MAP_FAILED)
		_exit(4);
}

static void protect_some(struct area *area)
{
	size_t page = next_random() % area->pages;

	mprotect(area->memory + page * PAGE, PAGE, PROT_READ);
	mprotect(area->memory + page * PAGE, PAGE, PROT_READ | PROT_WRITE);
}

/* Lets what lies below the lowest of the areas grow together with it: one page, or, once, more than
 * the copy keeps room for. */
static void grow_down(struct area *areas)
{
	static bool grown_much;
	size_t bytes = grown_much || next_random() % 2 ? PAGE : (1ull << 30) + PAGE;
	uint8_t *lowest = areas[0].memory, *grown;

	for (int i = 1; i < AREAS; i++)
		if (areas[i].memory < lowest)
			lowest = areas[i].memory;
	grown = mmap(lowest - bytes, bytes, PROT_READ | PROT_WRITE,
		     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED_NOREPLACE, -1, 0);
	if (grown == MAP_FAILED)
		return;
	grown[0] = grown[bytes - 1] = 7;
	grown_much |= bytes > PAGE;
}

/* What it can be made to do besides. */
typedef void restless_deed(struct area *area);

/* Begins: areas that were written to. */
static void restless_begin(struct area *areas, uint64_t seed)
{
	random_state = seed;
	for (int i = 0; i < AREAS; i++) {
		map(&areas[i]);
		write_some(&areas[i]);
	}
}

/* For ever; `also` is done now and then, beside one in `share` other things. */
_Noreturn static void restless_live(struct area *areas, restless_deed *also, unsigned int share)
{
	static restless_deed *const deeds[] = {
	    write_some,   write_some, write_some, write_some,   write_some,
	    discard_some, move,       replace,    protect_some, page_out,
	};

	for (;;) {
		struct area *area = &areas[next_random() % AREAS];

		deeds[next_random() % (sizeof(deeds) / sizeof(*deeds))](area);
		if (next_random() % share == 0)
			also(area);
		if (next_random() % 32 == 0)
			grow_down(areas);
		if (next_random() % 64 == 0) {
			munmap(area->memory, area->pages * PAGE);
			map(area);
		}
	}
}

#endif
