/* SPDX-License-Identifier: BSD-2-Clause */
/* The sections of an executable, decompressed where they are compressed. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "image/executable_private.h"

/* A section that claims to be larger when decompressed, or that many times its compressed size
 * (zlib reaches 1032), is not believed. */
#define MAX_SECTION ((uint64_t)16 << 30)
#define MAX_RATIO   1100u

static Elf_Scn *find_section(struct grf_executable *executable, const char *name, GElf_Shdr *ret)
{
	Elf_Scn *section = NULL;
	size_t names;

	if (elf_getshdrstrndx(executable->elf, &names))
		return NULL;
	while ((section = elf_nextscn(executable->elf, section))) {
		const char *found;

		if (!gelf_getshdr(section, ret))
			continue;
		found = elf_strptr(executable->elf, names, ret->sh_name);
		if (found && !strcmp(found, name))
			return section;
	}
	return NULL;
}

/* Inflates `size` bytes of zlib data to just `*ret_size`. NULL: broken or absurd. */
static uint8_t *inflate_bytes(const uint8_t *data, uint64_t size, uint64_t inflated)
{
	z_stream stream = {0};
	uint8_t *result;
	int status = Z_OK;

	if (!inflated || inflated > MAX_SECTION || inflated / MAX_RATIO > size ||
	    inflateInit(&stream) != Z_OK)
		return NULL;
	result = malloc(inflated);
	for (uint64_t in = 0, out = 0; result && status == Z_OK;) {
		stream.next_in = (Bytef *)data + in;
		stream.avail_in = size - in > UINT32_MAX ? UINT32_MAX : (uInt)(size - in);
		stream.next_out = result + out;
		stream.avail_out =
		    inflated - out > UINT32_MAX ? UINT32_MAX : (uInt)(inflated - out);
		status = inflate(&stream, Z_NO_FLUSH);
		in = (uint64_t)(stream.next_in - data);
		out = (uint64_t)(stream.next_out - result);
		if (status == Z_STREAM_END && out != inflated)
			status = Z_DATA_ERROR;
	}
	inflateEnd(&stream);
	if (result && status != Z_STREAM_END) {
		free(result);
		return NULL;
	}
	return result;
}

/* Keeps an inflated section, so that it is inflated once. */
static bool keep_inflated(struct grf_executable *executable, const char *name, uint8_t *data,
			  uint64_t size, struct grf_section *ret)
{
	struct grf_inflated *kept = data ? grf_array_add(&executable->inflated) : NULL;

	if (!kept) {
		free(data);
		return false;
	}
	snprintf(kept->name, sizeof(kept->name), "%s", name);
	kept->data = data;
	kept->size = size;
	ret->data = data;
	ret->size = size;
	return true;
}

static bool known_inflated(const struct grf_executable *executable, const char *name,
			   struct grf_section *ret)
{
	for (size_t i = 0; i < executable->inflated.count; i++) {
		if (strcmp(executable->inflated.items[i].name, name) != 0)
			continue;
		ret->data = executable->inflated.items[i].data;
		ret->size = executable->inflated.items[i].size;
		return true;
	}
	return false;
}

/* .zdebug_x of Go up to 1.18: "ZLIB", the size as eight big-endian bytes, zlib data. */
static bool old_compressed(struct grf_executable *executable, const char *name,
			   struct grf_section *ret)
{
	char old_name[64];
	const uint8_t *data;
	uint64_t size = 0;
	GElf_Shdr header;

	if (strncmp(name, ".debug_", 7) != 0)
		return false;
	snprintf(old_name, sizeof(old_name), ".z%s", name + 1);
	if (!find_section(executable, old_name, &header) || header.sh_size < 12 ||
	    header.sh_offset > executable->size ||
	    header.sh_size > executable->size - header.sh_offset)
		return false;
	data = executable->file + header.sh_offset;
	if (memcmp(data, "ZLIB", 4) != 0)
		return false;
	for (int i = 0; i < 8; i++)
		size = size << 8 | data[4 + i];
	return keep_inflated(executable, name, inflate_bytes(data + 12, header.sh_size - 12, size),
			     size, ret);
}

bool grf_executable_section(struct grf_executable *executable, const char *name,
			    struct grf_section *ret)
{
	GElf_Shdr header;
	Elf_Scn *section;
	const uint8_t *data;

	*ret = (struct grf_section){.name = name};
	if (known_inflated(executable, name, ret))
		return true;
	section = find_section(executable, name, &header);
	if (!section)
		return old_compressed(executable, name, ret);
	if (header.sh_type == SHT_NOBITS || header.sh_offset > executable->size ||
	    header.sh_size > executable->size - header.sh_offset)
		return false;
	ret->address = header.sh_addr;
	data = executable->file + header.sh_offset;
	if (header.sh_flags & SHF_COMPRESSED) {
		Elf64_Chdr packed;

		if (header.sh_size < sizeof(packed))
			return false;
		memcpy(&packed, data, sizeof(packed));
		if (packed.ch_type != ELFCOMPRESS_ZLIB)
			return false;
		return keep_inflated(executable, name,
				     inflate_bytes(data + sizeof(packed),
						   header.sh_size - sizeof(packed), packed.ch_size),
				     packed.ch_size, ret);
	}
	ret->data = data;
	ret->size = header.sh_size;
	return true;
}
