/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * All is copied at the stop. The destination's pages are made before it, which halves the time; the
 * stack bounds of goroutines are read by eBPF beside the copying.
 */
#include "capture/session.h"

#include "base/log.h"

static void touch_work(void *context, unsigned int index)
{
	struct grf_session *session = context;

	if (index < session->copiers)
		grf_copy_work(&session->copy);
}

struct grf_error *grf_session_touch_destination(struct grf_session *session)
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

static void stop_work(void *context, unsigned int index)
{
	struct grf_session *session = context;

	if (index < session->copiers)
		grf_copy_work(&session->copy);
	else
		session->stacks_taken = grf_stacks_run(session->stacks);
}

static void copy_all(struct grf_session *session, const pid_t *tids, size_t count)
{
	grf_left_out_check(&session->left_out, grf_copy_gather, &session->copy);
	grf_copy_begin(&session->copy, GRF_COPY_READ, session->final.pieces,
		       session->final.piece_count);
	grf_pool_start(session->pool, stop_work, session);
	grf_session_take_registers(session, tids, count);
	grf_pool_wait(session->pool);
	session->copying_time = grf_now() - session->stop_began;
	session->stop_bytes = session->copy.bytes;
}

static void describe(const struct grf_session *session, struct grf_pause *ret)
{
	ret->copy = session->copy.through_mem ? "stop and copy through /proc/PID/mem"
					      : "stop and copy with process_vm_readv";
}

const struct grf_copy_method grf_copy_at_stop = {
    .way = GRF_COPY_STOP,
    .reads_stacks = true,
    .ahead = grf_session_touch_destination,
    .at_stop = copy_all,
    .describe = describe,
};
