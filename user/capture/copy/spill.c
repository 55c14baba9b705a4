/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The file has no name from the beginning (O_TMPFILE), or loses it at once, so that it is gone with
 * us however we end. It has a hole wherever nothing was written, which reads as zero, as the pages
 * of the target do that do not exist.
 *
 * Nothing is ever written through a mapping of it. A page fault there would have to find room on
 * the disk, and may wait for the disk; with the disk full it is a signal, and if it is the kernel
 * that copies into the page (process_vm_readv), it looks as if the target's page had gone. So the
 * threads read into their own buffers and write those: a full disk is an error like any other.
 *
 * While the target stands nothing is written at all, as a write waits when too much of the page
 * cache is dirty. What is read then goes to memory that was made before, and to the file when the
 * target runs again. Where it is too small for what is read in one stop, the rest is written in the
 * stop; pre-copy does not let it come to that.
 *
 * What has been written is pushed to the disk bit by bit. If memory is short it also leaves the
 * page cache, which would count against the limit of our control group, and perhaps the target's.
 * When all is copied the file is mapped where the copy would have been, and read from there.
 */
#include "capture/copy/spill.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <unistd.h>

#include "base/load.h"
#include "base/log.h"
#include "base/pages.h"
#include "base/units.h"

/* How much is written before the disk is told. */
#define SETTLE_BYTES (16ull << 20)
/* So many pages of zeros become a hole: a call for each costs as much as to write some. */
#define LEAST_HOLE 4u

void grf_spill_init(struct grf_spill *spill)
{
	memset(spill, 0, sizeof(*spill));
	spill->fd = -1;
	pthread_mutex_init(&spill->mutex, NULL);
	pthread_cond_init(&spill->put, NULL);
}

void grf_spill_close(struct grf_spill *spill)
{
	if (spill->fd >= 0)
		close(spill->fd);
	if (spill->buffers)
		munmap(spill->buffers, spill->buffer_count * GRF_SPILL_BUFFER);
	if (spill->held)
		munmap(spill->held, spill->held_size);
	free(spill->taken);
	free(spill->parts);
	free(spill->name);
	pthread_mutex_destroy(&spill->mutex);
	pthread_cond_destroy(&spill->put);
	grf_spill_init(spill);
}

/* --- where it is ------------------------------------------------------------------------------ */

static int make_file(const char *directory)
{
	char path[4096];
	int fd = open(directory, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);

	/* Some file systems lack it; the kernel says so in several ways. */
	if (fd >= 0 || (errno != EOPNOTSUPP && errno != EISDIR && errno != EINVAL))
		return fd;
	if (snprintf(path, sizeof(path), "%s/grf-bpf-XXXXXX", directory) >= (int)sizeof(path)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	fd = mkostemp(path, O_CLOEXEC);
	if (fd >= 0)
		unlink(path);
	return fd;
}

struct grf_error *grf_spill_check(const char *directory)
{
	int fd = make_file(directory);

	if (fd < 0)
		return grf_error_errno(GRF_ERROR_OUTPUT, errno, "no file can be made in %s",
				       directory);
	close(fd);
	return NULL;
}

static bool can_have_holes(int fd)
{
	return !fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, GRF_PAGE);
}

/* A new file in `directory`, or NULL and why not. */
static struct grf_error *try_directory(struct grf_spill *spill, const char *directory, bool named,
				       uint64_t bytes)
{
	uint64_t room;
	struct statfs facts;

	if (statfs(directory, &facts))
		return grf_error_errno(GRF_ERROR_NO_MEMORY, errno, "%s", directory);
	if (!named && (facts.f_type == TMPFS_MAGIC || facts.f_type == RAMFS_MAGIC))
		return grf_error_create(GRF_ERROR_NO_MEMORY, "%s is memory itself", directory);
	room = (uint64_t)facts.f_bavail * (uint64_t)facts.f_bsize;
	if (room < bytes)
		return grf_error_create(GRF_ERROR_NO_MEMORY, "%s has %llu MiB free", directory,
					GRF_MIB(room));
	spill->fd = make_file(directory);
	if (spill->fd < 0)
		return grf_error_errno(GRF_ERROR_NO_MEMORY, errno, "%s", directory);
	if (can_have_holes(spill->fd))
		return NULL;
	close(spill->fd);
	spill->fd = -1;
	return grf_error_create(GRF_ERROR_NO_MEMORY, "files in %s cannot have holes", directory);
}

static struct grf_error *find_directory(struct grf_spill *spill, const char *named, uint64_t bytes)
{
	const char *places[] = {named ? named : getenv("TMPDIR"), named ? NULL : "/var/tmp"};
	struct grf_error *error = NULL;

	for (size_t i = 0; i < sizeof(places) / sizeof(*places); i++) {
		struct grf_error *before = error;

		if (!places[i] || !*places[i])
			continue;
		error = try_directory(spill, places[i], named, bytes);
		if (!error) {
			grf_error_free(before);
			spill->name = strdup(places[i]);
			return spill->name ? NULL : grf_error_no_memory();
		}
		error->code = GRF_ERROR_NO_MEMORY;
		if (before)
			error = grf_error_prefix(error, "%s", before->message);
		grf_error_free(before);
	}
	return grf_error_prefix(error, "no place for %llu MiB in a file", GRF_MIB(bytes));
}

/* Memory that exists, so that no page of it is missing at the stop. */
static uint8_t *make_memory(size_t size)
{
	uint8_t *memory =
	    mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (memory == MAP_FAILED)
		return NULL;
	memset(memory, 0, size);
	return memory;
}

static struct grf_error *make_buffers(struct grf_spill *spill, unsigned int threads, size_t held)
{
	spill->buffer_count = threads;
	spill->taken = calloc(threads, sizeof(*spill->taken));
	spill->buffers = make_memory((size_t)threads * GRF_SPILL_BUFFER);
	spill->held_size = held;
	spill->held = make_memory(held);
	/* The shortest part is a page. */
	spill->parts = calloc(held / GRF_PAGE, sizeof(*spill->parts));
	if (!spill->taken || !spill->buffers || !spill->held || !spill->parts)
		return grf_error_no_memory();
	memset(spill->parts, 0, held / GRF_PAGE * sizeof(*spill->parts));
	return NULL;
}

struct grf_error *grf_spill_open(struct grf_spill *spill, const char *directory, uint64_t bytes,
				 unsigned int threads, size_t held)
{
	struct grf_error *error = find_directory(spill, directory, bytes);

	return error ? error : make_buffers(spill, threads, held);
}

struct grf_error *grf_spill_use(struct grf_spill *spill, int fd, const char *name,
				unsigned int threads, size_t held)
{
	spill->fd = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	if (spill->fd < 0)
		return grf_error_errno(GRF_ERROR_OTHER, errno, "%s", name);
	if (!can_have_holes(spill->fd)) {
		close(spill->fd);
		spill->fd = -1;
		return grf_error_create(GRF_ERROR_UNSUPPORTED, "%s cannot have holes", name);
	}
	spill->given = true;
	spill->name = strdup(name);
	return spill->name ? make_buffers(spill, threads, held) : grf_error_no_memory();
}

/* --- writing ---------------------------------------------------------------------------------- */

static void fail_spill(struct grf_spill *spill, int errnum)
{
	int none = 0;

	__atomic_compare_exchange_n(&spill->error, &none, errnum, false, __ATOMIC_RELAXED,
				    __ATOMIC_RELAXED);
}

/* Has the disk take what is written, so that little is dirty at any time. */
static void settle_spill(struct grf_spill *spill)
{
	uint64_t written = __atomic_load_n(&spill->written, __ATOMIC_RELAXED);

	pthread_mutex_lock(&spill->mutex);
	if (written - spill->settled < SETTLE_BYTES || written < spill->settled) {
		pthread_mutex_unlock(&spill->mutex);
		return;
	}
	spill->settled = written;
	pthread_mutex_unlock(&spill->mutex);
	/* Best effort, both. */
	sync_file_range(spill->fd, 0, 0,
			spill->drop ? SYNC_FILE_RANGE_WAIT_BEFORE | SYNC_FILE_RANGE_WRITE |
					  SYNC_FILE_RANGE_WAIT_AFTER
				    : SYNC_FILE_RANGE_WRITE);
	if (spill->drop)
		posix_fadvise(spill->fd, 0, 0, POSIX_FADV_DONTNEED);
}

static bool write_bytes(struct grf_spill *spill, const uint8_t *data, size_t size, uint64_t offset)
{
	while (size) {
		ssize_t length = pwrite(spill->fd, data, size, (off_t)offset);

		if (length < 0 && errno == EINTR)
			continue;
		if (length <= 0) {
			fail_spill(spill, length ? errno : ENOSPC);
			return false;
		}
		data += length;
		size -= (size_t)length;
		offset += (uint64_t)length;
		__atomic_fetch_add(&spill->written, (uint64_t)length, __ATOMIC_RELAXED);
	}
	return true;
}

/* How many of the whole pages at `data` are zero. */
static size_t count_zero_pages(const uint8_t *data, size_t size)
{
	size_t count = 0;

	while (size >= GRF_PAGE && grf_is_zero(data, GRF_PAGE)) {
		count++;
		data += GRF_PAGE;
		size -= GRF_PAGE;
	}
	return count;
}

/* Writes a part; of a file that stays, longer runs of zeros become holes, also where something
 * else stood before. */
static bool write_all(struct grf_spill *spill, const uint8_t *data, size_t size, uint64_t offset)
{
	size_t from = 0;

	if (!spill->given || offset % GRF_PAGE)
		return write_bytes(spill, data, size, offset);
	for (size_t at = 0; at < size;) {
		size_t zeros = count_zero_pages(data + at, size - at);

		if (zeros < LEAST_HOLE) {
			at += (zeros + 1) * GRF_PAGE;
			continue;
		}
		if (!write_bytes(spill, data + from, at - from, offset + from))
			return false;
		grf_spill_discard(spill, offset + at, zeros * GRF_PAGE);
		at += zeros * GRF_PAGE;
		from = at;
	}
	return from >= size || write_bytes(spill, data + from, size - from, offset + from);
}

bool grf_spill_write(struct grf_spill *spill, const uint8_t *data, uint64_t size, uint64_t offset)
{
	for (uint64_t at = 0, part; at < size; at += part) {
		part = size - at < GRF_SPILL_BUFFER ? size - at : GRF_SPILL_BUFFER;
		if (!write_all(spill, data + at, part, offset + at))
			return false;
		settle_spill(spill);
	}
	return true;
}

/* Room among what is held, for all of it. */
static bool take_held(struct grf_spill *spill, uint64_t offset, size_t size,
		      struct grf_spill_part *ret)
{
	size_t at, whole = (size + GRF_PAGE - 1) / GRF_PAGE * GRF_PAGE;

	if (!spill->holding || whole > spill->held_size)
		return false;
	at = __atomic_fetch_add(&spill->held_used, whole, __ATOMIC_RELAXED);
	if (at > spill->held_size - whole)
		return false;
	*ret = (struct grf_spill_part){spill->held + at, size, offset, SIZE_MAX};
	memset(ret->data, 0, size);
	return true;
}

void grf_spill_take(struct grf_spill *spill, uint64_t offset, size_t size,
		    struct grf_spill_part *ret)
{
	size_t i;

	if (size > GRF_SPILL_BUFFER)
		size = GRF_SPILL_BUFFER;
	if (take_held(spill, offset, size, ret))
		return;
	pthread_mutex_lock(&spill->mutex);
	for (;;) {
		for (i = 0; i < spill->buffer_count && spill->taken[i]; i++)
			;
		if (i < spill->buffer_count)
			break;
		pthread_cond_wait(&spill->put, &spill->mutex);
	}
	spill->taken[i] = true;
	pthread_mutex_unlock(&spill->mutex);
	*ret = (struct grf_spill_part){spill->buffers + i * GRF_SPILL_BUFFER, size, offset, i};
	memset(ret->data, 0, size);
}

bool grf_spill_put(struct grf_spill *spill, const struct grf_spill_part *part)
{
	bool written;

	if (part->buffer == SIZE_MAX) {
		size_t index = __atomic_fetch_add(&spill->part_count, 1, __ATOMIC_RELAXED);

		spill->parts[index] = *part;
		return true;
	}
	written = write_all(spill, part->data, part->size, part->offset);
	pthread_mutex_lock(&spill->mutex);
	spill->taken[part->buffer] = false;
	pthread_cond_signal(&spill->put);
	pthread_mutex_unlock(&spill->mutex);
	if (!spill->holding)
		settle_spill(spill);
	return written;
}

void grf_spill_hold(struct grf_spill *spill, bool holding)
{
	spill->holding = holding;
}

void grf_spill_flush(struct grf_spill *spill)
{
	for (size_t i = 0; i < spill->part_count; i++) {
		const struct grf_spill_part *part = &spill->parts[i];

		if (!write_all(spill, part->data, part->size, part->offset))
			break;
	}
	spill->part_count = spill->held_used = 0;
}

void grf_spill_discard(struct grf_spill *spill, uint64_t offset, uint64_t length)
{
	if (fallocate(spill->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)offset,
		      (off_t)length))
		fail_spill(spill, errno);
}

bool grf_spill_finish(struct grf_spill *spill, uint64_t length)
{
	if (!ftruncate(spill->fd, (off_t)length))
		return true;
	fail_spill(spill, errno);
	return false;
}

bool grf_spill_map(struct grf_spill *spill, uint8_t *data, uint64_t length, uint64_t offset)
{
	if (mmap(data, length, PROT_READ, MAP_SHARED | MAP_FIXED, spill->fd, (off_t)offset) ==
	    MAP_FAILED) {
		fail_spill(spill, errno);
		return false;
	}
	/* Where the page cache has no room, what is read ahead is gone again before it is used. */
	if (spill->drop)
		madvise(data, length, MADV_RANDOM);
	return true;
}

struct grf_error *grf_spill_explain(const struct grf_spill *spill, int pid)
{
	if (!spill->error)
		return NULL;
	if (spill->given)
		return grf_error_create(GRF_ERROR_OUTPUT, "cannot write %s after %llu MiB: %s",
					spill->name, GRF_MIB(spill->written),
					strerror(spill->error));
	return grf_error_create(GRF_ERROR_NO_MEMORY,
				"process %d: what does not fit into memory cannot be written to a "
				"file in %s after %llu MiB: %s",
				pid, spill->name, GRF_MIB(spill->written), strerror(spill->error));
}
