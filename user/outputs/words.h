/* SPDX-License-Identifier: BSD-2-Clause */
/* The words for what a provenance holds in enums: the same in every output. */
#ifndef GRF_OUTPUTS_WORDS_H
#define GRF_OUTPUTS_WORDS_H

#include "image/provenance.h"

/* Static texts, such as "at the end of a garbage collection" and "pre-copy under userfaultfd". */
const char *grf_word_freeze(const struct grf_provenance *from);
const char *grf_word_copy(const struct grf_provenance *from);
const char *grf_word_registers(const struct grf_provenance *from);
const char *grf_word_clock(const struct grf_provenance *from);

#endif
