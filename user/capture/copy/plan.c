/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Makes the pieces of a plan from parsed mappings, and gives each piece its destination in the
 * space.
 */
#include "capture/copy/plan.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "image/image.h"

#define FIRST_TEXT  (64u << 10)
#define TEXT_LIMIT  (1ull << 30)
#define MORE_PIECES 4096
#define SCAN_RUNS   64
#define SCAN_PAGES  (1ull << 30)

enum read_result {
	READ_WHOLE,
	READ_MORE, /* the room is used up */
	READ_FAILED,
};

/* The kernel writes the file again for whoever reads from its beginning. */
static enum read_result read_maps(struct grf_plan *plan, int maps)
{
	ssize_t length;

	plan->text_length = 0;
	for (;;) {
		if (plan->text_length == plan->text_room)
			return READ_MORE;
		length = pread(maps, plan->text + plan->text_length,
			       plan->text_room - plan->text_length, (off_t)plan->text_length);
		if (length < 0 && errno == EINTR && !grf_interrupted())
			continue;
		if (length < 0)
			return READ_FAILED;
		if (!length)
			return READ_WHOLE;
		plan->text_length += (size_t)length;
	}
}

/* Lines the mappings up. False: no room. What is not ascending is dropped. */
static bool parse_lines(struct grf_plan *plan)
{
	const char *at = plan->text, *end = plan->text + plan->text_length;
	struct grf_map_line line;

	plan->line_count = 0;
	while (grf_map_parse(&at, end, &line)) {
		if (plan->line_count && line.start < plan->lines[plan->line_count - 1].end)
			continue;
		if (plan->line_count == plan->line_room)
			return false;
		plan->lines[plan->line_count++] = line;
	}
	return true;
}

static bool add_piece(struct grf_plan *plan, const struct grf_map_line *line,
		      enum grf_map_part part, uint64_t start, uint64_t end)
{
	struct grf_piece *last = plan->piece_count ? &plan->pieces[plan->piece_count - 1] : NULL;

	if (last && last->end == start && last->flags == line->flags && last->part == part) {
		last->end = end;
		return true;
	}
	if (!plan->pieces || plan->piece_count == plan->piece_room)
		return false;
	plan->pieces[plan->piece_count++] =
	    (struct grf_piece){.start = start, .end = end, .flags = line->flags, .part = part};
	return true;
}

/*
 * The pages of a file mapping that the process made its own. One such page takes the whole mapping
 * along, if it is not large: what lies in it, runtime types for example, may cross pages.
 */
static bool add_written(struct grf_plan *plan, const struct grf_map_line *line,
			struct grf_resident *resident)
{
	struct grf_run runs[SCAN_RUNS];
	uint64_t at = line->start;
	size_t i, count;

	while (at < line->end && !grf_interrupted()) {
		count = grf_resident_runs(resident, GRF_RESIDENT_WRITTEN, at, line->end, runs,
					  SCAN_RUNS, SCAN_PAGES, &at);
		if (count && line->end - line->start <= GRF_MAP_WHOLE_LIMIT)
			return add_piece(plan, line, GRF_MAP_ALL, line->start, line->end);
		for (i = 0; i < count; i++)
			if (!add_piece(plan, line, GRF_MAP_WRITTEN, runs[i].start, runs[i].end))
				return false;
	}
	return true;
}

/* Where `first` has the same read-only mapping, its pages are what they were then. */
static bool add_written_before(struct grf_plan *plan, const struct grf_map_line *line,
			       const struct grf_plan *first, size_t *piece, bool *ret_known)
{
	size_t low = 0, high = first->line_count, middle;
	const struct grf_map_line *before;

	while (low < high) {
		middle = low + (high - low) / 2;
		if (first->lines[middle].end <= line->start)
			low = middle + 1;
		else
			high = middle;
	}
	before = low < first->line_count ? &first->lines[low] : NULL;
	*ret_known = before && before->start == line->start && before->end == line->end &&
		     before->flags == line->flags && !(line->flags & GRF_SEGMENT_WRITE) &&
		     before->file_offset == line->file_offset;
	if (!*ret_known)
		return true;
	while (*piece < first->piece_count && first->pieces[*piece].end <= line->start)
		++*piece;
	for (; *piece < first->piece_count && first->pieces[*piece].start < line->end; ++*piece) {
		const struct grf_piece *known = &first->pieces[*piece];
		uint64_t start = known->start > line->start ? known->start : line->start;
		uint64_t end = known->end < line->end ? known->end : line->end;

		if (!add_piece(plan, line, known->part, start, end))
			return false;
		if (known->end > line->end)
			break;
	}
	return true;
}

static bool add_line(struct grf_plan *plan, const struct grf_map_line *line,
		     const struct grf_plan *first, struct grf_resident *resident, size_t *piece)
{
	enum grf_map_part part = grf_map_part(line);
	bool known = false;

	if (part == GRF_MAP_NOTHING)
		return true;
	if (part != GRF_MAP_WRITTEN)
		return add_piece(plan, line, part, line->start, line->end);
	if (first && !add_written_before(plan, line, first, piece, &known))
		return false;
	return known || add_written(plan, line, resident);
}

static bool add_lines(struct grf_plan *plan, const struct grf_plan *first,
		      struct grf_resident *resident)
{
	size_t i, piece = 0;

	plan->piece_count = 0;
	for (i = 0; i < plan->line_count; i++)
		if (!add_line(plan, &plan->lines[i], first, resident, &piece))
			return false;
	return true;
}

/* Cuts a piece in two at `end`. False: no room. */
static bool split_piece(struct grf_plan *plan, size_t index, uint64_t end)
{
	struct grf_piece *piece = &plan->pieces[index];

	if (plan->piece_count == plan->piece_room)
		return false;
	memmove(piece + 1, piece, (plan->piece_count - index) * sizeof(*piece));
	plan->piece_count++;
	piece[0].end = piece[1].start = end;
	return true;
}

/*
 * Gives each piece its destination. Pieces that have grown beyond the area that covers them are
 * cut: what was copied of them before the stop is where it was. What lies within a piece of `first`
 * is accessible already.
 */
static bool place_pieces(struct grf_plan *plan, const struct grf_plan *first,
			 struct grf_space *space)
{
	size_t i, known = 0;

	for (i = 0; i < plan->piece_count; i++) {
		struct grf_piece *piece = &plan->pieces[i];
		uint64_t end, offset;

		piece->data = grf_space_find(space, piece->start, piece->end, &end);
		if (!piece->data || (end < piece->end && !split_piece(plan, i, end)))
			return false;
		while (first && known < first->piece_count && first->pieces[known].end < piece->end)
			known++;
		if ((first && known < first->piece_count &&
		     first->pieces[known].start <= piece->start) ||
		    grf_space_is_spilled(space, piece->data, &offset))
			continue;
		if (!grf_space_open(piece->data, piece->end - piece->start))
			return false;
	}
	return true;
}

void grf_plan_bounds(const void *context, size_t index, uint64_t *start, uint64_t *end)
{
	const struct grf_plan *plan = context;

	*start = plan->pieces[index].start;
	*end = plan->pieces[index].end;
}

static bool grow_items(void *items, size_t *room, size_t size, size_t wanted)
{
	void *grown = reallocarray(*(void **)items, wanted, size);

	if (!grown)
		return false;
	*(void **)items = grown;
	*room = wanted;
	return true;
}

static struct grf_error *read_maps_growing(struct grf_plan *plan, int maps)
{
	size_t wanted = FIRST_TEXT;

	for (; wanted <= TEXT_LIMIT; wanted *= 2) {
		if (!grow_items(&plan->text, &plan->text_room, 1, wanted))
			return grf_error_no_memory();
		switch (read_maps(plan, maps)) {
		case READ_WHOLE:
			return NULL;
		case READ_FAILED:
			return grf_error_errno(GRF_ERROR_OTHER, errno, "read the maps file");
		case READ_MORE:
			break;
		}
	}
	return grf_error_create(GRF_ERROR_OTHER, "the process has too many mappings");
}

/* No line is shorter than 40 characters. */
static size_t line_bound(const struct grf_plan *plan)
{
	return plan->text_length / 40 + 1;
}

struct grf_error *grf_plan_place(struct grf_plan *plan, struct grf_space *space)
{
	/* Each area may cut a piece in two. */
	if (!grow_items(&plan->pieces, &plan->piece_room, sizeof(*plan->pieces),
			plan->piece_room + space->count))
		return grf_error_no_memory();
	if (!place_pieces(plan, NULL, space))
		return grf_error_create(GRF_ERROR_NO_MEMORY, "no memory for a copy of the process");
	return NULL;
}

struct grf_error *grf_plan_make(struct grf_plan *plan, int maps, struct grf_resident *resident,
				struct grf_space *space)
{
	struct grf_error *error = read_maps_growing(plan, maps);

	if (error)
		return error;
	if (!grow_items(&plan->lines, &plan->line_room, sizeof(*plan->lines), line_bound(plan)))
		return grf_error_no_memory();
	parse_lines(plan);
	if (!plan->line_count)
		return grf_error_create(GRF_ERROR_EXITED, "the process exited");
	do {
		if (!grow_items(&plan->pieces, &plan->piece_room, sizeof(*plan->pieces),
				plan->piece_room * 2 + MORE_PIECES))
			return grf_error_no_memory();
	} while (!add_lines(plan, NULL, resident));
	error = grf_space_reserve(space, plan->piece_count, grf_plan_bounds, plan);
	if (error)
		return error;
	return grf_plan_place(plan, space);
}

struct grf_error *grf_plan_make_room(struct grf_plan *plan, const struct grf_plan *first)
{
	if (!grow_items(&plan->text, &plan->text_room, 1, 2 * first->text_length + FIRST_TEXT) ||
	    !grow_items(&plan->lines, &plan->line_room, sizeof(*plan->lines),
			2 * first->line_count + MORE_PIECES) ||
	    !grow_items(&plan->pieces, &plan->piece_room, sizeof(*plan->pieces),
			2 * first->piece_count + MORE_PIECES))
		return grf_error_no_memory();
	memset(plan->text, 0, plan->text_room);
	memset(plan->lines, 0, plan->line_room * sizeof(*plan->lines));
	memset(plan->pieces, 0, plan->piece_room * sizeof(*plan->pieces));
	return NULL;
}

enum grf_plan_result grf_plan_again(struct grf_plan *plan, const struct grf_plan *first, int maps,
				    struct grf_resident *resident, struct grf_space *space)
{
	switch (read_maps(plan, maps)) {
	case READ_WHOLE:
		break;
	case READ_MORE:
		return GRF_PLAN_NO_ROOM;
	case READ_FAILED:
		return GRF_PLAN_GONE;
	}
	if (!parse_lines(plan))
		return GRF_PLAN_NO_ROOM;
	if (!plan->line_count)
		return GRF_PLAN_GONE;
	if (!add_lines(plan, first, resident))
		return GRF_PLAN_NO_ROOM;
	return place_pieces(plan, first, space) ? GRF_PLAN_DONE : GRF_PLAN_NO_SPACE;
}

const struct grf_piece *grf_plan_find(const struct grf_plan *plan, uint64_t address)
{
	size_t low = 0, high = plan->piece_count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (plan->pieces[middle].end <= address)
			low = middle + 1;
		else
			high = middle;
	}
	return low < plan->piece_count && plan->pieces[low].start <= address ? &plan->pieces[low]
									     : NULL;
}

void grf_plan_free(struct grf_plan *plan)
{
	free(plan->text);
	free(plan->lines);
	free(plan->pieces);
	memset(plan, 0, sizeof(*plan));
}
