/* SPDX-License-Identifier: BSD-2-Clause */
/* The function table: changes to one of two functions. */
#include "fuzz.h"

#include "../unit/go_code.h"

static void make(struct go_code *code, const char *release)
{
	struct go_function function = {
	    .name = "main.outer",
	    .size = 0x40,
	    .args = 16,
	    .npcdata = 3,
	    .nfuncdata = 4,
	};

	go_code_begin(code, release);
	function.pcsp = GO_CODE_VALUES(code, 0, 4, 0x10, 0x3c);
	function.pcln = GO_CODE_VALUES(code, 7, 0x20, 9, 0x20);
	function.pcfile = GO_CODE_VALUES(code, 0, 0x40);
	for (int i = 0; i < 3; i++)
		function.pcdata[i] = GO_CODE_VALUES(code, 0, 0x20, 1, 0x20);
	for (uint64_t i = 0; i < 4; i++)
		function.funcdata[i] = GO_CODE_DATA + 0x100 * i;
	go_code_add(code, &function);
	function.name = "main.inner";
	go_code_add(code, &function);
	code->module.filetab = (struct grf_slice){GO_CODE_DATA + 0x800, 64};
	code->module.cutab = (struct grf_slice){GO_CODE_DATA + 0x900, 8};
}

static void look(struct go_code *code)
{
	for (uint64_t pc = GO_CODE_TEXT; pc < GO_CODE_TEXT + 0x90; pc += 7) {
		struct grf_function function;
		int32_t value;

		if (!grf_pclntab_find(code->table, pc, &function))
			continue;
		assert_true(function.entry <= pc && pc < function.end);
		grf_pclntab_kind(code->table, &function);
		grf_pclntab_value(code->table, &function, function.pcsp, pc, &value, NULL);
		for (uint32_t i = 0; i < 4; i++) {
			grf_pclntab_pcdata(code->table, &function, i, pc);
			grf_pclntab_funcdata(code->table, &function, i);
		}
		grf_pclntab_source(code->table, &function, pc, &value);
		fuzz_use(grf_pclntab_inlined_name(code->table, &function, pc), 1);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const releases[] = {"go1.17.13", "go1.19.13", "go1.26.8"};
	struct fuzz_input input = {data, data + size};
	struct fuzz_undo undo = {0};
	struct fuzz_block blocks[2];
	struct grf_error *error;
	struct grf_function function;
	struct go_code code;

	make(&code, releases[fuzz_take(&input, 1) % 3]);
	blocks[0] = (struct fuzz_block){GO_CODE_BASE, code.memory, GO_CODE_BYTES};
	blocks[1] = (struct fuzz_block){GO_CODE_BASE, (uint8_t *)&code.module, sizeof(code.module)};
	fuzz_change(&input, blocks, 2, &undo);
	/* Masks are the reader's own memory. */
	code.module.data_mask = code.module.bss_mask = NULL;
	code.module.own_data_mask = code.module.own_bss_mask = NULL;
	error = go_code_try(&code);
	if (error) {
		grf_error_free(error);
		code.table = NULL;
	} else {
		look(&code);
		grf_pclntab_by_name(code.table, "main.inner", &function);
	}
	go_code_end(&code);
	return 0;
}
