/* SPDX-License-Identifier: BSD-2-Clause */
/* Executables: program and section headers, symbols, notes, compressed sections. */
#include "fuzz.h"

#include "image/executable/executable.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const sections[] = {".text", ".gopclntab", ".go.buildinfo",
					       ".debug_info", ".symtab"};
	struct grf_executable *executable;
	struct grf_section section;
	struct grf_error *error;
	uint64_t address, length;
	size_t count;

	error = grf_executable_open(fuzz_file(data, size), &executable);
	if (error) {
		grf_error_free(error);
		return 0;
	}
	for (size_t i = 0; i < sizeof(sections) / sizeof(*sections); i++)
		if (grf_executable_section(executable, sections[i], &section))
			fuzz_use(section.data, section.size);
	grf_executable_symbol(executable, "runtime.firstmoduledata", &address, &length);
	grf_executable_symbol_at(executable, grf_executable_entry(executable), &address, &length);
	for (size_t i = 0; i < (grf_executable_loads(executable, &count), count); i++)
		fuzz_use(grf_executable_loads(executable, &count)[i].data,
			 grf_executable_loads(executable, &count)[i].file_size);
	fuzz_use(grf_executable_gnu_build_id(executable, &count), count);
	grf_executable_destroy(executable);
	return 0;
}
