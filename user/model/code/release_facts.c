/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A function that came with a release, and stayed, tells that a program is of that release or
 * later. Those named here are in every program, also in one that does nothing: the runtime calls
 * them. The same holds for experiments: each brings functions along.
 */
#include "model/code/release_facts.h"

#include <stddef.h>
#include <string.h>

#include "image/image.h"
#include "model/code/pc_header.h"

struct search {
	struct grf_release_facts *facts;
	bool seen[GRF_RELEASES]; /* the functions of the releases, in their order */
};

static bool take_name(void *context, const char *name)
{
	struct search *search = context;
	size_t releases, experiments;
	const struct grf_release *release = grf_releases(&releases);
	const struct grf_experiment *experiment = grf_experiments(&experiments);

	if (strncmp(name, "runtime.", 8) != 0 && strncmp(name, "internal/runtime/maps.", 22) != 0)
		return true;
	for (size_t i = 0; i < releases; i++)
		if (!strcmp(name, release[i].function))
			search->seen[i] = true;
	for (size_t i = 0; i < experiments; i++)
		if (!strcmp(name, experiment[i].function))
			*grf_experiment_flag(&experiment[i], &search->facts->experiments) = true;
	return true;
}

/* The last release whose function is there without one missing before it. */
static const struct grf_release *newest_seen(const struct search *search)
{
	size_t count, last = 0;
	const struct grf_release *releases = grf_releases(&count);

	for (size_t i = 0; i < count && search->seen[i]; i++)
		last = i;
	return &releases[last];
}

void grf_release_facts_find(const struct grf_executable *executable, struct grf_release_facts *ret)
{
	uint64_t header = 0;

	*ret = (struct grf_release_facts){0};
	while (!ret->known && (header = grf_pc_header_find(executable, header))) {
		struct search search = {.facts = ret};
		const struct grf_release *release;

		grf_pc_header_names(executable, header, take_name, &search);
		release = newest_seen(&search);
		ret->minor = release->minor;
		/* The form of the table says so too. */
		ret->known =
		    search.seen[0] && grf_pc_header_format(executable, header) == release->pclntab;
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
