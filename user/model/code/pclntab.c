/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The function table as the linker lays it out and the runtime reads it (runtime/symtab.go,
 * cmd/link pcln.go).
 *
 * ftab is sorted by pc: pairs of a pc and the offset of its _func in pclntable. Behind the _func
 * stand npcdata offsets of pc-value tables, then nfuncdata words. A pc-value table is a list of
 * (zigzag varint of the value's change, varint of the pc's change): from -1 and the function's
 * entry on, each pair tells up to which pc the value holds.
 */
#include "model/code/pclntab.h"

#include <stdlib.h>
#include <string.h>
#include <uthash.h>

#include "base/log.h"

#define PCDATA_INLINE_INDEX  2
#define FUNCDATA_INLINE_TREE 3
#define MAX_FUNCTIONS        (1u << 26)
/* Steps through tables that one stack may take. A damaged image may have many frames, each in a
 * function with the longest table; real programs need far fewer steps. */
#define STEPS_LEAST    ((uint64_t)1 << 28)
#define STEPS_PER_BYTE 512u
/* Bytes of a name at most. */
#define MAX_NAME 65536u

struct module_table {
	const struct grf_module *module;
	const struct grf_pclntab_format *format;
	const uint8_t *ftab;
	uint64_t count; /* functions; ftab has one entry more */
	const uint8_t *pctab, *names, *functions;
	const uint8_t *units, *files; /* cutab, of 32 bits each, and filetab; NULL: not there */
	const uint8_t *sections;      /* textsectmap, or NULL with fewer than two entries */
};

struct name_entry {
	UT_hash_handle hh;
	const char *name;
	uint64_t pc;
};

struct grf_pclntab {
	const struct grf_image *image;
	const struct grf_layout *layout;
	struct module_table *tables;
	size_t count;
	uint8_t quantum;
	struct name_entry *by_name;
	struct name_entry *entries;
	uint64_t *steps; /* pairs of pc-value tables that may still be read */
};

/* The bytes of a slice of the module data, or NULL. */
static const uint8_t *bytes_of(const struct grf_image *image, const struct grf_slice *slice)
{
	return slice->length ? grf_image_at(image, slice->data, slice->length) : NULL;
}

static struct grf_error *read_module(struct grf_pclntab *table, const struct grf_module *module,
				     struct module_table *ret)
{
	uint32_t magic = 0;
	uint8_t quantum = 0;

	*ret = (struct module_table){.module = module};
	grf_image_u32(table->image, module->pc_header, &magic);
	grf_image_u8(table->image, module->pc_header + 6, &quantum);
	ret->format = grf_pclntab_format_of(magic);
	if (!ret->format)
		return grf_error_create(GRF_ERROR_UNSUPPORTED,
					"unknown function table format %#x; this Go version is not "
					"supported yet",
					magic);
	table->quantum = quantum ? quantum : 1;
	ret->count = module->ftab.length - 1;
	if (ret->count > MAX_FUNCTIONS)
		ret->count = 0;
	ret->ftab = grf_image_at(table->image, module->ftab.data,
				 (ret->count + 1) * ret->format->entry_size);
	ret->pctab = bytes_of(table->image, &module->pctab);
	ret->names = bytes_of(table->image, &module->funcnametab);
	ret->functions = bytes_of(table->image, &module->pclntable);
	ret->files = bytes_of(table->image, &module->filetab);
	if (module->cutab.length && module->cutab.length < MAX_FUNCTIONS)
		ret->units =
		    grf_image_at(table->image, module->cutab.data, module->cutab.length * 4);
	if (!ret->count || !ret->ftab || !ret->pctab || !ret->names || !ret->functions)
		return grf_error_create(
		    GRF_ERROR_BAD_INPUT,
		    "the function table is not in the image; give the executable "
		    "that the process runs");
	/* {vaddr, end, baseaddr}: only when the text is in several pieces. */
	if (module->textsectmap.length > 1 && module->textsectmap.length < 65536)
		ret->sections = grf_image_at(table->image, module->textsectmap.data,
					     module->textsectmap.length * 24);
	return NULL;
}

struct grf_error *grf_pclntab_create(const struct grf_image *image, const struct grf_layout *layout,
				     const struct grf_modules *modules, struct grf_pclntab **ret)
{
	struct grf_pclntab *table = calloc(1, sizeof(*table));

	if (!table)
		return grf_error_no_memory();
	table->image = image;
	table->layout = layout;
	table->tables = calloc(modules->count, sizeof(*table->tables));
	table->steps = malloc(sizeof(*table->steps));
	if (!table->tables || !table->steps) {
		grf_pclntab_destroy(table);
		return grf_error_no_memory();
	}
	*table->steps = STEPS_LEAST + grf_image_held(image) * STEPS_PER_BYTE;
	for (size_t i = 0; i < modules->count; i++) {
		struct grf_error *error = read_module(table, &modules->items[i], &table->tables[i]);

		if (error) {
			grf_pclntab_destroy(table);
			return error;
		}
		table->count++;
	}
	*ret = table;
	return NULL;
}

void grf_pclntab_destroy(struct grf_pclntab *table)
{
	if (!table)
		return;
	HASH_CLEAR(hh, table->by_name);
	free(table->entries);
	free(table->steps);
	free(table->tables);
	free(table);
}

/* The address in the image for an offset in the text, and back (textAddr and textOff in
 * runtime/symtab.go). */
static uint64_t text_address(const struct module_table *table, uint64_t offset)
{
	if (!table->sections)
		return table->module->text + offset;
	for (uint64_t i = 0; i < table->module->textsectmap.length; i++) {
		uint64_t start = grf_load_u64(table->sections + i * 24);
		uint64_t end = grf_load_u64(table->sections + i * 24 + 8);
		uint64_t base = grf_load_u64(table->sections + i * 24 + 16);
		bool last = i + 1 == table->module->textsectmap.length;

		if (offset >= start && (offset < end || (last && offset == end)))
			return base + offset - start;
	}
	return table->module->text + offset;
}

static uint64_t ftab_pc(const struct module_table *table, uint64_t index)
{
	const uint8_t *entry = table->ftab + index * table->format->entry_size;

	return table->format->absolute_pcs ? grf_load_u64(entry)
					   : text_address(table, grf_load_u32(entry));
}

static uint64_t ftab_offset(const struct module_table *table, uint64_t index)
{
	const uint8_t *entry = table->ftab + index * table->format->entry_size;

	return table->format->absolute_pcs ? grf_load_u64(entry + 8) : grf_load_u32(entry + 4);
}

static const struct module_table *table_of(const struct grf_pclntab *table, uint64_t pc)
{
	for (size_t i = 0; i < table->count; i++)
		if (pc >= table->tables[i].module->minpc && pc < table->tables[i].module->maxpc)
			return &table->tables[i];
	return NULL;
}

/* The NUL-terminated name at an offset of funcnametab, or NULL. */
static const char *name_at(const struct module_table *table, uint64_t offset)
{
	uint64_t size = table->module->funcnametab.length;

	if (offset >= size || !memchr(table->names + offset, '\0',
				      size - offset < MAX_NAME ? size - offset : MAX_NAME))
		return NULL;
	return (const char *)table->names + offset;
}

#define FIELD(name) ((uint64_t)grf_offset(table->layout, func, name))

/* Fills in a function from its entry in ftab. */
static bool read_function(const struct grf_pclntab *table, const struct module_table *module,
			  uint64_t index, struct grf_function *ret)
{
	uint64_t offset = ftab_offset(module, index), length = module->module->pclntable.length;
	/* The tables follow the last field at once; as a Go type, 1.17's _func is longer. */
	uint64_t size = FIELD(nfuncdata) + 1, tables;
	const uint8_t *func;

	if (offset > length || size > length - offset)
		return false;
	func = module->functions + offset;
	*ret = (struct grf_function){
	    .module = module->module,
	    .entry = ftab_pc(module, index),
	    .end = ftab_pc(module, index + 1),
	    .name = name_at(module, grf_load_u32(func + FIELD(name_off))),
	    .args_size = (int32_t)grf_load_u32(func + FIELD(args)),
	    .deferreturn = grf_load_u32(func + FIELD(deferreturn)),
	    .pcsp = grf_load_u32(func + FIELD(pcsp)),
	    .pcfile = grf_load_u32(func + FIELD(pcfile)),
	    .pcln = grf_load_u32(func + FIELD(pcln)),
	    .cu_offset = grf_load_u32(func + FIELD(cu_offset)),
	    .func_id = func[FIELD(func_id)],
	    .flag = func[FIELD(flag)],
	    .npcdata = grf_load_u32(func + FIELD(npcdata)),
	    .nfuncdata = func[FIELD(nfuncdata)],
	    .tables = func + size,
	};
	tables = (uint64_t)ret->npcdata * 4 +
		 (uint64_t)ret->nfuncdata * (module->format->wide_funcdata ? 8 : 4) + 8;
	if (ret->npcdata > 64 || tables > length - offset - size)
		ret->npcdata = ret->nfuncdata = 0;
	return ret->name && ret->entry < ret->end;
}

bool grf_pclntab_find(const struct grf_pclntab *table, uint64_t pc, struct grf_function *ret)
{
	const struct module_table *module = table_of(table, pc);
	uint64_t low = 0, high;

	if (!module)
		return false;
	high = module->count;
	while (high - low > 1) {
		uint64_t middle = low + (high - low) / 2;

		if (ftab_pc(module, middle) <= pc)
			low = middle;
		else
			high = middle;
	}
	return read_function(table, module, low, ret) && pc >= ret->entry && pc < ret->end;
}

static bool build_names(struct grf_pclntab *table)
{
	uint64_t total = 0, used = 0;

	for (size_t i = 0; i < table->count; i++)
		total += table->tables[i].count;
	table->entries = calloc(total ? total : 1, sizeof(*table->entries));
	if (!table->entries)
		return false;
	for (size_t i = 0; i < table->count; i++) {
		for (uint64_t k = 0; k < table->tables[i].count; k++) {
			struct name_entry *entry = &table->entries[used], *known;
			struct grf_function function;

			if (!read_function(table, &table->tables[i], k, &function))
				continue;
			HASH_FIND_STR(table->by_name, function.name, known);
			if (known)
				continue;
			entry->name = function.name;
			entry->pc = function.entry;
			HASH_ADD_KEYPTR(hh, table->by_name, entry->name, strlen(entry->name),
					entry);
			used++;
		}
	}
	return true;
}

bool grf_pclntab_by_name(struct grf_pclntab *table, const char *name, struct grf_function *ret)
{
	struct name_entry *entry;

	if (!table->entries && !build_names(table))
		return false;
	HASH_FIND_STR(table->by_name, name, entry);
	return entry && grf_pclntab_find(table, entry->pc, ret);
}

enum grf_func_kind grf_pclntab_kind(const struct grf_pclntab *table,
				    const struct grf_function *function)
{
	const struct grf_func_ids *ids = table->layout->release->func_ids;
	const struct {
		uint8_t id;
		enum grf_func_kind kind;
	} kinds[] = {
	    {ids->async_preempt, GRF_FUNC_ASYNC_PREEMPT},
	    {ids->debug_call, GRF_FUNC_DEBUG_CALL},
	    {ids->cgocallback, GRF_FUNC_CGOCALLBACK},
	    {ids->morestack, GRF_FUNC_MORESTACK},
	    {ids->sigpanic, GRF_FUNC_SIGPANIC},
	    {ids->systemstack, GRF_FUNC_SYSTEMSTACK},
	    {ids->wrapper, GRF_FUNC_WRAPPER},
	};

	if (!function->func_id)
		return GRF_FUNC_NORMAL;
	for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++)
		if (kinds[i].id == function->func_id)
			return kinds[i].kind;
	return GRF_FUNC_OTHER;
}

/* Reads a varint of at most 32 bits; false at the end of the table. */
static bool read_varint(const uint8_t **at, const uint8_t *end, uint32_t *ret)
{
	uint32_t value = 0;

	for (unsigned int shift = 0; shift < 35; shift += 7) {
		uint8_t byte;

		if (*at >= end)
			return false;
		byte = *(*at)++;
		value |= (uint32_t)(byte & 0x7f) << (shift & 31);
		if (!(byte & 0x80)) {
			*ret = value;
			return true;
		}
	}
	return false;
}

bool grf_pclntab_value(const struct grf_pclntab *table, const struct grf_function *function,
		       uint32_t offset, uint64_t pc, int32_t *ret, uint64_t *ret_start)
{
	const struct module_table *module = table_of(table, function->entry);
	uint64_t reached = function->entry;
	const uint8_t *at, *end;
	int32_t value = -1;
	bool first = true;

	if (!module || !offset || offset >= module->module->pctab.length || pc < reached)
		return false;
	at = module->pctab + offset;
	end = module->pctab + module->module->pctab.length;
	for (;;) {
		uint64_t start = reached;
		uint32_t change, step;

		if (!*table->steps)
			return false;
		--*table->steps;
		if (!read_varint(&at, end, &change) || (!change && !first) ||
		    !read_varint(&at, end, &step))
			return false;
		first = false;
		/* Unsigned: the sum of broken changes may go around. */
		value = (int32_t)((uint32_t)value + (change & 1 ? ~(change >> 1) : change >> 1));
		reached += (uint64_t)step * table->quantum;
		if (pc < reached) {
			*ret = value;
			if (ret_start)
				*ret_start = start;
			return true;
		}
		/* Every step advances, but for a first one of zero. */
		if (!step && reached != function->entry)
			return false;
	}
}

int32_t grf_pclntab_pcdata(const struct grf_pclntab *table, const struct grf_function *function,
			   uint32_t index, uint64_t pc)
{
	int32_t value;

	if (index >= function->npcdata ||
	    !grf_pclntab_value(table, function, grf_load_u32(function->tables + index * 4ul), pc,
			       &value, NULL))
		return -1;
	return value;
}

uint64_t grf_pclntab_funcdata(const struct grf_pclntab *table, const struct grf_function *function,
			      uint32_t index)
{
	const struct module_table *module = table_of(table, function->entry);
	const uint8_t *at = function->tables + function->npcdata * 4ul;
	uint32_t offset;

	if (!module || index >= function->nfuncdata)
		return 0;
	if (module->format->wide_funcdata) {
		/* In the image, tables begin at a multiple of 8. */
		uint64_t place =
		    module->module->pclntable.data + (uint64_t)(at - module->functions);

		if (place & 7)
			at += 4;
		return grf_load_u64(at + index * 8ul);
	}
	offset = grf_load_u32(at + index * 4ul);
	return offset == UINT32_MAX ? 0 : module->module->gofunc + offset;
}

/* funcfile and funcline1 in runtime/symtab.go: pcfile counts files within the compilation unit,
 * cutab has where their names are. */
const char *grf_pclntab_source(const struct grf_pclntab *table, const struct grf_function *function,
			       uint64_t pc, int32_t *ret_line)
{
	const struct module_table *module = table_of(table, function->entry);
	uint64_t unit, offset, size;
	int32_t file;

	if (!module || !module->units || !module->files ||
	    !grf_pclntab_value(table, function, function->pcfile, pc, &file, NULL) || file < 0 ||
	    !grf_pclntab_value(table, function, function->pcln, pc, ret_line, NULL))
		return NULL;
	unit = (uint64_t)function->cu_offset + (uint32_t)file;
	if (unit >= module->module->cutab.length)
		return NULL;
	offset = grf_load_u32(module->units + unit * 4);
	size = module->module->filetab.length;
	if (offset >= size || !memchr(module->files + offset, '\0', size - offset))
		return NULL;
	return (const char *)module->files + offset;
}

const char *grf_pclntab_inlined_name(const struct grf_pclntab *table,
				     const struct grf_function *function, uint64_t pc)
{
	const struct module_table *module = table_of(table, function->entry);
	uint64_t tree = grf_pclntab_funcdata(table, function, FUNCDATA_INLINE_TREE);
	int32_t index = grf_pclntab_pcdata(table, function, PCDATA_INLINE_INDEX, pc);
	uint32_t name;
	const char *text;

	if (!module || !tree || index < 0)
		return function->name;
	/* {parent int16, funcID uint8, pad, file, line, nameOff, parentPc} before 1.20;
	 * {funcID uint8, pad[3], nameOff, parentPc, startLine} since. */
	if (!grf_image_u32(table->image,
			   tree + (uint64_t)index * module->format->inline_size +
			       (module->format->inline_parents ? 12 : 4),
			   &name))
		return function->name;
	text = name_at(module, name);
	return text ? text : function->name;
}
