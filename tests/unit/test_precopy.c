/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Pre-copy of a process that writes, maps, unmaps, moves, discards, grows and shrinks its memory
 * meanwhile: stopped, its memory and the copy must be the same, byte for byte.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/userfaultfd.h>
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
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/log.h"
#include "capture/precopy.h"

#define PAGE          4096u
#define AREAS         8
#define AREA_PAGES    1024u
#define RUNS_OF_TEST  12
#define SYS_getfd     438
#define MAX_DIFFERENT 5

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
	    write_some,   write_some, write_some, write_some,   write_some,
	    discard_some, move,       replace,    protect_some, page_out,
	};
	struct area areas[AREAS] = {0};
	int userfault = (int)syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK | 1);

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	random_state = seed;
	for (int i = 0; i < AREAS; i++) {
		map(&areas[i]);
		write_some(&areas[i]);
	}
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

/* Pre-copies a process with that seed. False: the kernel cannot. */
static bool copy_one(uint64_t seed, unsigned int rounds)
{
	struct copied copied = {0};
	int userfault = start(&copied, seed);

	grf_copy_init(&copied.copy, copied.pid);
	copied.maps = open_file(copied.pid, "maps");
	copied.copy.mem = open_file(copied.pid, "mem");
	copied.copy.resident.pagemap = open_file(copied.pid, "pagemap");
	copied.precopy.userfault = userfault;
	assert_null(
	    grf_plan_make(&copied.first, copied.maps, &copied.copy.resident, &copied.space));
	assert_null(grf_plan_make_room(&copied.final, &copied.first));
	if (userfault < 0 || grf_userfault_begin(userfault)) {
		end(&copied);
		return false;
	}
	assert_null(grf_precopy_begin(&copied.precopy, &copied.copy, &copied.first));
	grf_precopy_rounds(&copied.precopy, rounds);
	assert_null(grf_precopy_ready(&copied.precopy, 1));
	copied.precopy.limit = UINT64_MAX;
	stop(copied.pid);
	assert_int_equal(grf_plan_again(&copied.final, &copied.first, copied.maps,
					&copied.copy.resident, &copied.space),
			 GRF_PLAN_DONE);
	assert_true(grf_precopy_plan(&copied.precopy, &copied.first, &copied.final));
	grf_precopy_stop(&copied.precopy);
	assert_false(copied.precopy.overflow);
	grf_precopy_settle(&copied.precopy, &copied.final);
	assert_int_equal(compare(&copied), 0);
	end(&copied);
	return true;
}

static void test_the_copy_is_the_original(void **state)
{
	const char *more = getenv("GRF_TEST_RUNS");
	unsigned long runs = more ? strtoul(more, NULL, 10) : RUNS_OF_TEST;

	(void)state;
	for (unsigned long i = 0; i < runs; i++)
		if (!copy_one(0x9e3779b97f4a7c15u * (i + 1), 1 + (unsigned int)i % 5))
			skip();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_the_copy_is_the_original),
	};

	return cmocka_run_group_tests_name("precopy", tests, NULL, NULL);
}
