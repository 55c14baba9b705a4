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

/* The descriptor that a name stands for, which is written to as it is: a file behind it may have no
 * name any more, and others may have written to it before. -1: it is the name of a file. */
static int standard_stream(const char *path)
{
	static const struct {
		const char *name;
		int fd;
	} names[] = {
	    {"-", STDOUT_FILENO},
	    {"/dev/stdout", STDOUT_FILENO},
	    {"/dev/fd/1", STDOUT_FILENO},
	    {"/proc/self/fd/1", STDOUT_FILENO},
	    {"/dev/stderr", STDERR_FILENO},
	    {"/dev/fd/2", STDERR_FILENO},
	    {"/proc/self/fd/2", STDERR_FILENO},
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		if (!strcmp(path, names[i].name))
			return names[i].fd;
	return -1;
}

bool grf_output_is_standard(const char *path)
{
	return standard_stream(path) == STDOUT_FILENO;
}

static struct grf_error *check_stream(int fd)
{
	int flags = fcntl(fd, F_GETFL);

	if (flags >= 0 && (flags & O_ACCMODE) != O_RDONLY)
		return NULL;
	return grf_error_create(GRF_ERROR_OUTPUT, "cannot write to standard %s: it is closed",
				fd == STDOUT_FILENO ? "output" : "error");
}

struct grf_error *grf_output_check_apart(const char *path, const char *input)
{
	struct stat output_status, input_status;

	if (standard_stream(path) >= 0 || !input || stat(path, &output_status) ||
	    stat(input, &input_status) || output_status.st_dev != input_status.st_dev ||
	    output_status.st_ino != input_status.st_ino)
		return NULL;
	return grf_error_create(GRF_ERROR_OUTPUT,
				"cannot write %s: that is a file to be read; name another one with "
				"-o",
				path);
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

	if (standard_stream(path) >= 0)
		return check_stream(standard_stream(path));
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
	if (stat(path, &status) && !lstat(path, &status))
		return grf_error_create(GRF_ERROR_OUTPUT,
					"cannot write %s: it is a symbolic link that leads nowhere",
					path);
	error = open_beside(path, &name, &fd);
	if (error || !name)
		return error;
	unlink(name);
	return NULL;
}

static struct grf_error *write_stream(int fd, const void *data, size_t size)
{
	struct grf_error *error = check_stream(fd);

	if (error || write_all(fd, data, size))
		return error;
	return failed("write to", fd == STDOUT_FILENO ? "standard output" : "standard error");
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

	if (standard_stream(path) >= 0)
		return write_stream(standard_stream(path), data, size);
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
