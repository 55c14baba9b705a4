/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The code of a Go program made by hand, for tests: a function table as the linker of a release
 * lays it out, in one block of memory with room for stacks and the rest. Include it after cmocka.h.
 */
#ifndef GRF_TESTS_GO_CODE_H
#define GRF_TESTS_GO_CODE_H

#include <stdlib.h>
#include <string.h>

#include "arch/arch.h"
#include "image/image_private.h"
#include "model/code/pclntab.h"
#include "model/code/version.h"

#define GO_CODE_BASE  UINT64_C(0x500000)
#define GO_CODE_BYTES 0x20000u
#define GO_CODE_FTAB  (GO_CODE_BASE + 0x100)
#define GO_CODE_FUNCS (GO_CODE_BASE + 0x1000)
#define GO_CODE_PCTAB (GO_CODE_BASE + 0x4000)
#define GO_CODE_NAMES (GO_CODE_BASE + 0x6000)
#define GO_CODE_DATA  (GO_CODE_BASE + 0x8000) /* moduledata.gofunc and rodata; for tests */
#define GO_CODE_TEXT  (GO_CODE_BASE + 0x100000)

struct go_code {
	uint8_t *memory;
	struct grf_layout layout;
	struct grf_module module;
	struct grf_modules modules;
	uint64_t text_used;
	unsigned int functions;
	struct grf_image *image;
	struct grf_pclntab *table;
};

/* What a test says of a function; the rest follows from it. */
struct go_function {
	const char *name;
	uint32_t size; /* of its code */
	int32_t args;
	uint32_t deferreturn, pcsp;
	uint32_t pcfile, pcln, cu_offset;
	uint8_t func_id, flag;
	uint32_t npcdata, pcdata[4]; /* tables in pctab */
	uint8_t nfuncdata;
	uint64_t funcdata[5]; /* addresses; 0: absent */
};

static inline uint8_t *go_code_at(struct go_code *code, uint64_t address)
{
	assert_true(address >= GO_CODE_BASE && address + 8 <= GO_CODE_BASE + GO_CODE_BYTES);
	return code->memory + (address - GO_CODE_BASE);
}

static inline void go_code_put(struct go_code *code, uint64_t address, uint64_t value, size_t bytes)
{
	memcpy(go_code_at(code, address), &value, bytes);
}

#define GO_CODE_PUT(code, address, structure, field, value, bytes)                                 \
	go_code_put(code, (address) + (uint64_t)grf_offset(&(code)->layout, structure, field),     \
		    value, bytes)

static inline bool go_code_absolute(const struct go_code *code)
{
	return code->layout.version.minor < 18;
}

static inline void go_code_begin(struct go_code *code, const char *version)
{
	struct grf_version parsed;

	memset(code, 0, sizeof(*code));
	assert_true(grf_version_parse(version, &parsed));
	assert_null(grf_layout_resolve(&parsed, NULL, &code->layout));
	code->memory = calloc(1, GO_CODE_BYTES);
	assert_non_null(code->memory);
	go_code_put(code, GO_CODE_BASE,
		    parsed.minor < 18   ? 0xfffffffa
		    : parsed.minor < 20 ? 0xfffffff0
					: 0xfffffff1,
		    4);
	go_code_put(code, GO_CODE_BASE + 6, 1, 1);
	code->module = (struct grf_module){
	    .pc_header = GO_CODE_BASE,
	    .ftab = {GO_CODE_FTAB, 1},
	    .pclntable = {GO_CODE_FUNCS, 0},
	    .pctab = {GO_CODE_PCTAB, 1},
	    .funcnametab = {GO_CODE_NAMES, 1},
	    .text = GO_CODE_TEXT,
	    .minpc = GO_CODE_TEXT,
	    .maxpc = GO_CODE_TEXT,
	    .gofunc = GO_CODE_DATA,
	    .rodata = GO_CODE_DATA,
	};
}

static inline uint64_t go_code_varint(struct go_code *code, uint32_t value)
{
	do {
		go_code_put(code, GO_CODE_PCTAB + code->module.pctab.length++,
			    (value & 0x7f) | (value > 0x7f ? 0x80 : 0), 1);
	} while (value >>= 7);
	return code->module.pctab.length;
}

/* A pc-value table of pairs: a value, and for how many bytes of code it holds. Returns its offset.
 */
static inline uint32_t go_code_values(struct go_code *code, const int32_t *pairs, size_t count)
{
	uint32_t offset = (uint32_t)code->module.pctab.length;
	int32_t value = -1;

	for (size_t i = 0; i < count; i++) {
		uint32_t change = (uint32_t)pairs[i * 2] - (uint32_t)value;

		go_code_varint(code, change << 1 ^ (change >> 31 ? UINT32_MAX : 0));
		go_code_varint(code, (uint32_t)pairs[i * 2 + 1]);
		value = pairs[i * 2];
	}
	go_code_varint(code, 0);
	return offset;
}

#define GO_CODE_VALUES(code, ...)                                                                  \
	go_code_values(code, (const int32_t[]){__VA_ARGS__},                                       \
		       sizeof((const int32_t[]){__VA_ARGS__}) / 8)

static inline void go_code_put_ftab(struct go_code *code, uint64_t index, uint64_t offset,
				    uint64_t func)
{
	if (go_code_absolute(code)) {
		go_code_put(code, GO_CODE_FTAB + index * 16, GO_CODE_TEXT + offset, 8);
		go_code_put(code, GO_CODE_FTAB + index * 16 + 8, func, 8);
	} else {
		go_code_put(code, GO_CODE_FTAB + index * 8, offset, 4);
		go_code_put(code, GO_CODE_FTAB + index * 8 + 4, func, 4);
	}
}

static inline void go_code_put_tables(struct go_code *code, uint64_t at,
				      const struct go_function *function)
{
	bool wide = go_code_absolute(code);

	for (uint32_t i = 0; i < function->npcdata && i < 4; i++, at += 4)
		go_code_put(code, at, function->pcdata[i], 4);
	if (wide)
		at = (at + 7) & ~UINT64_C(7);
	for (uint32_t i = 0; i < function->nfuncdata && i < 5; i++, at += wide ? 8 : 4)
		go_code_put(code, at,
			    wide || function->funcdata[i]
				? function->funcdata[i] - (wide ? 0 : GO_CODE_DATA)
				: UINT32_MAX,
			    wide ? 8 : 4);
	code->module.pclntable.length = ((at + 15) & ~UINT64_C(7)) - GO_CODE_FUNCS;
}

/* Enters a function behind the last one. Returns its entry. */
static inline uint64_t go_code_add(struct go_code *code, const struct go_function *function)
{
	uint64_t offset = code->module.pclntable.length, func = GO_CODE_FUNCS + offset;

	go_code_put_ftab(code, code->functions++, code->text_used, offset);
	memcpy(go_code_at(code, GO_CODE_NAMES + code->module.funcnametab.length), function->name,
	       strlen(function->name) + 1);
	GO_CODE_PUT(code, func, func, name_off, code->module.funcnametab.length, 4);
	code->module.funcnametab.length += strlen(function->name) + 1;
	GO_CODE_PUT(code, func, func, args, (uint32_t)function->args, 4);
	GO_CODE_PUT(code, func, func, deferreturn, function->deferreturn, 4);
	GO_CODE_PUT(code, func, func, pcsp, function->pcsp, 4);
	GO_CODE_PUT(code, func, func, pcfile, function->pcfile, 4);
	GO_CODE_PUT(code, func, func, pcln, function->pcln, 4);
	GO_CODE_PUT(code, func, func, cu_offset, function->cu_offset, 4);
	GO_CODE_PUT(code, func, func, func_id, function->func_id, 1);
	GO_CODE_PUT(code, func, func, flag, function->flag, 1);
	GO_CODE_PUT(code, func, func, npcdata, function->npcdata, 4);
	GO_CODE_PUT(code, func, func, nfuncdata, function->nfuncdata, 1);
	/* Behind the last field at once: as a Go type, _func of 1.17 is longer. */
	go_code_put_tables(code, func + (uint64_t)grf_offset(&code->layout, func, nfuncdata) + 1,
			   function);
	code->text_used += function->size;
	go_code_put_ftab(code, code->functions, code->text_used, 0);
	code->module.ftab.length = code->functions + 1;
	code->module.maxpc = GO_CODE_TEXT + code->text_used;
	return code->module.maxpc - function->size;
}

/* Makes the image and tries to open the function table. */
static inline struct grf_error *go_code_try(struct go_code *code)
{
	const struct grf_segment segment = {GO_CODE_BASE, GO_CODE_BASE + GO_CODE_BYTES,
					    GRF_SEGMENT_READ, code->memory};

	code->modules = (struct grf_modules){&code->module, 1};
	assert_null(grf_image_from_segments(&grf_arch_amd64, &segment, 1, &code->image));
	return grf_pclntab_create(code->image, &code->layout, &code->modules, &code->table);
}

static inline void go_code_ready(struct go_code *code)
{
	assert_null(go_code_try(code));
}

static inline void go_code_end(struct go_code *code)
{
	grf_pclntab_destroy(code->table);
	grf_image_destroy(code->image);
	free(code->memory);
}

#endif
