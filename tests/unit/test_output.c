/* SPDX-License-Identifier: BSD-2-Clause */
/* Results are whole or not there, and nowhere else than they were meant to be, whatever others do
 * in the folder between the look and the end. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "outputs/file.h"

static char base[] = "/tmp/grf-output-XXXXXX";
static char folder[64], path[96], victim[128], elsewhere[128], moved[128];

static unsigned int files(const char *name)
{
	DIR *directory = opendir(name);
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

static void make(const char *name, const char *text, mode_t mode)
{
	FILE *stream = fopen(name, "we");

	assert_non_null(stream);
	fputs(text, stream);
	assert_int_equal(fchmod(fileno(stream), mode), 0);
	fclose(stream);
}

static mode_t mode_of(const char *name)
{
	struct stat status;

	assert_int_equal(lstat(name, &status), 0);
	return status.st_mode;
}

static struct grf_output *create(const char *name)
{
	struct grf_output *output = NULL;

	assert_null(grf_output_create(name, &output));
	assert_non_null(output);
	assert_string_equal(grf_output_path(output), name);
	return output;
}

/* All of it: "new" at `name`. */
static void write_new(const char *name)
{
	struct grf_output *output = create(name);

	assert_null(grf_output_write(output, "n", 1));
	assert_null(grf_output_write(output, "ew", 2));
	assert_null(grf_output_commit(output));
	grf_output_destroy(output);
}

static void assert_error(struct grf_error *error, const char *word)
{
	assert_non_null(error);
	assert_int_equal(error->code, GRF_ERROR_OUTPUT);
	assert_null(strchr(error->message, '\n'));
	if (!strstr(error->message, word))
		fail_msg("no \"%s\" in: %s", word, error->message);
	grf_error_free(error);
}

static void assert_refused(const char *name, const char *word)
{
	struct grf_output *output = NULL;

	assert_error(grf_output_create(name, &output), word);
	assert_null(output);
}

/* --- alone ------------------------------------------------------------------------------------ */

static void test_a_new_file(void **state)
{
	mode_t mask = umask(0);
	struct grf_output *output = create(path);

	(void)state;
	assert_int_equal(files(folder), 0);
	assert_null(grf_output_write(output, "lost", 4));
	grf_output_destroy(output);
	assert_int_equal(files(folder), 0);
	write_new(path);
	assert_holds(path, "new");
	assert_int_equal(files(folder), 1);
	assert_int_equal(mode_of(path), S_IFREG | 0600);
	umask(mask);
	output = create(path);
	assert_null(grf_output_commit(output));
	grf_output_destroy(output);
	assert_holds(path, "");
	grf_output_destroy(NULL);
}

static void test_one_that_is_there(void **state)
{
	struct grf_output *output;

	(void)state;
	make(path, "old", 0444);
	output = create(path);
	assert_null(grf_output_write(output, "new", 3));
	assert_holds(path, "old");
	assert_null(grf_output_commit(output));
	grf_output_destroy(output);
	assert_holds(path, "new");
	assert_int_equal(mode_of(path), S_IFREG | 0600);
	assert_int_equal(files(folder), 1);
}

static void test_relative_paths(void **state)
{
	int here = open(".", O_PATH | O_DIRECTORY | O_CLOEXEC);

	(void)state;
	assert_true(here >= 0);
	assert_int_equal(chdir(folder), 0);
	write_new("result");
	assert_holds(path, "new");
	unlink(path);
	write_new("./result");
	assert_int_equal(fchdir(here), 0);
	close(here);
	assert_holds(path, "new");
}

static void test_refused_names(void **state)
{
	char name[160];

	(void)state;
	assert_refused("", "empty");
	assert_refused(folder, "directory");
	assert_refused("/", "directory");
	assert_refused(".", "directory");
	snprintf(name, sizeof(name), "%s/", folder);
	assert_refused(name, "directory");
	assert_refused("/no/such/folder/file", "/no/such/folder does not exist");
	make(path, "old", 0644);
	snprintf(name, sizeof(name), "%s/below", path);
	assert_refused(name, "no folder");
	assert_int_equal(files(folder), 1);
}

static void test_descriptors(void **state)
{
	struct grf_output *output;
	char name[32], bytes[8] = "";
	int ends[2];

	(void)state;
	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	snprintf(name, sizeof(name), "/dev/fd/%d", ends[1]);
	write_new(name);
	assert_int_equal(read(ends[0], bytes, sizeof(bytes)), 3);
	assert_string_equal(bytes, "new");
	snprintf(name, sizeof(name), "/proc/self/fd/%d", ends[0]);
	assert_refused(name, "not open for writing");
	close(ends[0]);
	output = create("/dev/null");
	assert_null(grf_output_write(output, "gone", 4));
	assert_null(grf_output_commit(output));
	assert_false(grf_output_is_standard(output));
	grf_output_destroy(output);
	assert_true(S_ISCHR(mode_of("/dev/null")));
	close(ends[1]);
	snprintf(name, sizeof(name), "/dev/fd/%d", ends[1]);
	assert_refused(name, "not open for writing");
	output = create("-");
	assert_true(grf_output_is_standard(output));
	grf_output_destroy(output);
	assert_true(fcntl(STDOUT_FILENO, F_GETFD) >= 0);
}

/* --- others in the folder -----------------------------------------------------------------------
 */

static void put_link(void)
{
	assert_int_equal(symlink(victim, path), 0);
}

static void put_dangling_link(void)
{
	assert_int_equal(symlink("/no/such/file", path), 0);
}

static void put_fifo(void)
{
	assert_int_equal(mkfifo(path, 0666), 0);
}

static void put_socket(void)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
	assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	close(fd);
}

static void put_folder(void)
{
	assert_int_equal(mkdir(path, 0777), 0);
}

static const struct {
	void (*put)(void);
	const char *word;
} swaps[] = {
    {put_link, "symbolic link"}, {put_dangling_link, "symbolic link"},
    {put_fifo, "FIFO"},          {put_socket, "socket"},
    {put_folder, "directory"},
};

static void remove_swap(void)
{
	if (unlink(path))
		rmdir(path);
}

static void assert_victim_is_well(void)
{
	assert_holds(victim, "secret");
	assert_int_equal(mode_of(victim), S_IFREG | 0600);
}

static void test_there_at_the_start(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(swaps) / sizeof(*swaps); i++) {
		swaps[i].put();
		assert_refused(path, swaps[i].word);
		assert_int_equal(files(folder), 1);
		remove_swap();
	}
	assert_refused("/dev/full", "device");
	assert_refused("/dev/zero", "device");
	assert_victim_is_well();
}

/* `before`: a file is there at the start, which the other thing then takes the place of. */
static void swap_in_the_middle(size_t swap, bool before, bool written)
{
	struct grf_output *output;
	mode_t mode;

	if (before)
		make(path, "old", 0644);
	output = create(path);
	if (written)
		assert_null(grf_output_write(output, "new", 3));
	if (before)
		unlink(path);
	swaps[swap].put();
	mode = mode_of(path);
	if (!written)
		assert_null(grf_output_write(output, "new", 3));
	assert_error(grf_output_commit(output), swaps[swap].word);
	grf_output_destroy(output);
	assert_int_equal(mode_of(path), mode);
	assert_int_equal(files(folder), 1);
	remove_swap();
	assert_victim_is_well();
}

static void test_put_there_in_the_middle(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(swaps) / sizeof(*swaps); i++)
		for (unsigned int how = 0; how < 4; how++)
			swap_in_the_middle(i, how & 1, how & 2);
}

/* Of several results, none comes to its place where one cannot. */
static void test_all_or_none(void **state)
{
	char other[sizeof(path) + 8];
	struct grf_output *outputs[2];

	(void)state;
	snprintf(other, sizeof(other), "%s-other", path);
	make(other, "old", 0600);
	for (size_t bad = 0; bad < 2; bad++) {
		outputs[0] = create(bad ? other : path);
		outputs[1] = create(bad ? path : other);
		for (size_t i = 0; i < 2; i++)
			assert_null(grf_output_write(outputs[i], "new", 3));
		assert_int_equal(symlink(victim, path), 0);
		assert_error(grf_outputs_commit(outputs, 2), "symbolic link");
		for (size_t i = 0; i < 2; i++)
			grf_output_destroy(outputs[i]);
		assert_holds(other, "old");
		assert_int_equal(files(folder), 2);
		assert_int_equal(unlink(path), 0);
		assert_victim_is_well();
	}
	outputs[0] = create(path);
	outputs[1] = create(other);
	for (size_t i = 0; i < 2; i++)
		assert_null(grf_output_write(outputs[i], "new", 3));
	assert_null(grf_outputs_commit(outputs, 2));
	for (size_t i = 0; i < 2; i++)
		grf_output_destroy(outputs[i]);
	assert_holds(path, "new");
	assert_holds(other, "new");
	assert_int_equal(unlink(other), 0);
}

/* Another name of a file is replaced as a name: the file stays. */
static void test_hard_link(void **state)
{
	struct grf_output *output;

	(void)state;
	assert_int_equal(link(victim, path), 0);
	write_new(path);
	assert_victim_is_well();
	unlink(path);
	output = create(path);
	assert_int_equal(link(victim, path), 0);
	assert_null(grf_output_write(output, "new", 3));
	assert_null(grf_output_commit(output));
	grf_output_destroy(output);
	assert_holds(path, "new");
	assert_victim_is_well();
}

static void test_folder_replaced(void **state)
{
	struct grf_output *output = create(path);

	(void)state;
	assert_null(grf_output_write(output, "new", 3));
	assert_int_equal(rename(folder, moved), 0);
	assert_error(grf_output_commit(output), "removed or replaced");
	assert_int_equal(symlink(elsewhere, folder), 0);
	assert_error(grf_output_commit(output), "removed or replaced");
	assert_int_equal(files(elsewhere), 0);
	assert_int_equal(files(moved), 0);
	unlink(folder);
	/* The same one is back. */
	assert_int_equal(rename(moved, folder), 0);
	assert_null(grf_output_commit(output));
	grf_output_destroy(output);
	assert_holds(path, "new");
	unlink(path);
	output = create(path);
	assert_int_equal(rmdir(folder), 0);
	assert_error(grf_output_commit(output), "removed or replaced");
	assert_int_equal(mkdir(folder, 0755), 0);
	assert_error(grf_output_commit(output), "removed or replaced");
	grf_output_destroy(output);
	assert_int_equal(files(folder), 0);
}

/* A link to a folder is what a user may have; one that is turned meanwhile is not. */
static void test_linked_folder(void **state)
{
	struct grf_output *output;
	char name[160];

	(void)state;
	snprintf(name, sizeof(name), "%s/result", moved);
	assert_int_equal(symlink(folder, moved), 0);
	write_new(name);
	assert_holds(path, "new");
	output = create(name);
	assert_null(grf_output_write(output, "newer", 5));
	unlink(moved);
	assert_int_equal(symlink(elsewhere, moved), 0);
	assert_error(grf_output_commit(output), "removed or replaced");
	grf_output_destroy(output);
	unlink(moved);
	assert_int_equal(files(elsewhere), 0);
	assert_holds(path, "new");
}

static void test_inputs(void **state)
{
	struct grf_output *output;
	char other[160];

	(void)state;
	snprintf(other, sizeof(other), "%s/other", folder);
	make(path, "input", 0644);
	assert_int_equal(link(path, other), 0);
	output = create(path);
	assert_error(grf_output_check_apart(output, path), "to be read");
	assert_error(grf_output_check_apart(output, other), "to be read");
	assert_null(grf_output_check_apart(output, victim));
	assert_null(grf_output_check_apart(output, NULL));
	assert_null(grf_output_check_apart(output, "/no/such/file"));
	grf_output_destroy(output);
	unlink(other);
	assert_int_equal(symlink(path, other), 0);
	output = create(path);
	assert_error(grf_output_check_apart(output, other), "to be read");
	grf_output_destroy(output);
	unlink(other);
}

/* --- as another process -------------------------------------------------------------------------
 */

static void in_child(bool (*run)(void))
{
	pid_t pid = fork();
	int status;

	assert_true(pid >= 0);
	if (!pid)
		_exit(!run());
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

static bool is_error(struct grf_error *error, const char *word)
{
	return error && error->code == GRF_ERROR_OUTPUT && strstr(error->message, word);
}

static bool as_another_user(void)
{
	struct grf_output *output;
	char name[160];

	if (setresgid(65534, 65534, 65534) || setresuid(65534, 65534, 65534))
		return false;
	snprintf(name, sizeof(name), "%s/mine", folder);
	return is_error(grf_output_create(path, &output), "another user's") &&
	       !grf_output_create(name, &output) && !grf_output_write(output, "x", 1) &&
	       !grf_output_commit(output) && !unlink(name);
}

/* The kernel lets nobody replace another user's file in such a folder: that is said at the start.
 */
static void test_sticky_folder(void **state)
{
	(void)state;
	if (geteuid())
		skip();
	make(path, "old", 0666);
	assert_int_equal(chmod(folder, 01777), 0);
	in_child(as_another_user);
	assert_int_equal(chmod(folder, 0755), 0);
	assert_holds(path, "old");
}

/* Has a system call fail if its argument 2 has this bit (0: always). */
static bool deny(int number, unsigned int bits, unsigned int errnum)
{
	struct sock_filter filter[] = {
	    BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
	    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (unsigned int)number, 0, 3),
	    BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[2])),
	    BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, bits, 0, 1),
	    BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | errnum),
	    BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = {sizeof(filter) / sizeof(*filter), filter};

	return !prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) &&
	       !prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program);
}

static bool without_nameless_files(void)
{
	struct grf_output *output;

	if (!deny(SYS_openat, O_TMPFILE & ~O_DIRECTORY, EOPNOTSUPP) ||
	    grf_output_create(path, &output) || files(folder) ||
	    grf_output_write(output, "new", 3) || files(folder) || grf_output_commit(output))
		return false;
	grf_output_destroy(output);
	return files(folder) == 1 && mode_of(path) == (S_IFREG | 0600);
}

static void test_without_nameless_files(void **state)
{
	(void)state;
	in_child(without_nameless_files);
	assert_holds(path, "new");
}

/* One that may be too large for memory is beside its place then, and gone when it is given up. */
static bool large_without_nameless_files(void)
{
	struct grf_output *output;

	if (!deny(SYS_openat, O_TMPFILE & ~O_DIRECTORY, EOPNOTSUPP) ||
	    grf_output_create_large(path, &output) || files(folder) != 1 ||
	    grf_output_write(output, "old", 3))
		return false;
	grf_output_destroy(output);
	if (files(folder) || grf_output_create_large(path, &output) ||
	    grf_output_descriptor(output) < 0 || grf_output_write(output, "new", 3) ||
	    grf_output_commit(output))
		return false;
	grf_output_destroy(output);
	return files(folder) == 1 && mode_of(path) == (S_IFREG | 0600);
}

static void test_large_without_nameless_files(void **state)
{
	(void)state;
	in_child(large_without_nameless_files);
	assert_holds(path, "new");
}

/* What is skipped reads as zero, stays what others wrote to the descriptor, and is there at the end
 * of the file too. */
static void test_skipped(void **state)
{
	struct grf_output *output = NULL;
	char bytes[10] = "", expected[10] = {'a', 0, 'x', 0, 'b'};
	FILE *stream;

	(void)state;
	assert_null(grf_output_create_large(path, &output));
	assert_int_equal(pwrite(grf_output_descriptor(output), "x", 1, 2), 1);
	assert_null(grf_output_write(output, "a", 1));
	assert_null(grf_output_skip(output, 1));
	assert_null(grf_output_skip(output, 2));
	assert_null(grf_output_write(output, "b", 1));
	assert_null(grf_output_skip(output, 5));
	assert_null(grf_output_commit(output));
	grf_output_destroy(output);
	stream = fopen(path, "re");
	assert_non_null(stream);
	assert_int_equal(fread(bytes, 1, sizeof(bytes), stream), sizeof(bytes));
	assert_int_equal(fgetc(stream), EOF);
	fclose(stream);
	assert_memory_equal(bytes, expected, sizeof(bytes));
}

/* From the first look on, no file is opened. */
static bool without_opening(void)
{
	struct grf_output *output;

	if (grf_output_create(path, &output) || !deny(SYS_openat, ~0U, EPERM) ||
	    open("/dev/null", O_WRONLY | O_CREAT, 0600) >= 0)
		return false;
	return !grf_output_write(output, "new", 3) && !grf_output_commit(output);
}

static void test_without_opening(void **state)
{
	int probe = open(folder, O_TMPFILE | O_WRONLY | O_CLOEXEC, 0600);

	(void)state;
	if (probe < 0)
		skip();
	close(probe);
	in_child(without_opening);
	assert_holds(path, "new");
}

static int begin(void **state)
{
	(void)state;
	if (mkdir(folder, 0755) || mkdir(elsewhere, 0755))
		return -1;
	make(victim, "secret", 0600);
	return 0;
}

static int end(void **state)
{
	(void)state;
	remove_swap();
	unlink(victim);
	return rmdir(folder) || rmdir(elsewhere);
}

static int begin_all(void **state)
{
	(void)state;
	if (!mkdtemp(base) || chmod(base, 0755))
		return -1;
	snprintf(folder, sizeof(folder), "%s/folder", base);
	snprintf(path, sizeof(path), "%s/result", folder);
	snprintf(victim, sizeof(victim), "%s/victim", base);
	snprintf(elsewhere, sizeof(elsewhere), "%s/elsewhere", base);
	snprintf(moved, sizeof(moved), "%s/moved", base);
	return 0;
}

static int end_all(void **state)
{
	(void)state;
	return rmdir(base);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(test_a_new_file),
	    TEST(test_one_that_is_there),
	    TEST(test_relative_paths),
	    TEST(test_refused_names),
	    TEST(test_descriptors),
	    TEST(test_there_at_the_start),
	    TEST(test_put_there_in_the_middle),
	    TEST(test_all_or_none),
	    TEST(test_hard_link),
	    TEST(test_folder_replaced),
	    TEST(test_linked_folder),
	    TEST(test_inputs),
	    TEST(test_sticky_folder),
	    TEST(test_without_nameless_files),
	    TEST(test_large_without_nameless_files),
	    TEST(test_skipped),
	    TEST(test_without_opening),
	};

	return cmocka_run_group_tests_name("output", tests, begin_all, end_all);
}
