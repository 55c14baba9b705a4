/* SPDX-License-Identifier: BSD-2-Clause */
/* How every command begins and ends. What argp and getopt say of an argument repeats it as it came;
 * it may be a name that somebody else chose, so what they print is shown escaped. */
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/text.h"
#include "cli/cli.h"

static FILE *arguments_stderr; /* the real one, while another stands in its place */

/* Prints a message of argp's: one line, and another that begins with "Try" if there is one. */
static ssize_t show_text(void *cookie, const char *text, size_t size)
{
	char *copy = strndup(text, size), *last = NULL;

	(void)cookie;
	if (!copy)
		return (ssize_t)size;
	for (char *at = copy; (at = strstr(at, "\nTry `")); at++)
		last = at;
	if (last)
		*last = '\0';
	if (!last && size && copy[size - 1] == '\n')
		copy[size - 1] = '\0';
	grf_text_print(arguments_stderr, copy);
	fputs(last ? "\nTry" : "\n", arguments_stderr);
	if (last)
		fputs(last + strlen("\nTry"), arguments_stderr);
	free(copy);
	fflush(arguments_stderr);
	return (ssize_t)size;
}

/* Exits where the arguments are wrong, or ask for help. False: out of memory. */
static bool parse_arguments(const struct grf_command *command, int argc, char **argv)
{
	static char buffer[65536], name[64];
	FILE *shown = fopencookie(NULL, "w", (cookie_io_functions_t){.write = show_text});
	error_t failed;

	argp_err_exit_status = GRF_EXIT_USAGE;
	snprintf(name, sizeof(name), "grf-bpf %s", command->name);
	argv[0] = name;
	arguments_stderr = stderr;
	if (shown) {
		setvbuf(shown, buffer, _IOFBF, sizeof(buffer));
		stderr = shown;
	}
	failed = argp_parse(command->argp, argc, argv, 0, NULL, command->options);
	stderr = arguments_stderr; /* argp_parse() flushes where it exits */
	if (shown)
		fclose(shown);
	return !failed;
}

int grf_run_command(const struct grf_command *command, int argc, char **argv)
{
	const struct grf_common_options *common = command->options;
	int status = GRF_EXIT_OK;
	struct grf_error *error;

	if (!parse_arguments(command, argc, argv))
		return GRF_EXIT_USAGE;
	grf_log_init(common->verbosity);
	grf_handle_signals();
	error = command->run(command->options, &status);
	return error ? grf_exit_status(error) : status;
}
