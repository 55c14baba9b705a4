/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Tears the copy of a process, before an image is made of it: grf_image_create() in the tests' own
 * binary is this one, by the linker's --wrap.
 *
 *   GRF_TEST_TEAR=g      another sched.sp in the copied g of the main goroutine than in its record
 *   GRF_TEST_TEAR=stack  that goroutine's stack is left out where it is in use
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/pages.h"
#include "image/parts.h"

#define MAIN_GOROUTINE 1

struct grf_error *__real_grf_image_create(struct grf_image_parts *parts, // NOLINT
					  struct grf_executable *executable,
					  struct grf_image **ret);
struct grf_error *__wrap_grf_image_create(struct grf_image_parts *parts, // NOLINT
					  struct grf_executable *executable,
					  struct grf_image **ret);

/* Ends a run in which nothing was torn. */
static void give_up(const char *what)
{
	fprintf(stderr, "tests/hooks/torn.c: %s\n", what);
	abort();
}

static const struct grf_goroutine_record *main_record(const struct grf_image_parts *parts)
{
	for (size_t i = 0; i < parts->goroutine_count; i++)
		if (parts->goroutines[i].id == MAIN_GOROUTINE)
			return &parts->goroutines[i];
	give_up("there is no record of the main goroutine");
	return NULL;
}

static void tear_g(const struct grf_image_parts *parts)
{
	uint64_t at = main_record(parts)->g + parts->goroutine_fields.sp;

	for (size_t i = 0; i < parts->range_count; i++) {
		const struct grf_image_range *range = &parts->ranges[i];

		if (at < range->start || at >= range->end)
			continue;
		if (mprotect(range->data, range->end - range->start, PROT_READ | PROT_WRITE))
			give_up("mprotect");
		range->data[at - range->start] ^= 8;
		return;
	}
	give_up("the g of the main goroutine was not copied");
}

static void tear_stack(struct grf_image_parts *parts)
{
	const struct grf_goroutine_record *record = main_record(parts);

	free(parts->left_out);
	parts->left_out = malloc(sizeof(*parts->left_out));
	if (!parts->left_out)
		give_up("malloc");
	parts->left_out[0] = (struct grf_run){record->sp & ~(uint64_t)7, record->high};
	parts->left_out_count = 1;
}

struct grf_error *__wrap_grf_image_create(struct grf_image_parts *parts,
					  struct grf_executable *executable, struct grf_image **ret)
{
	const char *tear = getenv("GRF_TEST_TEAR");

	if (tear && !strcmp(tear, "g"))
		tear_g(parts);
	else if (tear && !strcmp(tear, "stack"))
		tear_stack(parts);
	return __real_grf_image_create(parts, executable, ret);
}
