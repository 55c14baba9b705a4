/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Shared by the parts of the type builder, and by what fills in variables and closures; for the
 * model alone. types.h is the face.
 *
 * A type is made in three steps. A reader (dwarf_types.c, runtime_types.c) turns its source into a
 * shape: Go kind, element, fields. special_types.c replaces the shapes of types that the runtime
 * and the standard library treat in a special way. The planner (plans.c) turns a shape into slots,
 * and does not know its source. Types made here (map groups, channel buffers) have their shape from
 * the beginning.
 */
#ifndef GRF_MODEL_TYPES_TYPES_PARTS_H
#define GRF_MODEL_TYPES_TYPES_PARTS_H

#include <elfutils/libdw.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "model/types/types.h"

/* Of what runtime descriptors and DWARF say, no more is believed. */
#define GRF_FIELDS_MAX 65536
#define GRF_TYPES_MAX  (1u << 18)

/* abi.Type.Kind_ without its flags, and the bytes of an abi.StructField: name, type, offset
 * (internal/abi/type.go). */
#define GRF_KIND_MASK         0x1f
#define GRF_STRUCT_FIELD_SIZE 24

/* internal/abi.Kind; what the target does not have, from 32 on. */
enum grf_kind {
	GRF_KIND_UNKNOWN = 0,
	GRF_KIND_BOOL = 1,
	GRF_KIND_UINT8 = 8,
	GRF_KIND_UINTPTR = 12,
	GRF_KIND_ARRAY = 17,
	GRF_KIND_CHAN = 18,
	GRF_KIND_FUNC = 19,
	GRF_KIND_INTERFACE = 20,
	GRF_KIND_MAP = 21,
	GRF_KIND_POINTER = 22,
	GRF_KIND_SLICE = 23,
	GRF_KIND_STRING = 24,
	GRF_KIND_STRUCT = 25,
	GRF_KIND_UNSAFE_POINTER = 26,
	GRF_KIND_LAST = 26,
	GRF_KIND_ARRAY_POINTER = 32, /* a pointer to an array of `element` that fills its object */
	GRF_KIND_MAP_DIRECTORY,      /* dirPtr: groups of `element`, or tables of type `key` */
};

/* What a field is to the paths that lead through it. */
enum grf_field_role {
	GRF_ROLE_FIELD,
	GRF_ROLE_PLAIN,    /* adds nothing */
	GRF_ROLE_KEY,      /* of a map */
	GRF_ROLE_VALUE,    /* of a map */
	GRF_ROLE_POOLED,   /* an item of a pool; see naming_folds.c */
	GRF_ROLE_FUNCTION, /* the variables that the function of its name has captured */
	GRF_ROLE_CAPTURED, /* one of these */
};

struct grf_type_field {
	const char *name;      /* interned */
	uint8_t role;          /* enum grf_field_role */
	const char *type_name; /* interned; what paths have as its type, when not NULL */
	struct grf_type *type;
	uint64_t offset;
};

struct grf_shape {
	uint8_t kind;         /* enum grf_kind */
	uint8_t declared;     /* the same as the source has it */
	bool empty_interface; /* interface without methods */
	bool unnamed;         /* array: its elements add nothing to paths */
	bool is_group;        /* struct: the group or bucket of a map */
	struct grf_type *element;
	struct grf_type *key;
	/* Map: the structure it points to, and what its memory is made of: the group of a Swiss
	 * map, the bucket of an older one. Channel: the hchan. NULL when the source does not say.
	 */
	struct grf_type *header;
	struct grf_type *group;
	uint64_t count; /* array: elements */
	struct grf_type_field *fields;
	uint32_t field_count;
	/* MAP_DIRECTORY: of the directory's length, from dirPtr. INTERFACE: of the flag of a
	 * reflect.Value, from its type word; 0: it is none. */
	int64_t discriminator;
};

enum grf_source_kind {
	GRF_SOURCE_MADE, /* `shape` is all there is */
	GRF_SOURCE_DWARF,
	GRF_SOURCE_DESCRIPTOR,
	GRF_SOURCE_CONTENTS, /* what `container` points to */
};

/* grf_type.source */
struct grf_type_source {
	uint8_t kind; /* enum grf_source_kind */
	bool shaped;  /* `shape` is filled in */
	bool planning;
	uint64_t die;                    /* DWARF: offset in .debug_info */
	struct grf_dwarf_file *file;     /* DWARF: whose .debug_info */
	uint64_t address;                /* DESCRIPTOR: of the runtime._type */
	struct grf_type *contents;       /* made for this map or channel, once: what it points to */
	struct grf_type *container;      /* CONTENTS: the map or channel */
	struct grf_type *channel;        /* what the runtime's hchan is when it holds these */
	struct grf_type_scalar *scalars; /* type_scalars.c */
	uint32_t scalar_count;
	bool scalars_listed;
	struct grf_shape shape;
};

struct grf_global;
struct grf_noted_element;
struct grf_variables;
struct grf_locals;
struct grf_closures;
struct grf_dictionaries;
struct grf_type_masks;
struct grf_arena_chunk;
struct grf_interned;
struct grf_type_entry;
struct grf_interface_entry;
struct grf_die_index;
struct grf_type_names;
struct grf_code_types;

/* A descriptor that the program's code refers to. */
struct grf_type_reference {
	uint64_t descriptor;
	unsigned int made; /* grf_type_made */
};

struct grf_type_references {
	struct grf_type_reference *items; /* by address; NULL: not looked for yet */
	size_t count;
};

/* The DWARF of the executable, or of a plugin. */
struct grf_dwarf_file {
	struct grf_executable *executable; /* borrowed; may be NULL */
	Dwarf *dwarf;                      /* NULL: none, or none with Go types */
	bool is_partial;                   /* some packages were compiled without */
	const struct grf_module *module;   /* the one that it describes, or NULL */
	struct grf_die_index *index;       /* dwarf_types.c */
	struct grf_variables *variables;   /* variables.c */
};

struct grf_types {
	const struct grf_image *image;
	const struct grf_layout *layout;
	const struct grf_modules *modules;
	struct grf_pclntab *table;
	struct grf_dwarf_file *files; /* the executable's, which is always there, comes first */
	size_t file_count;

	/* The parts that live in files of their own. */
	struct grf_global *globals; /* by address; NULL until asked for */
	size_t global_count;
	struct grf_locals *locals;
	struct grf_closures *closures;
	struct grf_dictionaries *dictionaries;
	struct grf_type_masks *masks;
	struct grf_type_references references; /* type_list.c */
	struct grf_type_names *names;          /* type_names.c; NULL until asked for */
	struct grf_code_types *code;           /* code_types.c; NULL until asked for */

	/* naming.c */
	const struct grf_naming *naming;
	struct grf_noted_element *elements; /* by name */

	/* type_store.c */
	struct grf_arena_chunk *arena;
	uint64_t arena_left; /* bytes that may be taken beside those taken */
	struct grf_interned *interned;

	uint64_t plan_bytes; /* slots and paths, of all plans */

	/* types.c */
	struct grf_type_entry *by_die;        /* by file and DIE offset */
	struct grf_type_entry *by_descriptor; /* by address; type may be NULL: not plausible */
	struct grf_interface_entry *by_interface;
	unsigned int depth; /* of nested planning and naming */
	bool frozen;

	struct grf_type *byte; /* what strings point to */
};

/* How deeply types nest: structs and arrays in one another, and the names made of names. */
#define GRF_TYPES_DEPTH_MAX 64

/* No more entries of a dictionary of generic code are read. */
#define GRF_DICTIONARY_ENTRIES 4096

/* --- frozen.c --------------------------------------------------------------------------------- */

/* Whether something may be read or made: types are not frozen. False: that is noted as missing. */
bool grf_types_may_make(const struct grf_types *types);

/* --- type_store.c ----------------------------------------------------------------------------- */

/* Zeroed memory that lives as long as `types`, aligned for anything; NULL when out of memory. */
void *grf_types_allocate(struct grf_types *types, size_t size);

/* The one copy of a string; lives as long as `types`. NULL when out of memory. */
const char *grf_types_intern(struct grf_types *types, const char *string);
const char *grf_types_intern_format(struct grf_types *types, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* A new type without a plan; `name` is interned here. NULL when out of memory. */
struct grf_type *grf_types_new(struct grf_types *types, enum grf_source_kind kind, const char *name,
			       uint64_t size);

/* A new type of kind GRF_SOURCE_MADE with room for `fields` fields. NULL when out of memory. */
struct grf_type *grf_types_make(struct grf_types *types, enum grf_kind kind, const char *name,
				uint64_t size, uint32_t fields);

/* A made pointer, or pointer to an array, to `element`. NULL when that is, or memory is out. */
struct grf_type *grf_types_make_pointer(struct grf_types *types, enum grf_kind kind,
					struct grf_type *element);

/* Sets the next field of a made struct. False: it has no type. */
bool grf_types_add_field(struct grf_type *structure, const struct grf_type_field *field);

/* The same for one that adds nothing to paths. */
bool grf_types_add_plain(struct grf_type *structure, struct grf_type *type, uint64_t offset);

/* The field `name` of a struct, or NULL. */
const struct grf_type_field *grf_shape_field(const struct grf_shape *shape, const char *name);

/* Frees all memory, and all strings and types with it. */
void grf_types_free_memory(struct grf_types *types);

/* --- elements.c ---------------------------------------------------------------------------------
 */

/* Frees what is noted of elements; before the memory is freed. */
void grf_elements_forget(struct grf_types *types);

/* --- types.c ---------------------------------------------------------------------------------- */

static inline struct grf_type_source *grf_type_source(const struct grf_type *type)
{
	return type->source;
}

/* The shape of a type, read when first asked for and with special cases put in; never NULL. */
const struct grf_shape *grf_types_shape(struct grf_types *types, struct grf_type *type);

/* The file that a DIE is of; NULL: of another file. */
struct grf_dwarf_file *grf_types_file_of_die(const struct grf_types *types, Dwarf_Die *die);

/* The image's addresses less the linker's, for the file's code and data. */
static inline uint64_t grf_dwarf_file_bias(const struct grf_dwarf_file *file)
{
	return file->executable ? grf_executable_bias(file->executable) : 0;
}

/* The type made for a DIE offset before, NULL included. */
bool grf_types_known_die(struct grf_types *types, const struct grf_dwarf_file *file, uint64_t die,
			 struct grf_type **ret);
void grf_types_remember_die(struct grf_types *types, const struct grf_dwarf_file *file,
			    uint64_t die, struct grf_type *type);

/* Empties the tables from addresses to types. */
void grf_types_forget_addresses(struct grf_types *types);

/* --- dwarf_types.c ---------------------------------------------------------------------------- */

/* Begins an empty index of type DIEs. False: out of memory; so for the next two. */
bool grf_dwarf_types_begin(struct grf_dwarf_file *file);
/* Adds a DIE that stands right below a unit of Go's, if it is a type. */
bool grf_dwarf_types_add(struct grf_dwarf_file *file, Dwarf_Die *die);
/* Makes the index ready for questions. Leaves file->dwarf NULL where it has no types. */
bool grf_dwarf_types_end(struct grf_dwarf_file *file);
void grf_dwarf_types_close(struct grf_dwarf_file *file);

/* Goes to the next DIE on the same level. False: none. A broken sibling attribute may lead back. */
bool grf_dwarf_next_sibling(Dwarf_Die *die);

/* The type of any type DIE, typedefs too. NULL when it is no type. Equal DIEs give equal types. */
struct grf_type *grf_types_of_die(struct grf_types *types, Dwarf_Die *die);

/* The type whose runtime._type is `offset` bytes into the module's types, or NULL. The file must
 * have DWARF; so for the next. */
struct grf_type *grf_dwarf_types_by_offset(struct grf_types *types, struct grf_dwarf_file *file,
					   uint64_t offset);

/* The type of that name, or NULL. */
struct grf_type *grf_dwarf_types_by_name(struct grf_types *types, struct grf_dwarf_file *file,
					 const char *name);

void grf_dwarf_types_shape(struct grf_types *types, struct grf_type *type, struct grf_shape *ret);

/* --- runtime_types.c -------------------------------------------------------------------------- */

/* What every runtime._type begins with. */
struct grf_descriptor {
	uint64_t address;
	uint64_t size;
	uint64_t pointer_bytes;
	enum grf_kind kind;
	uint8_t tflag;
	bool direct;   /* in an interface, the data word is the value itself */
	int32_t name;  /* offset from the module's types */
	uint64_t tail; /* address of what follows, by kind */
};

/* False: not plausible. */
bool grf_descriptor_read(struct grf_types *types, uint64_t address, struct grf_descriptor *ret);

/* The name of the type as in DWARF, as far as it is known; interned. */
const char *grf_descriptor_name(struct grf_types *types, const struct grf_descriptor *descriptor);
/* The fields of the struct type whose descriptor is at `address`. */
void grf_descriptor_fields(struct grf_types *types, uint64_t address, struct grf_shape *ret);

void grf_runtime_types_shape(struct grf_types *types, struct grf_type *type, struct grf_shape *ret);

/* Calls `take` with the address of each descriptor that a descriptor names: elements, keys, what a
 * map is made of, the types of fields. */
void grf_descriptor_parts(struct grf_types *types, const struct grf_descriptor *descriptor,
			  void (*take)(void *context, uint64_t address), void *context);

/* --- type_list.c ------------------------------------------------------------------------------ */

/* Fills in types->references. False: out of memory. */
bool grf_type_references_find(struct grf_types *types);

/* --- type_names.c ----------------------------------------------------------------------------- */

/* The type with that name, among the descriptors that the code refers to and their parts. NULL:
 * none, or several that differ. */
struct grf_type *grf_types_by_descriptors_name(struct grf_types *types, const char *name);
void grf_type_names_destroy(struct grf_type_names *names);

/* --- type_shapes.c ---------------------------------------------------------------------------- */

/* Whether it is what stands for all pointers: "go.shape.*uint8". */
bool grf_type_is_any_pointer(const struct grf_type *type);

/* --- shaped_instances.c ----------------------------------------------------------------------- */

/* The instance of a generic struct by name. Where the program has only that of its shape, it is
 * made from it. NULL: it has neither, or memory is out. */
struct grf_type *grf_types_instance(struct grf_types *types, const char *name);

/* --- special_types.c -------------------------------------------------------------------------- */

/* Corrects a shape that was just read, and sets the type's variant. */
void grf_special_types_apply(struct grf_types *types, struct grf_type *type,
			     struct grf_shape *shape);

/* --- container_types.c ------------------------------------------------------------------------ */

/* What a map or a channel points to; NULL when not known. */
struct grf_type *grf_container_contents(struct grf_types *types, struct grf_type *container);

/* What an hchan of a channel with such elements is. NULL: not known. */
struct grf_type *grf_container_channel(struct grf_types *types, struct grf_type *element);

/* The shape of such contents. */
void grf_container_shape(struct grf_types *types, struct grf_type *contents, struct grf_shape *ret);

/* Is it the group or bucket of a map, by its name? */
bool grf_container_is_group(const struct grf_type *type);
bool grf_container_is_group_name(const char *name, size_t length);

/* A group or bucket that is looked at by itself: the same, with keys and elements named as those of
 * a map. NULL when it does not look like one. */
struct grf_type *grf_container_group(struct grf_types *types, struct grf_type *type);

/* --- plans.c ---------------------------------------------------------------------------------- */

/* The first slot that is a pointer, inside inline arrays too, or NULL. Plans the type. */
const struct grf_slot *grf_plans_first_pointer(struct grf_types *types, struct grf_type *type);

#endif
