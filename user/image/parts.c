/* SPDX-License-Identifier: BSD-2-Clause */
/* Frees the parts of an image. image_create.c makes an image of them. */
#include "image/parts.h"

#include <stdlib.h>
#include <sys/mman.h>

void grf_image_parts_destroy(struct grf_image_parts *parts)
{
	if (!parts)
		return;
	for (size_t i = 0; i < parts->range_count; i++)
		munmap(parts->ranges[i].data, parts->ranges[i].end - parts->ranges[i].start);
	for (size_t i = 0; i < parts->mapping_count; i++)
		free((char *)parts->mappings[i].path);
	free(parts->ranges);
	free(parts->left_out);
	free(parts->mappings);
	free(parts->threads);
	free(parts->goroutines);
	free(parts->auxv);
	free(parts);
}
