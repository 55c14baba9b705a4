/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which goroutines can never run again: those that wait for channels, mutexes and their like that
 * nothing leads to but such goroutines. The rule of the profile "goroutineleak" of Go 1.27
 * (findGoroutineLeaks in runtime/mgc.go), for every release.
 */
#ifndef GRF_GRAPH_CAN_RUN_H
#define GRF_GRAPH_CAN_RUN_H

#include "graph/graph.h"

/**
 * Finds them in a graph that was made with places. Ends as soon as it is known that all those that
 * are asked for can run, so that the rest of the heap is not looked at. A goroutine of which it is
 * not known what it waits for can run. The main goroutine in a select without cases is not among
 * them, as many a program waits so.
 * @param wanted those that are asked for, by index of the model's goroutines; NULL: all
 * @param ret by the same index, for the caller to free; NULL: it cannot be known, as stacks are
 *            missing
 * @return NO_MEMORY, INTERRUPTED
 */
struct grf_error *grf_graph_never_run(const struct grf_graph *graph, const bool *wanted,
				      bool **ret);

#endif
