/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Types, flattened into plans: what a walker must know to follow the pointers of a value without
 * looking at DWARF or at runtime._type again.
 *
 * A type's plan is a list of slots, by offset. A slot is a pointer word (or a pair whose pointer
 * word it is, such as a slice or an interface) with what it points to, or an inline array. The
 * fields on the way from the value to the slot are the slot's path: the elements that a reference
 * chain shows. A struct type {a struct{b *T}} has one slot, offset 0, target T, and the path
 * "a. (struct { b *T })", "b. (*T)". An empty path means that the slot belongs to the value itself:
 * a value of type *T has one slot with an empty path; so have the structures that maps and channels
 * are made of, whose memory counts as the map's own.
 *
 * Plans are built when first asked for, from the target's DWARF where it describes the type, else
 * from the runtime's own descriptor. grf_type pointers stay valid and equal types get equal
 * pointers, as far as DWARF offsets and descriptor addresses tell.
 *
 * Special cases become plain plans here, so that the walker knows none of them: map groups and
 * buckets (paths "$mapkey. (K)" and "$mapval. (V)"), channel buffers, closures (path: the
 * function's name, then the captured variable), atomic.Pointer[T] (a pointer to T), sync.Pool's
 * local arrays, and so on.
 */
#ifndef GRF_MODEL_TYPES_TYPES_H
#define GRF_MODEL_TYPES_TYPES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/error.h"
#include "image/executable/executable.h"
#include "image/image.h"
#include "model/code/modules.h"
#include "model/code/pclntab.h"
#include "model/release/layout.h"
#include "model/types/naming.h"

/* A slice is a pointer, a length and a capacity (runtime/slice.go): its bytes, and where the last
 * stands. */
#define GRF_SLICE_SIZE     24
#define GRF_SLICE_CAPACITY 16

/* The flag of a reflect.Value: bytes behind its type word, and the bit that says that the data word
 * points to a value of the type, even where an interface has the value itself (reflect/value.go,
 * flagIndir, Go 1.17 to 1.27). */
#define GRF_REFLECT_FLAG     16
#define GRF_REFLECT_INDIRECT 0x80

/** Bytes of a name that is shown, with its end: of a type, a function, a variable. A longer one is
 * cut, or counts as unknown; the longest in Go's own library have about 300. */
#define GRF_NAME_BYTES 4096

enum grf_slot_kind {
	/* A pointer to a value of `target`. The object may be larger: the target may be a field of
	 * it or one of several elements. */
	GRF_SLOT_POINTER,
	/* A pointer to something unknown: unsafe.Pointer. `target` is NULL. */
	GRF_SLOT_UNSAFE,
	/* A pointer to an array of `target`s that fills its object: slices, map directories. */
	GRF_SLOT_ARRAY_POINTER,
	/* Two words; the pointer is the second one, the first one says of what type: a *_type
	 * (EFACE) or an *itab (IFACE). `target` is NULL. */
	GRF_SLOT_EFACE,
	GRF_SLOT_IFACE,
	/* A *funcval: what it captures follows from the code pointer it begins with. */
	GRF_SLOT_FUNC,
	/* Not a pointer: `count` values of `target`, `stride` bytes apart, from `offset` on.
	 * Element i adds "[i]. (type)" to the path, "[10+]. (type)" from ten on, unless `unnamed`.
	 */
	GRF_SLOT_INLINE_ARRAY,
	/* A Swiss map's dirPtr: `target` is the group type when the int64 `discriminator` bytes
	 * from the value's start is 0 (a single group), else the directory: an array of pointers to
	 * `alternative` (the table type). */
	GRF_SLOT_MAP_DIRECTORY,
};

struct grf_type;

struct grf_slot {
	uint64_t offset; /* bytes from the value's start; EFACE/IFACE: of the first word */
	uint8_t kind;    /* enum grf_slot_kind */
	bool unnamed;    /* INLINE_ARRAY */
	uint16_t path_length;
	uint32_t child;          /* index of its (first) child among the type's child_count */
	const char *const *path; /* interned strings, outermost first */
	/* The fields on the way as "name. (type)", whatever the naming: by them slots of two types
	 * are compared. Interned; outermost first. */
	const char *const *fields;
	uint16_t field_count;
	struct grf_type *target;
	struct grf_type *alternative;
	/* INLINE_ARRAY: elements; ARRAY_POINTER: 1 when a slice, else 0; POINTER: 1 when a string,
	 * else 0 */
	uint64_t count;
	uint64_t stride;
	int64_t discriminator; /* EFACE: where the flag of a reflect.Value is */
};

enum grf_type_variant {
	GRF_VARIANT_NONE,
	/* The static type is only the beginning of what really is there: when the object holds at
	 * least `variant_size` more than this type, or the byte at `variant_offset` is as told, it
	 * is `variant`: time.Timer -> runtime.timeTimer, internal/sync.node -> entry or indirect.
	 */
	GRF_VARIANT_IF_BYTE_SET, /* byte at variant_offset != 0: variant, else variant_else */
	GRF_VARIANT_IF_ROOM,     /* the object has room for `variant` */
	GRF_VARIANT_CHANNEL, /* an hchan: the word at variant_offset is its elements' descriptor */
};

struct grf_type {
	const char *name; /* interned; full package path: "*example.com/a/b.T" */
	uint64_t size;    /* bytes; 0 for zero-size types and for unknown ones */
	/* Pointer words of the value; exact for size <= 512: bit i is word i. */
	uint64_t pointer_mask;
	uint64_t pointer_bytes; /* no pointer from here on; 0: no pointers at all */
	uint64_t descriptor;    /* address of its runtime._type in the image, 0: none */
	struct grf_slot *slots;
	uint32_t slot_count;
	uint32_t child_count; /* children over all slots: 1 a pointer slot, 11 a named inline array,
			       * 1 an unnamed one, 2 a MAP_DIRECTORY */
	/* How arrays of this type name their elements: interned "[0]. (T)" ... "[9]. (T)",
	 * "[10+]. (T)", and "[<0]. (T)" for those before where a slice begins; NULL until
	 * grf_type_element_names(). */
	const char *const *element_names;
	bool array_unnamed; /* elements of an array of these add nothing to the path (map groups) */
	uint8_t variant;    /* enum grf_type_variant */
	uint64_t variant_offset;
	struct grf_type *variant_type, *variant_else;
	bool planned; /* slots are filled in; see grf_type_plan() */
	void *source; /* private to the builder */
};

struct grf_types;

/* Whether a type's name is `name`. One that ends with '[' is that of all instances of a generic
 * type. */
static inline bool grf_type_name_is(const char *type, const char *name)
{
	size_t length = strlen(name);

	return name[length - 1] == '[' ? !strncmp(type, name, length) : !strcmp(type, name);
}

/* Whether it is one of `count` names. False of a type that is not known, or has no name. */
static inline bool grf_type_is_one_of(const struct grf_type *type, const char *const *names,
				      size_t count)
{
	for (size_t i = 0; type && type->name && i < count; i++)
		if (grf_type_name_is(type->name, names[i]))
			return true;
	return false;
}

/**
 * While types are frozen, several threads may ask for them at a time. What would have to be read or
 * made first counts as missing then: the caller learns it from grf_types_lacked(), and asks again
 * when they are not frozen. Until then the answers since the last grf_types_lacked() are void.
 */
void grf_types_freeze(struct grf_types *types, bool frozen);
/* Whether something was missing to this thread since the last call. */
bool grf_types_lacked(void);

/* True when the executable has usable DWARF. */
bool grf_types_have_dwarf(const struct grf_types *types);
/* True when it has, and some of its packages were compiled without. */
bool grf_types_lack_dwarf_of_some(const struct grf_types *types);

/* Fills in the plan of `type` if that is not done yet. Never fails: what cannot be understood gets
 * no slots, and its pointers are found by the collector's mask and shown untyped. Bounded in depth
 * and size against hostile input. */
void grf_type_plan(struct grf_types *types, struct grf_type *type);

/* The GRF_ELEMENT_NAMES element names of an array of `type`. NULL: out of memory. */
#define GRF_ELEMENT_NAMES  12
#define GRF_ELEMENT_LATER  10 /* "[10+]" */
#define GRF_ELEMENT_BEFORE 11 /* "[<0]" */
const char *const *grf_type_element_names(struct grf_types *types, struct grf_type *type);

/* Takes what the runtime's type descriptors say of its structures into `layout`, which `types` was
 * created with. */
void grf_layout_take_descriptors(struct grf_types *types, struct grf_layout *layout);

/* The type of the runtime._type at `address`; NULL when that is no plausible descriptor. Cached. */
struct grf_type *grf_types_by_descriptor(struct grf_types *types, uint64_t address);

/* What an interface holds. `word` is its first word (EFACE: *_type, IFACE: *itab). *ret_direct:
 * the data word is the value itself (a pointer-shaped type), so *ret is what it points to (NULL
 * when unknown; a func: grf_types_closure() of it); else the data word points to a boxed value of
 * type *ret. False for a nil or implausible word. Cached. */
struct grf_interface_type {
	struct grf_type *type;    /* the dynamic type */
	struct grf_type *pointee; /* what the data word points to; NULL: unknown */
	bool is_func;             /* the data word is a *funcval */
	bool pointee_repeats;     /* reserved */
};
bool grf_types_by_interface(struct grf_types *types, uint64_t word, bool is_itab,
			    const struct grf_interface_type **ret);

/*
 * The collector's pointer mask of the type whose descriptor is at `address`: one bit a word, for
 * `*ret_words` words, all later words being scalars. GC programs are run, masks built on demand are
 * built here. NULL when the descriptor is not plausible. Cached; owned by `types`.
 */
const uint64_t *grf_types_pointer_mask(struct grf_types *types, uint64_t address,
				       uint64_t *ret_words, uint64_t *ret_type_size);

/* A word or byte of a type's values that cannot hold any value. */
enum grf_scalar_kind {
	GRF_SCALAR_BOOL, /* a byte that is 0 or 1 */
	GRF_SCALAR_ITAB, /* the first word of an interface with methods, of type `type` */
};
struct grf_type_scalar {
	uint16_t offset;
	uint8_t kind; /* enum grf_scalar_kind */
	const struct grf_type *type;
};

/**
 * The scalars in the first 512 bytes of a type's values, those of inner structs and arrays too, in
 * the order of the fields. Owned by `types`; NULL where there are none.
 */
const struct grf_type_scalar *grf_type_scalars(struct grf_types *types, struct grf_type *type,
					       uint32_t *ret_count);

/**
 * Whether the itab at `itab` is one for interfaces of type `interface` (internal/abi.ITab.Inter,
 * in every release). False where the memory is not there.
 */
bool grf_types_itab_is_of(struct grf_types *types, uint64_t itab, const struct grf_type *interface);

/* A type by the name that DWARF gives it ("runtime.g"), or NULL. Where there is no DWARF for all of
 * the program, of the types that its code refers to. */
struct grf_type *grf_types_by_name(struct grf_types *types, const char *name);

/* What the code that refers to a type makes, as far as the next call tells. */
enum grf_type_made {
	GRF_MADE_ONE = 1,   /* a value of it, or a map or channel */
	GRF_MADE_ARRAY = 2, /* the array of a slice of it */
};

/* The types whose descriptors the program's code refers to, planned, by address, and what is made
 * of each (grf_type_made). The caller frees the items. False: out of memory. */
struct grf_type_use {
	struct grf_type *type;
	unsigned int made;
};
struct grf_type_list {
	struct grf_type_use *items;
	size_t count;
};
bool grf_types_in_code(struct grf_types *types, struct grf_type_list *ret);

/* The type of the heap object that is made for a value of `type`: `type` itself, or the structure
 * of a map or channel. Planned. NULL: not known. */
struct grf_type *grf_type_object(struct grf_types *types, struct grf_type *type);

/* Whether values of `type` have a field (or an element of one) of type `field` `offset` bytes from
 * their beginning, and are more than that. Equal names are equal types. */
bool grf_type_has_field(struct grf_types *types, struct grf_type *type,
			const struct grf_type *field, uint64_t offset);

/* The mark of a shape, the type that stands for all types of one shape (cmd/compile, Go 1.18 on),
 * in its name and in names of functions and types that use it. */
#define GRF_SHAPE_MARK     "go.shape."
#define GRF_SHARED_BY_MARK "[" GRF_SHAPE_MARK

/* Whether a type is nothing but a shape: "go.shape.int". */
static inline bool grf_type_is_bare_shape(const struct grf_type *type)
{
	return !strncmp(type->name, GRF_SHAPE_MARK, sizeof(GRF_SHAPE_MARK) - 1);
}

/* Whether two are one type: a plugin has descriptors of its own for those that it shares. */
static inline bool grf_type_is_same(const struct grf_type *left, const struct grf_type *right)
{
	return left == right || (left->size == right->size && !strcmp(left->name, right->name));
}

/* Whether a type is one that stands for all of one shape in the code of generics, or is made with
 * such: "go.shape.int", "p.Box[go.shape.int]". */
bool grf_type_is_shape(const struct grf_type *type);

/**
 * Whether the code compiled for `shape` works for `type`: the same type, or `shape` stands for all
 * that look as `type` does (grf_type_is_shape). Names of fields and of generic types count;
 * pointers are followed some steps deep.
 */
bool grf_type_has_shape(struct grf_types *types, struct grf_type *type, struct grf_type *shape);

/* The element "?. (type)": an object of an inferred `type`. Interned. NULL: out of memory. */
const char *grf_type_found_name(struct grf_types *types, const struct grf_type *type);

/* The true type of the value at `memory` whose static type is only its beginning
 * (grf_type_variant); `room`: bytes to the end of its object. NULL: it is `type`. */
struct grf_type *grf_type_variant(struct grf_types *types, struct grf_type *type,
				  const uint8_t *memory, uint64_t room);

/* Whether it is the runtime's timer, or a struct of package time around it, by name. */
bool grf_type_is_timer(const struct grf_type *type);

/**
 * Finds the function that a timer, of which `room` bytes are at `memory`, calls when it fires, for
 * time.AfterFunc that which was given; GRF_TIMER_SENDS sends on a channel (runtime/time.go,
 * time/sleep.go, in every release). False: not known.
 */
#define GRF_TIMER_SENDS "time.sendTime"
bool grf_timer_called(struct grf_types *types, struct grf_type *timer, const uint8_t *memory,
		      uint64_t room, struct grf_function *ret);

/** The same for an element: "timer FUNCTION", or with the type of the channel. Interned. */
const char *grf_timer_name(struct grf_types *types, struct grf_type *timer, const uint8_t *memory,
			   uint64_t room);

/* The descriptor of the element type when `contents` is what a channel points to, else 0. */
uint64_t grf_type_channel_element(struct grf_types *types, const struct grf_type *contents);

#endif
