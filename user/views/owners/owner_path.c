/* SPDX-License-Identifier: BSD-2-Clause */
/* Writes the way from a root down to what it owns. */
#include "views/owners/owner_path.h"

#include <string.h>

#include "views/owners/container.h"

/* So many elements are shown of a chain of the reference tree that goes before. */
#define CHAIN_ELEMENTS 257u

const struct grf_type *grf_owner_type(const struct grf_retained *retained, uint32_t node)
{
	if (grf_retained_is_root(retained, node))
		return retained->roots.nodes.items[node].type;
	return grf_graph_kind(retained->graph, grf_retained_object(retained, node)).type;
}

const char *grf_owner_type_name(const struct grf_retained *retained, const struct grf_type *type)
{
	return type && type->name ? grf_type_shown_name(retained->graph->model->types, type)
				  : "objects of unknown type";
}

static const char *object_name(const struct grf_retained *retained, uint32_t node,
			       struct grf_type *type)
{
	uint64_t room = 0;
	const uint8_t *memory = grf_container_value(retained, node, &room);

	return grf_object_name(retained->graph->model->types, type, memory, room);
}

const char *grf_owner_element(const struct grf_retained *retained, uint32_t node)
{
	const struct grf_tree_node *at;
	struct grf_object_kind kind;

	if (grf_retained_is_root(retained, node))
		return retained->roots.nodes.items[node].kind == GRF_ROOT_NODE_GOROUTINE
			   ? NULL
			   : retained->roots.nodes.items[node].name;
	kind = grf_graph_kind(retained->graph, grf_retained_object(retained, node));
	at = &retained->graph->tree->nodes[kind.node];
	/* The place in the tree is by one of its holders, and another one may be meant here. */
	if (grf_retained_is_shared(retained, node))
		return kind.type ? object_name(retained, node, kind.type) : NULL;
	return at->parent == GRF_TREE_NONE ? NULL : at->name;
}

const struct grf_element *grf_owner_element_about(const struct grf_retained *retained,
						  const char *element)
{
	return element ? grf_element_of(retained->graph->model->types, element) : NULL;
}

const char *grf_owner_shared_name(const struct grf_retained *retained, uint32_t node)
{
	const struct grf_type *type =
	    grf_retained_is_root(retained, node) ? NULL : grf_owner_type(retained, node);

	/* Bytes say less than any chain to them. */
	return type && type->name && type->pointer_bytes ? grf_owner_type_name(retained, type)
							 : NULL;
}

static void count_in_row(struct grf_owner_path *path, const char *element)
{
	bool again = path->last && !strcmp(path->last, element);

	path->in_row = again ? path->in_row + 1 : 1;
	path->last = element;
	if (path->deepest < path->in_row)
		path->deepest = path->in_row;
}

struct grf_owner_step *grf_owner_path_step(struct grf_owner_path *path, const char *element)
{
	struct grf_owner_step *step;

	if (!element)
		return NULL;
	count_in_row(path, element);
	for (uint32_t i = path->count; i-- > 0;) {
		step = &path->steps[i];
		if (step->element != element && strcmp(step->element, element) != 0)
			continue;
		if (path->deepest < ++step->times)
			path->deepest = step->times;
		return NULL;
	}
	if (path->count == GRF_OWNER_PATH_ELEMENTS) {
		path->cut = true;
		return NULL;
	}
	step = &path->steps[path->count++];
	*step = (struct grf_owner_step){.element = element, .shown = element, .times = 1};
	return step;
}

void grf_owner_path_add(struct grf_owner_path *path, const char *element)
{
	grf_owner_path_step(path, element);
}

void grf_owner_path_end(struct grf_owner_path *path)
{
	for (uint32_t i = 0; i < path->count; i++) {
		const struct grf_owner_step *step = &path->steps[i];

		fputs(i ? " > " : "", path->stream);
		if (step->unspecific)
			fprintf(path->stream, "%s%s)", step->unspecific, step->shown);
		else
			fputs(step->shown, path->stream);
		if (step->times > 1)
			fprintf(path->stream, " [%u]", step->times);
	}
	fputs(path->cut ? " > ..." : "", path->stream);
}

bool grf_owner_way_to(const struct grf_retained *retained, uint32_t node, struct grf_owner_way *ret)
{
	uint64_t length = 0, skipped;

	*ret = (struct grf_owner_way){0};
	for (uint32_t at = node; at != GRF_ROOT_ALL; at = grf_retained_owner(retained, at))
		length++;
	skipped = length > GRF_OWNER_STEPS ? length - GRF_OWNER_STEPS : 0;
	for (uint32_t at = node; at != GRF_ROOT_ALL; at = grf_retained_owner(retained, at)) {
		uint32_t *added;

		if (skipped && skipped--)
			continue;
		added = grf_array_add(&ret->nodes);
		if (!added)
			return false;
		*added = at;
	}
	for (size_t i = 0; i < ret->nodes.count / 2; i++) {
		uint32_t *first = &ret->nodes.items[i];
		uint32_t *last = &ret->nodes.items[ret->nodes.count - 1 - i], kept = *first;

		*first = *last;
		*last = kept;
	}
	return true;
}

/* The chain of the reference tree to an object, root first. */
static void visit_chain(const struct grf_retained *retained, uint32_t node,
			grf_owner_element_visit *visit, void *context)
{
	const char *chain[CHAIN_ELEMENTS];
	size_t count = grf_tree_chain_elements(
	    retained->graph->tree,
	    grf_graph_kind(retained->graph, grf_retained_object(retained, node)).node, chain,
	    CHAIN_ELEMENTS);

	for (size_t left = count; left; left--)
		visit(context, chain[left - 1], left == count);
}

void grf_owner_way_elements(const struct grf_retained *retained, const struct grf_owner_way *way,
			    grf_owner_element_visit *visit, void *context)
{
	for (size_t i = 0; i < way->nodes.count; i++) {
		uint32_t node = way->nodes.items[i];
		bool root = grf_retained_is_root(retained, node);
		const char *element = i ? NULL : grf_owner_shared_name(retained, node);
		bool shared = element;

		/* A timer is called by its function. */
		if (shared)
			element = grf_owner_element(retained, node) ?: element;
		if (!i && !root && !shared) {
			visit_chain(retained, node, visit, context);
			continue;
		}
		if (!shared && !grf_container_is_map_part(retained, node))
			element = grf_owner_element(retained, node);
		if (element)
			visit(context, element, shared || root);
	}
}

static void add_element(void *context, const char *element, bool first)
{
	(void)first;
	grf_owner_path_add(context, element);
}

void grf_owner_path_add_way(struct grf_owner_path *path, const struct grf_retained *retained,
			    const struct grf_owner_way *way)
{
	grf_owner_way_elements(retained, way, add_element, path);
}
