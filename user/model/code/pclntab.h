/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The function table (runtime.pclntab): functions by pc, pc-value tables, funcdata, inline trees.
 */
#ifndef GRF_MODEL_CODE_PCLNTAB_H
#define GRF_MODEL_CODE_PCLNTAB_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "model/code/modules.h"

/* The tables of a function (internal/abi/symtab.go). */
#define GRF_PCDATA_STACK_MAP     1
#define GRF_FUNCDATA_ARGS_MAPS   0
#define GRF_FUNCDATA_LOCALS_MAPS 1
#define GRF_FUNCDATA_OBJECTS     2

/* One function. All pointers are into image memory, and checked. */
struct grf_function {
	const struct grf_module *module;
	uint64_t entry;        /* address in the image */
	uint64_t end;          /* entry of the next function */
	const char *name;      /* NUL-terminated, full package path */
	int32_t args_size;     /* bytes; -0x80000000: unknown */
	uint32_t deferreturn;  /* offset from entry; 0: none */
	uint32_t pcsp;         /* offset in pctab */
	uint32_t pcfile, pcln; /* the same */
	uint32_t cu_offset;    /* of its compilation unit's files in cutab */
	uint8_t func_id;       /* number of this version, see grf_pclntab_kind() */
	uint8_t flag;          /* 1: top frame, 2: writes SP */
	uint32_t npcdata, nfuncdata;
	const uint8_t *tables; /* pcdata offsets, then funcdata */
};

/* Version-independent meaning of funcID. */
enum grf_func_kind {
	GRF_FUNC_NORMAL,
	GRF_FUNC_ASYNC_PREEMPT,
	GRF_FUNC_DEBUG_CALL,
	GRF_FUNC_CGOCALLBACK,
	GRF_FUNC_MORESTACK,
	GRF_FUNC_SIGPANIC,
	GRF_FUNC_SYSTEMSTACK,
	GRF_FUNC_WRAPPER,
	GRF_FUNC_OTHER,
};

struct grf_pclntab;

struct grf_error *grf_pclntab_create(const struct grf_image *image, const struct grf_layout *layout,
				     const struct grf_modules *modules, struct grf_pclntab **ret);
void grf_pclntab_destroy(struct grf_pclntab *table);

/* The function that holds `pc`. False: none (C code, bad pc). */
bool grf_pclntab_find(const struct grf_pclntab *table, uint64_t pc, struct grf_function *ret);
/* The function of that exact name (linear once, then hashed); false: none. */
bool grf_pclntab_by_name(struct grf_pclntab *table, const char *name, struct grf_function *ret);

enum grf_func_kind grf_pclntab_kind(const struct grf_pclntab *table,
				    const struct grf_function *function);

/* The value of the pc-value table at `offset` in pctab for `pc`; `ret_start` (may be NULL) gets the
 * pc where that value begins. False when the table is broken or has none. */
bool grf_pclntab_value(const struct grf_pclntab *table, const struct grf_function *function,
		       uint32_t offset, uint64_t pc, int32_t *ret, uint64_t *ret_start);
/* The value of pcdata table `index` (PCDATA_StackMapIndex = 1, ...) at `pc`; -1 when absent, as in
 * the runtime. */
int32_t grf_pclntab_pcdata(const struct grf_pclntab *table, const struct grf_function *function,
			   uint32_t index, uint64_t pc);
/* The address of funcdata `index`, 0 when absent. */
uint64_t grf_pclntab_funcdata(const struct grf_pclntab *table, const struct grf_function *function,
			      uint32_t index);
/* The source position of `pc`: the file as the linker names it, and the line. NULL: not known.
 * Within an inlined call it is the innermost position. */
const char *grf_pclntab_source(const struct grf_pclntab *table, const struct grf_function *function,
			       uint64_t pc, int32_t *ret_line);
/* The innermost inlined function's name at `pc` (the function's own when nothing is inlined). */
const char *grf_pclntab_inlined_name(const struct grf_pclntab *table,
				     const struct grf_function *function, uint64_t pc);

#endif
