/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Searches executable memory for the first bytes of the executable's code, page by page, and
 * compares all code where they are found.
 */
#include "image/code_place.h"

#include <elf.h>
#include <string.h>

#include "base/array.h"
#include "base/log.h"
#include "base/pages.h"

#define PART 65536u
/* What is compared at each page before all code is. */
#define KEY_BYTES 64u
/* How often all code is compared: no program has its beginning so many times by accident. */
#define MAX_TRIES 64u
/* Bytes that are gone through; no code is as large, and what a process may execute can be. */
#define MAX_SEARCHED ((uint64_t)4 << 30)

/* Where in a segment the bytes begin that are compared: behind the file's own headers, with which
 * the first segment begins, and which a packer may change. */
static uint64_t first_byte(const struct grf_executable *executable, const struct grf_load *load)
{
	size_t count;
	uint64_t headers = grf_executable_headers(executable, &count);
	uint64_t end = headers + count * sizeof(Elf64_Phdr) - load->address;

	return load->file_offset || headers < load->address || end > load->file_size ? 0 : end;
}

/* Code must be there as a whole. Of what else cannot be written to, with the build ids among it, a
 * core may lack the rest. */
static bool load_is_at(const struct grf_executable *executable, const struct grf_load *load,
		       const struct grf_code_memory *memory, uint64_t bias)
{
	uint64_t at = first_byte(executable, load);
	uint8_t part[PART];

	while (at < load->file_size) {
		uint64_t left = load->file_size - at;
		size_t size = left < PART ? (size_t)left : PART, done;

		done = memory->read(memory->context, load->address + bias + at, part, size);
		if (grf_interrupted() || memcmp(part, load->data + at, done) != 0)
			return false;
		if (done != size)
			return !(load->flags & GRF_SEGMENT_EXECUTE);
		at += size;
	}
	return true;
}

bool grf_code_is_at(const struct grf_executable *executable, const struct grf_code_memory *memory,
		    uint64_t bias)
{
	size_t count;
	const struct grf_load *loads = grf_executable_loads(executable, &count);
	bool code = false;

	for (size_t i = 0; i < count; i++) {
		if (loads[i].flags & GRF_SEGMENT_WRITE || !loads[i].file_size)
			continue;
		if (!load_is_at(executable, &loads[i], memory, bias))
			return false;
		code = code || loads[i].flags & GRF_SEGMENT_EXECUTE;
	}
	return code;
}

struct search {
	const struct grf_executable *executable;
	const struct grf_code_memory *memory;
	uint64_t address; /* of the key, link-time */
	const uint8_t *key;
	size_t key_size;
	unsigned int tries;
	uint64_t searched; /* bytes */
	uint64_t bias;     /* found */
};

/* Whether the key stands in one of the pages of `part`, and all code where that says. */
static bool is_in_part(struct search *search, uint64_t start, const uint8_t *part, size_t size)
{
	size_t at = search->address % GRF_PAGE;

	for (; at < size && size - at >= search->key_size; at += GRF_PAGE) {
		if (memcmp(part + at, search->key, search->key_size) != 0)
			continue;
		search->bias = start + at - search->address;
		if (grf_code_is_at(search->executable, search->memory, search->bias))
			return true;
		if (++search->tries == MAX_TRIES)
			return false;
	}
	return false;
}

static bool is_in_range(struct search *search, const struct grf_code_range *range)
{
	uint8_t part[PART];

	for (uint64_t at = range->start & ~(GRF_PAGE - 1); at < range->end;) {
		uint64_t left = range->end - at;
		size_t size = left < PART ? (size_t)left : PART;

		if (search->tries == MAX_TRIES || search->searched > MAX_SEARCHED ||
		    grf_interrupted())
			return false;
		size = search->memory->read(search->memory->context, at, part, size);
		if (is_in_part(search, at, part, size))
			return true;
		/* What cannot be read is passed over by the page. */
		size = size < GRF_PAGE ? GRF_PAGE : size & ~(size_t)(GRF_PAGE - 1);
		search->searched += size;
		if (size >= range->end - at)
			break;
		at += size;
	}
	return false;
}

bool grf_code_find(const struct grf_executable *executable, const struct grf_code_memory *memory,
		   uint64_t *ret)
{
	struct search search = {
	    .executable = executable,
	    .memory = memory,
	    .address = grf_executable_entry(executable),
	    .key_size = KEY_BYTES,
	};
	uint64_t left = GRF_PAGE - search.address % GRF_PAGE;

	*ret = 0;
	if (grf_executable_is_fixed(executable))
		return grf_code_is_at(executable, memory, 0);
	/* The key does not run into the next page. */
	if (left < search.key_size)
		search.key_size = (size_t)left;
	search.key = grf_executable_at(executable, search.address, search.key_size);
	for (size_t i = 0; search.key && i < memory->count; i++)
		if (is_in_range(&search, &memory->ranges[i])) {
			*ret = search.bias;
			return true;
		}
	return false;
}

static size_t read_image(void *context, uint64_t address, void *buffer, size_t length)
{
	const struct grf_image *image = context;
	size_t done = 0;

	while (done < length) {
		const struct grf_segment *segment = grf_image_find(image, address + done);
		uint64_t part;

		if (!segment || segment->flags & GRF_SEGMENT_CLAIMED)
			break;
		part = segment->end - (address + done);
		if (part > length - done)
			part = length - done;
		memcpy((uint8_t *)buffer + done, segment->data + (address + done - segment->start),
		       part);
		done += part;
	}
	return done;
}

/* Where the process began, by what the kernel said, when it runs this executable. False: it is not
 * this one, or not known. */
static bool said_bias(const struct grf_image *image, const struct grf_executable *executable,
		      uint64_t *ret)
{
	uint64_t entry;

	if (!grf_image_auxv(image, AT_ENTRY, &entry))
		return false;
	*ret = entry - grf_executable_entry(executable);
	return grf_executable_is_fixed(executable) ? !*ret : *ret % GRF_PAGE == 0;
}

void grf_code_place_in_image(const struct grf_image *image, struct grf_executable *executable)
{
	GRF_ARRAY(struct grf_code_range) ranges = {0};
	struct grf_code_memory memory = {.read = read_image, .context = (void *)image};
	uint64_t bias;
	size_t count;
	const struct grf_segment *segments = grf_image_segments(image, &count);

	if (grf_executable_is_placed(executable) || grf_executable_is_library(executable) ||
	    (said_bias(image, executable, &bias) && grf_code_is_at(executable, &memory, bias)))
		return;
	for (size_t i = 0; i < count; i++) {
		struct grf_code_range *range;

		if (!(segments[i].flags & GRF_SEGMENT_EXECUTE) ||
		    segments[i].flags & GRF_SEGMENT_CLAIMED)
			continue;
		range = grf_array_add(&ranges);
		if (range)
			*range = (struct grf_code_range){segments[i].start, segments[i].end};
	}
	memory.ranges = ranges.items;
	memory.count = ranges.count;
	if (grf_code_find(executable, &memory, &bias)) {
		grf_executable_place_at(executable, bias);
		grf_verbose("the code of %s stands in memory that no file is mapped to: a packer "
			    "or a loader put it there",
			    grf_executable_path(executable));
	}
	grf_array_free(&ranges);
}
