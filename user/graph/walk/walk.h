/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The walk that makes the reference tree.
 *
 * It follows roots class by class, and within a class breadth first, so that an object stands on
 * its shortest chain. It has two queues: typed places, and deferred ones, whose type is unknown. A
 * deferred place is visited only when no typed one is left, so that a typed chain to an object goes
 * before an untyped one.
 *
 * The walk follows what the collector follows: the words that the pointer mask of an object, a data
 * segment or a frame names. Where a type covers the whole mask of an object (nearly always), its
 * plan is followed without looking at the mask again. Where it covers a part, the object is
 * PARTIAL: the rest of its mask waits in a table for another typed pointer to the object, and in
 * the end hangs below it untyped.
 *
 * Places are visited in batches. Visits only take pointers down (walker.h); those are settled, in
 * order, when the batch is through: until then the cache misses for objects' states overlap. An
 * object's memory is prefetched before its turn. No edge is kept longer than that.
 */
#ifndef GRF_GRAPH_WALK_WALK_H
#define GRF_GRAPH_WALK_WALK_H

#include "base/array.h"
#include "graph/graph.h"
#include "graph/inference/enclosing_type.h"
#include "graph/inference/type_inference.h"
#include "graph/objects.h"
#include "graph/plan_mask.h"
#include "graph/walk/frontier.h"
#include "graph/walk/walker.h"
#include "model/types/flow/code_types.h"

/* grf_place.where: a span's index with these marks. */
#define GRF_PLACE_REVISIT 0x80000000u /* the object is PARTIAL and was reached before */
#define GRF_PLACE_AREA    0x7fffffffu /* no span: an address in a data segment */
/* An address outside the heap with an array of where - GRF_PLACE_ARRAY elements. */
#define GRF_PLACE_ARRAY     0x40000000u
#define GRF_PLACE_ARRAY_MAX 0x20000000u
/* In the deferred queue: `spot` is an index into the partial table, `address` is not used. */
#define GRF_PLACE_PARTIAL 0x7ffffffeu

/* An object with a part of its mask not covered by types yet. */
struct grf_partial {
	uint64_t address; /* of the slot */
	uint64_t id;
	uint64_t
	    pending; /* words not covered: bit i is word i; unused for objects with a stored type */
	uint64_t value; /* the pointer that reached it first */
	uint64_t *bits; /* instead of `pending`, of objects with a bitmap of more than a word */
	uint32_t span;
	uint32_t spot;
	uint32_t long_visits; /* `bits`: how often the whole object was followed */
	bool stored;
};

/* Root memory outside the heap: a data or bss segment, a stack. */
struct grf_area {
	uint64_t start, end;
	const char *name; /* of the segment */
	const uint8_t *memory;
	uint64_t *pending;  /* a bit a word: set for a live pointer that nothing has claimed yet */
	uint8_t *assembled; /* `memory` where it is to be freed, else NULL */
};

/* A value in memory of this process, and which of its words may be followed. */
struct grf_window {
	const uint8_t *memory; /* where the value begins */
	uint64_t room;         /* bytes there */
	uint64_t before;       /* array: its bytes before the beginning of the slice */
	uint64_t skip;         /* so many bytes at the start are not the value's (a piece) */
	uint64_t *pending;     /* NULL: follow all; else follow, and clear, the set bits */
	uint64_t first;        /* the bit of the value's first word */
	uint64_t end;          /* one past the last bit that may be looked at */
	const uint64_t *known; /* NULL: all words are; else those with a set bit, from `first` on */
};

/* Objects that were reached and not counted at their nodes yet; by the low bits of the node. */
#define GRF_TALLY_NODES 256u
struct grf_tally {
	struct grf_tally_node {
		uint32_t node;
		uint64_t objects, bytes;
	} nodes[GRF_TALLY_NODES];
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
	/* What the code says of objects that lack a type; without a type: several things. */
	GRF_ARRAY(struct grf_inferred) made;
	struct grf_pair_map made_index; /* object id -> index */
	uint8_t *states;
	struct grf_places places; /* where they are kept: by which spot each was reached */
	/* Where places are kept: as what the words of areas were followed. */
	GRF_ARRAY(struct grf_root_claim) claims;
	uint64_t *unclaimed; /* pending bits before a value was followed */
	uint64_t unclaimed_words;
	struct grf_frontier typed, deferred;
	struct grf_tally tally;
	struct grf_walker main; /* follows roots, and visits alone */
	struct grf_batch *batch;
	GRF_ARRAY(struct grf_partial) partials;
	struct grf_pair_map partial_index; /* object id -> index */
	GRF_ARRAY(struct grf_area) areas;
	const struct grf_area *stack; /* of the current goroutine, or NULL */
	struct grf_frontier in_stack; /* places in it */
	struct grf_frontier
	    left_to_runtime;       /* places for the runtime's roots to reach first; see spots.c */
	struct grf_frontier pools; /* places of what pools have */
	struct grf_pair_map scheduler; /* ids of the scheduler's own objects */
	uint64_t reached;              /* objects, for progress */
	uint64_t implausible;          /* objects whose stored type could not be read */
	uint32_t *labels;  /* by goroutine, as nodes have them; NULL: none are told apart */
	bool runtime_only; /* the current class is the runtime's: its own structures are followed */
	bool pools_followed;
	bool no_memory;
};

/* Takes a *funcval, whose captured variables follow from its code. `spot` gives the node. */
void grf_walker_emit_function(struct grf_walker *walker, uint64_t address, uint32_t spot);

/* Follows the pointers of a value that `spot` describes. */
void grf_walker_value(struct grf_walker *walker, uint32_t spot, const struct grf_window *view);

/* Pointers that no visit takes, such as roots. */
static inline void grf_walk_emit(struct grf_walk *walk, uint64_t address, uint32_t spot)
{
	grf_walker_emit(&walk->main, address, spot);
}

static inline void grf_walk_emit_function(struct grf_walk *walk, uint64_t address, uint32_t spot)
{
	grf_walker_emit_function(&walk->main, address, spot);
}

static inline void grf_walk_defer(struct grf_walk *walk, uint64_t address, uint32_t spot)
{
	grf_walker_defer(&walk->main, address, spot);
}

/*
 * Whether an interface's type word is valid. The collector does not follow type words, so no stack
 * map says whether the slot still holds one, or ever did. It is valid if the data word's object has
 * the mask of that type.
 */
bool grf_walk_type_word_fits(struct grf_walk *walk, uint64_t word, bool is_itab, uint64_t data);

/* The same, where the object is in a slot of the type's size class besides. */
bool grf_walk_type_word_decides(struct grf_walk *walk, uint64_t word, bool is_itab, uint64_t data);

/* Words of memory that may be the type words of interfaces. */
struct grf_words {
	const uint8_t *memory;
	uint64_t count;
};

/* Whether some of `words` is a type word of another type than `word` that the object of `data` has
 * the look of as well. Then that `word` fits says nothing. */
bool grf_walk_type_words_rival(struct grf_walk *walk, const struct grf_words *words, uint64_t word,
			       bool is_itab, uint64_t data);

/* A pointer in a data segment or on a stack, and the words around it. */
struct grf_word_beside {
	uint64_t ahead, before, value, after; /* `ahead` stands before `before` */
	struct grf_words frame;               /* the whole frame; none in a data segment */
};

/* Takes a word as an interface's data word, if the one before it is a type word or an itab of the
 * object's look, and surely its own. False: it is not. */
bool grf_walk_emit_interface(struct grf_walk *walk, const struct grf_word_beside *word,
			     uint32_t spot);

/* code_made.c: the inference, which is made when it is first needed. NULL: out of memory. */
struct grf_type_inference *grf_walk_inference(struct grf_walk *walk);

/* Whether the object around `address` may be what the code says that it is. */
bool grf_walk_made_fits(struct grf_walk *walk, uint64_t address,
			const struct grf_code_object *object, const struct grf_span **ret_span,
			uint32_t *ret_slot);

/* What the code stores in a word of a data segment, behind the word `before`. Behind a type word it
 * may store many types: what it takes the word for says nothing then. */
bool grf_walk_made_in_data(struct grf_walk *walk, uint64_t address, uint64_t before,
			   struct grf_code_object *ret);

/* What the code of a goroutine's function stores in a stack word. */
bool grf_walk_made_in_frame(struct grf_walk *walk, const struct grf_goroutine *goroutine,
			    const struct grf_stack_word *word, struct grf_code_object *ret);

/* Remembers what the code says of the object around `address`. Where it says several things, none
 * counts. */
void grf_walk_note_made(struct grf_walk *walk, uint64_t address,
			const struct grf_code_object *object);

/* What it has said of an object. False: nothing, or several things. */
bool grf_walk_made(const struct grf_walk *walk, uint64_t id, struct grf_inferred *ret);

/* The spot for an object's found type: the element "?. (type)" below the node of spot `id`, or
 * below the parent of "$sub_objects$". 0: out of memory. */
uint32_t grf_walk_found_spot(struct grf_walk *walk, uint32_t id, struct grf_type *type, bool array);

/* Settles what the walk's own walker has taken down. */
static inline void grf_walk_settle(struct grf_walk *walk)
{
	grf_walker_settle(&walk->main);
}

/* Settles records one after the other. */
void grf_walk_settle_records(struct grf_walk *walk, struct grf_record *records, size_t count);

/*
 * The steps of settling a record. grf_walk_judge() looks at a pointer, in the order of all pointers
 * to the same object: it marks the object as reached, and writes to record->id what becomes of the
 * pointer. Threads may do that beside each other, each for objects of its own.
 */
void grf_walk_judge(struct grf_walk *walk, struct grf_record *record);
/* Says that an object will be judged soon: best so many records before its turn. */
#define GRF_STATES_AHEAD 48
static inline __attribute__((always_inline)) void grf_walk_prefetch(const struct grf_walk *walk,
								    uint64_t id)
{
	__builtin_prefetch(&walk->states[id], 1);
	grf_places_prefetch(&walk->places, id);
}

/* Counts the object of a record that grf_record_is_counted(). Each thread has a tally of its own,
 * which grf_tally_end() adds to the nodes. Threads may do both beside each other. */
void grf_tally_add(struct grf_tally *tally, struct grf_walk *walk, const struct grf_record *record);
void grf_tally_end(struct grf_tally *tally, struct grf_walk *walk);
/* Settles what grf_record_is_special(), but does not put it into the typed queue. May change to
 * what the record leads. */
void grf_walk_settle_special(struct grf_walk *walk, struct grf_record *record);

/* The mark for a record's place in the typed queue. */
static inline uint32_t grf_record_where(const struct grf_record *record)
{
	bool again = record->id == GRF_RECORD_AGAIN || record->id == GRF_RECORD_GROWS_AGAIN;

	return record->where | (again ? GRF_PLACE_REVISIT : 0);
}

/* Reaches the object of a deferred place if it was not reached before. True: its type is unknown
 * and it must be visited at once, by *place. */
bool grf_walk_reach_deferred(struct grf_walk *walk, struct grf_place *place);

/* walk_place.c: notes as what an object is reached by a pointer to `address`, where places are
 * kept; and what another pointer to it says, which may be more. */
void grf_walk_place(struct grf_walk *walk, uint64_t id, const struct grf_span *span,
		    uint64_t address, uint32_t spot);
void grf_walk_place_again(struct grf_walk *walk, uint64_t id, const struct grf_span *span,
			  uint64_t address, uint32_t spot);

/* Whether grf_walk_place_again() may change anything. Threads may ask beside each other. */
bool grf_walk_place_may_grow(const struct grf_walk *walk, uint64_t id, const struct grf_span *span,
			     uint64_t address, uint32_t spot);

/* The same of grf_walk_place_whole(); `wider`: of grf_walk_place_wider() before it. */
bool grf_walk_place_changes(const struct grf_walk *walk, uint64_t id, struct grf_inferred whole,
			    bool wider);

/* Notes that more of an object has been found than its place says. */
void grf_walk_place_wider(struct grf_walk *walk, uint64_t id);

/* Notes what an object is as a whole, for good. */
void grf_walk_place_whole(struct grf_walk *walk, uint64_t id, struct grf_inferred whole,
			  bool inferred);

/* wholes.c: finds what the rest of such objects are as a whole. What stays unknown is marked so. */
struct grf_error *grf_walk_wholes(struct grf_walk *walk);

/* claims.c: follows a value as grf_walker_value(), but one that stands in an area, whose pending
 * bits the view has: no more than the first `bytes` of it are the value's. */
void grf_walk_area_value(struct grf_walk *walk, const struct grf_area *area, uint32_t spot,
			 const struct grf_window *view, uint64_t bytes);

/* Notes that word `bit` of an area was followed as what `spot` says: `offset` bytes from where its
 * value begins, or GRF_CLAIM_ALONE. */
void grf_walk_claim(struct grf_walk *walk, const struct grf_area *area, uint64_t bit, uint32_t spot,
		    uint64_t offset);

/* Follows the pointers of the object around `address`, and does not reach the object itself. */
void grf_walk_referents(struct grf_walk *walk, uint64_t address, uint32_t spot);

/* Visits places until none is left. `typed_only`: leaves the deferred ones. */
struct grf_error *grf_walk_run(struct grf_walk *walk, bool typed_only);

/* Reaches the places that were left to the runtime's roots and that those did not reach. */
struct grf_error *grf_walk_run_left(struct grf_walk *walk);

/* Follows what pools have by typed pointers. It waits until variables and goroutines have been: a
 * pool's items are nobody's, and what a stale one still points to is somebody else's. */
struct grf_error *grf_walk_run_pools(struct grf_walk *walk);

/* Visits the places in the current goroutine's stack to which typed pointers led. */
void grf_walk_run_stack(struct grf_walk *walk);

/* walk_visit.c: a place whose turn has come. */
void grf_walker_visit(struct grf_walker *walker, const struct grf_place *place);
void grf_walk_visit_deferred(struct grf_walk *walk, const struct grf_place *place);

/* The area that holds `address`, or NULL. */
struct grf_area *grf_walk_area(struct grf_walk *walk, uint64_t address);

/* Notes that memory is out; the walk ends soon after. */
static inline void grf_walk_fail(struct grf_walk *walk)
{
	walk->no_memory = true;
}

/* code_roots.c: asks the code what the roots of a class lead to, where that lacks a type. */
void grf_walk_ask_code(struct grf_walk *walk, enum grf_root_class root_class);

/* roots.c */
struct grf_error *grf_walk_areas(struct grf_walk *walk);
struct grf_error *grf_walk_class(struct grf_walk *walk, enum grf_root_class root_class);

#endif
