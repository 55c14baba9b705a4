/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * GC programs: pointer masks packed into instructions (runtime/mbitmap.go); private to the model.
 */
#ifndef GRF_MODEL_HEAP_GC_PROGRAM_H
#define GRF_MODEL_HEAP_GC_PROGRAM_H

#include <stdbool.h>
#include <stdint.h>

/*
 * Runs the program at `program`, of which at most `length` bytes can be read, and sets bits in
 * `bits`, which are zero and have room for `words` words. Further bits are ignored. False: the
 * program is broken: it runs past its bytes, or repeats bits that it did not write.
 */
bool grf_gc_program_run(const uint8_t *program, uint64_t length, uint8_t *bits, uint64_t words);

#endif
