/* SPDX-License-Identifier: BSD-2-Clause */
/* Lines of /proc/PID/maps, which pages of a mapping exist, and where their copies go. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>
#include <sys/mman.h>
#include <fcntl.h>

#include "base/cleanup.h"
#include "capture/copy/maps.h"
#include "capture/copy/resident.h"
#include "capture/copy/space.h"
#include "image/image.h"

static struct grf_map_line parse(const char *text)
{
	const char *at = text;
	struct grf_map_line line;

	assert_true(grf_map_parse(&at, text + strlen(text), &line));
	assert_ptr_equal(at, text + strlen(text));
	return line;
}

static void test_parse_fields(void **state)
{
	struct grf_map_line line =
	    parse("00400000-0057d000 r-xp 00001000 fe:00 1234567   /opt/a b/server (deleted)\n");

	(void)state;
	assert_int_equal(line.start, 0x400000);
	assert_int_equal(line.end, 0x57d000);
	assert_int_equal(line.file_offset, 0x1000);
	assert_int_equal(line.flags, GRF_SEGMENT_READ | GRF_SEGMENT_EXECUTE);
	assert_true(line.private);
	assert_int_equal(line.path_length, strlen("/opt/a b/server (deleted)"));
	assert_memory_equal(line.path, "/opt/a b/server (deleted)", line.path_length);
	assert_true(grf_map_is_file(&line));
	line = parse("7ffd0000-7ffd1000 ---s 00000000 00:00 0 \n");
	assert_int_equal(line.flags, 0);
	assert_false(line.private);
	assert_int_equal(line.path_length, 0);
	assert_false(grf_map_is_file(&line));
}

static void test_parse_sequence(void **state)
{
	const char *text = "1000-2000 rw-p 0 00:00 0 \n2000-3000 r--p 0 00:00 0 [heap]\n";
	const char *at = text, *end = text + strlen(text);
	struct grf_map_line line;

	(void)state;
	assert_true(grf_map_parse(&at, end, &line));
	assert_int_equal(line.start, 0x1000);
	assert_true(grf_map_parse(&at, end, &line));
	assert_int_equal(line.start, 0x2000);
	assert_false(grf_map_parse(&at, end, &line));
}

/* Every beginning of a line, and lines that are none, are refused without a read past the end. */
static void test_parse_refuses(void **state)
{
	static const char *const bad[] = {
	    "2000-1000 rw-p 0 00:00 0 \n",
	    "1000-1000 rw-p 0 00:00 0 \n",
	    "x-1000 rw-p 0 00:00 0 \n",
	    "1000 2000 rw-p 0 00:00 0 \n",
	    "11112222333344445-11112222333344446 rw-p 0 00:00 0 \n",
	    "1000-2000 rw-p 0 00:00 99999999999999999999999 \n",
	    "\n",
	};
	const char *whole = "1000-2000 rw-p 00000000 fe:00 17 /a\n";
	struct grf_map_line line;
	size_t i, length;

	(void)state;
	for (length = 0; length < strlen(whole); length++) {
		_cleanup_free_ char *part = malloc(length + 1);
		const char *at = part;

		memcpy(part, whole, length);
		assert_false(grf_map_parse(&at, part + length, &line));
	}
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		const char *at = bad[i];

		assert_false(grf_map_parse(&at, bad[i] + strlen(bad[i]), &line));
	}
}

static void test_part(void **state)
{
	static const struct {
		const char *text;
		enum grf_map_part part;
	} cases[] = {
	    {"c000000000-c004000000 rw-p 0 00:00 0 \n", GRF_MAP_RESIDENT},
	    {"c000000000-c004000000 rw-p 0 00:00 0 [anon: Go: heap]\n", GRF_MAP_RESIDENT},
	    {"c000000000-c004000000 rw-s 0 00:01 9 [anon_shmem:x]\n", GRF_MAP_NOTHING},
	    {"c004000000-c008000000 ---p 0 00:00 0 \n", GRF_MAP_NOTHING},
	    {"1000-2000 r--p 0 00:00 0 \n", GRF_MAP_RESIDENT},
	    {"1000-2000 rw-p 0 00:00 0 [stack]\n", GRF_MAP_RESIDENT},
	    {"1000-2000 rw-p 0 00:00 0 [heap]\n", GRF_MAP_RESIDENT},
	    {"1000-2000 r--p 0 00:00 0 [vvar]\n", GRF_MAP_NOTHING},
	    {"1000-2000 r-xp 0 00:00 0 [vdso]\n", GRF_MAP_NOTHING},
	    {"1000-2000 rw-s 0 00:00 0 \n", GRF_MAP_NOTHING},
	    {"1000-2000 rw-p 0 00:05 7 /dev/zero\n", GRF_MAP_RESIDENT},
	    {"1000-2000 rw-p 0 00:05 7 /dev/nvidia0\n", GRF_MAP_NOTHING},
	    {"1000-2000 rw-p 0 00:05 7 /dev/shm/x\n", GRF_MAP_ALL},
	    {"1000-2000 rw-p 0 fe:00 7 /a\n", GRF_MAP_ALL},
	    {"100000000-200000000 rw-p 0 fe:00 7 /data\n", GRF_MAP_WRITTEN},
	    {"1000-2000 r--p 0 fe:00 7 /a\n", GRF_MAP_WRITTEN},
	    {"100000000-200000000 r--p 0 fe:00 7 /data\n", GRF_MAP_NOTHING},
	    {"1000-2000 r-xp 0 fe:00 7 /a\n", GRF_MAP_NOTHING},
	    {"1000-2000 rw-s 0 fe:00 7 /a\n", GRF_MAP_NOTHING},
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct grf_map_line line = parse(cases[i].text);

		if (grf_map_part(&line) != cases[i].part)
			fail_msg("%s", cases[i].text);
	}
}

#define PAGES 3000

/* Collects runs in small steps, as callers with little room do. */
static size_t collect(struct grf_resident *resident, uint8_t *memory, bool *exists)
{
	uint64_t start = (uint64_t)(uintptr_t)memory, at = start;
	uint64_t end = start + (uint64_t)PAGES * GRF_PAGE, page;
	size_t pages = 0, i, count;
	struct grf_run runs[7];

	memset(exists, 0, PAGES);
	while (at < end) {
		uint64_t before = at;

		count = grf_resident_runs(resident, GRF_RESIDENT, at, end, runs, 7, 100, &at);
		assert_true(at > before && at <= end);
		for (i = 0; i < count; i++) {
			assert_true(runs[i].start >= before && runs[i].start < runs[i].end);
			assert_true(runs[i].end <= at);
			for (page = runs[i].start; page < runs[i].end; page += GRF_PAGE, pages++) {
				assert_false(exists[(page - start) / GRF_PAGE]);
				exists[(page - start) / GRF_PAGE] = true;
			}
		}
	}
	return pages;
}

static bool touched(size_t page)
{
	return page % 5 == 1 || (page >= 1000 && page < 1400) || page == PAGES - 1;
}

static void test_resident(void **state)
{
	_cleanup_close_ int pagemap = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
	struct grf_resident resident = {.pagemap = pagemap};
	static bool exists[PAGES];
	uint8_t *memory = mmap(NULL, (size_t)PAGES * GRF_PAGE, PROT_READ | PROT_WRITE,
			       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	size_t i, round;

	(void)state;
	if (pagemap < 0)
		skip();
	madvise(memory, (size_t)PAGES * GRF_PAGE, MADV_NOHUGEPAGE);
	for (i = 0; i < PAGES; i++)
		if (touched(i))
			memory[i * GRF_PAGE] = 1;
	for (round = 0; round < 2; round++) {
		collect(&resident, memory, exists);
		for (i = 0; i < PAGES; i++)
			if (exists[i] != touched(i))
				fail_msg("page %zu, PAGEMAP_SCAN %d", i, !resident.no_scan);
		resident.no_scan = true;
	}
	assert_false(resident.gone);
	/* No table, as after the end of a process: nothing exists, rather than all. */
	resident = (struct grf_resident){.pagemap = -1};
	assert_int_equal(collect(&resident, memory, exists), 0);
	assert_true(resident.gone);
	munmap(memory, (size_t)PAGES * GRF_PAGE);
}

static void run_of(const void *context, size_t index, uint64_t *start, uint64_t *end)
{
	const struct grf_run *runs = context;

	*start = runs[index].start;
	*end = runs[index].end;
}

static void test_space(void **state)
{
	static const struct grf_run runs[] = {
	    {0x400000, 0x401000}, {0x57d000, 0x5be000}, {0xc000000000, 0xc000400000}};
	struct grf_space space = {0};
	struct grf_image_range range;
	uint8_t *data, *next;
	uint64_t end;

	(void)state;
	assert_null(grf_space_reserve(&space, 3, run_of, runs));
	assert_int_equal(space.count, 2);
	data = grf_space_find(&space, 0xc000000000, 0xc000400000, &end);
	assert_int_equal(end, 0xc000400000);
	assert_int_equal((uintptr_t)data % (2 << 20), 0);
	/* A heap that grows goes on where it was, up and down. */
	next = grf_space_find(&space, 0xc000400000, 0xc000800000, &end);
	assert_ptr_equal(next, data + 0x400000);
	next = grf_space_find(&space, 0xbfffc00000, 0xc000800000, &end);
	assert_ptr_equal(next, data - 0x400000);
	assert_int_equal(end, 0xc000800000);
	assert_int_equal(space.count, 2);
	assert_true(grf_space_open(data, 0x800000));
	data[0x7fffff] = 1;
	/* Elsewhere a new area is made. */
	assert_non_null(grf_space_find(&space, 0x7f0000000000, 0x7f0000001000, &end));
	assert_int_equal(space.count, 3);
	/* What reaches beyond an area is in several; what is there stays there. */
	next = grf_space_find(&space, 0xbf00000000, 0xc000400000, &end);
	assert_int_equal(end, 0xbfc0000000);
	assert_int_equal(space.count, 4);
	next = grf_space_find(&space, 0xbfc0000000, 0xc000400000, &end);
	assert_ptr_equal(next, data - 0x40000000);
	next = grf_space_find(&space, 0xc000000000, 0xd000000000, &end);
	assert_ptr_equal(next, data);
	assert_int_equal(end, 0xc040400000);
	range = (struct grf_image_range){0xc000000000, 0xc000800000, 3, data, 0};
	grf_space_release(&space, &range, 1);
	assert_int_equal(data[0x7fffff], 1);
	/* What lies behind the range is given back: nothing is mapped there. */
	assert_int_not_equal(madvise(data + 0x800000, GRF_PAGE, MADV_NORMAL), 0);
	munmap(data, 0x800000);
}

/* Where the copy is a file, all of it is there, without gaps, and the longest run can grow. */
static void test_space_in_a_file(void **state)
{
	static const struct grf_run runs[] = {{0x400000, 0x401000},
					      {0xc000000000, 0xc000400000},
					      {0xc000400000, 0xc000800000},
					      {0xc000c00000, 0xc000d00000},
					      {0x7f0000000000, 0x7f0000100000}};
	static const uint64_t expected[][2] = {{0x400000, 0x1000},
					       {0xc000c00000, 0x2000},
					       {0x7f0000000000, 0x102000},
					       {0xc000000000, 0x202000},
					       {0xc0007ff000, 0xa01000}};
	struct grf_space space = {0};
	uint64_t end, offset;
	uint8_t *data;

	(void)state;
	assert_null(grf_space_reserve(&space, 5, run_of, runs));
	assert_true(grf_space_spill_all(&space, 5, run_of, runs, 0x1000));
	assert_int_equal(space.extents_end, 0xa02000);
	for (size_t i = 0; i < 5; i++) {
		data = grf_space_find(&space, expected[i][0], expected[i][0] + 0x1000, &end);
		assert_int_equal(end, expected[i][0] + 0x1000);
		assert_true(grf_space_is_spilled(&space, data, &offset));
		assert_int_equal(offset, expected[i][1]);
	}
	/* What was not known is in memory, and cut off from what was. */
	data = grf_space_find(&space, 0xc000700000, 0xc000d80000, &end);
	assert_int_equal(end, 0xc000800000);
	data = grf_space_find(&space, end, 0xc000d80000, &end);
	assert_int_equal(end, 0xc000c00000);
	assert_false(grf_space_is_spilled(&space, data, &offset));
	assert_true(grf_space_open(data, 0x1000));
	data = grf_space_find(&space, 0xc000d00000, 0xc000d80000, &end);
	assert_int_equal(end, 0xc000d80000);
	assert_false(grf_space_is_spilled(&space, data, &offset));
	grf_space_release(&space, NULL, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_parse_fields),    cmocka_unit_test(test_parse_sequence),
	    cmocka_unit_test(test_parse_refuses),   cmocka_unit_test(test_part),
	    cmocka_unit_test(test_resident),        cmocka_unit_test(test_space),
	    cmocka_unit_test(test_space_in_a_file),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
