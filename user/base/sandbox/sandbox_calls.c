/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which system calls are made. A filter that was loaded stays, and of several the strictest has its
 * say. While files are still opened, only what is never needed is denied, as libraries that we do
 * not know are at work (libdebuginfod); afterwards, all that is not named here.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <seccomp.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/sandbox/sandbox_private.h"
#include "base/priority.h"

#define COUNT(array) (sizeof(array) / sizeof(*(array)))

/* Both numbers of a descriptor are 32 bits wide, and what is above is nobody's. */
#define DESCRIPTOR(argument, fd) SCMP_A##argument##_32(SCMP_CMP_EQ, (uint32_t)(fd))

/* Who tries one of these is not us any more. */
static const int always_deadly[] = {
    SCMP_SYS(execve),
    SCMP_SYS(execveat),
    SCMP_SYS(fork),
    SCMP_SYS(vfork),
    SCMP_SYS(ptrace),
    SCMP_SYS(process_vm_readv),
    SCMP_SYS(process_vm_writev),
    SCMP_SYS(kcmp),
    SCMP_SYS(pidfd_open),
    SCMP_SYS(pidfd_getfd),
    SCMP_SYS(pidfd_send_signal),
    SCMP_SYS(process_madvise),
    SCMP_SYS(tkill),
    SCMP_SYS(rt_sigqueueinfo),
    SCMP_SYS(rt_tgsigqueueinfo),
    SCMP_SYS(bpf),
    SCMP_SYS(perf_event_open),
    SCMP_SYS(userfaultfd),
    SCMP_SYS(io_uring_setup),
    SCMP_SYS(io_uring_enter),
    SCMP_SYS(io_uring_register),
    SCMP_SYS(mount),
    SCMP_SYS(umount2),
    SCMP_SYS(pivot_root),
    SCMP_SYS(chroot),
    SCMP_SYS(move_mount),
    SCMP_SYS(open_tree),
    SCMP_SYS(fsopen),
    SCMP_SYS(fsmount),
    SCMP_SYS(fspick),
    SCMP_SYS(fsconfig),
    SCMP_SYS(swapon),
    SCMP_SYS(swapoff),
    SCMP_SYS(init_module),
    SCMP_SYS(finit_module),
    SCMP_SYS(delete_module),
    SCMP_SYS(kexec_load),
    SCMP_SYS(kexec_file_load),
    SCMP_SYS(reboot),
    SCMP_SYS(unshare),
    SCMP_SYS(setns),
    SCMP_SYS(keyctl),
    SCMP_SYS(add_key),
    SCMP_SYS(request_key),
    SCMP_SYS(setuid),
    SCMP_SYS(setgid),
    SCMP_SYS(setreuid),
    SCMP_SYS(setregid),
    SCMP_SYS(setresuid),
    SCMP_SYS(setresgid),
    SCMP_SYS(setfsuid),
    SCMP_SYS(setfsgid),
    SCMP_SYS(setgroups),
    SCMP_SYS(mknod),
    SCMP_SYS(mknodat),
    SCMP_SYS(open_by_handle_at),
    SCMP_SYS(quotactl),
    SCMP_SYS(acct),
    SCMP_SYS(settimeofday),
    SCMP_SYS(clock_settime),
    SCMP_SYS(clock_adjtime),
    SCMP_SYS(adjtimex),
    SCMP_SYS(sethostname),
    SCMP_SYS(setdomainname),
    SCMP_SYS(iopl),
    SCMP_SYS(ioperm),
    SCMP_SYS(modify_ldt),
    SCMP_SYS(personality),
    SCMP_SYS(syslog),
    SCMP_SYS(vhangup),
    SCMP_SYS(fanotify_init),
};

/* The same, but for libdebuginfod. */
static const int deadly_without_network[] = {
    SCMP_SYS(socket),   SCMP_SYS(socketpair), SCMP_SYS(connect), SCMP_SYS(bind),
    SCMP_SYS(listen),   SCMP_SYS(accept),     SCMP_SYS(accept4), SCMP_SYS(sendto),
    SCMP_SYS(sendmsg),  SCMP_SYS(sendmmsg),   SCMP_SYS(chmod),   SCMP_SYS(fchmod),
    SCMP_SYS(fchmodat), SCMP_SYS(chown),      SCMP_SYS(lchown),  SCMP_SYS(fchown),
    SCMP_SYS(fchownat),
};

/* Of these only what sanitizers do not need: they trace, and start a program to name functions. */
static const int sanitizers_need[] = {
    SCMP_SYS(execve), SCMP_SYS(fork), SCMP_SYS(vfork), SCMP_SYS(ptrace), SCMP_SYS(socketpair),
};

static const int allowed[] = {
    /* what is open */
    SCMP_SYS(read),
    SCMP_SYS(readv),
    SCMP_SYS(pread64),
    SCMP_SYS(write),
    SCMP_SYS(writev),
    SCMP_SYS(pwrite64),
    SCMP_SYS(lseek),
    SCMP_SYS(close),
    SCMP_SYS(fsync),
    SCMP_SYS(fdatasync),
    SCMP_SYS(getdents64),
    SCMP_SYS(poll),
    /* what files are; also by name */
    SCMP_SYS(fstat),
    SCMP_SYS(newfstatat),
    SCMP_SYS(stat),
    SCMP_SYS(lstat),
    SCMP_SYS(statx),
    SCMP_SYS(access),
    SCMP_SYS(faccessat),
    SCMP_SYS(faccessat2),
    /* memory */
    SCMP_SYS(brk),
    SCMP_SYS(munmap),
    SCMP_SYS(mremap),
    SCMP_SYS(madvise),
    SCMP_SYS(mincore),
    /* threads and signals */
    SCMP_SYS(futex),
    SCMP_SYS(set_robust_list),
    SCMP_SYS(get_robust_list),
    SCMP_SYS(rseq),
    SCMP_SYS(membarrier),
    SCMP_SYS(exit),
    SCMP_SYS(exit_group),
    SCMP_SYS(gettid),
    SCMP_SYS(sched_yield),
    SCMP_SYS(sched_getaffinity),
    SCMP_SYS(getcpu),
    SCMP_SYS(rt_sigaction),
    SCMP_SYS(rt_sigprocmask),
    SCMP_SYS(rt_sigreturn),
    SCMP_SYS(sigaltstack),
    SCMP_SYS(restart_syscall),
    /* time, and facts about ourselves */
    SCMP_SYS(clock_gettime),
    SCMP_SYS(clock_getres),
    SCMP_SYS(clock_nanosleep),
    SCMP_SYS(nanosleep),
    SCMP_SYS(gettimeofday),
    SCMP_SYS(time),
    SCMP_SYS(getrandom),
    SCMP_SYS(sysinfo),
    SCMP_SYS(getrusage),
    SCMP_SYS(times),
    SCMP_SYS(uname),
    SCMP_SYS(getpid),
    SCMP_SYS(getppid),
    SCMP_SYS(getuid),
    SCMP_SYS(geteuid),
    SCMP_SYS(getgid),
    SCMP_SYS(getegid),
};

struct filter {
	scmp_filter_ctx context;
	int failed; /* the first negative error number */
};

static void add_rule(struct filter *filter, uint32_t action, int call, unsigned int count,
		     const struct scmp_arg_cmp *arguments)
{
	int result = seccomp_rule_add_array(filter->context, action, call, count, arguments);

	if (result && !filter->failed)
		filter->failed = result;
}

#define ADD(filter, action, call, ...)                                                             \
	do {                                                                                       \
		const struct scmp_arg_cmp rule_arguments[] = {__VA_ARGS__};                        \
		add_rule(filter, action, SCMP_SYS(call), COUNT(rule_arguments), rule_arguments);   \
	} while (0)

static bool is_in(const int *calls, size_t count, int call)
{
	for (size_t i = 0; i < count; i++)
		if (calls[i] == call)
			return true;
	return false;
}

static void add_deadly(struct filter *filter, const int *calls, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (!GRF_SANITIZED || !is_in(sanitizers_need, COUNT(sanitizers_need), calls[i]))
			add_rule(filter, SCMP_ACT_KILL_PROCESS, calls[i], 0, NULL);
}

/* Signals are for ourselves. */
static void add_signals(struct filter *filter, bool say_allowed)
{
	uint32_t self = (uint32_t)getpid();

	if (say_allowed) {
		ADD(filter, SCMP_ACT_ALLOW, kill, SCMP_A0_32(SCMP_CMP_EQ, self));
		ADD(filter, SCMP_ACT_ALLOW, tgkill, SCMP_A0_32(SCMP_CMP_EQ, self));
	}
	if (GRF_SANITIZED)
		return;
	ADD(filter, SCMP_ACT_KILL_PROCESS, kill, SCMP_A0_32(SCMP_CMP_NE, self));
	ADD(filter, SCMP_ACT_KILL_PROCESS, tgkill, SCMP_A0_32(SCMP_CMP_NE, self));
}

/* Memory that holds no code, and threads in this process and these namespaces. The flags of clone3
 * are in memory, where no filter sees them; without it libc takes clone. */
static void add_memory_and_threads(struct filter *filter)
{
	const uint64_t thread = CLONE_VM | CLONE_THREAD | CLONE_SIGHAND;
	const uint64_t apart = CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC |
			       CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNET | CLONE_PTRACE;

	ADD(filter, SCMP_ACT_ALLOW, mmap, SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
	ADD(filter, SCMP_ACT_ALLOW, mprotect, SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
	ADD(filter, SCMP_ACT_ALLOW, clone, SCMP_A0(SCMP_CMP_MASKED_EQ, thread | apart, thread));
}

/* Calls that do one harmless thing among others. */
static void add_parts(struct filter *filter)
{
	ADD(filter, SCMP_ACT_ALLOW, ioctl, SCMP_A1_32(SCMP_CMP_EQ, TCGETS));
	ADD(filter, SCMP_ACT_ALLOW, fcntl, SCMP_A1_32(SCMP_CMP_EQ, F_GETFD));
	ADD(filter, SCMP_ACT_ALLOW, fcntl, SCMP_A1_32(SCMP_CMP_EQ, F_GETFL));
	ADD(filter, SCMP_ACT_ALLOW, fcntl, SCMP_A1_32(SCMP_CMP_EQ, F_DUPFD_CLOEXEC));
	ADD(filter, SCMP_ACT_ALLOW, prlimit64, SCMP_A0_32(SCMP_CMP_EQ, 0), SCMP_A2(SCMP_CMP_EQ, 0));
}

/* The way back to the usual priority, of any of our threads; whose a thread is, no filter knows. */
static void add_priorities(struct filter *filter, const struct grf_priority_usual *usual)
{
	const int classes[] = {SCHED_OTHER, SCHED_FIFO};

	add_rule(filter, SCMP_ACT_ALLOW, SCMP_SYS(getpriority), 0, NULL);
	add_rule(filter, SCMP_ACT_ALLOW, SCMP_SYS(sched_getscheduler), 0, NULL);
	ADD(filter, SCMP_ACT_ALLOW, sched_setattr, SCMP_A0_32(SCMP_CMP_EQ, 0));
	ADD(filter, SCMP_ACT_ALLOW, setpriority, SCMP_A0_32(SCMP_CMP_EQ, PRIO_PROCESS),
	    SCMP_A2_32(SCMP_CMP_EQ, (uint32_t)usual->nice));
	ADD(filter, SCMP_ACT_ALLOW, ioprio_set, SCMP_A0_32(SCMP_CMP_EQ, GRF_IO_WHO_THREAD),
	    SCMP_A2_32(SCMP_CMP_EQ, (uint32_t)usual->io));
	for (size_t i = 0; i < COUNT(classes); i++)
		ADD(filter, SCMP_ACT_ALLOW, sched_setscheduler,
		    SCMP_A1_32(SCMP_CMP_EQ, (uint32_t)classes[i]));
}

/* What grf_outputs_commit() does. */
static void add_naming(struct filter *filter, const struct grf_sandbox_place *place)
{
	const uint32_t here = (uint32_t)AT_FDCWD;

	ADD(filter, SCMP_ACT_ALLOW, linkat, SCMP_A0_32(SCMP_CMP_NE, here),
	    DESCRIPTOR(2, place->folder), SCMP_A4_32(SCMP_CMP_EQ, AT_EMPTY_PATH));
	ADD(filter, SCMP_ACT_ALLOW, linkat, DESCRIPTOR(0, here), DESCRIPTOR(2, place->folder),
	    SCMP_A4_32(SCMP_CMP_EQ, AT_SYMLINK_FOLLOW));
	ADD(filter, SCMP_ACT_ALLOW, renameat, DESCRIPTOR(0, place->folder),
	    DESCRIPTOR(2, place->folder));
	ADD(filter, SCMP_ACT_ALLOW, unlinkat, DESCRIPTOR(0, place->folder),
	    SCMP_A2_32(SCMP_CMP_EQ, 0));
	if (!place->nameless)
		ADD(filter, SCMP_ACT_ALLOW, openat, DESCRIPTOR(0, place->folder),
		    SCMP_A2_32(SCMP_CMP_EQ, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC));
}

/* Files by a name: none but those that results are made in. */
static void add_files(struct filter *filter, const struct grf_sandbox *sandbox)
{
	bool makes = false;

	for (size_t i = 0; i < sandbox->place_count; i++) {
		if (sandbox->places[i].folder < 0)
			continue;
		add_naming(filter, &sandbox->places[i]);
		makes |= !sandbox->places[i].nameless;
	}
	if (!makes)
		add_rule(filter, SCMP_ACT_ERRNO(EACCES), SCMP_SYS(openat), 0, NULL);
	add_rule(filter, SCMP_ACT_ERRNO(EACCES), SCMP_SYS(open), 0, NULL);
	add_rule(filter, SCMP_ACT_ERRNO(EACCES), SCMP_SYS(openat2), 0, NULL);
	add_rule(filter, SCMP_ACT_ERRNO(EACCES), SCMP_SYS(creat), 0, NULL);
}

static void add_rules(struct filter *filter, const struct grf_sandbox *sandbox, bool allow_others)
{
	add_deadly(filter, always_deadly, COUNT(always_deadly));
	if (!sandbox->network)
		add_deadly(filter, deadly_without_network, COUNT(deadly_without_network));
	add_signals(filter, !allow_others);
	if (allow_others)
		return;
	for (size_t i = 0; i < COUNT(allowed); i++)
		add_rule(filter, SCMP_ACT_ALLOW, allowed[i], 0, NULL);
	add_memory_and_threads(filter);
	add_parts(filter);
	if (sandbox->can_hurry)
		add_priorities(filter, &sandbox->usual);
	add_files(filter, sandbox);
}

struct grf_error *grf_sandbox_calls(const struct grf_sandbox *sandbox, bool *ret_done)
{
	bool allow_others = sandbox->stage == GRF_SANDBOX_OPENS || GRF_SANITIZED;
	const uint32_t action = SECCOMP_RET_KILL_PROCESS;
	struct filter filter = {0};

	/* Not in this kernel, or not as it is since Linux 4.14. */
	if (syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &action))
		return NULL;
	filter.context = seccomp_init(allow_others ? SCMP_ACT_ALLOW : SCMP_ACT_ERRNO(ENOSYS));
	if (!filter.context)
		return grf_error_no_memory();
	/* Sorted by number, and found by halving: without that each call costs a walk of them all.
	 */
	seccomp_attr_set(filter.context, SCMP_FLTATR_CTL_OPTIMIZE, 2);
	add_rules(&filter, sandbox, allow_others);
	if (!filter.failed)
		filter.failed = seccomp_load(filter.context);
	seccomp_release(filter.context);
	if (filter.failed)
		return grf_error_errno(GRF_ERROR_OTHER, -filter.failed, "seccomp");
	*ret_done = true;
	return NULL;
}
