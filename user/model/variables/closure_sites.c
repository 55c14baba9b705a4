/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which type the objects of a closure have, from the code that makes them.
 *
 * A closure that captures something is an object of a struct type without a name, struct { F
 * uintptr; X0 T0; X1 T1 ... }, and a method value one of struct { F uintptr; R T }
 * (cmd/compile/internal/typecheck, ClosureType and MethodValueType). The runtime stores that type
 * with large objects only, and DWARF does not connect it with the function. But where the compiler
 * makes such an object it takes the address of the type's descriptor, calls the allocator, then
 * takes the entry of the function and stores it as the first word:
 *
 *	take the address of type:struct { F uintptr; X0 *int }
 *	call runtime.newobject
 *	take the address of main.f.func1
 *	store it where the call returned an object
 *
 * The store comes before any other call, because calls and stores keep their order. So in all of
 * the text, whatever the release and with or without DWARF, taking the address of a function's
 *entry within a few instructions of that of such a type tells the type of that closure. A closure
 *for which two places disagree is left alone.
 *
 * No instructions are decoded: the architecture recognises one by its bytes, and a false one would
 * have to hit both a descriptor of such a type and then a function's entry to the byte.
 */
#include "model/variables/closure_sites.h"

#include <stdlib.h>
#include <string.h>
#include <uthash.h>

#define SITE_DISTANCE 256 /* bytes of code from the type to the function */
#define RECENT_TYPES  8

struct site {
	uint64_t pc;
	uint64_t descriptor; /* 0: contradictory */
	UT_hash_handle hh;
};

struct grf_closure_sites {
	struct site *by_pc;
};

/* The descriptors that were referred to last, in a ring. */
struct recent {
	uint64_t address[RECENT_TYPES];
	uint64_t at[RECENT_TYPES]; /* offset of the instruction */
	size_t count;              /* all that were seen */
};

struct grf_closure_sites *grf_closure_sites_create(void)
{
	return calloc(1, sizeof(struct grf_closure_sites));
}

void grf_closure_sites_destroy(struct grf_closure_sites *sites)
{
	struct site *site, *next;

	if (!sites)
		return;
	HASH_ITER (hh, sites->by_pc, site, next) {
		HASH_DEL(sites->by_pc, site);
		free(site);
	}
	free(sites);
}

static void add_site(struct grf_closure_sites *sites, uint64_t pc, uint64_t descriptor)
{
	struct site *site;

	HASH_FIND(hh, sites->by_pc, &pc, sizeof(pc), site);
	if (site) {
		if (site->descriptor != descriptor)
			site->descriptor = 0;
		return;
	}
	site = calloc(1, sizeof(*site));
	if (!site)
		return;
	site->pc = pc;
	site->descriptor = descriptor;
	HASH_ADD(hh, sites->by_pc, pc, sizeof(site->pc), site);
}

static void function_taken(struct grf_closure_sites *sites, struct recent *recent, uint64_t at,
			   uint64_t pc, const struct grf_closure_site_checks *checks)
{
	size_t kept = recent->count < RECENT_TYPES ? recent->count : RECENT_TYPES;

	for (size_t i = 1; i <= kept; i++) {
		size_t slot = (recent->count - i) % RECENT_TYPES;

		if (at - recent->at[slot] > SITE_DISTANCE)
			return;
		if (!checks->is_closure_type(checks->context, recent->address[slot]))
			continue;
		if (checks->is_entry(checks->context, pc)) {
			add_site(sites, pc, recent->address[slot]);
			recent->count = 0;
		}
		return;
	}
}

void grf_closure_sites_scan(struct grf_closure_sites *sites, const struct grf_arch *arch,
			    const struct grf_code *code, const uint64_t text[2],
			    const uint64_t types[2], const struct grf_closure_site_checks *checks)
{
	struct grf_code_reference taken;
	struct recent recent = {0};

	for (uint64_t from = 0; arch->next_address(code, from, &taken); from = taken.at + 1) {
		if (taken.target >= types[0] && taken.target < types[1]) {
			recent.address[recent.count % RECENT_TYPES] = taken.target;
			recent.at[recent.count % RECENT_TYPES] = taken.at;
			recent.count++;
		} else if (recent.count && taken.target >= text[0] && taken.target < text[1]) {
			function_taken(sites, &recent, taken.at, taken.target, checks);
		}
	}
}

uint64_t grf_closure_sites_find(const struct grf_closure_sites *sites, uint64_t pc)
{
	struct site *site;

	HASH_FIND(hh, sites->by_pc, &pc, sizeof(pc), site);
	return site ? site->descriptor : 0;
}
