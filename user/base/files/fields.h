/* SPDX-License-Identifier: BSD-2-Clause */
/* Files of /proc and of control groups with a name and a value on each line: status, meminfo,
 * limits, memory.stat. The text of such a file ends with NUL. */
#ifndef GRF_BASE_FILES_FIELDS_H
#define GRF_BASE_FILES_FIELDS_H

#include <stdint.h>

#include "base/number.h"

/* What is read of /proc/PID/status, with the NUL that ends it. */
#define GRF_STATUS_BYTES 4096

/** What stands on the line of `name`, behind the name, a colon if there is one, and blanks. NULL:
 * there is no such line. */
const char *grf_field_find(const char *text, const char *name);

/** The whole number on the line of `name`; `otherwise`: there is no such line or number. */
uint64_t grf_field_number(const char *text, const char *name, uint64_t otherwise);

/** The same in bytes, of a line in kB. */
uint64_t grf_field_bytes(const char *text, const char *name, uint64_t otherwise);

/** The field with that number, from 3 on (the state), of the text of a stat file (proc(5)); the
 * name of the command before it may hold anything. NULL: it has no such field. */
const char *grf_stat_field(const char *stat, unsigned int number);

#endif
