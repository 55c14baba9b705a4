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
 *	lea  type:struct { F uintptr; X0 *int }(%rip), %rax
 *	call runtime.newobject
 *	lea  main.f.func1(%rip), %rcx
 *	mov  %rcx, (%rax)
 *
 * The store comes before any other call, because calls and stores keep their order. So in all of
 * the text, whatever the release and with or without DWARF, a lea of a function's entry that
 * follows a lea of such a type within a few instructions tells the type of that closure. A closure
 * for which two places disagree is left alone.
 *
 * No instructions are decoded: a lea is recognised by its bytes, and a false one would have to hit
 * both a descriptor of such a type and then a function's entry to the byte.
 */
#include "model/code/closure_sites.h"

#include <stdlib.h>
#include <string.h>
#include <uthash.h>

#define LEA_LENGTH    7
#define SITE_DISTANCE 256 /* bytes of code between the two lea */
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
	uint64_t at[RECENT_TYPES]; /* offset of the lea */
	size_t count;              /* ever seen */
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

/* lea disp32(%rip), %r64 */
static bool is_lea(const uint8_t *code)
{
	return (code[0] & 0xfb) == 0x48 && code[1] == 0x8d && (code[2] & 0xc7) == 0x05;
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

void grf_closure_sites_scan(struct grf_closure_sites *sites, const uint8_t *code, uint64_t length,
			    uint64_t address, const uint64_t text[2], const uint64_t types[2],
			    const struct grf_closure_site_checks *checks)
{
	struct recent recent = {0};

	for (uint64_t i = 0; i + LEA_LENGTH <= length; i++) {
		uint64_t target;
		int32_t displacement;

		if (!is_lea(code + i))
			continue;
		memcpy(&displacement, code + i + 3, sizeof(displacement));
		target = address + i + LEA_LENGTH + (uint64_t)(int64_t)displacement;
		if (target >= types[0] && target < types[1]) {
			recent.address[recent.count % RECENT_TYPES] = target;
			recent.at[recent.count % RECENT_TYPES] = i;
			recent.count++;
		} else if (recent.count && target >= text[0] && target < text[1]) {
			function_taken(sites, &recent, i, target, checks);
		}
	}
}

uint64_t grf_closure_sites_find(const struct grf_closure_sites *sites, uint64_t pc)
{
	struct site *site;

	HASH_FIND(hh, sites->by_pc, &pc, sizeof(pc), site);
	return site ? site->descriptor : 0;
}
