/* SPDX-License-Identifier: BSD-2-Clause */
/* The user-space end of bpf/thread_registers.bpf.c, and the way to the same registers by ptrace. */
#include "capture/probes/probes.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <elf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "arch/live.h"
#include "base/cleanup.h"
#include "thread_registers.skel.h"

#define WHAT "reading registers"

struct grf_registers_probe {
	struct thread_registers_bpf *skeleton;
	struct bpf_link *link;
	int iterator; /* for the one reading at the stop */
	uint32_t kernel_tgid;
};

/* Linux before 6.1 does not know the limit to one process; the program looks for itself anyway. */
static struct bpf_link *attach_iterator(struct bpf_program *program, pid_t pid)
{
	union bpf_iter_link_info info = {.task.pid = (uint32_t)pid};
	LIBBPF_OPTS(bpf_iter_attach_opts, limited, .link_info = &info,
		    .link_info_len = sizeof(info));
	struct bpf_link *link = bpf_program__attach_iter(program, &limited);

	return link ? link : bpf_program__attach_iter(program, NULL);
}

static bool read_records(int iterator, struct grf_thread_registers *records, size_t capacity,
			 size_t *ret_count)
{
	size_t length = 0, room = capacity * sizeof(*records);
	ssize_t part;

	while (length < room) {
		part = read(iterator, (char *)records + length, room - length);
		if (part < 0 && (errno == EINTR || errno == EAGAIN))
			continue;
		if (part < 0)
			return false;
		if (!part)
			break;
		length += (size_t)part;
	}
	*ret_count = length / sizeof(*records);
	return true;
}

/* One reading before the stop tells whether it works, and the number that other programs need. */
static struct grf_error *try_out(struct grf_registers_probe *probe)
{
	struct grf_thread_registers record;
	_cleanup_close_ int iterator = bpf_iter_create(bpf_link__fd(probe->link));
	size_t count;

	if (iterator < 0)
		return grf_ebpf_error(WHAT, errno);
	if (!read_records(iterator, &record, 1, &count) || !count)
		return grf_error_create(GRF_ERROR_UNSUPPORTED,
					WHAT " by eBPF found no thread of the process");
	probe->kernel_tgid = record.kernel_tgid;
	return NULL;
}

static struct grf_error *load_program(struct grf_registers_probe *probe, pid_t pid)
{
	struct stat status;

	probe->skeleton = thread_registers_bpf__open();
	if (!probe->skeleton)
		return grf_ebpf_error(WHAT, errno);
	if (stat("/proc/self/ns/pid", &status))
		return grf_ebpf_error(WHAT, errno);
	probe->skeleton->rodata->target_pid = pid;
	probe->skeleton->rodata->namespace_inode = (uint32_t)status.st_ino;
	if (thread_registers_bpf__load(probe->skeleton))
		return grf_ebpf_error(WHAT, errno);
	probe->link = attach_iterator(probe->skeleton->progs.thread_registers, pid);
	return probe->link ? try_out(probe) : grf_ebpf_error(WHAT, errno);
}

struct grf_error *grf_registers_open(pid_t pid, struct grf_registers_probe **ret)
{
	struct grf_registers_probe *probe = calloc(1, sizeof(*probe));
	struct grf_error *error;

	if (!probe)
		return grf_error_no_memory();
	probe->iterator = -1;
	error = load_program(probe, pid);
	if (error) {
		grf_registers_close(probe);
		return error;
	}
	*ret = probe;
	return NULL;
}

void grf_registers_close(struct grf_registers_probe *probe)
{
	if (!probe)
		return;
	if (probe->iterator >= 0)
		close(probe->iterator);
	bpf_link__destroy(probe->link);
	thread_registers_bpf__destroy(probe->skeleton);
	free(probe);
}

uint32_t grf_registers_kernel_tgid(const struct grf_registers_probe *probe)
{
	return probe->kernel_tgid;
}

void grf_registers_begin(struct grf_registers_probe *probe)
{
	if (probe->iterator >= 0)
		close(probe->iterator);
	probe->iterator = bpf_iter_create(bpf_link__fd(probe->link));
}

bool grf_registers_read(struct grf_registers_probe *probe, struct grf_thread_registers *records,
			size_t capacity, size_t *ret_count)
{
	return probe->iterator >= 0 && read_records(probe->iterator, records, capacity, ret_count);
}

bool grf_registers_stand(struct grf_registers_probe *probe, struct grf_thread_registers *records,
			 size_t capacity, size_t *ret_count)
{
	grf_registers_begin(probe);
	if (!grf_registers_read(probe, records, capacity, ret_count))
		return false;
	for (size_t i = 0; i < *ret_count; i++)
		if (records[i].on_cpu)
			return false;
	return true;
}

void grf_registers_convert(const struct grf_thread_registers *record, struct grf_thread *ret)
{
	uint64_t words[GRF_LIVE_WORDS];

	grf_live_words_of_record(record, words);
	grf_thread_set(ret, grf_live_arch(), record->tid, words);
}

bool grf_registers_ptrace(pid_t tid, struct grf_thread *ret)
{
	uint64_t words[GRF_LIVE_WORDS] = {0};
	struct iovec vector = {words, sizeof(words)};

	if (ptrace(PTRACE_GETREGSET, tid, NT_PRSTATUS, &vector))
		return false;
	grf_thread_set(ret, grf_live_arch(), tid, words);
	return true;
}
