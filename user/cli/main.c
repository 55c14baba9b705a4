/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cli/cli.h"

static const struct grf_command commands[] = {
    {"attach", "take a live process: hold it briefly, copy, analyse", grf_command_attach},
    {"core", "analyse a core file", grf_command_core},
    {"verify", "hold the reached objects against the garbage collector's marks",
     grf_command_verify},
    {"version", "print the version", grf_command_version},
};

#define COMMANDS (sizeof(commands) / sizeof(*commands))

static void usage(FILE *stream)
{
	fputs("Usage: grf-bpf COMMAND [OPTION...] [ARGUMENT...]\n"
	      "Shows what keeps the memory of a running Go program alive.\n\nCommands:\n",
	      stream);
	for (size_t i = 0; i < COMMANDS; i++)
		fprintf(stream, "  %-10s %s\n", commands[i].name, commands[i].summary);
	fputs("\nExamples:\n"
	      "  grf-bpf attach $(pidof server)          write grf.out\n"
	      "  grf-bpf attach 1234 -o heap.pb.gz       write it elsewhere\n"
	      "  grf-bpf core ./server core.1234         the same from a core file\n"
	      "  go tool pprof -http=: grf.out           look at the result\n"
	      "  grf-bpf verify 1234                     prove it against the garbage collector\n"
	      "\n`grf-bpf COMMAND --help' tells more.\n",
	      stream);
}

/* The command that a misspelt one probably was: the one that shares most letters in order at the
 * beginning, if any. */
static const char *similar(const char *name)
{
	const char *best = NULL;
	size_t longest = 0;

	for (size_t i = 0; i < COMMANDS; i++) {
		size_t same = 0;

		while (name[same] && name[same] == commands[i].name[same])
			same++;
		if (same > longest) {
			longest = same;
			best = commands[i].name;
		}
	}
	return best;
}

int main(int argc, char **argv)
{
	const char *name = argc > 1 ? argv[1] : NULL, *guess;

	program_invocation_name = (char *)"grf-bpf";
	if (!name) {
		usage(stderr);
		return GRF_EXIT_USAGE;
	}
	if (!strcmp(name, "--help") || !strcmp(name, "-h") || !strcmp(name, "help")) {
		usage(stdout);
		return GRF_EXIT_OK;
	}
	if (!strcmp(name, "--version") || !strcmp(name, "-V"))
		name = "version";
	for (size_t i = 0; i < COMMANDS; i++)
		if (!strcmp(name, commands[i].name))
			return commands[i].run(argc - 1, argv + 1);
	guess = similar(name);
	fprintf(stderr, "grf-bpf: unknown command `%s'%s%s%s; see `grf-bpf --help'\n", name,
		guess ? ", did you mean `" : "", guess ? guess : "", guess ? "'?" : "");
	return GRF_EXIT_USAGE;
}
