/* SPDX-License-Identifier: BSD-2-Clause */
/* Type data as the linker lays it out, written by hand, and the types read from it. */
#ifndef GRF_TESTS_TYPE_DATA_H
#define GRF_TESTS_TYPE_DATA_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "arch/arch.h"
#include "model/code/version.h"
#include "model/types/types.h"
#include "model/types_create.h"

/* No test needs all of it. */
#pragma GCC diagnostic ignored "-Wunused-function"

#define BASE   UINT64_C(0x500000)
#define MEMORY (1 << 20)

enum {
	UINT8 = 8,
	INT = 2,
	ARRAY = 17,
	CHAN = 18,
	FUNC = 19,
	INTERFACE = 20,
	MAP = 21,
	POINTER = 22,
	SLICE = 23,
	STRING = 24,
	STRUCT = 25,
	UNSAFE_POINTER = 26,
};

enum { UNCOMMON = 1, NAMED = 4, DIRECT = 0x20 };

struct field {
	const char *name;
	uint64_t type;
	uint64_t offset;
};

/* A module's type data as it grows, and the types read from it. */
struct world {
	uint8_t *memory;
	uint64_t used;
	struct grf_segment segment;
	struct grf_image *image;
	struct grf_layout layout;
	struct grf_module module;
	struct grf_modules modules;
	struct grf_types *types;
};

static uint64_t reserve(struct world *world, uint64_t size)
{
	uint64_t address = BASE + world->used;

	world->used += (size + 7) & ~UINT64_C(7);
	assert_true(world->used <= MEMORY);
	return address;
}

static void put(struct world *world, uint64_t address, uint64_t value, size_t size)
{
	memcpy(world->memory + (address - BASE), &value, size);
}

static uint64_t add_name(struct world *world, const char *name, uint8_t flags)
{
	size_t length = strlen(name);
	uint64_t address = reserve(world, length + 3);

	put(world, address, flags, 1);
	if (length < 128) {
		put(world, address + 1, length, 1);
		memcpy(world->memory + (address + 2 - BASE), name, length);
	} else {
		put(world, address + 1, (length & 0x7f) | 0x80 | (length >> 7) << 8, 2);
		memcpy(world->memory + (address + 3 - BASE), name, length);
	}
	return address;
}

/* The common part and `tail` bytes behind it. */
static uint64_t add_type(struct world *world, int kind, const char *name, uint64_t size,
			 uint64_t pointer_bytes, int tflag, uint64_t tail)
{
	uint64_t string = name ? add_name(world, name, 1) : 0;
	uint64_t address = reserve(world, 48 + tail + 16);

	put(world, address, size, 8);
	put(world, address + 8, pointer_bytes, 8);
	put(world, address + 20, (uint64_t)tflag, 1);
	put(world, address + 21, 8, 1);
	put(world, address + 23, (uint64_t)kind, 1);
	put(world, address + 40, string ? string - BASE : (uint32_t)-5, 4);
	return address;
}

static uint64_t add_word(struct world *world, uint64_t type, int index, uint64_t value)
{
	put(world, type + 48 + (uint64_t)index * 8, value, 8);
	return type;
}

static uint64_t add_pointer(struct world *world, uint64_t element)
{
	return add_word(world, add_type(world, POINTER, NULL, 8, 8, DIRECT, 8), 0, element);
}

static uint64_t add_slice(struct world *world, uint64_t element)
{
	return add_word(world, add_type(world, SLICE, NULL, 24, 8, 0, 8), 0, element);
}

static uint64_t add_array(struct world *world, uint64_t element, uint64_t count, uint64_t size)
{
	uint64_t type = add_type(world, ARRAY, NULL, size, size, 0, 24);

	add_word(world, type, 0, element);
	return add_word(world, type, 2, count);
}

static void set_fields(struct world *world, uint64_t type, const struct field *fields, size_t count)
{
	uint64_t at = reserve(world, count * 24);

	add_word(world, type, 0, 0);
	add_word(world, type, 1, at);
	add_word(world, type, 2, count);
	for (size_t i = 0; i < count; i++, at += 24) {
		put(world, at, add_name(world, fields[i].name, 0), 8);
		put(world, at + 8, fields[i].type, 8);
		put(world, at + 16, fields[i].offset, 8);
	}
}

static uint64_t add_struct(struct world *world, const char *name, uint64_t size,
			   const struct field *fields, size_t count)
{
	uint64_t type = add_type(world, STRUCT, name, size, size, NAMED, 32);

	set_fields(world, type, fields, count);
	return type;
}

static struct grf_type *read_type(struct world *world, uint64_t address)
{
	struct grf_type *type = grf_types_by_descriptor(world->types, address);

	assert_non_null(type);
	grf_type_plan(world->types, type);
	assert_true(type->planned);
	return type;
}

static int set_up_version(void **state, const char *version)
{
	struct world *world = calloc(1, sizeof(*world));
	struct grf_version parsed;

	world->memory = calloc(1, MEMORY);
	world->used = 64;
	world->segment = (struct grf_segment){BASE, BASE + MEMORY, GRF_SEGMENT_READ, world->memory};
	assert_null(grf_image_from_segments(&grf_arch_amd64, &world->segment, 1, &world->image));
	assert_true(grf_version_parse(version, &parsed));
	assert_null(grf_layout_resolve(&parsed, NULL, &world->layout));
	world->module.types = BASE;
	world->module.etypes = BASE + MEMORY;
	world->modules = (struct grf_modules){&world->module, 1};
	assert_null(grf_types_create(world->image, NULL, &world->layout, &world->modules, NULL,
				     &grf_naming_goref, &world->types));
	*state = world;
	return 0;
}

static int set_up(void **state)
{
	return set_up_version(state, "go1.26.8");
}

static int set_up_old(void **state)
{
	return set_up_version(state, "go1.23.12");
}

static int set_up_oldest(void **state)
{
	return set_up_version(state, "go1.18.10");
}

static int tear_down(void **state)
{
	struct world *world = *state;

	grf_types_destroy(world->types);
	grf_image_destroy(world->image);
	free(world->memory);
	free(world);
	return 0;
}

#endif
