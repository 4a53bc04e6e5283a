/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_smtp_session.c - a session against scripted servers on loopback: what
 * is said in which order, and what becomes of each delivery.
 *
 * A script is played by a server inside the test:
 *
 *	S text	send the text and CRLF		C text	a line that begins so
 *	D	content up to its final dot	X	close the connection
 *	B n	content of n octets
 *	N	wait for the next connection	Z	nothing more may come
 *	W	wind the session down, and give it delivery 9
 *	T	speak TLS from here on		G	close the gate of delivery 2
 *	P	read nothing			R	read again
 *	H	wait until the session has begun to write content
 *	L	the session's timer is lost, and it is looked at twice
 *	M	delivery 2 is not marked as having content under way
 *
 * What the session tells is written down as one line per event and compared.
 * Whatever the script, each MAIL that comes must have had its gate asked, and
 * found open, for itself (S106).
 */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <arpa/inet.h>
#include <sys/socket.h>

#include <cmocka.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/bufferevent_ssl.h>
#include <event2/event.h>
#include <event2/listener.h>
#include <openssl/evp.h>
#include <openssl/x509v3.h>

#include "lib/conf.h"
#include "lib/err.h"
#include "lib/smtp_login.h"
#include "lib/strbuf.h"
#include "lib/sys/realclock.h"
#include "lib/sys/timers.h"
#include "lib/xmalloc.h"
#include "listd/bdat.h"
#include "listd/copy.h"
#include "listd/resolver.h"
#include "listd/smtp_session_private.h"

#define TEST_LIMIT_S	60	/* a scenario that takes longer has hung */
#define GATES		10	/* deliveries of a scenario */
#define NONE		99	/* connections, see there */
#define BEYOND_ASCII	0x100	/* with deliveries: one more, number 8 */
#define LARGE		(10u << 20)	/* more than the sockets hold */

struct world {
	struct event_base	*base;
	struct timers		*timers;
	struct resolver		*resolver;
	struct conf		 conf;
	struct evconnlistener	*listener;
	struct bufferevent	*peer;
	const char *const	*script;
	const char		*wrong;		/* line of the script not met */
	struct strbuf		 events;
	char			 why[IPC_TEXT_MAX + 1];	/* of the end */
	struct smtp_session	*session;
	unsigned		 closed_gate;	/* delivery whose gate is shut */
	unsigned		 unsignable;	/* delivery without signature */
	enum ipc_tls		 list_tls;	/* of every list */
	bool			 passed[GATES];	/* gate open, no MAIL seen yet */
	unsigned		 connections;
	bool			 content_begun;
	enum smtp_mark		 mark[GATES];
	size_t			 large;		/* octets of delivery 1 */
	size_t			 looked_at;	/* octets of content */
	struct event		*play;
	SSL_CTX			*server_tls, *client_tls[2];	/* [trusts] */
};

static struct world world;

/* ---- the scripted server */

static void
script_fail(struct world *w, const char *line)
{
	if (w->wrong == NULL)
		w->wrong = line;
	event_base_loopbreak(w->base);
}

/* The content's end has come; take it away. */
static bool
take_content(struct world *w, struct evbuffer *in)
{
	size_t len = evbuffer_get_length(in);
	struct evbuffer_ptr from, at;

	/* What was looked at before ended within five octets of here. */
	evbuffer_ptr_set(in, &from, w->looked_at, EVBUFFER_PTR_SET);
	at = evbuffer_search(in, "\r\n.\r\n", 5, &from);
	if (at.pos == -1) {
		w->looked_at = len > 5 ? len - 5 : 0;
		return false;
	}
	evbuffer_drain(in, (size_t)at.pos + 5);
	w->looked_at = 0;
	return true;
}

/* A chunk, right behind its BDAT. */
static bool
take_octets(struct evbuffer *in, size_t n)
{
	return evbuffer_get_length(in) >= n && evbuffer_drain(in, n) == 0;
}

static bool
take_line(struct world *w, struct evbuffer *in, const char *want)
{
	size_t len;
	char *line = evbuffer_readln(in, &len, EVBUFFER_EOL_CRLF_STRICT);

	if (line == NULL)
		return false;
	if (strncmp(line, "MAIL FROM:<b-", 13) == 0) {
		unsigned n = (unsigned)line[13] - '0';

		if (n >= GATES || !w->passed[n])
			script_fail(w, "(no gate was asked for this MAIL)");
		else
			w->passed[n] = false;
	}
	if (strncmp(line, want, strlen(want)) != 0) {
		fprintf(stderr, "wanted \"%s\", got \"%s\"\n", want, line);
		script_fail(w, want);
	}
	free(line);
	return true;
}

static void
peer_close(struct world *w)
{
	if (w->peer != NULL)
		bufferevent_free(w->peer);
	w->peer = NULL;
}

static void on_peer_read(struct bufferevent *, void *);
static void on_peer_event(struct bufferevent *, short, void *);

static void
wind_down(struct world *w)
{
	struct ipc_delivery d = { .delivery = 9, .kind = IPC_KIND_CAMPAIGN,
		.local = "r9", .domain = "one.example" };

	smtp_session_wind_down(w->session);
	assert_false(smtp_session_give(w->session, &d));
}

/* What was written leaves first; then the peer's bytes are TLS. */
static void
speak_tls(struct world *w)
{
	struct evbuffer *out = bufferevent_get_output(w->peer);
	evutil_socket_t fd = bufferevent_getfd(w->peer);

	evbuffer_unfreeze(out, 1);
	evbuffer_write(out, fd);
	bufferevent_setfd(w->peer, -1);
	bufferevent_free(w->peer);
	w->peer = bufferevent_openssl_socket_new(w->base, fd,
	    SSL_new(w->server_tls), BUFFEREVENT_SSL_ACCEPTING,
	    BEV_OPT_CLOSE_ON_FREE);
	bufferevent_setcb(w->peer, on_peer_read, NULL, on_peer_event, w);
	bufferevent_enable(w->peer, EV_READ | EV_WRITE);
}

/* As a fault of ours would: nothing wakes the session any more. */
static void
lose_timer(struct world *w)
{
	timer_cancel(&w->session->timer);
	assert_false(smtp_session_watch(w->session));
	w->session->progress_ms -= 2 * 3600 * 1000;
	assert_false(smtp_session_watch(w->session));
	assert_true(smtp_session_watch(w->session));
	assert_false(smtp_session_watch(w->session));
}

static void
play(struct world *w)
{
	while (*w->script != NULL && w->wrong == NULL) {
		const char *line = *w->script;
		struct evbuffer *in;

		if (line[0] == 'N') {
			peer_close(w);
			w->script++;
			return;
		}
		if (w->peer == NULL)
			return;
		in = bufferevent_get_input(w->peer);
		if (line[0] == 'C' && !take_line(w, in, line + 2))
			return;
		if (line[0] == 'D' && !take_content(w, in))
			return;
		if (line[0] == 'B' && !take_octets(in,
		    strtoul(line + 2, NULL, 10)))
			return;
		if (line[0] == 'S') {
			bufferevent_write(w->peer, line + 2,
			    strlen(line + 2));
			bufferevent_write(w->peer, "\r\n", 2);
		}
		if (line[0] == 'X') {
			struct evbuffer *out = bufferevent_get_output(w->peer);

			if (bufferevent_openssl_get_ssl(w->peer) == NULL) {
				evbuffer_unfreeze(out, 1);
				evbuffer_write(out,
				    bufferevent_getfd(w->peer));
			}
			peer_close(w);
		}
		if (line[0] == 'W')
			wind_down(w);
		if (line[0] == 'Z' && evbuffer_get_length(in) > 0)
			script_fail(w, line);
		if (line[0] == 'H' && !w->content_begun)
			return;
		if (line[0] == 'L')
			lose_timer(w);
		if (line[0] == 'M' && w->mark[2] != SMTP_MARK_HELD)
			script_fail(w, line);
		if (line[0] == 'T')
			speak_tls(w);
		if (line[0] == 'G')
			w->closed_gate = 2;
		if (line[0] == 'P')
			bufferevent_disable(w->peer, EV_READ);
		if (line[0] == 'R')
			bufferevent_enable(w->peer, EV_READ);
		w->script++;
	}
}

static void
on_play(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	play(arg);
}

static void
on_peer_read(struct bufferevent *bev, void *arg)
{
	(void)bev;
	play(arg);
}

static void
on_peer_event(struct bufferevent *bev, short what, void *arg)
{
	struct world *w = arg;

	(void)bev;
	if (what & (BEV_EVENT_EOF | BEV_EVENT_ERROR)) {
		play(w);
		peer_close(w);
	}
}

static void
on_accept(struct evconnlistener *l, evutil_socket_t fd, struct sockaddr *sa,
    int len, void *arg)
{
	struct world *w = arg;

	(void)l;
	(void)sa;
	(void)len;
	peer_close(w);
	w->connections++;
	w->peer = bufferevent_socket_new(w->base, fd, BEV_OPT_CLOSE_ON_FREE);
	bufferevent_setcb(w->peer, on_peer_read, NULL, on_peer_event, w);
	bufferevent_enable(w->peer, EV_READ | EV_WRITE);
	event_active(w->play, EV_TIMEOUT, 0);
}

/* ---- what the session asks and tells */

static uint8_t
op_gate(void *arg, const struct ipc_delivery *d)
{
	struct world *w = arg;

	w->passed[d->delivery] = d->delivery != w->closed_gate;
	return d->delivery == w->closed_gate ? 2 : 0;
}

static enum ipc_tls
op_tls(void *arg, const struct ipc_delivery *d)
{
	struct world *w = arg;

	(void)d;
	return w->list_tls;
}

static struct copy *
op_make(void *arg, const struct ipc_delivery *d, bool bdat, struct err *e)
{
	struct copy *c = xcalloc(1, sizeof(*c));
	struct world *w = arg;
	size_t large = d->delivery == 1 ? w->large : 0;
	char *p;

	(void)e;
	c->iov = (struct iovec *)xcalloc(1 + 2 * COPY_SPARE,
	    sizeof(*c->iov)) + COPY_SPARE;
	c->n = 1;
	c->bdat = bdat;
	c->iov[0].iov_base = p = xmalloc(large + 64);
	p += sprintf(p, "Subject: %u\r\n\r\n", (unsigned)d->delivery);
	memset(p, 'x', large);
	p += large;
	p += sprintf(p, "%u\r\n%s", (unsigned)d->delivery,
	    bdat ? "" : ".\r\n");
	c->octets = c->iov[0].iov_len = (size_t)(p -
	    (char *)c->iov[0].iov_base);
	snprintf(c->return_path, sizeof(c->return_path), "b-%u@b.example",
	    (unsigned)d->delivery);
	return c;
}

static int
op_sign(void *arg, struct copy *copy, struct err *e)
{
	struct world *w = arg;

	if (strtoul(copy->return_path + 2, NULL, 10) != w->unsignable)
		return 0;
	err_set(e, ERR_CRYPTO, "no signature");
	return -1;
}

static void
op_release(void *arg, struct copy *c)
{
	char *end;

	(void)arg;
	/* writev moved the piece; its memory began where it ends. */
	end = (char *)c->iov[0].iov_base + c->iov[0].iov_len;
	free(end - c->octets);
	free(c->iov - COPY_SPARE);
	free(c);
}

static void
op_mark(void *arg, const struct ipc_delivery *d, unsigned *slot,
    enum smtp_mark mark)
{
	struct world *w = arg;

	(void)slot;
	if (d->delivery < GATES)
		w->mark[d->delivery] = mark;
	if (mark != SMTP_MARK_DOT)
		return;
	w->content_begun = true;
	event_active(w->play, EV_TIMEOUT, 0);	/* once it is written */
}

static void
op_outcome(void *arg, const struct ipc_outcome *o)
{
	static const char *const results[] = { "?", "delivered", "deferred",
		"failed", "skipped", "dropped", "unanswered" };
	struct world *w = arg;

	strbuf_addf(&w->events, "%u %s %u%s\n", (unsigned)o->what.delivery,
	    results[o->result], o->code, o->stage == IPC_STAGE_EHLO &&
	    o->enhanced[1] == 6 && o->enhanced[2] == 7 ? " 5.6.7" : "");
	/* What is about us or the host never counts against the person. */
	if (o->code == 0)
		assert_int_equal(o->recipient, 0);
	/* What is kept of a reply never names the person. */
	assert_null(strcasestr(o->text, "@one."));
}

static void
op_returned(void *arg, uint32_t session, uint64_t delivery)
{
	struct world *w = arg;

	(void)session;
	strbuf_addf(&w->events, "%u returned\n", (unsigned)delivery);
}

static void
op_state(void *arg, const struct ipc_session_state *s)
{
	static const char *const events[] = { "?", "up", "refused", "closed" };
	struct world *w = arg;

	strbuf_addf(&w->events, "%s %u\n", events[s->event], s->code);
	assert_null(strcasestr(s->text, "@one."));
	snprintf(w->why, sizeof(w->why), "%s", s->text);
	if (s->event != IPC_SESSION_UP)
		event_base_loopbreak(w->base);
}

static const struct smtp_session_ops ops = {
	.gate = op_gate, .tls = op_tls, .make = op_make, .sign = op_sign,
	.release = op_release,
	.mark = op_mark, .outcome = op_outcome, .returned = op_returned,
	.state = op_state,
};

/* ---- scenarios */

#define HELLO_PIPE	"S 220 mx", "C EHLO", "S 250-mx", "S 250 PIPELINING"
#define HELLO_PLAIN	"S 220 mx", "C EHLO", "S 250 mx"
#define HELLO_TLS	"S 220 mx", "C EHLO", "S 250-mx", "S 250-STARTTLS", \
	"S 250 PIPELINING", "C STARTTLS"
#define INSIDE_TLS	"S 220 go", "T", "C EHLO"
#define HELLO_CHUNK	"S 220 mx", "C EHLO", "S 250-mx", "S 250-PIPELINING", \
	"S 250 CHUNKING"
#define FLIGHT	"C MAIL", "C RCPT", "C BDAT 17 LAST", "B 17"
#define ENVELOPE	"C MAIL", "C RCPT", "C DATA"
#define ACCEPTED	"S 250 ok", "S 250 ok", "S 354 go", "D", "S 250 ok"
#define BYE		"C QUIT", "S 221 bye"
#define LONG_FIFTY "a reply that goes on and on until it has been cut. "
#define LONG	LONG_FIFTY LONG_FIFTY LONG_FIFTY LONG_FIFTY LONG_FIFTY \
	LONG_FIFTY LONG_FIFTY LONG_FIFTY LONG_FIFTY "and then so on, "
#define SCRIPT(...)	(const char *const[]){ __VA_ARGS__, NULL }

enum {
	TLS_FREE = 1,		/* to a recipient's own server */
	TLS_ENCRYPT,		/* smarthost_tls = encrypt */
	TLS_VERIFY,		/* and a certificate that is not trusted */
	TLS_TRUSTED,		/* and one that is */
	TLS_LOGIN,		/* the same with smarthost_auth */
	TLS_POLICY,		/* its domain promises verified TLS: it is */
	TLS_POLICY_BROKEN,	/* and here it is not trusted */
	TLS_LIST,		/* the delivery's list requires TLS */
	TLS_LIST_VERIFIED,	/* and a certificate that is trusted; it is not */
	BDAT_NO,		/* no TLS, and the grant says DATA */
	NO_LEAVE,		/* a smarthost that did not let us */
	UNSIGNED,		/* no TLS, and delivery 1 gets no signature */
};

static const struct scenario {
	const char *why;
	const char *const *script;
	unsigned deliveries;
	unsigned closed_gate;
	const char *events;
	unsigned tls;		/* 0 not spoken, or TLS_* */
	size_t large;
	unsigned connections;	/* 0: one, NONE: none */
} scenarios[] = {
	{ "all of a message in one flight (RFC 3030, RFC 2920)",
	    SCRIPT(HELLO_CHUNK, "C MAIL FROM:<b-1@b.example>",
		"C RCPT TO:<r1@one.example>", "C BDAT 17 LAST", "B 17", "Z",
		"S 250 ok", "S 250 ok", "S 250 got it", "C MAIL FROM:<b-2@",
		"C RCPT TO:<r2@", "C BDAT 17 LAST", "B 17", "Z", "S 250 ok",
		"S 250 ok", "S 250 got it", BYE),
	    2, 0, "up 0\n1 delivered 250\n2 delivered 250\nclosed 0\n",
	    .large = 0 },
	{ "the site's setting says DATA",
	    SCRIPT(HELLO_CHUNK, ENVELOPE, "S 250 ok", "S 250 ok", "S 354 go",
		"D", ENVELOPE, "S 250 ok", "S 250 ok", "S 250 ok", "S 354 go",
		"D", "S 250 ok", BYE),
	    2, 0, "up 0\n1 delivered 250\n2 delivered 250\nclosed 0\n",
	    BDAT_NO, .large = 0 },
	{ "CHUNKING without PIPELINING is no flight",
	    SCRIPT("S 220 mx", "C EHLO", "S 250-mx", "S 250 CHUNKING",
		"C MAIL", "S 250 ok", "C RCPT", "S 250 ok", "C DATA",
		"S 354 go", "D", "S 250 ok", BYE),
	    1, 0, "up 0\n1 delivered 250\nclosed 0\n", .large = 0 },
	{ "one unknown user of two: DATA from then on, with its own copy",
	    SCRIPT(HELLO_CHUNK, FLIGHT, "S 250 ok", "S 550 5.1.1 no such user",
		"S 503 no recipients", "C RSET", FLIGHT, "S 250 reset",
		"S 250 ok", "S 550 5.1.1 no such user", "S 503 no",
		"C RSET", ENVELOPE, "S 250 reset", ACCEPTED, BYE),
	    3, 0, "up 0\n1 failed 550\n2 failed 550\n3 delivered 250\n"
	    "closed 0\n", .large = 0 },
	{ "content refused: RSET, for the transaction may be open (3030 2)",
	    SCRIPT(HELLO_CHUNK, FLIGHT, "S 250 ok", "S 250 ok",
		"S 554 5.6.0 no", "C RSET", FLIGHT, "S 250 reset",
		"S 250 ok", "S 250 ok", "S 250 ok", BYE),
	    2, 0, "up 0\n1 failed 554\n2 delivered 250\nclosed 0\n",
	    .large = 0 },
	{ "all refused, and BDAT taken all the same: refused",
	    SCRIPT(HELLO_CHUNK, FLIGHT, "S 250 ok", "S 550 5.1.1 no",
		"S 250 what", FLIGHT, "S 250 ok", "S 250 ok", "S 250 ok",
		BYE),
	    2, 0, "up 0\n1 failed 550\n2 delivered 250\nclosed 0\n",
	    .large = 0 },
	{ "BDAT is not known after all: nothing more is said here",
	    SCRIPT(HELLO_CHUNK, FLIGHT, "S 250 ok", "S 250 ok",
		"S 500 5.5.2 what", "Z"),
	    2, 0, "up 0\n1 deferred 500\n2 returned\nclosed 0\n",
	    .large = 0 },
	{ "421 to MAIL: the content behind it is not taken",
	    SCRIPT(HELLO_CHUNK, FLIGHT, "S 250 ok", "S 250 ok", "S 250 ok",
		FLIGHT, "S 421 4.3.2 closing"),
	    2, 0, "up 0\n1 delivered 250\n2 returned\nrefused 421\n",
	    .large = 0 },
	{ "without a signature the content is not sent, and the rest goes back",
	    SCRIPT(HELLO_PIPE, ENVELOPE, "S 250 ok", "S 250 ok", "S 354 go",
		"Z"),
	    2, 0, "up 0\n1 failed 0\n2 returned\nclosed 0\n",
	    UNSIGNED, .large = 0 },
	{ "and with BDAT not even its MAIL",
	    SCRIPT(HELLO_CHUNK, FLIGHT, "S 250 ok", "S 250 ok", "S 250 ok",
		BYE),
	    2, 0, "up 0\n1 failed 0\n2 delivered 250\nclosed 0\n",
	    UNSIGNED, .large = 0 },
	{ "a closed gate says nothing about that person, nor its content",
	    SCRIPT(HELLO_CHUNK, "C MAIL FROM:<b-2@", "C RCPT",
		"C BDAT 17 LAST", "B 17", "S 250 ok", "S 250 ok", "S 250 ok",
		BYE),
	    2, 1, "up 0\n1 skipped 0\n2 delivered 250\nclosed 0\n",
	    .large = 0 },
	{ "a flight that fills the socket: the next waits, its gate unasked",
	    SCRIPT(HELLO_CHUNK, "P", "H", "S 250 ok", "S 250 ok",
		"S 250 already", "M", "G", "R", "C MAIL", "C RCPT",
		"C BDAT 10485777 LAST", "B 10485777", BYE),
	    2, 0, "up 0\n1 delivered 250\n2 skipped 0\nclosed 0\n",
	    .large = LARGE },
	{ "hung up with a flight under way: it may have arrived (R104)",
	    SCRIPT(HELLO_CHUNK, FLIGHT, "S 250 ok", "S 250 ok", "S 250 ok",
		FLIGHT, "X"),
	    2, 0, "up 0\n1 delivered 250\n2 unanswered 0\nclosed 0\n",
	    .large = 0 },
	{ "hung up before a flight has left: it cannot have arrived (R11)",
	    SCRIPT(HELLO_CHUNK, "P", "H", "X"),
	    1, 0, "up 0\n1 deferred 0\nrefused 0\n", .large = LARGE },
	{ "a flight inside TLS",
	    SCRIPT(HELLO_TLS, INSIDE_TLS, "S 250-mx", "S 250-PIPELINING",
		"S 250 CHUNKING", FLIGHT, "S 250 ok", "S 250 ok", "S 250 ok",
		FLIGHT, "S 250 ok", "S 250 ok", "S 250 ok", BYE),
	    2, 0, "up 0\n1 delivered 250\n2 delivered 250\nclosed 0\n",
	    TLS_FREE, .large = 0 },
	{ "content and next envelope in one group (RFC 2920 3.1)",
	    SCRIPT(HELLO_PIPE,
		"C MAIL FROM:<b-1@b.example>", "C RCPT TO:<r1@one.example>",
		"C DATA", "Z", "S 250 ok", "S 250 ok", "S 354 go",
		"D", "C MAIL FROM:<b-2@", "C RCPT TO:<r2@", "C DATA",
		"S 250 got it", "S 250 ok", "S 250 ok", "S 354 go", "D",
		"S 250 got it", "C QUIT", "S 221 bye"),
	    2, 0, "up 0\n1 delivered 250\n2 delivered 250\nclosed 0\n",
	    0, 0, 0 },
	{ "without PIPELINING each command waits (RFC 5321)",
	    SCRIPT(HELLO_PLAIN, "C MAIL", "Z", "S 250 ok", "C RCPT", "Z",
		"S 250 ok", "C DATA", "Z", "S 354 go", "D", "Z", "S 250 ok",
		"C MAIL", "S 250 ok", "C RCPT", "S 250 ok", "C DATA",
		"S 354 go", "D", "S 250 ok", "C QUIT", "S 221 bye"),
	    2, 0, "up 0\n1 delivered 250\n2 delivered 250\nclosed 0\n",
	    0, 0, 0 },
	{ "EHLO unknown: HELO (RFC 5321 3.2)",
	    SCRIPT("S 220 mx", "C EHLO", "S 502 what", "C HELO", "S 250 mx",
		"C MAIL", "S 250 ok", "C RCPT", "S 250 ok", "C DATA",
		"S 354 go", "D", "S 250 ok", "C QUIT", "S 221 bye"),
	    1, 0, "up 0\n1 delivered 250\nclosed 0\n", 0, 0, 0 },
	{ "one unknown user costs only its own delivery",
	    SCRIPT(HELLO_PIPE, "C MAIL", "C RCPT", "C DATA",
		"S 250 ok", "S 550 5.1.1 no such user", "S 503 no recipients",
		"C RSET", "C MAIL", "C RCPT", "C DATA", "S 250 reset",
		"S 250 ok", "S 250 ok", "S 354 go", "D", "S 250 ok",
		"C QUIT", "S 221 bye"),
	    2, 0, "up 0\n1 failed 550\n2 delivered 250\nclosed 0\n", 0, 0, 0 },
	{ "354 after all recipients failed: a lone dot (R110)",
	    SCRIPT(HELLO_PIPE, "C MAIL", "C RCPT", "C DATA",
		"S 250 ok", "S 550 5.1.1 no such user", "S 354 go on",
		"C .", "S 554 no recipients",
		"C MAIL", "C RCPT", "C DATA", "S 250 ok", "S 250 ok",
		"S 354 go", "D", "S 250 ok", "C QUIT", "S 221 bye"),
	    2, 0, "up 0\n1 failed 550\n2 delivered 250\nclosed 0\n", 0, 0, 0 },
	{ "refused without PIPELINING: RSET alone, then the next",
	    SCRIPT(HELLO_PLAIN, "C MAIL", "S 250 ok", "C RCPT",
		"S 550 5.1.1 no", "C RSET", "Z", "S 250 ok", "C MAIL",
		"S 250 ok", "C RCPT", "S 250 ok", "C DATA", "S 354 go", "D",
		"S 250 ok", "C QUIT", "S 221 bye"),
	    2, 0, "up 0\n1 failed 550\n2 delivered 250\nclosed 0\n", 0, 0, 0 },
	{ "dropped after the final dot: tried, and again later (R104)",
	    SCRIPT(HELLO_PIPE, "C MAIL", "C RCPT", "C DATA", "S 250 ok",
		"S 250 ok", "S 354 go", "D", "X"),
	    1, 0, "up 0\n1 unanswered 0\nrefused 0\n", 0, 0, 0 },
	{ "hung up between messages: the next is given back (R11)",
	    SCRIPT(HELLO_PIPE, "C MAIL", "C RCPT", "C DATA", "S 250 ok",
		"S 250 ok", "S 354 go", "D", "S 250 ok", "X"),
	    2, 0, "up 0\n1 delivered 250\n2 returned\nclosed 0\n", 0, 0, 0 },
	{ "a closed gate says nothing about that person",
	    SCRIPT(HELLO_PIPE, "C MAIL FROM:<b-2@", "C RCPT", "C DATA",
		"S 250 ok", "S 250 ok", "S 354 go", "D", "S 250 ok",
		"C QUIT", "S 221 bye"),
	    2, 1, "up 0\n1 skipped 0\n2 delivered 250\nclosed 0\n", 0, 0, 0 },
	{ "a banner that refuses is trouble of the site",
	    SCRIPT("S 554 go away"),
	    2, 0, "1 returned\n2 returned\nrefused 554\n", 0, 0, 0 },
	{ "421 in the middle ends the connection",
	    SCRIPT(HELLO_PIPE, "C MAIL", "C RCPT", "C DATA", "S 250 ok",
		"S 250 ok", "S 354 go", "D", "S 250 ok",
		"C MAIL", "S 421 4.3.2 closing"),
	    2, 0, "up 0\n1 delivered 250\n2 returned\nrefused 421\n", 0, 0, 0 },
	{ "standing still past all limits, content sent",
	    SCRIPT(HELLO_PIPE, ENVELOPE, "S 250 ok", "S 250 ok", "S 354 go",
		"D", ENVELOPE, "L"),
	    3, 0, "up 0\n1 unanswered 0\n2 deferred 0\n3 returned\n"
	    "refused 0\n", 0, 0, 0 },
	{ "an answer to what was not asked yet, in the greeting (X04)",
	    SCRIPT("S 220 mx\r\n250 PIPELINING"),
	    1, 0, "1 returned\nrefused 0\n", 0, 0, 0 },
	{ "and after EHLO",
	    SCRIPT("S 220 mx", "C EHLO", "S 250 mx\r\n250 ok\r\n250 ok"),
	    1, 0, "1 returned\nrefused 0\n", 0, 0, 0 },
	{ "and behind the answer to a flight: it is none to the next",
	    SCRIPT(HELLO_CHUNK, FLIGHT, "S 250 ok", "S 250 ok",
		"S 250 ok\r\n250 ok\r\n250 ok\r\n250 ok"),
	    2, 0, "up 0\n1 delivered 250\n2 returned\nrefused 250\n",
	    .large = 0 },
	{ "421 behind the last answer",
	    SCRIPT(HELLO_CHUNK, FLIGHT, "S 250 ok", "S 250 ok",
		"S 250 ok\r\n421 4.3.2 closing"),
	    2, 0, "up 0\n1 delivered 250\n2 returned\nrefused 421\n",
	    .large = 0 },
	{ "standing still before anything was said",
	    SCRIPT("L"), 2, 0, "1 returned\n2 returned\nrefused 0\n",
	    0, 0, 0 },
	{ "a malformed reply is a temporary failure (F23)",
	    SCRIPT(HELLO_PIPE, "C MAIL", "C RCPT", "C DATA", "S 999 what"),
	    1, 0, "up 0\n1 deferred 0\nrefused 0\n", 0, 0, 0 },
	{ "no address is kept, said twice, in 421, or where a text is cut",
	    SCRIPT(HELLO_PIPE, "C MAIL", "C RCPT", "C DATA", "S 250 ok",
		"S 550 5.1.1 <R1@ONE.example> r1@one.example " LONG
		"r1@one.example", "S 503 no", "C RSET", "C MAIL", "C RCPT",
		"C DATA", "S 250 ok", "S 250 ok",
		"S 421 4.2.1 <r2@one.example> is busy"),
	    2, 0, "up 0\n1 failed 550\n2 deferred 421\nrefused 421\n",
	    0, 0, 0 },
	{ "winding down: what was begun ends, nothing is taken",
	    SCRIPT(HELLO_PIPE, "C MAIL", "C RCPT", "C DATA", "W", "S 250 ok",
		"S 250 ok", "S 354 go", "D", "S 250 ok"),
	    2, 0, "up 0\n2 returned\n9 returned\n1 delivered 250\n"
	    "closed 0\n", 0, 0, 0 },
	{ "SIZE smaller than the copy: permanent for it (R111)",
	    SCRIPT("S 220 mx", "C EHLO", "S 250-mx", "S 250-SIZE 5",
		"S 250 PIPELINING", "C QUIT", "S 221 bye"),
	    1, 0, "up 0\n1 failed 0\nclosed 0\n", 0, 0, 0 },
	{ "an address beyond ASCII where SMTPUTF8 is offered (RFC 6531)",
	    SCRIPT("S 220 mx", "C EHLO", "S 250-mx", "S 250-8BITMIME",
		"S 250 SMTPUTF8", "C MAIL FROM:<b-1@b.example>",
		"S 250 ok", "C RCPT TO:<r1@", "S 250 ok", "C DATA", "S 354 go",
		"D", "S 250 ok", "C MAIL FROM:<b-8@b.example> SMTPUTF8",
		"S 250 ok", "C RCPT TO:<r\303\26618@one.example>", "S 250 ok",
		"C DATA", "S 354 go", "D", "S 250 ok", BYE),
	    1 | BEYOND_ASCII, 0, "up 0\n1 delivered 250\n8 delivered 250\n"
	    "closed 0\n", 0, 0, 0 },
	{ "and where it is not: only that one fails, before a word is said",
	    SCRIPT(HELLO_PIPE, ENVELOPE, ACCEPTED, BYE),
	    1 | BEYOND_ASCII, 0, "up 0\n8 failed 0 5.6.7\n1 delivered 250\n"
	    "closed 0\n", 0, 0, 0 },
	{ "nothing is said to reset for nobody after winding down",
	    SCRIPT(HELLO_PLAIN, "C MAIL", "W", "S 250 ok", "C RCPT",
		"S 550 5.1.1 no", "C QUIT"),
	    2, 0, "up 0\n2 returned\n9 returned\n1 failed 550\n"
	    "closed 0\n", 0, 0, 0 },
	{ "a full socket: the gate is asked when MAIL can be written",
	    SCRIPT(HELLO_PIPE, ENVELOPE, "S 250 ok", "S 250 ok", "P",
		"S 354 go", "H", "G", "R", "D", "Z", "S 250 ok", BYE),
	    2, 0, "up 0\n2 skipped 0\n1 delivered 250\nclosed 0\n", 0,
	    LARGE, 0 },
	{ "a full socket: MAIL follows as soon as the content has left",
	    SCRIPT(HELLO_PIPE, ENVELOPE, "S 250 ok", "S 250 ok", "P",
		"S 354 go", "H", "R", "D", ENVELOPE, "S 250 ok", ACCEPTED,
		BYE),
	    2, 0, "up 0\n1 delivered 250\n2 delivered 250\nclosed 0\n", 0,
	    LARGE, 0 },
	{ "an answer before the content has left begins nothing",
	    SCRIPT(HELLO_PIPE, ENVELOPE, "S 250 ok", "S 250 ok", "P",
		"S 354 go", "H", "S 250 already", "G", "R", "D", BYE),
	    2, 0, "up 0\n1 delivered 250\n2 skipped 0\nclosed 0\n", 0,
	    LARGE, 0 },
	{ "TLS where it is offered, and EHLO again (R166)",
	    SCRIPT(HELLO_TLS, INSIDE_TLS, "S 250-mx", "S 250 PIPELINING",
		ENVELOPE, "S 250 ok", "S 250 ok", "S 354 go", "D", ENVELOPE,
		"S 250 ok", ACCEPTED, BYE),
	    2, 0, "up 0\n1 delivered 250\n2 delivered 250\nclosed 0\n",
	    TLS_FREE, 0, 0 },
	{ "a full socket inside TLS",
	    SCRIPT(HELLO_TLS, INSIDE_TLS, "S 250-mx", "S 250 PIPELINING",
		ENVELOPE, "S 250 ok", "S 250 ok", "P", "S 354 go", "H", "G",
		"R", "D", "Z", "S 250 ok", BYE),
	    2, 0, "up 0\n2 skipped 0\n1 delivered 250\nclosed 0\n",
	    TLS_FREE, LARGE, 0 },
	{ "a broken handshake: the same host without (F27, S88)",
	    SCRIPT(HELLO_TLS, "S 220 go", "X", "N", "S 220 mx", "C EHLO",
		"S 250-mx", "S 250-STARTTLS", "S 250 PIPELINING", ENVELOPE,
		ACCEPTED, BYE),
	    1, 0, "up 0\n1 delivered 250\nclosed 0\n", TLS_FREE, 0, 2 },
	{ "hung up at STARTTLS: the same host without",
	    SCRIPT(HELLO_TLS, "X", "N", "S 220 mx", "C EHLO", "S 250-mx",
		"S 250-STARTTLS", "S 250 PIPELINING", ENVELOPE, ACCEPTED,
		BYE),
	    1, 0, "up 0\n1 delivered 250\nclosed 0\n", TLS_FREE, 0, 2 },
	{ "broken at the EHLO inside: the same host without",
	    SCRIPT(HELLO_TLS, INSIDE_TLS, "X", "N", "S 220 mx", "C EHLO",
		"S 250-mx", "S 250-STARTTLS", "S 250 PIPELINING", ENVELOPE,
		ACCEPTED, BYE),
	    1, 0, "up 0\n1 delivered 250\nclosed 0\n", TLS_FREE, 0, 2 },
	{ "bytes before the handshake are not believed (X04)",
	    SCRIPT(HELLO_TLS, "S 220 go\r\n250-evil\r\n250 PIPELINING",
		"X", "N", "S 220 mx", "C EHLO", "S 250 mx", "C MAIL", "S 250 ok",
		"C RCPT", "S 250 ok", "C DATA", "S 354 go", "D", "S 250 ok",
		BYE),
	    1, 0, "up 0\n1 delivered 250\nclosed 0\n", TLS_FREE, 0, 2 },
	{ "STARTTLS refused: the session is good as it is (RFC 3207 4)",
	    SCRIPT(HELLO_TLS, "S 454 4.7.0 not now", ENVELOPE, ACCEPTED, BYE),
	    1, 0, "up 0\n1 delivered 250\nclosed 0\n", TLS_FREE, 0, 0 },
	{ "421 to STARTTLS ends it, and costs nobody an attempt",
	    SCRIPT(HELLO_TLS, "S 421 4.3.2 closing"),
	    1, 0, "1 returned\nrefused 421\n", TLS_FREE, 0, 0 },
	{ "required and not offered: no mail (S88)",
	    SCRIPT(HELLO_PIPE, "Z"),
	    1, 0, "1 returned\nrefused 0\n", TLS_ENCRYPT, 0, 0 },
	{ "required and refused: no mail",
	    SCRIPT(HELLO_TLS, "S 454 4.7.0 not now"),
	    1, 0, "1 returned\nrefused 454\n", TLS_ENCRYPT, 0, 0 },
	{ "required and broken: no second try without (F27)",
	    SCRIPT(HELLO_TLS, INSIDE_TLS, "X"),
	    1, 0, "1 returned\nrefused 0\n", TLS_ENCRYPT, 0, 0 },
	{ "encrypt asks for no name",
	    SCRIPT(HELLO_TLS, INSIDE_TLS, "S 250-mx", "S 250 PIPELINING", ENVELOPE,
		ACCEPTED, BYE),
	    1, 0, "up 0\n1 delivered 250\nclosed 0\n", TLS_ENCRYPT, 0, 0 },
	{ "verify: nothing is said inside to somebody else",
	    SCRIPT(HELLO_TLS, "S 220 go", "T"),
	    1, 0, "1 returned\nrefused 0\n", TLS_VERIFY, 0, 0 },
	{ "verify: a good certificate",
	    SCRIPT(HELLO_TLS, INSIDE_TLS, "S 250-mx", "S 250 PIPELINING", ENVELOPE,
		ACCEPTED, BYE),
	    1, 0, "up 0\n1 delivered 250\nclosed 0\n", TLS_TRUSTED, 0, 0 },
	{ "a policy: a good certificate (R167)",
	    SCRIPT(HELLO_TLS, INSIDE_TLS, "S 250-mx", "S 250 PIPELINING", ENVELOPE,
		ACCEPTED, BYE),
	    1, 0, "up 0\n1 delivered 250\nclosed 0\n", TLS_POLICY, 0, 0 },
	{ "a policy: somebody else's certificate",
	    SCRIPT(HELLO_TLS, "S 220 go", "T"),
	    1, 0, "1 returned\nrefused 0\n", TLS_POLICY_BROKEN, 0, 0 },
	{ "a policy: not offered",
	    SCRIPT(HELLO_PIPE, "Z"),
	    1, 0, "1 returned\nrefused 0\n", TLS_POLICY, 0, 0 },
	{ "a policy: refused",
	    SCRIPT(HELLO_TLS, "S 454 4.7.0 not now"),
	    1, 0, "1 returned\nrefused 454\n", TLS_POLICY, 0, 0 },
	{ "a policy: bytes before the handshake (X04)",
	    SCRIPT(HELLO_TLS, "S 220 go\r\n250-evil\r\n250 PIPELINING"),
	    1, 0, "1 returned\nrefused 0\n", TLS_POLICY, 0, 0 },
	{ "a policy: hung up at STARTTLS",
	    SCRIPT(HELLO_TLS, "X"),
	    1, 0, "1 returned\nrefused 0\n", TLS_POLICY, 0, 0 },
	{ "a list that requires TLS waits where there is none (T56)",
	    SCRIPT(HELLO_PIPE, BYE),
	    1, 0, "up 0\n1 deferred 0\nclosed 0\n", TLS_LIST, 0, 0 },
	{ "and is sent where there is",
	    SCRIPT(HELLO_TLS, INSIDE_TLS, "S 250-mx", "S 250 PIPELINING", ENVELOPE,
		ACCEPTED, BYE),
	    1, 0, "up 0\n1 delivered 250\nclosed 0\n", TLS_LIST, 0, 0 },
	{ "a list that wants to know with whom",
	    SCRIPT(HELLO_TLS, INSIDE_TLS, "S 250-mx", "S 250 PIPELINING", BYE),
	    1, 0, "up 0\n1 deferred 0\nclosed 0\n", TLS_LIST_VERIFIED, 0, 0 },
	{ "AUTH PLAIN (RFC 4616)",
	    SCRIPT(HELLO_TLS, INSIDE_TLS, "S 250-mx",
		"S 250-PIPELINING", "S 250 AUTH LOGIN PLAIN", "C AUTH PLAIN AG1lAHNlY3JldA==",
		"Z", "S 235 in", ENVELOPE, ACCEPTED, BYE),
	    1, 0, "up 0\n1 delivered 250\nclosed 0\n", TLS_LOGIN, 0, 0 },
	{ "AUTH LOGIN where PLAIN is not offered",
	    SCRIPT(HELLO_TLS, INSIDE_TLS, "S 250-mx", "S 250-PIPELINING",
		"S 250 AUTH LOGIN", "C AUTH LOGIN", "S 334 VXNlcm5hbWU6",
		"C bWU=", "S 334 UGFzc3dvcmQ6", "C c2VjcmV0", "S 235 in",
		ENVELOPE, ACCEPTED, BYE),
	    1, 0, "up 0\n1 delivered 250\nclosed 0\n", TLS_LOGIN, 0, 0 },
	{ "AUTH LOGIN that asks and asks",
	    SCRIPT(HELLO_TLS, INSIDE_TLS, "S 250-mx", "S 250 AUTH LOGIN",
		"C AUTH LOGIN",
		"S 334 a", "C bWU=", "S 334 b", "C c2VjcmV0", "S 334 c"),
	    1, 0, "1 returned\nrefused 334\n", TLS_LOGIN, 0, 0 },
	{ "a password that is wrong is trouble of the site",
	    SCRIPT(HELLO_TLS, INSIDE_TLS, "S 250-mx", "S 250 AUTH PLAIN",
		"C AUTH PLAIN",
		"S 535 5.7.8 no"),
	    1, 0, "1 returned\nrefused 535\n", TLS_LOGIN, 0, 0 },
	{ "no way to log in that we know: no mail",
	    SCRIPT(HELLO_TLS, INSIDE_TLS, "S 250-mx", "S 250 AUTH CRAM-MD5"),
	    1, 0, "1 returned\nrefused 0\n", TLS_LOGIN, 0, 0 },
	{ "a relay that gave no leave gets no connection (S17)",
	    SCRIPT(NULL), 1, 0, "1 returned\nrefused 0\n", NO_LEAVE,
	    .connections = NONE },
	{ "no password without TLS (R172)",
	    SCRIPT("S 220 mx", "C EHLO", "S 250-mx", "S 250 AUTH PLAIN", "Z"),
	    1, 0, "1 returned\nrefused 0\n", TLS_LOGIN, 0, 0 },
};

static void
on_limit(evutil_socket_t fd, short what, void *arg)
{
	struct world *w = arg;

	(void)fd;
	(void)what;
	script_fail(w, "(the time is up)");
}

static uint16_t
listen_port(struct world *w)
{
	struct sockaddr_in sin = { .sin_family = AF_INET };
	socklen_t len = sizeof(sin);
	int small = 65536;

	sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	w->listener = evconnlistener_new_bind(w->base, on_accept, w,
	    LEV_OPT_CLOSE_ON_FREE | LEV_OPT_REUSEABLE, 8,
	    (struct sockaddr *)&sin, sizeof(sin));
	assert_non_null(w->listener);
	setsockopt(evconnlistener_get_fd(w->listener), SOL_SOCKET, SO_RCVBUF,
	    &small, sizeof(small));
	assert_int_equal(getsockname(evconnlistener_get_fd(w->listener),
	    (struct sockaddr *)&sin, &len), 0);
	return ntohs(sin.sin_port);
}

static void
give(struct world *w, unsigned n)
{
	struct ipc_delivery eight = { .delivery = 8,
		.kind = IPC_KIND_CAMPAIGN, .local = "r\303\26618",
		.domain = "one.example" };

	for (unsigned i = 1; i <= (n & ~BEYOND_ASCII); i++) {
		struct ipc_delivery d = { .delivery = i,
			.kind = IPC_KIND_CAMPAIGN, .domain = "one.example" };

		snprintf(d.local, sizeof(d.local), "r%u", i);
		smtp_session_give(w->session, &d);
	}
	if (n & BEYOND_ASCII)
		smtp_session_give(w->session, &eight);
}

static void
set_policy(struct world *w, unsigned tls)
{
	w->list_tls = tls == TLS_LIST ? IPC_TLS_UNVERIFIED :
	    tls == TLS_LIST_VERIFIED ? IPC_TLS_VERIFIED : IPC_TLS_NONE;
	w->conf.smarthost.n = (tls > TLS_FREE && tls <= TLS_LOGIN) ||
	    tls == NO_LEAVE;
	w->conf.smarthost_networks = (struct conf_cidrs){ tls == TLS_ENCRYPT ||
		tls == TLS_VERIFY || tls == TLS_TRUSTED,
		{ { .family = 4, .bits = 8, .ip = { 127 } } } };
	w->conf.smarthost_tls = tls == TLS_ENCRYPT ? CONF_TLS_ENCRYPT :
	    CONF_TLS_VERIFY;
}

static void
run_scenario(const struct scenario *sc)
{
	static const struct smtp_logins logins = { 2, {
		{ "127.0.0.1", "me", "secret" },
		{ "", "somebody", "elsewhere" } } };
	struct world *w = &world;
	struct ipc_session_open grant = { .session = 1, .depth = 8, .n = 1,
		.tls = sc->tls == TLS_POLICY || sc->tls == TLS_POLICY_BROKEN ?
		    IPC_TLS_VERIFIED : IPC_TLS_NONE,
		.bdat = sc->tls == BDAT_NO ? IPC_BDAT_NO : IPC_BDAT_AUTO,
		.host = { { 10, "127.0.0.1" } } };
	struct smtp_session_env env = { .base = w->base, .timers = w->timers,
		.conf = &w->conf, .resolver = w->resolver,
		.tls = w->client_tls[sc->tls >= TLS_TRUSTED &&
		    sc->tls <= TLS_POLICY],
		.logins = sc->tls == TLS_LOGIN ? &logins : NULL, .ops = &ops,
		.arg = w, .bdat = bdat_hosts_new() };
	struct timeval limit = { TEST_LIMIT_S, 0 };
	struct event *timeout = evtimer_new(w->base, on_limit, w);

	w->script = sc->script;
	w->wrong = NULL;
	w->closed_gate = sc->closed_gate;
	w->unsignable = sc->tls == UNSIGNED ? 1 : 0;
	w->large = sc->large;
	w->connections = 0;
	w->looked_at = 0;
	w->content_begun = false;
	memset(w->passed, 0, sizeof(w->passed));
	memset(w->mark, 0, sizeof(w->mark));
	set_policy(w, sc->tls);
	strbuf_reset(&w->events);
	w->conf.smtp_port = listen_port(w);
	event_add(timeout, &limit);
	w->session = smtp_session_start(&env, &grant);
	give(w, sc->deliveries);
	smtp_session_close(w->session);
	event_base_dispatch(w->base);
	smtp_session_free(w->session);
	bdat_hosts_free(env.bdat);
	peer_close(w);
	evconnlistener_free(w->listener);
	event_free(timeout);
	if (w->wrong != NULL)
		fail_msg("%s: the script stood at \"%s\"; events:\n%s",
		    sc->why, w->wrong, w->events.s);
	if (strcmp(w->events.s, sc->events) != 0)
		fail_msg("%s: events were\n%s", sc->why, w->events.s);
	if (w->connections != (sc->connections == NONE ? 0 :
	    sc->connections != 0 ? sc->connections : 1))
		fail_msg("%s: %u connections", sc->why, w->connections);
}

/* Addresses that no connection is tried to. */
static void
addresses_that_are_passed_over(void **state)
{
	static const struct {
		const char *why, *host, *said;
		bool ipv6, loopback;
	} rows[] = {
		{ "smtp_ipv6 is off", "2001:db8::1", "smtp_ipv6", false,
		    true },
		{ "our own, by IPv4", "127.0.0.1", "own", true, false },
		{ "our own, by IPv6", "::1", "own", true, false },
		{ "our own, as mapped", "::ffff:127.0.0.1", "own", true,
		    false },
		{ "nobody's", "0.0.0.0", "own", true, false },
	};
	struct world *w = &world;
	struct smtp_session_env env = { .base = w->base, .timers = w->timers,
		.conf = &w->conf, .resolver = w->resolver, .ops = &ops,
		.arg = w };

	(void)state;
	set_policy(w, 0);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct ipc_session_open grant = { .session = 1, .depth = 8,
			.n = 1 };

		snprintf(grant.host[0].name, sizeof(grant.host[0].name), "%s",
		    rows[i].host);
		w->conf.smtp_ipv6 = rows[i].ipv6;
		w->conf.allow_loopback = rows[i].loopback;
		strbuf_reset(&w->events);
		w->session = smtp_session_start(&env, &grant);
		give(w, 1);
		event_base_dispatch(w->base);
		smtp_session_free(w->session);
		assert_string_equal(w->events.s, "1 returned\nrefused 0\n");
		if (strstr(w->why, rows[i].said) == NULL)
			fail_msg("%s: %s", rows[i].why, w->why);
	}
}

static void
scripted_servers(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(scenarios) / sizeof(scenarios[0]); i++)
		run_scenario(&scenarios[i]);
}

/* A key and a certificate for 127.0.0.1 that it signed itself. */
static X509 *
make_certificate(EVP_PKEY *key)
{
	X509 *x = X509_new();
	X509_EXTENSION *san;
	X509_NAME *name = X509_get_subject_name(x);

	X509_set_version(x, 2);
	ASN1_INTEGER_set(X509_get_serialNumber(x), 1);
	X509_gmtime_adj(X509_getm_notBefore(x), -3600);
	X509_gmtime_adj(X509_getm_notAfter(x), 86400);
	X509_set_pubkey(x, key);
	X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC,
	    (const unsigned char *)"test", -1, -1, 0);
	X509_set_issuer_name(x, name);
	san = X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name,
	    "IP:127.0.0.1");
	X509_add_ext(x, san, -1);
	X509_EXTENSION_free(san);
	assert_true(X509_sign(x, key, EVP_sha256()) > 0);
	return x;
}

static void
make_tls(struct world *w)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *cert = make_certificate(key);

	w->server_tls = SSL_CTX_new(TLS_server_method());
	assert_int_equal(SSL_CTX_use_certificate(w->server_tls, cert), 1);
	assert_int_equal(SSL_CTX_use_PrivateKey(w->server_tls, key), 1);
	for (int i = 0; i < 2; i++) {
		w->client_tls[i] = SSL_CTX_new(TLS_client_method());
		SSL_CTX_set_options(w->client_tls[i],
		    SSL_OP_IGNORE_UNEXPECTED_EOF);
	}
	X509_STORE_add_cert(SSL_CTX_get_cert_store(w->client_tls[1]), cert);
	X509_free(cert);
	EVP_PKEY_free(key);
}

static int
set_up(void **state)
{
	struct world *w = &world;
	struct err e = ERR_INIT;

	(void)state;
	conf_init(&w->conf);
	snprintf(w->conf.hostname, sizeof(w->conf.hostname), "lists.example");
	w->conf.allow_loopback = true;
	w->conf.resolver = (struct conf_server){ 4, { 127, 0, 0, 1 }, 9 };
	strbuf_init(&w->events, 65536);
	w->base = event_base_new();
	w->timers = timers_new(w->base, &realclock, false);
	w->resolver = resolver_new(w->base, &w->conf, -1, -1, &e);
	w->play = event_new(w->base, -1, 0, on_play, w);
	make_tls(w);
	return w->resolver == NULL ? -1 : 0;
}

static int
tear_down(void **state)
{
	struct world *w = &world;

	(void)state;
	event_free(w->play);
	SSL_CTX_free(w->server_tls);
	SSL_CTX_free(w->client_tls[0]);
	SSL_CTX_free(w->client_tls[1]);
	resolver_free(w->resolver);
	timers_free(w->timers);
	event_base_free(w->base);
	strbuf_free(&w->events);
	return 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(scripted_servers),
		cmocka_unit_test(addresses_that_are_passed_over),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
