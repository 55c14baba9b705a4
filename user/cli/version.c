/* SPDX-License-Identifier: BSD-2-Clause */
#include <stdio.h>
#include <string.h>

#include "cli/cli.h"

int grf_command_version(int argc, char **argv)
{
	if (argc > 1 && (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-?"))) {
		puts("Usage: grf-bpf version\nPrints the version of grf-bpf and the Go versions "
		     "that "
		     "it reads.");
		return GRF_EXIT_OK;
	}
	if (argc > 1)
		return grf_exit_status(grf_error_create(
		    GRF_ERROR_USAGE, "version takes no argument, and was given `%s'", argv[1]));
	puts("grf-bpf " GRF_VERSION "\nreads programs built with Go 1.17 to 1.27, linux/amd64");
	return GRF_EXIT_OK;
}
