/* SPDX-License-Identifier: BSD-2-Clause */
/* The sections of an executable, decompressed where they are compressed. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>
#include <zstd.h>

#include "image/executable/executable_private.h"

/*
 * How much all that is decompressed of a file may be: so many bytes, and so many times the file.
 * DWARF shrinks to a fourth, by zstd to a sixth; a file made for it grows a thousandfold.
 */
#define UNPACKED_BASE  ((uint64_t)32 << 20)
#define UNPACKED_RATIO 16u

const char *grf_section_name(const struct grf_executable *executable, const GElf_Shdr *header)
{
	GElf_Shdr names;
	Elf_Scn *section;
	size_t index;

	/* Of a compressed string table libelf would unpack whatever it says. */
	if (elf_getshdrstrndx(executable->elf, &index) ||
	    !(section = elf_getscn(executable->elf, index)) || !gelf_getshdr(section, &names) ||
	    names.sh_flags & SHF_COMPRESSED)
		return NULL;
	return elf_strptr(executable->elf, index, header->sh_name);
}

bool grf_section_find(const struct grf_executable *executable, const char *name, GElf_Shdr *ret)
{
	Elf_Scn *section = NULL;

	while ((section = elf_nextscn(executable->elf, section))) {
		const char *found =
		    gelf_getshdr(section, ret) ? grf_section_name(executable, ret) : NULL;

		if (found && !strcmp(found, name))
			return true;
	}
	return false;
}

/* .zdebug_x of Go up to 1.18: "ZLIB", the size as eight big-endian bytes, zlib data. */
static bool old_contents(struct grf_packed_section *section)
{
	const uint8_t *data = section->data;

	if (section->size < 12 || memcmp(data, "ZLIB", 4) != 0)
		return false;
	section->packing = GRF_PACKING_ZLIB;
	section->unpacked = 0;
	for (int i = 0; i < 8; i++)
		section->unpacked = section->unpacked << 8 | data[4 + i];
	section->data += 12;
	section->size -= 12;
	return section->unpacked;
}

static bool compressed_contents(struct grf_packed_section *section)
{
	Elf64_Chdr packed;

	if (section->size < sizeof(packed))
		return false;
	memcpy(&packed, section->data, sizeof(packed));
	if (packed.ch_type != ELFCOMPRESS_ZLIB && packed.ch_type != GRF_ELFCOMPRESS_ZSTD)
		return false;
	section->packing = packed.ch_type == ELFCOMPRESS_ZLIB ? GRF_PACKING_ZLIB : GRF_PACKING_ZSTD;
	section->unpacked = packed.ch_size;
	section->data += sizeof(packed);
	section->size -= sizeof(packed);
	return section->unpacked;
}

bool grf_section_contents(const struct grf_executable *executable, const GElf_Shdr *header,
			  const char *name, struct grf_packed_section *ret)
{
	if (header->sh_type == SHT_NOBITS || header->sh_offset > executable->size ||
	    header->sh_size > executable->size - header->sh_offset)
		return false;
	*ret = (struct grf_packed_section){
	    .address = header->sh_addr,
	    .data = executable->file + header->sh_offset,
	    .size = header->sh_size,
	    .unpacked = header->sh_size,
	};
	if (header->sh_flags & SHF_COMPRESSED)
		return compressed_contents(ret);
	return strncmp(name, ".zdebug_", 8) != 0 || old_contents(ret);
}

bool grf_section_may_unpack(struct grf_executable *executable, uint64_t bytes)
{
	uint64_t limit = UNPACKED_BASE + UNPACKED_RATIO * executable->size;

	if (bytes > limit || executable->unpacked > limit - bytes)
		return false;
	executable->unpacked += bytes;
	return true;
}

static bool inflate_bytes(const struct grf_packed_section *section, uint8_t *to)
{
	uint64_t size = section->size, inflated = section->unpacked;
	z_stream stream = {0};
	int status = Z_OK;

	if (inflateInit(&stream) != Z_OK)
		return false;
	for (uint64_t in = 0, out = 0; status == Z_OK;) {
		stream.next_in = (Bytef *)section->data + in;
		stream.avail_in = size - in > UINT32_MAX ? UINT32_MAX : (uInt)(size - in);
		stream.next_out = to + out;
		stream.avail_out =
		    inflated - out > UINT32_MAX ? UINT32_MAX : (uInt)(inflated - out);
		status = inflate(&stream, Z_NO_FLUSH);
		in = (uint64_t)(stream.next_in - section->data);
		out = (uint64_t)(stream.next_out - to);
		if (status == Z_STREAM_END && out != inflated)
			status = Z_DATA_ERROR;
	}
	inflateEnd(&stream);
	return status == Z_STREAM_END;
}

bool grf_section_unpack(const struct grf_packed_section *section, uint8_t *to)
{
	switch (section->packing) {
	case GRF_PACKING_ZLIB:
		return inflate_bytes(section, to);
	case GRF_PACKING_ZSTD:
		return ZSTD_decompress(to, section->unpacked, section->data, section->size) ==
		       section->unpacked;
	default:
		memcpy(to, section->data, section->size);
		return true;
	}
}

/* Unpacks a section, and keeps it, so that it is unpacked once. */
static bool unpack_section(struct grf_executable *executable,
			   const struct grf_packed_section *section, struct grf_section *ret)
{
	uint8_t *data = grf_section_may_unpack(executable, section->unpacked)
			    ? malloc(section->unpacked)
			    : NULL;
	struct grf_unpacked *kept = NULL;

	if (data && grf_section_unpack(section, data))
		kept = grf_array_add(&executable->kept);
	if (!kept) {
		free(data);
		return false;
	}
	snprintf(kept->name, sizeof(kept->name), "%s", ret->name);
	kept->data = data;
	kept->size = section->unpacked;
	ret->data = data;
	ret->size = section->unpacked;
	return true;
}

static bool is_kept(const struct grf_executable *executable, const char *name,
		    struct grf_section *ret)
{
	for (size_t i = 0; i < executable->kept.count; i++) {
		if (strcmp(executable->kept.items[i].name, name) != 0)
			continue;
		ret->data = executable->kept.items[i].data;
		ret->size = executable->kept.items[i].size;
		return true;
	}
	return false;
}

bool grf_executable_section(struct grf_executable *executable, const char *name,
			    struct grf_section *ret)
{
	char old_name[64] = ".z";
	const char *found = name;
	struct grf_packed_section section;
	GElf_Shdr header;

	*ret = (struct grf_section){.name = name};
	if (is_kept(executable, name, ret))
		return true;
	if (!grf_section_find(executable, name, &header)) {
		snprintf(old_name, sizeof(old_name), ".z%s", name + 1);
		found = old_name;
		if (strncmp(name, ".debug_", 7) != 0 ||
		    !grf_section_find(executable, old_name, &header))
			return false;
	}
	if (!grf_section_contents(executable, &header, found, &section))
		return false;
	ret->address = section.address;
	if (section.packing != GRF_PACKING_NONE)
		return unpack_section(executable, &section, ret);
	ret->data = section.data;
	ret->size = section.size;
	return true;
}
