/* SPDX-License-Identifier: BSD-2-Clause */
/* Looks for a name at the beginnings of lines; a longer name that begins alike is another one. */
#include "base/files/fields.h"

#include <string.h>

#define BLANKS " \t"

const char *grf_field_find(const char *text, const char *name)
{
	size_t length = strlen(name);

	for (; text; text = strchr(text, '\n')) {
		text += *text == '\n';
		if (!strncmp(text, name, length) && text[length] && strchr(": \t", text[length])) {
			text += length + (text[length] == ':');
			return text + strspn(text, BLANKS);
		}
	}
	return NULL;
}

uint64_t grf_field_number(const char *text, const char *name, uint64_t otherwise)
{
	const char *value = grf_field_find(text, name);

	return value ? grf_number_parse(value, otherwise) : otherwise;
}

uint64_t grf_field_bytes(const char *text, const char *name, uint64_t otherwise)
{
	uint64_t kilobytes = grf_field_number(text, name, UINT64_MAX);

	return kilobytes < UINT64_MAX / 1024 ? kilobytes * 1024 : otherwise;
}

const char *grf_stat_field(const char *stat, unsigned int number)
{
	const char *at = strrchr(stat, ')');

	for (unsigned int i = 2; at && i < number; i++) {
		at = strchr(at, ' ');
		at += !!at;
	}
	return at;
}
