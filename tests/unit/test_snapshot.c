/* SPDX-License-Identifier: BSD-2-Clause */
/* Snapshots: what is written comes back, the oldest format too, and broken notes are refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <cmocka.h>

#include "arch/arch.h"
#include "base/pages.h"
#include "elf_file.h"
#include "image/core/snapshot_note.h"
#include "image/parts.h"
#include "image/snapshot.h"

/* With GRF_TEST_KEEP_SNAPSHOT=FILE, the snapshot that these tests write is kept: what is in
 * `golden` is that of the first program to write a version of the format. */
#define OLDEST "tests/unit/golden/snapshot-1"

#define PAGE  GRF_PAGE
#define HEAP  UINT64_C(0xc000000000)
#define DATA  UINT64_C(0x500000)
#define TEXT  UINT64_C(0x400000)
#define PAGES 8u

/* The note of a Go build id, as the linker writes it. */
static const uint8_t go_id[] = {4,   0,   0, 0, 8,   0,   0,   0,   4,   0,   0,   0,
				'G', 'o', 0, 0, 'b', 'u', 'i', 'l', 'd', '/', 'i', 'd'};
static const uint8_t gnu_id[] = {4, 0, 0,   0,   4,   0, 0,    0,    3,    0,
				 0, 0, 'G', 'N', 'U', 0, 0xab, 0xcd, 0xef, 0x12};

static struct {
	struct elf_file file;
	struct grf_executable *executable;
	struct grf_image *image;
	char path[64];
} world;

static void *copy_of(const void *data, size_t size)
{
	void *copy = malloc(size);

	assert_non_null(copy);
	memcpy(copy, data, size);
	return copy;
}

static uint8_t *map_pages(size_t count)
{
	uint8_t *memory =
	    mmap(NULL, count * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	assert_true(memory != MAP_FAILED);
	return memory;
}

static struct grf_thread thread_of(pid_t tid)
{
	uint64_t registers[GRF_GENERAL_REGISTERS];
	struct grf_thread thread;

	for (size_t i = 0; i < GRF_GENERAL_REGISTERS; i++)
		registers[i] = (uint64_t)tid * 1000 + i;
	grf_thread_set(&thread, &grf_arch_amd64, tid, registers);
	return thread;
}

static const struct grf_run left_out[] = {
    {HEAP + PAGE, HEAP + 3 * PAGE},
    {HEAP + 5 * PAGE + 100, HEAP + 5 * PAGE + 200}, /* less than a page */
    {HEAP + 7 * PAGE, HEAP + 8 * PAGE},
};
static const struct grf_goroutine_fields fields = {.status = 144,
						   .id = 152,
						   .low = 0,
						   .high = 8,
						   .sp = 56,
						   .pc = 64,
						   .bp = 104,
						   .syscall_sp = 112,
						   .syscall_pc = 120,
						   .syscall_bp = GRF_G_NO_FIELD};
static const struct grf_goroutine_record goroutines[] = {
    {.g = HEAP + 64, .status = GRF_G_WAITING, .id = 1, .low = HEAP, .high = HEAP + 2048},
    {.g = HEAP + 512, .status = GRF_G_RUNNING, .id = UINT64_MAX, .sp = 7, .syscall_bp = 9},
};
static const uint64_t auxv[] = {AT_PAGESZ, 4096, AT_ENTRY, TEXT + 16, AT_NULL, 0};
static const struct grf_provenance provenance = {
    .origin = GRF_ORIGIN_PROCESS,
    .freeze = GRF_FREEZE_POINT_GC,
    .copied_by = GRF_COPIED_SOFT_DIRTY,
    .through_mem = true,
    .registers_by = GRF_REGISTERS_BY_PTRACE,
    .goroutines_by = GRF_GOROUTINES_BY_EBPF,
    .goroutine_records = 2,
    .goroutines_expected = 19,
    .goroutines_limit = 20,
    .pause = {36, 1, 2, 3, 4, 5, 6, 7, GRF_CLOCK_EBPF},
    .preparation = 8,
    .reaping = 9,
    .given_up = 10,
    .bytes = 11,
    .stop_bytes = 12,
    .stop_pages = 13,
    .left_out = 14,
    .dead_stacks = 15,
    .spilled = 16,
    .rounds = 17,
    .lacks = {0, GRF_ERROR_PERMISSION, 0, 0, 0, 0, GRF_ERROR_UNSUPPORTED},
    .pid = 4711,
    .clock = 18,
    .taken = 1700000000000000000,
    .host = "host",
    .kernel = "6.1.0",
};

/* A heap of eight pages, the last but one of which is zero, and a page of data. */
static struct grf_image_parts *make_parts(void)
{
	struct grf_image_parts *parts = calloc(1, sizeof(*parts));
	const struct grf_image_range ranges[] = {
	    {.start = DATA,
	     .end = DATA + PAGE,
	     .flags = GRF_SEGMENT_READ | GRF_SEGMENT_WRITE,
	     .data = map_pages(1)},
	    {.start = HEAP,
	     .end = HEAP + PAGES * PAGE,
	     .flags = GRF_SEGMENT_READ | GRF_SEGMENT_WRITE,
	     .data = map_pages(PAGES)},
	};
	const struct grf_mapping mapping = {TEXT, TEXT + 2 * PAGE, 0, strdup("/opt/server")};
	const struct grf_thread threads[] = {thread_of(4711), thread_of(4712)};

	assert_non_null(parts);
	memset(ranges[0].data, 0x11, PAGE);
	for (size_t i = 0; i < PAGES * PAGE; i++)
		ranges[1].data[i] = i / PAGE == 6 ? 0 : (uint8_t)(1 + i / PAGE + i % 199);
	parts->ranges = copy_of(ranges, sizeof(ranges));
	parts->range_count = 2;
	parts->left_out = copy_of(left_out, sizeof(left_out));
	parts->left_out_count = 3;
	parts->mappings = copy_of(&mapping, sizeof(mapping));
	parts->mapping_count = 1;
	parts->threads = copy_of(threads, sizeof(threads));
	parts->thread_count = 2;
	parts->goroutines = copy_of(goroutines, sizeof(goroutines));
	parts->goroutine_count = 2;
	parts->goroutine_fields = fields;
	parts->auxv = copy_of(auxv, sizeof(auxv));
	parts->auxv_count = sizeof(auxv) / sizeof(*auxv);
	parts->provenance = provenance;
	return parts;
}

static void open_executable(void)
{
	static uint8_t text[0x2000];
	unsigned int id;

	memset(text, 0xee, sizeof(text));
	world.file = (struct elf_file){.entry = TEXT + 16};
	elf_file_add(&world.file, ".text", TEXT, text, sizeof(text));
	id = elf_file_add(&world.file, ".note.go.buildid", 0, go_id, sizeof(go_id));
	world.file.sections[id - 1].type = SHT_NOTE;
	id = elf_file_add(&world.file, ".note.gnu.build-id", 0, gnu_id, sizeof(gnu_id));
	world.file.sections[id - 1].type = SHT_NOTE;
	elf_file_write(&world.file);
	assert_null(grf_executable_open(world.file.path, &world.executable));
	elf_file_remove(&world.file);
}

static struct grf_error *write_stream(void *context, const void *data, size_t size)
{
	return fwrite(data, size, 1, context) == 1
		   ? NULL
		   : grf_error_create(GRF_ERROR_OUTPUT, "no room for %zu bytes", size);
}

static struct grf_error *skip_stream(void *context, uint64_t size)
{
	assert_int_equal(fseek(context, (long)size, SEEK_CUR), 0);
	return NULL;
}

static void write_snapshot(bool with_files)
{
	const struct grf_snapshot_facts facts = {
	    .go_version = "go1.26.8", .modules = "mod\tserver\n", .with_files = with_files};
	struct grf_snapshot_sink sink = {write_stream, skip_stream, NULL};
	const char *keep = getenv("GRF_TEST_KEEP_SNAPSHOT");

	open_executable();
	assert_true(grf_executable_set_name(world.executable, "/opt/server", true));
	assert_null(grf_image_create(make_parts(), world.executable, &world.image));
	snprintf(world.path, sizeof(world.path), "/tmp/grf-test-XXXXXX");
	sink.context = fdopen(mkstemp(world.path), "w");
	assert_non_null(sink.context);
	if (keep)
		sink.context = freopen(keep, "w", sink.context);
	assert_null(grf_snapshot_write(world.image, world.executable, &facts, &sink));
	assert_int_equal(fclose(sink.context), 0);
	grf_image_destroy(world.image);
	grf_executable_destroy(world.executable);
	world.image = NULL;
	world.executable = NULL;
}

static void close_world(void)
{
	grf_image_destroy(world.image);
	grf_executable_destroy(world.executable);
	world.image = NULL;
	world.executable = NULL;
	if (*world.path)
		unlink(world.path);
	*world.path = '\0';
}

static void expect_bytes(void)
{
	const struct grf_segment *segments;
	uint8_t expected[PAGE];
	size_t count;

	segments = grf_image_segments(world.image, &count);
	assert_int_equal(count, 3);
	/* In one piece, whatever was left out. */
	assert_int_equal(segments[2].start, HEAP);
	assert_int_equal(segments[2].end, HEAP + PAGES * PAGE);
	for (size_t page = 0; page < PAGES; page++) {
		for (size_t i = 0; i < PAGE; i++)
			expected[i] = page == 6 ? 0 : (uint8_t)(1 + page + (page * PAGE + i) % 199);
		if (page == 1 || page == 2 || page == 7)
			memset(expected, 0, PAGE);
		assert_memory_equal(segments[2].data + page * PAGE, expected, PAGE);
	}
	assert_non_null(grf_image_at(world.image, HEAP, PAGE));
	assert_null(grf_image_at(world.image, HEAP, PAGE + 1));
	assert_null(grf_image_at(world.image, HEAP + 7 * PAGE, 1));
	assert_null(grf_image_at(world.image, HEAP + 5 * PAGE + 100, 1));
	assert_non_null(grf_image_at(world.image, HEAP + 6 * PAGE, PAGE));
	assert_true(grf_image_is_left_out(world.image, HEAP + 5 * PAGE, PAGE));
	assert_false(grf_image_is_left_out(world.image, HEAP + 3 * PAGE, 2 * PAGE));
}

static void expect_same(const struct grf_provenance *found)
{
	const struct grf_provenance *wanted = &provenance;

	assert_int_equal(found->origin, wanted->origin);
	assert_int_equal(found->freeze, wanted->freeze);
	assert_int_equal(found->copied_by, wanted->copied_by);
	assert_int_equal(found->through_mem, wanted->through_mem);
	assert_int_equal(found->registers_by, wanted->registers_by);
	assert_int_equal(found->goroutines_by, wanted->goroutines_by);
	assert_int_equal(found->goroutine_records, wanted->goroutine_records);
	assert_int_equal(found->goroutines_expected, wanted->goroutines_expected);
	assert_int_equal(found->goroutines_limit, wanted->goroutines_limit);
	assert_memory_equal(&found->pause, &wanted->pause,
			    offsetof(struct grf_pause, clock) + sizeof(wanted->pause.clock));
	assert_memory_equal(&found->preparation, &wanted->preparation,
			    offsetof(struct grf_provenance, rounds) -
				offsetof(struct grf_provenance, preparation));
	assert_int_equal(found->rounds, wanted->rounds);
	assert_memory_equal(found->lacks, wanted->lacks, sizeof(wanted->lacks));
	assert_int_equal(found->pid, wanted->pid);
	assert_int_equal(found->clock, wanted->clock);
	assert_int_equal(found->taken, wanted->taken);
	assert_string_equal(found->host, wanted->host);
	assert_string_equal(found->kernel, wanted->kernel);
}

static void expect_rest(void)
{
	const struct grf_goroutine_record *records;
	const struct grf_mapping *mappings;
	const struct grf_thread *threads;
	const struct grf_thread last = thread_of(4712);
	uint64_t word;
	size_t count;

	expect_same(grf_image_provenance(world.image));
	threads = grf_image_threads(world.image, &count);
	assert_int_equal(count, 2);
	assert_int_equal(threads[0].tid, 4711);
	assert_memory_equal(&threads[1], &last, sizeof(last));
	mappings = grf_image_mappings(world.image, &count);
	assert_int_equal(count, 1);
	assert_string_equal(mappings[0].path, "/opt/server");
	assert_true(grf_image_auxv(world.image, AT_PAGESZ, &word));
	assert_int_equal(word, 4096);
	records = grf_image_goroutines(world.image, &count);
	assert_int_equal(count, 2);
	assert_memory_equal(records, goroutines, sizeof(goroutines));
	assert_memory_equal(grf_image_goroutine_fields(world.image), &fields, sizeof(fields));
	assert_string_equal(grf_executable_name(world.executable), "/opt/server");
	assert_true(grf_executable_is_deleted(world.executable));
}

static void expect_program(struct grf_core_file *file)
{
	struct grf_core_program program;

	assert_null(grf_core_program_read(file, &program));
	assert_true(program.is_snapshot);
	assert_string_equal(program.path, "/opt/server");
	assert_true(program.deleted);
	assert_false(program.placed);
	assert_int_equal(program.gnu_build_id_size, 4);
	assert_memory_equal(program.gnu_build_id, gnu_id + 16, 4);
	assert_string_equal(program.go_build_id, "build/id");
	assert_string_equal(program.go_version, "go1.26.8");
	assert_string_equal(program.modules, "mod\tserver\n");
	grf_core_program_free(&program);
}

static void expect_snapshot(const char *path)
{
	struct grf_core_file *file;

	open_executable();
	assert_null(grf_core_file_open(path, &file));
	expect_program(file);
	assert_null(grf_image_of_core_file(file, world.executable, &world.image));
	grf_core_file_leave(file);
	expect_bytes();
	expect_rest();
	close_world();
}

static void test_comes_back(void **state)
{
	(void)state;
	write_snapshot(false);
	expect_snapshot(world.path);
}

/* Of the first program that wrote version 1. */
static void test_oldest(void **state)
{
	(void)state;
	expect_snapshot(OLDEST);
}

/* The executable in it has the same bytes, and begins with a page. */
static void test_with_files(void **state)
{
	struct grf_core_program program;
	struct grf_core_file *file;
	const uint8_t *bytes;
	uint64_t size;

	(void)state;
	write_snapshot(true);
	expect_snapshot(world.path);
	write_snapshot(true);
	open_executable();
	assert_null(grf_core_file_open(world.path, &file));
	assert_null(grf_core_program_read(file, &program));
	assert_int_equal(program.files.count, 1);
	assert_int_equal(program.files.items[0].kind, GRF_SNAPSHOT_EXECUTABLE);
	assert_string_equal(program.files.items[0].path, "/opt/server");
	assert_int_equal(program.files.items[0].offset % PAGE, 0);
	bytes = grf_executable_bytes(world.executable, &size);
	assert_int_equal(program.files.items[0].size, size);
	assert_memory_equal(file->memory + program.files.items[0].offset, bytes, size);
	grf_core_program_free(&program);
	grf_core_file_leave(file);
	close_world();
}

/* Debuggers see that it is not there: the file has less of the segment than memory had. */
static void test_left_out_segments(void **state)
{
	struct grf_core_file *file;
	Elf64_Ehdr header;
	size_t loads = 0;

	(void)state;
	write_snapshot(false);
	assert_null(grf_core_file_open(world.path, &file));
	memcpy(&header, file->memory, sizeof(header));
	for (size_t i = 0; i < header.e_phnum; i++) {
		static const uint64_t expected[][3] = {{DATA, PAGE, PAGE},
						       {HEAP, PAGE, 3 * PAGE},
						       {HEAP + 3 * PAGE, 4 * PAGE, 5 * PAGE}};
		Elf64_Phdr load;

		memcpy(&load, file->memory + header.e_phoff + i * sizeof(load), sizeof(load));
		if (load.p_type != PT_LOAD)
			continue;
		assert_true(loads < 3);
		assert_int_equal(load.p_vaddr, expected[loads][0]);
		assert_int_equal(load.p_filesz, expected[loads][1]);
		assert_int_equal(load.p_memsz, expected[loads++][2]);
	}
	assert_int_equal(loads, 3);
	grf_core_file_leave(file);
	close_world();
}

/* Some tools go by the types of notes alone: each of Linux's is there as often as it is to be. */
static void test_types_of_notes(void **state)
{
	const uint32_t expected[] = {NT_PRSTATUS, NT_PRPSINFO, NT_PRSTATUS,
				     NT_AUXV,     NT_FILE,     GRF_SNAPSHOT_NOTE_TYPE};
	struct grf_core_file *file;
	Elf64_Ehdr header;
	Elf64_Phdr notes;
	size_t count = 0;

	(void)state;
	write_snapshot(false);
	assert_null(grf_core_file_open(world.path, &file));
	memcpy(&header, file->memory, sizeof(header));
	memcpy(&notes, file->memory + header.e_phoff, sizeof(notes));
	assert_int_equal(notes.p_type, PT_NOTE);
	for (uint64_t at = 0; at < notes.p_filesz;) {
		uint32_t words[3];

		memcpy(words, file->memory + notes.p_offset + at, sizeof(words));
		assert_true(count < sizeof(expected) / sizeof(*expected));
		assert_int_equal(words[2], expected[count++]);
		at += sizeof(words) + ((words[0] + 3) & ~3u) + ((words[1] + 3) & ~3u);
	}
	assert_int_equal(count, sizeof(expected) / sizeof(*expected));
	assert_true(GRF_SNAPSHOT_NOTE_TYPE > UINT16_MAX && GRF_SNAPSHOT_NOTE_TYPE != NT_FILE);
	grf_core_file_leave(file);
	close_world();
}

static struct grf_error *refuse_write(void *context, const void *data, size_t size)
{
	unsigned int *left = context;

	(void)data;
	(void)size;
	return (*left)-- ? NULL : grf_error_create(GRF_ERROR_OUTPUT, "no room");
}

static struct grf_error *accept_skip(void *context, uint64_t size)
{
	(void)context;
	(void)size;
	return NULL;
}

static void test_refused_writes(void **state)
{
	const struct grf_snapshot_facts facts = {0};

	(void)state;
	open_executable();
	assert_null(grf_image_create(make_parts(), world.executable, &world.image));
	for (unsigned int i = 0;; i++) {
		unsigned int left = i;
		const struct grf_snapshot_sink sink = {refuse_write, accept_skip, &left};
		struct grf_error *error =
		    grf_snapshot_write(world.image, world.executable, &facts, &sink);

		if (!error) {
			assert_true(i > 4);
			break;
		}
		assert_int_equal(error->code, GRF_ERROR_OUTPUT);
		grf_error_free(error);
	}
	close_world();
}

/* --- broken notes ----------------------------------------------------------------------------- */

static void expect_refused(const uint8_t *note, size_t size, enum grf_error_code code)
{
	struct grf_image_parts *parts = NULL;
	struct grf_core_program program = {0};
	struct grf_error *error = grf_snapshot_note_read(note, size, "file", &parts, &program);

	assert_non_null(error);
	assert_int_equal(error->code, code);
	assert_null(parts);
	assert_null(program.path);
	grf_error_free(error);
}

/* A note with one field; protobuf's encoding: the number of the field times 8, and its kind. */
static void test_broken_notes(void **state)
{
	static const uint8_t none[] = {0}, newer[] = {1 << 3, GRF_SNAPSHOT_VERSION + 1};
	static const uint8_t alone[] = {1 << 3, 1}, cut[] = {1 << 3, 1, 3 << 3 | 2, 100};
	/* A provenance that stands at a point that there is none of. */
	static const uint8_t point[] = {1 << 3, 1, 3 << 3 | 2, 2, 1 << 3, 9, 4 << 3 | 2, 0};
	static const uint8_t no_pause[] = {1 << 3, 1, 3 << 3 | 2, 0, 4 << 3 | 2, 0};

	(void)state;
	expect_refused(none, 0, GRF_ERROR_BAD_INPUT);
	expect_refused(none, sizeof(none), GRF_ERROR_BAD_INPUT);
	expect_refused(newer, sizeof(newer), GRF_ERROR_UNSUPPORTED);
	expect_refused(alone, sizeof(alone), GRF_ERROR_BAD_INPUT);
	expect_refused(cut, sizeof(cut), GRF_ERROR_BAD_INPUT);
	expect_refused(point, sizeof(point), GRF_ERROR_BAD_INPUT);
	expect_refused(no_pause, sizeof(no_pause), GRF_ERROR_BAD_INPUT);
}

/* Each byte of a whole note changed: refused, or read as something else within bounds. */
static void test_changed_notes(void **state)
{
	struct grf_snapshot_facts facts = {.go_version = "go1.26.8", .modules = "mod\tserver\n"};
	struct grf_snapshot_note note = {.facts = &facts};
	uint8_t *packed = NULL;
	size_t size = 0;

	(void)state;
	open_executable();
	note.executable = world.executable;
	note.parts = make_parts();
	assert_null(grf_snapshot_note_pack(&note, &packed, &size));
	for (size_t i = 0; i < 4 * size; i++) {
		static const uint8_t changes[] = {0xff, 0x80, 0x01, 0x7f};
		struct grf_image_parts *parts = NULL;
		struct grf_core_program program = {0};
		struct grf_error *error;

		packed[i / 4] ^= changes[i % 4];
		error = grf_snapshot_note_read(packed, size, "file", &parts, &program);
		packed[i / 4] ^= changes[i % 4];
		for (size_t k = 0; parts && k < parts->left_out_count; k++)
			assert_true(parts->left_out[k].start < parts->left_out[k].end &&
				    (!k || parts->left_out[k - 1].end <= parts->left_out[k].start));
		grf_error_free(error);
		grf_image_parts_destroy(parts);
		grf_core_program_free(&program);
	}
	free(packed);
	grf_image_parts_destroy((struct grf_image_parts *)note.parts);
	close_world();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_comes_back),     cmocka_unit_test(test_oldest),
	    cmocka_unit_test(test_with_files),     cmocka_unit_test(test_left_out_segments),
	    cmocka_unit_test(test_refused_writes), cmocka_unit_test(test_types_of_notes),
	    cmocka_unit_test(test_broken_notes),   cmocka_unit_test(test_changed_notes),
	};

	return cmocka_run_group_tests_name("snapshot", tests, NULL, NULL);
}
