/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_tls_sessions.c - what is resumed, and where not: each ticket of TLS 1.3
 * once, nothing across hosts, policies and sources, nothing that is too old.
 */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "listd/tls_sessions.h"

#define T0	1700000000

static SSL_SESSION *
session(int version, long timeout_s)
{
	static const unsigned char id[32] = { 1 }, key[48] = { 2 };
	SSL_SESSION *s = SSL_SESSION_new();

	assert_non_null(s);
	SSL_SESSION_set_protocol_version(s, version);
	SSL_SESSION_set1_id(s, id, sizeof(id));
	SSL_SESSION_set1_master_key(s, key, sizeof(key));
	SSL_SESSION_set_time(s, T0);
	SSL_SESSION_set_timeout(s, timeout_s);
	return s;
}

static const struct {
	const char *why;
	struct tls_session_key k;
	bool same;
} keys[] = {
	{ "itself", { "mx.example:25", "mx.example", 2, 7, 4, "" }, true },
	{ "any case", { "MX.example:25", "mx.EXAMPLE", 2, 7, 4, "" }, true },
	{ "another host", { "mx2.example:25", "mx.example", 2, 7, 4, "" },
	    false },
	{ "another port", { "mx.example:26", "mx.example", 2, 7, 4, "" },
	    false },
	{ "another name in SNI", { "mx.example:25", "", 2, 7, 4, "" }, false },
	{ "less was asked of the peer", { "mx.example:25", "mx.example", 1, 7,
	    4, "" }, false },
	{ "other TLSA records", { "mx.example:25", "mx.example", 2, 8, 4,
	    "" }, false },
	{ "the other family", { "mx.example:25", "mx.example", 2, 7, 6, "" },
	    false },
	{ "another source", { "mx.example:25", "mx.example", 2, 7, 4,
	    "192.0.2.1" }, false },
};

static void
all_must_be_the_same(void **state)
{
	char key[TLS_SESSION_KEY_MAX], other[TLS_SESSION_KEY_MAX];
	struct tls_session_key longer = keys[0].k;
	static char name[TLS_SESSION_KEY_MAX + 1];

	(void)state;
	tls_session_key(key, &keys[0].k);
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		tls_session_key(other, &keys[i].k);
		if ((strcmp(key, other) == 0) != keys[i].same)
			fail_msg("%s", keys[i].why);
	}
	memset(name, 'x', sizeof(name) - 1);
	longer.host = name;
	tls_session_key(key, &longer);
	assert_string_equal(key, "");
}

static void
a_ticket_is_used_once(void **state)
{
	struct tls_sessions *c = tls_sessions_new(8);
	SSL_SESSION *s;

	(void)state;		/* RFC 8446 section C.4 */
	tls_sessions_put(c, "a", session(TLS1_3_VERSION, 7200));
	assert_null(tls_sessions_take(c, "b", T0));
	s = tls_sessions_take(c, "a", T0);
	assert_non_null(s);
	SSL_SESSION_free(s);
	assert_null(tls_sessions_take(c, "a", T0));
	assert_int_equal(tls_sessions_count(c), 0);
	/* A session of TLS 1.2 may be resumed again and again. */
	tls_sessions_put(c, "a", session(TLS1_2_VERSION, 7200));
	for (int i = 0; i < 3; i++) {
		s = tls_sessions_take(c, "a", T0 + i);
		assert_non_null(s);
		SSL_SESSION_free(s);
	}
	tls_sessions_clear(c);
	assert_int_equal(tls_sessions_count(c), 0);
	/* What has no key is not kept. */
	tls_sessions_put(c, "", session(TLS1_3_VERSION, 7200));
	assert_int_equal(tls_sessions_count(c), 0);
	tls_sessions_free(c);
	tls_sessions_free(NULL);
}

static void
old_ones_are_not_offered(void **state)
{
	static const struct {
		long timeout_s;
		int64_t now_s;
		bool there;
	} rows[] = {
		{ 300, T0 + 299, true },
		{ 300, T0 + 300, false },
		{ 604800, T0 + TLS_SESSIONS_AGE_S - 1, true },
		{ 604800, T0 + TLS_SESSIONS_AGE_S, false },
		{ 300, T0 - 1, false },		/* the clock was set back */
	};
	struct tls_sessions *c = tls_sessions_new(8);

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		SSL_SESSION *s;

		tls_sessions_put(c, "a", session(TLS1_3_VERSION,
		    rows[i].timeout_s));
		s = tls_sessions_take(c, "a", rows[i].now_s);
		assert_int_equal(s != NULL, rows[i].there);
		SSL_SESSION_free(s);
		assert_int_equal(tls_sessions_count(c), 0);
	}
	tls_sessions_free(c);
}

static void
memory_is_bounded(void **state)
{
	struct tls_sessions *c = tls_sessions_new(3);
	char key[16];

	(void)state;
	for (int i = 0; i < 3; i++) {
		snprintf(key, sizeof(key), "k%d", i);
		tls_sessions_put(c, key, session(TLS1_2_VERSION, 7200));
	}
	SSL_SESSION_free(tls_sessions_take(c, "k0", T0));
	tls_sessions_put(c, "k3", session(TLS1_2_VERSION, 7200));
	assert_int_equal(tls_sessions_count(c), 3);
	assert_null(tls_sessions_take(c, "k1", T0));	/* used least lately */
	for (int i = 0; i < 4; i += i == 0 ? 2 : 1) {
		SSL_SESSION *s;

		snprintf(key, sizeof(key), "k%d", i);
		s = tls_sessions_take(c, key, T0);
		assert_non_null(s);
		SSL_SESSION_free(s);
	}
	/* The later one takes the place of an earlier one. */
	tls_sessions_put(c, "k3", session(TLS1_3_VERSION, 7200));
	assert_int_equal(tls_sessions_count(c), 3);
	tls_sessions_free(c);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_must_be_the_same),
		cmocka_unit_test(a_ticket_is_used_once),
		cmocka_unit_test(old_ones_are_not_offered),
		cmocka_unit_test(memory_is_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
