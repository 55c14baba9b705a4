/* SPDX-License-Identifier: BSD-2-Clause */
/* The threads of a process, as its folder `task` in /proc lists them. */
#ifndef GRF_BASE_THREADS_H
#define GRF_BASE_THREADS_H

#include <ctype.h>
#include <dirent.h>
#include <stdlib.h>
#include <sys/types.h>

/* The id of the next thread in an open folder; 0: there are no more. Allocates nothing. */
static inline pid_t grf_threads_next(DIR *task)
{
	const struct dirent *entry;

	while ((entry = readdir(task)))
		if (isdigit((unsigned char)entry->d_name[0]))
			return (pid_t)strtol(entry->d_name, NULL, 10);
	return 0;
}

#endif
