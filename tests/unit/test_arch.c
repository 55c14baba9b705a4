/* SPDX-License-Identifier: BSD-2-Clause */
/* What is said of an architecture, and which files are of one that is read. */
#include <elf.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "arch/arch.h"

static Elf64_Ehdr header(uint16_t machine)
{
	return (Elf64_Ehdr){
	    .e_ident = {ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64, ELFDATA2LSB, EV_CURRENT},
	    .e_type = ET_EXEC,
	    .e_machine = machine,
	};
}

static const struct grf_arch *arch_of(const Elf64_Ehdr *header, const char *message)
{
	const struct grf_arch *found = NULL;
	struct grf_error *error = grf_arch_of_elf((const uint8_t *)header, "file", &found);

	if (!error)
		return found;
	assert_int_equal(error->code, GRF_ERROR_UNSUPPORTED);
	assert_string_equal(error->message, message);
	grf_error_free(error);
	return NULL;
}

static void test_files(void **state)
{
	Elf64_Ehdr file = header(EM_X86_64);

	(void)state;
	assert_ptr_equal(arch_of(&file, ""), &grf_arch_amd64);
	assert_ptr_equal(grf_arch_by_machine(EM_X86_64), &grf_arch_amd64);
	assert_null(grf_arch_by_machine(EM_NONE));
	file = header(EM_AARCH64);
	assert_null(arch_of(&file, "file is for arm64 (64 bits, little-endian), and this build of "
				   "grf-bpf reads amd64 (64 bits, little-endian)"));
	file = header(EM_386);
	file.e_ident[EI_CLASS] = ELFCLASS32;
	assert_null(arch_of(&file, "file is for 386 (32 bits, little-endian), and this build of "
				   "grf-bpf reads amd64 (64 bits, little-endian)"));
	/* The machine too stands in the file's own order of bytes. */
	file = header(EM_PPC64 << 8);
	file.e_ident[EI_DATA] = ELFDATA2MSB;
	assert_null(arch_of(&file, "file is for ppc64 (64 bits, big-endian), and this build of "
				   "grf-bpf reads amd64 (64 bits, little-endian)"));
	file = header(0x1234);
	assert_null(arch_of(&file,
			    "file is for machine number 4660 (64 bits, little-endian), and this "
			    "build of grf-bpf reads amd64 (64 bits, little-endian)"));
}

/* Every architecture is whole. */
static void test_tables(void **state)
{
	size_t count;
	const struct grf_arch *const *archs = grf_archs(&count);

	(void)state;
	assert_true(count >= 1);
	for (size_t i = 0; i < count; i++) {
		const struct grf_arch *arch = archs[i];

		assert_ptr_equal(grf_arch_by_machine(arch->machine), arch);
		assert_true(arch->name && arch->frame && arch->running_g);
		assert_true(arch->next_address && arch->next_call && arch->named_addresses &&
			    arch->may_write && arch->flow && arch->closure_stores &&
			    arch->closure_load && arch->stack_closures);
		assert_true(arch->address_limit && arch->quantum && arch->relative_relocation);
		assert_true(arch->registers.pc < arch->registers.count &&
			    arch->registers.sp < arch->registers.count);
		assert_true(arch->ucontext.pc + 8 <= arch->ucontext.size &&
			    arch->ucontext.sp + 8 <= arch->ucontext.size &&
			    arch->ucontext.first + arch->ucontext.count * 8 <= arch->ucontext.size);
	}
}

static void test_frames(void **state)
{
	struct grf_arch_frame frame = grf_arch_amd64.frame(0x1000, 0x20);

	(void)state;
	assert_int_equal(frame.fp, 0x1028);
	assert_int_equal(frame.argp, 0x1028);
	assert_int_equal(frame.varp, 0x1018);
	assert_int_equal(frame.return_address, 0x1020);
	/* Before the function has made one. */
	frame = grf_arch_amd64.frame(0x1000, 0);
	assert_int_equal(frame.fp, 0x1008);
	assert_int_equal(frame.varp, 0x1000);
	assert_int_equal(frame.return_address, 0x1000);
}

static bool read_word(void *context, uint64_t address, uint64_t *ret)
{
	*ret = 0xc000;
	return address == *(uint64_t *)context;
}

static void test_running_g(void **state)
{
	uint64_t registers[27] = {0}, place = 0x7ff8;

	(void)state;
	assert_int_equal(grf_arch_amd64.running_g(registers, read_word, &place), 0);
	registers[21] = 0x8000;
	assert_int_equal(grf_arch_amd64.running_g(registers, read_word, &place), 0xc000);
	place = 0;
	assert_int_equal(grf_arch_amd64.running_g(registers, read_word, &place), 0);
}

static void test_references(void **state)
{
	static const uint8_t bytes[] = {
	    0x90,                         /* nop */
	    0x48, 0x8d, 0x05, 9, 0, 0, 0, /* lea 9(%rip), %rax */
	    0xe8, 3,    0,    0, 0,       /* call */
	    0x4c, 0x8b, 0x0d, 1, 0, 0, 0, /* mov 1(%rip), %r9 */
	    0xe8, 3,    0,                /* cut off */
	};
	const struct grf_code code = {bytes, sizeof(bytes), 0x1000};
	struct grf_code_reference found;
	uint64_t named[4];

	(void)state;
	assert_true(grf_arch_amd64.next_address(&code, 0, &found));
	assert_int_equal(found.at, 1);
	assert_int_equal(found.end, 8);
	assert_int_equal(found.target, 0x1011);
	assert_false(grf_arch_amd64.next_address(&code, 2, &found));
	assert_true(grf_arch_amd64.next_call(&code, 0, &found));
	assert_int_equal(found.at, 8);
	assert_int_equal(found.target, 0x1010);
	assert_false(grf_arch_amd64.next_call(&code, 9, &found));
	assert_false(grf_arch_amd64.next_call(&code, sizeof(bytes) + 1, &found));
	assert_int_equal(grf_arch_amd64.named_addresses(&code, named, 4), 2);
	assert_int_equal(named[0], 0x1011);
	assert_int_equal(named[1], 0x1015);
	assert_int_equal(grf_arch_amd64.named_addresses(&code, named, 1), 1);
}

static bool is_data(void *context, uint64_t address)
{
	return address == *(uint64_t *)context;
}

static bool may_write(const uint8_t *bytes, uint64_t length, uint64_t data)
{
	return grf_arch_amd64.may_write(&(struct grf_code){bytes, length, 0x1000}, is_data, &data);
}

static void test_writes(void **state)
{
	static const uint8_t store[] = {0x48, 0x89, 0x05, 9, 0, 0, 0}; /* mov [rip+9], rax */
	static const uint8_t load[] = {0x48, 0x8b, 0x05, 9, 0, 0, 0};  /* mov rax, [rip+9] */
	static const uint8_t number[] = {0x48, 0xc7, 0x05, 9, 0, 0,
					 0,    1,    0,    0, 0}; /* mov qword [rip+9], 1 */

	(void)state;
	assert_true(may_write(store, sizeof(store), 0x1010));
	assert_false(may_write(store, sizeof(store), 0x1011));
	assert_false(may_write(store, sizeof(store) - 1, 0x1010));
	assert_false(may_write(load, sizeof(load), 0x1010));
	assert_true(may_write(number, sizeof(number), 0x1014));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_files),      cmocka_unit_test(test_tables),
	    cmocka_unit_test(test_frames),     cmocka_unit_test(test_running_g),
	    cmocka_unit_test(test_references), cmocka_unit_test(test_writes),
	};

	return cmocka_run_group_tests_name("architectures", tests, NULL, NULL);
}
