/* SPDX-License-Identifier: BSD-2-Clause */
/* Limits of memory control groups, from files as the kernel writes them, and as it never would. */
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

#include "base/memory/memory_groups.h"
#include "file_tree.h"

#define MIB (1ull << 20)

static char root[64];

/* Version 1 beside a version 2 without the memory controller, as many hosts have them. */
static int set_up(void **state)
{
	(void)state;
	strcpy(root, "/tmp/grf-groups-XXXXXX");
	if (!mkdtemp(root))
		return -1;
	put_file(root, "/proc/self/mountinfo",
		 "31 23 0:28 / /sys/fs/cgroup rw - tmpfs tmpfs rw\n"
		 "35 31 0:32 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu\n"
		 "36 31 0:33 / /sys/fs/cgroup/memory rw shared:3 - cgroup cgroup rw,memory\n"
		 "41 31 0:38 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n");
	put_file(root, "/proc/self/cgroup",
		 "9:name=systemd:/\n4:memory:/pod/tool\n1:cpu:/\n0::/\n");
	put_file(root, "/proc/7/cgroup", "4:memory:/pod/server\n0::/\n");
	put_file(root, "/sys/fs/cgroup/unified/cgroup.procs", "");
	put_file(root, "/sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n");
	put_file(root, "/sys/fs/cgroup/memory/memory.usage_in_bytes", "1\n");
	put_file(root, "/sys/fs/cgroup/memory/pod/memory.limit_in_bytes", "104857600\n");
	put_file(root, "/sys/fs/cgroup/memory/pod/memory.usage_in_bytes", "62914560\n");
	put_file(root, "/sys/fs/cgroup/memory/pod/memory.stat",
		 "cache 1\nhierarchical_memory_limit 104857600\ninactive_file 5\n"
		 "total_inactive_file 10485760\ntotal_active_file 20971520\ntotal_dirty 1048576\n"
		 "total_writeback 1048576\n");
	put_file(root, "/sys/fs/cgroup/memory/pod/tool/memory.limit_in_bytes",
		 "9223372036854771712\n");
	put_file(root, "/sys/fs/cgroup/memory/pod/tool/memory.usage_in_bytes", "1048576\n");
	put_file(root, "/sys/fs/cgroup/memory/pod/server/memory.limit_in_bytes", "73400320\n");
	put_file(root, "/sys/fs/cgroup/memory/pod/server/memory.usage_in_bytes", "52428800\n");
	return 0;
}

static int tear_down(void **state)
{
	char command[128];

	(void)state;
	snprintf(command, sizeof(command), "rm -rf %s", root);
	return system(command);
}

static void test_version_1(void **state)
{
	struct grf_memory_groups ours, others;
	const struct grf_memory_group *tightest;

	(void)state;
	grf_memory_groups_read(root, "self", &ours);
	grf_memory_groups_read(root, "7", &others);
	assert_int_equal(ours.list.count, 1);
	assert_int_equal(others.list.count, 2);
	tightest = grf_memory_groups_tightest(&ours, NULL);
	assert_non_null(tightest);
	assert_non_null(strstr(tightest->path, "/memory/pod"));
	assert_int_equal(tightest->limit, 100 * MIB);
	assert_int_equal(tightest->used, 60 * MIB);
	assert_int_equal(tightest->unused_cache, 10 * MIB);
	assert_int_equal(tightest->cache, 28 * MIB);
	assert_int_equal(grf_memory_group_room(tightest), 50 * MIB);
	/* The process's own is tighter, but ours is not below it. */
	tightest = grf_memory_groups_tightest(&others, NULL);
	assert_int_equal(grf_memory_group_room(tightest), 20 * MIB);
	tightest = grf_memory_groups_tightest(&ours, &others);
	assert_int_equal(grf_memory_group_room(tightest), 50 * MIB);
	grf_memory_groups_free(&ours);
	grf_memory_groups_free(&others);
}

/* A limit of a group that a container does not see. */
static void test_limit_above(void **state)
{
	struct grf_memory_groups groups;

	(void)state;
	put_file(root, "/proc/self/mountinfo",
		 "36 31 0:33 /pod/tool /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n");
	put_file(root, "/sys/fs/cgroup/memory/memory.stat", "hierarchical_memory_limit 33554432\n");
	put_file(root, "/sys/fs/cgroup/memory/memory.usage_in_bytes", "1048576\n");
	grf_memory_groups_read(root, "self", &groups);
	assert_int_equal(groups.list.count, 1);
	assert_int_equal(grf_memory_group_room(&groups.list.items[0]), 31 * MIB);
	grf_memory_groups_free(&groups);
}

static void use_version_2(void)
{
	put_file(root, "/proc/self/mountinfo",
		 "41 31 0:38 / /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw,nsdelegate\n");
	put_file(root, "/proc/self/cgroup", "0::/slice/pod\n");
	put_file(root, "/proc/7/cgroup", "0::/slice/pod\n");
	put_file(root, "/sys/fs/cgroup/slice/pod/memory.max", "104857600\n");
	put_file(root, "/sys/fs/cgroup/slice/pod/memory.high", "max\n");
	put_file(root, "/sys/fs/cgroup/slice/pod/memory.current", "52428800\n");
	put_file(root, "/sys/fs/cgroup/slice/pod/memory.stat",
		 "anon 7\nfile 9\nfile_dirty 1048576\nfile_writeback 0\n"
		 "inactive_file 2097152\nactive_file 4194304\n");
	put_file(root, "/sys/fs/cgroup/slice/memory.max", "max\n");
	put_file(root, "/sys/fs/cgroup/slice/memory.high", "max\n");
	put_file(root, "/sys/fs/cgroup/slice/memory.current", "99\n");
}

/* One hierarchy that cannot be seen says nothing of another. */
static void test_one_is_hidden(void **state)
{
	struct grf_memory_groups groups;

	(void)state;
	use_version_2();
	put_file(root, "/proc/self/cgroup", "4:memory:/../elsewhere\n0::/slice/pod\n");
	grf_memory_groups_read(root, "self", &groups);
	assert_string_equal(groups.hidden, "/../elsewhere");
	assert_int_equal(groups.list.count, 1);
	assert_int_equal(grf_memory_group_room(&groups.list.items[0]), 52 * MIB);
	grf_memory_groups_free(&groups);
}

static void test_version_2(void **state)
{
	struct grf_memory_groups groups, others;

	(void)state;
	use_version_2();
	grf_memory_groups_read(root, "self", &groups);
	assert_int_equal(groups.list.count, 1);
	assert_int_equal(grf_memory_group_room(&groups.list.items[0]), 52 * MIB);
	assert_int_equal(groups.list.items[0].cache, 5 * MIB);
	put_file(root, "/sys/fs/cgroup/slice/pod/memory.current", "62914560\n");
	assert_true(grf_memory_group_refresh(&groups.list.items[0]));
	assert_int_equal(grf_memory_group_room(&groups.list.items[0]), 42 * MIB);
	grf_memory_groups_free(&groups);
	/* memory.high, and a limit further up. */
	put_file(root, "/sys/fs/cgroup/slice/pod/memory.high", "73400320\n");
	put_file(root, "/sys/fs/cgroup/slice/memory.max", "67108864\n");
	put_file(root, "/sys/fs/cgroup/slice/memory.current", "66060288\n");
	grf_memory_groups_read(root, "self", &groups);
	grf_memory_groups_read(root, "7", &others);
	assert_int_equal(groups.list.count, 2);
	assert_int_equal(grf_memory_group_room(&groups.list.items[0]), 12 * MIB);
	assert_int_equal(grf_memory_group_room(grf_memory_groups_tightest(&groups, &others)), MIB);
	grf_memory_groups_free(&groups);
	grf_memory_groups_free(&others);
}

/* In a container with a control group namespace of its own, the root is the container's group. */
static void test_namespace(void **state)
{
	struct grf_memory_groups groups;

	(void)state;
	use_version_2();
	put_file(root, "/proc/self/cgroup", "0::/\n");
	put_file(root, "/proc/7/cgroup", "0::/../sibling\n");
	put_file(root, "/sys/fs/cgroup/memory.max", "8388608\n");
	put_file(root, "/sys/fs/cgroup/memory.current", "9000000\n");
	grf_memory_groups_read(root, "self", &groups);
	assert_int_equal(groups.list.count, 1);
	assert_int_equal(grf_memory_group_room(&groups.list.items[0]), 0);
	grf_memory_groups_free(&groups);
	grf_memory_groups_read(root, "7", &groups);
	assert_int_equal(groups.list.count, 0);
	grf_memory_groups_free(&groups);
}

static void test_nonsense(void **state)
{
	struct grf_memory_groups groups;

	(void)state;
	use_version_2();
	put_file(root, "/sys/fs/cgroup/slice/pod/memory.max", "many\n");
	grf_memory_groups_read(root, "self", &groups);
	assert_int_equal(groups.list.count, 0);
	put_file(root, "/sys/fs/cgroup/slice/pod/memory.max", "5000000\n");
	put_file(root, "/sys/fs/cgroup/slice/pod/memory.stat",
		 "inactive_file 99999999999\nactive_file x\n");
	grf_memory_groups_read(root, "self", &groups);
	assert_int_equal(groups.list.count, 1);
	assert_int_equal(groups.list.items[0].unused_cache, groups.list.items[0].used);
	assert_int_equal(grf_memory_group_room(&groups.list.items[0]), 5000000);
	put_file(root, "/sys/fs/cgroup/slice/pod/memory.current", "");
	assert_false(grf_memory_group_refresh(&groups.list.items[0]));
	grf_memory_groups_free(&groups);
	put_file(root, "/proc/self/cgroup", "0\n:\n::\n4:memory\n0:::\n\n");
	grf_memory_groups_read(root, "self", &groups);
	assert_int_equal(groups.list.count, 0);
	grf_memory_groups_free(&groups);
	grf_memory_groups_read(root, "8", &groups);
	assert_int_equal(groups.list.count, 0);
	assert_null(grf_memory_groups_tightest(&groups, NULL));
}

/* What is held is read again where nothing can be opened any more. */
static void test_held(void **state)
{
	struct grf_memory_groups groups;
	struct grf_memory_group *group;
	char name[512], away[512];

	(void)state;
	use_version_2();
	grf_memory_groups_read(root, "self", &groups);
	assert_true(groups.list.count > 0);
	group = &groups.list.items[0];
	grf_memory_groups_hold(&groups);
	snprintf(name, sizeof(name), "%s/memory.current", group->path);
	snprintf(away, sizeof(away), "%s/away", group->path);
	for (uint64_t used = 5; used < 8; used++) {
		char text[32];

		snprintf(text, sizeof(text), "%llu\n", (unsigned long long)used);
		put_file(root, name + strlen(root), text);
		assert_int_equal(rename(name, away), 0);
		assert_true(grf_memory_group_refresh(group));
		assert_int_equal(group->used, used);
		assert_int_equal(rename(away, name), 0);
	}
	grf_memory_groups_free(&groups);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(test_version_1, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(test_limit_above, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(test_version_2, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(test_one_is_hidden, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(test_namespace, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(test_nonsense, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(test_held, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
