/* SPDX-License-Identifier: BSD-2-Clause */
/* What registers and frames hold: over branches, loops and calls, and where nothing is said. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "model/code/flow.h"

#define ENTRY  UINT64_C(0x400000)
#define TYPE   UINT64_C(0x410000) /* up to 0x420000: descriptors; then data */
#define DATA   UINT64_C(0x420000)
#define MAKER  UINT64_C(0x500000)
#define OTHER  UINT64_C(0x600000)
#define PANICS UINT64_C(0x700000)

static struct {
	grf_flow_value stored;
	bool escaped;
} told;

static void on_call(void *context, uint64_t target, const grf_flow_value *registers,
		    struct grf_flow_call *ret)
{
	(void)context;
	ret->returns = target != PANICS;
	if (target == MAKER)
		ret->results[0] = grf_flow_make(GRF_FLOW_OBJECT, grf_flow_address(registers[0]));
}

static grf_flow_value on_address(void *context, uint64_t address)
{
	(void)context;
	return grf_flow_make(address < DATA ? GRF_FLOW_DESCRIPTOR : GRF_FLOW_DATA, address);
}

static grf_flow_value on_load(void *context, uint64_t address)
{
	(void)context;
	(void)address;
	return 0;
}

static void on_store(void *context, uint64_t address, grf_flow_value value)
{
	(void)context;
	if (address == DATA)
		told.stored = grf_flow_join(told.stored, value);
}

static void on_escape(void *context, uint64_t address)
{
	(void)context;
	told.escaped |= address == DATA;
}

static uint64_t budget;
static const struct grf_flow_context context = {on_call,   on_address, on_load, on_store,
						on_escape, NULL,       &budget};

/* Code that is put together piece by piece. */
static struct {
	uint8_t bytes[512];
	uint64_t length;
} code;

static void put(const void *bytes, uint64_t length)
{
	memcpy(code.bytes + code.length, bytes, length);
	code.length += length;
}

#define PUT(...) put((const uint8_t[]){__VA_ARGS__}, sizeof((uint8_t[]){__VA_ARGS__}))

/* A displacement to `target` from behind it. */
static void put_distance(uint64_t target)
{
	int32_t distance = (int32_t)(target - (ENTRY + code.length + 4));

	put(&distance, 4);
}

static void put_call(uint64_t target)
{
	PUT(0xe8);
	put_distance(target);
}

/* lea type, rax; call of the maker */
static void put_make(uint64_t type)
{
	PUT(0x48, 0x8d, 0x05);
	put_distance(type);
	put_call(MAKER);
}

/* mov rax, data */
static void put_store(void)
{
	PUT(0x48, 0x89, 0x05);
	put_distance(DATA);
}

static struct grf_flow *follow(void)
{
	told.stored = grf_flow_make(GRF_FLOW_UNSET, 0);
	told.escaped = false;
	budget = 1000;
	return grf_flow_create(code.bytes, code.length, ENTRY, &context);
}

static grf_flow_value result(void)
{
	grf_flow_value results[GRF_FLOW_RESULTS];
	struct grf_flow *flow = follow();

	assert_non_null(flow);
	grf_flow_results(flow, results);
	grf_flow_destroy(flow);
	return results[0];
}

static int begin(void **state)
{
	(void)state;
	code.length = 0;
	return 0;
}

static void test_made(void **state)
{
	(void)state;
	put_make(TYPE);
	put_store();
	PUT(0xc3);
	assert_int_equal(result(), grf_flow_make(GRF_FLOW_OBJECT, TYPE));
	assert_int_equal(told.stored, grf_flow_make(GRF_FLOW_OBJECT, TYPE));
	assert_false(told.escaped);
}

/* A loop whose variable is nil at first, kept in the frame over calls. */
static void test_loop(void **state)
{
	(void)state;
	PUT(0x48, 0x83, 0xec, 0x10);       /* sub rsp, 16 */
	PUT(0x31, 0xc0);                   /* xor eax, eax */
	PUT(0x48, 0x89, 0x44, 0x24, 0x08); /* 6: mov [rsp+8], rax */
	put_call(OTHER);
	PUT(0x85, 0xdb, 0x74, 14); /* test ebx, ebx; je 34 */
	put_make(TYPE);
	PUT(0xeb, 0xe4);                   /* jmp 6 */
	PUT(0x48, 0x8b, 0x44, 0x24, 0x08); /* 34: mov rax, [rsp+8] */
	PUT(0x48, 0x83, 0xc4, 0x10, 0xc3); /* add rsp, 16; ret */
	assert_int_equal(code.bytes[32], 0xeb);
	assert_int_equal(result(), grf_flow_make(GRF_FLOW_OBJECT, TYPE));
}

/* Either of two types is none. */
static void test_either(void **state)
{
	(void)state;
	PUT(0x85, 0xc0, 0x74, 14); /* test eax, eax; je 18 */
	put_make(TYPE);
	PUT(0xeb, 12); /* jmp 30 */
	put_make(TYPE + 64);
	put_store(); /* 30 */
	PUT(0xc3);
	assert_int_equal(result(), 0);
	assert_int_equal(told.stored, 0);
}

/* Behind what panics nothing comes from there; arithmetic and unknown calls leave nothing. */
static void test_unknown(void **state)
{
	(void)state;
	put_make(TYPE);
	PUT(0x85, 0xdb, 0x74, 5); /* test ebx, ebx; je over the call */
	put_call(PANICS);
	put_store();
	PUT(0x48, 0x83, 0xc0, 0x08, 0xc3); /* add rax, 8; ret */
	assert_int_equal(result(), 0);
	assert_int_equal(told.stored, grf_flow_make(GRF_FLOW_OBJECT, TYPE));
	code.length = 0;
	put_make(TYPE);
	put_call(OTHER);
	put_store();
	PUT(0xc3);
	assert_int_equal(result(), 0);
	assert_int_equal(told.stored, 0);
}

/* A slot whose address is taken may be written to by anybody; so may data. */
static void test_addresses(void **state)
{
	(void)state;
	PUT(0x48, 0x83, 0xec, 0x10); /* sub rsp, 16 */
	put_make(TYPE);
	PUT(0x48, 0x89, 0x04, 0x24);       /* mov [rsp], rax */
	PUT(0x48, 0x89, 0x44, 0x24, 0x08); /* mov [rsp+8], rax */
	PUT(0x48, 0x8d, 0x44, 0x24, 0x08); /* lea rax, [rsp+8] */
	put_call(OTHER);
	PUT(0x48, 0x8b, 0x44, 0x24, 0x08); /* mov rax, [rsp+8] */
	PUT(0x48, 0x8b, 0x1c, 0x24);       /* mov rbx, [rsp] */
	PUT(0x48, 0x83, 0xc4, 0x10, 0xc3);
	struct grf_flow *flow = follow();
	grf_flow_value results[GRF_FLOW_RESULTS];

	assert_non_null(flow);
	grf_flow_results(flow, results);
	assert_int_equal(results[0], 0);
	assert_int_equal(results[1], grf_flow_make(GRF_FLOW_OBJECT, TYPE));
	/* At the call, as a frame has it. */
	assert_int_equal(grf_flow_slot(flow, ENTRY + 34, -16),
			 grf_flow_make(GRF_FLOW_OBJECT, TYPE));
	assert_int_equal(grf_flow_slot(flow, ENTRY + 34, -8), 0);
	assert_int_equal(grf_flow_slot(flow, ENTRY + 34, -800), 0);
	assert_int_equal(grf_flow_slot(flow, ENTRY + 8, -16), 0);
	grf_flow_destroy(flow);

	code.length = 0;
	PUT(0x48, 0x8d, 0x05); /* lea data, rax */
	put_distance(DATA);
	put_call(OTHER);
	PUT(0xc3);
	assert_int_equal(result(), 0);
	assert_true(told.escaped);
}

/* Jumps to where nobody knows, and cut-off code, are not followed; what they name is told. */
static void test_refused(void **state)
{
	(void)state;
	put_store();
	PUT(0xff, 0xe0); /* jmp rax */
	assert_null(follow());
	told.escaped = false;
	grf_flow_refuse(code.bytes, code.length, ENTRY, &context);
	assert_true(told.escaped);
	code.length = 3;
	assert_null(follow());
	code.length = 0;
	PUT(0xc3);
	budget = 0;
	assert_null(grf_flow_create(code.bytes, code.length, ENTRY, &context));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup(test_made, begin),
	    cmocka_unit_test_setup(test_loop, begin),
	    cmocka_unit_test_setup(test_either, begin),
	    cmocka_unit_test_setup(test_unknown, begin),
	    cmocka_unit_test_setup(test_addresses, begin),
	    cmocka_unit_test_setup(test_refused, begin),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
