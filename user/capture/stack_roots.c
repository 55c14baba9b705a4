/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * When the records of goroutines are taken, and what for. They are what the model takes stack roots
 * from, and holds the copied memory against; a way that copies at the stop leaves out by them the
 * parts of stacks that nobody uses, which it must know before it copies.
 *
 * To take one costs time of the stop. So a way that copies ahead, whose stop is short, has them
 * taken of few goroutines only; of more the model reads the copied memory alone. One that copies at
 * the stop has them taken where that costs less than to copy what is left out by them.
 */
#include <stdlib.h>
#include <unistd.h>

#include "base/log.h"
#include "capture/session.h"

/* More goroutines than these have no records, which would be 90 MB. */
#define RECORDS_LIMIT (1u << 20)
/* For goroutines that are made before the stop. */
#define MORE_GOROUTINES 1024u

/* What it takes to take one, without eBPF also; ns. */
#define RECORD_TIME 250u

/* Bytes that a dead part of a stack must have to be left out. To leave one out splits the memory
 * that is read into one run more, and a run costs more than the copy of a small part: with the dead
 * parts of stacks of 2 KiB left out, the size that Go begins with, the copy of 100,000 stacks has
 * half the bytes and takes longer. By /proc/PID/mem each run is a system call, so the least is
 * larger. */
#define DEAD_BYTES             4096u
#define DEAD_BYTES_THROUGH_MEM 16384u

/* How many goroutines there are. 0: that is not known. */
static size_t count_goroutines(const struct grf_session *session)
{
	uint64_t slice[2], allgs = session->options->goroutines.allgs;

	if (!allgs ||
	    pread(session->mem, slice, sizeof(slice), (off_t)allgs) != (ssize_t)sizeof(slice))
		return 0;
	return slice[1] > SIZE_MAX ? SIZE_MAX : (size_t)slice[1];
}

static struct grf_error *open_taker(struct grf_session *session, size_t count, bool by_ebpf)
{
	return grf_goroutines_open(session->target.pid, &session->options->goroutines,
				   &session->copy, by_ebpf, count + count / 4 + MORE_GOROUTINES,
				   &session->goroutines.taker);
}

/* By eBPF, or else the other way where the copying gains by it. */
static void choose_taker(struct grf_session *session, size_t count)
{
	struct grf_error *error;

	if (session->options->no_ebpf)
		error = grf_error_create(GRF_ERROR_UNSUPPORTED, "eBPF is switched off");
	else
		error = open_taker(session, count, true);
	session->goroutines.before = count;
	if (!error) {
		session->goroutines.by_ebpf = true;
		return;
	}
	if (!session->method->reads_stacks) {
		grf_session_without(session, GRF_LACK_STACKS, error,
				    "stack roots from the copied memory");
		return;
	}
	grf_session_without(session, GRF_LACK_STACKS, error, "stack roots from memory");
	error = open_taker(session, count, false);
	grf_session_without(session, GRF_LACK_STACKS, error, "stacks are copied as a whole");
}

void grf_session_close_goroutines(struct grf_session *session)
{
	grf_goroutines_close(session->goroutines.taker);
	grf_dead_stacks_free(&session->goroutines.dead);
	session->goroutines = (struct grf_session_goroutines){0};
	session->copy.dead = NULL;
}

void grf_session_open_goroutines(struct grf_session *session)
{
	size_t count = count_goroutines(session);
	struct grf_error *error = NULL;

	grf_session_close_goroutines(session);
	grf_session_lacks(session, GRF_LACK_STACKS, 0);
	if (!count || !session->options->goroutines.known)
		error = grf_error_create(GRF_ERROR_UNSUPPORTED,
					 "it is not known before the stop where goroutines are");
	else if (count > RECORDS_LIMIT ||
		 (count > GRF_FEW_GOROUTINES && !session->method->reads_stacks))
		error = grf_error_create(
		    GRF_ERROR_TOO_LONG,
		    "there are %zu goroutines, too many to take their stack roots in the stop",
		    count);
	if (error)
		grf_session_without(session, GRF_LACK_STACKS, error,
				    "stack roots from the copied memory");
	else
		choose_taker(session, count);
}

void grf_session_expect_stacks(struct grf_session *session)
{
	struct grf_session_goroutines *goroutines = &session->goroutines;
	const struct grf_goroutine_record *records;
	struct grf_error *error;
	size_t count;

	if (!goroutines->taker || !grf_goroutines_take(goroutines->taker, &records, &count))
		return;
	error = grf_dead_stacks_expect(&goroutines->dead, records, count);
	if (error) {
		grf_error_free(error);
		return;
	}
	goroutines->minimum = session->copy.through_mem ? DEAD_BYTES_THROUGH_MEM : DEAD_BYTES;
	grf_dead_stacks_find(&goroutines->dead, records, count, goroutines->minimum);
	if (count <= GRF_FEW_GOROUTINES ||
	    goroutines->dead.bytes / GRF_PAGE * GRF_COPY_PAGE_TIME >= count * RECORD_TIME)
		return;
	grf_session_close_goroutines(session);
	grf_session_without(
	    session, GRF_LACK_STACKS,
	    grf_error_create(GRF_ERROR_TOO_LONG,
			     "the stacks of %zu goroutines are in use for the most part", count),
	    "stack roots from the copied memory");
}

void grf_session_take_goroutines(struct grf_session *session)
{
	struct grf_session_goroutines *goroutines = &session->goroutines;
	uint64_t began = grf_now();

	session->copy.dead = NULL;
	session->copy.dead_bytes = 0;
	goroutines->tried = true;
	if (!goroutines->taker)
		return;
	goroutines->taken =
	    grf_goroutines_take(goroutines->taker, &goroutines->records, &goroutines->count);
	if (goroutines->taken && goroutines->dead.places) {
		grf_dead_stacks_find(&goroutines->dead, goroutines->records, goroutines->count,
				     goroutines->minimum);
		session->copy.dead = &goroutines->dead;
	}
	goroutines->time = grf_now() - began;
}

/* Why no records were taken, by a taker that there was. */
static struct grf_error *explain_lack(const struct grf_session_goroutines *goroutines)
{
	if (!goroutines->tried)
		return grf_error_create(GRF_ERROR_TOO_LONG,
					"there are too many goroutines to take their stack roots "
					"in a stop that copies no stacks");
	return grf_error_create(GRF_ERROR_OTHER, "the goroutines could not be read in the stop");
}

bool grf_session_has_few_goroutines(const struct grf_session *session)
{
	return session->goroutines.by_ebpf && session->goroutines.before <= GRF_FEW_GOROUTINES;
}

struct grf_error *grf_session_finish_goroutines(struct grf_session *session)
{
	struct grf_session_goroutines *goroutines = &session->goroutines;
	struct grf_image_parts *parts = session->parts;
	struct grf_provenance *provenance = &parts->provenance;

	if (!goroutines->taken) {
		if (goroutines->taker && (goroutines->tried || goroutines->by_ebpf))
			grf_session_without(session, GRF_LACK_STACKS, explain_lack(goroutines),
					    "stack roots from the copied memory");
		return NULL;
	}
	parts->goroutines = malloc((goroutines->count + 1) * sizeof(*parts->goroutines));
	if (!parts->goroutines)
		return grf_error_no_memory();
	for (size_t i = 0; i < goroutines->count; i++)
		if (goroutines->records[i].g)
			parts->goroutines[parts->goroutine_count++] = goroutines->records[i];
	parts->goroutine_fields = session->options->goroutines.fields;
	provenance->goroutine_records = parts->goroutine_count;
	provenance->goroutines_by =
	    goroutines->by_ebpf ? GRF_GOROUTINES_BY_EBPF : GRF_GOROUTINES_FROM_MEMORY;
	provenance->pause.goroutines = goroutines->time;
	provenance->dead_stacks = session->copy.dead_bytes;
	grf_verbose("stack roots of %zu goroutines %s, taken in %.3g ms of the stop",
		    parts->goroutine_count, goroutines->by_ebpf ? "by eBPF" : "from memory",
		    (double)goroutines->time / 1e6);
	return NULL;
}
