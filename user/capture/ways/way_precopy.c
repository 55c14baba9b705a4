/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Memory is copied while the target runs (precopy.c), and at the stop what was written since. A
 * stop for which too much was written is given up before anything is copied in it, and another one
 * follows after one more round.
 */
#include "capture/ways/way_precopy.h"

#include <unistd.h>

#include "base/log.h"
#include "base/priority.h"
#include "capture/precopy/precopy_stop.h"
#include "capture/precopy/userfault.h"

/* Rounds before a stop is thought of, and how often the last one before it is tried. */
#define ROUNDS     4
#define LAST_TRIES 16
/* While the end of a garbage collection is waited for: how often we look whether one has begun, and
 * how long after a round comes the next when it has, besides a multiple of what it took; ns. */
#define IDLE_INTERVAL  2000000u
#define ROUND_INTERVAL 500000u
#define ROUND_SHARE    1u
/* A round that copied less makes the next one wait for twice as long, so many times at most. */
#define QUIET_BYTES   (64u << 10)
#define QUIET_DOUBLES 6u
/* What copying a page takes at the stop, on one CPU; ns. */
#define STOP_PAGE_TIME 1000
/* For the end of a garbage collection, if it is not insisted on, the target shall not stand longer
 * than this, as a collection writes to many pages itself; unless it does so without one. ns. */
#define GC_POINT_PAUSE 3000000u
/* The first stops are given up for more pages than these, unless the rounds before had as many left
 * already: somebody kept us from a CPU in between, which is unlikely to happen again. */
#define EASY_ATTEMPTS 2
#define EASY_PAGES    256u

/* Gets hold of what pre-copy works with: a userfaultfd of the target. */
static struct grf_error *open_userfault(struct grf_session *session)
{
	struct grf_error *error;
	int descriptor;

	if (session->options->no_userfaultfd)
		return grf_error_create(GRF_ERROR_UNSUPPORTED, "userfaultfd is switched off");
	error = grf_injection_userfaultfd(&session->target, &session->options->injection,
					  &descriptor, &session->injection);
	if (error)
		return error;
	error = grf_userfault_create(descriptor, session->pagemap, &session->precopy.tracker);
	if (error)
		close(descriptor);
	return error;
}

/* In each thread of the pool: there are rounds that the target shall not suffer from. */
static void be_usual(void *context, unsigned int index)
{
	(void)context;
	(void)index;
	grf_priority_usual();
}

/* From now on there is only the stop to be done. */
static void be_urgent(void *context, unsigned int index)
{
	(void)context;
	(void)index;
	grf_priority_first();
}

bool grf_precopy_is_collecting(struct grf_session *session)
{
	uint64_t address = session->options->gc_phase_address;
	uint32_t phase = 0;

	return !address ||
	       pread(session->mem, &phase, sizeof(phase), (off_t)address) !=
		   (ssize_t)sizeof(phase) ||
	       phase;
}

/* What the process has mapped since the plan was made, a heap that grows for example, is not left
 * for the stop either. Where that cannot be done it is, all the same. */
static void take_new_mappings(struct grf_session *session)
{
	struct grf_plan before;

	if (grf_plan_again(&session->final, &session->first, session->maps, &session->copy.resident,
			   &session->space) != GRF_PLAN_DONE ||
	    !grf_precopy_extend(&session->precopy, &session->first, &session->final))
		return;
	before = session->first;
	session->first = session->final;
	session->final = before;
	grf_error_free(grf_plan_make_room(&session->final, &session->first));
	grf_precopy_replan(&session->precopy, &session->first);
}

/*
 * Keeps what is left for the stop small while the end of a garbage collection is waited for: the
 * collector itself writes to much of the heap. Before it begins nothing need be done. Where nobody
 * can tell whether it has, a process that writes little gets few rounds.
 */
static uint64_t go_on(void *context)
{
	struct grf_session *session = context;
	uint64_t began = grf_now(), bytes;

	if (!grf_precopy_is_collecting(session))
		return IDLE_INTERVAL;
	take_new_mappings(session);
	bytes = grf_precopy_round(&session->precopy);
	if (bytes >= QUIET_BYTES)
		session->quiet_rounds = 0;
	else if (session->quiet_rounds < QUIET_DOUBLES)
		session->quiet_rounds++;
	return (ROUND_INTERVAL + ROUND_SHARE * (grf_now() - began)) << session->quiet_rounds;
}

/*
 * The last rounds, as near to the stop as can be. They are at the usual priority, for long: urgent
 * ones would leave the target no CPU, which is as bad as a stop. But between the last of them and
 * the stop nobody may keep us from a CPU, or the target writes to more pages in that time than the
 * rounds have copied. So the very last round is urgent, and short, or it is not the last. A process
 * that wrote next to nothing in the last round gets none but that one.
 */
static void catch_up(void *context)
{
	struct grf_session *session = context;
	struct grf_precopy *precopy = &session->precopy;

	precopy->helper_count = session->copiers - 1;
	for (unsigned int i = 0; i < LAST_TRIES && !grf_interrupted(); i++) {
		grf_priority_usual();
		precopy->helpers = session->round_pool;
		take_new_mappings(session);
		if (i || !grf_precopy_is_settled(precopy))
			grf_precopy_catch_up(precopy);
		grf_priority_first();
		precopy->helpers = session->pool;
		if (grf_precopy_last_round(precopy))
			break;
	}
	precopy->helpers = NULL;
}

static bool is_due(void *context)
{
	const struct grf_session *session = context;

	return session->freeze.gc_point && grf_gc_point_is_reached(session->freeze.gc_point);
}

struct grf_error *grf_precopy_find_unneeded(struct grf_session *session)
{
	grf_left_out_free(&session->precopy.unneeded);
	return grf_left_out_find(session->options->left_out, grf_copy_gather, &session->copy, 0,
				 &session->precopy.unneeded);
}

struct grf_error *grf_precopy_ahead(struct grf_session *session, unsigned int rounds)
{
	struct grf_error *error;

	grf_copy_begin(&session->copy, GRF_COPY_READ, NULL, 0);
	error = grf_left_out_find(session->options->left_out, grf_copy_gather, &session->copy,
				  GRF_LEFT_OUT_LARGE, &session->precopy.skipped);
	/* What registers memory keeps the target from changing its mappings meanwhile. */
	grf_priority_usual();
	if (!error)
		error = grf_precopy_begin(&session->precopy, &session->copy, &session->first);
	grf_priority_low();
	if (!error)
		error = grf_precopy_find_unneeded(session);
	if (!error)
		error = grf_precopy_ready(&session->precopy);
	if (error)
		return error;
	grf_precopy_rounds(&session->precopy, rounds);
	grf_pool_start(session->pool, be_urgent, session);
	grf_pool_wait(session->pool);
	session->freeze.urgent = true;
	session->precopy.is_due = is_due;
	session->precopy.context = session;
	/* It need not be stopped for a copy that came to nothing. */
	return grf_session_explain(session);
}

/* Has page faults noted, so that only what they touched need be looked at. */
static void note_faults(struct grf_session *session)
{
	struct grf_error *error = NULL;

	if (session->registers && !session->precopy.touched)
		error = grf_touched_open(grf_registers_kernel_tgid(session->registers),
					 &session->precopy.touched);
	if (error)
		grf_verbose("%s: all pages are looked at in the stop", error->message);
	grf_error_free(error);
}

/* Threads for rounds, which those for the stop are too urgent for. */
static struct grf_error *make_round_pool(struct grf_session *session)
{
	struct grf_error *error = NULL;

	if (session->copiers > 1 && !session->round_pool)
		error = grf_pool_create(session->copiers - 1, &session->round_pool);
	if (error || !session->round_pool)
		return error;
	grf_pool_start(session->round_pool, be_usual, session);
	grf_pool_wait(session->round_pool);
	return NULL;
}

static struct grf_error *copy_ahead(struct grf_session *session)
{
	struct grf_error *error = make_round_pool(session);

	if (error)
		return error;
	note_faults(session);
	session->freeze.meanwhile = go_on;
	session->freeze.just_before = catch_up;
	session->easy_attempts = EASY_ATTEMPTS;
	return grf_precopy_ahead(session, ROUNDS);
}

/* Of what a stop may take; all of it if nothing limits it. UINT64_MAX: any time. */
static uint64_t time_left(const struct grf_session *session)
{
	uint64_t deadline = session->precopy.deadline, now = grf_now();

	if (!session->max_pause)
		return UINT64_MAX;
	if (!deadline)
		return session->max_pause;
	return deadline > now ? deadline - now : 0;
}

uint64_t grf_precopy_page_limit(const struct grf_session *session)
{
	uint64_t time = time_left(session);
	uint64_t limit = time == UINT64_MAX ? time : time / STOP_PAGE_TIME * session->copiers;
	uint64_t fewer = (uint64_t)GC_POINT_PAUSE / STOP_PAGE_TIME * session->copiers;
	uint64_t usual = 2 * session->precopy.round_bytes / GRF_PAGE;

	/* What does not fit into what is held would be written to the file in the stop. */
	if (session->spill.fd >= 0 && limit > session->spill.held_size / GRF_PAGE)
		limit = session->spill.held_size / GRF_PAGE;
	if (!session->freeze.gc_point || session->freeze.only_gc_point)
		return limit;
	if (fewer < usual)
		fewer = usual;
	return fewer < limit ? fewer : limit;
}

/* Of the stop at hand. */
static uint64_t stop_limit(const struct grf_session *session)
{
	uint64_t limit = grf_precopy_page_limit(session);
	uint64_t easy = 2 * session->precopy.round_bytes / GRF_PAGE;

	if (session->report.gc_point || session->attempt >= session->easy_attempts)
		return limit;
	if (easy < EASY_PAGES)
		easy = EASY_PAGES;
	return easy < limit ? easy : limit;
}

/* The tracer takes part, in place of one of these. */
static void stop_work(void *context, unsigned int index)
{
	struct grf_session *session = context;

	if (index + 1 < session->copiers)
		grf_precopy_stop(&session->precopy, session->copiers);
}

void grf_precopy_at_stop(struct grf_session *session, const pid_t *tids, size_t count)
{
	struct grf_precopy *precopy = &session->precopy;
	uint64_t before = session->copy.bytes;
	bool alone;

	if (session->max_pause)
		precopy->deadline = session->report.interrupting + session->max_pause;
	precopy->limit = stop_limit(session);
	if (!grf_precopy_plan(precopy, &session->first, &session->final)) {
		session->failure = GRF_STOP_NO_ROOM;
		return;
	}
	alone = grf_precopy_is_little(precopy);
	if (!alone)
		grf_pool_start(session->pool, stop_work, session);
	grf_session_take_registers(session, tids, count);
	grf_session_take_goroutines(session);
	grf_precopy_stop(precopy, alone ? 1 : session->copiers);
	if (!alone)
		grf_pool_wait(session->pool);
	session->stop_bytes = session->copy.bytes - before;
	if (precopy->too_much)
		session->failure = GRF_STOP_TOO_MUCH;
}

/* Another stop is not made at the end of a garbage collection, unless only that will do. */
void grf_precopy_let_go(struct grf_session *session)
{
	if (session->precopy.overflow)
		grf_verbose("let go: what was written since it was copied lies in too many places");
	else if (session->precopy.pages > session->precopy.limit)
		grf_verbose("let go: %llu KiB were written since they were copied",
			    (unsigned long long)session->precopy.pages * (GRF_PAGE >> 10));
	else
		grf_verbose("let go: the time that it may be held was over");
	if (!session->freeze.only_gc_point) {
		grf_gc_point_close(session->freeze.gc_point);
		session->freeze.gc_point = NULL;
	}
	session->precopy.deadline = 0;
	grf_precopy_replan(&session->precopy, &session->first);
}

struct grf_error *grf_precopy_after(struct grf_session *session)
{
	grf_precopy_settle(&session->precopy, &session->final);
	return NULL;
}

struct grf_left_out_set *grf_precopy_left_out(struct grf_session *session)
{
	return &session->precopy.unneeded;
}

static void describe_way(const struct grf_session *session, struct grf_provenance *ret)
{
	ret->rounds = session->precopy.rounds_with;
	ret->preparation = session->injection.ended - session->injection.began;
}

void grf_precopy_close(struct grf_session *session)
{
	grf_priority_usual();
	session->freeze.meanwhile = NULL;
	session->freeze.just_before = NULL;
	session->easy_attempts = 0;
	session->freeze.urgent = false;
	grf_touched_close(session->precopy.touched);
	session->precopy.touched = NULL;
	grf_precopy_end(&session->precopy);
	grf_priority_low();
}

const struct grf_copy_method grf_copy_by_precopy = {
    .way = GRF_COPY_PRECOPY,
    .copied_by = GRF_COPIED_USERFAULTFD,
    .lack = GRF_LACK_USERFAULTFD,
    .name = GRF_WORDS_USERFAULTFD,
    .open = open_userfault,
    .ahead = copy_ahead,
    .at_stop = grf_precopy_at_stop,
    .again = grf_precopy_let_go,
    .after = grf_precopy_after,
    .describe = describe_way,
    .left_out = grf_precopy_left_out,
    .close = grf_precopy_close,
};
