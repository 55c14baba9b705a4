/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The reference tree as a gzipped pprof profile: a sample for each node that holds objects, its
 * chain as the stack (leaf first), sample types inuse_objects/count and inuse_space/bytes, largest
 * first. Its time is when the process was let go, so the same image gives the same bytes. It has no
 * place for tables.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uthash.h>
#include <zlib.h>

#include "base/cleanup.h"
#include "base/text.h"
#include "model/stacks/labels.h"
#include "outputs/fewer_samples.h"
#include "outputs/words.h"
#include "outputs/writer.h"
#include "profile.pb-c.h"

typedef Grf__Pprof__Profile Profile;
typedef Grf__Pprof__Sample Sample;
typedef Grf__Pprof__Mapping Mapping;
typedef Grf__Pprof__Location Location;
typedef Grf__Pprof__Function Function;
typedef Grf__Pprof__Line Line;
typedef Grf__Pprof__ValueType ValueType;
typedef Grf__Pprof__Label Label;

/* The id of the one mapping, which is the program. */
#define PROGRAM 1u

/* A name's place in the string table and the function and location made of it. */
struct name {
	UT_hash_handle hh;
	const char *text; /* as the tree has it */
	char *shown;      /* the same with escapes where it needs some, else NULL; owned */
	int64_t string;
	uint64_t location; /* id; 0: none */
};

/* An element: one name is one function with one location. */
struct element {
	Function function;
	Location location;
	Line line;
	Line *lines[1];
};

struct writer {
	const struct grf_tree *tree;
	struct grf_sample_values *shown; /* by node */
	struct name *names;
	struct name *name_memory; /* as many as there can be */
	size_t name_count;
	bool no_memory; /* for an escaped name */
	char **strings;
	struct element *elements; /* by location id - 1 */
	Function **functions;
	Location **locations;
	size_t location_count;
	Sample *samples;
	Sample **sample_list;
	size_t sample_count;
	Label *labels; /* of all samples, one behind the other */
	Label **label_list;
	size_t label_count;
	int64_t label_key;
	uint64_t *chains; /* the samples' location ids */
	int64_t *values;
};

static struct name *name_of(struct writer *writer, const char *text)
{
	struct name *name;

	HASH_FIND_STR(writer->names, text, name);
	if (name)
		return name;
	name = &writer->name_memory[writer->name_count];
	name->text = text;
	name->string = (int64_t)writer->name_count;
	writer->strings[writer->name_count++] = (char *)text;
	/* Viewers print names unchanged, and expect UTF-8. */
	if (!grf_text_is_plain(text)) {
		name->shown = grf_text_escaped(text);
		writer->no_memory |= !name->shown;
		writer->strings[name->string] = name->shown;
	}
	HASH_ADD_KEYPTR(hh, writer->names, name->text, strlen(text), name);
	return name;
}

static uint64_t location_of(struct writer *writer, const char *text)
{
	struct name *name = name_of(writer, text);
	struct element *element;

	if (name->location)
		return name->location;
	element = &writer->elements[writer->location_count];
	name->location = ++writer->location_count;
	grf__pprof__function__init(&element->function);
	grf__pprof__location__init(&element->location);
	grf__pprof__line__init(&element->line);
	element->function.id = name->location;
	element->function.name = name->string;
	element->line.function_id = name->location;
	element->lines[0] = &element->line;
	element->location.id = name->location;
	element->location.mapping_id = PROGRAM;
	element->location.n_line = 1;
	element->location.line = element->lines;
	writer->functions[name->location - 1] = &element->function;
	writer->locations[name->location - 1] = &element->location;
	return name->location;
}

/* The labels of a node's goroutines. */
static const struct grf_label_list *labels_of(const struct grf_tree *tree,
					      const struct grf_tree_node *node)
{
	static const struct grf_label_list none;

	return node->labels && tree->label_sets ? &tree->label_sets[node->labels - 1] : &none;
}

static void add_label(struct writer *writer, int64_t key, const char *value)
{
	Label *label = &writer->labels[writer->label_count];

	grf__pprof__label__init(label);
	label->key = key;
	label->str = name_of(writer, value)->string;
	writer->label_list[writer->label_count++] = label;
}

static void add_labels(struct writer *writer, const struct grf_tree_node *node, Sample *sample)
{
	const struct grf_label_list *list = labels_of(writer->tree, node);
	size_t first = writer->label_count;

	if (node->created_by)
		add_label(writer, writer->label_key, node->created_by);
	for (size_t i = 0; i < list->items.count; i++) {
		const struct grf_label *label = &list->items.items[i];

		/* To pprof, a label without text is one of a number. */
		if (*label->key && *label->value)
			add_label(writer, name_of(writer, label->key)->string, label->value);
	}
	sample->label = &writer->label_list[first];
	sample->n_label = writer->label_count - first;
}

static void add_sample(struct writer *writer, uint32_t index, uint64_t **chain)
{
	const struct grf_tree_node *node = &writer->tree->nodes[index];
	Sample *sample = &writer->samples[writer->sample_count];
	int64_t *values = &writer->values[writer->sample_count * 2];
	uint64_t *first = *chain;

	grf__pprof__sample__init(sample);
	for (uint32_t at = index; at != GRF_TREE_NONE; at = writer->tree->nodes[at].parent)
		*(*chain)++ = location_of(writer, writer->tree->nodes[at].name);
	values[0] = (int64_t)writer->shown[index].objects;
	values[1] = (int64_t)writer->shown[index].bytes;
	sample->location_id = first;
	sample->n_location_id = (size_t)(*chain - first);
	sample->value = values;
	sample->n_value = 2;
	add_labels(writer, node, sample);
	writer->sample_list[writer->sample_count++] = sample;
}

/* How many strings all sets of labels have. */
static size_t label_strings(const struct grf_tree *tree)
{
	uint32_t sets = 0;
	size_t strings = 0;

	for (uint32_t i = 0; i < tree->node_count; i++)
		if (tree->nodes[i].labels > sets)
			sets = tree->nodes[i].labels;
	for (uint32_t i = 0; tree->label_sets && i < sets; i++)
		strings += 2 * tree->label_sets[i].items.count;
	return strings;
}

/* Allocates everything at its largest. False: out of memory. */
static bool prepare_profile(struct writer *writer, size_t extra_strings)
{
	const struct grf_tree *tree = writer->tree;
	size_t nodes = tree->node_count, samples = 0, chain = 0, labels = 0, strings;

	for (size_t i = 0; i < nodes; i++) {
		if (!writer->shown[i].objects)
			continue;
		samples++;
		chain += tree->nodes[i].depth + 1;
		labels += 1 + labels_of(tree, &tree->nodes[i])->items.count;
	}
	/* A node needs two strings at most: its name and its creator. */
	strings = 2 * nodes + label_strings(tree) + extra_strings;
	writer->name_memory = calloc(strings, sizeof(*writer->name_memory));
	writer->strings = calloc(strings, sizeof(*writer->strings));
	writer->elements = calloc(nodes + 1, sizeof(*writer->elements));
	writer->functions = calloc(nodes + 1, sizeof(*writer->functions));
	writer->locations = calloc(nodes + 1, sizeof(*writer->locations));
	writer->samples = calloc(samples + 1, sizeof(*writer->samples));
	writer->sample_list = calloc(samples + 1, sizeof(*writer->sample_list));
	writer->labels = calloc(labels + 1, sizeof(*writer->labels));
	writer->label_list = calloc(labels + 1, sizeof(*writer->label_list));
	writer->values = calloc(samples + 1, 2 * sizeof(*writer->values));
	writer->chains = calloc(chain + 1, sizeof(*writer->chains));
	return writer->name_memory && writer->strings && writer->elements && writer->functions &&
	       writer->locations && writer->samples && writer->sample_list && writer->labels &&
	       writer->label_list && writer->values && writer->chains;
}

static void release_profile(struct writer *writer)
{
	HASH_CLEAR(hh, writer->names);
	for (size_t i = 0; i < writer->name_count; i++)
		free(writer->name_memory[i].shown);
	free(writer->shown);
	free(writer->name_memory);
	free(writer->strings);
	free(writer->elements);
	free(writer->functions);
	free(writer->locations);
	free(writer->samples);
	free(writer->sample_list);
	free(writer->labels);
	free(writer->label_list);
	free(writer->values);
	free(writer->chains);
}

static struct grf_error *compress_and_write(const void *data, size_t size,
					    struct grf_output *output)
{
	z_stream stream = {0};
	_cleanup_free_ void *packed = NULL;
	size_t bound;
	int result;

	/* 15 + 16: a gzip header, whose time stays zero, so that the same tree gives the same
	 * bytes. */
	if (deflateInit2(&stream, Z_DEFAULT_COMPRESSION, Z_DEFLATED, 15 + 16, 8,
			 Z_DEFAULT_STRATEGY) != Z_OK)
		return grf_error_no_memory();
	bound = deflateBound(&stream, size);
	packed = malloc(bound);
	if (!packed || size > UINT32_MAX || bound > UINT32_MAX) {
		deflateEnd(&stream);
		return packed ? grf_error_create(GRF_ERROR_OUTPUT,
						 "the profile is larger than 4 GiB; give a smaller "
						 "--max-depth, or leave --no-fold out")
			      : grf_error_no_memory();
	}
	stream.next_in = (Bytef *)data;
	stream.avail_in = (uInt)size;
	stream.next_out = packed;
	stream.avail_out = (uInt)bound;
	result = deflate(&stream, Z_FINISH);
	deflateEnd(&stream);
	if (result != Z_STREAM_END)
		return grf_error_create(GRF_ERROR_OUTPUT, "cannot compress the profile");
	return grf_output_write(output, packed, stream.total_out);
}

static struct grf_error *serialise_profile(const Profile *profile, struct grf_output *output)
{
	size_t size = grf__pprof__profile__get_packed_size(profile);
	_cleanup_free_ uint8_t *data = malloc(size ? size : 1);

	if (!data)
		return grf_error_no_memory();
	grf__pprof__profile__pack(profile, data);
	return compress_and_write(data, size, output);
}

#define COMMENTS 6

/* What viewers show above each of their reports, a line each. JSON has all the rest. Returns the
 * number of lines. */
static size_t write_comments(const struct grf_writer *result, char (*ret)[256])
{
	const struct grf_provenance *from = result->facts->provenance;
	const struct grf_pause *pause = &from->pause;
	size_t count = 0;

	snprintf(ret[count++], sizeof(*ret), "go_version: %s", result->facts->go_version);
	if (result->folded.count)
		snprintf(ret[count++], sizeof(*ret),
			 "folded_samples: %" PRIu64 " of %" PRIu64
			 " bytes, which count at what holds them",
			 result->folded.count, result->folded.bytes);
	if (result->facts->shown && result->facts->shown->focus)
		snprintf(ret[count++], sizeof(*ret), "focus: %s", result->facts->shown->focus);
	if (result->facts->shown && result->facts->shown->hide)
		snprintf(ret[count++], sizeof(*ret), "hide: %s", result->facts->shown->hide);
	if (from->origin == GRF_ORIGIN_CORE)
		return count;
	snprintf(ret[count++], sizeof(*ret), "pause_ns: %" PRIu64 " (%s, %s clock)", pause->total,
		 grf_word_freeze(from), grf_word_clock(from));
	snprintf(ret[count++], sizeof(*ret), "copied_by: %s", grf_word_copy(from));
	return count;
}

static int by_size(const void *left, const void *right)
{
	const Sample *a = *(Sample *const *)left, *b = *(Sample *const *)right;

	if (a->value[1] != b->value[1])
		return a->value[1] > b->value[1] ? -1 : 1;
	if (a->value[0] != b->value[0])
		return a->value[0] > b->value[0] ? -1 : 1;
	return a < b ? -1 : a > b;
}

static void add_samples(struct writer *writer)
{
	uint64_t *chain = writer->chains;

	for (uint32_t i = 0; i < writer->tree->node_count; i++)
		if (writer->shown[i].objects)
			add_sample(writer, i, &chain);
	if (writer->sample_count)
		qsort(writer->sample_list, writer->sample_count, sizeof(*writer->sample_list),
		      by_size);
}

static struct grf_error *write_tree(struct grf_writer *result, const struct grf_tree *tree)
{
	struct writer writer = {.tree = tree};
	char lines[COMMENTS][256];
	int64_t comments[COMMENTS];
	Profile profile = GRF__PPROF__PROFILE__INIT;
	Mapping program = GRF__PPROF__MAPPING__INIT, *mappings[] = {&program};
	ValueType objects = GRF__PPROF__VALUE_TYPE__INIT, space = GRF__PPROF__VALUE_TYPE__INIT;
	ValueType *types[] = {&objects, &space};
	struct grf_error *error =
	    grf_fewer_samples(tree, result->max_samples, &writer.shown, &result->folded);

	if (error || !prepare_profile(&writer, COMMENTS + 10)) {
		release_profile(&writer);
		return error ? error : grf_error_no_memory();
	}
	name_of(&writer, "");
	objects.type = name_of(&writer, "inuse_objects")->string;
	objects.unit = name_of(&writer, "count")->string;
	space.type = name_of(&writer, "inuse_space")->string;
	space.unit = name_of(&writer, "bytes")->string;
	writer.label_key = name_of(&writer, "created_by")->string;
	add_samples(&writer);
	profile.n_comment = write_comments(result, lines);
	for (size_t i = 0; i < profile.n_comment; i++)
		comments[i] = name_of(&writer, lines[i])->string;
	profile.comment = comments;
	profile.time_nanos = result->facts->provenance->taken;
	program.id = PROGRAM;
	program.filename = name_of(&writer, result->facts->program)->string;
	program.build_id = name_of(&writer, result->facts->build_id)->string;
	program.has_functions = true;
	profile.mapping = mappings;
	profile.n_mapping = 1;
	profile.sample_type = types;
	profile.n_sample_type = 2;
	profile.sample = writer.sample_list;
	profile.n_sample = writer.sample_count;
	profile.location = writer.locations;
	profile.n_location = writer.location_count;
	profile.function = writer.functions;
	profile.n_function = writer.location_count;
	profile.string_table = writer.strings;
	profile.n_string_table = writer.name_count;
	profile.default_sample_type = space.type;
	error =
	    writer.no_memory ? grf_error_no_memory() : serialise_profile(&profile, result->output);
	release_profile(&writer);
	return error;
}

const struct grf_format grf_format_pprof = {
    .name = "pprof",
    .suffix = ".pb.gz",
    .about = "a profile for go tool pprof and its like",
    .labels = true,
    .tree = write_tree,
};
