/* SPDX-License-Identifier: BSD-2-Clause */
/* Goroutines and their stacks: changes to one that stands two calls deep, with a deferred call and
 * a channel that it waits for. */
#include "fuzz.h"

#include "../unit/go_code.h"
#include "model/stacks/goroutines.h"
#include "model/stacks/scheduler.h"

#define STACK_LOW  (GO_CODE_BASE + 0x10000)
#define STACK_HIGH (STACK_LOW + 0x1000)
#define ALLGS      (GO_CODE_BASE + 0x12000)
#define ALLM       (GO_CODE_BASE + 0x12020)
#define ALLP       (GO_CODE_BASE + 0x12028)
#define GS         (GO_CODE_BASE + 0x12100)
#define G          (GO_CODE_BASE + 0x13000)
#define M          (GO_CODE_BASE + 0x14000)
#define DEFER      (GO_CODE_BASE + 0x15000)
#define SUDOG      (GO_CODE_BASE + 0x15200)
#define HCHAN      (GO_CODE_BASE + 0x15400)

#define PUT(address, structure, field, value) GO_CODE_PUT(code, address, structure, field, value, 8)

static void make_code(struct go_code *code, uint64_t *ret_top, uint64_t *ret_inner)
{
	struct go_function function = {
	    .name = "main.top",
	    .size = 0x40,
	    .flag = 1,
	    .args = 16,
	    .npcdata = 3,
	    .nfuncdata = 4,
	};

	function.pcsp = GO_CODE_VALUES(code, 0, 4, 0x10, 0x3c);
	for (int i = 0; i < 3; i++)
		function.pcdata[i] = GO_CODE_VALUES(code, 0, 0x40);
	/* Maps of arguments and locals: how many, bits of each. A list of stack objects. */
	for (uint64_t i = 0; i < 4; i++) {
		function.funcdata[i] = GO_CODE_DATA + 0x100 * i;
		go_code_put(code, function.funcdata[i], UINT64_C(0x400000001), 8);
		go_code_put(code, function.funcdata[i] + 8, 0xf, 8);
	}
	*ret_top = go_code_add(code, &function);
	function.name = "main.inner";
	function.flag = 0;
	*ret_inner = go_code_add(code, &function);
}

static void make(struct go_code *code, const char *release, uint32_t status)
{
	uint64_t sp = STACK_HIGH - 0x200, gobuf, stack, top, inner;

	go_code_begin(code, release);
	make_code(code, &top, &inner);
	go_code_put(code, ALLGS, GS, 8);
	go_code_put(code, ALLGS + 8, 4, 8);
	for (uint64_t i = 0; i < 4; i++)
		go_code_put(code, GS + i * 8, G + i * 0x10, 8);
	stack = G + (uint64_t)grf_offset(&code->layout, g, stack);
	PUT(G, g, startpc, top);
	GO_CODE_PUT(code, G, g, atomicstatus, status, 4);
	PUT(stack, stack, lo, STACK_LOW);
	PUT(stack, stack, hi, STACK_HIGH);
	gobuf = G + (uint64_t)grf_offset(&code->layout, g, sched);
	PUT(gobuf, gobuf, pc, inner + 0x20);
	PUT(gobuf, gobuf, sp, sp);
	go_code_put(code, sp + 0x10, top + 0x20, 8);
	PUT(G, g, m, M);
	PUT(G, g, defer, DEFER);
	PUT(DEFER, defer, sp, sp);
	PUT(DEFER, defer, fn, GO_CODE_DATA);
	PUT(G, g, waiting, SUDOG);
	PUT(SUDOG, sudog, elem, sp);
	PUT(SUDOG, sudog, c, HCHAN);
	PUT(HCHAN, hchan, elemtype, GO_CODE_DATA);
	go_code_put(code, ALLM, M, 8);
	PUT(M, m, curg, G);
	PUT(M, m, procid, 77);
}

static void add_thread(struct go_code *code, struct fuzz_input *input)
{
	struct grf_thread *thread = grf_array_add(&code->image->threads);

	assert_non_null(thread);
	*thread = (struct grf_thread){
	    .tid = 77,
	    .pc = GO_CODE_TEXT + fuzz_take(input, 1),
	    .sp = STACK_LOW + fuzz_take(input, 2),
	    .general_count = 2,
	};
}

static void read_all(struct go_code *code)
{
	struct grf_goroutines *goroutines;
	struct grf_scheduler scheduler;
	struct grf_error *error;

	error = grf_goroutines_read(code->image, &code->layout, &code->modules, code->table, ALLGS,
				    ALLM, &goroutines);
	if (error) {
		grf_error_free(error);
	} else {
		for (size_t i = 0; i < goroutines->count; i++) {
			const struct grf_goroutine *one = &goroutines->items[i];

			for (uint32_t k = 0; k < one->word_count; k++)
				assert_true(one->words[k].address >= one->stack_low &&
					    one->words[k].address + 8 <= one->stack_high);
		}
		grf_goroutines_destroy(goroutines);
	}
	assert_true(grf_scheduler_read(code->image, &code->layout, ALLGS, ALLM, ALLP, &scheduler));
	grf_scheduler_free(&scheduler);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const releases[] = {"go1.17.13", "go1.21.13", "go1.26.8", "go1.27.0"};
	struct fuzz_input input = {data, data + size};
	struct fuzz_undo undo = {0};
	struct fuzz_block block;
	struct fuzz_input thread;
	struct grf_error *error;
	struct go_code code;
	uint64_t release = fuzz_take(&input, 1), status = fuzz_take(&input, 1);

	make(&code, releases[release % 4], status % 16);
	block = (struct fuzz_block){GO_CODE_BASE, code.memory, GO_CODE_BYTES};
	thread = input;
	fuzz_take(&input, 3);
	fuzz_change(&input, &block, 1, &undo);
	error = go_code_try(&code);
	if (error) {
		grf_error_free(error);
		code.table = NULL;
	} else {
		add_thread(&code, &thread);
		read_all(&code);
	}
	go_code_end(&code);
	return 0;
}
