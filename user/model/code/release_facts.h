/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the functions of a program tell of the Go release that built it, whatever its version string
 * says; and what a program is that has none of them.
 */
#ifndef GRF_MODEL_CODE_RELEASE_FACTS_H
#define GRF_MODEL_CODE_RELEASE_FACTS_H

#include <stdbool.h>

#include "image/executable/executable.h"
#include "model/release/release.h"

struct grf_release_facts {
	bool known; /* whether there are names of the runtime's functions at all */
	int minor;  /* the newest release that all of whose functions looked for are there */
	struct grf_experiments experiments; /* that are in force */
};

void grf_release_facts_find(const struct grf_executable *executable, struct grf_release_facts *ret);

/* Whether a packer made the executable: what runs is not what its file has. */
bool grf_is_packed(const struct grf_executable *executable);

/* In a few words, what an executable is that has Go in it which is not read: packed, by another
 * compiler, linked to a shared runtime. A constant; NULL: it is none of these. */
const char *grf_other_program(struct grf_executable *executable);

#endif
