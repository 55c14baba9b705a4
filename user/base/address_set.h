/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A set of addresses, each with a number: which records of a list were visited, and where they
 * stand. Open addressing, 16 bytes an entry, nothing ever removed.
 *
 * Records of a damaged image may overlap, so that a list of them is as long as they have bytes. A
 * set has a limit for that: no more addresses than there can be records beside each other.
 */
#ifndef GRF_BASE_ADDRESS_SET_H
#define GRF_BASE_ADDRESS_SET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct grf_address_set {
	struct grf_address_entry {
		uint64_t address; /* 0: free */
		size_t number;
	} * entries;
	size_t capacity; /* 0 or a power of two */
	size_t count;
	size_t limit;   /* of `count`; 0: none */
	bool no_memory; /* an addition failed */
	bool full;      /* an addition was beyond the limit */
};

/* Adds an address. False: it is 0, it was there before, the limit is reached (`full`), or memory is
 * out (`no_memory`). */
bool grf_address_set_add(struct grf_address_set *set, uint64_t address, size_t number);

/* Whether an address is there, and its number. */
bool grf_address_set_find(const struct grf_address_set *set, uint64_t address, size_t *ret_number);

void grf_address_set_free(struct grf_address_set *set);

#endif
