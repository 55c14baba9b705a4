/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * refuse ERROR CALL[:INDEX=VALUE[/MASK]] COMMAND...
 *
 * Runs a command to which the kernel refuses one system call, with ERROR (EPERM, ENOSYS, or a
 * number): all of them, or those whose argument number INDEX, under the mask, is VALUE. Status 99:
 * there is no such call here; 98: the filter cannot be made.
 */
#include <errno.h>
#include <seccomp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static unsigned int error_number(const char *name)
{
	if (!strcmp(name, "EPERM"))
		return EPERM;
	if (!strcmp(name, "ENOSYS"))
		return ENOSYS;
	return (unsigned int)strtoul(name, NULL, 0);
}

int main(int count, char **arguments)
{
	unsigned int argument = 0;
	unsigned long long value = 0, mask = ~0ull;
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);
	char *condition;
	int number, result;

	if (count < 4 || !filter)
		return 98;
	condition = strchr(arguments[2], ':');
	if (condition)
		*condition++ = '\0';
	if (condition && sscanf(condition, "%u=%lli/%lli", &argument, (long long *)&value,
				(long long *)&mask) < 2)
		return 98;
	number = seccomp_syscall_resolve_name(arguments[2]);
	if (number == __NR_SCMP_ERROR)
		return 99;
	result = seccomp_rule_add(filter, SCMP_ACT_ERRNO(error_number(arguments[1])), number,
				  condition ? 1 : 0,
				  SCMP_CMP(argument, SCMP_CMP_MASKED_EQ, mask, value));
	if (result || seccomp_load(filter))
		return 98;
	execv(arguments[3], arguments + 3);
	return 98;
}
