/* SPDX-License-Identifier: BSD-2-Clause */
/* Chooses the command, after it has put the standard descriptors and their limit in order. */
#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/view.h"

/* Bytes; a block of the queue of a walk is less. */
#define LARGE_ARRAY ((1 << 20) + 4096)

static const struct grf_command *const first_commands[] = {
    &grf_command_attach, &grf_command_core, &grf_command_snapshot, &grf_command_report, NULL};
/* Between them: those of the views. */
static const struct grf_command *const last_commands[] = {&grf_command_verify, &grf_command_version,
							  NULL};

/* Goes through all commands; `index` is 0 at first. False: there are no more. */
static bool next_command(size_t *index, struct grf_command *ret)
{
	size_t at = (*index)++;

	for (size_t i = 0; first_commands[i]; i++)
		if (!at--) {
			*ret = *first_commands[i];
			return true;
		}
	for (size_t i = 0; grf_command_views[i]; i++)
		if (!at--) {
			*ret = grf_view_command(grf_command_views[i]);
			return true;
		}
	for (size_t i = 0; last_commands[i]; i++)
		if (!at--) {
			*ret = *last_commands[i];
			return true;
		}
	return false;
}

static void print_usage(FILE *stream)
{
	struct grf_command command;

	fputs("Usage: grf-bpf COMMAND [OPTION...] [ARGUMENT...]\n"
	      "Shows what keeps the memory of a running Go program alive.\n\nCommands:\n",
	      stream);
	for (size_t i = 0; next_command(&i, &command);)
		fprintf(stream, "  %-10s %s\n", command.name, command.summary);
	fputs("\nExamples:\n"
	      "  grf-bpf attach $(pidof server)          write grf.out\n"
	      "  grf-bpf attach 1234 -o heap.pb.gz       write it elsewhere\n"
	      "  grf-bpf core ./server core.1234         the same from a core file\n"
	      "  grf-bpf snapshot 1234 -o server.core    copy it now, to look at it later\n"
	      "  grf-bpf report server.core              look at it, here or elsewhere\n"
	      "  grf-bpf types 1234                      how many objects of each type there are\n"
	      "  grf-bpf holders 1234 main.User          who holds the objects of a type\n"
	      "  grf-bpf goroutines 1234                 what goroutines wait for and hold\n"
	      "  go tool pprof -http=: grf.out           look at the result\n"
	      "  grf-bpf verify 1234                     prove it against the garbage collector\n"
	      "\n`grf-bpf COMMAND --help' tells more.\n",
	      stream);
}

/* The command that a misspelt one probably was: the one that shares most letters in order at the
 * beginning, if any. */
static const char *similar_command(const char *name)
{
	const char *best = NULL;
	struct grf_command command;
	size_t longest = 0;

	for (size_t i = 0; next_command(&i, &command);) {
		size_t same = 0;

		while (name[same] && name[same] == command.name[same])
			same++;
		if (same > longest) {
			longest = same;
			best = command.name;
		}
	}
	return best;
}

/* Has the three standard descriptors open: what is opened next would take the place of one that is
 * closed, and be written to. Those that were closed can be read at most. */
static void secure_descriptors(void)
{
	int fd;

	do
		fd = open("/dev/null", O_RDONLY);
	while (fd >= 0 && fd <= STDERR_FILENO);
	if (fd >= 0)
		close(fd);
}

/* As many descriptors as we may have: each of our threads and each probe needs some. */
static void raise_descriptor_limit(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) || limit.rlim_cur >= limit.rlim_max)
		return;
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
}

/* Large arrays go back to the system when they are freed, whatever was freed before. Without this
 * the C library keeps those that are smaller than the largest one that was. */
static void give_back_arrays(void)
{
	mallopt(M_MMAP_THRESHOLD, LARGE_ARRAY);
}

/* What was printed and did not get to where it should is a failure too. */
static int finish_output(int status)
{
	if (!ferror(stdout) && !fflush(stdout))
		return status;
	if (status == GRF_EXIT_OUTPUT)
		return status;
	fprintf(stderr, "grf-bpf: cannot write to standard output: %s\n", strerror(errno));
	return GRF_EXIT_OUTPUT;
}

int main(int argc, char **argv)
{
	const char *name = argc > 1 ? argv[1] : NULL, *guess;
	struct grf_command command;

	program_invocation_name = (char *)"grf-bpf";
	secure_descriptors();
	raise_descriptor_limit();
	give_back_arrays();
	if (!name) {
		print_usage(stderr);
		return GRF_EXIT_USAGE;
	}
	if (!strcmp(name, "--help") || !strcmp(name, "-h") || !strcmp(name, "help")) {
		print_usage(stdout);
		return finish_output(GRF_EXIT_OK);
	}
	if (!strcmp(name, "--version") || !strcmp(name, "-V"))
		name = "version";
	for (size_t i = 0; next_command(&i, &command);)
		if (!strcmp(name, command.name))
			return finish_output(grf_run_command(&command, argc - 1, argv + 1));
	guess = similar_command(name);
	if (strspn(name, "0123456789") == strlen(name))
		return grf_exit_status(grf_error_create(
		    GRF_ERROR_USAGE, "to look at process %s: grf-bpf attach %s", name, name));
	return grf_exit_status(grf_error_create(
	    GRF_ERROR_USAGE, "unknown command `%s'%s%s%s; see `grf-bpf --help'", name,
	    guess ? ", did you mean `" : "", guess ? guess : "", guess ? "'?" : ""));
}
