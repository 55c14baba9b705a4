/* SPDX-License-Identifier: BSD-2-Clause */
/* What is denied inside a sandbox, and what works there. Each attempt is made by a child. */
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/log.h"
#include "base/memory/memory.h"
#include "base/priority.h"
#include "base/sandbox/sandbox.h"
#include "base/sandbox/sandbox_private.h"
#include "outputs/file.h"

#define STATUS_ENTERED  0
#define STATUS_NO_ENTRY 99
#define STATUS_DONE     98 /* what was to be denied was done */

static const struct grf_sandbox_place nowhere = {.folder = -1};
static char folder[64];

static int set_up(void **state)
{
	(void)state;
	strcpy(folder, "/tmp/grf-sandbox-XXXXXX");
	return mkdtemp(folder) ? 0 : -1;
}

static int tear_down(void **state)
{
	char command[128];

	(void)state;
	snprintf(command, sizeof(command), "rm -rf %s", folder);
	return system(command);
}

/* What can be expected of this kernel, and of this build. */
static bool has_seccomp(void)
{
	const uint32_t action = SECCOMP_RET_KILL_PROCESS;

	return !GRF_SANITIZED && !syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &action);
}

static bool has_landlock(void)
{
	return syscall(SYS_landlock_create_ruleset, NULL, 0, 1) > 0;
}

static void enter(enum grf_sandbox_stage stage, const struct grf_sandbox_place *place)
{
	if (grf_sandbox_enter(stage, place, 1))
		_exit(STATUS_NO_ENTRY);
}

/* The number of an error, or that it was done. */
static int outcome(long result)
{
	return result >= 0 ? STATUS_DONE : errno;
}

/* --- attempts --------------------------------------------------------------------------------- */

static int open_to_write(void)
{
	return outcome(open("/etc/shadow", O_WRONLY | O_CLOEXEC));
}

static int open_to_read(void)
{
	return outcome(open("/proc/self/maps", O_RDONLY | O_CLOEXEC));
}

static int make_file(void)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/made", folder);
	return outcome(open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
}

static int rename_file(void)
{
	return outcome(rename("/etc/shadow", "/etc/shadow"));
}

static int map_code(void)
{
	return mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) ==
		       MAP_FAILED
		   ? errno
		   : STATUS_DONE;
}

static int make_code(void)
{
	void *memory = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return outcome(mprotect(memory, 4096, PROT_READ | PROT_EXEC));
}

static int make_process(void)
{
	long child = syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);

	if (!child)
		_exit(0);
	return outcome(child);
}

static int make_namespace(void)
{
	return outcome(syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD, 0, 0, 0, 0));
}

static int lower_another(void)
{
	return outcome(setpriority(PRIO_PROCESS, (id_t)getppid(), 19));
}

static int use_network(void)
{
	return outcome(socket(AF_INET, SOCK_STREAM, 0));
}

static int run_program(void)
{
	char *const arguments[] = {(char *)"true", NULL};

	return outcome(execv("/bin/true", arguments));
}

static int trace(void)
{
	return outcome(ptrace(PTRACE_TRACEME, 0, NULL, NULL));
}

static int kill_another(void)
{
	return outcome(kill(getppid(), 0));
}

static int kill_thread_of_another(void)
{
	return outcome(syscall(SYS_tgkill, getppid(), getppid(), 0));
}

static int read_another(void)
{
	char byte;
	struct iovec part = {&byte, 1};

	return outcome(process_vm_readv(getppid(), &part, 1, &part, 1, 0));
}

static int load_program(void)
{
	return outcome(syscall(SYS_bpf, 0, NULL, 0));
}

static int mount_something(void)
{
	return outcome(mount("none", "/tmp", "tmpfs", MS_REMOUNT, NULL));
}

static int become_another(void)
{
	return outcome(syscall(SYS_setuid, 65534));
}

static int handle_faults(void)
{
	return outcome(syscall(SYS_userfaultfd, O_CLOEXEC));
}

static int use_ring(void)
{
	return outcome(syscall(SYS_io_uring_setup, 0, NULL));
}

static int call_unknown(void)
{
	return outcome(syscall(1000));
}

/* Errors: the number of the one that is expected; 0: killed by SIGSYS. */
struct attempt {
	int (*make)(void);
	int expected;
};

static const struct attempt attempts[] = {
    {open_to_write, EACCES},
    {open_to_read, EACCES},
    {make_file, EACCES},
    {rename_file, ENOSYS},
    {map_code, ENOSYS},
    {make_code, ENOSYS},
    {make_process, ENOSYS},
    {make_namespace, ENOSYS},
    {lower_another, ENOSYS},
    {call_unknown, ENOSYS},
    {use_network, 0},
    {run_program, 0},
    {trace, 0},
    {kill_another, 0},
    {read_another, 0},
    {kill_thread_of_another, 0},
    {load_program, 0},
    {mount_something, 0},
    {become_another, 0},
    {handle_faults, 0},
    {use_ring, 0},
};

/* How a child ends that enters a stage and then makes an attempt; -SIGNAL, or its status. */
static int end_of(enum grf_sandbox_stage stage, const struct grf_sandbox_place *place,
		  int (*make)(void))
{
	pid_t child = fork();
	int status;

	assert_true(child >= 0);
	if (!child) {
		const struct rlimit none = {0};

		setrlimit(RLIMIT_CORE, &none);
		enter(stage, place);
		_exit(make());
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	return WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
}

static void test_denied(void **state)
{
	(void)state;
	if (!has_seccomp())
		skip();
	for (size_t i = 0; i < sizeof(attempts) / sizeof(*attempts); i++) {
		int expected = attempts[i].expected ? attempts[i].expected : -SIGSYS;
		int end = end_of(GRF_SANDBOX_WORKS, &nowhere, attempts[i].make);

		if (end != expected)
			print_error("attempt %zu\n", i);
		assert_int_equal(end, expected);
	}
}

/* While files are opened: the same are deadly, and nothing is written to. */
static void test_denied_while_opening(void **state)
{
	(void)state;
	if (!has_seccomp())
		skip();
	unsetenv("DEBUGINFOD_URLS");
	for (size_t i = 0; i < sizeof(attempts) / sizeof(*attempts); i++)
		if (!attempts[i].expected)
			assert_int_equal(end_of(GRF_SANDBOX_OPENS, &nowhere, attempts[i].make),
					 -SIGSYS);
	assert_int_equal(end_of(GRF_SANDBOX_OPENS, &nowhere, open_to_read), STATUS_DONE);
	if (!has_landlock())
		skip();
	assert_int_equal(end_of(GRF_SANDBOX_OPENS, &nowhere, open_to_write), EACCES);
	assert_int_equal(end_of(GRF_SANDBOX_OPENS, &nowhere, make_file), EACCES);
}

/* Landlock alone, for what the other leaves open: a folder of the result, and no other. */
static int make_in_folder(void)
{
	int fd = openat(3, "made", O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);

	return outcome(fd);
}

static int make_above_folder(void)
{
	return outcome(openat(3, "../grf-sandbox-made",
			      O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
}

static void test_one_folder(void **state)
{
	struct grf_sandbox_place place = {.folder = 3};
	int fd = open(folder, O_PATH | O_DIRECTORY | O_CLOEXEC);

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(dup2(fd, 3), 3);
	assert_int_equal(end_of(GRF_SANDBOX_WORKS, &place, make_in_folder), STATUS_DONE);
	if (has_landlock())
		assert_int_equal(end_of(GRF_SANDBOX_WORKS, &place, make_above_folder), EACCES);
	place.nameless = true;
	if (has_seccomp())
		assert_int_equal(end_of(GRF_SANDBOX_WORKS, &place, make_in_folder), EACCES);
}

/* --- what works ------------------------------------------------------------------------------- */

static void *work_in_thread(void *argument)
{
	size_t size = 64u << 20;
	char *memory = malloc(size), *more = memory ? realloc(memory, 2 * size) : NULL;

	*(bool *)argument = more != NULL;
	if (more)
		more[2 * size - 1] = 1;
	free(more);
	return NULL;
}

static int work_within(void)
{
	pthread_t threads[8];
	bool worked[8] = {0};
	bool all = true;

	for (int i = 0; i < 8; i++)
		if (pthread_create(&threads[i], NULL, work_in_thread, &worked[i]))
			return STATUS_DONE;
	for (int i = 0; i < 8; i++) {
		pthread_join(threads[i], NULL);
		all &= worked[i];
	}
	grf_log_init(1);
	grf_memory_report();
	return all ? STATUS_ENTERED : STATUS_DONE;
}

/* The watcher of interruptions is at work again, and may raise us. */
static int interrupt_within(void)
{
	const struct timespec moment = {.tv_nsec = 1000000};

	grf_interrupt(SIGTERM);
	while (getpriority(PRIO_PROCESS, 0) != 0)
		nanosleep(&moment, NULL);
	return STATUS_ENTERED;
}

static void test_works(void **state)
{
	(void)state;
	assert_int_equal(end_of(GRF_SANDBOX_WORKS, &nowhere, work_within), STATUS_ENTERED);
}

static void test_is_raised_again(void **state)
{
	pid_t child;
	int status;

	(void)state;
	if (geteuid() || getpriority(PRIO_PROCESS, 0) != 0)
		skip();
	child = fork();
	assert_true(child >= 0);
	if (!child) {
		grf_priority_begin(15);
		grf_priority_for_good();
		if (getpriority(PRIO_PROCESS, 0) != 15)
			_exit(STATUS_DONE);
		enter(GRF_SANDBOX_WORKS, &nowhere);
		_exit(interrupt_within());
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, STATUS_ENTERED);
}

static void *stay(void *unused)
{
	(void)unused;
	for (;;)
		pause();
	return NULL;
}

/* A thread that is nobody's would keep its privileges. */
static void test_other_threads(void **state)
{
	pid_t child;
	int status;

	(void)state;
	child = fork();
	assert_true(child >= 0);
	if (!child) {
		struct grf_error *error;
		pthread_t thread;

		if (pthread_create(&thread, NULL, stay, NULL))
			_exit(STATUS_NO_ENTRY);
		/* It would wait for longer. */
		grf_interrupt(SIGTERM);
		error = grf_sandbox_enter(GRF_SANDBOX_WORKS, &nowhere, 1);
		_exit(error && error->code == GRF_ERROR_INTERRUPTED ? STATUS_ENTERED : STATUS_DONE);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, STATUS_ENTERED);
}

static struct grf_output *output;

static int write_result(void)
{
	return grf_output_write(output, "result", 6) || grf_output_commit(output) ? STATUS_DONE
										  : STATUS_ENTERED;
}

static void test_result(void **state)
{
	struct grf_sandbox_place place;
	char path[128], text[16] = {0};
	FILE *file;

	(void)state;
	snprintf(path, sizeof(path), "%s/out", folder);
	/* The second one replaces the first. */
	for (int i = 0; i < 2; i++) {
		assert_null(grf_output_create(path, &output));
		place = grf_output_place(output);
		assert_int_equal(end_of(GRF_SANDBOX_WORKS, &place, write_result), STATUS_ENTERED);
		grf_output_destroy(output);
	}
	file = fopen(path, "re");
	assert_non_null(file);
	assert_int_equal(fread(text, 1, sizeof(text), file), 6);
	assert_string_equal(text, "result");
	fclose(file);
}

/* --- what is kept ----------------------------------------------------------------------------- */

static uint64_t effective(void)
{
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3];

	if (syscall(SYS_capget, &header, data))
		_exit(STATUS_NO_ENTRY);
	return (uint64_t)data[1].effective << 32 | data[0].effective |
	       (uint64_t)data[1].permitted << 32 | data[0].permitted |
	       (uint64_t)data[1].inheritable << 32 | data[0].inheritable;
}

/* What is kept of capabilities where the folder has this owner and mode. */
static uint64_t kept_for(enum grf_sandbox_stage stage, uid_t owner, mode_t mode)
{
	struct grf_sandbox_place place = {.nameless = true};
	uint64_t *shared =
	    mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	uint64_t kept;
	pid_t child;
	int status;

	assert_ptr_not_equal(shared, MAP_FAILED);
	assert_int_equal(chown(folder, owner, owner), 0);
	assert_int_equal(chmod(folder, mode), 0);
	child = fork();
	assert_true(child >= 0);
	if (!child) {
		place.folder = open(folder, O_PATH | O_DIRECTORY | O_CLOEXEC);
		/* The filter would not let us ask. */
		if (place.folder < 0 || grf_sandbox_capabilities(&(struct grf_sandbox){
					    .stage = stage, .places = &place, .place_count = 1}))
			_exit(STATUS_NO_ENTRY);
		*shared = effective();
		_exit(STATUS_ENTERED);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, STATUS_ENTERED);
	kept = *shared;
	munmap(shared, 4096);
	return kept;
}

static void test_capabilities(void **state)
{
	const uint64_t override = UINT64_C(1) << CAP_DAC_OVERRIDE;
	const uint64_t owner = UINT64_C(1) << CAP_FOWNER;
	const uint64_t read = UINT64_C(1) << CAP_DAC_READ_SEARCH;

	(void)state;
	if (geteuid())
		skip();
	assert_int_equal(kept_for(GRF_SANDBOX_WORKS, 0, 0700), 0);
	assert_int_equal(kept_for(GRF_SANDBOX_WORKS, 0, 01777), 0);
	assert_int_equal(kept_for(GRF_SANDBOX_WORKS, 0, 0500), override);
	assert_int_equal(kept_for(GRF_SANDBOX_WORKS, 65534, 0777), 0);
	assert_int_equal(kept_for(GRF_SANDBOX_WORKS, 65534, 0755), override);
	assert_int_equal(kept_for(GRF_SANDBOX_WORKS, 65534, 01777), owner);
	assert_int_equal(kept_for(GRF_SANDBOX_WORKS, 65534, 01755), override | owner);
	assert_int_equal(kept_for(GRF_SANDBOX_OPENS, 0, 0700), read);
	assert_int_equal(kept_for(GRF_SANDBOX_OPENS, 65534, 0700), read | override);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(test_denied, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(test_denied_while_opening, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(test_one_folder, set_up, tear_down),
	    cmocka_unit_test(test_works),
	    cmocka_unit_test(test_is_raised_again),
	    cmocka_unit_test(test_other_threads),
	    cmocka_unit_test_setup_teardown(test_result, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(test_capabilities, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
