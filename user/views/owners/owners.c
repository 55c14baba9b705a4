/* SPDX-License-Identifier: BSD-2-Clause */
/* Collects the largest owners of the graph, and offers them as tables. */
#include "views/owners/owners.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/units.h"
#include "base/written_text.h"
#include "graph/pair_map.h"
#include "views/owners/owner_path.h"
#include "views/view.h"
#include "views/owners/way_down.h"

/* So many holders are shown. */
#define HOLDERS 3u

/* Objects of a type that no single root owns. */
struct group {
	const struct grf_type *type; /* NULL: not known, or no pointers */
	struct grf_retained_size size;
	uint64_t count;
	struct holder {
		uint32_t node; /* a root, or an object for all of its group */
		uint64_t pointers;
	} largest[HOLDERS + 1];
	uint32_t holders;
	GRF_ARRAY(uint32_t) sample; /* of its nodes: the first */
};

/* Pointers to the objects of a group from what a node below all owns. */
struct tally {
	uint32_t group, node;
	uint64_t pointers;
};

struct making {
	const struct grf_graph *graph;
	const struct grf_retained *retained;
	struct grf_owners *owners;
	GRF_ARRAY(struct group) groups;
	struct grf_pair_map group_of_type; /* (type, 0) -> index of groups */
	uint32_t *group_of_kind;           /* 1 + index of groups; 0: none */
	struct grf_pair_map holders;       /* (group, node below all) -> index of pointers */
	GRF_ARRAY(struct tally) tallies;
	bool no_memory;
};

/* ---- what is below all ---- */

static struct group *group_of(struct making *making, uint32_t node)
{
	uint64_t id = grf_retained_object(making->retained, node);
	uint32_t kind = grf_graph_kind_index(making->graph, id), index;
	const struct grf_type *type = making->graph->kinds[kind].type;
	struct group *added;

	if (making->group_of_kind[kind])
		return &making->groups.items[making->group_of_kind[kind] - 1];
	index = grf_pair_map_get(&making->group_of_type, (uintptr_t)type, 0);
	if (index == GRF_PAIR_MAP_NONE) {
		index = (uint32_t)making->groups.count;
		added = grf_array_add(&making->groups);
		if (!added ||
		    !grf_pair_map_put(&making->group_of_type, (uintptr_t)type, 0, index)) {
			making->no_memory = true;
			return NULL;
		}
		added->type = type;
	}
	making->group_of_kind[kind] = index + 1;
	return &making->groups.items[index];
}

static void add_row(struct making *making, struct grf_retained_size size, uint32_t identity)
{
	struct grf_owners_row *row = size.bytes ? grf_array_add(&making->owners->rows) : NULL;

	if (!row) {
		making->no_memory |= size.bytes > 0;
		return;
	}
	row->bytes = size.bytes;
	row->objects = size.objects;
	row->identity = identity;
}

static void visit_top(void *context, uint32_t node)
{
	struct making *making = context;
	struct grf_retained_size size = grf_retained_of(making->retained, node);
	struct group *group;
	uint32_t *sampled;

	if (node == GRF_ROOT_OF_RUNTIME) {
		struct grf_retained_size apart =
		    grf_retained_of(making->retained, GRF_ROOT_OF_DESCRIPTORS);

		add_row(making, apart, GRF_ROOT_OF_DESCRIPTORS);
		size.bytes -= apart.bytes;
		size.objects -= apart.objects;
	}
	if (grf_retained_is_root(making->retained, node)) {
		add_row(making, size, node);
		return;
	}
	group = making->no_memory ? NULL : group_of(making, node);
	if (!group)
		return;
	grf_retained_add(&group->size, size);
	group->count++;
	if (group->sample.count == GRF_WAY_SAMPLE)
		return;
	sampled = grf_array_add(&group->sample);
	if (sampled)
		*sampled = node;
	else
		making->no_memory = true;
}

/* A group's row has a number behind those of all roots. */
static struct group *group_of_row(const struct making *making, const struct grf_owners_row *row)
{
	size_t roots = making->retained->roots.nodes.count;

	return row->identity < roots ? NULL : &making->groups.items[row->identity - roots];
}

static int by_size(const void *left, const void *right)
{
	const struct grf_owners_row *a = left, *b = right;

	if (a->bytes != b->bytes)
		return a->bytes > b->bytes ? -1 : 1;
	return a->identity < b->identity ? -1 : a->identity > b->identity;
}

static void list_top(struct making *making)
{
	struct grf_owners *owners = making->owners;

	if (!grf_retained_children(making->retained, GRF_ROOT_ALL, visit_top, making))
		making->no_memory = true;
	for (size_t i = 0; i < making->groups.count; i++)
		add_row(making, making->groups.items[i].size,
			(uint32_t)(making->retained->roots.nodes.count + i));
	if (owners->rows.count)
		qsort(owners->rows.items, owners->rows.count, sizeof(*owners->rows.items), by_size);
	if (owners->rows.count > GRF_OWNERS_LISTED)
		owners->rows.count = GRF_OWNERS_LISTED;
}

/* ---- who holds what several hold ---- */

/* Adds what is known of a kind to its group. All objects of a group are one holder. */
static void add_tally(struct making *making, const struct grf_holder_tally *known)
{
	uint32_t roots = (uint32_t)making->retained->roots.nodes.count;
	uint32_t group = making->group_of_kind[known->kind], holder = known->holder, index;
	struct tally *tally;

	if (holder >= roots)
		holder = roots - 1 + making->group_of_kind[holder - roots];
	index = grf_pair_map_get(&making->holders, group, holder);
	if (index == GRF_PAIR_MAP_NONE) {
		index = (uint32_t)making->tallies.count;
		tally = grf_array_add(&making->tallies);
		if (!tally || !grf_pair_map_put(&making->holders, group, holder, index)) {
			making->no_memory = true;
			return;
		}
		tally->group = group - 1;
		tally->node = holder;
	}
	making->tallies.items[index].pointers += known->pointers;
}

static const char *holder_name(const struct making *making, uint32_t node)
{
	size_t roots = making->retained->roots.nodes.count;

	return node < roots
		   ? making->retained->roots.nodes.items[node].name
		   : grf_owner_type_name(making->retained, making->groups.items[node - roots].type);
}

/* By their names where they have as many pointers: where they are is an accident. */
static bool is_larger_holder(const struct making *making, const struct holder *left,
			     const struct holder *right)
{
	if (left->pointers != right->pointers)
		return left->pointers > right->pointers;
	return strcmp(holder_name(making, left->node), holder_name(making, right->node)) < 0;
}

/* Puts a holder where it belongs among the largest of its group. */
static void rank_holder(struct making *making, const struct tally *tally)
{
	struct group *group = &making->groups.items[tally->group];
	uint32_t at = group->holders < HOLDERS ? group->holders : HOLDERS;
	struct holder *largest = group->largest;

	group->holders++;
	largest[at] = (struct holder){tally->node, tally->pointers};
	for (; at && is_larger_holder(making, &largest[at], &largest[at - 1]); at--) {
		struct holder smaller = largest[at - 1];

		largest[at - 1] = largest[at];
		largest[at] = smaller;
	}
}

static void find_holders(struct making *making)
{
	for (size_t i = 0; i < making->retained->tallies.count && !making->no_memory; i++)
		add_tally(making, &making->retained->tallies.items[i]);
	for (size_t i = 0; i < making->tallies.count && !making->no_memory; i++) {
		const struct tally *tally = &making->tallies.items[i];

		/* That they hold each other says nothing. */
		if (tally->node != making->retained->roots.nodes.count + tally->group)
			rank_holder(making, tally);
	}
}

/* ---- what rows say ---- */

static void describe_way(struct making *making, struct grf_owners_row *row, const char *first,
			 const uint32_t *nodes, uint32_t count, FILE *stream)
{
	struct grf_owner_path path = {.stream = stream};
	struct grf_way_down way;

	grf_owner_path_add(&path, first);
	making->no_memory |=
	    !grf_way_down_print(making->retained, nodes, count, &path, &row->trail, &way);
	row->owned = way.owned;
	row->type = way.type ? grf_owner_type_name(making->retained, way.type) : NULL;
	row->in_parts = way.type && grf_type_is_part(making->graph->model->types, way.type);
	row->container = way.container;
	row->depth = way.depth;
}

static void describe_root(struct making *making, struct grf_owners_row *row, FILE *stream)
{
	describe_way(making, row, making->retained->roots.nodes.items[row->identity].name,
		     &row->identity, 1, stream);
	row->way_length = (size_t)ftell(stream);
}

/* Whether objects of a type are just bytes or numbers: any part of a program has such. */
static bool is_of_anything(const struct grf_type *type)
{
	return !type || !type->name || (!type->pointer_bytes && !strchr(type->name, '.'));
}

/* What all of a group are called that were looked at, such as timers of one function; their type,
 * where they differ. */
static const char *group_name(const struct making *making, const struct group *group)
{
	const char *name = grf_owner_element(making->retained, group->sample.items[0]);

	for (size_t i = 1; name && i < group->sample.count; i++) {
		const char *other = grf_owner_element(making->retained, group->sample.items[i]);

		if (!other || (other != name && strcmp(other, name) != 0))
			name = NULL;
	}
	return name ? name : grf_owner_type_name(making->retained, group->type);
}

static void describe_group(struct making *making, struct grf_owners_row *row,
			   const struct group *group, FILE *stream)
{
	row->shared = grf_owner_type_name(making->retained, group->type);
	describe_way(making, row, group_name(making, group), group->sample.items,
		     (uint32_t)group->sample.count, stream);
	row->way_length = (size_t)ftell(stream);
	fputs(group->holders ? ", held by " : "", stream);
	for (uint32_t i = 0; i < group->holders && i < HOLDERS; i++)
		fprintf(stream, "%s%s", i ? ", " : "", holder_name(making, group->largest[i].node));
	if (group->holders > HOLDERS)
		fprintf(stream, " and %u more", group->holders - HOLDERS);
	row->owned = group->count;
	row->motley = group->holders > HOLDERS && is_of_anything(group->type);
	row->container = (struct grf_container){.kind = GRF_CONTAINER_NONE};
}

/* Says what the last one of a path is. False: out of memory. */
static bool describe_what(struct grf_owners_row *row)
{
	const struct grf_container *container = &row->container;
	const char *owned = grf_format_count_of(row->owned);
	const char *entries = grf_format_count_of(container->entries);

	if (container->kind == GRF_CONTAINER_MAP)
		return asprintf(&row->what, "in a map of %s entr%s", entries,
				container->entries == 1 ? "y" : "ies") >= 0;
	if (container->kind == GRF_CONTAINER_SLICE)
		return asprintf(&row->what, "in a slice of %s with room for %s", entries,
				grf_format_count_of(container->capacity)) >= 0;
	if (row->shared)
		return asprintf(&row->what, "%s of them", owned) >= 0;
	if (row->owned < 2)
		return true;
	/* The path says the type already, but for that of a variable. */
	if (!row->type || row->in_parts || strstr(row->path, row->type))
		return asprintf(&row->what, "%s children", owned) >= 0;
	return asprintf(&row->what, "%s, %s children", row->type, owned) >= 0;
}

static void describe_rows(struct making *making)
{
	for (size_t i = 0; i < making->owners->rows.count && !making->no_memory; i++) {
		struct grf_owners_row *row = &making->owners->rows.items[i];
		const struct group *group = group_of_row(making, row);
		struct grf_written_text text;
		FILE *stream = grf_written_text_open(&text);

		if (stream && group)
			describe_group(making, row, group, stream);
		else if (stream)
			describe_root(making, row, stream);
		row->path = grf_written_text_close(&text);
		making->no_memory |= !row->path || !describe_what(row);
		row->share = making->retained->bytes
				 ? (double)row->bytes / (double)making->retained->bytes
				 : 0;
	}
}

static struct grf_error *make_owners(struct making *making)
{
	making->group_of_kind =
	    calloc((size_t)making->graph->kind_count + 1, sizeof(*making->group_of_kind));
	if (!making->group_of_kind)
		return grf_error_no_memory();
	list_top(making);
	if (!making->no_memory)
		find_holders(making);
	if (!making->no_memory)
		describe_rows(making);
	return making->no_memory ? grf_error_no_memory() : NULL;
}

struct grf_error *grf_owners_create(const struct grf_retained *retained, struct grf_owners **ret)
{
	struct making making = {.graph = retained->graph, .retained = retained};
	struct grf_error *error;

	making.owners = calloc(1, sizeof(*making.owners));
	error = making.owners ? make_owners(&making) : grf_error_no_memory();
	for (size_t i = 0; i < making.groups.count; i++)
		grf_array_free(&making.groups.items[i].sample);
	grf_array_free(&making.groups);
	grf_array_free(&making.tallies);
	grf_pair_map_free(&making.holders);
	grf_pair_map_free(&making.group_of_type);
	free(making.group_of_kind);
	if (error)
		grf_owners_destroy(making.owners);
	else
		*ret = making.owners;
	return error;
}

void grf_owners_destroy(struct grf_owners *owners)
{
	if (!owners)
		return;
	for (size_t i = 0; i < owners->rows.count; i++) {
		free(owners->rows.items[i].path);
		free(owners->rows.items[i].what);
		grf_way_trail_free(&owners->rows.items[i].trail);
	}
	grf_array_free(&owners->rows);
	free(owners);
}

static void fill_owner(const void *context, size_t index, union grf_cell *ret)
{
	const struct grf_owners *owners = context;
	const struct grf_owners_row *row = &owners->rows.items[index];

	ret[0].number = row->bytes;
	ret[1].share = row->share;
	ret[2].number = row->objects;
	ret[3].text = row->path;
	ret[4].text = row->what;
	ret[5].number = row->owned;
	ret[6].text = row->type;
	ret[7].text = row->container.kind == GRF_CONTAINER_MAP     ? "map"
		      : row->container.kind == GRF_CONTAINER_SLICE ? "slice"
								   : NULL;
	ret[8].number =
	    row->container.kind == GRF_CONTAINER_NONE ? GRF_CELL_UNKNOWN : row->container.entries;
	ret[9].number =
	    row->container.kind == GRF_CONTAINER_SLICE ? row->container.capacity : GRF_CELL_UNKNOWN;
	ret[10].number = row->depth;
}

struct grf_table grf_owners_table(const struct grf_owners *owners)
{
	static const struct grf_column columns[] = {
	    {"bytes", GRF_UNIT_BYTES},    {"share", GRF_UNIT_SHARE},    {"objects", GRF_UNIT_COUNT},
	    {"owner", GRF_UNIT_TEXT},     {"what", GRF_UNIT_REMARK},    {"owned", GRF_UNIT_COUNT},
	    {"type", GRF_UNIT_TEXT},      {"container", GRF_UNIT_TEXT}, {"entries", GRF_UNIT_COUNT},
	    {"capacity", GRF_UNIT_COUNT}, {"depth", GRF_UNIT_COUNT},
	};

	return (struct grf_table){
	    .name = "owners",
	    .title = "owners: what would be freed if one of these went away",
	    .columns = columns,
	    .column_count = sizeof(columns) / sizeof(*columns),
	    .people_columns = 5,
	    .ways = true,
	    .row_count = owners->rows.count,
	    .row = fill_owner,
	    .context = owners,
	};
}

static struct grf_error *make_owners_view(const struct grf_view_input *input,
					  struct grf_view_result *ret)
{
	ret->tables[ret->table_count++] = grf_owners_table(input->owners);
	return NULL;
}

const struct grf_view grf_view_owners = {
    .name = "owners",
    .needs = GRF_NEEDS_OWNERS,
    .people_rows = GRF_OWNERS_SHOWN,
    .make = make_owners_view,
};
