/* SPDX-License-Identifier: BSD-2-Clause */
/* What every user of an eBPF program needs: where libbpf's words go, and what its errors mean. */
#ifndef GRF_HOLD_EBPF_H
#define GRF_HOLD_EBPF_H

#include "base/error.h"

/* Sends what libbpf says to grf_debug(). Before the first program is opened. */
void grf_ebpf_init(void);

/* Why `what` failed with `errnum` (positive); names the capabilities for EPERM. */
struct grf_error *grf_ebpf_error(const char *what, int errnum);

#endif
