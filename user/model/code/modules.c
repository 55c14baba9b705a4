/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Finds the first moduledata by its symbol; in a stripped program by its section (Go 1.26 and
 * later), or by the one word of the data segments that points to the pcHeader, with which
 * moduledata begins. The pcHeader is found by its magic number. A candidate is checked against its
 * pcHeader before it is used.
 */
#include "model/code/modules.h"

#include <stdlib.h>

#include "base/log.h"
#include "model/code/pc_header.h"
#include "model/heap/gc_program.h"

/* A longer chain (the program and its plugins) is broken. */
#define MAX_MODULES 4096

/* Bytes; linkers address data and bss with 32 bits, so larger segments are broken. */
#define MAX_SEGMENT ((uint64_t)1 << 32)

/* Words in a program that may look like a pcHeader; one of them is. */
#define MAX_HEADERS 16

/* Where the image lacks data, the scan goes on so many bytes further. */
#define SCAN_STEP 4096u

struct reader {
	const struct grf_image *image;
	const struct grf_layout *layout;
	uint64_t address;       /* of the current moduledata */
	uint64_t segments_left; /* bytes that further modules may have of data and bss */
};

static struct grf_slice read_slice(const struct reader *reader, int64_t offset)
{
	if (offset < 0)
		return (struct grf_slice){0};
	return (struct grf_slice){grf_image_field(reader->image, reader->address, offset),
				  grf_image_field(reader->image, reader->address, offset + 8)};
}

#define WORD(field)                                                                                \
	grf_image_field(reader->image, reader->address,                                            \
			grf_offset(reader->layout, moduledata, field))
#define SLICE(field) read_slice(reader, grf_offset(reader->layout, moduledata, field))

static void read_fields(const struct reader *reader, struct grf_module *module)
{
	*module = (struct grf_module){
	    .address = reader->address,
	    .pc_header = WORD(pc_header),
	    .funcnametab = SLICE(funcnametab),
	    .cutab = SLICE(cutab),
	    .filetab = SLICE(filetab),
	    .pctab = SLICE(pctab),
	    .pclntable = SLICE(pclntable),
	    .ftab = SLICE(ftab),
	    .minpc = WORD(minpc),
	    .maxpc = WORD(maxpc),
	    .text = WORD(text),
	    .etext = WORD(etext),
	    .noptrdata = WORD(noptrdata),
	    .enoptrdata = WORD(enoptrdata),
	    .data = WORD(data),
	    .edata = WORD(edata),
	    .bss = WORD(bss),
	    .ebss = WORD(ebss),
	    .noptrbss = WORD(noptrbss),
	    .enoptrbss = WORD(enoptrbss),
	    .types = WORD(types),
	    .etypes = WORD(etypes),
	    .rodata = WORD(rodata),
	    .gofunc = WORD(gofunc),
	    .textsectmap = SLICE(textsectmap),
	    .typelinks = SLICE(typelinks),
	    .itablinks = SLICE(itablinks),
	};
}

static bool is_segment(uint64_t start, uint64_t end)
{
	return start <= end && end - start < MAX_SEGMENT;
}

/* Whether the pcHeader is valid and has as many functions as the module's table. */
static bool has_header(const struct reader *reader, const struct grf_module *module)
{
	const struct grf_layout *layout = reader->layout;
	uint64_t at = module->pc_header + (uint64_t)grf_offset(layout, pc_header, nfunc), functions;
	uint8_t pointer_size;

	if (!grf_image_u64(reader->image, at, &functions) || functions + 1 != module->ftab.length)
		return false;
	if (!grf_has(layout, pc_header, ptr_size))
		return true;
	at = module->pc_header + (uint64_t)grf_offset(layout, pc_header, ptr_size);
	return grf_image_u8(reader->image, at, &pointer_size) && pointer_size == 8;
}

/* Whether a moduledata has the properties that every one has. */
static bool is_plausible(const struct reader *reader, const struct grf_module *module)
{
	return module->text <= module->minpc && module->minpc < module->maxpc &&
	       module->maxpc <= module->etext && is_segment(module->data, module->edata) &&
	       is_segment(module->bss, module->ebss) && module->types <= module->etypes &&
	       module->ftab.length > 1 && has_header(reader, module);
}

/* The mask that the runtime made at start-up, a runtime.bitvector {int32 n; *byte}. NULL: the image
 * lacks it. */
static const uint8_t *made_mask(const struct reader *reader, int64_t offset, uint64_t words,
				uint64_t *ret_bits)
{
	uint64_t at = reader->address + (uint64_t)offset, data;
	uint32_t count;

	if (!grf_image_u32(reader->image, at + (uint64_t)grf_offset(reader->layout, bitvector, n),
			   &count) ||
	    !grf_image_u64(reader->image,
			   at + (uint64_t)grf_offset(reader->layout, bitvector, bytedata), &data) ||
	    !count || !data)
		return NULL;
	*ret_bits = count < words ? count : words;
	return grf_image_at(reader->image, data, (*ret_bits + 7) / 8);
}

/* Makes the mask from the GC program as the runtime does. NULL: the program is missing or broken,
 * or memory is out. */
static uint8_t *run_program(const struct reader *reader, int64_t offset, uint64_t words)
{
	uint64_t address = grf_image_field(reader->image, reader->address, offset);
	const struct grf_segment *segment = grf_image_find(reader->image, address);
	uint8_t *mask = segment ? calloc(1, (words + 7) / 8) : NULL;

	if (!mask)
		return NULL;
	if (!grf_gc_program_run(segment->data + (address - segment->start), segment->end - address,
				mask, words)) {
		free(mask);
		return NULL;
	}
	return mask;
}

/* The fields of moduledata for one of the two segments with pointers. */
struct segment_fields {
	int64_t mask, program;
	uint64_t start, end;
};

static struct grf_error *read_mask(const struct reader *reader, const struct segment_fields *fields,
				   const uint8_t **ret_mask, uint64_t *ret_bits, uint8_t **ret_own)
{
	uint64_t words = (fields->end - fields->start) / 8;

	if (!words)
		return NULL;
	*ret_mask = made_mask(reader, fields->mask, words, ret_bits);
	if (*ret_mask)
		return NULL;
	*ret_mask = *ret_own = run_program(reader, fields->program, words);
	*ret_bits = words;
	if (*ret_mask)
		return NULL;
	return grf_error_create(GRF_ERROR_BAD_INPUT,
				"neither the pointer mask nor the GC program of the data segment "
				"at %#llx is in the image: its memory is missing or damaged",
				(unsigned long long)fields->start);
}

static struct grf_error *read_masks(struct reader *reader, struct grf_module *module)
{
	uint64_t bytes = (module->edata - module->data) + (module->ebss - module->bss);
	const struct segment_fields data = {
	    grf_offset(reader->layout, moduledata, gcdatamask),
	    grf_offset(reader->layout, moduledata, gcdata),
	    module->data,
	    module->edata,
	};
	const struct segment_fields bss = {
	    grf_offset(reader->layout, moduledata, gcbssmask),
	    grf_offset(reader->layout, moduledata, gcbss),
	    module->bss,
	    module->ebss,
	};
	struct grf_error *error;

	if (bytes > reader->segments_left)
		return grf_error_create(GRF_ERROR_BAD_INPUT,
					"the data segments of the Go module at %#llx are too "
					"large: it is damaged",
					(unsigned long long)reader->address);
	reader->segments_left -= bytes;
	error = read_mask(reader, &data, &module->data_mask, &module->data_mask_bits,
			  &module->own_data_mask);
	if (error)
		return error;
	return read_mask(reader, &bss, &module->bss_mask, &module->bss_mask_bits,
			 &module->own_bss_mask);
}

static void free_masks(struct grf_module *module)
{
	free(module->own_data_mask);
	free(module->own_bss_mask);
}

/* Whether the module is marked as bad: a plugin that failed to load stays in the chain. */
static bool is_bad(const struct reader *reader)
{
	uint8_t bad = 0;

	if (grf_has(reader->layout, moduledata, bad))
		grf_image_u8(
		    reader->image,
		    reader->address + (uint64_t)grf_offset(reader->layout, moduledata, bad), &bad);
	return bad != 0;
}

static bool is_known(const struct grf_modules *modules, uint64_t address)
{
	for (size_t i = 0; i < modules->count; i++)
		if (modules->items[i].address == address)
			return true;
	return false;
}

static struct grf_error *add_module(struct reader *reader, struct grf_modules *modules,
				    struct grf_module *module)
{
	struct grf_error *error = read_masks(reader, module);
	struct grf_module *items;

	if (error) {
		free_masks(module);
		return error;
	}
	items = reallocarray(modules->items, modules->count + 1, sizeof(*items));
	if (!items) {
		free_masks(module);
		return grf_error_no_memory();
	}
	items[modules->count++] = *module;
	modules->items = items;
	return NULL;
}

static struct grf_error *read_chain(struct reader *reader, struct grf_modules *modules)
{
	struct grf_error *error = NULL;

	for (unsigned int step = 0; reader->address && step < MAX_MODULES && !error; step++) {
		struct grf_module module;

		read_fields(reader, &module);
		if (!is_plausible(reader, &module) || is_known(modules, reader->address)) {
			grf_warn("the chain of Go modules is broken at %#llx; modules after it are "
				 "missing",
				 (unsigned long long)reader->address);
			break;
		}
		if (!is_bad(reader))
			error = add_module(reader, modules, &module);
		reader->address = WORD(next);
	}
	return error;
}

/* Whether the structure at reader->address is a moduledata. */
static bool is_module(const struct reader *reader)
{
	struct grf_module module;

	read_fields(reader, &module);
	return is_plausible(reader, &module);
}

/* Searches one writable segment for a word that points to the pcHeader at `header` and begins a
 * moduledata. It reads the image, as the loader left it: in the file of a position-independent
 * program that another linker linked, these words are zero. */
static bool scan_load(struct reader *reader, const struct grf_load *load, uint64_t bias,
		      uint64_t header)
{
	uint64_t start = ((load->address + 7) & ~UINT64_C(7)) + bias;
	uint64_t end = load->address + load->file_size + bias;

	while (start < end && end - start >= 8) {
		const struct grf_segment *segment = grf_image_find(reader->image, start);
		uint64_t piece;

		if (!segment) {
			start += SCAN_STEP;
			continue;
		}
		piece = segment->end < end ? segment->end : end;
		for (; start < piece && piece - start >= 8; start += 8) {
			if (grf_load_u64(segment->data + (start - segment->start)) != header)
				continue;
			reader->address = start;
			if (is_module(reader))
				return true;
		}
		if (start < piece)
			start += 8;
	}
	return false;
}

/*
 * Finds the moduledata of a stripped program before Go 1.26: its first word points to the pcHeader.
 * Sections are no help: other linkers than Go's use other names for them, and sections may have
 * been removed.
 */
static bool scan_for_header(struct reader *reader, struct grf_executable *executable)
{
	uint64_t bias = grf_executable_bias(executable), header = 0;
	size_t count;
	const struct grf_load *loads = grf_executable_loads(executable, &count);

	for (unsigned int tries = 0; tries < MAX_HEADERS; tries++) {
		header = grf_pc_header_find(executable, header);
		if (!header)
			return false;
		for (size_t i = 0; i < count; i++)
			if (loads[i].flags & GRF_SEGMENT_WRITE &&
			    scan_load(reader, &loads[i], bias, header + bias))
				return true;
	}
	return false;
}

static bool find_first(struct reader *reader, struct grf_executable *executable)
{
	uint64_t bias = grf_executable_bias(executable), address, size;
	struct grf_section section;

	if (grf_executable_symbol(executable, "runtime.firstmoduledata", &address, &size)) {
		reader->address = address + bias;
		if (is_module(reader))
			return true;
	}
	/* From Go 1.26 on the section is the structure (cmd/link). */
	if (grf_executable_section(executable, ".go.module", &section)) {
		reader->address = section.address + bias;
		if (is_module(reader))
			return true;
	}
	return scan_for_header(reader, executable);
}

struct grf_error *grf_modules_read(const struct grf_image *image, struct grf_executable *executable,
				   const struct grf_layout *layout, struct grf_modules **ret)
{
	struct reader reader = {
	    .image = image,
	    .layout = layout,
	    .segments_left = 2 * MAX_SEGMENT + grf_image_held(image),
	};
	struct grf_modules *modules;
	struct grf_error *error;

	if (!find_first(&reader, executable))
		return grf_error_create(
		    GRF_ERROR_NOT_GO,
		    "no Go module data of %s in memory: it is not a Go program, or memory and "
		    "executable do not belong together",
		    grf_executable_path(executable));
	modules = calloc(1, sizeof(*modules));
	if (!modules)
		return grf_error_no_memory();
	error = read_chain(&reader, modules);
	if (error) {
		grf_modules_destroy(modules);
		return error;
	}
	*ret = modules;
	return NULL;
}

void grf_modules_destroy(struct grf_modules *modules)
{
	if (!modules)
		return;
	for (size_t i = 0; i < modules->count; i++)
		free_masks(&modules->items[i]);
	free(modules->items);
	free(modules);
}

const struct grf_module *grf_modules_by_pc(const struct grf_modules *modules, uint64_t pc)
{
	for (size_t i = 0; i < modules->count; i++)
		if (pc >= modules->items[i].minpc && pc < modules->items[i].maxpc)
			return &modules->items[i];
	return NULL;
}

const struct grf_module *grf_modules_by_type(const struct grf_modules *modules, uint64_t address)
{
	for (size_t i = 0; i < modules->count; i++)
		if (address >= modules->items[i].types && address < modules->items[i].etypes)
			return &modules->items[i];
	return NULL;
}
