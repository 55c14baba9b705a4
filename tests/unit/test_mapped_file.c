/* SPDX-License-Identifier: BSD-2-Clause */
/* Files that are cut, or written to, while they are mapped. Each case has a process of its own:
 * what one gives up, is given up. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/files/mapped_file.h"
#include "base/log.h"
#include "elf_file.h"
#include "image/executable/executable.h"

#define PAGES UINT64_C(64)
#define PAGE  4096

static char path[] = "/tmp/grf-mapped-XXXXXX";
static uint8_t *memory;
static int fd;

/* The status that a child ends with which runs `part`; it ends by itself with 1 where not all holds
 * that it asserts. */
static int status_of(bool (*part)(void))
{
	pid_t child = fork();
	int status;

	if (!child)
		_exit(part() ? 0 : 1);
	assert_int_equal(waitpid(child, &status, 0), child);
	return status;
}

static bool map(void)
{
	char page[PAGE];

	strcpy(path + strlen(path) - 6, "XXXXXX"); // NOLINT
	fd = mkstemp(path);
	memset(page, 'x', sizeof(page));
	for (uint64_t i = 0; i < PAGES; i++)
		if (write(fd, page, sizeof(page)) != sizeof(page))
			return false;
	unlink(path);
	return !grf_mapped_file_open(fd, PAGES * PAGE, path, &memory) && !grf_mapped_files_check();
}

static unsigned long sum(void)
{
	unsigned long total = 0;

	for (uint64_t i = 0; i < PAGES * PAGE; i++)
		total += ((volatile uint8_t *)memory)[i];
	return total;
}

static void *sum_in_thread(void *unused)
{
	(void)unused;
	sum();
	return NULL;
}

static bool says(const char *part)
{
	struct grf_error *error = grf_mapped_files_check();

	return error && error->code == GRF_ERROR_BAD_INPUT && strstr(error->message, part) &&
	       strstr(error->message, path);
}

static bool cut(void)
{
	pthread_t threads[4];

	if (!map() || sum() != (unsigned long)'x' * PAGES * PAGE || ftruncate(fd, 5000) ||
	    grf_interrupted())
		return false;
	for (int i = 0; i < 4; i++)
		pthread_create(&threads[i], NULL, sum_in_thread, NULL);
	for (int i = 0; i < 4; i++)
		pthread_join(threads[i], NULL);
	return sum() == (unsigned long)'x' * 5000 && grf_interrupted() && grf_gave_up() &&
	       says("was cut");
}

/* One of our pages that is written to, of a private mapping, is cut too. */
static bool cut_where_written(void)
{
	if (!map() || mprotect(memory, PAGE, PROT_READ | PROT_WRITE) || ftruncate(fd, 0))
		return false;
	memcpy(memory, "header", 6);
	return !memcmp(memory, "header", 6) && grf_gave_up() && says("was cut");
}

/* Nobody reads what is gone. */
static bool cut_unnoticed(void)
{
	return map() && !ftruncate(fd, 5000) && !grf_interrupted() && says("was written to");
}

static bool written(void)
{
	const struct timespec times[] = {{.tv_nsec = UTIME_OMIT}, {.tv_sec = 1}};

	return map() && pwrite(fd, "y", 1, 7) == 1 && !futimens(fd, times) && says("written to");
}

static bool closed(void)
{
	if (!map() || ftruncate(fd, 0))
		return false;
	grf_mapped_file_close(memory, PAGES * PAGE);
	return !grf_mapped_files_check();
}

/* A mapping that nobody watches: the signal is what it was. */
static bool another(void)
{
	if (!map() || ftruncate(fd, 0))
		return false;
	memory = mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, fd, 0);
	sum();
	return true;
}

static bool sent(void)
{
	if (!map())
		return false;
	raise(SIGBUS);
	return true;
}

static void test_cut(void **state)
{
	(void)state;
	assert_int_equal(status_of(cut), 0);
	assert_int_equal(status_of(cut_unnoticed), 0);
	assert_int_equal(status_of(closed), 0);
	assert_int_equal(status_of(cut_where_written), 0);
}

static void test_written(void **state)
{
	(void)state;
	assert_int_equal(status_of(written), 0);
}

static void test_other_signals(void **state)
{
	(void)state;
	assert_int_equal(WTERMSIG(status_of(another)), SIGBUS);
	assert_int_equal(WTERMSIG(status_of(sent)), SIGBUS);
}

/* All that an executable is asked for, after its file was cut. */
static bool executable_cut(void)
{
	static const uint8_t code[8 * PAGE] = {1};
	struct elf_file file = {0};
	struct grf_executable *executable;
	struct grf_section section;
	unsigned long total = 0;

	elf_file_add(&file, ".text", 0x400000, code, sizeof(code));
	elf_file_add(&file, ".debug_info", 0, code, sizeof(code));
	elf_file_write(&file);
	if (grf_executable_open(file.path, &executable) || truncate(file.path, 100))
		return false;
	strcpy(path, file.path); // NOLINT
	if (grf_executable_section(executable, ".text", &section))
		for (uint64_t i = 0; i < section.size; i++)
			total += ((const volatile uint8_t *)section.data)[i];
	grf_executable_dwarf(executable);
	elf_file_remove(&file);
	return total < 2 && says("was cut");
}

static void test_executable(void **state)
{
	(void)state;
	assert_int_equal(status_of(executable_cut), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_cut),
	    cmocka_unit_test(test_written),
	    cmocka_unit_test(test_other_signals),
	    cmocka_unit_test(test_executable),
	};

	return cmocka_run_group_tests_name("mapped_file", tests, NULL, NULL);
}
