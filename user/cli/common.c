/* SPDX-License-Identifier: BSD-2-Clause */
/* The options that commands share. */
#include <errno.h>
#include <regex.h>

#include "base/jobs.h"
#include "cli/cli.h"
#include "cli/values.h"

#define MAX_MAX_DEPTH 100000
#define MAX_JOBS      256

enum {
	OPTION_MAX_DEPTH = 0x100,
	OPTION_NO_FOLD,
	OPTION_DEBUG_FILE,
	OPTION_DEBUG_DIRECTORY,
	OPTION_NO_SANDBOX,
	OPTION_NAMES,
	OPTION_FOCUS,
	OPTION_HIDE,
	OPTION_EXE,
};

static const struct argp_option basic_options[] = {
    {"verbose", 'v', NULL, 0, "Tell what is done and why; twice for more", 0},
    {"no-sandbox", OPTION_NO_SANDBOX, NULL, 0, "Keep all privileges during the analysis", 0},
    {"jobs", 'j', "N", 0,
     "Copy and analyse with N threads (default: as many as there are processors to use, up to 8 "
     "for the analysis). The result does not depend on it",
     0},
    {0},
};

static const struct argp_option common_options[] = {
    {"names", OPTION_NAMES, "NAMING", 0,
     "How the elements of chains are named: go (the default) or goref", 0},
    {0},
};

static error_t parse_basic_option(int key, char *argument, struct argp_state *state)
{
	struct grf_common_options *options = state->input;

	switch (key) {
	case 'v':
		options->verbosity++;
		return 0;
	case 'j':
		options->jobs =
		    (unsigned int)grf_parse_number(state, "--jobs", argument, 1, MAX_JOBS);
		grf_jobs_set(options->jobs);
		return 0;
	case OPTION_NO_SANDBOX:
		options->no_sandbox = true;
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

const struct argp grf_basic_argp = {.options = basic_options, .parser = parse_basic_option};

static error_t parse_common_option(int key, char *argument, struct argp_state *state)
{
	struct grf_common_options *options = state->input;

	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = options;
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

static const struct argp_child common_children[] = {{&grf_basic_argp, 0, NULL, 0}, {0}};
const struct argp grf_common_argp = {
    .options = common_options,
    .parser = parse_common_option,
    .children = common_children,
};

static const struct argp_option tree_options[] = {
    {"max-depth", OPTION_MAX_DEPTH, "N", 0,
     "Longest reference chain; what is deeper counts at its last element (default 256)", 0},
    {"no-fold", OPTION_NO_FOLD, NULL, 0,
     "Give every step of recursive structures, instead of folding a chain that comes back to "
     "an element that it already holds",
     0},
    {"focus", OPTION_FOCUS, "REGEX", 0,
     "In the tree and the profile, show only chains with an element that matches REGEX, an "
     "extended regular expression of POSIX",
     0},
    {"hide", OPTION_HIDE, "REGEX", 0,
     "In the tree and the profile, leave out elements that match REGEX; what they hold counts at "
     "the element above",
     0},
    {0},
};

/* Compiles a regular expression. NULL: it was given before, or is none. */
static const char *compile_pattern(const struct argp_state *state, const char *option,
				   const char *given, const char *text, regex_t *ret)
{
	char reason[128];
	int status;

	if (given) {
		argp_error(state, "--%s is given twice; A|B matches A and B", option);
		return NULL;
	}
	status = regcomp(ret, text, REG_EXTENDED | REG_NOSUB);
	if (!status)
		return text;
	regerror(status, ret, reason, sizeof(reason));
	argp_error(state, "--%s is a regular expression, not `%s': %s", option, text, reason);
	return NULL;
}

static error_t parse_tree_option(int key, char *argument, struct argp_state *state)
{
	struct grf_tree_options *options = state->input;
	struct grf_shown_elements *shown = &options->shown;

	switch (key) {
	case ARGP_KEY_INIT:
		options->graph.max_depth = GRF_DEFAULT_DEPTH;
		return 0;
	case OPTION_FOCUS:
		shown->focus =
		    compile_pattern(state, "focus", shown->focus, argument, &shown->focus_pattern);
		return shown->focus ? 0 : EINVAL;
	case OPTION_HIDE:
		shown->hide =
		    compile_pattern(state, "hide", shown->hide, argument, &shown->hide_pattern);
		return shown->hide ? 0 : EINVAL;
	case OPTION_MAX_DEPTH:
		options->graph.max_depth = (unsigned int)grf_parse_number(
		    state, "--max-depth", argument, 1, MAX_MAX_DEPTH);
		return 0;
	case OPTION_NO_FOLD:
		options->graph.no_fold = true;
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

static const struct argp_option exe_options[] = {
    {"exe", OPTION_EXE, "EXE", 0,
     "The executable that a snapshot or core is of, where it is not found by what that says", 5},
    {0},
};

static error_t parse_exe_option(int key, char *argument, struct argp_state *state)
{
	const char **executable = state->input;

	if (key != OPTION_EXE)
		return ARGP_ERR_UNKNOWN;
	*executable = argument;
	return 0;
}

const struct argp grf_exe_argp = {.options = exe_options, .parser = parse_exe_option};
