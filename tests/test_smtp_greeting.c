/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_smtp_greeting.c - a session until mail may be sent: which addresses are
 * tried, TLS, AUTH, and what a host gets that has not what it needs.
 */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include <event2/event.h>

#include "lib/clock.h"
#include "lib/sys/timers.h"
#include "listd/memo.h"
#include "listd/tls_sessions.h"
#include "tests/smtp_script.h"

static const struct scenario scenarios[] = {
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
scripted_servers(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(scenarios) / sizeof(scenarios[0]); i++)
		script_run(&scenarios[i]);
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
	struct world *w = &script_world;
	struct smtp_session_env env = { .base = w->base, .timers = w->timers,
		.conf = &w->conf, .resolver = w->resolver, .ops = &script_ops,
		.arg = w };

	(void)state;
	script_set_policy(w, 0);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct ipc_session_open grant = { .session = 1, .depth = 8,
			.n = 1 };

		snprintf(grant.host[0].name, sizeof(grant.host[0].name), "%s",
		    rows[i].host);
		w->conf.smtp_ipv6 = rows[i].ipv6;
		w->conf.allow_loopback = rows[i].loopback;
		strbuf_reset(&w->events);
		w->session = smtp_session_start(&env, &grant);
		script_give(w, 1);
		event_base_dispatch(w->base);
		smtp_session_free(w->session);
		assert_string_equal(w->events.s, "1 returned\nrefused 0\n");
		if (strstr(w->why, rows[i].said) == NULL)
			fail_msg("%s: %s", rows[i].why, w->why);
	}
}

/* RFC 5321 section 5.1: where we are a host, later ones only bring it back. */
static void
later_hosts_than_ourselves_are_not_tried(void **state)
{
	struct world *w = &script_world;
	struct smtp_session_env env = { .base = w->base, .timers = w->timers,
		.conf = &w->conf, .resolver = w->resolver, .ops = &script_ops,
		.arg = w };
	const struct ipc_session_open grant = { .session = 1, .depth = 8,
		.n = 3, .host = { { 10, "2001:db8::1" }, { 20, "192.0.2.25" },
		    { 30, "127.0.0.1" } } };

	(void)state;
	script_set_policy(w, 0);
	w->conf.allow_loopback = true;
	w->conf.smtp_ipv6 = false;
	w->conf.smtp_listen = (struct conf_listens){ 1, { { 4,
		{ 192, 0, 2, 25 }, (uint16_t)w->conf.smtp_port, "" } } };
	strbuf_reset(&w->events);
	w->session = smtp_session_start(&env, &grant);
	script_give(w, 1);
	event_base_dispatch(w->base);
	smtp_session_free(w->session);
	w->conf.smtp_listen.n = 0;
	assert_string_equal(w->events.s, "1 returned\nrefused 0\n");
	assert_non_null(strstr(w->why, "lead back"));	/* not what came last */
}

/* A session that is resumed tells who we are, so it is so to each alone. */
static void
each_source_has_its_tls_sessions(void **state)
{
	static const uint8_t sources[] = { 0, 2, 3, 2 };
	const struct scenario once = { "TLS",
		SCRIPT(HELLO_TLS, INSIDE_TLS, "S 250-mx", "S 250 PIPELINING",
		    BYE), 0, 0, "up 0\nclosed 0\n", TLS_POLICY, 0, 0 };
	struct world *w = &script_world;

	(void)state;
	w->conf.allow_loopback = true;
	w->sessions = tls_sessions_new(8);
	for (size_t i = 0; i < sizeof(sources); i++) {
		w->source = sources[i];
		script_run(&once);
		assert_int_equal(tls_sessions_count(w->sessions),
		    i < 3 ? i + 1 : 3);
	}
	tls_sessions_free(w->sessions);
	w->sessions = NULL;
	w->source = 0;
}

/* S88: as long as the data say, or not at all. */
static void
broken_tls_is_known_for_a_while(void **state)
{
	static const struct { uint16_t hours; int64_t until, not_at; } rows[] = {
		{ 72, 71, 73 }, { 720, 719, 721 }, { 0, -1, 0 },
	};
	const struct scenario broken = { "broken handshake",
		SCRIPT(HELLO_TLS, "S 220 go", "X", "N", "S 220 mx", "C EHLO",
		    "S 250-mx", "S 250-STARTTLS", "S 250 PIPELINING",
		    ENVELOPE, ACCEPTED, BYE), 1, 0,
		"up 0\n1 delivered 250\nclosed 0\n", TLS_FREE, 0, 2 };
	struct world *w = &script_world;
	const int64_t hour = 3600000;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		int64_t now;

		w->tls_broken = memo_new();
		w->broken_tls_hours = rows[i].hours;
		script_run(&broken);
		now = clock_mono_ms(timers_clock(w->timers));
		assert_true(rows[i].until < 0 || memo_has(w->tls_broken,
		    "127.0.0.1", now + rows[i].until * hour));
		assert_false(memo_has(w->tls_broken, "127.0.0.1",
		    now + rows[i].not_at * hour));
		memo_free(w->tls_broken);
		w->tls_broken = NULL;
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(scripted_servers),
		cmocka_unit_test(broken_tls_is_known_for_a_while),
		cmocka_unit_test(addresses_that_are_passed_over),
		cmocka_unit_test(each_source_has_its_tls_sessions),
		cmocka_unit_test(later_hosts_than_ourselves_are_not_tried),
	};

	return cmocka_run_group_tests(tests, script_set_up, script_tear_down);
}
