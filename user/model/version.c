/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Go versions. The string that a binary carries names the release and the experiments that differ
 * from its defaults: "go1.25.12 X:greenteagc"; releases from 1.26 join with '-' when nothing else
 * follows the number (cmd/dist, internal/buildcfg).
 */
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "model/modules.h"

/* A version string longer than this is none. */
#define MAX_VERSION_TEXT (sizeof(((struct grf_version *)0)->text) - 1)

/* The experiments, and other properties of releases, that decide what stands in memory: since which
 * release each is on by default, and from which on it cannot be switched off any more
 * (internal/buildcfg/exp.go of each release). */
static const struct {
	const char *name;
	size_t offset; /* of its flag in struct grf_version */
	int on_since;  /* minor; 0: off by default */
	int fixed_since;
} experiments[] = {
    {"allocheaders", offsetof(struct grf_version, alloc_headers), 22, 23},
    {"swissmap", offsetof(struct grf_version, swiss_map), 24, 26},
    {"greenteagc", offsetof(struct grf_version, green_tea), 26, 0},
    {"arenas", offsetof(struct grf_version, arenas), 0, 0},
    {"(checkmarks)", offsetof(struct grf_version, exact_checkmarks), 25, 1},
};

#define EXPERIMENTS (sizeof(experiments) / sizeof(*experiments))

static void set_experiment(struct grf_version *version, const char *name, size_t length)
{
	bool on = true;

	if (length > 2 && !strncmp(name, "no", 2)) {
		on = false;
		name += 2;
		length -= 2;
	}
	for (size_t i = 0; i < EXPERIMENTS; i++) {
		bool *flag = (bool *)((char *)version + experiments[i].offset);
		bool fixed =
		    experiments[i].fixed_since && version->minor >= experiments[i].fixed_since;

		if (strlen(experiments[i].name) == length &&
		    !strncmp(experiments[i].name, name, length) && !fixed)
			*flag = on;
	}
}

static void read_experiments(struct grf_version *version)
{
	const char *at = strstr(version->text, "X:");

	for (size_t i = 0; i < EXPERIMENTS; i++)
		*(bool *)((char *)version + experiments[i].offset) =
		    experiments[i].on_since && version->minor >= experiments[i].on_since;
	if (!at)
		return;
	for (at += 2; *at && *at != ' ';) {
		size_t length = strcspn(at, ", ");

		set_experiment(version, at, length);
		at += length;
		if (*at == ',')
			at++;
	}
}

/* The number at *at, which is moved behind it. -1: there is none, or it is absurd. */
static int number(const char **at)
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
	version->minor = number(&at);
	if (version->minor < 0)
		return false;
	if (*at != '.')
		return true;
	at++;
	version->patch = number(&at);
	if (version->patch < 0)
		version->patch = 0;
	return true;
}

struct grf_error *grf_version_parse(const char *text, struct grf_version *ret)
{
	const char *release = strstr(text, "go1.");
	struct grf_version version = {0};

	if (strlen(text) > MAX_VERSION_TEXT)
		goto bad;
	snprintf(version.text, sizeof(version.text), "%s", text);
	/* "devel go1.28-0123abcd ...", "devel +0123abcd ..." */
	if (release ? !read_release(release + 4, &version) : strncmp(text, "devel", 5) != 0)
		goto bad;
	if (!release) {
		version.minor = grf_layout_newest_minor();
		grf_warn("Go version \"%s\" tells no release; taking it for go1.%d", text,
			 version.minor);
	}
	read_experiments(&version);
	*ret = version;
	return NULL;
bad:
	return grf_error_create(GRF_ERROR_UNSUPPORTED, "unknown Go version \"%.64s\"", text);
}

/* Takes a version string over. False: too long, empty, or not fit to be shown. */
static bool take_text(const uint8_t *bytes, uint64_t length, char *text)
{
	if (!length || length > MAX_VERSION_TEXT)
		return false;
	for (uint64_t i = 0; i < length; i++)
		if (bytes[i] < 0x20 || bytes[i] > 0x7e)
			return false;
	memcpy(text, bytes, length);
	text[length] = '\0';
	return true;
}

/* Reads a varint-counted string at `data`; false when it does not fit in `size` bytes. */
static bool counted_string(const uint8_t *data, uint64_t size, char *text)
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
	return length <= size - at && take_text(data + at, length, text);
}

/* Where bytes are read from: the image, where pointers are as the program sees them, or when there
 * is none yet, the file, where they are as the linker wrote them. */
struct source {
	const struct grf_executable *executable;
	const struct grf_image *image;
};

static const uint8_t *bytes_at(const struct source *source, uint64_t address, uint64_t length)
{
	if (source->image)
		return grf_image_at(source->image, address, length);
	return grf_executable_at(source->executable, address, length);
}

/* What to add to an address of the file. */
static uint64_t bias(const struct source *source)
{
	return source->image ? grf_executable_bias(source->executable) : 0;
}

/* Reads the Go string whose header is at `address`. */
static bool go_string(const struct source *source, uint64_t address, char *text)
{
	const uint8_t *header = bytes_at(source, address, 16), *bytes;
	uint64_t length;

	if (!header)
		return false;
	length = grf_load_u64(header + 8);
	bytes = bytes_at(source, grf_load_u64(header), length);
	return bytes && take_text(bytes, length, text);
}

/*
 * The build info: 14 bytes of magic, the pointer size, flags. Flag 2 (Go 1.18 and later): two
 * strings follow at byte 32, the version first. Without it, byte 16 points to the header of the
 * version string (debug/buildinfo).
 */
static bool from_build_info(struct grf_executable *executable, const struct source *source,
			    char *text)
{
	static const char magic[] = "\xff Go buildinf:";
	struct grf_section section;
	const uint8_t *pointer;

	if (!grf_executable_section(executable, ".go.buildinfo", &section) || section.size < 32 ||
	    memcmp(section.data, magic, 14) != 0)
		return false;
	if (section.data[15] & 2)
		return counted_string(section.data + 32, section.size - 32, text);
	pointer = bytes_at(source, section.address + bias(source) + 16, 8);
	return pointer && go_string(source, grf_load_u64(pointer), text);
}

struct grf_error *grf_version_find(struct grf_executable *executable, const struct grf_image *image,
				   struct grf_version *ret)
{
	struct source source = {executable, image};
	char text[MAX_VERSION_TEXT + 1];
	uint64_t address, size;

	if (from_build_info(executable, &source, text))
		return grf_version_parse(text, ret);
	if (grf_executable_symbol(executable, "runtime.buildVersion", &address, &size) &&
	    go_string(&source, address + bias(&source), text))
		return grf_version_parse(text, ret);
	return grf_error_create(GRF_ERROR_NOT_GO, "%s is not a Go program: it has no Go build info",
				grf_executable_path(executable));
}
