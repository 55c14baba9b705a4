/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Builds the reference tree, cuts recursive chains back to the first occurrence of an element, and
 * answers what views ask of a finished tree.
 */
#include "graph/tree.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <uthash.h>

#include "graph/tree_builder.h"

const char grf_sub_objects_name[] = "$sub_objects$";

/* A name that the tree made itself, by its text. */
struct tree_string {
	UT_hash_handle hh;
	char text[];
};

static const char *intern_name(struct grf_tree *tree, const char *text)
{
	struct tree_string *strings = tree->strings, *string;
	size_t length = strlen(text);

	HASH_FIND(hh, strings, text, length, string);
	if (string)
		return string->text;
	string = malloc(sizeof(*string) + length + 1);
	if (!string)
		return NULL;
	memcpy(string->text, text, length + 1);
	HASH_ADD_KEYPTR(hh, strings, string->text, length, string);
	tree->strings = strings;
	return string->text;
}

void grf_tree_builder_init(struct grf_tree_builder *builder, struct grf_tree *tree,
			   const struct grf_graph_options *options)
{
	*builder = (struct grf_tree_builder){
	    .tree = tree,
	    .max_depth = options->max_depth ? options->max_depth : 1,
	    .no_fold = options->no_fold,
	};
}

void grf_tree_builder_free(struct grf_tree_builder *builder)
{
	grf_pair_map_free(&builder->children);
	grf_pair_map_free(&builder->roots);
	grf_pair_map_free(&builder->origins);
}

static uint32_t add_node(struct grf_tree_builder *builder, const char *name, uint32_t parent)
{
	struct grf_tree *tree = builder->tree;
	struct grf_tree_node *node;

	if (tree->node_count == builder->capacity) {
		uint32_t capacity = builder->capacity ? builder->capacity * 2 : 256;

		/* Other code joins ids with a flag in the highest bit. */
		if (capacity > UINT32_MAX / 2)
			return GRF_TREE_NONE;
		node = realloc(tree->nodes, capacity * sizeof(*node));
		if (!node)
			return GRF_TREE_NONE;
		tree->nodes = node;
		builder->capacity = capacity;
	}
	node = &tree->nodes[tree->node_count];
	*node = (struct grf_tree_node){
	    .name = name,
	    .parent = parent,
	    .first_child = GRF_TREE_NONE,
	    .last_child = GRF_TREE_NONE,
	    .next_sibling = GRF_TREE_NONE,
	};
	return tree->node_count++;
}

bool grf_tree_creator(struct grf_tree_builder *builder, const char *creator)
{
	builder->creator = creator ? intern_name(builder->tree, creator) : NULL;
	return !creator || builder->creator;
}

void grf_tree_labels(struct grf_tree_builder *builder, uint32_t labels)
{
	builder->labels = labels;
}

/* What tells roots of one name apart: their creator, or a number where they have labels, too.
 * False: out of memory. */
static bool root_origin(struct grf_tree_builder *builder, uint64_t *ret)
{
	uint64_t creator = (uintptr_t)builder->creator;
	uint32_t known;

	*ret = creator;
	if (!builder->labels)
		return true;
	known = grf_pair_map_get(&builder->origins, creator, builder->labels);
	if (known == GRF_PAIR_MAP_NONE) {
		known = (uint32_t)builder->origins.count + 1;
		if (!grf_pair_map_put(&builder->origins, creator, builder->labels, known))
			return false;
	}
	*ret = known;
	return true;
}

uint32_t grf_tree_root(struct grf_tree_builder *builder, enum grf_root_class root_class,
		       const char *name)
{
	const char *interned = intern_name(builder->tree, name);
	uint64_t origin;
	uint32_t index;

	if (!interned || !root_origin(builder, &origin))
		return GRF_TREE_NONE;
	index = grf_pair_map_get(&builder->roots, origin, (uintptr_t)interned);
	if (index != GRF_PAIR_MAP_NONE)
		return index;
	index = add_node(builder, interned, GRF_TREE_NONE);
	if (index == GRF_TREE_NONE)
		return GRF_TREE_NONE;
	builder->tree->nodes[index].root_class = (uint8_t)root_class;
	builder->tree->nodes[index].created_by = builder->creator;
	builder->tree->nodes[index].labels = builder->labels;
	if (!grf_pair_map_put(&builder->roots, origin, (uintptr_t)interned, index))
		return GRF_TREE_NONE;
	return index;
}

/* The first node of the chain down to `node` whose element is `name`. */
static uint32_t find_in_chain(const struct grf_tree *tree, uint32_t node, const char *name)
{
	uint32_t found = GRF_TREE_NONE;

	for (; node != GRF_TREE_NONE; node = tree->nodes[node].parent)
		if (tree->nodes[node].name == name)
			found = node;
	return found;
}

static uint32_t new_child(struct grf_tree_builder *builder, uint32_t parent, const char *name)
{
	uint32_t index = add_node(builder, name, parent);
	struct grf_tree_node *nodes = builder->tree->nodes, *above;

	if (index == GRF_TREE_NONE)
		return GRF_TREE_NONE;
	above = &nodes[parent];
	nodes[index].depth = above->depth + 1;
	nodes[index].root_class = above->root_class;
	nodes[index].created_by = above->created_by;
	nodes[index].labels = above->labels;
	nodes[index].untyped = above->untyped || name == grf_sub_objects_name;
	nodes[index].inferred = above->inferred;
	if (above->last_child == GRF_TREE_NONE)
		above->first_child = index;
	else
		nodes[above->last_child].next_sibling = index;
	above->last_child = index;
	return index;
}

uint32_t grf_tree_child(struct grf_tree_builder *builder, uint32_t parent, const char *name)
{
	const struct grf_tree_node *above = &builder->tree->nodes[parent];
	uint32_t index = grf_pair_map_get(&builder->children, parent, (uintptr_t)name);

	assert(parent < builder->tree->node_count);
	if (index != GRF_PAIR_MAP_NONE)
		return index;
	/* "$sub_objects$" below itself says nothing more. */
	if (name == grf_sub_objects_name && above->name == name)
		return parent;
	if (!builder->no_fold)
		index = find_in_chain(builder->tree, parent, name);
	if (index == GRF_TREE_NONE && above->depth + 1 >= builder->max_depth)
		index = parent;
	if (index == GRF_TREE_NONE)
		index = new_child(builder, parent, name);
	if (index == GRF_TREE_NONE ||
	    !grf_pair_map_put(&builder->children, parent, (uintptr_t)name, index))
		return GRF_TREE_NONE;
	return index;
}

void grf_tree_destroy(struct grf_tree *tree)
{
	struct tree_string *strings, *string, *next;

	if (!tree)
		return;
	strings = tree->strings;
	HASH_ITER (hh, strings, string, next) {
		HASH_DEL(strings, string);
		free(string);
	}
	free(tree->nodes);
	free(tree);
}

size_t grf_tree_samples(const struct grf_tree *tree)
{
	size_t samples = 0;

	for (uint32_t i = 0; i < tree->node_count; i++)
		samples += tree->nodes[i].objects != 0;
	return samples;
}

static int larger_root(const void *left, const void *right)
{
	const struct grf_tree_root *a = left, *b = right;

	if (a->bytes != b->bytes)
		return a->bytes < b->bytes ? 1 : -1;
	return strcmp(a->name, b->name);
}

size_t grf_tree_largest_roots(const struct grf_tree *tree, struct grf_tree_root *ret,
			      size_t capacity)
{
	struct grf_tree_root *roots = calloc(tree->node_count + 1, sizeof(*roots));
	uint32_t *root_of = calloc(tree->node_count + 1, sizeof(*root_of));
	struct grf_pair_map by_name = {0};
	size_t count = 0;

	/* A node's root comes before it, so one pass finds every node's root. Roots of one name, of
	 * goroutines that were created in several places, count as one. */
	for (uint32_t i = 0; roots && root_of && i < tree->node_count; i++) {
		const struct grf_tree_node *node = &tree->nodes[i];

		if (node->parent == GRF_TREE_NONE) {
			uint32_t known = grf_pair_map_get(&by_name, 0, (uintptr_t)node->name);

			if (known == GRF_PAIR_MAP_NONE) {
				known = (uint32_t)count++;
				roots[known].name = node->name;
				grf_pair_map_put(&by_name, 0, (uintptr_t)node->name, known);
			}
			root_of[i] = known;
		} else {
			root_of[i] = root_of[node->parent];
		}
		roots[root_of[i]].objects += node->objects;
		roots[root_of[i]].bytes += node->bytes;
	}
	if (count)
		qsort(roots, count, sizeof(*roots), larger_root);
	if (count > capacity)
		count = capacity;
	while (count && !roots[count - 1].objects)
		count--;
	if (count)
		memcpy(ret, roots, count * sizeof(*ret));
	free(roots);
	free(root_of);
	grf_pair_map_free(&by_name);
	return count;
}

/* Appends text. False: it did not fit; as much as fits is there. */
static bool append_text(char **to, char *end, const char *text)
{
	size_t length = strlen(text), room = (size_t)(end - *to) - 1;
	bool fits = length <= room;

	if (!fits)
		length = room;
	memcpy(*to, text, length);
	*to += length;
	**to = '\0';
	return fits;
}

size_t grf_tree_chain_elements(const struct grf_tree *tree, uint32_t node, const char **ret,
			       size_t capacity)
{
	size_t count = 0;

	for (; node != GRF_TREE_NONE && count < capacity; node = tree->nodes[node].parent)
		ret[count++] = tree->nodes[node].name;
	return count;
}

const char *grf_tree_chain(const struct grf_tree *tree, uint32_t node, char *buffer, size_t size)
{
	char *to = buffer, *end = buffer + size;
	uint32_t steps = 0;

	if (!size)
		return "";
	*buffer = '\0';
	for (; node < tree->node_count; node = tree->nodes[node].parent, steps++) {
		bool last = tree->nodes[node].parent == GRF_TREE_NONE;

		/* The first steps and the root tell most. */
		if (steps >= 6 && !last) {
			if (steps == 6)
				append_text(&to, end, " <- ...");
			continue;
		}
		if ((steps && !append_text(&to, end, " <- ")) ||
		    !append_text(&to, end, tree->nodes[node].name))
			break;
	}
	return buffer;
}
