/* SPDX-License-Identifier: BSD-2-Clause */
/* Numbers of the seekable format of zstd, whose writer and reader share them. */
#ifndef GRF_BASE_FILES_PACKED_FORMAT_H
#define GRF_BASE_FILES_PACKED_FORMAT_H

#include <stdint.h>

/* Bytes of a frame when it is unpacked: all but the last have as many. */
#define GRF_FRAME_BYTES ((size_t)1 << 20)

/* The frame of the table: magic and size, an entry for each frame, a footer of the number of
 * frames, flags, and another magic. */
#define GRF_TABLE_MAGIC        0x184d2a5eu
#define GRF_TABLE_HEADER_BYTES 8u
#define GRF_TABLE_FOOTER_BYTES 9u
#define GRF_TABLE_FOOTER_MAGIC 0x8f92eab1u
/* Packed and unpacked bytes of a frame, and a checksum where a flag says so. */
#define GRF_TABLE_ENTRY_BYTES    8u
#define GRF_TABLE_CHECKSUM_BYTES 4u
#define GRF_TABLE_CHECKSUMS      0x80u
#define GRF_TABLE_UNKNOWN_FLAGS  0x7cu

#endif
