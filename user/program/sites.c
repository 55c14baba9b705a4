/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Finds the freeze point, the place of injected system calls, the lists of goroutines, and what
 * the capture may leave out. What is missing makes the capture choose another way.
 */
#include "program/sites.h"

#include <elf.h>
#include <fcntl.h>
#include <link.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "arch/live.h"
#include "base/cleanup.h"
#include "base/log.h"
#include "model/code/entry_points.h"
#include "model/code/version.h"
#include "model/model.h"
#include "model/stacks/goroutine_records.h"

/* How far a position-independent executable was moved: where the process began, less where the file
 * says that it begins. */
static uint64_t load_bias(pid_t pid, const struct grf_executable *executable)
{
	_cleanup_close_ int fd = -1;
	Elf64_auxv_t entries[64];
	char path[64];
	ssize_t size;

	snprintf(path, sizeof(path), "/proc/%d/auxv", pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	size = fd < 0 ? -1 : read(fd, entries, sizeof(entries));
	for (ssize_t i = 0; i < size / (ssize_t)sizeof(*entries); i++)
		if (entries[i].a_type == AT_ENTRY)
			return entries[i].a_un.a_val - grf_executable_entry(executable);
	return 0;
}

/* Where in its file an instruction stands. False: in none of its segments. */
static bool file_offset(const struct grf_executable *executable, uint64_t address, uint64_t *ret)
{
	size_t count;
	const struct grf_load *loads = grf_executable_loads(executable, &count);

	for (size_t i = 0; i < count; i++) {
		if (address < loads[i].address || address - loads[i].address >= loads[i].file_size)
			continue;
		*ret = loads[i].file_offset + (address - loads[i].address);
		return true;
	}
	return false;
}

/*
 * Tells the capture where a garbage collection ends: at the beginning of runtime.gcSweep, which
 * runs once in each cycle, on the system stack of the goroutine that ends it, with the world
 * stopped, marking complete and nothing swept (runtime/mgc.go, in every release).
 */
static void set_gc_point(const struct grf_executable *executable, uint64_t address,
			 struct grf_gc_point_site *ret)
{
	uint64_t link_address = address - grf_executable_bias(executable);
	const uint8_t *code;
	size_t within;

	if (!address)
		return;
	code = grf_executable_at(executable, link_address, GRF_PROBE_SITE_BYTES);
	if (code && grf_probe_site(code, GRF_PROBE_SITE_BYTES, &within) &&
	    !file_offset(executable, link_address + within, &ret->offset))
		ret->offset = 0;
}

/* The address of some instructions in the executable, wherever they stand; 0: nowhere. */
static uint64_t find_code(const struct grf_executable *executable, const struct grf_live_code *code)
{
	size_t count;
	const struct grf_load *loads = grf_executable_loads(executable, &count);

	for (size_t i = 0; i < count; i++) {
		const uint8_t *found;

		if (!(loads[i].flags & GRF_SEGMENT_EXECUTE))
			continue;
		found = memmem(loads[i].data, loads[i].file_size, code->bytes, code->size);
		if (found)
			return loads[i].address + (uint64_t)(found - loads[i].data) +
			       grf_executable_bias(executable);
	}
	return 0;
}

/* Tells the capture how a thread of the process can make a system call for it. */
static void find_injection_site(struct grf_executable *executable, uint64_t allm,
				struct grf_injection_site *ret)
{
	struct grf_thread_records records;

	if (!grf_thread_records_find(executable, &records))
		return;
	*ret = (struct grf_injection_site){
	    .records = allm,
	    .next = (uint64_t)records.m_alllink,
	    .owner = (uint64_t)records.g_m,
	    .thread_id = (uint64_t)records.m_procid,
	    .stack = (uint64_t)records.m_gsignal,
	    .low = (uint64_t)records.stack_lo,
	    .high = (uint64_t)records.stack_hi,
	    .stack_bytes = GRF_SIGNAL_STACK_BYTES,
	    .system_call = find_code(executable, &grf_live_system_call),
	};
	for (unsigned int i = 0; i < GRF_LIVE_SIGRETURNS && !ret->sigreturn; i++) {
		ret->sigreturn_code = grf_live_sigreturns[i];
		ret->sigreturn = find_code(executable, &ret->sigreturn_code);
	}
}

/* The layout of the program's runtime, as far as its file tells. */
static struct grf_error *find_layout(struct grf_executable *executable, struct grf_layout *ret)
{
	struct grf_version version;
	struct grf_error *error = grf_version_find(executable, NULL, &version);

	return error ? error : grf_layout_resolve(&version, grf_executable_dwarf(executable), ret);
}

/* Tells the capture how to find what it need not copy. `error`: why the layout is not known. */
static void find_left_out(const struct grf_error *error, uint64_t mheap,
			  struct grf_pointer_free *site, struct grf_left_out_finder *ret)
{
	if (error || !mheap) {
		grf_verbose("contents of objects without pointers are copied too: %s",
			    error ? error->message : "runtime.mheap_ was not found");
		return;
	}
	site->mheap = mheap;
	*ret = (struct grf_left_out_finder){grf_pointer_free_find, site};
}

void grf_sites_find(const struct grf_process_options *options, const struct grf_runtime_file *file,
		    struct grf_sites *sites, struct grf_capture_options *capture)
{
	struct grf_executable *executable = file->executable;
	_cleanup_error_ struct grf_error *error = NULL;
	struct grf_entry_points found;
	_cleanup_close_ int memory = -1;
	char name[64];

	snprintf(name, sizeof(name), "/proc/%d/mem", options->pid);
	memory = open(name, O_RDONLY | O_CLOEXEC);
	if (!grf_executable_is_placed(executable))
		grf_executable_set_bias(executable, load_bias(options->pid, executable));
	sites->pointer_free.arch = grf_executable_arch(executable);
	found = grf_entry_points_find(executable, memory);
	error = find_layout(executable, &sites->pointer_free.layout);
	capture->goroutines.allgs = found.allgs;
	capture->goroutines.known =
	    !error &&
	    grf_goroutine_fields_find(&sites->pointer_free.layout, &capture->goroutines.fields);
	capture->gc_phase_address = found.gc_phase;
	capture->gc_point =
	    (struct grf_gc_point_site){.path = file->name, .without = file->without_probe};
	set_gc_point(executable, found.gc_sweep, &capture->gc_point);
	if (capture->copy != GRF_COPY_STOP)
		find_injection_site(executable, found.allm, &capture->injection);
	if (!options->contents)
		find_left_out(error, found.mheap, &sites->pointer_free, &sites->left_out);
	capture->left_out = &sites->left_out;
}
