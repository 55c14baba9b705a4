/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Growing arrays: a typed pointer, a count and a capacity, grown by half as much again.
 *
 *	GRF_ARRAY(struct grf_frame) frames = {0};
 *	struct grf_frame *frame = grf_array_add(&frames);	// zeroed; NULL: out of memory
 *	grf_array_free(&frames);
 */
#ifndef GRF_BASE_ARRAY_H
#define GRF_BASE_ARRAY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#define GRF_ARRAY(type)                                                                            \
	struct {                                                                                   \
		type *items;                                                                       \
		size_t count;                                                                      \
		size_t capacity;                                                                   \
	}

/* Makes room for one more element of `size` bytes. False: out of memory, nothing changed. */
static inline bool grf_array_grow(void **items, size_t count, size_t *capacity, size_t size)
{
	size_t wanted;
	void *grown;

	if (count < *capacity)
		return true;
	wanted = *capacity ? *capacity + *capacity / 2 + 1 : 8;
	if (wanted > (size_t)-1 / 2 / size)
		return false;
	grown = realloc(*items, wanted * size);
	if (!grown)
		return false;
	*items = grown;
	*capacity = wanted;
	return true;
}

/* A pointer to a new zeroed last element, or NULL when memory is out. */
#define grf_array_add(array)                                                                       \
	(grf_array_grow((void **)&(array)->items, (array)->count, &(array)->capacity,              \
			sizeof(*(array)->items))                                                   \
	     ? (__typeof__((array)->items))memset(&(array)->items[(array)->count++], 0,            \
						  sizeof(*(array)->items))                         \
	     : NULL)

/* Gives back what is behind the last element. Without memory for that all stays as it is. */
static inline void grf_array_shrink(void **items, size_t count, size_t *capacity, size_t size)
{
	void *fitting = count && count < *capacity ? realloc(*items, count * size) : NULL;

	if (!fitting)
		return;
	*items = fitting;
	*capacity = count;
}

/* For an array that stays as it is, and is large. */
#define grf_array_fit(array)                                                                       \
	grf_array_shrink((void **)&(array)->items, (array)->count, &(array)->capacity,             \
			 sizeof(*(array)->items))

#define grf_array_free(array)                                                                      \
	do {                                                                                       \
		free((array)->items);                                                              \
		(array)->items = NULL;                                                             \
		(array)->count = (array)->capacity = 0;                                            \
	} while (0)

#endif
