/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Writing "4" to /proc/PID/clear_refs takes the soft-dirty bit off all pages of a process and makes
 * them read-only; the first write to each comes to the kernel, which sets the bit and goes on. Bit
 * 55 of an entry of /proc/PID/pagemap shows it. There is no way to read and clear in one: what is
 * written between the two would be lost, so the bits are cleared once, before anything is copied,
 * and from then on only gather. To start again is to clear and to copy all of it again.
 *
 * What else can happen to a page is seen by its frame, the physical page behind it, which the same
 * entry gives. It is noted before the page is copied. A copy is right as long as the same frame is
 * there and the bit is not set:
 *
 * - A page that was discarded has no frame, or that of the page of zeros after it was read; it is
 * not dirty then.
 * - One that was moved there by mremap should be dirty. But where the kernel moves whole page
 * tables, 2 MB at a time, it does not say so. The frame is another.
 * - What is newly mapped counts as dirty altogether, also what was there before if it became one
 * with it. That costs a copy and no more. The other way round, such a new part can lose that mark;
 * its pages have other frames.
 * - Swapped pages have their place in the swap space for a frame. To copy one brings it in, so it
 *   counts as changed once more.
 * - The kernel may move a page to another frame as it likes: a needless copy.
 *
 * In huge pages of hugetlbfs writes are not noted at all. They are mapped from files, as the kernel
 * shows it, so only memory without a file is watched.
 *
 * Clearing holds the memory map for as long as all page tables take to be gone through: a page
 * fault waits meanwhile.
 */
#include "capture/precopy/soft_dirty.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/array.h"
#include "base/cleanup.h"
#include "base/log.h"
#include "capture/copy/pagemap_scan.h"
#include "capture/copy/resident.h"

/* Documentation/admin-guide/mm/pagemap.rst */
#define EXISTS (GRF_ENTRY_PRESENT | GRF_ENTRY_SWAPPED)

/* Tells a page's contents from others', with the soft-dirty bit. */
#define IDENTITY (EXISTS | GRF_ENTRY_FRAME)
/* What was copied is not to be relied on any more; like no entry of a page that exists. */
#define STALE 1u

/* Entries that are read in one go. */
#define ENTRIES 2048

/* Pages that are watched, and the entry that each had when it was copied; 0: it was not, and the
 * copy holds zeros. */
struct area {
	uint64_t start, end;
	uint64_t *entries;
};

struct soft_dirty {
	struct grf_tracker tracker;
	int clear_refs, pagemap;
	GRF_ARRAY(struct area) areas; /* ascending */
	bool disturbed;               /* set atomically */
};

static ssize_t read_entries(int pagemap, uint64_t address, uint64_t *ret, size_t count)
{
	ssize_t length;

	do
		length = pread(pagemap, ret, count * sizeof(*ret),
			       (off_t)(address / GRF_PAGE * sizeof(*ret)));
	while (length < 0 && errno == EINTR);
	return length / (ssize_t)sizeof(*ret);
}

static bool clear_bits(int clear_refs)
{
	ssize_t length;

	do
		length = pwrite(clear_refs, "4", 1, 0);
	while (length < 0 && errno == EINTR);
	return length == 1;
}

/* --- whether there are such bits ---------------------------------------------------------------
 */

/* The entry of one of our pages; 0: cannot be read. */
static uint64_t own_entry(int pagemap, const volatile uint8_t *page)
{
	uint64_t entry;

	return read_entries(pagemap, (uint64_t)(uintptr_t)page, &entry, 1) == 1 ? entry : 0;
}

/*
 * Whether the bit is set by a write, cleared, and set by the next one. Once more after access was
 * taken away and given back: there is a kernel (5.19) that lets a page be written to then,
 * unnoticed.
 */
static bool bits_are_right(int pagemap, int clear_refs, volatile uint8_t *page)
{
	for (int i = 0; i < 2; i++) {
		page[0]++;
		if (!(own_entry(pagemap, page) & GRF_ENTRY_SOFT_DIRTY) || !clear_bits(clear_refs) ||
		    own_entry(pagemap, page) & GRF_ENTRY_SOFT_DIRTY)
			return false;
		if (i && (mprotect((void *)page, GRF_PAGE, PROT_NONE) ||
			  mprotect((void *)page, GRF_PAGE, PROT_READ | PROT_WRITE)))
			return false;
		page[0]++;
		if (!(own_entry(pagemap, page) & GRF_ENTRY_SOFT_DIRTY))
			return false;
	}
	return true;
}

struct grf_error *grf_soft_dirty_check(void)
{
	_cleanup_close_ int pagemap = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
	_cleanup_close_ int clear_refs = open("/proc/self/clear_refs", O_WRONLY | O_CLOEXEC);
	struct grf_error *error = NULL;
	uint8_t *page;

	if (pagemap < 0 || clear_refs < 0)
		return grf_error_errno(GRF_ERROR_UNSUPPORTED, errno,
				       "pagemap and clear_refs of /proc/self");
	page = mmap(NULL, GRF_PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (page == MAP_FAILED)
		return grf_error_no_memory();
	if (!bits_are_right(pagemap, clear_refs, page))
		error =
		    grf_error_create(GRF_ERROR_UNSUPPORTED,
				     "the kernel has no soft-dirty bits (CONFIG_MEM_SOFT_DIRTY)");
	else if (!(own_entry(pagemap, page) & GRF_ENTRY_FRAME))
		error = grf_error_create(
		    GRF_ERROR_PERMISSION,
		    "soft-dirty bits do not do without page frames, which are not shown to us "
		    "(CAP_SYS_ADMIN)");
	munmap(page, GRF_PAGE);
	return error;
}

/* --- the tracker -------------------------------------------------------------------------------
 */

static bool watch_range(struct grf_tracker *tracker, uint64_t start, uint64_t end)
{
	struct soft_dirty *soft_dirty = (struct soft_dirty *)tracker;
	struct area *area = grf_array_add(&soft_dirty->areas);

	if (!area)
		return false;
	/* Most of it may never be written to. */
	*area = (struct area){start, end,
			      mmap(NULL, (end - start) / GRF_PAGE * sizeof(*area->entries),
				   PROT_READ | PROT_WRITE,
				   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0)};
	if (area->entries != MAP_FAILED)
		return true;
	soft_dirty->areas.count--;
	return false;
}

/* Nothing of the copies counts any more. */
static void distrust_area(struct area *area)
{
	uint64_t count = (area->end - area->start) / GRF_PAGE;

	for (uint64_t i = 0; i < count; i++)
		if (area->entries[i])
			area->entries[i] = STALE;
}

static struct grf_error *begin_tracking(struct grf_tracker *tracker)
{
	struct soft_dirty *soft_dirty = (struct soft_dirty *)tracker;
	uint64_t began;

	for (size_t i = 0; i < soft_dirty->areas.count; i++)
		distrust_area(&soft_dirty->areas.items[i]);
	soft_dirty->disturbed = false;
	began = grf_now();
	if (!clear_bits(soft_dirty->clear_refs))
		return grf_error_errno(GRF_ERROR_OTHER, errno, "clear soft-dirty bits");
	grf_verbose("soft-dirty bits cleared in %.2f ms, in which page faults had to wait",
		    (double)(grf_now() - began) / 1e6);
	return NULL;
}

/* The index of the area that `address` lies in, or of the next one. */
static size_t find_area(const struct soft_dirty *soft_dirty, uint64_t address)
{
	size_t low = 0, high = soft_dirty->areas.count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (soft_dirty->areas.items[middle].end <= address)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* What is known of a page, or NULL; *area goes on from find_area(), for ascending pages. */
static uint64_t *find_known(const struct soft_dirty *soft_dirty, size_t *area, uint64_t page)
{
	const struct area *items = soft_dirty->areas.items;

	while (*area < soft_dirty->areas.count && items[*area].end <= page)
		++*area;
	if (*area == soft_dirty->areas.count || page < items[*area].start)
		return NULL;
	return &items[*area].entries[(page - items[*area].start) / GRF_PAGE];
}

/* Whether the frame is the one that was copied. */
static bool is_same(uint64_t entry, const uint64_t *known)
{
	return known && !((entry ^ *known) & IDENTITY);
}

/* Whether a page that exists is not what was copied. */
static bool is_changed(struct soft_dirty *soft_dirty, uint64_t entry, const uint64_t *known)
{
	if (entry & GRF_ENTRY_SOFT_DIRTY || !is_same(entry, known))
		return true;
	if (!(*known & GRF_ENTRY_SOFT_DIRTY))
		return false;
	/* It was dirty before. */
	__atomic_store_n(&soft_dirty->disturbed, true, __ATOMIC_RELAXED);
	return true;
}

/* Whether a scan finds a page that exists. What is dirty already is left to the stop: it will be so
 * then, copied again or not. */
static bool finds_page(struct soft_dirty *soft_dirty, enum grf_scan what, uint64_t entry,
		       const uint64_t *known)
{
	switch (what) {
	case GRF_SCAN_COPY:
	case GRF_SCAN_EXISTING:
		return true;
	case GRF_SCAN_CHANGED:
		return is_changed(soft_dirty, entry, known);
	case GRF_SCAN_SEAL:
	case GRF_SCAN_WRITTEN:
		return known && !(entry & GRF_ENTRY_SOFT_DIRTY) && !is_same(entry, known);
	case GRF_SCAN_FIRST:
	case GRF_SCAN_SWAPPED:
		break;
	}
	return false;
}

/* The same for one that does not. */
static bool finds_empty(enum grf_scan what, const uint64_t *known)
{
	if (what == GRF_SCAN_CHANGED)
		return !known || *known;
	return (what == GRF_SCAN_COPY || what == GRF_SCAN_SEAL) && known && *known;
}

static bool add_page(struct grf_page_run *runs, size_t *count, size_t capacity, uint64_t page,
		     bool empty)
{
	struct grf_page_run *last = *count ? &runs[*count - 1] : NULL;

	if (last && last->end == page && last->empty == empty) {
		last->end += GRF_PAGE;
		return true;
	}
	if (*count == capacity)
		return false;
	runs[(*count)++] = (struct grf_page_run){page, page + GRF_PAGE, empty};
	return true;
}

static bool is_noted(enum grf_scan what)
{
	return what == GRF_SCAN_COPY || what == GRF_SCAN_SEAL || what == GRF_SCAN_WRITTEN;
}

static enum grf_scan_result scan_range(struct grf_tracker *tracker, enum grf_scan what,
				       uint64_t from, uint64_t to, struct grf_page_run *runs,
				       size_t capacity, size_t *ret_count, uint64_t *ret_next)
{
	struct soft_dirty *soft_dirty = (struct soft_dirty *)tracker;
	size_t area = find_area(soft_dirty, from);
	uint64_t entries[ENTRIES];

	*ret_count = 0;
	for (*ret_next = from; *ret_next < to;) {
		uint64_t wanted = (to - *ret_next) / GRF_PAGE;
		ssize_t count = read_entries(soft_dirty->pagemap, *ret_next, entries,
					     wanted < ENTRIES ? wanted : ENTRIES);

		if (count <= 0)
			return GRF_SCAN_FAILED;
		for (ssize_t i = 0; i < count; i++, *ret_next += GRF_PAGE) {
			uint64_t *known = find_known(soft_dirty, &area, *ret_next);
			bool empty = !(entries[i] & EXISTS);

			if (empty ? !finds_empty(what, known)
				  : !finds_page(soft_dirty, what, entries[i], known))
				continue;
			if (!add_page(runs, ret_count, capacity, *ret_next, empty))
				return GRF_SCAN_MORE;
			if (is_noted(what) && known)
				*known = empty ? 0 : entries[i] & (IDENTITY | GRF_ENTRY_SOFT_DIRTY);
		}
	}
	return GRF_SCAN_DONE;
}

static void destroy_tracker(struct grf_tracker *tracker)
{
	struct soft_dirty *soft_dirty = (struct soft_dirty *)tracker;

	for (size_t i = 0; i < soft_dirty->areas.count; i++) {
		const struct area *area = &soft_dirty->areas.items[i];

		munmap(area->entries,
		       (area->end - area->start) / GRF_PAGE * sizeof(*area->entries));
	}
	close(soft_dirty->clear_refs);
	grf_array_free(&soft_dirty->areas);
	free(soft_dirty);
}

static const struct grf_tracker_kind kind = {
    .name = "soft-dirty bits",
    .only_anonymous = true,
    .tells_empty = true,
    .watch = watch_range,
    .begin = begin_tracking,
    .scan = scan_range,
    .destroy = destroy_tracker,
};

struct grf_error *grf_soft_dirty_create(int clear_refs, int pagemap, struct grf_tracker **ret)
{
	struct soft_dirty *soft_dirty;

	/* Who clears them makes whoever else goes by them miss changes. */
	if (flock(clear_refs, LOCK_EX | LOCK_NB))
		return grf_error_create(GRF_ERROR_OTHER,
					"the soft-dirty bits of the process are in use by another "
					"grf-bpf");
	soft_dirty = calloc(1, sizeof(*soft_dirty));
	if (!soft_dirty)
		return grf_error_no_memory();
	soft_dirty->tracker.kind = &kind;
	soft_dirty->clear_refs = clear_refs;
	soft_dirty->pagemap = pagemap;
	*ret = &soft_dirty->tracker;
	return NULL;
}

bool grf_soft_dirty_was_disturbed(const struct grf_tracker *tracker)
{
	const struct soft_dirty *soft_dirty = (const struct soft_dirty *)tracker;

	return __atomic_load_n(&soft_dirty->disturbed, __ATOMIC_RELAXED);
}
