/* SPDX-License-Identifier: BSD-2-Clause */
/* What any views have given, as one result in any format. */
#ifndef GRF_OUTPUTS_REPORT_H
#define GRF_OUTPUTS_REPORT_H

#include "outputs/writer.h"
#include "views/view.h"

/**
 * Writes the facts and the views. People get them in their order, and at most so many rows of each
 * as the view says, or `rows` if that is not 0; programs get the trees first, then the tables, and
 * all rows. The caller commits the output. Errors: OUTPUT, NO_MEMORY.
 */
struct grf_error *grf_report_write(struct grf_output *output, const struct grf_format *format,
				   const struct grf_facts *facts,
				   const struct grf_view_results *views, size_t rows);

#endif
