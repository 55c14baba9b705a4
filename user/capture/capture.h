/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Capture: copies of the memory ranges of a live process that the analysis needs, with the thread
 * registers taken at the stop. Knows nothing of what the bytes mean.
 */
#ifndef GRF_CAPTURE_CAPTURE_H
#define GRF_CAPTURE_CAPTURE_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"
#include "image/left_out.h"
#include "hold/gc_point.h"
#include "hold/injection.h"
#include "image/image.h"

/* One copied range. `data` is page-aligned memory of ours, to be read only. */
struct grf_capture_range {
	uint64_t start;
	uint64_t end;
	uint32_t flags; /* enum grf_segment_flags */
	uint8_t *data;
};

/*
 * How the target was held and for how long; printed in the summary. Times in nanoseconds. By the
 * eBPF clock, `total` is from the first thread that left its CPU, or came to the freeze point, to
 * the last one that was back on one; by our own, from the first interrupt to the last detach. It is
 * the sum of `stop`, `copying` and `resume`.
 */
struct grf_pause {
	const char *freeze; /* "stopped at once", "stopped before", "at the end of a garbage ..." */
	const char *copy;   /* "stop and copy", ... */
	const char *register_source; /* "eBPF task iterator" or "ptrace" */
	const char *clock;           /* who measured: "eBPF" or "user space" */
	uint64_t total;              /* see above */
	uint64_t stop;               /* until every thread stood */
	uint64_t copying;            /* and all else that was done while they stood */
	uint64_t scanning;           /* of that, until it was known what is to be copied */
	uint64_t registers;          /* of that, to read those of all threads */
	uint64_t resume;             /* until every thread ran */
	uint64_t bytes;              /* copied, in the stop and before */
	uint64_t stop_bytes;         /* of them, in the stop */
	uint64_t stop_pages;         /* that these are */
	uint64_t left_out;           /* not copied, as nothing of them is needed */
	unsigned int rounds;         /* of copying before the stop; 0: all was copied in it */
	uint64_t forking;     /* of `copying`, until there was a child to copy; 0: none was made */
	uint64_t reaping;     /* for which one thread stood, after; to have that child reaped */
	uint64_t preparation; /* for which one thread stood, before */
	uint64_t given_up;    /* of stops before, that would have been too long */
	uint64_t spilled;     /* bytes of the copy that are in a file */
};

/* The stack bounds of a goroutine, taken by the eBPF side at the stop. */
struct grf_stack_bounds {
	uint64_t g;
	uint64_t low;
	uint64_t high;
};

struct grf_capture {
	pid_t pid;
	struct grf_capture_range *ranges;
	size_t range_count;
	struct grf_mapping *mappings; /* paths are owned */
	size_t mapping_count;
	struct grf_thread *threads;
	size_t thread_count;
	struct grf_stack_bounds *stacks;
	size_t stack_count;
	uint64_t *auxv;    /* pairs type, value; ends with AT_NULL */
	size_t auxv_count; /* words, two for each pair */
	struct grf_pause pause;
};

/* Where in its work the target is to be held. */
enum grf_freeze_wish {
	GRF_FREEZE_AUTO, /* at the end of a garbage collection if one comes in time, else anywhere
			  */
	GRF_FREEZE_GC,   /* there, or not at all */
	GRF_FREEZE_NOW,  /* at once */
};

/* Ways to copy, from the one that holds the target for the shortest time. */
enum grf_copy_way {
	GRF_COPY_AUTO,    /* the first that can be had */
	GRF_COPY_PRECOPY, /* while the target runs, and at the stop what was written meanwhile */
	GRF_COPY_FORK,    /* a child that was made at the stop */
	GRF_COPY_STOP,    /* all at the stop */
};

struct grf_capture_options {
	/* The process as it was before anything else here was read of it, so that it is known when
	 * it runs another program meanwhile; NULL: whatever it runs. Borrowed. */
	const struct grf_target *target;
	enum grf_copy_way copy;
	struct grf_injection_site injection; /* for pre-copy and fork */
	uint64_t max_pause;          /* for which the target may stand; ns; 0: for any time */
	uint64_t max_memory;         /* of ours, as far as we can know; 0: what is free */
	const char *spill_directory; /* for what does not fit into memory; NULL: see spill.h */
	enum grf_freeze_wish freeze;
	uint64_t gc_wait;                           /* how long to wait for the collection; ns */
	struct grf_gc_point_site gc_point;          /* where it ends; paths are borrowed */
	const struct grf_left_out_finder *left_out; /* what is not needed; NULL: all is */
	/* Of a word of 4 bytes that is not 0 while garbage is collected; 0: not known. */
	uint64_t gc_phase_address;
	unsigned int threads;     /* copying threads; 0: one for each core */
	bool no_ebpf;             /* do as if eBPF were not permitted */
	bool no_process_vm_readv; /* do as if it were refused */
	bool no_userfaultfd;      /* do as if the kernel lacked it */
	/* Where the target keeps runtime.allgs (address in the image), for the stack bounds, and
	 * the offsets of g.stack.lo; 0: not known. */
	uint64_t allgs_address;
	uint64_t g_stack_offset;
};

/*
 * Holds `pid`, copies its private writable memory (and what file-backed writable pages hold), lets
 * it go. On every return the target runs on, unless it was stopped before, in which case it stays
 * stopped. Errors: NO_PROCESS (also for a thread's id or a zombie), PERMISSION (names the
 * capability), EXITED, REPLACED (by another program), INTERRUPTED.
 */
struct grf_error *grf_capture_process(pid_t pid, const struct grf_capture_options *options,
				      struct grf_capture **ret);

void grf_capture_destroy(struct grf_capture *capture);

#endif
