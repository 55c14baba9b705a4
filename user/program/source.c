/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What sources from processes and from cores share: closing one, and the check that its executable
 * is a Go program.
 */
#include "program/source.h"

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
