/* SPDX-License-Identifier: BSD-2-Clause */
/* The threads of a process, as its folder `task` in /proc lists them. */
#ifndef GRF_BASE_THREADS_H
#define GRF_BASE_THREADS_H

#include <dirent.h>
#include <sys/types.h>

#include "base/number.h"

/* The id of the next thread in an open folder; 0: there are no more. Allocates nothing. */
static inline pid_t grf_threads_next(DIR *task)
{
	const struct dirent *entry;
	pid_t tid = 0;

	while (!tid && (entry = readdir(task)))
		tid = (pid_t)grf_number_parse(entry->d_name, 0);
	return tid;
}

#endif
