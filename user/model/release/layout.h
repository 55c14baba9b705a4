/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where the Go runtime keeps its fields: one value for each (structure, field), resolved once for a
 * target from its DWARF, and where that lacks one, from the table by version (layout_table.h). No
 * other file compares Go versions to find a layout.
 */
#ifndef GRF_MODEL_RELEASE_LAYOUT_H
#define GRF_MODEL_RELEASE_LAYOUT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "image/executable/executable.h"
#include "model/release/release.h"

/* A parsed Go version string, "go1.26.8 X:nogreenteagc". */
struct grf_version {
	char text[128];
	int minor;                          /* 26 of go1.26.8 */
	int patch;                          /* 8; 0 when absent; GRF_PATCH_UNKNOWN */
	bool newer;                         /* than the releases that the tables are of */
	struct grf_experiments experiments; /* the version's defaults, then its X: list */
};

/* The last patch release of a minor release, and more. */
#define GRF_PATCH_UNKNOWN 9999

/* Every field that is used: the GRF_LAYOUT_FIELD rows of layout_fields.h. enum grf_field has a
 * GRF_FIELD_<structure>_<field> for each, and GRF_FIELD_<structure>__size for the size of the
 * structure. */
enum grf_field {
#define GRF_LAYOUT_FIELD(structure, field, go_structures, go_fields)                               \
	GRF_FIELD_##structure##_##field,
#include "model/release/layout_fields.h"
#undef GRF_LAYOUT_FIELD
	GRF_FIELD_COUNT
};

struct grf_layout {
	struct grf_version version;
	const struct grf_release *release; /* the nearest to the version */
	int64_t offset[GRF_FIELD_COUNT];   /* bytes; -1: this version has no such field */
	bool from_dwarf;                   /* all structures were found there */
};

/* Fills a layout for `version` from the tables (nearest table column of the same minor, else the
 * nearest older one), then overrides each value that `dwarf` (may be NULL) knows. Values are
 * checked for plausibility (0 <= offset < size of structure), and the fields without which nothing
 * can be read are there: GRF_ERROR_UNSUPPORTED else, and for releases before the first table. */
struct grf_error *grf_layout_resolve(const struct grf_version *version, Dwarf *dwarf,
				     struct grf_layout *ret);

/* Takes over what is known of a structure from elsewhere, by its Go names. grf_layout_take_size():
 * false: no such structure is read. */
bool grf_layout_take_size(struct grf_layout *layout, const char *structure, uint64_t size);
void grf_layout_take_field(struct grf_layout *layout, const char *structure, const char *field,
			   uint64_t offset);

/* The error of something that was read by this layout and cannot be so: `wrong` of `of` times.
 * GRF_ERROR_UNSUPPORTED. */
struct grf_error *grf_misread_error(const struct grf_layout *layout, const char *what,
				    uint64_t wrong, uint64_t of);

/* The offset of a field that must exist; asserts nothing: -1 when it does not. */
#define grf_offset(layout, structure, field) ((layout)->offset[GRF_FIELD_##structure##_##field])
#define grf_has(layout, structure, field)    (grf_offset(layout, structure, field) >= 0)

#endif
