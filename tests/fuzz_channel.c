/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_channel.c - whatever arrives on a channel becomes frames or ends it.
 *
 * The first octet of the input says in how many octets at a time the rest is
 * sent and whether descriptors ride along; every frame that comes out must be
 * one that was put in.
 */
#include "config.h"

#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <event2/event.h>

#include "lib/err.h"
#include "lib/sys/channel.h"

#define INPUT_MAX	(32u << 10)	/* fits the socket without a reader */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct seen {
	const uint8_t	*left;		/* input not yet seen in frames */
	size_t		 len;
	int		 closed;
};

static void
on_frame(struct channel *ch, struct channel_frame *f, void *arg)
{
	struct seen *seen = arg;
	size_t size = CHANNEL_HEADER + f->len;

	if (seen->closed || size > seen->len ||
	    memcmp(seen->left + CHANNEL_HEADER, f->data, f->len) != 0)
		abort();
	for (size_t i = 0; i < f->nfds; i++)
		if (fcntl(f->fds[i], F_GETFD) != FD_CLOEXEC)
			abort();
	seen->left += size;
	seen->len -= size;
	if (f->type == 0xffff)
		channel_pause(ch);
}

static void
on_closed(struct channel *ch, const struct err *why, void *arg)
{
	struct seen *seen = arg;

	(void)ch;
	(void)why;
	if (seen->closed++ != 0)
		abort();
}

static void
send_some(int fd, const uint8_t *p, size_t n, int with)
{
	union {
		struct cmsghdr	align;
		char		buf[CMSG_SPACE(sizeof(int))];
	} control = { .buf = { 0 } };
	struct iovec iov = { (void *)(uintptr_t)p, n };
	struct msghdr mh = { .msg_iov = &iov, .msg_iovlen = 1 };
	struct cmsghdr *c;

	if (with != -1) {
		mh.msg_control = &control;
		mh.msg_controllen = sizeof(control);
		c = CMSG_FIRSTHDR(&mh);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(c), &with, sizeof(int));
	}
	/* The channel may have closed its end: then there is no more to do. */
	if (sendmsg(fd, &mh, MSG_NOSIGNAL | MSG_DONTWAIT) == -1)
		return;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct channel_ops ops = { on_frame, on_closed, NULL };
	static struct event_base *base;
	struct seen seen = { .left = data + 1 };
	struct channel *ch;
	size_t step;
	int sv[2], with;

	if (size < 2 || size > INPUT_MAX)
		return 0;
	if (base == NULL && (base = event_base_new()) == NULL)
		abort();
	if (socketpair(AF_UNIX, SOCK_STREAM, 0, sv) == -1)
		abort();
	seen.len = size - 1;
	with = (data[0] & 0x80) != 0 ? STDIN_FILENO : -1;
	step = (data[0] & 0x7f) != 0 ? (data[0] & 0x7f) * 16u : INPUT_MAX;
	ch = channel_new(base, sv[0], &ops, &seen);
	for (size_t off = 1; off < size; off += step) {
		size_t n = size - off < step ? size - off : step;

		send_some(sv[1], data + off, n, with);
		event_base_loop(base, EVLOOP_NONBLOCK);
	}
	close(sv[1]);
	event_base_loop(base, EVLOOP_NONBLOCK);
	channel_resume(ch);
	event_base_loop(base, EVLOOP_NONBLOCK);
	channel_free(ch);
	return 0;
}
