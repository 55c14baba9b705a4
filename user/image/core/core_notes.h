/* SPDX-License-Identifier: BSD-2-Clause */
/* The notes of a core, as Linux writes them (fs/binfmt_elf.c), and ours. */
#ifndef GRF_IMAGE_CORE_CORE_NOTES_H
#define GRF_IMAGE_CORE_CORE_NOTES_H

#include "image/core/snapshot_note.h"

/* struct elf_prstatus (linux/elfcore.h), the same on all 64-bit architectures: where the id of the
 * thread and its registers are, and how long it is without them. */
#define GRF_STATUS_TID       32
#define GRF_STATUS_REGISTERS 112
#define GRF_STATUS_SIZE      120

/**
 * Makes the notes of a snapshot: for each thread NT_PRSTATUS, NT_PRPSINFO behind the first,
 * NT_AUXV, NT_FILE, and that of a snapshot. *ret is the caller's to free. Errors: NO_MEMORY.
 */
struct grf_error *grf_core_notes_make(const struct grf_snapshot_note *note, uint8_t **ret,
				      size_t *ret_size);

#endif
