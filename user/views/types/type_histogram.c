/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Counts objects by type in one walk over the tree of owners, from each owner to what it owns. What
 * a type retains is what is passed between coming to one of its objects and leaving it, if no other
 * one was come to before and not left yet.
 */
#include "views/types/type_histogram.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "base/units.h"
#include "base/written_text.h"
#include "graph/owners/retained.h"
#include "graph/pair_map.h"
#include "views/owners/owner_walk.h"
#include "views/types/type_groups.h"
#include "views/view.h"

/* So many elements of a way are shown. */
#define WAY_ELEMENTS 12u

/* The objects of a type. */
struct group {
	uint32_t kind; /* index of the graph's kinds, times two: the first one of its name */
	uint64_t objects, bytes, retained;
	uint64_t inferred; /* of the objects: nothing but likeness tells their type */
	struct grf_owner_stay stay;
	/* The node below all that what is retained is under, and how much of it. */
	uint32_t top, largest_top;
	uint64_t top_bytes, largest_bytes;
	/* The kind with most bytes. */
	uint32_t largest_kind;
	uint64_t largest_kind_bytes;
};

/* What a group retains under objects of one type that several hold. */
struct shared_top {
	uint32_t group, top_group;
	uint64_t bytes;
};

struct counting {
	const struct grf_graph *graph;
	const struct grf_retained *retained;
	struct grf_type_histogram *histogram;
	struct grf_type_groups types;
	uint64_t *kind_bytes; /* two a kind: as it is, and reached by a pointer into it */
	GRF_ARRAY(struct group) groups;
	struct grf_pair_map shared_index; /* (group, top_group) -> index of shared_tops */
	GRF_ARRAY(struct shared_top) shared_tops;
	uint64_t passed; /* bytes */
	uint32_t top;    /* the node below all that the walk is under */
	bool no_memory;
};

/* ---- groups ---- */

/* One for each group of kinds. */
static bool make_groups(struct counting *counting)
{
	const struct grf_type_groups *types = &counting->types;

	counting->kind_bytes =
	    calloc((size_t)counting->graph->kind_count * 2 + 1, sizeof(*counting->kind_bytes));
	for (uint32_t i = 0; counting->kind_bytes && i < types->count; i++) {
		struct group *group = grf_array_add(&counting->groups);

		if (!group)
			return false;
		group->kind = types->first[i];
	}
	return counting->kind_bytes;
}

static uint32_t group_of(const struct counting *counting, uint32_t node)
{
	uint64_t id = grf_retained_object(counting->retained, node);

	return counting->types.of_kind[grf_type_doubled_kind(counting->graph, id)];
}

/* ---- the walk ---- */

/* Adds what a group retains under objects that several hold. */
static void add_shared(struct counting *counting, uint32_t group, uint32_t top, uint64_t bytes)
{
	uint32_t top_group = group_of(counting, top);
	uint32_t index = grf_pair_map_get(&counting->shared_index, group, top_group);
	struct shared_top *added;

	if (index == GRF_PAIR_MAP_NONE) {
		index = (uint32_t)counting->shared_tops.count;
		added = grf_array_add(&counting->shared_tops);
		if (!added || !grf_pair_map_put(&counting->shared_index, group, top_group, index)) {
			counting->no_memory = true;
			return;
		}
		added->group = group;
		added->top_group = top_group;
	}
	counting->shared_tops.items[index].bytes += bytes;
}

/* Ends what a group retains under one node below all. */
static void end_top(struct counting *counting, uint32_t index)
{
	struct group *group = &counting->groups.items[index];

	if (!group->top_bytes)
		return;
	if (!grf_retained_is_root(counting->retained, group->top)) {
		add_shared(counting, index, group->top, group->top_bytes);
	} else if (group->top_bytes > group->largest_bytes) {
		group->largest_bytes = group->top_bytes;
		group->largest_top = group->top;
	}
	group->top_bytes = 0;
}

static void enter_node(void *context, uint32_t node, uint64_t bytes)
{
	struct counting *counting = context;
	uint32_t doubled;
	struct group *group;
	uint64_t id;

	if (grf_retained_owner(counting->retained, node) == GRF_ROOT_ALL)
		counting->top = node;
	if (grf_retained_is_root(counting->retained, node))
		return;
	id = grf_retained_object(counting->retained, node);
	doubled = grf_type_doubled_kind(counting->graph, id);
	group = &counting->groups.items[counting->types.of_kind[doubled]];
	grf_owner_stay_begin(&group->stay, counting->passed);
	counting->passed += bytes;
	counting->kind_bytes[doubled] += bytes;
	group->bytes += bytes;
	group->objects++;
	group->inferred += counting->graph->kinds[doubled / 2].inferred;
}

static void leave_node(void *context, uint32_t node)
{
	struct counting *counting = context;
	uint32_t index;
	struct group *group;
	uint64_t bytes;

	if (grf_retained_is_root(counting->retained, node))
		return;
	index = group_of(counting, node);
	group = &counting->groups.items[index];
	bytes = grf_owner_stay_end(&group->stay, counting->passed);
	if (!bytes)
		return;
	if (group->top != counting->top)
		end_top(counting, index);
	group->top = counting->top;
	group->top_bytes += bytes;
	group->retained += bytes;
}

static struct grf_error *walk_owners(struct counting *counting)
{
	struct grf_error *error =
	    grf_owner_walk(counting->retained, "counting types", enter_node, leave_node, counting);

	for (uint32_t i = 0; !error && i < counting->groups.count && !counting->no_memory; i++)
		end_top(counting, i);
	return !error && counting->no_memory ? grf_error_no_memory() : error;
}

/* ---- rows ---- */

static void find_largest(struct counting *counting)
{
	for (uint32_t i = 0; counting->groups.count && i < counting->graph->kind_count * 2; i++) {
		struct group *group = &counting->groups.items[counting->types.of_kind[i]];

		if (counting->kind_bytes[i] > group->largest_kind_bytes) {
			group->largest_kind_bytes = counting->kind_bytes[i];
			group->largest_kind = i;
		}
	}
	for (size_t i = 0; i < counting->shared_tops.count; i++) {
		const struct shared_top *shared = &counting->shared_tops.items[i];
		struct group *group = &counting->groups.items[shared->group];

		if (shared->bytes > group->largest_bytes) {
			group->largest_bytes = shared->bytes;
			group->largest_top =
			    (uint32_t)counting->retained->roots.nodes.count + shared->top_group;
		}
	}
}

/* The way to the place in the tree of references where most bytes of a group stand, if that is
 * below `root`. False: it is not. */
static bool print_way(FILE *stream, const struct counting *counting, const struct group *group,
		      const char *root)
{
	const struct grf_tree_node *nodes = counting->graph->tree->nodes;
	uint32_t node = counting->graph->kinds[group->largest_kind / 2].node,
		 way[WAY_ELEMENTS] = {0};
	uint32_t depth = nodes[node].depth;

	if (!group->largest_kind_bytes)
		return false;
	for (; nodes[node].parent != GRF_TREE_NONE; node = nodes[node].parent)
		if (nodes[node].depth <= WAY_ELEMENTS)
			way[nodes[node].depth - 1] = node;
	if (strcmp(nodes[node].name, root) != 0)
		return false;
	fputs(root, stream);
	for (uint32_t i = 0; i < WAY_ELEMENTS && i < depth; i++)
		fprintf(stream, " > %s", nodes[way[i]].name);
	if (depth > WAY_ELEMENTS)
		fputs(" > ...", stream);
	return true;
}

static void print_holder(FILE *stream, const struct counting *counting, const struct group *group)
{
	const struct grf_root_nodes *roots = &counting->retained->roots;
	const char *name;

	if (group->largest_top >= roots->nodes.count) {
		grf_type_print_kind(
		    stream, counting->graph,
		    counting->groups.items[group->largest_top - roots->nodes.count].kind);
		fputs(", held by several", stream);
		return;
	}
	name = roots->nodes.items[group->largest_top].name;
	if (!print_way(stream, counting, group, name))
		fputs(name, stream);
}

/* NULL: out of memory. */
static char *name_holder(const struct counting *counting, const struct group *group)
{
	struct grf_written_text text;
	FILE *stream = grf_written_text_open(&text);

	if (stream)
		print_holder(stream, counting, group);
	return grf_written_text_close(&text);
}

/* False: out of memory. */
static bool describe_likely(struct grf_type_row *row)
{
	if (!row->inferred)
		return true;
	if (asprintf(&row->likely, "%s%s, whose type was inferred",
		     row->inferred == row->objects ? "all " : "",
		     grf_format_count_of(row->inferred)) < 0)
		row->likely = NULL;
	return row->likely;
}

static int by_size(const void *left, const void *right)
{
	const struct grf_type_row *a = left, *b = right;

	if (a->bytes != b->bytes)
		return a->bytes > b->bytes ? -1 : 1;
	if (a->retained != b->retained)
		return a->retained > b->retained ? -1 : 1;
	return strcmp(a->type, b->type);
}

static struct grf_error *make_rows(struct counting *counting)
{
	struct grf_type_histogram *histogram = counting->histogram;

	find_largest(counting);
	histogram->bytes = counting->passed;
	for (size_t i = 0; i < counting->groups.count; i++) {
		const struct group *group = &counting->groups.items[i];
		struct grf_type_row *row;

		if (!group->objects)
			continue;
		row = grf_array_add(&histogram->rows);
		if (!row)
			return grf_error_no_memory();
		row->objects = group->objects;
		row->bytes = group->bytes;
		row->retained = group->retained;
		row->type = grf_type_kind_name(counting->graph, group->kind);
		row->holder = name_holder(counting, group);
		row->inferred = group->inferred;
		if (!row->type || !row->holder || !describe_likely(row))
			return grf_error_no_memory();
	}
	if (histogram->rows.count)
		qsort(histogram->rows.items, histogram->rows.count, sizeof(*histogram->rows.items),
		      by_size);
	return NULL;
}

static struct grf_error *count_types(struct counting *counting)
{
	struct grf_error *error;

	if (!grf_type_groups_make(counting->graph, &counting->types) || !make_groups(counting))
		return grf_error_no_memory();
	error = walk_owners(counting);
	return error ? error : make_rows(counting);
}

struct grf_error *grf_type_histogram_create(const struct grf_retained *retained,
					    struct grf_type_histogram **ret)
{
	struct counting counting = {.graph = retained->graph, .retained = retained};
	uint64_t began = grf_now();
	struct grf_error *error;

	counting.histogram = calloc(1, sizeof(*counting.histogram));
	error = counting.histogram ? count_types(&counting) : grf_error_no_memory();
	grf_type_groups_free(&counting.types);
	free(counting.kind_bytes);
	grf_array_free(&counting.groups);
	grf_array_free(&counting.shared_tops);
	grf_pair_map_free(&counting.shared_index);
	if (error) {
		grf_type_histogram_destroy(counting.histogram);
		return error;
	}
	grf_debug("types: %zu, counted after %.3f s", counting.histogram->rows.count,
		  (double)(grf_now() - began) / 1e9);
	*ret = counting.histogram;
	return NULL;
}

void grf_type_histogram_destroy(struct grf_type_histogram *histogram)
{
	if (!histogram)
		return;
	for (size_t i = 0; i < histogram->rows.count; i++) {
		free(histogram->rows.items[i].type);
		free(histogram->rows.items[i].holder);
		free(histogram->rows.items[i].likely);
	}
	grf_array_free(&histogram->rows);
	free(histogram);
}

static void fill_type(const void *context, size_t index, union grf_cell *ret)
{
	const struct grf_type_histogram *histogram = context;
	const struct grf_type_row *row = &histogram->rows.items[index];

	ret[0].number = row->bytes;
	ret[1].share = histogram->bytes ? (double)row->bytes / (double)histogram->bytes : 1;
	ret[2].number = row->objects;
	ret[3].number = row->retained;
	ret[4].text = row->type;
	ret[5].text = row->holder;
	ret[6].text = row->likely;
}

struct grf_table grf_type_histogram_table(const struct grf_type_histogram *histogram)
{
	static const struct grf_column columns[] = {
	    {"bytes", GRF_UNIT_BYTES},    {"share", GRF_UNIT_SHARE}, {"objects", GRF_UNIT_COUNT},
	    {"retained", GRF_UNIT_BYTES}, {"type", GRF_UNIT_TEXT},   {"holder", GRF_UNIT_REMARK},
	    {"likely", GRF_UNIT_REMARK},
	};

	return (struct grf_table){
	    .name = "types",
	    .title = "types: retained is what would be freed if all objects of a type went away",
	    .columns = columns,
	    .column_count = sizeof(columns) / sizeof(*columns),
	    .row_count = histogram->rows.count,
	    .row = fill_type,
	    .context = histogram,
	};
}

static struct grf_error *make_types(const struct grf_view_input *input, struct grf_view_result *ret)
{
	struct grf_type_histogram *histogram;
	struct grf_error *error = grf_type_histogram_create(input->retained, &histogram);

	if (error)
		return error;
	ret->made = histogram;
	ret->tables[ret->table_count++] = grf_type_histogram_table(histogram);
	return NULL;
}

static void destroy_types(void *made)
{
	grf_type_histogram_destroy(made);
}

const struct grf_view grf_view_types = {
    .name = "types",
    .needs = GRF_NEEDS_RETAINED,
    .people_rows = GRF_COMMAND_ROWS,
    .about = "count objects by type, and what each type keeps",
    .help =
	"Shows how many objects of each type there are, their bytes, what would be freed if all of "
	"them went away (retained), and who holds most of that.\v"
	"`[...]T' is an array behind a slice, or another object with values of T to its end. "
	"`struct around T' is an object of which only a T in it is pointed to, be it the first "
	"field, and whose own type cannot be told.\n\n"
	"Examples:\n"
	"  grf-bpf types 1234\n"
	"  grf-bpf types ./server core.1234 -n 100\n"
	"  grf-bpf types 1234 --format json | jq '.tables.types.rows[:3]'\n",
    .make = make_types,
    .destroy = destroy_types,
};
