/* SPDX-License-Identifier: BSD-2-Clause */
/* Parsing a command's arguments. What argp and getopt say of an argument repeats it as it came; it
 * may be a name that somebody else chose, so what they print is shown escaped. */
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "cli/cli.h"

static FILE *arguments_stderr; /* the real one, while another stands in its place */

/* Prints a message of argp's: one line, and another that begins with "Try" if there is one. */
static ssize_t show(void *cookie, const char *text, size_t size)
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

bool grf_parse_arguments(const struct argp *argp, const char *name, int argc, char **argv,
			 void *options)
{
	static char buffer[65536];
	FILE *shown = fopencookie(NULL, "w", (cookie_io_functions_t){.write = show});
	error_t failed;

	argp_err_exit_status = GRF_EXIT_USAGE;
	argv[0] = (char *)name;
	arguments_stderr = stderr;
	if (shown) {
		setvbuf(shown, buffer, _IOFBF, sizeof(buffer));
		stderr = shown;
	}
	failed = argp_parse(argp, argc, argv, 0, NULL, options); /* or exits, which flushes */
	stderr = arguments_stderr;
	if (shown)
		fclose(shown);
	return !failed;
}
