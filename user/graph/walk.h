/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The walk that makes the reference tree.
 *
 * Roots are followed class by class. Within a class the walk is breadth first, so that an object
 * stands on its shortest chain. It keeps two queues: places whose type is known, and places whose
 * type is not ("deferred"); the second one is looked at only when the first is empty, so that a
 * typed way to an object goes before an untyped one.
 *
 * What is followed is what the collector follows: the words that the pointer mask of an object, of
 * a data segment or of a frame names. Where a type covers all of an object's mask (nearly always),
 * its plan is followed without looking at the mask again. Where it covers a part, the object is
 * PARTIAL: what is left of its mask waits in a table for another typed way to it, and in the end
 * hangs below it untyped.
 *
 * Finding an object and looking at its state are some edges apart (the ring), so that the cache
 * miss for the state runs beside other work; the object's own memory is prefetched before its turn
 * in the queue comes. Edges are never stored.
 */
#ifndef GRF_GRAPH_WALK_H
#define GRF_GRAPH_WALK_H

#include "base/array.h"
#include "graph/enclosing_type.h"
#include "graph/frontier.h"
#include "graph/graph.h"
#include "graph/objects.h"
#include "graph/plan_mask.h"
#include "graph/type_inference.h"
#include "graph/spots.h"

#define GRF_RING_SIZE 16

/* grf_place.where: a span's index with these marks. */
#define GRF_PLACE_REVISIT 0x80000000u /* the object is PARTIAL and was reached before */
#define GRF_PLACE_AREA    0x7fffffffu /* no span: an address in a data segment */
/* The same for an array of where - GRF_PLACE_ARRAY elements. */
#define GRF_PLACE_ARRAY     0x40000000u
#define GRF_PLACE_ARRAY_MAX 0x20000000u
/* In the deferred queue: `spot` is an index into the partial table, `address` is not used. */
#define GRF_PLACE_PARTIAL 0x7ffffffeu

/* A found object on its way to having its state looked at. */
struct grf_found {
	uint64_t address;
	uint64_t id;
	uint32_t spot;
	uint32_t span;
};

/* An object of which a part of the mask is not covered by types yet. */
struct grf_partial {
	uint64_t address; /* of the slot */
	uint64_t id;
	uint64_t
	    pending; /* words not covered: bit i is word i; unused for objects with a stored type */
	uint64_t value; /* the pointer that reached it first */
	uint64_t *bits; /* instead of `pending`, of objects with a bitmap of more than a word */
	uint32_t span;
	uint32_t spot;
	uint32_t long_visits; /* `bits`: how often much of it was gone through */
	bool stored;
};

/* Root memory outside the heap: a data or bss segment, a stack. */
struct grf_area {
	uint64_t start, end;
	const char *name; /* of the segment */
	const uint8_t *memory;
	uint64_t *pending;  /* a bit a word: a live pointer that nothing has claimed yet */
	uint8_t *assembled; /* `memory` when it is ours to free */
};

/* A value in our memory, and which of its words may be followed. */
struct grf_view {
	const uint8_t *memory; /* where the value begins */
	uint64_t room;         /* bytes there */
	uint64_t before;   /* of an array: bytes of it that stand before the slice's beginning */
	uint64_t skip;     /* of which this many at the start are not the value's (a piece) */
	uint64_t *pending; /* NULL: follow all; else follow, and clear, the set bits */
	uint64_t first;    /* the bit of the value's first word */
	uint64_t end;      /* one past the last bit that may be looked at */
	const uint64_t *known; /* NULL: all words are; else those with a set bit, from `first` on */
};

struct grf_walk {
	struct grf_model *model;
	const struct grf_heap *heap;
	struct grf_types *types;
	struct grf_tree_builder builder;
	struct grf_spots spots;
	struct grf_stored_types stored;
	struct grf_type_inference *inference;  /* NULL until the first is looked for */
	struct grf_enclosing_types *enclosing; /* NULL until the first is looked for */
	uint8_t *states;
	uint32_t *places; /* NULL, or by which spot each object was reached, by id; see graph.h */
	/* Where places are kept: as what the words of areas were followed. */
	GRF_ARRAY(struct grf_root_claim) claims;
	uint64_t *unclaimed; /* pending bits before a value was followed */
	uint64_t unclaimed_words;
	struct grf_frontier typed, deferred;
	struct grf_found ring[GRF_RING_SIZE];
	uint32_t ring_read, ring_written;
	GRF_ARRAY(struct grf_partial) partials;
	struct grf_pair_map partial_index; /* object id -> index */
	GRF_ARRAY(struct grf_area) areas;
	const struct grf_area *stack;        /* of the goroutine at hand, or NULL */
	struct grf_frontier in_stack;        /* places in it */
	struct grf_frontier left_to_runtime; /* what its roots should reach first, see spots.c */
	struct grf_pair_map scheduler;       /* ids of the scheduler's own objects */
	uint64_t *scratch;                   /* a bitmap for one object */
	uint64_t scratch_words;
	uint64_t reached;     /* objects, for progress */
	uint64_t implausible; /* objects whose stored type could not be read */
	bool runtime_only; /* the class at hand is the runtime's: its own structures are followed */
	bool no_memory;
};

/* Notes a pointer: an object if there is one at `address`, expected to be what `spot` says. */
void grf_walk_emit(struct grf_walk *walk, uint64_t address, uint32_t spot);

/* The same for a pointer to an array of `count` elements, which out of the heap has no other end.
 */
void grf_walk_emit_array(struct grf_walk *walk, uint64_t address, uint32_t spot, uint64_t count);

/* The same for a *funcval: what it captures follows from its code. `spot` gives the node. */
void grf_walk_emit_function(struct grf_walk *walk, uint64_t address, uint32_t spot);

/*
 * A type word is no pointer to the collector: no stack map says whether its slot still holds it,
 * or ever held one. It is believed where what the data word points to has the mask that the type
 * word says.
 */
bool grf_walk_type_word_fits(struct grf_walk *walk, uint64_t word, bool is_itab, uint64_t data);

/* The same for the data word behind a word that may be a type or an itab. False: it is none, or of
 * another type than what the data word leads to. */
bool grf_walk_emit_interface(struct grf_walk *walk, uint64_t word, uint64_t data, uint32_t spot);

/* The same for what the code that put the pointer there says it leads to. False: what is there is
 * something else, or says of itself what it is. */
bool grf_walk_emit_made(struct grf_walk *walk, uint64_t address,
			const struct grf_code_object *object, uint32_t spot);

/* The spot of what an object was found to be: the element "?. (type)" below the node of spot `id`,
 * or below what "$sub_objects$" hangs from. 0: out of memory. */
uint32_t grf_walk_found_spot(struct grf_walk *walk, uint32_t id, struct grf_type *type, bool array);

/* Notes a pointer of unknown type; looked at when no typed place is left. */
void grf_walk_defer(struct grf_walk *walk, uint64_t address, uint32_t spot);

/* Looks at the states of all objects in the ring. */
void grf_walk_settle(struct grf_walk *walk);

/* Reaches the object of a deferred place if nobody did. True: it has no type, and is to be visited
 * at once, by *place. */
bool grf_walk_reach_deferred(struct grf_walk *walk, struct grf_place *place);

/* Follows the pointers of a value that `spot` describes. */
void grf_walk_value(struct grf_walk *walk, uint32_t spot, const struct grf_view *view);

/* claims.c: the same for one that stands in an area, whose pending bits the view has: no more than
 * the first `bytes` of it are the value's. */
void grf_walk_area_value(struct grf_walk *walk, const struct grf_area *area, uint32_t spot,
			 const struct grf_view *view, uint64_t bytes);

/* Notes that word `bit` of an area was followed as what `spot` says. */
void grf_walk_claim(struct grf_walk *walk, const struct grf_area *area, uint64_t bit,
		    uint32_t spot);

/* Follows what the object around `address` points to, without reaching the object itself. */
void grf_walk_referents(struct grf_walk *walk, uint64_t address, uint32_t spot);

/* Works until no place is left. `typed_only`: leaves the deferred ones. */
struct grf_error *grf_walk_run(struct grf_walk *walk, bool typed_only);

/* Reaches what was left to the runtime's roots and was not reached from them. */
struct grf_error *grf_walk_run_left(struct grf_walk *walk);

/* Visits what the stack of the goroutine at hand was found to hold through typed pointers. */
void grf_walk_run_stack(struct grf_walk *walk);

/* Sets walk->scratch to a cleared bitmap of at least `bits` bits. False: out of memory. */
bool grf_walk_scratch(struct grf_walk *walk, uint64_t bits);

/* walk_visit.c: a place whose turn has come. */
void grf_walk_visit(struct grf_walk *walk, const struct grf_place *place);
void grf_walk_visit_deferred(struct grf_walk *walk, const struct grf_place *place);

/* The area that holds `address`, or NULL. */
struct grf_area *grf_walk_area(struct grf_walk *walk, uint64_t address);

/* Out of memory: remembered, work ends at the next occasion. */
static inline void grf_walk_fail(struct grf_walk *walk)
{
	walk->no_memory = true;
}

/* roots.c */
struct grf_error *grf_walk_areas(struct grf_walk *walk);
struct grf_error *grf_walk_class(struct grf_walk *walk, enum grf_root_class root_class);

#endif
