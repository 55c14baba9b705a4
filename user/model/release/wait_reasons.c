/* SPDX-License-Identifier: BSD-2-Clause */
/* The reasons as a table: each once, with its number in each set of releases. */
#include "model/release/wait_reasons.h"

#include <stddef.h>

/* clang-format off */
static const struct grf_wait_reason reasons[] = {
    /* by the number from Go 1.17, 1.20, 1.24, 1.25 and 1.26 on */
    {"GC assist marking", GRF_WAIT_OTHER, {1, 1, 1, 1, 1}},
    {"IO wait", GRF_WAIT_OTHER, {2, 2, 2, 2, 2}},
    {"dumping heap", GRF_WAIT_OTHER, {5, 5, 5, 5, 3}},
    {"garbage collection", GRF_WAIT_OTHER, {6, 6, 6, 6, 4}},
    {"garbage collection scan", GRF_WAIT_OTHER, {7, 7, 7, 7, 5}},
    {"panicwait", GRF_WAIT_OTHER, {8, 8, 8, 8, 6}},
    {"GC assist wait", GRF_WAIT_OTHER, {11, 11, 11, 11, 7}},
    {"GC sweep wait", GRF_WAIT_OTHER, {12, 12, 12, 12, 8}},
    {"GC scavenge wait", GRF_WAIT_OTHER, {13, 13, 13, 13, 9}},
    {"finalizer wait", GRF_WAIT_OTHER, {16, 16, 16, 16, 10}},
    {"force gc (idle)", GRF_WAIT_OTHER, {17, 17, 17, 17, 11}},
    {"GOMAXPROCS updater (idle)", GRF_WAIT_OTHER, {0, 0, 0, 18, 12}},
    {"semacquire", GRF_WAIT_ANY_SEMAPHORE, {18, 18, 18, 19, 13}},
    {"sleep", GRF_WAIT_OTHER, {19, 19, 19, 20, 14}},
    {"chan receive (nil chan)", GRF_WAIT_NIL_CHANNEL, {3, 3, 3, 3, 15}},
    {"chan send (nil chan)", GRF_WAIT_NIL_CHANNEL, {4, 4, 4, 4, 16}},
    {"select (no cases)", GRF_WAIT_EMPTY_SELECT, {10, 10, 10, 10, 17}},
    {"select", GRF_WAIT_CHANNELS, {9, 9, 9, 9, 18}},
    {"chan receive", GRF_WAIT_CHANNELS, {14, 14, 14, 14, 19}},
    {"chan send", GRF_WAIT_CHANNELS, {15, 15, 15, 15, 20}},
    {"sync.Cond.Wait", GRF_WAIT_CONDITION, {20, 20, 20, 21, 21}},
    {"sync.Mutex.Lock", GRF_WAIT_SEMAPHORE, {0, 21, 21, 22, 22}},
    {"sync.RWMutex.RLock", GRF_WAIT_SEMAPHORE, {0, 22, 22, 23, 23}},
    {"sync.RWMutex.Lock", GRF_WAIT_SEMAPHORE, {0, 23, 23, 24, 24}},
    {"sync.WaitGroup.Wait", GRF_WAIT_SEMAPHORE, {0, 0, 24, 25, 25}},
    {"trace reader (blocked)", GRF_WAIT_OTHER, {22, 24, 25, 26, 26}},
    {"wait for GC cycle", GRF_WAIT_OTHER, {23, 25, 26, 27, 27}},
    {"GC worker (idle)", GRF_WAIT_OTHER, {24, 26, 27, 28, 28}},
    {"GC worker (active)", GRF_WAIT_OTHER, {0, 27, 28, 29, 29}},
    {"preempted", GRF_WAIT_OTHER, {25, 28, 29, 30, 30}},
    {"debug call", GRF_WAIT_OTHER, {26, 29, 30, 31, 31}},
    {"GC mark termination", GRF_WAIT_OTHER, {0, 30, 31, 32, 32}},
    {"stopping the world", GRF_WAIT_OTHER, {0, 31, 32, 33, 33}},
    {"flushing proc caches", GRF_WAIT_OTHER, {0, 32, 33, 34, 34}},
    {"trace goroutine status", GRF_WAIT_OTHER, {0, 33, 34, 35, 35}},
    {"trace proc status", GRF_WAIT_OTHER, {0, 34, 35, 36, 36}},
    {"page trace flush", GRF_WAIT_OTHER, {0, 35, 36, 37, 37}},
    {"coroutine", GRF_WAIT_OTHER, {0, 36, 37, 38, 38}},
    {"GC weak to strong wait", GRF_WAIT_OTHER, {0, 37, 38, 39, 39}},
    {"synctest.Run", GRF_WAIT_OTHER, {0, 0, 39, 40, 40}},
    {"synctest.Wait", GRF_WAIT_OTHER, {0, 0, 40, 41, 41}},
    {"chan receive (durable)", GRF_WAIT_OTHER, {0, 0, 0, 42, 42}},
    {"chan send (durable)", GRF_WAIT_OTHER, {0, 0, 0, 43, 43}},
    {"select (durable)", GRF_WAIT_OTHER, {0, 0, 0, 44, 44}},
    {"sync.WaitGroup.Wait (durable)", GRF_WAIT_OTHER, {0, 0, 0, 45, 45}},
    {"cleanup wait", GRF_WAIT_OTHER, {0, 0, 0, 46, 46}},
    {"chan receive (synctest)", GRF_WAIT_OTHER, {0, 0, 41, 0, 0}},
    {"chan send (synctest)", GRF_WAIT_OTHER, {0, 0, 42, 0, 0}},
    {"select (synctest)", GRF_WAIT_OTHER, {0, 0, 43, 0, 0}},
    {"timer goroutine (idle)", GRF_WAIT_OTHER, {21, 0, 0, 0, 0}},
};
/* clang-format on */

const struct grf_wait_reason *grf_wait_reason(enum grf_wait_numbers numbers, uint64_t number)
{
	for (size_t i = 0; number && i < sizeof(reasons) / sizeof(*reasons); i++)
		if (reasons[i].numbers[numbers] == number)
			return &reasons[i];
	return NULL;
}
