/* SPDX-License-Identifier: BSD-2-Clause */
/* Whole numbers in text: in digits alone, without a sign or a prefix. Allocates nothing. */
#ifndef GRF_BASE_NUMBER_H
#define GRF_BASE_NUMBER_H

#include <stdbool.h>
#include <stdint.h>

/* The number that a text begins with in digits of `base` (8, 10 or 16), behind blanks; UINT64_MAX
 * where it is larger. `otherwise`: it begins with none. */
uint64_t grf_number_parse_in(const char *text, int base, uint64_t otherwise);

/* The same in decimal digits. */
static inline uint64_t grf_number_parse(const char *text, uint64_t otherwise)
{
	return grf_number_parse_in(text, 10, otherwise);
}

/* The number that all of a text is. False: it is none, or too large. */
bool grf_number_whole(const char *text, int base, uint64_t *ret);

#endif
