/* SPDX-License-Identifier: Apache-2.0 */
/*
 * channel.c - typed, length-prefixed frames over a UNIX stream socket.
 *
 * Descriptors ride on the first octet of their frame: a sendmsg never goes
 * past the start of a later frame that carries some.  The kernel hands them
 * over with that octet at the latest, so the reader keeps them in a queue and
 * each frame takes from its head as many as its header names.
 */
#include "config.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <event2/event.h>

#include "lib/err.h"
#include "lib/pack.h"
#include "lib/strbuf.h"
#include "lib/sys/channel.h"
#include "lib/xmalloc.h"

#define READ_CHUNK	(64u << 10)	/* octets asked for at once */
#define KEEP_MAX	(256u << 10)	/* octets of buffer kept while empty */
/* Of a frame not yet whole, and of the one behind it. */
#define UNCLAIMED_MAX	(2 * CHANNEL_FDS_MAX)

/* Descriptors that wait to leave with the octet at this place. */
struct cargo {
	uint64_t	at;		/* counted from the first octet ever */
	size_t		n;
	int		fds[CHANNEL_FDS_MAX];
};

struct channel {
	int			 fd;
	const struct channel_ops *ops;
	void			*arg;
	struct event		*rd, *wr;
	struct event		*turn;	/* runs at the end of this turn */
	struct strbuf		 in, out;
	size_t			 sent;	/* octets of out that have left */
	uint64_t		 out_at;	/* place of out's first octet */
	struct cargo		*cargo;
	size_t			 cargo_n, cargo_cap;
	int			 unclaimed[UNCLAIMED_MAX];
	size_t			 unclaimed_n;
	unsigned		 depth;	/* callbacks we are inside of */
	bool			 over, dead, paused, blocked, busy, deaf;
};

static void on_readable(evutil_socket_t, short, void *);
static void on_writable(evutil_socket_t, short, void *);
static void on_turn(evutil_socket_t, short, void *);

static void
close_all(const int *fds, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (fds[i] != -1)
			close(fds[i]);
}

/* ---- life */

static struct event *
must(struct event *ev)
{
	if (ev == NULL)
		abort();	/* no memory for a channel we chose to make */
	return ev;
}

struct channel *
channel_new(struct event_base *base, int fd, const struct channel_ops *ops,
    void *arg)
{
	struct channel *ch = xcalloc(1, sizeof(*ch));

	fcntl(fd, F_SETFL, O_NONBLOCK);
	fcntl(fd, F_SETFD, FD_CLOEXEC);
	ch->fd = fd;
	ch->ops = ops;
	ch->arg = arg;
	strbuf_init(&ch->in, CHANNEL_HEADER + CHANNEL_FRAME_MAX + READ_CHUNK);
	strbuf_init(&ch->out, CHANNEL_QUEUE_MAX);
	ch->rd = must(event_new(base, fd, EV_READ | EV_PERSIST, on_readable,
	    ch));
	ch->wr = must(event_new(base, fd, EV_WRITE | EV_PERSIST, on_writable,
	    ch));
	ch->turn = must(event_new(base, -1, 0, on_turn, ch));
	event_add(ch->rd, NULL);
	return ch;
}

static void
release(struct channel *ch)
{
	if (!ch->dead || ch->depth != 0)
		return;
	event_free(ch->rd);
	event_free(ch->wr);
	event_free(ch->turn);
	close(ch->fd);
	close_all(ch->unclaimed, ch->unclaimed_n);
	for (size_t i = 0; i < ch->cargo_n; i++)
		close_all(ch->cargo[i].fds, ch->cargo[i].n);
	free(ch->cargo);
	strbuf_free(&ch->in);
	strbuf_free(&ch->out);
	free(ch);
}

void
channel_free(struct channel *ch)
{
	if (ch == NULL || ch->dead)
		return;
	ch->over = true;
	ch->dead = true;
	event_del(ch->rd);
	event_del(ch->wr);
	event_del(ch->turn);
	/* The peer learns it now, even if a callback still unwinds. */
	shutdown(ch->fd, SHUT_RDWR);
	release(ch);
}

static void
finish(struct channel *ch, const struct err *why)
{
	if (ch->over)
		return;
	ch->over = true;
	event_del(ch->rd);
	event_del(ch->wr);
	event_del(ch->turn);
	ch->depth++;
	ch->ops->closed(ch, why, ch->arg);
	ch->depth--;
}

void
channel_fail(struct channel *ch, const struct err *why)
{
	ch->depth++;
	finish(ch, why);
	ch->depth--;
	release(ch);
}

/* ---- reading */

static void
keep_fds(struct channel *ch, struct msghdr *mh, struct err *e)
{
	struct cmsghdr *c;

	for (c = CMSG_FIRSTHDR(mh); c != NULL; c = CMSG_NXTHDR(mh, c)) {
		size_t n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		int fds[CHANNEL_FDS_MAX];

		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		assert(n <= CHANNEL_FDS_MAX);	/* the buffer's size */
		memcpy(fds, CMSG_DATA(c), n * sizeof(int));
		if (n > UNCLAIMED_MAX - ch->unclaimed_n) {
			close_all(fds, n);
			err_set(e, ERR_LIMIT, "descriptors without a frame");
			continue;
		}
		memcpy(ch->unclaimed + ch->unclaimed_n, fds, n * sizeof(int));
		ch->unclaimed_n += n;
	}
	if ((mh->msg_flags & MSG_CTRUNC) != 0)
		err_set(e, ERR_LIMIT, "more than %d descriptors at once",
		    CHANNEL_FDS_MAX);
}

/* The frame takes the first n descriptors that came. */
static void
hand_over(struct channel *ch, struct channel_frame *f)
{
	int fds[CHANNEL_FDS_MAX];

	memcpy(fds, ch->unclaimed, f->nfds * sizeof(int));
	ch->unclaimed_n -= f->nfds;
	memmove(ch->unclaimed, ch->unclaimed + f->nfds,
	    ch->unclaimed_n * sizeof(int));
	f->fds = fds;
	ch->ops->frame(ch, f, ch->arg);
	close_all(fds, f->nfds);
}

/*
 * Look for a frame at p[len].  1 with f and its size on the wire, 0 when more
 * octets are needed, -1 with e set when no frame can come of it.
 */
static int
parse(const struct channel *ch, const char *p, size_t len,
    struct channel_frame *f, size_t *size_r, struct err *e)
{
	struct unpack u;

	if (len < CHANNEL_HEADER)
		return 0;
	unpack_init(&u, p, CHANNEL_HEADER);
	f->len = unpack_u32(&u);
	f->type = unpack_u16(&u);
	f->nfds = unpack_u16(&u);
	if (f->len > CHANNEL_FRAME_MAX) {
		err_set(e, ERR_LIMIT, "frame of %zu octets", f->len);
		return -1;
	}
	if (f->nfds > CHANNEL_FDS_MAX) {
		err_set(e, ERR_LIMIT, "frame of %zu descriptors", f->nfds);
		return -1;
	}
	if (len - CHANNEL_HEADER < f->len)
		return 0;
	if (f->nfds > ch->unclaimed_n) {
		err_set(e, ERR_INPUT, "frame without its descriptors");
		return -1;
	}
	f->data = (const uint8_t *)p + CHANNEL_HEADER;
	*size_r = CHANNEL_HEADER + f->len;
	return 1;
}

/* Hand over what is whole.  -1: no frame can come of the rest. */
static int
hand_over_all(struct channel *ch, struct err *e)
{
	struct channel_frame f;
	size_t off = 0, size;
	int rc = 0;

	while (!ch->over && !ch->paused && (rc = parse(ch, ch->in.s + off,
	    ch->in.len - off, &f, &size, e)) == 1) {
		off += size;
		hand_over(ch, &f);
	}
	strbuf_consume(&ch->in, off);
	if (ch->in.len == 0 && ch->in.cap > KEEP_MAX)
		strbuf_free(&ch->in);
	return rc == -1 ? -1 : 0;
}

/* One recvmsg.  Octets read, 0 at the end, -1 with e set, -2: no more now. */
static ssize_t
receive(struct channel *ch, struct err *e)
{
	union {
		struct cmsghdr	align;
		char		buf[CMSG_SPACE(CHANNEL_FDS_MAX * sizeof(int))];
	} control;
	struct iovec iov;
	struct msghdr mh = {
		.msg_iov = &iov, .msg_iovlen = 1,
		.msg_control = &control, .msg_controllen = sizeof(control),
	};
	ssize_t n;

	iov.iov_base = strbuf_reserve(&ch->in, READ_CHUNK);
	iov.iov_len = READ_CHUNK;
	if (iov.iov_base == NULL) {
		err_set(e, ERR_LIMIT, "no memory for a frame");
		return -1;
	}
	do
		n = recvmsg(ch->fd, &mh, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
	while (n == -1 && errno == EINTR);
	if (n == -1 && errno == EAGAIN)
		return -2;
	if (n == -1 && errno == ECONNRESET)
		return 0;	/* it died with our octets unread */
	if (n == -1) {
		err_sys(e, "recvmsg");
		return -1;
	}
	strbuf_commit(&ch->in, (size_t)n);
	keep_fds(ch, &mh, e);
	return e->code != ERR_NONE ? -1 : n;
}

static void
on_readable(evutil_socket_t fd, short what, void *arg)
{
	struct channel *ch = arg;
	struct err e = ERR_INIT;
	size_t total = 0;
	ssize_t n = READ_CHUNK;

	(void)fd;
	(void)what;
	ch->depth++;
	/* After a pause whole frames may wait in the buffer. */
	if (ch->in.len != 0 && hand_over_all(ch, &e) == -1)
		n = -1;
	while (n == READ_CHUNK && !ch->over && !ch->paused &&
	    total < CHANNEL_TURN_MAX) {
		n = receive(ch, &e);
		if (n > 0)
			total += (size_t)n;
		if (n > 0 && hand_over_all(ch, &e) == -1)
			n = -1;
	}
	if (n == 0 && ch->in.len != 0) {
		err_set(&e, ERR_DAMAGED, "the peer ended inside a frame");
		n = -1;
	}
	if (n == 0 || n == -1)
		finish(ch, n == 0 ? NULL : &e);
	ch->depth--;
	release(ch);
}

void
channel_poll(struct channel *ch)
{
	if (!ch->over && !ch->paused)
		on_readable(ch->fd, EV_READ, ch);
}

void
channel_pause(struct channel *ch)
{
	if (ch->over)
		return;
	ch->paused = true;
	event_del(ch->rd);
}

void
channel_resume(struct channel *ch)
{
	if (ch->over || !ch->paused)
		return;
	ch->paused = false;
	event_add(ch->rd, NULL);
	event_active(ch->turn, EV_TIMEOUT, 1);	/* what was read already */
}

/* ---- writing */

static void
drop_cargo(struct channel *ch)
{
	close_all(ch->cargo[0].fds, ch->cargo[0].n);
	ch->cargo_n--;
	memmove(ch->cargo, ch->cargo + 1, ch->cargo_n * sizeof(*ch->cargo));
}

/* One sendmsg, as far as one set of descriptors allows. */
static ssize_t
transmit(struct channel *ch)
{
	union {
		struct cmsghdr	align;
		char		buf[CMSG_SPACE(CHANNEL_FDS_MAX * sizeof(int))];
	} control;
	uint64_t at = ch->out_at + ch->sent;
	struct cargo *now = NULL, *next = ch->cargo;
	struct iovec iov = {
		.iov_base = ch->out.s + ch->sent,
		.iov_len = ch->out.len - ch->sent,
	};
	struct msghdr mh = { .msg_iov = &iov, .msg_iovlen = 1 };
	struct cmsghdr *c;
	ssize_t n;

	if (ch->cargo_n != 0 && next->at == at)
		now = next++;
	if (next < ch->cargo + ch->cargo_n)
		iov.iov_len = (size_t)(next->at - at);
	if (now != NULL) {
		memset(&control, 0, sizeof(control));
		mh.msg_control = &control;
		mh.msg_controllen = CMSG_SPACE(now->n * sizeof(int));
		c = CMSG_FIRSTHDR(&mh);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(now->n * sizeof(int));
		memcpy(CMSG_DATA(c), now->fds, now->n * sizeof(int));
	}
	do
		n = sendmsg(ch->fd, &mh, MSG_NOSIGNAL | MSG_DONTWAIT);
	while (n == -1 && errno == EINTR);
	if (n > 0 && now != NULL)
		drop_cargo(ch);
	return n;
}

static void
forget_sent(struct channel *ch)
{
	ch->out_at += ch->sent;
	strbuf_consume(&ch->out, ch->sent);
	ch->sent = 0;
	if (ch->out.len == 0 && ch->out.cap > KEEP_MAX)
		strbuf_free(&ch->out);
}

/*
 * The peer takes nothing more.  What it sent before may still wait to be
 * read, so the reading side finds the end, unless nobody reads.
 */
static void
write_failed(struct channel *ch)
{
	bool gone = errno == EPIPE || errno == ECONNRESET;
	struct err e = ERR_INIT;

	err_sys(&e, "sendmsg");
	ch->deaf = true;
	ch->sent = ch->out.len;
	forget_sent(ch);
	while (ch->cargo_n != 0)
		drop_cargo(ch);
	if (!gone || ch->paused)
		finish(ch, gone ? NULL : &e);
}

static void
flush(struct channel *ch)
{
	ssize_t n = 0;

	while (!ch->over && ch->sent < ch->out.len && (n = transmit(ch)) > 0)
		ch->sent += (size_t)n;
	if (ch->over)
		return;
	if (n == -1 && errno != EAGAIN) {
		write_failed(ch);
		return;
	}
	/* The rest is not moved at every turn. */
	if (ch->sent >= ch->out.len / 2)
		forget_sent(ch);
	if (n == -1 && !ch->blocked)
		event_add(ch->wr, NULL);
	else if (n != -1 && ch->blocked)
		event_del(ch->wr);
	ch->blocked = n == -1;
	if (ch->busy && channel_queued(ch) < CHANNEL_BUSY / 2) {
		ch->busy = false;
		if (ch->ops->drained != NULL)
			ch->ops->drained(ch, ch->arg);
	}
}

void
channel_flush(struct channel *ch)
{
	ch->depth++;
	flush(ch);
	ch->depth--;
	release(ch);
}

static void
on_writable(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	channel_flush(arg);
}

static void
on_turn(evutil_socket_t fd, short what, void *arg)
{
	struct channel *ch = arg;
	struct err e = ERR_INIT;

	(void)fd;
	(void)what;
	ch->depth++;
	if (ch->in.len != 0 && !ch->paused && hand_over_all(ch, &e) == -1)
		finish(ch, &e);
	flush(ch);
	ch->depth--;
	release(ch);
}

static void
load_cargo(struct channel *ch, uint64_t at, const int *fds, size_t nfds)
{
	struct cargo *c;

	if (ch->cargo_n == ch->cargo_cap) {
		ch->cargo_cap = ch->cargo_cap != 0 ? ch->cargo_cap * 2 : 4;
		ch->cargo = xreallocarray(ch->cargo, ch->cargo_cap,
		    sizeof(*ch->cargo));
	}
	c = &ch->cargo[ch->cargo_n++];
	c->at = at;
	c->n = nfds;
	memcpy(c->fds, fds, nfds * sizeof(int));
}

static int
may_send(struct channel *ch, size_t len, struct err *e)
{
	if (ch->over || ch->deaf) {
		err_set(e, ERR_REFUSED, "the peer is gone");
		return -1;
	}
	if (len > CHANNEL_FRAME_MAX) {
		err_set(e, ERR_LIMIT, "frame of %zu octets", len);
		return -1;
	}
	if (ch->out.len + CHANNEL_HEADER + len > CHANNEL_QUEUE_MAX)
		forget_sent(ch);
	if (ch->out.len + CHANNEL_HEADER + len > CHANNEL_QUEUE_MAX) {
		err_set(e, ERR_AGAIN, "the peer does not read");
		return -1;
	}
	return 0;
}

int
channel_send_fds(struct channel *ch, uint16_t type, const void *data,
    size_t len, const int *fds, size_t nfds, struct err *e)
{
	size_t mark = ch->out.len;

	assert(nfds <= CHANNEL_FDS_MAX);
	if (may_send(ch, len, e) == -1) {
		close_all(fds, nfds);
		return -1;
	}
	pack_u32(&ch->out, (uint32_t)len);
	pack_u16(&ch->out, type);
	pack_u16(&ch->out, (uint16_t)nfds);
	pack_raw(&ch->out, data, len);
	if (ch->out.overflow) {
		strbuf_truncate(&ch->out, mark);
		ch->out.overflow = false;
		close_all(fds, nfds);
		err_set(e, ERR_AGAIN, "no memory for a frame");
		return -1;
	}
	if (nfds != 0)
		load_cargo(ch, ch->out_at + mark, fds, nfds);
	if (channel_busy(ch))
		ch->busy = true;
	if (!ch->blocked)
		event_active(ch->turn, EV_TIMEOUT, 1);
	return 0;
}

int
channel_send(struct channel *ch, uint16_t type, const void *data, size_t len,
    struct err *e)
{
	return channel_send_fds(ch, type, data, len, NULL, 0, e);
}

int
channel_send_buf(struct channel *ch, uint16_t type, const struct strbuf *b,
    struct err *e)
{
	if (b->overflow) {
		err_set(e, ERR_LIMIT, "frame larger than its buffer");
		return -1;
	}
	return channel_send(ch, type, b->s, b->len, e);
}

size_t
channel_queued(const struct channel *ch)
{
	return ch->out.len - ch->sent;
}

bool
channel_busy(const struct channel *ch)
{
	return channel_queued(ch) > CHANNEL_BUSY;
}
