/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Sends libbpf's messages to the log at -vv, and turns its error numbers into errors that name the
 * missing privilege.
 */
#include "hold/ebpf.h"

#include <bpf/libbpf.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"

static int print_debug(enum libbpf_print_level level, const char *format, va_list arguments)
{
	char line[1024];
	size_t length;

	if (grf_log_verbosity() < 2 || level == LIBBPF_DEBUG)
		return 0;
	vsnprintf(line, sizeof(line), format, arguments);
	length = strlen(line);
	if (length && line[length - 1] == '\n')
		line[length - 1] = '\0';
	grf_debug("%s", line);
	return 0;
}

void grf_ebpf_init(void)
{
	libbpf_set_print(print_debug);
}

struct grf_error *grf_ebpf_error(const char *what, int errnum)
{
	if (errnum == EPERM || errnum == EACCES)
		return grf_error_create(GRF_ERROR_PERMISSION,
					"%s by eBPF is not permitted (it needs CAP_BPF and "
					"CAP_PERFMON, or CAP_SYS_ADMIN)",
					what);
	return grf_error_create(GRF_ERROR_UNSUPPORTED, "%s by eBPF is not possible here (%s)", what,
				strerror(errnum));
}
