/* SPDX-License-Identifier: BSD-2-Clause */
/* What a snapshot says of itself; and, behind a first byte of 'Z', a file of packed frames. */
#include "fuzz.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "base/files/packed_file.h"
#include "image/core/snapshot_note.h"

#define MOST_UNPACKED ((uint64_t)16 << 20)

static void unpack(const uint8_t *data, size_t size)
{
	int fd = open(fuzz_file(data, size), O_RDONLY | O_CLOEXEC), unpacked;
	struct grf_error *error;
	struct stat facts;

	assert_true(fd >= 0);
	error = grf_file_unpack(fd, "file", MOST_UNPACKED, &unpacked);
	close(fd);
	if (error) {
		grf_error_free(error);
		return;
	}
	assert_true(!fstat(unpacked, &facts));
	assert_true((uint64_t)facts.st_blocks * 512 <= MOST_UNPACKED + 4096);
	close(unpacked);
}

static void check_parts(const struct grf_image_parts *parts)
{
	const struct grf_provenance *from = &parts->provenance;

	for (size_t i = 0; i < parts->left_out_count; i++)
		assert_true(parts->left_out[i].start < parts->left_out[i].end &&
			    (!i || parts->left_out[i - 1].end <= parts->left_out[i].start));
	assert_true(from->freeze <= GRF_FREEZE_POINT_GC);
	assert_true(from->copied_by <= GRF_COPIED_SOFT_DIRTY);
	assert_true(memchr(from->host, '\0', sizeof(from->host)) != NULL);
	fuzz_use(parts->goroutines, parts->goroutine_count * sizeof(*parts->goroutines));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct grf_core_program program = {0};
	struct grf_image_parts *parts = NULL;
	struct grf_error *error;

	if (size && data[0] == 'Z') {
		unpack(data + 1, size - 1);
		return 0;
	}
	error = grf_snapshot_note_read(data, size, "file", &parts, &program);
	if (!error)
		check_parts(parts);
	assert_true(!error == (parts != NULL));
	for (size_t i = 0; i < program.files.count; i++)
		fuzz_use(&program.files.items[i], sizeof(program.files.items[i]));
	grf_error_free(error);
	grf_image_parts_destroy(parts);
	grf_core_program_free(&program);
	return 0;
}
