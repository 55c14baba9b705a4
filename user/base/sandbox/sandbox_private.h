/* SPDX-License-Identifier: BSD-2-Clause */
/* The parts of the sandbox, each for the calling thread. */
#ifndef GRF_BASE_SANDBOX_SANDBOX_PRIVATE_H
#define GRF_BASE_SANDBOX_SANDBOX_PRIVATE_H

#include "base/priority.h"
#include "base/sandbox/sandbox.h"

/* Code of sanitizers runs with us: it opens files, and at the end traces our threads. */
#if defined(__SANITIZE_ADDRESS__)
#define GRF_SANITIZED true
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define GRF_SANITIZED true
#endif
#endif
#ifndef GRF_SANITIZED
#define GRF_SANITIZED false
#endif

struct grf_sandbox {
	enum grf_sandbox_stage stage;
	const struct grf_sandbox_place *places;
	size_t place_count;
	bool network;   /* servers may be asked, and what they give is kept in files */
	bool can_hurry; /* an interruption raises priorities, to these */
	struct grf_priority_usual usual;
};

/* Each for the calling thread. `ret_done` is left as it is where the kernel lacks that. */
struct grf_error *grf_sandbox_capabilities(const struct grf_sandbox *sandbox);
struct grf_error *grf_sandbox_files(const struct grf_sandbox *sandbox, bool *ret_done);
struct grf_error *grf_sandbox_calls(const struct grf_sandbox *sandbox, bool *ret_done);

#endif
