/* SPDX-License-Identifier: BSD-2-Clause */
/* Compares the beginnings of names with paths of packages and modules. */
#include "views/types/own_code.h"

#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "model/code/version.h"

struct grf_own_code {
	char *text; /* owned: of the build info, cut at the ends of paths */
	GRF_ARRAY(const char *) modules;
	GRF_ARRAY(const char *) hidden;
};

/* What paths of packages are made of (golang.org/x/mod/module.CheckImportPath), and the escapes of
 * symbols. */
#define PATH_CHARACTERS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~/%"

/* Takes the paths of "mod" and "dep" lines. False: out of memory. */
static bool take_modules(struct grf_own_code *own)
{
	char *rest = own->text, *line;

	while (rest && (line = strsep(&rest, "\n"))) {
		char *word = strsep(&line, "\t"), *path = strsep(&line, "\t");
		const char **added;

		if (!path || !*path || (strcmp(word, "mod") != 0 && strcmp(word, "dep") != 0))
			continue;
		added = grf_array_add(&own->modules);
		if (!added)
			return false;
		*added = path;
	}
	return true;
}

struct grf_own_code *grf_own_code_create(const struct grf_model *model)
{
	struct grf_own_code *own = calloc(1, sizeof(*own));

	if (own)
		own->text = grf_version_modules(model->executable, model->image);
	if (!own || take_modules(own))
		return own;
	grf_own_code_destroy(own);
	return NULL;
}

void grf_own_code_destroy(struct grf_own_code *own)
{
	if (!own)
		return;
	free(own->text);
	grf_array_free(&own->modules);
	grf_array_free(&own->hidden);
	free(own);
}

bool grf_own_code_hide(struct grf_own_code *own, const char *package)
{
	const char **added = grf_array_add(&own->hidden);

	if (added)
		*added = package;
	return added;
}

/* Whether a name is of a package or of one below it. The name may have "%2e" for dots. */
static bool is_below(const char *name, const char *package)
{
	for (; *package; package++) {
		if (*name == *package)
			name++;
		else if (*package == '.' && !strncmp(name, "%2e", 3))
			name += 3;
		else
			return false;
	}
	return *name == '.' || *name == '/';
}

/* Whether the first element of the path of a name's package has no dot. */
static bool begins_without_dot(const char *name, size_t length)
{
	const char *slash = memchr(name, '/', length), *dot = memchr(name, '.', length);
	const char *end = slash ? slash : dot;

	return (!slash || !dot || dot > slash) && !memchr(name, '%', (size_t)(end - name));
}

bool grf_own_code_has(const struct grf_own_code *own, const char *name)
{
	size_t length;

	/* "[...]*T", "[4]T" */
	for (;;) {
		if (*name == '[')
			name += strspn(name, "[.0123456789");
		if (*name != ']' && *name != '*')
			break;
		name++;
	}
	length = strspn(name, PATH_CHARACTERS);
	if (!memchr(name, '.', length))
		return false;
	for (size_t i = 0; i < own->hidden.count; i++)
		if (is_below(name, own->hidden.items[i]))
			return false;
	if (!strncmp(name, "main.", 5) || !begins_without_dot(name, length))
		return true;
	for (size_t i = 0; i < own->modules.count; i++)
		if (is_below(name, own->modules.items[i]))
			return true;
	return false;
}
