/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The reference tree as a gzipped pprof profile: a sample for each node that holds objects, its
 * chain as the stack (leaf first), sample types inuse_objects/count and inuse_space/bytes.
 */
#ifndef GRF_OUTPUTS_PPROF_H
#define GRF_OUTPUTS_PPROF_H

#include "base/error.h"
#include "outputs/file.h"
#include "views/tree.h"

struct grf_pprof_options {
	const char *const *comments; /* "key: value" lines, kept in Profile.comment */
	size_t comment_count;
	int64_t time_nanos; /* when the image was taken; 0: left out, so that a core gives the same
			     * bytes each time */
};

/* Writes a profile to `output`, which the caller commits. GRF_ERROR_OUTPUT. */
struct grf_error *grf_pprof_write(const struct grf_tree *tree,
				  const struct grf_pprof_options *options,
				  struct grf_output *output);

#endif
