/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Scope guards: a variable declared with one of these releases what it holds when its scope ends,
 * on every path. Take a value out with grf_take() when ownership moves to somebody else.
 */
#ifndef GRF_BASE_CLEANUP_H
#define GRF_BASE_CLEANUP_H

#include <stdlib.h>
#include <unistd.h>

#include "base/error.h"

static inline void grf_cleanup_free_fn(void *pointer)
{
	free(*(void **)pointer);
}

static inline void grf_cleanup_close_fn(int *fd)
{
	if (*fd >= 0)
		close(*fd);
}

static inline void grf_cleanup_error_fn(struct grf_error **error)
{
	grf_error_free(*error);
}

#define _cleanup_(function) __attribute__((cleanup(function)))
#define _cleanup_free_      _cleanup_(grf_cleanup_free_fn)
#define _cleanup_close_     _cleanup_(grf_cleanup_close_fn)
#define _cleanup_error_     _cleanup_(grf_cleanup_error_fn)

/* The value of `variable`, which is set to NULL: its guard then has nothing to release. */
#define grf_take(variable)                                                                         \
	({                                                                                         \
		__typeof__(variable) taken_ = (variable);                                          \
		(variable) = NULL;                                                                 \
		taken_;                                                                            \
	})

#endif
