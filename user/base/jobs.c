/* SPDX-License-Identifier: BSD-2-Clause */
/* What --jobs says, for all stages that analyse. */
#include "base/jobs.h"

#include "base/pace.h"

/* More are of little use to a walk of a heap of usual size. */
#define USUAL_JOBS 8u

static unsigned int wanted_jobs;

void grf_jobs_set(unsigned int jobs)
{
	wanted_jobs = jobs;
}

unsigned int grf_jobs(void)
{
	unsigned int processors;

	if (wanted_jobs)
		return wanted_jobs;
	processors = grf_available_processors();
	return processors < USUAL_JOBS ? processors : USUAL_JOBS;
}
