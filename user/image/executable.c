/* SPDX-License-Identifier: BSD-2-Clause */
#include "image/executable.h"

#include <errno.h>
#include <fcntl.h>
#include <gelf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include "base/array.h"
#include "base/cleanup.h"
#include "image/image.h"
#include "image/notes.h"

/* A section that claims to be larger when decompressed, or that many times its compressed size
 * (zlib reaches 1032), is not believed. */
#define MAX_SECTION ((uint64_t)16 << 30)
#define MAX_RATIO   1100u

#define PAGE_MASK UINT64_C(4095)
#define MAX_LOADS 65536u

struct symbol {
	const char *name;
	uint64_t address;
	uint64_t size;
};

/* A section that was decompressed by us (.zdebug_*). */
struct inflated {
	char name[64];
	uint8_t *data;
	uint64_t size;
};

struct grf_executable {
	char *path;
	int fd;
	uint8_t *file; /* mapped */
	uint64_t size;
	Elf *elf;
	Dwarf *dwarf;
	bool dwarf_tried;
	uint64_t bias, entry;
	uint64_t headers; /* offset in the file */
	size_t header_count;
	bool shared;           /* ET_DYN */
	bool interpreted, pie; /* PT_INTERP; DF_1_PIE */
	bool placed;
	GRF_ARRAY(struct grf_load) loads;
	GRF_ARRAY(struct symbol) by_name;    /* all defined symbols */
	GRF_ARRAY(struct symbol) by_address; /* objects only */
	bool symbols_read;
	GRF_ARRAY(struct inflated) inflated;
	const uint8_t *gnu_build_id;
	size_t gnu_build_id_size;
	char *go_build_id;
	struct grf_executable *debug; /* a file with its debug information, or NULL */
	GRF_ARRAY(struct grf_executable *) libraries;
};

static struct grf_error *bad(const char *path, const char *what)
{
	return grf_error_create(GRF_ERROR_BAD_INPUT, "%s: %s", path, what);
}

static struct grf_error *map_file(struct grf_executable *executable)
{
	struct stat status;

	/* A FIFO would make us wait. */
	executable->fd = open(executable->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (executable->fd < 0 || fstat(executable->fd, &status))
		return grf_error_errno(GRF_ERROR_OTHER, errno, "cannot open the executable %s",
				       executable->path);
	if (!S_ISREG(status.st_mode) || status.st_size < (off_t)sizeof(Elf64_Ehdr))
		return bad(executable->path, "not an ELF executable");
	executable->size = (uint64_t)status.st_size;
	executable->file = mmap(NULL, executable->size, PROT_READ, MAP_PRIVATE, executable->fd, 0);
	if (executable->file == MAP_FAILED) {
		executable->file = NULL;
		return grf_error_errno(GRF_ERROR_OTHER, errno, "cannot map %s", executable->path);
	}
	return NULL;
}

static struct grf_error *check_header(struct grf_executable *executable, GElf_Ehdr *header)
{
	executable->elf = elf_memory((char *)executable->file, executable->size);
	if (!executable->elf || elf_kind(executable->elf) != ELF_K_ELF ||
	    !gelf_getehdr(executable->elf, header))
		return bad(executable->path, "not an ELF executable");
	if (header->e_type != ET_EXEC && header->e_type != ET_DYN)
		return bad(executable->path, "an ELF file, but not an executable");
	if (gelf_getclass(executable->elf) != ELFCLASS64 ||
	    header->e_ident[EI_DATA] != ELFDATA2LSB || header->e_machine != EM_X86_64)
		return grf_error_create(GRF_ERROR_UNSUPPORTED,
					"%s is not for x86-64; other architectures are not "
					"supported yet",
					executable->path);
	executable->entry = header->e_entry;
	executable->headers = header->e_phoff;
	executable->shared = header->e_type == ET_DYN;
	return NULL;
}

static uint32_t segment_flags(uint32_t flags)
{
	return (flags & PF_R ? GRF_SEGMENT_READ : 0) | (flags & PF_W ? GRF_SEGMENT_WRITE : 0) |
	       (flags & PF_X ? GRF_SEGMENT_EXECUTE : 0);
}

static void take_build_id(void *context, const struct grf_note *note)
{
	struct grf_executable *executable = context;

	if (grf_note_is(note, "GNU", NT_GNU_BUILD_ID)) {
		executable->gnu_build_id = note->data;
		executable->gnu_build_id_size = note->size;
	} else if (grf_note_is(note, "Go", GRF_NOTE_GO_BUILD_ID) && !executable->go_build_id) {
		executable->go_build_id = strndup((const char *)note->data, note->size);
	}
}

/* Whether the dynamic section says that this is an executable (binutils 2.27 and later do). */
static bool says_pie(const struct grf_executable *executable, const GElf_Phdr *header)
{
	Elf64_Dyn entry;

	for (uint64_t at = 0; header->p_filesz - at >= sizeof(entry); at += sizeof(entry)) {
		memcpy(&entry, executable->file + header->p_offset + at, sizeof(entry));
		if (entry.d_tag == DT_NULL)
			break;
		if (entry.d_tag == DT_FLAGS_1)
			return entry.d_un.d_val & DF_1_PIE;
	}
	return false;
}

static struct grf_error *read_segments(struct grf_executable *executable)
{
	size_t count;

	if (elf_getphdrnum(executable->elf, &count) || count > MAX_LOADS)
		return bad(executable->path, "its program headers are broken");
	executable->header_count = count;
	for (size_t i = 0; i < count; i++) {
		struct grf_load *load;
		GElf_Phdr header;

		if (!gelf_getphdr(executable->elf, (int)i, &header))
			return bad(executable->path, "its program headers are broken");
		if (header.p_type == PT_INTERP)
			executable->interpreted = true;
		if (header.p_type != PT_LOAD && header.p_type != PT_NOTE &&
		    header.p_type != PT_DYNAMIC)
			continue;
		if (header.p_offset > executable->size ||
		    header.p_filesz > executable->size - header.p_offset ||
		    header.p_vaddr + header.p_memsz < header.p_vaddr)
			return bad(executable->path, "truncated: a segment reaches beyond its end");
		if (header.p_type == PT_NOTE) {
			grf_notes_read(executable->file + header.p_offset, header.p_filesz,
				       header.p_align, take_build_id, executable);
			continue;
		}
		if (header.p_type == PT_DYNAMIC) {
			executable->pie = says_pie(executable, &header);
			continue;
		}
		load = grf_array_add(&executable->loads);
		if (!load)
			return grf_error_no_memory();
		*load = (struct grf_load){
		    .address = header.p_vaddr,
		    .file_size = header.p_filesz,
		    .memory_size = header.p_memsz,
		    .file_offset = header.p_offset,
		    .flags = segment_flags(header.p_flags),
		    .data = executable->file + header.p_offset,
		};
	}
	return executable->loads.count ? NULL : bad(executable->path, "it has nothing to load");
}

/* The build ids, from the sections of notes: in a debug file the segments have no bytes, and what
 * strip leaves need not have a segment for each of them. */
static void read_note_sections(struct grf_executable *executable)
{
	Elf_Scn *section = NULL;
	GElf_Shdr header;

	while ((section = elf_nextscn(executable->elf, section)))
		if (gelf_getshdr(section, &header) && header.sh_type == SHT_NOTE &&
		    header.sh_offset <= executable->size &&
		    header.sh_size <= executable->size - header.sh_offset)
			grf_notes_read(executable->file + header.sh_offset, header.sh_size,
				       header.sh_addralign, take_build_id, executable);
}

static struct grf_error *open_file(const char *path, bool debug, struct grf_executable **ret)
{
	struct grf_executable *executable = calloc(1, sizeof(*executable));
	struct grf_error *error;
	GElf_Ehdr header;

	if (!executable)
		return grf_error_no_memory();
	executable->fd = -1;
	executable->path = strdup(path);
	elf_version(EV_CURRENT);
	error = executable->path ? map_file(executable) : grf_error_no_memory();
	if (!error)
		error = check_header(executable, &header);
	if (!error && !debug)
		error = read_segments(executable);
	if (!error)
		read_note_sections(executable);
	if (error) {
		grf_executable_destroy(executable);
		return error;
	}
	*ret = executable;
	return NULL;
}

struct grf_error *grf_executable_open(const char *path, struct grf_executable **ret)
{
	return open_file(path, false, ret);
}

struct grf_error *grf_executable_open_debug(const char *path, struct grf_executable **ret)
{
	return open_file(path, true, ret);
}

void grf_executable_set_debug(struct grf_executable *executable, struct grf_executable *debug)
{
	grf_executable_destroy(executable->debug);
	for (size_t i = 0; i < executable->libraries.count; i++)
		grf_executable_destroy(executable->libraries.items[i]);
	grf_array_free(&executable->libraries);
	executable->debug = debug;
	executable->symbols_read = false;
	executable->by_name.count = executable->by_address.count = 0;
}

void grf_executable_destroy(struct grf_executable *executable)
{
	if (!executable)
		return;
	grf_executable_destroy(executable->debug);
	if (executable->dwarf)
		dwarf_end(executable->dwarf);
	if (executable->elf)
		elf_end(executable->elf);
	if (executable->file)
		munmap(executable->file, executable->size);
	if (executable->fd >= 0)
		close(executable->fd);
	for (size_t i = 0; i < executable->inflated.count; i++)
		free(executable->inflated.items[i].data);
	grf_array_free(&executable->inflated);
	grf_array_free(&executable->loads);
	grf_array_free(&executable->by_name);
	grf_array_free(&executable->by_address);
	free(executable->go_build_id);
	free(executable->path);
	free(executable);
}

const char *grf_executable_path(const struct grf_executable *executable)
{
	return executable->path;
}

uint64_t grf_executable_bias(const struct grf_executable *executable)
{
	return executable->bias;
}

void grf_executable_set_bias(struct grf_executable *executable, uint64_t bias)
{
	executable->bias = bias;
}

bool grf_executable_add_library(struct grf_executable *executable, struct grf_executable *library)
{
	struct grf_executable **added = grf_array_add(&executable->libraries);

	if (added)
		*added = library;
	return added;
}

struct grf_executable *const *grf_executable_libraries(const struct grf_executable *executable,
						       size_t *ret_count)
{
	*ret_count = executable->libraries.count;
	return executable->libraries.items;
}

bool grf_executable_is_library(const struct grf_executable *executable)
{
	return executable->shared && !executable->interpreted && !executable->pie;
}

bool grf_executable_place(struct grf_executable *executable, const struct grf_mapping *mapping)
{
	const struct grf_load *first = &executable->loads.items[0];

	if (mapping->file_offset != (first->file_offset & ~PAGE_MASK))
		return false;
	executable->bias = mapping->start - (first->address & ~PAGE_MASK);
	executable->placed = true;
	return true;
}

void grf_executable_place_like(struct grf_executable *executable,
			       const struct grf_executable *placed)
{
	executable->bias = placed->bias;
	executable->placed = placed->placed;
}

bool grf_executable_is_placed(const struct grf_executable *executable)
{
	return executable->placed;
}

uint64_t grf_executable_headers(const struct grf_executable *executable, size_t *ret_count)
{
	const struct grf_load *first = &executable->loads.items[0];

	*ret_count = executable->header_count;
	return first->address - first->file_offset + executable->headers;
}

uint64_t grf_executable_entry(const struct grf_executable *executable)
{
	return executable->entry;
}

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
	struct inflated *kept = data ? grf_array_add(&executable->inflated) : NULL;

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

const uint8_t *grf_executable_at(const struct grf_executable *executable, uint64_t address,
				 uint64_t length)
{
	for (size_t i = 0; i < executable->loads.count; i++) {
		const struct grf_load *load = &executable->loads.items[i];
		uint64_t offset = address - load->address;

		if (address >= load->address && offset < load->file_size &&
		    length <= load->file_size - offset)
			return load->data + offset;
	}
	return NULL;
}

const struct grf_load *grf_executable_loads(const struct grf_executable *executable,
					    size_t *ret_count)
{
	*ret_count = executable->loads.count;
	return executable->loads.items;
}

static int compare_names(const void *left, const void *right)
{
	return strcmp(((const struct symbol *)left)->name, ((const struct symbol *)right)->name);
}

static int compare_addresses(const void *left, const void *right)
{
	const struct symbol *a = left, *b = right;

	if (a->address != b->address)
		return a->address < b->address ? -1 : 1;
	return strcmp(a->name, b->name);
}

static void take_symbols(struct grf_executable *executable, Elf *elf, Elf_Scn *section,
			 const GElf_Shdr *header)
{
	Elf_Data *data = elf_getdata(section, NULL);
	size_t count = data && header->sh_entsize ? data->d_size / sizeof(Elf64_Sym) : 0;

	for (size_t i = 1; i < count && i <= INT32_MAX; i++) {
		struct symbol *symbol, *object;
		const char *name;
		GElf_Sym raw;

		if (!gelf_getsym(data, (int)i, &raw) || raw.st_shndx == SHN_UNDEF)
			continue;
		name = elf_strptr(elf, header->sh_link, raw.st_name);
		symbol = name && *name ? grf_array_add(&executable->by_name) : NULL;
		if (!symbol)
			continue;
		*symbol = (struct symbol){name, raw.st_value, raw.st_size};
		if (GELF_ST_TYPE(raw.st_info) != STT_OBJECT)
			continue;
		object = grf_array_add(&executable->by_address);
		if (object)
			*object = *symbol;
	}
}

static void read_symbols_of(struct grf_executable *executable, Elf *elf)
{
	Elf_Scn *section = NULL;
	GElf_Shdr header;

	while ((section = elf_nextscn(elf, section)))
		if (gelf_getshdr(section, &header) && header.sh_type == SHT_SYMTAB)
			take_symbols(executable, elf, section, &header);
}

static void read_symbols(struct grf_executable *executable)
{
	if (executable->symbols_read)
		return;
	executable->symbols_read = true;
	read_symbols_of(executable, executable->elf);
	if (!executable->by_name.count && executable->debug)
		read_symbols_of(executable, executable->debug->elf);
	if (executable->by_name.count)
		qsort(executable->by_name.items, executable->by_name.count, sizeof(struct symbol),
		      compare_names);
	if (executable->by_address.count)
		qsort(executable->by_address.items, executable->by_address.count,
		      sizeof(struct symbol), compare_addresses);
}

bool grf_executable_symbol(struct grf_executable *executable, const char *name,
			   uint64_t *ret_address, uint64_t *ret_size)
{
	const struct symbol key = {.name = name}, *found;

	read_symbols(executable);
	if (!executable->by_name.count)
		return false;
	found = bsearch(&key, executable->by_name.items, executable->by_name.count, sizeof(key),
			compare_names);
	if (!found)
		return false;
	*ret_address = found->address;
	*ret_size = found->size;
	return true;
}

const char *grf_executable_symbol_at(struct grf_executable *executable, uint64_t address,
				     uint64_t *ret_start, uint64_t *ret_size)
{
	size_t low = 0, high;

	read_symbols(executable);
	high = executable->by_address.count;
	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (executable->by_address.items[middle].address <= address)
			low = middle + 1;
		else
			high = middle;
	}
	/* Symbols of no size (section marks) may stand between an object and the address. */
	for (size_t i = low; i > 0 && low - i < 16; i--) {
		const struct symbol *symbol = &executable->by_address.items[i - 1];

		if (address - symbol->address >= symbol->size)
			continue;
		*ret_start = symbol->address;
		*ret_size = symbol->size;
		return symbol->name;
	}
	return NULL;
}

const uint8_t *grf_executable_gnu_build_id(const struct grf_executable *executable,
					   size_t *ret_length)
{
	*ret_length = executable->gnu_build_id_size;
	return executable->gnu_build_id;
}

const char *grf_executable_go_build_id(const struct grf_executable *executable)
{
	return executable->go_build_id ? executable->go_build_id : "";
}

static bool same_ids(const struct grf_executable *a, const struct grf_executable *b,
		     bool *ret_known)
{
	const char *go_a = grf_executable_go_build_id(a), *go_b = grf_executable_go_build_id(b);
	size_t size_a, size_b;
	const uint8_t *gnu_a = grf_executable_gnu_build_id(a, &size_a);
	const uint8_t *gnu_b = grf_executable_gnu_build_id(b, &size_b);

	*ret_known = true;
	if (size_a && size_b)
		return size_a == size_b && !memcmp(gnu_a, gnu_b, size_a);
	if (*go_a && *go_b)
		return !strcmp(go_a, go_b);
	*ret_known = false;
	return true;
}

/* Whether a section is the same in both; also where one of them has no contents of it, as in a file
 * of debug information. */
static bool same_section(struct grf_executable *a, struct grf_executable *b, const char *name)
{
	struct grf_section in_a, in_b;

	if (!grf_executable_section(a, name, &in_a) || !grf_executable_section(b, name, &in_b))
		return true;
	return in_a.size == in_b.size && in_a.address == in_b.address &&
	       !memcmp(in_a.data, in_b.data, in_a.size);
}

bool grf_executable_same_build(struct grf_executable *a, struct grf_executable *b, bool *ret_known)
{
	/* Build systems that want the same bytes everywhere give every program one id, or none. */
	return same_ids(a, b, ret_known) && same_section(a, b, ".text") &&
	       same_section(a, b, ".gopclntab") && same_section(a, b, ".data.rel.ro.gopclntab");
}

Dwarf *grf_executable_dwarf(struct grf_executable *executable)
{
	if (!executable->dwarf_tried) {
		executable->dwarf_tried = true;
		executable->dwarf = executable->debug
					? dwarf_begin(executable->debug->fd, DWARF_C_READ)
					: dwarf_begin(executable->fd, DWARF_C_READ);
	}
	return executable->dwarf;
}
