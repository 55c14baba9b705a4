/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reads the table at the end of a packed file, and unpacks the frames in several threads, each into
 * a buffer of its own, of which the pages that are not zero are written. The file may have been
 * made to do harm: frames are small, and no more is written than may be.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zstd.h>

#include "base/cleanup.h"
#include "base/files/mapped_file.h"
#include "base/files/packed_file.h"
#include "base/files/packed_format.h"
#include "base/load.h"
#include "base/log.h"
#include "base/pace.h"
#include "base/pages.h"
#include "base/pool.h"

/* Frames of others may be larger than ours; bytes. */
#define MAX_FRAME   ((uint32_t)8 << 20)
#define MAX_THREADS 16u
#define ZSTD_BYTES  4u

bool grf_file_is_packed(int fd)
{
	uint8_t magic[ZSTD_BYTES];

	return pread(fd, magic, sizeof(magic), 0) == sizeof(magic) &&
	       grf_load_u32(magic) == ZSTD_MAGICNUMBER;
}

struct unpacking {
	const char *path;
	const uint8_t *file;
	uint64_t size;
	const uint8_t *table; /* its entries */
	uint32_t count, entry_bytes;
	struct place {
		uint64_t packed, unpacked; /* where a frame begins */
	} * places;                        /* one more than frames */
	uint64_t limit;
	int to;
	/* Shared by the threads. */
	uint32_t next;
	uint64_t written;
	enum failure { NO_FAILURE, BROKEN, TOO_MUCH, NO_MEMORY } failure;
	int error; /* errno of a write */
};

static struct grf_error *bad_table(const struct unpacking *unpacking)
{
	return grf_error_create(GRF_ERROR_BAD_INPUT,
				"%s: packed, but not as grf-bpf does, or broken; unpack it first "
				"(zstd -d)",
				unpacking->path);
}

/* Finds the table. False: its numbers do not fit the file. */
static bool find_table(struct unpacking *unpacking)
{
	const uint8_t *footer = unpacking->file + unpacking->size - GRF_TABLE_FOOTER_BYTES;
	const uint8_t *header;
	uint64_t bytes;

	if (unpacking->size < GRF_TABLE_HEADER_BYTES + GRF_TABLE_FOOTER_BYTES ||
	    grf_load_u32(footer + 5) != GRF_TABLE_FOOTER_MAGIC ||
	    footer[4] & GRF_TABLE_UNKNOWN_FLAGS)
		return false;
	unpacking->count = grf_load_u32(footer);
	unpacking->entry_bytes = GRF_TABLE_ENTRY_BYTES +
				 (footer[4] & GRF_TABLE_CHECKSUMS ? GRF_TABLE_CHECKSUM_BYTES : 0);
	bytes = (uint64_t)unpacking->count * unpacking->entry_bytes;
	if (bytes > unpacking->size - GRF_TABLE_HEADER_BYTES - GRF_TABLE_FOOTER_BYTES)
		return false;
	unpacking->table = footer - bytes;
	header = unpacking->table - GRF_TABLE_HEADER_BYTES;
	if (grf_load_u32(header) != GRF_TABLE_MAGIC ||
	    grf_load_u32(header + 4) != bytes + GRF_TABLE_FOOTER_BYTES)
		return false;
	unpacking->size = (uint64_t)(header - unpacking->file);
	return true;
}

/* Finds where each frame is, and where it goes. False: that is not so. */
static bool place_frames(struct unpacking *unpacking)
{
	struct place *places = unpacking->places;
	struct place at = {0};

	for (uint32_t i = 0; i < unpacking->count; i++) {
		const uint8_t *entry = unpacking->table + (uint64_t)i * unpacking->entry_bytes;

		places[i] = at;
		if (grf_load_u32(entry + 4) > MAX_FRAME)
			return false;
		at.packed += grf_load_u32(entry);
		at.unpacked += grf_load_u32(entry + 4);
	}
	places[unpacking->count] = at;
	return at.packed == unpacking->size;
}

static void fail_unpacking(struct unpacking *unpacking, enum failure failure, int error)
{
	__atomic_store_n(&unpacking->error, error, __ATOMIC_RELAXED);
	__atomic_store_n(&unpacking->failure, failure, __ATOMIC_RELAXED);
}

static bool write_run(struct unpacking *unpacking, const uint8_t *data, size_t size,
		      uint64_t offset)
{
	if (__atomic_add_fetch(&unpacking->written, size, __ATOMIC_RELAXED) > unpacking->limit) {
		fail_unpacking(unpacking, TOO_MUCH, 0);
		return false;
	}
	while (size) {
		ssize_t length = pwrite(unpacking->to, data, size, (off_t)offset);

		if (length < 0 && errno == EINTR)
			continue;
		if (length <= 0) {
			fail_unpacking(unpacking, NO_MEMORY, length ? errno : ENOSPC);
			return false;
		}
		data += length;
		size -= (size_t)length;
		offset += (uint64_t)length;
	}
	return true;
}

/* Writes what of a frame is not zero, by the page. */
static bool write_frame(struct unpacking *unpacking, const uint8_t *data, size_t size,
			uint64_t offset)
{
	size_t from = 0, at = 0;

	while (at < size) {
		size_t page = size - at < GRF_PAGE ? size - at : GRF_PAGE;

		if (grf_is_zero(data + at, page)) {
			if (at > from &&
			    !write_run(unpacking, data + from, at - from, offset + from))
				return false;
			from = at + page;
		}
		at += page;
	}
	return from >= size || write_run(unpacking, data + from, size - from, offset + from);
}

static bool unpack_frame(struct unpacking *unpacking, ZSTD_DCtx *context, uint8_t *buffer,
			 uint32_t index)
{
	const struct place *place = &unpacking->places[index];
	size_t size = (size_t)(place[1].unpacked - place->unpacked);
	size_t unpacked =
	    ZSTD_decompressDCtx(context, buffer, size, unpacking->file + place->packed,
				(size_t)(place[1].packed - place->packed));

	if (unpacked != size) {
		fail_unpacking(unpacking, BROKEN, 0);
		return false;
	}
	return write_frame(unpacking, buffer, size, place->unpacked);
}

static void unpack_frames(void *context, unsigned int thread)
{
	struct unpacking *unpacking = context;
	_cleanup_free_ uint8_t *buffer = malloc(MAX_FRAME);
	ZSTD_DCtx *zstd = ZSTD_createDCtx();
	bool ready = buffer && zstd;
	uint32_t index;

	(void)thread;
	if (!ready)
		fail_unpacking(unpacking, NO_MEMORY, ENOMEM);
	while (ready && !grf_interrupted() &&
	       !__atomic_load_n(&unpacking->failure, __ATOMIC_RELAXED) &&
	       (index = __atomic_fetch_add(&unpacking->next, 1, __ATOMIC_RELAXED)) <
		   unpacking->count)
		if (!unpack_frame(unpacking, zstd, buffer, index))
			break;
	ZSTD_freeDCtx(zstd);
}

static struct grf_error *explain_failure(const struct unpacking *unpacking)
{
	if (grf_interrupted())
		return grf_error_interrupted();
	switch (unpacking->failure) {
	case NO_FAILURE:
		break;
	case BROKEN:
		return grf_error_create(GRF_ERROR_BAD_INPUT, "%s: a packed frame is broken",
					unpacking->path);
	case TOO_MUCH:
		return grf_error_create(GRF_ERROR_NO_MEMORY,
					"%s: unpacked, it takes more than the %llu MiB of memory "
					"that are free; unpack it to a file (zstd -d)",
					unpacking->path,
					(unsigned long long)(unpacking->limit >> 20));
	case NO_MEMORY:
		return grf_error_errno(GRF_ERROR_NO_MEMORY, unpacking->error, "unpacking %s",
				       unpacking->path);
	}
	return NULL;
}

static struct grf_error *unpack_all(struct unpacking *unpacking)
{
	unsigned int threads = grf_available_processors();
	uint64_t size = unpacking->places[unpacking->count].unpacked;

	if (size > INT64_MAX || ftruncate(unpacking->to, (off_t)size))
		return bad_table(unpacking);
	grf_pool_run_once(threads < MAX_THREADS ? threads : MAX_THREADS, unpack_frames, unpacking);
	return explain_failure(unpacking);
}

static struct grf_error *unpack_mapped(struct unpacking *unpacking)
{
	struct grf_error *error;

	if (!find_table(unpacking))
		return bad_table(unpacking);
	unpacking->places = calloc((size_t)unpacking->count + 1, sizeof(*unpacking->places));
	if (!unpacking->places)
		return grf_error_no_memory();
	error = place_frames(unpacking) ? unpack_all(unpacking) : bad_table(unpacking);
	free(unpacking->places);
	return error ? error : grf_mapped_files_check();
}

struct grf_error *grf_file_unpack(int fd, const char *path, uint64_t limit, int *ret)
{
	struct unpacking unpacking = {.path = path, .limit = limit};
	struct grf_error *error;
	struct stat status;
	uint8_t *file;
	uint64_t size;

	if (fstat(fd, &status))
		return grf_error_errno(GRF_ERROR_OTHER, errno, "cannot look at %s", path);
	unpacking.size = size = (uint64_t)status.st_size;
	if (size < GRF_TABLE_HEADER_BYTES + GRF_TABLE_FOOTER_BYTES)
		return bad_table(&unpacking);
	unpacking.to = memfd_create("grf-bpf unpacked", MFD_CLOEXEC);
	if (unpacking.to < 0)
		return grf_error_errno(GRF_ERROR_NO_MEMORY, errno, "unpacking %s", path);
	error = grf_mapped_file_open(fd, size, path, &file);
	if (!error) {
		unpacking.file = file;
		error = unpack_mapped(&unpacking);
		grf_mapped_file_close(file, size);
	}
	if (error)
		close(unpacking.to);
	else
		*ret = unpacking.to;
	return error;
}
