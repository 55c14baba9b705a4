/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * born PID COMMAND...
 *
 * Runs a command as process PID, a number that is free or will be in a moment, as root may. It ends
 * with us. Status 97: its parent, as which we wait, was told that it has ended or was stopped; 98:
 * it cannot be made.
 */
#include <errno.h>
#include <linux/sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

int main(int count, char **arguments)
{
	pid_t number = count > 2 ? atoi(arguments[1]) : 0;
	struct clone_args how = {
	    .exit_signal = SIGCHLD,
	    .set_tid = (uintptr_t)&number,
	    .set_tid_size = 1,
	};
	siginfo_t news;
	long made;

	/* Whoever had the number may be seen no more, and have it yet. */
	for (int i = 0; i < 10000; i++) {
		made = syscall(SYS_clone3, &how, sizeof(how));
		if (made >= 0 || errno != EEXIST)
			break;
		usleep(1000);
	}
	if (made < 0)
		return 98;
	if (!made) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		execv(arguments[2], arguments + 2);
		_exit(98);
	}
	waitid(P_PID, (id_t)made, &news, WEXITED | WSTOPPED | WCONTINUED);
	return 97;
}
