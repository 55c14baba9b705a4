/* SPDX-License-Identifier: BSD-2-Clause */
/* Files of /proc and /sys as tests want them, under a folder. Include it after cmocka.h. */
#ifndef GRF_TESTS_FILE_TREE_H
#define GRF_TESTS_FILE_TREE_H

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

/* Writes a file under `root`, and makes the folders that lead to it. */
static void put_file(const char *root, const char *name, const char *text)
{
	char path[512];
	FILE *file;

	snprintf(path, sizeof(path), "%s%s", root, name);
	for (char *at = path + strlen(root) + 1; (at = strchr(at, '/')); at++) {
		*at = '\0';
		mkdir(path, 0700);
		*at = '/';
	}
	file = fopen(path, "we");
	assert_non_null(file);
	if (!file)
		return;
	fputs(text, file);
	fclose(file);
}

#endif
