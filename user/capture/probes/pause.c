/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The user-space end of bpf/pause_clock.bpf.c: loads it, and reads when the threads stopped and
 * ran again.
 */
#include "capture/probes/probes.h"

#include <bpf/libbpf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/log.h"
#include "pause_clock.skel.h"

#define WHAT "measuring the pause"
/* How long the threads may take to be back on a CPU. */
#define PATIENCE 100000000u

struct grf_pause_probe {
	struct pause_clock_bpf *skeleton;
};

static struct grf_error *load_program(struct grf_pause_probe *probe, uint32_t kernel_tgid,
				      size_t room)
{
	probe->skeleton = pause_clock_bpf__open();
	if (!probe->skeleton)
		return grf_ebpf_error(WHAT, errno);
	if (bpf_map__set_max_entries(probe->skeleton->maps.held, (uint32_t)room) ||
	    pause_clock_bpf__load(probe->skeleton))
		return grf_ebpf_error(WHAT, errno);
	probe->skeleton->bss->target_tgid = kernel_tgid;
	if (pause_clock_bpf__attach(probe->skeleton))
		return grf_ebpf_error(WHAT, errno);
	return NULL;
}

struct grf_error *grf_pause_open(uint32_t kernel_tgid, size_t room, struct grf_pause_probe **ret)
{
	struct grf_pause_probe *probe = calloc(1, sizeof(*probe));
	struct grf_error *error;

	if (!probe)
		return grf_error_no_memory();
	error = load_program(probe, kernel_tgid, room);
	if (error) {
		grf_pause_close(probe);
		return error;
	}
	*ret = probe;
	return NULL;
}

void grf_pause_close(struct grf_pause_probe *probe)
{
	if (!probe)
		return;
	pause_clock_bpf__destroy(probe->skeleton);
	free(probe);
}

uint64_t grf_pause_running(const struct grf_pause_probe *probe)
{
	const volatile struct grf_pause_clock *clock = &probe->skeleton->bss->clock;

	return clock->running;
}

uint64_t grf_pause_cpus(const struct grf_pause_probe *probe)
{
	const volatile struct grf_pause_clock *clock = &probe->skeleton->bss->clock;

	return clock->on_cpu;
}

bool grf_pause_finish(struct grf_pause_probe *probe, struct grf_pause_clock *ret)
{
	/* A CPU on which we woke up more often would not look idle to the scheduler, which then
	 * leaves threads where they wait for another. */
	const struct timespec moment = {.tv_nsec = 2000000};
	const volatile struct grf_pause_clock *clock = &probe->skeleton->bss->clock;
	uint64_t begin = grf_now();

	while (clock->running < clock->stopped && grf_now() - begin < PATIENCE)
		nanosleep(&moment, NULL);
	/* What stops from now on is not of this pause. */
	probe->skeleton->bss->target_tgid = 0;
	ret->stopped = clock->stopped;
	ret->running = clock->running;
	ret->first_stop = clock->first_stop;
	ret->last_stop = clock->last_stop;
	ret->last_running = clock->last_running;
	return ret->stopped && ret->running == ret->stopped;
}
