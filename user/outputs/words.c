/* SPDX-License-Identifier: BSD-2-Clause */
/* A switch for each enum, so that the compiler reports a value without a word. */
#include "outputs/words.h"

#include <assert.h>
#include <stdlib.h>

/* No enum has another value: what a file says is checked when it is read. */
static const char *no_word(void)
{
	assert(false);
	abort();
}

const char *grf_word_freeze(const struct grf_provenance *from)
{
	switch (from->freeze) {
	case GRF_FREEZE_POINT_ANYWHERE:
		return "stopped at once";
	case GRF_FREEZE_POINT_STOPPED:
		return "stopped before";
	case GRF_FREEZE_POINT_GC:
		return "at the end of a garbage collection";
	}
	return no_word();
}

const char *grf_word_copy(const struct grf_provenance *from)
{
	bool mem = from->through_mem;

	switch (from->copied_by) {
	case GRF_COPIED_AT_STOP:
		return mem ? "stop and copy through /proc/PID/mem"
			   : "stop and copy with process_vm_readv";
	case GRF_COPIED_BY_FORK:
		return "a forked picture through /proc/PID/mem";
	case GRF_COPIED_USERFAULTFD:
		return mem ? GRF_WORDS_USERFAULTFD " through /proc/PID/mem" : GRF_WORDS_USERFAULTFD;
	case GRF_COPIED_SOFT_DIRTY:
		return mem ? GRF_WORDS_SOFT_DIRTY " through /proc/PID/mem" : GRF_WORDS_SOFT_DIRTY;
	}
	return no_word();
}

const char *grf_word_registers(const struct grf_provenance *from)
{
	switch (from->registers_by) {
	case GRF_REGISTERS_BY_EBPF:
		return "eBPF task iterator";
	case GRF_REGISTERS_BY_PTRACE:
		return "ptrace";
	}
	return no_word();
}

const char *grf_word_goroutines(const struct grf_provenance *from)
{
	switch (from->goroutines_by) {
	case GRF_GOROUTINES_FROM_MEMORY:
		return "read from memory at the stop";
	case GRF_GOROUTINES_BY_EBPF:
		return "by eBPF";
	}
	return no_word();
}

const char *grf_word_clock(const struct grf_provenance *from)
{
	switch (from->pause.clock) {
	case GRF_CLOCK_USER_SPACE:
		return "user space";
	case GRF_CLOCK_EBPF:
		return "eBPF";
	}
	return no_word();
}

const char *grf_name_origin(enum grf_origin origin)
{
	switch (origin) {
	case GRF_ORIGIN_CORE:
		return "core";
	case GRF_ORIGIN_PROCESS:
		return "process";
	}
	return no_word();
}

const char *grf_name_freeze(enum grf_freeze_point freeze)
{
	switch (freeze) {
	case GRF_FREEZE_POINT_ANYWHERE:
		return "anywhere";
	case GRF_FREEZE_POINT_STOPPED:
		return "stopped";
	case GRF_FREEZE_POINT_GC:
		return "gc";
	}
	return no_word();
}

const char *grf_name_copy(enum grf_copied_by copied_by)
{
	switch (copied_by) {
	case GRF_COPIED_AT_STOP:
		return "stop";
	case GRF_COPIED_BY_FORK:
		return "fork";
	case GRF_COPIED_USERFAULTFD:
		return "userfaultfd";
	case GRF_COPIED_SOFT_DIRTY:
		return "soft-dirty";
	}
	return no_word();
}

const char *grf_name_registers(enum grf_registers_by by)
{
	switch (by) {
	case GRF_REGISTERS_BY_EBPF:
		return "ebpf";
	case GRF_REGISTERS_BY_PTRACE:
		return "ptrace";
	}
	return no_word();
}

const char *grf_name_goroutines(enum grf_goroutines_by by)
{
	switch (by) {
	case GRF_GOROUTINES_FROM_MEMORY:
		return "memory";
	case GRF_GOROUTINES_BY_EBPF:
		return "ebpf";
	}
	return no_word();
}

const char *grf_name_clock(enum grf_pause_clock_kind clock)
{
	switch (clock) {
	case GRF_CLOCK_USER_SPACE:
		return "user-space";
	case GRF_CLOCK_EBPF:
		return "ebpf";
	}
	return no_word();
}

const char *grf_name_lack(enum grf_lack lack)
{
	switch (lack) {
	case GRF_LACK_NOTHING:
		return "nothing";
	case GRF_LACK_REGISTERS:
		return "ebpf-registers";
	case GRF_LACK_CLOCK:
		return "ebpf-clock";
	case GRF_LACK_STACKS:
		return "ebpf-stacks";
	case GRF_LACK_GC_POINT:
		return "gc-point";
	case GRF_LACK_READV:
		return "process_vm_readv";
	case GRF_LACK_USERFAULTFD:
		return "userfaultfd";
	case GRF_LACK_SOFT_DIRTY:
		return "soft-dirty";
	case GRF_LACK_FORK:
		return "fork";
	case GRF_LACKS:
		break;
	}
	return no_word();
}

/* Of all other errors the code says nothing to a program. */
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
	switch (unit) {
	case GRF_UNIT_TEXT:
	case GRF_UNIT_REMARK:
		return "text";
	case GRF_UNIT_BYTES:
		return "bytes";
	case GRF_UNIT_COUNT:
		return "count";
	case GRF_UNIT_TIME:
		return "ns";
	case GRF_UNIT_SHARE:
		return "share";
	}
	return no_word();
}

const char *grf_name_root_class(enum grf_root_class root_class)
{
	switch (root_class) {
	case GRF_ROOT_APPLICATION:
		return "variables";
	case GRF_ROOT_GOROUTINE:
		return "goroutines";
	case GRF_ROOT_FINALIZER:
		return "finalizers";
	case GRF_ROOT_RUNTIME:
		return "runtime";
	case GRF_ROOT_CLASSES:
		break;
	}
	return no_word();
}
