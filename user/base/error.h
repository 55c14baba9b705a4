/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Errors as values.
 *
 * A function that can fail returns `struct grf_error *`: NULL means success, anything else is owned
 * by the caller, who either returns it to its own caller, prints it, or frees it. Results come back
 * in parameters named `ret`, which are written on success only.
 *
 * The message is one line, says what was attempted on what, and where there is one, what to do
 * next. It carries no newline and no program name. Foreign text in it is escaped (base/text.h).
 */
#ifndef GRF_BASE_ERROR_H
#define GRF_BASE_ERROR_H

#include <stdbool.h>

/* What went wrong, as far as a caller (or the exit status, see docs) tells cases apart. */
enum grf_error_code {
	GRF_ERROR_OTHER = 1,     /* anything else: I/O, a library, a broken invariant */
	GRF_ERROR_USAGE,         /* the command line */
	GRF_ERROR_NO_MEMORY,     /* allocation failed or a ceiling was reached */
	GRF_ERROR_NO_PROCESS,    /* no such process, a thread's id, a zombie */
	GRF_ERROR_PERMISSION,    /* the kernel refused; the message names the capability */
	GRF_ERROR_EXITED,        /* the target went away while it was looked at */
	GRF_ERROR_REPLACED,      /* the target became another program while it was looked at */
	GRF_ERROR_NOT_GO,        /* no Go runtime in the executable */
	GRF_ERROR_UNSUPPORTED,   /* Go version, architecture or build not handled */
	GRF_ERROR_BAD_INPUT,     /* a truncated or contradictory core or executable */
	GRF_ERROR_MISMATCH,      /* executable and core do not belong together */
	GRF_ERROR_OUTPUT,        /* the result could not be written */
	GRF_ERROR_INTERRUPTED,   /* SIGINT or SIGTERM */
	GRF_ERROR_FAULT,         /* an address is not in the image */
	GRF_ERROR_TOO_LONG,      /* the target would have to stand for longer than it may */
	GRF_ERROR_TORN,          /* parts of a copy are not of one instant */
	GRF_ERROR_NO_COLLECTION, /* no garbage collection ended at which the target could be held */
};

struct grf_error {
	enum grf_error_code code;
	char *message;
};

/* Makes an error from a printf format. Never returns NULL (falls back to a static one). */
struct grf_error *grf_error_create(enum grf_error_code code, const char *format, ...)
    __attribute__((returns_nonnull, format(printf, 2, 3)));

/* The same with ": " and the text of `errnum` appended; `code` OTHER becomes PERMISSION for EPERM
 * and EACCES, NO_PROCESS for ESRCH, NO_MEMORY for ENOMEM. */
struct grf_error *grf_error_errno(enum grf_error_code code, int errnum, const char *format, ...)
    __attribute__((returns_nonnull, format(printf, 3, 4)));

/* The static error for a failed allocation. */
struct grf_error *grf_error_no_memory(void) __attribute__((returns_nonnull));

/* Puts "PREFIX: " before the message of `error` and returns it. */
struct grf_error *grf_error_prefix(struct grf_error *error, const char *format, ...)
    __attribute__((returns_nonnull, format(printf, 2, 3)));

/* Frees an error; NULL is allowed. */
void grf_error_free(struct grf_error *error);

#endif
