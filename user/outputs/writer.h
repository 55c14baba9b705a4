/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The formats of results. A writer streams: it gets the facts of the run, then trees and tables
 * from any view, then the end. A new format is one file and one row in writers.c.
 */
#ifndef GRF_OUTPUTS_WRITER_H
#define GRF_OUTPUTS_WRITER_H

#include "base/error.h"
#include "graph/tree.h"
#include "outputs/fewer_samples.h"
#include "outputs/file.h"
#include "views/facts.h"
#include "views/table.h"

/* How much of a result is shown at the most. */
struct grf_limits {
	size_t rows;    /* of each view, to people; 0: as the view says */
	size_t samples; /* of a profile; 0: all */
};

/* A result that is being written. */
struct grf_writer {
	const struct grf_format *format;
	struct grf_output *output;     /* borrowed */
	const struct grf_facts *facts; /* borrowed, from begin() on */
	size_t max_samples;            /* as of struct grf_limits */
	struct grf_folded_samples folded;
	void *state;             /* the format's own */
	struct grf_error *error; /* the first one of a stream of the format; owned */
};

/*
 * A format. The functions are called in the order given here, tree() and table() once for each tree
 * and table. Each may be NULL. Errors: OUTPUT, NO_MEMORY.
 */
struct grf_format {
	const char *name;   /* for --format */
	const char *suffix; /* of files that get this format when --format names none */
	const char *about;  /* for --help */
	bool readable; /* text for people: it is written to standard output when no file is named */
	bool has_summary; /* begin() writes the summary */
	bool labels;      /* it has a place for the labels of goroutines */
	struct grf_error *(*begin)(struct grf_writer *writer);
	struct grf_error *(*tree)(struct grf_writer *writer, const struct grf_tree *tree);
	struct grf_error *(*table)(struct grf_writer *writer, const struct grf_table *table);
	struct grf_error *(*end)(struct grf_writer *writer);
	/* Frees the state; also after an error. */
	void (*release)(struct grf_writer *writer);
};

extern const struct grf_format grf_format_pprof;
extern const struct grf_format grf_format_text;
extern const struct grf_format grf_format_json;

/* All formats, and NULL behind the last; the first is the default. */
extern const struct grf_format *const grf_formats[];
extern const size_t grf_format_count;

/** The format of that name in a list that ends with NULL (grf_formats). NULL: the list has none. */
const struct grf_format *grf_format_find(const struct grf_format *const *formats, const char *name);

/** The format in such a list that a path's suffix names, else the first. */
const struct grf_format *grf_format_of_path(const struct grf_format *const *formats,
					    const char *path);

/* Begins a result in `output`, which the caller commits at the end. */
struct grf_error *grf_writer_begin(struct grf_writer *writer, const struct grf_format *format,
				   struct grf_output *output, const struct grf_facts *facts);
struct grf_error *grf_writer_tree(struct grf_writer *writer, const struct grf_tree *tree);
struct grf_error *grf_writer_table(struct grf_writer *writer, const struct grf_table *table);

/* Ends the result. Call it once after grf_writer_begin(), with the first error since then or NULL.
 * Returns that error, or its own. */
struct grf_error *grf_writer_end(struct grf_writer *writer, struct grf_error *error);

#endif
