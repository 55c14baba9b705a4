/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A walker visits places. It takes down each pointer that it follows as a record, in the order in
 * which it meets them; the walk settles records later, in the same order.
 *
 * Several walkers can visit at a time. Each then only reads what they share: the spots, the tree,
 * the types, the tables of the walk. Where a visit would have to make something there, such as the
 * spot of a field that is met for the first time, the walker is blocked. Its visit is void, and the
 * walk makes it once more, alone and in its turn. So what is made, and in which order, does not
 * depend on how many walkers there are.
 */
#ifndef GRF_GRAPH_WALK_WALKER_H
#define GRF_GRAPH_WALK_WALKER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/array.h"
#include "graph/walk/spots.h"

struct grf_walk;

/* A pointer that was followed. */
struct grf_record {
	uint64_t address;
	uint64_t id;    /* of the object that it leads to, or one of the marks below */
	uint32_t spot;  /* what is expected there */
	uint32_t where; /* the object's span; of others as in struct grf_place */
};

/* grf_record.id of what is no pointer to an object that may be taken at once. */
#define GRF_RECORD_OUTSIDE   UINT64_MAX       /* a value outside the heap */
#define GRF_RECORD_SCHEDULER (UINT64_MAX - 1) /* left to the runtime's roots */
#define GRF_RECORD_POOLED    (UINT64_MAX - 2) /* what a pool has */
#define GRF_RECORD_UNTYPED   (UINT64_MAX - 3) /* of unknown type: waits for typed ones */
/* What becomes of a pointer to an object; see grf_walk_judge(). */
#define GRF_RECORD_NOTHING   (UINT64_MAX - 4)
#define GRF_RECORD_VISIT     (UINT64_MAX - 5)  /* the object is reached, and will be visited */
#define GRF_RECORD_LEAF      (UINT64_MAX - 6)  /* the object is reached, and has no pointers */
#define GRF_RECORD_AGAIN     (UINT64_MAX - 7)  /* the object may be visited once more */
#define GRF_RECORD_FIND_TYPE (UINT64_MAX - 8)  /* the object is reached, and not looked at yet */
#define GRF_RECORD_FIND_LEAF (UINT64_MAX - 11) /* the same of one without pointers */
/* The object may be more than was known: as NOTHING and as AGAIN. */
#define GRF_RECORD_GROWS       (UINT64_MAX - 9)
#define GRF_RECORD_GROWS_AGAIN (UINT64_MAX - 10)
#define GRF_RECORD_MARKS       (UINT64_MAX - 15)

/* Whether the pointer reached an object whose type it tells. */
static inline bool grf_record_is_counted(const struct grf_record *record)
{
	return record->id == GRF_RECORD_VISIT || record->id == GRF_RECORD_LEAF;
}

/* Whether it leads to a place in the typed queue. */
static inline bool grf_record_is_visited(const struct grf_record *record)
{
	return record->id == GRF_RECORD_VISIT || record->id == GRF_RECORD_AGAIN ||
	       record->id == GRF_RECORD_FIND_TYPE || record->id == GRF_RECORD_OUTSIDE ||
	       record->id == GRF_RECORD_GROWS_AGAIN;
}

/* Whether one thread alone can settle it. */
static inline bool grf_record_is_special(const struct grf_record *record)
{
	return record->id == GRF_RECORD_FIND_TYPE || record->id == GRF_RECORD_FIND_LEAF ||
	       record->id == GRF_RECORD_UNTYPED || record->id == GRF_RECORD_SCHEDULER ||
	       record->id == GRF_RECORD_POOLED || record->id == GRF_RECORD_GROWS ||
	       record->id == GRF_RECORD_GROWS_AGAIN;
}

struct grf_walker {
	struct grf_walk *walk;
	bool reads_only; /* other walkers are at work */
	bool blocked;    /* the visit needs what is not made yet */
	bool settles;    /* its records are settled whenever there are many */
	bool takes_long; /* visits long objects too */
	bool is_long; /* the visit was not made: the object is long, and is shared out in parts */
	/* Of a long object, the words to visit are those in this part; NULL: all. */
	const uint8_t *from, *until;
	/* Pointers of a long object that were taken down last, by their low bits: of an array with
	 * millions of pointers to one object, one a part is enough. */
	struct grf_recent {
		uint64_t address;
		uint32_t spot;
	} recent[16];
	GRF_ARRAY(struct grf_record) records;
	uint64_t *scratch; /* a bitmap for one object */
	uint64_t scratch_words;
};

void grf_walker_free(struct grf_walker *walker);

/* Whether the visit is of a part of an object, and so cannot look at all of its mask. It is blocked
 * then. */
static inline bool grf_walker_lacks_whole(struct grf_walker *walker)
{
	walker->blocked |= walker->until != NULL;
	return walker->until != NULL;
}

/* Settles what a walker has taken down: reaches objects that were not reached before, and queues
 * their places. No other walker has unsettled records. */
void grf_walker_settle(struct grf_walker *walker);

/* Whether the visit may change what walkers share. False: it is blocked. */
static inline bool grf_walker_may_make(struct grf_walker *walker)
{
	walker->blocked |= walker->reads_only;
	return !walker->reads_only;
}

/* Notes that memory is out, or nothing where the walker is but blocked. */
void grf_walker_fail(struct grf_walker *walker);

/* Sets walker->scratch to a cleared bitmap of at least `bits` bits. False: out of memory. */
bool grf_walker_scratch(struct grf_walker *walker, uint64_t bits);

/* Takes a pointer: if an object is at `address`, it is expected to be what `spot` describes. */
void grf_walker_emit(struct grf_walker *walker, uint64_t address, uint32_t spot);

/* Takes a pointer to an array of `count` elements, whose end is not known otherwise outside the
 * heap. */
void grf_walker_emit_array(struct grf_walker *walker, uint64_t address, uint32_t spot,
			   uint64_t count);

/* Takes a pointer of unknown type, for when no typed place is left. */
void grf_walker_defer(struct grf_walker *walker, uint64_t address, uint32_t spot);

/* As the functions of spots.h. 0 or false: out of memory, or blocked. */
uint32_t grf_walker_spot(struct grf_walker *walker, uint32_t node, struct grf_type *type,
			 enum grf_content content);
bool grf_walker_prepare(struct grf_walker *walker, uint32_t id);
/* The child with number `child`, to which the path of `slot` leads; NULL: to which no path does. */
uint32_t grf_walker_child(struct grf_walker *walker, uint32_t id, uint32_t child,
			  const struct grf_slot *slot, struct grf_type *type,
			  enum grf_content content);
uint32_t grf_walker_element(struct grf_walker *walker, uint32_t id, int64_t index);
uint32_t grf_walker_dynamic(struct grf_walker *walker, uint32_t id, const void *key,
			    struct grf_type *type, const char *name);
uint32_t grf_walker_sub_objects(struct grf_walker *walker, uint32_t id);

#endif
