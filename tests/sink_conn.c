/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sink_conn.c - one connection of the sink: sockets, TLS, delays, closing.
 *
 * Input is read into one buffer that all connections share and understood in
 * place; only what is left over is copied.  All replies that one read gave
 * rise to leave in one write.  TLS is OpenSSL on the descriptor itself, which
 * costs one copy less than a bufferevent and leaves the bytes past it open to
 * sabotage.
 */
#include "config.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <arpa/inet.h>
#include <netinet/tcp.h>

#include <event2/event.h>
#include <openssl/err.h>

#include "lib/xmalloc.h"
#include "tests/sink.h"

#define TLS_READS_MAX	64	/* reads in a row before others have a turn */
#define NOT_HELD	SIZE_MAX

static void on_readable(evutil_socket_t fd, short what, void *arg);
static void on_writable(evutil_socket_t fd, short what, void *arg);
static void on_timer(evutil_socket_t fd, short what, void *arg);
static void settle(struct conn *c);

void
sink_touch_clock(struct sink *sink)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	sink->now_us = (uint64_t)ts.tv_sec * 1000000 +
	    (uint64_t)ts.tv_nsec / 1000;
}

static void
count_open(struct counters *n)
{
	n->connections++;
	if (++n->current > n->max_current)
		n->max_current = n->current;
}

static void
set_peer(struct conn *c, const struct sockaddr_storage *sa)
{
	const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)sa;
	const struct sockaddr_in *in = (const struct sockaddr_in *)sa;
	bool six = sa->ss_family == AF_INET6;

	c->peer_port = ntohs(six ? in6->sin6_port : in->sin_port);
	inet_ntop(sa->ss_family, six ? (const void *)&in6->sin6_addr :
	    (const void *)&in->sin_addr, c->peer, sizeof(c->peer));
}

void
conn_start_tls(struct conn *c)
{
	c->ssl = SSL_new(c->listener->tls);
	if (c->ssl == NULL || SSL_set_fd(c->ssl, c->fd) != 1) {
		conn_end(c, CONN_CLOSES, "no TLS context");
		return;
	}
	SSL_set_accept_state(c->ssl);
	c->tls = CONN_HANDSHAKE;
}

void
conn_open(struct listener *listener, int fd,
    const struct sockaddr_storage *peer)
{
	struct sink *sink = listener->sink;
	struct conn *c = xcalloc(1, sizeof(*c));
	int on = 1;

	c->sink = sink;
	c->listener = listener;
	c->id = ++sink->next_conn;
	c->fd = fd;
	set_peer(c, peer);
	c->held_at = NOT_HELD;
	strbuf_init(&c->in, SINK_READ_MAX + SINK_LINE_MAX);
	strbuf_init(&c->out, SINK_OUT_MAX);
	strbuf_init(&c->helo, SINK_LINE_MAX);
	strbuf_init(&c->from, SINK_LINE_MAX);
	strbuf_init(&c->params, SINK_LINE_MAX);
	strbuf_init(&c->rcpts, SINK_RCPTS_MAX);
	strbuf_init(&c->content.text, SIZE_MAX / 2);
	content_reset(&c->content);
	c->ev_read = event_new(sink->base, fd, EV_READ | EV_PERSIST,
	    on_readable, c);
	c->ev_write = event_new(sink->base, fd, EV_WRITE | EV_PERSIST,
	    on_writable, c);
	c->ev_timer = evtimer_new(sink->base, on_timer, c);
	LIST_INSERT_HEAD(&sink->conns, c, link);
	count_open(&sink->total);
	count_open(&listener->count);
	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	if (listener->implicit_tls)
		conn_start_tls(c);
	else
		smtp_greet(c);
	settle(c);
}

void
conn_free(struct conn *c, const char *why)
{
	record_event(c, "close", NULL, "", 0, c->content.octets, why);
	c->sink->total.current--;
	c->listener->count.current--;
	LIST_REMOVE(c, link);
	event_free(c->ev_read);
	event_free(c->ev_write);
	event_free(c->ev_timer);
	SSL_free(c->ssl);
	close(c->fd);
	strbuf_free(&c->in);
	strbuf_free(&c->out);
	strbuf_free(&c->helo);
	strbuf_free(&c->from);
	strbuf_free(&c->params);
	strbuf_free(&c->rcpts);
	strbuf_free(&c->content.text);
	free(c->hidden);
	free(c);
}

void
conn_end(struct conn *c, enum conn_ending how, const char *why)
{
	if (c->ending != CONN_STAYS)
		return;
	c->ending = how;
	c->why = why;
}

void
conn_delay(struct conn *c, uint32_t ms)
{
	struct timeval tv = { ms / 1000, (int)(ms % 1000) * 1000 };

	c->paused = true;
	if (c->held_at == NOT_HELD)
		c->held_at = c->out.len;
	evtimer_add(c->ev_timer, &tv);
}

void
conn_send_past_tls(struct conn *c, const char *s, size_t len)
{
	ssize_t n = send(c->fd, s, len, MSG_NOSIGNAL);

	(void)n;		/* the connection ends either way */
}

/* Octets sent, 0 when the socket takes none, -1 when it is dead. */
static ssize_t
send_some(struct conn *c, const char *s, size_t len)
{
	ssize_t n;
	int rc;

	if (c->tls == CONN_TLS) {
		ERR_clear_error();
		rc = SSL_write(c->ssl, s, len > INT_MAX ? INT_MAX : (int)len);
		if (rc > 0)
			return rc;
		rc = SSL_get_error(c->ssl, rc);
		return rc == SSL_ERROR_WANT_WRITE || rc == SSL_ERROR_WANT_READ ?
		    0 : -1;
	}
	do
		n = send(c->fd, s, len, MSG_NOSIGNAL);
	while (n == -1 && errno == EINTR);
	if (n == -1 && (errno == EAGAIN || errno == EWOULDBLOCK))
		return 0;
	return n;
}

/* Send what may be sent now.  -1 when the connection is dead. */
static int
flush_out(struct conn *c)
{
	size_t len, limit = c->out.len, off = 0;
	ssize_t n;

	if (c->held_at != NOT_HELD)
		limit = c->held_at;
	if (limit == 0)
		return 0;
	c->blocked = false;
	while (off < limit) {
		len = c->dribble_ms != 0 ? 1 : limit - off;
		n = send_some(c, c->out.s + off, len);
		if (n == -1)
			return -1;
		c->blocked = n == 0;
		off += (size_t)n;
		if (n == 0 || c->dribble_ms != 0)
			break;
	}
	if (off == 0)
		return 0;
	strbuf_consume(&c->out, off);
	if (c->held_at != NOT_HELD)
		c->held_at -= off;
	return 0;
}

/* A reset instead of a FIN: throw away what is unsent. */
static void
set_reset(int fd)
{
	struct linger lg = { .l_onoff = 1, .l_linger = 0 };

	(void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &lg, sizeof(lg));
}

static void
arm(struct event *ev, bool want, bool *is)
{
	if (want == *is)
		return;
	if (want)
		event_add(ev, NULL);
	else
		event_del(ev);
	*is = want;
}

/* The next octet, or the input behind the last one, waits for the timer. */
static bool
dribbling(const struct conn *c)
{
	return c->dribble_ms != 0 && !c->blocked && c->held_at == NOT_HELD;
}

/*
 * Called at the end of every callback: send, then either end the connection
 * (c is gone afterwards) or arm the events it now waits for.
 */
static void
settle(struct conn *c)
{
	struct timeval tv;

	if (c->out.overflow)
		conn_end(c, CONN_CLOSES, "the peer reads no replies");
	if (flush_out(c) == -1) {
		conn_free(c, "send failed");
		return;
	}
	if (c->held_at == NOT_HELD && (c->ending == CONN_RESETS ||
	    (c->ending == CONN_CLOSES && c->out.len == 0))) {
		if (c->ending == CONN_RESETS)
			set_reset(c->fd);
		if (c->tls == CONN_TLS && c->ending == CONN_CLOSES)
			(void)SSL_shutdown(c->ssl);
		conn_free(c, c->why);
		return;
	}
	if (dribbling(c)) {
		c->paused = true;
		tv.tv_sec = c->dribble_ms / 1000;
		tv.tv_usec = (int)(c->dribble_ms % 1000) * 1000;
		evtimer_add(c->ev_timer, &tv);
	}
	arm(c->ev_read, !c->paused && !c->stalled && c->ending == CONN_STAYS,
	    &c->reading);
	arm(c->ev_write, c->blocked, &c->writing);
}

static void
tls_failed(struct conn *c)
{
	char text[256];
	unsigned long code = ERR_peek_last_error();

	ERR_error_string_n(code, text, sizeof(text));
	record_event(c, "tls", NULL, "", 0, 0,
	    code != 0 ? text : "the peer went away");
	conn_end(c, CONN_CLOSES, "TLS handshake failed");
	c->tls = CONN_PLAIN;		/* nothing more is sent through it */
	strbuf_reset(&c->out);
}

/* Advance the handshake; true when it is done. */
static bool
handshake(struct conn *c)
{
	char detail[160];
	int rc;

	ERR_clear_error();
	rc = SSL_do_handshake(c->ssl);
	if (rc != 1) {
		rc = SSL_get_error(c->ssl, rc);
		c->blocked = rc == SSL_ERROR_WANT_WRITE;
		if (rc != SSL_ERROR_WANT_READ && rc != SSL_ERROR_WANT_WRITE)
			tls_failed(c);
		return false;
	}
	c->tls = CONN_TLS;
	c->blocked = false;
	record_count(c, tls);
	if (SSL_session_reused(c->ssl))
		record_count(c, tls_resumed);
	snprintf(detail, sizeof(detail), "%s %s sni=%s%s",
	    SSL_get_version(c->ssl), SSL_get_cipher_name(c->ssl),
	    SSL_get_servername(c->ssl, TLSEXT_NAMETYPE_host_name) != NULL ?
	    SSL_get_servername(c->ssl, TLSEXT_NAMETYPE_host_name) : "-",
	    SSL_session_reused(c->ssl) ? " resumed" : "");
	record_event(c, "tls", NULL, "", 0, 0, detail);
	if (c->listener->implicit_tls)
		smtp_greet(c);
	return true;
}

/* Octets read, 0 when there are none now, -1 at the end or on failure. */
static ssize_t
receive(struct conn *c, char *buf, size_t room, const char **why_r)
{
	ssize_t n;
	int rc;

	*why_r = "closed by the peer";
	if (c->tls == CONN_TLS) {
		ERR_clear_error();
		rc = SSL_read(c->ssl, buf, room > INT_MAX ? INT_MAX :
		    (int)room);
		if (rc > 0)
			return rc;
		rc = SSL_get_error(c->ssl, rc);
		if (rc == SSL_ERROR_WANT_READ || rc == SSL_ERROR_WANT_WRITE)
			return 0;
		if (rc != SSL_ERROR_ZERO_RETURN)
			*why_r = "TLS failed or was cut off";
		return -1;
	}
	do
		n = recv(c->fd, buf, room, 0);
	while (n == -1 && errno == EINTR);
	if (n > 0)
		return n;
	if (n == -1 && (errno == EAGAIN || errno == EWOULDBLOCK))
		return 0;
	if (n == -1)
		*why_r = strerror(errno);
	return -1;
}

/* Understand the n octets in the shared buffer, keep what is left over. */
static void
digest(struct conn *c, size_t n)
{
	char *buf = c->sink->rbuf;
	size_t used = smtp_input(c, buf, n);

	strbuf_reset(&c->in);
	if (c->tls == CONN_HANDSHAKE && used < n) {
		/* RFC 3207 section 4.2: what came early is not to be used. */
		record_anomaly(c, "octets behind STARTTLS");
		return;
	}
	if (c->ending == CONN_STAYS || c->paused)
		strbuf_add(&c->in, buf + used, n - used);
	if (c->in.len > SINK_LINE_MAX && !c->paused)
		conn_end(c, CONN_CLOSES, "endless line");
}

/* Put what was left over in front of the shared buffer. */
static size_t
recall(struct conn *c)
{
	memcpy(c->sink->rbuf, c->in.s, c->in.len);
	return c->in.len;
}

static bool
may_read(const struct conn *c)
{
	return !c->paused && !c->stalled && c->ending == CONN_STAYS;
}

static void
on_readable(evutil_socket_t fd, short what, void *arg)
{
	struct conn *c = arg;
	const char *why;
	ssize_t n;
	size_t kept;

	(void)fd;
	(void)what;
	sink_touch_clock(c->sink);
	if (c->tls == CONN_HANDSHAKE && !handshake(c)) {
		settle(c);
		return;
	}
	for (int i = 0; i < TLS_READS_MAX && may_read(c); i++) {
		kept = recall(c);
		n = receive(c, c->sink->rbuf + kept, SINK_READ_MAX, &why);
		if (n == 0)
			break;
		if (n == -1) {
			conn_free(c, why);
			return;
		}
		digest(c, kept + (size_t)n);
		if (c->tls != CONN_TLS)
			break;		/* one recv() took what there was */
	}
	/* OpenSSL may hold octets that no readiness will announce. */
	if (c->tls == CONN_TLS && may_read(c) && SSL_has_pending(c->ssl))
		event_active(c->ev_read, EV_READ, 1);
	settle(c);
}

static void
on_writable(evutil_socket_t fd, short what, void *arg)
{
	struct conn *c = arg;

	(void)fd;
	(void)what;
	sink_touch_clock(c->sink);
	if (c->tls == CONN_HANDSHAKE)
		(void)handshake(c);
	settle(c);
}

/* A delay is over, or a dribbled reply wants its next octet. */
static void
on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct conn *c = arg;

	(void)fd;
	(void)what;
	sink_touch_clock(c->sink);
	c->paused = false;
	c->held_at = NOT_HELD;
	if (c->dribble_ms == 0 || c->out.len == 0) {
		c->dribble_ms = 0;
		if (c->ending == CONN_STAYS && c->in.len > 0)
			digest(c, recall(c));
		if (c->tls == CONN_TLS && may_read(c))
			event_active(c->ev_read, EV_READ, 1);
	}
	settle(c);
}
