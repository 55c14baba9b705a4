/* SPDX-License-Identifier: BSD-2-Clause */
/* A copy that is in memory for one part and in a file for the other. */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/log.h"
#include "capture/copy/copy.h"

#define PAGE  4096u
#define PAGES 2048u /* of the original */
#define CUT   600u  /* the first that is in the file */

/* Ours, copied to another place. */
struct copied {
	uint8_t *original;
	struct grf_space space;
	struct grf_spill spill;
	struct grf_copy copy;
	struct grf_piece pieces[2];
};

static void whole(const void *context, size_t index, uint64_t *start, uint64_t *end)
{
	(void)index;
	*start = (uint64_t)(uintptr_t)context;
	*end = *start + (uint64_t)PAGES * PAGE;
}

static int pagemap_of_ours(void)
{
	return open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
}

/* Every third page of the original does not exist. */
static void make_original(struct copied *copied)
{
	copied->original = mmap(NULL, (size_t)PAGES * PAGE, PROT_READ | PROT_WRITE,
				MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	assert_ptr_not_equal(copied->original, MAP_FAILED);
	madvise(copied->original, (size_t)PAGES * PAGE, MADV_NOHUGEPAGE);
	for (size_t i = 0; i < PAGES; i++)
		if (i % 3)
			memset(copied->original + i * PAGE, (int)(i % 251 + 1), PAGE);
}

static void begin(struct copied *copied, const char *directory, size_t held)
{
	uint64_t start, end, at;

	memset(copied, 0, sizeof(*copied));
	make_original(copied);
	grf_spill_init(&copied->spill);
	grf_copy_init(&copied->copy, getpid());
	copied->copy.space = &copied->space;
	copied->copy.spill = &copied->spill;
	copied->copy.resident.pagemap = pagemap_of_ours();
	assert_null(grf_spill_open(&copied->spill, directory, 1 << 20, 2, held));
	assert_null(grf_space_reserve(&copied->space, 1, whole, copied->original));
	whole(copied->original, 0, &start, &end);
	assert_true(grf_space_spill(&copied->space.areas[0], start + (uint64_t)CUT * PAGE));
	at = start;
	for (size_t i = 0; i < 2; i++) {
		struct grf_piece *piece = &copied->pieces[i];

		*piece = (struct grf_piece){.start = at, .part = GRF_MAP_RESIDENT};
		piece->data = grf_space_find(&copied->space, at, end, &piece->end);
		assert_non_null(piece->data);
		at = piece->end;
	}
	assert_int_equal(copied->pieces[0].end, start + (uint64_t)CUT * PAGE);
	assert_int_equal(copied->pieces[1].end, end);
	assert_true(grf_space_open(copied->pieces[0].data, (uint64_t)CUT * PAGE));
}

static void end(struct copied *copied)
{
	close(copied->copy.resident.pagemap);
	grf_copy_destroy(&copied->copy);
	grf_spill_close(&copied->spill);
	grf_space_release(&copied->space, NULL, 0);
	munmap(copied->original, (size_t)PAGES * PAGE);
}

static void copy_all(struct copied *copied)
{
	grf_copy_begin(&copied->copy, GRF_COPY_READ, copied->pieces, 2);
	grf_copy_work(&copied->copy);
}

/* Has what is in the file be where the copy would be. */
static void map_file(struct copied *copied)
{
	const struct grf_piece *piece = &copied->pieces[1];
	uint64_t offset;

	assert_false(grf_space_is_spilled(&copied->space, copied->pieces[0].data, &offset));
	assert_true(grf_space_is_spilled(&copied->space, piece->data, &offset));
	assert_true(grf_spill_finish(&copied->spill, copied->space.file_length));
	assert_true(grf_spill_map(&copied->spill, piece->data, piece->end - piece->start, offset));
}

static void expect_same(const struct copied *copied)
{
	assert_int_equal(copied->pieces[0].data + (size_t)CUT * PAGE - copied->pieces[1].data, 0);
	assert_memory_equal(copied->pieces[0].data, copied->original, (size_t)PAGES * PAGE);
}

static void test_copy_to_memory_and_file(void **state)
{
	struct copied copied;
	struct stat facts;

	(void)state;
	begin(&copied, "/var/tmp", 1 << 20);
	copy_all(&copied);
	assert_int_equal(copied.copy.error, 0);
	assert_int_equal(copied.spill.written, (uint64_t)((PAGES - CUT) * 2 / 3) * PAGE);
	/* It has no name, and holes. */
	assert_int_equal(fstat(copied.spill.fd, &facts), 0);
	assert_int_equal(facts.st_nlink, 0);
	map_file(&copied);
	expect_same(&copied);
	end(&copied);
}

/* Runs in one call, in any order, some of which go to memory and some to the file. */
static void test_batches_across_the_boundary(void **state)
{
	static const unsigned int pages[] = {CUT - 2, CUT + 1, 10, CUT + 40, CUT + 4, CUT - 8};
	struct grf_run runs[sizeof(pages) / sizeof(*pages)];
	struct copied copied;

	(void)state;
	begin(&copied, "/var/tmp", 1 << 20);
	copy_all(&copied);
	for (size_t i = 0; i < sizeof(pages) / sizeof(*pages); i++) {
		runs[i].start = copied.pieces[0].start + (uint64_t)pages[i] * PAGE;
		runs[i].end = runs[i].start + (uint64_t)2 * PAGE;
		memset(copied.original + (size_t)pages[i] * PAGE, 0xdd, (size_t)2 * PAGE);
	}
	grf_copy_runs(&copied.copy, runs, sizeof(pages) / sizeof(*pages), copied.pieces[0].data,
		      copied.pieces[0].start);
	assert_int_equal(copied.copy.error, 0);
	assert_int_equal(copied.copy.pages_skipped, 0);
	map_file(&copied);
	expect_same(&copied);
	end(&copied);
}

/* What is copied at a stop stays in memory until then, and what does not fit is written at once. */
static void held(size_t bytes)
{
	struct copied copied;

	begin(&copied, "/var/tmp", bytes);
	copy_all(&copied);
	for (size_t i = CUT - 5; i < CUT + 90; i++)
		memset(copied.original + i * PAGE, 0xee, PAGE);
	grf_spill_hold(&copied.spill, true);
	copied.spill.written = 0;
	for (size_t i = 0; i < 2; i++) {
		struct grf_run run = {copied.pieces[1].start + i * 30 * PAGE,
				      copied.pieces[1].start + (i + 1) * 30 * PAGE};

		grf_copy_runs(&copied.copy, &run, 1, copied.pieces[1].data, copied.pieces[1].start);
	}
	assert_int_equal(copied.spill.written, bytes < 60 * PAGE ? 30 * PAGE : 0);
	copied.spill.holding = false;
	for (size_t i = 2; i < 3; i++) {
		struct grf_run run = {copied.pieces[1].start + i * 30 * PAGE,
				      copied.pieces[1].start + (i + 1) * 30 * PAGE};

		grf_copy_runs(&copied.copy, &run, 1, copied.pieces[1].data, copied.pieces[1].start);
	}
	memcpy(copied.pieces[0].data + (size_t)(CUT - 5) * PAGE,
	       copied.original + (size_t)(CUT - 5) * PAGE, (size_t)5 * PAGE);
	grf_spill_flush(&copied.spill);
	assert_int_equal(copied.spill.written, 90 * PAGE);
	map_file(&copied);
	expect_same(&copied);
	end(&copied);
}

static void test_nothing_is_written_while_held(void **state)
{
	(void)state;
	held(1 << 20);
}

static void test_more_than_can_be_held(void **state)
{
	(void)state;
	held(40 * PAGE);
}

static void test_discarded_reads_as_zero(void **state)
{
	struct copied copied;

	(void)state;
	begin(&copied, "/var/tmp", 1 << 20);
	copy_all(&copied);
	for (size_t i = 0; i < 2; i++) {
		size_t first = i ? CUT + 100 : 100;

		grf_copy_discard(&copied.copy,
				 copied.pieces[i].data + (first - (i ? CUT : 0)) * PAGE,
				 (uint64_t)50 * PAGE);
		memset(copied.original + first * PAGE, 0, (size_t)50 * PAGE);
	}
	map_file(&copied);
	expect_same(&copied);
	end(&copied);
}

static void test_pass_is_broken_off(void **state)
{
	struct copied copied;

	(void)state;
	begin(&copied, "/var/tmp", 1 << 20);
	grf_copy_begin(&copied.copy, GRF_COPY_READ, copied.pieces, 2);
	copied.copy.deadline = 1;
	grf_copy_work(&copied.copy);
	assert_true(copied.copy.late);
	assert_int_equal(copied.copy.bytes, 0);
	copy_all(&copied);
	assert_false(copied.copy.late);
	end(&copied);
}

static void expect_error(struct copied *copied, const char *words)
{
	struct grf_error *error = grf_spill_explain(&copied->spill, 7);

	assert_non_null(error);
	if (!error)
		return;
	assert_int_equal(error->code, GRF_ERROR_NO_MEMORY);
	if (!strstr(error->message, words))
		fail_msg("no `%s' in: %s", words, error->message);
	grf_error_free(error);
}

/* A disk that is full in the middle of it: in a mount namespace of a process of our own. */
#define NO_MOUNTS 77
static void fill_disk(void)
{
	char directory[] = "/tmp/grf-spill-XXXXXX";
	struct copied copied;

	assert_non_null(mkdtemp(directory));
	/* What is the root by chroot(2) is no mount; what is mounted might be seen elsewhere. */
	if (mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL)) {
		rmdir(directory);
		_exit(NO_MOUNTS);
	}
	assert_int_equal(mount("none", directory, "tmpfs", 0, "size=2m"), 0);
	begin(&copied, directory, 1 << 20);
	copy_all(&copied);
	assert_int_equal(copied.spill.error, ENOSPC);
	assert_int_equal(copied.copy.error, ENOSPC);
	expect_error(&copied, strerror(ENOSPC));
	expect_error(&copied, directory);
	end(&copied);
	umount(directory);
	rmdir(directory);
}

static void test_full_disk(void **state)
{
	int status;
	pid_t pid;

	(void)state;
	pid = fork();
	if (!pid) {
		if (unshare(CLONE_NEWNS))
			_exit(NO_MOUNTS);
		fill_disk();
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	if (WIFEXITED(status) && WEXITSTATUS(status) == NO_MOUNTS)
		skip();
	assert_true(WIFEXITED(status) && !WEXITSTATUS(status));
}

static void test_file_that_may_not_grow(void **state)
{
	const struct rlimit small = {1 << 20, RLIM_INFINITY};
	struct rlimit before;
	struct copied copied;

	(void)state;
	signal(SIGXFSZ, SIG_IGN);
	begin(&copied, "/var/tmp", 1 << 20);
	getrlimit(RLIMIT_FSIZE, &before);
	setrlimit(RLIMIT_FSIZE, &small);
	copy_all(&copied);
	setrlimit(RLIMIT_FSIZE, &before);
	assert_int_equal(copied.spill.error, EFBIG);
	expect_error(&copied, strerror(EFBIG));
	end(&copied);
}

/* A file that stays has holes where the copy is zero, also where it was something else before. */
static void test_zeros_are_holes(void **state)
{
	static uint8_t pages[64 * PAGE], found[64 * PAGE];
	char path[] = "/var/tmp/grf-test-XXXXXX";
	int fd = mkstemp(path);
	struct grf_spill spill;
	struct stat facts;

	(void)state;
	assert_true(fd >= 0);
	unlink(path);
	grf_spill_init(&spill);
	assert_null(grf_spill_use(&spill, fd, path, 1, 1 << 20));
	memset(pages, 7, sizeof(pages));
	assert_true(grf_spill_write(&spill, pages, sizeof(pages), PAGE));
	memset(pages + 3 * PAGE, 0, 40 * PAGE);
	/* Too few to be worth it. */
	memset(pages + 50 * PAGE, 0, 2 * PAGE);
	memset(pages + 56 * PAGE, 0, 8 * PAGE);
	assert_true(grf_spill_write(&spill, pages, sizeof(pages), PAGE));
	assert_true(grf_spill_finish(&spill, 65 * PAGE));
	assert_null(grf_spill_explain(&spill, 1));
	fsync(fd);
	assert_int_equal(fstat(fd, &facts), 0);
	assert_int_equal(facts.st_size, 65 * PAGE);
	assert_int_equal(facts.st_blocks * 512, 16 * PAGE);
	assert_int_equal(pread(fd, found, sizeof(found), PAGE), sizeof(found));
	assert_memory_equal(found, pages, sizeof(found));
	grf_spill_close(&spill);
	assert_int_equal(close(fd), 0);
}

static void expect_refused(const char *directory, uint64_t bytes, const char *words)
{
	struct grf_error *error;
	struct grf_spill spill;

	grf_spill_init(&spill);
	error = grf_spill_open(&spill, directory, bytes, 1, 1 << 20);
	assert_non_null(error);
	if (!error)
		return;
	assert_int_equal(error->code, GRF_ERROR_NO_MEMORY);
	if (!strstr(error->message, words))
		fail_msg("no `%s' in: %s", words, error->message);
	grf_error_free(error);
	grf_spill_close(&spill);
}

static void test_places(void **state)
{
	struct grf_spill spill;

	(void)state;
	expect_refused("/var/tmp", 1ull << 60, "/var/tmp has");
	expect_refused("/nowhere/at/all", 1, "/nowhere/at/all");
	expect_refused("/proc", 1, "/proc");
	/* Memory is a place only for who names it. */
	setenv("TMPDIR", "/dev/shm", 1);
	expect_refused(NULL, 1ull << 60, "/dev/shm is memory itself: /var/tmp has");
	grf_spill_init(&spill);
	assert_null(grf_spill_open(&spill, NULL, 1, 1, 1 << 20));
	assert_string_equal(spill.name, "/var/tmp");
	grf_spill_close(&spill);
	assert_null(grf_spill_open(&spill, "/dev/shm", 1, 1, 1 << 20));
	assert_string_equal(spill.name, "/dev/shm");
	grf_spill_close(&spill);
	unsetenv("TMPDIR");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_copy_to_memory_and_file),
	    cmocka_unit_test(test_batches_across_the_boundary),
	    cmocka_unit_test(test_nothing_is_written_while_held),
	    cmocka_unit_test(test_more_than_can_be_held),
	    cmocka_unit_test(test_discarded_reads_as_zero),
	    cmocka_unit_test(test_pass_is_broken_off),
	    cmocka_unit_test(test_full_disk),
	    cmocka_unit_test(test_file_that_may_not_grow),
	    cmocka_unit_test(test_zeros_are_holes),
	    cmocka_unit_test(test_places),
	};

	return cmocka_run_group_tests_name("spill", tests, NULL, NULL);
}
