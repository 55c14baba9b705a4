/* SPDX-License-Identifier: BSD-2-Clause */
#include "capture/probes.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "grf/stack_bounds.h"
#include "stack_bounds.skel.h"

#define WHAT "reading stack bounds"

struct grf_stacks_probe {
	struct stack_bounds_bpf *skeleton;
	struct bpf_link *link;
	int iterator;
	size_t room;
	struct grf_stack_bounds_record *records; /* the program's map */
};

static size_t records_size(const struct grf_stacks_probe *probe)
{
	size_t page = (size_t)getpagesize();

	return (probe->room * sizeof(*probe->records) + page - 1) / page * page;
}

static struct grf_error *load(struct grf_stacks_probe *probe, pid_t pid, uint64_t allgs_address,
			      uint64_t g_stack_offset)
{
	union bpf_iter_link_info info = {.task.tid = (uint32_t)pid};
	LIBBPF_OPTS(bpf_iter_attach_opts, limited, .link_info = &info,
		    .link_info_len = sizeof(info));
	void *records;

	probe->skeleton = stack_bounds_bpf__open();
	if (!probe->skeleton)
		return grf_ebpf_error(WHAT, errno);
	probe->skeleton->rodata->allgs_address = allgs_address;
	probe->skeleton->rodata->g_stack_offset = g_stack_offset;
	if (bpf_map__set_max_entries(probe->skeleton->maps.bounds, (uint32_t)probe->room) ||
	    stack_bounds_bpf__load(probe->skeleton))
		return grf_ebpf_error(WHAT, errno);
	records = mmap(NULL, records_size(probe), PROT_READ, MAP_SHARED,
		       bpf_map__fd(probe->skeleton->maps.bounds), 0);
	if (records == MAP_FAILED)
		return grf_ebpf_error(WHAT, errno);
	probe->records = records;
	/* Without the limit to the thread, which came in Linux 6.1, it would read every process. */
	probe->link = bpf_program__attach_iter(probe->skeleton->progs.stack_bounds, &limited);
	if (!probe->link)
		return grf_ebpf_error(WHAT, errno);
	probe->iterator = bpf_iter_create(bpf_link__fd(probe->link));
	return probe->iterator < 0 ? grf_ebpf_error(WHAT, errno) : NULL;
}

struct grf_error *grf_stacks_open(pid_t pid, uint64_t allgs_address, uint64_t g_stack_offset,
				  size_t room, struct grf_stacks_probe **ret)
{
	struct grf_stacks_probe *probe = calloc(1, sizeof(*probe));
	struct grf_error *error;

	if (!probe)
		return grf_error_no_memory();
	probe->iterator = -1;
	probe->room = room;
	error = load(probe, pid, allgs_address, g_stack_offset);
	if (error) {
		grf_stacks_close(probe);
		return error;
	}
	*ret = probe;
	return NULL;
}

void grf_stacks_close(struct grf_stacks_probe *probe)
{
	if (!probe)
		return;
	if (probe->iterator >= 0)
		close(probe->iterator);
	if (probe->records)
		munmap(probe->records, records_size(probe));
	bpf_link__destroy(probe->link);
	stack_bounds_bpf__destroy(probe->skeleton);
	free(probe);
}

bool grf_stacks_run(struct grf_stacks_probe *probe)
{
	char nothing[64];
	ssize_t length;

	do
		length = read(probe->iterator, nothing, sizeof(nothing));
	while (length > 0 || (length < 0 && (errno == EINTR || errno == EAGAIN)));
	return !length;
}

struct grf_error *grf_stacks_take(struct grf_stacks_probe *probe, struct grf_stack_bounds **ret,
				  size_t *ret_count)
{
	size_t taken = probe->skeleton->bss->taken, i, count = 0;
	struct grf_stack_bounds *stacks;

	if (taken > probe->room)
		taken = probe->room;
	stacks = calloc(taken + 1, sizeof(*stacks));
	if (!stacks)
		return grf_error_no_memory();
	for (i = 0; i < taken; i++) {
		const struct grf_stack_bounds_record *record = &probe->records[i];

		if (record->low && record->low < record->high)
			stacks[count++] =
			    (struct grf_stack_bounds){record->g, record->low, record->high};
	}
	*ret = stacks;
	*ret_count = count;
	return NULL;
}
