/* SPDX-License-Identifier: BSD-2-Clause */
/* Why goroutines wait: waitReason and waitReasonStrings in runtime/runtime2.go, by release. */
#ifndef GRF_MODEL_RELEASE_WAIT_REASONS_H
#define GRF_MODEL_RELEASE_WAIT_REASONS_H

#include <stdbool.h>
#include <stdint.h>

/* What wakes a goroutine. */
enum grf_wait_kind {
	GRF_WAIT_OTHER, /* the runtime, the clock, the kernel: or it is not known */
	GRF_WAIT_EMPTY_SELECT,
	GRF_WAIT_NIL_CHANNEL,
	GRF_WAIT_CHANNELS,
	GRF_WAIT_CONDITION,     /* a sync.Cond */
	GRF_WAIT_SEMAPHORE,     /* of sync.Mutex and its like */
	GRF_WAIT_ANY_SEMAPHORE, /* of those, where the release has no reasons for them, or another
				 */
};

/* The numbers of the reasons, a set for those releases that have the same. */
enum grf_wait_numbers {
	GRF_WAITS_1_17,
	GRF_WAITS_1_20,
	GRF_WAITS_1_24,
	GRF_WAITS_1_25,
	GRF_WAITS_1_26,
	GRF_WAIT_NUMBERS,
};

struct grf_wait_reason {
	const char *name;
	enum grf_wait_kind kind;
	uint8_t numbers[GRF_WAIT_NUMBERS]; /* 0: the releases do not have it */
};

/** NULL: there is no such reason. */
const struct grf_wait_reason *grf_wait_reason(enum grf_wait_numbers numbers, uint64_t number);

#endif
