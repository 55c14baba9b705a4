/* SPDX-License-Identifier: BSD-2-Clause */
/* The C library's parsers take signs, prefixes and any blanks too, so digits are looked for first.
 */
#include "base/number.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* How many digits of a base a text begins with. */
static size_t digits_at(const char *text, int base)
{
	return strspn(text, base == 8    ? "01234567"
			    : base == 10 ? "0123456789"
					 : "0123456789abcdefABCDEF");
}

uint64_t grf_number_parse_in(const char *text, int base, uint64_t otherwise)
{
	text += strspn(text, " \t");
	return digits_at(text, base) ? strtoull(text, NULL, base) : otherwise;
}

bool grf_number_whole(const char *text, int base, uint64_t *ret)
{
	size_t digits = digits_at(text, base);

	if (!digits || text[digits])
		return false;
	errno = 0;
	*ret = strtoull(text, NULL, base);
	return !errno;
}
