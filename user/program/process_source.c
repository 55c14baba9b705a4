/* SPDX-License-Identifier: BSD-2-Clause */
/* From the id of a process to an image of it. */
#include "base/memory/memory.h"
#include "base/priority.h"
#include "hold/hold.h"
#include "program/sites.h"
#include "program/source.h"

#define SHORT_WAIT 500000000ull /* for a collection that would be nice to have; ns */
/* For one that must be: Go makes one after 2 minutes without, and looks whether it is time once a
 * minute where nothing runs (sysmon in proc.go); ns. */
#define LONG_WAIT 200000000000ull

#define MAX_PAUSE 100000000ull /* ns */

/* What the user left to us. */
static void choose_times(const struct grf_process_options *options,
			 struct grf_capture_options *capture)
{
	if (!options->wait_given)
		capture->gc_wait = capture->freeze == GRF_FREEZE_GC ? LONG_WAIT : SHORT_WAIT;
	/* Who asks for a long stop shall have it. */
	if (!options->pause_given)
		capture->max_pause = capture->copy == GRF_COPY_STOP ? 0 : MAX_PAUSE;
}

/* From the process to a copy of its memory. `target` was opened before anything was read of it. */
static struct grf_error *copy_process(const struct grf_process_options *options,
				      const struct grf_target *target,
				      struct grf_executable **ret_executable,
				      struct grf_image_parts **ret)
{
	struct grf_capture_options capture = options->capture;
	struct grf_runtime_file file;
	struct grf_sites sites = {0};
	struct grf_error *error = grf_runtime_file_open(options, &file);

	if (error)
		return error;
	choose_times(options, &capture);
	grf_sites_find(options, &file, &sites, &capture);
	capture.target = target;
	error = grf_capture_process(options->pid, &capture, ret);
	if (!error) {
		*ret_executable = file.executable;
		file.executable = NULL;
	}
	grf_runtime_file_close(&file);
	return error;
}

struct grf_error *grf_source_of_process(const struct grf_process_options *options,
					struct grf_source *ret)
{
	struct grf_source source = {0};
	struct grf_image_parts *parts = NULL;
	struct grf_target target;
	struct grf_error *error;

	/* Whether it can be held is known before anything costly is done. */
	error = grf_target_open(options->pid, &target);
	if (error)
		return error;
	grf_priority_begin(options->nice);
	grf_memory_yield_to(options->pid);
	error =
	    grf_target_explain(&target, copy_process(options, &target, &source.executable, &parts));
	grf_priority_for_good();
	grf_target_close(&target);
	if (!error)
		error = grf_image_create(parts, source.executable, &source.image);
	if (error)
		grf_source_close(&source);
	else
		*ret = source;
	return error;
}
