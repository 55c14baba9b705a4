/* SPDX-License-Identifier: BSD-2-Clause */
/* From what was copied and noted at the stop to the capture, and what there is to say of it. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "capture/session.h"

/* Why what the process wrote since it was copied cannot be copied at the stop. */
static struct grf_error *too_much_written(const struct grf_session *session)
{
	pid_t pid = session->target.pid;

	if (session->precopy.overflow)
		return grf_error_create(
		    GRF_ERROR_TOO_LONG,
		    "process %d: what it wrote since it was copied lies in too many places to be "
		    "copied while it is held; copy it in another way (--copy auto)",
		    pid);
	if (session->spill.fd >= 0 && session->precopy.pages > session->spill.held_size / GRF_PAGE)
		return grf_error_create(
		    GRF_ERROR_TOO_LONG,
		    "process %d: the %llu MiB that it wrote since it was copied do not fit "
		    "into what is kept for them; use more memory (--max-memory), or copy "
		    "it all at once (--copy stop)",
		    pid, (unsigned long long)(session->precopy.pages >> 8));
	return grf_error_create(
	    GRF_ERROR_TOO_LONG,
	    "process %d: what it wrote since it was copied cannot be copied in the %.3g ms "
	    "that it may be held; allow more (--max-pause), or copy it all at once "
	    "(--copy stop)",
	    pid, (double)session->max_pause / 1e6);
}

struct grf_error *grf_session_explain(const struct grf_session *session)
{
	pid_t pid = session->target.pid;

	if (grf_interrupted())
		return grf_error_interrupted();
	switch (session->failure) {
	case GRF_STOP_DONE:
	case GRF_STOP_TOO_MUCH:
	case GRF_STOP_NO_CHILD:
		break;
	case GRF_STOP_DISTURBED:
		return grf_error_create(
		    GRF_ERROR_OTHER,
		    "process %d: another program clears its soft-dirty bits too; "
		    "end that, or copy without them (--copy stop)",
		    pid);
	case GRF_STOP_PLAN_GONE:
		return grf_error_create(GRF_ERROR_EXITED,
					"process %d exited or started another program while it was "
					"looked at",
					pid);
	case GRF_STOP_NO_ROOM:
		return grf_error_create(GRF_ERROR_OTHER,
					"process %d: its mappings multiplied while it was looked "
					"at; try again",
					pid);
	case GRF_STOP_NO_SPACE:
		return grf_error_create(GRF_ERROR_NO_MEMORY, "no memory for a copy of process %d",
					pid);
	case GRF_STOP_TOO_LONG:
		return grf_error_create(
		    GRF_ERROR_TOO_LONG,
		    "process %d was let go after %.3g ms with its copy unfinished; allow more "
		    "(--max-pause), or any time (--copy stop without it)",
		    pid, (double)session->max_pause / 1e6);
	case GRF_STOP_REGISTERS:
		return grf_error_create(GRF_ERROR_OTHER,
					"process %d: its threads multiplied while it was looked "
					"at; try again",
					pid);
	}
	/* A copy that ended early leaves too much to be copied. */
	if (session->failure == GRF_STOP_TOO_MUCH && !session->spill.error && !session->copy.error)
		return too_much_written(session);
	if (session->spill.error)
		return grf_spill_explain(&session->spill, pid);
	if (session->copy.error == ESRCH || session->copy.resident.gone)
		return grf_error_create(GRF_ERROR_EXITED,
					"process %d exited while it was looked at", pid);
	if (session->copy.error)
		return grf_error_errno(GRF_ERROR_OTHER, session->copy.error,
				       "copy the memory of process %d", pid);
	return NULL;
}

/* By our own clock. */
static void take_own_times(const struct grf_session *session, struct grf_pause *pause)
{
	const struct grf_hold_report *report = &session->report;

	pause->registers = session->registers_time;
	pause->copying = report->releasing - report->stopped;
	if (session->precopy.scanned > report->stopped &&
	    session->precopy.scanned < report->releasing)
		pause->scanning = session->precopy.scanned - report->stopped;
	pause->clock = GRF_CLOCK_USER_SPACE;
	pause->total = report->released - report->interrupting;
	pause->stop = report->stopped - report->interrupting;
	pause->resume = report->released - report->releasing;
}

/* By the eBPF clock, where it saw every thread. */
static void take_kernel_times(const struct grf_session *session, struct grf_pause *pause)
{
	const struct grf_hold_report *report = &session->report;
	struct grf_pause_clock clock;

	if (!session->pause)
		return;
	if (!grf_pause_finish(session->pause, &clock) || clock.last_running < report->releasing) {
		grf_verbose("the pause is by our own clock: %s",
			    clock.stopped ? "not every thread was seen to run again"
					  : "no thread of the process was on a CPU meanwhile");
		return;
	}
	/* A thread that runs meanwhile, to make a child, stops again later. */
	if (clock.last_stop > report->stopped)
		clock.last_stop = report->stopped;
	/* Stops that were given up came before. */
	if (clock.first_stop < report->interrupting)
		clock.first_stop = report->interrupting;
	/* Nothing ran from then on, whoever took note when. */
	if (clock.first_stop > report->stopped)
		clock.first_stop = report->stopped;
	if (report->gc_point)
		clock.first_stop = report->gc_point;
	pause->clock = GRF_CLOCK_EBPF;
	pause->total = clock.last_running - clock.first_stop;
	pause->stop = report->stopped - clock.first_stop;
	pause->resume = clock.last_running - report->releasing;
}

/* Whether the process has our monotonic clock: those of time namespaces differ (Linux 5.6). */
static bool shares_clock(pid_t pid)
{
	char path[64], ours[64] = "", theirs[64] = "";

	snprintf(path, sizeof(path), "/proc/%d/ns/time", pid);
	if (readlink("/proc/self/ns/time", ours, sizeof(ours) - 1) < 0)
		return errno == ENOENT;
	return readlink(path, theirs, sizeof(theirs) - 1) > 0 && !strcmp(ours, theirs);
}

/* Where and when: `released` is the moment by grf_now(). */
static void take_place(struct grf_provenance *provenance, uint64_t released)
{
	struct utsname names;
	struct timespec now;

	if (shares_clock(provenance->pid))
		provenance->clock = released;
	if (!uname(&names)) {
		snprintf(provenance->host, sizeof(provenance->host), "%s", names.nodename);
		snprintf(provenance->kernel, sizeof(provenance->kernel), "%s", names.release);
	}
	if (!clock_gettime(CLOCK_REALTIME, &now))
		provenance->taken =
		    now.tv_sec * 1000000000l + now.tv_nsec - (int64_t)(grf_now() - released);
}

static void fill_provenance(struct grf_session *session)
{
	const struct grf_hold_report *report = &session->report;
	struct grf_provenance *provenance = &session->parts->provenance;

	provenance->origin = GRF_ORIGIN_PROCESS;
	provenance->pid = session->target.pid;
	provenance->freeze = report->gc_point ? GRF_FREEZE_POINT_GC
			     : report->stopped_already || session->stood
				 ? GRF_FREEZE_POINT_STOPPED
				 : GRF_FREEZE_POINT_ANYWHERE;
	provenance->registers_by =
	    session->by_ptrace ? GRF_REGISTERS_BY_PTRACE : GRF_REGISTERS_BY_EBPF;
	provenance->copied_by = session->method->copied_by;
	provenance->through_mem = session->copy.through_mem;
	if (session->copy.through_mem)
		grf_session_lacks(session, GRF_LACK_READV,
				  session->options->no_process_vm_readv ? GRF_ERROR_UNSUPPORTED
									: GRF_ERROR_PERMISSION);
	provenance->bytes = session->copy.bytes;
	provenance->stop_bytes = session->stop_bytes;
	provenance->stop_pages = session->stop_bytes / GRF_PAGE;
	provenance->given_up = session->given_up;
	provenance->spilled = session->spill.given ? 0 : session->spill.written;
	if (session->method->describe)
		session->method->describe(session, provenance);
	take_own_times(session, &provenance->pause);
	take_kernel_times(session, &provenance->pause);
	take_place(provenance, report->released);
}

/* Writes a piece to the end of the file. */
static bool append_piece(struct grf_session *session, const struct grf_piece *piece,
			 uint64_t *ret_offset)
{
	uint64_t length = piece->end - piece->start;

	*ret_offset = session->space.extents_end;
	session->space.extents_end += length;
	return grf_spill_write(&session->spill, piece->data, length, *ret_offset);
}

/*
 * Says where each piece is in the file that was given, *ret, the caller's. What was not there
 * before the stop is in memory, and goes to the end of the file: first what goes on there.
 */
static struct grf_error *place_in_file(struct grf_session *session, uint64_t **ret)
{
	const struct grf_plan *plan = &session->final;
	const struct grf_space *space = &session->space;
	uint64_t *offsets = calloc(plan->piece_count + 1, sizeof(*offsets)), end = 0, last = 0;
	bool written = true;

	if (!offsets)
		return grf_error_no_memory();
	*ret = offsets;
	for (size_t i = 0; i < space->extent_count; i++)
		if (space->extents[i].offset >= last) {
			last = space->extents[i].offset;
			end = space->extents[i].end;
		}
	for (size_t i = 0; i < plan->piece_count && written; i++) {
		const struct grf_piece *piece = &plan->pieces[i];

		if (grf_space_is_spilled(space, piece->data, &offsets[i]) || piece->start != end)
			continue;
		written = append_piece(session, piece, &offsets[i]);
		end = piece->end;
	}
	for (size_t i = 0; i < plan->piece_count && written; i++)
		if (!offsets[i])
			written = append_piece(session, &plan->pieces[i], &offsets[i]);
	session->parts->file_end = space->extents_end;
	return written ? NULL : grf_spill_explain(&session->spill, session->target.pid);
}

/* Puts what is in the file where the pieces say that it is. */
static struct grf_error *map_spilled(struct grf_session *session)
{
	const struct grf_plan *plan = &session->final;
	uint64_t offset;

	if (session->spill.fd < 0 ||
	    !grf_spill_finish(&session->spill, session->spill.given ? session->space.extents_end
								    : session->space.file_length))
		return grf_spill_explain(&session->spill, session->target.pid);
	for (size_t i = 0; i < plan->piece_count; i++) {
		const struct grf_piece *piece = &plan->pieces[i];

		if (grf_space_is_spilled(&session->space, piece->data, &offset) &&
		    !grf_spill_map(&session->spill, piece->data, piece->end - piece->start, offset))
			return grf_spill_explain(&session->spill, session->target.pid);
	}
	return NULL;
}

/* grf_read_runs: from the copy. */
static size_t read_copied(void *context, const struct grf_run *runs, size_t count, uint8_t *ret)
{
	const struct grf_plan *plan = context;
	size_t whole = 0;

	for (size_t i = 0; i < count; i++) {
		uint64_t length = runs[i].end - runs[i].start;
		const struct grf_piece *piece = grf_plan_find(plan, runs[i].start);

		if (piece && length <= piece->end - runs[i].start) {
			memcpy(ret, piece->data + (runs[i].start - piece->start), length);
			whole++;
		} else {
			memset(ret, 0, length);
		}
		ret += length;
	}
	return whole;
}

/* What was left out is what the copy, too, says that it is. */
static struct grf_error *take_left_out(struct grf_session *session)
{
	struct grf_image_parts *parts = session->parts;
	struct grf_left_out_set *set =
	    session->method->left_out ? session->method->left_out(session) : &session->left_out;

	grf_left_out_check(set, read_copied, &session->final, NULL, NULL);
	parts->left_out = set->runs;
	parts->left_out_count = set->run_count;
	parts->provenance.left_out = set->bytes;
	set->runs = NULL;
	set->count = set->run_count = 0;
	if (!session->copy.dead_bytes)
		return NULL;
	return grf_dead_stacks_add_to(&session->goroutines.dead, &parts->left_out,
				      &parts->left_out_count);
}

/* Pieces that touch, in both address spaces and in the file, are one range. `offsets`: in the file;
 * NULL: it has none. */
static struct grf_error *build_ranges(struct grf_session *session, const uint64_t *offsets)
{
	struct grf_image_parts *parts = session->parts;
	const struct grf_plan *plan = &session->final;
	size_t i;

	parts->ranges = calloc(plan->piece_count + 1, sizeof(*parts->ranges));
	if (!parts->ranges)
		return grf_error_no_memory();
	for (i = 0; i < plan->piece_count; i++) {
		const struct grf_piece *piece = &plan->pieces[i];
		struct grf_image_range *last =
		    parts->range_count ? &parts->ranges[parts->range_count - 1] : NULL;
		uint64_t offset = offsets ? offsets[i] : 0;

		if (last && last->end == piece->start && last->flags == piece->flags &&
		    last->data + (last->end - last->start) == piece->data &&
		    (!offsets || last->offset + (last->end - last->start) == offset))
			last->end = piece->end;
		else
			parts->ranges[parts->range_count++] =
			    (struct grf_image_range){.start = piece->start,
						     .end = piece->end,
						     .flags = piece->flags,
						     .data = piece->data,
						     .offset = offset};
	}
	grf_space_release(&session->space, parts->ranges, parts->range_count);
	return NULL;
}

static struct grf_error *build_mappings(struct grf_session *session)
{
	struct grf_image_parts *parts = session->parts;
	const struct grf_plan *plan = &session->final;
	size_t i;

	parts->mappings = calloc(plan->line_count + 1, sizeof(*parts->mappings));
	if (!parts->mappings)
		return grf_error_no_memory();
	for (i = 0; i < plan->line_count; i++) {
		const struct grf_map_line *line = &plan->lines[i];
		char *path;

		if (!grf_map_is_file(line))
			continue;
		path = strndup(line->path, line->path_length);
		if (!path)
			return grf_error_no_memory();
		parts->mappings[parts->mapping_count++] =
		    (struct grf_mapping){line->start, line->end, line->file_offset, path};
	}
	return NULL;
}

/* Why the process was not held at the end of a garbage collection, but for what was said before. */
static void say_held_at_once(const struct grf_session *session)
{
	if (session->options->freeze != GRF_FREEZE_AUTO || session->report.gc_point)
		return;
	if (session->gc_point_given_up)
		grf_verbose("held at once: what was written up to the end of a garbage collection "
			    "could not be copied in the time that the process may be held");
	else if (!session->parts->provenance.lacks[GRF_LACK_GC_POINT])
		grf_verbose("held at once: no garbage collection ended in %.3g s",
			    (double)session->options->gc_wait / 1e9);
}

struct grf_error *grf_session_finish(struct grf_session *session)
{
	_cleanup_free_ uint64_t *offsets = NULL;
	struct grf_error *error;

	fill_provenance(session);
	if (session->copy.pages_skipped)
		grf_verbose("%llu pages could not be read and count as zero",
			    (unsigned long long)session->copy.pages_skipped);
	if (session->copy.through_mem && !session->options->no_process_vm_readv)
		grf_verbose("process_vm_readv was refused: copied through /proc/%d/mem",
			    session->target.pid);
	say_held_at_once(session);
	grf_verbose("held %zu threads, found in %zu pass%s", session->report.threads,
		    session->report.passes, session->report.passes == 1 ? "" : "es");
	error = build_mappings(session);
	if (!error)
		error = grf_session_finish_goroutines(session);
	if (!error && session->spill.given)
		error = place_in_file(session, &offsets);
	if (!error)
		error = map_spilled(session);
	if (!error)
		error = take_left_out(session);
	/* Last, because it hands the memory over to the ranges. */
	return error ? error : build_ranges(session, offsets);
}
