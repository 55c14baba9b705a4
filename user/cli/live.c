/* SPDX-License-Identifier: BSD-2-Clause */
/* From the id of a process to an image of it: what attach and verify do alike. */
#include "cli/live.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/priority.h"
#include "cli/go_library.h"
#include "cli/unpacked.h"
#include "hold/hold.h"
#include "hold/probe_site.h"
#include "model/entry_points.h"
#include "model/model.h"
#include "model/release_facts.h"

#define SHORT_WAIT 500000000ull /* for a collection that would be nice to have; ns */
/* For one that must be: Go makes one after 2 minutes without, and looks whether it is time once a
 * minute where nothing runs (sysmon in proc.go); ns. */
#define LONG_WAIT 200000000000ull
#define MAX_WAIT  86400e9

#define MAX_PAUSE 100000000ull /* ns */
#define MAX_SIZE  1e18

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
     "How long to wait for a garbage collection, such as 300ms, 20s or 5m (default 500ms for auto, "
     "3m20s for gc)",
     0},
    {"copy", OPTION_COPY, "WAY", 0,
     "How to copy its memory: precopy (while it runs, and at the stop what it wrote meanwhile), "
     "fork (a child of it that is made at the stop and holds what its memory was), stop (all of it "
     "at the stop), or auto (the first that can be had)",
     0},
    {"max-pause", OPTION_MAX_PAUSE, "DURATION", 0,
     "Let go of the process again, and try anew or give up, where it would stand for longer than "
     "this (default 100ms; with --copy stop, no limit)",
     0},
    {"max-memory", OPTION_MAX_MEMORY, "SIZE", 0,
     "Use no more memory than this for the copy and its analysis, such as 512M, 2G or 50% (of what "
     "there is); the rest of the copy goes to a file. Default: what is free",
     0},
    {"spill-dir", OPTION_SPILL_DIRECTORY, "DIR", 0,
     "Make that file in DIR (default: $TMPDIR or /var/tmp, whichever is no tmpfs and has room)", 0},
    {"nice", OPTION_NICE, "N", 0,
     "While the process runs, run at a priority that is lower by N (0 to 19, default 15), and "
     "where the CPUs are short take no more than a sixteenth of them for copying; 0: neither",
     0},
    {"contents", OPTION_CONTENTS, NULL, 0,
     "Copy the contents of objects without pointers too; those of more than 512 bytes are left out "
     "otherwise, as nothing of them is needed",
     0},
    {NULL, 0, NULL, 0, "To try what happens where the kernel lacks something:", 10},
    {"no-ebpf", OPTION_NO_EBPF, NULL, 0, "Do as if eBPF were not permitted", 10},
    {"no-process-vm-readv", OPTION_NO_READV, NULL, 0,
     "Do as if process_vm_readv were refused: read /proc/PID/mem", 10},
    {"no-userfaultfd", OPTION_NO_USERFAULTFD, NULL, 0,
     "Do as if userfaultfd were not to be had: pre-copy by soft-dirty bits, where there are such",
     10},
    {0},
};

/* One number with its unit, such as 1.5s; moves *text behind it. Nanoseconds; negative: none. */
static double parse_part(const char **text)
{
	static const struct {
		const char *name;
		double nanoseconds;
	} units[] = {{"ms", 1e6}, {"us", 1e3}, {"s", 1e9}, {"m", 60e9}, {"h", 3600e9}};
	char *end;
	double value;

	if (!strchr("0123456789.", **text))
		return -1;
	value = strtod(*text, &end);
	for (size_t i = 0; end != *text && i < sizeof(units) / sizeof(*units); i++) {
		size_t length = strlen(units[i].name);

		if (strncmp(end, units[i].name, length) != 0)
			continue;
		*text = end + length;
		return value * units[i].nanoseconds;
	}
	return -1;
}

/* A duration as Go writes them: 300ms, 1m30s. A usage error through argp when it is none. */
static uint64_t parse_duration(const struct argp_state *state, const char *text)
{
	const char *at = text;
	double total = 0, part;

	do {
		part = parse_part(&at);
		total += part;
	} while (part >= 0 && *at);
	if (part < 0 || !isfinite(total) || total > MAX_WAIT)
		argp_error(state, "a duration is like 300ms, 20s or 1m30s, not `%s'", text);
	return (uint64_t)total;
}

/* Bytes, or a share of all memory. */
static uint64_t parse_size(const struct argp_state *state, const char *text)
{
	static const char units[] = "KMGT";
	double value = -1, scale = 1;
	char *end = (char *)text;
	const char *unit;

	if (strchr("0123456789.", *text) && *text)
		value = strtod(text, &end);
	unit = *end ? strchr(units, *end) : NULL;
	if (unit) {
		scale = (double)(1ull << (10 * (unit - units + 1)));
		end += !strcmp(end + 1, "B") ? 2 : !strcmp(end + 1, "iB") ? 3 : 1;
	} else if (*end == '%' && value <= 100) {
		scale = (double)grf_memory_total() / 100;
		end++;
	} else if (*end == 'B') {
		end++;
	}
	value *= scale;
	if (end == text || *end || !isfinite(value) || value < 1 || value > MAX_SIZE)
		argp_error(state, "a size is like 512M, 2G or 50%%, not `%s'", text);
	return (uint64_t)value;
}

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
	struct grf_live_options *options = state->input;

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
		options->capture.max_pause = parse_duration(state, argument);
		options->pause_given = true;
		return 0;
	case OPTION_MAX_MEMORY:
		options->capture.max_memory = parse_size(state, argument);
		return 0;
	case OPTION_SPILL_DIRECTORY:
		options->capture.spill_directory = argument;
		return 0;
	case OPTION_NICE:
		options->nice = (int)grf_parse_number(state, "--nice", argument, 0, 19);
		return 0;
	case OPTION_GC_WAIT:
		options->capture.gc_wait = parse_duration(state, argument);
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
	    GRF_ERROR_PERMISSION, "cannot read the executable of process %d: %s", pid,
	    geteuid() ? "run as its user, or with CAP_SYS_PTRACE (sudo)"
		      : "root may not here; that needs CAP_SYS_PTRACE in the user "
			"namespace of the process, and a security module's consent");
}

/* Whether an executable that the user named is of the build that runs. */
static struct grf_error *check_same_build(struct grf_executable *running,
					  struct grf_executable *named)
{
	bool known;

	if (grf_executable_same_build(running, named, &known))
		return NULL;
	return grf_error_create(GRF_ERROR_MISMATCH,
				"%s is not what the process runs: its build id or its code is "
				"another",
				grf_executable_path(named));
}

/* The executable of the target, or the library in it, that has Go's runtime. */
struct runtime_file {
	struct grf_executable *executable;
	char *opened; /* the path by which it can be opened */
	char *path;   /* where it stands for the process; may be gone */
	int fd;       /* of it, once it is held, with a path that stays: the process may become
		       * another program, to which `opened` leads then */
	char name[32];
	const char *without_probe; /* why there can be none in its code, or NULL */
};

static void release_names(struct runtime_file *file)
{
	free(file->opened);
	free(file->path);
	if (file->fd >= 0)
		close(file->fd);
}

/* So that a probe goes into this file and no other. */
static struct grf_error *hold_file(struct runtime_file *file)
{
	file->fd = open(file->opened, O_PATH | O_CLOEXEC);
	if (file->fd < 0)
		return grf_error_errno(GRF_ERROR_OTHER, errno, "open %s", file->opened);
	snprintf(file->name, sizeof(file->name), "/proc/self/fd/%d", file->fd);
	return NULL;
}

/* Gives a Go program the plugins that it has loaded. */
static struct grf_error *take_plugins(pid_t pid, struct grf_executable *executable)
{
	struct grf_go_libraries libraries;
	struct grf_error *error = grf_go_libraries_of_process(pid, &libraries);

	if (!error)
		error = grf_go_libraries_add(&libraries, executable);
	grf_go_libraries_destroy(&libraries);
	return error;
}

/* The executable that runs, or the one that the user named in its stead. */
static struct grf_error *take_program(const struct grf_live_options *options,
				      struct grf_executable *running, struct grf_executable *named,
				      struct runtime_file *ret)
{
	struct grf_error *error =
	    named && !ret->without_probe ? check_same_build(running, named) : NULL;
	char link[64], path[4096];
	ssize_t length;

	if (error)
		return error;
	snprintf(link, sizeof(link), "/proc/%d/exe", options->pid);
	length = readlink(link, path, sizeof(path) - 1);
	path[length > 0 ? length : 0] = '\0';
	ret->opened = strdup(link);
	ret->path = strdup(named ? options->executable : path);
	if (!ret->opened || !ret->path)
		return grf_error_no_memory();
	ret->executable = named ? named : running;
	return take_plugins(options->pid, ret->executable);
}

/* A Go library in a C program, of which the user may have named the file with debug information. */
static struct grf_error *take_library(const struct grf_live_options *options,
				      struct grf_executable *named, struct runtime_file *ret)
{
	struct grf_go_libraries libraries;
	struct grf_go_library library;
	struct grf_error *error = grf_go_libraries_of_process(options->pid, &libraries);
	char program[32];

	snprintf(program, sizeof(program), "process %d", options->pid);
	if (!error)
		error = grf_go_library_choose(&libraries, named, program, &library);
	grf_go_libraries_destroy(&libraries);
	if (error)
		return error;
	*ret = (struct runtime_file){library.executable, library.opened, library.path, .fd = -1};
	if (!named)
		return NULL;
	grf_executable_place_like(named, library.executable);
	grf_executable_destroy(library.executable);
	ret->executable = named;
	return NULL;
}

/*
 * What has Go in it where the file that the process runs has not, which `not_go` says and which is
 * taken over: the program that it unpacked, or a library.
 */
static struct grf_error *take_guest(const struct grf_live_options *options,
				    struct grf_executable *running, struct grf_executable *named,
				    struct grf_error *not_go, struct runtime_file *ret)
{
	if (named && grf_unpacked_place(options->pid, named)) {
		grf_error_free(not_go);
		ret->without_probe = "a packer or a loader put the program into memory, not the "
				     "kernel: no probe can wait in its code for the end of a "
				     "garbage collection";
		return take_program(options, running, named, ret);
	}
	if (named && grf_is_packed(running)) {
		grf_error_free(not_go);
		return grf_error_create(GRF_ERROR_MISMATCH,
					"%s is not what process %d unpacked: its code is not there",
					grf_executable_path(named), options->pid);
	}
	return grf_go_library_error(running, not_go, take_library(options, named, ret));
}

/* Whether the user named a library in the stead of the program, which has Go in it too. */
static bool is_other_library(struct grf_executable *running, struct grf_executable *named)
{
	bool known;

	return grf_executable_is_library(named) &&
	       !grf_executable_same_build(running, named, &known);
}

static struct grf_error *open_executable(const struct grf_live_options *options,
					 struct runtime_file *ret)
{
	struct grf_executable *running = NULL, *named = NULL;
	struct grf_error *error = open_running(options->pid, &running);

	if (!error && options->executable)
		error = grf_executable_open(options->executable, &named);
	if (!error) {
		error = grf_check_executable(running);
		if (error && error->code == GRF_ERROR_NOT_GO)
			error = take_guest(options, running, named, error, ret);
		else if (!error && named && is_other_library(running, named))
			error = take_library(options, named, ret);
		else if (!error)
			error = take_program(options, running, named, ret);
	}
	if (running && running != ret->executable)
		grf_executable_destroy(running);
	if (named && named != ret->executable)
		grf_executable_destroy(named);
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

/* Where in its file an instruction stands. False: in none of its segments. */
static bool file_offset(const struct grf_executable *executable, uint64_t address, uint64_t *ret)
{
	size_t count;
	const struct grf_load *loads = grf_executable_loads(executable, &count);

	for (size_t i = 0; i < count; i++) {
		if (address < loads[i].address || address - loads[i].address >= loads[i].file_size)
			continue;
		*ret = loads[i].file_offset + (address - loads[i].address);
		return true;
	}
	return false;
}

/*
 * Tells the capture where a garbage collection ends: at the beginning of runtime.gcSweep, which
 * runs once in each cycle, on the system stack of the goroutine that ends it, with the world
 * stopped, marking complete and nothing swept (runtime/mgc.go, Go 1.17 to 1.27).
 */
static void set_gc_point(const struct grf_executable *executable, uint64_t address,
			 struct grf_gc_point_site *ret)
{
	uint64_t link_address = address - grf_executable_bias(executable);
	const uint8_t *code;
	size_t within;

	if (!address)
		return;
	code = grf_executable_at(executable, link_address, GRF_PROBE_SITE_BYTES);
	if (code && grf_probe_site(code, GRF_PROBE_SITE_BYTES, &within) &&
	    !file_offset(executable, link_address + within, &ret->offset))
		ret->offset = 0;
}

/* The address of some instructions in the executable, wherever they stand; 0: nowhere. */
static uint64_t find_code(const struct grf_executable *executable, const void *code, size_t size)
{
	size_t count;
	const struct grf_load *loads = grf_executable_loads(executable, &count);

	for (size_t i = 0; i < count; i++) {
		const uint8_t *found;

		if (!(loads[i].flags & GRF_SEGMENT_EXECUTE))
			continue;
		found = memmem(loads[i].data, loads[i].file_size, code, size);
		if (found)
			return loads[i].address + (uint64_t)(found - loads[i].data) +
			       grf_executable_bias(executable);
	}
	return 0;
}

/* Tells the capture how a thread of the process can make a system call for it. */
static void find_injection_site(struct grf_executable *executable, uint64_t allm,
				struct grf_injection_site *ret)
{
	static const uint8_t system_call[] = {0x0f, 0x05, 0xc3}; /* syscall; ret */
	/* mov $15, %rax or %eax; syscall: what signal handlers return to, Go's own and libc's. */
	static const uint8_t sigreturn[] = {0x48, 0xc7, 0xc0, 15, 0, 0, 0, 0x0f, 0x05};
	static const uint8_t short_sigreturn[] = {0xb8, 15, 0, 0, 0, 0x0f, 0x05};
	struct grf_thread_records records;

	if (!grf_thread_records_find(executable, &records))
		return;
	*ret = (struct grf_injection_site){
	    .records = allm,
	    .next = (uint64_t)records.m_alllink,
	    .own = GRF_TLS_G,
	    .owner = (uint64_t)records.g_m,
	    .thread_id = (uint64_t)records.m_procid,
	    .stack = (uint64_t)records.m_gsignal,
	    .low = (uint64_t)records.stack_lo,
	    .high = (uint64_t)records.stack_hi,
	    .stack_bytes = GRF_SIGNAL_STACK_BYTES,
	    .system_call = find_code(executable, system_call, sizeof(system_call)),
	    .sigreturn = find_code(executable, sigreturn, sizeof(sigreturn)),
	};
	ret->sigreturn_size = sizeof(sigreturn);
	memcpy(ret->sigreturn_code, sigreturn, sizeof(sigreturn));
	if (ret->sigreturn)
		return;
	ret->sigreturn = find_code(executable, short_sigreturn, sizeof(short_sigreturn));
	ret->sigreturn_size = sizeof(short_sigreturn);
	memcpy(ret->sigreturn_code, short_sigreturn, sizeof(short_sigreturn));
}

/* Tells the capture how to find what it need not copy. */
static void find_left_out(struct grf_executable *executable, uint64_t mheap,
			  struct grf_pointer_free *site, struct grf_left_out_finder *ret)
{
	_cleanup_error_ struct grf_error *error = NULL;
	struct grf_version version;

	error = grf_version_find(executable, NULL, &version);
	if (!error)
		error =
		    grf_layout_resolve(&version, grf_executable_dwarf(executable), &site->layout);
	if (error || !mheap) {
		grf_verbose("contents of objects without pointers are copied too: %s",
			    error ? error->message : "runtime.mheap_ was not found");
		return;
	}
	site->mheap = mheap;
	*ret = (struct grf_left_out_finder){grf_pointer_free_find, site};
}

/* Tells the capture where in the process things are. g.stack comes first in g, in every Go version.
 */
static void find_entry_points(const struct runtime_file *file, struct grf_live_options *options)
{
	struct grf_capture_options *capture = &options->capture;
	struct grf_executable *executable = file->executable;
	struct grf_entry_points found;
	_cleanup_close_ int memory = -1;
	char name[64];

	snprintf(name, sizeof(name), "/proc/%d/mem", options->pid);
	memory = open(name, O_RDONLY | O_CLOEXEC);
	if (!grf_executable_is_placed(executable))
		grf_executable_set_bias(executable, load_bias(options->pid, executable));
	found = grf_entry_points_find(executable, memory);
	capture->allgs_address = found.allgs;
	capture->gc_phase_address = found.gc_phase;
	capture->g_stack_offset = 0;
	capture->gc_point =
	    (struct grf_gc_point_site){.path = file->name, .without = file->without_probe};
	set_gc_point(executable, found.gc_sweep, &capture->gc_point);
	if (capture->copy != GRF_COPY_STOP)
		find_injection_site(executable, found.allm, &capture->injection);
	if (!options->contents)
		find_left_out(executable, found.mheap, &options->pointer_free, &options->left_out);
	capture->left_out = &options->left_out;
}

/* From the process to a copy of its memory. `target` was opened before anything was read of it. */
static struct grf_error *copy_process(struct grf_live_options *options,
				      const struct grf_target *target, struct runtime_file *file,
				      struct grf_image_parts **ret)
{
	struct grf_error *error = open_executable(options, file);

	if (!error)
		error = grf_debug_file_find(file->executable, file->path, &options->debug);
	if (!error)
		error = hold_file(file);
	if (error)
		return error;
	find_entry_points(file, options);
	options->capture.target = target;
	return grf_capture_process(options->pid, &options->capture, ret);
}

struct grf_error *grf_live_image(struct grf_live_options *options,
				 struct grf_executable **ret_executable, struct grf_image **ret)
{
	struct runtime_file file = {.fd = -1};
	struct grf_image_parts *parts;
	struct grf_target target;
	struct grf_error *error;

	if (!options->wait_given)
		options->capture.gc_wait =
		    options->capture.freeze == GRF_FREEZE_GC ? LONG_WAIT : SHORT_WAIT;
	/* Who asks for a long stop shall have it. */
	if (!options->pause_given)
		options->capture.max_pause = options->capture.copy == GRF_COPY_STOP ? 0 : MAX_PAUSE;
	/* Whether it can be held is known before anything costly is done. */
	error = grf_target_open(options->pid, &target);
	if (error)
		return error;
	grf_priority_begin(options->nice);
	grf_memory_yield_to(options->pid);
	error = grf_target_explain(&target, copy_process(options, &target, &file, &parts));
	grf_priority_for_good();
	grf_target_close(&target);
	if (!error)
		error = grf_image_create(parts, file.executable, ret);
	if (!error)
		*ret_executable = file.executable;
	else if (file.executable)
		grf_executable_destroy(file.executable);
	release_names(&file);
	return error;
}
