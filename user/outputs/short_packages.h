/* SPDX-License-Identifier: BSD-2-Clause */
/* Ways and sentences for people, in which a package has its whole path once. */
#ifndef GRF_OUTPUTS_SHORT_PACKAGES_H
#define GRF_OUTPUTS_SHORT_PACKAGES_H

/**
 * A text in which each package has its whole path where it comes first, and from there on the last
 * part alone: "github.com/x/y/tsdb.Head > tsdb.Head.series". Where two packages of the text have
 * the same last part, both keep their paths. The caller frees it. NULL: out of memory.
 */
char *grf_short_packages(const char *text);

#endif
