/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Takes the records with the eBPF program, or reads the array of gs and then their fields. All
 * buffers are allocated before the stop.
 */
#include "capture/probes/goroutines.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/pages.h"
#include "capture/copy/copy.h"
#include "goroutine_records.skel.h"
#include "hold/ebpf.h"

#define WHAT "reading goroutines"

/* Without eBPF: gs that lie side by side are read in one run. As many runs make a call, and as many
 * bytes, at most. */
#define RUNS       256u
#define RUN_BYTES  8192u
#define CALL_BYTES (512u << 10)

struct grf_goroutine_taker {
	const struct grf_goroutine_site *site;
	size_t room;

	/* By eBPF; NULL: by process_vm_readv. */
	struct goroutine_records_bpf *skeleton;
	struct bpf_link *link;

	struct grf_goroutine_record *records; /* the program's map, or our memory */

	/* Only by process_vm_readv. */
	struct grf_copy *copy;
	uint64_t *addresses; /* of the gs */
	uint8_t *bytes;      /* of some of them */
};

static size_t records_size(const struct grf_goroutine_taker *taker)
{
	return (taker->room * sizeof(*taker->records) + GRF_PAGE - 1) / GRF_PAGE * GRF_PAGE;
}

static struct grf_error *load_program(struct grf_goroutine_taker *taker, pid_t pid)
{
	union bpf_iter_link_info info = {.task.tid = (uint32_t)pid};
	LIBBPF_OPTS(bpf_iter_attach_opts, limited, .link_info = &info,
		    .link_info_len = sizeof(info));
	struct goroutine_records_bpf *skeleton = goroutine_records_bpf__open();
	void *records;

	taker->skeleton = skeleton;
	if (!skeleton)
		return grf_ebpf_error(WHAT, errno);
	skeleton->rodata->allgs_address = taker->site->allgs;
	memcpy((void *)&skeleton->rodata->fields, &taker->site->fields,
	       sizeof(taker->site->fields));
	if (bpf_map__set_max_entries(skeleton->maps.records, (uint32_t)taker->room) ||
	    goroutine_records_bpf__load(skeleton))
		return grf_ebpf_error(WHAT, errno);
	records = mmap(NULL, records_size(taker), PROT_READ, MAP_SHARED | MAP_POPULATE,
		       bpf_map__fd(skeleton->maps.records), 0);
	if (records == MAP_FAILED)
		return grf_ebpf_error(WHAT, errno);
	taker->records = records;
	/* Without the limit to the thread, which came in Linux 6.1, it would read every process. */
	taker->link = bpf_program__attach_iter(skeleton->progs.goroutine_records, &limited);
	return taker->link ? NULL : grf_ebpf_error(WHAT, errno);
}

static struct grf_error *make_room(struct grf_goroutine_taker *taker)
{
	void *records = mmap(NULL, records_size(taker), PROT_READ | PROT_WRITE,
			     MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);

	if (records == MAP_FAILED)
		return grf_error_no_memory();
	taker->records = records;
	taker->addresses = malloc(taker->room * sizeof(*taker->addresses));
	taker->bytes = malloc(CALL_BYTES);
	if (!taker->addresses || !taker->bytes)
		return grf_error_no_memory();
	memset(taker->addresses, 0, taker->room * sizeof(*taker->addresses));
	memset(taker->bytes, 0, CALL_BYTES);
	return NULL;
}

struct grf_error *grf_goroutines_open(pid_t pid, const struct grf_goroutine_site *site,
				      struct grf_copy *copy, bool by_ebpf, size_t room,
				      struct grf_goroutine_taker **ret)
{
	struct grf_goroutine_taker *taker = calloc(1, sizeof(*taker));
	struct grf_error *error;

	if (!taker)
		return grf_error_no_memory();
	taker->site = site;
	taker->copy = copy;
	taker->room = room;
	error = by_ebpf ? load_program(taker, pid) : make_room(taker);
	if (error) {
		grf_goroutines_close(taker);
		return error;
	}
	*ret = taker;
	return NULL;
}

void grf_goroutines_close(struct grf_goroutine_taker *taker)
{
	if (!taker)
		return;
	if (taker->records)
		munmap(taker->records, records_size(taker));
	bpf_link__destroy(taker->link);
	goroutine_records_bpf__destroy(taker->skeleton);
	free(taker->addresses);
	free(taker->bytes);
	free(taker);
}

static bool run_program(struct grf_goroutine_taker *taker, size_t *ret_count)
{
	int iterator = bpf_iter_create(bpf_link__fd(taker->link));
	char nothing[64];
	ssize_t length;

	if (iterator < 0)
		return false;
	do
		length = read(iterator, nothing, sizeof(nothing));
	while (length > 0 || (length < 0 && (errno == EINTR || errno == EAGAIN)));
	close(iterator);
	*ret_count = taker->skeleton->bss->taken;
	return !length && taker->skeleton->bss->goroutines == *ret_count;
}

/* Finds the runs for as many gs from `first` on as one call reads. Returns how many gs. */
static size_t find_runs(const struct grf_goroutine_taker *taker, size_t first, size_t count,
			struct grf_run *runs, size_t *ret_runs)
{
	const uint64_t *g = taker->addresses;
	size_t run_count = 0, bytes = 0, i = first;

	for (; i < count; i++) {
		struct grf_run *last = run_count ? &runs[run_count - 1] : NULL;
		uint64_t end = g[i] + GRF_G_BYTES, more;

		if (last && g[i] >= last->start && end - last->start <= RUN_BYTES) {
			more = end > last->end ? end - last->end : 0;
			if (bytes + more > CALL_BYTES)
				break;
			last->end += more;
			bytes += more;
			continue;
		}
		if (run_count == RUNS || bytes + GRF_G_BYTES > CALL_BYTES)
			break;
		runs[run_count++] = (struct grf_run){g[i], end};
		bytes += GRF_G_BYTES;
	}
	*ret_runs = run_count;
	return i - first;
}

/* The records of gs from `first` on, which `runs` were made for and `taker->bytes` holds. */
static void fill_some(struct grf_goroutine_taker *taker, size_t first, size_t count,
		      const struct grf_run *runs)
{
	const uint8_t *bytes = taker->bytes;
	const struct grf_run *run = runs;

	for (size_t i = first; i < first + count; i++) {
		uint64_t g = taker->addresses[i];

		while (g < run->start || g + GRF_G_BYTES > run->end) {
			bytes += run->end - run->start;
			run++;
		}
		grf_goroutine_record_make(&taker->site->fields, g, bytes + (g - run->start),
					  &taker->records[i]);
	}
}

/* Reads the addresses of all gs. False: they cannot be what they should. */
static bool read_addresses(struct grf_goroutine_taker *taker, size_t *ret_count)
{
	struct grf_run run = {taker->site->allgs, taker->site->allgs + 16};
	uint64_t slice[2];

	if (grf_copy_gather(taker->copy, &run, 1, (uint8_t *)slice) != 1 || !slice[1] ||
	    slice[1] > taker->room)
		return false;
	run = (struct grf_run){slice[0], slice[0] + slice[1] * sizeof(*taker->addresses)};
	if (run.end < run.start ||
	    grf_copy_gather(taker->copy, &run, 1, (uint8_t *)taker->addresses) != 1)
		return false;
	for (size_t i = 0; i < slice[1]; i++)
		if (taker->addresses[i] > UINT64_MAX - GRF_G_BYTES)
			return false;
	*ret_count = slice[1];
	return true;
}

static bool read_memory(struct grf_goroutine_taker *taker, size_t *ret_count)
{
	struct grf_run runs[RUNS];
	size_t some, run_count;

	if (!read_addresses(taker, ret_count))
		return false;
	for (size_t i = 0; i < *ret_count; i += some) {
		some = find_runs(taker, i, *ret_count, runs, &run_count);
		/* One that cannot be read would be taken for one that never was. */
		if (grf_copy_gather(taker->copy, runs, run_count, taker->bytes) != run_count)
			return false;
		fill_some(taker, i, some, runs);
	}
	return true;
}

bool grf_goroutines_take(struct grf_goroutine_taker *taker, const struct grf_goroutine_record **ret,
			 size_t *ret_count)
{
	*ret = taker->records;
	return (taker->skeleton ? run_program(taker, ret_count) : read_memory(taker, ret_count)) &&
	       *ret_count <= taker->room;
}
