/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What speaks for some bytes being a value of a type, and what speaks against it.
 *
 * Each word of the value is looked at once, and says at most so much, however long the way is on
 * which more of the same is found: a list of a thousand is no more of a list than one of three.
 * Where the type has an interface, an itab of just that interface must stand there, or a
 * descriptor; where it has none, no itab may; a bool is 0 or 1; a string or slice must have room
 * for what it says it has; a channel is one of its elements; a function begins with code; what a
 * pointer leads to must fit the pointee in the same way, some steps deep. Padding and numbers may
 * be anything.
 */
#ifndef GRF_GRAPH_TYPE_EVIDENCE_H
#define GRF_GRAPH_TYPE_EVIDENCE_H

#include "model/model.h"

#define GRF_NO_FIT (-1)

/* The words of an object that are looked at. */
#define GRF_EVIDENCE_WORDS 64ul

/* The collector's mask of the first 64 words of a slot. */
uint64_t grf_evidence_slot_mask(const struct grf_span *span, uint32_t slot);

/**
 * What speaks for the `room` bytes at `memory` beginning with a value of `type`: the more, the
 * less it may be by chance; 0: nothing. GRF_NO_FIT: it cannot be. `*steps` is how many values may
 * still be looked at; when it is used up, the rest says nothing.
 */
int grf_evidence_of_value(struct grf_model *model, struct grf_type *type, const uint8_t *memory,
			  uint64_t room, unsigned int *steps);

/* Whether `type` is that of a channel; *ret: what speaks for the channel at `memory` being one. */
bool grf_evidence_of_channel(struct grf_model *model, struct grf_type *type, const uint8_t *memory,
			     int *ret);

#endif
