/* SPDX-License-Identifier: BSD-2-Clause */
/* A C program that has a Go library as its guest: linked to it, or with its path as an argument. */
#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#ifdef LINKED
void FillSessions(int count);
void StayInGo(void);
void StayInC(void);
void Ready(void);
#define FIND(name) name
#else
static void *library;

static void *find(const char *name)
{
	void *found = dlsym(library, name);

	if (!found) {
		fprintf(stderr, "%s\n", dlerror());
		exit(1);
	}
	return found;
}
#define FIND(name) find(#name)
#endif

static void *run(void *function)
{
	((void (*)(void))function)();
	return NULL;
}

static void start(void *function)
{
	pthread_t thread;

	if (pthread_create(&thread, NULL, run, function))
		exit(1);
}

int main(int argc, char **argv)
{
	(void)argc;
	(void)argv;
#ifndef LINKED
	for (int i = 1; i < argc; i++) {
		library = dlopen(argv[i], RTLD_NOW);
		if (!library) {
			fprintf(stderr, "%s\n", dlerror());
			return 1;
		}
	}
#endif
	((void (*)(int))FIND(FillSessions))(100);
	start(FIND(StayInGo));
	start(FIND(StayInC));
	usleep(100000);
	((void (*)(void))FIND(Ready))();
	for (;;)
		pause();
}
