/* SPDX-License-Identifier: BSD-2-Clause */
/* Through libdebuginfod, which is not everywhere: opened when it is needed. */
#include "image/executable/debuginfod.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"

void grf_build_id_print(const uint8_t *id, size_t size, char *ret)
{
	*ret = '\0';
	for (size_t i = 0; i < size; i++)
		snprintf(ret + 2 * i, 3, "%02x", id[i]);
}

int grf_debuginfod_fetch(enum grf_debuginfod_kind kind, const uint8_t *id, size_t size,
			 char **ret_path)
{
	const char *urls = getenv("DEBUGINFOD_URLS");
	void *(*begin)(void);
	int (*find)(void *client, const unsigned char *id, int size, char **ret_path);
	void (*end)(void *client);
	void *library, *client;
	int fd = -1;

	if (!urls || !*urls || !size || size > GRF_MAX_BUILD_ID)
		return -1;
	library = dlopen("libdebuginfod.so.1", RTLD_NOW);
	if (!library) {
		grf_verbose("DEBUGINFOD_URLS is set, but libdebuginfod is not installed");
		return -1;
	}
	*(void **)&begin = dlsym(library, "debuginfod_begin");
	*(void **)&find =
	    dlsym(library, kind == GRF_DEBUGINFOD_EXECUTABLE ? "debuginfod_find_executable"
							     : "debuginfod_find_debuginfo");
	*(void **)&end = dlsym(library, "debuginfod_end");
	client = begin && find && end ? begin() : NULL;
	if (client) {
		fd = find(client, id, (int)size, ret_path);
		if (fd < 0)
			grf_verbose("debuginfod: %s", strerror(-fd));
		end(client);
	}
	dlclose(library);
	return fd < 0 ? -1 : fd;
}
