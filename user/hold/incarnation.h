/* SPDX-License-Identifier: BSD-2-Clause */
/* Which of the programs it is that a process runs one after the other; see incarnation.c. */
#ifndef GRF_HOLD_INCARNATION_H
#define GRF_HOLD_INCARNATION_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define GRF_INCARNATION_PLACES 4

struct grf_incarnation {
	bool known;
	int pagemap; /* of the program's memory */
	uint64_t places[GRF_INCARNATION_PLACES];
};

enum grf_incarnation_state {
	GRF_INCARNATION_SAME,    /* or not known */
	GRF_INCARNATION_ANOTHER, /* the process became another program by exec(2) */
	GRF_INCARNATION_GONE,    /* the process ended */
	GRF_INCARNATION_HIDDEN,  /* we may not see it any more */
};

/* `directory` is /proc/PID. Where we may not see it, it is not known. */
void grf_incarnation_take(int directory, pid_t pid, struct grf_incarnation *ret);
void grf_incarnation_release(struct grf_incarnation *incarnation);

/* Whether anybody still has its memory; true where that is not known. */
bool grf_incarnation_has_memory(const struct grf_incarnation *incarnation);

/* Allocates nothing. */
enum grf_incarnation_state grf_incarnation_look(const struct grf_incarnation *incarnation,
						int directory, pid_t pid);

#endif
