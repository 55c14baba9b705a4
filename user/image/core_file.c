/* SPDX-License-Identifier: BSD-2-Clause */
/* Opens a core file, unpacks it where it is packed, maps it, and lists what of it is in no hole. */
#include "image/core_file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/files/file_data.h"
#include "base/files/mapped_file.h"
#include "base/files/packed_file.h"
#include "base/files/regular_file.h"
#include "base/log.h"
#include "base/memory/memory.h"
#include "base/units.h"

/* Of what is free, so much is left for the analysis where the core itself is in memory. */
#define ANALYSIS_SHARE 8

/* Moves the offset of the descriptor. */
static struct grf_error *list_data(struct grf_core_file *file)
{
	uint64_t at = 0, until;

	for (; (until = grf_file_next_data(file->fd, &at, file->size)); at = until) {
		struct grf_run *run = grf_array_add(&file->data);

		if (!run)
			return grf_error_no_memory();
		*run = (struct grf_run){at, until};
		file->data_bytes += until - at;
	}
	return NULL;
}

/* Puts a file in memory in the place of one that is packed. */
static struct grf_error *unpack_file(struct grf_core_file *file)
{
	struct grf_memory_room room;
	struct grf_error *error;
	int unpacked;

	if (!grf_file_is_packed(file->fd))
		return NULL;
	grf_memory_room_of(getpid(), &room);
	free(room.limit);
	error = grf_file_unpack(file->fd, file->path, room.bytes - room.bytes / ANALYSIS_SHARE,
				&unpacked);
	if (error)
		return error;
	close(file->fd);
	file->fd = unpacked;
	return NULL;
}

static struct grf_error *open_file(struct grf_core_file *file)
{
	_cleanup_free_ char *what = NULL;
	struct grf_error *error;
	struct stat status;

	if (!file->path || asprintf(&what, "the core %s", file->path) < 0) {
		what = NULL;
		return grf_error_no_memory();
	}
	error = grf_named_file_open(file->path, what, &file->fd);
	if (!error)
		error = unpack_file(file);
	if (error)
		return error;
	if (fstat(file->fd, &status) || !status.st_size)
		return grf_error_create(GRF_ERROR_BAD_INPUT, "%s is not a core file", file->path);
	file->size = (uint64_t)status.st_size;
	return grf_mapped_file_open(file->fd, file->size, file->path, &file->memory);
}

/* Where the page cache has room for less than half of it, what is read ahead is gone again before
 * it is used: with 3 GB in 1 GB, a fault of one page read 6 MB, from a disk that reads 8 MB ahead.
 */
static void read_sparingly(const struct grf_core_file *file)
{
	struct grf_memory_room room;

	grf_memory_room_of(getpid(), &room);
	if (file->data_bytes / 2 > room.bytes) {
		grf_verbose("%s holds %llu MiB, and %llu MiB of memory are free%s%s: it is read by "
			    "the page, which takes long",
			    file->path, GRF_MIB(file->data_bytes), GRF_MIB(room.bytes),
			    room.limit ? " in " : "", room.limit ? room.limit : "");
		madvise(file->memory, file->size, MADV_RANDOM);
	}
	free(room.limit);
}

struct grf_error *grf_core_file_open(const char *path, struct grf_core_file **ret)
{
	struct grf_core_file *file = malloc(sizeof(*file));
	struct grf_error *error;

	if (!file)
		return grf_error_no_memory();
	*file = (struct grf_core_file){.path = strdup(path), .fd = -1, .users = 1};
	error = open_file(file);
	if (!error)
		error = list_data(file);
	if (error) {
		grf_core_file_leave(file);
		return error;
	}
	read_sparingly(file);
	*ret = file;
	return NULL;
}

struct grf_core_file *grf_core_file_use(struct grf_core_file *file)
{
	file->users++;
	return file;
}

void grf_core_file_leave(struct grf_core_file *file)
{
	if (!file || --file->users)
		return;
	grf_mapped_file_close(file->memory, file->size);
	if (file->fd >= 0)
		close(file->fd);
	grf_array_free(&file->data);
	free(file->path);
	free(file);
}
