/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Module data: the linker's description of each Go module in the image (runtime.moduledata), found
 * through symbols, .go.module or the pcHeader, validated, chained by `next`.
 */
#ifndef GRF_MODEL_CODE_MODULES_H
#define GRF_MODEL_CODE_MODULES_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "image/executable/executable.h"
#include "image/image.h"
#include "model/release/layout.h"

struct grf_slice {
	uint64_t data;
	uint64_t length; /* elements */
};

struct grf_module {
	uint64_t address;
	uint64_t pc_header;
	struct grf_slice funcnametab, cutab, filetab, pctab, pclntable, ftab;
	uint64_t minpc, maxpc, text, etext;
	uint64_t noptrdata, enoptrdata, data, edata, bss, ebss, noptrbss, enoptrbss;
	uint64_t types, etypes, rodata, gofunc;
	struct grf_slice textsectmap;
	/* One bit a word of data and bss: 1 = pointer. In image memory, checked to be there, or
	 * where the runtime had not made them yet, in memory of the module's. */
	const uint8_t *data_mask, *bss_mask;
	uint64_t data_mask_bits, bss_mask_bits;
	struct grf_slice typelinks, itablinks;
	uint8_t *own_data_mask, *own_bss_mask; /* NULL: data_mask, bss_mask are the image's */
};

struct grf_modules {
	struct grf_module *items;
	size_t count;
};

/* Reads the chain of modules, without those that the runtime marked as bad. Errors: NOT_GO when no
 * first module is found, BAD_INPUT, NO_MEMORY. */
struct grf_error *grf_modules_read(const struct grf_image *image, struct grf_executable *executable,
				   const struct grf_layout *layout, struct grf_modules **ret);
void grf_modules_destroy(struct grf_modules *modules);

/* The module whose text, or whose [types, etypes), holds an address; NULL when none does. */
const struct grf_module *grf_modules_by_pc(const struct grf_modules *modules, uint64_t pc);
const struct grf_module *grf_modules_by_type(const struct grf_modules *modules, uint64_t address);

#endif
