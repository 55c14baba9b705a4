/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The target's executable as a file: sections (decompressed on demand), symbols, build ids.
 * Addresses are link-time ones; add grf_executable_bias() for addresses in the image.
 */
#ifndef GRF_IMAGE_EXECUTABLE_EXECUTABLE_H
#define GRF_IMAGE_EXECUTABLE_EXECUTABLE_H

#include <elfutils/libdw.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

struct grf_arch;
struct grf_executable;

struct grf_section {
	const char *name;
	uint64_t address; /* link-time; 0 when not loaded */
	uint64_t size;    /* bytes, decompressed */
	const uint8_t *data;
};

/* Opens an ELF executable. `path` may be /proc/PID/exe. Errors: UNSUPPORTED (an architecture that
 * is not read), BAD_INPUT. */
struct grf_error *grf_executable_open(const char *path, struct grf_executable **ret);
/* Reads one that is open. Takes over the descriptor, also on failure. `path` is what it is called
 * in messages, and where its neighbours are looked for. */
struct grf_error *grf_executable_read(int fd, const char *path, struct grf_executable **ret);
/* The same for a file that has only the debug information of an executable: nothing that can be
 * loaded. */
struct grf_error *grf_executable_read_debug(int fd, const char *path, struct grf_executable **ret);
/* The same of a file that is a part of another one, [offset, offset + size) of it, which lies in
 * that, and begins with a page. */
struct grf_executable_part {
	int fd; /* stays the caller's */
	uint64_t offset, size;
	bool debug; /* has only debug information */
};
struct grf_error *grf_executable_read_part(const struct grf_executable_part *part, const char *path,
					   struct grf_executable **ret);
void grf_executable_destroy(struct grf_executable *executable);

static inline void grf_executable_cleanup_fn(struct grf_executable **executable)
{
	grf_executable_destroy(*executable);
}
#define _cleanup_executable_ __attribute__((cleanup(grf_executable_cleanup_fn)))

/* Has symbols and DWARF, where `executable` lacks them, come from `debug`, which it takes over. */
void grf_executable_set_debug(struct grf_executable *executable, struct grf_executable *debug);

/* All bytes of the file. */
const uint8_t *grf_executable_bytes(const struct grf_executable *executable, uint64_t *ret_size);

/* What was set by grf_executable_set_debug(), or NULL. */
const struct grf_executable *grf_executable_debug(const struct grf_executable *executable);

/* The path by which it was opened. */
const char *grf_executable_path(const struct grf_executable *executable);

/* What the process that runs it calls it: its path there, which need not lead to it from here. That
 * by which it was opened until it is set. `deleted`: no name leads to it any more. */
const char *grf_executable_name(const struct grf_executable *executable);
bool grf_executable_is_deleted(const struct grf_executable *executable);
/* Takes a copy of the name. False: out of memory. */
bool grf_executable_set_name(struct grf_executable *executable, const char *name, bool deleted);

/* What to add to link-time addresses, in bytes: 0 for fixed executables; of others it was set. */
uint64_t grf_executable_bias(const struct grf_executable *executable);
/* Sets it, where an image or a process says so; may be set again. It does not count as placed. */
void grf_executable_set_bias(struct grf_executable *executable, uint64_t bias);
/* Link-time entry point and lowest PT_LOAD address, for working out the bias. */
uint64_t grf_executable_entry(const struct grf_executable *executable);

/*
 * A shared library (with Go's runtime in it, go build -buildmode=c-shared) is loaded wherever there
 * is room, not where the process began: its bias follows from where its first segment is mapped.
 */
struct grf_mapping;
bool grf_executable_is_library(const struct grf_executable *executable);
/* Whether it is linked for fixed addresses, and stands nowhere else. */
bool grf_executable_is_fixed(const struct grf_executable *executable);
/* Sets the bias from a mapping of the file. False: it is not of the file's first segment. */
bool grf_executable_place(struct grf_executable *executable, const struct grf_mapping *mapping);
/* The same, as another file of the same build was placed. */
void grf_executable_place_like(struct grf_executable *executable,
			       const struct grf_executable *placed);
/* The same for an executable that the kernel did not load, image/code_place.h: by how many bytes it
 * was moved. */
void grf_executable_place_at(struct grf_executable *executable, uint64_t bias);
/* Whether one of these was done. */
bool grf_executable_is_placed(const struct grf_executable *executable);
/** The architecture that it is for. */
const struct grf_arch *grf_executable_arch(const struct grf_executable *executable);
/* Where its program headers are, link-time, and how many. */
uint64_t grf_executable_headers(const struct grf_executable *executable, size_t *ret_count);

/* More Go modules that the process has loaded (plugins): placed libraries, which `executable` takes
 * over. False: out of memory, and not taken. */
bool grf_executable_add_library(struct grf_executable *executable, struct grf_executable *library);
struct grf_executable *const *grf_executable_libraries(const struct grf_executable *executable,
						       size_t *ret_count);

/* The section `name`, decompressed (SHF_COMPRESSED by zlib or zstd, .zdebug_*: asked for as
 * .debug_*). False when absent or broken. The data lives as long as the executable. */
bool grf_executable_section(struct grf_executable *executable, const char *name,
			    struct grf_section *ret);

/* The file's bytes behind a link-time address range in a PT_LOAD (file part only), or NULL. */
const uint8_t *grf_executable_at(const struct grf_executable *executable, uint64_t address,
				 uint64_t length);

/* The pointer at a link-time address as the loader makes it, less the bias: where a relocation
 * gives it (.rela.dyn), the word in the file may be zero. False: it is not in the file. */
bool grf_executable_pointer(struct grf_executable *executable, uint64_t address, uint64_t *ret);

/* The PT_LOADs by ascending address, for overlaying file-backed pages. */
struct grf_load {
	uint64_t address; /* link-time */
	uint64_t file_size;
	uint64_t memory_size;
	uint64_t file_offset;
	uint32_t flags; /* enum grf_segment_flags */
	const uint8_t *data;
};
const struct grf_load *grf_executable_loads(const struct grf_executable *executable,
					    size_t *ret_count);

/* A symbol of .symtab by exact name (hashed once). False: no such symbol, or no symbol table. */
bool grf_executable_symbol(struct grf_executable *executable, const char *name,
			   uint64_t *ret_address, uint64_t *ret_size);
/* Of the symbols whose names begin with `prefix`, by name, the one behind `index` others. NULL:
 * there are no more. */
const char *grf_executable_symbol_like(struct grf_executable *executable, const char *prefix,
				       size_t index, uint64_t *ret_address, uint64_t *ret_size);
/* The object symbol of .symtab that covers a link-time data address, or NULL. */
const char *grf_executable_symbol_at(struct grf_executable *executable, uint64_t address,
				     uint64_t *ret_start, uint64_t *ret_size);

/* GNU build id and Go build id; length 0 / empty when absent. */
const uint8_t *grf_executable_gnu_build_id(const struct grf_executable *executable,
					   size_t *ret_length);
const char *grf_executable_go_build_id(const struct grf_executable *executable);

/* Whether two files are of the same build: build ids, and code and function table where both have
 * them; *ret_known: both have an id. */
bool grf_executable_same_build(struct grf_executable *a, struct grf_executable *b, bool *ret_known);

/* Whether the file itself has DWARF, of what worth it may be. */
bool grf_executable_has_dwarf(const struct grf_executable *executable);

/* The DWARF, opened once; NULL where neither the file nor its debug file has any, or it would be
 * more than can be when it is decompressed, which is said. Borrowed. */
Dwarf *grf_executable_dwarf(struct grf_executable *executable);

#endif
