/* SPDX-License-Identifier: BSD-2-Clause */
/* Types and variables from DWARF, of an executable that is nothing else. */
#include "fuzz.h"

#include "arch/arch.h"
#include "model/code/version.h"
#include "model/release/layout.h"
#include "model/types/types.h"
#include "model/types_create.h"
#include "model/variables/variables.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const names[] = {"main.Node", "main.List", "main.Pair[int,string]",
					    "uint8", "map[string]*main.Node"};
	const struct grf_segment segment = {0x10000, 0x10000 + size, GRF_SEGMENT_READ, data};
	struct grf_module module = {.data = 0x10000, .edata = UINT64_C(1) << 32};
	const struct grf_modules modules = {&module, 1};
	struct grf_executable *executable;
	struct grf_version version;
	struct grf_layout layout;
	struct grf_image *image;
	struct grf_types *types;
	struct grf_error *error;
	size_t count;

	error = grf_executable_open(fuzz_file(data, size), &executable);
	if (error) {
		grf_error_free(error);
		return 0;
	}
	assert_true(grf_version_parse("go1.26.8", &version));
	assert_null(grf_layout_resolve(&version, NULL, &layout));
	assert_null(grf_image_from_segments(&grf_arch_amd64, &segment, 1, &image));
	error = grf_types_create(image, executable, &layout, &modules, NULL, NULL, &types);
	if (!error) {
		const struct grf_global *globals = grf_types_globals(types, &count);

		for (size_t i = 0; i < count; i++)
			if (globals[i].type)
				grf_type_plan(types, globals[i].type);
		for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
			struct grf_type *type = grf_types_by_name(types, names[i]);

			if (type)
				grf_type_plan(types, type);
		}
		grf_types_destroy(types);
	}
	grf_error_free(error);
	grf_image_destroy(image);
	grf_executable_destroy(executable);
	return 0;
}
