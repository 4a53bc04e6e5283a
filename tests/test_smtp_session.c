/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_smtp_session.c - a session against scripted servers on loopback: what
 * is said in which order, and what becomes of each delivery.
 *
 * A script is played by a server inside the test:
 *
 *	S text	send the text and CRLF		C text	a line that begins so
 *	D	content up to its final dot	X	close the connection
 *	N	wait for the next connection	Z	nothing more may come
 *	W	wind the session down, and give it delivery 9
 *
 * What the session tells is written down as one line per event and compared.
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
#include <event2/event.h>
#include <event2/listener.h>

#include "lib/conf.h"
#include "lib/err.h"
#include "lib/strbuf.h"
#include "lib/sys/realclock.h"
#include "lib/sys/timers.h"
#include "lib/xmalloc.h"
#include "listd/copy.h"
#include "listd/resolver.h"
#include "listd/smtp_session.h"

#define TEST_LIMIT_S	10	/* a scenario that takes longer has hung */

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
	struct smtp_session	*session;
	unsigned		 closed_gate;	/* delivery whose gate is shut */
	struct event		*play;
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
take_content(struct evbuffer *in)
{
	struct evbuffer_ptr at = evbuffer_search(in, "\r\n.\r\n", 5, NULL);

	if (at.pos == -1)
		return false;
	evbuffer_drain(in, (size_t)at.pos + 5);
	return true;
}

static bool
take_line(struct world *w, struct evbuffer *in, const char *want)
{
	size_t len;
	char *line = evbuffer_readln(in, &len, EVBUFFER_EOL_CRLF_STRICT);

	if (line == NULL)
		return false;
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

static void
wind_down(struct world *w)
{
	struct ipc_delivery d = { .delivery = 9, .kind = IPC_KIND_CAMPAIGN,
		.local = "r9", .domain = "one.example" };

	smtp_session_wind_down(w->session);
	assert_false(smtp_session_give(w->session, &d));
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
		if (line[0] == 'D' && !take_content(in))
			return;
		if (line[0] == 'S') {
			bufferevent_write(w->peer, line + 2,
			    strlen(line + 2));
			bufferevent_write(w->peer, "\r\n", 2);
		}
		if (line[0] == 'X') {
			struct evbuffer *out = bufferevent_get_output(w->peer);

			evbuffer_unfreeze(out, 1);
			evbuffer_write(out, bufferevent_getfd(w->peer));
			peer_close(w);
		}
		if (line[0] == 'W')
			wind_down(w);
		if (line[0] == 'Z' && evbuffer_get_length(in) > 0)
			script_fail(w, line);
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

	return d->delivery == w->closed_gate ? 2 : 0;
}

static struct copy *
op_make(void *arg, const struct ipc_delivery *d, struct err *e)
{
	struct copy *c = xcalloc(1, sizeof(*c));

	(void)arg;
	(void)e;
	c->iov = xcalloc(2, sizeof(*c->iov));
	c->n = 1;
	if (asprintf((char **)&c->iov[0].iov_base,
	    "Subject: %u\r\n\r\n%u\r\n.\r\n", (unsigned)d->delivery,
	    (unsigned)d->delivery) == -1)
		abort();
	c->octets = c->iov[0].iov_len = strlen(c->iov[0].iov_base);
	snprintf(c->return_path, sizeof(c->return_path), "b-%u@b.example",
	    (unsigned)d->delivery);
	return c;
}

static void
op_release(void *arg, struct copy *c)
{
	char *end;

	(void)arg;
	/* writev moved the piece; its memory began where it ends. */
	end = (char *)c->iov[0].iov_base + c->iov[0].iov_len;
	free(end - c->octets);
	free(c->iov);
	free(c);
}

static void
op_mark(void *arg, const struct ipc_delivery *d, unsigned *slot,
    enum smtp_mark mark)
{
	(void)arg;
	(void)slot;
	(void)d;
	(void)mark;
}

static void
op_outcome(void *arg, const struct ipc_outcome *o)
{
	static const char *const results[] = { "?", "delivered", "deferred",
		"failed", "skipped", "dropped" };
	struct world *w = arg;

	strbuf_addf(&w->events, "%u %s %u\n", (unsigned)o->what.delivery,
	    results[o->result], o->code);
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
	if (s->event != IPC_SESSION_UP)
		event_base_loopbreak(w->base);
}

static const struct smtp_session_ops ops = {
	op_gate, op_make, op_release, op_mark, op_outcome, op_returned, op_state
};

/* ---- scenarios */

#define HELLO_PIPE	"S 220 mx", "C EHLO", "S 250-mx", "S 250 PIPELINING"
#define HELLO_PLAIN	"S 220 mx", "C EHLO", "S 250 mx"
#define LONG_FIFTY "a reply that goes on and on until it has been cut. "
#define LONG	LONG_FIFTY LONG_FIFTY LONG_FIFTY LONG_FIFTY LONG_FIFTY \
	LONG_FIFTY LONG_FIFTY LONG_FIFTY LONG_FIFTY "and then so on, "
#define SCRIPT(...)	(const char *const[]){ __VA_ARGS__, NULL }

static const struct scenario {
	const char *why;
	const char *const *script;
	unsigned deliveries;
	unsigned closed_gate;
	const char *events;
} scenarios[] = {
	{ "content and next envelope in one group (RFC 2920 3.1)",
	    SCRIPT(HELLO_PIPE,
		"C MAIL FROM:<b-1@b.example>", "C RCPT TO:<r1@one.example>",
		"C DATA", "Z", "S 250 ok", "S 250 ok", "S 354 go",
		"D", "C MAIL FROM:<b-2@", "C RCPT TO:<r2@", "C DATA",
		"S 250 got it", "S 250 ok", "S 250 ok", "S 354 go", "D",
		"S 250 got it", "C QUIT", "S 221 bye"),
	    2, 0, "up 0\n1 delivered 250\n2 delivered 250\nclosed 0\n" },
	{ "without PIPELINING each command waits (RFC 5321)",
	    SCRIPT(HELLO_PLAIN, "C MAIL", "Z", "S 250 ok", "C RCPT", "Z",
		"S 250 ok", "C DATA", "Z", "S 354 go", "D", "Z", "S 250 ok",
		"C MAIL", "S 250 ok", "C RCPT", "S 250 ok", "C DATA",
		"S 354 go", "D", "S 250 ok", "C QUIT", "S 221 bye"),
	    2, 0, "up 0\n1 delivered 250\n2 delivered 250\nclosed 0\n" },
	{ "EHLO unknown: HELO (RFC 5321 3.2)",
	    SCRIPT("S 220 mx", "C EHLO", "S 502 what", "C HELO", "S 250 mx",
		"C MAIL", "S 250 ok", "C RCPT", "S 250 ok", "C DATA",
		"S 354 go", "D", "S 250 ok", "C QUIT", "S 221 bye"),
	    1, 0, "up 0\n1 delivered 250\nclosed 0\n" },
	{ "one unknown user costs only its own delivery",
	    SCRIPT(HELLO_PIPE, "C MAIL", "C RCPT", "C DATA",
		"S 250 ok", "S 550 5.1.1 no such user", "S 503 no recipients",
		"C RSET", "C MAIL", "C RCPT", "C DATA", "S 250 reset",
		"S 250 ok", "S 250 ok", "S 354 go", "D", "S 250 ok",
		"C QUIT", "S 221 bye"),
	    2, 0, "up 0\n1 failed 550\n2 delivered 250\nclosed 0\n" },
	{ "354 after all recipients failed: a lone dot (R110)",
	    SCRIPT(HELLO_PIPE, "C MAIL", "C RCPT", "C DATA",
		"S 250 ok", "S 550 5.1.1 no such user", "S 354 go on",
		"C .", "S 554 no recipients",
		"C MAIL", "C RCPT", "C DATA", "S 250 ok", "S 250 ok",
		"S 354 go", "D", "S 250 ok", "C QUIT", "S 221 bye"),
	    2, 0, "up 0\n1 failed 550\n2 delivered 250\nclosed 0\n" },
	{ "refused without PIPELINING: RSET alone, then the next",
	    SCRIPT(HELLO_PLAIN, "C MAIL", "S 250 ok", "C RCPT",
		"S 550 5.1.1 no", "C RSET", "Z", "S 250 ok", "C MAIL",
		"S 250 ok", "C RCPT", "S 250 ok", "C DATA", "S 354 go", "D",
		"S 250 ok", "C QUIT", "S 221 bye"),
	    2, 0, "up 0\n1 failed 550\n2 delivered 250\nclosed 0\n" },
	{ "dropped after the final dot: tried, and again later (R104)",
	    SCRIPT(HELLO_PIPE, "C MAIL", "C RCPT", "C DATA", "S 250 ok",
		"S 250 ok", "S 354 go", "D", "X"),
	    1, 0, "up 0\n1 deferred 0\nrefused 0\n" },
	{ "hung up between messages: the next is given back (R11)",
	    SCRIPT(HELLO_PIPE, "C MAIL", "C RCPT", "C DATA", "S 250 ok",
		"S 250 ok", "S 354 go", "D", "S 250 ok", "X"),
	    2, 0, "up 0\n1 delivered 250\n2 returned\nclosed 0\n" },
	{ "a closed gate says nothing about that person",
	    SCRIPT(HELLO_PIPE, "C MAIL FROM:<b-2@", "C RCPT", "C DATA",
		"S 250 ok", "S 250 ok", "S 354 go", "D", "S 250 ok",
		"C QUIT", "S 221 bye"),
	    2, 1, "up 0\n1 skipped 0\n2 delivered 250\nclosed 0\n" },
	{ "a banner that refuses is trouble of the site",
	    SCRIPT("S 554 go away"),
	    2, 0, "1 returned\n2 returned\nrefused 554\n" },
	{ "421 in the middle ends the connection",
	    SCRIPT(HELLO_PIPE, "C MAIL", "C RCPT", "C DATA", "S 250 ok",
		"S 250 ok", "S 354 go", "D", "S 250 ok",
		"C MAIL", "S 421 4.3.2 closing"),
	    2, 0, "up 0\n1 delivered 250\n2 returned\nrefused 421\n" },
	{ "a malformed reply is a temporary failure (F23)",
	    SCRIPT(HELLO_PIPE, "C MAIL", "C RCPT", "C DATA", "S 999 what"),
	    1, 0, "up 0\n1 deferred 0\nrefused 0\n" },
	{ "no address is kept, said twice, in 421, or where a text is cut",
	    SCRIPT(HELLO_PIPE, "C MAIL", "C RCPT", "C DATA", "S 250 ok",
		"S 550 5.1.1 <R1@ONE.example> r1@one.example " LONG
		"r1@one.example", "S 503 no", "C RSET", "C MAIL", "C RCPT",
		"C DATA", "S 250 ok", "S 250 ok",
		"S 421 4.2.1 <r2@one.example> is busy"),
	    2, 0, "up 0\n1 failed 550\n2 deferred 421\nrefused 421\n" },
	{ "winding down: what was begun ends, nothing is taken",
	    SCRIPT(HELLO_PIPE, "C MAIL", "C RCPT", "C DATA", "W", "S 250 ok",
		"S 250 ok", "S 354 go", "D", "S 250 ok"),
	    2, 0, "up 0\n2 returned\n9 returned\n1 delivered 250\n"
	    "closed 0\n" },
	{ "SIZE smaller than the copy: permanent for it (R111)",
	    SCRIPT("S 220 mx", "C EHLO", "S 250-mx", "S 250-SIZE 5",
		"S 250 PIPELINING", "C QUIT", "S 221 bye"),
	    1, 0, "up 0\n1 failed 0\nclosed 0\n" },
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

	sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	w->listener = evconnlistener_new_bind(w->base, on_accept, w,
	    LEV_OPT_CLOSE_ON_FREE | LEV_OPT_REUSEABLE, 8,
	    (struct sockaddr *)&sin, sizeof(sin));
	assert_non_null(w->listener);
	assert_int_equal(getsockname(evconnlistener_get_fd(w->listener),
	    (struct sockaddr *)&sin, &len), 0);
	return ntohs(sin.sin_port);
}

static void
give(struct world *w, unsigned n)
{
	for (unsigned i = 1; i <= n; i++) {
		struct ipc_delivery d = { .delivery = i,
			.kind = IPC_KIND_CAMPAIGN, .domain = "one.example" };

		snprintf(d.local, sizeof(d.local), "r%u", i);
		smtp_session_give(w->session, &d);
	}
}

static void
run_scenario(const struct scenario *sc)
{
	struct world *w = &world;
	struct ipc_session_open grant = { .session = 1, .depth = 8, .n = 1,
		.host = { { 10, "127.0.0.1" } } };
	struct smtp_session_env env = { w->base, w->timers, &w->conf,
		w->resolver, NULL, &ops, w };
	struct timeval limit = { TEST_LIMIT_S, 0 };
	struct event *timeout = evtimer_new(w->base, on_limit, w);

	w->script = sc->script;
	w->wrong = NULL;
	w->closed_gate = sc->closed_gate;
	strbuf_reset(&w->events);
	w->conf.smtp_port = listen_port(w);
	event_add(timeout, &limit);
	w->session = smtp_session_start(&env, &grant);
	give(w, sc->deliveries);
	smtp_session_close(w->session);
	event_base_dispatch(w->base);
	smtp_session_free(w->session);
	peer_close(w);
	evconnlistener_free(w->listener);
	event_free(timeout);
	if (w->wrong != NULL)
		fail_msg("%s: the script stood at \"%s\"; events:\n%s",
		    sc->why, w->wrong, w->events.s);
	if (strcmp(w->events.s, sc->events) != 0)
		fail_msg("%s: events were\n%s", sc->why, w->events.s);
}

static void
scripted_servers(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(scenarios) / sizeof(scenarios[0]); i++)
		run_scenario(&scenarios[i]);
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
	return w->resolver == NULL ? -1 : 0;
}

static int
tear_down(void **state)
{
	struct world *w = &world;

	(void)state;
	event_free(w->play);
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
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
