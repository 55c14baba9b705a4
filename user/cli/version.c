/* SPDX-License-Identifier: BSD-2-Clause */
#include <stdio.h>

#include "cli/cli.h"

static struct grf_common_options options;

static error_t parse_option(int key, char *argument, struct argp_state *state)
{
	if (key != ARGP_KEY_ARG)
		return ARGP_ERR_UNKNOWN;
	argp_error(state, "version takes no argument, and was given `%s'", argument);
	return 0;
}

static struct grf_error *print_version(void *unused, int *ret_status)
{
	(void)unused;
	(void)ret_status;
	puts("grf-bpf " GRF_VERSION "\nreads programs built with Go 1.17 to 1.27, linux/amd64");
	return NULL;
}

static const struct argp argp = {
    .parser = parse_option,
    .doc = "Prints the version of grf-bpf and the Go versions that it reads.",
};

const struct grf_command grf_command_version = {
    .name = "version",
    .summary = "print the version",
    .argp = &argp,
    .options = &options,
    .run = print_version,
};
