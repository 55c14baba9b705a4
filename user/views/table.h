/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A table: a result of a view that is not a tree. Rows are asked for one by one, so a table of any
 * length costs no memory.
 */
#ifndef GRF_VIEWS_TABLE_H
#define GRF_VIEWS_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What a column holds; an output shows it in its own way. */
enum grf_unit {
	GRF_UNIT_TEXT, /* a name, which the target may have chosen: an output escapes it */
	GRF_UNIT_BYTES,
	GRF_UNIT_COUNT,
	GRF_UNIT_TIME,   /* nanoseconds */
	GRF_UNIT_SHARE,  /* of a whole, 0 to 1 */
	GRF_UNIT_REMARK, /* a text that says more of a row; for people, on a line below it */
};

struct grf_column {
	const char *name; /* one lower-case word or more, with _ between them */
	enum grf_unit unit;
};

/* One value, by its column's unit. */
union grf_cell {
	const char *text; /* NULL: none */
	uint64_t number;  /* bytes, count, time; GRF_CELL_UNKNOWN */
	double share;
};

#define GRF_CELL_UNKNOWN UINT64_MAX

struct grf_table {
	const char *name;  /* as a column's */
	const char *title; /* for people */
	const struct grf_column *columns;
	size_t column_count; /* at most GRF_TABLE_COLUMNS */
	/* 0: all columns are for people. Else the first so many are, in 80 columns: numbers, then
	 * one text, and a remark that is put behind that. Programs get all. */
	size_t people_columns;
	bool ways; /* its text is a way, which people need no more of than tells its steps apart */
	size_t row_count;
	size_t left_out; /* how many rows there are beside */
	/* Fills in the cells of a row. Their texts live as long as `context`. */
	void (*row)(const void *context, size_t index, union grf_cell *ret);
	const void *context;
};

#define GRF_TABLE_COLUMNS 16u

#endif
