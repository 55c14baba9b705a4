/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Prints what was compared, the totals and, on request, each difference with the chain that leads
 * to it.
 */
#include "outputs/verification_report.h"

#include <inttypes.h>

#include "base/text.h"
#include "base/units.h"
#include "outputs/summary.h"

#define CHAIN_BYTES 512

static const char *const kinds[GRF_DIFFERENCE_KINDS] = {
    [GRF_MISSED] = "missed", [GRF_DANGLING] = "dangling", [GRF_FLOATING] = "floating",
    [GRF_EXTRA] = "extra",   [GRF_STALE] = "stale",
};

static void print_basis(FILE *stream, const struct grf_verification *verification)
{
	const struct grf_marks *marks = &verification->marks;

	if (!marks->at_gc_point)
		fprintf(stream,
			"  %-12s no marks to compare with: the image was not taken at the end of a "
			"garbage\n  %-12s collection. Whether every pointer of what was reached "
			"leads to something\n  %-12s reached is checked all the same\n",
			"collector", "", "");
	else if (marks->exact)
		fprintf(stream,
			"  %-12s its second marking (GODEBUG=gccheckmark=1): exactly what is "
			"reachable;\n  %-12s thread %d stands in %s\n",
			"collector", "", marks->tid, marks->function);
	else
		fprintf(stream,
			"  %-12s its mark bits: what is reachable, and what became garbage or was "
			"allocated\n  %-12s while it marked; thread %d stands in %s\n",
			"collector", "", marks->tid, marks->function);
}

static void print_total(FILE *stream, const struct grf_total *total, const char *what)
{
	fprintf(stream, "  %14" PRIu64 "  %14s  %s\n", total->bytes,
		grf_format_count_of(total->objects), what);
}

static void print_totals(FILE *stream, const struct grf_verification *verification)
{
	bool marks = verification->marks.at_gc_point;

	fprintf(stream, "\n  %14s  %14s\n", "bytes", "objects");
	print_total(stream, &verification->agreed, marks ? "marked and reached" : "reached");
	print_total(stream, &verification->totals[GRF_MISSED],
		    "missed: not reached, though something reached points to it");
	if (marks) {
		print_total(stream, &verification->totals[GRF_EXTRA], "reached but not marked");
		print_total(stream, &verification->totals[GRF_FLOATING],
			    "marked but not reached: nothing reached points to it");
	}
	if (verification->tiny.objects)
		print_total(stream, &verification->tiny,
			    "    of them blocks that the tiny allocator is filling");
	if (verification->totals[GRF_STALE].objects)
		print_total(stream, &verification->totals[GRF_STALE],
			    "stale: not marked, and only interrupted frames lead there");
	if (verification->totals[GRF_DANGLING].objects)
		print_total(stream, &verification->totals[GRF_DANGLING],
			    verification->with_unfinished
				? "dangling: free slots, likely pointed to by objects that were "
				  "being allocated"
				: "dangling: free slots, though something reached points to them");
	fputc('\n', stream);
}

/* The chain that leads to a difference. `chain` has CHAIN_BYTES. */
static const char *name_of_holder(const struct grf_graph *graph,
				  const struct grf_difference *difference, char *chain)
{
	if (difference->node != GRF_TREE_NONE)
		return grf_tree_chain(graph->tree, difference->node, chain, CHAIN_BYTES);
	return difference->referrer_name ? difference->referrer_name : "a root";
}

static void print_difference(FILE *stream, const struct grf_graph *graph,
			     const struct grf_difference *difference)
{
	const struct grf_span *span = &graph->model->heap->spans[difference->span];
	char chain[CHAIN_BYTES];

	fprintf(stream, "  %-8s %#" PRIx64 ", %" PRIu64 " bytes%s, span %#" PRIx64 " class %d",
		kinds[difference->kind], difference->address, span->element_size,
		span->pointer_layout == GRF_POINTERS_NONE ? " without pointers" : "", span->base,
		span->size_class);
	if (difference->tiny)
		fprintf(stream, ": the block that a tiny allocator is filling");
	else if (difference->kind == GRF_EXTRA || difference->kind == GRF_STALE)
		fprintf(stream, ": ");
	else if (difference->kind != GRF_FLOATING)
		fprintf(stream, ": from %#" PRIx64 "%s", difference->referrer,
			difference->node != GRF_TREE_NONE ? " in " : ", ");
	if (!difference->tiny && difference->kind != GRF_FLOATING)
		grf_text_print(stream, name_of_holder(graph, difference, chain));
	fputc('\n', stream);
}

static void print_details(FILE *stream, const struct grf_verification *verification,
			  const struct grf_graph *graph, uint64_t limit)
{
	for (int kind = 0; limit && kind < GRF_DIFFERENCE_KINDS; kind++) {
		uint64_t total = verification->totals[kind].objects, listed = 0;

		for (size_t i = 0; i < verification->details.count && listed < limit; i++) {
			if ((int)verification->details.items[i].kind != kind)
				continue;
			print_difference(stream, graph, &verification->details.items[i]);
			listed++;
		}
		if (total > listed)
			fprintf(stream, "  %-8s and %s more (-vv lists them all)\n", kinds[kind],
				grf_format_count_of(total - listed));
	}
}

void grf_verification_print(FILE *stream, const struct grf_verification *verification,
			    const struct grf_graph *graph, uint64_t details)
{
	const struct grf_tree *tree = graph->tree;

	grf_summary_print_version(stream, graph->model->layout.version.text);
	grf_summary_print_held(stream, grf_image_provenance(graph->model->image));
	print_basis(stream, verification);
	fprintf(stream, "  %-12s %.2f%% of the reachable bytes\n", "typed",
		tree->bytes
		    ? 100.0 * (double)(tree->bytes - tree->untyped_bytes) / (double)tree->bytes
		    : 100.0);
	print_totals(stream, verification);
	print_details(stream, verification, graph, details);
	if (!grf_verification_holds(verification))
		fputs("the reached set is wrong: see above, and report it\n", stream);
	else if (!verification->marks.at_gc_point)
		fputs("the reached set is complete in itself; it was not compared with marks\n",
		      stream);
	else if (verification->marks.exact)
		fputs("verified: reached is exactly what the collector finds reachable\n", stream);
	else
		fputs("verified: all that was reached is marked, and nothing was missed\n", stream);
}
