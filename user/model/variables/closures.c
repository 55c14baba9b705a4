/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What closures hold: the plan of a closure object, by the function that it calls.
 *
 * A *funcval points to a code address and behind it the captured variables, by value or as pointers
 * to them. Two sources tell what they are. The type of the object, found where such objects are
 * made (closure_sites.c), has every field, but from Go 1.21 on names them X0, X1 and so on. DWARF
 * has the variables' names, from Go 1.23 on with their offsets (DW_AT_go_closure_offset), but not
 * those that optimised code never looks at. So the type gives the slots and DWARF the names; where
 * no type was found, DWARF gives both.
 *
 * Up to Go 1.22 DWARF does not have the offsets; they follow from the function's code
 * (closure_loads.c), else from the types where those leave no doubt.
 */
#include <dwarf.h>
#include <stdio.h>
#include <string.h>
#include <uthash.h>

#include "model/types/types_parts.h"
#include "model/variables/closure_instances.h"
#include "model/variables/closure_loads.h"
#include "model/variables/closure_sites.h"
#include "model/variables/variables_private.h"

#define CAPTURES_MAX 1024
#define NO_OFFSET    GRF_CLOSURE_OFFSET_UNKNOWN

/* Closures that the runtime makes itself, by the function that they call. */
static const struct {
	const char *function;
	const char *type;
} made_by_reflect[] = {
    {"reflect.makeFuncStub", "reflect.makeFuncImpl"},
    {"reflect.methodValueCall", "reflect.methodValue"},
};

/* A captured variable as the function's DWARF has it. */
struct capture {
	const char *name; /* without "&" */
	bool is_pointer;  /* was "&x": `type` is a pointer to the variable's type */
	struct grf_type *type;
	struct grf_type *pointee;
	uint64_t offset; /* in the closure object, or NO_OFFSET */
	bool declared;   /* DWARF has the offset */
	bool used;       /* gave a field its name */
};

/* A field of the object's type behind the code address. */
struct field {
	const char *name;
	struct grf_type *type;
	uint64_t offset;
	bool named; /* `name` is the captured variable's */
};

/* A closure of a generic function as it is with one dictionary. */
struct instance {
	const struct grf_dictionary *dictionary;
	struct grf_type *type;
};
#define INSTANCES_MAX 64

struct closure {
	uint64_t pc;
	struct grf_type *type;
	struct grf_type *shaped; /* as all instances of a generic function share it */
	uint64_t dictionary;     /* where in the object its address stands, if it does */
	GRF_ARRAY(struct instance) instances;
	UT_hash_handle hh;
};

struct grf_closures {
	struct closure *by_pc;
	struct grf_closure_sites *sites; /* NULL until asked for */
};

struct captures {
	GRF_ARRAY(struct capture) array;
};

struct fields {
	GRF_ARRAY(struct field) array;
};

struct grf_closures *grf_closures_create(void)
{
	return calloc(1, sizeof(struct grf_closures));
}

void grf_closures_destroy(struct grf_closures *closures)
{
	struct closure *closure, *next;

	if (!closures)
		return;
	HASH_ITER (hh, closures->by_pc, closure, next) {
		HASH_DEL(closures->by_pc, closure);
		grf_array_free(&closure->instances);
		free(closure);
	}
	grf_closure_sites_destroy(closures->sites);
	free(closures);
}

/* --- the object's type ------------------------------------------------------------------------ */

static bool is_entry(void *context, uint64_t address)
{
	struct grf_types *types = context;
	struct grf_function function;

	return grf_pclntab_find(types->table, address, &function) && function.entry == address;
}

/* A struct whose first field is F uintptr, and not the only one. */
static bool is_closure_type(void *context, uint64_t address)
{
	struct grf_types *types = context;
	uint64_t after = address + grf_offset(types->layout, type, _size), fields, count;
	int64_t kind_at = grf_offset(types->layout, type, kind);
	const uint8_t *field, *name;
	uint8_t kind;

	if (address % 8 || !grf_image_u8(types->image, address + kind_at, &kind) ||
	    (kind & GRF_KIND_MASK) != GRF_KIND_STRUCT ||
	    !grf_image_u64(types->image, after + 8, &fields) ||
	    !grf_image_u64(types->image, after + 16, &count) || count < 2 || count > CAPTURES_MAX)
		return false;
	field = grf_image_at(types->image, fields, GRF_STRUCT_FIELD_SIZE);
	if (!field || grf_load_u64(field + 16) != 0 ||
	    !grf_image_u8(types->image, grf_load_u64(field + 8) + kind_at, &kind) ||
	    (kind & GRF_KIND_MASK) != GRF_KIND_UINTPTR)
		return false;
	/* internal/abi.Name: flags, length, bytes. Up to Go 1.20 it is ".F" in closures. */
	name = grf_image_at(types->image, grf_load_u64(field), 4);
	return name && ((name[1] == 1 && name[2] == 'F') ||
			(name[1] == 2 && name[2] == '.' && name[3] == 'F'));
}

/* The module's text as memory: from the image, whose segments may part it, else from the file. */
static void scan_module(struct grf_types *types, struct grf_closure_sites *sites,
			const struct grf_module *module)
{
	const struct grf_closure_site_checks checks = {is_entry, is_closure_type, types};
	const uint64_t text[2] = {module->text, module->etext};
	const uint64_t descriptors[2] = {module->types, module->etypes};
	uint64_t at = module->text;

	while (at < module->etext) {
		const struct grf_segment *segment = grf_image_find(types->image, at);
		uint64_t end;

		if (!segment)
			return;
		end = segment->end < module->etext ? segment->end : module->etext;
		grf_closure_sites_scan(
		    sites, grf_image_arch(types->image),
		    &(struct grf_code){segment->data + (at - segment->start), end - at, at}, text,
		    descriptors, &checks);
		at = end;
	}
}

static uint64_t object_descriptor(struct grf_types *types, uint64_t pc)
{
	struct grf_closures *closures = types->closures;

	if (!closures->sites) {
		closures->sites = grf_closure_sites_create();
		for (size_t i = 0; closures->sites && i < types->modules->count; i++)
			scan_module(types, closures->sites, &types->modules->items[i]);
	}
	return closures->sites ? grf_closure_sites_find(closures->sites, pc) : 0;
}

/* X0, X1 and so on */
static bool is_numbered(const char *name)
{
	return name[0] == 'X' && name[1] && !name[1 + strspn(name + 1, "0123456789")];
}

/* The fields behind F. Up to Go 1.20 they have the names of the captured variables. */
static void read_fields(struct grf_types *types, uint64_t descriptor, bool is_method_value,
			struct fields *fields)
{
	struct grf_shape shape = {0};

	grf_descriptor_fields(types, descriptor, &shape);
	for (uint64_t i = 0; i < shape.field_count; i++) {
		const struct grf_type_field *from = &shape.fields[i];
		struct field *field;

		if (!from->offset || !from->name)
			continue;
		field = grf_array_add(&fields->array);
		if (!field)
			return;
		field->name = is_method_value ? grf_types_intern(types, "R") : from->name;
		field->type = from->type;
		field->offset = from->offset;
		field->named = !is_method_value && !is_numbered(from->name);
		if (field->offset > GRF_CLOSURE_OFFSET_MAX) {
			fields->array.count--;
			return;
		}
	}
}

/* --- captured variables in DWARF -------------------------------------------------------------- */

static uint64_t unsigned_attribute(Dwarf_Die *die, unsigned int name, uint64_t otherwise)
{
	Dwarf_Attribute attribute;
	Dwarf_Word value;

	if (!dwarf_attr_integrate(die, name, &attribute) ||
	    dwarf_formudata(&attribute, &value) != 0)
		return otherwise;
	return value;
}

static void read_capture(struct grf_types *types, Dwarf_Die *die, uint64_t offset, bool declared,
			 struct captures *captures)
{
	const char *name = dwarf_diename(die);
	struct capture *capture;
	Dwarf_Die type, pointee;

	/* ".dict" and temporaries have no name to give. */
	if (!name || !*name || *name == '.' || !grf_variables_type_die(die, &type, NULL) ||
	    captures->array.count >= CAPTURES_MAX)
		return;
	capture = grf_array_add(&captures->array);
	if (!capture)
		return;
	capture->is_pointer = name[0] == '&' && name[1];
	capture->name = grf_types_intern(types, name + capture->is_pointer);
	capture->type = grf_types_of_die(types, &type);
	if (capture->is_pointer && dwarf_tag(&type) == DW_TAG_pointer_type &&
	    grf_variables_type_die(&type, &pointee, NULL))
		capture->pointee = grf_types_of_die(types, &pointee);
	capture->offset = offset;
	capture->declared = declared;
	if (!capture->type || !capture->name)
		captures->array.count--;
}

/* The code of the function, for compilers that do not tell the offsets. */
static bool read_loads(struct grf_types *types, Dwarf_Die *function,
		       struct grf_closure_loads *loads)
{
	const struct grf_dwarf_file *file = grf_types_file_of_die(types, function);
	Dwarf_Addr low, high;
	const uint8_t *code;

	if (!file || dwarf_lowpc(function, &low) != 0 || dwarf_highpc(function, &high) != 0 ||
	    high <= low)
		return false;
	code = grf_image_at(types->image, low + grf_dwarf_file_bias(file), high - low);
	if (!code)
		return false;
	grf_closure_loads_read(loads, grf_image_arch(types->image),
			       &(struct grf_code){code, high - low, low});
	return true;
}

/* A variable without go_closure_offset: captured if it comes from the closure object, or if it was
 * declared before the function literal. */
static void read_capture_by_code(struct grf_types *types, Dwarf_Die *die, uint64_t literal_line,
				 const struct grf_closure_loads *loads, struct captures *captures)
{
	uint64_t line = unsigned_attribute(die, DW_AT_decl_line, UINT64_MAX), offset, size = 0;
	Dwarf_Attribute location;
	struct grf_type *type;
	Dwarf_Die type_die;

	if (!dwarf_attr_integrate(die, DW_AT_location, &location) ||
	    !grf_variables_type_die(die, &type_die, NULL))
		return;
	type = grf_types_of_die(types, &type_die);
	size = type ? type->size : 0;
	offset = grf_closure_loads_offset(loads, &location, size);
	if (offset != NO_OFFSET || line <= literal_line)
		read_capture(types, die, offset, false, captures);
}

static void read_captures(struct grf_types *types, Dwarf_Die *function, struct captures *captures)
{
	bool by_code = !types->layout->release->closure_offsets;
	uint64_t line = unsigned_attribute(function, DW_AT_decl_line, 0);
	struct grf_closure_loads loads;
	Dwarf_Die die;

	if ((by_code && !read_loads(types, function, &loads)) || dwarf_child(function, &die) != 0)
		return;
	do {
		uint64_t offset;

		if (dwarf_tag(&die) != DW_TAG_variable)
			continue;
		if (by_code) {
			read_capture_by_code(types, &die, line, &loads, captures);
			continue;
		}
		offset = unsigned_attribute(&die, GRF_AT_GO_CLOSURE_OFFSET, NO_OFFSET);
		if (offset >= 8 && offset <= GRF_CLOSURE_OFFSET_MAX)
			read_capture(types, &die, offset, true, captures);
	} while (dwarf_siblingof(&die, &die) == 0);
}

/* --- fields and their names ------------------------------------------------------------------- */

static bool same_type(const struct grf_type *a, const struct grf_type *b)
{
	return a && b && (a == b || (a->name && b->name && !strcmp(a->name, b->name)));
}

/* A captured variable "&x" is a field *T, or a field T of which the function takes the address. */
static bool capture_fits(const struct capture *capture, const struct field *field)
{
	return !field->named && (same_type(capture->type, field->type) ||
				 (capture->is_pointer && same_type(capture->pointee, field->type)));
}

static void name_field(struct field *field, struct capture *capture)
{
	field->name = capture->name;
	field->named = true;
	capture->used = true;
}

/* The only nameless field that the capture fits, when it is the only one left that fits it. */
static struct field *only_field(const struct captures *captures, const struct capture *capture,
				struct fields *fields)
{
	struct field *found = NULL;

	for (size_t i = 0; i < fields->array.count; i++) {
		struct field *field = &fields->array.items[i];

		if (!capture_fits(capture, field))
			continue;
		if (found)
			return NULL;
		found = field;
	}
	for (size_t i = 0; found && i < captures->array.count; i++) {
		const struct capture *other = &captures->array.items[i];

		if (other != capture && !other->used && capture_fits(other, found))
			return NULL;
	}
	return found;
}

/* Whether every variable with an offset of its own begins a field. */
static bool captures_agree(const struct captures *captures, const struct fields *fields)
{
	for (size_t i = 0; i < captures->array.count; i++) {
		const struct capture *capture = &captures->array.items[i];
		bool found = !capture->declared;

		for (size_t j = 0; j < fields->array.count && !found; j++)
			found = fields->array.items[j].offset == capture->offset;
		if (!found)
			return false;
	}
	return true;
}

static void name_fields(struct captures *captures, struct fields *fields)
{
	for (size_t i = 0; i < captures->array.count; i++) {
		struct capture *capture = &captures->array.items[i];

		for (size_t j = 0; j < fields->array.count; j++) {
			struct field *field = &fields->array.items[j];

			if (field->offset == capture->offset &&
			    (capture->declared || capture_fits(capture, field)))
				name_field(field, capture);
		}
	}
	for (size_t i = 0; i < captures->array.count; i++) {
		struct capture *capture = &captures->array.items[i];
		struct field *field = capture->used ? NULL : only_field(captures, capture, fields);

		if (field)
			name_field(field, capture);
	}
}

/* Without the object's type: the fields that DWARF alone tells for sure. Of "&x" it does not tell
 * whether x or a pointer to it is in the object, unless another variable follows too soon. */
static void fields_from_captures(const struct captures *captures, struct fields *fields)
{
	for (size_t i = 0; i < captures->array.count; i++) {
		const struct capture *capture = &captures->array.items[i];
		bool sure = !capture->is_pointer;
		struct field *field;

		for (size_t j = 0; j < captures->array.count && !sure; j++) {
			uint64_t next = captures->array.items[j].offset;

			sure = capture->pointee && next > capture->offset &&
			       next - capture->offset < capture->pointee->size;
		}
		if (!sure || capture->offset == NO_OFFSET)
			continue;
		field = grf_array_add(&fields->array);
		if (!field)
			return;
		field->name = capture->name;
		field->type = capture->type;
		field->offset = capture->offset;
	}
}

/* --- the type --------------------------------------------------------------------------------- */

static int by_offset(const void *left, const void *right)
{
	const struct field *a = left, *b = right;

	return a->offset < b->offset ? -1 : a->offset > b->offset;
}

/* Leaves out what has no type or does not fit; returns the end of the last field. */
static uint64_t check_fields(struct fields *fields)
{
	uint64_t end = sizeof(uint64_t); /* behind the code address */
	size_t kept = 0;

	if (fields->array.count)
		qsort(fields->array.items, fields->array.count, sizeof(*fields->array.items),
		      by_offset);
	for (size_t i = 0; i < fields->array.count; i++) {
		const struct field *field = &fields->array.items[i];

		if (!field->type || field->offset < end ||
		    field->type->size > GRF_CLOSURE_OFFSET_MAX)
			continue;
		end = field->offset + field->type->size;
		fields->array.items[kept++] = *field;
	}
	fields->array.count = kept;
	return end;
}

/* A struct of the captured variables inside a struct of the function's name, so that paths begin
 * with the one and go on with the other. */
static struct grf_type *make_type(struct grf_types *types, const char *function,
				  struct fields *fields)
{
	uint64_t size = check_fields(fields);
	struct grf_type *closure =
	    grf_types_make(types, GRF_KIND_STRUCT, function, size, fields->array.count != 0);
	struct grf_type *variables;

	if (!closure || !fields->array.count)
		return closure;
	variables =
	    grf_types_make(types, GRF_KIND_STRUCT, function, size, (uint32_t)fields->array.count);
	for (size_t i = 0; i < fields->array.count; i++) {
		const struct field *field = &fields->array.items[i];

		if (!variables || !grf_types_add_field(variables, &(struct grf_type_field){
								      .name = field->name,
								      .role = GRF_ROLE_CAPTURED,
								      .type = field->type,
								      .offset = field->offset,
								  }))
			return closure;
	}
	if (variables)
		grf_types_add_field(closure, &(struct grf_type_field){.name = closure->name,
								      .role = GRF_ROLE_FUNCTION,
								      .type = variables});
	return closure;
}

/* --- closures by pc --------------------------------------------------------------------------- */

/* The name of the function that begins at `pc`, and its DIE when there is one. */
static const char *function_at(struct grf_types *types, uint64_t pc, Dwarf_Die *die,
			       bool *ret_have_die)
{
	const struct grf_dwarf_file *file;
	struct grf_subprogram *subprogram = grf_types_subprogram(types, pc, &file);
	struct grf_function function;

	*ret_have_die = subprogram && subprogram->low == pc - grf_dwarf_file_bias(file) &&
			dwarf_offdie(grf_executable_dwarf(file->executable), subprogram->die, die);
	if (*ret_have_die && dwarf_diename(die))
		return grf_types_intern(types, dwarf_diename(die));
	if (types->table && grf_pclntab_find(types->table, pc, &function) && function.entry == pc)
		return grf_types_intern(types, function.name);
	return NULL;
}

static bool is_method_value(const char *function)
{
	size_t length = strlen(function);

	return length > 3 && !strcmp(function + length - 3, "-fm");
}

static struct grf_type *made_by_runtime(struct grf_types *types, const char *function)
{
	for (size_t i = 0; i < sizeof(made_by_reflect) / sizeof(*made_by_reflect); i++) {
		if (!strcmp(function, made_by_reflect[i].function))
			return grf_types_by_name(types, made_by_reflect[i].type);
	}
	return NULL;
}

static struct grf_type *closure_type(struct grf_types *types, uint64_t pc)
{
	struct captures captures = {0};
	struct fields fields = {0};
	struct grf_type *closure;
	uint64_t descriptor;
	const char *function;
	bool have_die;
	Dwarf_Die die;

	function = function_at(types, pc, &die, &have_die);
	if (!function)
		return NULL;
	closure = made_by_runtime(types, function);
	if (closure)
		return closure;
	if (have_die)
		read_captures(types, &die, &captures);
	descriptor = object_descriptor(types, pc);
	if (descriptor)
		read_fields(types, descriptor, is_method_value(function), &fields);
	if (descriptor && captures_agree(&captures, &fields)) {
		name_fields(&captures, &fields);
	} else {
		descriptor = 0;
		fields.array.count = 0;
		fields_from_captures(&captures, &fields);
	}
	closure = make_type(types, function, &fields);
	if (closure) {
		closure->descriptor = descriptor;
		grf_type_plan(types, closure);
	}
	grf_array_free(&captures.array);
	grf_array_free(&fields.array);
	return closure;
}

static struct closure *closure_at(struct grf_types *types, uint64_t pc)
{
	struct grf_closures *closures = types->closures;
	struct closure *closure;

	HASH_FIND(hh, closures->by_pc, &pc, sizeof(pc), closure);
	if (closure)
		return closure;
	if (!grf_types_may_make(types))
		return NULL;
	closure = calloc(1, sizeof(*closure));
	if (!closure)
		return NULL;
	closure->pc = pc;
	closure->shaped = closure_type(types, pc);
	closure->dictionary = GRF_CLOSURE_NO_DICTIONARY;
	if (closure->shaped) {
		closure->type = grf_closure_instance(types, closure->shaped, NULL);
		closure->dictionary = grf_closure_dictionary(types, closure->shaped);
	}
	HASH_ADD(hh, closures->by_pc, pc, sizeof(closure->pc), closure);
	return closure;
}

struct grf_type *grf_types_closure(struct grf_types *types, uint64_t pc)
{
	const struct closure *closure = closure_at(types, pc);

	return closure ? closure->type : NULL;
}

/* The closure's type where it runs with `dictionary`. */
static struct grf_type *instance_type(struct grf_types *types, struct closure *closure,
				      const struct grf_dictionary *dictionary)
{
	struct instance *instance;

	for (size_t i = 0; i < closure->instances.count; i++)
		if (closure->instances.items[i].dictionary == dictionary)
			return closure->instances.items[i].type;
	if (!grf_types_may_make(types))
		return NULL;
	instance =
	    closure->instances.count < INSTANCES_MAX ? grf_array_add(&closure->instances) : NULL;
	if (!instance)
		return closure->type;
	instance->dictionary = dictionary;
	instance->type = grf_closure_instance(types, closure->shaped, dictionary);
	return instance->type;
}

struct grf_type *grf_types_closure_object(struct grf_types *types, const uint8_t *memory,
					  uint64_t room)
{
	struct closure *closure =
	    room >= sizeof(uint64_t) ? closure_at(types, grf_load_u64(memory)) : NULL;
	const struct grf_dictionary *dictionary;

	if (!closure || closure->dictionary > room - sizeof(uint64_t))
		return closure ? closure->type : NULL;
	dictionary = grf_dictionary_at(types, grf_load_u64(memory + closure->dictionary),
				       closure->shaped->name);
	return dictionary ? instance_type(types, closure, dictionary) : closure->type;
}
