/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Does what the stub of a packed program does when it runs, but for the unpacking: puts PAYLOAD, an
 * executable, and its interpreter, if it has one, into anonymous memory, tells them in the
 * auxiliary vector on the stack where they are, and jumps there. What the kernel knows of all that
 * stays as it was: the file that runs, where it began, and the auxiliary vector.
 */
#include <elf.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define PAGE     4096ul
#define DOWN(at) ((at) & ~(PAGE - 1))
#define UP(at)   DOWN((at) + PAGE - 1)

/* What UPX leaves in each file that it makes. */
const char packer[] = MARK;

struct program {
	Elf64_Ehdr header;
	Elf64_Phdr headers[32];
	uint64_t bias;
	char interpreter[256];
};

static void fail(const char *what)
{
	perror(what);
	exit(1);
}

static void read_at(int fd, void *buffer, size_t size, uint64_t offset)
{
	if (pread(fd, buffer, size, (off_t)offset) != (ssize_t)size)
		fail("read");
}

/* Room for all segments: where they were linked to be, or anywhere. */
static uint64_t reserve(const struct program *program)
{
	uint64_t low = UINT64_MAX, high = 0;
	int fixed = program->header.e_type == ET_EXEC ? MAP_FIXED_NOREPLACE : 0;
	uint8_t *at;

	for (int i = 0; i < program->header.e_phnum; i++) {
		const Elf64_Phdr *load = &program->headers[i];

		if (load->p_type != PT_LOAD)
			continue;
		low = DOWN(load->p_vaddr) < low ? DOWN(load->p_vaddr) : low;
		high = UP(load->p_vaddr + load->p_memsz) > high ? UP(load->p_vaddr + load->p_memsz)
								: high;
	}
	at = mmap(fixed ? (void *)low : NULL, high - low, PROT_READ | PROT_WRITE,
		  MAP_PRIVATE | MAP_ANONYMOUS | fixed, -1, 0);
	if (at == MAP_FAILED)
		fail("mmap");
	return (uint64_t)at - low;
}

static void load(const char *path, struct program *program)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		fail(path);
	read_at(fd, &program->header, sizeof(program->header), 0);
	if (program->header.e_phnum > 32)
		fail("too many segments");
	read_at(fd, program->headers, program->header.e_phnum * sizeof(Elf64_Phdr),
		program->header.e_phoff);
	program->bias = reserve(program);
	for (int i = 0; i < program->header.e_phnum; i++) {
		const Elf64_Phdr *segment = &program->headers[i];
		uint64_t at = segment->p_vaddr + program->bias;
		int flags = (segment->p_flags & PF_R ? PROT_READ : 0) |
			    (segment->p_flags & PF_W ? PROT_WRITE : 0) |
			    (segment->p_flags & PF_X ? PROT_EXEC : 0);

		if (segment->p_type == PT_INTERP && segment->p_filesz < 256)
			read_at(fd, program->interpreter, segment->p_filesz, segment->p_offset);
		if (segment->p_type != PT_LOAD)
			continue;
		read_at(fd, (void *)at, segment->p_filesz, segment->p_offset);
		mprotect((void *)DOWN(at), UP(at + segment->p_memsz) - DOWN(at), flags);
	}
	close(fd);
}

/* Where the program's headers are in memory. */
static uint64_t headers_of(const struct program *program)
{
	for (int i = 0; i < program->header.e_phnum; i++)
		if (program->headers[i].p_type == PT_LOAD && !program->headers[i].p_offset)
			return program->headers[i].p_vaddr + program->header.e_phoff +
			       program->bias;
	return 0;
}

int main(int argc, char **argv)
{
	static struct program program, interpreter;
	uint64_t *word = (uint64_t *)argv + argc + 1, entry;

	load(PAYLOAD, &program);
	entry = program.header.e_entry + program.bias;
	while (*word++)
		;
	if (*program.interpreter)
		load(program.interpreter, &interpreter);
	for (; *word != AT_NULL; word += 2) {
		if (word[0] == AT_PHDR)
			word[1] = headers_of(&program);
		else if (word[0] == AT_PHNUM)
			word[1] = program.header.e_phnum;
		else if (word[0] == AT_ENTRY)
			word[1] = entry;
		else if (word[0] == AT_BASE)
			word[1] = interpreter.bias;
	}
	if (*program.interpreter)
		entry = interpreter.header.e_entry + interpreter.bias;
	/* From argc on, the stack is as the kernel made it. */
	__asm__ volatile("mov %0, %%rsp; xor %%edx, %%edx; xor %%ebp, %%ebp; jmp *%1"
			 :
			 : "r"((uint64_t *)argv - 1), "r"(entry)
			 : "memory");
	__builtin_unreachable();
}
