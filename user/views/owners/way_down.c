/* SPDX-License-Identifier: BSD-2-Clause */
/* Goes down from nodes of the dominator tree, and prints what it comes by. */
#include "views/owners/way_down.h"

#include <string.h>

#include "views/owners/owner_path.h"

/* So many nodes are looked below: a list may have a million elements, and more. */
#define LOOKED_AT 1000000u
/* Of many nodes beside each other the first are measured, until they have so many below. */
#define MEASURED 4096u

/* A trail has no more points, and no more steps. */
#define TRAIL_LONGEST 1024u

/* What stands beside each other. */
struct level {
	uint32_t nodes[GRF_WAY_SAMPLE];
	uint32_t count;
};

struct descent {
	const struct grf_retained *retained;
	struct level at, below;
	uint32_t measured; /* of the nodes at this level: the first; all else is said of these */
	uint64_t bytes;    /* of those */
	/* All nodes below: */
	uint64_t children, children_bytes, largest_bytes;
	uint32_t largest;
	/* One of the elements below may have most bytes, and then it is this one. */
	const char *candidate;
	uint64_t votes;
	bool contested; /* there is more than one */
	/* Those that are this element, the first of them in `below`: */
	uint64_t alike, alike_bytes;
	/* The type that was asked for last, and whether it is a part of a container. */
	const struct grf_type *known;
	bool known_part;
	/* The kind of what is not shared that was asked for last (0: none), and what it is called.
	 */
	uint32_t named_kind;
	const char *named;
	struct grf_owner_path *path;
	struct grf_way_trail *trail; /* NULL: not kept */
	GRF_ARRAY(uint32_t) alone;   /* the nodes of the way as long as there is one at a time */
	bool no_memory;
};

/* ---- what nodes are called ---- */

/* What is beside each other mostly has one type. */
static bool is_part(struct descent *descent, const struct grf_type *type)
{
	if (descent->known != type) {
		descent->known = type;
		descent->known_part =
		    grf_type_is_part(descent->retained->graph->model->types, type);
	}
	return descent->known_part;
}

/* What one of many is called: where its element says nothing, its type does. */
static const char *name_one_of_many(struct descent *descent, uint32_t node)
{
	const char *element = grf_owner_element(descent->retained, node);
	const struct grf_type *type = grf_owner_type(descent->retained, node);

	if (grf_retained_is_root(descent->retained, node) || !type)
		return element;
	if (is_part(descent, type))
		return NULL;
	return element ? element : grf_owner_type_name(descent->retained, type);
}

/* What is not shared is called by its kind, which those beside each other mostly have in common. */
static const char *element_of_many(struct descent *descent, uint32_t node)
{
	const struct grf_retained *retained = descent->retained;
	uint32_t kind;

	if (grf_retained_is_root(retained, node) || grf_retained_is_shared(retained, node))
		return name_one_of_many(descent, node);
	kind = grf_graph_kind_index(retained->graph, grf_retained_object(retained, node));
	if (kind != descent->named_kind) {
		descent->named = name_one_of_many(descent, node);
		descent->named_kind = kind;
	}
	return descent->named;
}

/* Elements of an array are alike, whatever their index. */
static const char *without_index(const struct descent *descent, const char *element)
{
	const struct grf_element *about = grf_owner_element_about(descent->retained, element);

	return about && about->alike ? about->alike : element;
}

static bool is_same_element(const struct descent *descent, const char *left, const char *right)
{
	if (left == right)
		return true;
	return left && right &&
	       !strcmp(without_index(descent, left), without_index(descent, right));
}

/* ---- what is printed ---- */

/* The type of all the nodes, or NULL. */
static const struct grf_type *type_of_all(const struct descent *descent, const struct level *level)
{
	const struct grf_type *type = grf_owner_type(descent->retained, level->nodes[0]);

	for (uint32_t i = 1; i < level->count; i++)
		if (grf_owner_type(descent->retained, level->nodes[i]) != type)
			return NULL;
	return type && type->name ? type : NULL;
}

static void cut_trail(struct grf_way_trail *trail)
{
	grf_way_trail_free(trail);
	trail->cut = true;
}

static void add_to_trail(struct descent *descent, const struct grf_owner_step *step)
{
	struct grf_way_trail *trail = descent->trail;
	struct grf_owner_step *added;

	if (!trail || trail->cut)
		return;
	added = trail->steps.count < TRAIL_LONGEST ? grf_array_add(&trail->steps) : NULL;
	if (added)
		*added = *step;
	else
		cut_trail(trail);
}

static void add_point_to_trail(struct descent *descent)
{
	struct grf_way_trail *trail = descent->trail;
	struct grf_way_point *added;

	if (!trail || trail->cut)
		return;
	added = trail->points.count < TRAIL_LONGEST ? grf_array_add(&trail->points) : NULL;
	if (added)
		*added = (struct grf_way_point){descent->at.nodes[0], (uint32_t)trail->steps.count};
	else
		cut_trail(trail);
}

static void print_step(struct grf_owner_path *path, const struct grf_owner_step *step)
{
	struct grf_owner_step *added = grf_owner_path_step(path, step->element);

	if (!added)
		return;
	added->shown = step->shown;
	added->unspecific = step->unspecific;
}

/* Adds what the nodes are called to which the way has come. */
static void add_element(struct descent *descent, const char *element)
{
	struct grf_owner_step step = {.element = element, .shown = element};
	const struct grf_element *about;
	const struct grf_type *type;

	/* What a map is made of has the map's element, or nothing but a type of its own. */
	if (!element || (descent->path->count &&
			 grf_container_is_map_part(descent->retained, descent->at.nodes[0])))
		return;
	if (descent->at.count > 1)
		step.shown = without_index(descent, element);
	type = type_of_all(descent, &descent->at);
	about = type ? grf_owner_element_about(descent->retained, step.shown) : NULL;
	if (about && about->unspecific) {
		step.unspecific = about->unspecific;
		step.shown = type->name;
	}
	print_step(descent->path, &step);
	add_to_trail(descent, &step);
}

/* ---- what is below ---- */

static void add_alike(struct descent *descent, uint32_t node, uint64_t bytes)
{
	descent->alike++;
	descent->alike_bytes += bytes;
	if (descent->below.count < GRF_WAY_SAMPLE)
		descent->below.nodes[descent->below.count++] = node;
}

static void forget_alike(struct descent *descent)
{
	descent->alike = descent->alike_bytes = 0;
	descent->below.count = 0;
}

/* The element that has more bytes than all others together, if one has, is what is left over when
 * each byte of one is set off against one of another (Boyer and Moore's majority vote). */
static void vote_for_element(struct descent *descent, uint32_t node, uint64_t bytes)
{
	const char *element = element_of_many(descent, node);

	if (descent->children == 1)
		descent->candidate = element;
	if (is_same_element(descent, descent->candidate, element)) {
		descent->votes += bytes;
		if (!descent->contested)
			add_alike(descent, node, bytes);
		return;
	}
	descent->contested = true;
	if (descent->votes >= bytes) {
		descent->votes -= bytes;
		return;
	}
	descent->votes = bytes - descent->votes;
	descent->candidate = element;
}

static void visit_below(void *context, uint32_t node)
{
	struct descent *descent = context;
	uint64_t bytes = grf_retained_of(descent->retained, node).bytes;

	/* They have a row of their own. */
	if (node == GRF_ROOT_OF_DESCRIPTORS)
		return;
	descent->children++;
	descent->children_bytes += bytes;
	if (bytes > descent->largest_bytes) {
		descent->largest_bytes = bytes;
		descent->largest = node;
	}
	vote_for_element(descent, node, bytes);
}

static void visit_alike(void *context, uint32_t node)
{
	struct descent *descent = context;

	if (node != GRF_ROOT_OF_DESCRIPTORS &&
	    is_same_element(descent, descent->candidate, element_of_many(descent, node)))
		add_alike(descent, node, grf_retained_of(descent->retained, node).bytes);
}

static void count_alike(void *context, uint32_t node)
{
	struct descent *descent = context;

	descent->alike +=
	    is_same_element(descent, descent->candidate, element_of_many(descent, node));
}

static bool visit_below_each(struct descent *descent, uint32_t begin, uint32_t end,
			     grf_node_visit *visit)
{
	for (uint32_t i = begin; i < end; i++)
		if (!grf_retained_children(descent->retained, descent->at.nodes[i], visit, descent))
			return false;
	return true;
}

/* Fills in what is said of the nodes below. */
static bool look_below(struct descent *descent)
{
	uint32_t at = 0;

	descent->children = descent->children_bytes = descent->largest_bytes = 0;
	descent->votes = 0;
	descent->contested = false;
	descent->candidate = NULL;
	descent->bytes = 0;
	forget_alike(descent);
	for (; at < descent->at.count && descent->children < MEASURED; at++) {
		descent->bytes += grf_retained_of(descent->retained, descent->at.nodes[at]).bytes;
		if (!visit_below_each(descent, at, at + 1, visit_below))
			return false;
	}
	descent->measured = at;
	return true;
}

static bool is_nearly_all(uint64_t bytes, uint64_t of_bytes)
{
	return bytes && (double)bytes >= GRF_WAY_SHARE * (double)of_bytes;
}

/* Remembers the node to which the way has come, if there was one at a time up to there. */
static void remember_alone(struct descent *descent)
{
	uint32_t *added = grf_array_add(&descent->alone);

	if (added)
		*added = descent->at.nodes[0];
	else
		descent->no_memory = true;
}

static void go_to_one(struct descent *descent)
{
	descent->at.nodes[0] = descent->largest;
	descent->at.count = 1;
	/* What a map is made of is the map. */
	if (!grf_container_is_map_part(descent->retained, descent->largest))
		add_element(descent, grf_owner_element(descent->retained, descent->largest));
}

/* Goes to those that are alike, if they have nearly all: sets `gone`. */
static bool go_to_many(struct descent *descent, bool *gone)
{
	*gone = false;
	if (descent->children_bytes < descent->bytes / 2)
		return true;
	/* If one has a majority it is known which, but not how large it is. */
	if (descent->contested) {
		forget_alike(descent);
		if (!visit_below_each(descent, 0, descent->measured, visit_alike))
			return false;
	}
	if (descent->alike < 2 || !is_nearly_all(descent->alike_bytes, descent->children_bytes))
		return true;
	if (!visit_below_each(descent, descent->measured, descent->at.count, count_alike))
		return false;
	descent->at = descent->below;
	add_element(descent, element_of_many(descent, descent->at.nodes[0]));
	*gone = true;
	return true;
}

static bool go_down(struct descent *descent, struct grf_way_down *ret)
{
	bool counted = true, gone = true;

	for (uint32_t looked = 0; looked < LOOKED_AT; looked += descent->at.count) {
		if (descent->at.count == 1)
			add_point_to_trail(descent);
		if (!look_below(descent) || descent->no_memory)
			return false;
		if (descent->at.count == 1 && counted) {
			ret->owned = descent->children;
			remember_alone(descent);
		}
		if (is_nearly_all(descent->largest_bytes, descent->bytes)) {
			go_to_one(descent);
			continue;
		}
		/* Where there is nothing of its own, the way has come to its end. */
		if (!go_to_many(descent, &gone))
			return false;
		if (!gone)
			return true;
		if (counted && descent->alike > ret->owned)
			ret->owned = descent->alike;
		counted &= descent->alike == descent->at.count;
	}
	if (descent->trail)
		cut_trail(descent->trail);
	return true;
}

void grf_way_trail_free(struct grf_way_trail *trail)
{
	grf_array_free(&trail->points);
	grf_array_free(&trail->steps);
}

bool grf_way_trail_print(const struct grf_way_trail *trail, uint32_t node,
			 struct grf_owner_path *path)
{
	size_t point = 0;

	while (point < trail->points.count && trail->points.items[point].node != node)
		point++;
	if (point == trail->points.count || !path->count)
		return false;
	for (size_t i = trail->points.items[point].step; i < trail->steps.count; i++)
		print_step(path, &trail->steps.items[i]);
	grf_owner_path_end(path);
	return true;
}

bool grf_way_down_print(const struct grf_retained *retained, const uint32_t *nodes, uint32_t count,
			struct grf_owner_path *path, struct grf_way_trail *trail,
			struct grf_way_down *ret)
{
	struct descent descent = {.retained = retained, .path = path, .trail = trail};
	bool done;

	*ret = (struct grf_way_down){0};
	for (uint32_t i = 0; i < count && i < GRF_WAY_SAMPLE; i++)
		descent.at.nodes[descent.at.count++] = nodes[i];
	done = go_down(&descent, ret);
	grf_owner_path_end(path);
	ret->depth = path->deepest;
	ret->container = grf_container_at_end(retained, descent.alone.items, descent.alone.count);
	grf_array_free(&descent.alone);
	ret->type = grf_owner_type(retained, descent.at.nodes[0]);
	return done;
}
