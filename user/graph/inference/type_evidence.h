/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Evidence for and against some bytes being a value of a type. Each word of the value is looked at
 * once, and its score is limited: a list of a thousand nodes scores no higher than one of three. An
 * interface must hold an itab of that interface, or a descriptor; other words must not. A bool is 0
 * or 1. A string or slice must have room for its length. A channel's buffer is of its element type.
 * A function begins with code. A pointer's pointee must fit in the same way, some steps deep.
 * Padding and numbers may be anything.
 */
#ifndef GRF_GRAPH_INFERENCE_TYPE_EVIDENCE_H
#define GRF_GRAPH_INFERENCE_TYPE_EVIDENCE_H

#include "model/model.h"

#define GRF_NO_FIT (-1)

/* Words of an object that are looked at. */
#define GRF_EVIDENCE_WORDS 64ul

/* The collector's mask of the first 64 words of a slot. */
uint64_t grf_evidence_slot_mask(const struct grf_span *span, uint32_t slot);

/**
 * Scores the `room` bytes at `memory` as the beginning of a value of `type`. The higher, the less
 * likely is chance; 0 says nothing; GRF_NO_FIT: it cannot be such a value. `*steps` is how many
 * values may still be looked at; once it is used up, the rest scores 0.
 */
int grf_evidence_of_value(struct grf_model *model, struct grf_type *type, const uint8_t *memory,
			  uint64_t room, unsigned int *steps);

/* Whether `type` is that of a channel. *ret: the score of `memory` as such a channel. */
bool grf_evidence_of_channel(struct grf_model *model, struct grf_type *type, const uint8_t *memory,
			     int *ret);

#endif
