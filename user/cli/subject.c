/* SPDX-License-Identifier: BSD-2-Clause */
/* Tells a process from a core by the first argument, and opens it. */
#include "cli/subject.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "cli/live.h"
#include "cli/values.h"

/* Tells what the arguments are by how many there are. False: too few. */
static bool sort_arguments(struct grf_subject *subject)
{
	size_t count = subject->given_count;

	if (subject->argument_name && count)
		subject->argument = subject->given[--count];
	subject->executable = count > 0 ? subject->given[0] : NULL;
	subject->core = count > 1 ? subject->given[1] : NULL;
	return count;
}

static error_t check_arguments(const struct argp_state *state, struct grf_subject *subject)
{
	if (!sort_arguments(subject)) {
		argp_error(state, "give the id of a process, or an executable and a core%s%s",
			   subject->argument_name ? ", and " : "",
			   subject->argument_name ? subject->argument_name : "");
		return EINVAL;
	}
	if (strspn(subject->executable, "0123456789") == strlen(subject->executable)) {
		subject->live.pid =
		    (pid_t)grf_parse_number(state, "PID", subject->executable, 1, INT_MAX);
		if (subject->core)
			subject->live.executable = grf_parse_executable(state, subject->core);
	} else if (!subject->core) {
		argp_error(state, "`%s' is no process id; with an executable, give a core%s%s",
			   subject->executable, subject->argument_name ? " and " : "",
			   subject->argument_name ? subject->argument_name : "");
	}
	return 0;
}

static error_t parse_argument(int key, char *argument, struct argp_state *state)
{
	struct grf_subject *subject = state->input;

	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = &subject->live;
		return 0;
	case ARGP_KEY_ARG:
		if (subject->given_count == 2u + !!subject->argument_name)
			argp_error(state, "too many arguments");
		else
			subject->given[subject->given_count++] = argument;
		return 0;
	case ARGP_KEY_END:
		return check_arguments(state, subject);
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp_child children[] = {{&grf_live_argp, 0, NULL, 0}, {0}};

const struct argp grf_subject_argp = {.parser = parse_argument, .children = children};

static struct grf_error *check_apart(const struct grf_subject *subject,
				     const struct grf_results *results)
{
	char running[32];
	const char *const inputs[] = {
	    subject->live.pid ? running : subject->executable,
	    subject->live.pid ? subject->live.executable : subject->core,
	    subject->live.debug.file,
	};
	struct grf_error *error = NULL;

	snprintf(running, sizeof(running), "/proc/%d/exe", subject->live.pid);
	for (size_t i = 0; !error && i < sizeof(inputs) / sizeof(*inputs); i++)
		error = grf_results_check_apart(results, inputs[i]);
	return error;
}

struct grf_error *grf_subject_open(struct grf_subject *subject, const struct grf_results *results,
				   bool off, struct grf_source *ret)
{
	struct grf_error *error = results ? check_apart(subject, results) : NULL;

	if (!error && !subject->live.pid)
		error = grf_results_confine(GRF_SANDBOX_OPENS, results, off);
	if (error)
		return error;
	if (subject->live.pid)
		error = grf_source_of_process(&subject->live, ret);
	else
		error = grf_source_of_core(subject->executable, subject->core, &subject->live.debug,
					   ret);
	return error ? error : grf_results_confine(GRF_SANDBOX_WORKS, results, off);
}
