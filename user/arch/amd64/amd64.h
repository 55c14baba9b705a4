/* SPDX-License-Identifier: BSD-2-Clause */
/* What the files of this folder share. */
#ifndef GRF_ARCH_AMD64_AMD64_H
#define GRF_ARCH_AMD64_AMD64_H

#include "arch/arch.h"

/* Members of struct grf_arch; see there. */
bool grf_amd64_next_address(const struct grf_code *code, uint64_t from,
			    struct grf_code_reference *ret);
bool grf_amd64_next_call(const struct grf_code *code, uint64_t from,
			 struct grf_code_reference *ret);
size_t grf_amd64_named_addresses(const struct grf_code *code, uint64_t *ret, size_t capacity);
bool grf_amd64_may_write(const struct grf_code *code, grf_arch_is_data *is_data, void *context);
void grf_amd64_closure_stores(const struct grf_code *code, struct grf_closure_stores *ret);
uint64_t grf_amd64_closure_load(const struct grf_code *code, uint64_t end,
				unsigned int dwarf_register);
size_t grf_amd64_stack_closures(const struct grf_code *code,
				const struct grf_closure_stores *stores,
				struct grf_stack_closure *ret, size_t capacity);

#endif
