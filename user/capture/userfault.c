/* SPDX-License-Identifier: BSD-2-Clause */
#include "capture/userfault.h"

#include <errno.h>
#include <linux/userfaultfd.h>
#include <sys/ioctl.h>

#include "capture/pagemap_scan.h"

/* linux/userfaultfd.h of Linux 6.7; older headers lack them. */
#define FEATURE_WP_UNPOPULATED (1u << 13)
#define FEATURE_WP_ASYNC       (1u << 15)

#define REGIONS 512
/* Taking protection off so much holds the memory map for less than a millisecond. */
#define UNREGISTER_BYTES (8ull << 20)

struct grf_error *grf_userfault_begin(int descriptor)
{
	struct uffdio_api api = {
	    .api = UFFD_API,
	    .features = UFFD_FEATURE_PAGEFAULT_FLAG_WP | FEATURE_WP_UNPOPULATED | FEATURE_WP_ASYNC,
	};

	if (ioctl(descriptor, UFFDIO_API, &api))
		return grf_error_errno(GRF_ERROR_UNSUPPORTED, errno,
				       "userfaultfd: asynchronous write protection (Linux 6.7)");
	return NULL;
}

bool grf_userfault_register(int descriptor, uint64_t start, uint64_t end)
{
	struct uffdio_register range = {
	    .range = {start, end - start},
	    .mode = UFFDIO_REGISTER_MODE_WP,
	};

	return !ioctl(descriptor, UFFDIO_REGISTER, &range);
}

void grf_userfault_unregister(int descriptor, uint64_t start, uint64_t end)
{
	while (start < end) {
		uint64_t length = end - start < UNREGISTER_BYTES ? end - start : UNREGISTER_BYTES;
		struct uffdio_range range = {start, length};

		/* What is unmapped by now needs it no more. */
		ioctl(descriptor, UFFDIO_UNREGISTER, &range);
		start += length;
	}
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
    [GRF_SCAN_EXISTING] = {0, 0, EXISTING, EXISTING | GRF_PAGE_ZERO},
};

enum grf_scan_result grf_userfault_scan(int pagemap, enum grf_scan what, uint64_t from, uint64_t to,
					struct grf_page_run *runs, size_t capacity,
					size_t *ret_count, uint64_t *ret_next)
{
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
