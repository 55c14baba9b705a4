/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Holds the owners of a real program's objects against their definition.
 *
 *   check_owners EXE CORE...
 *
 * The exit status is 0 when all are the same. Prints how many objects each core has.
 */
#include <stdio.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "owners_by_definition.h"
#include "program/source.h"

static struct grf_error *check_source(const struct grf_source *source, unsigned int *ret)
{
	const struct grf_graph_options options = {.max_depth = 256, .places = true};
	_cleanup_model_ struct grf_model *model = NULL;
	_cleanup_graph_ struct grf_graph *graph = NULL;
	_cleanup_retained_ struct grf_retained *retained = NULL;
	struct grf_error *error =
	    grf_model_create(source->image, source->executable, &grf_naming_goref, &model);

	if (!error)
		error = grf_graph_create(model, &options, &graph);
	if (!error)
		error = grf_retained_create(graph, &retained);
	if (error)
		return error;
	*ret = owners_differ_from_definition(retained);
	printf("%llu objects, %zu roots, %u shared, %u differences\n",
	       (unsigned long long)retained->objects, retained->roots.nodes.count,
	       retained->shared_count, *ret);
	return NULL;
}

static unsigned int check_core(const char *executable, const char *core)
{
	_cleanup_source_ struct grf_source source = {0};
	_cleanup_error_ struct grf_error *error = NULL;
	unsigned int differences = 1;

	error = grf_source_of_core(executable, core, &(struct grf_debug_options){0}, &source);
	if (!error)
		error = check_source(&source, &differences);
	if (error)
		fprintf(stderr, "%s: %s\n", core, error->message);
	return differences;
}

int main(int argc, char **argv)
{
	unsigned int differences = argc < 3;

	grf_log_init(0);
	for (int i = 2; i < argc; i++)
		differences += check_core(argv[1], argv[i]);
	return differences ? 1 : 0;
}
