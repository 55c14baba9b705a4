/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The work of each copying thread: takes a batch of runs, reads it in one call, and handles pages
 * that cannot be read. Nothing here allocates.
 */
#include "capture/copy/copy.h"

#include <assert.h>
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/log.h"

/* What a thread takes at a time: the runs fit into one call (IOV_MAX is 1,024), and the pages are
 * copied in about a millisecond, after which it looks for an interruption. */
#define BATCH_RUNS  256
#define BATCH_PAGES 1024
/* So much of a long run is copied in a call: unless a kernel is built to be preempted, it gives the
 * CPU to nobody else before so much is copied. */
#define LONG_RUN_BYTES (256ull << 10)
/* A limit in name only: the length of the answer limits it. */
#define MEASURE_PAGES (1ull << 40)

struct batch {
	struct iovec remote[BATCH_RUNS];
	struct iovec local[BATCH_RUNS];
	size_t first; /* what is before is done */
	size_t count;
};

void grf_copy_init(struct grf_copy *copy, pid_t pid)
{
	memset(copy, 0, sizeof(*copy));
	copy->pid = pid;
	copy->mem = -1;
	copy->resident.pagemap = -1;
	pthread_mutex_init(&copy->mutex, NULL);
}

void grf_copy_destroy(struct grf_copy *copy)
{
	pthread_mutex_destroy(&copy->mutex);
}

/* Ascending, not overlapping: what copiers go by, and what searches for a piece rest on. */
static __attribute__((unused)) bool pieces_ascend(const struct grf_piece *pieces, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (pieces[i].start >= pieces[i].end || (i && pieces[i].start < pieces[i - 1].end))
			return false;
	return true;
}

void grf_copy_begin(struct grf_copy *copy, enum grf_copy_action action,
		    const struct grf_piece *pieces, size_t count)
{
	assert(pieces_ascend(pieces, count));
	copy->action = action;
	copy->pieces = pieces;
	copy->count = count;
	copy->at = 0;
	copy->cursor = count ? pieces[0].start : 0;
	copy->bytes = copy->pages_skipped = 0;
	copy->deadline = 0;
	copy->late = false;
}

static void fail_copy(struct grf_copy *copy, int errnum)
{
	int none = 0;

	__atomic_compare_exchange_n(&copy->error, &none, errnum, false, __ATOMIC_RELAXED,
				    __ATOMIC_RELAXED);
}

/* Fills `runs` from the cursor on, which it moves. */
static size_t take_runs(struct grf_copy *copy, const struct grf_piece *piece, struct grf_run *runs)
{
	uint64_t end = piece->end;
	struct grf_run part;
	size_t index;

	if (copy->left_out) {
		index = grf_left_out_index(copy->left_out, copy->cursor);
		if (!grf_left_out_next(copy->left_out, &index, copy->cursor, end, &part)) {
			copy->cursor = end;
			return 0;
		}
		copy->cursor = part.start;
		end = part.end;
	}
	if (piece->part == GRF_MAP_RESIDENT)
		return grf_resident_runs(&copy->resident, GRF_RESIDENT, copy->cursor, end, runs,
					 BATCH_RUNS, BATCH_PAGES, &copy->cursor);
	if (end - copy->cursor > (uint64_t)BATCH_PAGES * GRF_PAGE)
		end = copy->cursor + (uint64_t)BATCH_PAGES * GRF_PAGE;
	runs[0] = (struct grf_run){copy->cursor, end};
	copy->cursor = end;
	return 1;
}

/* The next runs that exist, from one piece. False: none is left. */
static bool next_batch(struct grf_copy *copy, struct batch *batch)
{
	struct grf_run runs[BATCH_RUNS];
	const struct grf_piece *piece = NULL;
	size_t i;

	batch->first = batch->count = 0;
	pthread_mutex_lock(&copy->mutex);
	while (!batch->count && copy->at < copy->count) {
		piece = &copy->pieces[copy->at];
		batch->count = take_runs(copy, piece, runs);
		if (copy->cursor >= piece->end && ++copy->at < copy->count)
			copy->cursor = copy->pieces[copy->at].start;
		if (grf_interrupted())
			break;
	}
	pthread_mutex_unlock(&copy->mutex);
	for (i = 0; i < batch->count; i++) {
		size_t length = runs[i].end - runs[i].start;

		batch->remote[i] = (struct iovec){(void *)runs[i].start, length};
		batch->local[i] =
		    (struct iovec){piece->data + (runs[i].start - piece->start), length};
	}
	return batch->count;
}

/* The bytes of the pages of [from, to) that exist. */
static uint64_t measure_run(struct grf_copy *copy, uint64_t from, uint64_t to)
{
	struct grf_run runs[BATCH_RUNS];
	uint64_t bytes = 0;

	while (from < to && !grf_interrupted()) {
		size_t found = grf_resident_runs(&copy->resident, GRF_RESIDENT, from, to, runs,
						 BATCH_RUNS, MEASURE_PAGES, &from);

		for (size_t i = 0; i < found; i++)
			bytes += runs[i].end - runs[i].start;
	}
	return bytes;
}

uint64_t grf_copy_measure(struct grf_copy *copy, const struct grf_piece *pieces, size_t count)
{
	static const struct grf_left_out_set nothing;
	const struct grf_left_out_set *left_out = copy->left_out ? copy->left_out : &nothing;
	uint64_t bytes = 0;
	size_t index = 0;

	for (size_t i = 0; i < count && !grf_interrupted(); i++) {
		const struct grf_piece *piece = &pieces[i];
		struct grf_run part = {piece->start, piece->start};

		if (piece->part != GRF_MAP_RESIDENT) {
			bytes += piece->end - piece->start;
			continue;
		}
		while (grf_left_out_next(left_out, &index, part.end, piece->end, &part))
			bytes += measure_run(copy, part.start, part.end);
	}
	return bytes;
}

/* Whether the copy at `data` is kept in the file. */
static bool is_in_file(const struct grf_copy *copy, const void *data, uint64_t *ret_offset)
{
	return copy->space && copy->spill && copy->spill->fd >= 0 &&
	       grf_space_is_spilled(copy->space, data, ret_offset);
}

/* Madvise makes all pages of a run exist in one call (Linux 5.14). */
static void touch_batch(struct grf_copy *copy, struct batch *batch)
{
	uint64_t place;
	size_t i, offset;

	if (batch->count && is_in_file(copy, batch->local[0].iov_base, &place))
		return;
	for (i = 0; i < batch->count; i++) {
		volatile uint8_t *data = batch->local[i].iov_base;

		if (!madvise(batch->local[i].iov_base, batch->local[i].iov_len,
			     MADV_POPULATE_WRITE))
			continue;
		if (errno != EINVAL) {
			fail_copy(copy, ENOMEM);
			return;
		}
		for (offset = 0; offset < batch->local[i].iov_len; offset += GRF_PAGE)
			data[offset] = 0;
	}
}

/* Takes `length` bytes off the front of what the batch has still to do. */
static void advance_batch(struct batch *batch, size_t length)
{
	while (length && batch->first < batch->count) {
		struct iovec *remote = &batch->remote[batch->first];
		struct iovec *local = &batch->local[batch->first];
		size_t part = length < remote->iov_len ? length : remote->iov_len;

		remote->iov_base = (uint8_t *)remote->iov_base + part;
		local->iov_base = (uint8_t *)local->iov_base + part;
		remote->iov_len -= part;
		local->iov_len -= part;
		length -= part;
		if (!remote->iov_len)
			batch->first++;
	}
}

static ssize_t read_some(struct grf_copy *copy, const struct batch *batch)
{
	const struct iovec *remote = &batch->remote[batch->first];
	const struct iovec *local = &batch->local[batch->first];
	size_t count = batch->count - batch->first;
	ssize_t length;

	length = -1;
	errno = ENOSYS;
	if (!__atomic_load_n(&copy->through_mem, __ATOMIC_RELAXED))
		length = process_vm_readv(copy->pid, local, count, remote, count, 0);
	if (length >= 0 || (errno != EPERM && errno != EACCES && errno != ENOSYS) || copy->mem < 0)
		return length;
	/* Refused, as some containers do: the other way, from now on. */
	__atomic_store_n(&copy->through_mem, true, __ATOMIC_RELAXED);
	length =
	    pread(copy->mem, local->iov_base, local->iov_len, (off_t)(uintptr_t)remote->iov_base);
	if (!length)
		errno = ESRCH; /* the address space is gone */
	return length ? length : -1;
}

/*
 * A page that process_vm_readv cannot read. The process may just have taken away its own access to
 * it, for a while; /proc/PID/mem does not mind. Otherwise it went away since the scan, or has
 * nothing behind it, and stays zero.
 */
static void read_page(struct grf_copy *copy, struct batch *batch)
{
	const struct iovec *remote = &batch->remote[batch->first];
	const struct iovec *local = &batch->local[batch->first];
	size_t length = GRF_PAGE - (uintptr_t)remote->iov_base % GRF_PAGE;

	if (length > remote->iov_len)
		length = remote->iov_len;
	if (copy->mem < 0 || pread(copy->mem, local->iov_base, length,
				   (off_t)(uintptr_t)remote->iov_base) != (ssize_t)length)
		__atomic_fetch_add(&copy->pages_skipped, 1, __ATOMIC_RELAXED);
	advance_batch(batch, length);
}

/* What a failed read means. True: go on with the batch. */
static bool survive_error(struct grf_copy *copy, struct batch *batch, int errnum)
{
	switch (errnum) {
	case EINTR:
		return !grf_interrupted();
	case EFAULT:
	case EIO:
		read_page(copy, batch);
		return true;
	default:
		fail_copy(copy, errnum);
		return false;
	}
}

static void read_all(struct grf_copy *copy, struct batch *batch)
{
	uint64_t bytes = 0;

	while (batch->first < batch->count) {
		ssize_t length = read_some(copy, batch);

		if (length > 0) {
			advance_batch(batch, (size_t)length);
			bytes += (uint64_t)length;
		} else if (!survive_error(copy, batch, length ? errno : EFAULT)) {
			break;
		}
	}
	__atomic_fetch_add(&copy->bytes, bytes, __ATOMIC_RELAXED);
}

/* Reads a run whose copy is in the file, at `offset`. A buffer is zero where nothing could be read.
 */
static void read_to_file(struct grf_copy *copy, const struct iovec *remote, uint64_t offset)
{
	size_t done = 0, length = remote->iov_len;

	while (done < length && !grf_interrupted() &&
	       !__atomic_load_n(&copy->error, __ATOMIC_RELAXED)) {
		struct grf_spill_part part;
		struct batch some;

		some.first = 0;
		some.count = 1;
		grf_spill_take(copy->spill, offset + done, length - done, &part);
		some.remote[0] = (struct iovec){(uint8_t *)remote->iov_base + done, part.size};
		some.local[0] = (struct iovec){part.data, part.size};
		read_all(copy, &some);
		if (!grf_spill_put(copy->spill, &part))
			fail_copy(copy, ENOSPC);
		done += part.size;
	}
}

/* Each run is in memory or in the file as a whole; of a batch some can be in the one, some in the
 * other. */
static void read_batch(struct grf_copy *copy, struct batch *batch)
{
	size_t count = batch->count, end;
	uint64_t offset, next_offset;

	for (size_t i = 0; i < count; i = end) {
		end = i + 1;
		if (is_in_file(copy, batch->local[i].iov_base, &offset)) {
			read_to_file(copy, &batch->remote[i], offset);
			continue;
		}
		while (end < count && !is_in_file(copy, batch->local[end].iov_base, &next_offset))
			end++;
		batch->first = i;
		batch->count = end;
		read_all(copy, batch);
	}
}

static void add_live(struct grf_copy *copy, struct batch *live, const struct iovec *remote,
		     const struct iovec *local, size_t start, size_t end)
{
	if (start == end)
		return;
	if (live->count == BATCH_RUNS) {
		read_batch(copy, live);
		live->count = 0;
	}
	live->remote[live->count] =
	    (struct iovec){(uint8_t *)remote->iov_base + start, end - start};
	live->local[live->count++] =
	    (struct iovec){(uint8_t *)local->iov_base + start, end - start};
}

/* Reads a batch less the parts of stacks that are dead. What goes to the file is read whole. */
static void read_live(struct grf_copy *copy, const struct batch *batch)
{
	const struct grf_dead_stacks *dead = copy->dead;
	struct batch live;
	uint64_t offset;

	live.first = live.count = 0;
	for (size_t i = 0; i < batch->count; i++) {
		const struct iovec *remote = &batch->remote[i], *local = &batch->local[i];
		uint64_t start = (uint64_t)(uintptr_t)remote->iov_base;
		size_t length = remote->iov_len, at = 0;

		size_t k = grf_run_behind(dead->runs, dead->run_count, start);

		if (is_in_file(copy, local->iov_base, &offset))
			k = dead->run_count;
		for (; k < dead->run_count && dead->runs[k].start < start + length; k++) {
			const struct grf_run *run = &dead->runs[k];
			size_t from = run->start > start ? run->start - start : 0;

			add_live(copy, &live, remote, local, at, from);
			at = run->end - start < length ? run->end - start : length;
			__atomic_fetch_add(&copy->dead_bytes, at - from, __ATOMIC_RELAXED);
		}
		add_live(copy, &live, remote, local, at, length);
	}
	read_batch(copy, &live);
}

static void read_needed(struct grf_copy *copy, struct batch *batch)
{
	if (copy->dead && copy->dead->run_count)
		read_live(copy, batch);
	else
		read_batch(copy, batch);
}

void grf_copy_discard(struct grf_copy *copy, uint8_t *data, uint64_t length)
{
	uint64_t offset;

	if (is_in_file(copy, data, &offset))
		grf_spill_discard(copy->spill, offset, length);
	else
		madvise(data, length, MADV_DONTNEED);
}

/* Reads `runs`, which `local` and `remote` have room for, from the first on. Returns how many bytes
 * were read before something could not be. */
static size_t gather_some(struct grf_copy *copy, const struct grf_run *runs, size_t count,
			  uint8_t *ret)
{
	struct batch batch = {.count = count};
	uint8_t *at = ret;
	size_t done = 0;

	for (size_t i = 0; i < count; i++) {
		size_t length = runs[i].end - runs[i].start;

		batch.remote[i] = (struct iovec){(void *)runs[i].start, length};
		batch.local[i] = (struct iovec){at, length};
		at += length;
	}
	while (batch.first < batch.count) {
		ssize_t length = read_some(copy, &batch);

		if (length < 0 && errno == EINTR && !grf_interrupted())
			continue;
		if (length <= 0)
			break;
		advance_batch(&batch, (size_t)length);
		done += (size_t)length;
	}
	return done;
}

size_t grf_copy_gather(void *context, const struct grf_run *runs, size_t count, uint8_t *ret)
{
	size_t whole = 0, i = 0;

	while (i < count) {
		size_t some = count - i < BATCH_RUNS ? count - i : BATCH_RUNS;
		size_t done = gather_some(context, &runs[i], some, ret), length;

		/* Past what was read, and past the one that could not be. */
		for (; some; some--, i++) {
			length = runs[i].end - runs[i].start;
			ret += length;
			if (done < length) {
				memset(ret - length + done, 0, length - done);
				i++;
				break;
			}
			done -= length;
			whole++;
		}
	}
	return whole;
}

void grf_copy_runs(struct grf_copy *copy, const struct grf_run *runs, size_t count, uint8_t *data,
		   uint64_t base)
{
	struct batch batch;

	batch.first = batch.count = 0;
	for (size_t i = 0; i < count && i < BATCH_RUNS; i++) {
		size_t length = runs[i].end - runs[i].start;

		batch.remote[i] = (struct iovec){(void *)runs[i].start, length};
		batch.local[i] = (struct iovec){data + (runs[i].start - base), length};
		batch.count++;
	}
	read_needed(copy, &batch);
}

void grf_copy_long_run(struct grf_copy *copy, const struct grf_run *run, uint8_t *data,
		       uint64_t base)
{
	uint64_t offset;
	bool spilled = is_in_file(copy, data + (run->start - base), &offset);

	for (uint64_t at = run->start, end; at < run->end; at = end) {
		end = run->end - at < LONG_RUN_BYTES ? run->end : at + LONG_RUN_BYTES;
		/* All at once takes less than a page fault each; where that does not work (before
		 * Linux 5.14), page faults it is. */
		if (!spilled)
			madvise(data + (at - base), end - at, MADV_POPULATE_WRITE);
		grf_copy_runs(copy, &(struct grf_run){at, end}, 1, data, base);
	}
}

/* Whether to go on with the pass. */
static bool goes_on(struct grf_copy *copy)
{
	if (copy->deadline && grf_now() > copy->deadline)
		__atomic_store_n(&copy->late, true, __ATOMIC_RELAXED);
	return !grf_interrupted() && !__atomic_load_n(&copy->error, __ATOMIC_RELAXED) &&
	       !__atomic_load_n(&copy->late, __ATOMIC_RELAXED);
}

void grf_copy_work(struct grf_copy *copy)
{
	struct batch batch;

	/* Late is only what is not finished. */
	while (next_batch(copy, &batch)) {
		if (!goes_on(copy))
			return;
		if (copy->action == GRF_COPY_TOUCH)
			touch_batch(copy, &batch);
		else
			read_needed(copy, &batch);
	}
}
