/* SPDX-License-Identifier: BSD-2-Clause */
/* ELF cores made by hand, whole and broken, and the reader interface of the image. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/procfs.h>
#include <cmocka.h>

#include "arch/arch.h"
#include "elf_file.h"
#include "image/executable/executable.h"
#include "image/executable/notes.h"
#include "image/image.h"

#define NOTES     0x400u
#define CONTENT   0x1000u
#define CORE_SIZE 0x4000u
#define DATA      UINT64_C(0x10000)
#define TEXT      UINT64_C(0x400000)

static struct {
	uint8_t bytes[CORE_SIZE];
	size_t size;
	Elf64_Ehdr header;
	Elf64_Phdr headers[8];
	unsigned int count;
	struct elf_file file;
	struct grf_executable *executable;
	struct grf_image *image;
} core;

static Elf64_Phdr *add_load(uint64_t address, uint64_t file_size, uint64_t memory_size)
{
	Elf64_Phdr *header = &core.headers[core.count++];

	*header = (Elf64_Phdr){
	    .p_type = PT_LOAD,
	    .p_flags = PF_R | PF_W,
	    .p_offset = CONTENT,
	    .p_vaddr = address,
	    .p_filesz = file_size,
	    .p_memsz = memory_size,
	};
	return header;
}

/* Appends a note to the PT_NOTE, which is the first program header. */
static void add_note(const char *name, uint32_t type, const void *data, uint32_t size)
{
	const uint32_t words[] = {(uint32_t)strlen(name) + 1, size, type};
	uint8_t *at = core.bytes + NOTES + core.headers[0].p_filesz;

	memcpy(at, words, sizeof(words));
	memcpy(at + 12, name, words[0]);
	memcpy(at + 12 + ((words[0] + 3) & ~3u), data, size);
	core.headers[0].p_filesz += 12 + ((words[0] + 3) & ~3u) + ((size + 3) & ~3u);
	assert_true(NOTES + core.headers[0].p_filesz <= CONTENT);
}

/* A core with no notes and 8 KiB of content, whose bytes count up; an executable of two pages. */
static void begin(void)
{
	static uint8_t text[0x2000];

	memset(&core, 0, sizeof(core));
	core.size = CONTENT + 0x2000;
	core.header = (Elf64_Ehdr){
	    .e_ident = {0x7f, 'E', 'L', 'F', ELFCLASS64, ELFDATA2LSB, EV_CURRENT},
	    .e_type = ET_CORE,
	    .e_machine = EM_X86_64,
	    .e_phoff = sizeof(Elf64_Ehdr),
	    .e_phentsize = sizeof(Elf64_Phdr),
	};
	core.headers[0] = (Elf64_Phdr){.p_type = PT_NOTE, .p_offset = NOTES};
	core.count = 1;
	for (size_t i = CONTENT; i < core.size; i++)
		core.bytes[i] = (uint8_t)(i * 7 + i / 256);
	memset(text, 0xee, sizeof(text));
	elf_file_add(&core.file, ".text", TEXT, text, sizeof(text));
}

static struct grf_error *try_open(void)
{
	char path[] = "/tmp/grf-test-XXXXXX";
	FILE *stream = fdopen(mkstemp(path), "w");
	struct grf_error *error;

	if (!core.header.e_phnum)
		core.header.e_phnum = (Elf64_Half)core.count;
	memcpy(core.bytes, &core.header, sizeof(core.header));
	memcpy(core.bytes + sizeof(core.header), core.headers, sizeof(core.headers));
	elf_file_put(stream, 0, core.bytes, core.size);
	assert_int_equal(fclose(stream), 0);
	elf_file_write(&core.file);
	assert_null(grf_executable_open(core.file.path, &core.executable));
	elf_file_remove(&core.file);
	error = grf_image_open_core(path, core.executable, &core.image);
	unlink(path);
	return error;
}

static void open_core(void)
{
	struct grf_error *error = try_open();

	if (error)
		fail_msg("%s", error->message);
}

static void end(void)
{
	grf_image_destroy(core.image);
	grf_executable_destroy(core.executable);
}

static void expect_error(enum grf_error_code code, const char *part)
{
	struct grf_error *error = try_open();

	assert_non_null(error);
	if (error->code != code || !strstr(error->message, part))
		fail_msg("%d: %s", error->code, error->message);
	assert_null(core.image);
	grf_error_free(error);
	end();
}

static uint8_t byte_at(uint64_t address)
{
	uint8_t byte;

	assert_true(grf_image_u8(core.image, address, &byte));
	return byte;
}

static void expect_absent(uint64_t address)
{
	assert_null(grf_image_find(core.image, address));
}

static void test_memory(void **state)
{
	const struct grf_segment *segments;
	size_t count;

	(void)state;
	begin();
	add_load(DATA + 0x1000, 0x1000, 0x1000)->p_offset = CONTENT + 0x1000;
	add_load(DATA, 0x800, 0x1000)->p_flags = PF_R | PF_X;
	open_core();
	assert_memory_equal(grf_image_at(core.image, DATA, 0x800), core.bytes + CONTENT, 0x800);
	assert_memory_equal(grf_image_at(core.image, DATA + 0x1000, 0x1000),
			    core.bytes + CONTENT + 0x1000, 0x1000);
	/* What the file leaves out is zero, up to the end of the segment in memory. */
	assert_int_equal(byte_at(DATA + 0x800), 0);
	assert_int_equal(byte_at(DATA + 0xfff), 0);
	expect_absent(DATA - 1);
	expect_absent(DATA + 0x2000);
	/* The executable stands behind. */
	assert_int_equal(byte_at(TEXT), 0xee);
	assert_int_equal(byte_at(TEXT + 0x1fff), 0xee);
	expect_absent(TEXT + 0x2000);
	segments = grf_image_segments(core.image, &count);
	assert_int_equal(count, 4);
	assert_int_equal(segments[0].flags, GRF_SEGMENT_READ | GRF_SEGMENT_EXECUTE);
	assert_int_equal(segments[2].flags, GRF_SEGMENT_READ | GRF_SEGMENT_WRITE);
	end();
}

/* The kernel splits mappings where a program asks for huge pages; spans and stacks run across. */
static void test_split_mapping(void **state)
{
	(void)state;
	begin();
	add_load(DATA + 0x1000, 0x800, 0x800)->p_offset = CONTENT + 0x1000;
	add_load(DATA, 0x1000, 0x1000);
	open_core();
	assert_memory_equal(grf_image_at(core.image, DATA, 0x1800), core.bytes + CONTENT, 0x1800);
	expect_absent(DATA + 0x1800);
	end();

	/* What does not lie side by side in the file stays in two pieces. */
	begin();
	add_load(DATA + 0x1000, 0x800, 0x800)->p_offset = CONTENT + 0x1008;
	add_load(DATA, 0x1000, 0x1000);
	open_core();
	assert_null(grf_image_at(core.image, DATA, 0x1800));
	assert_int_equal(byte_at(DATA + 0x1000), core.bytes[CONTENT + 0x1008]);
	end();
}

/* Pages that the loader wrote to are the process's; the rest of the file's, in one piece. */
static void test_executable_behind_the_core(void **state)
{
	(void)state;
	begin();
	add_load(TEXT + 0x1000, 0x800, 0x800);
	open_core();
	assert_int_equal(byte_at(TEXT + 0xfff), 0xee);
	assert_int_equal(byte_at(TEXT + 0x1000), core.bytes[CONTENT]);
	assert_int_equal(byte_at(TEXT + 0x1800), 0xee);
	assert_non_null(grf_image_at(core.image, TEXT, 0x2000));
	end();

	/* Left out of the core though mapped: the executable's bytes, not zero. */
	begin();
	add_load(TEXT, 0, 0x3000);
	open_core();
	assert_int_equal(byte_at(TEXT), 0xee);
	end();
}

static void test_threads(void **state)
{
	struct elf_prstatus status = {.pr_pid = 71};
	const struct grf_thread *threads;
	uint64_t *registers = (uint64_t *)&status.pr_reg;
	size_t count;

	(void)state;
	for (uint64_t i = 0; i < ELF_NGREG; i++)
		registers[i] = 0x100 + i;
	begin();
	add_note("CORE", NT_PRSTATUS, &status, sizeof(status));
	status.pr_pid = 72;
	add_note("CORE", NT_PRSTATUS, &status, sizeof(status));
	add_note("CORE", NT_PRSTATUS, &status, sizeof(status) - 4);
	add_note("LINUX", NT_PRSTATUS, &status, sizeof(status));
	open_core();
	threads = grf_image_threads(core.image, &count);
	assert_int_equal(count, 2);
	assert_int_equal(threads[0].tid, 71);
	assert_int_equal(threads[1].tid, 72);
	assert_int_equal(threads[1].pc, 0x110);
	assert_int_equal(threads[1].sp, 0x113);
	assert_int_equal(threads[1].general_count, 27);
	assert_int_equal(threads[1].general[26], 0x11a);
	end();
}

static void test_mappings(void **state)
{
	struct {
		uint64_t count, page, entries[2][3];
		char names[16];
	} files = {2, 4096, {{DATA, DATA + 0x2000, 3}, {TEXT, TEXT + 0x1000, 0}}, "/a/lib\0/exe"};
	const struct grf_mapping *mappings;
	size_t count;

	(void)state;
	begin();
	add_note("CORE", NT_FILE, &files, sizeof(files));
	add_load(DATA, 0x800, 0x1000); /* the file's, which nobody has */
	open_core();
	mappings = grf_image_mappings(core.image, &count);
	assert_int_equal(count, 2);
	assert_int_equal(mappings[0].start, DATA);
	assert_int_equal(mappings[0].end, DATA + 0x2000);
	assert_int_equal(mappings[0].file_offset, 3 * 4096);
	assert_string_equal(mappings[0].path, "/a/lib");
	assert_string_equal(mappings[1].path, "/exe");
	expect_absent(DATA + 0x800);
	end();

	begin();
	files.count = UINT64_MAX / 24 + 2;
	add_note("CORE", NT_FILE, &files, sizeof(files));
	open_core();
	grf_image_mappings(core.image, &count);
	assert_int_equal(count, 0);
	end();

	/* The second name does not end within the note. */
	begin();
	files.count = 2;
	add_note("CORE", NT_FILE, &files, offsetof(__typeof__(files), names) + 11);
	open_core();
	grf_image_mappings(core.image, &count);
	assert_int_equal(count, 1);
	end();
}

static void test_truncated(void **state)
{
	(void)state;
	begin();
	add_load(DATA, 0x2000, 0x2000);
	core.size -= 1234;
	expect_error(GRF_ERROR_BAD_INPUT, "truncated: 1234 of 12288 bytes");

	begin();
	core.header.e_phnum = 5;
	core.size = sizeof(Elf64_Ehdr) + 5 * sizeof(Elf64_Phdr) - 1;
	expect_error(GRF_ERROR_BAD_INPUT, "truncated: 1 of 344 bytes");

	begin();
	core.size = sizeof(Elf64_Ehdr) - 1;
	expect_error(GRF_ERROR_BAD_INPUT, "neither a snapshot nor a core");
}

static void test_another_file(void **state)
{
	(void)state;
	begin();
	core.header.e_type = ET_EXEC;
	expect_error(GRF_ERROR_BAD_INPUT, "is a program; give its core file");
	begin();
	core.header.e_ident[0] = 0;
	expect_error(GRF_ERROR_BAD_INPUT, "neither a snapshot nor a core");
	begin();
	core.header.e_machine = EM_AARCH64;
	expect_error(GRF_ERROR_UNSUPPORTED, "is for arm64 (64 bits, little-endian), and this build "
					    "of grf-bpf reads amd64");
	begin();
	core.header.e_ident[EI_DATA] = ELFDATA2MSB;
	core.header.e_machine = EM_S390 << 8;
	expect_error(GRF_ERROR_UNSUPPORTED, "is for s390x (64 bits, big-endian)");
	begin();
	core.header.e_machine = 999;
	expect_error(GRF_ERROR_UNSUPPORTED, "is for machine number 999");
	begin();
	core.header.e_ident[EI_CLASS] = ELFCLASS32;
	expect_error(GRF_ERROR_UNSUPPORTED, "is for amd64 (32 bits");
	begin();
	core.header.e_phentsize = 32;
	expect_error(GRF_ERROR_BAD_INPUT, "program headers");
}

/* e_phnum 0xffff: the number is in the first section header. */
static void test_many_segments(void **state)
{
	Elf64_Shdr first = {.sh_info = 2};

	(void)state;
	begin();
	add_load(DATA, 0x1000, 0x1000);
	add_load(DATA + 0x1000, 0x1000, 0x1000);
	core.header.e_phnum = PN_XNUM;
	core.header.e_shoff = CONTENT + 0x1000;
	memcpy(core.bytes + CONTENT + 0x1000, &first, sizeof(first));
	open_core();
	assert_int_equal(byte_at(DATA + 0xfff), core.bytes[CONTENT + 0xfff]);
	expect_absent(DATA + 0x1000); /* the third of two */
	end();

	begin();
	core.header.e_phnum = PN_XNUM;
	core.header.e_shoff = core.size - sizeof(first) + 1;
	expect_error(GRF_ERROR_BAD_INPUT, "truncated: 1 of");
	begin();
	core.header.e_phnum = PN_XNUM;
	core.header.e_shoff = UINT64_MAX;
	expect_error(GRF_ERROR_BAD_INPUT, "broken");
	begin();
	core.header.e_phoff = UINT64_MAX - 3;
	expect_error(GRF_ERROR_BAD_INPUT, "broken");
	begin();
	first.sh_info = UINT32_MAX;
	core.header.e_phnum = PN_XNUM;
	core.header.e_shoff = CONTENT;
	memcpy(core.bytes + CONTENT, &first, sizeof(first));
	expect_error(GRF_ERROR_BAD_INPUT, "truncated");
}

static void test_hostile_segments(void **state)
{
	Elf64_Phdr *header;

	(void)state;
	begin();
	add_load(DATA, 0x100, 0x100)->p_offset = UINT64_MAX - 0x10;
	expect_error(GRF_ERROR_BAD_INPUT, "wraps");
	begin();
	add_load(UINT64_MAX - 0xff, 0x10, 0x101);
	expect_error(GRF_ERROR_BAD_INPUT, "wraps");
	begin();
	core.headers[0].p_filesz = UINT64_MAX - NOTES + 1;
	expect_error(GRF_ERROR_BAD_INPUT, "wraps");

	/* Only what is loaded counts; the rest may say what it likes. */
	begin();
	header = add_load(DATA, UINT64_MAX, 0);
	header->p_type = PT_LOOS;
	header->p_offset = UINT64_MAX - 1;
	/* Memory that no process has. */
	add_load(0x1000, 0, UINT64_C(1) << 62);
	/* More in the file than in memory, at the end of the addresses. */
	add_load(UINT64_MAX - 0xff, 0x1000, 0);
	add_load(DATA, 0x1000, 0x10);
	open_core();
	assert_int_equal(byte_at(DATA), core.bytes[CONTENT]);
	expect_absent(0x1000);
	expect_absent(UINT64_MAX - 0xff);
	end();
}

static void test_overlaps(void **state)
{
	const struct grf_segment *segments;
	size_t count;

	(void)state;
	begin();
	add_load(DATA, 0x1000, 0x1000);
	add_load(DATA, 0x1800, 0x1800)->p_offset = CONTENT + 0x400;   /* the same start: cut */
	add_load(DATA + 0x800, 0x400, 0x400)->p_offset = CONTENT + 1; /* within */
	add_load(DATA + 0x1000, 0x1000, 0x2000)->p_offset = CONTENT + 0x1000;
	open_core();
	assert_int_equal(byte_at(DATA + 0x900), core.bytes[CONTENT + 0x900]);
	assert_int_equal(byte_at(DATA + 0x1000), core.bytes[CONTENT + 0x1400]);
	assert_int_equal(byte_at(DATA + 0x17ff), core.bytes[CONTENT + 0x1bff]);
	assert_int_equal(byte_at(DATA + 0x1800), core.bytes[CONTENT + 0x1800]);
	assert_int_equal(byte_at(DATA + 0x2fff), 0);
	segments = grf_image_segments(core.image, &count);
	for (size_t i = 0; i < count; i++) {
		assert_true(segments[i].start < segments[i].end);
		assert_true(!i || segments[i - 1].end <= segments[i].start);
	}
	end();
}

/* --- whether executable and core belong together ---------------------------------------------- */

/* The program headers and the note, as the process had them in memory at DATA. */
static void put_process_id(uint32_t type, const char *name, const char *id, uint32_t size)
{
	const uint64_t auxv[] = {AT_PHDR, DATA, AT_PHENT, 56, AT_PHNUM, 1, AT_ENTRY, 0, 0, 0};
	const Elf64_Phdr notes = {.p_type = PT_NOTE, .p_vaddr = DATA + 0x100, .p_filesz = 0x40};
	const uint32_t words[] = {(uint32_t)strlen(name) + 1, size, type};
	uint8_t *at = core.bytes + CONTENT;

	add_note("CORE", NT_AUXV, auxv, sizeof(auxv));
	add_load(DATA, 0x1000, 0x1000);
	memcpy(at, &notes, sizeof(notes));
	memset(at + 0x100, 0, 0x40);
	memcpy(at + 0x100, words, sizeof(words));
	memcpy(at + 0x10c, name, words[0]);
	memcpy(at + 0x110, id, size);
}

static void test_build_ids(void **state)
{
	static const char go[] = "\3\0\0\0\x08\0\0\0\4\0\0\0Go\0\0one/two1";
	static const char gnu[] = "\4\0\0\0\4\0\0\0\3\0\0\0GNU\0\x01\x02\xab\xff";

	(void)state;
	for (int turn = 0; turn < 4; turn++) {
		begin();
		elf_file_add(&core.file, ".note", 0, turn < 2 ? go : gnu,
			     turn < 2 ? sizeof(go) - 1 : sizeof(gnu) - 1);
		core.file.sections[1].type = SHT_NOTE;
		if (turn < 2)
			put_process_id(GRF_NOTE_GO_BUILD_ID, "Go", turn ? "one/two2" : "one/two1",
				       8);
		else
			put_process_id(NT_GNU_BUILD_ID, "GNU",
				       turn == 2 ? "\x01\x02\xab\xff" : "\x01\x02\xab\xfe", 4);
		if (turn % 2)
			expect_error(GRF_ERROR_MISMATCH,
				     turn == 1 ? "one/two1 in the executable, one/two2 in the core"
					       : "0102abff in the executable, 0102abfe in");
		else
			open_core(), end();
	}
}

static void test_bias(void **state)
{
	uint64_t auxv[] = {AT_ENTRY, 0x7000, 0, 0};

	(void)state;
	begin();
	core.file.pie = true;
	add_note("CORE", NT_AUXV, auxv, sizeof(auxv));
	open_core();
	assert_int_equal(grf_executable_bias(core.executable), 0x7000);
	assert_int_equal(byte_at(TEXT + 0x7000), 0xee);
	expect_absent(TEXT);
	assert_true(grf_image_auxv(core.image, AT_ENTRY, auxv));
	assert_false(grf_image_auxv(core.image, AT_PHDR, auxv));
	end();

	begin();
	auxv[0] = AT_ENTRY;
	auxv[1] = 0x7010;
	core.file.pie = true;
	add_note("CORE", NT_AUXV, auxv, sizeof(auxv));
	expect_error(GRF_ERROR_MISMATCH, "entry point");

	/* What stands at fixed addresses was not moved. */
	begin();
	auxv[1] = 0x7000;
	add_note("CORE", NT_AUXV, auxv, sizeof(auxv));
	expect_error(GRF_ERROR_MISMATCH, "entry point");
}

/* A core of a packed program: what the kernel says is of the packer, and the code, which is the
 * content of the core, is at `at`. */
static void begin_packed(bool pie, uint64_t at)
{
	static const uint64_t auxv[] = {AT_ENTRY, 0x123450, 0, 0};

	begin();
	core.file.pie = pie;
	core.file.entry = TEXT + 0x1020;
	core.file.sections[0].data = core.bytes + CONTENT;
	core.file.sections[0].flags = SHF_EXECINSTR;
	add_note("CORE", NT_AUXV, auxv, sizeof(auxv));
	add_load(at, 0x2000, 0x2000)->p_flags = PF_R | PF_X;
}

static void test_packed(void **state)
{
	(void)state;
	begin_packed(true, TEXT + 0x7000);
	open_core();
	assert_true(grf_executable_is_placed(core.executable));
	assert_int_equal(grf_executable_bias(core.executable), 0x7000);
	end();

	begin_packed(false, TEXT);
	open_core();
	assert_int_equal(grf_executable_bias(core.executable), 0);
	assert_true(grf_executable_is_placed(core.executable));
	end();

	/* It stands where it cannot, or is another in its last byte, or cannot be executed. */
	begin_packed(false, TEXT + 0x7000);
	expect_error(GRF_ERROR_MISMATCH, "entry point");
	begin_packed(true, TEXT + 0x7010);
	expect_error(GRF_ERROR_MISMATCH, "entry point");
	begin_packed(true, TEXT);
	core.headers[1].p_flags = PF_R;
	expect_error(GRF_ERROR_MISMATCH, "entry point");
	begin_packed(true, TEXT);
	core.headers[1].p_filesz--;
	expect_error(GRF_ERROR_MISMATCH, "entry point");
}

/* --- notes ------------------------------------------------------------------------------------ */

static void count_note(void *context, const struct grf_note *note)
{
	*(uint64_t *)context = *(uint64_t *)context * 100 + note->type * 10 + note->size;
}

static uint64_t read_notes(const uint32_t *words, size_t count, uint64_t align)
{
	/* Just as large as the notes are, so that the sanitizer sees a read beyond them. */
	uint32_t *exact = malloc(count * 4);
	uint64_t seen = 0;

	memcpy(exact, words, count * 4);
	grf_notes_read((const uint8_t *)exact, count * 4, align, count_note, &seen);
	free(exact);
	return seen;
}

static void test_notes(void **state)
{
	static const uint32_t two[] = {4, 5, 1, 0x554e47, 0, 0, 0, 3, 2, 0};
	static const uint32_t wide[] = {4, 4, 1, 0x554e47, 7, 0, 0, 2, 3, 0, 8};
	static const uint32_t long_name[] = {UINT32_MAX, 4, 1, 0};
	static const uint32_t long_data[] = {0, UINT32_MAX, 1, 0};
	const struct grf_note unended = {.name = "GNU", .name_size = 3, .type = 3};

	(void)state;
	assert_int_equal(read_notes(two, 10, 4), 1523);
	assert_int_equal(read_notes(two, 9, 4), 15); /* the second is cut */
	assert_int_equal(read_notes(two, 8, 4), 15);
	assert_int_equal(read_notes(wide, 11, 8), 1432);
	assert_int_equal(read_notes(long_name, 4, 4), 0);
	assert_int_equal(read_notes(long_data, 4, 4), 0);
	assert_true(grf_note_is(&unended, "GNU", 3));
	assert_false(grf_note_is(&unended, "GN", 3));
	assert_false(grf_note_is(&unended, "GNU", 4));
}

/* --- the reader interface --------------------------------------------------------------------- */

static void test_reader(void **state)
{
	static const uint8_t memory[] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16};
	static const uint8_t elsewhere[] = {7, 8, 9, 10, 11, 12};
	const struct grf_segment segments[] = {
	    {0x2006, 0x200c, GRF_SEGMENT_READ, elsewhere},
	    {0x2000, 0x2006, GRF_SEGMENT_READ, memory},
	    {0x200e, 0x2010, GRF_SEGMENT_READ, memory + 14},
	    {0x3000, 0x3000, GRF_SEGMENT_READ, memory},
	};
	struct grf_image *image;
	struct grf_error *error;
	uint8_t buffer[16], byte;
	uint16_t half;
	uint32_t word;
	uint64_t wide;
	size_t count;

	(void)state;
	assert_null(grf_image_from_segments(&grf_arch_amd64, segments, 4, &image));
	grf_image_segments(image, &count);
	assert_int_equal(count, 3);
	assert_null(grf_image_find(image, 0x1fff));
	assert_int_equal(grf_image_find(image, 0x2006)->start, 0x2006);
	assert_null(grf_image_find(image, 0x200c));
	assert_null(grf_image_find(image, 0x3000));
	assert_ptr_equal(grf_image_at(image, 0x2002, 4), memory + 2);
	assert_null(grf_image_at(image, 0x2002, 5));
	assert_null(grf_image_at(image, 0x2002, UINT64_MAX));

	assert_null(grf_image_read(image, 0x2001, buffer, 11));
	assert_memory_equal(buffer, memory + 1, 11);
	error = grf_image_read(image, 0x2001, buffer, 12);
	assert_non_null(error);
	assert_int_equal(error->code, GRF_ERROR_FAULT);
	assert_string_equal(error->message, "address 0x200c is not in the image");
	grf_error_free(error);

	assert_true(grf_image_u64(image, 0x2002, &wide));
	assert_int_equal(wide, UINT64_C(0x0a09080706050403));
	assert_true(grf_image_u32(image, 0x2008, &word));
	assert_int_equal(word, 0x0c0b0a09);
	assert_true(grf_image_u16(image, 0x2005, &half));
	assert_int_equal(half, 0x0706);
	assert_true(grf_image_u8(image, 0x200f, &byte));
	assert_int_equal(byte, 16);
	/* What is not all there is zero: with both ends there, too. */
	assert_false(grf_image_u32(image, 0x200b, &word));
	assert_int_equal(word, 0);
	wide = 1;
	assert_false(grf_image_u64(image, 0x2008, &wide));
	assert_int_equal(wide, 0);
	assert_false(grf_image_u64(image, UINT64_MAX - 3, &wide));
	grf_image_destroy(image);
}

/* The same notes many times over: as many threads would be made of them. */
static void test_notes_that_overlap(void **state)
{
	const struct elf_prstatus status = {0};

	(void)state;
	begin();
	add_note("CORE", NT_PRSTATUS, &status, sizeof(status));
	core.headers[0].p_filesz = core.size - NOTES;
	while (core.count < 8)
		core.headers[core.count++] = core.headers[0];
	expect_error(GRF_ERROR_BAD_INPUT, "overlap in the file");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_notes_that_overlap),
	    cmocka_unit_test(test_memory),
	    cmocka_unit_test(test_executable_behind_the_core),
	    cmocka_unit_test(test_threads),
	    cmocka_unit_test(test_mappings),
	    cmocka_unit_test(test_truncated),
	    cmocka_unit_test(test_another_file),
	    cmocka_unit_test(test_many_segments),
	    cmocka_unit_test(test_hostile_segments),
	    cmocka_unit_test(test_overlaps),
	    cmocka_unit_test(test_build_ids),
	    cmocka_unit_test(test_bias),
	    cmocka_unit_test(test_packed),
	    cmocka_unit_test(test_notes),
	    cmocka_unit_test(test_reader),
	    cmocka_unit_test(test_split_mapping),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
