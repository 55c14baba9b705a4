/* SPDX-License-Identifier: BSD-2-Clause */
/* Errors say what they are of; arrays grow; work apart comes to its end. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/array.h"
#include "base/error.h"
#include "base/files/fields.h"
#include "hold/apart.h"

static void test_errors(void **state)
{
	struct grf_error *error = grf_error_create(GRF_ERROR_NOT_GO, "%s is %d", "x", 1);

	(void)state;
	error = grf_error_prefix(error, "process %d", 7);
	assert_string_equal(error->message, "process 7: x is 1");
	assert_int_equal(error->code, GRF_ERROR_NOT_GO);
	grf_error_free(error);
	error = grf_error_errno(GRF_ERROR_OTHER, EPERM, "open");
	assert_int_equal(error->code, GRF_ERROR_PERMISSION);
	assert_non_null(strstr(error->message, "open: "));
	grf_error_free(error);
	error = grf_error_errno(GRF_ERROR_OTHER, ESRCH, "open");
	assert_int_equal(error->code, GRF_ERROR_NO_PROCESS);
	grf_error_free(error);
	error = grf_error_errno(GRF_ERROR_OUTPUT, ENOMEM, "open");
	assert_int_equal(error->code, GRF_ERROR_OUTPUT);
	grf_error_free(error);
	grf_error_free(NULL);
	grf_error_free(grf_error_no_memory());
	assert_int_equal(grf_error_no_memory()->code, GRF_ERROR_NO_MEMORY);
}

static void test_arrays_grow(void **state)
{
	GRF_ARRAY(uint32_t) array = {0};

	(void)state;
	for (uint32_t i = 0; i < 10000; i++) {
		uint32_t *item = grf_array_add(&array);

		assert_non_null(item);
		*item = i;
	}
	for (uint32_t i = 0; i < 10000; i++)
		assert_int_equal(array.items[i], i);
	grf_array_free(&array);
	assert_int_equal(array.count, 0);
}

struct work {
	int seen;
	bool fail, end;
};

static struct grf_error *work_apart(void *context, int *ret)
{
	struct work *work = context;

	if (work->end)
		_exit(3);
	work->seen = (int)getpid();
	if (work->fail)
		return grf_error_create(GRF_ERROR_UNSUPPORTED, "not today");
	*ret = open("/dev/zero", O_RDONLY | O_CLOEXEC);
	return NULL;
}

static void test_work_apart(void **state)
{
	struct work work = {0};
	struct grf_error *error;
	char byte = 1;
	int fd = -1;

	(void)state;
	assert_null(grf_apart_run(work_apart, &work, &work, sizeof(work), &fd));
	assert_true(work.seen != 0 && work.seen != (int)getpid());
	assert_int_equal(read(fd, &byte, 1), 1);
	assert_int_equal(byte, 0);
	close(fd);
	work.fail = true;
	error = grf_apart_run(work_apart, &work, &work, sizeof(work), &fd);
	assert_non_null(error);
	assert_int_equal(error->code, GRF_ERROR_UNSUPPORTED);
	assert_string_equal(error->message, "not today");
	grf_error_free(error);
	work.end = true;
	error = grf_apart_run(work_apart, &work, &work, sizeof(work), &fd);
	assert_non_null(error);
	assert_int_equal(error->code, GRF_ERROR_OTHER);
	grf_error_free(error);
}

/* As /proc/PID/status, meminfo, limits and memory.stat have them. */
/* A number that is all of a text, and fields behind the name of a command that looks like some. */
static void test_numbers(void **state)
{
	static const char *const wrong[] = {"",   "-1",  "+1", " 1",
					    "1 ", "0x1", "1x", "18446744073709551616"};
	const char stat[] = "12 (a) R 9 (b)) S 1 2 3 4 5 4194624 7";
	uint64_t number = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++)
		assert_false(grf_number_whole(wrong[i], 10, &number));
	assert_true(grf_number_whole("18446744073709551615", 10, &number));
	assert_int_equal(number, UINT64_MAX);
	assert_true(grf_number_whole("c00001A2", 16, &number));
	assert_int_equal(number, 0xc00001a2);
	assert_int_equal(*grf_stat_field(stat, 3), 'S');
	assert_int_equal(grf_number_parse(grf_stat_field(stat, 9), 0), 4194624);
	assert_int_equal(grf_number_parse(grf_stat_field(stat, 10), 0), 7);
	assert_null(grf_stat_field(stat, 11));
	assert_null(grf_stat_field("12 sh", 3));
}

static void test_fields(void **state)
{
	static const char status[] =
	    "Name:\tVmSwap: 7 kB\nTgid:\t12\nNSpid:\t12\t1\nVmSwap:\t  3 kB\n"
	    "VmRSS:\t18014398509481984 kB\nCapEff:\t00000000a8\nSeccomp:\n";

	(void)state;
	assert_int_equal(grf_field_number(status, "Tgid", 5), 12);
	assert_int_equal(grf_field_number(status, "Tgi", 5), 5);
	assert_int_equal(grf_field_number(status, "NSpid", 5), 12);
	assert_int_equal(grf_field_number(status, "Seccomp", 5), 5);
	assert_int_equal(grf_field_bytes(status, "VmSwap", 5), 3072);
	assert_int_equal(grf_field_bytes(status, "VmPeak", 5), 5);
	/* More than 64 bits of bytes. */
	assert_int_equal(grf_field_bytes(status, "VmRSS", 5), 5);
	assert_memory_equal(grf_field_find(status, "CapEff"), "00000000a8\n", 11);
	assert_memory_equal(grf_field_find(status, "Name"), "VmSwap", 6);
	assert_null(grf_field_find("", "Tgid"));
	assert_null(grf_field_find("Tgid", "Tgid"));
	assert_int_equal(grf_field_number("Max cpu  1 2\nMax processes   33   44 processes\n",
					  "Max processes", 5),
			 33);
	assert_int_equal(grf_field_number("Max processes   unlimited\n", "Max processes", 5), 5);
	assert_int_equal(grf_field_number("inactive_file 1\nfile 2", "file", 5), 2);
	assert_int_equal(grf_number_parse(" max\n", 5), 5);
	assert_int_equal(grf_number_parse(" 9\n", 5), 9);
	assert_int_equal(grf_number_parse("-9", 5), 5);
	assert_int_equal(grf_number_parse("99999999999999999999", 5), UINT64_MAX);
	assert_int_equal(grf_number_parse_in("00000000a80425fb\n", 16, 5), 0xa80425fb);
	assert_int_equal(grf_number_parse_in("0100002\n", 8, 5), 0100002);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_errors),     cmocka_unit_test(test_fields),
	    cmocka_unit_test(test_numbers),    cmocka_unit_test(test_arrays_grow),
	    cmocka_unit_test(test_work_apart),
	};

	return cmocka_run_group_tests_name("base", tests, NULL, NULL);
}
