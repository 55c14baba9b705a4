/* SPDX-License-Identifier: BSD-2-Clause */
/* What registers and frames hold: over branches, loops and calls, and where nothing is said. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "arch/amd64/flow.h"
#include "arch/amd64/instructions.h"
#include "pieced_code.h"

#define TYPE   UINT64_C(0x410000) /* up to 0x420000: descriptors; then data */
#define DATA   UINT64_C(0x420000)
#define MAKER  UINT64_C(0x500000)
#define OTHER  UINT64_C(0x600000)
#define PANICS UINT64_C(0x700000)
#define STORES UINT64_C(0x800000) /* a write barrier that stores rax */

static struct {
	grf_flow_value stored;
	bool escaped;
	int calls;
} told;

static void on_call(void *context, uint64_t target, const grf_flow_value *registers,
		    struct grf_flow_call *ret)
{
	(void)context;
	told.calls++;
	ret->returns = target != PANICS;
	ret->keeps_registers = ret->stores = target == STORES;
	ret->stored = GRF_RAX;
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
	const struct grf_code whole = pieced_code();

	told.stored = grf_flow_make(GRF_FLOW_UNSET, 0);
	told.escaped = false;
	told.calls = 0;
	budget = 1000;
	return grf_flow_create(&whole, &context);
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
	PUT(0x48, 0x83, 0xe0, 0xf8, 0xc3); /* and rax, -8; ret */
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

/* sub rsp, 64; the address of what is 16 bytes above it, with zeroes there; then an index chooses
 * where in it a new value is put. */
static void put_array(uint64_t type)
{
	PUT(0x48, 0x83, 0xec, 0x40);       /* sub rsp, 64 */
	PUT(0x48, 0x8d, 0x4c, 0x24, 0x10); /* lea rcx, [rsp+16] */
	PUT(0x44, 0x0f, 0x11, 0x39);       /* movups [rcx], xmm15 */
	PUT(0x48, 0x83, 0xc1, 0x10);       /* add rcx, 16 */
	PUT(0x48, 0x89, 0x0c, 0x24);       /* mov [rsp], rcx */
	PUT(0x31, 0xc9);                   /* xor ecx, ecx */
	put_make(type);
	PUT(0x48, 0x89, 0x44, 0xcc, 0x10); /* mov [rsp+rcx*8+16], rax */
}

/* What is in the frame at the end of the code, where another function is called. */
static grf_flow_value slot_at_end(int64_t offset)
{
	uint64_t pc;
	struct grf_flow *flow;
	grf_flow_value value;

	put_call(OTHER);
	pc = ENTRY + code.length - 1;
	PUT(0x48, 0x83, 0xc4, 0x40, 0xc3); /* add rsp, 64; ret */
	flow = follow();
	assert_non_null(flow);
	value = grf_flow_slot(flow, pc, offset);
	grf_flow_destroy(flow);
	return value;
}

/* An array in the frame has what is put anywhere in it, as long as its address stays here. */
static void test_array_in_frame(void **state)
{
	const grf_flow_value object = grf_flow_make(GRF_FLOW_OBJECT, TYPE);

	put_array(TYPE);
	assert_int_equal(slot_at_end(-40), object);
	begin(state);
	put_array(TYPE);
	PUT(0x48, 0x89, 0x44, 0x24, 0x18); /* mov [rsp+24], rax */
	assert_int_equal(slot_at_end(-40), object);
	/* Something else, by an index, by the address, and by name. */
	begin(state);
	put_array(TYPE);
	put_make(TYPE + 64);
	PUT(0x48, 0x89, 0x44, 0xcc, 0x18); /* mov [rsp+rcx*8+24], rax */
	assert_int_equal(slot_at_end(-40), 0);
	begin(state);
	put_array(TYPE);
	put_make(TYPE + 64);
	PUT(0x48, 0x8b, 0x0c, 0x24); /* mov rcx, [rsp] */
	PUT(0x48, 0x89, 0x01);       /* mov [rcx], rax */
	PUT(0x31, 0xc9);
	assert_int_equal(slot_at_end(-40), 0);
	begin(state);
	put_array(TYPE);
	put_make(TYPE + 64);
	PUT(0x48, 0x89, 0x44, 0x24, 0x18);
	assert_int_equal(slot_at_end(-40), 0);
	/* The address leaves: in a register, in memory, and where it is worked on. */
	begin(state);
	put_array(TYPE);
	PUT(0x48, 0x8b, 0x0c, 0x24);
	assert_int_equal(slot_at_end(-40), 0);
	begin(state);
	put_array(TYPE);
	PUT(0x48, 0x8b, 0x0c, 0x24);
	PUT(0x48, 0x89, 0x08); /* mov [rax], rcx */
	PUT(0x31, 0xc9);
	assert_int_equal(slot_at_end(-40), 0);
	begin(state);
	put_array(TYPE);
	PUT(0x48, 0x8b, 0x0c, 0x24);
	PUT(0x48, 0x83, 0xe1, 0xf0); /* and rcx, -16 */
	assert_int_equal(slot_at_end(-40), 0);
}

/* The address of where the stack may end, and the frame pointer, lead to no slot. */
static void test_below_frame(void **state)
{
	(void)state;
	PUT(0x4c, 0x8d, 0x64, 0x24, 0x80);    /* lea r12, [rsp-128] */
	PUT(0x55, 0x48, 0x89, 0xe5);          /* push rbp; mov rbp, rsp */
	PUT(0x48, 0x81, 0xec, 0x40, 0, 0, 0); /* sub rsp, 64 */
	put_make(TYPE);
	PUT(0x48, 0x89, 0x44, 0x24, 0x18); /* mov [rsp+24], rax */
	assert_int_equal(slot_at_end(-48), grf_flow_make(GRF_FLOW_OBJECT, TYPE));
}

/* What a call finds in a register, and no other one. */
static void test_register(void **state)
{
	struct grf_flow *flow;

	(void)state;
	PUT(0x48, 0x8d, 0x05); /* lea rax, type */
	put_distance(TYPE);
	put_call(OTHER);
	PUT(0xc3);
	flow = follow();
	assert_non_null(flow);
	assert_int_equal(grf_flow_register(flow, ENTRY + 11, GRF_RAX),
			 grf_flow_make(GRF_FLOW_DESCRIPTOR, TYPE));
	assert_int_equal(grf_flow_register(flow, ENTRY + 11, GRF_RBX), grf_flow_given(GRF_RBX));
	assert_int_equal(grf_flow_register(flow, ENTRY + 12, GRF_RAX), 0);
	assert_int_equal(grf_flow_register(flow, ENTRY + 800, GRF_RAX), 0);
	assert_int_equal(grf_flow_register(flow, ENTRY + 11, 16), 0);
	grf_flow_destroy(flow);
}

/* A pointer into what was made, and to where it begins or into it. */
static void test_inside(void **state)
{
	(void)state;
	put_make(TYPE);
	PUT(0x48, 0x83, 0xc0, 0x08); /* add rax, 8 */
	put_store();
	PUT(0xc3);
	assert_int_equal(result(), grf_flow_make(GRF_FLOW_IN_OBJECT, TYPE));
	assert_int_equal(told.stored, grf_flow_make(GRF_FLOW_IN_OBJECT, TYPE));
	code.length = 0;
	put_make(TYPE);
	put_store();
	PUT(0x48, 0x8d, 0x40, 0x10); /* lea rax, [rax+16] */
	put_store();
	PUT(0xc3);
	assert_int_equal(result(), grf_flow_make(GRF_FLOW_IN_OBJECT, TYPE));
	assert_int_equal(told.stored, grf_flow_make(GRF_FLOW_IN_OBJECT, TYPE));
}

/* What may be the address of data or something else may be written through. */
static void test_either_address(void **state)
{
	(void)state;
	PUT(0x85, 0xdb, 0x74, 7); /* test ebx, ebx; je 11 */
	PUT(0x48, 0x8d, 0x15);    /* lea rdx, data */
	put_distance(DATA);
	PUT(0x48, 0x89, 0x0a, 0xc3); /* 11: mov [rdx], rcx; ret */
	assert_int_equal(result(), 0);
	assert_true(told.escaped);
	code.length = 0;
	PUT(0x48, 0x8d, 0x15);
	put_distance(DATA);
	PUT(0x85, 0xdb);             /* test ebx, ebx */
	PUT(0x48, 0x0f, 0x44, 0xc2); /* cmove rax, rdx */
	PUT(0x48, 0x89, 0x08, 0xc3); /* mov [rax], rcx; ret */
	assert_int_equal(result(), 0);
	assert_true(told.escaped);
}

/* What the write barrier has in a register is not followed on where another value may be there. */
static void test_barrier(void **state)
{
	(void)state;
	put_make(TYPE);
	PUT(0x85, 0xc9, 0x75, 9); /* test ecx, ecx; jne 9 */
	put_store();
	PUT(0xeb, 12); /* jmp 12 */
	PUT(0x48, 0x8d, 0x3d);
	put_distance(DATA); /* 9: lea rdi, data */
	put_call(STORES);
	PUT(0xc3); /* 12: ret */
	assert_int_equal(result(), grf_flow_make(GRF_FLOW_OBJECT, TYPE));
	assert_int_equal(told.stored, grf_flow_make(GRF_FLOW_OBJECT, TYPE));
	assert_false(told.escaped);
	code.length = 0;
	PUT(0x48, 0x8d, 0x3d);
	put_distance(DATA);
	put_call(STORES);
	PUT(0x48, 0x89, 0x0f, 0xc3); /* mov [rdi], rcx; ret */
	assert_int_equal(result(), 0);
	assert_true(told.escaped);
}

/* The way to a type that the function is given. */
static void test_given(void **state)
{
	grf_flow_value way, inner, none = grf_flow_make(GRF_FLOW_UNKNOWN, 0);
	uint64_t distance;

	(void)state;
	PUT(0x48, 0x8b, 0x5b, 0x08); /* mov rbx, [rbx+8] */
	PUT(0x48, 0x8b, 0x43, 0x18); /* mov rax, [rbx+24] */
	put_call(MAKER);
	PUT(0xc3);
	way = result();
	assert_int_equal(grf_flow_kind(way), GRF_FLOW_OBJECT);
	assert_true(grf_flow_is_given(way) && grf_flow_is_object(way));
	assert_int_equal(grf_flow_way_register(way), GRF_RBX);
	assert_true(grf_flow_way_step(way, 0, &distance) && distance == 8);
	assert_true(grf_flow_way_step(way, 1, &distance) && distance == 24);
	assert_false(grf_flow_way_step(way, 2, &distance));
	/* Of what the caller was given in its turn. */
	inner = grf_flow_way_on(grf_flow_given(GRF_RCX), 0);
	way = grf_flow_way_join(way, inner);
	assert_int_equal(grf_flow_kind(way), GRF_FLOW_OBJECT);
	assert_int_equal(grf_flow_way_register(way), GRF_RCX);
	assert_true(grf_flow_way_step(way, 0, &distance) && distance == 0);
	assert_true(grf_flow_way_step(way, 2, &distance) && distance == 24);
	/* Too many steps, none of a dictionary's, and no way. */
	assert_int_equal(grf_flow_way_join(way, inner), none);
	assert_int_equal(grf_flow_way_on(grf_flow_given(GRF_RCX), -8), none);
	assert_int_equal(grf_flow_way_on(grf_flow_given(GRF_RCX), 12), none);
	assert_int_equal(grf_flow_way_on(grf_flow_given(GRF_RCX), 1 << 20), none);
	assert_int_equal(grf_flow_way_on(grf_flow_make(GRF_FLOW_DESCRIPTOR, TYPE), 8), none);
	assert_int_equal(grf_flow_way_join(way, grf_flow_make(GRF_FLOW_DATA, DATA)), none);
}

/* Jumps to where nobody knows, and cut-off code, are not followed; what they name is told. */
static void test_refused(void **state)
{
	struct grf_code whole;

	(void)state;
	put_store();
	PUT(0xff, 0xe0); /* jmp rax */
	assert_null(follow());
	told.escaped = false;
	whole = pieced_code();
	grf_flow_refuse(&whole, &context);
	assert_true(told.escaped);
	code.length = 3;
	assert_null(follow());
	code.length = 0;
	PUT(0xc3);
	budget = 0;
	whole = pieced_code();
	assert_null(grf_flow_create(&whole, &context));
}

/* What a branch forward changes is seen in the same pass. */
static void test_passes(void **state)
{
	struct grf_flow *flow;

	(void)state;
	put_make(TYPE);
	PUT(0x74, 0x02); /* je over the xor */
	PUT(0x31, 0xc0); /* xor eax, eax */
	put_store();
	PUT(0xc3);
	flow = follow();
	assert_non_null(flow);
	assert_int_equal(told.calls, 1);
	assert_true(told.stored == grf_flow_make(GRF_FLOW_OBJECT, TYPE));
	grf_flow_destroy(flow);

	/* The result of the call is there when the loop begins again. */
	code.length = 0;
	put_store();
	put_make(TYPE);
	PUT(0x74, 0xeb); /* je to the store */
	PUT(0xc3);
	flow = follow();
	assert_non_null(flow);
	assert_int_equal(told.calls, 2);
	assert_true(told.stored == 0);
	grf_flow_destroy(flow);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup(test_made, begin),
	    cmocka_unit_test_setup(test_loop, begin),
	    cmocka_unit_test_setup(test_either, begin),
	    cmocka_unit_test_setup(test_unknown, begin),
	    cmocka_unit_test_setup(test_addresses, begin),
	    cmocka_unit_test_setup(test_array_in_frame, begin),
	    cmocka_unit_test_setup(test_below_frame, begin),
	    cmocka_unit_test_setup(test_register, begin),
	    cmocka_unit_test_setup(test_inside, begin),
	    cmocka_unit_test_setup(test_either_address, begin),
	    cmocka_unit_test_setup(test_barrier, begin),
	    cmocka_unit_test_setup(test_given, begin),
	    cmocka_unit_test_setup(test_passes, begin),
	    cmocka_unit_test_setup(test_refused, begin),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
