/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A verification as two views: its totals by kind, and differences one by one, each with what leads
 * to it.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "views/verification.h"
#include "views/view.h"

#define CHAIN_BYTES   512
#define ADDRESS_BYTES 19 /* "0x", 16 digits, NUL */
/* The kinds of differences, what agreed, and blocks of tiny allocators. */
#define TOTALS (GRF_DIFFERENCE_KINDS + 2)

static const char *const kinds[GRF_DIFFERENCE_KINDS] = {
    [GRF_MISSED] = "missed", [GRF_DANGLING] = "dangling", [GRF_FLOATING] = "floating",
    [GRF_EXTRA] = "extra",   [GRF_STALE] = "stale",
};

struct total_row {
	const struct grf_total *total;
	const char *what, *kind;
};

struct totals {
	struct total_row rows[TOTALS];
	size_t count;
};

static void add_total(struct totals *totals, const struct grf_total *total, const char *kind,
		      const char *what)
{
	totals->rows[totals->count++] = (struct total_row){total, what, kind};
}

static void add_totals(const struct grf_verification *verification, struct totals *ret)
{
	const struct grf_total *by_kind = verification->totals;
	bool marks = verification->marks.at_gc_point;

	add_total(ret, &verification->agreed, "agreed", marks ? "marked and reached" : "reached");
	add_total(ret, &by_kind[GRF_MISSED], kinds[GRF_MISSED],
		  "missed: not reached, though something reached points to it");
	if (marks) {
		add_total(ret, &by_kind[GRF_EXTRA], kinds[GRF_EXTRA], "reached but not marked");
		add_total(ret, &by_kind[GRF_FLOATING], kinds[GRF_FLOATING],
			  "marked but not reached: nothing reached points to it");
	}
	if (verification->tiny.objects)
		add_total(ret, &verification->tiny, "tiny",
			  "of them blocks that the tiny allocator is filling");
	if (by_kind[GRF_STALE].objects)
		add_total(ret, &by_kind[GRF_STALE], kinds[GRF_STALE],
			  "stale: not marked, and only interrupted frames lead there");
	if (by_kind[GRF_DANGLING].objects)
		add_total(ret, &by_kind[GRF_DANGLING], kinds[GRF_DANGLING],
			  verification->with_unfinished
			      ? "dangling: free slots, likely pointed to by objects that were "
				"being allocated"
			      : "dangling: free slots, though something reached points to them");
}

static const char *verdict_of(const struct grf_verification *verification)
{
	if (!grf_verification_holds(verification))
		return "the reached set is wrong: see below, and report it";
	if (!verification->marks.at_gc_point)
		return "the reached set is complete in itself; it was not compared with marks";
	if (verification->marks.exact)
		return "verified: reached is exactly what the collector finds reachable";
	return "verified: all that was reached is marked, and nothing was missed";
}

static void fill_total(const void *context, size_t index, union grf_cell *ret)
{
	const struct totals *totals = context;
	const struct total_row *row = &totals->rows[index];

	ret[0].number = row->total->bytes;
	ret[1].number = row->total->objects;
	ret[2].text = row->what;
	ret[3].text = row->kind;
}

static struct grf_error *make_totals(const struct grf_view_input *input,
				     struct grf_view_result *ret)
{
	static const struct grf_column columns[] = {{"bytes", GRF_UNIT_BYTES},
						    {"objects", GRF_UNIT_COUNT},
						    {"what", GRF_UNIT_TEXT},
						    {"kind", GRF_UNIT_TEXT}};
	struct totals *totals = calloc(1, sizeof(*totals));

	if (!totals)
		return grf_error_no_memory();
	add_totals(input->verification, totals);
	ret->made = totals;
	ret->tables[ret->table_count++] =
	    (struct grf_table){.name = "verification",
			       .title = verdict_of(input->verification),
			       .columns = columns,
			       .column_count = sizeof(columns) / sizeof(*columns),
			       .people_columns = 3,
			       .row_count = totals->count,
			       .row = fill_total,
			       .context = totals};
	return NULL;
}

const struct grf_view grf_view_verification = {
    .name = "verification",
    .needs = GRF_NEEDS_PLACES,
    .make = make_totals,
    .destroy = free,
};

/* ---- differences ---- */

struct difference_row {
	const struct grf_difference *difference;
	const struct grf_span *span;
	char address[ADDRESS_BYTES], base[ADDRESS_BYTES], referrer[ADDRESS_BYTES];
	char *holder; /* NULL: nothing leads there */
};

struct differences {
	GRF_ARRAY(struct difference_row) rows;
};

static void destroy_differences(void *made)
{
	struct differences *differences = made;

	for (size_t i = 0; i < differences->rows.count; i++)
		free(differences->rows.items[i].holder);
	grf_array_free(&differences->rows);
	free(differences);
}

static void write_address(char *ret, uint64_t address)
{
	snprintf(ret, ADDRESS_BYTES, "%#" PRIx64, address);
}

/* What leads to a difference. */
static char *name_holder(const struct grf_graph *graph, const struct grf_difference *difference)
{
	char chain[CHAIN_BYTES];

	if (difference->node != GRF_TREE_NONE)
		return strdup(grf_tree_chain(graph->tree, difference->node, chain, CHAIN_BYTES));
	return strdup(difference->referrer_name ? difference->referrer_name : "a root");
}

static bool add_difference(const struct grf_graph *graph, const struct grf_difference *difference,
			   struct differences *ret)
{
	struct difference_row *row = grf_array_add(&ret->rows);

	if (!row)
		return false;
	*row = (struct difference_row){.difference = difference,
				       .span = &graph->model->heap->spans[difference->span]};
	write_address(row->address, difference->address);
	write_address(row->base, row->span->base);
	if (difference->kind == GRF_MISSED || difference->kind == GRF_DANGLING)
		write_address(row->referrer, difference->referrer);
	if (difference->kind == GRF_FLOATING)
		return true;
	row->holder = name_holder(graph, difference);
	return row->holder;
}

/* Adds so many of each kind. False: out of memory. */
static bool add_differences(const struct grf_view_input *input, struct differences *ret)
{
	const struct grf_verification *verification = input->verification;

	for (int kind = 0; kind < GRF_DIFFERENCE_KINDS; kind++) {
		uint64_t left = input->differences;

		for (size_t i = 0; left && i < verification->details.count; i++) {
			if ((int)verification->details.items[i].kind != kind)
				continue;
			if (!add_difference(input->graph, &verification->details.items[i], ret))
				return false;
			left--;
		}
	}
	return true;
}

static void fill_difference(const void *context, size_t index, union grf_cell *ret)
{
	const struct differences *differences = context;
	const struct difference_row *row = &differences->rows.items[index];

	ret[0].text = kinds[row->difference->kind];
	ret[1].text = row->address;
	ret[2].number = row->span->element_size;
	ret[3].text = row->base;
	ret[4].number = row->span->size_class;
	ret[5].text = row->difference->tiny                            ? "tiny"
		      : row->span->pointer_layout == GRF_POINTERS_NONE ? "no"
								       : "yes";
	ret[6].text = *row->referrer ? row->referrer : NULL;
	ret[7].text = row->holder;
}

static struct grf_error *make_differences(const struct grf_view_input *input,
					  struct grf_view_result *ret)
{
	static const struct grf_column columns[] = {
	    {"kind", GRF_UNIT_TEXT},       {"address", GRF_UNIT_TEXT}, {"bytes", GRF_UNIT_BYTES},
	    {"span", GRF_UNIT_TEXT},       {"class", GRF_UNIT_COUNT},  {"pointers", GRF_UNIT_TEXT},
	    {"pointer_at", GRF_UNIT_TEXT}, {"holder", GRF_UNIT_TEXT}};
	struct differences *differences = calloc(1, sizeof(*differences));

	if (!differences)
		return grf_error_no_memory();
	if (!add_differences(input, differences)) {
		destroy_differences(differences);
		return grf_error_no_memory();
	}
	ret->made = differences;
	ret->tables[ret->table_count++] = (struct grf_table){
	    .name = "differences",
	    .title = "differences: pointers says whether the object has any, pointer_at "
		     "where one to it\nstands",
	    .columns = columns,
	    .column_count = sizeof(columns) / sizeof(*columns),
	    .row_count = differences->rows.count,
	    .left_out = input->verification->details.count - differences->rows.count,
	    .row = fill_difference,
	    .context = differences};
	return NULL;
}

const struct grf_view grf_view_differences = {
    .name = "differences",
    .needs = GRF_NEEDS_PLACES,
    .make = make_differences,
    .destroy = destroy_differences,
};
