/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A function that came with a release, and stayed, tells that a program is of that release or
 * later. Those named here are in every program, also in one that does nothing: the runtime calls
 * them. The same holds for experiments: each brings functions along.
 */
#include "model/release_facts.h"

#include <stddef.h>
#include <string.h>

#include "image/image.h"
#include "model/code/pc_header.h"

/* The magic number of a function table that tells more than names do: up to Go 1.17. */
#define MAGIC_1_17 0xfffffffau
#define MAGIC_1_18 0xfffffff0u

#define FIRST_MINOR 17

static const struct {
	const char *name;
	int minor;
} marks[] = {
    {"runtime.mallocgc", FIRST_MINOR},
    {"runtime.(*gcControllerState).update", 18},
    {"runtime.(*gcControllerState).heapGoalInternal", 19},
    {"runtime.(*mheap).initSpan", 20},
    {"runtime.(*unwinder).next", 21},
    {"runtime.(*_panic).nextFrame", 22},
    {"runtime.(*timers).check", 23},
    {"runtime.getGCMask", 24},
    {"runtime.(*cleanupQueue).enqueue", 25},
    {"runtime.gcNextMarkRoot", 26},
    {"runtime.addModuleItabs", 27},
};

#define MARKS (sizeof(marks) / sizeof(*marks))

static const struct {
	const char *name;
	size_t flag;
} experiments[] = {
    {"runtime.(*mspan).writeHeapBitsSmall", offsetof(struct grf_release_facts, alloc_headers)},
    {"internal/runtime/maps.(*Map).growToTable", offsetof(struct grf_release_facts, swiss_map)},
    {"runtime.scanObjectsSmall", offsetof(struct grf_release_facts, green_tea)},
};

struct search {
	struct grf_release_facts *facts;
	bool seen[MARKS];
};

static bool take_name(void *context, const char *name)
{
	struct search *search = context;

	if (strncmp(name, "runtime.", 8) != 0 && strncmp(name, "internal/runtime/maps.", 22) != 0)
		return true;
	for (size_t i = 0; i < MARKS; i++)
		if (!strcmp(name, marks[i].name))
			search->seen[i] = true;
	for (size_t i = 0; i < sizeof(experiments) / sizeof(*experiments); i++)
		if (!strcmp(name, experiments[i].name))
			*(bool *)((char *)search->facts + experiments[i].flag) = true;
	return true;
}

/* The last mark of those that are there without one missing before it. */
static int newest_seen(const struct search *search)
{
	int minor = FIRST_MINOR;

	for (size_t i = 0; i < MARKS && search->seen[i]; i++)
		minor = marks[i].minor;
	return minor;
}

void grf_release_facts_find(const struct grf_executable *executable, struct grf_release_facts *ret)
{
	uint64_t header = 0;

	*ret = (struct grf_release_facts){0};
	while (!ret->known && (header = grf_pc_header_find(executable, header))) {
		uint32_t magic = grf_pc_header_magic(executable, header);
		struct search search = {.facts = ret};

		grf_pc_header_names(executable, header, take_name, &search);
		ret->known = search.seen[0];
		ret->minor = newest_seen(&search);
		/* The form of the table says so too. */
		if ((magic == MAGIC_1_17) != (ret->minor == FIRST_MINOR) ||
		    (magic == MAGIC_1_18) != (ret->minor == 18 || ret->minor == 19))
			ret->known = false;
	}
}

/* Whether bytes stand anywhere in what the file has to load. */
static bool has_bytes(const struct grf_executable *executable, const char *bytes, size_t length)
{
	size_t count;
	const struct grf_load *loads = grf_executable_loads(executable, &count);

	for (size_t i = 0; i < count; i++)
		if (memmem(loads[i].data, loads[i].file_size, bytes, length))
			return true;
	return false;
}

bool grf_is_packed(const struct grf_executable *executable)
{
	static const char packer[] = "UPX!";

	return has_bytes(executable, packer, sizeof(packer) - 1);
}

const char *grf_other_program(struct grf_executable *executable)
{
	static const char shared[] = "libstd.so", gccgo[] = "libgo/runtime", tinygo[] = "tinygo_";
	uint64_t address, size;

	if (grf_is_packed(executable))
		return "it is packed by UPX, which hides what it is; name the file that was packed "
		       "as EXE";
	if (has_bytes(executable, shared, sizeof(shared)))
		return "its Go runtime is in a shared library (go build -linkshared), which is not "
		       "supported";
	if (has_bytes(executable, gccgo, sizeof(gccgo) - 1) ||
	    grf_executable_symbol(executable, "runtime_mallocgc", &address, &size))
		return "it was compiled by gccgo, whose runtime is another";
	if (has_bytes(executable, tinygo, sizeof(tinygo) - 1) ||
	    grf_executable_symbol(executable, "tinygo_scanCurrentStack", &address, &size))
		return "it was compiled by TinyGo, whose runtime is another";
	return NULL;
}
