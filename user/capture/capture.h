/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Capture: copies of the memory ranges of a live process that the analysis needs, with the thread
 * registers taken at the stop, as the parts of an image. Knows nothing of what the bytes mean.
 */
#ifndef GRF_CAPTURE_CAPTURE_H
#define GRF_CAPTURE_CAPTURE_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"
#include "capture/probes/goroutines.h"
#include "hold/calls/injection.h"
#include "hold/gc_point.h"
#include "image/parts.h"

/* Where in its work the target is to be held. */
enum grf_freeze_wish {
	GRF_FREEZE_AUTO, /* at the end of a garbage collection if one comes in time, else anywhere
			  */
	GRF_FREEZE_GC,   /* there, or not at all */
	GRF_FREEZE_NOW,  /* at once */
};

/* Ways to copy, from the one that holds the target for the shortest time. */
enum grf_copy_way {
	GRF_COPY_AUTO,    /* the first that works here */
	GRF_COPY_PRECOPY, /* while the target runs, and at the stop what was written meanwhile */
	GRF_COPY_FORK,    /* a child that was made at the stop */
	GRF_COPY_STOP,    /* all at the stop */
};

/* A file that the copy goes to, see image/snapshot.h. Borrowed. */
struct grf_capture_file {
	int fd;             /* for reading and writing; has nothing in it */
	const char *path;   /* in messages */
	uint64_t offset;    /* of what is copied; whole pages */
	uint64_t max_bytes; /* that it may take; 0: any */
	bool analysed;      /* the analysis follows, in this process */
};

struct grf_capture_options {
	/* The process as it was before anything else here was read of it, so that it is known when
	 * it runs another program meanwhile; NULL: whatever it runs. Borrowed. */
	const struct grf_target *target;
	enum grf_copy_way copy;
	struct grf_injection_site injection; /* for pre-copy and fork */
	uint64_t max_pause;  /* for which the target may stand; ns; 0: for any time */
	uint64_t max_memory; /* that we may use, as far as we can know; 0: what is free */
	/* Where what is copied goes, instead of memory; NULL: nowhere. Where its file system has no
	 * holes, it does not, and parts->file_end is 0. */
	const struct grf_capture_file *file;
	const char *spill_directory; /* for what does not fit into memory; NULL: see spill.h */
	enum grf_freeze_wish freeze;
	uint64_t gc_wait;                           /* how long to wait for the collection; ns */
	struct grf_gc_point_site gc_point;          /* where it ends; paths are borrowed */
	const struct grf_left_out_finder *left_out; /* what is not needed; NULL: all is */
	/* Of a word of 4 bytes that is not 0 while garbage is collected; 0: not known. */
	uint64_t gc_phase_address;
	unsigned int threads;                 /* copying threads; 0: one for each core */
	bool no_ebpf;                         /* do as if eBPF were not permitted */
	bool no_process_vm_readv;             /* do as if it were refused */
	bool no_userfaultfd;                  /* do as if the kernel lacked it */
	struct grf_goroutine_site goroutines; /* what their records are taken by */
};

/*
 * Holds `pid`, copies its private writable memory (and what file-backed writable pages hold), lets
 * it go. Gives the parts to the caller. On every return the target runs on, unless it was stopped
 * before, in which case it stays stopped. Errors: NO_PROCESS (also for a thread's id or a zombie),
 * PERMISSION (names the capability), EXITED, REPLACED (by another program), INTERRUPTED.
 */
struct grf_error *grf_capture_process(pid_t pid, const struct grf_capture_options *options,
				      struct grf_image_parts **ret);

#endif
