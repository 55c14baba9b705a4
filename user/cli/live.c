/* SPDX-License-Identifier: BSD-2-Clause */
/* The options for how a process is held and copied: those that attach and verify share. */
#include "cli/live.h"

#include <limits.h>
#include <string.h>

#include "cli/values.h"

#define NICE 15

enum {
	OPTION_NO_EBPF = 0x200,
	OPTION_NO_READV,
	OPTION_NO_USERFAULTFD,
	OPTION_FREEZE,
	OPTION_GC_WAIT,
	OPTION_COPY,
	OPTION_MAX_PAUSE,
	OPTION_CONTENTS,
	OPTION_MAX_MEMORY,
	OPTION_SPILL_DIRECTORY,
	OPTION_NICE
};

static const struct argp_option live_argp_options[] = {
    {"freeze", OPTION_FREEZE, "POINT", 0,
     "Where to hold the process: gc (at the end of a garbage collection), now, or auto (there if "
     "one comes in time, else at once)",
     0},
    {"gc-wait", OPTION_GC_WAIT, "DURATION", 0,
     "How long to wait for a garbage collection in all, such as 300ms, 20s or 5m (default 500ms "
     "for auto, 3m20s for gc)",
     0},
    {"copy", OPTION_COPY, "WAY", 0,
     "How to copy the memory: precopy (while the process runs; what it writes meanwhile is copied "
     "again while it is held), fork (from a child that it is made to fork while it is held), stop "
     "(all while it is held), or auto (the first of these that works here)",
     0},
    {"max-pause", OPTION_MAX_PAUSE, "DURATION", 0,
     "Hold the process for no longer than this: if more would be needed, let it go, and try again, "
     "or end without a result (default 100ms; with --copy stop, no limit)",
     0},
    {"max-memory", OPTION_MAX_MEMORY, "SIZE", 0,
     "Use no more memory than this for the copy and its analysis, such as 512M, 2G or 50% (of what "
     "there is); the rest of the copy goes to a file. Default: what is free",
     0},
    {"spill-dir", OPTION_SPILL_DIRECTORY, "DIR", 0,
     "Make the file for the rest of the copy in DIR (default: $TMPDIR or /var/tmp, whichever is no "
     "tmpfs and has room)",
     0},
    {"nice", OPTION_NICE, "N", 0,
     "While the process runs, run at a priority that is lower by N (0 to 19, default 15), and "
     "where the CPUs are short take no more than a sixteenth of them for copying; 0: neither",
     0},
    {"contents", OPTION_CONTENTS, NULL, 0,
     "Copy objects without pointers too, such as the bytes of strings. Without this option, those "
     "of more than 512 bytes are not copied: the results need nothing of them",
     0},
    {NULL, 0, NULL, 0, "To try what happens where the kernel lacks something:", 10},
    {"no-ebpf", OPTION_NO_EBPF, NULL, 0, "Do as if eBPF were not permitted", 10},
    {"no-process-vm-readv", OPTION_NO_READV, NULL, 0,
     "Do as if process_vm_readv were refused: read /proc/PID/mem", 10},
    {"no-userfaultfd", OPTION_NO_USERFAULTFD, NULL, 0,
     "Do as if the kernel had no userfaultfd: pre-copy by soft-dirty bits, where there are such",
     10},
    {0},
};

static enum grf_freeze_wish parse_freeze(const struct argp_state *state, const char *text)
{
	if (!strcmp(text, "gc"))
		return GRF_FREEZE_GC;
	if (!strcmp(text, "now"))
		return GRF_FREEZE_NOW;
	if (strcmp(text, "auto") != 0)
		argp_error(state, "--freeze is gc, now or auto, not `%s'", text);
	return GRF_FREEZE_AUTO;
}

static enum grf_copy_way parse_copy(const struct argp_state *state, const char *text)
{
	if (!strcmp(text, "precopy"))
		return GRF_COPY_PRECOPY;
	if (!strcmp(text, "fork"))
		return GRF_COPY_FORK;
	if (!strcmp(text, "stop"))
		return GRF_COPY_STOP;
	if (strcmp(text, "auto") != 0)
		argp_error(state, "--copy is precopy, fork, stop or auto, not `%s'", text);
	return GRF_COPY_AUTO;
}

static error_t parse_option(int key, char *argument, struct argp_state *state)
{
	struct grf_process_options *options = state->input;

	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = &options->debug;
		options->nice = NICE;
		return 0;
	case OPTION_FREEZE:
		options->capture.freeze = parse_freeze(state, argument);
		return 0;
	case OPTION_COPY:
		options->capture.copy = parse_copy(state, argument);
		return 0;
	case OPTION_MAX_PAUSE:
		options->capture.max_pause = grf_parse_duration(state, argument);
		options->pause_given = true;
		return 0;
	case OPTION_MAX_MEMORY:
		options->capture.max_memory = grf_parse_size(state, argument);
		return 0;
	case OPTION_SPILL_DIRECTORY:
		options->capture.spill_directory = argument;
		return 0;
	case OPTION_NICE:
		options->nice = (int)grf_parse_number(state, "--nice", argument, 0, 19);
		return 0;
	case OPTION_GC_WAIT:
		options->capture.gc_wait = grf_parse_duration(state, argument);
		options->wait_given = true;
		return 0;
	case OPTION_CONTENTS:
		options->contents = true;
		return 0;
	case OPTION_NO_EBPF:
		options->capture.no_ebpf = true;
		return 0;
	case OPTION_NO_READV:
		options->capture.no_process_vm_readv = true;
		return 0;
	case OPTION_NO_USERFAULTFD:
		options->capture.no_userfaultfd = true;
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp_child live_children[] = {{&grf_debug_argp, 0, NULL, 0}, {0}};

const char *grf_parse_executable(const struct argp_state *state, const char *text)
{
	if (*text && strspn(text, "0123456789") == strlen(text))
		argp_error(state,
			   "%s is the id of a second process, and one is looked at in a run: name "
			   "one of them (a file of that name: ./%s)",
			   text, text);
	return text;
}

const struct argp grf_live_argp = {
    .options = live_argp_options,
    .parser = parse_option,
    .children = live_children,
};

pid_t grf_parse_process(const struct argp_state *state, const char *text)
{
	return (pid_t)grf_parse_number(state, "PID", text, 1, INT_MAX);
}

error_t grf_parse_process_arguments(int key, char *argument, const struct argp_state *state,
				    struct grf_process_options *options)
{
	switch (key) {
	case ARGP_KEY_ARG:
		if (state->arg_num == 0)
			options->pid = grf_parse_process(state, argument);
		else if (state->arg_num == 1)
			options->executable = grf_parse_executable(state, argument);
		else
			argp_error(state, "too many arguments");
		return 0;
	case ARGP_KEY_END:
		if (!options->pid)
			argp_error(state, "give the id of a process");
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}
