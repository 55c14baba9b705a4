/* SPDX-License-Identifier: BSD-2-Clause */
/* The commands that show one view each: those of the list of views (views/view.h). */
#ifndef GRF_CLI_VIEW_H
#define GRF_CLI_VIEW_H

#include "cli/cli.h"
#include "views/view.h"

/* The command of a view that has one. One such command can run in a process. */
struct grf_command grf_view_command(const struct grf_view *view);

#endif
