/* SPDX-License-Identifier: BSD-2-Clause */
/* The options that commands share. */
#include "cli/cli.h"
#include "cli/values.h"

#define MAX_MAX_DEPTH 100000

enum {
	OPTION_MAX_DEPTH = 0x100,
	OPTION_NO_FOLD,
	OPTION_DEBUG_FILE,
	OPTION_DEBUG_DIRECTORY,
	OPTION_NO_SANDBOX,
	OPTION_NAMES,
};

static const struct argp_option common_options[] = {
    {"verbose", 'v', NULL, 0, "Tell what is done and why; twice for more", 0},
    {"no-sandbox", OPTION_NO_SANDBOX, NULL, 0, "Keep all privileges during the analysis", 0},
    {"names", OPTION_NAMES, "NAMING", 0,
     "How the elements of chains are named: go (the default) or goref", 0},
    {0},
};

static error_t parse_common_option(int key, char *argument, struct argp_state *state)
{
	struct grf_common_options *options = state->input;

	switch (key) {
	case 'v':
		options->verbosity++;
		return 0;
	case OPTION_NO_SANDBOX:
		options->no_sandbox = true;
		return 0;
	case OPTION_NAMES:
		options->naming = grf_naming_find(argument);
		if (!options->naming)
			argp_error(state, "--names is go or goref, not `%s'", argument);
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

const struct argp grf_common_argp = {.options = common_options, .parser = parse_common_option};

static const struct argp_option tree_options[] = {
    {"max-depth", OPTION_MAX_DEPTH, "N", 0,
     "Longest reference chain; what is deeper counts at its last element (default 256)", 0},
    {"no-fold", OPTION_NO_FOLD, NULL, 0,
     "Give every step of recursive structures, instead of folding a chain that comes back to "
     "an element that it already holds",
     0},
    {0},
};

static error_t parse_tree_option(int key, char *argument, struct argp_state *state)
{
	struct grf_graph_options *options = state->input;

	switch (key) {
	case ARGP_KEY_INIT:
		options->max_depth = GRF_DEFAULT_DEPTH;
		return 0;
	case OPTION_MAX_DEPTH:
		options->max_depth = (unsigned int)grf_parse_number(state, "--max-depth", argument,
								    1, MAX_MAX_DEPTH);
		return 0;
	case OPTION_NO_FOLD:
		options->no_fold = true;
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

const struct argp grf_tree_argp = {.options = tree_options, .parser = parse_tree_option};

static const struct argp_option debug_options[] = {
    {"debug-file", OPTION_DEBUG_FILE, "FILE", 0,
     "Take the debug information from FILE (objcopy --only-keep-debug)", 5},
    {"debug-dir", OPTION_DEBUG_DIRECTORY, "DIR", 0,
     "Look for separate debug information in DIR, before /usr/lib/debug", 5},
    {0},
};

static error_t parse_debug_option(int key, char *argument, struct argp_state *state)
{
	struct grf_debug_options *options = state->input;

	switch (key) {
	case OPTION_DEBUG_FILE:
		options->file = argument;
		return 0;
	case OPTION_DEBUG_DIRECTORY:
		options->directory = argument;
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

const struct argp grf_debug_argp = {.options = debug_options, .parser = parse_debug_option};
