/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Matches each name once, and builds the other tree node by node. Roots stand in the order of their
 * classes there too.
 */
#include "views/shown_tree.h"

#include <stdlib.h>

#include "base/cleanup.h"
#include "base/text.h"
#include "graph/pair_map.h"
#include "graph/tree_builder.h"

/* What is remembered of a name. */
enum { IN_FOCUS = 1, IS_HIDDEN = 2 };

struct showing {
	const struct grf_tree *from;
	const struct grf_shown_elements *elements;
	struct grf_tree_builder builder;
	struct grf_pair_map names; /* (name, 0) -> what is remembered */
	uint8_t *marks;            /* by node: of its name; IN_FOCUS also of one above */
	bool *needed;              /* by node: it, or one below it, has objects to show */
	uint32_t *shown; /* by node: that of the new tree; GRF_TREE_NONE: no element is left */
};

static bool matches_name(const regex_t *pattern, const char *name)
{
	return !regexec(pattern, name, 0, NULL, 0);
}

/* False: out of memory. */
static bool match_name(struct showing *showing, const char *name, uint8_t *ret)
{
	const struct grf_shown_elements *elements = showing->elements;
	uint32_t known = grf_pair_map_get(&showing->names, (uintptr_t)name, 0);

	if (known == GRF_PAIR_MAP_NONE) {
		_cleanup_free_ char *text = grf_text_escaped(name);

		if (!text)
			return false;
		known =
		    !elements->focus || matches_name(&elements->focus_pattern, text) ? IN_FOCUS : 0;
		if (elements->hide && matches_name(&elements->hide_pattern, text))
			known |= IS_HIDDEN;
		if (!grf_pair_map_put(&showing->names, (uintptr_t)name, 0, known))
			return false;
	}
	*ret = (uint8_t)known;
	return true;
}

/* Parents come before their children. */
static bool match_nodes(struct showing *showing)
{
	const struct grf_tree *from = showing->from;

	for (uint32_t i = 0; i < from->node_count; i++) {
		const struct grf_tree_node *node = &from->nodes[i];

		if (!match_name(showing, node->name, &showing->marks[i]))
			return false;
		if (node->parent != GRF_TREE_NONE)
			showing->marks[i] |= showing->marks[node->parent] & IN_FOCUS;
	}
	for (uint32_t i = from->node_count; i-- > 0;) {
		uint32_t parent = from->nodes[i].parent;

		showing->needed[i] |= from->nodes[i].objects && showing->marks[i] & IN_FOCUS;
		if (parent != GRF_TREE_NONE)
			showing->needed[parent] |= showing->needed[i];
	}
	return true;
}

/* An element below one of the new tree, or as a root. */
static uint32_t add_element(struct showing *showing, const struct grf_tree_node *node,
			    uint32_t above, const char *name)
{
	if (above != GRF_TREE_NONE)
		return grf_tree_child(&showing->builder, above, name);
	if (!grf_tree_creator(&showing->builder, node->created_by))
		return GRF_TREE_NONE;
	grf_tree_labels(&showing->builder, node->labels);
	return grf_tree_root(&showing->builder, node->root_class, name);
}

/* Counts the objects of a node at one of the new tree. */
static void count_objects(struct showing *showing, const struct grf_tree_node *node, uint32_t at)
{
	struct grf_tree *to = showing->builder.tree;

	to->nodes[at].objects += node->objects;
	to->nodes[at].bytes += node->bytes;
	to->objects += node->objects;
	to->bytes += node->bytes;
	to->class_objects[node->root_class] += node->objects;
	to->class_bytes[node->root_class] += node->bytes;
	if (!node->untyped)
		return;
	to->untyped_objects += node->objects;
	to->untyped_bytes += node->bytes;
}

static bool show_node(struct showing *showing, uint32_t index)
{
	const struct grf_tree_node *node = &showing->from->nodes[index];
	uint32_t at = node->parent == GRF_TREE_NONE ? GRF_TREE_NONE : showing->shown[node->parent];

	showing->shown[index] = at;
	if (!showing->needed[index])
		return true;
	if (!(showing->marks[index] & IS_HIDDEN)) {
		at = add_element(showing, node, at, node->name);
		if (at == GRF_TREE_NONE)
			return false;
		showing->shown[index] = at;
	}
	if (!node->objects || !(showing->marks[index] & IN_FOCUS))
		return true;
	if (at == GRF_TREE_NONE)
		at = add_element(showing, node, at, GRF_SHOWN_HIDDEN);
	if (at == GRF_TREE_NONE)
		return false;
	count_objects(showing, node, at);
	return true;
}

static bool show_tree(struct showing *showing)
{
	size_t nodes = (size_t)showing->from->node_count + 1;

	showing->marks = calloc(nodes, sizeof(*showing->marks));
	showing->needed = calloc(nodes, sizeof(*showing->needed));
	showing->shown = calloc(nodes, sizeof(*showing->shown));
	if (!showing->marks || !showing->needed || !showing->shown || !match_nodes(showing))
		return false;
	for (unsigned int root_class = 0; root_class < GRF_ROOT_CLASSES; root_class++)
		for (uint32_t i = 0; i < showing->from->node_count; i++)
			if (showing->from->nodes[i].root_class == root_class &&
			    !show_node(showing, i))
				return false;
	return true;
}

struct grf_error *grf_shown_tree_create(const struct grf_tree *tree,
					const struct grf_shown_elements *elements,
					struct grf_tree **ret)
{
	static const struct grf_graph_options options = {.max_depth = UINT32_MAX, .no_fold = true};
	struct showing showing = {.from = tree, .elements = elements};
	_cleanup_tree_ struct grf_tree *shown = calloc(1, sizeof(*shown));
	bool made;

	if (!shown)
		return grf_error_no_memory();
	shown->label_sets = tree->label_sets;
	shown->heap_objects = tree->heap_objects;
	shown->heap_bytes = tree->heap_bytes;
	grf_tree_builder_init(&showing.builder, shown, &options);
	made = show_tree(&showing);
	grf_tree_builder_free(&showing.builder);
	grf_pair_map_free(&showing.names);
	free(showing.marks);
	free(showing.needed);
	free(showing.shown);
	if (!made)
		return grf_error_no_memory();
	*ret = shown;
	shown = NULL;
	return NULL;
}
