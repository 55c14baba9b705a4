/* SPDX-License-Identifier: BSD-2-Clause */
#include "model/layout.h"

#include <dwarf.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "model/layout_table.h"

/* No structure of the runtime is larger; heapArena is 2.2 MB. */
#define MAX_STRUCTURE (16 << 20)

static const struct {
	const char *structures; /* Go names, parted by '|' */
	const char *fields;     /* likewise; empty: the size of the structure */
} names[GRF_FIELD_COUNT] = {
#define GRF_LAYOUT_FIELD(structure, field, go_structures, go_fields) {go_structures, go_fields},
#include "model/layout_fields.h"
#undef GRF_LAYOUT_FIELD
};

_Static_assert(sizeof(grf_layout_table) / sizeof(*grf_layout_table) == GRF_FIELD_COUNT,
	       "layout_table.h and layout_fields.h have the same rows");

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

static bool member_offset(Dwarf_Die *structure, const char *fields, int64_t *ret)
{
	Dwarf_Die child;

	if (dwarf_child(structure, &child) != 0)
		return false;
	do {
		const char *name = dwarf_diename(&child);
		Dwarf_Attribute attribute;
		Dwarf_Word offset;

		if (dwarf_tag(&child) != DW_TAG_member || !name || !is_one_of(name, fields) ||
		    dwarf_formudata(dwarf_attr(&child, DW_AT_data_member_location, &attribute),
				    &offset) != 0)
			continue;
		*ret = (int64_t)offset;
		return true;
	} while (dwarf_siblingof(&child, &child) == 0);
	return false;
}

/* Takes all fields of one structure from its DIE. Fields that it lacks do not exist here. */
static void take_structure(struct grf_layout *layout, const char *name, Dwarf_Die *die)
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
		else if (member_offset(die, names[i].fields, &offset) &&
			 (offset < 0 || offset >= size))
			offset = -1;
		if (offset != layout->offset[i])
			grf_debug("layout: %s %s is at %lld, not at %lld as in the table", name,
				  names[i].fields, (long long)offset, (long long)layout->offset[i]);
		layout->offset[i] = offset;
	}
}

static bool is_wanted(const char *name)
{
	for (unsigned int i = 0; i < GRF_FIELD_COUNT; i++)
		if (is_one_of(name, names[i].structures))
			return true;
	return false;
}

/* Only the units of these packages define the structures. */
static bool is_runtime_unit(const char *name)
{
	return name && (!strcmp(name, "runtime") || !strcmp(name, "internal/abi") ||
			!strcmp(name, "internal/runtime/maps"));
}

static void take_dwarf(struct grf_layout *layout, Dwarf *dwarf)
{
	Dwarf_CU *unit = NULL;
	Dwarf_Die unit_die, die;

	while (dwarf_get_units(dwarf, unit, &unit, NULL, NULL, &unit_die, NULL) == 0) {
		if (!is_runtime_unit(dwarf_diename(&unit_die)) || dwarf_child(&unit_die, &die) != 0)
			continue;
		do {
			const char *name;

			if (dwarf_tag(&die) != DW_TAG_structure_type)
				continue;
			name = dwarf_diename(&die);
			if (name && is_wanted(name))
				take_structure(layout, name, &die);
		} while (dwarf_siblingof(&die, &die) == 0);
	}
}

struct grf_error *grf_layout_resolve(const struct grf_version *version, Dwarf *dwarf,
				     struct grf_layout *ret)
{
	unsigned int column = column_for(version);

	if (version->minor < grf_layout_releases[0].minor)
		return grf_error_create(GRF_ERROR_UNSUPPORTED,
					"%s is too old: grf-bpf reads Go 1.%d and later",
					version->text, grf_layout_releases[0].minor);
	ret->version = *version;
	for (unsigned int i = 0; i < GRF_FIELD_COUNT; i++)
		ret->offset[i] = grf_layout_table[i][column];
	if (dwarf)
		take_dwarf(ret, dwarf);
	return NULL;
}
