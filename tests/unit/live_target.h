/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A process to be held, with a parent of its own that looks at every stop, as an init or a shell
 * does. Both write what they see to memory shared with the test. The target has threads: one beats
 * (counts), one spins with a known value in a register, the rest sleep.
 */
#ifndef GRF_TESTS_LIVE_TARGET_H
#define GRF_TESTS_LIVE_TARGET_H

#include <dirent.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* Milliseconds until what must happen has happened, on a busy machine. */
#define LIVE_PATIENCE  60000
#define LIVE_PAGES     512
#define LIVE_MAGIC     0x6772662d62706621ull
#define LIVE_SLEEPERS  6
#define LIVE_ORDERED   64
#define LIVE_PAGE_SIZE ((size_t)4096)

struct live_shared {
	volatile pid_t target;
	volatile pid_t thread; /* a thread of it that is not the first */
	volatile bool ready;
	volatile uint64_t beats;
	volatile uint64_t signals;
	volatile uint64_t events; /* seen by the parent */
	volatile int last_event;
	volatile bool churn; /* the target makes and ends threads all the time */
	/* Addresses in the target. */
	uint8_t *sparse;     /* LIVE_PAGES, of which every third was written */
	uint8_t *read_only;  /* one page, written and then protected */
	uint8_t *reserved;   /* without access */
	uint64_t *ordered;   /* LIVE_ORDERED pages whose first words are counted up in turn */
	uint8_t *file;       /* a private file mapping of 4 pages, of which the third was written */
	uint8_t *clean_file; /* one of which nothing was written */
	uint64_t spinner_tls;
	volatile pid_t spinner;
};

struct live {
	pid_t parent;
	struct live_shared *shared;
};

static uint64_t live_data_word = 1;

static void live_sleep(long milliseconds)
{
	struct timespec rest = {milliseconds / 1000, milliseconds % 1000 * 1000000};

	while (nanosleep(&rest, &rest) && errno == EINTR)
		;
}

static struct live_shared *live_shared_memory;

static void live_on_signal(int number)
{
	(void)number;
	/* Several threads take signals at the same time. */
	__atomic_fetch_add(&live_shared_memory->signals, 1, __ATOMIC_RELAXED);
}

static void *live_spin(void *argument)
{
	live_shared_memory->spinner_tls = (uint64_t)pthread_self();
	live_shared_memory->spinner = (pid_t)syscall(SYS_gettid);
	__asm__ volatile("mov %0, %%r15\n1: pause\n jmp 1b" : : "r"(LIVE_MAGIC) : "r15");
	return argument;
}

static void *live_beat(void *argument)
{
	for (;;) {
		live_shared_memory->beats++;
		live_sleep(1);
	}
	return argument;
}

/* Writes so that a copy made while it runs would show it: no page is ever ahead of one before. */
static void *live_count_in_order(void *argument)
{
	volatile uint64_t *words = live_shared_memory->ordered;
	uint64_t round;
	int i;

	for (round = 1;; round++)
		for (i = 0; i < LIVE_ORDERED; i++)
			words[(size_t)i * LIVE_PAGE_SIZE / sizeof(*words)] = round;
	return argument;
}

static void *live_rest(void *argument)
{
	live_shared_memory->thread = (pid_t)syscall(SYS_gettid);
	for (;;)
		pause();
	return argument;
}

static void *live_brief(void *argument)
{
	return argument;
}

static void *live_churn(void *argument)
{
	pthread_t thread;

	for (;;) {
		while (!live_shared_memory->churn)
			live_sleep(5);
		if (!pthread_create(&thread, NULL, live_brief, NULL))
			pthread_join(thread, NULL);
	}
	return argument;
}

static void live_start_thread(void *(*function)(void *))
{
	pthread_t thread;

	if (pthread_create(&thread, NULL, function, NULL))
		_exit(3);
}

static void live_make_memory(struct live_shared *shared)
{
	char path[] = "/tmp/live-target-XXXXXX";
	int fd = mkstemp(path);
	size_t i;

	shared->sparse = mmap(NULL, (size_t)LIVE_PAGES * LIVE_PAGE_SIZE, PROT_READ | PROT_WRITE,
			      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	for (i = 0; i < LIVE_PAGES; i += 3)
		memset(shared->sparse + i * LIVE_PAGE_SIZE, (int)(1 + i % 200), LIVE_PAGE_SIZE);
	shared->reserved =
	    mmap(NULL, 1ull << 32, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	shared->read_only =
	    mmap(NULL, LIVE_PAGE_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	memset(shared->read_only, 0x5a, LIVE_PAGE_SIZE);
	mprotect(shared->read_only, LIVE_PAGE_SIZE, PROT_READ);
	shared->ordered = mmap(NULL, (size_t)LIVE_ORDERED * LIVE_PAGE_SIZE, PROT_READ | PROT_WRITE,
			       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (fd < 0 || ftruncate(fd, 4 * LIVE_PAGE_SIZE))
		_exit(4);
	unlink(path);
	shared->file = mmap(NULL, 4 * LIVE_PAGE_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
	memset(shared->file + 2 * LIVE_PAGE_SIZE, 0x77, LIVE_PAGE_SIZE);
	mprotect(shared->file, 4 * LIVE_PAGE_SIZE, PROT_READ);
	shared->clean_file = mmap(NULL, 4 * LIVE_PAGE_SIZE, PROT_READ, MAP_PRIVATE, fd, 0);
	live_data_word = LIVE_MAGIC + (shared->clean_file[0] != 0);
}

static void live_target(struct live_shared *shared)
{
	struct sigaction action = {.sa_handler = live_on_signal, .sa_flags = SA_RESTART};
	int i;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	live_shared_memory = shared;
	sigaction(SIGRTMIN, &action, NULL);
	live_make_memory(shared);
	live_start_thread(live_spin);
	live_start_thread(live_beat);
	live_start_thread(live_churn);
	live_start_thread(live_count_in_order);
	for (i = 0; i < LIVE_SLEEPERS; i++)
		live_start_thread(live_rest);
	while (!shared->spinner || !shared->thread || !shared->beats)
		live_sleep(1);
	live_sleep(50); /* until all threads are past their beginning */
	shared->ready = true;
	for (;;)
		pause();
}

static void live_parent(struct live_shared *shared)
{
	int status;
	pid_t pid;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	pid = fork();
	if (!pid)
		live_target(shared);
	shared->target = pid;
	while (waitpid(pid, &status, WUNTRACED | WCONTINUED) == pid) {
		shared->last_event = status;
		shared->events++;
		if (WIFEXITED(status) || WIFSIGNALED(status))
			break;
	}
	_exit(0);
}

static bool live_start(struct live *live)
{
	int i;

	live->shared = mmap(NULL, sizeof(*live->shared), PROT_READ | PROT_WRITE,
			    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (live->shared == MAP_FAILED)
		return false;
	live->parent = fork();
	if (!live->parent)
		live_parent(live->shared);
	for (i = 0; i < LIVE_PATIENCE && !live->shared->ready; i++)
		live_sleep(1);
	return live->shared->ready;
}

static void live_stop(struct live *live)
{
	if (live->shared->target > 0)
		kill(live->shared->target, SIGKILL);
	waitpid(live->parent, NULL, 0);
	munmap(live->shared, sizeof(*live->shared));
}

/* True when the target counts on. */
static bool live_beats(struct live *live)
{
	uint64_t before = live->shared->beats;
	int i;

	for (i = 0; i < LIVE_PATIENCE && live->shared->beats < before + 2; i++)
		live_sleep(1);
	return live->shared->beats >= before + 2;
}

/* The state letters of all threads, the tracer of any, and counts that must not change. */
struct live_facts {
	size_t threads;
	size_t files;
	size_t mappings;
	size_t stopped;
	long tracer;
};

static size_t live_count_entries(const char *path)
{
	DIR *directory = opendir(path);
	size_t count = 0;

	if (!directory)
		return 0;
	while (readdir(directory))
		count++;
	closedir(directory);
	return count - 2;
}

static void live_read_status(const char *path, struct live_facts *facts)
{
	FILE *status = fopen(path, "re");
	char line[256], state;
	long tracer;

	if (!status)
		return;
	while (fgets(line, sizeof(line), status)) {
		if (sscanf(line, "State: %c", &state) == 1)
			facts->stopped += state == 'T' || state == 't';
		if (sscanf(line, "TracerPid: %ld", &tracer) == 1 && tracer)
			facts->tracer = tracer;
	}
	fclose(status);
}

static struct live_facts live_look(pid_t pid)
{
	struct live_facts facts = {0};
	char path[300];
	struct dirent *entry;
	DIR *task;
	FILE *maps;
	int c;

	snprintf(path, sizeof(path), "/proc/%d/fd", pid);
	facts.files = live_count_entries(path);
	snprintf(path, sizeof(path), "/proc/%d/maps", pid);
	maps = fopen(path, "re");
	while (maps && (c = getc(maps)) != EOF)
		facts.mappings += c == '\n';
	if (maps)
		fclose(maps);
	snprintf(path, sizeof(path), "/proc/%d/task", pid);
	task = opendir(path);
	while (task && (entry = readdir(task))) {
		if (entry->d_name[0] == '.')
			continue;
		facts.threads++;
		snprintf(path, sizeof(path), "/proc/%d/task/%s/status", pid, entry->d_name);
		live_read_status(path, &facts);
	}
	if (task)
		closedir(task);
	return facts;
}

/* Whether this test may trace at all. Says so where it may not. */
static bool live_may_trace(void)
{
	int status = 0;
	pid_t pid = fork();

	if (!pid)
		for (;;)
			pause();
	if (!ptrace(PTRACE_SEIZE, pid, 0, 0))
		status = 1;
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	if (!status)
		fprintf(stderr, "skipped: ptrace is not permitted here\n");
	return status;
}

#endif
