/* SPDX-License-Identifier: BSD-2-Clause */
/* Where debug information of its own file is looked for, and which files are taken. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

#include <fcntl.h>

#include <cmocka.h>
#include <zlib.h>

#include "elf_file.h"
#include "image/executable/debug_file.h"

#define TEXT 0x401000

/* A GNU build id note; the last byte tells builds apart. */
static uint8_t note[] = {4, 0, 0, 0, 4, 0, 0, 0, 3, 0, 0, 0, 'G', 'N', 'U', 0, 0xab, 0xcd, 0xef, 1};
static uint8_t other_note[] = {4, 0, 0,   0,   4,   0, 0,    0,    3,    0,
			       0, 0, 'G', 'N', 'U', 0, 0xab, 0xcd, 0xef, 2};
static const uint8_t text[16], information[16];
static const char names[] = "\0main.a";
static const Elf64_Sym symbols[] = {
    {0},
    {.st_name = 1,
     .st_info = ELF64_ST_INFO(STB_GLOBAL, STT_OBJECT),
     .st_shndx = 1,
     .st_value = TEXT,
     .st_size = 8},
};
static char folder[] = "/tmp/grf-debug-XXXXXX";
static char link_section[64];
static size_t link_size;

static void write_program(struct elf_file *file, const void *build_id, bool with_link)
{
	file->count = 0;
	elf_file_add(file, ".text", TEXT, text, sizeof(text));
	if (build_id) {
		unsigned int index =
		    elf_file_add(file, ".note.gnu.build-id", 0, build_id, sizeof(note));

		file->sections[index - 1].type = SHT_NOTE;
	}
	if (with_link)
		elf_file_add(file, ".gnu_debuglink", 0, link_section, link_size);
	elf_file_write(file);
}

/* A file with debug information, moved to `path`. */
static void write_debug(const char *path, const void *build_id)
{
	struct elf_file file = {0};
	unsigned int index;

	elf_file_add(&file, ".text", TEXT, text, sizeof(text));
	elf_file_add(&file, ".debug_info", 0, information, sizeof(information));
	index = elf_file_add(&file, ".symtab", 0, symbols, sizeof(symbols));
	file.sections[index - 1].type = SHT_SYMTAB;
	file.sections[index - 1].link = index + 1;
	index = elf_file_add(&file, ".strtab", 0, names, sizeof(names));
	file.sections[index - 1].type = SHT_STRTAB;
	if (build_id) {
		index = elf_file_add(&file, ".note.gnu.build-id", 0, build_id, sizeof(note));
		file.sections[index - 1].type = SHT_NOTE;
	}
	elf_file_write(&file);
	assert_int_equal(rename(file.path, path), 0);
}

/* The symbols come from the same file. */
static bool has_debug(struct grf_executable *executable)
{
	uint64_t address, size;

	return grf_executable_symbol(executable, "main.a", &address, &size);
}

/* Whether the program at `path` has debug information after a search. */
static bool finds(const char *path, const struct grf_debug_options *options)
{
	struct grf_executable *executable;
	bool found;

	assert_null(grf_executable_open(path, &executable));
	assert_null(grf_debug_file_find(executable, path, options));
	found = has_debug(executable);
	grf_executable_destroy(executable);
	return found;
}

static void test_by_build_id(void **state)
{
	const struct grf_debug_options options = {.directory = folder}, none = {0};
	struct elf_file file = {0};
	char path[128];

	(void)state;
	snprintf(path, sizeof(path), "%s/.build-id", folder);
	mkdir(path, 0777);
	snprintf(path, sizeof(path), "%s/.build-id/ab", folder);
	mkdir(path, 0777);
	snprintf(path, sizeof(path), "%s/.build-id/ab/cdef01.debug", folder);
	write_program(&file, note, false);
	assert_false(finds(file.path, &options));
	write_debug(path, other_note);
	assert_false(finds(file.path, &options));
	write_debug(path, note);
	assert_true(finds(file.path, &options));
	assert_false(finds(file.path, &none));
	unlink(path);
	elf_file_remove(&file);
}

/* Lays the section: the name, padded, and the checksum of what the file holds. */
static void make_link(const char *name, const char *path, uint32_t change)
{
	uint8_t bytes[16384];
	FILE *stream = fopen(path, "re");
	size_t length;
	uint32_t checksum;

	assert_non_null(stream);
	length = fread(bytes, 1, sizeof(bytes), stream);
	fclose(stream);
	checksum = (uint32_t)crc32(0, bytes, (uInt)length) + change;
	link_size = (strlen(name) + 4) & ~(size_t)3;
	memset(link_section, 0, sizeof(link_section));
	strcpy(link_section, name);
	memcpy(link_section + link_size, &checksum, sizeof(checksum));
	link_size += sizeof(checksum);
}

static void test_by_link(void **state)
{
	static const char name[] = "grf-unit-test.debug", path[] = "/tmp/grf-unit-test.debug";
	const struct grf_debug_options options = {0};
	struct elf_file file = {0};

	(void)state;
	write_debug(path, NULL);
	make_link(name, path, 0);
	write_program(&file, NULL, true);
	assert_true(finds(file.path, &options));
	elf_file_remove(&file);
	make_link(name, path, 1); /* another checksum */
	write_program(&file, NULL, true);
	assert_false(finds(file.path, &options));
	elf_file_remove(&file);
	make_link("../tmp/x.debug", path, 0); /* not a name */
	write_program(&file, NULL, true);
	assert_false(finds(file.path, &options));
	elf_file_remove(&file);
	make_link(name, path, 0);
	memset(link_section, 'x', sizeof(link_section)); /* without an end */
	write_program(&file, NULL, true);
	assert_false(finds(file.path, &options));
	elf_file_remove(&file);
	link_size = 3;
	write_program(&file, NULL, true);
	assert_false(finds(file.path, &options));
	elf_file_remove(&file);
	unlink(path);
}

/* Whether a program whose debug link is `name`, with the checksum of the file at `path`, finds it.
 */
static bool finds_linked(const char *program, const char *name, const char *path)
{
	const struct grf_debug_options options = {0};
	struct elf_file file = {0};
	bool found;

	make_link(name, path, 0);
	write_program(&file, NULL, true);
	assert_int_equal(rename(file.path, program), 0);
	found = finds(program, &options);
	unlink(program);
	return found;
}

/* What stands where a link says, but is no file, has no end, or is not there but elsewhere. */
static void test_not_a_file(void **state)
{
	char program[64], path[64], out[] = "/tmp/grf-debug-out-XXXXXX";
	int fd = mkstemp(out);

	(void)state;
	close(fd);
	write_debug(out, NULL);
	snprintf(program, sizeof(program), "%s/program", folder);
	snprintf(path, sizeof(path), "%s/x", folder);
	assert_int_equal(mkfifo(path, 0600), 0);
	assert_false(finds_linked(program, "x", out));
	unlink(path);
	assert_int_equal(symlink("/dev/zero", path), 0);
	assert_false(finds_linked(program, "x", out));
	unlink(path);
	/* 200 GB without a byte on the disk. */
	fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	assert_int_equal(ftruncate(fd, (off_t)200 << 30), 0);
	close(fd);
	assert_false(finds_linked(program, "x", out));
	unlink(path);
	assert_int_equal(symlink(out, path), 0);
	assert_false(finds_linked(program, "x", out));
	unlink(path);
	assert_int_equal(rename(out, path), 0);
	assert_true(finds_linked(program, "x", path));
	/* A link that stays in the folder, and the name of no file. */
	snprintf(out, sizeof(out), "%s/y", folder);
	assert_int_equal(symlink("x", out), 0);
	assert_true(finds_linked(program, "y", path));
	assert_false(finds_linked(program, "..", path));
	unlink(out);
	unlink(path);
}

/* The program is named without a slash, or by a link from elsewhere. */
static void test_beside_a_bare_name(void **state)
{
	const struct grf_debug_options options = {0};
	struct elf_file file = {0};
	char path[64], link[] = "/tmp/grf-debug-link-XXXXXX", before[4096];

	(void)state;
	assert_non_null(getcwd(before, sizeof(before)));
	assert_int_equal(chdir(folder), 0);
	write_debug("bare.debug", NULL);
	make_link("bare.debug", "bare.debug", 0);
	write_program(&file, NULL, true);
	assert_int_equal(rename(file.path, "bare"), 0);
	assert_true(finds("bare", &options));
	close(mkstemp(link));
	unlink(link);
	snprintf(path, sizeof(path), "%s/bare", folder);
	assert_int_equal(symlink(path, link), 0);
	assert_true(finds(link, &options));
	unlink(link);
	unlink("bare");
	unlink("bare.debug");
	assert_int_equal(chdir(before), 0);
}

/* An executable keeps its libraries when its debug information is found, and they find theirs. */
static void test_with_libraries(void **state)
{
	struct grf_debug_options options = {.directory = folder};
	struct grf_executable *executable, *library;
	struct elf_file file = {0};
	char path[128], named[64];
	size_t count;

	(void)state;
	snprintf(path, sizeof(path), "%s/.build-id/ab/cdef01.debug", folder);
	snprintf(named, sizeof(named), "%s/named.debug", folder);
	write_debug(path, note);
	write_debug(named, note);
	options.file = named;
	write_program(&file, note, false);
	assert_null(grf_executable_open(file.path, &executable));
	assert_null(grf_executable_open(file.path, &library));
	elf_file_remove(&file);
	assert_true(grf_executable_add_library(executable, library));
	assert_null(grf_debug_file_find(executable, file.path, &options));
	assert_true(has_debug(executable));
	assert_ptr_equal(grf_executable_libraries(executable, &count)[0], library);
	assert_int_equal(count, 1);
	assert_true(has_debug(library));
	grf_executable_destroy(executable);
	unlink(path);
	unlink(named);
}

static void assert_refused(const char *path, const char *named, enum grf_error_code code)
{
	const struct grf_debug_options options = {.file = named};
	struct grf_executable *executable;
	struct grf_error *error;

	assert_null(grf_executable_open(path, &executable));
	error = grf_debug_file_find(executable, path, &options);
	assert_non_null(error);
	assert_int_equal(error->code, code);
	grf_error_free(error);
	grf_executable_destroy(executable);
}

static void test_named(void **state)
{
	struct elf_file file = {0}, bare = {0};
	struct grf_debug_options options = {0};
	char path[128];

	(void)state;
	snprintf(path, sizeof(path), "%s/named.debug", folder);
	write_program(&file, note, false);
	write_program(&bare, note, false);
	write_debug(path, other_note);
	assert_refused(file.path, path, GRF_ERROR_MISMATCH);
	assert_refused(file.path, bare.path, GRF_ERROR_BAD_INPUT);
	write_debug(path, note);
	options.file = path;
	assert_true(finds(file.path, &options));
	unlink(path);
	elf_file_remove(&file);
	elf_file_remove(&bare);
}

static int begin(void **state)
{
	(void)state;
	unsetenv("DEBUGINFOD_URLS");
	return !mkdtemp(folder);
}

static int end(void **state)
{
	char command[128];

	(void)state;
	snprintf(command, sizeof(command), "rm -rf %s", folder);
	return system(command); /* NOLINT: a folder of our own */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_by_build_id),
	    cmocka_unit_test(test_by_link),
	    cmocka_unit_test(test_named),
	    cmocka_unit_test(test_not_a_file),
	    cmocka_unit_test(test_beside_a_bare_name),
	    cmocka_unit_test(test_with_libraries),
	};

	return cmocka_run_group_tests_name("debug_file", tests, begin, end);
}
