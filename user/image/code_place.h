/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where the code of an executable stands in the memory of a process that the kernel did not load it
 * into: a packed program unpacks itself, a loader of its own maps what it wants. What the kernel
 * says of where the process began is then of the packer or the loader, and no file is mapped where
 * the code is; but the code itself is there, byte for byte.
 */
#ifndef GRF_IMAGE_CODE_PLACE_H
#define GRF_IMAGE_CODE_PLACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "image/executable/executable.h"
#include "image/image.h"

/* Memory that may have the code. */
struct grf_code_memory {
	const struct grf_code_range {
		uint64_t start, end;
	} * ranges; /* that can be executed, in any order */
	size_t count;
	/* Copies what can be read from `address` on, at most `length` bytes; returns how many. */
	size_t (*read)(void *context, uint64_t address, void *buffer, size_t length);
	void *context;
};

/** Whether all code of an executable stands in memory, moved by `bias` bytes, and nothing else is
 * where its constants and build ids are to be. */
bool grf_code_is_at(const struct grf_executable *executable, const struct grf_code_memory *memory,
		    uint64_t bias);

/**
 * Searches memory for the code of an executable, all of it. An executable that is linked to stand
 * at fixed addresses is looked for there alone.
 *
 * @param[out] ret by how many bytes it was moved
 * @return false: it is not there, or the search was interrupted
 */
bool grf_code_find(const struct grf_executable *executable, const struct grf_code_memory *memory,
		   uint64_t *ret);

/**
 * Places an executable (grf_executable_place_at()) where its code stands in an image, if that is
 * not where its auxiliary vector says that the process began. Does nothing where the code is not in
 * the image, which most cores leave out.
 */
void grf_code_place_in_image(const struct grf_image *image, struct grf_executable *executable);

#endif
