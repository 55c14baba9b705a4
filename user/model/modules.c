/* SPDX-License-Identifier: BSD-2-Clause */
#include "model/modules.h"

#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/cleanup.h"
#include "base/log.h"

/* More modules than this (the program and its plugins) are a broken chain. */
#define MAX_MODULES 4096

/* Data and bss segments larger than this are none. */
#define MAX_SEGMENT ((uint64_t)1 << 40)

struct reader {
	const struct grf_image *image;
	const struct grf_layout *layout;
	uint64_t address; /* of the moduledata at hand */
};

static uint64_t word(const struct reader *reader, int64_t offset)
{
	uint64_t value = 0;

	if (offset >= 0)
		grf_image_u64(reader->image, reader->address + (uint64_t)offset, &value);
	return value;
}

static struct grf_slice slice(const struct reader *reader, int64_t offset)
{
	if (offset < 0)
		return (struct grf_slice){0};
	return (struct grf_slice){word(reader, offset), word(reader, offset + 8)};
}

#define WORD(field)  word(reader, grf_offset(reader->layout, moduledata, field))
#define SLICE(field) slice(reader, grf_offset(reader->layout, moduledata, field))

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

/* What a moduledata without these properties is, is something else. */
static bool plausible(const struct grf_module *module)
{
	return module->pc_header && module->text <= module->minpc &&
	       module->minpc < module->maxpc && module->maxpc <= module->etext &&
	       module->data <= module->edata && module->bss <= module->ebss &&
	       module->edata - module->data < MAX_SEGMENT &&
	       module->ebss - module->bss < MAX_SEGMENT && module->ftab.length > 1;
}

/* A runtime.bitvector: {int32 n; *byte}. False when its bytes are not in the image; the runtime
 * fills it in at start-up. */
static bool read_mask(const struct reader *reader, int64_t offset, uint64_t segment,
		      const uint8_t **ret_mask, uint64_t *ret_bits)
{
	uint64_t at, data, bits = segment / 8;
	uint32_t count;

	if (offset < 0)
		return false;
	at = reader->address + (uint64_t)offset;
	if (!grf_image_u32(reader->image, at + (uint64_t)grf_offset(reader->layout, bitvector, n),
			   &count) ||
	    !grf_image_u64(reader->image,
			   at + (uint64_t)grf_offset(reader->layout, bitvector, bytedata), &data))
		return false;
	/* n is an int32: of a segment of 16 GiB and more it keeps the low half. */
	if (count < bits && bits >> 32 == 0)
		bits = count;
	*ret_mask = bits ? grf_image_at(reader->image, data, (bits + 7) / 8) : NULL;
	*ret_bits = bits;
	return *ret_mask || !bits;
}

static struct grf_error *read_masks(const struct reader *reader, struct grf_module *module)
{
	if (read_mask(reader, grf_offset(reader->layout, moduledata, gcdatamask),
		      module->edata - module->data, &module->data_mask, &module->data_mask_bits) &&
	    read_mask(reader, grf_offset(reader->layout, moduledata, gcbssmask),
		      module->ebss - module->bss, &module->bss_mask, &module->bss_mask_bits))
		return NULL;
	return grf_error_create(
	    GRF_ERROR_BAD_INPUT,
	    "the pointer masks of the data segments are not in the image: the Go "
	    "runtime had not started yet, or the core lacks its memory");
}

static struct grf_error *read_chain(struct reader *reader, struct grf_modules *modules)
{
	GRF_ARRAY(struct grf_module) items = {0};
	struct grf_error *error = NULL;
	bool first = true;

	for (; reader->address && items.count < MAX_MODULES && !error;
	     reader->address = WORD(next)) {
		struct grf_module module, *item;
		uint8_t bad = 0;

		read_fields(reader, &module);
		if (!plausible(&module)) {
			if (first)
				error =
				    grf_error_create(GRF_ERROR_BAD_INPUT, "no module data at %#llx",
						     (unsigned long long)reader->address);
			break;
		}
		first = false;
		if (grf_has(reader->layout, moduledata, bad))
			grf_image_u8(reader->image,
				     reader->address +
					 (uint64_t)grf_offset(reader->layout, moduledata, bad),
				     &bad);
		/* A plugin that failed to load stays in the chain, marked. */
		if (bad)
			continue;
		error = read_masks(reader, &module);
		if (error)
			break;
		item = grf_array_add(&items);
		if (item)
			*item = module;
		else
			error = grf_error_no_memory();
	}
	modules->items = items.items;
	modules->count = items.count;
	return error;
}

/* Where the pcHeader stands, found by its magic numbers in the file; 0 when it is not found. */
static uint64_t find_pc_header(struct grf_executable *executable)
{
	static const char *const names[] = {".gopclntab", ".data.rel.ro.gopclntab"};
	struct grf_section section;

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		if (grf_executable_section(executable, names[i], &section))
			return section.address;
	return 0;
}

/* In a stripped binary before Go 1.26: the word in the data sections that points to the pcHeader
 * is the first one of the module data. */
static uint64_t scan_for_header(struct grf_executable *executable, const struct grf_image *image,
				const struct grf_layout *layout)
{
	static const char *const names[] = {".noptrdata", ".data.rel.ro", ".data"};
	uint64_t bias = grf_executable_bias(executable), header = find_pc_header(executable);
	struct grf_section section;

	for (size_t i = 0; header && i < sizeof(names) / sizeof(*names); i++) {
		if (!grf_executable_section(executable, names[i], &section))
			continue;
		for (uint64_t at = 0; at + 8 <= section.size; at += 8) {
			struct reader reader = {image, layout, section.address + bias + at};
			struct grf_module module;

			if (word(&reader, 0) != header + bias)
				continue;
			read_fields(&reader, &module);
			if (plausible(&module))
				return reader.address;
		}
	}
	return 0;
}

static uint64_t find_first(struct grf_executable *executable, const struct grf_image *image,
			   const struct grf_layout *layout)
{
	uint64_t bias = grf_executable_bias(executable), address, size;
	struct grf_section section;

	if (grf_executable_symbol(executable, "runtime.firstmoduledata", &address, &size))
		return address + bias;
	/* From Go 1.26 on the section is the structure (cmd/link). */
	if (grf_executable_section(executable, ".go.module", &section))
		return section.address + bias;
	return scan_for_header(executable, image, layout);
}

struct grf_error *grf_modules_read(const struct grf_image *image, struct grf_executable *executable,
				   const struct grf_layout *layout, struct grf_modules **ret)
{
	struct reader reader = {image, layout, find_first(executable, image, layout)};
	struct grf_modules *modules;
	struct grf_error *error;

	if (!reader.address)
		return grf_error_create(GRF_ERROR_NOT_GO,
					"%s has no Go module data; is it a Go program?",
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
