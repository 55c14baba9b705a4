/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What each way to copy does in the same way: takes the registers, notes what is missing, and
 * knows how long it takes to copy all at the stop. It is apart from capture.c, which calls the
 * ways.
 */
#include "capture/session.h"

#include "base/log.h"

/* More threads than a few copy as fast as memory is. What is written to a file takes as long again.
 */
#define FAST_THREADS 4u
/* A copy that took so many times as long as it should have had no CPU for most of that. */
#define KEPT_WAITING 4

const struct grf_thread_registers *grf_session_find_record(const struct grf_session *session,
							   size_t count, size_t expected, pid_t tid)
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

/* From the eBPF program, and what it lacks by ptrace. */
static bool take_registers(struct grf_session *session, const pid_t *tids, size_t count)
{
	struct grf_image_parts *parts = session->parts;
	size_t i, records = 0;

	if (session->freeze.stands)
		records = session->record_count;
	else if (session->registers && !grf_registers_read(session->registers, session->records,
							   session->thread_room, &records))
		records = 0;
	if (count > session->thread_room)
		return false;
	for (i = 0; i < count; i++) {
		struct grf_thread *thread = &parts->threads[parts->thread_count];
		const struct grf_thread_registers *record =
		    grf_session_find_record(session, records, i, tids[i]);

		if (record) {
			grf_registers_convert(record, thread);
		} else {
			session->by_ptrace = true;
			if (!grf_registers_ptrace(tids[i], thread))
				continue;
		}
		parts->thread_count++;
	}
	return true;
}

void grf_session_take_registers(struct grf_session *session, const pid_t *tids, size_t count)
{
	uint64_t began = grf_now();

	if (!take_registers(session, tids, count))
		session->failure = GRF_STOP_REGISTERS;
	session->registers_time = grf_now() - began;
}

void grf_session_without(struct grf_session *session, enum grf_lack lack, struct grf_error *error,
			 const char *instead)
{
	if (!error)
		return;
	grf_session_lacks(session, lack, error->code);
	grf_verbose("%s: %s", error->message, instead);
	grf_error_free(error);
}

uint64_t grf_session_copy_time(const struct grf_session *session)
{
	uint64_t pages = (session->planned_bytes + session->planned_spill) / GRF_PAGE;

	return pages * GRF_COPY_PAGE_TIME /
	       (session->copiers < FAST_THREADS ? session->copiers : FAST_THREADS);
}

bool grf_session_may_copy_all(const struct grf_session *session)
{
	return !session->max_pause || grf_session_copy_time(session) <= session->max_pause;
}

bool grf_session_was_kept_waiting(const struct grf_session *session)
{
	return grf_session_copy_time(session) <= session->max_pause / KEPT_WAITING;
}
