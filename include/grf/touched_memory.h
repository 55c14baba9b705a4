/* SPDX-License-Identifier: (GPL-2.0 OR BSD-2-Clause) */
/* What bpf/touched_memory.bpf.c notes of a process's page faults; user/capture/precopy/touched.c
 * reads it.
 */
#ifndef GRF_TOUCHED_MEMORY_H
#define GRF_TOUCHED_MEMORY_H

#ifndef __bpf__
#include <linux/types.h>
#endif

/* A chunk is what one page of the page tables maps: no fault makes more than that writable. */
#define GRF_CHUNK_SHIFT 21
#define GRF_CHUNK_BYTES (1ull << GRF_CHUNK_SHIFT)

/* Chunks that lie so many apart (512 GiB) share a word. */
#define GRF_CHUNK_WORDS (1u << 18)

#define GRF_CHUNK_TOUCHED 1u /* a fault has ended since user space took this bit away */
#define GRF_CHUNK_FAULT   2u /* for each fault that has begun and not ended */

struct grf_touched_memory {
	__u64 mm;        /* of the process, the kernel's address of it; 0: none is looked at */
	__u64 lock_held; /* told by the program that looks at it: not 0 when its mmap_lock is */
	__u32 self;      /* who asked to find it, as the first namespace numbers it */
	__u32 reader;    /* a process that only reads there; 0: none */
	__u32 reserved;
	__u32 disturbed; /* 1: something else than a fault was seen since user space set it to 0 */
	__u32 chunks[GRF_CHUNK_WORDS];
};

#endif
