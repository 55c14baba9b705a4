/* SPDX-License-Identifier: BSD-2-Clause */
/* Type descriptors and their masks: the input is memory with descriptors in it, after a byte that
 * says of which release. */
#include "fuzz.h"

#include "arch/arch.h"
#include "model/code/version.h"
#include "model/release/layout.h"
#include "model/types/types.h"
#include "model/types_create.h"

#define BASE  UINT64_C(0x10000)
#define TYPES 64

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const releases[] = {"go1.17.13", "go1.19.13", "go1.21.13", "go1.23.12",
					       "go1.24.9",  "go1.26.8",  "go1.27.0"};
	struct grf_module module = {.types = BASE, .etypes = BASE + size};
	const struct grf_modules modules = {&module, 1};
	struct grf_segment segment;
	struct grf_version version;
	struct grf_layout layout;
	struct grf_image *image;
	struct grf_types *types;

	if (size < 2)
		return 0;
	assert_true(
	    grf_version_parse(releases[*data % (sizeof(releases) / sizeof(*releases))], &version));
	assert_null(grf_layout_resolve(&version, NULL, &layout));
	segment = (struct grf_segment){BASE, BASE + size - 1, GRF_SEGMENT_READ, data + 1};
	assert_null(grf_image_from_segments(&grf_arch_amd64, &segment, 1, &image));
	assert_null(grf_types_create(image, NULL, &layout, &modules, NULL, NULL, &types));
	for (uint64_t i = 0; i < TYPES && i * 32 < size; i++) {
		struct grf_type *type = grf_types_by_descriptor(types, BASE + i * 32);
		const struct grf_interface_type *interface;
		uint64_t words, bytes;

		if (type) {
			grf_type_plan(types, type);
			grf_type_object(types, type);
			grf_type_element_names(types, type);
		}
		grf_types_pointer_mask(types, BASE + i * 32, &words, &bytes);
		grf_types_by_interface(types, BASE + i * 32, i & 1, &interface);
	}
	grf_types_destroy(types);
	grf_image_destroy(image);
	return 0;
}
