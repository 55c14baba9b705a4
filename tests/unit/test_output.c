/* SPDX-License-Identifier: BSD-2-Clause */
/* Results are whole or not there; errors say what they are of; arrays grow. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/array.h"
#include "base/error.h"
#include "hold/apart.h"
#include "outputs/file.h"

static char folder[] = "/tmp/grf-output-XXXXXX";
static char path[64], other[64];

static unsigned int files(void)
{
	DIR *directory = opendir(folder);
	unsigned int count = 0;

	assert_non_null(directory);
	while (readdir(directory))
		count++;
	closedir(directory);
	return count - 2;
}

static void assert_holds(const char *name, const char *text)
{
	char bytes[64] = "";
	FILE *stream = fopen(name, "re");

	assert_non_null(stream);
	if (!fread(bytes, 1, sizeof(bytes) - 1, stream))
		assert_true(feof(stream));
	fclose(stream);
	assert_string_equal(bytes, text);
}

static void test_a_new_file(void **state)
{
	struct stat status;
	mode_t mask = umask(027);

	(void)state;
	assert_null(grf_output_check(path));
	assert_int_equal(files(), 0);
	assert_null(grf_output_write(path, "first", 5));
	assert_holds(path, "first");
	assert_int_equal(files(), 1);
	assert_int_equal(stat(path, &status), 0);
	assert_int_equal(status.st_mode & 0777, 0640);
	umask(mask);
}

static void test_one_that_is_there(void **state)
{
	(void)state;
	assert_null(grf_output_write(path, "old", 3));
	assert_null(grf_output_check(path));
	assert_holds(path, "old");
	assert_null(grf_output_write(path, "", 0));
	assert_holds(path, "");
	assert_int_equal(files(), 1);
}

static void test_through_a_link(void **state)
{
	struct stat status;

	(void)state;
	assert_null(grf_output_write(path, "old", 3));
	assert_int_equal(symlink(path, other), 0);
	assert_null(grf_output_write(other, "new", 3));
	assert_holds(path, "new");
	assert_int_equal(lstat(other, &status), 0);
	assert_true(S_ISLNK(status.st_mode));
	unlink(other);
}

static void test_what_is_no_regular_file(void **state)
{
	struct stat status;

	(void)state;
	assert_null(grf_output_check("/dev/null"));
	assert_null(grf_output_write("/dev/null", "gone", 4));
	assert_int_equal(stat("/dev/null", &status), 0);
	assert_true(S_ISCHR(status.st_mode));
}

static void assert_refused(struct grf_error *error)
{
	assert_non_null(error);
	assert_int_equal(error->code, GRF_ERROR_OUTPUT);
	assert_null(strchr(error->message, '\n'));
	grf_error_free(error);
}

static void test_refused(void **state)
{
	unsigned int before = files();

	(void)state;
	assert_refused(grf_output_check(folder));
	assert_refused(grf_output_check("/no/such/folder/file"));
	assert_refused(grf_output_write("/no/such/folder/file", "x", 1));
	assert_refused(grf_output_write("/dev/full", "x", 1));
	assert_int_equal(files(), before);
}

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

static int begin(void **state)
{
	(void)state;
	if (!mkdtemp(folder))
		return -1;
	snprintf(path, sizeof(path), "%s/result", folder);
	snprintf(other, sizeof(other), "%s/link", folder);
	return 0;
}

static int end(void **state)
{
	(void)state;
	unlink(path);
	unlink(other);
	return rmdir(folder);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_a_new_file),     cmocka_unit_test(test_one_that_is_there),
	    cmocka_unit_test(test_through_a_link), cmocka_unit_test(test_what_is_no_regular_file),
	    cmocka_unit_test(test_refused),        cmocka_unit_test(test_errors),
	    cmocka_unit_test(test_arrays_grow),    cmocka_unit_test(test_work_apart),
	};

	return cmocka_run_group_tests_name("output", tests, begin, end);
}
