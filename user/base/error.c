/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Creates errors and escapes their messages. Out of memory is a static error, so that reporting it
 * needs none.
 */
#include "base/error.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"

static struct grf_error no_memory = {GRF_ERROR_NO_MEMORY, (char *)"out of memory"};

struct grf_error *grf_error_no_memory(void)
{
	return &no_memory;
}

/* `message` without what a terminal would obey: names from a target stand in it. */
static char *make_plain(char *message)
{
	char *plain;

	if (!message || grf_text_is_plain(message))
		return message;
	plain = grf_text_escaped(message);
	free(message);
	return plain;
}

/* Makes an error of `message`, which it takes over. */
static struct grf_error *wrap_message(enum grf_error_code code, char *message)
{
	struct grf_error *error;

	message = make_plain(message);
	if (!message)
		return &no_memory;
	error = malloc(sizeof(*error));
	if (!error) {
		free(message);
		return &no_memory;
	}
	error->code = code;
	error->message = message;
	return error;
}

static char *format_message(const char *format, va_list arguments)
{
	char *text;

	return vasprintf(&text, format, arguments) < 0 ? NULL : text;
}

struct grf_error *grf_error_create(enum grf_error_code code, const char *format, ...)
{
	va_list arguments;
	char *text;

	va_start(arguments, format);
	text = format_message(format, arguments);
	va_end(arguments);
	return wrap_message(code, text);
}

static enum grf_error_code code_of_errno(int errnum)
{
	switch (errnum) {
	case EPERM:
	case EACCES:
		return GRF_ERROR_PERMISSION;
	case ESRCH:
		return GRF_ERROR_NO_PROCESS;
	case ENOMEM:
		return GRF_ERROR_NO_MEMORY;
	default:
		return GRF_ERROR_OTHER;
	}
}

/* "TEXT: DETAIL"; NULL: out of memory. */
static char *format_with(const char *detail, const char *format, va_list arguments)
{
	char *text = format_message(format, arguments), *full;

	if (!text || asprintf(&full, "%s: %s", text, detail) < 0)
		full = NULL;
	free(text);
	return full;
}

struct grf_error *grf_error_errno(enum grf_error_code code, int errnum, const char *format, ...)
{
	va_list arguments;
	char *full;

	va_start(arguments, format);
	full = format_with(strerror(errnum), format, arguments);
	va_end(arguments);
	return wrap_message(code == GRF_ERROR_OTHER ? code_of_errno(errnum) : code, full);
}

struct grf_error *grf_error_prefix(struct grf_error *error, const char *format, ...)
{
	enum grf_error_code code = error->code;
	va_list arguments;
	char *full;

	va_start(arguments, format);
	full = format_with(error->message, format, arguments);
	va_end(arguments);
	if (!full)
		return error;
	grf_error_free(error);
	return wrap_message(code, full);
}

void grf_error_free(struct grf_error *error)
{
	if (!error || error == &no_memory)
		return;
	free(error->message);
	free(error);
}
