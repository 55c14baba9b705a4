/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Prints messages and progress, and keeps the two flags that end work early: an interruption, and
 * an error found beside the work.
 */
#include "base/log.h"

#include <errno.h>
#include <semaphore.h>
#include <signal.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "base/text.h"

#define LINE_BYTES 4096

static int log_verbosity;
static bool progress_drawn;
static bool terminal;
static volatile sig_atomic_t interrupt_signal;
static enum grf_error_code given_up_code; /* 0: it was a signal */
static const char *given_up_text;
static char given_up_message[512];
static sem_t interruption; /* all zero, as sem_init() with 0 leaves it */
static bool wait_ended;    /* who waits for one is to do something else */

void grf_log_init(int verbosity)
{
	log_verbosity = verbosity;
	terminal = isatty(STDERR_FILENO) == 1;
}

int grf_log_verbosity(void)
{
	return log_verbosity;
}

uint64_t grf_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static void print_line(const char *format, va_list arguments)
{
	char text[LINE_BYTES];

	vsnprintf(text, sizeof(text), format, arguments);
	grf_progress_end();
	fputs("grf-bpf: ", stderr);
	grf_text_print(stderr, text);
	fputc('\n', stderr);
}

void grf_warn(const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	print_line(format, arguments);
	va_end(arguments);
}

void grf_verbose(const char *format, ...)
{
	va_list arguments;

	if (log_verbosity < 1)
		return;
	va_start(arguments, format);
	print_line(format, arguments);
	va_end(arguments);
}

void grf_debug(const char *format, ...)
{
	va_list arguments;

	if (log_verbosity < 2)
		return;
	va_start(arguments, format);
	print_line(format, arguments);
	va_end(arguments);
}

void grf_progress(const char *step, uint64_t done, uint64_t total)
{
	static const char *current;
	static uint64_t began, drawn;
	uint64_t now;

	if (!terminal)
		return;
	now = grf_now();
	if (step != current) {
		current = step;
		began = now;
	}
	if (now - began < 1000000000u || now - drawn < 100000000u)
		return;
	drawn = now;
	progress_drawn = true;
	if (total)
		fprintf(stderr, "\r%s: %3.0f %%\033[K", step, 100.0 * (double)done / (double)total);
	else
		fprintf(stderr, "\r%s: %llu\033[K", step, (unsigned long long)done);
	fflush(stderr);
}

void grf_progress_end(void)
{
	if (!progress_drawn)
		return;
	progress_drawn = false;
	fputs("\r\033[K", stderr);
	fflush(stderr);
}

void grf_interrupt(int signal_number)
{
	int before = errno;

	__atomic_store_n(&interrupt_signal, signal_number, __ATOMIC_RELEASE);
	sem_post(&interruption);
	errno = before;
}

void grf_give_up(enum grf_error_code code, const char *format, ...)
{
	va_list arguments;

	if (interrupt_signal)
		return;
	va_start(arguments, format);
	vsnprintf(given_up_message, sizeof(given_up_message), format, arguments);
	va_end(arguments);
	grf_give_up_at_once(code, given_up_message);
}

void grf_give_up_at_once(enum grf_error_code code, const char *message)
{
	const char *none = NULL;

	if (grf_interrupted() || !__atomic_compare_exchange_n(&given_up_text, &none, message, false,
							      __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE))
		return;
	given_up_code = code;
	/* Whoever sees the number sees the message. */
	__atomic_store_n(&interrupt_signal, SIGTERM, __ATOMIC_RELEASE);
	sem_post(&interruption);
}

bool grf_interrupted(void)
{
	return __atomic_load_n(&interrupt_signal, __ATOMIC_ACQUIRE) != 0;
}

void grf_wait_for_interruption(void)
{
	while (!grf_interrupted() && !__atomic_exchange_n(&wait_ended, false, __ATOMIC_ACQ_REL))
		sem_wait(&interruption);
}

void grf_end_wait_for_interruption(void)
{
	__atomic_store_n(&wait_ended, true, __ATOMIC_RELEASE);
	sem_post(&interruption);
}

bool grf_gave_up(void)
{
	return grf_interrupted() && given_up_code;
}

struct grf_error *grf_error_interrupted(void)
{
	if (given_up_code)
		return grf_error_create(given_up_code, "%s", given_up_text);
	return grf_error_create(GRF_ERROR_INTERRUPTED, "interrupted");
}
