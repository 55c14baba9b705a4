/* SPDX-License-Identifier: BSD-2-Clause */
/* Finds the type of a closure's objects; private to the model. See closure_sites.c. */
#ifndef GRF_MODEL_VARIABLES_CLOSURE_SITES_H
#define GRF_MODEL_VARIABLES_CLOSURE_SITES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "arch/arch.h"

struct grf_closure_sites;

/* What the scan asks its caller. */
struct grf_closure_site_checks {
	/* Is `address` the entry of a function? */
	bool (*is_entry)(void *context, uint64_t address);
	/* Is `address` the descriptor of a struct type that closures have? */
	bool (*is_closure_type)(void *context, uint64_t address);
	void *context;
};

/* Without any site yet. The caller destroys it. NULL: out of memory. */
struct grf_closure_sites *grf_closure_sites_create(void);
void grf_closure_sites_destroy(struct grf_closure_sites *sites);

/* Looks through machine code, in a module whose text and
 * types are at [text, etext) and [types, etypes). */
void grf_closure_sites_scan(struct grf_closure_sites *sites, const struct grf_arch *arch,
			    const struct grf_code *code, const uint64_t text[2],
			    const uint64_t types[2], const struct grf_closure_site_checks *checks);

/* The descriptor of the objects of the closure with entry `pc`; 0 when not known for sure. */
uint64_t grf_closure_sites_find(const struct grf_closure_sites *sites, uint64_t pc);

#endif
