/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Pre-copy of a process that writes, maps, unmaps, moves, discards, grows and shrinks its memory
 * meanwhile: stopped, its memory and the copy must be the same, byte for byte, and no page that
 * holds anything may be without a copy. GRF_TEST_RUNS says how many processes; `make check-copy`
 * takes 100.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/log.h"
#include "capture/precopy.h"
#include "capture/soft_dirty.h"
#include "capture/userfault.h"

#define PAGE          4096u
#define AREAS         8
#define AREA_PAGES    1024u
#define ALWAYS_PAGES  256u
#define HIDDEN_PAGES  32u
#define TABLES        3
#define TABLE_BYTES   (2u << 20) /* what one page of page tables maps */
#define RUNS_OF_TEST  12
#define SYS_getfd     438
#define MAX_DIFFERENT 5

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

/* --- the process ------------------------------------------------------------------------------ */

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

/* Whole page tables, moved as such: what is in them does not know of it. */
static void move_table(struct area *area)
{
	static uint8_t *tables[TABLES];
	uint8_t *from, *to;
	size_t which = next_random() % TABLES;

	(void)area;
	if (!tables[0]) {
		uint8_t *room = mmap(NULL, (TABLES + 1) * TABLE_BYTES, PROT_READ | PROT_WRITE,
				     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

		if (room == MAP_FAILED)
			_exit(13);
		room += -(uintptr_t)room % TABLE_BYTES;
		madvise(room, TABLES * TABLE_BYTES, MADV_NOHUGEPAGE);
		for (size_t i = 0; i < TABLES; i++)
			tables[i] = room + i * TABLE_BYTES;
	}
	from = tables[which];
	to = tables[(which + 1) % TABLES];
	from[next_random() % TABLE_BYTES]++;
	if (next_random() % 4)
		return;
	if (mremap(from, TABLE_BYTES, TABLE_BYTES, MREMAP_MAYMOVE | MREMAP_FIXED, to) != to ||
	    mmap(from, TABLE_BYTES, PROT_READ | PROT_WRITE,
		 MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0) != from)
		_exit(14);
	madvise(from, TABLE_BYTES, MADV_NOHUGEPAGE);
}

/* Pages that are there again after they were discarded, as nobody's zeros. */
static void discard_and_read(struct area *area)
{
	size_t page = next_random() % area->pages, end = page + next_random() % 32;

	for (; page < area->pages && page < end; page++) {
		madvise(area->memory + page * PAGE, PAGE, MADV_DONTNEED);
		*(volatile uint8_t *)(area->memory + page * PAGE);
	}
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
	files[which][next_random() % sizes[which]]++;
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

static void live(int ready, uint64_t seed)
{
	static void (*const deeds[])(struct area *) = {
	    write_some,   write_some, write_some, write_some,   write_some,   write_some,
	    write_some,   write_some, write_some, write_some,   write_some,   write_some,
	    discard_some, move,       replace,    page_out,     protect_some, replace_some,
	    shrink,       grow,       move_one,   have_written, collapse,     free_some,
	    have_child,   move_break, hide,       write_file,   move_table,   discard_and_read,
	};
	struct area areas[AREAS] = {0};
	int userfault = (int)syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK | 1);

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	random_state = seed;
	for (int i = 0; i < AREAS; i++) {
		map(&areas[i]);
		write_some(&areas[i]);
	}
	start_writer();
	if (write(ready, &userfault, sizeof(userfault)) < 0)
		_exit(5);
	close(ready);
	for (;;) {
		struct area *area = &areas[next_random() % AREAS];

		deeds[next_random() % (sizeof(deeds) / sizeof(*deeds))](area);
		if (next_random() % 32 == 0)
			grow_down(areas);
		if (next_random() % 64 == 0) {
			munmap(area->memory, area->pages * PAGE);
			map(area);
		}
	}
}

/* --- the copy --------------------------------------------------------------------------------- */

struct copied {
	pid_t pid;
	int maps;
	struct grf_space space;
	struct grf_plan first, final;
	struct grf_copy copy;
	struct grf_precopy precopy;
};

/* A process and a userfaultfd of it; -1 where the kernel has none. */
static int start(struct copied *copied, uint64_t seed)
{
	int ready[2], theirs = -1, pidfd, descriptor;

	assert_int_equal(pipe(ready), 0);
	copied->pid = fork();
	assert_true(copied->pid >= 0);
	if (!copied->pid) {
		close(ready[0]);
		live(ready[1], seed);
	}
	close(ready[1]);
	assert_int_equal(read(ready[0], &theirs, sizeof(theirs)), sizeof(theirs));
	close(ready[0]);
	if (theirs < 0)
		return -1;
	pidfd = (int)syscall(SYS_pidfd_open, copied->pid, 0);
	assert_true(pidfd >= 0);
	descriptor = (int)syscall(SYS_getfd, pidfd, theirs, 0);
	close(pidfd);
	assert_true(descriptor >= 0);
	return descriptor;
}

static int open_file(pid_t pid, const char *name)
{
	char path[64];
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/%s", pid, name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	assert_true(fd >= 0);
	return fd;
}

static void stop(pid_t pid)
{
	int status;

	assert_int_equal(kill(pid, SIGSTOP), 0);
	assert_int_equal(waitpid(pid, &status, WUNTRACED), pid);
	assert_true(WIFSTOPPED(status));
}

/* Counts pages whose copy is not what they are. */
static size_t compare(const struct copied *copied)
{
	size_t different = 0, pages = 0;
	uint8_t page[PAGE];

	for (size_t i = 0; i < copied->final.piece_count; i++) {
		const struct grf_piece *piece = &copied->final.pieces[i];

		for (uint64_t at = piece->start; at < piece->end; at += PAGE, pages++) {
			struct iovec local = {page, PAGE}, remote = {(void *)at, PAGE};

			if (process_vm_readv(copied->pid, &local, 1, &remote, 1, 0) != PAGE)
				continue;
			if (!memcmp(page, piece->data + (at - piece->start), PAGE))
				continue;
			if (different++ < MAX_DIFFERENT)
				fprintf(stderr, "%#llx of %#llx-%#llx part %d differs\n",
					(unsigned long long)at, (unsigned long long)piece->start,
					(unsigned long long)piece->end, piece->part);
		}
	}
	assert_true(pages > 1000);
	return different;
}

static bool is_zero(const uint8_t *page)
{
	return !page[0] && !memcmp(page, page + 1, PAGE - 1);
}

/* Whether the copy has room for that page. */
static bool is_planned(const struct copied *copied, uint64_t at)
{
	for (size_t i = 0; i < copied->final.piece_count; i++)
		if (copied->final.pieces[i].start <= at && at < copied->final.pieces[i].end)
			return true;
	return false;
}

/* Counts pages of a mapping that hold something and have no copy. */
static size_t count_missing_in(const struct copied *copied, uint64_t start, uint64_t end)
{
	uint8_t page[PAGE];
	size_t missing = 0;

	for (uint64_t at = start; at < end; at += PAGE) {
		struct iovec local = {page, PAGE}, remote = {(void *)at, PAGE};

		if (is_planned(copied, at) ||
		    process_vm_readv(copied->pid, &local, 1, &remote, 1, 0) != PAGE ||
		    is_zero(page))
			continue;
		if (missing++ < MAX_DIFFERENT)
			fprintf(stderr, "%#llx of %#llx-%#llx is missing\n", (unsigned long long)at,
				(unsigned long long)start, (unsigned long long)end);
	}
	return missing;
}

/* Looks through the private memory that belongs to no file, as the kernel lists it. */
static size_t count_missing(const struct copied *copied)
{
	size_t missing = 0, seen = 0;
	char path[64], line[512];
	FILE *maps;

	snprintf(path, sizeof(path), "/proc/%d/maps", copied->pid);
	maps = fopen(path, "re");
	assert_non_null(maps);
	while (fgets(line, sizeof(line), maps)) {
		unsigned long long start, end, inode;
		char access[5], name[8] = "";

		assert_true(sscanf(line, "%llx-%llx %4s %*s %*s %llu %7s", &start, &end, access,
				   &inode, name) >= 4);
		if (inode || access[0] != 'r' || access[3] != 'p' || name[0] == '/' ||
		    !strncmp(name, "[v", 2))
			continue;
		seen++;
		missing += count_missing_in(copied, start, end);
	}
	fclose(maps);
	assert_true(seen > AREAS / 2);
	return missing;
}

static void end(struct copied *copied)
{
	int status;

	grf_precopy_end(&copied->precopy);
	kill(copied->pid, SIGKILL);
	waitpid(copied->pid, &status, 0);
	grf_copy_destroy(&copied->copy);
	close(copied->copy.resident.pagemap);
	close(copied->copy.mem);
	close(copied->maps);
	grf_plan_free(&copied->first);
	grf_plan_free(&copied->final);
	grf_space_release(&copied->space, NULL, 0);
}

/* Makes a tracker, and takes `userfault` over. False: the kernel has none. */
static bool make_tracker(struct copied *copied, bool by_soft_dirty, int userfault)
{
	struct grf_tracker **tracker = &copied->precopy.tracker;
	int pagemap = copied->copy.resident.pagemap;
	struct grf_error *error;
	char path[64];

	if (!by_soft_dirty) {
		error = userfault < 0 ? grf_error_no_memory()
				      : grf_userfault_create(userfault, pagemap, tracker);
	} else {
		if (userfault >= 0)
			close(userfault);
		error = grf_soft_dirty_check();
		snprintf(path, sizeof(path), "/proc/%d/clear_refs", copied->pid);
		if (!error)
			error = grf_soft_dirty_create(open(path, O_WRONLY | O_CLOEXEC), pagemap,
						      tracker);
	}
	if (error)
		print_message("%s\n", error->message);
	grf_error_free(error);
	return !error;
}

/* Comes after so many looks. */
static bool comes_after_some(void *context)
{
	unsigned int *looks = context;

	return !*looks || !--*looks;
}

/* Copies ahead of the stop; by soft-dirty bits sometimes anew, of which the last is broken off. */
static void copy_ahead(struct copied *copied, bool by_soft_dirty, uint64_t seed,
		       unsigned int rounds)
{
	unsigned int looks = 1 + (unsigned int)(seed / 3 % 12);

	assert_null(grf_precopy_begin(&copied->precopy, &copied->copy, &copied->first));
	grf_precopy_rounds(&copied->precopy, rounds);
	for (uint64_t i = 0; by_soft_dirty && i < seed % 3; i++) {
		if (i) {
			copied->precopy.is_due = comes_after_some;
			copied->precopy.context = &looks;
		}
		assert_null(grf_precopy_restart(&copied->precopy));
		grf_precopy_rounds(&copied->precopy, rounds);
	}
	copied->precopy.is_due = NULL;
	assert_null(grf_precopy_ready(&copied->precopy, 1));
	copied->precopy.limit = UINT64_MAX;
}

/* Pre-copies a process with that seed. False: the kernel cannot. */
static bool copy_one(uint64_t seed, unsigned int rounds, bool by_soft_dirty)
{
	struct copied copied = {0};
	int userfault = start(&copied, seed);

	grf_copy_init(&copied.copy, copied.pid);
	copied.maps = open_file(copied.pid, "maps");
	copied.copy.mem = open_file(copied.pid, "mem");
	copied.copy.resident.pagemap = open_file(copied.pid, "pagemap");
	assert_null(
	    grf_plan_make(&copied.first, copied.maps, &copied.copy.resident, &copied.space));
	assert_null(grf_plan_make_room(&copied.final, &copied.first));
	if (!make_tracker(&copied, by_soft_dirty, userfault)) {
		end(&copied);
		return false;
	}
	copy_ahead(&copied, by_soft_dirty, seed, rounds);
	stop(copied.pid);
	assert_int_equal(grf_plan_again(&copied.final, &copied.first, copied.maps,
					&copied.copy.resident, &copied.space),
			 GRF_PLAN_DONE);
	assert_true(grf_precopy_plan(&copied.precopy, &copied.first, &copied.final));
	grf_precopy_stop(&copied.precopy);
	assert_false(copied.precopy.overflow);
	if (by_soft_dirty)
		assert_false(grf_soft_dirty_was_disturbed(copied.precopy.tracker));
	grf_precopy_settle(&copied.precopy, &copied.final);
	assert_int_equal(compare(&copied), 0);
	assert_int_equal(count_missing(&copied), 0);
	end(&copied);
	return true;
}

static void copy_many(bool by_soft_dirty)
{
	const char *more = getenv("GRF_TEST_RUNS");
	unsigned long runs = more ? strtoul(more, NULL, 10) : RUNS_OF_TEST;

	for (unsigned long i = 0; i < runs; i++)
		if (!copy_one(0x9e3779b97f4a7c15u * (i + 1), 1 + (unsigned int)i % 5,
			      by_soft_dirty))
			skip();
}

static void test_the_copy_is_the_original(void **state)
{
	(void)state;
	copy_many(false);
}

static void test_the_copy_by_soft_dirty_bits_is_the_original(void **state)
{
	(void)state;
	copy_many(true);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_the_copy_is_the_original),
	    cmocka_unit_test(test_the_copy_by_soft_dirty_bits_is_the_original),
	};

	return cmocka_run_group_tests_name("precopy", tests, NULL, NULL);
}
