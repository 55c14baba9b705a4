/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Hold: brings a process to a standstill and lets it go again. Knows nothing of memory or Go. The
 * face of this stage. Beside it: the freeze point at the end of a collection (gc_point.h), where
 * libbpf's words go (ebpf.h), and what a thread of the target does for us, such as making a child
 * (calls/injection.h, calls/forked.h).
 */
#ifndef GRF_HOLD_HOLD_H
#define GRF_HOLD_HOLD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"
#include "hold/incarnation.h"

/*
 * A process that is to be held. Everything about it is read through `directory`, an open
 * descriptor of /proc/PID: when the process is gone reads fail, also where its number is in use
 * again. What is read by the number alone is to be followed by grf_target_check().
 */
struct grf_target {
	pid_t pid;
	int directory;
	struct grf_incarnation program; /* that it ran at grf_target_open() */
};

/*
 * Opens process `pid` after looking whether it can be held at all. Errors: NO_PROCESS (none, a
 * thread's id, a zombie, ourselves), PERMISSION (not ours to trace, or traced by another), NOT_GO
 * (a kernel thread).
 */
struct grf_error *grf_target_open(pid_t pid, struct grf_target *ret);
void grf_target_close(struct grf_target *target);

/* The same process and program once more, to be closed by itself. */
struct grf_error *grf_target_share(const struct grf_target *target, struct grf_target *ret);

/* Whether the memory of that program still exists, in one system call. It may exist although the
 * process runs another program by now, where somebody else (a child of vfork(2)) keeps it. */
bool grf_target_has_memory(const struct grf_target *target);

/* Checks that the process still runs the program that it ran at grf_target_open(). If it does, all
 * that was read of it before this call is of that program. Errors: EXITED, REPLACED (by exec(2)),
 * PERMISSION (it may not be seen any more). */
struct grf_error *grf_target_check(const struct grf_target *target);

/* Whether grf_target_check() would find no error. Does not allocate. */
bool grf_target_is_same(const struct grf_target *target);

/* Gives the cause of `error`. When a process ends or becomes another program, what is asked of it
 * is refused with errors of many kinds: then this returns the error of grf_target_check() and frees
 * `error`, else it returns `error`. NULL stays NULL. */
struct grf_error *grf_target_explain(const struct grf_target *target, struct grf_error *error);

/* A descriptor of the file `name` in /proc/PID, or an error that explains the refusal. */
struct grf_error *grf_target_open_file(const struct grf_target *target, const char *name, int flags,
				       int *ret);

/* Whether it stands stopped by a signal (SIGSTOP), and not by us. */
bool grf_target_is_stopped(const struct grf_target *target);

/* The number of threads at this moment; 0 when the process is gone. */
size_t grf_target_thread_count(const struct grf_target *target);

/* For how many threads room is made before the stop: those that there are and many more. */
size_t grf_target_thread_room(const struct grf_target *target);

/* How the hold went. Times are grf_now(). */
struct grf_hold_report {
	uint64_t waited;       /* for the freeze point; ns */
	uint64_t interrupting; /* before the first interrupt */
	uint64_t stopped;      /* every thread stands */
	uint64_t releasing;    /* before the first thread is let go */
	uint64_t released;     /* after the last */
	size_t threads;        /* that stood */
	size_t waiting;        /* of them, those that had yet to take note when they were let go */
	size_t passes;         /* over the list of threads until it held no new one */
	bool stopped_already;  /* the process stood in a group stop (SIGSTOP) before */
	uint64_t gc_point;     /* when a thread came to the freeze point where all were then
				* held, and `interrupting` is that moment; 0: held elsewhere */
};

struct grf_gc_point_probe;

/* Where to hold the target: at the end of a garbage collection, or anywhere. */
struct grf_freeze {
	struct grf_gc_point_probe *gc_point; /* NULL: anywhere, at once */
	uint64_t wait;                       /* for the point, at most, in all holds; ns */
	uint64_t waited;                     /* of it, in holds before this one; ns */
	bool only_gc_point;                  /* rather not at all than anywhere else */
	uint64_t limit; /* for which threads may take to stop while others stand; ns; 0: a second */
	bool urgent;    /* work() is short: nobody else shall run on our CPU meanwhile */
	/* Called now and then while the point is waited for, or NULL; returns after how many ns it
	 * is to be called next. It should not take more than a few milliseconds: a target that
	 * reaches the point meanwhile may not be held there. */
	uint64_t (*meanwhile)(void *context);
	/* Whether no thread of the target is on a CPU any more; asked again and again when all were
	 * asked to stop. NULL: each is waited for until it has stopped. Must not allocate. */
	bool (*stands)(void *context);
	/* Whether a thread stands in a system call; or NULL. */
	bool (*is_idle)(void *context, pid_t tid);
	/* How many threads have been on a CPU again since they stopped; or NULL: not known. */
	uint64_t (*count_running)(void *context);
	/* The CPUs that threads of the target are on, bit c for CPU c; or NULL: not known. */
	uint64_t (*on_cpus)(void *context);
	/* Called right before a stop elsewhere than at the point, or NULL. */
	void (*just_before)(void *context);
	/* work() has threads make system calls (injected_call.c). */
	bool makes_calls;
	/* Called when the target was let go, or NULL; also when it is gone, but only if work() was
	 * called. By the tracer, which still traces what the target's threads started. */
	void (*released)(void *context);
	void *context; /* of these */
};

/* What is done while the target stands. `tids` are the threads. Must not allocate or log. */
typedef void grf_hold_work(void *context, const pid_t *tids, size_t count);

/*
 * Stops every thread of `target`, at the point that `freeze` tells, calls work() and lets them go.
 * work() runs in a thread that exists for this call, the tracer; ptrace requests for the target's
 * threads can be made from it, if freeze->stands is NULL.
 *
 * On every return the target runs on, or stands stopped as it did before. Errors, besides those of
 * grf_target_open(): EXITED (the process went away before or during the hold; work() may or may
 * not have run), REPLACED (it became another program, the same), INTERRUPTED (before work() was
 * called), TOO_LONG (a thread did not stop in time), OTHER (the freeze point was not reached).
 */
struct grf_error *grf_hold(const struct grf_target *target, const struct grf_freeze *freeze,
			   grf_hold_work *work, void *context, struct grf_hold_report *ret);

#endif
