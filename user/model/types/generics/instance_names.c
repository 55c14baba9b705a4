/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Takes the names of instances apart and pairs their arguments: a shape from the name of the
 * function, the type in its place from the name of the dictionary.
 */
#include "model/types/generics/instance_names.h"

#include <string.h>

#define ARGUMENTS_MAX 16

static const char dictionary_mark[] = "..dict.";

struct text {
	const char *begin;
	size_t length;
};

struct grf_instance_names {
	uint32_t count;
	struct argument {
		struct text shape, name;
		bool ambiguous;
	} arguments[ARGUMENTS_MAX];
};

/* A name taken apart at its first brackets. */
struct instance {
	struct text path;                     /* of the package */
	struct text base;                     /* "F", "(*Box" */
	struct text arguments[ARGUMENTS_MAX]; /* what stands between the brackets */
	uint32_t count;
	const char *tail; /* behind the brackets */
};

const char *grf_instance_argument_end(const char *at)
{
	int nesting = 0;

	for (; *at; at++) {
		if (!nesting && (*at == ',' || *at == ']'))
			return at;
		if (*at == '"')
			for (at++; *at && *at != '"'; at++)
				at += *at == '\\' && at[1];
		if (!*at)
			return NULL;
		nesting += (strchr("[({", *at) != NULL) - (strchr("])}", *at) != NULL);
	}
	return NULL;
}

/* The dot behind the path of the package that a name begins with. */
static const char *dot_behind_path(const char *name, const char *bracket)
{
	const char *slash = name;

	for (const char *at = name; at < bracket; at++)
		if (*at == '/')
			slash = at;
	return memchr(slash, '.', (size_t)(bracket - slash));
}

static bool take_apart(const char *name, const char *mark, struct instance *ret)
{
	const char *bracket = strchr(name, '['), *dot, *at, *end;
	size_t length = strlen(mark);

	dot = bracket ? dot_behind_path(name, bracket) : NULL;
	if (!dot || strncmp(dot, mark, length) != 0 || (size_t)(bracket - dot) < length)
		return false;
	ret->path = (struct text){name, (size_t)(dot - name)};
	ret->base = (struct text){dot + length, (size_t)(bracket - dot) - length};
	ret->count = 0;
	at = bracket;
	do {
		at++;
		end = grf_instance_argument_end(at);
		if (!end || ret->count == ARGUMENTS_MAX)
			return false;
		ret->arguments[ret->count++] = (struct text){at, (size_t)(end - at)};
		at = end;
	} while (*at == ',');
	ret->tail = at + 1;
	return true;
}

static bool is_equal(struct text left, struct text right)
{
	return left.length == right.length && !memcmp(left.begin, right.begin, left.length);
}

/* Strips the star: "(*Box" becomes "Box". */
static struct text without_star(struct text base)
{
	if (base.length > 2 && !memcmp(base.begin, "(*", 2))
		return (struct text){base.begin + 2, base.length - 2};
	return base;
}

bool grf_instance_is_dictionary(const char *symbol, const char *function)
{
	struct instance dictionary, code;
	size_t length;

	if (!take_apart(symbol, dictionary_mark, &dictionary) ||
	    !take_apart(function, ".", &code) || !is_equal(dictionary.path, code.path) ||
	    dictionary.count != code.count ||
	    !is_equal(without_star(dictionary.base), without_star(code.base)))
		return false;
	length = strlen(dictionary.tail);
	return !length || (!strncmp(dictionary.tail, code.tail, length) &&
			   (!code.tail[length] || code.tail[length] == '.'));
}

const char *grf_instance_prefix(struct grf_types *types, const char *function, int form)
{
	struct instance code;
	struct text base;

	if (!take_apart(function, ".", &code))
		return NULL;
	base = form ? code.base : without_star(code.base);
	if (form && base.length == without_star(base).length)
		return NULL;
	return grf_types_intern_format(types, "%.*s%s%.*s[", (int)code.path.length, code.path.begin,
				       dictionary_mark, (int)base.length, base.begin);
}

/* Pairs the arguments of `shaped` with those of `instance`, whose package is followed by `mark`. */
static const struct grf_instance_names *read_names(struct grf_types *types, const char *shaped,
						   const char *instance, const char *mark)
{
	const char *from = grf_types_intern(types, shaped), *to = grf_types_intern(types, instance);
	struct instance code, dictionary;
	struct grf_instance_names *names;

	if (!from || !to || !take_apart(from, ".", &code) || !take_apart(to, mark, &dictionary) ||
	    code.count != dictionary.count)
		return NULL;
	names = grf_types_allocate(types, sizeof(*names));
	if (!names)
		return NULL;
	names->count = code.count;
	for (uint32_t i = 0; i < code.count; i++) {
		struct argument *argument = &names->arguments[i];

		argument->shape = code.arguments[i];
		argument->name = dictionary.arguments[i];
		for (uint32_t k = 0; k < i; k++) {
			struct argument *other = &names->arguments[k];

			if (is_equal(other->shape, argument->shape) &&
			    !is_equal(other->name, argument->name))
				other->ambiguous = argument->ambiguous = true;
		}
	}
	return names;
}

const struct grf_instance_names *grf_instance_names_read(struct grf_types *types,
							 const char *function, const char *symbol)
{
	return read_names(types, function, symbol, dictionary_mark);
}

const struct grf_instance_names *grf_instance_names_of(struct grf_types *types, const char *shaped,
						       const char *instance)
{
	return read_names(types, shaped, instance, ".");
}

/* The argument with whose shape a name continues. */
static const struct argument *argument_at(const struct grf_instance_names *names, const char *name)
{
	const struct argument *found = NULL;

	for (uint32_t i = 0; i < names->count; i++) {
		const struct argument *argument = &names->arguments[i];
		size_t length = argument->shape.length;

		if (strncmp(name, argument->shape.begin, length) != 0 ||
		    (name[length] && !strchr(",])}>; ", name[length])) ||
		    (found && found->shape.length >= length))
			continue;
		found = argument;
	}
	return found && !found->ambiguous ? found : NULL;
}

const char *grf_instance_name(struct grf_types *types, const struct grf_instance_names *names,
			      const char *name)
{
	char text[GRF_NAME_BYTES];
	size_t length = 0;

	while (*name && length < sizeof(text) - 1) {
		const struct argument *argument;

		if (strncmp(name, GRF_SHAPE_MARK, sizeof(GRF_SHAPE_MARK) - 1) != 0) {
			text[length++] = *name++;
			continue;
		}
		argument = argument_at(names, name);
		if (!argument || argument->name.length >= sizeof(text) - length)
			return NULL;
		memcpy(text + length, argument->name.begin, argument->name.length);
		length += argument->name.length;
		name += argument->shape.length;
	}
	text[length] = '\0';
	return *name ? NULL : grf_types_intern(types, text);
}
