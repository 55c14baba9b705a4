/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where the copy goes. It goes to memory as far as there is memory for it, and for the analysis
 * after it: what is free in the system and in our control groups, and no more than the user allows.
 * The rest goes to a file, from the end of the largest areas, which in a Go program is the heap;
 * the runtime's own records, which the analysis reads again and again, lie elsewhere. Where the
 * copy is to be a file, all of it goes there at once.
 *
 * Our reading brings back what of the target is swapped out, at the expense of the target's control
 * groups. Where these have no room for it the kernel would swap out something else of the target
 * meanwhile, and so on through all of it; then it is better not to begin.
 */
#include "capture/session.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>

#include "base/cleanup.h"
#include "base/files/fields.h"
#include "base/files/small_file.h"
#include "base/log.h"
#include "base/memory/memory.h"
#include "base/units.h"

/* What the analysis takes beside the copy: measured, see docs/design.md. */
#define ANALYSIS_BASE  (24ull << 20)
#define ANALYSIS_SHARE 12
/* Of what is free we leave a part. */
#define LEFT_SHARE 16
/* What is held of a spilled copy at a stop. */
#define HELD_MOST  (64ull << 20)
#define HELD_LEAST (4ull << 20)
/* Places to cut an area in two at. */
#define CUT_BYTES (1ull << 20)
/* The target goes on and may grow: as much more than is needed now is asked of the disk. */
#define DISK_SHARE 8

/* How much of the target is swapped out; bytes. */
static uint64_t swapped_out(const struct grf_session *session)
{
	char status[GRF_STATUS_BYTES];

	if (grf_small_file_read(session->target.directory, "status", status, sizeof(status)) < 0)
		return 0;
	return grf_field_bytes(status, "VmSwap", 0);
}

static struct grf_error *check_swapped(const struct grf_session *session, uint64_t swapped)
{
	struct grf_memory_room room;
	struct grf_error *error = NULL;

	if (!swapped)
		return NULL;
	grf_memory_room_of(session->target.pid, &room);
	grf_verbose("%llu MiB of the process are swapped out, and are brought back",
		    GRF_MIB(swapped));
	if (swapped >= room.bytes - room.bytes / LEFT_SHARE)
		error = grf_error_create(
		    GRF_ERROR_NO_MEMORY,
		    "process %d: %llu MiB of it are swapped out, which reading brings back, and "
		    "%s has room for %llu MiB",
		    session->target.pid, GRF_MIB(swapped), room.limit ? room.limit : "memory",
		    GRF_MIB(room.bytes));
	free(room.limit);
	return error;
}

/* The part of a piece from `from` on. */
static uint64_t measure_from(struct grf_session *session, const struct grf_piece *piece,
			     uint64_t from)
{
	struct grf_piece part = *piece;

	if (from > part.start)
		part.start = from;
	return grf_copy_measure(&session->copy, &part, 1);
}

static bool is_in(const struct grf_piece *piece, const struct grf_area *area)
{
	return piece->start >= area->start && piece->end <= area->end;
}

static uint64_t measure_area(struct grf_session *session, const struct grf_area *area,
			     uint64_t from)
{
	const struct grf_plan *plan = &session->first;
	uint64_t bytes = 0;

	for (size_t i = 0; i < plan->piece_count && !grf_interrupted(); i++)
		if (is_in(&plan->pieces[i], area) && plan->pieces[i].end > from)
			bytes += measure_from(session, &plan->pieces[i], from);
	return bytes;
}

/* The highest address from which on there are `bytes` in an area. */
static uint64_t find_cut(struct grf_session *session, const struct grf_area *area, uint64_t bytes)
{
	uint64_t low = 0, high = (area->end - area->start) / CUT_BYTES;

	while (low < high && !grf_interrupted()) {
		uint64_t middle = low + (high - low + 1) / 2;

		if (measure_area(session, area, area->start + middle * CUT_BYTES) >= bytes)
			low = middle;
		else
			high = middle - 1;
	}
	return area->start + low * CUT_BYTES;
}

/* Has `bytes` of the copy go to the file, from the largest areas first. */
static struct grf_error *spill_bytes(struct grf_session *session, uint64_t bytes)
{
	struct grf_space *space = &session->space;
	_cleanup_free_ uint64_t *sizes = calloc(space->count + 1, sizeof(*sizes));

	if (!sizes)
		return grf_error_no_memory();
	for (size_t i = 0; i < space->count; i++)
		sizes[i] = measure_area(session, &space->areas[i], 0);
	while (bytes) {
		size_t largest = 0;
		uint64_t from;

		for (size_t i = 1; i < space->count; i++)
			if (sizes[i] > sizes[largest])
				largest = i;
		if (!sizes[largest])
			break;
		from = sizes[largest] > bytes ? find_cut(session, &space->areas[largest], bytes)
					      : space->areas[largest].start;
		if (!grf_space_spill(&space->areas[largest], from))
			return grf_error_create(GRF_ERROR_NO_MEMORY, "no address space for a copy");
		bytes -= sizes[largest] < bytes ? sizes[largest] : bytes;
		sizes[largest] = 0;
	}
	return grf_plan_place(&session->first, space);
}

/* What there is, and what is needed; bytes. */
struct budget {
	uint64_t copy, analysis;
	struct grf_memory_room room;
	uint64_t allowed; /* for both */
};

/* `why`: there is no file, or NULL: it would not help. */
static struct grf_error *refuse_capture(const struct grf_session *session,
					const struct budget *budget, struct grf_error *why)
{
	const struct grf_memory_room *room = &budget->room;
	struct grf_error *error;

	if (why && budget->allowed == session->options->max_memory)
		error = grf_error_create(
		    GRF_ERROR_NO_MEMORY,
		    "process %d: a copy takes %llu MiB, its analysis about %llu MiB, and "
		    "--max-memory allows %llu MiB; %s",
		    session->target.pid, GRF_MIB(budget->copy), GRF_MIB(budget->analysis),
		    GRF_MIB(budget->allowed), why->message);
	else
		error = grf_error_create(
		    GRF_ERROR_NO_MEMORY,
		    "process %d: a copy takes %llu MiB, its analysis about %llu MiB, and %llu MiB "
		    "are free%s%s%s; %s",
		    session->target.pid, GRF_MIB(budget->copy), GRF_MIB(budget->analysis),
		    GRF_MIB(room->bytes), room->limit ? " in " : "", room->limit ? room->limit : "",
		    room->shared ? " beside what the process may want" : "",
		    why ? why->message : "the analysis must be in memory");
	grf_error_free(why);
	return error;
}

/* Has the file made, and all decided, for a copy of which `spilled` bytes are not in memory. */
static struct grf_error *use_file(struct grf_session *session, const struct budget *budget,
				  uint64_t spilled, uint64_t held)
{
	const struct grf_capture_options *options = session->options;
	struct grf_error *error;

	session->spill.drop =
	    budget->copy + budget->analysis > budget->room.bytes || budget->room.limit;
	error = grf_spill_open(&session->spill, options->spill_directory,
			       spilled + spilled / DISK_SHARE + held, session->copiers + 1, held);
	if (error)
		return refuse_capture(session, budget, error);
	if (options->max_memory)
		grf_verbose("%llu MiB of the copy go to a file in %s", GRF_MIB(spilled),
			    session->spill.name);
	else
		grf_warn("%llu MiB are free%s%s: %llu MiB of the copy go to a file in %s",
			 GRF_MIB(budget->room.bytes), budget->room.limit ? " in " : "",
			 budget->room.limit ? budget->room.limit : "", GRF_MIB(spilled),
			 session->spill.name);
	session->planned_spill = spilled;
	return spill_bytes(session, spilled);
}

/* Whether the file that the copy goes to may take so much. */
static struct grf_error *check_file(const struct grf_capture_file *file, uint64_t bytes)
{
	struct statvfs facts;

	if (file->max_bytes && bytes > file->max_bytes)
		return grf_error_create(GRF_ERROR_NO_MEMORY,
					"%llu MiB are to be copied, and --max-bytes allows %s to "
					"take %llu MiB",
					GRF_MIB(bytes), file->path, GRF_MIB(file->max_bytes));
	if (!fstatvfs(file->fd, &facts) && (uint64_t)facts.f_bavail * facts.f_frsize < bytes)
		return grf_error_errno(
		    GRF_ERROR_OUTPUT, ENOSPC,
		    "cannot write %s: %llu MiB are to be copied, and %llu MiB are "
		    "free there",
		    file->path, GRF_MIB(bytes), GRF_MIB((uint64_t)facts.f_bavail * facts.f_frsize));
	return NULL;
}

/* Has the copy go to the file that was given. *ret_used: that was done. */
static struct grf_error *use_given_file(struct grf_session *session, const struct budget *budget,
					bool *ret_used)
{
	const struct grf_capture_file *file = session->options->file;
	struct grf_error *error = check_file(file, budget->copy);

	*ret_used = true;
	if (error)
		return error;
	session->spill.drop =
	    budget->copy + budget->analysis > budget->room.bytes || budget->room.limit;
	error =
	    grf_spill_use(&session->spill, file->fd, file->path, session->copiers + 1, HELD_MOST);
	if (error && error->code == GRF_ERROR_UNSUPPORTED) {
		grf_verbose("%s: the copy is in memory first", error->message);
		grf_error_free(error);
		*ret_used = false;
		return NULL;
	}
	if (error)
		return error;
	session->planned_spill = budget->copy;
	if (!grf_space_spill_all(&session->space, session->first.piece_count, grf_plan_bounds,
				 &session->first, file->offset))
		return grf_error_create(GRF_ERROR_NO_MEMORY, "no address space for a copy");
	return grf_plan_place(&session->first, &session->space);
}

static struct grf_error *decide_budget(struct grf_session *session, struct budget *budget)
{
	uint64_t max_memory = session->options->max_memory, held, in_memory;
	uint64_t needed = budget->copy + budget->analysis;
	/* Our own share of a limit that is the target's too is half of it already. */
	uint64_t available = budget->room.bytes - budget->room.bytes / LEFT_SHARE;

	budget->allowed = max_memory && max_memory < available ? max_memory : available;
	grf_verbose("%llu MiB to copy in %zu pieces; the analysis takes about %llu MiB; %llu MiB "
		    "may be used",
		    GRF_MIB(budget->copy), session->first.piece_count, GRF_MIB(budget->analysis),
		    GRF_MIB(budget->allowed));
	if (needed <= budget->allowed)
		return NULL;
	if (budget->analysis >= available)
		return refuse_capture(session, budget, NULL);
	if (budget->analysis >= budget->allowed)
		grf_warn("the analysis takes about %llu MiB of memory, whatever --max-memory says",
			 GRF_MIB(budget->analysis));
	in_memory = budget->allowed > budget->analysis ? budget->allowed - budget->analysis : 0;
	held = in_memory / 4 < HELD_MOST ? in_memory / 4 / CUT_BYTES * CUT_BYTES : HELD_MOST;
	if (held < HELD_LEAST)
		held = HELD_LEAST;
	/* It is given back before the analysis begins. */
	if (held > budget->analysis)
		held = budget->analysis / CUT_BYTES * CUT_BYTES;
	return use_file(session, budget, budget->copy > in_memory ? budget->copy - in_memory : 0,
			held);
}

struct grf_error *grf_session_find_room(struct grf_session *session)
{
	uint64_t swapped = swapped_out(session);
	struct budget budget = {0};
	struct grf_error *error = check_swapped(session, swapped);
	bool in_file = false;

	if (error)
		return error;
	budget.copy =
	    grf_copy_measure(&session->copy, session->first.pieces, session->first.piece_count);
	session->planned_bytes = budget.copy;
	budget.analysis = ANALYSIS_BASE;
	if (!session->options->file || session->options->file->analysed)
		budget.analysis += budget.copy / ANALYSIS_SHARE;
	grf_memory_room_for_us(session->target.pid, &budget.room);
	if (session->options->file)
		error = use_given_file(session, &budget, &in_file);
	if (!error && !in_file)
		error = decide_budget(session, &budget);
	free(budget.room.limit);
	return error;
}
