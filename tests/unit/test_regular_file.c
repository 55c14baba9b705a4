/* SPDX-License-Identifier: BSD-2-Clause */
/* What is opened of paths that somebody else chose, and what is not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/files/regular_file.h"

static char base[] = "/tmp/grf-files-XXXXXX";
static int folder;

static void make_file(const char *name, const char *text)
{
	int fd = openat(folder, name, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	close(fd);
}

/* The first byte of what is opened, or the negative code of the error. */
static int first_byte(enum grf_links links, uint64_t limit, const char *path)
{
	const struct grf_file_place place = {folder, links, limit};
	struct grf_error *error;
	char byte = 0;
	int fd, code;

	error = grf_regular_file_open(&place, path, path, &fd);
	if (error) {
		code = -(int)error->code;
		grf_error_free(error);
		return code;
	}
	code = read(fd, &byte, 1) == 1 ? byte : 0;
	close(fd);
	return code;
}

static void test_regular(void **state)
{
	(void)state;
	for (enum grf_links links = GRF_LINKS_ALL; links <= GRF_LINKS_IN_ROOT; links++) {
		assert_int_equal(first_byte(links, 0, "a"), 'a');
		assert_int_equal(first_byte(links, 4, "a"), 'a');
		assert_int_equal(first_byte(links, 3, "a"), -GRF_ERROR_BAD_INPUT);
		assert_int_equal(first_byte(links, 0, "in/b"), 'b');
		assert_int_equal(first_byte(links, 0, "none"), -GRF_ERROR_OTHER);
		assert_int_equal(first_byte(links, 0, "in"), -GRF_ERROR_BAD_INPUT);
	}
}

/* Nobody writes to it: whoever opened it to read would wait. */
static void test_no_file(void **state)
{
	(void)state;
	assert_int_equal(mkfifoat(folder, "fifo", 0600), 0);
	assert_int_equal(symlinkat("fifo", folder, "to-fifo"), 0);
	assert_int_equal(symlinkat("/dev/zero", folder, "zero"), 0);
	for (enum grf_links links = GRF_LINKS_ALL; links <= GRF_LINKS_IN_ROOT; links++) {
		assert_int_equal(first_byte(links, 0, "fifo"), -GRF_ERROR_BAD_INPUT);
		assert_int_equal(first_byte(links, 0, "to-fifo"), -GRF_ERROR_BAD_INPUT);
		assert_true(first_byte(links, 0, "zero") < 0);
	}
}

static void test_links(void **state)
{
	char path[64];
	int fd;

	(void)state;
	snprintf(path, sizeof(path), "%s/a", base);
	assert_int_equal(symlinkat("../a", folder, "in/within"), 0);
	assert_int_equal(symlinkat(path, folder, "in/out"), 0);
	assert_int_equal(symlinkat("/a", folder, "in/root"), 0);
	for (enum grf_links links = GRF_LINKS_ALL; links <= GRF_LINKS_IN_ROOT; links++)
		assert_int_equal(first_byte(links, 0, "in/within"), 'a');
	assert_int_equal(first_byte(GRF_LINKS_ALL, 0, "in/out"), 'a');
	assert_int_equal(first_byte(GRF_LINKS_PLAIN, 0, "in/out"), 'a');
	assert_true(first_byte(GRF_LINKS_BENEATH, 0, "in/out") < 0);
	assert_true(first_byte(GRF_LINKS_IN_ROOT, 0, "in/out") < 0);
	assert_true(first_byte(GRF_LINKS_BENEATH, 0, "in/root") < 0);
	assert_int_equal(first_byte(GRF_LINKS_IN_ROOT, 0, "in/root"), 'a');
	assert_int_equal(first_byte(GRF_LINKS_IN_ROOT, 0, "/in/../../../a"), 'a');
	assert_true(first_byte(GRF_LINKS_BENEATH, 0, "../../etc/passwd") < 0);

	fd = openat(folder, "a", O_RDONLY | O_CLOEXEC);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	assert_int_equal(first_byte(GRF_LINKS_ALL, 0, path), 'a');
	assert_true(first_byte(GRF_LINKS_PLAIN, 0, path) < 0);
	close(fd);
}

/* Has the kernel say that it knows no openat2(). */
static bool forget_openat2(void)
{
	struct sock_filter code[] = {
	    BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
	    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_openat2, 0, 1),
	    BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | 38 /* ENOSYS */),
	    BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	const struct sock_fprog program = {sizeof(code) / sizeof(*code), code};

	return !prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) &&
	       !prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program);
}

/* Without it no link at all is followed, nor a way up. */
static void test_old_kernel(void **state)
{
	pid_t child = fork();
	int status;

	(void)state;
	if (!child) {
		bool right = forget_openat2() && first_byte(GRF_LINKS_BENEATH, 0, "in/b") == 'b' &&
			     first_byte(GRF_LINKS_IN_ROOT, 0, "/in//./b") == 'b' &&
			     first_byte(GRF_LINKS_PLAIN, 0, "in/within") == 'a' &&
			     first_byte(GRF_LINKS_BENEATH, 0, "in/within") < 0 &&
			     first_byte(GRF_LINKS_BENEATH, 0, "in/../a") < 0 &&
			     first_byte(GRF_LINKS_BENEATH, 0, "fifo") < 0;

		_exit(!right);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
}

static int begin(void **state)
{
	(void)state;
	if (!mkdtemp(base))
		return 1;
	folder = open(base, O_PATH | O_DIRECTORY | O_CLOEXEC);
	mkdirat(folder, "in", 0700);
	make_file("a", "aaaa");
	make_file("in/b", "bbbb");
	return 0;
}

static int end(void **state)
{
	char command[64];

	(void)state;
	snprintf(command, sizeof(command), "rm -rf %s", base);
	return system(command); /* NOLINT: a folder of our own */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_regular),
	    cmocka_unit_test(test_no_file),
	    cmocka_unit_test(test_links),
	    cmocka_unit_test(test_old_kernel),
	};

	return cmocka_run_group_tests_name("regular_file", tests, begin, end);
}
