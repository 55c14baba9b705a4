/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Looks for the entry points in the symbols, and then in the function table. For the table it
 * builds an image of the executable alone, with the data segments of the process where it can read
 * them.
 */
#include "model/code/entry_points.h"

#include <stdlib.h>
#include <unistd.h>

#include "base/array.h"
#include "base/cleanup.h"
#include "base/log.h"
#include "image/image.h"
#include "model/code/modules.h"
#include "model/code/pclntab.h"
#include "model/code/runtime_variables.h"
#include "model/code/version.h"

/* Bytes; a larger data segment is not copied. */
#define MAX_DATA ((uint64_t)1 << 30)

struct loads {
	GRF_ARRAY(struct grf_segment) segments;
	GRF_ARRAY(uint8_t *) copies;
};

/* Copies a writable segment from the process. NULL: it cannot be read. */
static uint8_t *copy_of(struct loads *loads, const struct grf_load *load, uint64_t bias, int memory)
{
	uint8_t **copy;

	if (memory < 0 || !(load->flags & GRF_SEGMENT_WRITE) || load->file_size > MAX_DATA)
		return NULL;
	copy = grf_array_add(&loads->copies);
	if (!copy)
		return NULL;
	*copy = malloc(load->file_size);
	if (!*copy || pread(memory, *copy, load->file_size, (off_t)(load->address + bias)) !=
			  (ssize_t)load->file_size)
		return NULL;
	return *copy;
}

static void add_loads(struct loads *loads, const struct grf_executable *executable, int memory)
{
	uint64_t bias = grf_executable_bias(executable);
	size_t count;
	const struct grf_load *items = grf_executable_loads(executable, &count);

	for (size_t i = 0; i < count; i++) {
		const uint8_t *copy;
		struct grf_segment *segment;

		if (!items[i].file_size)
			continue;
		copy = copy_of(loads, &items[i], bias, memory);
		segment = grf_array_add(&loads->segments);
		if (segment)
			*segment = (struct grf_segment){
			    .start = items[i].address + bias,
			    .end = items[i].address + bias + items[i].file_size,
			    .flags = items[i].flags,
			    .data = copy ? copy : items[i].data,
			};
	}
}

static struct grf_error *search_functions(struct grf_executable *executable,
					  const struct grf_image *image,
					  struct grf_entry_points *ret)
{
	struct grf_pclntab *table = NULL;
	struct grf_modules *modules = NULL;
	struct grf_function function;
	struct grf_version version;
	struct grf_layout layout;
	struct grf_error *error;

	error = grf_version_find(executable, NULL, &version);
	if (!error)
		error = grf_layout_resolve(&version, NULL, &layout);
	if (!error)
		error = grf_modules_read(image, executable, &layout, &modules);
	if (!error)
		error = grf_pclntab_create(image, &layout, modules, &table);
	if (!error) {
		if (grf_pclntab_by_name(table, "runtime.gcSweep", &function))
			ret->gc_sweep = function.entry;
		ret->allgs = grf_runtime_allgs_by_code(image, &layout, modules, table);
		ret->mheap = grf_runtime_mheap_by_code(image, &layout, modules, table);
	}
	grf_pclntab_destroy(table);
	grf_modules_destroy(modules);
	return error;
}

/* Finds the entry points by the function table, in an image of the executable alone. */
static struct grf_error *from_functions(struct grf_executable *executable, int memory,
					struct grf_entry_points *ret)
{
	_cleanup_image_ struct grf_image *image = NULL;
	struct loads loads = {0};
	struct grf_error *error;

	add_loads(&loads, executable, memory);
	error = grf_image_from_segments(grf_executable_arch(executable), loads.segments.items,
					loads.segments.count, &image);
	if (!error)
		error = search_functions(executable, image, ret);
	for (size_t i = 0; i < loads.copies.count; i++)
		free(loads.copies.items[i]);
	grf_array_free(&loads.copies);
	grf_array_free(&loads.segments);
	return error;
}

struct grf_entry_points grf_entry_points_find(struct grf_executable *executable, int memory)
{
	uint64_t bias = grf_executable_bias(executable), address, size;
	_cleanup_error_ struct grf_error *error = NULL;
	struct grf_entry_points found = {0};

	if (grf_executable_symbol(executable, "runtime.gcSweep", &address, &size))
		found.gc_sweep = address + bias;
	if (grf_executable_symbol(executable, "runtime.allgs", &address, &size))
		found.allgs = address + bias;
	if (grf_executable_symbol(executable, "runtime.allm", &address, &size))
		found.allm = address + bias;
	if (grf_executable_symbol(executable, "runtime.mheap_", &address, &size))
		found.mheap = address + bias;
	if (grf_executable_symbol(executable, "runtime.gcphase", &address, &size))
		found.gc_phase = address + bias;
	if (!found.gc_sweep || !found.allgs || !found.mheap) {
		error = from_functions(executable, memory, &found);
		if (error)
			grf_verbose("%s", error->message);
	}
	return found;
}

bool grf_thread_records_find(struct grf_executable *executable, struct grf_thread_records *ret)
{
	_cleanup_error_ struct grf_error *error = NULL;
	struct grf_version version;
	struct grf_layout layout;
	int64_t stack;

	error = grf_version_find(executable, NULL, &version);
	if (!error)
		error = grf_layout_resolve(&version, grf_executable_dwarf(executable), &layout);
	if (error)
		return false;
	stack = grf_offset(&layout, g, stack);
	*ret = (struct grf_thread_records){
	    .g_m = grf_offset(&layout, g, m),
	    .m_alllink = grf_offset(&layout, m, alllink),
	    .m_procid = grf_offset(&layout, m, procid),
	    .m_gsignal = grf_offset(&layout, m, gsignal),
	    .stack_lo = stack + grf_offset(&layout, stack, lo),
	    .stack_hi = stack + grf_offset(&layout, stack, hi),
	};
	return stack >= 0 && ret->g_m > 0 && ret->m_alllink > 0 && ret->m_procid > 0 &&
	       ret->m_gsignal > 0;
}
