/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A capture from beginning to end. What costs time is done while the target still runs: its
 * mappings are read, the destination is reserved and its pages made, the eBPF programs loaded, the
 * copying threads started. Then the target is held (hold/hold.c), its mappings read again, and the
 * threads copy while the tracer takes the registers. Nothing is allocated or printed in between;
 * what is to be said about it is kept and said afterwards.
 */
#include "capture/capture.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/uio.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "capture/copy.h"
#include "capture/plan.h"
#include "capture/pool.h"
#include "capture/precopy.h"
#include "capture/probes.h"
#include "hold/hold.h"

#define MORE_THREADS    1024
#define THREADS_LIMIT   256u
#define STACKS_LIMIT    (4u << 20)
#define AUXV_SIZE_LIMIT 4096

/* Rounds of pre-copy before the stop, and how often a stop is given up that would last too long. */
#define ROUNDS   4
#define ATTEMPTS 4
/* What copying a page takes at the stop, on one CPU; ns. */
#define PAGE_TIME 1000
/* For the end of a garbage collection, if it is not insisted on, the target shall not stand longer
 * than this, as a collection writes to many pages itself; unless it does so without one. ns. */
#define GC_POINT_PAUSE 3000000u

/* Why the work at the stop was not finished. */
enum stop_failure {
	STOP_DONE,
	STOP_PLAN_GONE,
	STOP_NO_ROOM,
	STOP_NO_SPACE,
	STOP_REGISTERS,
	STOP_TOO_MUCH, /* of the pre-copied memory was written since */
};

struct session {
	const struct grf_capture_options *options;
	struct grf_target target;
	int maps, pagemap, mem;
	struct grf_capture *capture;

	struct grf_plan first, final;
	struct grf_space space;
	struct grf_copy copy;
	struct grf_pool *pool;
	unsigned int copiers; /* threads of the pool that copy; one more may read stack bounds */

	struct grf_precopy precopy;
	bool precopied; /* `precopy` is under way */
	struct grf_injection_report injection;

	struct grf_registers_probe *registers;
	struct grf_stacks_probe *stacks;
	struct grf_pause_probe *pause;
	struct grf_freeze freeze;
	struct grf_thread_registers *records;
	size_t thread_room; /* of `records` and capture->threads */

	/* Written at the stop. */
	enum stop_failure failure;
	bool stacks_taken;
	bool by_ptrace; /* registers of some thread at least */
	uint64_t registers_time, scanning_time, copying_time;
	uint64_t stop_bytes;
	struct grf_hold_report report;

	uint64_t given_up; /* how long stops took that were given up; ns */
};

static unsigned int available_processors(void)
{
	cpu_set_t set;

	if (sched_getaffinity(0, sizeof(set), &set))
		return 1;
	return CPU_COUNT(&set) > 0 ? (unsigned int)CPU_COUNT(&set) : 1;
}

static struct grf_error *open_files(struct session *session)
{
	struct grf_error *error;

	error = grf_target_open_file(&session->target, "maps", O_RDONLY, &session->maps);
	if (!error)
		error = grf_target_open_file(&session->target, "mem", O_RDONLY, &session->mem);
	if (!error)
		error =
		    grf_target_open_file(&session->target, "pagemap", O_RDONLY, &session->pagemap);
	return error;
}

static struct grf_error *read_auxv(struct session *session)
{
	_cleanup_close_ int fd = -1;
	struct grf_error *error;
	ssize_t length;
	uint64_t *auxv;
	size_t pairs;

	error = grf_target_open_file(&session->target, "auxv", O_RDONLY, &fd);
	if (error)
		return error;
	auxv = calloc(1, AUXV_SIZE_LIMIT + 2 * sizeof(*auxv));
	if (!auxv)
		return grf_error_no_memory();
	session->capture->auxv = auxv;
	length = read(fd, auxv, AUXV_SIZE_LIMIT);
	pairs = length > 0 ? (size_t)length / (2 * sizeof(*auxv)) : 0;
	while (pairs && auxv[2 * (pairs - 1)] == AT_NULL)
		pairs--;
	auxv[2 * pairs] = auxv[2 * pairs + 1] = AT_NULL;
	session->capture->auxv_count = 2 * (pairs + 1);
	return NULL;
}

/* How many goroutines there may be at the stop, from how many there are. 0: not to be read. */
static size_t goroutine_room(struct session *session)
{
	uint64_t slice[2];

	if (!session->options->allgs_address ||
	    pread(session->mem, slice, sizeof(slice), (off_t)session->options->allgs_address) !=
		(ssize_t)sizeof(slice))
		return 0;
	if (slice[1] > STACKS_LIMIT)
		return STACKS_LIMIT;
	return (size_t)(slice[1] + slice[1] / 4 + MORE_THREADS);
}

/* Says why a program is missing, and goes on. */
static void without(struct grf_error *error, const char *instead)
{
	if (!error)
		return;
	grf_verbose("%s: %s", error->message, instead);
	grf_error_free(error);
}

/* Sets the probe at the end of a garbage collection, where that is wanted. */
static struct grf_error *open_gc_point(struct session *session)
{
	const struct grf_capture_options *options = session->options;
	struct grf_error *error;

	session->freeze.wait = options->gc_wait;
	session->freeze.only_gc_point = options->freeze == GRF_FREEZE_GC;
	if (options->freeze == GRF_FREEZE_NOW)
		return NULL;
	if (options->no_ebpf)
		error = grf_error_create(GRF_ERROR_UNSUPPORTED, "eBPF is switched off");
	else
		error = grf_gc_point_open(
		    &session->target, &options->gc_point,
		    session->registers ? grf_registers_kernel_tgid(session->registers) : 0,
		    &session->freeze.gc_point);
	if (session->freeze.only_gc_point)
		return error;
	without(error, "held at once, not at the end of a garbage collection");
	return NULL;
}

static void open_probes(struct session *session)
{
	const struct grf_capture_options *options = session->options;
	size_t room = goroutine_room(session);
	struct grf_error *error;

	if (options->no_ebpf) {
		grf_verbose("eBPF is switched off: registers by ptrace, pause by our own clock");
		return;
	}
	grf_ebpf_init();
	error = grf_registers_open(session->target.pid, &session->registers);
	without(error, "registers by ptrace, pause by our own clock");
	if (!session->registers)
		return;
	without(grf_pause_open(grf_registers_kernel_tgid(session->registers), session->thread_room,
			       &session->pause),
		"pause by our own clock");
	if (room && !session->precopied)
		without(grf_stacks_open(session->target.pid, options->allgs_address,
					options->g_stack_offset, room, &session->stacks),
			"stack bounds from the copied memory");
}

static void touch_work(void *context, unsigned int index)
{
	struct session *session = context;

	if (index < session->copiers)
		grf_copy_work(&session->copy);
}

/* Memory that can be had without swapping, in bytes; all there is when that cannot be told. */
static uint64_t available_memory(void)
{
	FILE *meminfo = fopen("/proc/meminfo", "re");
	unsigned long long kilobytes = UINT64_MAX / 1024;
	char line[128];

	if (!meminfo)
		return UINT64_MAX;
	while (fgets(line, sizeof(line), meminfo))
		if (sscanf(line, "MemAvailable: %llu kB", &kilobytes) == 1)
			break;
	fclose(meminfo);
	return (uint64_t)kilobytes * 1024;
}

/* Refuses a copy that does not fit, before the kernel ends some process for it, perhaps the
 * target. */
static struct grf_error *check_size(struct session *session)
{
	uint64_t wanted =
	    grf_copy_measure(&session->copy, session->first.pieces, session->first.piece_count);
	uint64_t available = available_memory();

	grf_verbose("%llu MiB to copy in %zu pieces", (unsigned long long)(wanted >> 20),
		    session->first.piece_count);
	if (wanted < available - available / 16)
		return NULL;
	return grf_error_create(GRF_ERROR_NO_MEMORY,
				"process %d: a copy takes %llu MiB and %llu MiB of memory are free",
				session->target.pid, (unsigned long long)(wanted >> 20),
				(unsigned long long)(available >> 20));
}

/* Makes the destination's pages while the target runs: at the stop that would double the time. */
static struct grf_error *touch_destination(struct session *session)
{
	grf_copy_begin(&session->copy, GRF_COPY_TOUCH, session->first.pieces,
		       session->first.piece_count);
	grf_pool_start(session->pool, touch_work, session);
	grf_pool_wait(session->pool);
	if (session->copy.error)
		return grf_error_create(GRF_ERROR_NO_MEMORY, "no memory for a copy of process %d",
					session->target.pid);
	return grf_interrupted() ? grf_error_interrupted() : NULL;
}

/* Whether an error only means that this way is not to be had. */
static bool can_do_without(const struct session *session, const struct grf_error *error)
{
	return session->options->copy == GRF_COPY_AUTO &&
	       (error->code == GRF_ERROR_UNSUPPORTED || error->code == GRF_ERROR_PERMISSION ||
		error->code == GRF_ERROR_OTHER);
}

/* Gets hold of what pre-copy works with: a userfaultfd of the target. */
static struct grf_error *open_precopy(struct session *session)
{
	struct grf_error *error;
	int descriptor;

	session->precopy.userfault = -1;
	if (session->options->copy == GRF_COPY_STOP)
		return NULL;
	error = grf_injection_userfaultfd(&session->target, &session->options->injection,
					  &descriptor, &session->injection);
	if (!error)
		error = grf_userfault_begin(descriptor);
	if (!error) {
		session->precopy.userfault = descriptor;
		session->precopied = true;
		return NULL;
	}
	if (!can_do_without(session, error))
		return error;
	without(error, "all is copied at the stop");
	return NULL;
}

/* In each thread of the pool: from now on there is only the stop to be done. */
static void be_urgent(void *context, unsigned int index)
{
	(void)context;
	(void)index;
	grf_hold_urgently();
}

/* Keeps what is left for the stop small while that is waited for. */
static void go_on(void *context)
{
	struct session *session = context;

	grf_precopy_round(&session->precopy);
}

static bool is_due(void *context)
{
	const struct session *session = context;

	return session->freeze.gc_point && grf_gc_point_is_reached(session->freeze.gc_point);
}

static struct grf_error *copy_ahead(struct session *session)
{
	struct grf_error *error;

	if (!session->precopied)
		return touch_destination(session);
	grf_copy_begin(&session->copy, GRF_COPY_READ, NULL, 0);
	error = grf_precopy_begin(&session->precopy, &session->copy, &session->first, ROUNDS);
	if (!error)
		error = grf_precopy_ready(&session->precopy, session->copiers);
	grf_pool_start(session->pool, be_urgent, session);
	grf_pool_wait(session->pool);
	session->freeze.urgent = true;
	session->precopy.is_due = is_due;
	session->precopy.context = session;
	session->freeze.meanwhile = go_on;
	session->freeze.context = session;
	return error;
}

static struct grf_error *prepare(struct session *session)
{
	const struct grf_capture_options *options = session->options;
	struct grf_error *error = open_files(session);

	if (!error)
		error = read_auxv(session);
	if (error)
		return error;
	session->copy.mem = session->mem;
	session->copy.resident.pagemap = session->pagemap;
	session->copy.through_mem = options->no_process_vm_readv;
	error =
	    grf_plan_make(&session->first, session->maps, &session->copy.resident, &session->space);
	if (!error)
		error = grf_plan_make_room(&session->final, &session->first);
	if (error)
		return grf_error_prefix(error, "process %d", session->target.pid);
	error = check_size(session);
	if (error)
		return error;
	session->thread_room = 2 * grf_target_thread_count(&session->target) + MORE_THREADS;
	session->records = calloc(session->thread_room, sizeof(*session->records));
	session->capture->threads =
	    calloc(session->thread_room, sizeof(*session->capture->threads));
	if (!session->records || !session->capture->threads)
		return grf_error_no_memory();
	error = open_precopy(session);
	if (error)
		return error;
	open_probes(session);
	session->copiers = options->threads ? options->threads : available_processors();
	if (session->copiers > THREADS_LIMIT)
		session->copiers = THREADS_LIMIT;
	error = grf_pool_create(session->copiers + (session->stacks ? 1 : 0), &session->pool);
	if (!error)
		error = open_gc_point(session);
	return error ? error : copy_ahead(session);
}

static void stop_work(void *context, unsigned int index)
{
	struct session *session = context;

	if (session->precopied) {
		/* The tracer takes part, in place of one of us. */
		if (index + 1 < session->copiers)
			grf_precopy_stop(&session->precopy);
		return;
	}
	if (index < session->copiers)
		grf_copy_work(&session->copy);
	else
		session->stacks_taken = grf_stacks_run(session->stacks);
}

static const struct grf_thread_registers *find_record(const struct session *session, size_t count,
						      size_t expected, pid_t tid)
{
	size_t i;

	/* Both lists are mostly in the same order. */
	if (expected < count && session->records[expected].tid == tid)
		return &session->records[expected];
	for (i = 0; i < count; i++)
		if (session->records[i].tid == tid)
			return &session->records[i];
	return NULL;
}

/* The registers of every held thread: from the eBPF program, and what it lacks by ptrace. */
static bool take_registers(struct session *session, const pid_t *tids, size_t count)
{
	struct grf_capture *capture = session->capture;
	size_t i, records = 0;

	if (session->registers && !grf_registers_read(session->registers, session->records,
						      session->thread_room, &records))
		records = 0;
	if (count > session->thread_room)
		return false;
	for (i = 0; i < count; i++) {
		struct grf_thread *thread = &capture->threads[capture->thread_count];
		const struct grf_thread_registers *record =
		    find_record(session, records, i, tids[i]);

		if (record) {
			grf_registers_convert(record, thread);
		} else {
			session->by_ptrace = true;
			if (!grf_registers_ptrace(tids[i], thread))
				continue;
		}
		capture->thread_count++;
	}
	return true;
}

/* What is left of a pre-copy. */
static void copy_rest(struct session *session, const pid_t *tids, size_t count, uint64_t begin)
{
	struct grf_precopy *precopy = &session->precopy;
	uint64_t before = session->copy.bytes, middle;

	if (!grf_precopy_plan(precopy, &session->first, &session->final)) {
		session->failure = STOP_NO_ROOM;
		return;
	}
	grf_pool_start(session->pool, stop_work, session);
	middle = grf_now();
	if (!take_registers(session, tids, count))
		session->failure = STOP_REGISTERS;
	session->registers_time = grf_now() - middle;
	grf_precopy_stop(precopy);
	grf_pool_wait(session->pool);
	session->copying_time = grf_now() - begin;
	session->scanning_time = precopy->scanned - begin;
	session->stop_bytes = session->copy.bytes - before;
	if (precopy->overflow)
		session->failure = STOP_NO_ROOM;
	else if (precopy->too_much)
		session->failure = STOP_TOO_MUCH;
}

/* What is done while the target stands. */
static void at_the_stop(void *context, const pid_t *tids, size_t count)
{
	struct session *session = context;
	uint64_t begin = grf_now(), middle;

	switch (grf_plan_again(&session->final, &session->first, session->maps,
			       &session->copy.resident, &session->space)) {
	case GRF_PLAN_DONE:
		break;
	case GRF_PLAN_GONE:
		session->failure = STOP_PLAN_GONE;
		return;
	case GRF_PLAN_NO_ROOM:
		session->failure = STOP_NO_ROOM;
		return;
	case GRF_PLAN_NO_SPACE:
		session->failure = STOP_NO_SPACE;
		return;
	}
	if (session->precopied) {
		copy_rest(session, tids, count, begin);
		return;
	}
	grf_copy_begin(&session->copy, GRF_COPY_READ, session->final.pieces,
		       session->final.piece_count);
	grf_pool_start(session->pool, stop_work, session);
	middle = grf_now();
	if (!take_registers(session, tids, count))
		session->failure = STOP_REGISTERS;
	session->registers_time = grf_now() - middle;
	grf_pool_wait(session->pool);
	session->copying_time = grf_now() - begin;
}

/* What went wrong at the stop, if anything. */
static struct grf_error *explain(const struct session *session)
{
	pid_t pid = session->target.pid;

	if (grf_interrupted())
		return grf_error_interrupted();
	switch (session->failure) {
	case STOP_DONE:
	case STOP_TOO_MUCH:
		break;
	case STOP_PLAN_GONE:
		return grf_error_create(GRF_ERROR_EXITED,
					"process %d exited or started another program while it was "
					"looked at",
					pid);
	case STOP_NO_ROOM:
		return grf_error_create(GRF_ERROR_OTHER,
					"process %d: its mappings multiplied while it was looked "
					"at; try again",
					pid);
	case STOP_NO_SPACE:
		return grf_error_create(GRF_ERROR_NO_MEMORY, "no memory for a copy of process %d",
					pid);
	case STOP_REGISTERS:
		return grf_error_create(GRF_ERROR_OTHER,
					"process %d: its threads multiplied while it was looked "
					"at; try again",
					pid);
	}
	if (session->failure == STOP_TOO_MUCH)
		return grf_error_create(
		    GRF_ERROR_OTHER,
		    "process %d writes to its memory faster than it can be copied in the time that "
		    "it "
		    "may be held; give it more (--max-pause), or copy it all at once (--copy stop)",
		    pid);
	if (session->copy.error == ESRCH || session->copy.resident.gone)
		return grf_error_create(GRF_ERROR_EXITED,
					"process %d exited while it was looked at", pid);
	if (session->copy.error)
		return grf_error_errno(GRF_ERROR_OTHER, session->copy.error,
				       "copy the memory of process %d", pid);
	return NULL;
}

static void fill_pause(struct session *session)
{
	const struct grf_hold_report *report = &session->report;
	struct grf_pause *pause = &session->capture->pause;
	struct grf_pause_clock clock;

	pause->freeze = report->gc_point          ? "at the end of a garbage collection"
			: report->stopped_already ? "stopped before"
						  : "stopped at once";
	pause->copy = session->copy.through_mem ? "stop and copy through /proc/PID/mem"
						: "stop and copy with process_vm_readv";
	pause->register_source = session->by_ptrace ? "ptrace" : "eBPF task iterator";
	pause->registers = session->registers_time;
	pause->copying = session->copying_time;
	pause->bytes = pause->stop_bytes = session->copy.bytes;
	if (session->precopied) {
		pause->copy = session->copy.through_mem
				  ? "pre-copy under userfaultfd through /proc/PID/mem"
				  : "pre-copy under userfaultfd";
		pause->stop_bytes = session->stop_bytes;
		pause->rounds = session->precopy.rounds;
		pause->given_up = session->given_up;
		pause->scanning = session->scanning_time;
		pause->preparation = session->injection.ended - session->injection.began;
	}
	pause->clock = "user space";
	pause->total = report->released - report->interrupting;
	pause->stop = report->stopped - report->interrupting;
	pause->resume = report->released - report->releasing;
	if (!session->pause)
		return;
	if (!grf_pause_finish(session->pause, &clock) || clock.last_running < report->releasing) {
		grf_verbose(
		    "the pause is by our own clock: not every thread was seen to run again");
		return;
	}
	/* Stops that were given up came before. */
	if (clock.first_stop < report->interrupting)
		clock.first_stop = report->interrupting;
	if (report->gc_point)
		clock.first_stop = report->gc_point;
	pause->clock = "eBPF";
	pause->total = clock.last_running - clock.first_stop;
	pause->stop = clock.last_stop - clock.first_stop;
	pause->resume = clock.last_running - report->releasing;
}

/* Pieces that touch, in both address spaces, are one range. */
static struct grf_error *build_ranges(struct session *session)
{
	struct grf_capture *capture = session->capture;
	const struct grf_plan *plan = &session->final;
	size_t i;

	capture->ranges = calloc(plan->piece_count + 1, sizeof(*capture->ranges));
	if (!capture->ranges)
		return grf_error_no_memory();
	for (i = 0; i < plan->piece_count; i++) {
		const struct grf_piece *piece = &plan->pieces[i];
		struct grf_capture_range *last =
		    capture->range_count ? &capture->ranges[capture->range_count - 1] : NULL;

		if (last && last->end == piece->start && last->flags == piece->flags &&
		    last->data + (last->end - last->start) == piece->data)
			last->end = piece->end;
		else
			capture->ranges[capture->range_count++] = (struct grf_capture_range){
			    piece->start, piece->end, piece->flags, piece->data};
	}
	grf_space_release(&session->space, capture->ranges, capture->range_count);
	return NULL;
}

static struct grf_error *build_mappings(struct session *session)
{
	struct grf_capture *capture = session->capture;
	const struct grf_plan *plan = &session->final;
	size_t i;

	capture->mappings = calloc(plan->line_count + 1, sizeof(*capture->mappings));
	if (!capture->mappings)
		return grf_error_no_memory();
	for (i = 0; i < plan->line_count; i++) {
		const struct grf_map_line *line = &plan->lines[i];
		char *path;

		if (!grf_map_is_file(line))
			continue;
		path = strndup(line->path, line->path_length);
		if (!path)
			return grf_error_no_memory();
		capture->mappings[capture->mapping_count++] =
		    (struct grf_mapping){line->start, line->end, line->file_offset, path};
	}
	return NULL;
}

static struct grf_error *finish(struct session *session)
{
	struct grf_capture *capture = session->capture;
	struct grf_error *error;

	fill_pause(session);
	if (session->copy.pages_skipped)
		grf_verbose("%llu pages could not be read and count as zero",
			    (unsigned long long)session->copy.pages_skipped);
	if (session->copy.through_mem && !session->options->no_process_vm_readv)
		grf_verbose("process_vm_readv was refused: copied through /proc/%d/mem",
			    session->target.pid);
	grf_verbose("held %zu threads, found in %zu passes", session->report.threads,
		    session->report.passes);
	error = build_mappings(session);
	if (!error && session->stacks && session->stacks_taken)
		error = grf_stacks_take(session->stacks, &capture->stacks, &capture->stack_count);
	/* Last, because it hands the memory over to the ranges. */
	return error ? error : build_ranges(session);
}

static void close_session(struct session *session)
{
	grf_precopy_end(&session->precopy);
	grf_pool_destroy(session->pool);
	grf_gc_point_close(session->freeze.gc_point);
	grf_pause_close(session->pause);
	grf_stacks_close(session->stacks);
	grf_registers_close(session->registers);
	grf_copy_destroy(&session->copy);
	grf_plan_free(&session->first);
	grf_plan_free(&session->final);
	grf_space_release(&session->space, NULL, 0);
	free(session->records);
	if (session->maps >= 0)
		close(session->maps);
	if (session->pagemap >= 0)
		close(session->pagemap);
	if (session->mem >= 0)
		close(session->mem);
	grf_target_close(&session->target);
}

/* How many pages may be copied at this stop. */
static uint64_t page_limit(const struct session *session)
{
	uint64_t limit = session->options->max_pause / PAGE_TIME * session->copiers;
	uint64_t fewer = (uint64_t)GC_POINT_PAUSE / PAGE_TIME * session->copiers;
	uint64_t usual = 2 * session->precopy.round_bytes / GRF_PAGE;

	if (!session->freeze.gc_point || session->freeze.only_gc_point)
		return limit;
	if (fewer < usual)
		fewer = usual;
	return fewer < limit ? fewer : limit;
}

/* One stop, with what is to be done in it. */
static struct grf_error *stop(struct session *session)
{
	session->failure = STOP_DONE;
	session->by_ptrace = false;
	session->capture->thread_count = 0;
	session->precopy.limit = page_limit(session);
	if (session->registers)
		grf_registers_begin(session->registers);
	return grf_hold(&session->target, &session->freeze, at_the_stop, session, &session->report);
}

/*
 * Stops that turn out to be too long are given up before anything is copied in them, and are tried
 * again after another round; not at the end of a garbage collection then, unless only that will do.
 */
static struct grf_error *hold(struct session *session)
{
	struct grf_error *error = stop(session);

	for (int i = 1; i < ATTEMPTS && !error && session->failure == STOP_TOO_MUCH; i++) {
		grf_verbose("let go: %llu MiB were written since they were copied",
			    (unsigned long long)(session->precopy.pages >> 8));
		session->given_up += session->report.released - session->report.interrupting;
		if (!session->freeze.only_gc_point) {
			grf_gc_point_close(session->freeze.gc_point);
			session->freeze.gc_point = NULL;
		}
		grf_precopy_replan(&session->precopy, &session->first);
		grf_precopy_round(&session->precopy);
		error = stop(session);
	}
	if (session->precopied)
		grf_precopy_settle(&session->precopy, &session->final);
	return error;
}

static struct grf_error *run(struct session *session)
{
	struct grf_error *error = prepare(session);

	if (!error && grf_interrupted())
		error = grf_error_interrupted();
	if (!error)
		error = hold(session);
	if (!error)
		error = explain(session);
	return error ? error : finish(session);
}

struct grf_error *grf_capture_process(pid_t pid, const struct grf_capture_options *options,
				      struct grf_capture **ret)
{
	struct session session = {
	    .options = options,
	    .target.directory = -1,
	    .maps = -1,
	    .pagemap = -1,
	    .mem = -1,
	    .precopy.userfault = -1,
	};
	struct grf_error *error = grf_target_open(pid, &session.target);

	if (error)
		return error;
	session.capture = calloc(1, sizeof(*session.capture));
	grf_copy_init(&session.copy, pid);
	if (session.capture) {
		session.capture->pid = pid;
		error = run(&session);
	} else {
		error = grf_error_no_memory();
	}
	close_session(&session);
	if (error)
		grf_capture_destroy(session.capture);
	else
		*ret = session.capture;
	return error;
}

void grf_capture_destroy(struct grf_capture *capture)
{
	size_t i;

	if (!capture)
		return;
	for (i = 0; i < capture->range_count; i++)
		munmap(capture->ranges[i].data, capture->ranges[i].end - capture->ranges[i].start);
	for (i = 0; i < capture->mapping_count; i++)
		free((char *)capture->mappings[i].path);
	free(capture->ranges);
	free(capture->mappings);
	free(capture->threads);
	free(capture->stacks);
	free(capture->auxv);
	free(capture);
}
