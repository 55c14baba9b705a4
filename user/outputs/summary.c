/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Prints the summary of a run and of a stop. All text for people that other outputs share is in
 * words.c and units.c.
 */
#include "outputs/summary.h"

#include "base/text.h"
#include "base/units.h"
#include "outputs/words.h"
#include "outputs/wrapped.h"
#include "views/suspects/suspects.h"

/* Suspects stand in this column, and a sentence or a path takes so many lines. */
#define SUSPECT_INDENT 14
#define SUSPECT_LINES  4

static double percent_of(uint64_t part, uint64_t whole)
{
	return whole ? 100.0 * (double)part / (double)whole : 100.0;
}

static void print_version(FILE *stream, const char *version)
{
	fprintf(stream, "\n  %-12s ", "Go version");
	grf_text_print(stream, version);
	fputc('\n', stream);
}

/* Of what the pause was made. */
static void print_pause(FILE *stream, const struct grf_provenance *from)
{
	const struct grf_pause *pause = &from->pause;

	fprintf(stream, "  %-12s stop %s, ", "pause", grf_format_time(pause->stop));
	if (from->rounds)
		fprintf(stream, "scan %s, copy %s, ", grf_format_time(pause->scanning),
			grf_format_time(pause->copying - pause->scanning));
	else if (pause->forking)
		fprintf(stream, "fork %s, copy of the rest %s, ", grf_format_time(pause->forking),
			grf_format_time(pause->copying - pause->forking));
	else
		fprintf(stream, "copy %s, ", grf_format_time(pause->copying));
	fprintf(stream, "resume %s; registers %s of it\n", grf_format_time(pause->resume),
		grf_format_time(pause->registers));
	if (from->given_up)
		fprintf(stream, "  %-12s stops of %s, which would have been too long\n", "given up",
			grf_format_time(from->given_up));
	if (from->reaping)
		fprintf(stream, "  %-12s the child, by a thread that stood for %s\n", "reaped",
			grf_format_time(from->reaping));
}

/* What was copied when and by what, and what was not. */
static void print_copy(FILE *stream, const struct grf_provenance *from)
{
	if (from->rounds)
		fprintf(stream, "  %-12s %s in %s pages, after %u round%s\n", "at the stop",
			grf_format_bytes(from->stop_bytes), grf_format_count_of(from->stop_pages),
			from->rounds, from->rounds == 1 ? "" : "s");
	if (from->dead_stacks)
		fprintf(stream, "  %-12s %s of stacks that are not in use\n", "left out",
			grf_format_bytes(from->dead_stacks));
	if (from->spilled)
		fprintf(stream, "  %-12s %s of the copy in a file\n", "spilled",
			grf_format_bytes(from->spilled));
	fprintf(stream, "  %-12s by %s\n", "registers", grf_word_registers(from));
	if (from->goroutine_records)
		fprintf(stream, "  %-12s of %s goroutines %s\n", "stack roots",
			grf_format_count_of(from->goroutine_records), grf_word_goroutines(from));
	else
		fprintf(stream, "  %-12s from the copied memory\n", "stack roots");
}

void grf_summary_print_held(FILE *stream, const struct grf_provenance *from, bool details)
{
	if (from->origin == GRF_ORIGIN_CORE) {
		fprintf(stream, "  %-12s core file\n", "held");
		return;
	}
	fprintf(stream, "  %-12s %s, for %s (%s clock)\n", "held", grf_word_freeze(from),
		grf_format_time(from->pause.total), grf_word_clock(from));
	if (details)
		print_pause(stream, from);
	fprintf(stream, "  %-12s %s by %s", "copied", grf_format_bytes(from->bytes),
		grf_word_copy(from));
	if (from->left_out)
		fprintf(stream, "; %s without pointers left out", grf_format_bytes(from->left_out));
	fputc('\n', stream);
	if (details)
		print_copy(stream, from);
}

/* Memory that is allocated and not reachable is garbage that the next collection frees, if all
 * roots are known. */
static void print_rest(FILE *stream, const struct grf_facts *facts)
{
	fprintf(stream, "  %-12s %s, ", "rest",
		grf_format_bytes(facts->allocated_bytes - facts->reachable_bytes));
	if (facts->cut_stacks)
		fprintf(stream,
			"garbage, or held by %s stacks that could not be read to their end\n",
			grf_format_count_of(facts->cut_stacks));
	else
		fputs("garbage that no collection has freed yet\n", stream);
}

static void print_reachable(FILE *stream, const struct grf_facts *facts)
{
	fprintf(stream, "  %-12s %s in %s objects (%.1f%% of what is allocated)\n", "reachable",
		grf_format_bytes(facts->reachable_bytes),
		grf_format_count_of(facts->reachable_objects),
		percent_of(facts->reachable_bytes, facts->allocated_bytes));
	if (facts->allocated_bytes > facts->reachable_bytes)
		print_rest(stream, facts);
}

/* What of the tree is shown, where that is not all. */
static void print_shown(FILE *stream, const struct grf_facts *facts)
{
	const struct grf_shown_elements *shown = facts->shown;

	if (!shown)
		return;
	fprintf(stream,
		"  %-12s %s in %s objects (%.1f%% of what is reachable) in the tree:", "shown",
		grf_format_bytes(facts->shown_bytes), grf_format_count_of(facts->shown_objects),
		percent_of(facts->shown_bytes, facts->reachable_bytes));
	if (shown->focus) {
		fputs(" --focus ", stream);
		grf_text_print(stream, shown->focus);
	}
	if (shown->hide) {
		fputs(" --hide ", stream);
		grf_text_print(stream, shown->hide);
	}
	fputc('\n', stream);
}

static void print_suspects(FILE *stream, const struct grf_facts *facts)
{
	const struct grf_suspects *suspects = facts->suspects;

	if (facts->without_suspects)
		fprintf(stream, "  %-12s not looked for in so many objects: -o FILE.txt has them\n",
			"suspects");
	if (!suspects)
		return;
	if (!suspects->rows.count)
		fprintf(stream, "  %-12s none: nothing stands out\n", "suspects");
	else
		fprintf(stream, "\n  %10s  suspects\n", "bytes");
	for (size_t i = 0; i < suspects->rows.count; i++) {
		const struct grf_suspect *suspect = &suspects->rows.items[i];

		fprintf(stream, "  %10s  %s\n%*s", grf_format_bytes(suspect->bytes), suspect->name,
			SUSPECT_INDENT, "");
		grf_print_way(stream, suspect->sentence, SUSPECT_INDENT, SUSPECT_LINES);
		fprintf(stream, "%*s", SUSPECT_INDENT, "");
		grf_print_way(stream, suspect->path, SUSPECT_INDENT, SUSPECT_LINES);
	}
}

static void print_roots(FILE *stream, const struct grf_facts *facts)
{
	if (!facts->largest_count)
		return;
	fprintf(stream, "\n  %10s  %6s  %12s  largest roots\n", "bytes", "share", "objects");
	for (size_t i = 0; i < facts->largest_count; i++) {
		const struct grf_tree_root *root = &facts->largest[i];

		fprintf(stream, "  %10s  %5.1f%%  %12s  ", grf_format_bytes(root->bytes),
			percent_of(root->bytes, facts->reachable_bytes),
			grf_format_count_of(root->objects));
		grf_text_print(stream, root->name);
		fputc('\n', stream);
	}
}

static void print_brief(FILE *stream, const struct grf_facts *facts)
{
	if (facts->provenance->origin == GRF_ORIGIN_CORE)
		fprintf(stream, "\n  %-12s core file\n", "held");
	else
		fprintf(stream, "\n  %-12s %s, for %s\n", "held",
			grf_word_freeze(facts->provenance),
			grf_format_time(facts->provenance->pause.total));
	print_reachable(stream, facts);
	fputc('\n', stream);
}

/* What was compared with. */
static void print_marks(FILE *stream, const struct grf_marks *marks)
{
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

static void print_verified(FILE *stream, const struct grf_facts *facts)
{
	print_version(stream, facts->go_version);
	grf_summary_print_held(stream, facts->provenance, facts->details);
	print_marks(stream, &facts->verification->marks);
	fprintf(stream, "  %-12s %.2f%% of the reachable bytes\n\n", "typed",
		percent_of(facts->reachable_bytes - facts->untyped_bytes, facts->reachable_bytes));
}

void grf_summary_print(FILE *stream, const struct grf_facts *facts)
{
	uint64_t typed = facts->reachable_bytes - facts->untyped_bytes;

	if (facts->verification) {
		print_verified(stream, facts);
		return;
	}
	if (facts->brief) {
		print_brief(stream, facts);
		return;
	}
	print_version(stream, facts->go_version);
	grf_summary_print_held(stream, facts->provenance, facts->details);
	/* The runtime's own are counted apart, as runtime.NumGoroutine does. */
	fprintf(stream, "  %-12s %s, and %s of the runtime\n", "goroutines",
		grf_format_count_of(facts->goroutines),
		grf_format_count_of(facts->runtime_goroutines));
	fprintf(stream, "  %-12s %s in %s objects, in spans of %s (HeapInuse)\n", "allocated",
		grf_format_bytes(facts->allocated_bytes),
		grf_format_count_of(facts->allocated_objects),
		grf_format_bytes(facts->heap_in_use));
	print_reachable(stream, facts);
	fprintf(stream, "  %-12s %.2f%% of the reachable bytes; not typed: %s in %s object%s\n",
		"typed", percent_of(typed, facts->reachable_bytes),
		grf_format_bytes(facts->untyped_bytes), grf_format_count_of(facts->untyped_objects),
		facts->untyped_objects == 1 ? "" : "s");
	if (!facts->has_dwarf)
		fprintf(stream,
			"  %-12s no debug information (DWARF): variables have no names; name an "
			"executable\n  %-12s of the same build that has it\n",
			"names", "");
	print_shown(stream, facts);
	print_suspects(stream, facts);
	print_roots(stream, facts);
	fputc('\n', stream);
}
