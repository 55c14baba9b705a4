/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Pre-copy by soft-dirty bits. As these only gather, all is copied once, and at the stop what was
 * written since the bits were cleared. When that has become much, while the end of a garbage
 * collection is waited for or at a stop, all of it begins again.
 */
#include "capture/ways/way_precopy.h"

#include <fcntl.h>
#include <unistd.h>

#include "base/log.h"
#include "capture/precopy/soft_dirty.h"

/* The second copies what was brought in from swap space, or got other frames, while the first did.
 */
#define ROUNDS 2
/* Reading a pagemap entry of a page that may not exist; ns. */
#define ENTRY_TIME 10
/* All else of a stop; ns. */
#define REST_TIME 400000u
/* How often we look how much was written, and how much longer than that takes we wait after it; ns.
 */
#define LOOK_INTERVAL 50000000u
#define LOOK_SHARE    4u

static uint64_t count_pages(const struct grf_session *session)
{
	uint64_t pages = 0;

	for (size_t i = 0; i < session->first.piece_count; i++)
		pages += (session->first.pieces[i].end - session->first.pieces[i].start) / GRF_PAGE;
	return pages;
}

/* Beside what every stop takes, all entries are read, by all threads. */
static uint64_t stop_time(const struct grf_session *session)
{
	return REST_TIME + count_pages(session) * ENTRY_TIME / session->copiers;
}

/* All entries are read at the stop: too many of them would take too long. */
static struct grf_error *check_size(const struct grf_session *session)
{
	uint64_t pages = count_pages(session);

	if (!session->max_pause || pages <= session->max_pause / ENTRY_TIME)
		return NULL;
	return grf_error_create(GRF_ERROR_UNSUPPORTED,
				"soft-dirty bits: the process has mappings of %llu MiB, which are "
				"too many to be looked through at a stop",
				(unsigned long long)(pages >> 8));
}

static struct grf_error *open_soft_dirty(struct grf_session *session)
{
	struct grf_error *error = check_size(session);
	int clear_refs;

	if (!error)
		error = grf_soft_dirty_check();
	if (!error)
		error = grf_target_open_file(&session->target, "clear_refs", O_WRONLY, &clear_refs);
	if (error)
		return error;
	error = grf_soft_dirty_create(clear_refs, session->pagemap, &session->precopy.tracker);
	if (error)
		close(clear_refs);
	return error;
}

/*
 * Clears the bits and copies again. What is not needed has to be found again after that: who puts
 * such memory to use writes to it, which only counts from then on. If that fails, or the bits
 * cannot be cleared, all of it is copied.
 */
static void begin_anew(struct grf_session *session)
{
	struct grf_error *error = grf_precopy_restart(&session->precopy);

	if (!error)
		error = grf_precopy_find_unneeded(session);
	if (error) {
		grf_verbose("%s", error->message);
		grf_error_free(error);
	}
	grf_precopy_rounds(&session->precopy, ROUNDS);
}

/*
 * Keeps what is left for the stop small while the end of a garbage collection is waited for. Not
 * during one: it might end, and the stop come, before all is copied.
 */
static uint64_t go_on(void *context)
{
	struct grf_session *session = context;
	uint64_t began = grf_now();

	if (!grf_precopy_is_collecting(session) &&
	    grf_precopy_measure(&session->precopy) > grf_precopy_page_limit(session) / 2)
		begin_anew(session);
	return LOOK_INTERVAL + LOOK_SHARE * (grf_now() - began);
}

static struct grf_error *copy_ahead(struct grf_session *session)
{
	session->freeze.meanwhile = go_on;
	return grf_precopy_ahead(session, ROUNDS);
}

static void copy_rest(struct grf_session *session, const pid_t *tids, size_t count)
{
	grf_precopy_at_stop(session, tids, count);
	if (session->failure == GRF_STOP_DONE &&
	    grf_soft_dirty_was_disturbed(session->precopy.tracker))
		session->failure = GRF_STOP_DISTURBED;
}

static void go_round_again(struct grf_session *session)
{
	grf_precopy_let_go(session);
	begin_anew(session);
}

static void describe_way(const struct grf_session *session, struct grf_provenance *ret)
{
	ret->rounds = session->precopy.rounds_with;
}

const struct grf_copy_method grf_copy_by_soft_dirty = {
    .way = GRF_COPY_PRECOPY,
    .copied_by = GRF_COPIED_SOFT_DIRTY,
    .lack = GRF_LACK_SOFT_DIRTY,
    .name = GRF_WORDS_SOFT_DIRTY,
    .stop_time = stop_time,
    .open = open_soft_dirty,
    .ahead = copy_ahead,
    .at_stop = copy_rest,
    .again = go_round_again,
    .after = grf_precopy_after,
    .describe = describe_way,
    .left_out = grf_precopy_left_out,
    .close = grf_precopy_close,
};
