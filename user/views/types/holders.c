/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Who holds the objects of a type, or one object. Each object counts at the chain of the reference
 * tree that it stands at; what would be freed is passed in a walk over the tree of owners between
 * coming to one of them and leaving it.
 */
#include "views/types/holders.h"

#include <stdio.h>
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "base/number.h"
#include "base/text.h"
#include "base/written_text.h"
#include "graph/owners/ranked_set.h"
#include "views/owners/container.h"
#include "views/types/own_code.h"
#include "views/owners/owner_walk.h"
#include "views/types/same_chains.h"
#include "views/types/type_groups.h"
#include "views/view.h"

/* So many names are told where no type has the one that was given. */
#define NEAR_NAMES 5u
/* Longer ones are those of types that are written out. */
#define NEAR_BYTES 200u

/* Objects that are held together: of a chain, or all. */
struct held_sum {
	struct grf_holders_sum sum;
	struct grf_owner_stay stay;
};

struct looking {
	const struct grf_graph *graph;
	const struct grf_retained *retained;
	struct grf_holders *holders;
	struct grf_own_code *own;
	struct grf_type_groups types;
	struct grf_ranked_set objects; /* by id */
	uint32_t *same;                /* grf_same_chains() */
	bool *is_own;                  /* by node of the tree, the first of its chain */
	struct held_sum *sums;         /* likewise */
	struct held_sum all;
	uint64_t passed; /* bytes */
};

/* ---- which objects ---- */

static void free_names(const struct looking *looking, char **names)
{
	for (uint32_t i = 0; names && i < looking->types.count; i++)
		free(names[i]);
	free(names);
}

/* By group; to be freed. NULL: out of memory. */
static char **name_groups(const struct looking *looking)
{
	char **names = calloc((size_t)looking->types.count + 1, sizeof(*names));

	for (uint32_t i = 0; names && i < looking->types.count; i++) {
		names[i] = grf_type_kind_name(looking->graph, looking->types.first[i]);
		if (!names[i]) {
			free_names(looking, names);
			return NULL;
		}
	}
	return names;
}

/* Whether what is shown of a name is `wanted`. */
static bool is_shown_as(const char *name, const char *wanted)
{
	_cleanup_free_ char *escaped = NULL;

	if (!strcmp(name, wanted))
		return true;
	if (grf_text_is_plain(name))
		return false;
	escaped = grf_text_escaped(name);
	return escaped && !strcmp(escaped, wanted);
}

static uint32_t group_of(const struct looking *looking, uint64_t id)
{
	return looking->types.of_kind[grf_type_doubled_kind(looking->graph, id)];
}

/* Forgets the names of groups without objects. False: out of memory. */
static bool keep_present(const struct looking *looking, char **names)
{
	const struct grf_heap *heap = looking->graph->model->heap;
	_cleanup_free_ bool *present = calloc((size_t)looking->types.count + 1, sizeof(*present));

	for (uint64_t id = 0; present && id < heap->object_ids; id++)
		if (grf_graph_reached(looking->graph, id))
			present[group_of(looking, id)] = true;
	for (uint32_t i = 0; present && i < looking->types.count; i++)
		if (!present[i])
			names[i][0] = '\0';
	return present;
}

/* Adds the reached objects of a name, if there are any. */
static bool add_of_name(struct looking *looking, char *const *names, const char *name)
{
	const struct grf_heap *heap = looking->graph->model->heap;
	_cleanup_free_ bool *wanted = calloc((size_t)looking->types.count + 1, sizeof(*wanted));
	bool any = false;

	for (uint32_t i = 0; wanted && i < looking->types.count; i++) {
		wanted[i] = *names[i] && is_shown_as(names[i], name);
		any |= wanted[i];
	}
	for (uint64_t id = 0; any && id < heap->object_ids; id++)
		if (grf_graph_reached(looking->graph, id) && wanted[group_of(looking, id)])
			grf_ranked_set_add(&looking->objects, id);
	return any && grf_ranked_set_count(&looking->objects);
}

/* How near a name is to one that is none: 0 ends in it as a whole, 1 ends in it, 2 contains it, 3
 * does not. */
static unsigned int distance_of_name(const char *name, const char *wanted)
{
	size_t length = strlen(name), ending = strlen(wanted);

	if (!ending || length > NEAR_BYTES || !strcasestr(name, wanted))
		return 3;
	if (length < ending || strcasecmp(name + length - ending, wanted) != 0)
		return 2;
	return length == ending || !isalnum((unsigned char)name[length - ending - 1]) ? 0 : 1;
}

static int by_name(const void *left, const void *right)
{
	return strcmp(*(char *const *)left, *(char *const *)right);
}

/* Of sorted names, the nearest ones as a part of a sentence; empty: none. NULL: out of memory. */
static char *near_names(char *const *names, uint32_t count, const char *wanted)
{
	unsigned int found = 0;
	struct grf_written_text text;
	FILE *stream = grf_written_text_open(&text);

	for (unsigned int step = 0; stream && step < 3; step++)
		for (uint32_t i = 0; i < count && found < NEAR_NAMES; i++) {
			if (distance_of_name(names[i], wanted) != step ||
			    (i && !strcmp(names[i], names[i - 1])))
				continue;
			fputs(found++ ? ", " : "; there are ", stream);
			grf_text_print(stream, names[i]);
		}
	return grf_written_text_close(&text);
}

static struct grf_error *no_such_type(const struct looking *looking, char **names,
				      const char *wanted)
{
	_cleanup_free_ char *escaped = grf_text_escaped(wanted);
	_cleanup_free_ char *near = NULL;

	if (looking->types.count)
		qsort(names, looking->types.count, sizeof(*names), by_name);
	near = near_names(names, looking->types.count, wanted + strspn(wanted, "*"));
	if (!escaped || !near)
		return grf_error_no_memory();
	return grf_error_create(GRF_ERROR_USAGE, "no object is of the type `%s'%s%s", escaped, near,
				*near ? "" : "; `grf-bpf types' shows all");
}

/* A type, or else what it points to. */
static struct grf_error *add_of_type(struct looking *looking, const char *type)
{
	char **names = name_groups(looking);
	struct grf_error *error = NULL;

	if (!names)
		return grf_error_no_memory();
	if (!keep_present(looking, names))
		error = grf_error_no_memory();
	else if (add_of_name(looking, names, type))
		looking->holders->type = grf_text_escaped(type);
	else if (*type == '*' && add_of_name(looking, names, type + 1))
		looking->holders->type = grf_text_escaped(type + 1);
	else
		error = no_such_type(looking, names, type);
	free_names(looking, names);
	return error;
}

static struct grf_error *add_at_address(struct looking *looking, const char *text)
{
	uint64_t address, id;
	uint32_t node;

	if (!grf_number_whole(text + 2, 16, &address))
		return grf_error_create(GRF_ERROR_USAGE, "an address is like 0xc000012340");
	if (!grf_container_find(looking->retained, address, &node))
		return grf_error_create(GRF_ERROR_USAGE, "no reachable object is at 0x%llx",
					(unsigned long long)address);
	id = grf_retained_object(looking->retained, node);
	grf_ranked_set_add(&looking->objects, id);
	grf_ranked_set_count(&looking->objects);
	looking->holders->type =
	    grf_type_kind_name(looking->graph, looking->types.first[group_of(looking, id)]);
	return NULL;
}

static struct grf_error *find_objects(struct looking *looking, const char *what)
{
	bool is_address = what[0] == '0' && (what[1] == 'x' || what[1] == 'X');
	struct grf_error *error;

	if (!grf_type_groups_make(looking->graph, &looking->types) ||
	    !grf_ranked_set_create(&looking->objects, looking->graph->model->heap->object_ids))
		return grf_error_no_memory();
	error = is_address ? add_at_address(looking, what) : add_of_type(looking, what);
	return !error && !looking->holders->type ? grf_error_no_memory() : error;
}

/* ---- what they retain ---- */

static struct held_sum *sum_of(const struct looking *looking, uint64_t id)
{
	return &looking->sums[looking->same[grf_graph_kind(looking->graph, id).node]];
}

static void come_to(struct held_sum *sum, uint64_t passed, uint64_t bytes)
{
	grf_owner_stay_begin(&sum->stay, passed);
	sum->sum.objects++;
	sum->sum.bytes += bytes;
}

static void go_from(struct held_sum *sum, uint64_t passed)
{
	sum->sum.retained += grf_owner_stay_end(&sum->stay, passed);
}

/* Whether a node is one of the objects, and which. */
static bool is_held(const struct looking *looking, uint32_t node, uint64_t *ret_id)
{
	if (grf_retained_is_root(looking->retained, node))
		return false;
	*ret_id = grf_retained_object(looking->retained, node);
	return grf_ranked_set_has(&looking->objects, *ret_id);
}

static void enter_node(void *context, uint32_t node, uint64_t bytes)
{
	struct looking *looking = context;
	uint64_t id;

	if (is_held(looking, node, &id)) {
		come_to(&looking->all, looking->passed, bytes);
		come_to(sum_of(looking, id), looking->passed, bytes);
	}
	looking->passed += bytes;
}

static void leave_node(void *context, uint32_t node)
{
	struct looking *looking = context;
	uint64_t id;

	if (!is_held(looking, node, &id))
		return;
	go_from(&looking->all, looking->passed);
	go_from(sum_of(looking, id), looking->passed);
}

/* ---- rows ---- */

/* Finds the elements of the tree that are of own code: what stands there has a type that is, or it
 * is a root that is. */
static void find_own(struct looking *looking)
{
	const struct grf_graph *graph = looking->graph;

	for (uint32_t i = 0; i < graph->tree->node_count; i++)
		if (graph->tree->nodes[i].parent == GRF_TREE_NONE)
			looking->is_own[looking->same[i]] =
			    grf_own_code_has(looking->own, graph->tree->nodes[i].name);
	/* The first kind stands for none. */
	for (uint32_t i = 1; i < graph->kind_count; i++) {
		const struct grf_type *type = graph->kinds[i].type;

		if (type && type->name && grf_own_code_has(looking->own, type->name))
			looking->is_own[looking->same[graph->kinds[i].node]] = true;
	}
}

/* The nearest element above that of an object that is of own code; a root is above what it leads
 * to.
 */
static const char *nearest_own(const struct looking *looking, uint32_t node)
{
	const struct grf_tree_node *nodes = looking->graph->tree->nodes;

	if (nodes[node].parent == GRF_TREE_NONE)
		return grf_own_code_has(looking->own, nodes[node].name) ? nodes[node].name : NULL;
	do
		node = nodes[node].parent;
	while (node != GRF_TREE_NONE && !looking->is_own[looking->same[node]]);
	return node == GRF_TREE_NONE ? NULL : nodes[node].name;
}

static int by_size(const void *left, const void *right)
{
	const struct grf_holders_row *a = left, *b = right;

	if (a->sum.bytes != b->sum.bytes)
		return a->sum.bytes > b->sum.bytes ? -1 : 1;
	if (a->sum.retained != b->sum.retained)
		return a->sum.retained > b->sum.retained ? -1 : 1;
	return strcmp(a->path, b->path);
}

static bool add_row(struct looking *looking, uint32_t node)
{
	struct grf_holders_row *row = grf_array_add(&looking->holders->rows);
	struct grf_written_text text;
	FILE *stream;

	if (!row)
		return false;
	row->sum = looking->sums[node].sum;
	row->mine = nearest_own(looking, node);
	stream = grf_written_text_open(&text);
	if (stream)
		grf_print_chain(stream, looking->graph->tree, node);
	row->path = grf_written_text_close(&text);
	return row->path;
}

static struct grf_error *make_rows(struct looking *looking)
{
	struct grf_holders *holders = looking->holders;

	find_own(looking);
	holders->all = looking->all.sum;
	holders->reachable = looking->passed;
	for (uint32_t i = 0; i < looking->graph->tree->node_count; i++)
		if (looking->sums[i].sum.objects && !add_row(looking, i))
			return grf_error_no_memory();
	if (holders->rows.count)
		qsort(holders->rows.items, holders->rows.count, sizeof(*holders->rows.items),
		      by_size);
	return NULL;
}

static struct grf_error *find_pointers(struct looking *looking)
{
	const struct grf_held_objects held = {
	    .graph = looking->graph,
	    .types = &looking->types,
	    .same_chains = looking->same,
	    .objects = &looking->objects,
	};

	return grf_holder_pointers_create(&held, &looking->holders->pointers);
}

static struct grf_error *look_for_holders(struct looking *looking, const char *what)
{
	size_t nodes = (size_t)looking->graph->tree->node_count + 1;
	struct grf_error *error = find_objects(looking, what);

	if (error)
		return error;
	looking->same = grf_same_chains(looking->graph->tree);
	looking->is_own = calloc(nodes, sizeof(*looking->is_own));
	looking->sums = calloc(nodes, sizeof(*looking->sums));
	if (!looking->same || !looking->is_own || !looking->sums)
		return grf_error_no_memory();
	error = grf_owner_walk(looking->retained, "looking for holders", enter_node, leave_node,
			       looking);
	if (!error)
		error = make_rows(looking);
	return error ? error : find_pointers(looking);
}

struct grf_error *grf_holders_create(const struct grf_retained *retained, const char *what,
				     struct grf_own_code *own, struct grf_holders **ret)
{
	struct looking looking = {.graph = retained->graph, .retained = retained, .own = own};
	uint64_t began = grf_now();
	struct grf_error *error;

	looking.holders = calloc(1, sizeof(*looking.holders));
	error = looking.holders ? look_for_holders(&looking, what) : grf_error_no_memory();
	grf_type_groups_free(&looking.types);
	grf_ranked_set_free(&looking.objects);
	free(looking.same);
	free(looking.is_own);
	free(looking.sums);
	if (error) {
		grf_holders_destroy(looking.holders);
		return error;
	}
	grf_debug("holders: %zu chains; %.3f s", looking.holders->rows.count,
		  (double)(grf_now() - began) / 1e9);
	*ret = looking.holders;
	return NULL;
}

void grf_holders_destroy(struct grf_holders *holders)
{
	if (!holders)
		return;
	for (size_t i = 0; i < holders->rows.count; i++)
		free(holders->rows.items[i].path);
	grf_array_free(&holders->rows);
	grf_holder_pointers_destroy(holders->pointers);
	free(holders->type);
	free(holders);
}

/* ---- the view ---- */

static double share_of(uint64_t part, uint64_t whole)
{
	return whole ? (double)part / (double)whole : 1;
}

static void fill_all(const void *context, size_t index, union grf_cell *ret)
{
	const struct grf_holders *holders = context;

	(void)index;
	ret[0].number = holders->all.bytes;
	ret[1].share = share_of(holders->all.bytes, holders->reachable);
	ret[2].number = holders->all.objects;
	ret[3].number = holders->all.retained;
	ret[4].text = holders->type;
}

static void fill_holder(const void *context, size_t index, union grf_cell *ret)
{
	const struct grf_holders *holders = context;
	const struct grf_holders_row *row = &holders->rows.items[index];

	ret[0].number = row->sum.bytes;
	ret[1].share = share_of(row->sum.bytes, holders->all.bytes);
	ret[2].number = row->sum.objects;
	ret[3].number = row->sum.retained;
	ret[4].text = row->mine;
	ret[5].text = row->path;
}

struct grf_table grf_holders_objects_table(const struct grf_holders *holders)
{
	static const struct grf_column columns[] = {
	    {"bytes", GRF_UNIT_BYTES},    {"share", GRF_UNIT_SHARE}, {"objects", GRF_UNIT_COUNT},
	    {"retained", GRF_UNIT_BYTES}, {"type", GRF_UNIT_TEXT},
	};

	return (struct grf_table){
	    .name = "objects",
	    .title = "objects: retained is what would be freed if all of them went away",
	    .columns = columns,
	    .column_count = sizeof(columns) / sizeof(*columns),
	    .row_count = 1,
	    .row = fill_all,
	    .context = holders,
	};
}

struct grf_table grf_holders_table(const struct grf_holders *holders)
{
	static const struct grf_column columns[] = {
	    {"bytes", GRF_UNIT_BYTES},    {"share", GRF_UNIT_SHARE}, {"objects", GRF_UNIT_COUNT},
	    {"retained", GRF_UNIT_BYTES}, {"mine", GRF_UNIT_TEXT},   {"path", GRF_UNIT_REMARK},
	};

	return (struct grf_table){
	    .name = "holders",
	    .title = "holders: mine is the nearest one on the path that is not of the standard "
		     "library;\nshare is of these objects",
	    .columns = columns,
	    .column_count = sizeof(columns) / sizeof(*columns),
	    .row_count = holders->rows.count,
	    .row = fill_holder,
	    .context = holders,
	};
}

static const struct grf_view_option holders_options[] = {
    {"hide-package", "PKG",
     "The nearest holder shall not be of the package PKG or of one below it, nor of the standard "
     "library; may be given several times"},
    {0},
};

static struct grf_error *make_holders(const struct grf_view_input *input,
				      struct grf_view_result *ret)
{
	struct grf_own_code *own = grf_own_code_create(input->graph->model);
	struct grf_holders *holders = NULL;
	struct grf_error *error = own ? NULL : grf_error_no_memory();

	for (size_t i = 0; !error && i < input->asked.value_count; i++)
		if (!grf_own_code_hide(own, input->asked.values[i].value))
			error = grf_error_no_memory();
	if (!error)
		error = grf_holders_create(input->retained, input->asked.argument, own, &holders);
	grf_own_code_destroy(own);
	if (error)
		return error;
	ret->made = holders;
	ret->tables[ret->table_count++] = grf_holders_objects_table(holders);
	ret->tables[ret->table_count++] = grf_holders_table(holders);
	ret->tables[ret->table_count++] = grf_holder_pointers_table(holders->pointers);
	return NULL;
}

static void destroy_holders(void *made)
{
	grf_holders_destroy(made);
}

const struct grf_view grf_view_holders = {
    .name = "holders",
    .needs = GRF_NEEDS_RETAINED,
    .people_rows = GRF_COMMAND_ROWS,
    .about = "who holds the objects of a type, or one object",
    .help =
	"Shows through which paths the objects of a type are held, or the object around an "
	"address: how many, their bytes, what would be freed with them (retained), and the nearest "
	"holder on the path that is neither of the standard library nor hidden (mine). Then where "
	"all pointers to them stand: the path shows one holder of each object, and it may have "
	"several.\v"
	"TYPE is a type's name as `grf-bpf types' shows it; with a * in front, it is what that "
	"points to. ADDRESS is like 0xc000012340, anywhere in an object.\n\n"
	"Examples:\n"
	"  grf-bpf holders 1234 main.User\n"
	"  grf-bpf holders ./server core.1234 '[...]uint8' --hide-package github.com/gin-gonic\n"
	"  grf-bpf holders ./server core.1234 0xc000012340 --format json\n",
    .argument = "TYPE|ADDRESS",
    .options = holders_options,
    .make = make_holders,
    .destroy = destroy_holders,
};
