/* SPDX-License-Identifier: BSD-2-Clause */
/* The function table, as each format of it has been laid out, and broken ones. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "go_code.h"

static const char *const releases[] = {"go1.17.13", "go1.19.13", "go1.26.8"};
#define RELEASES 3

static struct go_code code;
static uint64_t first, second, third;

/* Three functions of 0x20, 0x40 and 0x10 bytes. */
static void begin(const char *release)
{
	go_code_begin(&code, release);
	first = go_code_add(&code, &(struct go_function){.name = "main.first", .size = 0x20});
	second = go_code_add(&code, &(struct go_function){
					.name = "main.(*T).second",
					.size = 0x40,
					.args = 24,
					.deferreturn = 0x33,
					.pcsp = GO_CODE_VALUES(&code, 0, 4, 0x108, 0x30, 0, 12),
					.func_id = 7,
					.flag = 2,
				    });
	third = go_code_add(
	    &code, &(struct go_function){.name = "main.third", .size = 0x10, .args = INT32_MIN});
}

static void expect_name(uint64_t pc, const char *name)
{
	struct grf_function function = {0};
	bool found = grf_pclntab_find(code.table, pc, &function);

	assert_int_equal(found, name != NULL);
	if (name)
		assert_string_equal(function.name, name);
}

static void test_find(void **state)
{
	struct grf_function function;

	(void)state;
	for (int i = 0; i < RELEASES; i++) {
		begin(releases[i]);
		go_code_ready(&code);
		expect_name(first - 1, NULL);
		expect_name(first, "main.first");
		expect_name(second - 1, "main.first");
		expect_name(second, "main.(*T).second");
		expect_name(third - 1, "main.(*T).second");
		expect_name(third + 0xf, "main.third");
		expect_name(third + 0x10, NULL);
		assert_true(grf_pclntab_find(code.table, second + 5, &function));
		assert_ptr_equal(function.module, &code.module);
		assert_int_equal(function.entry, second);
		assert_int_equal(function.end, third);
		assert_int_equal(function.args_size, 24);
		assert_int_equal(function.deferreturn, 0x33);
		assert_int_equal(function.func_id, 7);
		assert_int_equal(function.flag, 2);
		assert_true(grf_pclntab_find(code.table, third, &function));
		assert_int_equal(function.args_size, INT32_MIN);
		go_code_end(&code);
	}
}

static void test_by_name(void **state)
{
	struct grf_function function;

	(void)state;
	begin("go1.26.8");
	go_code_add(&code, &(struct go_function){.name = "main.first", .size = 0x10});
	go_code_ready(&code);
	assert_true(grf_pclntab_by_name(code.table, "main.third", &function));
	assert_int_equal(function.entry, third);
	assert_true(grf_pclntab_by_name(code.table, "main.first", &function));
	assert_int_equal(function.entry, first);
	assert_false(grf_pclntab_by_name(code.table, "main.firs", &function));
	go_code_end(&code);
}

/* --- pc-value tables -------------------------------------------------------------------------- */

static bool value_at(uint32_t offset, uint64_t pc, int32_t *ret, uint64_t *ret_start)
{
	struct grf_function function;

	assert_true(grf_pclntab_find(code.table, second, &function));
	return grf_pclntab_value(code.table, &function, offset, pc, ret, ret_start);
}

static void expect_step(uint32_t offset, uint64_t pc, int32_t expected, uint64_t expected_start)
{
	uint64_t start;
	int32_t value;

	assert_true(value_at(offset, pc, &value, &start));
	assert_int_equal(value, expected);
	assert_int_equal(start, expected_start);
}

static void test_values(void **state)
{
	uint32_t offset, more;
	int32_t value;

	(void)state;
	begin("go1.26.8");
	offset = GO_CODE_VALUES(&code, 0, 4, 0x108, 0x10, -1, 1, -0x70000000, 0x1000);
	more = GO_CODE_VALUES(&code, -1, 3, 5, 4); /* begins with a change of none */
	go_code_ready(&code);
	expect_step(offset, second, 0, second);
	expect_step(offset, second + 3, 0, second);
	expect_step(offset, second + 4, 0x108, second + 4);
	expect_step(offset, second + 0x13, 0x108, second + 4);
	expect_step(offset, second + 0x14, -1, second + 0x14);
	expect_step(offset, second + 0x15, -0x70000000, second + 0x15);
	expect_step(offset, second + 0x1014, -0x70000000, second + 0x15);
	assert_false(value_at(offset, second + 0x1015, &value, NULL));
	assert_false(value_at(offset, second - 1, &value, NULL));
	expect_step(more, second + 2, -1, second);
	expect_step(more, second + 3, 5, second + 3);
	assert_false(value_at(0, second, &value, NULL));
	assert_false(value_at((uint32_t)code.module.pctab.length, second, &value, NULL));
	assert_false(value_at(UINT32_MAX, second, &value, NULL));
	go_code_end(&code);
}

/* Code that is counted in words of four bytes. */
static void test_quantum(void **state)
{
	uint32_t offset;

	(void)state;
	begin("go1.26.8");
	go_code_put(&code, GO_CODE_BASE + 6, 4, 1);
	offset = GO_CODE_VALUES(&code, 8, 2, 16, 2);
	go_code_ready(&code);
	expect_step(offset, second + 7, 8, second);
	expect_step(offset, second + 8, 16, second + 8);
	go_code_end(&code);
}

/* The table of `bytes`, which ends where they do, though what is behind it would go on. */
static void expect_broken(const char *bytes, size_t count, bool broken)
{
	uint64_t offset;
	int32_t value;

	begin("go1.26.8");
	offset = code.module.pctab.length;
	memset(go_code_at(&code, GO_CODE_PCTAB + offset), 0x04, 64);
	memcpy(go_code_at(&code, GO_CODE_PCTAB + offset), bytes, count);
	code.module.pctab.length += count;
	go_code_ready(&code);
	assert_int_equal(value_at((uint32_t)offset, second + 0x1f, &value, NULL), !broken);
	go_code_end(&code);
}

#define EXPECT_BROKEN(bytes) expect_broken(bytes, sizeof(bytes) - 1, true)

static void test_broken_values(void **state)
{
	(void)state;
	expect_broken("\x02\x20", 2, false);
	EXPECT_BROKEN("\x02\x1f");                     /* ends */
	EXPECT_BROKEN("\x02");                         /* within a pair */
	EXPECT_BROKEN("\x82\x80");                     /* within a number */
	EXPECT_BROKEN("\x82\x80\x80\x80\x80\x01\x20"); /* more than 32 bits */
	EXPECT_BROKEN("\x02\x01\x00\x30");             /* the end mark */
	EXPECT_BROKEN("\x02\x01\x02\x00\x02\x30");     /* stands still */
	/* Values and pcs that go around. */
	expect_broken("\xfe\xff\xff\xff\x0f\x01\xfe\xff\xff\xff\x0f\x01\x02\x40", 14, false);
	EXPECT_BROKEN("\xff\xff\xff\xff\x0f\x01\xff\xff\xff\xff\x0f\x01\x02");
}

/* --- pcdata, funcdata, inlining --------------------------------------------------------------- */

static void test_pcdata_and_funcdata(void **state)
{
	(void)state;
	for (int i = 0; i < RELEASES; i++) {
		struct grf_function function;

		/* An odd and an even number of words before the funcdata, which 1.17 aligns. */
		for (uint32_t npcdata = 2; npcdata < 4; npcdata++) {
			begin(releases[i]);
			go_code_add(&code, &(struct go_function){
					       .name = "main.f",
					       .size = 0x20,
					       .npcdata = npcdata,
					       .pcdata = {GO_CODE_VALUES(&code, 3, 8, 4, 0x18), 0},
					       .nfuncdata = 3,
					       .funcdata = {GO_CODE_DATA, 0, GO_CODE_DATA + 0x50},
					   });
			go_code_ready(&code);
			assert_true(grf_pclntab_find(code.table, third + 0x10, &function));
			assert_int_equal(grf_pclntab_pcdata(code.table, &function, 0, third + 0x17),
					 3);
			assert_int_equal(grf_pclntab_pcdata(code.table, &function, 0, third + 0x18),
					 4);
			assert_int_equal(grf_pclntab_pcdata(code.table, &function, 1, third + 0x18),
					 -1);
			assert_int_equal(
			    grf_pclntab_pcdata(code.table, &function, npcdata, third + 0x18), -1);
			assert_int_equal(grf_pclntab_funcdata(code.table, &function, 0),
					 GO_CODE_DATA);
			assert_int_equal(grf_pclntab_funcdata(code.table, &function, 1), 0);
			assert_int_equal(grf_pclntab_funcdata(code.table, &function, 2),
					 GO_CODE_DATA + 0x50);
			assert_int_equal(grf_pclntab_funcdata(code.table, &function, 3), 0);
			go_code_end(&code);
		}
	}
}

static void test_inlined_names(void **state)
{
	static const uint64_t name_at[RELEASES] = {12, 12, 4}, size[RELEASES] = {20, 20, 16};

	(void)state;
	for (int i = 0; i < RELEASES; i++) {
		struct grf_function function;
		uint64_t at;

		begin(releases[i]);
		at = go_code_add(
		    &code,
		    &(struct go_function){
			.name = "main.outer",
			.size = 0x20,
			.npcdata = 3,
			.pcdata = {0, 0, GO_CODE_VALUES(&code, -1, 8, 1, 8, 2, 8, 1 << 24, 8)},
			.nfuncdata = 4,
			.funcdata = {0, 0, 0, GO_CODE_DATA},
		    });
		/* "main.third" is 1 + 11 + 17 bytes from the start. */
		go_code_put(&code, GO_CODE_DATA + size[i] + name_at[i], 29, 4);
		go_code_put(&code, GO_CODE_DATA + 2 * size[i] + name_at[i], 5000, 4);
		go_code_ready(&code);
		assert_true(grf_pclntab_find(code.table, at, &function));
		assert_string_equal(grf_pclntab_inlined_name(code.table, &function, at),
				    "main.outer");
		assert_string_equal(grf_pclntab_inlined_name(code.table, &function, at + 8),
				    "main.third");
		assert_string_equal(grf_pclntab_inlined_name(code.table, &function, at + 16),
				    "main.outer");
		assert_string_equal(grf_pclntab_inlined_name(code.table, &function, at + 24),
				    "main.outer");
		go_code_end(&code);
	}
}

static void expect_source(uint64_t pc, const char *expected, int32_t expected_line)
{
	struct grf_function function;
	const char *file;
	int32_t line = 0;

	assert_true(grf_pclntab_find(code.table, pc, &function));
	file = grf_pclntab_source(code.table, &function, pc, &line);
	assert_int_equal(file != NULL, expected != NULL);
	if (!expected)
		return;
	assert_string_equal(file, expected);
	assert_int_equal(line, expected_line);
}

static void test_sources(void **state)
{
	static const char files[] = "src/a.go\0src/b.go\0cut";

	(void)state;
	for (int i = 0; i < RELEASES; i++) {
		uint64_t at;

		begin(releases[i]);
		at = go_code_add(&code, &(struct go_function){
					    .name = "main.located",
					    .size = 0x20,
					    .pcfile = GO_CODE_VALUES(&code, 0, 8, 1, 8, 2, 8, 3, 8),
					    .pcln = GO_CODE_VALUES(&code, 12, 8, 400, 24),
					    .cu_offset = 2,
					});
		/* The second compilation unit has three files; the last name has no end. */
		memcpy(go_code_at(&code, GO_CODE_DATA + 0x100), files, sizeof(files));
		code.module.filetab = (struct grf_slice){GO_CODE_DATA + 0x100, sizeof(files) - 1};
		for (uint32_t k = 0; k < 3; k++)
			go_code_put(&code, GO_CODE_DATA + 8 + k * 4, k * 9, 4);
		code.module.cutab = (struct grf_slice){GO_CODE_DATA, 5};
		go_code_ready(&code);
		expect_source(at, "src/a.go", 12);
		expect_source(at + 8, "src/b.go", 400);
		expect_source(at + 16, NULL, 0);
		expect_source(at + 24, NULL, 0);
		/* Without tables of its own. */
		expect_source(first, NULL, 0);
		go_code_end(&code);
	}
}

static void test_kinds(void **state)
{
	static const struct {
		const char *release;
		uint8_t morestack, sigpanic, wrapper;
	} ids[] = {
	    {"go1.17.13", 13, 19, 22}, {"go1.18.10", 12, 18, 21}, {"go1.21.13", 12, 18, 21},
	    {"go1.22.12", 13, 19, 22}, {"go1.25.5", 13, 20, 23},  {"go1.27.0", 13, 20, 23},
	};
	struct grf_function function = {0};

	(void)state;
	for (size_t i = 0; i < sizeof(ids) / sizeof(*ids); i++) {
		begin(ids[i].release);
		go_code_ready(&code);
		function.func_id = 0;
		assert_int_equal(grf_pclntab_kind(code.table, &function), GRF_FUNC_NORMAL);
		function.func_id = 3;
		assert_int_equal(grf_pclntab_kind(code.table, &function), GRF_FUNC_ASYNC_PREEMPT);
		function.func_id = ids[i].morestack;
		assert_int_equal(grf_pclntab_kind(code.table, &function), GRF_FUNC_MORESTACK);
		function.func_id = ids[i].sigpanic;
		assert_int_equal(grf_pclntab_kind(code.table, &function), GRF_FUNC_SIGPANIC);
		function.func_id = ids[i].wrapper;
		assert_int_equal(grf_pclntab_kind(code.table, &function), GRF_FUNC_WRAPPER);
		function.func_id = 200;
		assert_int_equal(grf_pclntab_kind(code.table, &function), GRF_FUNC_OTHER);
		go_code_end(&code);
	}
}

/* --- text in several pieces, broken tables ---------------------------------------------------- */

static void test_text_sections(void **state)
{
	/* The first function stays, the others stand elsewhere. */
	const uint64_t map[] = {0, 0x20, GO_CODE_TEXT, 0x20, 0x70, GO_CODE_TEXT + 0x1000};

	(void)state;
	begin("go1.26.8");
	memcpy(go_code_at(&code, GO_CODE_DATA), map, sizeof(map));
	code.module.textsectmap = (struct grf_slice){GO_CODE_DATA, 2};
	code.module.maxpc = GO_CODE_TEXT + 0x1050;
	go_code_ready(&code);
	expect_name(first, "main.first");
	expect_name(GO_CODE_TEXT + 0x1000, "main.(*T).second");
	expect_name(GO_CODE_TEXT + 0x104f, "main.third");
	go_code_end(&code);
}

static void test_broken_functions(void **state)
{
	struct grf_function function;
	uint64_t func;

	(void)state;
	/* The last function's _func reaches beyond the table, or is far out. */
	begin("go1.26.8");
	go_code_put_ftab(&code, 2, 0x60, code.module.pclntable.length - 8);
	go_code_ready(&code);
	expect_name(third, NULL);
	expect_name(second, "main.(*T).second");
	assert_false(grf_pclntab_by_name(code.table, "main.third", &function));
	go_code_end(&code);
	begin("go1.17.13");
	go_code_put_ftab(&code, 2, 0x60, UINT64_MAX - 3);
	go_code_ready(&code);
	expect_name(third, NULL);
	go_code_end(&code);

	/* A name that is nowhere, and one that does not end. */
	begin("go1.26.8");
	func = GO_CODE_FUNCS + grf_load_u32(go_code_at(&code, GO_CODE_FTAB + 20));
	GO_CODE_PUT(&code, func, func, name_off, code.module.funcnametab.length, 4);
	go_code_ready(&code);
	expect_name(third, NULL);
	go_code_end(&code);
	begin("go1.26.8");
	code.module.funcnametab.length--;
	go_code_ready(&code);
	expect_name(third, NULL);
	go_code_end(&code);

	/* Not in order. */
	begin("go1.26.8");
	go_code_put_ftab(&code, 2, 0x10, 0);
	go_code_ready(&code);
	assert_false(grf_pclntab_by_name(code.table, "main.(*T).second", &function));
	go_code_end(&code);

	/* More tables than there is room for: none. */
	for (int i = 0; i < 2; i++) {
		begin("go1.26.8");
		func = GO_CODE_FUNCS + grf_load_u32(go_code_at(&code, GO_CODE_FTAB + 20));
		if (i)
			GO_CODE_PUT(&code, func, func, npcdata, 65, 4);
		else
			GO_CODE_PUT(&code, func, func, nfuncdata, 255, 1);
		go_code_ready(&code);
		assert_true(grf_pclntab_find(code.table, third, &function));
		assert_int_equal(function.npcdata + function.nfuncdata, 0);
		go_code_end(&code);
	}
}

static void expect_error(enum grf_error_code expected)
{
	struct grf_error *error = go_code_try(&code);

	assert_non_null(error);
	assert_int_equal(error->code, expected);
	grf_error_free(error);
	go_code_end(&code);
}

static void test_broken_tables(void **state)
{
	(void)state;
	begin("go1.26.8");
	go_code_put(&code, GO_CODE_BASE, 0xfffffff2, 4);
	expect_error(GRF_ERROR_UNSUPPORTED);
	begin("go1.26.8");
	code.module.ftab.length = 0;
	expect_error(GRF_ERROR_BAD_INPUT);
	begin("go1.26.8");
	code.module.ftab.length = UINT64_C(1) << 62;
	expect_error(GRF_ERROR_BAD_INPUT);
	begin("go1.26.8");
	code.module.ftab.length = GO_CODE_BYTES;
	expect_error(GRF_ERROR_BAD_INPUT);
	begin("go1.26.8");
	code.module.pctab.length = UINT64_MAX;
	expect_error(GRF_ERROR_BAD_INPUT);
	begin("go1.26.8");
	code.module.funcnametab.data = GO_CODE_TEXT;
	expect_error(GRF_ERROR_BAD_INPUT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_find),
	    cmocka_unit_test(test_by_name),
	    cmocka_unit_test(test_values),
	    cmocka_unit_test(test_quantum),
	    cmocka_unit_test(test_broken_values),
	    cmocka_unit_test(test_pcdata_and_funcdata),
	    cmocka_unit_test(test_inlined_names),
	    cmocka_unit_test(test_sources),
	    cmocka_unit_test(test_kinds),
	    cmocka_unit_test(test_text_sections),
	    cmocka_unit_test(test_broken_functions),
	    cmocka_unit_test(test_broken_tables),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
