/* SPDX-License-Identifier: BSD-2-Clause */
/* Makes what views are made from, up to the owners. */
#include "views/owners/owners.h"
#include "views/view.h"

struct grf_error *grf_view_input_create(const struct grf_graph *graph, enum grf_view_needs needs,
					struct grf_view_input *ret)
{
	struct grf_error *error = NULL;

	*ret = (struct grf_view_input){.graph = graph};
	if (needs >= GRF_NEEDS_RETAINED)
		error = grf_retained_create(graph, &ret->retained);
	if (!error && needs >= GRF_NEEDS_OWNERS)
		error = grf_owners_create(ret->retained, &ret->owners);
	return error;
}

void grf_view_input_destroy(struct grf_view_input *input)
{
	grf_retained_destroy(input->retained);
	grf_owners_destroy(input->owners);
	input->retained = NULL;
	input->owners = NULL;
}
