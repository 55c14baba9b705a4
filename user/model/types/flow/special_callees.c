/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The table of the runtime's functions that the analysis of code knows by name. A release that
 * renames one of them gets a row here.
 */
#include "model/types/flow/special_callees.h"

#include <stddef.h>
#include <string.h>

/* By name; a name with a '*' at its end: what begins with it. */
static const struct {
	const char *name;
	enum grf_callee kind;
} special_callees[] = {
    {"runtime.newobject", GRF_CALLEE_OBJECT},
    {"runtime.convT", GRF_CALLEE_OBJECT},
    {"runtime.mallocgcSmallScanNoHeaderSC*", GRF_CALLEE_OBJECT_SECOND},
    {"runtime.mallocgcSmallNoScanSC*", GRF_CALLEE_OBJECT_SECOND},
    {"runtime.makemap", GRF_CALLEE_CONTAINER},
    {"runtime.makemap64", GRF_CALLEE_CONTAINER},
    {"runtime.makemap_small", GRF_CALLEE_ANY_MAP},
    {"runtime.makechan", GRF_CALLEE_CONTAINER},
    {"runtime.makechan64", GRF_CALLEE_CONTAINER},
    {"runtime.makeslice", GRF_CALLEE_ARRAY},
    {"runtime.makeslice64", GRF_CALLEE_ARRAY},
    {"runtime.makeslicecopy", GRF_CALLEE_ARRAY},
    {"runtime.growslice", GRF_CALLEE_GROW},
    {"runtime.gcWriteBarrier*", GRF_CALLEE_BARRIER},
    {"runtime.duffzero", GRF_CALLEE_ZERO},
    {"runtime.morestack_noctxt", GRF_CALLEE_MORE_STACK},
    {"runtime.morestack", GRF_CALLEE_MORE_STACK_CONTEXT},
    {"runtime.mapaccess*", GRF_CALLEE_MAP},
    {"runtime.mapassign*", GRF_CALLEE_MAP},
    {"runtime.mapdelete*", GRF_CALLEE_MAP},
    {"runtime.panic*", GRF_CALLEE_NO_RETURN},
    {"runtime.goPanic*", GRF_CALLEE_NO_RETURN},
    {"runtime.gopanic", GRF_CALLEE_NO_RETURN},
    {"runtime.throw", GRF_CALLEE_NO_RETURN},
    {"runtime.fatal*", GRF_CALLEE_NO_RETURN},
    {"runtime.block", GRF_CALLEE_NO_RETURN},
};

enum grf_callee grf_callee_by_name(const char *name)
{
	if (strncmp(name, "runtime.", 8) != 0)
		return GRF_CALLEE_PLAIN;
	for (size_t i = 0; i < sizeof(special_callees) / sizeof(*special_callees); i++) {
		const char *special = special_callees[i].name;
		size_t length = strlen(special);

		if (special[length - 1] == '*' ? !strncmp(name, special, length - 1)
					       : !strcmp(name, special))
			return special_callees[i].kind;
	}
	return GRF_CALLEE_PLAIN;
}
