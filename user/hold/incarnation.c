/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A process that calls exec(2) keeps its number, its directory in /proc and the time of its start.
 * Only its memory is new. So a program is known by two things:
 *
 * - a descriptor of its memory's page map. It stays with the memory that it was opened for, and
 *   reads nothing any more when that is gone;
 * - where the kernel put its code, its stack and its heap. That shows whether the memory is still
 *   the process's own, should somebody else (a child of vfork(2)) keep the old one alive.
 *
 * The way from one program to another has no way back. Whoever finds the program the same after he
 * has read something knows that what he read was of this program.
 */
#include "hold/incarnation.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/files/fields.h"
#include "base/files/small_file.h"
#include "base/log.h"
#include "hold/private.h"

#define STAT_BYTES 2048
/* For so long the process may be on the way from one program to another: it has no code then while
 * the kernel reads the file of the next one; ns. */
#define ON_THE_WAY UINT64_C(1000000000)

/* Fields of a stat file (proc(5)): startcode, endcode, startstack, start_brk. */
static const unsigned int numbers[GRF_INCARNATION_PLACES] = {26, 27, 28, 47};
/* What the kernel says of the first in place of the truth. */
#define NO_MEMORY 0
#define NOT_TOLD  1

/* The thread's own file: that of the process sums up all threads. */
static bool read_places(int directory, pid_t pid, uint64_t *ret)
{
	char name[48], stat[STAT_BYTES];
	const char *field;

	snprintf(name, sizeof(name), "task/%d/stat", pid);
	if (grf_small_file_read(directory, name, stat, sizeof(stat)) < 0)
		return false;
	for (unsigned int i = 0; i < GRF_INCARNATION_PLACES; i++) {
		field = grf_stat_field(stat, numbers[i]);
		if (!field)
			return false;
		ret[i] = grf_number_parse(field, 0);
	}
	return true;
}

/* Whether anybody still has the memory. */
static bool is_alive(int pagemap)
{
	uint64_t entry;

	return pread(pagemap, &entry, sizeof(entry), 0) == sizeof(entry);
}

void grf_incarnation_take(int directory, pid_t pid, struct grf_incarnation *ret)
{
	const struct timespec moment = {.tv_nsec = 1000000};
	uint64_t began = grf_now();

	*ret = (struct grf_incarnation){.pagemap = -1};
	for (;;) {
		ret->pagemap = openat(directory, "pagemap", O_RDONLY | O_CLOEXEC);
		if (ret->pagemap < 0)
			return;
		ret->known = read_places(directory, pid, ret->places);
		if (ret->known && ret->places[0] != NOT_TOLD && ret->places[0] != NO_MEMORY &&
		    is_alive(ret->pagemap))
			return;
		close(ret->pagemap);
		ret->pagemap = -1;
		/* It has ended, or is not for us to see. */
		if (!ret->known || ret->places[0] == NOT_TOLD || grf_interrupted() ||
		    grf_now() - began > ON_THE_WAY)
			break;
		nanosleep(&moment, NULL);
	}
	ret->known = false;
}

void grf_incarnation_release(struct grf_incarnation *incarnation)
{
	if (incarnation->known)
		close(incarnation->pagemap);
	*incarnation = (struct grf_incarnation){.pagemap = -1};
}

bool grf_incarnation_has_memory(const struct grf_incarnation *incarnation)
{
	return !incarnation->known || is_alive(incarnation->pagemap);
}

enum grf_incarnation_state grf_incarnation_look(const struct grf_incarnation *incarnation,
						int directory, pid_t pid)
{
	uint64_t places[GRF_INCARNATION_PLACES];

	if (!incarnation->known)
		return GRF_INCARNATION_SAME;
	if (!read_places(directory, pid, places) || places[0] == NO_MEMORY)
		return GRF_INCARNATION_GONE;
	if (places[0] == NOT_TOLD)
		return is_alive(incarnation->pagemap) ? GRF_INCARNATION_HIDDEN
						      : GRF_INCARNATION_ANOTHER;
	if (memcmp(places, incarnation->places, sizeof(places)) != 0 ||
	    !is_alive(incarnation->pagemap))
		return GRF_INCARNATION_ANOTHER;
	return GRF_INCARNATION_SAME;
}
