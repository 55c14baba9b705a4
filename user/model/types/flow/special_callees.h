/* SPDX-License-Identifier: BSD-2-Clause */
/* The runtime's functions that give code a meaning, by name. */
#ifndef GRF_MODEL_TYPES_FLOW_SPECIAL_CALLEES_H
#define GRF_MODEL_TYPES_FLOW_SPECIAL_CALLEES_H

/* What a call of a function does. */
enum grf_callee {
	GRF_CALLEE_PLAIN,
	GRF_CALLEE_NO_RETURN,
	GRF_CALLEE_BARRIER,            /* runtime.gcWriteBarrier and its like */
	GRF_CALLEE_ZERO,               /* runtime.duffzero, and from anywhere in it on */
	GRF_CALLEE_MORE_STACK,         /* grows the stack */
	GRF_CALLEE_MORE_STACK_CONTEXT, /* the same where a closure's context is kept */
	GRF_CALLEE_MAP,           /* works on a map of the type it is given first, by the second */
	GRF_CALLEE_OBJECT,        /* makes what the descriptor that it is given first says */
	GRF_CALLEE_OBJECT_SECOND, /* the second */
	GRF_CALLEE_CONTAINER,
	GRF_CALLEE_ARRAY,
	GRF_CALLEE_GROW,
	GRF_CALLEE_ANY_MAP, /* makes a map of a type that it is not given */
};

/* Finds the kind by the name in the function table. */
enum grf_callee grf_callee_by_name(const char *name);

#endif
