/* SPDX-License-Identifier: BSD-2-Clause */
/* Keeps a list of watched mappings that the SIGBUS handler can search without a lock. */
#include "base/files/mapped_file.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "base/pages.h"

/* Never freed, as a handler in another thread may look at it: used again. */
struct watched {
	struct watched *next;
	uint64_t start, end; /* in our memory; equal: not in use */
	int fd;              /* ours; -1: none */
	struct stat before;
	char path[512];
	char cut[600]; /* what to say when it is cut */
};

static struct watched *all_watched;

static void on_bus_error(int number, siginfo_t *info, void *context)
{
	uint64_t address = (uint64_t)info->si_addr;
	int before = errno;

	(void)context;
	for (struct watched *at = __atomic_load_n(&all_watched, __ATOMIC_ACQUIRE); at;
	     at = at->next) {
		uint64_t start = __atomic_load_n(&at->start, __ATOMIC_ACQUIRE);
		uint64_t end = __atomic_load_n(&at->end, __ATOMIC_ACQUIRE);

		if (info->si_code <= 0 || address < start || address >= end)
			continue;
		/* Writable too: of some mappings a page is written to. */
		if (mmap((void *)(address & ~(GRF_PAGE - 1)), GRF_PAGE, // NOLINT
			 PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1,
			 0) == MAP_FAILED)
			break;
		grf_give_up_at_once(GRF_ERROR_BAD_INPUT, at->cut);
		errno = before;
		return;
	}
	/* Not ours: as without a handler, when the instruction runs again. */
	signal(number, SIG_DFL);
	if (info->si_code <= 0)
		raise(number);
}

static void install_handler(void)
{
	static bool installed;
	struct sigaction action = {.sa_sigaction = on_bus_error, .sa_flags = SA_SIGINFO};

	if (installed)
		return;
	installed = true;
	sigemptyset(&action.sa_mask);
	sigaction(SIGBUS, &action, NULL);
}

static struct watched *unused_watched(void)
{
	struct watched *at = all_watched;

	while (at && at->end)
		at = at->next;
	if (at)
		return at;
	at = calloc(1, sizeof(*at));
	if (!at)
		return NULL;
	at->next = all_watched;
	__atomic_store_n(&all_watched, at, __ATOMIC_RELEASE);
	return at;
}

bool grf_mapped_file_watch(const void *memory, uint64_t size, int fd, const char *path)
{
	struct watched *watched = unused_watched();

	if (!watched)
		return false;
	install_handler();
	snprintf(watched->path, sizeof(watched->path), "%s", path);
	snprintf(watched->cut, sizeof(watched->cut), "%s was cut while it was read", watched->path);
	watched->fd = fd >= 0 ? fcntl(fd, F_DUPFD_CLOEXEC, 0) : -1;
	if (watched->fd >= 0 && fstat(watched->fd, &watched->before)) {
		close(watched->fd);
		watched->fd = -1;
	}
	__atomic_store_n(&watched->start, (uint64_t)memory, __ATOMIC_RELEASE);
	__atomic_store_n(&watched->end, (uint64_t)memory + size, __ATOMIC_RELEASE);
	return true;
}

void grf_mapped_file_forget(const void *memory)
{
	for (struct watched *at = all_watched; at; at = at->next) {
		if (!at->end || at->start != (uint64_t)memory)
			continue;
		__atomic_store_n(&at->end, 0, __ATOMIC_RELEASE);
		if (at->fd >= 0)
			close(at->fd);
		at->fd = -1;
		return;
	}
}

struct grf_error *grf_mapped_file_open(int fd, uint64_t size, const char *path, uint8_t **ret)
{
	return grf_mapped_file_open_part(fd, 0, size, path, ret);
}

struct grf_error *grf_mapped_file_open_part(int fd, uint64_t offset, uint64_t size,
					    const char *path, uint8_t **ret)
{
	void *memory = mmap(NULL, size, PROT_READ, MAP_PRIVATE, fd, (off_t)offset);

	if (memory == MAP_FAILED)
		return grf_error_errno(GRF_ERROR_OTHER, errno, "cannot map %s", path);
	if (!grf_mapped_file_watch(memory, size, fd, path)) {
		munmap(memory, size);
		return grf_error_no_memory();
	}
	*ret = memory;
	return NULL;
}

void grf_mapped_file_close(uint8_t *memory, uint64_t size)
{
	if (!memory)
		return;
	munmap(memory, size);
	grf_mapped_file_forget(memory);
}

/* The times of its inode change when a link to it is made or goes: these do not count. */
static bool has_changed(const struct watched *watched)
{
	const struct stat *before = &watched->before;
	struct stat now;

	return watched->end && watched->fd >= 0 && !fstat(watched->fd, &now) &&
	       (now.st_size != before->st_size || now.st_mtim.tv_sec != before->st_mtim.tv_sec ||
		now.st_mtim.tv_nsec != before->st_mtim.tv_nsec);
}

struct grf_error *grf_mapped_files_check(void)
{
	if (grf_interrupted())
		return grf_error_interrupted();
	for (const struct watched *at = all_watched; at; at = at->next)
		if (has_changed(at))
			return grf_error_create(GRF_ERROR_BAD_INPUT,
						"%s was written to while it was read", at->path);
	return NULL;
}
