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
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/uio.h>

#include "arch/live.h"
#include "base/cleanup.h"
#include "base/log.h"
#include "base/pace.h"
#include "base/priority.h"
#include "capture/session.h"

#define THREADS_LIMIT   256u
#define AUXV_SIZE_LIMIT 4096

/* Threads may take so long to stop in any case: they may be waiting for a CPU; ns. */
#define LEAST_LIMIT 20000000u
/* What the stop of a small idle process takes, in a hurry and copied ahead; ns. */
#define LEAST_PAUSE 200000u

/* How many stops are made at the most, where the first are given up. */
#define ATTEMPTS 4

/* In the order in which they are tried. */
static const struct grf_copy_method *const methods[] = {
    &grf_copy_by_precopy,
    &grf_copy_by_soft_dirty,
    &grf_copy_by_fork,
    &grf_copy_at_stop,
};

static struct grf_error *open_files(struct grf_session *session)
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

static struct grf_error *read_auxv(struct grf_session *session)
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
	session->parts->auxv = auxv;
	length = read(fd, auxv, AUXV_SIZE_LIMIT);
	pairs = length > 0 ? (size_t)length / (2 * sizeof(*auxv)) : 0;
	while (pairs && auxv[2 * (pairs - 1)] == AT_NULL)
		pairs--;
	auxv[2 * pairs] = auxv[2 * pairs + 1] = AT_NULL;
	session->parts->auxv_count = 2 * (pairs + 1);
	return NULL;
}

/* Sets the probe at the end of a garbage collection, where that is wanted. */
static struct grf_error *open_gc_point(struct grf_session *session)
{
	const struct grf_capture_options *options = session->options;
	struct grf_error *error;

	session->freeze.wait = options->gc_wait;
	if (session->max_pause)
		session->freeze.limit =
		    session->max_pause > LEAST_LIMIT ? session->max_pause : LEAST_LIMIT;
	session->freeze.only_gc_point = options->freeze == GRF_FREEZE_GC;
	if (options->freeze == GRF_FREEZE_NOW)
		return NULL;
	if (session->freeze.only_gc_point && grf_target_is_stopped(&session->target))
		return grf_error_create(GRF_ERROR_NO_COLLECTION,
					"process %d stands stopped, so that no garbage collection "
					"ends in it; let it go on (kill -CONT %d) or take it as it "
					"is (--freeze now)",
					session->target.pid, session->target.pid);
	if (options->no_ebpf)
		error = grf_error_create(GRF_ERROR_UNSUPPORTED, "eBPF is switched off");
	else
		error = grf_gc_point_open(
		    &session->target, &options->gc_point,
		    session->registers ? grf_registers_kernel_tgid(session->registers) : 0,
		    &session->freeze.gc_point);
	if (session->freeze.only_gc_point)
		return error;
	grf_session_without(session, GRF_LACK_GC_POINT, error,
			    "held at once, not at the end of a garbage collection");
	return NULL;
}

static void open_probes(struct grf_session *session)
{
	const struct grf_capture_options *options = session->options;
	struct grf_error *error;

	if (options->no_ebpf) {
		grf_session_lacks(session, GRF_LACK_REGISTERS, GRF_ERROR_UNSUPPORTED);
		grf_verbose("eBPF is switched off: registers by ptrace, pause by our own clock");
		return;
	}
	grf_ebpf_init();
	error = grf_registers_open(session->target.pid, &session->registers);
	grf_session_without(session, GRF_LACK_REGISTERS, error,
			    "registers by ptrace, pause by our own clock");
	if (!session->registers)
		return;
	grf_session_without(session, GRF_LACK_CLOCK,
			    grf_pause_open(grf_registers_kernel_tgid(session->registers),
					   session->thread_room, &session->pause),
			    "pause by our own clock");
}

/* Whether an error only means that this way does not work here. */
static bool can_do_without(const struct grf_error *error)
{
	return error->code == GRF_ERROR_UNSUPPORTED || error->code == GRF_ERROR_PERMISSION ||
	       error->code == GRF_ERROR_OTHER;
}

/* The method after `before` that is wanted, the first one for NULL; NULL: none is left. */
static const struct grf_copy_method *next_method(const struct grf_session *session,
						 const struct grf_copy_method *before)
{
	enum grf_copy_way wish = session->options->copy;

	for (size_t i = 0; i < sizeof(methods) / sizeof(*methods); i++) {
		if (before)
			before = methods[i] == before ? NULL : before;
		else if (wish == GRF_COPY_AUTO || wish == methods[i]->way)
			return methods[i];
	}
	return NULL;
}

/* Opens the first way of copying that works here, of those after the one that was tried last. If
 * none is, the error is that of the first. */
static struct grf_error *choose_method(struct grf_session *session)
{
	const struct grf_copy_method *method = next_method(session, session->method);
	struct grf_error *first = NULL;

	while (method) {
		struct grf_error *error;

		session->method = method;
		error = method->open ? method->open(session) : NULL;
		if (!error)
			grf_verbose("the way to copy: %s", method->name);
		if (!error || !can_do_without(error)) {
			grf_error_free(first);
			return error;
		}
		grf_session_lacks(session, method->lack, error->code);
		method = next_method(session, method);
		grf_verbose("%s%s", error->message,
			    method ? ": the next way to copy is tried" : "");
		if (first)
			grf_error_free(error);
		else
			first = error;
	}
	return first ? first
		     : grf_error_create(GRF_ERROR_UNSUPPORTED, "there is no such way to copy");
}

/* Whether no thread runs; then their registers are read too. */
static bool threads_stand(void *context)
{
	struct grf_session *session = context;

	return grf_registers_stand(session->registers, session->records, session->thread_room,
				   &session->record_count);
}

/* By the registers that were taken at the stop. */
static bool is_idle(void *context, pid_t tid)
{
	const struct grf_session *session = context;
	const struct grf_thread_registers *record =
	    grf_session_find_record(session, session->record_count, 0, tid);

	return record && grf_live_is_in_call(record);
}

static uint64_t count_running(void *context)
{
	const struct grf_session *session = context;

	return grf_pause_running(session->pause);
}

static uint64_t on_cpus(void *context)
{
	const struct grf_session *session = context;

	return grf_pause_cpus(session->pause);
}

static void be_low(void *context, unsigned int index)
{
	(void)context;
	(void)index;
	grf_priority_low();
}

/* What was copied by one way is nothing to the next. */
static void forget_copy(struct grf_session *session)
{
	const struct grf_plan *plan = &session->first;

	grf_pool_start(session->pool, be_low, NULL);
	grf_pool_wait(session->pool);
	for (size_t i = 0; i < plan->piece_count; i++)
		grf_copy_discard(&session->copy, plan->pieces[i].data,
				 plan->pieces[i].end - plan->pieces[i].start);
}

static void leave_method(struct grf_session *session)
{
	if (session->method->close)
		session->method->close(session);
	forget_copy(session);
}

/* Does what is to be done before the stop, by the first way with which that can be done. */
static struct grf_error *copy_ahead(struct grf_session *session)
{
	for (;;) {
		const struct grf_copy_method *method = session->method;
		struct grf_error *error, *none;

		session->freeze.stands =
		    session->registers && !method->needs_stops ? threads_stand : NULL;
		grf_session_open_goroutines(session);
		error = method->ahead ? method->ahead(session) : NULL;
		if (!error || error->code != GRF_ERROR_UNSUPPORTED || !next_method(session, method))
			return error;
		grf_session_lacks(session, method->lack, error->code);
		grf_verbose("%s: the next way to copy is tried", error->message);
		leave_method(session);
		none = choose_method(session);
		if (none && can_do_without(none)) {
			grf_error_free(none);
			return error;
		}
		grf_error_free(error);
		if (none)
			return none;
	}
}

static struct grf_error *prepare_session(struct grf_session *session)
{
	const struct grf_capture_options *options = session->options;
	struct grf_error *error = NULL;

	if (options->spill_directory)
		error = grf_spill_check(options->spill_directory);
	if (!error)
		error = open_files(session);
	if (!error)
		error = read_auxv(session);
	if (error)
		return error;
	session->copy.mem = session->mem;
	session->copy.resident.pagemap = session->pagemap;
	session->copy.through_mem = options->no_process_vm_readv;
	error =
	    grf_plan_make(&session->first, session->maps, &session->copy.resident, &session->space);
	if (error)
		return grf_error_prefix(error, "process %d", session->target.pid);
	error = grf_left_out_find(options->left_out, grf_copy_gather, &session->copy,
				  GRF_LEFT_OUT_LARGE, &session->left_out);
	if (error)
		return error;
	session->copy.left_out = &session->left_out;
	/* One that stands already does not mind. */
	session->stood = grf_target_is_stopped(&session->target);
	session->max_pause = session->stood ? 0 : options->max_pause;
	session->copiers = options->threads ? options->threads : grf_available_processors();
	if (session->copiers > THREADS_LIMIT)
		session->copiers = THREADS_LIMIT;
	error = grf_session_find_room(session);
	if (!error)
		error = grf_plan_make_room(&session->final, &session->first);
	if (error)
		return error;
	session->thread_room = grf_target_thread_room(&session->target);
	session->records = calloc(session->thread_room, sizeof(*session->records));
	session->parts->threads = calloc(session->thread_room, sizeof(*session->parts->threads));
	if (!session->records || !session->parts->threads)
		return grf_error_no_memory();
	error = choose_method(session);
	if (error)
		return error;
	open_probes(session);
	error = grf_pool_create(session->copiers, &session->pool);
	if (!error)
		error = open_gc_point(session);
	session->freeze.context = session;
	session->freeze.is_idle = is_idle;
	if (session->pause) {
		session->freeze.count_running = count_running;
		session->freeze.on_cpus = on_cpus;
	}
	return error ? error : copy_ahead(session);
}

/* What is done while the target stands. */
static void at_the_stop(void *context, const pid_t *tids, size_t count)
{
	struct grf_session *session = context;

	grf_spill_hold(&session->spill, true);
	switch (grf_plan_again(&session->final, &session->first, session->maps,
			       &session->copy.resident, &session->space)) {
	case GRF_PLAN_DONE:
		session->method->at_stop(session, tids, count);
		break;
	case GRF_PLAN_GONE:
		session->failure = GRF_STOP_PLAN_GONE;
		break;
	case GRF_PLAN_NO_ROOM:
		session->failure = GRF_STOP_NO_ROOM;
		break;
	case GRF_PLAN_NO_SPACE:
		session->failure = GRF_STOP_NO_SPACE;
		break;
	}
	grf_spill_hold(&session->spill, false);
}

static void close_session(struct grf_session *session)
{
	/* First the memory, where we give up: it may be wanted badly, and to end an eBPF program
	 * takes the kernel long on a busy machine. */
	grf_space_release(&session->space, NULL, 0);
	if (session->method && session->method->close)
		session->method->close(session);
	grf_pool_destroy(session->pool);
	grf_pool_destroy(session->round_pool);
	grf_gc_point_close(session->freeze.gc_point);
	grf_pause_close(session->pause);
	grf_session_close_goroutines(session);
	grf_registers_close(session->registers);
	grf_left_out_free(&session->left_out);
	grf_copy_destroy(&session->copy);
	grf_plan_free(&session->first);
	grf_plan_free(&session->final);
	grf_spill_close(&session->spill);
	free(session->records);
	if (session->maps >= 0)
		close(session->maps);
	if (session->pagemap >= 0)
		close(session->pagemap);
	if (session->mem >= 0)
		close(session->mem);
	grf_target_close(&session->target);
}

/* One stop, with what is to be done in it. */
static struct grf_error *stop_target(struct grf_session *session)
{
	struct grf_error *error;

	session->failure = GRF_STOP_DONE;
	session->by_ptrace = false;
	session->parts->thread_count = 0;
	if (session->registers)
		grf_registers_begin(session->registers);
	error =
	    grf_hold(&session->target, &session->freeze, at_the_stop, session, &session->report);
	/* What is waited for the end of a garbage collection is of the run, however often it is
	 * held and in whatever way it is copied. */
	session->freeze.waited += session->report.waited;
	return error;
}

/* Whether the stop was given up, and the next one may do. */
static bool may_succeed_later(const struct grf_session *session, const struct grf_error *error)
{
	if (error)
		return error->code == GRF_ERROR_TOO_LONG;
	if (session->copy.error || session->spill.error)
		return false;
	if (session->failure == GRF_STOP_TOO_LONG)
		return grf_session_was_kept_waiting(session);
	return session->failure == GRF_STOP_TOO_MUCH || session->failure == GRF_STOP_DISTURBED;
}

static void note_given_up(struct grf_session *session)
{
	session->given_up += session->report.released - session->report.interrupting;
	session->gc_point_given_up |= session->report.gc_point != 0;
}

/*
 * Stops that turn out to be too long are given up, before anything is copied as a rule, and are
 * tried again after another round; not at the end of a garbage collection then, unless only that
 * will do.
 */
static struct grf_error *hold_by_method(struct grf_session *session)
{
	struct grf_error *error, *late = NULL;

	session->attempt = 0;
	error = stop_target(session);
	while (++session->attempt < ATTEMPTS && may_succeed_later(session, error)) {
		grf_error_free(error);
		note_given_up(session);
		if (session->method->again)
			session->method->again(session);
		error = stop_target(session);
	}
	grf_spill_flush(&session->spill);
	if (session->method->after)
		late = session->method->after(session);
	if (!error)
		return late;
	grf_error_free(late);
	return error;
}

/* Whether a way turned out at the stop not to work here, or to take too long, and another may do.
 */
static bool may_do_otherwise(const struct grf_session *session, const struct grf_error *error)
{
	if (!next_method(session, session->method) || session->copy.error || session->spill.error)
		return false;
	return error ? session->failure == GRF_STOP_NO_CHILD && can_do_without(error)
		     : session->failure == GRF_STOP_TOO_MUCH &&
			   session->options->copy == GRF_COPY_AUTO;
}

/* Where one way to pre-copy has too much left for the stop, so has the other. */
static void pass_over_alike(struct grf_session *session)
{
	const struct grf_copy_method *next = next_method(session, session->method);

	while (next && next->way == session->method->way) {
		session->method = next;
		next = next_method(session, next);
	}
}

/* Then the next way is taken, in a stop of its own. */
static struct grf_error *hold_target(struct grf_session *session)
{
	struct grf_error *error = hold_by_method(session);

	while (may_do_otherwise(session, error)) {
		if (!error)
			grf_verbose(
			    "what process %d wrote since it was copied cannot be copied in the "
			    "time that it may be held: the next way to copy is tried",
			    session->target.pid);
		grf_session_without(session, session->method->lack, error,
				    "the next way to copy is tried");
		note_given_up(session);
		leave_method(session);
		pass_over_alike(session);
		error = choose_method(session);
		if (!error)
			error = copy_ahead(session);
		if (!error)
			error = hold_by_method(session);
	}
	return error;
}

/* Where the stop was given up because it may take no time at all: says what it takes. Takes
 * `error`; NULL stays NULL. */
static struct grf_error *say_least_pause(const struct grf_session *session, struct grf_error *error)
{
	struct grf_error *longer;

	if (!error || !session->max_pause || session->max_pause >= LEAST_PAUSE ||
	    (error->code != GRF_ERROR_TOO_LONG &&
	     (error->code != GRF_ERROR_NO_COLLECTION || !session->given_up)))
		return error;
	longer = grf_error_create(error->code,
				  "%s; no process is held for less than about %.3g ms, and few for "
				  "less than 1 ms",
				  error->message, (double)LEAST_PAUSE / 1e6);
	grf_error_free(error);
	return longer;
}

static struct grf_error *run_session(struct grf_session *session)
{
	struct grf_error *error = prepare_session(session);

	if (!error && grf_interrupted())
		error = grf_error_interrupted();
	if (!error)
		error = hold_target(session);
	if (!error)
		error = grf_session_explain(session);
	return error ? say_least_pause(session, error) : grf_session_finish(session);
}

struct grf_error *grf_capture_process(pid_t pid, const struct grf_capture_options *options,
				      struct grf_image_parts **ret)
{
	struct grf_session session = {
	    .options = options,
	    .target.directory = -1,
	    .maps = -1,
	    .pagemap = -1,
	    .mem = -1,
	};
	struct grf_error *error = options->target
				      ? grf_target_share(options->target, &session.target)
				      : grf_target_open(pid, &session.target);

	if (error)
		return error;
	session.parts = calloc(1, sizeof(*session.parts));
	grf_copy_init(&session.copy, pid);
	grf_spill_init(&session.spill);
	session.copy.space = &session.space;
	session.copy.spill = &session.spill;
	if (session.parts) {
		error = run_session(&session);
	} else {
		error = grf_error_no_memory();
	}
	close_session(&session);
	if (error)
		grf_image_parts_destroy(session.parts);
	else
		*ret = session.parts;
	return error;
}
