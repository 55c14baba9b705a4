/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Creates a result without a name in its folder, writes to it, and gives it its name when all
 * results are complete.
 */
#include "outputs/file.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/number.h"

#define NAME_BYTES  32 /* ".grf-bpf-" and 16 digits */
#define NAME_TRIES  100
#define COPY_BYTES  65536
#define RESULT_MODE 0600
#define STAT_BLOCK  512u /* st_blocks counts these, on any file system */

enum output_kind {
	OUTPUT_FILE,   /* `name` in the folder */
	OUTPUT_STREAM, /* a descriptor that was already open */
	OUTPUT_NULL,   /* the null device */
};

struct grf_output {
	enum output_kind kind;
	char *path;        /* as it was given */
	char *folder_path; /* of a file: the folder's part of it */
	const char *name;  /* of a file: the rest, in `path` */
	int folder;        /* O_PATH; -1 */
	int fd;            /* what is written to; a stream's is not closed */
	bool large;        /* is not to be in memory */
	bool nameless;     /* `fd` is a file in the folder, without its name; false: in memory */
	uint64_t skipped;  /* zeros at the end that are not written yet */
	/* Of a result that is not at its place yet: when it is whole, or all the time. */
	char beside[NAME_BYTES]; /* its name in the folder; empty: none */
	struct stat result;
};

static struct grf_error *output_failed(const struct grf_output *output, const char *operation)
{
	return grf_error_errno(GRF_ERROR_OUTPUT, errno, "cannot %s %s", operation, output->path);
}

static struct grf_error *output_refused(const struct grf_output *output, const char *why)
{
	return grf_error_create(GRF_ERROR_OUTPUT, "cannot write %s: %s", output->path, why);
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

/* --- descriptors that are open ---------------------------------------------------------------- */

/* The open descriptor that a path names, such as /dev/fd/3. It is written to as it is, and not
 * opened again by name: its file may have no name any more, or may have been written to before. -1:
 * the path names a file. */
static int output_stream(const char *path)
{
	static const char *const folders[] = {"/dev/fd/", "/proc/self/fd/"};

	if (!strcmp(path, "-") || !strcmp(path, "/dev/stdout"))
		return STDOUT_FILENO;
	if (!strcmp(path, "/dev/stderr"))
		return STDERR_FILENO;
	for (size_t i = 0; i < sizeof(folders) / sizeof(*folders); i++) {
		uint64_t number;

		if (!strncmp(path, folders[i], strlen(folders[i])) &&
		    grf_number_whole(path + strlen(folders[i]), 10, &number) && number < 1000000)
			return (int)number;
	}
	return -1;
}

static struct grf_error *check_stream(const struct grf_output *output)
{
	int flags = fcntl(output->fd, F_GETFL);

	if (flags >= 0 && (flags & O_ACCMODE) != O_RDONLY && !(flags & O_PATH))
		return NULL;
	if (output->fd == STDOUT_FILENO || output->fd == STDERR_FILENO)
		return grf_error_create(GRF_ERROR_OUTPUT,
					"cannot write to standard %s: it is closed",
					output->fd == STDOUT_FILENO ? "output" : "error");
	return output_refused(output, "that descriptor is not open for writing");
}

static struct grf_error *write_stream(const struct grf_output *output, const void *data,
				      size_t size)
{
	struct grf_error *error = check_stream(output);

	if (error || write_all(output->fd, data, size))
		return error;
	if (output->fd == STDOUT_FILENO || output->fd == STDERR_FILENO)
		return grf_error_errno(GRF_ERROR_OUTPUT, errno, "cannot write to standard %s",
				       output->fd == STDOUT_FILENO ? "output" : "error");
	return output_failed(output, "write to");
}

/* --- what stands at the name ------------------------------------------------------------------ */

static struct grf_error *check_found(struct grf_output *output, const struct stat *status)
{
	switch (status->st_mode & S_IFMT) {
	case S_IFREG:
		return NULL;
	case S_IFDIR:
		return output_refused(output, "it is a directory; name a file with -o");
	case S_IFLNK:
		return output_refused(output, "it is a symbolic link, which is not followed; name "
					      "the file itself with -o");
	case S_IFIFO:
		return output_refused(output, "it is a FIFO, which may wait for ever; write to "
					      "standard output (-o -) and redirect that");
	case S_IFCHR:
		if (status->st_rdev == makedev(1, 3)) {
			output->kind = OUTPUT_NULL;
			return NULL;
		}
		__attribute__((fallthrough));
	case S_IFBLK:
		return output_refused(output, "it is a device; name a file with -o");
	default:
		return output_refused(output, "it is a socket; name a file with -o");
	}
}

/* Checks that the name is free, or that what has it may be replaced. */
static struct grf_error *look_at_name(struct grf_output *output)
{
	struct stat status, folder;
	struct grf_error *error;

	if (fstatat(output->folder, output->name, &status, AT_SYMLINK_NOFOLLOW))
		return errno == ENOENT ? NULL : output_failed(output, "write");
	error = check_found(output, &status);
	if (error || output->kind != OUTPUT_FILE || fstat(output->folder, &folder))
		return error;
	/* Otherwise the kernel would refuse the rename at the end. */
	if ((folder.st_mode & S_ISVTX) && geteuid() && status.st_uid != geteuid() &&
	    folder.st_uid != geteuid())
		return output_refused(output, "the file there is another user's");
	return NULL;
}

/* Checks that the path still leads to the folder. Otherwise the result would not be at the path
 * that is reported. */
static struct grf_error *look_at_folder(const struct grf_output *output)
{
	struct stat held, found;

	if (fstat(output->folder, &held))
		return output_failed(output, "write");
	if (stat(output->folder_path, &found)) {
		if (errno != ENOENT && errno != ENOTDIR && errno != ELOOP)
			return NULL; /* the sandbox does not permit a look */
	} else if (found.st_dev == held.st_dev && found.st_ino == held.st_ino) {
		return NULL;
	}
	return output_refused(output, "its folder was removed or replaced meanwhile");
}

/* --- the file, before it has its name --------------------------------------------------------- */

static struct grf_error *make_name(const struct grf_output *output, char name[NAME_BYTES])
{
	uint64_t random;

	if (getrandom(&random, sizeof(random), 0) != (ssize_t)sizeof(random))
		return output_failed(output, "choose a name beside");
	snprintf(name, NAME_BYTES, ".grf-bpf-%016" PRIx64, random);
	return NULL;
}

/* Creates a file under a name of its own beside the result. */
static struct grf_error *open_beside(const struct grf_output *output, char name[NAME_BYTES],
				     int *ret_fd)
{
	struct grf_error *error = NULL;

	for (unsigned int i = 0; !error && i < NAME_TRIES; i++) {
		error = make_name(output, name);
		if (error)
			return error;
		*ret_fd = openat(output->folder, name,
				 O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, RESULT_MODE);
		if (*ret_fd >= 0)
			return NULL;
		if (errno != EEXIST)
			break;
	}
	return output_failed(output, "create a file beside");
}

/* Opens the file to write to: one without a name in the folder, so that nothing is left of it if
 * this process is killed. Where the file system has no such files: one in memory, or, if it may be
 * too large for that, one beside the result. */
static struct grf_error *open_unnamed(struct grf_output *output)
{
	char name[NAME_BYTES];
	struct grf_error *error;
	int fd;

	output->fd = openat(output->folder, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, RESULT_MODE);
	output->nameless = output->fd >= 0;
	if (output->nameless)
		return NULL;
	/* If the file system has them, this error says why it failed. */
	error = open_beside(output, name, &fd);
	if (error)
		return error;
	if (output->large) {
		memcpy(output->beside, name, sizeof(name));
		output->fd = fd;
		output->nameless = true;
		return NULL;
	}
	close(fd);
	unlinkat(output->folder, name, 0);
	output->fd = memfd_create("grf-bpf result", MFD_CLOEXEC);
	return output->fd < 0 ? output_failed(output, "hold a result for") : NULL;
}

/* --- from one end to the other ---------------------------------------------------------------- */

/* Splits the path into folder and name. */
static struct grf_error *split_path(struct grf_output *output)
{
	const char *slash = strrchr(output->path, '/');
	size_t length = slash ? (size_t)(slash - output->path) : 0;

	output->name = slash ? slash + 1 : output->path;
	output->folder_path = !slash    ? strdup(".")
			      : !length ? strdup("/")
					: strndup(output->path, length);
	if (!output->folder_path)
		return grf_error_no_memory();
	if (!*output->path)
		return output_refused(output, "the name is empty; name a file with -o");
	if (!*output->name || !strcmp(output->name, ".") || !strcmp(output->name, ".."))
		return output_refused(output, "it is a directory; name a file with -o");
	return NULL;
}

static struct grf_error *open_folder(struct grf_output *output)
{
	output->folder = open(output->folder_path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (output->folder >= 0)
		return NULL;
	if (errno == ENOENT)
		return grf_error_create(GRF_ERROR_OUTPUT,
					"cannot write %s: the folder %s does not exist",
					output->path, output->folder_path);
	if (errno == ENOTDIR)
		return grf_error_create(GRF_ERROR_OUTPUT, "cannot write %s: %s is no folder",
					output->path, output->folder_path);
	return grf_error_errno(GRF_ERROR_OUTPUT, errno,
			       "cannot write %s: cannot open the folder %s", output->path,
			       output->folder_path);
}

static struct grf_error *output_open(struct grf_output *output)
{
	struct grf_error *error;

	output->fd = output_stream(output->path);
	if (output->fd >= 0) {
		output->kind = OUTPUT_STREAM;
		return check_stream(output);
	}
	error = split_path(output);
	if (!error)
		error = open_folder(output);
	if (!error)
		error = look_at_name(output);
	if (!error && output->kind == OUTPUT_FILE)
		error = open_unnamed(output);
	return error;
}

static struct grf_error *create_output(const char *path, bool large, struct grf_output **ret)
{
	struct grf_output *output = malloc(sizeof(*output));
	struct grf_error *error;

	if (!output)
		return grf_error_no_memory();
	*output = (struct grf_output){.path = strdup(path), .folder = -1, .fd = -1, .large = large};
	error = output->path ? output_open(output) : grf_error_no_memory();
	if (error)
		grf_output_destroy(output);
	else
		*ret = output;
	return error;
}

struct grf_error *grf_output_create(const char *path, struct grf_output **ret)
{
	return create_output(path, false, ret);
}

struct grf_error *grf_output_create_large(const char *path, struct grf_output **ret)
{
	return create_output(path, true, ret);
}

/* Removes a result that was not moved to its place. */
static void remove_beside(struct grf_output *output)
{
	if (*output->beside)
		unlinkat(output->folder, output->beside, 0);
	*output->beside = '\0';
}

void grf_output_destroy(struct grf_output *output)
{
	if (!output)
		return;
	remove_beside(output);
	if (output->kind != OUTPUT_STREAM && output->fd >= 0)
		close(output->fd);
	if (output->folder >= 0)
		close(output->folder);
	free(output->folder_path);
	free(output->path);
	free(output);
}

const char *grf_output_path(const struct grf_output *output)
{
	return output->path;
}

bool grf_output_is_stream(const struct grf_output *output)
{
	return output->kind == OUTPUT_STREAM;
}

bool grf_output_is_standard(const struct grf_output *output)
{
	return output->kind == OUTPUT_STREAM && output->fd == STDOUT_FILENO;
}

struct grf_sandbox_place grf_output_place(const struct grf_output *output)
{
	return (struct grf_sandbox_place){
	    .folder = output->kind == OUTPUT_FILE ? output->folder : -1,
	    .nameless = output->nameless,
	};
}

bool grf_output_is_same(const struct grf_output *a, const struct grf_output *b)
{
	struct stat one, other;

	if (a->kind != b->kind)
		return false;
	if (a->kind != OUTPUT_FILE)
		return a->fd == b->fd;
	return !strcmp(a->name, b->name) && !fstat(a->folder, &one) && !fstat(b->folder, &other) &&
	       one.st_dev == other.st_dev && one.st_ino == other.st_ino;
}

struct grf_error *grf_output_check_apart(const struct grf_output *output, const char *input)
{
	struct stat output_status, input_status;

	if (output->kind != OUTPUT_FILE || !input ||
	    fstatat(output->folder, output->name, &output_status, AT_SYMLINK_NOFOLLOW) ||
	    stat(input, &input_status) || output_status.st_dev != input_status.st_dev ||
	    output_status.st_ino != input_status.st_ino)
		return NULL;
	return output_refused(output, "that is a file to be read; name another one with -o");
}

struct grf_error *grf_output_write(struct grf_output *output, const void *data, size_t size)
{
	if (output->kind == OUTPUT_NULL)
		return NULL;
	if (output->kind == OUTPUT_STREAM)
		return write_stream(output, data, size);
	if (output->skipped && lseek(output->fd, (off_t)output->skipped, SEEK_CUR) < 0)
		return output_failed(output, "write");
	output->skipped = 0;
	return write_all(output->fd, data, size) ? NULL : output_failed(output, "write");
}

int grf_output_descriptor(const struct grf_output *output)
{
	return output->kind == OUTPUT_FILE && output->nameless ? output->fd : -1;
}

uint64_t grf_output_room(const struct grf_output *output)
{
	struct stat status;

	return output->kind == OUTPUT_FILE && !fstat(output->fd, &status)
		   ? (uint64_t)status.st_blocks * STAT_BLOCK
		   : 0;
}

struct grf_error *grf_output_skip(struct grf_output *output, uint64_t size)
{
	static const char zeros[COPY_BYTES];
	struct grf_error *error = NULL;

	if (output->kind == OUTPUT_FILE)
		output->skipped += size;
	else if (output->kind == OUTPUT_STREAM)
		for (; !error && size; size -= size < sizeof(zeros) ? size : sizeof(zeros))
			error = write_stream(output, zeros,
					     size < sizeof(zeros) ? size : sizeof(zeros));
	return error;
}

/* Gives a nameless file a name that is free. */
static bool link_nameless(const struct grf_output *output, const char *name)
{
	char source[64];

	/* The second way needs no capability; it needs /proc. */
	if (!linkat(output->fd, "", output->folder, name, AT_EMPTY_PATH))
		return true;
	if (errno == EEXIST)
		return false;
	snprintf(source, sizeof(source), "/proc/self/fd/%d", output->fd);
	return !linkat(AT_FDCWD, source, output->folder, name, AT_SYMLINK_FOLLOW);
}

/* Copies a result that is in memory to the file `fd`. */
static bool copy_to(const struct grf_output *output, int fd)
{
	_cleanup_free_ char *buffer = malloc(COPY_BYTES);
	off_t offset = 0;
	ssize_t size;

	if (!buffer)
		return false;
	while ((size = pread(output->fd, buffer, COPY_BYTES, offset)) > 0) {
		if (!write_all(fd, buffer, (size_t)size))
			return false;
		offset += size;
	}
	return !size && !fsync(fd);
}

/* Copies a result in memory to a file beside its place. */
static struct grf_error *copy_beside(struct grf_output *output)
{
	_cleanup_close_ int fd = -1;
	struct grf_error *error = open_beside(output, output->beside, &fd);

	if (error)
		*output->beside = '\0';
	else if (!copy_to(output, fd) || fstat(fd, &output->result))
		error = output_failed(output, "write");
	return error;
}

/* Writes the whole result to disk, before it has a name. */
static struct grf_error *settle_data(struct grf_output *output)
{
	off_t end;

	if (output->kind != OUTPUT_FILE)
		return NULL;
	end = output->skipped ? lseek(output->fd, (off_t)output->skipped, SEEK_CUR) : 0;
	if (end < 0 || (end && ftruncate(output->fd, end)))
		return output_failed(output, "write");
	output->skipped = 0;
	if (!output->nameless)
		return NULL;
	if (fsync(output->fd) || fstat(output->fd, &output->result))
		return output_failed(output, "write");
	return NULL;
}

/* Names the whole result beside its place, and checks that it can be moved there. */
static struct grf_error *name_beside(struct grf_output *output)
{
	struct grf_error *error = look_at_folder(output);

	if (!error)
		error = look_at_name(output);
	if (error)
		return error;
	if (!output->nameless)
		return copy_beside(output);
	if (*output->beside)
		return NULL;
	for (unsigned int i = 0; i < NAME_TRIES; i++) {
		char name[NAME_BYTES];

		error = make_name(output, name);
		if (error)
			return error;
		if (link_nameless(output, name)) {
			memcpy(output->beside, name, sizeof(name));
			return NULL;
		}
		if (errno != EEXIST)
			break;
	}
	return output_failed(output, "create a file beside");
}

/* Moves the named result to its place. */
static struct grf_error *move_to_place(struct grf_output *output)
{
	struct grf_error *error;
	struct stat named;

	if (fstatat(output->folder, output->beside, &named, AT_SYMLINK_NOFOLLOW) ||
	    named.st_dev != output->result.st_dev || named.st_ino != output->result.st_ino)
		return output_refused(output, "somebody moves files in its folder");
	/* A file that appears there after this look is replaced, and not followed. */
	error = look_at_name(output);
	if (!error && output->kind != OUTPUT_FILE)
		error = output_refused(output, "it is a device; name a file with -o");
	if (!error && renameat(output->folder, output->beside, output->folder, output->name))
		error = output_failed(output, "rename the result to");
	if (!error)
		*output->beside = '\0';
	return error;
}

/* All that can fail for lack of space is done for all outputs before the first is moved to its
 * place. */
struct grf_error *grf_outputs_commit(struct grf_output *const *outputs, size_t count)
{
	struct grf_error *error = NULL;

	for (size_t i = 0; !error && i < count; i++)
		error = settle_data(outputs[i]);
	for (size_t i = 0; !error && i < count; i++)
		if (outputs[i]->kind == OUTPUT_FILE)
			error = name_beside(outputs[i]);
	for (size_t i = 0; !error && i < count; i++)
		if (*outputs[i]->beside)
			error = move_to_place(outputs[i]);
	for (size_t i = 0; i < count; i++)
		remove_beside(outputs[i]);
	return error;
}
