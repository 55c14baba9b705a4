/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Searches for a pcHeader. It begins with a magic number, two zero bytes, the quantum of
 * instructions and the size of a pointer (runtime/symtab.go). It has the offset of the functions'
 * names, which end where the table of units begins.
 */
#include "model/code/pc_header.h"

#include <string.h>

#include "arch/arch.h"
#include "image/image.h"

#define POINTER_BYTES 8u
#define MIN_HEADER    64u

/* The format of the table that begins with `word`, in a program with this quantum. NULL: it is no
 * pcHeader. */
static const struct grf_pclntab_format *format_of(uint64_t word, uint8_t quantum)
{
	uint64_t tail = POINTER_BYTES << 24 | (uint32_t)quantum << 16;

	return word >> 32 == tail ? grf_pclntab_format_of((uint32_t)word) : NULL;
}

static uint64_t find_in(const struct grf_load *load, uint8_t quantum, uint64_t start)
{
	for (uint64_t at = (start + 7) & ~UINT64_C(7);
	     at >= load->address && at - load->address < load->file_size &&
	     load->file_size - (at - load->address) >= MIN_HEADER;
	     at += 8)
		if (format_of(grf_load_u64(load->data + (at - load->address)), quantum))
			return at;
	return 0;
}

uint64_t grf_pc_header_find(const struct grf_executable *executable, uint64_t after)
{
	size_t count;
	const struct grf_load *loads = grf_executable_loads(executable, &count);
	uint8_t quantum = grf_executable_arch(executable)->quantum;
	bool passed = !after;

	for (size_t i = 0; i < count; i++) {
		bool here =
		    after >= loads[i].address && after - loads[i].address < loads[i].file_size;
		uint64_t found;

		if (!passed && !here)
			continue;
		found = find_in(&loads[i], quantum, passed ? loads[i].address : after + 8);
		passed = true;
		if (found)
			return found;
	}
	return 0;
}

static const uint8_t *header_at(const struct grf_executable *executable, uint64_t address,
				const struct grf_pclntab_format **ret_format)
{
	const uint8_t *header = grf_executable_at(executable, address, MIN_HEADER);

	*ret_format =
	    header ? format_of(grf_load_u64(header), grf_executable_arch(executable)->quantum)
		   : NULL;
	return *ret_format ? header : NULL;
}

const struct grf_pclntab_format *grf_pc_header_format(const struct grf_executable *executable,
						      uint64_t address)
{
	const struct grf_pclntab_format *format;

	header_at(executable, address, &format);
	return format;
}

void grf_pc_header_names(const struct grf_executable *executable, uint64_t address,
			 grf_take_name *take, void *context)
{
	const struct grf_pclntab_format *format;
	const uint8_t *header = header_at(executable, address, &format), *names;
	uint64_t start, end;

	if (!header)
		return;
	start = grf_load_u64(header + format->names);
	end = grf_load_u64(header + format->units);
	names = start < end ? grf_executable_at(executable, address + start, end - start) : NULL;
	for (uint64_t at = 0, size = end - start; names && at < size;) {
		const char *name = (const char *)names + at;
		size_t length = strnlen(name, size - at);

		if (length == size - at || !take(context, name))
			return;
		at += length + 1;
	}
}
