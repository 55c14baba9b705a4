/* SPDX-License-Identifier: BSD-2-Clause */
/* One function for each enum, so that the compiler reports a value without a word. */
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

const char *grf_word_goroutines(const struct grf_provenance *from)
{
	return from->goroutines_by == GRF_GOROUTINES_BY_EBPF ? "by eBPF"
							     : "read from memory at the stop";
}

const char *grf_word_clock(const struct grf_provenance *from)
{
	return from->pause.clock == GRF_CLOCK_EBPF ? "eBPF" : "user space";
}

const char *grf_name_origin(enum grf_origin origin)
{
	return origin == GRF_ORIGIN_CORE ? "core" : "process";
}

const char *grf_name_freeze(enum grf_freeze_point freeze)
{
	static const char *const names[] = {
	    [GRF_FREEZE_POINT_ANYWHERE] = "anywhere",
	    [GRF_FREEZE_POINT_STOPPED] = "stopped",
	    [GRF_FREEZE_POINT_GC] = "gc",
	};

	return names[freeze];
}

const char *grf_name_copy(enum grf_copied_by copied_by)
{
	static const char *const names[] = {
	    [GRF_COPIED_AT_STOP] = "stop",
	    [GRF_COPIED_BY_FORK] = "fork",
	    [GRF_COPIED_USERFAULTFD] = "userfaultfd",
	    [GRF_COPIED_SOFT_DIRTY] = "soft-dirty",
	};

	return names[copied_by];
}

const char *grf_name_registers(enum grf_registers_by by)
{
	return by == GRF_REGISTERS_BY_PTRACE ? "ptrace" : "ebpf";
}

const char *grf_name_goroutines(enum grf_goroutines_by by)
{
	return by == GRF_GOROUTINES_BY_EBPF ? "ebpf" : "memory";
}

const char *grf_name_clock(enum grf_pause_clock_kind clock)
{
	return clock == GRF_CLOCK_EBPF ? "ebpf" : "user-space";
}

const char *grf_name_lack(enum grf_lack lack)
{
	static const char *const names[GRF_LACKS] = {
	    [GRF_LACK_NOTHING] = "nothing",
	    [GRF_LACK_REGISTERS] = "ebpf-registers",
	    [GRF_LACK_CLOCK] = "ebpf-clock",
	    [GRF_LACK_STACKS] = "ebpf-stacks",
	    [GRF_LACK_GC_POINT] = "gc-point",
	    [GRF_LACK_READV] = "process_vm_readv",
	    [GRF_LACK_USERFAULTFD] = "userfaultfd",
	    [GRF_LACK_SOFT_DIRTY] = "soft-dirty",
	    [GRF_LACK_FORK] = "fork",
	};

	return names[lack];
}

const char *grf_name_reason(enum grf_error_code why)
{
	switch (why) {
	case GRF_ERROR_PERMISSION:
		return "not permitted";
	case GRF_ERROR_UNSUPPORTED:
		return "not supported";
	case GRF_ERROR_TOO_LONG:
		return "would take too long";
	case GRF_ERROR_NO_MEMORY:
		return "no memory";
	default:
		return "failed";
	}
}

const char *grf_name_unit(enum grf_unit unit)
{
	static const char *const names[] = {
	    [GRF_UNIT_TEXT] = "text", [GRF_UNIT_BYTES] = "bytes", [GRF_UNIT_COUNT] = "count",
	    [GRF_UNIT_TIME] = "ns",   [GRF_UNIT_SHARE] = "share", [GRF_UNIT_REMARK] = "text",
	};

	return names[unit];
}

const char *grf_name_root_class(enum grf_root_class root_class)
{
	static const char *const names[] = {
	    [GRF_ROOT_APPLICATION] = "variables",
	    [GRF_ROOT_GOROUTINE] = "goroutines",
	    [GRF_ROOT_FINALIZER] = "finalizers",
	    [GRF_ROOT_RUNTIME] = "runtime",
	};

	return names[root_class];
}
