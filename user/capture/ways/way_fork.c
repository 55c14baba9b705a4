/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * At the stop one thread makes a child that is a picture of the process (hold/calls/forked.c), and
 * it is the child's memory that is copied, when the process has long gone on.
 *
 * It is read through /proc/CHILD/mem. To process_vm_readv the kernel would give pages that are the
 * child's alone, and copy each of them first.
 *
 * What a child does not get of its parent is copied at the stop: mappings that are marked so
 * (MADV_DONTFORK) are missing in it, others (MADV_WIPEONFORK) are empty. Both show in that a
 * mapping has pages in the process, and not one in the child. Of stacks in it only the parts that
 * are in use are copied.
 *
 * Where no child can be made after all, be it that no thread is fit to make one or that the kernel
 * refuses it, the target stands already, perhaps at the end of a garbage collection that was long
 * waited for. That stop is not thrown away: all is copied in it, where there is time for that.
 *
 * The child is held by the tracer of the stop, which therefore stays until all is copied; its end,
 * whatever the reason, is the end of the child.
 */
#include "capture/session.h"

#include <fcntl.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "base/number.h"
#include "base/priority.h"
#include "capture/ways/way_stop.h"
#include "hold/calls/forked.h"

#define RUNS       256
#define SCAN_PAGES 4096
/* What a fork takes the kernel: some 20 ms for each GB; ns. */
#define FORK_TIME      500000u
#define FORK_PAGE_TIME 80u
/* What is larger, and copied at the stop, may be stacks; bytes. */
#define LARGE (1u << 20)

static void copy_child(void *context);

/* The pages that the process has, each of which a fork has to note; 0: that cannot be read. */
static uint64_t resident_pages(const struct grf_session *session)
{
	_cleanup_close_ int fd = -1;
	char text[128];
	ssize_t length;

	grf_error_free(grf_target_open_file(&session->target, "statm", O_RDONLY, &fd));
	length = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
	if (length <= 0)
		return 0;
	text[length] = '\0';
	/* The second number of two. */
	return grf_number_parse(text + strcspn(text, " "), 0);
}

static uint64_t fork_time(const struct grf_session *session)
{
	return FORK_TIME + resident_pages(session) * FORK_PAGE_TIME;
}

/* A fork that has begun cannot be broken off. */
static struct grf_error *check_time(const struct grf_session *session)
{
	uint64_t time = fork_time(session);

	if (!session->max_pause || time <= session->max_pause)
		return NULL;
	return grf_error_create(GRF_ERROR_TOO_LONG,
				"process %d: a fork takes about %.3g ms, and it may stand for %.3g "
				"ms; allow more (--max-pause)",
				session->target.pid, (double)time / 1e6,
				(double)session->max_pause / 1e6);
}

static struct grf_error *open_forked(struct grf_session *session)
{
	struct grf_error *error;

	session->fork.mem = session->fork.pagemap = -1;
	error = check_time(session);
	if (error)
		return error;
	return grf_forked_open(&session->target, &session->options->injection,
			       &session->fork.forked);
}

/* In each thread of the pool: it may have to copy while the process stands. */
static void be_usual(void *context, unsigned int index)
{
	(void)context;
	(void)index;
	grf_priority_usual();
}

static struct grf_error *get_ready(struct grf_session *session)
{
	struct grf_error *error = grf_session_touch_destination(session);

	session->freeze.makes_calls = true;
	session->freeze.released = copy_child;
	session->fork.may_copy_all =
	    session->options->copy == GRF_COPY_AUTO && grf_session_may_copy_all(session);
	grf_pool_start(session->pool, be_usual, NULL);
	grf_pool_wait(session->pool);
	grf_session_expect_stacks(session);
	return error;
}

/* Whether any page of [start, end) exists. */
static bool has_pages(struct grf_resident *resident, enum grf_resident_kind kind, uint64_t start,
		      uint64_t end)
{
	struct grf_run run;

	while (start < end)
		if (grf_resident_runs(resident, kind, start, end, &run, 1, SCAN_PAGES, &start))
			return true;
	return false;
}

/* Copies what exists of a mapping, or of a piece of it. */
static void copy_withheld(struct grf_session *session, const struct grf_piece *piece,
			  uint64_t start, uint64_t end, enum grf_resident_kind kind)
{
	struct grf_run runs[RUNS];

	if (end - start >= LARGE && !session->goroutines.tried)
		grf_session_take_goroutines(session);
	while (start < end && !grf_interrupted()) {
		size_t count = grf_resident_runs(&session->copy.resident, kind, start, end, runs,
						 RUNS, SCAN_PAGES, &start);

		grf_copy_runs(&session->copy, runs, count, piece->data, piece->start);
	}
}

/* Copies what the child did not get. Mappings with different marks are lines of their own. */
static void copy_all_withheld(struct grf_session *session, struct grf_resident *child)
{
	const struct grf_plan *plan = &session->final;
	size_t line = 0;

	for (size_t i = 0; i < plan->piece_count; i++) {
		const struct grf_piece *piece = &plan->pieces[i];
		enum grf_resident_kind kind =
		    piece->part == GRF_MAP_RESIDENT ? GRF_RESIDENT : GRF_RESIDENT_WRITTEN;

		while (line < plan->line_count && plan->lines[line].end <= piece->start)
			line++;
		for (size_t j = line; j < plan->line_count && plan->lines[j].start < piece->end;
		     j++) {
			uint64_t start = plan->lines[j].start, end = plan->lines[j].end;

			if (start < piece->start)
				start = piece->start;
			if (end > piece->end)
				end = piece->end;
			if (!has_pages(child, kind, start, end))
				copy_withheld(session, piece, start, end, kind);
		}
	}
}

static bool open_child(struct grf_session *session)
{
	int directory = grf_forked_image(session->fork.forked)->directory;

	session->fork.mem = openat(directory, "mem", O_RDONLY | O_CLOEXEC);
	session->fork.pagemap = openat(directory, "pagemap", O_RDONLY | O_CLOEXEC);
	return session->fork.mem >= 0 && session->fork.pagemap >= 0;
}

/* Where no child can be made: all of it in this stop, or in the next one, if it took so long to
 * learn that none can be that too little time is left. */
static void copy_without_child(struct grf_session *session)
{
	bool may = session->fork.may_copy_all && grf_forked_stands(session->fork.forked);

	if (may)
		grf_session_copy_all(session, NULL, 0);
	session->fork.copied_all = may && session->failure != GRF_STOP_TOO_LONG;
	if (!session->fork.copied_all)
		session->failure = GRF_STOP_NO_CHILD;
}

static void fork_it(struct grf_session *session, const pid_t *tids, size_t count)
{
	struct grf_resident child = {.no_scan = session->copy.resident.no_scan};
	uint64_t began;

	grf_session_take_registers(session, tids, count);
	grf_left_out_check(&session->left_out, grf_copy_gather, &session->copy, NULL, NULL);
	grf_copy_begin(&session->copy, GRF_COPY_READ, NULL, 0);
	session->goroutines.tried = false;
	if (grf_session_affords_goroutines(session))
		grf_session_take_goroutines(session);
	began = grf_now();
	if (!grf_forked_make(session->fork.forked, tids, count) || !open_child(session)) {
		copy_without_child(session);
		return;
	}
	session->forking_time = grf_now() - began;
	child.pagemap = session->fork.pagemap;
	copy_all_withheld(session, &child);
	session->fork.gone |= child.gone;
	session->stop_bytes = session->copy.bytes;
}

/* The process itself, whose threads have just been let go, comes first. */
static void copy_work(void *context, unsigned int index)
{
	struct grf_session *session = context;

	(void)index;
	grf_priority_low();
	grf_priority_for_good();
	grf_copy_work(&session->copy);
}

/* Copying takes every CPU. The process shall have its threads back on one before. */
static void let_it_run(struct grf_session *session)
{
	const struct timespec moment = {.tv_nsec = 2000000};
	struct grf_pause_clock clock;

	if (session->pause)
		grf_pause_finish(session->pause, &clock);
	else
		nanosleep(&moment, NULL);
}

/* By the tracer, while the process runs. */
static void copy_child(void *context)
{
	struct grf_session *session = context;
	struct grf_copy *copy = &session->copy;

	if (session->failure == GRF_STOP_DONE && !session->fork.copied_all && !copy->error &&
	    !grf_interrupted()) {
		bool through_mem = copy->through_mem;

		let_it_run(session);
		copy->dead = NULL;
		copy->through_mem = true;
		copy->mem = session->fork.mem;
		copy->resident.pagemap = session->fork.pagemap;
		grf_copy_begin(copy, GRF_COPY_READ, session->final.pieces,
			       session->final.piece_count);
		copy->bytes = session->stop_bytes;
		grf_pool_start(session->pool, copy_work, session);
		grf_pool_wait(session->pool);
		copy->through_mem = through_mem;
		copy->mem = session->mem;
		copy->resident.pagemap = session->pagemap;
		session->fork.gone |= copy->error || copy->resident.gone;
		copy->error = 0;
		copy->resident.gone = false;
	}
	grf_forked_kill(session->fork.forked);
}

static void end_child(struct grf_session *session)
{
	struct grf_reaping reaping;

	if (session->fork.mem >= 0)
		close(session->fork.mem);
	if (session->fork.pagemap >= 0)
		close(session->fork.pagemap);
	session->fork.mem = session->fork.pagemap = -1;
	grf_forked_close(session->fork.forked, &reaping);
	session->fork.forked = NULL;
	session->freeze.makes_calls = false;
	session->freeze.released = NULL;
	session->fork.reaping = reaping.stop;
	if (reaping.outcome == GRF_CHILD_LEFT)
		grf_warn("process %d keeps an ended child, as no thread of it was found to wait "
			 "for that; it has no memory, and goes with the process",
			 session->target.pid);
	else if (reaping.outcome == GRF_CHILD_PENDING)
		grf_warn(
		    "process %d still keeps an ended child; a process of grf-bpf's goes on for "
		    "a minute to have it waited for",
		    session->target.pid);
}

/* What was copied is as the next way has it. */
static void go_over(struct grf_session *session)
{
	grf_session_without(session, GRF_LACK_FORK, grf_forked_explain(session->fork.forked),
			    "all of it was copied in the same stop");
	end_child(session);
	session->method = &grf_copy_at_stop;
}

static struct grf_error *finish_copy(struct grf_session *session)
{
	struct grf_error *error = NULL;

	if (session->fork.copied_all) {
		go_over(session);
		return NULL;
	}
	if (session->failure == GRF_STOP_NO_CHILD)
		error = grf_forked_explain(session->fork.forked);
	else if (session->fork.gone)
		error = grf_error_create(GRF_ERROR_OTHER,
					 "the child that was the picture of process %d was killed "
					 "before it was copied",
					 session->target.pid);
	end_child(session);
	return error;
}

static void describe_way(const struct grf_session *session, struct grf_provenance *ret)
{
	ret->pause.forking = session->forking_time;
	ret->reaping = session->fork.reaping;
}

const struct grf_copy_method grf_copy_by_fork = {
    .way = GRF_COPY_FORK,
    .copied_by = GRF_COPIED_BY_FORK,
    .lack = GRF_LACK_FORK,
    .name = "a child that the process makes at the stop",
    .needs_stops = true,
    .reads_stacks = true,
    .stop_time = fork_time,
    .open = open_forked,
    .ahead = get_ready,
    .at_stop = fork_it,
    .after = finish_copy,
    .describe = describe_way,
    .close = end_child,
};
