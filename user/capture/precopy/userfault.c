/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The tracker on userfaultfd: registers ranges, protects and scans them, and lets go of them in
 * small pieces.
 */
#include "capture/precopy/userfault.h"

#include <errno.h>
#include <linux/userfaultfd.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/array.h"
#include "capture/copy/pagemap_scan.h"
#include "capture/copy/resident.h"

/* linux/userfaultfd.h of Linux 6.7; older headers lack them. */
#define FEATURE_WP_UNPOPULATED (1u << 13)
#define FEATURE_WP_ASYNC       (1u << 15)

#define REGIONS 512
/* Taking protection off so much holds the memory map for less than a millisecond. */
#define UNREGISTER_BYTES (8ull << 20)

struct userfault {
	struct grf_tracker tracker;
	int descriptor, pagemap;
	GRF_ARRAY(struct grf_run) registered;
};

static bool watch_range(struct grf_tracker *tracker, uint64_t start, uint64_t end)
{
	struct userfault *userfault = (struct userfault *)tracker;
	struct uffdio_register range = {
	    .range = {start, end - start},
	    .mode = UFFDIO_REGISTER_MODE_WP,
	};
	struct grf_run *run = grf_array_add(&userfault->registered);

	if (!run)
		return false;
	*run = (struct grf_run){start, end};
	if (!ioctl(userfault->descriptor, UFFDIO_REGISTER, &range))
		return true;
	userfault->registered.count--;
	return false;
}

/* Lets go of a range in pieces, so that the process never waits long for its memory map. */
static void forget_range(int descriptor, uint64_t start, uint64_t end)
{
	while (start < end) {
		uint64_t length = end - start < UNREGISTER_BYTES ? end - start : UNREGISTER_BYTES;
		struct uffdio_range range = {start, length};

		/* What is unmapped by now needs it no more. */
		ioctl(descriptor, UFFDIO_UNREGISTER, &range);
		start += length;
	}
}

static void destroy_tracker(struct grf_tracker *tracker)
{
	struct userfault *userfault = (struct userfault *)tracker;

	for (size_t i = 0; i < userfault->registered.count; i++)
		forget_range(userfault->descriptor, userfault->registered.items[i].start,
			     userfault->registered.items[i].end);
	close(userfault->descriptor);
	grf_array_free(&userfault->registered);
	free(userfault);
}

/* CHANGED is what the kernel has a short way for: this mask, and nothing else. */
#define EXISTING (GRF_PAGE_PRESENT | GRF_PAGE_SWAPPED)
static const struct {
	uint64_t flags, all_of, any_of, told;
} questions[] = {
    [GRF_SCAN_FIRST] = {GRF_SCAN_CHECK | GRF_SCAN_PROTECT, 0, EXISTING, EXISTING | GRF_PAGE_ZERO},
    [GRF_SCAN_WRITTEN] = {GRF_SCAN_CHECK | GRF_SCAN_PROTECT, GRF_PAGE_WRITTEN, EXISTING,
			  EXISTING | GRF_PAGE_ZERO},
    [GRF_SCAN_CHANGED] = {GRF_SCAN_CHECK, GRF_PAGE_WRITTEN, 0, GRF_PAGE_WRITTEN},
    [GRF_SCAN_SEAL] = {GRF_SCAN_CHECK | GRF_SCAN_PROTECT, GRF_PAGE_WRITTEN, 0,
		       EXISTING | GRF_PAGE_ZERO},
    [GRF_SCAN_SWAPPED] = {GRF_SCAN_CHECK, GRF_PAGE_WRITTEN | GRF_PAGE_SWAPPED, 0, EXISTING},
    [GRF_SCAN_COPY] = {0, 0, EXISTING, EXISTING | GRF_PAGE_ZERO},
    [GRF_SCAN_EXISTING] = {0, 0, EXISTING, EXISTING | GRF_PAGE_ZERO},
};

static enum grf_scan_result scan_range(struct grf_tracker *tracker, enum grf_scan what,
				       uint64_t from, uint64_t to, struct grf_page_run *runs,
				       size_t capacity, size_t *ret_count, uint64_t *ret_next)
{
	int pagemap = ((struct userfault *)tracker)->pagemap;
	struct grf_page_region regions[REGIONS];
	struct grf_scan_argument argument = {
	    .size = sizeof(argument),
	    .flags = questions[what].flags,
	    .start = from,
	    .end = to,
	    .vec = (uint64_t)(uintptr_t)regions,
	    .vec_len = capacity < REGIONS ? capacity : REGIONS,
	    .category_mask = questions[what].all_of,
	    .category_anyof_mask = questions[what].any_of,
	    .return_mask = questions[what].told,
	};
	long found;

	do
		found = ioctl(pagemap, GRF_PAGEMAP_SCAN, &argument);
	while (found < 0 && errno == EINTR);
	if (found < 0)
		return errno == EPERM ? GRF_SCAN_UNKNOWN : GRF_SCAN_FAILED;
	*ret_count = 0;
	for (long i = 0; i < found; i++) {
		const struct grf_page_region *region = &regions[i];

		if (region->start < from || region->end > to || region->start >= region->end)
			return GRF_SCAN_FAILED;
		runs[(*ret_count)++] = (struct grf_page_run){
		    .start = region->start,
		    .end = region->end,
		    .empty = !(region->categories & EXISTING) || region->categories & GRF_PAGE_ZERO,
		};
	}
	/* walk_end can lag behind (seen on 6.18): a result that did not fill the array is complete.
	 */
	*ret_next = (uint64_t)found < argument.vec_len ? to : regions[found - 1].end;
	return *ret_next < to ? GRF_SCAN_MORE : GRF_SCAN_DONE;
}

static const struct grf_tracker_kind kind = {
    .name = "userfaultfd",
    .watch = watch_range,
    .scan = scan_range,
    .destroy = destroy_tracker,
};

struct grf_error *grf_userfault_create(int descriptor, int pagemap, struct grf_tracker **ret)
{
	struct uffdio_api api = {
	    .api = UFFD_API,
	    .features = UFFD_FEATURE_PAGEFAULT_FLAG_WP | FEATURE_WP_UNPOPULATED | FEATURE_WP_ASYNC,
	};
	struct userfault *userfault;

	if (ioctl(descriptor, UFFDIO_API, &api))
		return grf_error_errno(GRF_ERROR_UNSUPPORTED, errno,
				       "userfaultfd: asynchronous write protection (Linux 6.7)");
	userfault = calloc(1, sizeof(*userfault));
	if (!userfault)
		return grf_error_no_memory();
	userfault->tracker.kind = &kind;
	userfault->descriptor = descriptor;
	userfault->pagemap = pagemap;
	*ret = &userfault->tracker;
	return NULL;
}
