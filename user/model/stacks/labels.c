/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reads sets of labels (runtime/pprof/label.go). g.labels leads to a labelMap: up to Go 1.23 that
 * is the word of a map[string]string, since then a slice of pairs of strings, which stands first in
 * it. Maps of these releases are made of buckets (runtime/map.go).
 */
#include "model/stacks/labels.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/written_text.h"

/* A string, and a slice without its capacity: a pointer and a length. */
#define STRING_SIZE ((size_t)16)
/* Of a label, its key and its value (runtime/pprof/label.go). */
#define PAIR_SIZE (2 * STRING_SIZE)

/* A bucket of a map[string]string: a byte for each entry, keys, values, the next bucket. An entry
 * is there if its byte is not less than minTopHash. */
#define BUCKET_ENTRIES 8u
#define BUCKET_VALUES  (BUCKET_ENTRIES + BUCKET_ENTRIES * STRING_SIZE)
#define BUCKET_NEXT    (BUCKET_VALUES + BUCKET_ENTRIES * STRING_SIZE)
#define BUCKET_SIZE    (BUCKET_NEXT + 8)
#define LEAST_TOP_HASH 5
/* Flag of hmap: it grows into as many buckets as it had. */
#define SAME_SIZE_GROW 8

/* So many labels of a set are read; programs set some few. */
#define MAX_LABELS  512u
#define MAX_BUCKETS 64u
/* So many bytes of a key or value are shown, and of all of them. */
#define SHOWN_BYTES 64u
#define TEXT_BYTES  512u
/* Shown of a set that is too large, or that the memory does not tell. */
#define UNREADABLE "..."

struct part {
	const uint8_t *bytes; /* NULL: they are not in the image */
	uint64_t length;      /* of them */
	bool cut;
};

struct label {
	struct part key, value;
};

struct label_set {
	const struct grf_image *image;
	GRF_ARRAY(struct label) labels;
	bool more; /* than these */
	bool no_memory;
};

uint64_t grf_goroutine_label_set(const struct grf_image *image, const struct grf_layout *layout,
				 const struct grf_goroutine *goroutine)
{
	if (!grf_has(layout, g, labels))
		return 0;
	return grf_image_word(image, goroutine->address + (uint64_t)grf_offset(layout, g, labels));
}

/* The string whose header is at `header`. */
static struct part read_string(const struct grf_image *image, const uint8_t *header)
{
	uint64_t address = grf_load_u64(header), length = grf_load_u64(header + 8);
	struct part part = {.length = length, .cut = length > SHOWN_BYTES};

	if (part.cut)
		part.length = SHOWN_BYTES;
	part.bytes = part.length ? grf_image_at(image, address, part.length + part.cut) : header;
	/* No half of a character. */
	while (part.cut && part.bytes && part.length && (part.bytes[part.length] & 0xc0) == 0x80)
		part.length--;
	return part;
}

static void add_label(struct label_set *set, const uint8_t *key, const uint8_t *value)
{
	struct label *label;

	set->more |= set->labels.count == MAX_LABELS;
	label = set->more ? NULL : grf_array_add(&set->labels);
	set->no_memory |= !set->more && !label;
	if (!label)
		return;
	label->key = read_string(set->image, key);
	label->value = read_string(set->image, value);
}

/* False: the memory is not there. */
static bool read_pairs(struct label_set *set, uint64_t list, uint64_t count)
{
	uint64_t read = count < MAX_LABELS ? count : MAX_LABELS;
	const uint8_t *pairs = read ? grf_image_at(set->image, list, read * PAIR_SIZE) : NULL;

	for (uint64_t i = 0; pairs && i < read; i++)
		add_label(set, pairs + i * PAIR_SIZE, pairs + i * PAIR_SIZE + STRING_SIZE);
	set->more = count > read;
	return pairs || !read;
}

/* Reads some buckets of a map and those that are chained to them. */
static bool read_buckets(struct label_set *set, uint64_t address, uint64_t count)
{
	uint32_t chained = 0;

	for (uint64_t i = 0; i < count; i++)
		for (uint64_t at = address + i * BUCKET_SIZE; at;) {
			const uint8_t *bucket = grf_image_at(set->image, at, BUCKET_SIZE);

			if (!bucket || chained++ > 2 * MAX_BUCKETS)
				return false;
			for (size_t k = 0; k < BUCKET_ENTRIES; k++)
				if (bucket[k] >= LEAST_TOP_HASH)
					add_label(set, bucket + BUCKET_ENTRIES + k * STRING_SIZE,
						  bucket + BUCKET_VALUES + k * STRING_SIZE);
			at = grf_load_u64(bucket + BUCKET_NEXT);
		}
	return true;
}

/* A map that grows has entries in its old buckets still; what was moved from there is marked. */
static bool read_map(struct label_set *set, const struct grf_layout *layout, uint64_t map)
{
	uint64_t buckets, old, count = 1;
	const uint8_t *header;
	uint8_t shift, flags;

	if (!map)
		return true;
	if (!grf_has(layout, hmap, b) || !grf_has(layout, hmap, flags))
		return false;
	header = grf_image_at(set->image, map, (uint64_t)grf_offset(layout, hmap, _size));
	if (!header)
		return false;
	shift = header[grf_offset(layout, hmap, b)];
	flags = header[grf_offset(layout, hmap, flags)];
	buckets = grf_load_u64(header + grf_offset(layout, hmap, buckets));
	old = grf_load_u64(header + grf_offset(layout, hmap, oldbuckets));
	if (shift >= 8 || count << shift > MAX_BUCKETS)
		return false;
	count <<= shift;
	if (buckets && !read_buckets(set, buckets, count))
		return false;
	if (!(flags & SAME_SIZE_GROW))
		count /= 2;
	return !old || read_buckets(set, old, count ? count : 1);
}

static bool read_set(struct label_set *set, const struct grf_layout *layout, uint64_t address)
{
	const uint8_t *header;

	if (layout->release->labels_in_map)
		return read_map(set, layout, grf_image_word(set->image, address));
	header = grf_image_at(set->image, address, STRING_SIZE);
	return header && read_pairs(set, grf_load_u64(header), grf_load_u64(header + 8));
}

static int by_part(const struct part *a, const struct part *b)
{
	size_t length = a->length < b->length ? a->length : b->length;
	int order = a->bytes && b->bytes ? memcmp(a->bytes, b->bytes, length) : 0;

	return order ? order : a->length < b->length ? -1 : a->length > b->length;
}

static int by_key(const void *left, const void *right)
{
	const struct label *a = left, *b = right;
	int order = by_part(&a->key, &b->key);

	return order ? order : by_part(&a->value, &b->value);
}

/* Whether a part can stand without quotes; one with a zero byte cannot. */
static bool is_plain(const struct part *part)
{
	for (uint64_t i = 0; i < part->length; i++)
		if (strchr(" ,=\"\\", part->bytes[i]))
			return false;
	return part->length;
}

static void print_part(FILE *stream, const struct part *part, bool may_quote)
{
	bool quoted = may_quote && part->bytes && !is_plain(part);

	if (quoted)
		fputc('"', stream);
	for (uint64_t i = 0; part->bytes && i < part->length; i++) {
		if (quoted && (part->bytes[i] == '"' || part->bytes[i] == '\\'))
			fputc('\\', stream);
		if (part->bytes[i])
			fputc(part->bytes[i], stream);
		else
			fputs("\\x00", stream);
	}
	if (quoted)
		fputc('"', stream);
	if (part->cut || !part->bytes)
		fputs("...", stream);
}

static void print_labels(FILE *stream, const struct label_set *set)
{
	for (size_t i = 0; i < set->labels.count; i++) {
		if (i)
			fputs(", ", stream);
		if (ftell(stream) > (long)TEXT_BYTES) {
			fputs("...", stream);
			return;
		}
		print_part(stream, &set->labels.items[i].key, true);
		fputc('=', stream);
		print_part(stream, &set->labels.items[i].value, true);
	}
	if (set->more)
		fputs(", ...", stream);
}

static void sort_labels(struct label_set *set)
{
	if (set->labels.count)
		qsort(set->labels.items, set->labels.count, sizeof(*set->labels.items), by_key);
}

/* NULL: out of memory. */
static char *text_of_set(struct label_set *set)
{
	struct grf_written_text text;
	FILE *stream = grf_written_text_open(&text);

	sort_labels(set);
	if (stream)
		print_labels(stream, set);
	return grf_written_text_close(&text);
}

bool grf_labels_text(const struct grf_image *image, const struct grf_layout *layout, uint64_t set,
		     char **ret)
{
	struct label_set read = {.image = image};
	bool known;

	*ret = NULL;
	if (!set)
		return true;
	known = read_set(&read, layout, set) && !read.no_memory;
	if (!known && !read.no_memory)
		*ret = strdup(UNREADABLE);
	else if (known && read.labels.count)
		*ret = text_of_set(&read);
	known &= !read.labels.count;
	grf_array_free(&read.labels);
	return *ret || known;
}

static char *text_of_part(const struct part *part)
{
	struct grf_written_text text;
	FILE *stream = grf_written_text_open(&text);

	if (stream)
		print_part(stream, part, false);
	return grf_written_text_close(&text);
}

bool grf_labels_list(const struct grf_image *image, const struct grf_layout *layout, uint64_t set,
		     struct grf_label_list *ret)
{
	struct label_set read = {.image = image};
	bool known, listed = true;

	*ret = (struct grf_label_list){0};
	if (!set)
		return true;
	known = read_set(&read, layout, set);
	if (known)
		sort_labels(&read);
	for (size_t i = 0; known && listed && i < read.labels.count && i < GRF_LABELS_LISTED; i++) {
		struct grf_label *added = grf_array_add(&ret->items);

		if (added) {
			added->key = text_of_part(&read.labels.items[i].key);
			added->value = text_of_part(&read.labels.items[i].value);
		}
		listed = added && added->key && added->value;
	}
	grf_array_free(&read.labels);
	return listed && !read.no_memory;
}

void grf_label_list_free(struct grf_label_list *list)
{
	for (size_t i = 0; i < list->items.count; i++) {
		free(list->items.items[i].key);
		free(list->items.items[i].value);
	}
	grf_array_free(&list->items);
}
