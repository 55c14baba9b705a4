/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A pcHeader begins with a magic number, two zero bytes, the quantum of instructions and the size
 * of a pointer (runtime/symtab.go); the functions' names begin as many bytes after it as it says,
 * and end where the table of units begins.
 */
#include "model/code/pc_header.h"

#include <string.h>

#include "image/image.h"

/* The quantum of amd64, the size of a pointer. */
#define HEADER_TAIL 0x0801u
#define MIN_HEADER  64u

/* Where the offsets of the names and of the units are. */
static const struct {
	uint32_t magic;
	uint8_t names, units;
} formats[] = {
    {0xfffffffa, 24, 32}, /* Go 1.16 and 1.17 */
    {0xfffffff0, 32, 40}, /* 1.18 and 1.19 */
    {0xfffffff1, 32, 40}, /* 1.20 and later */
};

#define FORMATS (sizeof(formats) / sizeof(*formats))

/* The format of what begins with `word`; FORMATS: it is no pcHeader. */
static size_t format_of(uint64_t word)
{
	size_t format = 0;

	while (format < FORMATS &&
	       word != ((uint64_t)HEADER_TAIL << 48 | (uint64_t)formats[format].magic))
		format++;
	return format;
}

static uint64_t find_in(const struct grf_load *load, uint64_t start)
{
	for (uint64_t at = (start + 7) & ~UINT64_C(7);
	     at >= load->address && at - load->address < load->file_size &&
	     load->file_size - (at - load->address) >= MIN_HEADER;
	     at += 8)
		if (format_of(grf_load_u64(load->data + (at - load->address))) < FORMATS)
			return at;
	return 0;
}

uint64_t grf_pc_header_find(const struct grf_executable *executable, uint64_t after)
{
	size_t count;
	const struct grf_load *loads = grf_executable_loads(executable, &count);
	bool passed = !after;

	for (size_t i = 0; i < count; i++) {
		bool here =
		    after >= loads[i].address && after - loads[i].address < loads[i].file_size;
		uint64_t found;

		if (!passed && !here)
			continue;
		found = find_in(&loads[i], passed ? loads[i].address : after + 8);
		passed = true;
		if (found)
			return found;
	}
	return 0;
}

static const uint8_t *header_at(const struct grf_executable *executable, uint64_t address,
				size_t *ret_format)
{
	const uint8_t *header = grf_executable_at(executable, address, MIN_HEADER);

	*ret_format = header ? format_of(grf_load_u64(header)) : FORMATS;
	return *ret_format < FORMATS ? header : NULL;
}

uint32_t grf_pc_header_magic(const struct grf_executable *executable, uint64_t address)
{
	size_t format;

	return header_at(executable, address, &format) ? formats[format].magic : 0;
}

void grf_pc_header_names(const struct grf_executable *executable, uint64_t address,
			 grf_take_name *take, void *context)
{
	size_t format;
	const uint8_t *header = header_at(executable, address, &format), *names;
	uint64_t start, end;

	if (!header)
		return;
	start = grf_load_u64(header + formats[format].names);
	end = grf_load_u64(header + formats[format].units);
	names = start < end ? grf_executable_at(executable, address + start, end - start) : NULL;
	for (uint64_t at = 0, size = end - start; names && at < size;) {
		const char *name = (const char *)names + at;
		size_t length = strnlen(name, size - at);

		if (length == size - at || !take(context, name))
			return;
		at += length + 1;
	}
}
