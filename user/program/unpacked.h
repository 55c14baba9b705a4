/* SPDX-License-Identifier: BSD-2-Clause */
/* Programs that a packer or a loader of their own put into memory, not the kernel. */
#ifndef GRF_PROGRAM_UNPACKED_H
#define GRF_PROGRAM_UNPACKED_H

#include <stdbool.h>
#include <sys/types.h>

#include "image/executable/executable.h"

/**
 * Places a Go program where its code stands in the memory of a process whose own executable is
 * another, such as what UPX makes of it.
 *
 * @return false: it is no Go program, or not what the process unpacked
 */
bool grf_unpacked_place(pid_t pid, struct grf_executable *executable);

#endif
