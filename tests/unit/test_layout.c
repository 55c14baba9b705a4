/* SPDX-License-Identifier: BSD-2-Clause */
/* Go versions, and where the runtime's fields are: from tables and from DWARF made by hand. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include <dwarf.h>

#include "elf_file.h"
#include "model/code/version.h"
#include "model/release/layout.h"
#include "model/release/layout_table.h"

/* The release after the newest that is known. */
#define AFTER_ALL 0

static void test_versions(void **state)
{
	static const struct {
		const char *text;
		int minor, patch;
		struct grf_experiments experiments;
	} cases[] = {
	    {"go1.17.13", 17, 13, {false, false, false}},
	    {"go1.22.0", 22, 0, {true, false, false}},
	    {"go1.22.12 X:noallocheaders", 22, 12, {false, false, false}},
	    {"go1.23.4 X:noallocheaders", 23, 4, {true, false, false}},
	    {"go1.24", 24, 0, {true, true, false}},
	    {"go1.24.9 X:noswissmap,arenas", 24, 9, {true, false, false}},
	    {"go1.25.12 X:greenteagc", 25, 12, {true, true, true}},
	    {"go1.26.8", 26, 8, {true, true, true}},
	    {"go1.26.10-X:nogreenteagc,foo", 26, 10, {true, true, false}},
	    {"go1.26.10-X:noswissmap", 26, 10, {true, true, true}},
	    {"go1.27rc1", 27, 0, {true, true, true}},
	    {"go1.22.3 (Red Hat 1.22.3-1.el9)", 22, 3, {true, false, false}},
	    {"devel go1.998-0123abcd Mon Jan 2 X:arenas", 998, 0, {true, true, true}},
	    {"go2.1", AFTER_ALL, 0, {true, true, true}},
	    /* What a vendor writes is no list of experiments. */
	    {"go1.26.8 (custom X:nogreenteagc build)", 26, 8, {true, true, true}},
	    {"go1.26.8 X:nogreenteagc (custom)", 26, 8, {true, true, true}},
	    {"go1.26.8 (custom X:foo) X:nogreenteagc", 26, 8, {true, true, false}},
	    {"go1.24.9	X: 1 X:noswissmap", 24, 9, {true, false, false}},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		int newest = grf_release_newest()->minor;
		int minor = cases[i].minor == AFTER_ALL ? newest + 1 : cases[i].minor;
		struct grf_version version;

		assert_true(grf_version_parse(cases[i].text, &version));
		assert_int_equal(strlen(version.text), strlen(cases[i].text));
		assert_int_equal(version.newer, minor > newest);
		assert_int_equal(version.minor, minor);
		assert_int_equal(version.patch, cases[i].patch);
		assert_int_equal(version.experiments.alloc_headers,
				 cases[i].experiments.alloc_headers);
		assert_int_equal(version.experiments.swiss_map, cases[i].experiments.swiss_map);
		assert_int_equal(version.experiments.green_tea, cases[i].experiments.green_tea);
	}
}

/* A row for each release of the layout's table, in order, and with all facts. */
static void test_releases(void **state)
{
	size_t count, columns = sizeof(grf_layout_releases) / sizeof(*grf_layout_releases);
	const struct grf_release *releases = grf_releases(&count);

	(void)state;
	assert_int_equal(releases[0].minor, grf_layout_releases[0].minor);
	assert_int_equal(grf_release_newest()->minor, grf_layout_releases[columns - 1].minor);
	for (size_t i = 0; i < count; i++) {
		assert_int_equal(releases[i].minor, grf_layout_releases[i].minor);
		assert_true(!i || releases[i].minor > releases[i - 1].minor);
		assert_true(releases[i].function && releases[i].pclntab && releases[i].func_ids);
		assert_true(releases[i].descriptor && releases[i].specials);
		assert_ptr_equal(grf_release_of(releases[i].minor), &releases[i]);
		assert_ptr_equal(grf_pclntab_format_of(releases[i].pclntab->magic),
				 releases[i].pclntab);
	}
	assert_ptr_equal(grf_release_of(-1), releases);
	assert_ptr_equal(grf_release_of(99), grf_release_newest());
	assert_null(grf_pclntab_format_of(0));
}

/* A program is of the newest release whose function it has: a row that was copied with its function
 * makes all programs of the release before count as the new one's. */
static void test_functions_tell_releases(void **state)
{
	size_t count;
	const struct grf_release *releases = grf_releases(&count);

	(void)state;
	for (size_t i = 0; i < count; i++)
		for (size_t k = 0; k < i; k++)
			assert_string_not_equal(releases[i].function, releases[k].function);
}

static void expect_code(struct grf_error *error, enum grf_error_code code)
{
	assert_non_null(error);
	assert_int_equal(error->code, code);
	grf_error_free(error);
}

static void test_versions_without_a_release(void **state)
{
	static const char *const texts[] = {
	    "",
	    "go1.",
	    "go1.x",
	    "go1.99999999999",
	    "1.26",
	    "devel +0123abcd",
	    "vendor (go1.26)",
	    "unknown",
	};
	struct grf_version version;
	char text[300];

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
		assert_false(grf_version_parse(texts[i], &version));
		assert_int_equal(version.minor, -1);
	}
	/* A long one keeps its beginning and its end, and nothing that a terminal would obey. */
	memset(text, '\x1b', sizeof(text) - 1);
	memcpy(text, "go1.26.8 ", 9);
	memcpy(text + sizeof(text) - 16, " X:nogreenteagc", 16);
	assert_true(grf_version_parse(text, &version));
	assert_int_equal(version.minor, 26);
	assert_false(version.experiments.green_tea);
	assert_null(strchr(version.text, '\x1b'));
	assert_int_equal(strlen(version.text), sizeof(version.text) - 1);
}

static void resolve(const char *text, Dwarf *dwarf, struct grf_layout *ret)
{
	struct grf_version version;

	assert_true(grf_version_parse(text, &version));
	assert_null(grf_layout_resolve(&version, dwarf, ret));
}

static void test_tables(void **state)
{
	static const struct {
		const char *version;
		int mask, elements, nelems_width, special_kind;
	} cases[] = {
	    {"go1.17.13", 480, 104, 8, 10}, {"go1.20.1", 512, 104, 8, 10},
	    {"go1.21.13", 536, 112, 8, 10}, {"go1.22.2", 536, 104, 2, 10},
	    {"go1.23.12", 536, 104, 2, 10}, {"go1.24.9", 536, 104, 2, 16},
	    {"go1.25.0", 536, 104, 2, 16},  {"go1.26.99", 544, 104, 2, 16},
	    {"go1.27rc2", 520, 104, 2, 16}, {"go1.30.1", 520, 104, 2, 16},
	};
	struct grf_layout layout;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		resolve(cases[i].version, NULL, &layout);
		assert_int_equal(grf_offset(&layout, moduledata, gcdatamask), cases[i].mask);
		assert_int_equal(grf_offset(&layout, mspan, elemsize), cases[i].elements);
		assert_int_equal(grf_offset(&layout, mspan, nelems) -
				     grf_offset(&layout, mspan, freeindex),
				 cases[i].nelems_width);
		assert_int_equal(grf_offset(&layout, special, kind), cases[i].special_kind);
	}
	resolve("go1.18.8", NULL, &layout);
	assert_false(grf_has(&layout, mspan, free_index_for_scan));
	assert_int_equal(grf_offset(&layout, mspan, _size), 136);
	resolve("go1.18.9", NULL, &layout);
	assert_int_equal(grf_offset(&layout, mspan, free_index_for_scan), 136);
	assert_int_equal(grf_offset(&layout, mspan, _size), 144);
	resolve("go1.30.1", NULL, &layout);
	assert_true(grf_has(&layout, cleanup_fn, arg));
	assert_false(grf_has(&layout, moduledata, typelinks));
}

static void test_experiments_change_the_layout(void **state)
{
	struct grf_layout layout;

	(void)state;
	resolve("go1.22.12", NULL, &layout);
	assert_int_equal(grf_offset(&layout, heap_arena, spans), 0);
	assert_false(grf_has(&layout, heap_arena, bitmap));
	resolve("go1.22.12 X:noallocheaders", NULL, &layout);
	assert_int_equal(grf_offset(&layout, heap_arena, spans), 1064960);
	assert_int_equal(grf_offset(&layout, heap_arena, bitmap), 0);
	assert_int_equal(grf_offset(&layout, heap_arena, no_more_ptrs), 1048576);
	resolve("go1.24.9", NULL, &layout);
	assert_false(grf_has(&layout, hmap, buckets));
	resolve("go1.24.9 X:noswissmap", NULL, &layout);
	assert_int_equal(grf_offset(&layout, hmap, buckets), 16);
	resolve("go1.25.5 X:greenteagc", NULL, &layout);
	assert_int_equal(grf_offset(&layout, span_inline_mark_bits, marks), 64);
}

static void test_too_old(void **state)
{
	struct grf_version version;
	struct grf_layout layout;

	(void)state;
	assert_true(grf_version_parse("go1.16.15", &version));
	expect_code(grf_layout_resolve(&version, NULL, &layout), GRF_ERROR_UNSUPPORTED);
}

/* --- DWARF ------------------------------------------------------------------------------------ */

/* Abbreviations: what a DIE of each code has. */
enum { UNIT = 1, STRUCTURE, MEMBER, EMBEDDED, FUNCTION, TYPEDEF };
static const uint8_t abbreviations[] = {
    UNIT,
    DW_TAG_compile_unit,
    1,
    DW_AT_name,
    DW_FORM_string,
    0,
    0,
    STRUCTURE,
    DW_TAG_structure_type,
    1,
    DW_AT_name,
    DW_FORM_string,
    DW_AT_byte_size,
    DW_FORM_udata,
    0,
    0,
    MEMBER,
    DW_TAG_member,
    0,
    DW_AT_name,
    DW_FORM_string,
    DW_AT_data_member_location,
    DW_FORM_udata,
    0,
    0,
    /* DW_AT_go_embedded_field 0x2903 */
    EMBEDDED,
    DW_TAG_member,
    0,
    DW_AT_name,
    DW_FORM_string,
    DW_AT_data_member_location,
    DW_FORM_udata,
    DW_AT_type,
    DW_FORM_ref4,
    0x83,
    0x52,
    DW_FORM_flag,
    0,
    0,
    FUNCTION,
    DW_TAG_subprogram,
    1,
    DW_AT_name,
    DW_FORM_string,
    0,
    0,
    TYPEDEF,
    DW_TAG_typedef,
    0,
    DW_AT_name,
    DW_FORM_string,
    DW_AT_type,
    DW_FORM_ref4,
    0,
    0,
    0,
};

struct info {
	uint8_t bytes[4096];
	size_t size;
	size_t unit; /* where the unit at hand begins */
};

static void put_byte(struct info *info, uint8_t byte)
{
	assert_true(info->size < sizeof(info->bytes));
	info->bytes[info->size++] = byte;
}

static void put_u32(struct info *info, size_t at, uint32_t value)
{
	memcpy(info->bytes + at, &value, 4);
}

static void put_number(struct info *info, uint64_t value)
{
	for (; value >= 0x80; value >>= 7)
		put_byte(info, (uint8_t)(value | 0x80));
	put_byte(info, (uint8_t)value);
}

static void put_die(struct info *info, uint8_t code, const char *name)
{
	put_byte(info, code);
	for (const char *at = name;; at++) {
		put_byte(info, (uint8_t)*at);
		if (!*at)
			break;
	}
}

static void begin_unit(struct info *info, const char *name)
{
	info->unit = info->size;
	info->size += 4;
	put_byte(info, 4); /* version */
	put_byte(info, 0);
	info->size += 4; /* abbreviations at 0 */
	put_byte(info, 8);
	put_die(info, UNIT, name);
}

static void end_unit(struct info *info)
{
	put_byte(info, 0);
	put_u32(info, info->unit, (uint32_t)(info->size - info->unit - 4));
}

/* Returns the structure's offset in its unit. */
static uint32_t begin_structure(struct info *info, const char *name, uint64_t size)
{
	uint32_t offset = (uint32_t)(info->size - info->unit);

	put_die(info, STRUCTURE, name);
	put_number(info, size);
	return offset;
}

static void put_member(struct info *info, const char *name, uint64_t offset)
{
	put_die(info, MEMBER, name);
	put_number(info, offset);
}

static void put_embedded(struct info *info, const char *name, uint64_t offset, uint32_t type)
{
	put_die(info, EMBEDDED, name);
	put_number(info, offset);
	put_u32(info, info->size, type);
	info->size += 4;
	put_byte(info, 1);
}

static void end_children(struct info *info)
{
	put_byte(info, 0);
}

static struct info info;

static void put_unwanted(struct info *info)
{
	begin_unit(info, "main");
	begin_structure(info, "runtime.special", 100);
	put_member(info, "kind", 77);
	end_children(info);
	end_unit(info);
}

/* A function whose local type must not be taken, and an array that is none of the structures. */
static void put_function(struct info *info)
{
	put_die(info, FUNCTION, "runtime.f");
	begin_structure(info, "runtime.special", 96);
	put_member(info, "kind", 66);
	end_children(info);
	end_children(info);
}

static void resolve_with_info(const char *text, struct grf_layout *ret, enum grf_error_code code)
{
	struct elf_file file = {.count = 0};
	struct grf_executable *executable;
	struct grf_version version;
	struct grf_error *error;

	elf_file_add(&file, ".debug_info", 0, info.bytes, info.size);
	elf_file_add(&file, ".debug_abbrev", 0, abbreviations, sizeof(abbreviations));
	elf_file_add(&file, ".data", 0x1000, "data", 4);
	elf_file_write(&file);
	assert_null(grf_executable_open(file.path, &executable));
	elf_file_remove(&file);
	assert_non_null(grf_executable_dwarf(executable));
	assert_true(grf_version_parse(text, &version));
	error = grf_layout_resolve(&version, grf_executable_dwarf(executable), ret);
	if (code)
		expect_code(error, code);
	else
		assert_null(error);
	grf_executable_destroy(executable);
}

static void test_dwarf_goes_before_the_table(void **state)
{
	struct grf_layout layout;

	(void)state;
	memset(&info, 0, sizeof(info));
	put_unwanted(&info);
	begin_unit(&info, "runtime");
	put_function(&info);
	begin_structure(&info, "runtime.special", 40);
	put_member(&info, "next", 8);
	put_member(&info, "offset", 16);
	put_member(&info, "kind", 32);
	end_children(&info);
	/* A second one is not looked at. */
	begin_structure(&info, "runtime.special", 48);
	put_member(&info, "next", 0);
	end_children(&info);
	begin_structure(&info, "runtime.g", 500);
	put_member(&info, "goid", 496);
	put_member(&info, "_panic", 500); /* not in the structure */
	end_children(&info);
	end_unit(&info);
	resolve_with_info("go1.26.8", &layout, 0);
	assert_int_equal(grf_offset(&layout, special, _size), 40);
	assert_int_equal(grf_offset(&layout, special, next), 8);
	assert_int_equal(grf_offset(&layout, special, offset), 16);
	assert_int_equal(grf_offset(&layout, special, kind), 32);
	assert_int_equal(grf_offset(&layout, g, goid), 496);
	assert_int_equal(grf_offset(&layout, g, panic), -1);
	/* This release's runtime.g has no more fields. */
	assert_int_equal(grf_offset(&layout, g, m), -1);
	/* What DWARF lacks comes from the table. */
	assert_int_equal(grf_offset(&layout, mspan, nelems), 50);
}

static void test_other_names_and_embedded_fields(void **state)
{
	struct grf_layout layout;
	uint32_t header, bitmap, alias;

	(void)state;
	memset(&info, 0, sizeof(info));
	begin_unit(&info, "runtime");
	header = begin_structure(&info, "runtime.lfnode", 16);
	put_member(&info, "n", 3);
	end_children(&info);
	bitmap = begin_structure(&info, "runtime.cleanupBlockHeader", 40);
	put_member(&info, "alllink", 16);
	put_embedded(&info, "lfnode", 24, header);
	end_children(&info);
	alias = (uint32_t)(info.size - info.unit);
	put_die(&info, TYPEDEF, "runtime.cleanupBlockHeader");
	put_u32(&info, info.size, bitmap);
	info.size += 4;
	begin_structure(&info, "runtime.cleanupBlock", 512);
	put_embedded(&info, "cleanupBlockHeader", 100, alias);
	put_member(&info, "cleanups", 140);
	end_children(&info);
	begin_structure(&info, "runtime.finBlock", 4000);
	put_member(&info, "alllink", 8);
	put_member(&info, "cnt", 24);
	put_member(&info, "fin", 32);
	end_children(&info);
	end_unit(&info);
	resolve_with_info("go1.27.0", &layout, 0);
	assert_int_equal(grf_offset(&layout, cleanup_block, alllink), 116);
	assert_int_equal(grf_offset(&layout, cleanup_block, n), 127);
	assert_int_equal(grf_offset(&layout, cleanup_block, cleanups), 140);
	assert_int_equal(grf_offset(&layout, finblock, cnt), 24);
}

static void test_structures_that_embed_themselves(void **state)
{
	struct grf_layout layout;

	(void)state;
	memset(&info, 0, sizeof(info));
	begin_unit(&info, "runtime");
	put_embedded(&info, "x", 0, begin_structure(&info, "runtime.hchan", 96));
	end_children(&info);
	end_unit(&info);
	resolve_with_info("go1.27.0", &layout, 0);
	assert_int_equal(grf_offset(&layout, hchan, buf), -1);
}

static void test_required_fields(void **state)
{
	struct grf_layout layout;

	(void)state;
	memset(&info, 0, sizeof(info));
	begin_unit(&info, "runtime");
	begin_structure(&info, "runtime.mheap", 100);
	put_member(&info, "arenas", 8);
	put_member(&info, "sweepgen", 16);
	end_children(&info);
	end_unit(&info);
	resolve_with_info("go1.27.0", &layout, GRF_ERROR_UNSUPPORTED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_versions),
	    cmocka_unit_test(test_releases),
	    cmocka_unit_test(test_functions_tell_releases),
	    cmocka_unit_test(test_versions_without_a_release),
	    cmocka_unit_test(test_tables),
	    cmocka_unit_test(test_experiments_change_the_layout),
	    cmocka_unit_test(test_too_old),
	    cmocka_unit_test(test_dwarf_goes_before_the_table),
	    cmocka_unit_test(test_other_names_and_embedded_fields),
	    cmocka_unit_test(test_structures_that_embed_themselves),
	    cmocka_unit_test(test_required_fields),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
