/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reads waits from the runtime's records of them (sudog). A goroutine's own list of them has its
 * channels in every release, and from Go 1.26 on its semaphore too. Before, that record is found by
 * the frame that waits, and what a sync.Cond is by the frame of its Wait.
 */
#include "model/stacks/waits.h"

#include <string.h>

/* Cases of a select (runtime/select.go). */
#define MAX_CASES 65536u

#define WORD(address, structure, field)                                                            \
	grf_image_field(waits->image, address, grf_offset(waits->layout, structure, field))

static bool is_waiting(const struct grf_layout *layout, const struct grf_goroutine *goroutine)
{
	return goroutine->status == GRF_G_WAITING ||
	       (goroutine->status == GRF_G_LEAKED && layout->release->leaked_status);
}

/* The reason of a goroutine that waits. NULL: not known. */
static const struct grf_wait_reason *reason_of(const struct grf_layout *layout,
					       const struct grf_goroutine *goroutine)
{
	/* A newer release may have others at the same numbers. */
	if (!is_waiting(layout, goroutine) || layout->version.newer)
		return NULL;
	return grf_wait_reason(layout->release->waits, goroutine->wait_reason);
}

const char *grf_goroutine_state(const struct grf_layout *layout,
				const struct grf_goroutine *goroutine)
{
	const struct grf_wait_reason *reason = reason_of(layout, goroutine);

	if (reason)
		return reason->name;
	switch (goroutine->status) {
	case GRF_G_RUNNABLE:
		return "runnable";
	case GRF_G_RUNNING:
		return "running";
	case GRF_G_SYSCALL:
		return "syscall";
	case GRF_G_COPYSTACK:
		return "copystack";
	case GRF_G_PREEMPTED:
		return "preempted";
	default:
		return is_waiting(layout, goroutine) ? "waiting" : "unknown";
	}
}

bool grf_goroutine_is_blocked(const struct grf_layout *layout,
			      const struct grf_goroutine *goroutine)
{
	const struct grf_wait_reason *reason = reason_of(layout, goroutine);

	return reason && reason->kind != GRF_WAIT_OTHER;
}

bool grf_goroutine_in_empty_select(const struct grf_layout *layout,
				   const struct grf_goroutine *goroutine)
{
	const struct grf_wait_reason *reason = reason_of(layout, goroutine);

	return reason && reason->kind == GRF_WAIT_EMPTY_SELECT;
}

uint64_t grf_goroutine_waits_since(const struct grf_image *image, const struct grf_layout *layout,
				   const struct grf_goroutine *goroutine)
{
	uint64_t since = 0;

	if (is_waiting(layout, goroutine) && grf_has(layout, g, waitsince))
		grf_image_u64(
		    image, goroutine->address + (uint64_t)grf_offset(layout, g, waitsince), &since);
	return since;
}

void grf_waits_begin(struct grf_waits *waits, const struct grf_image *image,
		     const struct grf_layout *layout, const struct grf_heap *heap)
{
	*waits = (struct grf_waits){.image = image, .layout = layout, .heap = heap};
	waits->seen.limit = grf_image_room(image, grf_offset(layout, sudog, _size));
}

void grf_waits_free(struct grf_waits *waits)
{
	grf_address_set_free(&waits->seen);
	grf_array_free(&waits->objects);
}

static bool add_object(struct grf_waits *waits, uint64_t address, uint64_t word)
{
	struct grf_awaited *added = grf_array_add(&waits->objects);

	if (!added)
		return false;
	*added = (struct grf_awaited){address, word};
	return true;
}

/* The channels of a goroutine's list. *ret_known: it could be read to its end. */
static bool find_channels(struct grf_waits *waits, const struct grf_goroutine *goroutine,
			  bool *ret_known)
{
	uint64_t record = WORD(goroutine->address, g, waiting);
	bool whole = record;

	for (uint32_t i = 0; record && whole; i++) {
		uint64_t channel = WORD(record, sudog, c);

		whole = i < MAX_CASES && channel && grf_address_set_add(&waits->seen, record, 0);
		if (waits->seen.no_memory ||
		    (whole && !add_object(waits, channel,
					  record + (uint64_t)grf_offset(waits->layout, sudog, c))))
			return false;
		record = WORD(record, sudog, waitlink);
	}
	*ret_known = whole;
	return true;
}

/* The word of a live stack slot. */
static uint64_t stack_value(const struct grf_goroutine *goroutine,
			    const struct grf_stack_word *word)
{
	if (!goroutine->memory || word->address < goroutine->stack_low ||
	    word->address > goroutine->stack_high - 8)
		return 0;
	return grf_load_u64(goroutine->memory + (word->address - goroutine->stack_low));
}

static const char *frame_name(const struct grf_goroutine *goroutine, uint32_t frame)
{
	const char *name =
	    frame < goroutine->frame_count ? goroutine->frames[frame].function->name : NULL;

	return name ? name : "";
}

/* The record of a wait for a semaphore: what the frame that waits points to, and that names the
 * goroutine. 0: none. */
static uint64_t find_record(const struct grf_waits *waits, const struct grf_goroutine *goroutine)
{
	for (uint32_t i = 0; i < goroutine->word_count; i++) {
		const struct grf_stack_word *word = &goroutine->words[i];
		uint64_t value;

		if (strcmp(frame_name(goroutine, word->frame), "runtime.semacquire1") != 0)
			continue;
		value = stack_value(goroutine, word);
		if (value && WORD(value, sudog, g) == goroutine->address)
			return value;
	}
	return 0;
}

/* Whether a package of synchronisation waits for the semaphore, and not the runtime, or I/O. */
static bool is_of_sync(const struct grf_goroutine *goroutine)
{
	static const char *const waiting[] = {"sync.runtime_Semacquire",
					      "internal/sync.runtime_Semacquire"};

	for (uint32_t i = 0; i < goroutine->frame_count; i++)
		for (size_t k = 0; k < sizeof(waiting) / sizeof(*waiting); k++)
			if (!strncmp(frame_name(goroutine, i), waiting[k], strlen(waiting[k])))
				return true;
	return false;
}

static bool find_semaphore(struct grf_waits *waits, const struct grf_goroutine *goroutine,
			   bool *ret_known)
{
	uint64_t record = WORD(goroutine->address, g, waiting), address;

	if (!record)
		record = find_record(waits, goroutine);
	address = WORD(record, sudog, elem);
	*ret_known = address;
	return !address || add_object(waits, address,
				      record + (uint64_t)grf_offset(waits->layout, sudog, elem));
}

/* What the frame of sync.Cond's Wait points to: the Cond. */
static bool find_condition(struct grf_waits *waits, const struct grf_goroutine *goroutine,
			   bool *ret_known)
{
	if (WORD(goroutine->address, g, waiting))
		return find_semaphore(waits, goroutine, ret_known);
	for (uint32_t i = 0; i < goroutine->word_count; i++) {
		const struct grf_stack_word *word = &goroutine->words[i];
		uint64_t value;

		if (strcmp(frame_name(goroutine, word->frame), "sync.(*Cond).Wait") != 0)
			continue;
		value = stack_value(goroutine, word);
		if (value && grf_heap_span(waits->heap, value) && !add_object(waits, value, 0))
			return false;
	}
	*ret_known = waits->objects.count;
	return true;
}

bool grf_waits_find(struct grf_waits *waits, const struct grf_goroutine *goroutine,
		    enum grf_block *ret)
{
	const struct grf_wait_reason *reason = reason_of(waits->layout, goroutine);
	bool known = false, found = true;

	*ret = GRF_BLOCK_NONE;
	waits->objects.count = 0;
	switch (reason ? reason->kind : GRF_WAIT_OTHER) {
	case GRF_WAIT_OTHER:
		break;
	case GRF_WAIT_EMPTY_SELECT:
	case GRF_WAIT_NIL_CHANNEL:
		*ret = GRF_BLOCK_FOREVER;
		break;
	case GRF_WAIT_CHANNELS:
		found = find_channels(waits, goroutine, &known);
		break;
	case GRF_WAIT_CONDITION:
		found = find_condition(waits, goroutine, &known);
		break;
	case GRF_WAIT_ANY_SEMAPHORE:
		if (!waits->layout->release->sync_as_semacquire || !is_of_sync(goroutine))
			break;
		/* fall through */
	case GRF_WAIT_SEMAPHORE:
		found = find_semaphore(waits, goroutine, &known);
		break;
	}
	if (known)
		*ret = GRF_BLOCK_OBJECTS;
	return found;
}
