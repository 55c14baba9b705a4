/* SPDX-License-Identifier: BSD-2-Clause */
/* What the checks of suspects have in common: going through objects, and adding what one finds,
 * with its sentence and its path. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/units.h"
#include "base/written_text.h"
#include "views/suspects/suspects_private.h"
#include "views/owners/way_down.h"

/* The name in a sentence is of so many elements at the most: the root and the last ones. */
#define SUBJECT_FIELDS 3u
/* No more are collected before they are ranked: each is a megabyte, or part of one. */
#define SUSPECTS_MAX 256u
/* See grf_suspect_least(). */
#define LEAST_SHARE 0.1

uint64_t grf_suspect_least(const struct grf_suspecting *suspecting)
{
	uint64_t least = (uint64_t)(LEAST_SHARE * (double)suspecting->retained->bytes);

	return least < suspecting->least ? suspecting->least : least;
}

static void visit_wanted(struct grf_suspecting *suspecting, const struct grf_span *span,
			 const bool *wanted, grf_node_visit *visit, void *context)
{
	const struct grf_graph *graph = suspecting->graph;

	for (uint32_t slot = 0; slot < span->slot_count; slot++) {
		uint64_t id = span->first_object + slot;
		uint32_t place = grf_places_get(&graph->places, id);

		if (place && !(place & GRF_GRAPH_INSIDE) && wanted[place])
			visit(context, grf_retained_node(suspecting->retained, id));
	}
}

struct grf_error *grf_suspect_objects(struct grf_suspecting *suspecting, grf_suspect_wants *wants,
				      grf_node_visit *visit, void *context)
{
	const struct grf_graph *graph = suspecting->graph;
	const struct grf_heap *heap = graph->model->heap;
	bool *wanted = calloc((size_t)graph->kind_count + 1, sizeof(*wanted)), any = false;
	struct grf_error *error = wanted ? NULL : grf_error_no_memory();

	for (uint32_t i = 1; wanted && i < graph->kind_count; i++)
		any |= wanted[i] = wants(&graph->kinds[i]);
	for (size_t i = 0; any && !error && i < heap->span_count; i++) {
		if (!(i & 1023) && grf_interrupted())
			error = grf_error_interrupted();
		else if (heap->spans[i].pointer_layout != GRF_POINTERS_NONE)
			visit_wanted(suspecting, &heap->spans[i], wanted, visit, context);
	}
	free(wanted);
	return error;
}

/* --- sentences -------------------------------------------------------------------------------- */

/* The elements of a path that have a name: its root, and fields. */
struct subject {
	const struct grf_retained *retained;
	const char *root;
	const char *fields[SUBJECT_FIELDS];
	const char *elements[SUBJECT_FIELDS]; /* of those fields */
	size_t count;                         /* of all fields */
};

static void add_field(struct subject *subject, const char *element)
{
	const struct grf_element *about = grf_owner_element_about(subject->retained, element);
	size_t last = SUBJECT_FIELDS - 1, kept;

	if (!about || !about->field)
		return;
	kept = subject->count < SUBJECT_FIELDS ? subject->count : SUBJECT_FIELDS;
	for (size_t i = 0; i < kept; i++)
		if (!strcmp(subject->elements[i], element))
			return;
	subject->count++;
	if (kept == SUBJECT_FIELDS) {
		memmove(subject->fields, subject->fields + 1, last * sizeof(*subject->fields));
		memmove(subject->elements, subject->elements + 1,
			last * sizeof(*subject->elements));
		kept = last;
	}
	subject->fields[kept] = about->field;
	subject->elements[kept] = element;
}

static void visit_element(void *context, const char *element, bool first)
{
	struct subject *subject = context;

	if (first)
		subject->root = element;
	else
		add_field(subject, element);
}

static void print_subject(FILE *stream, const struct grf_suspecting *suspecting,
			  const struct grf_owner_way *way)
{
	struct subject subject = {.retained = suspecting->retained};
	size_t shown;

	grf_owner_way_elements(suspecting->retained, way, visit_element, &subject);
	shown = subject.count < SUBJECT_FIELDS ? subject.count : SUBJECT_FIELDS;
	fputs(subject.root ? subject.root : "the heap", stream);
	if (subject.count > SUBJECT_FIELDS)
		fputs("...", stream);
	for (size_t i = 0; i < shown; i++)
		fprintf(stream, ".%s", subject.fields[i]);
}

static bool write_sentence(const struct grf_suspecting *suspecting, struct grf_suspect *suspect,
			   const struct grf_owner_way *way, const char *what)
{
	struct grf_written_text text;
	FILE *stream = grf_written_text_open(&text);

	if (stream) {
		print_subject(stream, suspecting, way);
		fprintf(stream, " holds %s (%.0f %%): %s; freeing it would free %s object%s",
			grf_format_bytes(suspect->bytes), 100 * suspect->share, what,
			grf_format_count_of(suspect->objects), suspect->objects == 1 ? "" : "s");
	}
	suspect->sentence = grf_written_text_close(&text);
	return suspect->sentence;
}

/* Who holds what no single root owns, as the owners have it. */
static void print_holders(FILE *stream, const struct grf_suspecting *suspecting, uint32_t node)
{
	const struct grf_owners *owners = suspecting->owners;
	const char *name = grf_owner_shared_name(suspecting->retained, node);

	for (size_t i = 0; name && i < owners->rows.count; i++) {
		const struct grf_owners_row *row = &owners->rows.items[i];

		if (!row->shared || strcmp(row->shared, name) != 0)
			continue;
		fputs(row->path + row->way_length, stream);
		return;
	}
}

/* Goes on with the path to a node. An owner's way came by there, mostly, and is not gone again. */
static bool print_way_down(const struct grf_suspecting *suspecting, uint32_t node,
			   struct grf_owner_path *path)
{
	const struct grf_owners *owners = suspecting->owners;
	struct grf_way_down down;

	for (size_t i = 0; i < owners->rows.count; i++)
		if (grf_way_trail_print(&owners->rows.items[i].trail, node, path))
			return true;
	return grf_way_down_print(suspecting->retained, &node, 1, path, NULL, &down);
}

static bool write_path(const struct grf_suspecting *suspecting,
		       const struct grf_suspicion *suspicion, struct grf_suspect *suspect,
		       const struct grf_owner_way *way)
{
	struct grf_owner_path path = {0};
	struct grf_way_down down;
	struct grf_written_text text;
	bool written;

	path.stream = grf_written_text_open(&text);
	if (!path.stream)
		return false;
	grf_owner_path_add_way(&path, suspecting->retained, way);
	if (suspicion->beside_count)
		written = grf_way_down_print(suspecting->retained, suspicion->beside,
					     suspicion->beside_count, &path, NULL, &down);
	else
		written = print_way_down(suspecting, suspicion->node, &path);
	if (way->nodes.count)
		print_holders(path.stream, suspecting, way->nodes.items[0]);
	suspect->path = grf_written_text_close(&text);
	return suspect->path && written;
}

static struct grf_suspect *new_suspect(struct grf_suspecting *suspecting,
				       const struct grf_suspicion *suspicion)
{
	struct grf_suspect *suspect = grf_array_add(&suspecting->suspects->rows);
	uint64_t all = suspecting->retained->bytes + suspicion->stacks;

	if (!suspect)
		return NULL;
	suspect->name = suspicion->name;
	suspect->node = suspicion->node;
	suspect->bytes = suspicion->size.bytes + suspicion->stacks;
	suspect->objects = suspicion->size.objects;
	suspect->count = suspicion->count;
	suspect->share = all ? (double)suspect->bytes / (double)all : 0;
	return suspect;
}

/* Whether a check has said the same, as many things of a hostile heap may lead to one, or there are
 * more than any heap has. */
static bool is_said(const struct grf_suspects *suspects, const struct grf_suspicion *suspicion)
{
	for (size_t i = 0; i < suspects->rows.count; i++)
		if (suspicion->node != GRF_NODE_NONE &&
		    suspects->rows.items[i].node == suspicion->node &&
		    suspects->rows.items[i].name == suspicion->name)
			return true;
	return suspects->rows.count >= SUSPECTS_MAX;
}

/* Adds a suspect; `what` is a part of its sentence, or all of it. */
static bool add_suspect(struct grf_suspecting *suspecting, const struct grf_suspicion *suspicion,
			const char *what, bool whole)
{
	struct grf_suspect *suspect = new_suspect(suspecting, suspicion);
	const struct grf_type *type = NULL;
	struct grf_owner_way way = {0};
	bool written;

	if (!suspect)
		return false;
	if (suspicion->node == GRF_NODE_NONE) {
		suspect->path = strdup(suspicion->path);
		suspect->sentence = strdup(what);
		return suspect->path && suspect->sentence;
	}
	type = grf_owner_type(suspecting->retained, suspicion->node);
	suspect->type = type ? grf_owner_type_name(suspecting->retained, type) : NULL;
	if (whole)
		suspect->sentence = strdup(what);
	written =
	    grf_owner_way_to(suspecting->retained, suspicion->node, &way) &&
	    (whole ? suspect->sentence != NULL : write_sentence(suspecting, suspect, &way, what)) &&
	    write_path(suspecting, suspicion, suspect, &way);
	grf_array_free(&way.nodes);
	return written;
}

static struct grf_error *say_suspect(struct grf_suspecting *suspecting,
				     const struct grf_suspicion *suspicion, bool whole,
				     const char *format, va_list arguments)
{
	char *what = NULL;
	bool added;

	if (is_said(suspecting->suspects, suspicion))
		return NULL;
	if (vasprintf(&what, format, arguments) < 0)
		return grf_error_no_memory();
	added = add_suspect(suspecting, suspicion, what, whole);
	free(what);
	return added ? NULL : grf_error_no_memory();
}

struct grf_error *grf_suspect_add(struct grf_suspecting *suspecting,
				  const struct grf_suspicion *suspicion, const char *format, ...)
{
	struct grf_error *error;
	va_list arguments;

	va_start(arguments, format);
	error = say_suspect(suspecting, suspicion, false, format, arguments);
	va_end(arguments);
	return error;
}

struct grf_error *grf_suspect_say(struct grf_suspecting *suspecting,
				  const struct grf_suspicion *suspicion, const char *format, ...)
{
	struct grf_error *error;
	va_list arguments;

	va_start(arguments, format);
	error = say_suspect(suspecting, suspicion, true, format, arguments);
	va_end(arguments);
	return error;
}

/* Many objects of a type that no single thing owns. Its path ends with who holds them. */
static struct grf_error *add_shared(struct grf_suspecting *suspecting,
				    const struct grf_owners_row *row)
{
	const struct grf_suspicion suspicion = {
	    .name = "accumulation",
	    .node = GRF_NODE_NONE,
	    .path = row->path,
	    .size = {row->bytes, row->objects},
	    .count = row->owned,
	};
	size_t before = suspecting->suspects->rows.count;
	struct grf_error *error = grf_suspect_say(
	    suspecting, &suspicion,
	    "%s of %s hold %s (%.0f %%)%s; freeing them would free %s objects",
	    grf_format_count_of(row->owned), row->shared, grf_format_bytes(row->bytes),
	    100 * row->share, row->path + row->way_length, grf_format_count_of(row->objects));

	if (!error && suspecting->suspects->rows.count > before) {
		suspecting->suspects->rows.items[before].type = row->type;
		suspecting->suspects->rows.items[before].shared = row->shared;
	}
	return error;
}

struct grf_error *grf_suspect_shared(struct grf_suspecting *suspecting)
{
	struct grf_error *error = NULL;

	for (size_t i = 0; !error && i < suspecting->owners->rows.count; i++) {
		const struct grf_owners_row *row = &suspecting->owners->rows.items[i];

		if (row->shared && !row->motley && row->owned >= GRF_SUSPECT_MANY &&
		    row->bytes >= grf_suspect_least(suspecting))
			error = add_shared(suspecting, row);
	}
	return error;
}
