/* SPDX-License-Identifier: BSD-2-Clause */
#include <elf.h>
#include <fcntl.h>
#include <limits.h>
#include <link.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "cli/cli.h"
#include "hold/hold.h"
#include "image/executable.h"
#include "outputs/file.h"

enum { OPTION_NO_EBPF = 0x200, OPTION_NO_READV };

struct attach_options {
	struct grf_profile_options profile;
	struct grf_capture_options capture;
	pid_t pid;
	const char *executable;
};

static const char description[] =
    "Shows what keeps the memory of a running Go program alive.\v"
    "The process is held while its memory is copied, and let go; the analysis works on the copy. "
    "EXE is an executable of the same build that has debug information, when the one that runs "
    "has none.\n\n"
    "It needs what a debugger needs: the same user, or CAP_SYS_PTRACE. With CAP_BPF and "
    "CAP_PERFMON, eBPF takes the registers and the time.\n\n"
    "Examples:\n"
    "  grf-bpf attach 1234\n"
    "  grf-bpf attach $(pidof server) -o heap.pb.gz\n"
    "  go tool pprof -http=: grf.out\n";

static const struct argp_option attach_argp_options[] = {
    {NULL, 0, NULL, 0, "To try what happens where the kernel lacks something:", 10},
    {"no-ebpf", OPTION_NO_EBPF, NULL, 0, "Do as if eBPF were not permitted", 10},
    {"no-process-vm-readv", OPTION_NO_READV, NULL, 0,
     "Do as if process_vm_readv were refused: read /proc/PID/mem", 10},
    {0},
};

static error_t parse_option(int key, char *argument, struct argp_state *state)
{
	struct attach_options *options = state->input;

	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = &options->profile;
		return 0;
	case OPTION_NO_EBPF:
		options->capture.no_ebpf = true;
		return 0;
	case OPTION_NO_READV:
		options->capture.no_process_vm_readv = true;
		return 0;
	case ARGP_KEY_ARG:
		if (state->arg_num == 0)
			options->pid = (pid_t)grf_parse_number(state, "PID", argument, 1, INT_MAX);
		else if (state->arg_num == 1)
			options->executable = argument;
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

/* Opens the executable that the process runs. /proc/PID/exe opens it in any mount namespace, and
 * when it is deleted. */
static struct grf_error *open_running(pid_t pid, struct grf_executable **ret)
{
	struct grf_error *error;
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/exe", pid);
	error = grf_executable_open(path, ret);
	if (!error || error->code != GRF_ERROR_PERMISSION)
		return error;
	grf_error_free(error);
	return grf_error_create(
	    GRF_ERROR_PERMISSION,
	    "cannot read the executable of process %d: run as its user, or with "
	    "CAP_SYS_PTRACE (sudo)",
	    pid);
}

/* Whether an executable that the user named is of the build that runs. */
static struct grf_error *check_same_build(const struct grf_executable *running,
					  const struct grf_executable *named)
{
	const char *theirs = grf_executable_go_build_id(running);
	const char *ours = grf_executable_go_build_id(named);

	if (!*theirs || !*ours || !strcmp(theirs, ours))
		return NULL;
	return grf_error_create(
	    GRF_ERROR_MISMATCH,
	    "%s is not what the process runs: its Go build id is %.32s..., that of "
	    "the process %.32s...",
	    grf_executable_path(named), ours, theirs);
}

static struct grf_error *open_executable(const struct attach_options *options,
					 struct grf_executable **ret)
{
	struct grf_executable *running, *named;
	struct grf_error *error;

	error = open_running(options->pid, &running);
	if (error || !options->executable) {
		if (!error)
			*ret = running;
		return error;
	}
	error = grf_executable_open(options->executable, &named);
	if (!error) {
		error = check_same_build(running, named);
		if (error)
			grf_executable_destroy(named);
		else
			*ret = named;
	}
	grf_executable_destroy(running);
	return error;
}

/* How far a position-independent executable was moved: where the process began, less where the file
 * says that it begins. */
static uint64_t load_bias(pid_t pid, const struct grf_executable *executable)
{
	_cleanup_close_ int fd = -1;
	Elf64_auxv_t entries[64];
	char path[64];
	ssize_t size;

	snprintf(path, sizeof(path), "/proc/%d/auxv", pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	size = fd < 0 ? -1 : read(fd, entries, sizeof(entries));
	for (ssize_t i = 0; i < size / (ssize_t)sizeof(*entries); i++)
		if (entries[i].a_type == AT_ENTRY)
			return entries[i].a_un.a_val - grf_executable_entry(executable);
	return 0;
}

/* Tells the capture where the goroutines are, for their stack bounds; g.stack comes first in g, in
 * every Go version. */
static void find_goroutines(pid_t pid, struct grf_executable *executable,
			    struct grf_capture_options *capture)
{
	uint64_t address, size;

	if (grf_executable_symbol(executable, "runtime.allgs", &address, &size))
		capture->allgs_address = address + load_bias(pid, executable);
	capture->g_stack_offset = 0;
}

/* Looks whether the process can be held, before anything costly is done. */
static struct grf_error *check_process(pid_t pid)
{
	struct grf_target target;
	struct grf_error *error = grf_target_open(pid, &target);

	if (!error)
		grf_target_close(&target);
	return error;
}

static struct grf_error *run(struct attach_options *options)
{
	struct grf_executable *executable = NULL;
	struct grf_capture *capture;
	struct grf_pause pause;
	struct grf_image *image;
	struct grf_error *error;

	error = grf_output_check(options->profile.output);
	if (!error)
		error = check_process(options->pid);
	if (!error)
		error = open_executable(options, &executable);
	if (error)
		return error;
	error = grf_check_executable(executable);
	find_goroutines(options->pid, executable, &options->capture);
	if (!error)
		error = grf_capture_process(options->pid, &options->capture, &capture);
	if (!error) {
		pause = capture->pause;
		error = grf_image_from_capture(capture, executable, &image);
	}
	if (!error) {
		error = grf_make_profile(image, executable, &options->profile, &pause);
		grf_image_destroy(image);
	}
	grf_executable_destroy(executable);
	return error;
}

int grf_command_attach(int argc, char **argv)
{
	static const struct argp_child children[] = {{&grf_profile_argp, 0, NULL, 0}, {0}};
	static const struct argp argp = {
	    .options = attach_argp_options,
	    .parser = parse_option,
	    .args_doc = "PID [EXE]",
	    .doc = description,
	    .children = children,
	};
	struct attach_options options = {0};

	argp_err_exit_status = GRF_EXIT_USAGE;
	argv[0] = (char *)"grf-bpf attach";
	grf_profile_options_init(&options.profile);
	if (argp_parse(&argp, argc, argv, 0, NULL, &options))
		return GRF_EXIT_USAGE;
	options.capture.threads = options.profile.threads;
	grf_log_init(options.profile.verbosity);
	grf_handle_signals();
	return grf_exit_status(run(&options));
}
