/* SPDX-License-Identifier: BSD-2-Clause */
/* Shared inside the stage: a capture in the making, and what each way of copying does in it. */
#ifndef GRF_CAPTURE_SESSION_H
#define GRF_CAPTURE_SESSION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "capture/capture.h"
#include "capture/copy/copy.h"
#include "capture/copy/dead_stacks.h"
#include "capture/copy/plan.h"
#include "base/pool.h"
#include "capture/copy/space.h"
#include "capture/copy/spill.h"
#include "capture/precopy/precopy.h"
#include "capture/probes/goroutines.h"
#include "capture/probes/probes.h"
#include "hold/calls/forked.h"
#include "hold/calls/injection.h"
#include "hold/hold.h"

/* What copying a page takes one thread; ns. */
#define GRF_COPY_PAGE_TIME 800u

/* Why the work at the stop was not finished. */
enum grf_stop_failure {
	GRF_STOP_DONE,
	GRF_STOP_PLAN_GONE,
	GRF_STOP_NO_ROOM,
	GRF_STOP_NO_SPACE,
	GRF_STOP_REGISTERS,
	GRF_STOP_TOO_MUCH,  /* was written since it was copied; another stop may do */
	GRF_STOP_DISTURBED, /* it cannot be told what was written; another stop may do */
	GRF_STOP_NO_CHILD,  /* no child could be made; after() says why; another way may do */
	GRF_STOP_TOO_LONG,  /* it takes longer than a stop may, in another one too */
};

struct grf_session;

/*
 * A way to copy. The functions are called in the order in which they stand here, by the thread that
 * makes the capture, at_stop() by the tracer; each but at_stop() may be NULL. More than one stop
 * can be made: again() is called between them.
 */
struct grf_copy_method {
	enum grf_copy_way way;
	enum grf_copied_by copied_by;
	enum grf_lack lack; /* where this kernel or process does not allow it */
	const char *name;
	bool needs_stops;  /* all threads have really stopped at at_stop(): it traces them */
	bool reads_stacks; /* leaves out at the stop the parts of stacks that are not in use */
	/* How long a stop will be, as far as that is known before; ns. NULL: short, whatever the
	 * size of the process. */
	uint64_t (*stop_time)(const struct grf_session *session);
	/* Whether the way works here; makes what it needs. UNSUPPORTED, PERMISSION and OTHER mean
	 * that it is not, and another one may be taken. */
	struct grf_error *(*open)(struct grf_session *session);
	/* What is done before the stop. */
	struct grf_error *(*ahead)(struct grf_session *session);
	/* While the target stands, with session->final made: copies, and has the registers taken.
	 * Sets session->failure when that could not be finished. Must not allocate or log. */
	void (*at_stop)(struct grf_session *session, const pid_t *tids, size_t count);
	void (*again)(struct grf_session *session);
	/* What is done when the target runs again, also when something failed. */
	struct grf_error *(*after)(struct grf_session *session);
	/* Fills in what is to be known of it. */
	void (*describe)(const struct grf_session *session, struct grf_provenance *ret);
	/* What was not copied, as it was not needed; NULL: session->left_out. */
	struct grf_left_out_set *(*left_out)(struct grf_session *session);
	void (*close)(struct grf_session *session);
};

extern const struct grf_copy_method grf_copy_by_precopy;
extern const struct grf_copy_method grf_copy_by_soft_dirty;
extern const struct grf_copy_method grf_copy_by_fork;
extern const struct grf_copy_method grf_copy_at_stop;

/* Records of goroutines (stack_roots.c). All zero: none are taken. */
struct grf_session_goroutines {
	struct grf_goroutine_taker *taker;
	bool by_ebpf;
	size_t before;     /* how many there were before the stop */
	uint64_t expected; /* what to take them takes of the stop, measured before it; ns */
	uint64_t limit;    /* what it may take, unless more is saved by it; ns */
	struct grf_dead_stacks dead;
	uint64_t minimum; /* bytes of a dead part that is left out */
	/* Written at the stop. */
	bool tried, taken;
	const struct grf_goroutine_record *records; /* the taker's */
	size_t count;
	uint64_t time; /* that it took; ns */
};

struct grf_session {
	const struct grf_capture_options *options;
	struct grf_target target;
	int maps, pagemap, mem;
	struct grf_image_parts *parts; /* being filled in */

	const struct grf_copy_method *method;
	struct grf_plan first, final;
	struct grf_space space;
	struct grf_spill spill;
	uint64_t planned_bytes, planned_spill; /* of the first plan; the latter of the former */
	struct grf_copy copy;
	struct grf_pool *pool;
	struct grf_pool *round_pool; /* for rounds, as long as the target runs; NULL: none */
	uint64_t max_pause;          /* for which the target may stand; ns; 0: for any time */
	bool stood;                  /* stopped by a signal before anything was done */
	unsigned int copiers;        /* threads of the pool */

	/* What passes over all memory leave out. */
	struct grf_left_out_set left_out;

	/* Of pre-copy. */
	struct grf_precopy precopy;
	unsigned int quiet_rounds; /* in a row, while a collection was waited for */
	struct grf_injection_report injection;

	/* Of the forked picture. */
	struct {
		struct grf_forked *forked;
		int mem, pagemap;  /* of the child; -1: none */
		bool gone;         /* it was not there to the end */
		bool may_copy_all; /* in the same stop, if no child can be made */
		bool copied_all;   /* that was done */
		uint64_t reaping;  /* how long a thread stood for that */
	} fork;

	struct grf_registers_probe *registers;
	struct grf_session_goroutines goroutines;
	struct grf_pause_probe *pause;
	struct grf_freeze freeze;
	struct grf_thread_registers *records;
	size_t thread_room; /* of `records` and capture->threads */

	/* Written at the stop. */
	enum grf_stop_failure failure;
	size_t record_count; /* of `records`, where session->freeze.stands read them */
	bool by_ptrace;      /* registers of some thread at least */
	uint64_t registers_time;
	uint64_t forking_time;
	uint64_t stop_bytes;
	struct grf_hold_report report;

	unsigned int attempt;       /* stops that were given up, by this way to copy */
	unsigned int easy_attempts; /* so many are given up for little; set by ahead() */
	uint64_t given_up;          /* how long stops took that were given up; ns */
	bool gc_point_given_up;     /* one of them was at the end of a garbage collection */
};

/* The record of a thread among the first `count` of session->records, or NULL. `expected`: where it
 * probably is. */
const struct grf_thread_registers *grf_session_find_record(const struct grf_session *session,
							   size_t count, size_t expected,
							   pid_t tid);

/* The registers of every held thread, into session->parts; for at_stop(). Sets
 * session->registers_time, and session->failure when there is no room. */
void grf_session_take_registers(struct grf_session *session, const pid_t *tids, size_t count);

/* Makes ready to take the records of goroutines, as the way to copy needs them; before ahead(). */
void grf_session_open_goroutines(struct grf_session *session);
void grf_session_close_goroutines(struct grf_session *session);

/* Finds where stacks are, so that their dead parts can be left out at the stop; for ahead(). */
void grf_session_expect_stacks(struct grf_session *session);

/* Takes the records, and sets session->copy.dead where stacks were expected; for at_stop(). */
void grf_session_take_goroutines(struct grf_session *session);

/* Whether the program takes them in the time that the stop has for it. */
bool grf_session_affords_goroutines(const struct grf_session *session);

/* Puts the records into session->parts. Errors: NO_MEMORY. */
struct grf_error *grf_session_finish_goroutines(struct grf_session *session);

/* How long it takes to copy all of it in a stop; ns. */
uint64_t grf_session_copy_time(const struct grf_session *session);

/* Whether all of it can be copied in a stop, in the time that the target may stand. */
bool grf_session_may_copy_all(const struct grf_session *session);

/* After a copy in the stop that took too long: whether it lacked the CPUs rather than the time, so
 * that another one may do. */
bool grf_session_was_kept_waiting(const struct grf_session *session);

/*
 * Before anything is copied: decides what of the copy goes to memory and what to a file, so that
 * neither we nor the target run into a limit. Errors: NO_MEMORY when there is no room at all.
 */
struct grf_error *grf_session_find_room(struct grf_session *session);

/* Notes that something was missing, and why; for the provenance. */
static inline void grf_session_lacks(struct grf_session *session, enum grf_lack lack,
				     enum grf_error_code why)
{
	session->parts->provenance.lacks[lack] = (uint8_t)why;
}

/* The same of an error, which it takes over and logs with what is done instead; NULL: all is there.
 */
void grf_session_without(struct grf_session *session, enum grf_lack lack, struct grf_error *error,
			 const char *instead);

/* What went wrong at the stop, if anything. */
struct grf_error *grf_session_explain(const struct grf_session *session);

/* Makes the capture of what was copied, and takes the destination over for it. */
struct grf_error *grf_session_finish(struct grf_session *session);

#endif
