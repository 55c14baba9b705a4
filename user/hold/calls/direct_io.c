/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Looks through the open files of the target for one by which a device or the kernel writes to its
 * memory: io_uring, RDMA, VFIO, O_DIRECT.
 */
#include "hold/calls/direct_io.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/files/fields.h"
#include "base/files/small_file.h"
#include "base/log.h"
#include "hold/private.h"

#define MAX_FILES  (1u << 20)
#define INFO_BYTES 512

/* What links in /proc/PID/fd begin with. */
static const char *const devices[] = {
    "anon_inode:[io_uring]",
    "/dev/infiniband/",
    "/dev/vfio/",
    "anon_inode:[vfio",
};

/* Whether a file is one, by its name or its flags. One that is closed meanwhile is none. */
static bool is_direct(const struct grf_target *target, int directory, const char *descriptor)
{
	char link[64] = "", name[300], info[INFO_BYTES];
	const char *flags;

	if (readlinkat(directory, descriptor, link, sizeof(link) - 1) < 0)
		return false;
	for (size_t i = 0; i < sizeof(devices) / sizeof(*devices); i++)
		if (!strncmp(link, devices[i], strlen(devices[i])))
			return true;
	if (link[0] != '/')
		return false; /* sockets and pipes, the most of them */
	snprintf(name, sizeof(name), "fdinfo/%s", descriptor);
	if (grf_small_file_read(target->directory, name, info, sizeof(info)) < 0)
		return false;
	flags = grf_field_find(info, "flags");
	return flags && grf_number_parse_in(flags, 8, 0) & O_DIRECT;
}

struct grf_error *grf_check_direct_io(const struct grf_target *target)
{
	struct grf_error *error = NULL;
	unsigned int count = 0;
	struct dirent *entry;
	int directory;
	DIR *files;

	error = grf_target_open_file(target, "fd", O_RDONLY | O_DIRECTORY, &directory);
	if (error)
		return error;
	files = fdopendir(directory);
	if (!files) {
		close(directory);
		return grf_error_no_memory();
	}
	while (!error && !grf_interrupted() && (entry = readdir(files))) {
		if (entry->d_name[0] == '.')
			continue;
		if (++count > MAX_FILES)
			error = grf_error_create(GRF_ERROR_UNSUPPORTED,
						 "process %d has too many files to look through",
						 target->pid);
		else if (is_direct(target, directory, entry->d_name))
			error = grf_error_create(
			    GRF_ERROR_UNSUPPORTED,
			    "process %d has a file (%s) by which a device may write to its memory: "
			    "a child of it could take away what is written",
			    target->pid, entry->d_name);
	}
	closedir(files);
	return error;
}
