/* SPDX-License-Identifier: BSD-2-Clause */
/* Packs a batch of frames at a time, one in each thread, and writes them in their order. Frames of
 * zeros are packed once. */
#include <stdlib.h>
#include <string.h>
#include <zstd.h>

#include "base/array.h"
#include "base/files/packed_file.h"
#include "base/files/packed_format.h"
#include "base/pool.h"

/* Of the fastest levels, the one that packs best; it is faster than most disks. */
#define LEVEL 1

struct frame {
	uint8_t *data; /* GRF_FRAME_BYTES of room */
	size_t size;
	bool zero; /* all of it, and the frame is whole: `packed` is the packer's */
	uint8_t *packed;
	size_t packed_size;
	ZSTD_CCtx *context;
	bool failed;
};

struct table_entry {
	uint32_t packed, unpacked;
};

struct grf_packer {
	grf_packed_write *write;
	void *context;
	struct frame *frames;  /* a batch */
	unsigned int count;    /* that there is room for */
	unsigned int at;       /* the one that is filled */
	unsigned int next;     /* to pack; taken by any thread */
	struct grf_pool *pool; /* NULL: no more threads could be made */
	struct frame zero;
	GRF_ARRAY(struct table_entry) table;
};

static bool make_frame(struct frame *frame)
{
	frame->data = calloc(1, GRF_FRAME_BYTES);
	frame->packed = malloc(ZSTD_compressBound(GRF_FRAME_BYTES));
	frame->context = ZSTD_createCCtx();
	return frame->data && frame->packed && frame->context &&
	       !ZSTD_isError(
		   ZSTD_CCtx_setParameter(frame->context, ZSTD_c_compressionLevel, LEVEL)) &&
	       !ZSTD_isError(ZSTD_CCtx_setParameter(frame->context, ZSTD_c_checksumFlag, 1));
}

static void free_frame(struct frame *frame)
{
	free(frame->data);
	free(frame->packed);
	ZSTD_freeCCtx(frame->context);
}

static void pack_frame(struct frame *frame)
{
	size_t size = ZSTD_compress2(frame->context, frame->packed,
				     ZSTD_compressBound(GRF_FRAME_BYTES), frame->data, frame->size);

	frame->failed = ZSTD_isError(size);
	frame->packed_size = size;
}

struct grf_error *grf_packer_create(unsigned int threads, grf_packed_write *write, void *context,
				    struct grf_packer **ret)
{
	struct grf_packer *packer = calloc(1, sizeof(*packer));
	bool fits;

	if (!packer)
		return grf_error_no_memory();
	packer->write = write;
	packer->context = context;
	packer->frames = calloc(threads, sizeof(*packer->frames));
	fits = packer->frames && make_frame(&packer->zero);
	for (unsigned int i = 0; fits && i < threads; i++) {
		packer->count = i + 1;
		fits = make_frame(&packer->frames[i]);
	}
	if (!fits) {
		grf_packer_destroy(packer);
		return grf_error_no_memory();
	}
	grf_error_free(grf_pool_create(threads - 1, &packer->pool));
	packer->zero.size = GRF_FRAME_BYTES;
	pack_frame(&packer->zero);
	*ret = packer;
	return NULL;
}

void grf_packer_destroy(struct grf_packer *packer)
{
	if (!packer)
		return;
	grf_pool_destroy(packer->pool);
	for (unsigned int i = 0; i < packer->count; i++)
		free_frame(&packer->frames[i]);
	free_frame(&packer->zero);
	free(packer->frames);
	grf_array_free(&packer->table);
	free(packer);
}

static struct grf_error *write_frame(struct grf_packer *packer, const struct frame *frame)
{
	const struct frame *from = frame->zero ? &packer->zero : frame;
	struct table_entry *entry;

	if (from->failed)
		return grf_error_create(GRF_ERROR_OTHER, "libzstd cannot pack a frame: %s",
					ZSTD_getErrorName(from->packed_size));
	entry = grf_array_add(&packer->table);
	if (!entry)
		return grf_error_no_memory();
	*entry = (struct table_entry){(uint32_t)from->packed_size, (uint32_t)from->size};
	return packer->write(packer->context, from->packed, from->packed_size);
}

static void pack_frames(void *context, unsigned int thread)
{
	struct grf_packer *packer = context;
	unsigned int i;

	(void)thread;
	while ((i = __atomic_fetch_add(&packer->next, 1, __ATOMIC_RELAXED)) < packer->at)
		if (!packer->frames[i].zero)
			pack_frame(&packer->frames[i]);
}

/* Packs the frames before the one that is filled, and writes them. */
static struct grf_error *flush_batch(struct grf_packer *packer)
{
	struct grf_error *error = NULL;

	packer->next = 0;
	grf_pool_run(packer->pool, pack_frames, packer);
	for (unsigned int i = 0; !error && i < packer->at; i++)
		error = write_frame(packer, &packer->frames[i]);
	for (unsigned int i = 0; i < packer->at; i++) {
		packer->frames[i].size = 0;
		packer->frames[i].zero = false;
	}
	packer->at = 0;
	return error;
}

static struct grf_error *end_frame(struct grf_packer *packer)
{
	packer->at++;
	return packer->at == packer->count ? flush_batch(packer) : NULL;
}

struct grf_error *grf_packer_add(struct grf_packer *packer, const void *data, size_t size)
{
	struct grf_error *error = NULL;

	while (!error && size) {
		struct frame *frame = &packer->frames[packer->at];
		size_t part = GRF_FRAME_BYTES - frame->size;

		if (part > size)
			part = size;
		memcpy(frame->data + frame->size, data, part);
		frame->size += part;
		data = (const uint8_t *)data + part;
		size -= part;
		if (frame->size == GRF_FRAME_BYTES)
			error = end_frame(packer);
	}
	return error;
}

struct grf_error *grf_packer_skip(struct grf_packer *packer, uint64_t size)
{
	struct grf_error *error = NULL;

	while (!error && size) {
		struct frame *frame = &packer->frames[packer->at];
		size_t part = GRF_FRAME_BYTES - frame->size;

		if (part > size)
			part = (size_t)size;
		frame->zero = part == GRF_FRAME_BYTES;
		if (!frame->zero)
			memset(frame->data + frame->size, 0, part);
		frame->size += part;
		size -= part;
		if (frame->size == GRF_FRAME_BYTES)
			error = end_frame(packer);
	}
	return error;
}

static struct grf_error *write_table(struct grf_packer *packer)
{
	const size_t entries = packer->table.count * GRF_TABLE_ENTRY_BYTES;
	const uint32_t header[] = {GRF_TABLE_MAGIC, (uint32_t)(entries + GRF_TABLE_FOOTER_BYTES)};
	const uint32_t count = (uint32_t)packer->table.count, magic = GRF_TABLE_FOOTER_MAGIC;
	uint8_t footer[GRF_TABLE_FOOTER_BYTES] = {0};
	struct grf_error *error;

	memcpy(footer, &count, sizeof(count));
	memcpy(footer + 5, &magic, sizeof(magic));
	error = packer->write(packer->context, header, sizeof(header));
	if (!error)
		error = packer->write(packer->context, packer->table.items, entries);
	return error ? error : packer->write(packer->context, footer, sizeof(footer));
}

struct grf_error *grf_packer_finish(struct grf_packer *packer)
{
	struct grf_error *error;

	if (packer->frames[packer->at].size)
		packer->at++;
	error = flush_batch(packer);
	return error ? error : write_table(packer);
}
