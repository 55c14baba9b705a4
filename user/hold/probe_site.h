/* SPDX-License-Identifier: BSD-2-Clause */
/* Where in a function's first instructions a uprobe leaves no trace in its process. */
#ifndef GRF_HOLD_PROBE_SITE_H
#define GRF_HOLD_PROBE_SITE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* How many bytes of a function are looked at. */
#define GRF_PROBE_SITE_BYTES 48

/*
 * A breakpoint replaces an instruction, which the kernel then has to carry out elsewhere. Most it
 * copies into a page that it maps into the process for that purpose ("[uprobes]"), where the page
 * stays for good. Some it carries out by itself: jumps, calls, and pushes of a register.
 *
 * Finds the first such instruction of a function, given its first `length` bytes (amd64), as an
 * offset from its beginning; up to there only instructions of Go's stack check may stand, so that
 * it is passed on each entry. A function that grows its stack passes twice. False: none was found.
 */
bool grf_probe_site(const uint8_t *code, size_t length, size_t *ret);

#endif
