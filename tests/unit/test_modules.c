/* SPDX-License-Identifier: BSD-2-Clause */
/* Versions, module data and GC programs, on executables and memory made by hand. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "arch/arch.h"
#include "elf_file.h"
#include "model/code/modules.h"
#include "model/code/version.h"
#include "model/heap/gc_program.h"

#define BASE   UINT64_C(0x500000)
#define LENGTH 0x10000
#define MODULE (BASE + 0x1000)
#define SECOND (BASE + 0x2000)
#define HEADER (BASE + 0x3000)
#define MASKS  (BASE + 0x4000)
#define TEXT   (BASE + 0x100000)
#define DATA   (BASE + 0x8000)

struct fixture {
	uint8_t memory[LENGTH];
	struct grf_layout layout;
	struct elf_file file;
	struct grf_executable *executable;
	struct grf_image *image;
	struct grf_modules *modules;
};

static struct fixture fixture;

static void put(uint64_t address, uint64_t value, size_t bytes)
{
	assert_true(address >= BASE && address + bytes <= BASE + LENGTH);
	memcpy(fixture.memory + (address - BASE), &value, bytes);
}

#define PUT(module, field, value)                                                                  \
	put((module) + (uint64_t)grf_offset(&fixture.layout, moduledata, field), value, 8)
#define PUT_MASK(module, field, words, address)                                                    \
	do {                                                                                       \
		PUT(module, field, words);                                                         \
		put((module) + (uint64_t)grf_offset(&fixture.layout, moduledata, field) + 8,       \
		    address, 8);                                                                   \
	} while (0)

/* A module with 40 words of data, 24 of bss, and masks as the runtime makes them. */
static void put_module(uint64_t module, uint64_t text)
{
	PUT(module, pc_header, HEADER);
	put(module + (uint64_t)grf_offset(&fixture.layout, moduledata, ftab) + 8, 3, 8);
	PUT(module, text, text);
	PUT(module, minpc, text);
	PUT(module, maxpc, text + 0x800);
	PUT(module, etext, text + 0x1000);
	PUT(module, data, DATA);
	PUT(module, edata, DATA + 320);
	PUT(module, bss, DATA + 0x1000);
	PUT(module, ebss, DATA + 0x1000 + 192);
	PUT(module, types, text + 0x2000);
	PUT(module, etypes, text + 0x3000);
	PUT_MASK(module, gcdatamask, 40, MASKS);
	PUT_MASK(module, gcbssmask, 24, MASKS + 8);
}

static void begin(const char *text)
{
	struct grf_version version;

	memset(&fixture, 0, sizeof(fixture));
	assert_true(grf_version_parse(text, &version));
	assert_null(grf_layout_resolve(&version, NULL, &fixture.layout));
	put(HEADER, 0xfffffff1, 4);
	put(HEADER + 7, 8, 1);
	put(HEADER + 8, 2, 8);
	put(MASKS, UINT64_C(0x8123456789), 8);
	put(MASKS + 8, 0xabcdef, 3);
	put_module(MODULE, TEXT);
}

/* Opens the executable and the image. */
static void ready(void)
{
	const struct grf_segment segment = {BASE, BASE + LENGTH, GRF_SEGMENT_READ, fixture.memory};

	if (!fixture.file.count)
		elf_file_add(&fixture.file, ".go.module", MODULE, "data", 4);
	elf_file_write(&fixture.file);
	assert_null(grf_executable_open(fixture.file.path, &fixture.executable));
	elf_file_remove(&fixture.file);
	assert_null(grf_image_from_segments(&grf_arch_amd64, &segment, 1, &fixture.image));
}

static void end(void)
{
	grf_modules_destroy(fixture.modules);
	grf_image_destroy(fixture.image);
	grf_executable_destroy(fixture.executable);
}

static void read_modules(void)
{
	ready();
	assert_null(
	    grf_modules_read(fixture.image, fixture.executable, &fixture.layout, &fixture.modules));
}

static void expect_error(enum grf_error_code code)
{
	struct grf_error *error;

	ready();
	error =
	    grf_modules_read(fixture.image, fixture.executable, &fixture.layout, &fixture.modules);
	assert_non_null(error);
	assert_int_equal(error->code, code);
	grf_error_free(error);
	end();
}

/* --- modules ---------------------------------------------------------------------------------- */

static void test_section_is_the_module(void **state)
{
	const struct grf_module *module;

	(void)state;
	begin("go1.26.8");
	read_modules();
	assert_int_equal(fixture.modules->count, 1);
	module = &fixture.modules->items[0];
	assert_int_equal(module->address, MODULE);
	assert_int_equal(module->ftab.length, 3);
	assert_int_equal(module->etypes, TEXT + 0x3000);
	assert_ptr_equal(module->data_mask, fixture.memory + (MASKS - BASE));
	assert_int_equal(module->data_mask_bits, 40);
	assert_ptr_equal(module->bss_mask, fixture.memory + (MASKS + 8 - BASE));
	assert_int_equal(module->bss_mask_bits, 24);
	assert_ptr_equal(grf_modules_by_pc(fixture.modules, TEXT), module);
	assert_ptr_equal(grf_modules_by_pc(fixture.modules, TEXT + 0x7ff), module);
	assert_null(grf_modules_by_pc(fixture.modules, TEXT + 0x800));
	assert_null(grf_modules_by_pc(fixture.modules, TEXT - 1));
	assert_ptr_equal(grf_modules_by_type(fixture.modules, TEXT + 0x2000), module);
	assert_null(grf_modules_by_type(fixture.modules, TEXT + 0x3000));
	end();
}

static void test_symbol(void **state)
{
	static const char names[] = "\0runtime.firstmoduledata";
	static const Elf64_Sym symbols[] = {
	    {0},
	    {.st_name = 1,
	     .st_info = ELF64_ST_INFO(STB_GLOBAL, STT_OBJECT),
	     .st_shndx = 1,
	     .st_value = SECOND,
	     .st_size = 592},
	};

	(void)state;
	begin("go1.26.8");
	put_module(SECOND, TEXT);
	elf_file_add(&fixture.file, ".go.module", MODULE, "data", 4);
	elf_file_add(&fixture.file, ".symtab", 0, symbols, sizeof(symbols));
	fixture.file.sections[1].type = SHT_SYMTAB;
	fixture.file.sections[1].link = 3;
	elf_file_add(&fixture.file, ".strtab", 0, names, sizeof(names));
	fixture.file.sections[2].type = SHT_STRTAB;
	read_modules();
	assert_int_equal(fixture.modules->items[0].address, SECOND);
	end();
}

/* A stripped program before 1.26: the data is scanned for the address of the pcHeader, which is
 * found by its magic number. Sections have what names they like; the words of the file are zero. */
static void test_scan(void **state)
{
	static const uint8_t data[0x2000];
	/* Something like a pcHeader, and the pcHeader. */
	static const uint64_t table[2][8] = {{UINT64_C(0x08010000fffffff1)},
					     {UINT64_C(0x08010000fffffff1)}};
	unsigned int section;

	(void)state;
	begin("go1.22.12");
	put(HEADER + 6, 1, 1);
	put(MODULE - 0x100, HEADER, 8); /* points to it too, but is no module */
	put(MODULE - 0x80, HEADER - 64, 8);
	section = elf_file_add(&fixture.file, ".words", MODULE - 0x800, data, sizeof(data));
	fixture.file.sections[section - 1].flags = SHF_WRITE;
	elf_file_add(&fixture.file, ".tables", HEADER - 64, table, sizeof(table));
	read_modules();
	assert_int_equal(fixture.modules->count, 1);
	assert_int_equal(fixture.modules->items[0].address, MODULE);
	end();
}

static void test_implausible(void **state)
{
	(void)state;
	begin("go1.26.8");
	put(HEADER + 8, 3, 8); /* another number of functions */
	expect_error(GRF_ERROR_NOT_GO);
	begin("go1.26.8");
	PUT(MODULE, maxpc, TEXT + 0x1001);
	expect_error(GRF_ERROR_NOT_GO);
	begin("go1.26.8");
	PUT(MODULE, edata, DATA - 8);
	expect_error(GRF_ERROR_NOT_GO);
	begin("go1.26.8");
	PUT(MODULE, ebss, DATA + (UINT64_C(1) << 40));
	expect_error(GRF_ERROR_NOT_GO);
	begin("go1.26.8");
	PUT(MODULE, pc_header, BASE - 8);
	expect_error(GRF_ERROR_NOT_GO);
}

static void test_masks_that_the_runtime_has_not_made(void **state)
{
	/* 7 literal bits, the last two of them 16 times, 1 literal bit: 40. */
	static const uint8_t program[] = {7, 0x53, 0x82, 16, 1, 1, 0};
	const struct grf_module *module;

	(void)state;
	begin("go1.26.8");
	PUT_MASK(MODULE, gcdatamask, 0, 0);
	PUT(MODULE, gcdata, MASKS + 0x100);
	memcpy(fixture.memory + (MASKS + 0x100 - BASE), program, sizeof(program));
	read_modules();
	module = &fixture.modules->items[0];
	assert_int_equal(module->data_mask_bits, 40);
	assert_non_null(module->own_data_mask);
	assert_ptr_equal(module->data_mask, module->own_data_mask);
	/* bits 5 and 6 of 1010011 are 0 and 1 */
	assert_memory_equal(module->data_mask, "\x53\x55\x55\x55\xd5", 5);
	assert_null(module->own_bss_mask);
	end();

	begin("go1.26.8");
	PUT_MASK(MODULE, gcbssmask, 24, BASE - 8);
	PUT(MODULE, gcbss, MASKS + 0x100);
	put(MASKS + 0x100, 0x82, 1); /* repeats what is not there */
	expect_error(GRF_ERROR_BAD_INPUT);
}

static void test_short_mask(void **state)
{
	(void)state;
	begin("go1.26.8");
	PUT_MASK(MODULE, gcdatamask, 9, MASKS);
	PUT_MASK(MODULE, gcbssmask, 1000, MASKS + 8);
	read_modules();
	assert_int_equal(fixture.modules->items[0].data_mask_bits, 9);
	assert_int_equal(fixture.modules->items[0].bss_mask_bits, 24);
	end();
}

static void test_chain(void **state)
{
	(void)state;
	begin("go1.26.8");
	PUT(MODULE, next, SECOND);
	put_module(SECOND, TEXT + 0x10000);
	read_modules();
	assert_int_equal(fixture.modules->count, 2);
	assert_ptr_equal(grf_modules_by_pc(fixture.modules, TEXT + 0x10000),
			 &fixture.modules->items[1]);
	end();

	/* The runtime marked it bad. */
	begin("go1.26.8");
	PUT(MODULE, next, SECOND);
	put_module(SECOND, TEXT + 0x10000);
	put(SECOND + (uint64_t)grf_offset(&fixture.layout, moduledata, bad), 1, 1);
	read_modules();
	assert_int_equal(fixture.modules->count, 1);
	end();
}

static void test_chain_that_loops(void **state)
{
	(void)state;
	begin("go1.26.8");
	PUT(MODULE, next, SECOND);
	put_module(SECOND, TEXT + 0x10000);
	PUT(SECOND, next, MODULE);
	read_modules();
	assert_int_equal(fixture.modules->count, 2);
	end();

	begin("go1.26.8");
	PUT(MODULE, next, SECOND);
	put_module(SECOND, TEXT + 0x10000);
	put(SECOND + (uint64_t)grf_offset(&fixture.layout, moduledata, bad), 1, 1);
	PUT(SECOND, next, SECOND);
	read_modules();
	assert_int_equal(fixture.modules->count, 1);
	end();

	begin("go1.26.8");
	PUT(MODULE, next, BASE + LENGTH - 16);
	read_modules();
	assert_int_equal(fixture.modules->count, 1);
	end();
}

/* --- GC programs ------------------------------------------------------------------------------ */

static void expect_program(const uint8_t *program, size_t length, uint64_t words,
			   const char *expected)
{
	uint8_t bits[16] = {0};

	assert_true(grf_gc_program_run(program, length, bits, words));
	for (size_t i = 0; i < 128; i++)
		assert_int_equal(bits[i / 8] >> (i % 8) & 1,
				 i < strlen(expected) && expected[i] == '1');
}

static void test_programs(void **state)
{
	static const uint8_t literals[] = {3, 5, 12, 0xff, 0x08, 0};
	static const uint8_t repeats[] = {2, 1, 0x82, 3, 0x81, 2, 0};
	static const uint8_t long_repeats[] = {10, 0x7b, 0x02, 0x80, 10, 2, 0};
	static const uint8_t varints[] = {1, 1, 0x81, 0x80, 0x01, 0};
	static const uint8_t unlimited[] = {1, 1, 0x81, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x0f};

	(void)state;
	expect_program(literals, sizeof(literals), 100, "101111111110001");
	expect_program(repeats, sizeof(repeats), 100, "10101010");
	expect_program(long_repeats, sizeof(long_repeats), 100, "110111100111011110011101111001");
	/* As many as there is room for, and one short of it. */
	expect_program(long_repeats, sizeof(long_repeats), 30, "110111100111011110011101111001");
	expect_program(long_repeats, sizeof(long_repeats), 29, "11011110011101111001110111100");
	expect_program(varints, sizeof(varints), 12, "111111111111");
	expect_program(unlimited, sizeof(unlimited), 20, "11111111111111111111");
	expect_program((const uint8_t[]){0}, 1, 20, "");
}

static void test_broken_programs(void **state)
{
	static const struct {
		uint8_t program[8];
		size_t length;
	} cases[] = {
	    {{9, 1}, 2},                   /* a literal that ends early */
	    {{1, 1}, 2},                   /* no end */
	    {{1, 1, 0x82, 1, 0}, 5},       /* repeats more than there is */
	    {{1, 1, 0x80, 0, 1, 0}, 6},    /* repeats nothing */
	    {{1, 1, 0x81, 0x80, 0x80}, 5}, /* a number that ends early */
	    {{1, 1, 0x81}, 3},
	};
	uint8_t bits[16];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		memset(bits, 0, sizeof(bits));
		assert_false(grf_gc_program_run(cases[i].program, cases[i].length, bits, 100));
	}
}

/* --- versions --------------------------------------------------------------------------------- */

#define MAGIC "\xff Go buildinf:"

static void expect_version(const char *expected, bool with_image)
{
	struct grf_version version;

	ready();
	assert_null(
	    grf_version_find(fixture.executable, with_image ? fixture.image : NULL, &version));
	assert_string_equal(version.text, expected);
	end();
}

static void expect_no_version(enum grf_error_code code)
{
	struct grf_version version;
	struct grf_error *error;

	ready();
	error = grf_version_find(fixture.executable, fixture.image, &version);
	assert_non_null(error);
	assert_int_equal(error->code, code);
	grf_error_free(error);
	end();
}

static void test_build_info(void **state)
{
	static const char info[48] = MAGIC "\x08\x02\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x08go1.26.8\0";
	static const char control[48] =
	    MAGIC "\x08\x02\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x08go1.\x1b[8m\0";
	static const char longer[41] = MAGIC "\x08\x02\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x09go1.26.8";
	static const char endless[40] =
	    MAGIC "\x08\x02\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x80\x80\x80\x80\x80\x80\x80\x80";

	(void)state;
	begin("go1.26.8");
	elf_file_add(&fixture.file, ".go.buildinfo", BASE, info, sizeof(info));
	expect_version("go1.26.8", false);
	begin("go1.26.8");
	elf_file_add(&fixture.file, ".go.buildinfo", BASE, control, sizeof(control));
	expect_no_version(GRF_ERROR_UNSUPPORTED);
	begin("go1.26.8");
	elf_file_add(&fixture.file, ".go.buildinfo", BASE, longer, sizeof(longer));
	expect_no_version(GRF_ERROR_NOT_GO);
	begin("go1.26.8");
	elf_file_add(&fixture.file, ".go.buildinfo", BASE, endless, sizeof(endless));
	expect_no_version(GRF_ERROR_NOT_GO);
	begin("go1.26.8");
	expect_no_version(GRF_ERROR_NOT_GO);
}

/* Go 1.17: byte 16 points to a string header. */
static void test_build_info_with_pointers(void **state)
{
	struct {
		char magic[16];
		uint64_t version, modules;
		uint64_t data, length;
		char text[16];
	} info = {
	    .magic = MAGIC "\x08",
	    .version = BASE + 32,
	    .data = BASE + 48,
	    .length = 9,
	    .text = "go1.17.13",
	};

	(void)state;
	begin("go1.17.13");
	elf_file_add(&fixture.file, ".go.buildinfo", BASE, &info, sizeof(info));
	expect_version("go1.17.13", false);

	begin("go1.17.13");
	memcpy(fixture.memory, &info, sizeof(info));
	fixture.memory[48 + 8] = '2';
	elf_file_add(&fixture.file, ".go.buildinfo", BASE, &info, sizeof(info));
	expect_version("go1.17.12", true);

	/* The image is elsewhere than the file says. */
	begin("go1.17.13");
	info.version += 0x100;
	info.data += 0x100;
	memcpy(fixture.memory + 0x100, &info, sizeof(info));
	elf_file_add(&fixture.file, ".go.buildinfo", BASE, &info, sizeof(info));
	ready();
	grf_executable_set_bias(fixture.executable, 0x100);
	{
		struct grf_version version;

		assert_null(grf_version_find(fixture.executable, fixture.image, &version));
		assert_string_equal(version.text, "go1.17.13");
	}
	end();
}

/* The modules stand behind the version, with 16 bytes before and behind them. */
static void test_modules_of_a_build(void **state)
{
#define MARK "0123456789abcdef"
	static const char info[] = MAGIC "\x08\x02\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x08go1.26.8"
					 "\x28" MARK "mod\tapp\n" MARK;
	/* Says that there are more than there are. */
	static const char cut[] = MAGIC "\x08\x02\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x08go1.26.8"
					"\x29" MARK "mod\tapp\n";
	char *modules;

	(void)state;
	begin("go1.26.8");
	elf_file_add(&fixture.file, ".go.buildinfo", BASE, info, sizeof(info));
	ready();
	modules = grf_version_modules(fixture.executable, fixture.image);
	assert_string_equal(modules, "mod\tapp\n");
	free(modules);
	end();
	begin("go1.26.8");
	elf_file_add(&fixture.file, ".go.buildinfo", BASE, cut, sizeof(cut) - 1);
	ready();
	assert_null(grf_version_modules(fixture.executable, fixture.image));
	end();
}

/* Up to Go 1.17, pointers lead to the headers of both strings. */
static void test_modules_by_pointer(void **state)
{
	struct {
		char magic[16];
		uint64_t version, modules;
		uint64_t data, length;
		char text[41];
	} info = {
	    .magic = MAGIC "\x08",
	    .version = BASE + 32,
	    .modules = BASE + 32,
	    .data = BASE + 48,
	    .length = 40,
	    .text = MARK "mod\tapp\n" MARK,
	};
	char *modules;

	(void)state;
	begin("go1.17.13");
	memcpy(fixture.memory, &info, sizeof(info));
	elf_file_add(&fixture.file, ".go.buildinfo", BASE, &info, sizeof(info));
	ready();
	modules = grf_version_modules(fixture.executable, fixture.image);
	assert_string_equal(modules, "mod\tapp\n");
	free(modules);
	end();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_section_is_the_module),
	    cmocka_unit_test(test_symbol),
	    cmocka_unit_test(test_scan),
	    cmocka_unit_test(test_implausible),
	    cmocka_unit_test(test_masks_that_the_runtime_has_not_made),
	    cmocka_unit_test(test_short_mask),
	    cmocka_unit_test(test_chain),
	    cmocka_unit_test(test_chain_that_loops),
	    cmocka_unit_test(test_programs),
	    cmocka_unit_test(test_broken_programs),
	    cmocka_unit_test(test_build_info),
	    cmocka_unit_test(test_build_info_with_pointers),
	    cmocka_unit_test(test_modules_of_a_build),
	    cmocka_unit_test(test_modules_by_pointer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
