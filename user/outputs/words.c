/* SPDX-License-Identifier: BSD-2-Clause */
#include "outputs/words.h"

const char *grf_word_freeze(const struct grf_provenance *from)
{
	static const char *const words[] = {
	    [GRF_FREEZE_POINT_ANYWHERE] = "stopped at once",
	    [GRF_FREEZE_POINT_STOPPED] = "stopped before",
	    [GRF_FREEZE_POINT_GC] = "at the end of a garbage collection",
	};

	return words[from->freeze];
}

const char *grf_word_copy(const struct grf_provenance *from)
{
	/* With process_vm_readv, and through /proc/PID/mem. */
	static const char *const words[][2] = {
	    [GRF_COPIED_AT_STOP] = {"stop and copy with process_vm_readv",
				    "stop and copy through /proc/PID/mem"},
	    [GRF_COPIED_BY_FORK] = {"a forked picture through /proc/PID/mem",
				    "a forked picture through /proc/PID/mem"},
	    [GRF_COPIED_USERFAULTFD] = {"pre-copy under userfaultfd",
					"pre-copy under userfaultfd through /proc/PID/mem"},
	    [GRF_COPIED_SOFT_DIRTY] = {"pre-copy by soft-dirty bits",
				       "pre-copy by soft-dirty bits through /proc/PID/mem"},
	};

	return words[from->copied_by][from->through_mem];
}

const char *grf_word_registers(const struct grf_provenance *from)
{
	return from->registers_by == GRF_REGISTERS_BY_PTRACE ? "ptrace" : "eBPF task iterator";
}

const char *grf_word_clock(const struct grf_provenance *from)
{
	return from->pause.clock == GRF_CLOCK_EBPF ? "eBPF" : "user space";
}
