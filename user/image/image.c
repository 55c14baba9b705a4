/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Makes an image: sorts its segments, cuts overlaps, joins neighbours, and fills the gaps from the
 * executable.
 */
#include "image/image.h"

#include <elf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "arch/arch.h"
#include "base/cleanup.h"
#include "base/files/mapped_file.h"
#include "base/log.h"
#include "base/pages.h"
#include "image/image_private.h"
#include "image/parts.h"

/* Of executables with more segments none is joined: each costs a look at all of the image. Linkers
 * make about ten. */
#define MAX_JOINED 64u

struct grf_image *grf_image_new(const struct grf_arch *arch)
{
	struct grf_image *image = calloc(1, sizeof(*image));

	if (image)
		image->arch = arch;
	return image;
}

const struct grf_arch *grf_image_arch(const struct grf_image *image)
{
	return image->arch;
}

void grf_thread_set(struct grf_thread *thread, const struct grf_arch *arch, pid_t tid,
		    const uint64_t *registers)
{
	*thread = (struct grf_thread){
	    .tid = tid,
	    .pc = registers[arch->registers.pc],
	    .sp = registers[arch->registers.sp],
	    .general_count = arch->registers.count,
	};
	memcpy(thread->general, registers, arch->registers.count * sizeof(*registers));
}

static bool add_segment(struct grf_image *image, const struct grf_segment *segment)
{
	struct grf_segment *added = grf_array_add(&image->segments);

	if (!added)
		return false;
	*added = *segment;
	return true;
}

bool grf_image_add(struct grf_image *image, uint64_t start, uint64_t end, uint32_t flags,
		   const uint8_t *data)
{
	const struct grf_segment segment = {start, end, flags, data};

	return end <= start || add_segment(image, &segment);
}

/* Zeroed memory that the image owns; NULL: out of memory. Untouched, it costs address space only.
 */
static uint8_t *add_backing(struct grf_image *image, uint64_t size, int protection)
{
	struct grf_image_backing *backing;
	void *memory =
	    mmap(NULL, size, protection, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (memory == MAP_FAILED)
		return NULL;
	backing = grf_array_add(&image->backings);
	if (!backing) {
		munmap(memory, size);
		return NULL;
	}
	*backing = (struct grf_image_backing){memory, size};
	return memory;
}

bool grf_image_add_zero(struct grf_image *image, uint64_t start, uint64_t end, uint32_t flags)
{
	const uint8_t *memory;

	if (end <= start)
		return true;
	memory = add_backing(image, end - start, PROT_READ);
	return memory && grf_image_add(image, start, end, flags | GRF_SEGMENT_CLAIMED, memory);
}

void grf_image_destroy(struct grf_image *image)
{
	if (!image)
		return;
	for (size_t i = 0; i < image->backings.count; i++)
		grf_mapped_file_close(image->backings.items[i].memory,
				      image->backings.items[i].size);
	grf_array_free(&image->backings);
	grf_array_free(&image->segments);
	grf_array_free(&image->held);
	grf_core_file_leave(image->file);
	grf_array_free(&image->mappings);
	grf_array_free(&image->threads);
	grf_array_free(&image->auxv);
	grf_image_parts_destroy(image->parts);
	free(image);
}

/* Sorting keeps the order of addition among equal starts: the later one is cut. */
struct ordered_segment {
	struct grf_segment segment;
	size_t order;
};

static int by_start(const void *left, const void *right)
{
	const struct ordered_segment *a = left, *b = right;

	if (a->segment.start != b->segment.start)
		return a->segment.start < b->segment.start ? -1 : 1;
	return a->order < b->order ? -1 : 1;
}

/* Cuts from `segment` what lies before `end`. */
static void cut_before(struct grf_segment *segment, uint64_t end)
{
	if (segment->start >= end)
		return;
	if (end > segment->end)
		end = segment->end;
	segment->data += end - segment->start;
	segment->start = end;
}

/* Whether one goes on where the other ends, in the process as in our memory. Go asks for huge pages
 * here and there, by which the kernel splits mappings, and spans and stacks run across. */
static bool goes_on(const struct grf_segment *left, const struct grf_segment *right)
{
	return left->end == right->start && left->flags == right->flags &&
	       left->data + (left->end - left->start) == right->data;
}

/* Sorts, cuts overlaps, and makes one of those that go on. False: out of memory. */
static bool sort_segments(struct grf_image *image)
{
	size_t count = image->segments.count, kept = 0;
	struct ordered_segment *ordered = malloc((count + 1) * sizeof(*ordered));
	uint64_t end = 0;

	if (!ordered)
		return false;
	for (size_t i = 0; i < count; i++)
		ordered[i] = (struct ordered_segment){image->segments.items[i], i};
	qsort(ordered, count, sizeof(*ordered), by_start);
	for (size_t i = 0; i < count; i++) {
		struct grf_segment segment = ordered[i].segment;

		cut_before(&segment, end);
		if (segment.start >= segment.end)
			continue;
		end = segment.end;
		if (kept && goes_on(&image->segments.items[kept - 1], &segment))
			image->segments.items[kept - 1].end = end;
		else
			image->segments.items[kept++] = segment;
	}
	image->segments.count = kept;
	free(ordered);
	return grf_image_list_held(image);
}

/* The first of `count` sorted segments that ends behind an address. */
static size_t first_behind(const struct grf_image *image, size_t count, uint64_t address)
{
	size_t low = 0, high = count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (image->segments.items[middle].end <= address)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* Adds the parts of [start, end) that the first `count` segments (sorted) leave free. */
static bool fill_gaps(struct grf_image *image, size_t count, uint64_t start, uint64_t end,
		      uint32_t flags, const uint8_t *data)
{
	uint64_t at = start;

	for (size_t i = first_behind(image, count, start); i < count && at < end; i++) {
		struct grf_segment segment = image->segments.items[i];
		uint64_t gap_end = segment.start < end ? segment.start : end;

		if (segment.end <= at)
			continue;
		if (gap_end > at && !grf_image_add(image, at, gap_end, flags, data + (at - start)))
			return false;
		at = segment.end;
	}
	return at >= end || grf_image_add(image, at, end, flags, data + (at - start));
}

/* Puts a buffer in the place of all that stands in [start, end); sorts. False: out of memory. */
static bool replace_range(struct grf_image *image, uint64_t start, uint64_t end, uint32_t flags,
			  const uint8_t *data)
{
	size_t count = image->segments.count, kept = 0;

	for (size_t i = 0; i < count; i++) {
		struct grf_segment segment = image->segments.items[i], right = segment;

		if (segment.end <= start || segment.start >= end) {
			image->segments.items[kept++] = segment;
			continue;
		}
		cut_before(&right, end);
		if (segment.start < start) {
			segment.end = start;
			image->segments.items[kept++] = segment;
		}
		/* What is right of the range goes to the end; sorting brings it back. */
		if (right.start < right.end) {
			if (kept <= i)
				image->segments.items[kept++] = right;
			else if (!add_segment(image, &right))
				return false;
		}
	}
	memmove(&image->segments.items[kept], &image->segments.items[count],
		(image->segments.count - count) * sizeof(*image->segments.items));
	image->segments.count -= count - kept;
	return grf_image_add(image, start, end, flags, data) && sort_segments(image);
}

/*
 * Makes one segment of what the executable loads in [start, end). The pages that the loader wrote
 * to come from the process, the others from the file; tables that the linker laid out run across
 * both, and readers take them whole.
 */
static bool join_range(struct grf_image *image, uint64_t start, uint64_t end, uint32_t flags)
{
	const struct grf_segment *first = grf_image_find(image, start);
	struct grf_error *error;
	uint8_t *memory;

	if (end <= start || !first || first->end >= end)
		return true;
	memory = add_backing(image, end - start, PROT_READ | PROT_WRITE);
	if (!memory)
		return false;
	error = grf_image_read(image, start, memory, end - start);
	if (error) {
		/* Not all of it is there: it stays as it is, in pieces. */
		grf_error_free(error);
		return true;
	}
	return replace_range(image, start, end, flags, memory);
}

/* Adds the pages of a file that the image lacks. */
static struct grf_error *add_file(struct grf_image *image, const struct grf_executable *executable)
{
	const struct grf_load *loads;
	size_t count, sorted = image->segments.count;

	loads = grf_executable_loads(executable, &count);
	for (size_t i = 0; i < count; i++) {
		uint64_t start = loads[i].address + grf_executable_bias(executable);

		if (start + loads[i].file_size >= start &&
		    !fill_gaps(image, sorted, start, start + loads[i].file_size, loads[i].flags,
			       loads[i].data))
			return grf_error_no_memory();
	}
	if (!sort_segments(image))
		return grf_error_no_memory();
	for (size_t i = 0; i < count && count <= MAX_JOINED; i++) {
		uint64_t start = loads[i].address + grf_executable_bias(executable);

		if (start + loads[i].file_size >= start &&
		    !join_range(image, start, start + loads[i].file_size, loads[i].flags))
			return grf_error_no_memory();
	}
	return NULL;
}

struct grf_error *grf_image_finish(struct grf_image *image, struct grf_executable *executable)
{
	struct grf_executable *const *libraries;
	struct grf_error *error;
	size_t count;

	if (!sort_segments(image))
		return grf_error_no_memory();
	if (!executable)
		return NULL;
	error = add_file(image, executable);
	libraries = grf_executable_libraries(executable, &count);
	for (size_t i = 0; !error && i < count; i++)
		error = add_file(image, libraries[i]);
	return error;
}

static const char *last_part(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

/* Whether a mapping's path ends in the file name `name`; that of a deleted file has more to it. */
static bool is_named(const char *path, const char *name)
{
	const char *last = last_part(path);
	size_t length = strlen(name);

	return !strncmp(last, name, length) &&
	       (!last[length] || !strcmp(last + length, " (deleted)"));
}

/* Finds a library among the files that the process had mapped: by its path, else by its name. */
static struct grf_error *place_library(const struct grf_image *image,
				       struct grf_executable *executable)
{
	_cleanup_free_ char *path = realpath(grf_executable_path(executable), NULL);

	for (int by_name = 0; path && by_name < 2; by_name++) {
		for (size_t i = 0; i < image->mappings.count; i++) {
			const struct grf_mapping *mapping = &image->mappings.items[i];

			if ((by_name ? is_named(mapping->path, last_part(path))
				     : !strcmp(mapping->path, path)) &&
			    grf_executable_place(executable, mapping))
				return NULL;
		}
	}
	return grf_error_create(GRF_ERROR_MISMATCH,
				"%s is a shared library, and the process had none of that name "
				"loaded, or does not say where; give it the name that it had",
				grf_executable_path(executable));
}

struct grf_error *grf_image_set_bias(const struct grf_image *image,
				     struct grf_executable *executable)
{
	uint64_t entry, link_entry = grf_executable_entry(executable);

	if (grf_executable_is_placed(executable))
		return NULL;
	if (grf_executable_is_library(executable))
		return place_library(image, executable);
	if (!grf_image_auxv(image, AT_ENTRY, &entry)) {
		grf_verbose("no auxiliary vector: taking the executable to be where it was linked");
		grf_executable_set_bias(executable, 0);
		return NULL;
	}
	if (grf_executable_is_fixed(executable) ? entry != link_entry
						: (entry - link_entry) % GRF_PAGE != 0)
		return grf_error_create(
		    GRF_ERROR_MISMATCH,
		    "%s is not what the process runs: its entry point is %#llx, "
		    "the process started at %#llx",
		    grf_executable_path(executable), (unsigned long long)link_entry,
		    (unsigned long long)entry);
	grf_executable_set_bias(executable, entry - link_entry);
	return NULL;
}

struct grf_error *grf_image_from_segments(const struct grf_arch *arch,
					  const struct grf_segment *segments, size_t count,
					  struct grf_image **ret)
{
	_cleanup_image_ struct grf_image *image = grf_image_new(arch);
	bool fits = image != NULL;

	for (size_t i = 0; fits && i < count; i++)
		fits = segments[i].end <= segments[i].start || add_segment(image, &segments[i]);
	if (!fits || !sort_segments(image))
		return grf_error_no_memory();
	*ret = grf_take(image);
	return NULL;
}
