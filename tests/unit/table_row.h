/* SPDX-License-Identifier: BSD-2-Clause */
/* Reads rows of tables, for the tests of views. */
#ifndef GRF_TESTS_TABLE_ROW_H
#define GRF_TESTS_TABLE_ROW_H

#include "views/table.h"

/* The cells of a row, which must be there. */
static inline void read_row(struct grf_table table, size_t index,
			    union grf_cell ret[GRF_TABLE_COLUMNS])
{
	assert_true(index < table.row_count);
	table.row(table.context, index, ret);
}

/* The numbers of objects, in the first columns: bytes, share, objects, retained. */
static inline void assert_sizes(const union grf_cell *cells, uint64_t bytes, uint64_t objects,
				uint64_t retained)
{
	assert_int_equal(cells[0].number, bytes);
	assert_int_equal(cells[2].number, objects);
	assert_int_equal(cells[3].number, retained);
}

/* A text, or none. */
static inline void assert_text(const union grf_cell *cell, const char *text)
{
	if (text)
		assert_string_equal(cell->text, text);
	else
		assert_null(cell->text);
}

#endif
