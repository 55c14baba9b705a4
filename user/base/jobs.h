/* SPDX-License-Identifier: BSD-2-Clause */
/* How many threads analyse at a time. */
#ifndef GRF_BASE_JOBS_H
#define GRF_BASE_JOBS_H

/* Sets how many; 0: as many as there are processors to use, up to 8, which is so at first. Before
 * there are other threads. */
void grf_jobs_set(unsigned int jobs);

/* How many; at least 1. */
unsigned int grf_jobs(void);

#endif
