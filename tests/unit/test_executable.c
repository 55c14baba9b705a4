/* SPDX-License-Identifier: BSD-2-Clause */
/* Executables made by hand: sections plain and compressed, build ids, symbols, broken headers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <zlib.h>
#include <zstd.h>
#include <cmocka.h>

#include "elf_file.h"
#include "image/executable/executable.h"
#include "image/executable/notes.h"
#include "image/image.h"

#define TEXT UINT64_C(0x400000)

static const char text[64] = "the text of it";

/* Writes the file, changes `size` bytes of it at `offset`, opens it. */
static struct grf_error *try_patched(struct elf_file *file, uint64_t offset, const void *data,
				     size_t size, struct grf_executable **ret)
{
	struct grf_error *error;
	FILE *stream;

	elf_file_write(file);
	stream = fopen(file->path, "r+");
	assert_non_null(stream);
	elf_file_put(stream, offset, data, size);
	assert_int_equal(fclose(stream), 0);
	error = grf_executable_open(file->path, ret);
	elf_file_remove(file);
	return error;
}

static struct grf_executable *open_file(struct elf_file *file)
{
	struct grf_executable *executable = NULL;

	assert_null(try_patched(file, 0, "", 0, &executable));
	return executable;
}

static struct elf_file text_only(void)
{
	struct elf_file file = {0};

	elf_file_add(&file, ".text", TEXT, text, sizeof(text));
	return file;
}

static void test_loads_and_sections(void **state)
{
	struct elf_file file = text_only();
	struct grf_executable *executable;
	const struct grf_load *loads;
	struct grf_section section;
	size_t count;

	(void)state;
	elf_file_add(&file, ".comment", 0, "hello", 5);
	elf_file_add(&file, ".bss", TEXT + 0x1000, text, 8);
	file.sections[2].type = SHT_NOBITS;
	executable = open_file(&file);
	loads = grf_executable_loads(executable, &count);
	assert_int_equal(count, 2);
	assert_int_equal(loads[0].address, TEXT);
	assert_int_equal(loads[0].file_size, 64);
	assert_int_equal(loads[0].flags, GRF_SEGMENT_READ);
	assert_memory_equal(loads[0].data, text, 64);
	assert_true(grf_executable_section(executable, ".text", &section));
	assert_int_equal(section.address, TEXT);
	assert_int_equal(section.size, 64);
	assert_memory_equal(section.data, text, 64);
	assert_true(grf_executable_section(executable, ".comment", &section));
	assert_int_equal(section.address, 0);
	assert_memory_equal(section.data, "hello", 5);
	assert_false(grf_executable_section(executable, ".bss", &section));
	assert_false(grf_executable_section(executable, ".tex", &section));

	assert_ptr_equal(grf_executable_at(executable, TEXT + 60, 4), loads[0].data + 60);
	assert_null(grf_executable_at(executable, TEXT + 60, 5));
	assert_null(grf_executable_at(executable, TEXT + 60, UINT64_MAX - 3));
	assert_null(grf_executable_at(executable, TEXT - 1, 1));
	assert_null(grf_executable_at(executable, TEXT + 64, 0));
	assert_null(grf_executable_dwarf(executable));
	grf_executable_destroy(executable);
}

/* --- compressed sections ---------------------------------------------------------------------- */

static char plain[3000];

/* A section of plain[] with a header before it that says `size`. Returns how long it is. */
static size_t pack(uint8_t *to, size_t header, uint64_t size)
{
	uLongf packed = 1000;

	for (size_t i = 0; i < sizeof(plain); i++)
		plain[i] = (char)(i % 100);
	if (header == 12) {
		memcpy(to, "ZLIB", 4);
		for (int i = 0; i < 8; i++)
			to[4 + i] = (uint8_t)(size >> (56 - 8 * i));
	} else {
		const Elf64_Chdr compression = {.ch_type = ELFCOMPRESS_ZLIB, .ch_size = size};

		memcpy(to, &compression, sizeof(compression));
	}
	assert_int_equal(compress(to + header, &packed, (const Bytef *)plain, sizeof(plain)), Z_OK);
	return header + packed;
}

static bool inflates(const uint8_t *packed, size_t size, const char *name)
{
	struct elf_file file = text_only();
	struct grf_executable *executable;
	struct grf_section section, again;
	bool found;

	elf_file_add(&file, name, 0, packed, size);
	if (!strcmp(name, ".debug_info"))
		file.sections[1].flags = SHF_COMPRESSED;
	executable = open_file(&file);
	found = grf_executable_section(executable, ".debug_info", &section);
	if (found) {
		assert_int_equal(section.size, sizeof(plain));
		assert_memory_equal(section.data, plain, sizeof(plain));
		assert_true(grf_executable_section(executable, ".debug_info", &again));
		assert_ptr_equal(again.data, section.data);
	}
	grf_executable_destroy(executable);
	return found;
}

static void test_compressed_sections(void **state)
{
	static const struct {
		const char *name;
		size_t header;
	} forms[] = {{".debug_info", sizeof(Elf64_Chdr)}, {".zdebug_info", 12}};
	uint8_t packed[1100];

	(void)state;
	for (int i = 0; i < 2; i++) {
		size_t header = forms[i].header, size = pack(packed, header, sizeof(plain));

		assert_true(inflates(packed, size, forms[i].name));
		/* Cut in the data, in the check sum, in the header. */
		assert_false(inflates(packed, size - 20, forms[i].name));
		assert_false(inflates(packed, size - 1, forms[i].name));
		assert_false(inflates(packed, header - 1, forms[i].name));
		packed[header + 10] ^= 0x55;
		assert_false(inflates(packed, size, forms[i].name));
		/* Sizes that are not so, or cannot be. */
		assert_false(
		    inflates(packed, pack(packed, header, sizeof(plain) + 1), forms[i].name));
		assert_false(
		    inflates(packed, pack(packed, header, sizeof(plain) - 1), forms[i].name));
		assert_false(inflates(packed, pack(packed, header, 0), forms[i].name));
		assert_false(inflates(packed, pack(packed, header, UINT64_MAX), forms[i].name));
		assert_false(
		    inflates(packed, pack(packed, header, UINT64_C(1) << 33), forms[i].name));
	}
	pack(packed, sizeof(Elf64_Chdr), sizeof(plain));
	packed[0] = 2; /* zstd */
	assert_false(inflates(packed, sizeof(packed), ".debug_info"));
	pack(packed, 12, sizeof(plain));
	packed[3] = 'b';
	assert_false(inflates(packed, sizeof(packed), ".zdebug_info"));
}

/* By zstd, which the libelf of some distributions does not know. */
static void test_zstd(void **state)
{
	const Elf64_Chdr compression = {.ch_type = 2, .ch_size = sizeof(plain)};
	uint8_t packed[1100];
	size_t size;

	(void)state;
	pack(packed, 12, sizeof(plain)); /* fills plain[] */
	memcpy(packed, &compression, sizeof(compression));
	size = ZSTD_compress(packed + sizeof(compression), sizeof(packed) - sizeof(compression),
			     plain, sizeof(plain), 3);
	assert_false(ZSTD_isError(size));
	size += sizeof(compression);
	assert_true(inflates(packed, size, ".debug_info"));
	assert_false(inflates(packed, size - 1, ".debug_info"));
	packed[8]++; /* another size */
	assert_false(inflates(packed, size, ".debug_info"));
}

/* A small file that says, truly, that it is large: what it says is not unpacked. */
static void test_bomb(void **state)
{
	const uLong size = 64 << 20;
	const Elf64_Chdr compression = {.ch_type = ELFCOMPRESS_ZLIB, .ch_size = size};
	uLongf packed_size = compressBound(size);
	uint8_t *zeros = calloc(1, size), *packed = malloc(sizeof(compression) + packed_size);
	struct elf_file file = text_only();
	struct grf_executable *executable;
	struct grf_section section;

	(void)state;
	memcpy(packed, &compression, sizeof(compression));
	assert_int_equal(compress2(packed + sizeof(compression), &packed_size, zeros, size, 1),
			 Z_OK);
	elf_file_add(&file, ".debug_info", 0, packed, sizeof(compression) + packed_size);
	file.sections[1].flags = SHF_COMPRESSED;
	executable = open_file(&file);
	assert_true(grf_executable_has_dwarf(executable));
	assert_false(grf_executable_section(executable, ".debug_info", &section));
	assert_null(grf_executable_dwarf(executable));
	grf_executable_destroy(executable);
	free(packed);
	free(zeros);
}

/* Segments are found wherever their headers stand. */
static void test_order_of_loads(void **state)
{
	struct elf_file file = {0};
	struct grf_executable *executable;
	const struct grf_load *loads;
	size_t count;

	(void)state;
	elf_file_add(&file, ".text", TEXT + 0x1000, text, sizeof(text));
	elf_file_add(&file, ".data", TEXT, "data", 4);
	executable = open_file(&file);
	loads = grf_executable_loads(executable, &count);
	assert_int_equal(count, 2);
	assert_int_equal(loads[0].address, TEXT);
	assert_memory_equal(grf_executable_at(executable, TEXT + 1, 3), "ata", 3);
	assert_memory_equal(grf_executable_at(executable, TEXT + 0x1000, 8), text, 8);
	assert_null(grf_executable_at(executable, TEXT + 4, 1));
	assert_null(grf_executable_at(executable, TEXT + 3, 2));
	grf_executable_destroy(executable);
}

/* The same bytes at many addresses: refused before anything is made of them. */
static void test_overlapping_loads(void **state)
{
	struct elf_file file = {0};
	struct grf_executable *executable = NULL;
	struct grf_error *error;

	(void)state;
	for (int i = 0; i < 6; i++)
		elf_file_add(&file, ".text", TEXT + (uint64_t)i * 0x1000, text, sizeof(text));
	elf_file_write(&file);
	for (int i = 0; i < 6; i++) {
		const uint64_t sizes[] = {2000, 2000}, offset = 0;
		uint64_t at = sizeof(Elf64_Ehdr) + (uint64_t)i * sizeof(Elf64_Phdr);
		FILE *stream = fopen(file.path, "r+");

		assert_non_null(stream);
		elf_file_put(stream, at + offsetof(Elf64_Phdr, p_offset), &offset, 8);
		elf_file_put(stream, at + offsetof(Elf64_Phdr, p_filesz), sizes, 16);
		assert_int_equal(fclose(stream), 0);
	}
	assert_int_equal(truncate(file.path, 2048), 0);
	error = grf_executable_open(file.path, &executable);
	elf_file_remove(&file);
	assert_non_null(error);
	assert_int_equal(error->code, GRF_ERROR_BAD_INPUT);
	assert_non_null(strstr(error->message, "overlap"));
	grf_error_free(error);
}

/* --- build ids, symbols ----------------------------------------------------------------------- */

static void test_build_ids(void **state)
{
	static const char notes[] = "\4\0\0\0\3\0\0\0\3\0\0\0GNU\0\x01\x02\x03\0"
				    "\4\0\0\0\5\0\0\0\4\0\0\0Go\0\0a/b/c\0\0\0"
				    "\3\0\0\0\xff\0\0\0\4\0\0\0Go\0\0";
	struct elf_file file = text_only();
	struct grf_executable *executable = open_file(&file);
	const uint8_t *id;
	size_t size;

	(void)state;
	assert_string_equal(grf_executable_go_build_id(executable), "");
	grf_executable_gnu_build_id(executable, &size);
	assert_int_equal(size, 0);
	grf_executable_destroy(executable);

	elf_file_add(&file, ".note", 0, notes, sizeof(notes) - 1);
	file.sections[1].type = SHT_NOTE;
	executable = open_file(&file);
	assert_string_equal(grf_executable_go_build_id(executable), "a/b/c");
	id = grf_executable_gnu_build_id(executable, &size);
	assert_int_equal(size, 3);
	assert_memory_equal(id, "\1\2\3", 3);
	grf_executable_destroy(executable);
}

static void test_symbols(void **state)
{
	static const char names[] = "\0main.a\0main.b\0mark\0main.f\0elsewhere";
	static const Elf64_Sym symbols[] = {
	    {0},
	    {.st_name = 8, .st_info = STT_OBJECT, .st_shndx = 1, .st_value = 0x2000, .st_size = 64},
	    {.st_name = 1, .st_info = STT_OBJECT, .st_shndx = 1, .st_value = 0x1000, .st_size = 16},
	    {.st_name = 15, .st_info = STT_OBJECT, .st_shndx = 1, .st_value = 0x2000},
	    {.st_name = 20, .st_info = STT_FUNC, .st_shndx = 1, .st_value = 0x2010, .st_size = 8},
	    {.st_name = 27, .st_info = STT_OBJECT, .st_value = 0x2000, .st_size = 64},
	    {.st_name = 5000,
	     .st_info = STT_OBJECT,
	     .st_shndx = 1,
	     .st_value = 0x2030,
	     .st_size = 8},
	};
	struct elf_file file = text_only();
	struct grf_executable *executable = open_file(&file);
	uint64_t address, size;

	(void)state;
	assert_false(grf_executable_symbol(executable, "main.a", &address, &size));
	assert_null(grf_executable_symbol_at(executable, 0x1000, &address, &size));
	grf_executable_destroy(executable);

	elf_file_add(&file, ".symtab", 0, symbols, sizeof(symbols));
	file.sections[1].type = SHT_SYMTAB;
	file.sections[1].link = 3;
	elf_file_add(&file, ".strtab", 0, names, sizeof(names));
	file.sections[2].type = SHT_STRTAB;
	executable = open_file(&file);
	assert_true(grf_executable_symbol(executable, "main.b", &address, &size));
	assert_int_equal(address, 0x2000);
	assert_int_equal(size, 64);
	assert_true(grf_executable_symbol(executable, "main.f", &address, &size));
	assert_false(grf_executable_symbol(executable, "elsewhere", &address, &size));
	assert_false(grf_executable_symbol(executable, "main", &address, &size));
	assert_string_equal(grf_executable_symbol_at(executable, 0x203f, &address, &size),
			    "main.b");
	assert_int_equal(address, 0x2000);
	assert_int_equal(size, 64);
	assert_null(grf_executable_symbol_at(executable, 0x2040, &address, &size));
	assert_string_equal(grf_executable_symbol_at(executable, 0x1000, &address, &size),
			    "main.a");
	assert_null(grf_executable_symbol_at(executable, 0xfff, &address, &size));
	assert_null(grf_executable_symbol_at(executable, 0x1010, &address, &size));
	grf_executable_destroy(executable);
}

/* --- broken files ----------------------------------------------------------------------------- */

static void expect_error(uint64_t offset, uint64_t value, size_t size, enum grf_error_code code)
{
	struct elf_file file = text_only();
	struct grf_executable *executable = NULL;
	struct grf_error *error = try_patched(&file, offset, &value, size, &executable);

	assert_null(executable);
	assert_non_null(error);
	if (error->code != code || !strstr(error->message, file.path))
		fail_msg("%d: %s", error->code, error->message);
	grf_error_free(error);
}

static void test_broken_headers(void **state)
{
	const uint64_t load = sizeof(Elf64_Ehdr);

	(void)state;
	expect_error(0, 0, 1, GRF_ERROR_BAD_INPUT);
	expect_error(offsetof(Elf64_Ehdr, e_type), ET_CORE, 2, GRF_ERROR_BAD_INPUT);
	expect_error(offsetof(Elf64_Ehdr, e_machine), EM_AARCH64, 2, GRF_ERROR_UNSUPPORTED);
	expect_error(offsetof(Elf64_Ehdr, e_phnum), 0, 2, GRF_ERROR_BAD_INPUT);
	expect_error(offsetof(Elf64_Ehdr, e_phoff), UINT64_MAX - 7, 8, GRF_ERROR_BAD_INPUT);
	expect_error(load + offsetof(Elf64_Phdr, p_type), PT_NULL, 4, GRF_ERROR_BAD_INPUT);
	expect_error(load + offsetof(Elf64_Phdr, p_offset), UINT64_MAX - 8, 8, GRF_ERROR_BAD_INPUT);
	expect_error(load + offsetof(Elf64_Phdr, p_filesz), 1 << 20, 8, GRF_ERROR_BAD_INPUT);
	expect_error(load + offsetof(Elf64_Phdr, p_memsz), UINT64_MAX, 8, GRF_ERROR_BAD_INPUT);
}

/* More program headers than the file can hold, counted by the first section header. */
static void test_many_segments(void **state)
{
	struct elf_file file = text_only();
	struct grf_executable *executable = NULL;
	struct grf_error *error;
	Elf64_Shdr first = {.sh_info = UINT32_MAX};
	uint16_t many = PN_XNUM;
	uint64_t sections = 0;
	FILE *stream;

	(void)state;
	elf_file_write(&file);
	stream = fopen(file.path, "r+");
	assert_int_equal(fseek(stream, offsetof(Elf64_Ehdr, e_shoff), SEEK_SET), 0);
	assert_int_equal(fread(&sections, sizeof(sections), 1, stream), 1);
	elf_file_put(stream, sections, &first, sizeof(first));
	elf_file_put(stream, offsetof(Elf64_Ehdr, e_phnum), &many, sizeof(many));
	assert_int_equal(fclose(stream), 0);
	error = grf_executable_open(file.path, &executable);
	elf_file_remove(&file);
	assert_non_null(error);
	assert_int_equal(error->code, GRF_ERROR_BAD_INPUT);
	grf_error_free(error);
}

static void test_no_executable(void **state)
{
	struct grf_executable *executable;
	struct grf_error *error = grf_executable_open("/nonexistent", &executable);

	(void)state;
	assert_int_equal(error->code, GRF_ERROR_BAD_INPUT);
	assert_string_equal(error->message,
			    "cannot open the executable /nonexistent: No such file or directory");
	grf_error_free(error);
	error = grf_executable_open("/tmp", &executable);
	assert_int_equal(error->code, GRF_ERROR_BAD_INPUT);
	grf_error_free(error);
}

/* Sections that lie outside of the file, or overflow, are not there. */
static void test_broken_section(void **state)
{
	static const struct {
		size_t offset;
		uint64_t value;
	} cases[] = {
	    {offsetof(Elf64_Shdr, sh_offset), 1 << 20},
	    {offsetof(Elf64_Shdr, sh_offset), UINT64_MAX - 10},
	    {offsetof(Elf64_Shdr, sh_size), 1 << 20},
	    {offsetof(Elf64_Shdr, sh_size), UINT64_MAX},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct elf_file file = text_only();
		struct grf_executable *executable = NULL;
		struct grf_section section;
		uint64_t table = 0;
		FILE *stream;

		elf_file_write(&file);
		stream = fopen(file.path, "r");
		assert_int_equal(fseek(stream, offsetof(Elf64_Ehdr, e_shoff), SEEK_SET), 0);
		assert_int_equal(fread(&table, sizeof(table), 1, stream), 1);
		fclose(stream);
		elf_file_remove(&file);
		assert_null(try_patched(&file, table + sizeof(Elf64_Shdr) + cases[i].offset,
					&cases[i].value, 8, &executable));
		assert_false(grf_executable_section(executable, ".text", &section));
		assert_null(section.data);
		grf_executable_destroy(executable);
	}
}

/* What nobody reads is not unpacked, and so is no reason to have no debug information. */
static void test_unread_sections(void **state)
{
	const Elf64_Chdr huge = {.ch_type = ELFCOMPRESS_ZLIB, .ch_size = UINT64_C(1) << 40};
	static const char *const unread[] = {".debug_line", ".debug_frame", ".debug_names"};
	uint8_t packed[1100];
	struct elf_file file = text_only();
	struct grf_executable *executable;
	size_t size = pack(packed, sizeof(Elf64_Chdr), sizeof(plain));

	(void)state;
	elf_file_add(&file, ".debug_info", 0, packed, size);
	file.sections[1].flags = SHF_COMPRESSED;
	for (int i = 0; i < 3; i++) {
		elf_file_add(&file, unread[i], 0, &huge, sizeof(huge));
		file.sections[2 + i].flags = SHF_COMPRESSED;
	}
	executable = open_file(&file);
	assert_non_null(grf_executable_dwarf(executable));
	grf_executable_destroy(executable);

	elf_file_add(&file, ".debug_loclists", 0, &huge, sizeof(huge));
	file.sections[5].flags = SHF_COMPRESSED;
	executable = open_file(&file);
	assert_null(grf_executable_dwarf(executable));
	grf_executable_destroy(executable);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_loads_and_sections),
	    cmocka_unit_test(test_compressed_sections),
	    cmocka_unit_test(test_zstd),
	    cmocka_unit_test(test_unread_sections),
	    cmocka_unit_test(test_bomb),
	    cmocka_unit_test(test_order_of_loads),
	    cmocka_unit_test(test_overlapping_loads),
	    cmocka_unit_test(test_build_ids),
	    cmocka_unit_test(test_symbols),
	    cmocka_unit_test(test_broken_headers),
	    cmocka_unit_test(test_many_segments),
	    cmocka_unit_test(test_no_executable),
	    cmocka_unit_test(test_broken_section),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
