/* SPDX-License-Identifier: BSD-2-Clause */
/* Names goroutines by the function table. */
#include "model/stacks/goroutine_names.h"

#include <stdio.h>
#include <string.h>

/*
 * Whether a goroutine's first function only calls the one that is meant, in the next frame: the
 * wrapper that the compiler makes for a go statement with arguments (go/defer statements in
 * cmd/compile), unless what it calls is inlined; and runtime.main (runtime/proc.go).
 */
static bool is_wrapper(const struct grf_pclntab *table, const struct grf_function *function,
		       const struct grf_frame *frame)
{
	const char *called = frame[-1].function->name;

	if (!called || frame->function->entry != function->entry)
		return false;
	if (!strcmp(function->name, "runtime.main"))
		return !strcmp(called, "main.main");
	return grf_pclntab_kind(table, function) == GRF_FUNC_WRAPPER &&
	       !strcmp(function->name, grf_pclntab_inlined_name(table, function, frame->lookup_pc));
}

bool grf_goroutine_function(const struct grf_pclntab *table, const struct grf_goroutine *goroutine,
			    struct grf_function *ret)
{
	if (!grf_pclntab_find(table, goroutine->start_pc, ret))
		return false;
	for (uint32_t i = 1; i < goroutine->frame_count; i++)
		if (is_wrapper(table, ret, &goroutine->frames[i])) {
			*ret = *goroutine->frames[i - 1].function;
			break;
		}
	return true;
}

bool grf_goroutine_creator(const struct grf_pclntab *table, const struct grf_goroutine *goroutine,
			   char *buffer, size_t size)
{
	/* gopc is the return address of the go statement's call. */
	uint64_t pc = goroutine->creator_pc - 1;
	struct grf_function function;
	const char *file, *slash, *name;
	int32_t line = 0;

	if (goroutine->id == GRF_MAIN_GOROUTINE || !goroutine->creator_pc ||
	    !grf_pclntab_find(table, pc, &function))
		return false;
	file = grf_pclntab_source(table, &function, pc, &line);
	name = grf_pclntab_inlined_name(table, &function, pc);
	slash = file ? strrchr(file, '/') : NULL;
	if (file)
		snprintf(buffer, size, "%s (%s:%d)", name, slash ? slash + 1 : file, line);
	else
		snprintf(buffer, size, "%s", name);
	return true;
}
