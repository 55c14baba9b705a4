/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Pre-copy of a process that writes, maps, unmaps, moves, discards, grows and shrinks its memory
 * meanwhile: stopped, its memory and the copy must be the same, byte for byte, and no page that
 * holds anything may be without a copy. The same of processes that mostly write, in which page
 * faults are noted by eBPF: what they did not touch is not looked at. GRF_TEST_RUNS says how many
 * processes; `make check-copy` takes 100. And of one that does nothing, whose memory is not all
 * needed.
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
#include "calm_target.h"
#include "capture/precopy/precopy.h"
#include "capture/precopy/precopy_stop.h"
#include "capture/precopy/soft_dirty.h"
#include "capture/precopy/userfault.h"
#include "capture/probes/probes.h"
#include "restless_target.h"

#define TABLES        3
#define TABLE_BYTES   (2u << 20) /* what one page of page tables maps */
#define RUNS_OF_TEST  12
#define SYS_getfd     438
#define MAX_DIFFERENT 5

#define QUIET_PAGES 64u

enum life {
	RESTLESS,
	CALM,
	QUIET,
};

enum way {
	BY_USERFAULT,
	BY_NOTED_FAULTS, /* the same, of calm processes */
	BY_SOFT_DIRTY,
};

/* --- the process, and what it does beside what restless ones do ------------------------------- */

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

static void do_more(struct area *area)
{
	if (next_random() % 2)
		move_table(area);
	else
		discard_and_read(area);
}

/* --- what they have in common ----------------------------------------------------------------- */

/* Of the quiet one, which has it from us. */
static uint8_t *quiet_memory;

static void live(int ready, uint64_t seed, enum life life)
{
	struct area areas[AREAS] = {0};
	int userfault = (int)syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK | 1);

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (life == CALM)
		begin_calm(seed);
	else if (life == RESTLESS)
		restless_begin(areas, seed);
	if (write(ready, &userfault, sizeof(userfault)) < 0)
		_exit(5);
	close(ready);
	if (life == CALM)
		live_calmly();
	while (life == QUIET)
		pause();
	restless_live(areas, do_more);
}

/* --- the copy --------------------------------------------------------------------------------- */

struct copied {
	pid_t pid;
	int maps;
	struct grf_space space;
	struct grf_plan first, final;
	struct grf_copy copy;
	struct grf_precopy precopy;
	struct grf_touched *touched;
	struct grf_pool *pool;
};

/* A process and a userfaultfd of it; -1 where the kernel has none. */
static int start(struct copied *copied, uint64_t seed, enum life life)
{
	int ready[2], theirs = -1, pidfd, descriptor;

	assert_int_equal(pipe(ready), 0);
	copied->pid = fork();
	assert_true(copied->pid >= 0);
	if (!copied->pid) {
		close(ready[0]);
		live(ready[1], seed, life);
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
	grf_touched_close(copied->touched);
	grf_pool_destroy(copied->pool);
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
static void copy_ahead(struct copied *copied, enum way way, uint64_t seed, unsigned int rounds)
{
	unsigned int looks = 1 + (unsigned int)(seed / 3 % 12);

	copied->precopy.touched = copied->touched;
	assert_null(grf_precopy_begin(&copied->precopy, &copied->copy, &copied->first));
	grf_precopy_rounds(&copied->precopy, rounds);
	for (uint64_t i = 0; way == BY_SOFT_DIRTY && i < seed % 3; i++) {
		if (i) {
			copied->precopy.is_due = comes_after_some;
			copied->precopy.context = &looks;
		}
		assert_null(grf_precopy_restart(&copied->precopy));
		grf_precopy_rounds(&copied->precopy, rounds);
	}
	if (way == BY_NOTED_FAULTS) {
		copied->precopy.is_due = comes_after_some;
		copied->precopy.context = &looks;
		grf_precopy_round(&copied->precopy);
	}
	copied->precopy.is_due = NULL;
	if (way == BY_NOTED_FAULTS) {
		assert_null(grf_pool_create(2, &copied->pool));
		copied->precopy.helpers = copied->pool;
		copied->precopy.helper_count = 2;
		grf_precopy_catch_up(&copied->precopy);
	}
	assert_null(grf_precopy_ready(&copied->precopy));
	copied->precopy.limit = UINT64_MAX;
}

/* False: the kernel does not permit it. */
static bool note_faults(struct copied *copied)
{
	struct grf_registers_probe *registers = NULL;
	struct grf_error *error = grf_registers_open(copied->pid, &registers);

	if (!error)
		error = grf_touched_open(grf_registers_kernel_tgid(registers), &copied->touched);
	grf_registers_close(registers);
	if (error)
		print_message("%s\n", error->message);
	grf_error_free(error);
	return copied->touched;
}

static void open_files(struct copied *copied)
{
	grf_copy_init(&copied->copy, copied->pid);
	copied->maps = open_file(copied->pid, "maps");
	copied->copy.mem = open_file(copied->pid, "mem");
	copied->copy.resident.pagemap = open_file(copied->pid, "pagemap");
	assert_null(
	    grf_plan_make(&copied->first, copied->maps, &copied->copy.resident, &copied->space));
	assert_null(grf_plan_make_room(&copied->final, &copied->first));
}

/* Copies what is left, if it is not too much. */
static void copy_rest(struct copied *copied)
{
	stop(copied->pid);
	assert_int_equal(grf_plan_again(&copied->final, &copied->first, copied->maps,
					&copied->copy.resident, &copied->space),
			 GRF_PLAN_DONE);
	assert_true(grf_precopy_plan(&copied->precopy, &copied->first, &copied->final));
	grf_precopy_stop(&copied->precopy, 1);
}

/* Pre-copies a process with that seed. False: the kernel cannot. *ret_passed_over counts how often
 * what was not touched was not looked at at the stop. */
static bool copy_one(uint64_t seed, unsigned int rounds, enum way way, size_t *ret_passed_over)
{
	struct copied copied = {0};
	int userfault = start(&copied, seed, way == BY_NOTED_FAULTS ? CALM : RESTLESS);

	open_files(&copied);
	if (!make_tracker(&copied, way == BY_SOFT_DIRTY, userfault) ||
	    (way == BY_NOTED_FAULTS && !note_faults(&copied))) {
		end(&copied);
		return false;
	}
	copy_ahead(&copied, way, seed, rounds);
	copy_rest(&copied);
	assert_false(copied.precopy.overflow);
	if (way == BY_SOFT_DIRTY)
		assert_false(grf_soft_dirty_was_disturbed(copied.precopy.tracker));
	if (copied.touched)
		*ret_passed_over += !grf_touched_is_disturbed(copied.touched);
	grf_precopy_settle(&copied.precopy, &copied.final);
	assert_int_equal(compare(&copied), 0);
	assert_int_equal(count_missing(&copied), 0);
	end(&copied);
	return true;
}

static size_t copy_many(enum way way)
{
	const char *more = getenv("GRF_TEST_RUNS");
	unsigned long runs = more ? strtoul(more, NULL, 10) : RUNS_OF_TEST;
	size_t passed_over = 0;

	for (unsigned long i = 0; i < runs; i++)
		if (!copy_one(0x9e3779b97f4a7c15u * (i + 1), 1 + (unsigned int)i % 5, way,
			      &passed_over))
			skip();
	return passed_over;
}

static void test_the_copy_is_the_original(void **state)
{
	(void)state;
	copy_many(BY_USERFAULT);
}

static void test_the_copy_by_noted_faults_is_the_original(void **state)
{
	size_t passed_over = copy_many(BY_NOTED_FAULTS);

	(void)state;
	print_message("untouched memory was passed over %zu times\n", passed_over);
	assert_true(passed_over);
}

static void test_the_copy_by_soft_dirty_bits_is_the_original(void **state)
{
	(void)state;
	copy_many(BY_SOFT_DIRTY);
}

/* --- what is not needed ----------------------------------------------------------------------- */

#define FILLED 0xa5

/* The first three quarters of the pages. The word that says so is in the last page; for the second
 * quarter it has changed since it was read. */
static struct grf_error *find_unneeded(void *context, grf_read_runs *read, void *memory,
				       struct grf_left_out **ret, size_t *ret_count)
{
	uint64_t start = (uint64_t)(uintptr_t)quiet_memory;
	struct grf_left_out *items = calloc(3, sizeof(*items));

	(void)context;
	(void)read;
	(void)memory;
	assert_non_null(items);
	*ret = items;
	*ret_count = 3;
	for (unsigned int i = 0; i < 3; i++) {
		struct grf_witness witness = {start + (QUIET_PAGES - 1) * PAGE, 1, {FILLED}};

		if (i == 1)
			witness.bytes[0]++;
		items[i] = (struct grf_left_out){
		    start + 16ull * i * PAGE, start + 16ull * (i + 1) * PAGE, {witness}};
	}
	return NULL;
}

/* What the copy has for the first byte of a page of the quiet memory. */
static uint8_t copied_byte(const struct copied *copied, unsigned int page)
{
	uint64_t at = (uint64_t)(uintptr_t)quiet_memory + (uint64_t)page * PAGE;

	for (size_t i = 0; i < copied->first.piece_count; i++) {
		const struct grf_piece *piece = &copied->first.pieces[i];

		if (piece->start <= at && at < piece->end)
			return piece->data[at - piece->start];
	}
	fail_msg("page %u is not planned", page);
	return 0;
}

static void write_byte(const struct copied *copied, unsigned int page, uint8_t value)
{
	struct iovec local = {&value, 1}, remote = {quiet_memory + (size_t)page * PAGE, 1};

	assert_int_equal(process_vm_writev(copied->pid, &local, 1, &remote, 1, 0), 1);
}

static const struct grf_left_out_finder finder = {.find = find_unneeded};

/* A quiet process. False: the kernel cannot. */
static bool start_quiet(struct copied *copied, bool by_noted_faults)
{
	int userfault;

	quiet_memory = mmap(NULL, QUIET_PAGES * PAGE, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	assert_true(quiet_memory != MAP_FAILED);
	memset(quiet_memory, FILLED, QUIET_PAGES * PAGE);
	userfault = start(copied, 0, QUIET);
	open_files(copied);
	return make_tracker(copied, false, userfault) && (!by_noted_faults || note_faults(copied));
}

static void end_quiet(struct copied *copied)
{
	end(copied);
	munmap(quiet_memory, QUIET_PAGES * PAGE);
}

static void test_what_is_needed_by_now_is_copied(void **state)
{
	struct copied copied = {0};

	(void)state;
	if (!start_quiet(&copied, false)) {
		end_quiet(&copied);
		skip();
	}
	assert_null(grf_precopy_begin(&copied.precopy, &copied.copy, &copied.first));
	assert_null(
	    grf_left_out_find(&finder, grf_copy_gather, &copied.copy, 0, &copied.precopy.unneeded));
	assert_int_equal(copied.precopy.unneeded.bytes, 48 * PAGE);
	grf_precopy_rounds(&copied.precopy, 1);
	assert_int_equal(copied.precopy.unneeded.bytes, 32 * PAGE);
	for (unsigned int page = 0; page < QUIET_PAGES; page++)
		assert_int_equal(copied_byte(&copied, page),
				 page / 16 == 0 || page / 16 == 2 ? 0 : FILLED);
	write_byte(&copied, 7, 1);
	write_byte(&copied, 40, 2);
	write_byte(&copied, 60, 3);
	grf_precopy_rounds(&copied.precopy, 1);
	assert_int_equal(copied_byte(&copied, 7), 1);
	assert_int_equal(copied_byte(&copied, 40), 2);
	assert_int_equal(copied_byte(&copied, 60), 3);
	assert_int_equal(copied_byte(&copied, 8), 0);
	end_quiet(&copied);
}

/* What was left out altogether can have been written to without a page fault. A stop that is given
 * up after that was seen is followed by another, for which nothing of it is new. */
static void test_what_is_needed_at_a_stop_that_is_given_up(void **state)
{
	struct copied copied = {0};
	struct grf_precopy *precopy = &copied.precopy;

	(void)state;
	if (!start_quiet(&copied, true)) {
		end_quiet(&copied);
		skip();
	}
	assert_null(
	    grf_left_out_find(&finder, grf_copy_gather, &copied.copy, 0, &precopy->skipped));
	copy_ahead(&copied, BY_USERFAULT, 0, 3);
	precopy->limit = 4;
	copy_rest(&copied);
	assert_false(precopy->overflow);
	assert_true(precopy->too_much);
	assert_int_equal(copied_byte(&copied, 20), 0);
	assert_int_equal(kill(copied.pid, SIGCONT), 0);
	grf_precopy_replan(precopy, &copied.first);
	grf_precopy_round(precopy);
	copy_rest(&copied);
	assert_false(precopy->too_much);
	assert_false(grf_touched_is_disturbed(copied.touched));
	for (unsigned int page = 0; page < QUIET_PAGES; page++)
		assert_int_equal(copied_byte(&copied, page),
				 page / 16 == 0 || page / 16 == 2 ? 0 : FILLED);
	end_quiet(&copied);
}

/* More places than there is room for in the lists are a reason to let go, and no more: nothing is
 * read or sorted beyond them. */
static void test_a_stop_with_too_many_places(void **state)
{
	const struct grf_run beyond = {1, 2};
	struct copied copied = {0};
	struct grf_precopy *precopy = &copied.precopy;
	struct grf_runs *lists[] = {&precopy->written, &precopy->changed, &precopy->existing};

	(void)state;
	if (!start_quiet(&copied, false)) {
		end_quiet(&copied);
		skip();
	}
	copy_ahead(&copied, BY_USERFAULT, 0, 3);
	for (size_t i = 0; i < sizeof(lists) / sizeof(*lists); i++) {
		lists[i]->capacity = 2;
		for (size_t k = 2; k < QUIET_PAGES; k++)
			lists[i]->items[k] = beyond;
	}
	for (unsigned int page = 0; page < QUIET_PAGES; page += 2)
		write_byte(&copied, page, 1);
	copy_rest(&copied);
	assert_true(precopy->overflow);
	assert_true(precopy->too_much);
	grf_precopy_settle(precopy, &copied.final);
	for (size_t i = 0; i < sizeof(lists) / sizeof(*lists); i++) {
		assert_true(lists[i]->count <= 2);
		for (size_t k = 2; k < QUIET_PAGES; k++)
			assert_memory_equal(&lists[i]->items[k], &beyond, sizeof(beyond));
	}
	end_quiet(&copied);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_the_copy_is_the_original),
	    cmocka_unit_test(test_the_copy_by_noted_faults_is_the_original),
	    cmocka_unit_test(test_the_copy_by_soft_dirty_bits_is_the_original),
	    cmocka_unit_test(test_what_is_needed_by_now_is_copied),
	    cmocka_unit_test(test_what_is_needed_at_a_stop_that_is_given_up),
	    cmocka_unit_test(test_a_stop_with_too_many_places),
	};

	return cmocka_run_group_tests_name("precopy", tests, NULL, NULL);
}
