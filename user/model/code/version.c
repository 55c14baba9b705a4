/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Go versions. The string that a binary carries names the release and the experiments that differ
 * from its defaults: "go1.25.12 X:greenteagc"; releases from 1.26 join with '-' when nothing else
 * follows the number (cmd/dist, internal/buildcfg).
 */
#include "model/code/version.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "base/text.h"
#include "model/code/modules.h"
#include "model/code/release_facts.h"

/* Bytes that are kept of a version string; a longer raw one is not taken for a version. */
#define MAX_VERSION_TEXT (sizeof(((struct grf_version *)0)->text) - 1)
#define MAX_RAW_TEXT     65536u
/* And of the list of modules: the largest programs have some thousand. */
#define MAX_MODULES_TEXT 0x400000u

static const char build_info_magic[] = "\xff Go buildinf:";

#define BUILD_INFO_MAGIC 14
#define BUILD_INFO_BYTES 32

#define EXPERIMENT_LETTERS "abcdefghijklmnopqrstuvwxyz0123456789,"

static void set_experiment(struct grf_version *version, const char *name, size_t length)
{
	size_t count;
	const struct grf_experiment *experiments = grf_experiments(&count);
	bool on = true;

	if (length > 2 && !strncmp(name, "no", 2)) {
		on = false;
		name += 2;
		length -= 2;
	}
	for (size_t i = 0; i < count; i++) {
		bool fixed =
		    experiments[i].fixed_since && version->minor >= experiments[i].fixed_since;

		if (strlen(experiments[i].name) == length &&
		    !strncmp(experiments[i].name, name, length) && !fixed)
			*grf_experiment_flag(&experiments[i], &version->experiments) = on;
	}
}

/*
 * The list that the toolchain appends: the last "X:" after ' ' or '-', with nothing but names and
 * commas after it (cmd/dist, cmd/link). What else has an "X:" in it is a vendor's text. NULL: there
 * is no list.
 */
static const char *experiment_list(const char *text)
{
	const char *list = NULL;

	for (const char *at = text; (at = strstr(at, "X:")); at += 2)
		if (at > text && (at[-1] == ' ' || at[-1] == '-'))
			list = at + 2;
	return list && *list && strspn(list, EXPERIMENT_LETTERS) == strlen(list) ? list : NULL;
}

static void read_experiments(struct grf_version *version)
{
	const char *at = experiment_list(version->text);

	version->experiments = grf_default_experiments(version->minor);
	while (at && *at) {
		size_t length = strcspn(at, ",");

		set_experiment(version, at, length);
		at += length;
		if (*at == ',')
			at++;
	}
}

/* The number at *at, which is moved behind it. -1: no number, or an absurd one. */
static int read_number(const char **at)
{
	int value = 0;

	if (!isdigit((unsigned char)**at))
		return -1;
	for (; isdigit((unsigned char)**at); (*at)++) {
		value = value * 10 + (**at - '0');
		if (value > 9999)
			return -1;
	}
	return value;
}

/* Reads what follows "go1.". False: no number. */
static bool read_release(const char *at, struct grf_version *version)
{
	version->minor = read_number(&at);
	if (version->minor < 0)
		return false;
	if (*at != '.')
		return true;
	at++;
	version->patch = read_number(&at);
	if (version->patch < 0)
		version->patch = 0;
	return true;
}

/* Takes a version string over, as it can be shown: what a vendor writes there may have any bytes. A
 * long one is cut in its middle, as the release stands at its beginning and the experiments at its
 * end. False: empty, or absurd. */
static bool take_text(const uint8_t *bytes, uint64_t length, char *text)
{
	_cleanup_free_ char *raw = NULL, *shown = NULL;
	size_t all, head;

	if (!length || length > MAX_RAW_TEXT)
		return false;
	raw = strndup((const char *)bytes, length);
	for (char *at = raw; at && (at = strchr(at, '\t'));)
		*at = ' ';
	shown = raw ? grf_text_escaped(raw) : NULL;
	if (!shown || !*shown)
		return false;
	all = head = strlen(shown);
	if (all > MAX_VERSION_TEXT)
		head = MAX_VERSION_TEXT / 2;
	memcpy(text, shown, head);
	if (all > head)
		memcpy(text + head, shown + all - (MAX_VERSION_TEXT - head),
		       MAX_VERSION_TEXT - head);
	text[all > head ? MAX_VERSION_TEXT : head] = '\0';
	return true;
}

/* What follows "go" where a release begins: at the beginning, or after "devel ". NULL: there is
 * none. */
static const char *release_in(const char *text)
{
	if (!strncmp(text, "devel ", 6))
		text += 6;
	return !strncmp(text, "go", 2) && isdigit((unsigned char)text[2]) ? text + 2 : NULL;
}

bool grf_version_parse(const char *text, struct grf_version *ret)
{
	const char *release = release_in(text);
	struct grf_version version = {.minor = -1};
	int major;

	take_text((const uint8_t *)text, strlen(text), version.text);
	major = release ? read_number(&release) : -1;
	if (major == 1 && *release == '.') {
		if (!read_release(release + 1, &version))
			version.minor = -1;
	} else if (major > 1) {
		/* Whatever it is, it is after what is known. */
		version.minor = grf_release_newest()->minor + 1;
	}
	version.newer = version.minor > grf_release_newest()->minor;
	read_experiments(&version);
	*ret = version;
	return version.minor >= 0;
}

/* A string in the memory of a program or in its file. */
struct text {
	const uint8_t *bytes;
	uint64_t length;
};

/* Finds a varint-counted string at `data`; false when it does not fit in `size` bytes. */
static bool counted_string(const uint8_t *data, uint64_t size, struct text *ret)
{
	uint64_t length = 0;
	unsigned int shift = 0;
	uint64_t at = 0;

	do {
		if (at >= size || shift > 28)
			return false;
		length |= (uint64_t)(data[at] & 0x7f) << shift;
		shift += 7;
	} while (data[at++] & 0x80);
	if (length > size - at)
		return false;
	*ret = (struct text){data + at, length};
	return true;
}

/* Where bytes are read from: the image, where pointers are as the program sees them, or when there
 * is none yet, the file. */
struct source {
	struct grf_executable *executable;
	const struct grf_image *image;
};

/* `length` bytes at a link-time address. */
static const uint8_t *bytes_at(const struct source *source, uint64_t address, uint64_t length)
{
	/* Before the image is there, nobody knows the bias. */
	if (!source->image)
		return grf_executable_at(source->executable, address, length);
	return grf_image_at(source->image, address + grf_executable_bias(source->executable),
			    length);
}

/* The pointer at a link-time address, as one. */
static bool pointer_at(const struct source *source, uint64_t address, uint64_t *ret)
{
	const uint8_t *word;

	if (!source->image)
		return grf_executable_pointer(source->executable, address, ret);
	word = bytes_at(source, address, 8);
	if (word)
		*ret = grf_load_u64(word) - grf_executable_bias(source->executable);
	return word;
}

/* Finds the Go string whose header is at a link-time address. */
static bool go_string(const struct source *source, uint64_t address, struct text *ret)
{
	const uint8_t *length = bytes_at(source, address + 8, 8);
	uint64_t data;

	if (!length || !pointer_at(source, address, &data))
		return false;
	ret->length = grf_load_u64(length);
	ret->bytes = bytes_at(source, data, ret->length);
	return ret->bytes;
}

/* The build info, which stands on a multiple of 16 bytes; 0: none. Its section may have
 * lost its name. */
static uint64_t find_build_info(struct grf_executable *executable)
{
	struct grf_section section;
	size_t count;
	const struct grf_load *loads = grf_executable_loads(executable, &count);

	if (grf_executable_section(executable, ".go.buildinfo", &section) &&
	    section.size >= BUILD_INFO_BYTES &&
	    !memcmp(section.data, build_info_magic, BUILD_INFO_MAGIC))
		return section.address;
	for (size_t i = 0; i < count; i++) {
		uint64_t at = (16 - loads[i].address % 16) % 16;

		for (; loads[i].flags & GRF_SEGMENT_WRITE && at < loads[i].file_size &&
		       loads[i].file_size - at >= BUILD_INFO_BYTES;
		     at += 16)
			if (!memcmp(loads[i].data + at, build_info_magic, BUILD_INFO_MAGIC))
				return loads[i].address + at;
	}
	return 0;
}

/* The bytes of the file from a link-time address to the end of its segment. */
static const uint8_t *rest_of_load(const struct grf_executable *executable, uint64_t address,
				   uint64_t *ret_size)
{
	size_t count;
	const struct grf_load *loads = grf_executable_loads(executable, &count);

	for (size_t i = 0; i < count; i++) {
		uint64_t offset = address - loads[i].address;

		if (address < loads[i].address || offset >= loads[i].file_size)
			continue;
		*ret_size = loads[i].file_size - offset;
		return loads[i].data + offset;
	}
	return NULL;
}

/*
 * The build info: 14 bytes of magic, the pointer size, flags. Flag 2 (Go 1.18 and later): two
 * strings follow at byte 32, the version and the modules. Without it, bytes 16 and 24 point to
 * the headers of these strings (debug/buildinfo).
 */
static bool from_build_info(const struct source *source, bool modules, struct text *ret)
{
	uint64_t address = find_build_info(source->executable), size, header;
	const uint8_t *info = address ? rest_of_load(source->executable, address, &size) : NULL;

	if (!info || size < BUILD_INFO_BYTES)
		return false;
	if (!(info[15] & 2))
		return pointer_at(source, address + (modules ? 24 : 16), &header) &&
		       go_string(source, header, ret);
	if (!counted_string(info + 32, size - 32, ret))
		return false;
	return !modules || counted_string(ret->bytes + ret->length,
					  size - (uint64_t)(ret->bytes + ret->length - info), ret);
}

/* The version string of a program; false: it has none. */
static bool find_text(const struct source *source, char *text)
{
	uint64_t address, size;
	struct text found;

	if (from_build_info(source, false, &found) && take_text(found.bytes, found.length, text))
		return true;
	return grf_executable_symbol(source->executable, "runtime.buildVersion", &address, &size) &&
	       go_string(source, address, &found) && take_text(found.bytes, found.length, text);
}

/* Around the text of the modules, for who searches a file for it (cmd/go/internal/modload). */
#define MODULES_MARK ((size_t)16)

char *grf_version_modules(struct grf_executable *executable, const struct grf_image *image)
{
	const struct source source = {executable, image};
	struct text found;

	if (!from_build_info(&source, true, &found) || found.length < 2 * MODULES_MARK ||
	    found.length > MAX_MODULES_TEXT)
		return NULL;
	return strndup((const char *)found.bytes + MODULES_MARK,
		       (size_t)found.length - 2 * MODULES_MARK);
}

/*
 * What the runtime's functions tell of its release goes before what the version string says: that
 * is text, which who builds a toolchain, or a program, may choose.
 */
static struct grf_error *take_facts(const struct grf_release_facts *facts, bool say,
				    struct grf_version *version)
{
	if (!facts->known && version->minor < 0)
		return grf_error_create(GRF_ERROR_UNSUPPORTED, "unknown Go version \"%.64s\"",
					version->text);
	if (!facts->known)
		return NULL;
	if (version->minor < 0 || (!version->newer && version->minor != facts->minor)) {
		if (say)
			grf_warn("Go version \"%s\": the program's functions are those of go1.%d",
				 version->text, facts->minor);
		version->minor = facts->minor;
		version->patch = GRF_PATCH_UNKNOWN;
	}
	if (version->newer) {
		if (say)
			grf_warn("%s is newer than go1.%d, the newest release that is known: what "
				 "changed since may be misread (grf-bpf verify tells)",
				 version->text, grf_release_newest()->minor);
		if (facts->minor == grf_release_newest()->minor)
			return NULL;
		/* It has not all that the newest has: a vendor's number. */
		version->minor = facts->minor;
		version->patch = GRF_PATCH_UNKNOWN;
	}
	version->experiments = facts->experiments;
	return NULL;
}

struct grf_error *grf_version_find(struct grf_executable *executable, const struct grf_image *image,
				   struct grf_version *ret)
{
	struct source source = {executable, image};
	struct grf_version version = {.text = "unknown", .minor = -1};
	struct grf_release_facts facts;
	const char *other;
	char text[MAX_VERSION_TEXT + 1] = "";
	struct grf_error *error;

	grf_release_facts_find(executable, &facts);
	other = facts.known ? NULL : grf_other_program(executable);
	if (other)
		return grf_error_create(GRF_ERROR_NOT_GO, "%s cannot be looked into: %s",
					grf_executable_path(executable), other);
	if (find_text(&source, text))
		grf_version_parse(text, &version);
	else if (!facts.known)
		return grf_error_create(GRF_ERROR_NOT_GO,
					"%s is not a Go program: it has no Go build info",
					grf_executable_path(executable));
	error = take_facts(&facts, image, &version);
	if (!error)
		*ret = version;
	return error;
}
