/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A text that is written to a stream, and as long as it gets:
 *
 *	struct grf_written_text text;
 *	FILE *stream = grf_written_text_open(&text);
 *	if (stream)
 *		fputs(name, stream);
 *	row->path = grf_written_text_close(&text);	// NULL: out of memory
 */
#ifndef GRF_BASE_WRITTEN_TEXT_H
#define GRF_BASE_WRITTEN_TEXT_H

#include <stdio.h>
#include <stdlib.h>

struct grf_written_text {
	FILE *stream;
	char *text;
	size_t size;
};

/* Gives the stream, which grf_written_text_close() closes; NULL: out of memory. */
static inline FILE *grf_written_text_open(struct grf_written_text *text)
{
	*text = (struct grf_written_text){0};
	text->stream = open_memstream(&text->text, &text->size);
	return text->stream;
}

/* What was written, for the caller to free. NULL: out of memory, now or before. */
static inline char *grf_written_text_close(struct grf_written_text *text)
{
	if (!text->stream)
		return NULL;
	if (!fclose(text->stream))
		return text->text;
	free(text->text);
	return NULL;
}

#endif
