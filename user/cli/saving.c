/* SPDX-License-Identifier: BSD-2-Clause */
/* Opens the file before the process is held, writes to it after, and names it when it is whole. */
#include "cli/saving.h"

#include <stdio.h>

#include "base/files/packed_file.h"
#include "base/log.h"
#include "base/pace.h"
#include "base/units.h"
#include "cli/values.h"
#include "image/image.h"
#include "image/snapshot.h"

enum { OPTION_MAX_BYTES = 0x500, OPTION_WITH_EXE, OPTION_COMPRESS };

static const struct argp_option saving_options[] = {
    {NULL, 0, NULL, 0, "Of a snapshot:", 6},
    {"max-bytes", OPTION_MAX_BYTES, "SIZE", 0,
     "Leave no snapshot that takes more than this on the disk, such as 512M or 2G: end (13) before "
     "the process is held, as far as that is known then",
     6},
    {"compress", OPTION_COMPRESS, NULL, 0,
     "Compress it (zstd); `report' reads it as it is, zstd -d makes a core of it for other tools. "
     "The copy is in memory first",
     6},
    {"with-exe", OPTION_WITH_EXE, NULL, 0,
     "Put the executable into the snapshot, with its debug information and its plugins: for a host "
     "that has none of them",
     6},
    {0},
};

void grf_saving_set_path(struct grf_saving_options *options, const struct argp_state *state,
			 const char *path)
{
	if (options->path)
		argp_error(state, "one snapshot is written in a run");
	options->path = path;
}

static error_t parse_option(int key, char *argument, struct argp_state *state)
{
	struct grf_saving_options *options = state->input;

	switch (key) {
	case OPTION_MAX_BYTES:
		options->max_bytes = grf_parse_size(state, argument);
		return 0;
	case OPTION_COMPRESS:
		options->compress = true;
		return 0;
	case OPTION_WITH_EXE:
		options->with_exe = true;
		return 0;
	case ARGP_KEY_END:
		if (!options->path &&
		    (options->max_bytes || options->with_exe || options->compress))
			argp_error(state, "--%s is for a snapshot (--snapshot FILE)",
				   options->max_bytes  ? "max-bytes"
				   : options->with_exe ? "with-exe"
						       : "compress");
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

const struct argp grf_saving_argp = {.options = saving_options, .parser = parse_option};

/* Has the capture write to the file, where there is one. */
static void copy_to_file(struct grf_saving *saving, bool analysed,
			 struct grf_process_options *process)
{
	int fd = grf_output_descriptor(saving->output);

	if (fd < 0 || saving->options->compress)
		return;
	saving->file = (struct grf_capture_file){
	    .fd = fd,
	    .path = grf_output_path(saving->output),
	    .offset = GRF_SNAPSHOT_MEMORY,
	    .max_bytes = saving->options->max_bytes,
	    .analysed = analysed,
	};
	process->capture.file = &saving->file;
}

struct grf_error *grf_saving_open(const struct grf_saving_options *options, bool analysed,
				  struct grf_process_options *process, struct grf_saving *ret)
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
	if (error) {
		grf_saving_close(&saving);
		return error;
	}
	saving.options = options;
	*ret = saving;
	copy_to_file(ret, analysed, process);
	return NULL;
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
	struct grf_saving *saving;
	struct grf_packer *packer; /* NULL: nothing is compressed */
	uint64_t written;          /* to the file */
	uint64_t added, total;     /* before it is compressed */
};

static struct grf_error *check_size(const struct grf_saving *saving, uint64_t bytes)
{
	if (!saving->options->max_bytes || bytes <= saving->options->max_bytes)
		return NULL;
	return grf_error_create(
	    GRF_ERROR_NO_MEMORY, "the snapshot %s takes more than the %llu MiB of --max-bytes",
	    grf_output_path(saving->output), GRF_MIB(saving->options->max_bytes));
}

static struct grf_error *write_sink(void *context, const void *data, size_t size)
{
	struct sink *sink = context;
	struct grf_error *error;

	sink->written += size;
	error = check_size(sink->saving, sink->written);
	return error ? error : grf_output_write(sink->saving->output, data, size);
}

static struct grf_error *add_to_sink(void *context, const void *data, size_t size)
{
	struct sink *sink = context;

	sink->added += size;
	grf_progress("writing the snapshot", sink->added, sink->total);
	return sink->packer ? grf_packer_add(sink->packer, data, size)
			    : write_sink(sink, data, size);
}

static struct grf_error *skip_in_sink(void *context, uint64_t size)
{
	struct sink *sink = context;

	return sink->packer ? grf_packer_skip(sink->packer, size)
			    : grf_output_skip(sink->saving->output, size);
}

struct grf_error *grf_saving_write(struct grf_saving *saving, const struct grf_source *source)
{
	struct sink sink = {.saving = saving};
	struct grf_error *error = NULL;

	if (!saving->output)
		return NULL;
	sink.total = grf_image_provenance(source->image)->bytes;
	if (saving->options->compress)
		error =
		    grf_packer_create(grf_available_processors(), write_sink, &sink, &sink.packer);
	if (!error)
		error =
		    grf_source_write(source, saving->options->with_exe,
				     &(struct grf_snapshot_sink){add_to_sink, skip_in_sink, &sink});
	if (!error && sink.packer)
		error = grf_packer_finish(sink.packer);
	grf_packer_destroy(sink.packer);
	grf_progress_end();
	if (!error)
		error = check_size(saving, grf_output_room(saving->output));
	return error ? error : grf_output_commit(saving->output);
}
