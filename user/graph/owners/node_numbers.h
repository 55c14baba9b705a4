/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * An array of numbers of nodes, three bytes each where all nodes have such numbers, else four; and
 * three numbers that are no node's.
 */
#ifndef GRF_GRAPH_OWNERS_NODE_NUMBERS_H
#define GRF_GRAPH_OWNERS_NODE_NUMBERS_H

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* Numbers from here on are no nodes. */
#define GRF_NODE_SPECIAL 0xfffffffdu

struct grf_node_numbers {
	uint8_t *bytes;
	uint32_t width; /* bytes of a number */
	uint32_t mask;  /* that many bytes of ones */
};

/* `count` numbers of `nodes` nodes; what they are is not said. False: out of memory. */
static inline bool grf_node_numbers_create(struct grf_node_numbers *numbers, uint64_t count,
					   uint64_t nodes)
{
	numbers->width = nodes <= (GRF_NODE_SPECIAL & 0xffffff) ? 3 : 4;
	numbers->mask = UINT32_MAX >> (32 - 8 * numbers->width);
	/* What is read is always four bytes. */
	numbers->bytes = malloc((count + 2) * numbers->width);
	return numbers->bytes;
}

static inline void grf_node_numbers_free(struct grf_node_numbers *numbers)
{
	free(numbers->bytes);
	numbers->bytes = NULL;
}

static inline uint32_t grf_node_number(const struct grf_node_numbers *numbers, uint64_t index)
{
	uint32_t number;

	memcpy(&number, numbers->bytes + index * numbers->width, sizeof(number));
	number &= numbers->mask;
	return number >= (GRF_NODE_SPECIAL & numbers->mask) ? number | ~numbers->mask : number;
}

static inline void grf_node_number_set(struct grf_node_numbers *numbers, uint64_t index,
				       uint32_t number)
{
	uint8_t *bytes = numbers->bytes + index * numbers->width;

	memcpy(bytes, &number, 2);
	number >>= 16;
	if (numbers->width == 3)
		bytes[2] = (uint8_t)number;
	else
		memcpy(bytes + 2, &number, 2);
}

static inline void grf_node_number_prefetch(const struct grf_node_numbers *numbers, uint64_t index)
{
	__builtin_prefetch(numbers->bytes + index * numbers->width, 1);
}

#endif
