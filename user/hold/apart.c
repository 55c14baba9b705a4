/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The process is a fork of ours: it knows what we know. The result comes back as one message over a
 * socket, with the descriptor beside it. It leaves our session, as terminals, shells and timeout(1)
 * kill whole process groups; should we be gone by the time that it is through, the message goes
 * nowhere, and the descriptor is closed with it.
 */
#include "hold/apart.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/log.h"

#define SHARED_BYTES  256
#define MESSAGE_BYTES 512
#define POLL_TIME     20 /* ms after which an interruption is seen at the latest */

struct result {
	int error; /* enum grf_error_code, 0: none */
	char message[MESSAGE_BYTES];
	uint8_t shared[SHARED_BYTES];
};

union control {
	struct cmsghdr header; /* for its alignment */
	char bytes[CMSG_SPACE(sizeof(int))];
};

static void send_result(int fd, const struct result *result, int descriptor)
{
	union control control = {0};
	struct iovec part = {(void *)result, sizeof(*result)};
	struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
	struct cmsghdr *header;

	if (descriptor >= 0) {
		message.msg_control = control.bytes;
		message.msg_controllen = sizeof(control.bytes);
		header = CMSG_FIRSTHDR(&message);
		header->cmsg_level = SOL_SOCKET;
		header->cmsg_type = SCM_RIGHTS;
		header->cmsg_len = CMSG_LEN(sizeof(descriptor));
		memcpy(CMSG_DATA(header), &descriptor, sizeof(descriptor));
	}
	sendmsg(fd, &message, MSG_NOSIGNAL);
}

_Noreturn static void work_apart(int fd, grf_apart_work *work, void *context, const void *shared,
				 size_t size)
{
	struct result result = {0};
	struct grf_error *error;
	int descriptor = -1;

	setsid();
	error = work(context, &descriptor);
	if (error) {
		result.error = (int)error->code;
		snprintf(result.message, sizeof(result.message), "%s", error->message);
	}
	memcpy(result.shared, shared, size);
	send_result(fd, &result, error ? -1 : descriptor);
	_exit(0);
}

/* False: it ended without a result. */
static bool receive_result(int fd, struct result *result, int *ret_descriptor)
{
	union control control = {0};
	struct iovec part = {result, sizeof(*result)};
	struct msghdr message = {
	    .msg_iov = &part,
	    .msg_iovlen = 1,
	    .msg_control = control.bytes,
	    .msg_controllen = sizeof(control.bytes),
	};
	struct cmsghdr *header;
	ssize_t length;

	do
		length = recvmsg(fd, &message, MSG_CMSG_CLOEXEC | MSG_WAITALL);
	while (length < 0 && errno == EINTR);
	header = length > 0 ? CMSG_FIRSTHDR(&message) : NULL;
	if (header && header->cmsg_level == SOL_SOCKET && header->cmsg_type == SCM_RIGHTS &&
	    header->cmsg_len == CMSG_LEN(sizeof(int)))
		memcpy(ret_descriptor, CMSG_DATA(header), sizeof(int));
	return length == (ssize_t)sizeof(*result);
}

/* Until there is something to receive. */
static void wait_for(int fd, pid_t pid)
{
	struct pollfd event = {.fd = fd, .events = POLLIN};
	bool told = false;

	while (poll(&event, 1, POLL_TIME) <= 0) {
		if (!told && grf_interrupted())
			told = !kill(pid, SIGTERM);
	}
}

struct grf_error *grf_apart_run(grf_apart_work *work, void *context, void *shared, size_t size,
				int *ret)
{
	_cleanup_close_ int ours = -1;
	struct result result = {0};
	int sockets[2], status, descriptor = -1;
	bool received;
	pid_t pid;

	if (size > SHARED_BYTES || socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sockets))
		return grf_error_errno(GRF_ERROR_OTHER, errno, "socketpair");
	ours = sockets[0];
	pid = fork();
	if (!pid) {
		close(sockets[0]);
		work_apart(sockets[1], work, context, shared, size);
	}
	close(sockets[1]);
	if (pid < 0)
		return grf_error_errno(GRF_ERROR_OTHER, errno, "fork");
	wait_for(ours, pid);
	received = receive_result(ours, &result, &descriptor);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	if (!received)
		return grf_error_create(GRF_ERROR_OTHER, "a helper process was killed");
	memcpy(shared, result.shared, size);
	if (result.error) {
		result.message[sizeof(result.message) - 1] = '\0';
		return grf_error_create((enum grf_error_code)result.error, "%s", result.message);
	}
	*ret = descriptor;
	return NULL;
}
