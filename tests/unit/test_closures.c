/* SPDX-License-Identifier: BSD-2-Clause */
/* What machine code tells of closures: their objects' types, and where captured variables come
 * from. The code below was written by Go compilers, but for its addresses. */
#include <dwarf.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "model/variables/closure_loads.h"
#include "model/variables/closure_sites.h"

#define TEXT  UINT64_C(0x401000)
#define TYPES UINT64_C(0x500000)

static const uint64_t text[2] = {TEXT, TEXT + 0x10000};
static const uint64_t types[2] = {TYPES, TYPES + 0x10000};

/* Code under construction, at TEXT. */
struct code {
	uint8_t bytes[4096];
	size_t length;
};

static void emit(struct code *code, const char *bytes, size_t count)
{
	assert_true(code->length + count <= sizeof(code->bytes));
	memcpy(code->bytes + code->length, bytes, count);
	code->length += count;
}

#define EMIT(code, literal) emit(code, literal, sizeof(literal) - 1)

static void emit_lea(struct code *code, const char *prefix, uint64_t target)
{
	int32_t displacement = (int32_t)(target - (TEXT + code->length + 7));

	emit(code, prefix, 3);
	emit(code, (const char *)&displacement, sizeof(displacement));
}

#define LEA_RAX "\x48\x8d\x05"
#define LEA_RCX "\x48\x8d\x0d"
#define LEA_R8  "\x4c\x8d\x05"
#define CALL    "\xe8\x00\x01\x00\x00"
#define STORE_F "\x48\x89\x08" /* mov %rcx, (%rax) */

static bool is_entry(void *context, uint64_t address)
{
	(void)context;
	return address % 0x100 == 0;
}

/* Types at multiples of 64 are closures', those between are others. */
static bool is_closure_type(void *context, uint64_t address)
{
	(void)context;
	return address % 64 == 0;
}

static struct grf_closure_sites *scan(const struct code *code)
{
	const struct grf_closure_site_checks checks = {is_entry, is_closure_type, NULL};
	struct grf_closure_sites *sites = grf_closure_sites_create();

	assert_non_null(sites);
	grf_closure_sites_scan(sites, &grf_arch_amd64,
			       &(struct grf_code){code->bytes, code->length, TEXT}, text, types,
			       &checks);
	return sites;
}

static void test_sites(void **state)
{
	struct code code = {0};
	struct grf_closure_sites *sites;

	(void)state;
	emit_lea(&code, LEA_RAX, TYPES + 64);
	EMIT(&code, CALL);
	emit_lea(&code, LEA_RCX, TEXT + 0x300);
	EMIT(&code, STORE_F);
	/* A type of another kind stands between, and the lea goes to a high register. */
	emit_lea(&code, LEA_RAX, TYPES + 128);
	EMIT(&code, CALL);
	emit_lea(&code, LEA_RCX, TYPES + 72);
	emit_lea(&code, LEA_R8, TEXT + 0x400);
	sites = scan(&code);
	assert_int_equal(grf_closure_sites_find(sites, TEXT + 0x300), TYPES + 64);
	assert_int_equal(grf_closure_sites_find(sites, TEXT + 0x400), TYPES + 128);
	assert_int_equal(grf_closure_sites_find(sites, TEXT + 0x500), 0);
	grf_closure_sites_destroy(sites);
}

static void test_sites_refused(void **state)
{
	struct code code = {0};
	struct grf_closure_sites *sites;

	(void)state;
	/* The function of a closure on the stack: no type before it, the last one is used up. */
	emit_lea(&code, LEA_RAX, TYPES + 64);
	emit_lea(&code, LEA_RCX, TEXT + 0x300);
	emit_lea(&code, LEA_RCX, TEXT + 0x400);
	/* Not an entry. */
	emit_lea(&code, LEA_RAX, TYPES + 128);
	emit_lea(&code, LEA_RCX, TEXT + 0x510);
	/* Too far away. */
	emit_lea(&code, LEA_RAX, TYPES + 192);
	for (int i = 0; i < 300; i++)
		EMIT(&code, "\x90");
	emit_lea(&code, LEA_RCX, TEXT + 0x600);
	sites = scan(&code);
	assert_int_equal(grf_closure_sites_find(sites, TEXT + 0x300), TYPES + 64);
	assert_int_equal(grf_closure_sites_find(sites, TEXT + 0x400), 0);
	assert_int_equal(grf_closure_sites_find(sites, TEXT + 0x510), 0);
	assert_int_equal(grf_closure_sites_find(sites, TEXT + 0x600), 0);
	grf_closure_sites_destroy(sites);
}

static void test_sites_contradict(void **state)
{
	struct code code = {0};
	struct grf_closure_sites *sites;

	(void)state;
	for (int i = 1; i <= 2; i++) {
		emit_lea(&code, LEA_RAX, TYPES + 64 * i);
		emit_lea(&code, LEA_RCX, TEXT + 0x300);
		emit_lea(&code, LEA_RAX, TYPES + 64);
		emit_lea(&code, LEA_RCX, TEXT + 0x400);
	}
	/* Cut off inside a lea. */
	emit_lea(&code, LEA_RAX, TYPES + 64);
	emit(&code, LEA_RCX, 3);
	sites = scan(&code);
	assert_int_equal(grf_closure_sites_find(sites, TEXT + 0x300), 0);
	assert_int_equal(grf_closure_sites_find(sites, TEXT + 0x400), TYPES + 64);
	grf_closure_sites_destroy(sites);
}

static void read_loads(struct grf_closure_loads *loads, const uint8_t *code, uint64_t length)
{
	grf_closure_loads_read(loads, &grf_arch_amd64, &(struct grf_code){code, length, TEXT});
}

static int64_t find_store(const struct grf_closure_loads *loads, int64_t slot)
{
	for (size_t i = 0; i < loads->stores.count; i++) {
		if (loads->stores.items[i].slot == slot)
			return (int64_t)loads->stores.items[i].offset;
	}
	return -1;
}

/* The beginning of a function that captured two pointers and a string, without optimisation. The
 * last load replaces the context. */
static void test_stores(void **state)
{
	static const uint8_t prologue[] = {
	    0x55,                         /* push %rbp */
	    0x48, 0x89, 0xe5,             /* mov %rsp, %rbp */
	    0x48, 0x83, 0xec, 0x38,       /* sub $0x38, %rsp */
	    0x48, 0x8b, 0x4a, 0x08,       /* mov 0x8(%rdx), %rcx */
	    0x48, 0x89, 0x4c, 0x24, 0x30, /* mov %rcx, 0x30(%rsp) */
	    0x48, 0x8b, 0x4a, 0x10,       /* mov 0x10(%rdx), %rcx */
	    0x48, 0x89, 0x4c, 0x24, 0x28, /* mov %rcx, 0x28(%rsp) */
	    0x48, 0x8b, 0x4a, 0x18,       /* mov 0x18(%rdx), %rcx */
	    0x48, 0x8b, 0x52, 0x20,       /* mov 0x20(%rdx), %rdx */
	    0x48, 0x89, 0x4c, 0x24, 0x18, /* mov %rcx, 0x18(%rsp) */
	    0x48, 0x89, 0x54, 0x24, 0x20, /* mov %rdx, 0x20(%rsp) */
	    0x48, 0x8b, 0x42, 0x40,       /* mov 0x40(%rdx), %rax: no longer the context */
	    0x48, 0x89, 0x44, 0x24, 0x08, /* mov %rax, 0x8(%rsp) */
	    0xe8, 0x00, 0x00, 0x00, 0x00, /* call */
	    0x48, 0x89, 0x4c, 0x24, 0x10, /* mov %rcx, 0x10(%rsp): after the call */
	    0x90, 0x90, 0x90, 0x90, 0x90, 0x90, 0x90, 0x90,
	};
	struct grf_closure_loads loads;

	(void)state;
	read_loads(&loads, prologue, sizeof(prologue));
	assert_int_equal(loads.stores.cfa, 0x38 + 16);
	assert_int_equal(loads.stores.count, 4);
	assert_int_equal(find_store(&loads, 0x30), 8);
	assert_int_equal(find_store(&loads, 0x28), 0x10);
	assert_int_equal(find_store(&loads, 0x18), 0x18);
	assert_int_equal(find_store(&loads, 0x20), 0x20);
	assert_int_equal(find_store(&loads, 0x08), -1);
	assert_int_equal(find_store(&loads, 0x10), -1);
	/* Every cut must be survived. */
	for (size_t length = 0; length < sizeof(prologue); length++)
		read_loads(&loads, prologue, length);
}

static void test_vector_and_large_frames(void **state)
{
	static const uint8_t prologue[] = {
	    0x48, 0x81, 0xec, 0xe8, 0x01, 0x00, 0x00,       /* sub $0x1e8, %rsp */
	    0x0f, 0x10, 0x42, 0x18,                         /* movups 0x18(%rdx), %xmm0 */
	    0x0f, 0x11, 0x84, 0x24, 0xc0, 0x00, 0x00, 0x00, /* movups %xmm0, 0xc0(%rsp) */
	    0x4c, 0x8b, 0x82, 0x90, 0x00, 0x00, 0x00,       /* mov 0x90(%rdx), %r8 */
	    0x4c, 0x89, 0x84, 0x24, 0x00, 0x01, 0x00, 0x00, /* mov %r8, 0x100(%rsp) */
	    0x90, 0x90, 0x90, 0x90, 0x90, 0x90, 0x90, 0x90,
	};
	struct grf_closure_loads loads;

	(void)state;
	read_loads(&loads, prologue, sizeof(prologue));
	assert_int_equal(loads.stores.cfa, 0x1e8 + 16);
	assert_int_equal(loads.stores.count, 3);
	assert_int_equal(find_store(&loads, 0xc0), 0x18);
	assert_int_equal(find_store(&loads, 0xc8), 0x20);
	assert_int_equal(find_store(&loads, 0x100), 0x90);
}

/* A deferred closure in the frame; beside it a function's address that goes elsewhere. */
static void test_on_stack(void **state)
{
	struct grf_stack_closure found[4];
	struct grf_closure_loads loads;
	struct code code = {0};

	(void)state;
	EMIT(&code, "\x48\x83\xc4\x80"); /* add $-0x80, %rsp */
	emit_lea(&code, LEA_RCX, TEXT + 0x300);
	EMIT(&code, "\x48\x89\x4c\x24\x28"); /* mov %rcx, 0x28(%rsp) */
	emit_lea(&code, LEA_RCX, TEXT + 0x400);
	EMIT(&code, "\x48\x89\x44\x24\x30"); /* mov %rax, 0x30(%rsp) */
	emit_lea(&code, LEA_R8, TEXT + 0x500);
	EMIT(&code, "\x4c\x89\x44\x24\x78"); /* mov %r8, 0x78(%rsp) */
	emit_lea(&code, LEA_RCX, TEXT + 0x600);
	EMIT(&code, "\x48\x89\x8c\x24\x80\x00\x00\x00"); /* above the frame */
	emit_lea(&code, LEA_RCX, TEXT + 0x700);
	EMIT(&code, STORE_F);
	EMIT(&code, "\x90\x90\x90\x90\x90\x90\x90\x90");
	read_loads(&loads, code.bytes, code.length);
	assert_int_equal(loads.stores.cfa, 0x80 + 16);
	assert_int_equal(grf_closure_loads_on_stack(&loads, found, 4), 2);
	assert_int_equal(found[0].entry, TEXT + 0x300);
	assert_int_equal(found[0].offset, 0x28 - 0x80 - 16);
	assert_int_equal(found[1].entry, TEXT + 0x500);
	assert_int_equal(found[1].offset, 0x78 - 0x80 - 16);
	assert_int_equal(grf_closure_loads_on_stack(&loads, found, 1), 1);
	loads.code.length = 12; /* ends inside the mov */
	assert_int_equal(grf_closure_loads_on_stack(&loads, found, 4), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_sites),
	    cmocka_unit_test(test_sites_refused),
	    cmocka_unit_test(test_sites_contradict),
	    cmocka_unit_test(test_stores),
	    cmocka_unit_test(test_vector_and_large_frames),
	    cmocka_unit_test(test_on_stack),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
