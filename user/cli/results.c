/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The options -o, --format and of limits, and the files that they name: opened before the analysis,
 * written after it.
 */
#include "cli/results.h"

#include <stdio.h>
#include <string.h>

#include "cli/values.h"

#define DEFAULT_OUTPUT "grf.out"
#define NAMES_BYTES    256

enum { OPTION_FORMAT = 0x400, OPTION_MAX_SAMPLES };

#define MAX_ROWS    1000000000
#define MAX_SAMPLES 1000000000
/* Pyroscope takes no more of one profile. */
#define DEFAULT_SAMPLES 16000

static const struct argp_option result_options[] = {
    {"output", 'o', "FILE", 0,
     "Write a result to FILE (default " DEFAULT_OUTPUT
     "; - is standard output). May be given several "
     "times: `-o heap.pb.gz -o heap.json -o heap.txt'",
     0},
    {"format", OPTION_FORMAT, "FORMAT", 0,
     "Given once it holds for every -o, given as often as -o for each in turn. Without it the "
     "suffix of FILE tells, else it is the first. What can be read goes to standard output where "
     "no -o is given",
     0},
    {"rows", 'n', "N", 0, "Show N rows to people; JSON has all", 0},
    {0},
};

static const struct argp_option profile_options[] = {
    {"max-samples", OPTION_MAX_SAMPLES, "N", 0,
     "Of a profile with more than N samples, count the smallest at what holds them (default 16000, "
     "as much as Pyroscope takes; with --no-fold, or for 0, all are kept)",
     0},
    {0},
};

static void add_path(const struct argp_state *state, struct grf_result_options *options,
		     const char *path)
{
	if (options->path_count == GRF_MAX_RESULTS)
		argp_error(state, "more than %u results", GRF_MAX_RESULTS);
	else
		options->paths[options->path_count++] = path;
}

/* "pprof, text or json"; for `tables`, of those that have tables. */
static const char *name_formats(bool tables, char *text, size_t size)
{
	size_t used = 0, count = 0, left;

	for (size_t i = 0; i < grf_format_count; i++)
		count += !tables || grf_formats[i]->table;
	left = count;
	for (size_t i = 0; i < grf_format_count && used < size; i++) {
		if (tables && !grf_formats[i]->table)
			continue;
		used += (size_t)snprintf(text + used, size - used, "%s%s",
					 left == count ? ""
					 : left == 1   ? " or "
						       : ", ",
					 grf_formats[i]->name);
		left--;
	}
	return text;
}

static void add_format(const struct argp_state *state, struct grf_result_options *options,
		       const char *name)
{
	const struct grf_format *format = grf_format_find(grf_formats, name);
	char names[NAMES_BYTES];

	if (format && options->tables && !format->table)
		argp_error(state, "%s has no tables: --format is %s", name,
			   name_formats(true, names, sizeof(names)));
	else if (!format)
		argp_error(state, "--format is %s, not `%s'",
			   name_formats(false, names, sizeof(names)), name);
	else if (options->format_count == GRF_MAX_RESULTS)
		argp_error(state, "more than %u results", GRF_MAX_RESULTS);
	else
		options->formats[options->format_count++] = format;
}

/* The format of a path that was named without one. */
static const struct grf_format *format_of(const struct grf_result_options *options,
					  const char *path)
{
	const struct grf_format *format = grf_format_of_path(grf_formats, path);

	return options->tables && !format->table ? &grf_format_text : format;
}

static bool goes_to_standard(const struct grf_result_options *options)
{
	return options->tables || (options->format_count && options->formats[0]->readable);
}

/* Gives each path its format. */
static void match_formats(const struct argp_state *state, struct grf_result_options *options)
{
	if (!options->path_count)
		options->paths[options->path_count++] =
		    goes_to_standard(options) ? "-" : DEFAULT_OUTPUT;
	if (options->format_count > 1 && options->format_count != options->path_count) {
		argp_error(state, "--format once for all -o, or as often as -o (%zu, not %zu)",
			   options->path_count, options->format_count);
		return;
	}
	for (size_t i = options->format_count; i < options->path_count; i++)
		options->formats[i] = options->format_count == 1
					  ? options->formats[0]
					  : format_of(options, options->paths[i]);
	options->format_count = options->path_count;
}

static error_t parse_option(int key, char *argument, struct argp_state *state)
{
	struct grf_result_options *options = state->input;

	switch (key) {
	case 'o':
		add_path(state, options, argument);
		return 0;
	case OPTION_FORMAT:
		add_format(state, options, argument);
		return 0;
	case 'n':
		options->limits.rows =
		    (size_t)grf_parse_number(state, "--rows", argument, 1, MAX_ROWS);
		return 0;
	case ARGP_KEY_END:
		match_formats(state, options);
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static error_t parse_profile_option(int key, char *argument, struct argp_state *state)
{
	struct grf_result_options *options = state->input;

	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = options;
		options->limits.samples = DEFAULT_SAMPLES;
		return 0;
	case OPTION_MAX_SAMPLES:
		options->limits.samples =
		    (size_t)grf_parse_number(state, "--max-samples", argument, 0, MAX_SAMPLES);
		options->samples_given = true;
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

/* Says in --help what the formats are. */
static char *list_formats(int key, const char *text, void *input)
{
	const struct grf_result_options *options = input;
	bool tables = options && options->tables;
	char *list = NULL;
	size_t size;
	FILE *stream;

	if (key == 'o' && tables)
		return strdup("Write the table to FILE (default: standard output). May be given "
			      "several times");
	if (key != OPTION_FORMAT || !(stream = open_memstream(&list, &size)))
		return (char *)text;
	for (size_t i = 0; i < grf_format_count; i++)
		if (!tables)
			fprintf(stream, "%s (%s: %s)%s", grf_formats[i]->name,
				grf_formats[i]->suffix, grf_formats[i]->about,
				i + 1 < grf_format_count ? ", " : ". ");
		else if (grf_formats[i]->table)
			fprintf(stream, "%s (%s)%s", grf_formats[i]->name, grf_formats[i]->suffix,
				i + 1 < grf_format_count ? ", " : ". ");
	fputs(tables ? "Without it the suffix of FILE tells, else it is text" : text, stream);
	return fclose(stream) ? (char *)text : list;
}

const struct argp grf_result_argp = {
    .options = result_options, .parser = parse_option, .help_filter = list_formats};

static const struct argp_child profile_children[] = {{&grf_result_argp, 0, NULL, 0}, {0}};
const struct argp grf_profile_argp = {
    .options = profile_options, .parser = parse_profile_option, .children = profile_children};

struct grf_error *grf_results_open(const struct grf_result_options *options,
				   struct grf_results *ret)
{
	*ret = (struct grf_results){.limits = options->limits,
				    .samples_given = options->samples_given};
	for (size_t i = 0; i < options->path_count; i++) {
		struct grf_error *error =
		    grf_output_create(options->paths[i], &ret->outputs[ret->count]);

		for (size_t k = 0; !error && k < i; k++)
			if (grf_output_is_same(ret->outputs[k], ret->outputs[ret->count]))
				error = grf_error_create(GRF_ERROR_USAGE,
							 "two results cannot both go to %s",
							 options->paths[i]);
		if (error) {
			grf_output_destroy(ret->outputs[ret->count]);
			ret->outputs[ret->count] = NULL;
			grf_results_close(ret);
			return error;
		}
		ret->formats[ret->count++] = options->formats[i];
	}
	return NULL;
}

void grf_results_close(struct grf_results *results)
{
	for (size_t i = 0; i < results->count; i++)
		grf_output_destroy(results->outputs[i]);
	results->count = 0;
}

struct grf_error *grf_results_check_apart(const struct grf_results *results, const char *input)
{
	struct grf_error *error = NULL;

	for (size_t i = 0; !error && i < results->count; i++)
		error = grf_output_check_apart(results->outputs[i], input);
	return error;
}

bool grf_results_to_standard(const struct grf_results *results)
{
	for (size_t i = 0; i < results->count; i++)
		if (grf_output_is_standard(results->outputs[i]))
			return true;
	return false;
}

bool grf_results_tell_all(const struct grf_results *results)
{
	for (size_t i = 0; i < results->count; i++)
		if (grf_output_is_standard(results->outputs[i]) && results->formats[i]->has_summary)
			return true;
	return false;
}

struct grf_error *grf_results_confine(enum grf_sandbox_stage stage,
				      const struct grf_results *results, bool off)
{
	struct grf_sandbox_place places[GRF_MAX_RESULTS];
	size_t count = results ? results->count : 0;

	if (off)
		return NULL;
	for (size_t i = 0; i < count; i++)
		places[i] = grf_output_place(results->outputs[i]);
	return grf_sandbox_enter(stage, places, count);
}

bool grf_results_have_tables(const struct grf_results *results)
{
	for (size_t i = 0; i < results->count; i++)
		if (results->formats[i]->table)
			return true;
	return false;
}

bool grf_results_have_labels(const struct grf_results *results)
{
	for (size_t i = 0; i < results->count; i++)
		if (results->formats[i]->labels)
			return true;
	return false;
}

struct grf_error *grf_results_write(struct grf_results *results, const struct grf_facts *facts,
				    const struct grf_view_results *views)
{
	struct grf_error *error = NULL;

	/* What is written to standard output cannot be taken back: that is done when all files are
	 * written, and before they have their names, since it may fail too. */
	for (int streams = 0; streams <= 1; streams++)
		for (size_t i = 0; !error && i < results->count; i++)
			if (grf_output_is_stream(results->outputs[i]) == streams)
				error = grf_report_write(results->outputs[i], results->formats[i],
							 facts, views, &results->limits,
							 &results->folded[i]);
	return error ? error : grf_outputs_commit(results->outputs, results->count);
}
