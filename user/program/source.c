/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What sources from processes and from cores share: closing one, the check that its executable is a
 * Go program, and writing it as a snapshot.
 */
#include "program/source.h"

#include <stdlib.h>

#include "base/cleanup.h"
#include "image/snapshot.h"
#include "model/code/modules.h"
#include "model/code/version.h"

void grf_source_close(struct grf_source *source)
{
	grf_image_destroy(source->image);
	if (source->executable)
		grf_executable_destroy(source->executable);
	*source = (struct grf_source){0};
}

struct grf_error *grf_check_executable(struct grf_executable *executable)
{
	struct grf_version version;

	return grf_version_find(executable, NULL, &version);
}

struct grf_error *grf_source_write(const struct grf_source *source, bool with_files,
				   const struct grf_snapshot_sink *sink)
{
	struct grf_version version;
	struct grf_error *error = grf_version_find(source->executable, source->image, &version);
	_cleanup_free_ char *modules = grf_version_modules(source->executable, source->image);

	if (error)
		return error;
	return grf_snapshot_write(source->image, source->executable,
				  &(struct grf_snapshot_facts){.go_version = version.text,
							       .modules = modules,
							       .with_files = with_files},
				  sink);
}
