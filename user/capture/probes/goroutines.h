/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A record of every goroutine, taken while the process stands (include/grf/goroutine_records.h): by
 * bpf/goroutine_records.bpf.c, or with process_vm_readv where that does not work. Both give the
 * same.
 */
#ifndef GRF_CAPTURE_PROBES_GOROUTINES_H
#define GRF_CAPTURE_PROBES_GOROUTINES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"
#include "grf/goroutine_records.h"

struct grf_copy;

/* So many are taken without a thought for how long that takes: 0.05 ms. */
#define GRF_FEW_GOROUTINES 200u

/* Where a process has its goroutines. */
struct grf_goroutine_site {
	uint64_t allgs; /* address of the slice runtime.allgs; 0: not known */
	struct grf_goroutine_fields fields;
	bool known; /* the fields are */
};

struct grf_goroutine_taker;

/**
 * Makes all that is needed to take records: loads the program, makes room and touches it.
 * @param pid the process
 * @param site borrowed
 * @param copy reads its memory where eBPF is not used; borrowed
 * @param by_ebpf false: by process_vm_readv
 * @param room how many goroutines there may be
 * @return PERMISSION or UNSUPPORTED where the kernel does not give it; NO_MEMORY
 */
struct grf_error *grf_goroutines_open(pid_t pid, const struct grf_goroutine_site *site,
				      struct grf_copy *copy, bool by_ebpf, size_t room,
				      struct grf_goroutine_taker **ret);
void grf_goroutines_close(struct grf_goroutine_taker *taker);

/**
 * Takes the records of all goroutines, in the order of runtime.allgs; those that could not be read
 * have no g. Allocates nothing. The records live until the next call, and belong to `taker`.
 * @return false: it could not be done, or there are more than there is room for
 */
bool grf_goroutines_take(struct grf_goroutine_taker *taker, const struct grf_goroutine_record **ret,
			 size_t *ret_count);

#endif
