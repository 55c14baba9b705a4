/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Go versions. The string that a binary carries names the release and the experiments that differ
 * from its defaults: "go1.25.12 X:greenteagc"; releases from 1.26 join with '-' when nothing else
 * follows the number (cmd/dist, internal/buildcfg).
 */
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "model/modules.h"

/* A version string longer than this is none. */
#define MAX_VERSION_TEXT (sizeof(((struct grf_version *)0)->text) - 1)

/* The experiments that change what stands in memory: since which release each is on by default, and
 * from which on it cannot be switched off any more (internal/buildcfg/exp.go of each release). */
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

struct grf_error *grf_version_parse(const char *text, struct grf_version *ret)
{
	const char *at = strstr(text, "go1.");
	struct grf_version version = {0};

	if (strlen(text) > MAX_VERSION_TEXT || !at)
		goto bad;
	/* "go1.22", or "devel go1.28-0123abcd ..." */
	at += 4;
	version.minor = number(&at);
	if (version.minor < 0)
		goto bad;
	if (*at == '.') {
		at++;
		version.patch = number(&at);
		if (version.patch < 0)
			version.patch = 0;
	}
	snprintf(version.text, sizeof(version.text), "%s", text);
	read_experiments(&version);
	*ret = version;
	return NULL;
bad:
	return grf_error_create(GRF_ERROR_UNSUPPORTED, "unknown Go version \"%.64s\"", text);
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
	if (length > MAX_VERSION_TEXT || length > size - at)
		return false;
	memcpy(text, data + at, length);
	text[length] = '\0';
	return true;
}

/* Reads the Go string whose header is at `address` in the image. */
static bool image_string(const struct grf_image *image, uint64_t address, char *text)
{
	uint64_t data, length;
	const uint8_t *bytes;

	if (!grf_image_u64(image, address, &data) || !grf_image_u64(image, address + 8, &length) ||
	    length > MAX_VERSION_TEXT)
		return false;
	bytes = grf_image_at(image, data, length);
	if (!bytes)
		return false;
	memcpy(text, bytes, length);
	text[length] = '\0';
	return true;
}

/*
 * The build info: 14 bytes of magic, the pointer size, flags. Flag 2 (Go 1.18 and later): two
 * strings follow at byte 32, the version first. Without it, bytes 16 to 24 point to the header of
 * the version string (debug/buildinfo).
 */
static bool from_build_info(struct grf_executable *executable, const struct grf_image *image,
			    char *text)
{
	static const char magic[] = "\xff Go buildinf:";
	struct grf_section section;

	if (!grf_executable_section(executable, ".go.buildinfo", &section) || section.size < 33 ||
	    memcmp(section.data, magic, 14) != 0)
		return false;
	if (section.data[15] & 2)
		return counted_string(section.data + 32, section.size - 32, text);
	if (!image)
		return false;
	return image_string(image,
			    grf_load_u64(section.data + 16) + grf_executable_bias(executable),
			    text) ||
	       image_string(image, grf_load_u64(section.data + 16), text);
}

struct grf_error *grf_version_find(struct grf_executable *executable, const struct grf_image *image,
				   struct grf_version *ret)
{
	char text[MAX_VERSION_TEXT + 1];
	uint64_t address, size;

	if (from_build_info(executable, image, text))
		return grf_version_parse(text, ret);
	if (image && grf_executable_symbol(executable, "runtime.buildVersion", &address, &size) &&
	    image_string(image, address + grf_executable_bias(executable), text))
		return grf_version_parse(text, ret);
	return grf_error_create(GRF_ERROR_NOT_GO, "%s is not a Go program: it has no Go build info",
				grf_executable_path(executable));
}
