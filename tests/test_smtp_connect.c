/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_smtp_connect.c - which addresses of a route are tried, in which order,
 * and when that is enough (RFC 5321 section 5.1).
 *
 * Host hN of a route has the addresses 127.0.N.1 and 127.0.N.2; one server
 * listens at all of them.  The resolver is this file's.
 */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <cmocka.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/listener.h>

#include "lib/clock.h"
#include "lib/conf.h"
#include "lib/strbuf.h"
#include "lib/sys/timers.h"
#include "lib/xmalloc.h"
#include "listd/memo.h"
#include "listd/resolver.h"
#include "listd/smtp_session_private.h"

#define TEST_LIMIT_S	60
#define HOSTS		5

static int64_t now_ms;

static struct world {
	struct event_base	*base;
	struct timers		*timers;
	struct conf		 conf;
	struct smtp_session_env	 env;
	struct evconnlistener	*listener;
	const char		*says[HOSTS];	/* as banner; NULL: hangs up */
	unsigned		 equals;	/* first hosts of one preference */
	struct strbuf		 tried;		/* host.address and a blank */
	struct ipc_session_state end;		/* the last that was told */
	unsigned		 untold;	/* connects, as told in all */
	bool			 up;
} w;

static int64_t
hand_ms(const struct clock *c)
{
	(void)c;
	return now_ms;
}

static const struct clock hand = { hand_ms, hand_ms, NULL };

/* ---- the resolver */

struct resolver_lookup {
	void	(*done)(void *, const struct resolver_host *);
	void	*arg;
	struct resolver_host found;
	struct event *event;
};

static void
on_found(evutil_socket_t fd, short what, void *arg)
{
	struct resolver_lookup *l = arg;

	(void)fd;
	(void)what;
	l->done(l->arg, &l->found);
	event_free(l->event);
	free(l);
}

struct resolver_lookup *
resolver_addresses(struct resolver *r, const char *host,
    void (*done)(void *, const struct resolver_host *), void *arg)
{
	struct resolver_lookup *l = xcalloc(1, sizeof(*l));

	(void)r;
	l->done = done;
	l->arg = arg;
	for (uint8_t i = 0; i < 2; i++)
		l->found.address[l->found.n++] = (struct resolver_address){ 4,
			{ 127, 0, (uint8_t)(host[1] - '0'), i + 1 } };
	l->event = event_new(w.base, -1, 0, on_found, l);
	event_active(l->event, EV_TIMEOUT, 0);
	return l;
}

struct resolver_lookup *
resolver_alias(struct resolver *r, const char *host,
    void (*done)(void *, enum ipc_dns, bool), void *arg)
{
	(void)r;
	(void)host;
	(void)done;
	(void)arg;
	fail_msg("nobody asked for DANE");
	return NULL;
}

struct resolver_lookup *
resolver_tlsa(struct resolver *r, const char *host, uint16_t port,
    void (*done)(void *, enum ipc_dns, bool, const struct tlsa_set *),
    void *arg)
{
	(void)r;
	(void)host;
	(void)port;
	(void)done;
	(void)arg;
	fail_msg("nobody asked for DANE");
	return NULL;
}

void
resolver_cancel(struct resolver_lookup *l)
{
	event_free(l->event);
	free(l);
}

/* ---- the servers */

static void
on_line(struct bufferevent *bev, void *arg)
{
	char *line;

	(void)arg;
	while ((line = evbuffer_readln(bufferevent_get_input(bev), NULL,
	    EVBUFFER_EOL_CRLF)) != NULL) {
		evbuffer_add_printf(bufferevent_get_output(bev), "%s\r\n",
		    strncmp(line, "QUIT", 4) == 0 ? "221 bye" : "250 mx");
		free(line);
	}
}

static void
on_gone(struct bufferevent *bev, short what, void *arg)
{
	(void)what;
	(void)arg;
	bufferevent_free(bev);
}

static void
on_accept(struct evconnlistener *l, evutil_socket_t fd, struct sockaddr *sa,
    int len, void *arg)
{
	struct sockaddr_in at;
	socklen_t at_len = sizeof(at);
	struct bufferevent *bev;
	const char *says;
	uint32_t ip;

	(void)l;
	(void)sa;
	(void)len;
	(void)arg;
	assert_int_equal(getsockname(fd, (struct sockaddr *)&at, &at_len), 0);
	ip = ntohl(at.sin_addr.s_addr);
	strbuf_addf(&w.tried, "%u.%u ", ip >> 8 & 255, ip & 255);
	says = w.says[(ip >> 8 & 255) - 1];
	if (says == NULL) {
		evutil_closesocket(fd);
		return;
	}
	bev = bufferevent_socket_new(w.base, fd, BEV_OPT_CLOSE_ON_FREE);
	bufferevent_setcb(bev, on_line, NULL, on_gone, NULL);
	bufferevent_enable(bev, EV_READ | EV_WRITE);
	evbuffer_add_printf(bufferevent_get_output(bev), "%s\r\n", says);
}

/* ---- the session */

static void
op_state(void *arg, const struct ipc_session_state *state)
{
	(void)arg;
	w.end = *state;
	w.untold += state->connects;
	if (state->event == IPC_SESSION_UP)
		w.up = true;
	else
		event_base_loopbreak(w.base);
}

static const struct smtp_session_ops ops = { .state = op_state };

static void
on_limit(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	(void)arg;
	fail_msg("it hangs after \"%s\"", w.tried.s);
}

/* A session to the first n hosts, w.equals of them equal; what it tried. */
static const char *
run_session(unsigned n, const uint8_t source[4])
{
	struct ipc_session_open grant = { .session = 1, .depth = 8,
		.n = (uint16_t)n };
	struct event *limit = evtimer_new(w.base, on_limit, NULL);
	const struct timeval later = { TEST_LIMIT_S, 0 };
	struct smtp_session *session;

	for (unsigned i = 0; i < n; i++) {
		grant.host[i].preference = i < w.equals ? 0 : (uint16_t)i;
		snprintf(grant.host[i].name, sizeof(grant.host[i].name), "h%u",
		    i + 1);
	}
	if (source != NULL) {
		grant.source_family = 4;
		memcpy(grant.source_ip, source, 4);
	}
	strbuf_reset(&w.tried);
	w.up = false;
	w.untold = 0;
	event_add(limit, &later);
	session = smtp_session_start(&w.env, &grant);
	smtp_session_close(session);
	event_base_dispatch(w.base);
	smtp_session_free(session);
	event_free(limit);
	strbuf_add(&w.tried, "", 1);
	return (const char *)w.tried.s;
}

static int
set_up(void **state)
{
	struct sockaddr_in sin = { .sin_family = AF_INET };
	socklen_t len = sizeof(sin);

	(void)state;
	memset(&w, 0, sizeof(w));
	now_ms = 1000;
	conf_init(&w.conf);
	snprintf(w.conf.hostname, sizeof(w.conf.hostname), "lists.example");
	w.conf.allow_loopback = true;
	w.conf.smtp_dane = false;
	strbuf_init(&w.tried, 4096);
	w.base = event_base_new();
	w.timers = timers_new(w.base, &hand, false);
	w.listener = evconnlistener_new_bind(w.base, on_accept, NULL,
	    LEV_OPT_CLOSE_ON_FREE, 64, (struct sockaddr *)&sin, sizeof(sin));
	assert_non_null(w.listener);
	assert_int_equal(getsockname(evconnlistener_get_fd(w.listener),
	    (struct sockaddr *)&sin, &len), 0);
	w.conf.smtp_port = ntohs(sin.sin_port);
	w.env = (struct smtp_session_env){ .base = w.base, .timers = w.timers,
		.conf = &w.conf, .dead = memo_new(), .ops = &ops };
	return 0;
}

static int
tear_down(void **state)
{
	(void)state;
	/* Those that were talked to see their end. */
	event_base_loop(w.base, EVLOOP_NONBLOCK);
	evconnlistener_free(w.listener);
	memo_free(w.env.dead);
	timers_free(w.timers);
	event_base_free(w.base);
	strbuf_free(&w.tried);
	return 0;
}

#define ALL(TEXT)	{ TEXT, TEXT, TEXT, TEXT, TEXT }

static const struct {
	const char *why;
	unsigned hosts;
	const char *says[HOSTS];
	const char *tried;
	bool up;
	uint16_t code;		/* that is told in the end */
	bool relays;
} rows[] = {
	{ "the first one takes it", 3, ALL("220 mx"), "1.1 ", true, 0,
	    false },
	{ "silence leads through all of them", 5, ALL(NULL),
	    "1.1 1.2 2.1 2.2 3.1 3.2 4.1 4.2 5.1 5.2 ", false, 0, false },
	{ "to one who is too busy there may be another", 5,
	    { "421 4.3.2 shutting down", "220 mx" }, "1.1 2.1 ", true, 0,
	    false },
	{ "but not a third", 5, ALL("421 4.3.2 shutting down"), "1.1 2.1 ",
	    false, 421, false },
	{ "the other address, where there is no other host", 1,
	    ALL("421 4.3.2 shutting down"), "1.1 1.2 ", false, 421, false },
	{ "too much from us: nobody else is asked (R5)", 5,
	    ALL("421 4.7.28 unusual rate of mail"), "1.1 ", false, 421,
	    false },
	{ "the same in words", 5, ALL("421 too many connections"), "1.1 ",
	    false, 421, false },
	{ "we are on a list", 5, ALL("554 5.7.1 blocked"), "1.1 ", false, 554,
	    false },
	{ "silence is not a no", 5, { NULL, NULL, "421 4.3.2 shutting down",
	    "220 mx" }, "1.1 1.2 2.1 2.2 3.1 4.1 ", true, 0, false },
	{ "relays are of different people", 5,
	    ALL("421 4.7.28 unusual rate of mail"), "1.1 2.1 3.1 4.1 5.1 5.2 ",
	    false, 421, true },
};

static void
how_far_it_goes(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const char *tried;
		unsigned n = 0;

		set_up(state);
		memcpy(w.says, rows[i].says, sizeof(w.says));
		if (rows[i].relays) {
			w.conf.smarthost.n = 1;
			w.conf.smarthost_tls = CONF_TLS_OPPORTUNISTIC;
			w.conf.smarthost_networks = (struct conf_cidrs){ 1,
				{ { .family = 4, .bits = 8, .ip = { 127 } } } };
		}
		tried = run_session(rows[i].hosts, NULL);
		if (strcmp(tried, rows[i].tried) != 0 || w.up != rows[i].up)
			fail_msg("%s: %s%s", rows[i].why, tried,
			    w.up ? "up" : "");
		if (w.end.code != rows[i].code)
			fail_msg("%s: %u", rows[i].why, w.end.code);
		/* Queue counted one, and has to hear of the others. */
		for (const char *p = tried; *p != '\0'; p++)
			n += *p == ' ';
		assert_int_equal(w.untold, n - 1);
		tear_down(state);
	}
}

/* Equal ones have an order of each session's own; others never come first. */
static void
equal_hosts_share_the_load(void **state)
{
	unsigned first[HOSTS] = { 0 };

	(void)state;
	for (unsigned i = 0; i < HOSTS; i++)
		w.says[i] = "220 mx";
	w.equals = 3;
	for (int i = 0; i < 200; i++)
		first[run_session(5, NULL)[0] - '1']++;
	for (unsigned i = 0; i < HOSTS; i++)
		if ((first[i] > 0) != (i < 3))
			fail_msg("h%u was first %u times", i + 1, first[i]);
	/* Where they fail the others follow by preference. */
	w.says[0] = w.says[1] = w.says[2] = w.says[3] = NULL;
	assert_string_equal(run_session(5, NULL) + strlen("1.1 1.2 ") * 3,
	    "4.1 4.2 5.1 ");
	/* Relays come as they were drawn. */
	w.conf.smarthost.n = 1;
	w.conf.smarthost_tls = CONF_TLS_OPPORTUNISTIC;
	w.conf.smarthost_networks = (struct conf_cidrs){ 1,
		{ { .family = 4, .bits = 8, .ip = { 127 } } } };
	w.says[0] = "220 mx";
	now_ms += DEAD_MS;
	for (int i = 0; i < 20; i++)
		assert_string_equal(run_session(5, NULL), "1.1 ");
}

/* Not every session waits for an address where nobody answers. */
static void
the_dead_come_last(void **state)
{
	static const uint8_t one[4] = { 127, 0, 0, 1 },
	    two[4] = { 127, 0, 0, 2 };

	(void)state;
	w.says[1] = "220 mx";
	assert_string_equal(run_session(2, one), "1.1 1.2 2.1 ");
	assert_string_equal(run_session(2, one), "2.1 ");
	/* From another address of ours it may be otherwise. */
	assert_string_equal(run_session(2, two), "1.1 1.2 2.1 ");
	/* Where there is nothing else they are tried. */
	assert_string_equal(run_session(1, one), "1.1 1.2 ");
	w.says[1] = NULL;
	assert_string_equal(run_session(2, one), "2.1 2.2 1.1 1.2 ");
	assert_string_equal(run_session(2, one), "1.1 1.2 2.1 2.2 ");
	assert_false(w.up);
	/* Who answers again is forgiven. */
	w.says[0] = "220 mx";
	assert_string_equal(run_session(2, one), "1.1 ");
	assert_string_equal(run_session(2, one), "1.1 ");
	/* And in time so are all. */
	w.says[0] = NULL;
	w.says[1] = "220 mx";
	assert_string_equal(run_session(2, one), "1.1 1.2 2.1 ");
	assert_string_equal(run_session(2, one), "2.1 ");
	now_ms += DEAD_MS;
	assert_string_equal(run_session(2, one), "1.1 1.2 2.1 ");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(how_far_it_goes),
		cmocka_unit_test_setup_teardown(equal_hosts_share_the_load,
		    set_up, tear_down),
		cmocka_unit_test_setup_teardown(the_dead_come_last, set_up,
		    tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
