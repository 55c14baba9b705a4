/* SPDX-License-Identifier: BSD-2-Clause */
/* Whether there is room for a child of a process, from files that say so, true and false ones. */
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

#include "file_tree.h"
#include "hold/calls/room.h"

#define GROUP1 "/sys/fs/cgroup/memory/outer/inner/"
#define GROUP2 "/sys/fs/cgroup/all/outer/inner/"

static char root[] = "/tmp/grf-room-XXXXXX";

static void discard(const char *name)
{
	char path[512];

	snprintf(path, sizeof(path), "%s%s", root, name);
	unlink(path);
}

/* A process of 300 MiB whose limits are far away. */
static int set_up(void **state)
{
	(void)state;
	put_file(root, "/proc/7/status",
		 "Name:\tx\nState:\tS (sleeping)\nUid:\t5\t5\t5\t5\nVmPTE:\t 1024 kB\n"
		 "RssAnon:\t 307200 kB\nVmData:\t 614400 kB\nVmStk:\t 132 kB\n"
		 "Threads:\t4\n");
	put_file(root, "/proc/8/status", "Name:\ty\nUid:\t5\t5\t5\t5\nThreads:\t3\n");
	put_file(root, "/proc/9/status", "Name:\tz\nUid:\t55\t5\t5\t5\nThreads:\t100\n");
	put_file(root, "/proc/7/limits",
		 "Limit                     Soft Limit  Hard Limit  Units\n"
		 "Max processes             8           99          processes\n");
	put_file(root, "/proc/7/cgroup",
		 "4:memory:/outer/inner\n3:cpu,pids:/outer\n0::/outer/inner\n");
	put_file(root, "/proc/self/mountinfo",
		 "31 23 0:28 / /sys rw - sysfs sysfs rw\n"
		 "35 31 0:32 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n"
		 "36 31 0:33 / /sys/fs/cgroup/pids rw shared:3 - cgroup cgroup rw,cpu,pids\n"
		 "37 31 0:34 / /sys/fs/cgroup/all rw,relatime - cgroup2 cgroup2 rw\n");
	put_file(root, "/proc/meminfo",
		 "MemTotal: 9000000 kB\nMemAvailable:    8000000 kB\n"
		 "CommitLimit:  1000000 kB\nCommitted_AS:   900000 kB\n");
	put_file(root, "/proc/sys/vm/overcommit_memory", "0\n");
	put_file(root, GROUP1 "memory.limit_in_bytes", "9223372036854771712\n");
	put_file(root, GROUP1 "memory.usage_in_bytes", "400000000\n");
	put_file(root, GROUP1 "memory.stat", "cache 5\ntotal_inactive_file 50000000\n");
	put_file(root, "/sys/fs/cgroup/memory/outer/memory.limit_in_bytes",
		 "9223372036854771712\n");
	put_file(root, "/sys/fs/cgroup/pids/outer/pids.max", "max\n");
	put_file(root, "/sys/fs/cgroup/pids/outer/pids.current", "4\n");
	put_file(root, GROUP2 "memory.max", "max\n");
	put_file(root, GROUP2 "memory.high", "max\n");
	put_file(root, GROUP2 "memory.current", "400000000\n");
	put_file(root, GROUP2 "memory.stat", "anon 5\ninactive_file 50000000\n");
	return 0;
}

static struct grf_error *ask(void)
{
	struct grf_target target = {.pid = 7};
	struct grf_error *error;
	char path[512];

	snprintf(path, sizeof(path), "%s/proc/7", root);
	target.directory = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(target.directory >= 0);
	error = grf_room_for_child_under(&target, root);
	close(target.directory);
	return error;
}

static void expect_room(void)
{
	struct grf_error *error = ask();

	if (error)
		fail_msg("%s", error->message);
}

static void expect_none(const char *words)
{
	struct grf_error *error = ask();

	assert_non_null(error);
	if (!error)
		return;
	assert_int_equal(error->code, GRF_ERROR_UNSUPPORTED);
	if (!strstr(error->message, words))
		fail_msg("no `%s' in: %s", words, error->message);
	grf_error_free(error);
}

static void test_room(void **state)
{
	(void)state;
	expect_room();
}

static void test_memory_groups(void **state)
{
	(void)state;
	/* 301 MiB may be needed: 315621376 bytes; 350000000 are used and cannot be taken back. */
	put_file(root, GROUP1 "memory.limit_in_bytes", "665621376\n");
	expect_room();
	put_file(root, GROUP1 "memory.limit_in_bytes", "665621375\n");
	expect_none("/outer/inner has 315621375 left");
	put_file(root, GROUP1 "memory.limit_in_bytes", "300000000\n");
	expect_none("has 0 left");
	set_up(NULL);
	put_file(root, "/sys/fs/cgroup/memory/outer/memory.limit_in_bytes", "500000000\n");
	put_file(root, "/sys/fs/cgroup/memory/outer/memory.usage_in_bytes", "499999999\n");
	expect_none("/outer has 1 left");
}

static void test_memory_groups_of_version_2(void **state)
{
	(void)state;
	put_file(root, GROUP2 "memory.max", "665621376\n");
	expect_room();
	put_file(root, GROUP2 "memory.high", "665621375\n");
	expect_none("/outer/inner has 315621375 left");
	put_file(root, GROUP2 "memory.high", "max\n");
	put_file(root, GROUP2 "memory.max", "1\n");
	expect_none("has 0 left");
}

static void test_groups_out_of_sight(void **state)
{
	(void)state;
	put_file(root, "/proc/7/cgroup", "4:memory:/../elsewhere\n");
	expect_none("cannot be seen");
	put_file(root, "/proc/7/cgroup", "4:memory:/outer\n0::/\n");
	put_file(root, "/proc/self/mountinfo", "1 2 0:3 / / rw - ext4 disk rw\n");
	expect_none("cannot be seen");
	put_file(root, "/proc/7/cgroup", "4:memory:/\n0::/\n");
	expect_room();
	/* A mount that begins further down. */
	put_file(root, "/proc/self/mountinfo",
		 "35 31 0:32 /a/b /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n");
	put_file(root, "/proc/7/cgroup", "4:memory:/a/b/outer/inner\n");
	put_file(root, GROUP1 "memory.limit_in_bytes", "300000000\n");
	expect_none("/outer/inner has 0 left");
}

static void test_processes(void **state)
{
	(void)state;
	put_file(root, "/sys/fs/cgroup/pids/outer/pids.max", "5\n");
	expect_room();
	put_file(root, "/sys/fs/cgroup/pids/outer/pids.max", "4\n");
	expect_none("1 process");
	set_up(NULL);
	put_file(root, "/proc/8/status", "Name:\ty\nUid:\t5\t5\t5\t5\nThreads:\t4\n");
	expect_none("has 8 threads and may have 8");
	put_file(root, "/proc/7/limits",
		 "Limit   Soft\nMax processes             unlimited  unlimited\n");
	expect_room();
}

static void test_system(void **state)
{
	(void)state;
	put_file(root, "/proc/meminfo", "MemAvailable:    300000 kB\n");
	expect_none("301 MiB of memory, and 292");
	set_up(NULL);
	put_file(root, "/proc/sys/vm/overcommit_memory", "2\n");
	expect_none("overcommit_memory");
	put_file(root, "/proc/meminfo",
		 "MemAvailable: 8000000 kB\nCommitLimit: 1000000 kB\n"
		 "Committed_AS: 300000 kB\n");
	expect_room();
}

/* Files that are missing, empty, or say nothing. */
static void test_nonsense(void **state)
{
	(void)state;
	put_file(root, "/proc/7/cgroup", "\n:\n::\n4\n9:memory\n8:,,memory,:/outer/inner\n");
	expect_room();
	put_file(root, GROUP1 "memory.limit_in_bytes", "x\n");
	put_file(root, "/proc/self/mountinfo", " - \n- cgroup\n35 31 - cgroup cgroup\n");
	expect_none("cannot be seen");
	discard("/proc/7/cgroup");
	discard("/proc/meminfo");
	discard("/proc/7/limits");
	expect_room();
	put_file(root, "/proc/7/status", "");
	expect_room();
	discard("/proc/7/status");
	{
		struct grf_error *error = ask();

		assert_non_null(error);
		assert_int_equal(error->code, GRF_ERROR_EXITED);
		grf_error_free(error);
	}
}

static int remove_all(void **state)
{
	char command[64];

	(void)state;
	snprintf(command, sizeof(command), "rm -rf %s", root);
	return system(command); /* NOLINT(cert-env33-c): a fixed command */
}

static int begin(void **state)
{
	(void)state;
	return mkdtemp(root) ? 0 : 1;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup(test_room, set_up),
	    cmocka_unit_test_setup(test_memory_groups, set_up),
	    cmocka_unit_test_setup(test_memory_groups_of_version_2, set_up),
	    cmocka_unit_test_setup(test_groups_out_of_sight, set_up),
	    cmocka_unit_test_setup(test_processes, set_up),
	    cmocka_unit_test_setup(test_system, set_up),
	    cmocka_unit_test_setup(test_nonsense, set_up),
	};

	return cmocka_run_group_tests_name("room", tests, begin, remove_all);
}
