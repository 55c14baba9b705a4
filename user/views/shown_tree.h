/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The part of a reference tree that is asked for, as a tree: chains with an element that matches
 * (focus), without the elements that match (hide). What pprof does with a profile by these names.
 */
#ifndef GRF_VIEWS_SHOWN_TREE_H
#define GRF_VIEWS_SHOWN_TREE_H

#include <regex.h>

#include "base/error.h"
#include "graph/tree.h"

/* Extended regular expressions of POSIX, which match anywhere in the name of an element as it is
 * shown, with escapes. */
struct grf_shown_elements {
	const char *focus, *hide;            /* as they were given, borrowed; NULL: not given */
	regex_t focus_pattern, hide_pattern; /* compiled, where they are */
};

/* The root of objects all of whose elements are hidden. */
#define GRF_SHOWN_HIDDEN "(hidden)"

/**
 * Makes the tree of the chains that have an element of the focus, or of all without a focus,
 * without hidden elements: what such a one holds counts at the element above it, or where there is
 * none at a root of its own; elements of one name that are beside each other then are one. Borrows
 * from `tree`, which must outlive it; destroyed by the caller. Errors: NO_MEMORY.
 */
struct grf_error *grf_shown_tree_create(const struct grf_tree *tree,
					const struct grf_shown_elements *elements,
					struct grf_tree **ret);

#endif
