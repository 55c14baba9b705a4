/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Whether the programs see all that they are to see depends on where a kernel has its tracepoints.
 * So they are tried on memory of our own first: a fault, one of the kernel, a write from outside,
 * discarded memory and moved memory. Where one of that is not seen, nothing is relied upon.
 */
#include "capture/precopy/touched.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/perf_event.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/array.h"
#include "base/cleanup.h"
#include "base/pages.h"
#include "grf/touched_memory.h"
#include "hold/ebpf.h"
#include "touched_memory.skel.h"

#define WHAT "noting page faults"

struct grf_touched {
	struct touched_memory_bpf *skeleton;
	struct grf_touched_memory *memory;
	GRF_ARRAY(struct bpf_link *) ends; /* for each CPU and kind of fault */
	uint32_t *rounds; /* for each word: the round in which its chunk was touched last */
	uint32_t round;
	bool last;   /* the words themselves are asked */
	bool all;    /* everything counts as touched in this round */
	bool missed; /* the kernel has missed calls: forever */
};

static uint32_t word_of(uint64_t address)
{
	return (uint32_t)(address >> GRF_CHUNK_SHIFT) & (GRF_CHUNK_WORDS - 1);
}

static uint64_t chunk_end(uint64_t address)
{
	return (address | (GRF_CHUNK_BYTES - 1)) + 1;
}

/* Has the programs look at a process, or at ourselves for 0. */
static struct grf_error *look_at(struct grf_touched *touched, uint32_t kernel_tgid)
{
	_cleanup_close_ int iterator = -1;
	ssize_t length = -1;
	char byte;

	touched->memory->mm = 0;
	touched->skeleton->bss->target_tgid = kernel_tgid;
	iterator = bpf_iter_create(bpf_link__fd(touched->skeleton->links.find_process));
	while (iterator >= 0 && (length = read(iterator, &byte, 1)) < 0 &&
	       (errno == EINTR || errno == EAGAIN))
		;
	if (length < 0)
		return grf_ebpf_error(WHAT, errno);
	return touched->memory->mm
		   ? NULL
		   : grf_error_create(GRF_ERROR_UNSUPPORTED, WHAT ": the process is not found");
}

/* What the programs have seen of something that we did. */
static bool was_touched(struct grf_touched *touched, const void *page)
{
	uint32_t *word = &touched->memory->chunks[word_of((uint64_t)(uintptr_t)page)];

	return __atomic_exchange_n(word, 0, __ATOMIC_SEQ_CST) == GRF_CHUNK_TOUCHED;
}

static bool was_disturbed(struct grf_touched *touched)
{
	return __atomic_exchange_n(&touched->memory->disturbed, 0, __ATOMIC_SEQ_CST);
}

/* Whether somebody has the process's memory map under lock, and may be changing it. */
static bool is_locked(struct grf_touched *touched)
{
	LIBBPF_OPTS(bpf_test_run_opts, options);
	int program = bpf_program__fd(touched->skeleton->progs.look_at_lock);

	touched->memory->lock_held = 1;
	return bpf_prog_test_run_opts(program, &options) || touched->memory->lock_held;
}

static bool write_from_outside(char *page)
{
	_cleanup_close_ int mem = open("/proc/self/mem", O_RDWR | O_CLOEXEC);

	return mem >= 0 && pwrite(mem, "", 1, (off_t)(uintptr_t)page) == 1;
}

static bool write_in_kernel(char *page)
{
	_cleanup_close_ int zero = open("/dev/zero", O_RDONLY | O_CLOEXEC);

	return zero >= 0 && read(zero, page, 1) == 1;
}

/* Does to our own memory what the programs are to see. Returns what of it they do not. */
static const char *try_out(struct grf_touched *touched, char *page)
{
	const char *unseen = NULL;
	void *moved;

	was_touched(touched, page);
	*(volatile char *)page = 1;
	if (!was_touched(touched, page))
		unseen = "page faults";
	was_disturbed(touched);
	if (!write_from_outside(page) || !was_disturbed(touched))
		unseen = "writes from outside";
	if (madvise(page, GRF_PAGE, MADV_DONTNEED) || !was_disturbed(touched))
		unseen = "discarded memory";
	if (!write_in_kernel(page) || !was_touched(touched, page))
		unseen = "page faults of the kernel";
	was_disturbed(touched);
	moved = mremap(page, GRF_PAGE, GRF_PAGE, MREMAP_MAYMOVE | MREMAP_DONTUNMAP);
	if (moved == MAP_FAILED || !was_disturbed(touched))
		unseen = "moved memory";
	if (moved != MAP_FAILED)
		munmap(moved, GRF_PAGE);
	if (is_locked(touched))
		unseen = "locks";
	return unseen;
}

/* Our other threads may do something meanwhile. */
#define TRIES 3

static struct grf_error *try_on_ourselves(struct grf_touched *touched)
{
	/* A chunk of its own, where it fits. */
	size_t size = 3 * GRF_CHUNK_BYTES;
	char *area = mmap(NULL, size, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	const char *unseen = NULL;
	struct grf_error *error;

	if (area == MAP_FAILED)
		return grf_error_no_memory();
	error = look_at(touched, 0);
	for (int i = 0; !error && (!i || (unseen && i < TRIES)); i++)
		unseen = try_out(touched, area + GRF_CHUNK_BYTES);
	munmap(area, size);
	if (!error && unseen)
		error = grf_error_create(GRF_ERROR_UNSUPPORTED,
					 WHAT ": the kernel does not tell of %s", unseen);
	return error;
}

/* Whether a call of some program was missed so far. */
static bool has_missed(const struct grf_touched *touched)
{
	struct bpf_program *program;

	bpf_object__for_each_program(program, touched->skeleton->obj)
	{
		struct bpf_prog_info info = {0};
		uint32_t size = sizeof(info);

		if (bpf_obj_get_info_by_fd(bpf_program__fd(program), &info, &size) ||
		    info.recursion_misses)
			return true;
	}
	return false;
}

/* Has a program called at the end of each fault of a kind on a CPU. */
static struct grf_error *attach_end(struct grf_touched *touched, uint64_t kind, int cpu)
{
	struct perf_event_attr attribute = {
	    .type = PERF_TYPE_SOFTWARE,
	    .size = sizeof(attribute),
	    .config = kind,
	    .sample_period = 1,
	};
	int event =
	    (int)syscall(SYS_perf_event_open, &attribute, -1, cpu, -1, PERF_FLAG_FD_CLOEXEC);
	struct bpf_link **link;

	if (event < 0)
		return errno == ENODEV ? NULL : grf_ebpf_error(WHAT, errno);
	link = grf_array_add(&touched->ends);
	if (!link) {
		close(event);
		return grf_error_no_memory();
	}
	*link = bpf_program__attach_perf_event(touched->skeleton->progs.fault_ends, event);
	if (*link)
		return NULL;
	touched->ends.count--;
	close(event);
	return grf_ebpf_error(WHAT, errno);
}

static struct grf_error *attach_ends(struct grf_touched *touched)
{
	int cpus = libbpf_num_possible_cpus();
	struct grf_error *error = NULL;

	for (int cpu = 0; cpu < cpus && !error; cpu++) {
		error = attach_end(touched, PERF_COUNT_SW_PAGE_FAULTS_MIN, cpu);
		if (!error)
			error = attach_end(touched, PERF_COUNT_SW_PAGE_FAULTS_MAJ, cpu);
	}
	return error;
}

static struct grf_error *load_program(struct grf_touched *touched, uint32_t kernel_tgid)
{
	struct grf_error *error;

	touched->rounds = calloc(GRF_CHUNK_WORDS, sizeof(*touched->rounds));
	if (!touched->rounds)
		return grf_error_no_memory();
	touched->skeleton = touched_memory_bpf__open_and_load();
	if (!touched->skeleton)
		return grf_ebpf_error(WHAT, errno);
	touched->memory = &touched->skeleton->bss->memory;
	if (touched_memory_bpf__attach(touched->skeleton))
		return grf_ebpf_error(WHAT, errno);
	error = attach_ends(touched);
	if (!error)
		error = try_on_ourselves(touched);
	touched->memory->reader = touched->memory->self;
	return error ? error : look_at(touched, kernel_tgid);
}

struct grf_error *grf_touched_open(uint32_t kernel_tgid, struct grf_touched **ret)
{
	struct grf_touched *touched = calloc(1, sizeof(*touched));
	struct grf_error *error;

	if (!touched)
		return grf_error_no_memory();
	touched->all = true;
	error = load_program(touched, kernel_tgid);
	if (error) {
		grf_touched_close(touched);
		return error;
	}
	*ret = touched;
	return NULL;
}

void grf_touched_close(struct grf_touched *touched)
{
	if (!touched)
		return;
	for (size_t i = 0; i < touched->ends.count; i++)
		bpf_link__destroy(touched->ends.items[i]);
	grf_array_free(&touched->ends);
	touched_memory_bpf__destroy(touched->skeleton);
	free(touched->rounds);
	free(touched);
}

void grf_touched_begin_round(struct grf_touched *touched)
{
	bool first = !touched->round++;

	touched->last = false;
	touched->missed = touched->missed || has_missed(touched);
	touched->all = was_disturbed(touched) || touched->missed || first;
}

void grf_touched_take(struct grf_touched *touched, uint64_t start, uint64_t end)
{
	for (; start < end; start = chunk_end(start)) {
		uint32_t word = word_of(start);
		uint32_t before = __atomic_fetch_and(&touched->memory->chunks[word],
						     ~GRF_CHUNK_TOUCHED, __ATOMIC_SEQ_CST);

		/* Neighbours share a chunk, and the second comes upon what the first has taken. */
		if (before)
			touched->rounds[word] = touched->round;
	}
}

void grf_touched_mark(struct grf_touched *touched, uint64_t start, uint64_t end)
{
	for (; start < end; start = chunk_end(start))
		__atomic_fetch_or(&touched->memory->chunks[word_of(start)], GRF_CHUNK_TOUCHED,
				  __ATOMIC_SEQ_CST);
}

void grf_touched_begin_last(struct grf_touched *touched)
{
	touched->last = true;
	touched->missed = touched->missed || has_missed(touched);
	touched->all = touched->missed || !touched->round || is_locked(touched) ||
		       __atomic_load_n(&touched->memory->disturbed, __ATOMIC_SEQ_CST);
}

bool grf_touched_is_disturbed(const struct grf_touched *touched)
{
	return touched->all;
}

static bool is_touched(const struct grf_touched *touched, uint64_t address)
{
	uint32_t word = word_of(address);

	return touched->last
		   ? __atomic_load_n(&touched->memory->chunks[word], __ATOMIC_SEQ_CST) != 0
		   : touched->rounds[word] == touched->round;
}

bool grf_touched_next(const struct grf_touched *touched, uint64_t start, uint64_t end,
		      struct grf_run *ret)
{
	if (!touched || touched->all) {
		*ret = (struct grf_run){start, end};
		return start < end;
	}
	while (start < end && !is_touched(touched, start))
		start = chunk_end(start);
	ret->start = start;
	while (start < end && is_touched(touched, start))
		start = chunk_end(start);
	ret->end = start < end ? start : end;
	return ret->start < ret->end;
}
