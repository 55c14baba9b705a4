/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What we can do is cut down to what the work still needs, for good: what is read next may have
 * been made to take us over.
 *
 * Where nothing is to be opened any more, the analysis has no capability and gets none by exec
 * (no_new_privs), opens no file (Landlock, seccomp), and makes no system calls but those for
 * memory, threads of its own, time, reading and writing what is open, and giving the result its
 * name in the one folder. What only somebody else's code would try (programs, sockets, other
 * processes, mounts, eBPF and their like) ends us at once by SIGSYS; anything else fails with
 * ENOSYS, as in a kernel that lacks it, because a libc that is newer than this list may try more
 * than we know of.
 *
 * What remains: memory and time, within the limits of the process; for an attach, the way back to
 * the usual priority (grf_priority_keep_way_back()), which can set the priority of other processes
 * to that too where the user may; and CAP_DAC_OVERRIDE and CAP_FOWNER, where the result's folder
 * wants them.
 */
#ifndef GRF_BASE_SANDBOX_SANDBOX_H
#define GRF_BASE_SANDBOX_SANDBOX_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

enum grf_sandbox_stage {
	/* Files are still to be opened, any that the user may read, and perhaps fetched from
	 * servers (DEBUGINFOD_URLS). No capability but to read; no file is written to. */
	GRF_SANDBOX_OPENS,
	/* All is open. */
	GRF_SANDBOX_WORKS,
};

/* Where a result gets its name. */
struct grf_sandbox_place {
	int folder;    /* -1: nowhere, it goes to a descriptor that is open */
	bool nameless; /* the file is there already, and lacks but a name */
};

/**
 * Enters a stage. `places` are those of all results. The process must have no threads but watchers
 * (base/watcher.h) and those that are about to end. What the kernel lacks is passed over, which -v
 * says. Errors: OTHER: a step that the kernel has failed, or a thread of a library goes on.
 */
struct grf_error *grf_sandbox_enter(enum grf_sandbox_stage stage,
				    const struct grf_sandbox_place *places, size_t count);

#endif
