/* SPDX-License-Identifier: BSD-2-Clause */
/* Parses numbers, durations and sizes on the command line. */
#include "cli/values.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory/memory.h"
#include "base/number.h"

#define MAX_DURATION 86400e9
#define MAX_SIZE     1e18

unsigned long grf_parse_number(const struct argp_state *state, const char *what, const char *text,
			       unsigned long low, unsigned long high)
{
	uint64_t value = 0;

	if (!grf_number_whole(text, 10, &value) || value < low || value > high)
		argp_error(state, "%s must be a number from %lu to %lu, not `%s'", what, low, high,
			   text);
	return value;
}

/* One number with its unit, such as 1.5s; moves *text behind it. Nanoseconds; negative: none. */
static double parse_part(const char **text)
{
	static const struct {
		const char *name;
		double nanoseconds;
	} units[] = {{"ms", 1e6}, {"us", 1e3}, {"s", 1e9}, {"m", 60e9}, {"h", 3600e9}};
	char *end;
	double value;

	if (!strchr("0123456789.", **text))
		return -1;
	value = strtod(*text, &end);
	for (size_t i = 0; end != *text && i < sizeof(units) / sizeof(*units); i++) {
		size_t length = strlen(units[i].name);

		if (strncmp(end, units[i].name, length) != 0)
			continue;
		*text = end + length;
		return value * units[i].nanoseconds;
	}
	return -1;
}

uint64_t grf_parse_duration(const struct argp_state *state, const char *text)
{
	const char *at = text;
	double total = 0, part;

	do {
		part = parse_part(&at);
		total += part;
	} while (part >= 0 && *at);
	if (part < 0 || !isfinite(total) || total > MAX_DURATION)
		argp_error(state, "a duration is like 300ms, 20s or 1m30s, not `%s'", text);
	return (uint64_t)total;
}

uint64_t grf_parse_size(const struct argp_state *state, const char *text)
{
	static const char units[] = "KMGT";
	double value = -1, scale = 1;
	char *end = (char *)text;
	const char *unit;

	if (strchr("0123456789.", *text) && *text)
		value = strtod(text, &end);
	unit = *end ? strchr(units, *end) : NULL;
	if (unit) {
		scale = (double)(1ull << (10 * (unit - units + 1)));
		end += !strcmp(end + 1, "B") ? 2 : !strcmp(end + 1, "iB") ? 3 : 1;
	} else if (*end == '%' && value <= 100) {
		scale = (double)grf_memory_total() / 100;
		end++;
	} else if (*end == 'B') {
		end++;
	}
	value *= scale;
	if (end == text || *end || !isfinite(value) || value < 1 || value > MAX_SIZE)
		argp_error(state, "a size is like 512M, 2G or 50%%, not `%s'", text);
	return (uint64_t)value;
}
