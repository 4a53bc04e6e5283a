/* SPDX-License-Identifier: Apache-2.0 */
/*
 * smtp_conn.c - one outgoing connection: bytes out, bytes in, TLS in between.
 *
 *	CONNECTING -> PLAIN -> HANDSHAKE -> TLS
 *
 * Callbacks may free the connection, so each is the last thing its caller
 * does, or the caller looks at `dead` on its own stack afterwards.
 */
#include "config.h"

#include <sys/socket.h>

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <event2/event.h>
#include <openssl/err.h>
#include <openssl/pem.h>

#include "lib/err.h"
#include "lib/strbuf.h"
#include "lib/sys/file.h"
#include "lib/xmalloc.h"
#include "listd/smtp_conn.h"
#include "listd/tls_peer.h"
#include "listd/tls_sessions.h"

#define IOV_AT_ONCE	256		/* pieces of one write */
#define READS_AT_ONCE	8		/* reads before others get a turn */

enum conn_state { CONN_CONNECTING, CONN_PLAIN, CONN_HANDSHAKE, CONN_TLS };

struct smtp_conn {
	int			 fd;
	enum conn_state		 state;
	SSL			*ssl;
	struct tls_sessions	*sessions;	/* NULL: nothing is kept */
	char			*session_key;	/* of ours there */
	bool			 dane;
	struct event		*readable, *writable;
	struct strbuf		 out;		/* waits to leave */
	size_t			 sent;		/* of out, already gone */
	uint64_t		 gone;		/* octets the socket took */
	bool			 write_wants_read;	/* TLS has to hear first */
	bool			 read_wants_write;	/* TLS has to say first */
	const struct smtp_conn_ops *ops;
	void			*arg;
	bool			*dead;		/* set when freed in a callback */
};

static void
want_write(struct smtp_conn *c, bool want)
{
	if (want)
		event_add(c->writable, NULL);
	else
		event_del(c->writable);
}

static void
conn_closed(struct smtp_conn *c, const char *why, bool eof)
{
	event_del(c->readable);
	event_del(c->writable);
	c->ops->closed(c->arg, why, eof);
}

/* What OpenSSL has to say, in one line. */
static const char *
tls_reason(void)
{
	unsigned long code = ERR_peek_last_error();
	const char *s = code != 0 ? ERR_reason_error_string(code) : NULL;

	ERR_clear_error();
	return s != NULL ? s : "TLS failed";
}

/*
 * SSL_get_error() takes whatever lies in the thread's queue of errors for this
 * connection's, so each call of OpenSSL here begins with an empty one.
 */

/* ---- writing */

/*
 * The one place where octets of SMTP leave this program (S106); its name and
 * its being a function of its own are checked by tests/one_path.test.
 *
 * Octets taken, 0 when the socket is full, -1 when it is broken.
 */
static __attribute__((noinline)) ssize_t
conn_put(struct smtp_conn *c, const struct iovec *iov, size_t n)
{
	struct msghdr m = { .msg_iov = (struct iovec *)(uintptr_t)iov,
		.msg_iovlen = n < IOV_AT_ONCE ? n : IOV_AT_ONCE };
	ssize_t sent;
	int rc;

	if (c->state != CONN_TLS) {
		sent = sendmsg(c->fd, &m, MSG_NOSIGNAL);
		return sent >= 0 ? sent :
		    errno == EAGAIN || errno == EINTR ? 0 : -1;
	}
	ERR_clear_error();
	rc = SSL_write(c->ssl, iov->iov_base, iov->iov_len > INT32_MAX ?
	    INT32_MAX : (int)iov->iov_len);
	if (rc > 0)
		return rc;
	rc = SSL_get_error(c->ssl, rc);
	c->write_wants_read = rc == SSL_ERROR_WANT_READ;
	return c->write_wants_read || rc == SSL_ERROR_WANT_WRITE ? 0 : -1;
}

static int
conn_push(struct smtp_conn *c)
{
	while (c->sent < c->out.len) {
		struct iovec rest = { c->out.s + c->sent,
			c->out.len - c->sent };
		ssize_t n = conn_put(c, &rest, 1);

		if (n == -1)
			return -1;
		if (n == 0) {
			want_write(c, !c->write_wants_read ||
			    c->read_wants_write);
			return 0;
		}
		c->sent += (size_t)n;
		c->gone += (size_t)n;
	}
	c->sent = 0;
	strbuf_reset(&c->out);
	want_write(c, c->read_wants_write);
	return 0;
}

/* Skip n octets that have left. */
static void
iov_advance(struct iovec **iov, size_t *count, size_t n)
{
	while (*count > 0 && n >= (*iov)->iov_len) {
		n -= (*iov)->iov_len;
		(*iov)++;
		(*count)--;
	}
	if (*count > 0) {
		(*iov)->iov_base = (char *)(*iov)->iov_base + n;
		(*iov)->iov_len -= n;
	}
}

/* Straight from where the pieces lie, as far as the socket takes them. */
static int
conn_put_all(struct smtp_conn *c, struct iovec **iov, size_t *n)
{
	while (*n > 0) {
		ssize_t sent = conn_put(c, *iov, *n);

		if (sent == -1)
			return -1;
		if (sent == 0)
			return 0;
		c->gone += (size_t)sent;
		iov_advance(iov, n, (size_t)sent);
	}
	return 0;
}

/* Keep what is left for later, and try the socket again when it has room. */
static int
conn_keep(struct smtp_conn *c, const struct iovec *iov, size_t n)
{
	for (size_t i = 0; i < n; i++)
		strbuf_add(&c->out, iov[i].iov_base, iov[i].iov_len);
	if (c->out.overflow)
		return -1;
	if (c->state == CONN_CONNECTING || c->state == CONN_HANDSHAKE)
		return 0;
	return c->out.len != 0 ? conn_push(c) : 0;
}

int
smtp_conn_writev(struct smtp_conn *c, struct iovec *iov, size_t n)
{
	if (c->state == CONN_PLAIN && c->out.len == 0 &&
	    conn_put_all(c, &iov, &n) == -1)
		return -1;
	return conn_keep(c, iov, n);
}

/* A record that TLS has begun cannot be taken back: look before. */
static bool
conn_has_room(const struct smtp_conn *c)
{
	struct pollfd p = { .fd = c->fd, .events = POLLOUT };

	return poll(&p, 1, 0) == 1 && (p.revents & POLLOUT) != 0;
}

int
smtp_conn_writev_last(struct smtp_conn *c, struct iovec *iov, size_t n,
    size_t last, bool *taken_r)
{
	size_t first = iov[n - last].iov_len;

	*taken_r = false;
	if (c->state == CONN_PLAIN && c->out.len == 0) {
		if (conn_put_all(c, &iov, &n) == -1)
			return -1;
		*taken_r = n < last || (n == last && iov->iov_len < first);
		if (!*taken_r)
			n -= last;
		if (conn_keep(c, iov, n) == -1)
			return -1;
	} else {
		if (conn_keep(c, iov, n - last) == -1)
			return -1;
		*taken_r = c->state == CONN_TLS && c->out.len == 0 &&
		    conn_has_room(c);
		if (*taken_r)
			return conn_keep(c, iov + n - last, last);
	}
	if (!*taken_r && !c->write_wants_read)
		want_write(c, true);
	return 0;
}

size_t
smtp_conn_queued(const struct smtp_conn *c)
{
	return c->out.len - c->sent;
}

uint64_t
smtp_conn_gone(const struct smtp_conn *c)
{
	return c->gone;
}

/* ---- TLS */

static void
conn_handshake(struct smtp_conn *c)
{
	int rc;

	ERR_clear_error();
	rc = SSL_connect(c->ssl);
	if (rc == 1) {
		c->state = CONN_TLS;
		want_write(c, false);
		c->ops->secured(c->arg);
		return;
	}
	switch (SSL_get_error(c->ssl, rc)) {
	case SSL_ERROR_WANT_READ:
		want_write(c, false);
		return;
	case SSL_ERROR_WANT_WRITE:
		want_write(c, true);
		return;
	default:
		conn_closed(c, tls_reason(), false);
	}
}

/*
 * OpenSSL hands over a session; the first ticket of a connection is kept.  Not
 * where the certificate was no good: who resumes does not see the new one.
 */
static int
on_new_session(SSL *ssl, SSL_SESSION *session)
{
	struct smtp_conn *c = SSL_get_app_data(ssl);

	if (c == NULL || c->sessions == NULL || c->session_key == NULL ||
	    SSL_get_verify_result(ssl) != X509_V_OK)
		return 0;
	tls_sessions_put(c->sessions, c->session_key, session);
	free(c->session_key);
	c->session_key = NULL;
	return 1;			/* the reference is taken over */
}

SSL_CTX *
smtp_conn_context(struct err *e)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());

	if (ctx == NULL || SSL_CTX_dane_enable(ctx) != 1 ||
	    SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION) != 1) {
		err_set(e, ERR_CRYPTO, "OpenSSL did not start");
		SSL_CTX_free(ctx);
		return NULL;
	}
	/* SMTP frames its own end: how TLS is closed says nothing (X04). */
	SSL_CTX_set_options(ctx, SSL_OP_IGNORE_UNEXPECTED_EOF);
	SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_CLIENT |
	    SSL_SESS_CACHE_NO_INTERNAL);
	SSL_CTX_sess_set_new_cb(ctx, on_new_session);
	return ctx;
}

int
smtp_conn_trust(SSL_CTX *ctx, int fd, struct err *e)
{
	struct strbuf text = STRBUF_INIT(SMTP_CONN_BUNDLE_MAX);
	X509_STORE *store = SSL_CTX_get_cert_store(ctx);
	BIO *bio = NULL;
	X509 *cert;
	int ret = -1;

	/* Not from where the descriptor stands: all roles share that. */
	if (file_read(fd, "CA file", &text, e) == -1)
		goto out;
	if ((bio = BIO_new_mem_buf(text.len > 0 ? text.s : "",
	    (int)text.len)) == NULL) {
		err_set(e, ERR_CRYPTO, "CA file: no memory");
		goto out;
	}
	while ((cert = PEM_read_bio_X509(bio, NULL, NULL, NULL)) != NULL) {
		X509_STORE_add_cert(store, cert);
		X509_free(cert);
	}
	ret = 0;
out:
	ERR_clear_error();		/* "no start line" is the end of it */
	BIO_free(bio);
	strbuf_free(&text);
	return ret;
}

static void
resume_session(struct smtp_conn *c, const struct smtp_conn_tls *tls)
{
	SSL_SESSION *session;

	if (tls->sessions == NULL || tls->key[0] == '\0')
		return;
	c->sessions = tls->sessions;
	c->session_key = xstrdup(tls->key);
	session = tls_sessions_take(tls->sessions, tls->key, tls->now_s);
	if (session != NULL && SSL_set_session(c->ssl, session) != 1)
		ERR_clear_error();	/* then the handshake is a full one */
	SSL_SESSION_free(session);
}

int
smtp_conn_starttls(struct smtp_conn *c, const struct smtp_conn_tls *tls,
    struct err *e)
{
	char early;

	/* The client speaks first in TLS, so whatever is here is not TLS. */
	if (recv(c->fd, &early, 1, MSG_PEEK | MSG_DONTWAIT) > 0) {
		err_set(e, ERR_INPUT, "bytes before the TLS handshake");
		return -1;
	}
	c->dane = tls->tlsa != NULL;
	if ((c->ssl = SSL_new(tls->ctx)) == NULL ||
	    SSL_set_fd(c->ssl, c->fd) != 1 || !(c->dane ?
	    tls_peer_by_records(c->ssl, tls) :
	    tls_peer_by_name(c->ssl, tls->host))) {
		err_set(e, ERR_CRYPTO, "TLS: %s", tls_reason());
		return -1;
	}
	SSL_set_app_data(c->ssl, c);
	SSL_set_mode(c->ssl, SSL_MODE_ENABLE_PARTIAL_WRITE |
	    SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_RELEASE_BUFFERS);
	resume_session(c, tls);
	c->state = CONN_HANDSHAKE;
	want_write(c, true);		/* begin from the loop */
	return 0;
}

enum ipc_tls
smtp_conn_level(const struct smtp_conn *c)
{
	return c->state == CONN_TLS ? tls_peer_level(c->ssl, c->dane) :
	    IPC_TLS_NONE;
}

const char *
smtp_conn_fault(const struct smtp_conn *c)
{
	return tls_peer_fault(c->ssl);
}

SSL *
smtp_conn_ssl(const struct smtp_conn *c)
{
	return c->ssl;
}

bool
smtp_conn_is_tls(const struct smtp_conn *c)
{
	return c->state == CONN_TLS;
}

/* ---- reading */

/* Octets read; 0 nothing now; -1 the end (*eof) or an error. */
static ssize_t
conn_read(struct smtp_conn *c, uint8_t *buf, size_t size, bool *eof)
{
	ssize_t n;
	int rc;

	*eof = false;
	if (c->state != CONN_TLS) {
		n = recv(c->fd, buf, size, 0);
		if (n > 0)
			return n;
		*eof = n == 0;
		return n == -1 && (errno == EAGAIN || errno == EINTR) ? 0 : -1;
	}
	ERR_clear_error();
	if ((rc = SSL_read(c->ssl, buf, (int)size)) > 0)
		return rc;
	rc = SSL_get_error(c->ssl, rc);
	c->read_wants_write = rc == SSL_ERROR_WANT_WRITE;
	if (c->read_wants_write)
		want_write(c, true);
	if (rc == SSL_ERROR_WANT_READ || rc == SSL_ERROR_WANT_WRITE)
		return 0;
	*eof = rc == SSL_ERROR_ZERO_RETURN;
	return -1;
}

bool
smtp_conn_has_input(struct smtp_conn *c)
{
	char next;

	if (c->state != CONN_TLS)
		return recv(c->fd, &next, 1, MSG_PEEK | MSG_DONTWAIT) > 0;
	ERR_clear_error();
	return SSL_peek(c->ssl, &next, 1) > 0;
}

/* False: it is over, and perhaps freed. */
static bool
conn_readable(struct smtp_conn *c)
{
	/* Not on the stack, where all of it would be cleared each time. */
	static uint8_t buf[SMTP_CONN_READ];
	bool dead = false, eof;
	ssize_t n = 0;

	c->dead = &dead;
	/* What a look has taken from the socket would wake nobody. */
	for (int i = 0; i < READS_AT_ONCE ||
	    (c->ssl != NULL && SSL_pending(c->ssl) > 0); i++) {
		errno = 0;
		n = conn_read(c, buf, sizeof(buf), &eof);
		if (n <= 0)
			break;
		c->ops->data(c->arg, buf, (size_t)n);
		if (dead)
			return false;
		/* Plain sockets tell by a short read that no more is there. */
		if (c->state == CONN_HANDSHAKE ||
		    (c->state == CONN_PLAIN && (size_t)n < sizeof(buf)))
			break;
	}
	c->dead = NULL;
	if (n != -1)
		return true;
	conn_closed(c, eof ? "connection closed by the peer" :
	    c->state == CONN_TLS && errno == 0 ? tls_reason() :
	    strerror(errno), eof);
	return false;
}

static void
on_readable(evutil_socket_t fd, short what, void *arg)
{
	struct smtp_conn *c = arg;

	(void)fd;
	(void)what;
	if (c->state == CONN_HANDSHAKE) {
		conn_handshake(c);
		return;
	}
	if (c->write_wants_read) {	/* it came, or comes now */
		c->write_wants_read = false;
		want_write(c, true);
	}
	conn_readable(c);
}

static void
conn_established(struct smtp_conn *c)
{
	int problem = 0;
	socklen_t len = sizeof(problem);

	getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &problem, &len);
	if (problem != 0) {
		conn_closed(c, strerror(problem), false);
		return;
	}
	c->state = CONN_PLAIN;
	want_write(c, false);
	event_add(c->readable, NULL);
	c->ops->connected(c->arg);
}

static void
on_writable(evutil_socket_t fd, short what, void *arg)
{
	struct smtp_conn *c = arg;

	(void)fd;
	(void)what;
	if (c->state == CONN_CONNECTING) {
		conn_established(c);
		return;
	}
	if (c->state == CONN_HANDSHAKE) {
		conn_handshake(c);
		return;
	}
	if (c->read_wants_write) {
		c->read_wants_write = false;
		if (!conn_readable(c) || c->read_wants_write)
			return;
	}
	if (conn_push(c) == -1)
		conn_closed(c, "connection lost while writing", false);
	else if (c->out.len == 0)
		c->ops->drained(c->arg);
}

/* ---- life */

static int
conn_bind(struct smtp_conn *c, const struct resolver_address *from,
    struct err *e)
{
	struct sockaddr_in6 six = { .sin6_family = AF_INET6 };
	struct sockaddr_in four = { .sin_family = AF_INET };
	bool v4 = from->family == 4;
	int one = 1;

	memcpy(&six.sin6_addr, from->ip, 16);
	memcpy(&four.sin_addr, from->ip, 4);
	/* The port is chosen with the peer: one may serve for many of them. */
	setsockopt(c->fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &one,
	    sizeof(one));
	if (bind(c->fd, v4 ? (struct sockaddr *)&four :
	    (struct sockaddr *)&six, v4 ? sizeof(four) : sizeof(six)) == 0)
		return 0;
	err_sys(e, "bind");
	return -1;
}

static int
conn_connect(struct smtp_conn *c, const struct resolver_address *from,
    const struct resolver_address *to, uint16_t port, struct err *e)
{
	struct sockaddr_in6 six = { .sin6_family = AF_INET6,
		.sin6_port = htons(port) };
	struct sockaddr_in four = { .sin_family = AF_INET,
		.sin_port = htons(port) };
	bool v4 = to->family == 4;
	int one = 1;

	memcpy(&six.sin6_addr, to->ip, 16);
	memcpy(&four.sin_addr, to->ip, 4);
	c->fd = socket(v4 ? AF_INET : AF_INET6,
	    SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (c->fd == -1) {
		err_sys(e, "socket");
		return -1;
	}
	setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	if (from != NULL && conn_bind(c, from, e) == -1)
		return -1;
	if (connect(c->fd, v4 ? (struct sockaddr *)&four :
	    (struct sockaddr *)&six, v4 ? sizeof(four) : sizeof(six)) == -1 &&
	    errno != EINPROGRESS) {
		err_sys(e, "connect");
		return -1;
	}
	return 0;
}

struct smtp_conn *
smtp_conn_open(struct event_base *base, const struct resolver_address *from,
    const struct resolver_address *to, uint16_t port,
    const struct smtp_conn_ops *ops, void *arg, struct err *e)
{
	struct smtp_conn *c = xcalloc(1, sizeof(*c));

	c->ops = ops;
	c->arg = arg;
	strbuf_init(&c->out, SMTP_CONN_QUEUE_MAX);
	if (conn_connect(c, from, to, port, e) == -1) {
		smtp_conn_free(c);
		return NULL;
	}
	c->readable = event_new(base, c->fd, EV_READ | EV_PERSIST,
	    on_readable, c);
	c->writable = event_new(base, c->fd, EV_WRITE | EV_PERSIST,
	    on_writable, c);
	if (c->readable == NULL || c->writable == NULL) {
		err_set(e, ERR_SYSTEM, "no memory for an event");
		smtp_conn_free(c);
		return NULL;
	}
	want_write(c, true);
	return c;
}

void
smtp_conn_free(struct smtp_conn *c)
{
	if (c == NULL)
		return;
	if (c->dead != NULL)
		*c->dead = true;
	if (c->readable != NULL)
		event_free(c->readable);
	if (c->writable != NULL)
		event_free(c->writable);
	if (c->ssl != NULL) {
		SSL_set_app_data(c->ssl, NULL);
		SSL_shutdown(c->ssl);
		SSL_free(c->ssl);
		ERR_clear_error();
	}
	if (c->fd != -1)
		close(c->fd);
	strbuf_free(&c->out);
	free(c->session_key);
	free(c);
}
