/* SPDX-License-Identifier: BSD-2-Clause */
/* The values of options. A wrong one is a usage error through argp, which ends the process. */
#ifndef GRF_CLI_VALUES_H
#define GRF_CLI_VALUES_H

#include <argp.h>
#include <stdint.h>

/* A whole number from `low` to `high`, which the option `what` wants. */
unsigned long grf_parse_number(const struct argp_state *state, const char *what, const char *text,
			       unsigned long low, unsigned long high);

/* A duration as Go writes them, such as 300ms and 1m30s, of at most a day; nanoseconds. */
uint64_t grf_parse_duration(const struct argp_state *state, const char *text);

/* A size such as 512M, 2GiB or 50% (of all memory); bytes, at least 1. */
uint64_t grf_parse_size(const struct argp_state *state, const char *text);

#endif
