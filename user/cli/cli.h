/* SPDX-License-Identifier: BSD-2-Clause */
/* What the subcommands share. */
#ifndef GRF_CLI_CLI_H
#define GRF_CLI_CLI_H

#include <argp.h>
#include <stdbool.h>

#include "base/error.h"
#include "capture/capture.h"
#include "cli/results.h"
#include "image/debug_file.h"
#include "image/image.h"

/* Exit statuses; docs/grf-bpf.1 lists them. 128 + signal when interrupted. */
enum grf_exit {
	GRF_EXIT_OK = 0,
	GRF_EXIT_FAILURE = 1,
	GRF_EXIT_USAGE = 2,
	GRF_EXIT_NO_PROCESS = 3,
	GRF_EXIT_PERMISSION = 4,
	GRF_EXIT_EXITED = 5,
	GRF_EXIT_NOT_GO = 6,
	GRF_EXIT_UNSUPPORTED = 7,
	GRF_EXIT_BAD_INPUT = 8,
	GRF_EXIT_MISMATCH = 9,
	GRF_EXIT_OUTPUT = 10,
	GRF_EXIT_DIFFERENT = 11,    /* verify: the reached set is wrong */
	GRF_EXIT_NOT_COMPARED = 12, /* verify: no marks to compare with */
	GRF_EXIT_NO_ROOM = 13,      /* no memory, or no disk, within its limits */
	GRF_EXIT_TOO_LONG = 14,     /* the target would have to stand for too long */
	GRF_EXIT_REPLACED = 15,     /* the target became another program by exec(2) */
};

/* A subcommand. `run` gets its own arguments, the first one being its name. */
struct grf_command {
	const char *name;
	const char *summary;
	int (*run)(int argc, char **argv);
};

int grf_command_attach(int argc, char **argv);
int grf_command_core(int argc, char **argv);
int grf_command_verify(int argc, char **argv);
int grf_command_version(int argc, char **argv);

/* Options that every command has which makes a profile. */
struct grf_profile_options {
	struct grf_result_options results;
	unsigned int max_depth;
	unsigned int threads;
	int verbosity;
	bool no_fold;
	bool no_sandbox;
};

void grf_profile_options_init(struct grf_profile_options *options);
/* An argp child for them; its input is the struct. */
extern const struct argp grf_profile_argp;

/* An argp child for where debug information is; its input is a struct grf_debug_options. */
extern const struct argp grf_debug_argp;

/* A whole number from `low` to `high`, or a usage error through argp. */
unsigned long grf_parse_number(const struct argp_state *state, const char *what, const char *text,
			       unsigned long low, unsigned long high);

/* Parses the arguments of the command `name` ("grf-bpf attach"). Exits where they are wrong, or ask
 * for help; false: out of memory. */
bool grf_parse_arguments(const struct argp *argp, const char *name, int argc, char **argv,
			 void *options);

/* The option of all commands that turns the sandbox off, and where it stands among others. */
#define GRF_OPTION_NO_SANDBOX 0x300
#define GRF_NO_SANDBOX_ENTRY                                                                       \
	{                                                                                          \
		"no-sandbox", GRF_OPTION_NO_SANDBOX, NULL, 0,                                      \
		    "Keep all privileges during the analysis", 0                                   \
	}

/* From image to results, which it commits, and a summary: model, tree, writers. */
struct grf_error *grf_make_profile(const struct grf_image *image, struct grf_executable *executable,
				   const struct grf_profile_options *options,
				   const struct grf_results *results);

/* Prints `error` in one line on stderr, frees it, and gives the exit status for it. NULL: 0. */
int grf_exit_status(struct grf_error *error);

/* SIGINT and SIGTERM end the work at its next step. */
void grf_handle_signals(void);

#endif
