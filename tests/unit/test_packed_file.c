/* SPDX-License-Identifier: BSD-2-Clause */
/* Files of packed frames: what was packed comes back, zstd itself unpacks them, and what was made
 * to do harm is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zstd.h>

#include <cmocka.h>

#include "base/files/packed_file.h"
#include "base/files/packed_format.h"

#define PAGE ((size_t)4096)

/* Packed bytes in our memory. */
static struct {
	uint8_t *bytes;
	size_t size;
} packed;

static struct grf_error *add_packed(void *context, const void *data, size_t size)
{
	(void)context;
	packed.bytes = realloc(packed.bytes, packed.size + size + 1);
	assert_non_null(packed.bytes);
	if (size)
		memcpy(packed.bytes + packed.size, data, size);
	packed.size += size;
	return NULL;
}

static void forget(void)
{
	free(packed.bytes);
	packed.bytes = NULL;
	packed.size = 0;
}

/* 2.5 frames that are hard to pack, 3 frames of zeros and some, and a rest. */
#define NOISE (GRF_FRAME_BYTES * 5 / 2)
#define ZEROS (GRF_FRAME_BYTES * 3 + 5 * PAGE)
#define REST  (10u * PAGE + 7u)
#define SIZE  (NOISE + ZEROS + REST)

static uint8_t *make_content(void)
{
	uint8_t *content = calloc(1, SIZE);
	uint32_t word = 1;

	assert_non_null(content);
	for (size_t i = 0; i < NOISE + ZEROS + REST; i++) {
		word = word * 1664525 + 1013904223;
		if (i < NOISE || i >= NOISE + ZEROS)
			content[i] = (uint8_t)(word >> 24 | 1);
	}
	return content;
}

static void pack(const uint8_t *content, unsigned int threads)
{
	struct grf_packer *packer;

	assert_null(grf_packer_create(threads, add_packed, NULL, &packer));
	for (size_t at = 0, part; at < NOISE; at += part) {
		part = NOISE - at < 12345 ? NOISE - at : 12345;
		assert_null(grf_packer_add(packer, content + at, part));
	}
	assert_null(grf_packer_skip(packer, ZEROS));
	assert_null(grf_packer_add(packer, content + NOISE + ZEROS, REST));
	assert_null(grf_packer_finish(packer));
	grf_packer_destroy(packer);
}

static int packed_file(void)
{
	int fd = memfd_create("packed", MFD_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(pwrite(fd, packed.bytes, packed.size, 0), packed.size);
	return fd;
}

static void expect_content(const uint8_t *content)
{
	int fd = packed_file(), unpacked;
	struct stat facts;
	uint8_t *memory;

	assert_true(grf_file_is_packed(fd));
	assert_null(grf_file_unpack(fd, "file", SIZE, &unpacked));
	close(fd);
	assert_int_equal(fstat(unpacked, &facts), 0);
	assert_int_equal(facts.st_size, SIZE);
	/* Zeros take nothing. */
	assert_true(facts.st_blocks * 512 <= (off_t)(NOISE + REST + 4 * PAGE));
	memory = mmap(NULL, SIZE, PROT_READ, MAP_PRIVATE, unpacked, 0);
	assert_true(memory != MAP_FAILED);
	assert_memory_equal(memory, content, SIZE);
	munmap(memory, SIZE);
	close(unpacked);
}

static void test_comes_back(void **state)
{
	uint8_t *content = make_content(), *whole = malloc(SIZE);
	uint8_t *first;
	size_t first_size;

	(void)state;
	assert_non_null(whole);
	pack(content, 1);
	expect_content(content);
	first = packed.bytes;
	first_size = packed.size;
	packed.bytes = NULL;
	packed.size = 0;
	/* The same bytes, whatever the number of threads. */
	pack(content, 5);
	assert_int_equal(packed.size, first_size);
	assert_memory_equal(packed.bytes, first, first_size);
	/* Frames one behind the other, and one to skip, are all that zstd needs to see. */
	assert_int_equal(ZSTD_decompress(whole, SIZE, packed.bytes, packed.size), SIZE);
	assert_memory_equal(whole, content, SIZE);
	forget();
	free(first);
	free(whole);
	free(content);
}

static void expect_refused(enum grf_error_code code, uint64_t limit)
{
	int fd = packed_file(), unpacked = -1;
	struct grf_error *error = grf_file_unpack(fd, "file", limit, &unpacked);

	assert_non_null(error);
	assert_int_equal(error->code, code);
	assert_int_equal(unpacked, -1);
	grf_error_free(error);
	close(fd);
}

/* A frame of ones, and a table that says what is given. */
static void make_file(uint32_t count, const uint32_t entry[2], uint8_t flags)
{
	static uint8_t ones[8192], frame[16384];
	uint32_t header[] = {GRF_TABLE_MAGIC, GRF_TABLE_ENTRY_BYTES + GRF_TABLE_FOOTER_BYTES};
	uint32_t magic = GRF_TABLE_FOOTER_MAGIC, sizes[2];
	size_t size;

	forget();
	memset(ones, 1, sizeof(ones));
	size = ZSTD_compress(frame, sizeof(frame), ones, sizeof(ones), 1);
	sizes[0] = entry ? entry[0] : (uint32_t)size;
	sizes[1] = entry ? entry[1] : (uint32_t)sizeof(ones);
	add_packed(NULL, frame, size);
	add_packed(NULL, header, sizeof(header));
	add_packed(NULL, sizes, sizeof(sizes));
	add_packed(NULL, &count, sizeof(count));
	add_packed(NULL, &flags, 1);
	add_packed(NULL, &magic, sizeof(magic));
}

static void test_hostile_tables(void **state)
{
	int fd, unpacked;

	(void)state;
	make_file(1, NULL, 0);
	fd = packed_file();
	assert_null(grf_file_unpack(fd, "file", 8192, &unpacked));
	close(unpacked);
	close(fd);
	/* More than may be. */
	expect_refused(GRF_ERROR_NO_MEMORY, 8191);
	/* Numbers of frames that the table has no room for. */
	make_file(0, NULL, 0);
	expect_refused(GRF_ERROR_BAD_INPUT, SIZE);
	make_file(2, NULL, 0);
	expect_refused(GRF_ERROR_BAD_INPUT, SIZE);
	make_file(UINT32_MAX, NULL, 0);
	expect_refused(GRF_ERROR_BAD_INPUT, SIZE);
	make_file(1, NULL, GRF_TABLE_CHECKSUMS);
	expect_refused(GRF_ERROR_BAD_INPUT, SIZE);
	make_file(1, NULL, 4);
	expect_refused(GRF_ERROR_BAD_INPUT, SIZE);
	/* Sizes that are not those of the frame, that no frame has, that leave the file. */
	make_file(1, (uint32_t[]){(uint32_t)(packed.size - 25), 4096}, 0);
	expect_refused(GRF_ERROR_BAD_INPUT, SIZE);
	make_file(1, (uint32_t[]){(uint32_t)(packed.size - 25), UINT32_MAX}, 0);
	expect_refused(GRF_ERROR_BAD_INPUT, SIZE);
	make_file(1, (uint32_t[]){1, 8192}, 0);
	expect_refused(GRF_ERROR_BAD_INPUT, SIZE);
	make_file(1, (uint32_t[]){UINT32_MAX, 8192}, 0);
	expect_refused(GRF_ERROR_BAD_INPUT, SIZE);
	/* A frame that is broken, and what is packed without a table. */
	make_file(1, NULL, 0);
	packed.bytes[1] ^= 0x55;
	expect_refused(GRF_ERROR_BAD_INPUT, SIZE);
	packed.size = 20;
	expect_refused(GRF_ERROR_BAD_INPUT, SIZE);
	packed.size = 5;
	expect_refused(GRF_ERROR_BAD_INPUT, SIZE);
	forget();
}

static struct grf_error *refuse_write(void *context, const void *data, size_t size)
{
	(void)context;
	(void)data;
	return grf_error_create(GRF_ERROR_OUTPUT, "no room for %zu bytes", size);
}

static void test_refused_writes(void **state)
{
	static const uint8_t some[100];
	struct grf_packer *packer;
	struct grf_error *error;

	(void)state;
	assert_null(grf_packer_create(2, refuse_write, NULL, &packer));
	assert_null(grf_packer_add(packer, some, sizeof(some)));
	error = grf_packer_skip(packer, 3 * GRF_FRAME_BYTES);
	assert_int_equal(error->code, GRF_ERROR_OUTPUT);
	grf_error_free(error);
	error = grf_packer_finish(packer);
	assert_int_equal(error->code, GRF_ERROR_OUTPUT);
	grf_error_free(error);
	grf_packer_destroy(packer);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_comes_back),
	    cmocka_unit_test(test_hostile_tables),
	    cmocka_unit_test(test_refused_writes),
	};

	return cmocka_run_group_tests_name("packed_file", tests, NULL, NULL);
}
