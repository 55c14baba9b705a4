/* SPDX-License-Identifier: BSD-2-Clause */
/* Sparse files: what they have, and their checksum, for which holes are not read. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>
#include <zlib.h>

#include "base/files/file_data.h"

#define MEBIBYTE (UINT64_C(1) << 20)
#define PAGE     4096

static uint8_t page[PAGE];

static int make_file(uint64_t size)
{
	int fd = memfd_create("sparse", MFD_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, (off_t)size), 0);
	for (size_t i = 0; i < PAGE; i++)
		page[i] = (uint8_t)(i * 7 + 1);
	return fd;
}

static void put_page(int fd, uint64_t at)
{
	assert_int_equal(pwrite(fd, page, PAGE, (off_t)at), PAGE);
}

/* By all of its bytes. */
static uint32_t checksum_of(int fd, uint64_t size)
{
	void *memory = size ? mmap(NULL, size, PROT_READ, MAP_PRIVATE, fd, 0) : NULL;
	uLong checksum;

	assert_ptr_not_equal(memory, MAP_FAILED);
	checksum = crc32(crc32(0, NULL, 0), size ? memory : page, (uInt)size);
	if (size)
		munmap(memory, size);
	return (uint32_t)checksum;
}

static void assert_checksum(int fd, uint64_t size)
{
	uint32_t checksum = 0;

	assert_true(grf_file_checksum(fd, size, &checksum));
	assert_int_equal(checksum, checksum_of(fd, size));
}

/* The bytes of [start, end) that are in no hole. */
static uint64_t count_data(int fd, uint64_t start, uint64_t end)
{
	uint64_t at = start, until, bytes = 0;

	for (; (until = grf_file_next_data(fd, &at, end)); at = until)
		bytes += until - at;
	return bytes;
}

static void test_data(void **state)
{
	int fd = make_file(64 * PAGE);
	uint64_t at = 0;

	(void)state;
	assert_int_equal(count_data(fd, 0, 64 * PAGE), 0);
	put_page(fd, 3 * PAGE);
	put_page(fd, 4 * PAGE);
	put_page(fd, 63 * PAGE);
	assert_int_equal(count_data(fd, 0, 64 * PAGE), 3 * PAGE);
	assert_int_equal(count_data(fd, 4 * PAGE, 63 * PAGE), PAGE);
	assert_int_equal(count_data(fd, 3 * PAGE + 100, 3 * PAGE + 300), 200);
	assert_int_equal(count_data(fd, 5 * PAGE, 5 * PAGE), 0);
	assert_int_equal(grf_file_next_data(fd, &at, 64 * PAGE), 5 * PAGE);
	assert_int_equal(at, 3 * PAGE);
	close(fd);
}

static void test_checksums(void **state)
{
	static const uint64_t pages[] = {0, 1, 8 * MEBIBYTE, 9 * MEBIBYTE + PAGE, 40 * MEBIBYTE};
	const uint64_t sizes[] = {0, 1, PAGE, 4 * MEBIBYTE, 8 * MEBIBYTE + 5, 48 * MEBIBYTE + 1};

	(void)state;
	for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
		int fd = make_file(sizes[i]);

		assert_checksum(fd, sizes[i]);
		for (size_t k = 0; k < sizeof(pages) / sizeof(*pages); k++)
			if (pages[k] + PAGE <= sizes[i]) {
				put_page(fd, pages[k]);
				assert_checksum(fd, sizes[i]);
			}
		close(fd);
	}
}

/* Read byte by byte, this does not end. */
static void test_huge(void **state)
{
	const uint64_t size = UINT64_C(1) << 46;
	int fd = make_file(size);
	uint32_t checksum, other;

	(void)state;
	put_page(fd, size / 2);
	assert_true(grf_file_checksum(fd, size, &checksum));
	put_page(fd, size / 4);
	assert_true(grf_file_checksum(fd, size, &other));
	assert_int_not_equal(checksum, other);
	assert_false(grf_file_checksum(fd, size - 1, &checksum));
	close(fd);
}

static void test_what_cannot_be_read(void **state)
{
	uint32_t checksum;
	int fds[2];

	(void)state;
	assert_false(grf_file_checksum(-1, UINT64_MAX, &checksum));
	assert_int_equal(pipe(fds), 0);
	assert_int_equal(count_data(fds[0], 0, 100), 100);
	close(fds[0]);
	close(fds[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_data),
	    cmocka_unit_test(test_checksums),
	    cmocka_unit_test(test_huge),
	    cmocka_unit_test(test_what_cannot_be_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
