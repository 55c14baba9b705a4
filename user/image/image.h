/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The image: a process at one instant. Memory segments, threads, notes; one reader interface,
 * whether the bytes came from a live capture or from an ELF core (gcore, the kernel, dlv, ours).
 * The face of this stage; parts.h has what a capture fills in, provenance.h how an image came to
 * be, executable/executable.h the files that belong to it.
 *
 * Every segment is addressable as plain memory of our own for its whole length: a core is mapped,
 * what a core leaves out (memsz > filesz) reads as zero or comes from the executable. The image
 * owns the memory; pointers into it live as long as the image does.
 *
 * Zero memory costs its input nothing, whether a core leaves it out or has a hole in its file
 * there. So whoever works through memory works through what is *held*: grf_image_held() bounds the
 * records that an image can have, and grf_image_next_held() steps over the rest.
 */
#ifndef GRF_IMAGE_IMAGE_H
#define GRF_IMAGE_IMAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/types.h>

#include "base/error.h"
#include "base/load.h"
#include "grf/goroutine_records.h"
#include "image/executable/mapping.h"

struct grf_arch;
struct grf_executable;
struct grf_provenance;
struct grf_image;

/* A run of target memory, [start, end) in target addresses. Sorted, never overlapping. */
struct grf_segment {
	uint64_t start;
	uint64_t end;
	uint32_t flags;
	const uint8_t *data; /* the byte at `start`; end - start bytes; may be unaligned */
};

/* One thread at the stop. `general` holds every general purpose register, in the order of the
 * kernel's NT_PRSTATUS set, of which no architecture has more. */
#define GRF_GENERAL_REGISTERS 34
struct grf_thread {
	pid_t tid;
	uint64_t pc;
	uint64_t sp;
	uint32_t general_count;
	uint64_t general[GRF_GENERAL_REGISTERS];
};

/** Makes a thread of its registers, as many words as the architecture has. */
void grf_thread_set(struct grf_thread *thread, const struct grf_arch *arch, pid_t tid,
		    const uint64_t *registers);

/* Opens an ELF core. `executable` supplies the file-backed pages that the core leaves out and is
 * checked against the core (build id, load address): GRF_ERROR_MISMATCH. It must outlive the image;
 * its load bias is set here. A truncated core is GRF_ERROR_BAD_INPUT and the message tells by how
 * much. */
struct grf_error *grf_image_open_core(const char *path, struct grf_executable *executable,
				      struct grf_image **ret);

/* The same of one that is open, of which the image becomes a user. */
struct grf_core_file;
struct grf_error *grf_image_of_core_file(struct grf_core_file *file,
					 struct grf_executable *executable, struct grf_image **ret);

void grf_image_destroy(struct grf_image *image);

static inline void grf_image_cleanup_fn(struct grf_image **image)
{
	grf_image_destroy(*image);
}
#define _cleanup_image_ __attribute__((cleanup(grf_image_cleanup_fn)))

const struct grf_segment *grf_image_segments(const struct grf_image *image, size_t *ret_count);
const struct grf_mapping *grf_image_mappings(const struct grf_image *image, size_t *ret_count);
const struct grf_thread *grf_image_threads(const struct grf_image *image, size_t *ret_count);

/* What was taken of goroutines while the process stood, beside their memory, in any order; none of
 * a core. */
const struct grf_goroutine_record *grf_image_goroutines(const struct grf_image *image,
							size_t *ret_count);

/* The fields by which those records were taken; NULL: of a core. */
const struct grf_goroutine_fields *grf_image_goroutine_fields(const struct grf_image *image);

/** The architecture of the process. */
const struct grf_arch *grf_image_arch(const struct grf_image *image);

/* How the image came to be. */
const struct grf_provenance *grf_image_provenance(const struct grf_image *image);

/* The entry of type `type` in the auxiliary vector; false: it has none. */
bool grf_image_auxv(const struct grf_image *image, uint64_t type, uint64_t *ret);

/* The segment that holds `address`, or NULL. Remembers nothing; binary search. */
const struct grf_segment *grf_image_find(const struct grf_image *image, uint64_t address);

/* `length` bytes at `address` as our memory, or NULL where they are absent, not in one segment, or
 * in part left out, or more than GRF_IMAGE_ZEROS of them that are zero only by what the input says.
 */
#define GRF_IMAGE_ZEROS 65536u
const uint8_t *grf_image_at(const struct grf_image *image, uint64_t address, uint64_t length);

/* The same for callers that know which of the bytes have a meaning, which they hold with
 * grf_image_check_copied(): without that limit, and with what was left out, which is zero. */
const uint8_t *grf_image_view(const struct grf_image *image, uint64_t address, uint64_t length);

/* Whether a byte of [address, address + length) was in the process and was not copied, as the
 * analysis does not need it. */
bool grf_image_is_left_out(const struct grf_image *image, uint64_t address, uint64_t length);

/**
 * Holds that nothing of memory that has a meaning was left out: it had none when that was decided.
 * Errors: TORN.
 * @param what the memory is, for people, such as "a data segment"
 */
struct grf_error *grf_image_check_copied(const struct grf_image *image, uint64_t address,
					 uint64_t length, const char *what);

/* Bytes of memory that the input really has. Its structures together cannot be larger. */
uint64_t grf_image_held(const struct grf_image *image);

/* How many records of `size` bytes there can be beside each other, if none is all zero. A size of 0
 * or less is not known. */
uint64_t grf_image_room(const struct grf_image *image, int64_t size);

/* The bytes of [start, end) that are held. */
uint64_t grf_image_held_in(const struct grf_image *image, uint64_t start, uint64_t end);

/* Moves *at to the first held byte of [*at, end). Returns where that run of held bytes ends, at
 * most `end`; 0: none. */
uint64_t grf_image_next_held(const struct grf_image *image, uint64_t *at, uint64_t end);

/* Copies the held bytes of [address, address + length) into a buffer that is zero. */
void grf_image_copy_held(const struct grf_image *image, uint64_t address, uint8_t *buffer,
			 uint64_t length);

/* Copies, across neighbouring segments too. GRF_ERROR_FAULT when a byte is missing or left out. */
struct grf_error *grf_image_read(const struct grf_image *image, uint64_t address, void *buffer,
				 uint64_t length);

/* Little-endian loads. False (and *ret = 0) when the address is not in the image. For optional
 * data; use grf_image_read() where absence must be explained. */
bool grf_image_u8(const struct grf_image *image, uint64_t address, uint8_t *ret);
bool grf_image_u16(const struct grf_image *image, uint64_t address, uint16_t *ret);
bool grf_image_u32(const struct grf_image *image, uint64_t address, uint32_t *ret);
bool grf_image_u64(const struct grf_image *image, uint64_t address, uint64_t *ret);

/** The word at `address`; 0 where the image has none. */
static inline uint64_t grf_image_word(const struct grf_image *image, uint64_t address)
{
	uint64_t word;

	grf_image_u64(image, address, &word);
	return word;
}

/** The word at `offset` of the structure at `address`. 0: the address is 0, the offset is negative
 * (the release has no such field), or the image has no word there. */
static inline uint64_t grf_image_field(const struct grf_image *image, uint64_t address,
				       int64_t offset)
{
	return address && offset >= 0 ? grf_image_word(image, address + (uint64_t)offset) : 0;
}

/* For tests and for callers that build memory themselves: an image of the given segments (copied
 * descriptors, borrowed data), without threads or mappings. */
struct grf_error *grf_image_from_segments(const struct grf_arch *arch,
					  const struct grf_segment *segments, size_t count,
					  struct grf_image **ret);

#endif
