/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How an image came to be: numbers and enums, which travel with it. Outputs put them into words.
 */
#ifndef GRF_IMAGE_PROVENANCE_H
#define GRF_IMAGE_PROVENANCE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* What the bytes were read from. */
enum grf_origin {
	GRF_ORIGIN_CORE,
	GRF_ORIGIN_PROCESS,
};

/* Where in its work the process stood. */
enum grf_freeze_point {
	GRF_FREEZE_POINT_ANYWHERE, /* stopped at once */
	GRF_FREEZE_POINT_STOPPED,  /* a signal had stopped it before */
	GRF_FREEZE_POINT_GC,       /* at the end of a garbage collection */
};

/* How its memory was copied. */
enum grf_copied_by {
	GRF_COPIED_AT_STOP,     /* all of it while the process stood */
	GRF_COPIED_BY_FORK,     /* from a child that was made at the stop */
	GRF_COPIED_USERFAULTFD, /* ahead, and at the stop what userfaultfd saw written since */
	GRF_COPIED_SOFT_DIRTY,  /* the same by soft-dirty bits */
};

/* What these two ways are called, by -v and in results. */
#define GRF_WORDS_USERFAULTFD "pre-copy under userfaultfd"
#define GRF_WORDS_SOFT_DIRTY  "pre-copy by soft-dirty bits"

enum grf_registers_by {
	GRF_REGISTERS_BY_EBPF, /* task iterator */
	GRF_REGISTERS_BY_PTRACE,
};

/* Where the stack roots of goroutines come from: status, stack bounds, sp, pc and bp. */
enum grf_goroutines_by {
	GRF_GOROUTINES_FROM_MEMORY, /* the copied memory, or what was read of it at the stop */
	GRF_GOROUTINES_BY_EBPF,     /* read by an eBPF program at the stop */
};

/* Who measured the pause. By the eBPF clock, it is from the first thread that left its CPU, or came
 * to the freeze point, to the last one that was back on one; by our own, from the first interrupt
 * to the last detach. */
enum grf_pause_clock_kind {
	GRF_CLOCK_USER_SPACE,
	GRF_CLOCK_EBPF,
};

/* What was wanted and was done without: the kernel or its configuration did not give it, or it
 * would have taken too long, which is grf-bpf's own choice. */
enum grf_lack {
	GRF_LACK_NOTHING,
	GRF_LACK_REGISTERS, /* no eBPF: registers by ptrace, the pause by our own clock */
	GRF_LACK_CLOCK,     /* the pause by our own clock */
	GRF_LACK_STACKS,   /* stack roots of goroutines from memory; TOO_LONG: eBPF could take them,
			    * and would make the stop longer than they are worth */
	GRF_LACK_GC_POINT, /* no probe at the end of a garbage collection */
	GRF_LACK_READV,    /* process_vm_readv: copied through /proc/PID/mem */
	GRF_LACK_USERFAULTFD, /* no pre-copy under userfaultfd */
	GRF_LACK_SOFT_DIRTY,  /* no pre-copy by soft-dirty bits */
	GRF_LACK_FORK,        /* no forked picture */
	GRF_LACKS
};

/* Times of a stop in nanoseconds. `total` is the sum of `stop`, `copying` and `resume`. */
struct grf_pause {
	uint64_t total;
	uint64_t stop;       /* until every thread stood */
	uint64_t copying;    /* and all else that was done while they stood */
	uint64_t scanning;   /* of that, until it was known what is to be copied */
	uint64_t registers;  /* of that, to read those of all threads */
	uint64_t goroutines; /* of that, to take their records; 0: none were taken */
	uint64_t forking;    /* of that, until there was a child to copy; 0: none was made */
	uint64_t resume;     /* until every thread ran */
	enum grf_pause_clock_kind clock;
};

/* Of a core, all but `origin` is zero. */
struct grf_provenance {
	enum grf_origin origin;
	enum grf_freeze_point freeze;
	enum grf_copied_by copied_by;
	bool through_mem; /* by /proc/PID/mem instead of process_vm_readv */
	enum grf_registers_by registers_by;
	enum grf_goroutines_by goroutines_by;
	uint64_t goroutine_records; /* taken at the stop; 0: none, all is in the copied memory */
	/* What to take them was expected to take, and might take; ns. 0: that was not asked, any.
	 */
	uint64_t goroutines_expected, goroutines_limit;
	struct grf_pause pause;
	/* Beside the pause, in nanoseconds. */
	uint64_t preparation; /* for which one thread stood, before */
	uint64_t reaping;     /* for which one thread stood, after, to reap the child */
	uint64_t given_up;    /* of stops before, that would have been too long */
	/* In bytes, where nothing else is said. */
	uint64_t bytes;       /* copied, in the stop and before */
	uint64_t stop_bytes;  /* of them, in the stop */
	uint64_t stop_pages;  /* that these are */
	uint64_t left_out;    /* not copied, as nothing of them is needed */
	uint64_t dead_stacks; /* not copied: parts of stacks that are not in use */
	uint64_t spilled;     /* of the copy, in a file */
	unsigned int rounds;  /* before the stop that copied anything; 0: all was copied in it */
	/* Why something was missing: enum grf_error_code; 0: it was there, or not asked for. */
	uint8_t lacks[GRF_LACKS];
	/* Where and when. */
	pid_t pid;
	uint64_t clock;            /* CLOCK_MONOTONIC of the process when it was let go, in
				    * nanoseconds; 0: not known */
	int64_t taken;             /* nanoseconds since 1970 when it was let go; 0: not known */
	char host[65], kernel[65]; /* as uname(2) says */
};

#endif
