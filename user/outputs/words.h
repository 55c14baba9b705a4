/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The words for enums in results, the same in every output: grf_word_*() in sentences for people,
 * grf_name_*() for programs, which never change.
 */
#ifndef GRF_OUTPUTS_WORDS_H
#define GRF_OUTPUTS_WORDS_H

#include "base/error.h"
#include "graph/tree.h"
#include "image/provenance.h"
#include "views/table.h"

/* Static texts, such as "at the end of a garbage collection" and "pre-copy under userfaultfd". */
const char *grf_word_freeze(const struct grf_provenance *from);
const char *grf_word_copy(const struct grf_provenance *from);
const char *grf_word_registers(const struct grf_provenance *from);
const char *grf_word_goroutines(const struct grf_provenance *from);
const char *grf_word_clock(const struct grf_provenance *from);

/* Static texts, such as "gc" and "soft-dirty". */
const char *grf_name_origin(enum grf_origin origin);
const char *grf_name_freeze(enum grf_freeze_point freeze);
const char *grf_name_copy(enum grf_copied_by copied_by);
const char *grf_name_registers(enum grf_registers_by by);
const char *grf_name_goroutines(enum grf_goroutines_by by);
const char *grf_name_clock(enum grf_pause_clock_kind clock);
const char *grf_name_lack(enum grf_lack lack);
const char *grf_name_reason(enum grf_error_code why);
const char *grf_name_unit(enum grf_unit unit);
const char *grf_name_root_class(enum grf_root_class root_class);

#endif
