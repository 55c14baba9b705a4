/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The command `version`: prints the version of grf-bpf, and the Go releases and architectures that
 * it reads.
 */
#include <stdio.h>

#include "arch/arch.h"
#include "cli/cli.h"
#include "model/release/release.h"

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
	size_t count, arch_count;
	const struct grf_arch *const *archs = grf_archs(&arch_count);

	(void)unused;
	(void)ret_status;
	printf("grf-bpf " GRF_VERSION "\nreads programs built with Go 1.%d to 1.%d",
	       grf_releases(&count)->minor, grf_release_newest()->minor);
	for (size_t i = 0; i < arch_count; i++)
		printf(", linux/%s", archs[i]->name);
	putchar('\n');
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
