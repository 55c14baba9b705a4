/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Loads the program, attaches its uprobe in the process apart, waits for a thread at the point,
 * and releases it.
 */
#include "hold/gc_point.h"

#include <assert.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/priority.h"
#include "grf/gc_point.h"
/* After what it needs. */
#include "gc_point.skel.h"
#include "hold/apart.h"
#include "hold/ebpf.h"
#include "hold/private.h"

#define WHAT "waiting for a garbage collection"
/* How long a thread waits for us at most. Being woken takes 0.05 ms where a CPU is free. */
#define HOLD_LIMIT 3000000u
/* How often we look whether the target is still there, ms. */
#define LOOK_INTERVAL 50

struct grf_gc_point_probe {
	struct gc_point_bpf *skeleton;
	struct grf_apart
	    keeper; /* of the probe in the target's code, which it sets, and takes out */
	int link;
	struct ring_buffer *events;
	uint32_t missed; /* threads that went on before we saw them */
};

static struct grf_gc_point *point_of(const struct grf_gc_point_probe *probe)
{
	return &probe->skeleton->bss->point;
}

static bool change_state(struct grf_gc_point_probe *probe, uint32_t from, uint32_t to)
{
	return __atomic_compare_exchange_n(&point_of(probe)->state, &from, to, false,
					   __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
}

/* The wake-up is all that an event is for. */
static int ignore_event(void *context, void *data, size_t size)
{
	(void)context;
	(void)data;
	(void)size;
	return 0;
}

struct attachment {
	struct grf_gc_point_probe *probe;
	const struct grf_target *target;
	const struct grf_gc_point_site *site;
};

/* In the process apart. */
static struct grf_error *attach_probe(void *context, int *ret)
{
	const struct attachment *attachment = context;
	const struct grf_gc_point_site *site = attachment->site;
	LIBBPF_OPTS(bpf_uprobe_opts, options);
	struct bpf_link *link = bpf_program__attach_uprobe_opts(
	    attachment->probe->skeleton->progs.gc_point, attachment->target->pid, site->path,
	    site->offset, &options);

	if (!link)
		return grf_ebpf_error(WHAT, errno);
	*ret = bpf_link__fd(link);
	return NULL;
}

static struct grf_error *load_program(struct grf_gc_point_probe *probe,
				      const struct grf_target *target,
				      const struct grf_gc_point_site *site, uint32_t kernel_tgid)
{
	struct attachment attachment = {probe, target, site};

	probe->skeleton = gc_point_bpf__open();
	if (!probe->skeleton)
		return grf_ebpf_error(WHAT, errno);
	probe->skeleton->rodata->target_tgid = kernel_tgid;
	if (gc_point_bpf__load(probe->skeleton))
		return grf_ebpf_error(WHAT, errno);
	point_of(probe)->limit = HOLD_LIMIT;
	probe->events =
	    ring_buffer__new(bpf_map__fd(probe->skeleton->maps.events), ignore_event, NULL, NULL);
	if (!probe->events)
		return grf_ebpf_error(WHAT, errno);
	return grf_apart_keep(attach_probe, &attachment, &probe->link, &probe->keeper);
}

struct grf_error *grf_gc_point_open(const struct grf_target *target,
				    const struct grf_gc_point_site *site, uint32_t kernel_tgid,
				    struct grf_gc_point_probe **ret)
{
	struct grf_gc_point_probe *probe;
	struct grf_error *error;

	if (site->without)
		return grf_error_create(GRF_ERROR_UNSUPPORTED, "%s", site->without);
	if (!site->offset)
		return grf_error_create(GRF_ERROR_UNSUPPORTED,
					"the function at the end of a garbage collection "
					"(runtime.gcSweep) was not found, or does not begin as "
					"expected");
	/* The thread at the point keeps a CPU busy until we have run. */
	if (sysconf(_SC_NPROCESSORS_ONLN) < 2)
		return grf_error_create(GRF_ERROR_UNSUPPORTED,
					"holding a process at the end of a garbage collection "
					"needs a second CPU");
	probe = calloc(1, sizeof(*probe));
	if (!probe)
		return grf_error_no_memory();
	probe->link = -1;
	grf_ebpf_init();
	/* The file that the probe goes into was found when it ran this program. */
	error = grf_target_check(target);
	if (!error)
		error = load_program(probe, target, site, kernel_tgid);
	if (error) {
		grf_gc_point_close(probe);
		return error;
	}
	*ret = probe;
	return NULL;
}

void grf_gc_point_close(struct grf_gc_point_probe *probe)
{
	if (!probe)
		return;
	if (probe->link >= 0)
		close(probe->link);
	grf_apart_end(&probe->keeper);
	ring_buffer__free(probe->events);
	gc_point_bpf__destroy(probe->skeleton);
	if (probe->missed)
		grf_verbose("%u garbage collections ended before this process got a CPU",
			    probe->missed);
	free(probe);
}

bool grf_gc_point_is_reached(const struct grf_gc_point_probe *probe)
{
	return __atomic_load_n(&point_of(probe)->state, __ATOMIC_SEQ_CST) == GRF_GC_POINT_HELD;
}

uint32_t grf_gc_point_missed(const struct grf_gc_point_probe *probe)
{
	return probe->missed;
}

/* Whether a thread waits at the point now. One that went on already is missed, and the next one is
 * to be held. */
static bool is_held(struct grf_gc_point_probe *probe)
{
	if (grf_gc_point_is_reached(probe))
		return true;
	if (change_state(probe, GRF_GC_POINT_EXPIRED, GRF_GC_POINT_ARMED))
		probe->missed++;
	return false;
}

/* Whether the target has exited; it may be a zombie then for as long as its parent likes. */
static bool is_gone(const struct grf_target *target)
{
	return grf_target_thread_count(target) < 2 &&
	       grf_target_thread_has_ended(target, target->pid);
}

/* Does what there is to be done while it is waited, which is not urgent. Returns when it is to be
 * done next. */
static uint64_t work_meanwhile(const struct grf_freeze *freeze)
{
	uint64_t interval;

	if (freeze->urgent)
		grf_priority_low();
	interval = freeze->meanwhile(freeze->context);
	if (freeze->urgent)
		grf_priority_first();
	return grf_now() + interval;
}

/* Until the next thing that is to be done, in ms for poll(2); `next` and `deadline` in ns. */
static int time_to_sleep(uint64_t now, uint64_t next, uint64_t deadline)
{
	uint64_t until = next < deadline ? next : deadline;
	uint64_t left = until > now ? (until - now) / 1000000 + 1 : 0;

	return left < LOOK_INTERVAL ? (int)left : LOOK_INTERVAL;
}

static struct grf_error *wait_armed(const struct grf_freeze *freeze,
				    const struct grf_target *target, uint64_t deadline)
{
	struct grf_gc_point_probe *probe = freeze->gc_point;
	uint64_t next = freeze->meanwhile ? 0 : UINT64_MAX;
	struct pollfd wake = {.fd = ring_buffer__epoll_fd(probe->events), .events = POLLIN};
	uint64_t began = grf_now(), now = began;

	while (!is_held(probe) && now < deadline) {
		if (grf_interrupted())
			return grf_error_interrupted();
		if (is_gone(target) || !grf_target_has_memory(target))
			return grf_target_explain(target, grf_target_exited(target->pid));
		grf_progress("waiting for the process to collect garbage", now - began,
			     deadline - began);
		if (poll(&wake, 1, time_to_sleep(now, next, deadline)) > 0 && !is_held(probe))
			ring_buffer__consume(probe->events);
		if (now >= next && !is_held(probe))
			next = work_meanwhile(freeze);
		now = grf_now();
	}
	return NULL;
}

struct grf_error *grf_gc_point_wait(const struct grf_freeze *freeze,
				    const struct grf_target *target, uint64_t deadline,
				    uint64_t *ret_hit)
{
	struct grf_gc_point_probe *probe = freeze->gc_point;
	struct grf_error *error;

	assert(probe && point_of(probe)->state != GRF_GC_POINT_HELD);
	*ret_hit = 0;
	ring_buffer__consume(probe->events);
	__atomic_store_n(&point_of(probe)->state, GRF_GC_POINT_ARMED, __ATOMIC_SEQ_CST);
	error = wait_armed(freeze, target, deadline);
	if (error) {
		__atomic_store_n(&point_of(probe)->state, GRF_GC_POINT_IDLE, __ATOMIC_SEQ_CST);
		return error;
	}
	if (change_state(probe, GRF_GC_POINT_ARMED, GRF_GC_POINT_IDLE))
		return NULL;
	*ret_hit = __atomic_load_n(&point_of(probe)->hit, __ATOMIC_SEQ_CST);
	return NULL;
}

bool grf_gc_point_release(struct grf_gc_point_probe *probe)
{
	if (change_state(probe, GRF_GC_POINT_HELD, GRF_GC_POINT_RELEASED))
		return true;
	probe->missed++;
	return false;
}
