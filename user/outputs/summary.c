/* SPDX-License-Identifier: BSD-2-Clause */
#include "outputs/summary.h"

#include <inttypes.h>
#include <string.h>

#include "base/text.h"
#include "outputs/words.h"

#define BUFFERS 16
#define LARGEST 10

static char *next_buffer(void)
{
	static _Thread_local char buffers[BUFFERS][40];
	static _Thread_local unsigned int turn;

	return buffers[turn++ % BUFFERS];
}

const char *grf_format_bytes(uint64_t bytes)
{
	static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
	char *buffer = next_buffer();
	double value = (double)bytes;
	unsigned int unit = 0;

	/* 1023.5 KiB would print as 1024 KiB. */
	while (value >= 1023.5 && unit < 6) {
		value /= 1024;
		unit++;
	}
	if (!unit)
		snprintf(buffer, 40, "%" PRIu64 " B", bytes);
	else
		snprintf(buffer, 40, "%.*f %s",
			 value < 9.995   ? 2
			 : value < 99.95 ? 1
					 : 0,
			 value, units[unit]);
	return buffer;
}

const char *grf_format_count(uint64_t count)
{
	char digits[24], *buffer = next_buffer(), *to = buffer;
	int length = snprintf(digits, sizeof(digits), "%" PRIu64, count);

	for (int i = 0; i < length; i++) {
		if (i && (length - i) % 3 == 0)
			*to++ = ',';
		*to++ = digits[i];
	}
	*to = '\0';
	return buffer;
}

static const char *format_time(uint64_t nanoseconds)
{
	char *buffer = next_buffer();

	if (nanoseconds < 1000000)
		snprintf(buffer, 40, "%.0f us", (double)nanoseconds / 1e3);
	else if (nanoseconds < 1000000000)
		snprintf(buffer, 40, "%.2f ms", (double)nanoseconds / 1e6);
	else
		snprintf(buffer, 40, "%.2f s", (double)nanoseconds / 1e9);
	return buffer;
}

static double percent(uint64_t part, uint64_t whole)
{
	return whole ? 100.0 * (double)part / (double)whole : 100.0;
}

void grf_summary_print_version(FILE *stream, const struct grf_model *model)
{
	fprintf(stream, "\n  %-12s ", "Go version");
	grf_text_print(stream, model->layout.version.text);
	fputc('\n', stream);
}

static void print_pause(FILE *stream, const struct grf_provenance *from)
{
	const struct grf_pause *pause = &from->pause;

	fprintf(stream, "  %-12s %s, for %s (%s clock): stop %s, ", "held", grf_word_freeze(from),
		format_time(pause->total), grf_word_clock(from), format_time(pause->stop));
	if (from->rounds)
		fprintf(stream, "scan %s, copy %s, ", format_time(pause->scanning),
			format_time(pause->copying - pause->scanning));
	else if (pause->forking)
		fprintf(stream, "fork %s, copy of what a child does not get %s, ",
			format_time(pause->forking), format_time(pause->copying - pause->forking));
	else
		fprintf(stream, "copy %s, ", format_time(pause->copying));
	fprintf(stream, "resume %s; %s of it for registers", format_time(pause->resume),
		format_time(pause->registers));
	if (from->given_up)
		fprintf(stream, "; before, stops of %s that were given up",
			format_time(from->given_up));
	fputc('\n', stream);
}

void grf_summary_print_held(FILE *stream, const struct grf_provenance *from)
{
	if (from->origin == GRF_ORIGIN_CORE) {
		fprintf(stream, "  %-12s core file\n", "held");
		return;
	}
	print_pause(stream, from);
	fprintf(stream, "  %-12s %s by %s", "copied", grf_format_bytes(from->bytes),
		grf_word_copy(from));
	if (from->rounds)
		fprintf(stream, " in %u rounds, of it %s in %s pages at the stop", from->rounds,
			grf_format_bytes(from->stop_bytes), grf_format_count(from->stop_pages));
	if (from->reaping)
		fprintf(stream, ", for whose end a thread stood for %s after",
			format_time(from->reaping));
	if (from->left_out)
		fprintf(stream, "; %s without pointers left out", grf_format_bytes(from->left_out));
	if (from->spilled)
		fprintf(stream, "; %s to a file", grf_format_bytes(from->spilled));
	fprintf(stream, "; registers by %s\n", grf_word_registers(from));
}

/* Those that the runtime started for itself are counted apart, as runtime.NumGoroutine does. */
static void print_goroutines(FILE *stream, const struct grf_goroutines *goroutines)
{
	size_t system = 0;

	for (size_t i = 0; i < goroutines->count; i++)
		system += goroutines->items[i].system;
	fprintf(stream, "  %-12s %s, and %s of the runtime\n", "goroutines",
		grf_format_count(goroutines->count - system), grf_format_count(system));
}

/* What is allocated and not reachable waits for a collection that frees it. */
static void print_reachable(FILE *stream, const struct grf_tree *tree)
{
	uint64_t garbage = tree->heap_bytes - tree->bytes;

	fprintf(stream, "  %-12s %s in %s objects (%.1f%% of what is allocated", "reachable",
		grf_format_bytes(tree->bytes), grf_format_count(tree->objects),
		percent(tree->bytes, tree->heap_bytes));
	if (tree->heap_bytes > tree->bytes)
		fprintf(stream, "; the rest, %s, is garbage that no collection has freed yet",
			grf_format_bytes(garbage));
	fputs(")\n", stream);
}

static void print_roots(FILE *stream, const struct grf_tree *tree)
{
	struct grf_tree_root roots[LARGEST];
	size_t count = grf_tree_largest_roots(tree, roots, LARGEST);

	if (!count)
		return;
	fprintf(stream, "\n  %10s  %6s  %12s  largest roots\n", "bytes", "share", "objects");
	for (size_t i = 0; i < count; i++) {
		fprintf(stream, "  %10s  %5.1f%%  %12s  ", grf_format_bytes(roots[i].bytes),
			percent(roots[i].bytes, tree->bytes), grf_format_count(roots[i].objects));
		grf_text_print(stream, roots[i].name);
		fputc('\n', stream);
	}
}

void grf_summary_print(FILE *stream, const struct grf_tree *tree, const struct grf_model *model)
{
	uint64_t typed = tree->bytes - tree->untyped_bytes;

	grf_summary_print_version(stream, model);
	grf_summary_print_held(stream, grf_image_provenance(model->image));
	print_goroutines(stream, model->goroutines);
	fprintf(stream, "  %-12s %s in %s objects, in spans of %s (HeapInuse)\n", "allocated",
		grf_format_bytes(tree->heap_bytes), grf_format_count(tree->heap_objects),
		grf_format_bytes(model->heap->in_use_bytes));
	print_reachable(stream, tree);
	fprintf(stream, "  %-12s %.2f%% of the reachable bytes; %s in %s objects are not\n",
		"typed", percent(typed, tree->bytes), grf_format_bytes(tree->untyped_bytes),
		grf_format_count(tree->untyped_objects));
	if (!grf_types_have_dwarf(model->types))
		fprintf(stream,
			"  %-12s no debug information (DWARF): variables have no names; name an "
			"executable\n  %-12s of the same build that has it\n",
			"names", "");
	print_roots(stream, tree);
	fputc('\n', stream);
}
