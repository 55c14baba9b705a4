/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Spots: what a walk expects at an address, and where that belongs in the tree. A spot is a tree
 * node with a type. The spots of its slots are found by the slot's index, so following a pointer
 * needs no lookup by name. Many spots may share a node: the dynamic types of an interface, or the
 * header, tables and groups of a map.
 */
#ifndef GRF_GRAPH_WALK_SPOTS_H
#define GRF_GRAPH_WALK_SPOTS_H

#include "graph/pair_map.h"

#include <assert.h>
#include "graph/objects.h"
#include "graph/tree_builder.h"
#include "model/types/types.h"

/* How a spot's type fits the objects of a stored type. */
enum grf_stored_choice {
	GRF_CHOICE_STATIC,          /* take the spot's type: it covers all and fits exactly */
	GRF_CHOICE_STATIC_FILTERED, /* take it, but it has more pointers than the collector follows
				     */
	GRF_CHOICE_STORED,          /* take the stored one */
	GRF_CHOICE_NEITHER,         /* the spot's type has no pointers: the object's are untyped */
};

/* Which slots objects of a spot's type fill. */
enum grf_slot_sizes {
	GRF_SIZES_UNKNOWN, /* nobody has asked yet */
	GRF_SIZES_ANY,
	GRF_SIZES_OWN, /* those of the type's size class */
};

struct grf_spot {
	struct grf_type *type; /* NULL: unknown */
	uint32_t node;
	uint32_t children;     /* its first child spot in the pool; 0: not made yet */
	uint8_t content;       /* enum grf_content */
	bool scheduler;        /* the type is one of the scheduler's own */
	bool pooled;           /* what a sync.Pool has, which waits: see grf_walk_run_pools() */
	bool timer;            /* the type is that of a timer */
	uint8_t stored_choice; /* enum grf_stored_choice for `stored_address` and `stored_key` */
	bool inferred;         /* nothing but likeness tells the type */
	uint8_t sizes;         /* enum grf_slot_sizes */
	uint32_t filled;       /* OWN_SIZES: bytes of slots that the type is known to fill */
	uint32_t dynamic_spot; /* the last child by dynamic type, that of `dynamic_key` */
	const void *dynamic_key;
	/* What was last found out for a small object (visit_small.c): which of its words the type
	 * covers, bit i for word i; and for which objects that holds: 1 + (object size << 16 |
	 * offset of the pointer into it). A `coverage_key` of 0: nothing was. */
	uint64_t coverage_key;
	uint64_t coverage;
	/* The objects for which `stored_choice` was last made (visit_stored.c): the address of the
	 * type that the runtime stores for them, 0: none was; and object size << 16 ^ offset of the
	 * pointer into it. */
	uint64_t stored_address;
	uint64_t stored_key;
};

/* Spots of a block; a power of 2, as each visit of an object divides by it. */
#define GRF_SPOT_BLOCK 4096u

struct grf_spots {
	struct grf_types *types;
	struct grf_tree_builder *builder;
	struct grf_spot **blocks; /* of GRF_SPOT_BLOCK each */
	uint32_t block_count;
	uint32_t count; /* ids 1 to count - 1 are in use */
	uint32_t *pool; /* child spots */
	uint32_t pool_count, pool_capacity;
	struct grf_pair_map index; /* (node << 3 | inferred << 2 | content, type) -> spot */
	struct grf_pair_map typed; /* (node, name of a type) -> node whose element has it in it */
};

void grf_spots_init(struct grf_spots *spots, struct grf_types *types,
		    struct grf_tree_builder *builder);
void grf_spots_free(struct grf_spots *spots);

static inline struct grf_spot *grf_spot_at(const struct grf_spots *spots, uint32_t id)
{
	assert(id < spots->count);
	return &spots->blocks[id / GRF_SPOT_BLOCK][id % GRF_SPOT_BLOCK];
}

/* The spot of a node with a type, where there is one. 0: not yet. */
uint32_t grf_spot_known(const struct grf_spots *spots, uint32_t node, const struct grf_type *type,
			enum grf_content content);

/* The same, made where it is missing. 0: out of memory. */
uint32_t grf_spot_get(struct grf_spots *spots, uint32_t node, struct grf_type *type,
		      enum grf_content content);

/* The same of a type that was inferred. */
uint32_t grf_spot_get_inferred(struct grf_spots *spots, uint32_t node, struct grf_type *type,
			       enum grf_content content);

/* Makes room for the child spots of `id` and plans its type. False: out of memory. */
bool grf_spot_prepare(struct grf_spots *spots, uint32_t id);

/* The spot that `path` leads to from the spot `id`, which must be prepared. It is remembered as
 * child `child`. 0: out of memory. */
uint32_t grf_spot_make_child(struct grf_spots *spots, uint32_t id, uint32_t child,
			     const char *const *path, uint32_t path_length, struct grf_type *type,
			     enum grf_content content);

/* The child of an array spot, prepared, that element `index` has. A negative index is before the
 * beginning of the slice. */
static inline uint32_t grf_spot_element_child(const struct grf_spot *spot, int64_t index)
{
	if (spot->type->array_unnamed)
		return 0;
	if (index < 0)
		return GRF_ELEMENT_BEFORE;
	return index < GRF_ELEMENT_LATER ? (uint32_t)index : GRF_ELEMENT_LATER;
}

/* Makes the spot for element `index` of an array spot. 0: out of memory. */
uint32_t grf_spot_element(struct grf_spots *spots, uint32_t id, int64_t index);

/* The spot of `id`'s node with another type; NULL: with what it has. `key` tells the types of one
 * place apart. Where the node's element shall have the type in it (naming.h), which is then called
 * `name`, it is that of another element beside it; NULL: not. 0: out of memory. */
uint32_t grf_spot_dynamic(struct grf_spots *spots, uint32_t id, const void *key,
			  struct grf_type *type, const char *name);

/* The same where it was asked for before. 0: not yet. */
uint32_t grf_spot_dynamic_known(const struct grf_spots *spots, uint32_t id, const void *key,
				const struct grf_type *type, const char *name);

/* The untyped spot "$sub_objects$" below `id`. */
uint32_t grf_spot_sub_objects(struct grf_spots *spots, uint32_t id);

#endif
