/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * halt PID WHICH COMMAND...
 *
 * Runs a command that looks at process PID, and halts it at one of its system calls, before that is
 * made: the one with the number WHICH of those that have to do with processes, counted from after
 * it has opened the folder of the process, or the first of them with that name. Says "HALTED name"
 * then, and lets it go on at a line of standard input. In the end says how many such calls there
 * were. WHICH 0: at none. Standard output of the command is dropped. The status is the command's,
 * or 128 and the signal that ended it; 98: no filter can be made.
 */
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <seccomp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

static const char *const names[] = {
    "openat",  "readlink", "readlinkat",   "newfstatat",      "getdents64", "process_vm_readv",
    "pread64", "pwrite64", "ptrace",       "waitid",          "wait4",      "kill",
    "bpf",     "ioctl",    "pidfd_open",   "pidfd_getfd",     "sendmsg",    "recvmsg",
    "clone",   "clone3",   "timer_create", "perf_event_open",
};

static char **command;
static const char *which;
static volatile int listener = -1;
static volatile pid_t child = -1;
static int status = 98 << 8;

/* The filter is of this thread, and of what it starts. */
static void *run(void *unused)
{
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);
	pid_t made;
	int null;

	(void)unused;
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		if (seccomp_rule_add(filter, SCMP_ACT_NOTIFY,
				     seccomp_syscall_resolve_name(names[i]), 0))
			_exit(98);
	if (seccomp_load(filter))
		_exit(98);
	listener = seccomp_notify_fd(filter);
	made =
	    _Fork(); /* with none of the C library's locks, which the one who lets it go may want */
	if (!made) {
		null = open("/dev/null", O_RDWR);
		if (dup2(null, 0) || dup2(null, 1) != 1)
			_exit(98);
		execv(*command, command);
		_exit(98);
	}
	child = made;
	return NULL;
}

/* Whether the call opens what has this name. */
static bool opens(const struct seccomp_notif *call, const char *name)
{
	char path[64] = {0};
	struct iovec local = {path, strlen(name) + 1};
	struct iovec remote = {(void *)(unsigned long)call->data.args[1], strlen(name) + 1};

	return call->data.nr == seccomp_syscall_resolve_name("openat") &&
	       process_vm_readv((pid_t)call->pid, &local, 1, &remote, 1, 0) > 0 &&
	       !strcmp(path, name);
}

static void halt(const struct seccomp_notif *call)
{
	char *name = seccomp_syscall_resolve_num_arch(SCMP_ARCH_NATIVE, call->data.nr);

	which = "0";
	printf("HALTED %s\n", name);
	fflush(stdout);
	free(name);
	while (getchar() != '\n' && !feof(stdin))
		;
}

static bool is_meant(const struct seccomp_notif *call, unsigned long number)
{
	char *end;
	unsigned long wanted = strtoul(which, &end, 10);

	return *end ? seccomp_syscall_resolve_name(which) == call->data.nr : wanted == number;
}

/* Until nobody is left to whom the filter applies. Returns how many calls were counted. */
static unsigned long supervise(const char *name)
{
	struct pollfd event = {.fd = listener, .events = POLLIN};
	struct seccomp_notif_resp *answer;
	struct seccomp_notif *call;
	unsigned long count = 0;
	bool counts = false;

	if (seccomp_notify_alloc(&call, &answer))
		exit(98);
	for (;;) {
		/* To some kernels it applies until it is waited for. */
		if (child > 0 && waitpid(child, &status, WNOHANG) > 0)
			child = 0;
		if (poll(&event, 1, 10) <= 0)
			continue;
		if (!(event.revents & POLLIN))
			return count;
		memset(call, 0, sizeof(*call));
		if (ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, call))
			continue;
		if (counts && is_meant(call, ++count))
			halt(call);
		counts |= opens(call, name);
		memset(answer, 0, sizeof(*answer));
		answer->id = call->id;
		answer->flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE;
		ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, answer);
	}
}

int main(int count, char **arguments)
{
	pthread_t thread;
	char name[32];

	if (count < 4)
		return 98;
	command = arguments + 3;
	which = arguments[2];
	snprintf(name, sizeof(name), "/proc/%s", arguments[1]);
	if (pthread_create(&thread, NULL, run, NULL))
		return 98;
	while (listener < 0)
		usleep(1000);
	printf("CALLS %lu\n", supervise(name));
	if (child > 0)
		waitpid(child, &status, 0);
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}
