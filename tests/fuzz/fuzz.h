/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the fuzz targets share: an input is a file, or a list of changes to structures made by hand,
 * which reaches deeper than bytes that must first become pointers by chance.
 *
 * Built with clang and libFuzzer (make fuzz), or with replay.c, which goes through the corpus.
 */
#ifndef GRF_TESTS_FUZZ_H
#define GRF_TESTS_FUZZ_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/error.h"

/* What tests/unit/go_heap.h and go_code.h take from cmocka. */
#define assert_true(condition)                                                                     \
	do {                                                                                       \
		if (!(condition))                                                                  \
			abort();                                                                   \
	} while (0)
#define assert_non_null(pointer) assert_true((pointer) != NULL)
#define assert_null(pointer)     assert_true((pointer) == NULL)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct fuzz_input {
	const uint8_t *at, *end;
};

static inline uint64_t fuzz_take(struct fuzz_input *input, size_t bytes)
{
	uint64_t value = 0;

	if ((size_t)(input->end - input->at) < bytes)
		bytes = (size_t)(input->end - input->at);
	if (bytes)
		memcpy(&value, input->at, bytes);
	input->at += bytes;
	return value;
}

/* A block of target memory that changes are made to. */
struct fuzz_block {
	uint64_t address;
	uint8_t *memory;
	uint32_t size;
};

#define FUZZ_CHANGES 64

struct fuzz_undo {
	size_t count;
	struct {
		uint8_t *place;
		uint64_t value;
	} items[FUZZ_CHANGES];
};

/*
 * A change is a place (32 bits), a kind (8 bits: which block, how many bytes, whether the value is
 * an address within the block) and a value of 64 bits.
 */
static inline void fuzz_change(struct fuzz_input *input, const struct fuzz_block *blocks,
			       size_t count, struct fuzz_undo *undo)
{
	while (input->at < input->end && undo->count < FUZZ_CHANGES) {
		uint64_t place = fuzz_take(input, 4), kind = fuzz_take(input, 1);
		uint64_t value = fuzz_take(input, 8);
		const struct fuzz_block *block = &blocks[(kind >> 4) % count];
		uint8_t *at = block->memory + place % (block->size - 8);

		if (kind & 4)
			value = block->address + value % block->size;
		undo->items[undo->count].place = at;
		memcpy(&undo->items[undo->count++].value, at, 8);
		memcpy(at, &value, (size_t)1 << (kind & 3));
	}
}

static inline void fuzz_undo_all(struct fuzz_undo *undo)
{
	while (undo->count) {
		undo->count--;
		memcpy(undo->items[undo->count].place, &undo->items[undo->count].value, 8);
	}
}

/* The path of a file with these bytes. */
static inline const char *fuzz_file(const uint8_t *data, size_t size)
{
	static char path[64];
	static int fd = -1;

	if (fd < 0)
		fd = memfd_create("fuzz", MFD_CLOEXEC);
	if (fd < 0 || ftruncate(fd, 0) || pwrite(fd, data, size, 0) != (ssize_t)size)
		abort();
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	return path;
}

/* For results that must be looked at but mean nothing. */
static inline void fuzz_use(const void *memory, size_t size)
{
	volatile uint8_t sum = 0;

	for (size_t i = 0; memory && i < size; i++)
		sum = (uint8_t)(sum + ((const uint8_t *)memory)[i]);
}

#endif
