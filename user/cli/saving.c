/* SPDX-License-Identifier: BSD-2-Clause */
/* Opens the file before the process is held, writes to it after, and names it when it is whole. */
#include "cli/saving.h"

#include <stdio.h>

#include "base/log.h"
#include "base/text.h"
#include "base/units.h"
#include "image/image.h"
#include "image/snapshot.h"

static error_t parse_option(int key, char *argument, struct argp_state *state)
{
	(void)key;
	(void)argument;
	(void)state;
	return ARGP_ERR_UNKNOWN;
}

const struct argp grf_saving_argp = {.parser = parse_option};

struct grf_error *grf_saving_open(const struct grf_saving_options *options,
				  const struct grf_process_options *process, struct grf_saving *ret)
{
	struct grf_saving saving = {0};
	struct grf_error *error;
	char running[32];

	if (!options->path)
		return NULL;
	snprintf(running, sizeof(running), "/proc/%d/exe", process->pid);
	error = grf_output_create_large(options->path, &saving.output);
	if (!error)
		error = grf_output_check_apart(saving.output, running);
	if (!error)
		error = grf_output_check_apart(saving.output, process->executable);
	if (!error)
		error = grf_output_check_apart(saving.output, process->debug.file);
	if (error)
		grf_saving_close(&saving);
	else
		*ret = saving;
	return error;
}

void grf_saving_close(struct grf_saving *saving)
{
	grf_output_destroy(saving->output);
	saving->output = NULL;
}

struct grf_error *grf_saving_check_apart(const struct grf_saving *saving,
					 const struct grf_results *results)
{
	for (size_t i = 0; saving->output && i < results->count; i++)
		if (grf_output_is_same(saving->output, results->outputs[i]))
			return grf_error_create(GRF_ERROR_USAGE,
						"a result and the snapshot cannot both go to %s",
						grf_output_path(saving->output));
	return NULL;
}

struct sink {
	struct grf_output *output;
	uint64_t written, total;
};

static struct grf_error *write_sink(void *context, const void *data, size_t size)
{
	struct sink *sink = context;

	sink->written += size;
	grf_progress("writing the snapshot", sink->written, sink->total);
	return grf_output_write(sink->output, data, size);
}

static struct grf_error *skip_sink(void *context, uint64_t size)
{
	struct sink *sink = context;

	return grf_output_skip(sink->output, size);
}

struct grf_error *grf_saving_write(struct grf_saving *saving, const struct grf_source *source,
				   FILE *said)
{
	struct sink sink = {.output = saving->output,
			    .total = grf_image_provenance(source->image)->bytes};
	struct grf_error *error;

	if (!saving->output)
		return NULL;
	error = grf_source_write(source, &(struct grf_snapshot_sink){write_sink, skip_sink, &sink});
	grf_progress_end();
	if (!error)
		error = grf_output_commit(saving->output);
	if (error || !said)
		return error;
	fprintf(said, "%s of memory in the snapshot `", grf_format_bytes(sink.written));
	grf_text_print(said, grf_output_is_standard(saving->output)
				 ? "/dev/stdout"
				 : grf_output_path(saving->output));
	fputs("`\n", said);
	return NULL;
}
