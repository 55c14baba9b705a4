/* SPDX-License-Identifier: BSD-2-Clause */
/* Reads which function a timer calls. */
#include <string.h>

#include "model/types/types_parts.h"

bool grf_type_is_timer(const struct grf_type *type)
{
	static const char *const names[] = {"runtime.timer", "time.Timer", "time.Ticker"};

	return grf_type_is_one_of(type, names, sizeof(names) / sizeof(*names));
}

/* The struct in which time.Timer and what it is the beginning of have the runtime's timer: up to Go
 * 1.22 a copy of its type (time/sleep.go), then itself (runtime/time.go). Moves *memory there. */
static const struct grf_shape *runtime_timer(struct grf_types *types, struct grf_type *timer,
					     const uint8_t **memory, uint64_t *room)
{
	struct grf_type *whole = grf_type_variant(types, timer, *memory, *room);
	const struct grf_shape *shape = grf_types_shape(types, whole ? whole : timer);
	const struct grf_type_field *inner = grf_shape_field(shape, "timer");

	if (!inner)
		inner = grf_shape_field(shape, "r");
	if (!inner || inner->offset >= *room)
		return shape;
	*memory += inner->offset;
	*room -= inner->offset;
	return grf_types_shape(types, inner->type);
}

/* A word of the field `name` of a struct at `memory`. 0: it is not there. */
static uint64_t field_word(const struct grf_shape *shape, const char *name, uint64_t word,
			   const uint8_t *memory, uint64_t room)
{
	const struct grf_type_field *field = grf_shape_field(shape, name);
	uint64_t offset = field ? field->offset + word * GRF_WORD_BYTES : room;

	return offset < room && room - offset >= GRF_WORD_BYTES ? grf_load_u64(memory + offset) : 0;
}

/* The function that a *funcval leads to. */
static bool function_of(struct grf_types *types, uint64_t funcval, struct grf_function *ret)
{
	uint64_t pc;

	return funcval && types->table && grf_image_u64(types->image, funcval, &pc) &&
	       grf_pclntab_find(types->table, pc, ret);
}

bool grf_timer_called(struct grf_types *types, struct grf_type *timer, const uint8_t *memory,
		      uint64_t room, struct grf_function *ret)
{
	const struct grf_shape *shape = runtime_timer(types, timer, &memory, &room);
	struct grf_function given;

	if (!function_of(types, field_word(shape, "f", 0, memory, room), ret))
		return false;
	/* An interface{} with the func() in it. */
	if (!strcmp(ret->name, "time.goFunc") &&
	    function_of(types, field_word(shape, "arg", 1, memory, room), &given))
		*ret = given;
	return true;
}

const char *grf_timer_name(struct grf_types *types, struct grf_type *timer, const uint8_t *memory,
			   uint64_t room)
{
	struct grf_function called;

	if (!grf_timer_called(types, timer, memory, room, &called))
		return NULL;
	return grf_types_intern_format(types, "timer %s",
				       strcmp(called.name, GRF_TIMER_SENDS) ? called.name
									    : "chan time.Time");
}
