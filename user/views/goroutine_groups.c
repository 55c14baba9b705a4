/* SPDX-License-Identifier: BSD-2-Clause */
/* Sorts goroutines by what tells groups apart, and adds up each group. */
#include "views/goroutine_groups.h"

#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "graph/can_run.h"
#include "graph/owners/retained.h"
#include "graph/pair_map.h"
#include "image/provenance.h"
#include "model/stacks/goroutine_names.h"
#include "model/stacks/labels.h"
#include "model/stacks/stack_memory.h"
#include "model/stacks/waits.h"
#include "views/view.h"

/* A goroutine, and what tells its group. */
struct member {
	const struct grf_goroutine *goroutine;
	const char *function, *state;
	const char *labels; /* NULL: none */
	uint64_t entry;
	size_t index;
	uint32_t node; /* of the roots; GRF_ROOT_ALL: it holds nothing */
};

struct grouping {
	const struct grf_graph *graph;
	const struct grf_retained *retained;
	struct grf_goroutine_groups *groups;
	GRF_ARRAY(struct member) members;
	const bool *never; /* by index; NULL: not known */
	bool by_labels;
	struct grf_pair_map
	    label_sets; /* (address, 0) -> index of label_texts, plus one; 0: none */
};

/* The labels of a goroutine, which has them in common with others. False: out of memory. */
static bool find_labels(struct grouping *grouping, const struct grf_goroutine *goroutine,
			const char **ret)
{
	const struct grf_model *model = grouping->graph->model;
	uint64_t set = grf_goroutine_label_set(model->image, &model->layout, goroutine);
	uint32_t known = set ? grf_pair_map_get(&grouping->label_sets, set, 0) : 0;
	char *text, **added;

	if (known == GRF_PAIR_MAP_NONE) {
		if (!grf_labels_text(model->image, &model->layout, set, &text))
			return false;
		added = text ? grf_array_add(&grouping->groups->label_texts) : NULL;
		if (text && !added) {
			free(text);
			return false;
		}
		if (added)
			*added = text;
		known = added ? (uint32_t)grouping->groups->label_texts.count : 0;
		if (!grf_pair_map_put(&grouping->label_sets, set, 0, known))
			return false;
	}
	*ret = known ? grouping->groups->label_texts.items[known - 1] : NULL;
	return true;
}

static bool collect_members(struct grouping *grouping)
{
	const struct grf_model *model = grouping->graph->model;
	const struct grf_goroutines *goroutines = model->goroutines;
	const struct grf_root_nodes *roots = &grouping->retained->roots;
	_cleanup_free_ uint32_t *nodes = calloc(goroutines->count + 1, sizeof(*nodes));

	for (uint32_t node = 0; nodes && node < roots->nodes.count; node++)
		if (roots->nodes.items[node].kind == GRF_ROOT_NODE_GOROUTINE)
			nodes[roots->nodes.items[node].goroutine] = node;
	for (size_t i = 0; nodes && i < goroutines->count; i++) {
		struct grf_function function = {0};
		struct member *member;

		if (goroutines->items[i].system)
			continue;
		member = grf_array_add(&grouping->members);
		if (!member)
			return false;
		if (grf_goroutine_function(model->pclntab, &goroutines->items[i], &function))
			member->function = grf_root_name(model->types, function.name);
		member->entry = function.entry;
		member->goroutine = &goroutines->items[i];
		member->state = grf_goroutine_state(&model->layout, member->goroutine);
		member->index = i;
		member->node = nodes[i];
		if (grouping->by_labels &&
		    !find_labels(grouping, member->goroutine, &member->labels))
			return false;
	}
	return nodes;
}

/* Whether members are of one group is told without their index. */
static int by_group(const struct member *a, const struct member *b)
{
	if (a->entry != b->entry)
		return a->entry < b->entry ? -1 : 1;
	if (a->goroutine->creator_pc != b->goroutine->creator_pc)
		return a->goroutine->creator_pc < b->goroutine->creator_pc ? -1 : 1;
	if (strcmp(a->state, b->state) != 0)
		return strcmp(a->state, b->state);
	return strcmp(a->labels ? a->labels : "", b->labels ? b->labels : "");
}

static int by_member(const void *left, const void *right)
{
	const struct member *a = left, *b = right;
	int order = by_group(a, b);

	return order ? order : a->index < b->index ? -1 : a->index > b->index;
}

/* How long a goroutine has been waiting at least. */
static uint64_t time_of(const struct grouping *grouping, const struct grf_goroutine *goroutine)
{
	const struct grf_model *model = grouping->graph->model;
	uint64_t now = grf_image_provenance(model->image)->clock;
	uint64_t since = grf_goroutine_waits_since(model->image, &model->layout, goroutine);

	return since && since <= now ? now - since : GRF_CELL_UNKNOWN;
}

static void add_held(const struct grouping *grouping, uint32_t node, struct grf_retained_size *sum)
{
	if (node != GRF_ROOT_ALL)
		grf_retained_add(sum, grf_retained_of(grouping->retained, node));
}

/* Replaces what each of some goroutines of a function holds by what they do together, where these
 * are all of its goroutines. */
static void take_together(const struct grouping *grouping, uint32_t function, uint32_t with_nodes,
			  struct grf_retained_size *sum)
{
	const struct grf_root_nodes *roots = &grouping->retained->roots;

	if (function != GRF_ROOT_ALL &&
	    roots->first_child[function + 1] - roots->first_child[function] == with_nodes)
		*sum = grf_retained_of(grouping->retained, function);
}

static uint64_t stack_bytes(const struct grf_goroutine *goroutine)
{
	uint64_t bytes = goroutine->stack_high - goroutine->stack_low;

	return bytes <= GRF_MAX_STACK_BYTES ? bytes : 0;
}

/* Adds up a group, and those of it that can never run again. */
static void add_members(const struct grouping *grouping, const struct member *members, size_t count,
			struct grf_goroutine_group *group)
{
	const struct grf_root_node *nodes = grouping->retained->roots.nodes.items;
	struct grf_retained_size held = {0};
	uint32_t with_nodes = 0, stuck_with_nodes = 0;

	for (size_t i = 0; i < count; i++) {
		const struct member *member = &members[i];
		bool never = grouping->never && grouping->never[member->index];
		bool has_node = member->node != GRF_ROOT_ALL;
		uint64_t time = time_of(grouping, member->goroutine);

		group->stacks += stack_bytes(member->goroutine);
		if (time != GRF_CELL_UNKNOWN &&
		    (group->waiting == GRF_CELL_UNKNOWN || time > group->waiting))
			group->waiting = time;
		if (has_node)
			group->node = nodes[member->node].parent;
		with_nodes += has_node;
		add_held(grouping, member->node, &held);
		if (!never)
			continue;
		group->never++;
		stuck_with_nodes += has_node;
		group->stuck.stacks += stack_bytes(member->goroutine);
		add_held(grouping, member->node, &group->stuck.held);
	}
	take_together(grouping, group->node, with_nodes, &held);
	take_together(grouping, group->node, stuck_with_nodes, &group->stuck.held);
	group->held = held.bytes;
}

static bool add_group(struct grouping *grouping, const struct member *members, size_t count)
{
	struct grf_goroutine_group *group = grf_array_add(&grouping->groups->rows);
	const struct grf_model *model = grouping->graph->model;
	char creator[GRF_NAME_BYTES];

	if (!group)
		return false;
	group->function = members->function;
	group->state = members->state;
	group->labels = members->labels;
	group->entry = members->entry;
	group->count = count;
	group->waiting = GRF_CELL_UNKNOWN;
	group->node = GRF_ROOT_ALL;
	group->blocked = grf_goroutine_is_blocked(&model->layout, members->goroutine);
	add_members(grouping, members, count, group);
	if (!grouping->never)
		group->never = GRF_CELL_UNKNOWN;
	if (!grf_goroutine_creator(model->pclntab, members->goroutine, creator, sizeof(creator)))
		return true;
	group->created_by = strdup(grf_root_name(model->types, creator) ?: creator);
	return group->created_by;
}

static int by_size(const void *left, const void *right)
{
	const struct grf_goroutine_group *a = left, *b = right;
	uint64_t size_a = a->stacks + a->held, size_b = b->stacks + b->held;
	int order;

	if (size_a != size_b)
		return size_a > size_b ? -1 : 1;
	if (a->count != b->count)
		return a->count > b->count ? -1 : 1;
	order = strcmp(a->function ? a->function : "", b->function ? b->function : "");
	if (!order)
		order =
		    strcmp(a->created_by ? a->created_by : "", b->created_by ? b->created_by : "");
	if (!order)
		order = strcmp(a->state, b->state);
	return order ? order : strcmp(a->labels ? a->labels : "", b->labels ? b->labels : "");
}

static struct grf_error *make_groups(struct grouping *grouping)
{
	size_t first = 0;

	if (!collect_members(grouping))
		return grf_error_no_memory();
	if (grouping->members.count)
		qsort(grouping->members.items, grouping->members.count,
		      sizeof(*grouping->members.items), by_member);
	for (size_t i = 1; i <= grouping->members.count; i++) {
		const struct member *member = &grouping->members.items[first];

		if (i < grouping->members.count && !by_group(member, &grouping->members.items[i]))
			continue;
		if (!add_group(grouping, member, i - first))
			return grf_error_no_memory();
		first = i;
	}
	if (grouping->groups->rows.count)
		qsort(grouping->groups->rows.items, grouping->groups->rows.count,
		      sizeof(*grouping->groups->rows.items), by_size);
	return NULL;
}

static struct grf_error *group_goroutines(const struct grf_retained *retained, const bool *never,
					  bool by_labels, struct grf_goroutine_groups **ret)
{
	struct grouping grouping = {
	    .graph = retained->graph,
	    .retained = retained,
	    .never = never,
	    .by_labels = by_labels,
	};
	struct grf_error *error;

	grouping.groups = calloc(1, sizeof(*grouping.groups));
	error = grouping.groups ? make_groups(&grouping) : grf_error_no_memory();
	grf_array_free(&grouping.members);
	grf_pair_map_free(&grouping.label_sets);
	if (error)
		grf_goroutine_groups_destroy(grouping.groups);
	else
		*ret = grouping.groups;
	return error;
}

struct grf_error *grf_goroutine_groups_of(const struct grf_retained *retained, const bool *never,
					  struct grf_goroutine_groups **ret)
{
	return group_goroutines(retained, never, false, ret);
}

struct grf_error *grf_goroutine_groups_create(const struct grf_retained *retained,
					      struct grf_goroutine_groups **ret)
{
	_cleanup_free_ bool *never = NULL;
	struct grf_error *error = grf_graph_never_run(retained->graph, NULL, &never);

	return error ? error : group_goroutines(retained, never, true, ret);
}

void grf_goroutine_groups_destroy(struct grf_goroutine_groups *groups)
{
	if (!groups)
		return;
	for (size_t i = 0; i < groups->rows.count; i++)
		free(groups->rows.items[i].created_by);
	for (size_t i = 0; i < groups->label_texts.count; i++)
		free(groups->label_texts.items[i]);
	grf_array_free(&groups->rows);
	grf_array_free(&groups->label_texts);
	free(groups);
}

static void fill_group(const void *context, size_t index, union grf_cell *ret)
{
	const struct grf_goroutine_groups *groups = context;
	const struct grf_goroutine_group *group = &groups->rows.items[index];

	ret[0].number = group->count;
	ret[1].number = group->never;
	ret[2].number = group->waiting;
	ret[3].number = group->stacks;
	ret[4].number = group->held;
	ret[5].text = group->state;
	ret[6].text = group->function;
	ret[7].text = group->created_by;
	ret[8].text = group->labels;
}

struct grf_table grf_goroutine_groups_table(const struct grf_goroutine_groups *groups)
{
	static const struct grf_column columns[] = {
	    {"goroutines", GRF_UNIT_COUNT}, {"never", GRF_UNIT_COUNT},
	    {"waiting", GRF_UNIT_TIME},     {"stacks", GRF_UNIT_BYTES},
	    {"held", GRF_UNIT_BYTES},       {"state", GRF_UNIT_TEXT},
	    {"function", GRF_UNIT_TEXT},    {"created_by", GRF_UNIT_REMARK},
	    {"labels", GRF_UNIT_REMARK},
	};

	return (struct grf_table){
	    .name = "goroutines",
	    .title =
		"goroutines: never is how many of them can never run again; waiting the longest "
		"time;\nheld what only they hold",
	    .columns = columns,
	    .column_count = sizeof(columns) / sizeof(*columns),
	    .row_count = groups->rows.count,
	    .row = fill_group,
	    .context = groups,
	};
}

static struct grf_error *make_goroutines(const struct grf_view_input *input,
					 struct grf_view_result *ret)
{
	struct grf_goroutine_groups *groups;
	struct grf_error *error = grf_goroutine_groups_create(input->retained, &groups);

	if (error)
		return error;
	ret->made = groups;
	ret->tables[ret->table_count++] = grf_goroutine_groups_table(groups);
	return NULL;
}

static void destroy_goroutines(void *made)
{
	grf_goroutine_groups_destroy(made);
}

const struct grf_view grf_view_goroutines = {
    .name = "goroutines",
    .needs = GRF_NEEDS_RETAINED,
    .people_rows = GRF_COMMAND_ROWS,
    .about = "what goroutines wait for, what they hold, which are stuck",
    .help =
	"Shows the goroutines of each function, where they were started, what they wait for and "
	"which labels they have (runtime/pprof.Do): "
	"how many, how many of them can never run again, the longest time that one has been "
	"waiting, the bytes of their stacks, and those that only they hold.\v"
	"A goroutine can never run again where it waits for channels, mutexes and their like that "
	"nothing leads to but such goroutines: the rule of Go 1.27's profile goroutineleak, for "
	"every release. The time counts from the first garbage collection that found it "
	"waiting.\n\n"
	"Examples:\n"
	"  grf-bpf goroutines 1234\n"
	"  grf-bpf goroutines ./server core.1234\n"
	"  grf-bpf goroutines 1234 --format json | jq '.tables.goroutines.rows[] | select(.[1] > "
	"0)'\n",
    .make = make_goroutines,
    .destroy = destroy_goroutines,
};
