/* SPDX-License-Identifier: BSD-2-Clause */
#include "outputs/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"

static struct grf_error *failed(const char *operation, const char *path)
{
	return grf_error_errno(GRF_ERROR_OUTPUT, errno, "cannot %s %s", operation, path);
}

/* A name for the file beside `path`, and the file, created. */
static struct grf_error *open_beside(const char *path, char **ret_name, int *ret_fd)
{
	char *name;
	mode_t mask;
	int fd;

	if (asprintf(&name, "%s.XXXXXX", path) < 0)
		return grf_error_no_memory();
	fd = mkostemp(name, O_CLOEXEC);
	if (fd < 0) {
		struct grf_error *error = failed("create a file beside", path);

		free(name);
		return error;
	}
	/* mkostemp() makes it private; a result has the mode that any new file would have. */
	mask = umask(0);
	umask(mask);
	if (fchmod(fd, 0666 & ~mask)) {
		/* Some file systems have no modes. */
	}
	*ret_name = name;
	*ret_fd = fd;
	return NULL;
}

/* A file in the folder of `path` that has no name, so that nothing of it is left if we are killed.
 * -1: the file system has none. */
static int open_nameless(const char *path)
{
	_cleanup_free_ char *folder = strdup(path);
	char *slash = folder ? strrchr(folder, '/') : NULL;

	if (!folder)
		return -1;
	if (slash)
		slash[slash == folder] = '\0';
	return open(slash ? folder : ".", O_TMPFILE | O_WRONLY | O_CLOEXEC, 0666);
}

/* Gives a nameless file a name beside `path`: it cannot take that of a file that is there. */
static struct grf_error *name_beside(int fd, const char *path, char **ret_name)
{
	_cleanup_free_ char *name = NULL;
	char source[64];

	snprintf(source, sizeof(source), "/proc/self/fd/%d", fd);
	for (unsigned int i = 0; i < 1000; i++) {
		free(name);
		if (asprintf(&name, "%s.%d.%u", path, (int)getpid(), i) < 0) {
			name = NULL;
			return grf_error_no_memory();
		}
		if (!linkat(AT_FDCWD, source, AT_FDCWD, name, AT_SYMLINK_FOLLOW)) {
			*ret_name = name;
			name = NULL;
			return NULL;
		}
		if (errno != EEXIST)
			break;
	}
	return failed("create a file beside", path);
}

static bool write_all(int fd, const void *data, size_t size)
{
	const char *at = data;

	while (size) {
		ssize_t written = write(fd, at, size);

		if (written < 0 && errno == EINTR)
			continue;
		if (written <= 0)
			return false;
		at += written;
		size -= (size_t)written;
	}
	return true;
}

static bool is_special(const char *path)
{
	struct stat status;

	return !stat(path, &status) && !S_ISREG(status.st_mode);
}

struct grf_error *grf_output_check(const char *path)
{
	_cleanup_free_ char *name = NULL;
	_cleanup_close_ int fd = -1;
	struct grf_error *error;
	struct stat status;

	if (!*path)
		return grf_error_create(GRF_ERROR_OUTPUT,
					"the name of the file to write is empty; name one with -o");
	if (!stat(path, &status) && S_ISDIR(status.st_mode))
		return grf_error_create(GRF_ERROR_OUTPUT,
					"cannot write %s: it is a directory; name a file with -o",
					path);
	if (is_special(path)) {
		if (access(path, W_OK))
			return failed("write", path);
		return NULL;
	}
	error = open_beside(path, &name, &fd);
	if (error || !name)
		return error;
	unlink(name);
	return NULL;
}

static struct grf_error *write_special(const char *path, const void *data, size_t size)
{
	_cleanup_close_ int fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd < 0)
		return failed("open", path);
	return write_all(fd, data, size) ? NULL : failed("write", path);
}

struct grf_error *grf_output_write(const char *path, const void *data, size_t size)
{
	_cleanup_free_ char *name = NULL, *real = NULL;
	_cleanup_close_ int fd = -1;
	struct grf_error *error;

	if (is_special(path))
		return write_special(path, data, size);
	/* Through a symbolic link, the file that it names is replaced, not the link. */
	real = realpath(path, NULL);
	if (real)
		path = real;
	fd = open_nameless(path);
	error = fd < 0 ? open_beside(path, &name, &fd) : NULL;
	if (error)
		return error;
	if (!write_all(fd, data, size) || fsync(fd))
		error = failed("write", path);
	else if (!name)
		error = name_beside(fd, path, &name);
	if (!error && name && rename(name, path))
		error = failed("rename the result to", path);
	if (error && name)
		unlink(name);
	return error;
}
