/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A process that writes, maps, unmaps, moves, discards, grows and shrinks its memory for ever, by
 * chance: what copies of a living process are tried on.
 */
#ifndef GRF_TESTS_RESTLESS_TARGET_H
#define GRF_TESTS_RESTLESS_TARGET_H

#include <fcntl.h>
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/wait.h>
#include <unistd.h>

#define PAGE         4096u
#define AREAS        8
#define AREA_PAGES   1024u
#define ALWAYS_PAGES 256u
#define HIDDEN_PAGES 32u

#ifndef MADV_COLLAPSE
#define MADV_COLLAPSE 25
#endif
#ifndef MREMAP_DONTUNMAP
#define MREMAP_DONTUNMAP 4
#endif

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

/* A hole, and something else in its place. */
static void replace_some(struct area *area)
{
	size_t page = next_random() % area->pages;
	size_t count = 1 + next_random() % (area->pages - page);
	uint8_t *at = area->memory + page * PAGE;

	munmap(at, count * PAGE);
	if (mmap(at, count * PAGE, PROT_READ | PROT_WRITE,
		 MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0) != at)
		_exit(6);
	at[next_random() % (count * PAGE)] = 1;
}

/* Without moving it. */
static void shrink(struct area *area)
{
	size_t pages = 1 + next_random() % area->pages;

	munmap(area->memory + pages * PAGE, (area->pages - pages) * PAGE);
	area->pages = pages;
}

/* As far as there is room behind it. */
static void grow(struct area *area)
{
	size_t pages = area->pages + 1 + next_random() % 64;

	if (mremap(area->memory, area->pages * PAGE, pages * PAGE, 0) != MAP_FAILED)
		area->pages = pages;
}

/* Moves the contents of one page onto another: with its mapping, or leaving that behind, empty. */
static void move_one(struct area *area)
{
	uint8_t *from = area->memory + next_random() % area->pages * PAGE;
	uint8_t *to = area->memory + next_random() % area->pages * PAGE;
	int flags = MREMAP_MAYMOVE | MREMAP_FIXED | (next_random() % 2 ? MREMAP_DONTUNMAP : 0);

	if (from == to || mremap(from, PAGE, PAGE, flags, to) == MAP_FAILED)
		return;
	if (!(flags & MREMAP_DONTUNMAP) &&
	    mmap(from, PAGE, PROT_READ | PROT_WRITE,
		 MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0) != from)
		_exit(7);
}

/* The kernel writes, not the process. */
static void have_written(struct area *area)
{
	size_t at = next_random() % (area->pages * PAGE), size = area->pages * PAGE - at;

	if (getrandom(area->memory + at, size < 3 * PAGE ? size : 3 * PAGE, 0) < 0)
		_exit(8);
}

/* Huge pages come, whole, under protection or not, and are split by what is done to parts of them.
 */
static void collapse(struct area *area)
{
	madvise(area->memory, area->pages * PAGE, MADV_HUGEPAGE);
	madvise(area->memory, area->pages * PAGE, MADV_COLLAPSE);
}

/* Pages that the kernel may take away while they are not written to again. */
static void free_some(struct area *area)
{
	size_t page = next_random() % area->pages;

	madvise(area->memory + page * PAGE, (area->pages - page) * PAGE, MADV_FREE);
}

/* Each page is shared with a child for a moment, and copied for whoever writes to it first. */
static void have_child(struct area *area)
{
	pid_t child;
	int status;

	if (next_random() % 16)
		return;
	child = fork();
	if (!child) {
		write_some(area);
		_exit(0);
	}
	write_some(area);
	if (child > 0)
		waitpid(child, &status, 0);
}

static void move_break(struct area *area)
{
	static size_t pages;
	uint8_t *end = sbrk(0);

	(void)area;
	if (pages && next_random() % 2) {
		size_t fewer = 1 + next_random() % pages;

		if (sbrk(-(intptr_t)(fewer * PAGE)) != (void *)-1)
			pages -= fewer;
		return;
	}
	if (sbrk(32 * PAGE) == (void *)-1)
		return;
	pages += 32;
	end[next_random() % (31 * PAGE)] = (uint8_t)next_random();
}

/* Memory that is out of reach for a while, and keeps what it held. */
static void hide(struct area *area)
{
	static uint8_t *hidden;
	static bool is_hidden;

	(void)area;
	if (!hidden) {
		hidden = mmap(NULL, HIDDEN_PAGES * PAGE, PROT_READ | PROT_WRITE,
			      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		if (hidden == MAP_FAILED)
			_exit(9);
	}
	if (!is_hidden)
		hidden[next_random() % (HIDDEN_PAGES * PAGE)]++;
	is_hidden = !is_hidden;
	mprotect(hidden, HIDDEN_PAGES * PAGE, is_hidden ? PROT_NONE : PROT_READ | PROT_WRITE);
}

/* Private mappings of a file, one that is copied whole and one of which only written pages are. */
static void write_file(struct area *area)
{
	static const size_t sizes[] = {16 * PAGE, (256u << 20) + PAGE};
	static uint8_t *files[2];
	size_t which = next_random() % 2;

	(void)area;
	if (!files[which]) {
		int fd = memfd_create("file", MFD_CLOEXEC);

		if (fd < 0 || ftruncate(fd, (off_t)sizes[which]) ||
		    pwrite(fd, "something", 9, PAGE) != 9)
			_exit(10);
		files[which] = mmap(NULL, sizes[which], PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
		if (files[which] == MAP_FAILED)
			_exit(11);
		close(fd);
	}
	/* Every other time to one of few pages: most were written to before. */
	files[which][next_random() % (next_random() % 2 ? sizes[0] : sizes[which])]++;
}

/* Another thread, that writes all the time, on another CPU. */
static void *write_always(void *argument)
{
	uint8_t *memory = argument;
	uint32_t state = 1;

	for (;;) {
		state = state * 1664525 + 1013904223;
		memory[(state >> 8) % (ALWAYS_PAGES * PAGE)]++;
	}
	return NULL;
}

static void start_writer(void)
{
	uint8_t *memory = mmap(NULL, ALWAYS_PAGES * PAGE, PROT_READ | PROT_WRITE,
			       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	pthread_t thread;

	if (memory == MAP_FAILED || pthread_create(&thread, NULL, write_always, memory))
		_exit(12);
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

typedef void restless_deed(struct area *area);

/* Begins: areas that were written to, and a thread that writes all the time. */
static void restless_begin(struct area *areas, uint64_t seed)
{
	random_state = seed;
	for (int i = 0; i < AREAS; i++) {
		map(&areas[i]);
		write_some(&areas[i]);
	}
	start_writer();
}

/* Goes on; now and then with something else, or NULL. */
_Noreturn static void restless_live(struct area *areas, restless_deed *also)
{
	static restless_deed *const deeds[] = {
	    write_some,   write_some, write_some, write_some,   write_some,   write_some,
	    write_some,   write_some, write_some, write_some,   write_some,   write_some,
	    discard_some, move,       replace,    page_out,     protect_some, replace_some,
	    shrink,       grow,       move_one,   have_written, collapse,     free_some,
	    have_child,   move_break, hide,       write_file,
	};

	for (;;) {
		struct area *area = &areas[next_random() % AREAS];

		deeds[next_random() % (sizeof(deeds) / sizeof(*deeds))](area);
		if (also && next_random() % 8 == 0)
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
