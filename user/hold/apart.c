/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The process is our fork: it knows what we know. The result comes back as one message over a
 * socket, with the descriptor beside it. It leaves our session, as terminals, shells and timeout(1)
 * kill whole process groups; should we be gone by the time that it is through, the message goes
 * nowhere, and the descriptor is closed with it.
 *
 * Such a process can also stay and keep the descriptor. A process that is killed closes what it has
 * open, but the kernel does not wait for anything on behalf of one that has a SIGKILL pending, and
 * some things are then left undone: an uprobe's breakpoint stays in the code of its target.
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
#include <time.h>
#include <unistd.h>

#include "base/log.h"
#include "base/priority.h"
#include "hold/private.h"

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

/* Until the other end of the socket is closed. Nothing else that we have may hang on this process.
 */
static void keep_descriptor(int fd, int descriptor)
{
	char byte;

	if (dup2(descriptor, 0) < 0 || dup2(fd, 1) < 0 || close_range(2, ~0u, 0))
		return;
	while (read(1, &byte, 1) < 0 && errno == EINTR)
		;
}

_Noreturn static void work_apart(int fd, grf_apart_work *work, void *context, const void *shared,
				 size_t size, bool stay)
{
	struct result result = {0};
	struct grf_error *error;
	int descriptor = -1;

	setsid();
	/* A thread of the target may stand for as long as this takes. */
	grf_priority_usual();
	error = work(context, &descriptor);
	if (error) {
		result.error = (int)error->code;
		snprintf(result.message, sizeof(result.message), "%s", error->message);
	}
	if (size)
		memcpy(result.shared, shared, size);
	send_result(fd, &result, error ? -1 : descriptor);
	if (stay && !error)
		keep_descriptor(fd, descriptor);
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

/* Also true where that cannot be asked: what is received then is the end. */
static bool has_message(int fd)
{
	char byte;

	return recv(fd, &byte, sizeof(byte), MSG_PEEK | MSG_DONTWAIT) >= 0 ||
	       (errno != EAGAIN && errno != EINTR);
}

/* Until there is something to receive. False: the user has interrupted, and the process did not
 * take notice of that. */
static bool wait_for(int fd, pid_t pid)
{
	const struct timespec moment = {.tv_nsec = POLL_TIME * 1000000L};
	struct pollfd event = {.fd = fd, .events = POLLIN};
	uint64_t told = 0;

	while (!has_message(fd)) {
		if (poll(&event, 1, POLL_TIME) < 0 && errno != EINTR)
			nanosleep(&moment, NULL);
		if (!grf_interrupted())
			continue;
		if (!told) {
			told = grf_now();
			kill(pid, SIGTERM);
		}
		if (grf_now() - told > GRF_HELPER_PATIENCE)
			return false;
	}
	return true;
}

static void leave_alone(struct grf_apart *apart)
{
	grf_warn("process %d of grf-bpf's is still at work at the target; it ends by itself",
		 apart->pid);
	apart->pid = 0;
}

/* Starts the process, and receives what it has to say. */
static struct grf_error *start_apart(grf_apart_work *work, void *context, void *shared, size_t size,
				     bool stay, int *ret_descriptor, struct grf_apart *ret)
{
	struct result result = {0};
	int sockets[2], descriptor = -1;
	bool received;

	*ret = (struct grf_apart){0};
	if (size > SHARED_BYTES || socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sockets))
		return grf_error_errno(GRF_ERROR_OTHER, errno, "socketpair");
	ret->pid = fork();
	if (!ret->pid) {
		close(sockets[0]);
		work_apart(sockets[1], work, context, shared, size, stay);
	}
	close(sockets[1]);
	ret->socket = sockets[0];
	if (ret->pid < 0) {
		close(ret->socket);
		ret->pid = 0;
		return grf_error_errno(GRF_ERROR_OTHER, errno, "fork");
	}
	if (!wait_for(ret->socket, ret->pid)) {
		close(ret->socket);
		leave_alone(ret);
		return grf_error_interrupted();
	}
	received = receive_result(ret->socket, &result, &descriptor);
	if (!received)
		return grf_error_create(GRF_ERROR_OTHER, "a helper process was killed");
	if (size)
		memcpy(shared, result.shared, size);
	if (result.error) {
		result.message[sizeof(result.message) - 1] = '\0';
		return grf_error_create((enum grf_error_code)result.error, "%s", result.message);
	}
	*ret_descriptor = descriptor;
	return NULL;
}

struct grf_error *grf_apart_run(grf_apart_work *work, void *context, void *shared, size_t size,
				int *ret)
{
	struct grf_apart apart;
	struct grf_error *error = start_apart(work, context, shared, size, false, ret, &apart);

	grf_apart_end(&apart);
	return error;
}

struct grf_error *grf_apart_keep(grf_apart_work *work, void *context, int *ret_descriptor,
				 struct grf_apart *ret)
{
	struct grf_error *error = start_apart(work, context, NULL, 0, true, ret_descriptor, ret);

	if (error)
		grf_apart_end(ret);
	return error;
}

void grf_apart_end(struct grf_apart *apart)
{
	int status;

	if (!apart->pid)
		return;
	close(apart->socket);
	if (grf_helper_wait(apart->pid, &status))
		apart->pid = 0;
	else
		leave_alone(apart);
}
