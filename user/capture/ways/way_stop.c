/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * All is copied at the stop, but for the parts of stacks that are not in use. The destination's
 * pages are made before it, which halves the time. How long the copying takes is plain from the
 * amount. It is not begun where it would be longer than the target may stand, and broken off
 * when it turns out to be.
 */
#include "capture/ways/way_stop.h"

#include "base/log.h"
#include "base/priority.h"
#include "hold/hold.h"

/* What goes before everybody else takes no longer than this; ns. */
#define SHORT_STOP 200000000u

static struct grf_error *check_time(struct grf_session *session)
{
	uint64_t max_pause = session->max_pause, time = grf_session_copy_time(session);

	if (grf_session_may_copy_all(session))
		return NULL;
	return grf_error_create(
	    GRF_ERROR_TOO_LONG,
	    "process %d: what is left is to copy all of its %llu MiB while it stands, which takes "
	    "about %.3g ms, and it may stand for %.3g ms; allow more (--max-pause), or any time "
	    "(--copy stop)",
	    session->target.pid, (unsigned long long)(session->planned_bytes >> 20),
	    (double)time / 1e6, (double)max_pause / 1e6);
}

/* In each thread of the pool: from now on there is only the stop to be done. */
static void be_ready(void *context, unsigned int index)
{
	const struct grf_session *session = context;

	(void)index;
	if (session->freeze.urgent)
		grf_priority_first();
	else
		grf_priority_usual();
}

/* In each thread of the pool. */
static void copy_work(void *context, unsigned int index)
{
	struct grf_session *session = context;

	(void)index;
	grf_copy_work(&session->copy);
}

struct grf_error *grf_session_touch_destination(struct grf_session *session)
{
	grf_copy_begin(&session->copy, GRF_COPY_TOUCH, session->first.pieces,
		       session->first.piece_count);
	grf_pool_start(session->pool, copy_work, session);
	grf_pool_wait(session->pool);
	if (session->copy.error)
		return grf_error_create(GRF_ERROR_NO_MEMORY, "no memory for a copy of process %d",
					session->target.pid);
	return grf_interrupted() ? grf_error_interrupted() : NULL;
}

/* A stop that is short goes before everybody else on all CPUs; a long one would leave them none. */
static struct grf_error *get_ready(struct grf_session *session)
{
	struct grf_error *error = grf_session_touch_destination(session);

	session->freeze.urgent = grf_session_copy_time(session) <= SHORT_STOP;
	grf_pool_start(session->pool, be_ready, session);
	grf_pool_wait(session->pool);
	grf_session_expect_stacks(session);
	return error;
}

void grf_session_copy_all(struct grf_session *session, const pid_t *tids, size_t count)
{
	grf_session_take_goroutines(session);
	grf_left_out_check(&session->left_out, grf_copy_gather, &session->copy, NULL, NULL);
	grf_copy_begin(&session->copy, GRF_COPY_READ, session->final.pieces,
		       session->final.piece_count);
	if (session->max_pause)
		session->copy.deadline = session->report.interrupting + session->max_pause;
	grf_pool_start(session->pool, copy_work, session);
	if (tids)
		grf_session_take_registers(session, tids, count);
	grf_pool_wait(session->pool);
	session->stop_bytes = session->copy.bytes;
	if (session->copy.late)
		session->failure = GRF_STOP_TOO_LONG;
}

const struct grf_copy_method grf_copy_at_stop = {
    .way = GRF_COPY_STOP,
    .copied_by = GRF_COPIED_AT_STOP,
    .name = "all of it at the stop",
    .reads_stacks = true,
    .stop_time = grf_session_copy_time,
    .open = check_time,
    .ahead = get_ready,
    .at_stop = grf_session_copy_all,
};
