/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A layout is put together in three steps, each better informed than the one before: the table's
 * column for the release; what a GOEXPERIMENT of the build makes different from that; what the
 * target's own DWARF says. Go's linker puts all types of a program, the runtime's own among them,
 * into the compilation unit of package runtime (cmd/link/internal/ld/dwarf.go), so only a few units
 * are looked into, and none once every structure was seen.
 */
#include "model/release/layout.h"

#include <dwarf.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "model/release/layout_table.h"

/* No structure of the runtime is larger; heapArena is 2.2 MB. */
#define MAX_STRUCTURE (16 << 20)

/* Embedded structures deeper than this are none. */
#define MAX_EMBEDDING 4

/* The wanted structures have about 600 members; with what they embed, all look-ups together see
 * some 50,000. */
#define MAX_MEMBERS (1u << 22)

/* DW_AT_go_embedded_field (cmd/internal/dwarf/dwarf_defs.go). */
#define AT_GO_EMBEDDED_FIELD 0x2903

static const struct {
	const char *structure;
	const char *structures; /* Go names, parted by '|' */
	const char *fields;     /* likewise; empty: the size of the structure */
} names[GRF_FIELD_COUNT] = {
#define GRF_LAYOUT_FIELD(structure, field, go_structures, go_fields)                               \
	{#structure, go_structures, go_fields},
#include "model/release/layout_fields.h"
#undef GRF_LAYOUT_FIELD
};

_Static_assert(sizeof(grf_layout_table) / sizeof(*grf_layout_table) == GRF_FIELD_COUNT,
	       "layout_table.h and layout_fields.h have the same rows");

_Static_assert(GRF_LAYOUT_RELEASES == GRF_RELEASES,
	       "layout_table.h has a column for each row of release.c");

/* Without these there is no reading a program. */
static const struct {
	enum grf_field field;
	const char *name;
} required[] = {
#define REQUIRED(structure, field)                                                                 \
	{                                                                                          \
		GRF_FIELD_##structure##_##field, #structure "." #field                             \
	}
    REQUIRED(bitvector, n),           REQUIRED(bitvector, bytedata),   REQUIRED(finalizer, _size),
    REQUIRED(finalizer, arg),         REQUIRED(finalizer, fn),         REQUIRED(finblock, _size),
    REQUIRED(finblock, alllink),      REQUIRED(finblock, cnt),         REQUIRED(finblock, fin),
    REQUIRED(heap_arena, spans),      REQUIRED(mheap, allspans),       REQUIRED(mheap, arenas),
    REQUIRED(mheap, sweepgen),        REQUIRED(moduledata, _size),     REQUIRED(moduledata, bss),
    REQUIRED(moduledata, data),       REQUIRED(moduledata, ebss),      REQUIRED(moduledata, edata),
    REQUIRED(moduledata, etext),      REQUIRED(moduledata, etypes),    REQUIRED(moduledata, ftab),
    REQUIRED(moduledata, gcbss),      REQUIRED(moduledata, gcbssmask), REQUIRED(moduledata, gcdata),
    REQUIRED(moduledata, gcdatamask), REQUIRED(moduledata, maxpc),     REQUIRED(moduledata, minpc),
    REQUIRED(moduledata, next),       REQUIRED(moduledata, pc_header), REQUIRED(moduledata, text),
    REQUIRED(moduledata, types),      REQUIRED(mspan, _size),          REQUIRED(mspan, alloc_bits),
    REQUIRED(mspan, elemsize),        REQUIRED(mspan, freeindex),      REQUIRED(mspan, gcmark_bits),
    REQUIRED(mspan, nelems),          REQUIRED(mspan, npages),         REQUIRED(mspan, spanclass),
    REQUIRED(mspan, specials),        REQUIRED(mspan, start_addr),     REQUIRED(mspan, state),
    REQUIRED(mspan, sweepgen),        REQUIRED(mspan, limit),          REQUIRED(pc_header, nfunc),
    REQUIRED(special, kind),          REQUIRED(special, next),         REQUIRED(special, offset),
#undef REQUIRED
};

/* What came with a patch release, where the table has a later one. */
static const struct {
	enum grf_field field;
	int minor, patch;
	int32_t before; /* offset, until then */
} patches[] = {
    {GRF_FIELD_mspan_free_index_for_scan, 18, 9, -1},
    {GRF_FIELD_mspan_free_index_for_scan, 19, 4, -1},
    {GRF_FIELD_mspan__size, 18, 9, 136},
    {GRF_FIELD_mspan__size, 19, 4, 136},
};

/* The column of the release nearest to `version`: of the same minor the newest that is not newer,
 * else the oldest; of no such minor, the newest before it, else the first. */
static unsigned int column_for(const struct grf_version *version)
{
	unsigned int best = 0;
	bool same = false;

	for (unsigned int i = 0; i < GRF_LAYOUT_RELEASES; i++) {
		int minor = grf_layout_releases[i].minor;

		if (minor > version->minor)
			break;
		if (minor == version->minor && same &&
		    grf_layout_releases[i].patch > version->patch)
			break;
		same = minor == version->minor;
		best = i;
	}
	if (!same)
		grf_verbose("no layout table for %s; starting from go1.%d", version->text,
			    grf_layout_releases[best].minor);
	return best;
}

/* Whether `name` is one of the '|'-parted `alternatives`. */
static bool is_one_of(const char *name, const char *alternatives)
{
	size_t length = strlen(name);

	for (const char *at = alternatives; *at;) {
		size_t part = strcspn(at, "|");

		if (part == length && !memcmp(at, name, length))
			return true;
		at += part;
		if (*at == '|')
			at++;
	}
	return false;
}

/* Builds whose structures look like those of another release. */
static void take_experiments(struct grf_layout *layout)
{
	struct grf_version *version = &layout->version;
	size_t count;
	const struct grf_experiment *experiments = grf_experiments(&count);

	for (size_t k = 0; k < count; k++) {
		struct grf_version like = {.minor = experiments[k].like,
					   .patch = GRF_PATCH_UNKNOWN};
		unsigned int column;

		if (version->minor < experiments[k].odd_since ||
		    *grf_experiment_flag(&experiments[k], &version->experiments) !=
			experiments[k].odd)
			continue;
		column = column_for(&like);
		for (unsigned int i = 0; i < GRF_FIELD_COUNT; i++)
			if (!strcmp(names[i].structure, experiments[k].structure))
				layout->offset[i] = grf_layout_table[i][column];
	}
}

static void take_table(struct grf_layout *layout)
{
	const struct grf_version *version = &layout->version;
	unsigned int column = column_for(version);

	for (unsigned int i = 0; i < GRF_FIELD_COUNT; i++)
		layout->offset[i] = grf_layout_table[i][column];
	for (size_t k = 0; k < sizeof(patches) / sizeof(*patches); k++)
		if (patches[k].minor == version->minor && version->patch < patches[k].patch)
			layout->offset[patches[k].field] = patches[k].before;
	take_experiments(layout);
}

/* The structure that an embedded field is, through its typedef. */
static bool embedded_structure(Dwarf_Die *member, Dwarf_Die *ret)
{
	Dwarf_Attribute attribute;
	bool embedded;
	Dwarf_Die type;

	if (!dwarf_attr(member, AT_GO_EMBEDDED_FIELD, &attribute) ||
	    dwarf_formflag(&attribute, &embedded) != 0 || !embedded ||
	    !dwarf_formref_die(dwarf_attr(member, DW_AT_type, &attribute), &type))
		return false;
	if (dwarf_tag(&type) == DW_TAG_typedef &&
	    !dwarf_formref_die(dwarf_attr(&type, DW_AT_type, &attribute), &type))
		return false;
	*ret = type;
	return dwarf_tag(&type) == DW_TAG_structure_type;
}

/* A structure's own field goes before one of the structures that it embeds, as in Go. *left: how
 * many more members may be looked at. */
static bool member_offset(Dwarf_Die *structure, const char *fields, unsigned int depth,
			  unsigned int *left, int64_t *ret)
{
	Dwarf_Die child, embedded;
	bool found = false;

	if (depth > MAX_EMBEDDING || dwarf_child(structure, &child) != 0)
		return false;
	do {
		const char *name = dwarf_diename(&child);
		Dwarf_Attribute attribute;
		Dwarf_Word offset;
		int64_t inner;

		if (dwarf_tag(&child) != DW_TAG_member || !name ||
		    dwarf_formudata(dwarf_attr(&child, DW_AT_data_member_location, &attribute),
				    &offset) != 0 ||
		    offset > MAX_STRUCTURE)
			continue;
		if (is_one_of(name, fields)) {
			*ret = (int64_t)offset;
			return true;
		}
		if (!found && embedded_structure(&child, &embedded) &&
		    member_offset(&embedded, fields, depth + 1, left, &inner)) {
			*ret = (int64_t)offset + inner;
			found = true;
		}
	} while (*left && --*left && dwarf_siblingof(&child, &child) == 0);
	return found;
}

/* Takes all fields of one structure from its DIE. Fields that it lacks do not exist here. */
static void take_structure(struct grf_layout *layout, const char *name, Dwarf_Die *die,
			   unsigned int *members_left)
{
	int size = dwarf_bytesize(die);

	if (size <= 0 || size > MAX_STRUCTURE)
		return;
	for (unsigned int i = 0; i < GRF_FIELD_COUNT; i++) {
		int64_t offset = -1;

		if (!is_one_of(name, names[i].structures))
			continue;
		if (!*names[i].fields)
			offset = size;
		else if (member_offset(die, names[i].fields, 0, members_left, &offset) &&
			 offset >= size)
			offset = -1;
		if (offset != layout->offset[i])
			grf_debug("layout: %s %s is at %lld, not at %lld as in the table", name,
				  names[i].fields, (long long)offset, (long long)layout->offset[i]);
		layout->offset[i] = offset;
	}
}

static void take_value(struct grf_layout *layout, unsigned int row, int64_t value)
{
	if (layout->offset[row] != value)
		grf_verbose("layout: %s %s is %lld, not %lld as in the table",
			    names[row].structures, names[row].fields, (long long)value,
			    (long long)layout->offset[row]);
	layout->offset[row] = value;
}

bool grf_layout_take_size(struct grf_layout *layout, const char *structure, uint64_t size)
{
	bool found = false;

	for (unsigned int i = 0; i < GRF_FIELD_COUNT && size <= MAX_STRUCTURE; i++) {
		if (*names[i].fields || !is_one_of(structure, names[i].structures))
			continue;
		take_value(layout, i, (int64_t)size);
		found = true;
	}
	return found;
}

void grf_layout_take_field(struct grf_layout *layout, const char *structure, const char *field,
			   uint64_t offset)
{
	for (unsigned int i = 0; i < GRF_FIELD_COUNT && offset <= MAX_STRUCTURE; i++)
		if (*names[i].fields && is_one_of(structure, names[i].structures) &&
		    is_one_of(field, names[i].fields))
			take_value(layout, i, (int64_t)offset);
}

/* Which structures were seen, by their `_size` rows. */
struct seen {
	bool rows[GRF_FIELD_COUNT];
	unsigned int left; /* of those that the table has for this release */
	unsigned int members_left;
};

static void start_seen(const struct grf_layout *layout, struct seen *seen)
{
	memset(seen, 0, sizeof(*seen));
	seen->members_left = MAX_MEMBERS;
	for (unsigned int i = 0; i < GRF_FIELD_COUNT; i++)
		if (!*names[i].fields && layout->offset[i] >= 0)
			seen->left++;
}

/* Whether `name` is a structure that is wanted and was not seen before. */
static bool is_new(const struct grf_layout *layout, struct seen *seen, const char *name)
{
	for (unsigned int i = 0; i < GRF_FIELD_COUNT; i++) {
		if (*names[i].fields || seen->rows[i] || !is_one_of(name, names[i].structures))
			continue;
		seen->rows[i] = true;
		seen->left -= layout->offset[i] >= 0;
		return true;
	}
	return false;
}

/* Only the units of these packages define the structures. */
static bool is_runtime_unit(const char *name)
{
	return name && (!strcmp(name, "runtime") || !strcmp(name, "internal/abi") ||
			!strcmp(name, "internal/runtime/maps"));
}

static void take_unit(struct grf_layout *layout, struct seen *seen, Dwarf_Die *unit)
{
	Dwarf_Die die;

	if (dwarf_child(unit, &die) != 0)
		return;
	do {
		const char *name;

		if (dwarf_tag(&die) != DW_TAG_structure_type)
			continue;
		name = dwarf_diename(&die);
		if (name && is_new(layout, seen, name))
			take_structure(layout, name, &die, &seen->members_left);
	} while (seen->left && dwarf_siblingof(&die, &die) == 0);
}

static void take_dwarf(struct grf_layout *layout, Dwarf *dwarf)
{
	Dwarf_CU *unit = NULL;
	Dwarf_Die unit_die;
	struct seen seen;

	start_seen(layout, &seen);
	while (seen.left && dwarf_get_units(dwarf, unit, &unit, NULL, NULL, &unit_die, NULL) == 0)
		if (is_runtime_unit(dwarf_diename(&unit_die)))
			take_unit(layout, &seen, &unit_die);
	layout->from_dwarf = !seen.left;
}

struct grf_error *grf_layout_resolve(const struct grf_version *version, Dwarf *dwarf,
				     struct grf_layout *ret)
{
	if (version->minor < grf_layout_releases[0].minor)
		return grf_error_create(GRF_ERROR_UNSUPPORTED,
					"%s is too old: grf-bpf reads Go 1.%d and later",
					version->text, grf_layout_releases[0].minor);
	ret->version = *version;
	ret->release = grf_release_of(version->minor);
	ret->from_dwarf = false;
	take_table(ret);
	if (dwarf)
		take_dwarf(ret, dwarf);
	for (size_t i = 0; i < sizeof(required) / sizeof(*required); i++)
		if (ret->offset[required[i].field] < 0)
			return grf_error_create(GRF_ERROR_UNSUPPORTED,
						"the runtime of %s has no field like %s",
						version->text, required[i].name);
	return NULL;
}

struct grf_error *grf_misread_error(const struct grf_layout *layout, const char *what,
				    uint64_t wrong, uint64_t of)
{
	return grf_error_create(GRF_ERROR_UNSUPPORTED,
				"this was misread: %s (%llu of %llu); the runtime of \"%s\" is not "
				"as that of go1.%d, or the memory is damaged",
				what, (unsigned long long)wrong, (unsigned long long)of,
				layout->version.text, layout->version.minor);
}
