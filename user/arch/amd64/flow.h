/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What registers and frames hold, from amd64 code: the members of struct grf_arch_flow.
 *
 * In which registers a function may get something: a function whose stack may have to grow calls
 * runtime.morestack for that, and begins again: what it loads again behind that call is all that it
 * looks at, beside what closures find in rdx where it is not runtime.morestack_noctxt
 * (cmd/internal/obj/x86/obj6.go, Go 1.17 to 1.27). Of others the first instructions tell, up to a
 * branch or a call.
 */
#ifndef GRF_ARCH_AMD64_FLOW_H
#define GRF_ARCH_AMD64_FLOW_H

#include "arch/flow.h"

extern const struct grf_arch_flow grf_amd64_flow;
extern const uint8_t grf_flow_result_registers[GRF_FLOW_RESULTS];

/* Members of struct grf_arch_flow; see there. */
struct grf_flow *grf_flow_create(const struct grf_code *code,
				 const struct grf_flow_context *context);
void grf_flow_destroy(struct grf_flow *flow);
void grf_flow_refuse(const struct grf_code *code, const struct grf_flow_context *context);
void grf_flow_results(const struct grf_flow *flow, grf_flow_value ret[GRF_FLOW_RESULTS]);
grf_flow_value grf_flow_register(struct grf_flow *flow, uint64_t pc, unsigned int reg);
grf_register_set grf_entry_registers(const struct grf_code *code, grf_entry_callee_at *callee_at,
				     void *context);

/* As slot(), but `offset` bytes from the return address's place: a negative one is in the frame. */
grf_flow_value grf_flow_slot(struct grf_flow *flow, uint64_t pc, int64_t offset);

#endif
