/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which words of a value of some type are pointers, as the garbage collector has it.
 *
 * runtime._type says it in one of three ways. Mostly GCData points to a bitmap, a bit a word, for
 * the first PtrBytes of a value. For types with a long prefix of pointers a bitmap would bloat the
 * binary, so:
 *
 * - up to Go 1.23 (Kind bit 6) GCData points to a GC program: four bytes of length, then
 *   instructions of a small Lempel-Ziv code that write the bitmap (runtime/mbitmap.go, runGCProg).
 *   A large object of such a type points, in 1.22 and 1.23, to an anonymous type with the bitmap
 *   written out, which is a plain one for us.
 * - from Go 1.24 on (TFlag bit 4) GCData points to a word that points to the bitmap once the
 *   collector needed it; before that it is nil, and while one thread builds it, the address of
 *   runtime.inProgress. Then the bitmap is put together from those of elements and fields
 *   (runtime/type.go, getGCMaskOnDemand). Types made by reflect keep that word on the heap.
 *
 * Everything comes from the target: sizes are checked against each other, each step against the
 * room that its parent left it, recursion and work are bounded.
 */
#include "model/types/type_masks.h"

#include <stdbool.h>
#include <stdlib.h>
#include <uthash.h>

#include "model/types/types_parts.h"

#define KIND_GC_PROGRAM 0x40
#define TFLAG_ON_DEMAND 0x10

/* Words; no type has a longer pointer prefix (4 GiB). */
#define MASK_WORDS_MAX (UINT64_C(1) << 29)
/* All masks together, in words of 64 bits: 256 MiB. */
#define MASK_STORE_MAX (UINT64_C(1) << 25)
#define BUILD_DEPTH    64
#define BUILD_STEPS    (1 << 22)

struct descriptor {
	uint64_t size;
	uint64_t words; /* of the pointer prefix */
	uint64_t gcdata;
	uint8_t tflag;
	uint8_t kind;
};

struct mask {
	uint64_t address;
	uint64_t words;
	uint64_t size;
	uint64_t *bits; /* NULL: not plausible */
	UT_hash_handle hh;
};

struct grf_type_masks {
	const struct grf_image *image;
	const struct grf_layout *layout;
	const struct grf_modules *modules;
	bool on_demand; /* else there are GC programs */
	struct mask *by_address;
	uint64_t stored; /* words of 64 bits in all masks */
};

/* A mask under construction. */
struct builder {
	struct grf_type_masks *masks;
	uint64_t *bits;
	int steps;
};

/* --- bits ------------------------------------------------------------------------------------- */

static void or_bits(uint64_t *bits, uint64_t at, uint64_t value, unsigned int count)
{
	unsigned int shift = at & 63;

	if (count < 64)
		value &= (UINT64_C(1) << count) - 1;
	bits[at >> 6] |= value << shift;
	if (shift && shift + count > 64)
		bits[(at >> 6) + 1] |= value >> (64 - shift);
}

static uint64_t get_bits(const uint64_t *bits, uint64_t at, unsigned int count)
{
	unsigned int shift = at & 63;
	uint64_t value = bits[at >> 6] >> shift;

	if (shift && shift + count > 64)
		value |= bits[(at >> 6) + 1] << (64 - shift);
	return count < 64 ? value & ((UINT64_C(1) << count) - 1) : value;
}

/* Writes [at, end) with the pattern of `period` bits that stands just before `at`. */
static void repeat_bits(uint64_t *bits, uint64_t at, uint64_t end, uint64_t period)
{
	uint64_t from = at - period;

	/* The bits written so far repeat too, so the run to copy doubles. */
	while (at < end) {
		uint64_t run = (at - from) / period * period;
		unsigned int count = run < 64 ? run : 64;

		if (end - at < count)
			count = end - at;
		or_bits(bits, at, get_bits(bits, at - run, count), count);
		at += count;
	}
}

/* ORs `words` bits of a bitmap in the image into the mask at `at`. */
static bool copy_bitmap(struct builder *builder, uint64_t address, uint64_t at, uint64_t words)
{
	const uint8_t *bitmap = grf_image_at(builder->masks->image, address, (words + 7) / 8);
	uint64_t done = 0;

	if (!bitmap)
		return false;
	for (; words - done >= 64; done += 64)
		or_bits(builder->bits, at + done, grf_load_u64(bitmap + done / 8), 64);
	for (; done < words; done += 8) {
		unsigned int count = words - done < 8 ? words - done : 8;

		or_bits(builder->bits, at + done, bitmap[done / 8], count);
	}
	return true;
}

/* --- descriptors ------------------------------------------------------------------------------ */

static bool read_descriptor(const struct grf_type_masks *masks, uint64_t address,
			    struct descriptor *ret)
{
	const struct grf_layout *layout = masks->layout;
	int64_t size = grf_offset(layout, type, _size);
	const uint8_t *at;
	uint64_t pointer_bytes;

	if (size <= 0 || address % GRF_WORD_BYTES || !grf_has(layout, type, gcdata))
		return false;
	at = grf_image_at(masks->image, address, size);
	if (!at)
		return false;
	ret->size = grf_load_u64(at + grf_offset(layout, type, size));
	pointer_bytes = grf_load_u64(at + grf_offset(layout, type, ptr_bytes));
	ret->gcdata = grf_load_u64(at + grf_offset(layout, type, gcdata));
	ret->tflag = at[grf_offset(layout, type, tflag)];
	ret->kind = at[grf_offset(layout, type, kind)];
	ret->words = pointer_bytes / GRF_WORD_BYTES;
	return pointer_bytes % GRF_WORD_BYTES == 0 && pointer_bytes <= ret->size &&
	       ret->words <= MASK_WORDS_MAX && ret->size >> 47 == 0;
}

static bool in_data(const struct grf_modules *modules, uint64_t address)
{
	for (size_t i = 0; modules && i < modules->count; i++) {
		const struct grf_module *module = &modules->items[i];

		if (address - module->noptrdata < module->enoptrdata - module->noptrdata ||
		    address - module->data < module->edata - module->data ||
		    address - module->bss < module->ebss - module->bss ||
		    address - module->noptrbss < module->enoptrbss - module->noptrbss)
			return true;
	}
	return false;
}

/* The bitmap that the word at `slot` points to; 0: none yet. Finished ones stand in
 * memory of the runtime's own: a pointer to a variable is the mark for "in progress". */
static uint64_t finished_bitmap(const struct grf_type_masks *masks, uint64_t slot, uint64_t words)
{
	uint64_t bitmap;

	if (!grf_image_u64(masks->image, slot, &bitmap) || in_data(masks->modules, bitmap) ||
	    !grf_image_at(masks->image, bitmap, (words + 7) / 8))
		return 0;
	return bitmap;
}

/* --- masks on demand -------------------------------------------------------------------------- */

static bool build_mask(struct builder *builder, uint64_t address, uint64_t at, uint64_t room,
		       unsigned int depth);

static bool build_array(struct builder *builder, uint64_t address, const struct descriptor *array,
			uint64_t at, unsigned int depth)
{
	const struct grf_image *image = builder->masks->image;
	uint64_t after = address + grf_offset(builder->masks->layout, type, _size);
	uint64_t element, count, period;
	struct descriptor type;

	/* internal/abi.ArrayType: Elem, Slice, Len behind the common part. */
	if (!grf_image_u64(image, after, &element) || !grf_image_u64(image, after + 16, &count) ||
	    !read_descriptor(builder->masks, element, &type))
		return false;
	if (!count || !type.size || type.size % GRF_WORD_BYTES || count > array->size / type.size)
		return false;
	period = type.size / GRF_WORD_BYTES;
	if (!build_mask(builder, element, at, array->words, depth + 1))
		return false;
	if (period < array->words)
		repeat_bits(builder->bits, at + period, at + array->words, period);
	return true;
}

static bool build_struct(struct builder *builder, uint64_t address,
			 const struct descriptor *structure, uint64_t at, unsigned int depth)
{
	const struct grf_image *image = builder->masks->image;
	uint64_t after = address + grf_offset(builder->masks->layout, type, _size);
	uint64_t fields, count, end = 0;
	const uint8_t *field;

	/* internal/abi.StructType: PkgPath, then the slice of {Name, Typ, Offset}. */
	if (!grf_image_u64(image, after + 8, &fields) ||
	    !grf_image_u64(image, after + 16, &count) || count > BUILD_STEPS)
		return false;
	field = grf_image_at(image, fields, count * GRF_STRUCT_FIELD_SIZE);
	for (; field && count; count--, field += GRF_STRUCT_FIELD_SIZE) {
		uint64_t offset = grf_load_u64(field + 16);
		struct descriptor type;

		if (builder->steps-- <= 0 ||
		    !read_descriptor(builder->masks, grf_load_u64(field + 8), &type))
			return false;
		/* Fields come in order and do not overlap; that also bounds the recursion. */
		if (offset < end || offset > structure->size ||
		    type.size > structure->size - offset)
			return false;
		end = offset + type.size;
		if (!type.words)
			continue;
		if (offset % GRF_WORD_BYTES ||
		    offset / GRF_WORD_BYTES + type.words > structure->words)
			return false;
		if (!build_mask(builder, grf_load_u64(field + 8), at + offset / GRF_WORD_BYTES,
				type.words, depth + 1))
			return false;
	}
	return field != NULL;
}

/* ORs the mask of the type at `address` into the mask's `room` bits from `at` on. */
static bool build_mask(struct builder *builder, uint64_t address, uint64_t at, uint64_t room,
		       unsigned int depth)
{
	const struct grf_type_masks *masks = builder->masks;
	struct descriptor type;
	uint64_t bitmap;

	if (depth > BUILD_DEPTH || builder->steps-- <= 0 ||
	    !read_descriptor(masks, address, &type) || type.words > room)
		return false;
	if (!type.words)
		return true;
	if (!masks->on_demand || !(type.tflag & TFLAG_ON_DEMAND))
		return copy_bitmap(builder, type.gcdata, at, type.words);
	bitmap = finished_bitmap(masks, type.gcdata, type.words);
	if (bitmap)
		return copy_bitmap(builder, bitmap, at, type.words);
	if ((type.kind & GRF_KIND_MASK) == GRF_KIND_ARRAY)
		return build_array(builder, address, &type, at, depth);
	if ((type.kind & GRF_KIND_MASK) == GRF_KIND_STRUCT)
		return build_struct(builder, address, &type, at, depth);
	return false;
}

/* --- GC programs ------------------------------------------------------------------------------ */

struct program {
	const uint8_t *at;
	const uint8_t *end;
};

static bool program_number(struct program *program, uint64_t *ret)
{
	uint64_t value = 0;

	for (unsigned int shift = 0; shift < 63 && program->at < program->end; shift += 7) {
		uint8_t byte = *program->at++;

		value |= (uint64_t)(byte & 0x7f) << shift;
		if (!(byte & 0x80)) {
			*ret = value;
			return true;
		}
	}
	return false;
}

/* One instruction other than the end (a zero byte): `code` literal bits, or a repetition. */
static bool program_step(struct builder *builder, struct program *program, uint8_t code,
			 uint64_t words, uint64_t *at)
{
	uint64_t bits = code & 0x7f, count, room = words - *at;

	if (!(code & 0x80)) {
		if ((bits + 7) / 8 > (uint64_t)(program->end - program->at))
			return false;
		for (uint64_t done = 0; done < bits && done < room; done += 8) {
			uint64_t left = bits - done < room - done ? bits - done : room - done;

			or_bits(builder->bits, *at + done, program->at[done / 8],
				left < 8 ? left : 8);
		}
		program->at += (bits + 7) / 8;
		*at += bits < room ? bits : room;
		return true;
	}
	if ((!bits && !program_number(program, &bits)) || !program_number(program, &count))
		return false;
	if (!bits || bits > *at)
		return false;
	count = count > room / bits ? room : count * bits;
	repeat_bits(builder->bits, *at, *at + count, bits);
	*at += count;
	return true;
}

static bool run_program(struct builder *builder, uint64_t address, uint64_t words)
{
	const struct grf_image *image = builder->masks->image;
	struct program program;
	uint64_t at = 0;
	uint32_t length;

	if (!grf_image_u32(image, address, &length))
		return false;
	program.at = grf_image_at(image, address + 4, length);
	if (!program.at)
		return false;
	program.end = program.at + length;
	while (program.at < program.end && at < words) {
		uint8_t code = *program.at++;

		if (!code)
			break;
		if (!program_step(builder, &program, code, words, &at))
			return false;
	}
	return true;
}

/* --- the table -------------------------------------------------------------------------------- */

struct grf_type_masks *grf_type_masks_create(const struct grf_image *image,
					     const struct grf_layout *layout,
					     const struct grf_modules *modules)
{
	struct grf_type_masks *masks = calloc(1, sizeof(*masks));

	if (!masks)
		return NULL;
	masks->image = image;
	masks->layout = layout;
	masks->modules = modules;
	masks->on_demand = layout->release->descriptor->masks_on_demand;
	return masks;
}

void grf_type_masks_destroy(struct grf_type_masks *masks)
{
	struct mask *mask, *next;

	if (!masks)
		return;
	HASH_ITER (hh, masks->by_address, mask, next) {
		HASH_DEL(masks->by_address, mask);
		free(mask->bits);
		free(mask);
	}
	free(masks);
}

static void fill_mask(struct grf_type_masks *masks, struct mask *mask)
{
	struct builder builder = {.masks = masks, .steps = BUILD_STEPS};
	struct descriptor type;
	uint64_t store;
	bool built;

	if (!read_descriptor(masks, mask->address, &type))
		return;
	/* One more word than the bits need, so that there is one for a type without pointers. */
	store = type.words / 64 + 1;
	if (store > MASK_STORE_MAX - masks->stored)
		return;
	/* A failed type takes as long, so it counts too. */
	masks->stored += store;
	builder.bits = calloc(store, sizeof(*builder.bits));
	if (!builder.bits)
		return;
	if (type.words && !masks->on_demand && (type.kind & KIND_GC_PROGRAM))
		built = run_program(&builder, type.gcdata, type.words);
	else
		built = build_mask(&builder, mask->address, 0, type.words, 0);
	if (!built) {
		free(builder.bits);
		return;
	}
	mask->bits = builder.bits;
	mask->words = type.words;
	mask->size = type.size;
}

const uint64_t *grf_type_masks_find(struct grf_type_masks *masks, uint64_t address,
				    uint64_t *ret_words, uint64_t *ret_type_size)
{
	struct mask *mask;

	HASH_FIND(hh, masks->by_address, &address, sizeof(address), mask);
	if (!mask) {
		mask = calloc(1, sizeof(*mask));
		if (!mask)
			return NULL;
		mask->address = address;
		fill_mask(masks, mask);
		HASH_ADD(hh, masks->by_address, address, sizeof(mask->address), mask);
	}
	if (ret_words)
		*ret_words = mask->words;
	if (ret_type_size)
		*ret_type_size = mask->size;
	return mask->bits;
}

const uint64_t *grf_types_pointer_mask(struct grf_types *types, uint64_t address,
				       uint64_t *ret_words, uint64_t *ret_type_size)
{
	return grf_type_masks_find(types->masks, address, ret_words, ret_type_size);
}
