/* SPDX-License-Identifier: BSD-2-Clause */
/* Functions of the runtime that code is understood by. */
#ifndef GRF_MODEL_SPECIAL_CALLEES_H
#define GRF_MODEL_SPECIAL_CALLEES_H

/* What is special about calling a function. */
enum grf_callee {
	GRF_CALLEE_PLAIN,
	GRF_CALLEE_NO_RETURN,
	GRF_CALLEE_BARRIER,            /* runtime.gcWriteBarrier and its like */
	GRF_CALLEE_ZERO,               /* runtime.duffzero, and from anywhere in it on */
	GRF_CALLEE_MORE_STACK,         /* by which functions have their stack grow */
	GRF_CALLEE_MORE_STACK_CONTEXT, /* the same where a closure's context is kept */
	GRF_CALLEE_MAP,           /* works on a map of the type it is given first, by the second */
	GRF_CALLEE_OBJECT,        /* makes what the descriptor that it is given first says */
	GRF_CALLEE_OBJECT_SECOND, /* the second */
	GRF_CALLEE_CONTAINER,
	GRF_CALLEE_ARRAY,
	GRF_CALLEE_GROW,
	GRF_CALLEE_ANY_MAP, /* makes a map of what nobody tells it */
};

/* By the name that the function table has. */
enum grf_callee grf_callee_by_name(const char *name);

#endif
