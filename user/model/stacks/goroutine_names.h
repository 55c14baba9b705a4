/* SPDX-License-Identifier: BSD-2-Clause */
/* What a goroutine is called: its function, and where it was started. */
#ifndef GRF_MODEL_STACKS_GOROUTINE_NAMES_H
#define GRF_MODEL_STACKS_GOROUTINE_NAMES_H

#include <stdbool.h>
#include <stddef.h>

#include "model/code/pclntab.h"
#include "model/stacks/goroutines.h"

/** The id of the goroutine that runs main.main (runtime/proc.go, in every release). */
#define GRF_MAIN_GOROUTINE 1

/**
 * The function of its go statement, behind the wrapper that the compiler makes where the statement
 * has arguments, and main.main behind runtime.main. False: not known.
 */
bool grf_goroutine_function(const struct grf_pclntab *table, const struct grf_goroutine *goroutine,
			    struct grf_function *ret);

/**
 * Where it was started, such as "main.serve (server.go:12)", cut to `size` bytes. False: not known,
 * or it is the main goroutine, which the program's first instructions started.
 */
bool grf_goroutine_creator(const struct grf_pclntab *table, const struct grf_goroutine *goroutine,
			   char *buffer, size_t size);

#endif
