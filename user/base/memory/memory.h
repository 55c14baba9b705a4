/* SPDX-License-Identifier: BSD-2-Clause */
/* How much memory there is, for us, and that we never take what a target needs. */
#ifndef GRF_BASE_MEMORY_MEMORY_H
#define GRF_BASE_MEMORY_MEMORY_H

#include <stdint.h>
#include <sys/types.h>

#include "base/memory/memory_groups.h"

/* Memory that is free. */
struct grf_memory_room {
	uint64_t bytes;
	char *limit; /* the path of the control group that limits it; NULL: the system's memory */
	bool shared; /* that group is one of the target's too */
};

/* All memory that we could ever have: the system's, or what our control groups are allowed. */
uint64_t grf_memory_total(void);

/*
 * What is free for us, of the system and in our control groups. Of a group that `target` is in too,
 * half: it may want to grow meanwhile. ret->limit is the caller's to free.
 */
void grf_memory_room_for_us(pid_t target, struct grf_memory_room *ret);

/* What can be charged to the control groups of `target` beside what is. */
void grf_memory_room_of(pid_t target, struct grf_memory_room *ret);

/*
 * Where memory runs out in spite of all, we are to go first and not `target`: makes us the kernel's
 * choice, and, from now on, where one of our groups is the target's too, gives up all work
 * (grf_give_up()) before that one runs into its limit.
 */
void grf_memory_yield_to(pid_t target);

/* Ends the thread that watches the groups, and begins it again: while there is but one. */
void grf_memory_pause(void);
void grf_memory_resume(void);

/* Opens what is read later, for when nothing can be opened any more. */
void grf_memory_hold_files(void);

/* With -v: what we take at this moment, and took at the most. */
void grf_memory_report(void);

#endif
