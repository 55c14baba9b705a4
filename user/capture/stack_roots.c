/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * When the records of goroutines are taken, and what for. They are what the model takes stack roots
 * from, and holds the copied memory against; a way that copies at the stop leaves out by them the
 * parts of stacks that nobody uses, which it must know before it copies.
 *
 * To take them costs time of the stop. How much is measured before it, on this process and machine,
 * and held against how long the stop is without them: they may add a quarter. A way that copies
 * stacks at the stop has them taken also where that costs less than to copy what is left out by
 * them. Of few goroutines they are taken in any case. Where they are not, the model reads the
 * copied memory alone.
 *
 * To read again only those gs whose pages were written to would be cheaper, and no witness: a page
 * that the copying did not see written is just what the records are held against.
 */
#include <stdlib.h>
#include <unistd.h>

#include "base/log.h"
#include "capture/session.h"

/* More goroutines than these have no records, which would be 90 MB. */
#define RECORDS_LIMIT (1u << 20)
/* For goroutines that are made before the stop. */
#define MORE_GOROUTINES 1024u

/* They may add this part of the stop to it. */
#define STOP_SHARE 4u
/* No stop is expected to be shorter: one that copies only what was written since takes as long; ns.
 */
#define SHORT_STOP 400000u
/* One takes no less on any machine, with eBPF or without; ns. */
#define LEAST_RECORD_TIME 20u

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

/* By how much the records may make the stop longer; ns. */
static uint64_t find_time_limit(const struct grf_session *session)
{
	const struct grf_copy_method *method = session->method;
	uint64_t time = method->stop_time ? method->stop_time(session) : 0;

	/* One that stands already does not mind. */
	if (session->stood)
		return UINT64_MAX;
	if (time < SHORT_STOP)
		time = SHORT_STOP;
	if (session->max_pause && time > session->max_pause)
		time = session->max_pause;
	return time / STOP_SHARE;
}

static bool may_take(const struct grf_session_goroutines *goroutines)
{
	return goroutines->before <= GRF_FEW_GOROUTINES ||
	       goroutines->expected <= goroutines->limit;
}

static struct grf_error *explain_costs(const struct grf_session_goroutines *goroutines)
{
	return grf_error_create(GRF_ERROR_TOO_LONG,
				"to take the stack roots of %zu goroutines in the stop would take "
				"%.2g ms; the limit is %.2g ms",
				goroutines->before, (double)goroutines->expected / 1e6,
				(double)goroutines->limit / 1e6);
}

/* How long it takes at the stop, as far as that is known before. What the first time takes is as it
 * will be then, when little of it is in the CPU's caches, unless somebody else had the CPU. */
static uint64_t measure_taker(struct grf_goroutine_taker *taker)
{
	const struct grf_goroutine_record *records;
	uint64_t began = grf_now(), first, second;
	size_t count;

	grf_goroutines_take(taker, &records, &count);
	first = grf_now() - began;
	began = grf_now();
	grf_goroutines_take(taker, &records, &count);
	second = grf_now() - began;
	return first < 2 * second ? first : 2 * second;
}

static struct grf_error *open_taker(struct grf_session *session, bool by_ebpf)
{
	struct grf_session_goroutines *goroutines = &session->goroutines;
	size_t count = goroutines->before;
	struct grf_error *error =
	    grf_goroutines_open(session->target.pid, &session->options->goroutines, &session->copy,
				by_ebpf, count + count / 4 + MORE_GOROUTINES, &goroutines->taker);

	if (!error)
		goroutines->expected = measure_taker(goroutines->taker);
	return error;
}

/* By eBPF, or else the other way where the copying gains by it. */
static void choose_taker(struct grf_session *session)
{
	struct grf_error *error;

	if (session->options->no_ebpf)
		error = grf_error_create(GRF_ERROR_UNSUPPORTED, "eBPF is switched off");
	else
		error = open_taker(session, true);
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
	error = open_taker(session, false);
	grf_session_without(session, GRF_LACK_STACKS, error, "stacks are copied as a whole");
}

void grf_session_close_goroutines(struct grf_session *session)
{
	grf_goroutines_close(session->goroutines.taker);
	grf_dead_stacks_free(&session->goroutines.dead);
	session->goroutines = (struct grf_session_goroutines){0};
	session->copy.dead = NULL;
}

/* Those that are not worth their time. `expected` and `limit` stay, for the provenance. */
static void give_up_taker(struct grf_session *session)
{
	struct grf_session_goroutines *goroutines = &session->goroutines;
	struct grf_session_goroutines costs = {
	    .before = goroutines->before,
	    .expected = goroutines->expected,
	    .limit = goroutines->limit,
	};

	grf_session_close_goroutines(session);
	*goroutines = costs;
	grf_session_without(session, GRF_LACK_STACKS, explain_costs(goroutines),
			    "stack roots from the copied memory");
}

void grf_session_open_goroutines(struct grf_session *session)
{
	struct grf_session_goroutines *goroutines = &session->goroutines;
	bool reads_stacks = session->method->reads_stacks;

	grf_session_close_goroutines(session);
	grf_session_lacks(session, GRF_LACK_STACKS, 0);
	goroutines->before = count_goroutines(session);
	if (!goroutines->before || !session->options->goroutines.known) {
		grf_session_without(session, GRF_LACK_STACKS,
				    grf_error_create(GRF_ERROR_UNSUPPORTED,
						     "it is not known before the stop where "
						     "goroutines are"),
				    "stack roots from the copied memory");
		return;
	}
	goroutines->limit = find_time_limit(session);
	goroutines->expected = goroutines->before * LEAST_RECORD_TIME;
	if (goroutines->before > RECORDS_LIMIT || (!reads_stacks && !may_take(goroutines))) {
		give_up_taker(session);
		return;
	}
	choose_taker(session);
	if (goroutines->taker && !reads_stacks && !may_take(goroutines))
		give_up_taker(session);
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
	if (!may_take(goroutines) &&
	    goroutines->dead.bytes / GRF_PAGE * GRF_COPY_PAGE_TIME < goroutines->expected)
		give_up_taker(session);
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
		return explain_costs(goroutines);
	return grf_error_create(GRF_ERROR_OTHER, "the goroutines could not be read in the stop");
}

bool grf_session_affords_goroutines(const struct grf_session *session)
{
	return session->goroutines.by_ebpf && may_take(&session->goroutines);
}

struct grf_error *grf_session_finish_goroutines(struct grf_session *session)
{
	struct grf_session_goroutines *goroutines = &session->goroutines;
	struct grf_image_parts *parts = session->parts;
	struct grf_provenance *provenance = &parts->provenance;

	provenance->goroutines_expected = goroutines->expected;
	provenance->goroutines_limit = goroutines->limit == UINT64_MAX ? 0 : goroutines->limit;
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
