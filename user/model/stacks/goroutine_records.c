/* SPDX-License-Identifier: BSD-2-Clause */
/* Indexes the records by the address of their g, and compares each with the copied g. */
#include "model/stacks/goroutine_records.h"

#include <stddef.h>
#include <string.h>

#include "base/log.h"

/* Puts the place of a field; nothing where it is not known, or too far from the beginning. */
static uint16_t field_place(int64_t outer, int64_t inner)
{
	if (outer < 0 || inner < 0 || outer + inner > (int64_t)GRF_G_BYTES - 8)
		return GRF_G_NO_FIELD;
	return (uint16_t)(outer + inner);
}

bool grf_goroutine_fields_find(const struct grf_layout *layout, struct grf_goroutine_fields *ret)
{
	int64_t stack = grf_offset(layout, g, stack), sched = grf_offset(layout, g, sched);

	*ret = (struct grf_goroutine_fields){
	    .status = field_place(grf_offset(layout, g, atomicstatus), 0),
	    .id = field_place(grf_offset(layout, g, goid), 0),
	    .low = field_place(stack, grf_offset(layout, stack, lo)),
	    .high = field_place(stack, grf_offset(layout, stack, hi)),
	    .sp = field_place(sched, grf_offset(layout, gobuf, sp)),
	    .pc = field_place(sched, grf_offset(layout, gobuf, pc)),
	    .bp = field_place(sched, grf_offset(layout, gobuf, bp)),
	    .syscall_sp = field_place(grf_offset(layout, g, syscallsp), 0),
	    .syscall_pc = field_place(grf_offset(layout, g, syscallpc), 0),
	    .syscall_bp = field_place(grf_offset(layout, g, syscallbp), 0),
	};
	/* The last came with Go 1.23. */
	return ret->status != GRF_G_NO_FIELD && ret->id != GRF_G_NO_FIELD &&
	       ret->low != GRF_G_NO_FIELD && ret->high != GRF_G_NO_FIELD &&
	       ret->sp != GRF_G_NO_FIELD && ret->pc != GRF_G_NO_FIELD &&
	       ret->bp != GRF_G_NO_FIELD && ret->syscall_sp != GRF_G_NO_FIELD &&
	       ret->syscall_pc != GRF_G_NO_FIELD &&
	       (ret->syscall_bp != GRF_G_NO_FIELD || !grf_has(layout, g, syscallbp));
}

static uint64_t read_g_word(const struct grf_goroutine_index *index, uint64_t g, int64_t outer,
			    int64_t inner)
{
	return outer >= 0 && inner >= 0 ? grf_image_field(index->image, g, outer + inner) : 0;
}

/* The record as the copied memory has it. False: none. */
static bool read_copied(const struct grf_goroutine_index *index, uint64_t g,
			struct grf_goroutine_record *ret)
{
	const struct grf_layout *layout = index->layout;
	int64_t stack = grf_offset(layout, g, stack), sched = grf_offset(layout, g, sched);
	uint32_t status;

	if (!grf_image_u32(index->image, g + (uint64_t)grf_offset(layout, g, atomicstatus),
			   &status))
		return false;
	*ret = (struct grf_goroutine_record){
	    .g = g,
	    .status = status,
	    .id = read_g_word(index, g, grf_offset(layout, g, goid), 0),
	    .low = read_g_word(index, g, stack, grf_offset(layout, stack, lo)),
	    .high = read_g_word(index, g, stack, grf_offset(layout, stack, hi)),
	    .sp = read_g_word(index, g, sched, grf_offset(layout, gobuf, sp)),
	    .pc = read_g_word(index, g, sched, grf_offset(layout, gobuf, pc)),
	    .bp = read_g_word(index, g, sched, grf_offset(layout, gobuf, bp)),
	    .syscall_sp = read_g_word(index, g, grf_offset(layout, g, syscallsp), 0),
	    .syscall_pc = read_g_word(index, g, grf_offset(layout, g, syscallpc), 0),
	    .syscall_bp = read_g_word(index, g, grf_offset(layout, g, syscallbp), 0),
	};
	return true;
}

static struct grf_error *check_record(const struct grf_goroutine_record *taken,
				      const struct grf_goroutine_record *copied)
{
	static const struct {
		const char *name;
		size_t offset;
	} fields[] = {
	    {"atomicstatus", offsetof(struct grf_goroutine_record, status)},
	    {"goid", offsetof(struct grf_goroutine_record, id)},
	    {"stack.lo", offsetof(struct grf_goroutine_record, low)},
	    {"stack.hi", offsetof(struct grf_goroutine_record, high)},
	    {"sched.sp", offsetof(struct grf_goroutine_record, sp)},
	    {"sched.pc", offsetof(struct grf_goroutine_record, pc)},
	    {"sched.bp", offsetof(struct grf_goroutine_record, bp)},
	    {"syscallsp", offsetof(struct grf_goroutine_record, syscall_sp)},
	    {"syscallpc", offsetof(struct grf_goroutine_record, syscall_pc)},
	    {"syscallbp", offsetof(struct grf_goroutine_record, syscall_bp)},
	};

	for (size_t i = 0; i < sizeof(fields) / sizeof(*fields); i++) {
		uint64_t a, b;

		memcpy(&a, (const uint8_t *)taken + fields[i].offset, sizeof(a));
		memcpy(&b, (const uint8_t *)copied + fields[i].offset, sizeof(b));
		if (a != b)
			return grf_error_create(
			    GRF_ERROR_TORN,
			    "the copy is torn: %s of goroutine %llu was %#llx at the stop, and is "
			    "%#llx in the copied memory; take another one",
			    fields[i].name, (unsigned long long)taken->id, (unsigned long long)a,
			    (unsigned long long)b);
	}
	return NULL;
}

/* Whether the records were taken by the layout of `layout`. Before the stop only the release is
 * known; what its descriptors say of a runtime that has more fields is known when its memory is. */
static bool taken_by_layout(const struct grf_image *image, const struct grf_layout *layout)
{
	const struct grf_goroutine_fields *taken = grf_image_goroutine_fields(image);
	struct grf_goroutine_fields known;

	return taken && grf_goroutine_fields_find(layout, &known) &&
	       !memcmp(taken, &known, sizeof(known));
}

struct grf_error *grf_goroutine_index_make(const struct grf_image *image,
					   const struct grf_layout *layout,
					   struct grf_goroutine_index *ret)
{
	*ret = (struct grf_goroutine_index){.image = image, .layout = layout};
	ret->taken = grf_image_goroutines(image, &ret->count);
	if (ret->count && !taken_by_layout(image, layout)) {
		grf_verbose("the fields of runtime.g are not where those of its release are: "
			    "stack roots from the copied memory");
		ret->count = 0;
	}
	for (size_t i = 0; i < ret->count; i++)
		grf_address_set_add(&ret->by_address, ret->taken[i].g, i);
	if (!ret->by_address.no_memory)
		return NULL;
	grf_goroutine_index_free(ret);
	return grf_error_no_memory();
}

void grf_goroutine_index_free(struct grf_goroutine_index *index)
{
	grf_address_set_free(&index->by_address);
}

struct grf_error *grf_goroutine_index_find(const struct grf_goroutine_index *index, uint64_t g,
					   struct grf_goroutine_record *ret)
{
	struct grf_goroutine_record copied;
	size_t number;

	*ret = (struct grf_goroutine_record){0};
	if (!read_copied(index, g, &copied))
		return NULL;
	if (!index->count || !grf_address_set_find(&index->by_address, g, &number)) {
		*ret = copied;
		return NULL;
	}
	*ret = index->taken[number];
	return check_record(ret, &copied);
}
