/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Finds a file without following links where asked to, checks that it is a regular file, and only
 * then opens it: a FIFO or a device must not be opened.
 */
#include "base/files/regular_file.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"

#define TRIES 100

static uint64_t resolve_flags(enum grf_links links)
{
	switch (links) {
	case GRF_LINKS_PLAIN:
		return RESOLVE_NO_MAGICLINKS;
	case GRF_LINKS_BENEATH:
		return RESOLVE_NO_MAGICLINKS | RESOLVE_BENEATH;
	case GRF_LINKS_IN_ROOT:
		return RESOLVE_NO_MAGICLINKS | RESOLVE_IN_ROOT;
	default:
		return 0;
	}
}

/* Component by component, following no link: for where there is no openat2(), before Linux 5.6 and
 * in containers that refuse it. */
static int find_without_links(int folder, const char *path)
{
	int at = fcntl(folder, F_DUPFD_CLOEXEC, 0);

	while (at >= 0 && *path) {
		size_t length = strcspn(path, "/");
		char name[256];
		int next = -1;

		if (!length) {
			path++;
			continue;
		}
		if (length >= sizeof(name) || (length == 2 && path[0] == '.' && path[1] == '.')) {
			errno = EXDEV;
		} else {
			snprintf(name, sizeof(name), "%.*s", (int)length, path);
			next = openat(at, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
		}
		close(at);
		at = next;
		path += length;
	}
	return at;
}

/* A descriptor that stands for what is at the path, and does not open it. */
static int find_file(const struct grf_file_place *place, const char *path)
{
	struct open_how how = {.flags = O_PATH | O_CLOEXEC, .resolve = resolve_flags(place->links)};
	int fd = -1;

	if (!how.resolve)
		return openat(place->folder, path, O_PATH | O_CLOEXEC);
	/* EAGAIN: something on the way was renamed meanwhile. */
	for (int i = 0; i < TRIES && fd < 0 && (!i || errno == EAGAIN); i++)
		fd = (int)syscall(SYS_openat2, place->folder, path, &how, sizeof(how));
	if (fd >= 0 || (errno != ENOSYS && errno != EPERM))
		return fd;
	if (place->links == GRF_LINKS_PLAIN)
		return openat(place->folder, path, O_PATH | O_CLOEXEC);
	return find_without_links(place->folder, path);
}

/* Opens what a descriptor stands for. Without /proc it is opened by its name again, and must be the
 * same file. */
static int open_found(const struct grf_file_place *place, const char *path, int found,
		      const struct stat *status)
{
	/* A lease that somebody holds on the file would make us wait too. */
	const int flags = O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC;
	struct stat again;
	char name[32];
	int fd;

	snprintf(name, sizeof(name), "/proc/self/fd/%d", found);
	fd = open(name, flags);
	if (fd >= 0 || errno != ENOENT || !access("/proc/self/fd", F_OK))
		return fd;
	fd = openat(place->folder, path, flags);
	if (fd < 0 || (!fstat(fd, &again) && again.st_dev == status->st_dev &&
		       again.st_ino == status->st_ino))
		return fd;
	close(fd);
	errno = ESTALE;
	return -1;
}

struct grf_error *grf_regular_file_open(const struct grf_file_place *place, const char *path,
					const char *what, int *ret)
{
	_cleanup_close_ int found = find_file(place, path);
	struct stat status;
	int fd;

	/* "Invalid cross-device link" says nothing of that. */
	if (found < 0 && errno == EXDEV)
		return grf_error_create(GRF_ERROR_OTHER,
					"cannot open %s: it leads out of its folder, by a link "
					"or .., and is not followed",
					what);
	if (found < 0 || fstat(found, &status))
		return grf_error_errno(GRF_ERROR_OTHER, errno, "cannot open %s", what);
	if (!S_ISREG(status.st_mode))
		return grf_error_create(GRF_ERROR_BAD_INPUT, "cannot open %s: not a regular file",
					what);
	if (place->limit && (uint64_t)status.st_size > place->limit)
		return grf_error_create(
		    GRF_ERROR_BAD_INPUT,
		    "cannot open %s: it has %lld bytes, more than %llu are not read", what,
		    (long long)status.st_size, (unsigned long long)place->limit);
	fd = open_found(place, path, found, &status);
	if (fd < 0)
		return grf_error_errno(GRF_ERROR_OTHER, errno, "cannot open %s", what);
	*ret = fd;
	return NULL;
}

struct grf_error *grf_named_file_open(const char *path, const char *what, int *ret)
{
	const struct grf_file_place anywhere = {.folder = AT_FDCWD};
	struct grf_error *error = grf_regular_file_open(&anywhere, path, what, ret);

	if (error && error->code == GRF_ERROR_OTHER)
		error->code = GRF_ERROR_BAD_INPUT;
	return error;
}

struct grf_error *grf_named_folder_check(const char *path)
{
	struct grf_error *error;
	struct stat status;

	if (!stat(path, &status) && S_ISDIR(status.st_mode) && !access(path, X_OK))
		return NULL;
	if (!stat(path, &status) && !S_ISDIR(status.st_mode))
		errno = ENOTDIR;
	error = grf_error_errno(GRF_ERROR_OTHER, errno, "cannot look into %s", path);
	if (error->code == GRF_ERROR_OTHER)
		error->code = GRF_ERROR_BAD_INPUT;
	return error;
}
