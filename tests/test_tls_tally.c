/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_tls_tally.c - handshakes summed up, judged by what the domain promised,
 * and handed on in few frames (RFC 8460 sections 4.3 and 4.4).
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
#include "lib/mta_sts.h"
#include "lib/pack.h"
#include "lib/strbuf.h"
#include "lib/sys/timers.h"
#include "listd/tls_tally.h"

#define N(A)	(sizeof(A) / sizeof((A)[0]))
#define UTC	INT64_C(1700000000000)

static int64_t
hand_utc(const struct clock *c)
{
	(void)c;
	return UTC;
}

static int64_t
hand_mono(const struct clock *c)
{
	(void)c;
	return 1000;
}

static const struct clock hand = { .mono_ms = hand_mono, .utc_ms = hand_utc };

static struct {
	struct event_base *base;
	struct timers	*timers;
	struct tls_tally *tally;
	bool		 deaf;		/* nobody takes a frame */
	unsigned	 frames;
	struct tlsrpt	*got;
} w;

/* What the domains have promised is in their names. */
static bool
policy(void *arg, const char *domain, struct mta_sts_kept *k)
{
	static struct mta_sts_kept kept = { .policy = { .max_age_s = 600,
		.n = 1, .mx = { "mx.example" } } };

	(void)arg;
	kept.policy.mode = domain[0] == 'e' ? MTA_STS_ENFORCE :
	    domain[0] == 't' ? MTA_STS_TESTING : MTA_STS_NONE;
	*k = kept;
	return domain[0] != 'p';
}

static bool
take(void *arg, const struct strbuf *events, unsigned n)
{
	struct tlsrpt_told told;
	struct unpack u;

	(void)arg;
	if (w.deaf)
		return false;
	w.frames++;
	unpack_init(&u, events->s, events->len);
	for (unsigned i = 0; i < n; i++) {
		tlsrpt_unpack(&u, &told);
		assert_int_equal(told.ev.when_ms / 86400000, UTC / 86400000);
		assert_true(tlsrpt_count(w.got, &told.ev));
	}
	assert_true(unpack_done(&u));
	return true;
}

static int
setup(void **state)
{
	static const struct tls_tally_ops ops = { policy, take };

	(void)state;
	memset(&w, 0, sizeof(w));
	w.base = event_base_new();
	w.timers = timers_new(w.base, &hand, false);
	w.tally = tls_tally_new(w.timers, &ops, NULL);
	w.got = tlsrpt_new(TLS_TALLY_ROWS);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	tls_tally_free(w.tally);
	tlsrpt_free(w.got);
	timers_free(w.timers);
	event_base_free(w.base);
	return 0;
}

static struct tlsrpt_event last;

static void
keep_last(void *arg, const struct tlsrpt_event *ev)
{
	(void)arg;
	last = *ev;
}

/* ---- what it is by what was promised */

#define OF_CERT	TLSRPT_STS		/* matters to a policy alone */
#define ANYHOW	TLSRPT_NO_POLICY

static const struct {
	const char *why, *domain, *mx;
	enum tlsrpt_policy_type type;
	enum tlsrpt_result result;
	enum tlsrpt_policy_type told_type;
	enum tlsrpt_result told;
} verdicts[] = {
	{ "all is well, and nothing promised", "plain.example", "mx.example",
	    OF_CERT, TLSRPT_SUCCESS, TLSRPT_NO_POLICY, TLSRPT_SUCCESS },
	{ "nobody asked for a good certificate", "plain.example", "mx.example",
	    OF_CERT, TLSRPT_EXPIRED, TLSRPT_NO_POLICY, TLSRPT_SUCCESS },
	{ "but TLS broke", "plain.example", "mx.example", ANYHOW,
	    TLSRPT_VALIDATION, TLSRPT_NO_POLICY, TLSRPT_VALIDATION },
	{ "a policy of mode none is none", "none.example", "mx.example",
	    OF_CERT, TLSRPT_HOST_MISMATCH, TLSRPT_NO_POLICY, TLSRPT_SUCCESS },
	{ "a good host of a policy", "enforced.example", "mx.example", OF_CERT,
	    TLSRPT_SUCCESS, TLSRPT_STS, TLSRPT_SUCCESS },
	{ "testing is for this", "testing.example", "mx.example", OF_CERT,
	    TLSRPT_NOT_TRUSTED, TLSRPT_STS, TLSRPT_NOT_TRUSTED },
	{ "a host that it does not name", "testing.example", "mx2.example",
	    OF_CERT, TLSRPT_SUCCESS, TLSRPT_STS, TLSRPT_VALIDATION },
	{ "no TLS at all", "testing.example", "mx.example", ANYHOW,
	    TLSRPT_STARTTLS_NOT_SUPPORTED, TLSRPT_STS,
	    TLSRPT_STARTTLS_NOT_SUPPORTED },
	{ "its policy cannot be had", "plain.example", "", ANYHOW,
	    TLSRPT_STS_FETCH, TLSRPT_STS, TLSRPT_STS_FETCH },
	{ "DANE wins over MTA-STS", "enforced.example", "mx2.example",
	    TLSRPT_TLSA, TLSRPT_SUCCESS, TLSRPT_TLSA, TLSRPT_SUCCESS },
};

static void
sessions_are_judged_by_promises(void **state)
{
	for (size_t i = 0; i < N(verdicts); i++) {
		const struct tlsrpt_event ev = { .domain = verdicts[i].domain,
			.mx = verdicts[i].mx, .type = verdicts[i].type,
			.result = verdicts[i].result };

		setup(state);
		tls_tally_count(w.tally, &ev);
		tls_tally_count(w.tally, &ev);
		tls_tally_flush(w.tally);
		tlsrpt_each(w.got, keep_last, NULL);
		if (tlsrpt_rows(w.got) != 1 || last.count != 2 ||
		    last.type != verdicts[i].told_type ||
		    last.result != verdicts[i].told ||
		    (last.type == TLSRPT_STS && verdicts[i].domain[0] != 'p') !=
		    (last.policy[0] != '\0'))
			fail_msg("%s: %s, %s", verdicts[i].why,
			    tlsrpt_policy_name(last.type),
			    tlsrpt_result_name(last.result));
		teardown(state);
	}
	setup(state);
}

/* ---- handing on */

static void
what_nobody_takes_waits(void **state)
{
	const struct tlsrpt_event ev = { .domain = "a.example" };

	(void)state;
	w.deaf = true;
	tls_tally_count(w.tally, &ev);
	assert_int_equal(timers_count(w.timers), 1);
	tls_tally_flush(w.tally);
	assert_int_equal(timers_count(w.timers), 1);
	tls_tally_count(w.tally, &ev);
	w.deaf = false;
	tls_tally_flush(w.tally);
	tlsrpt_each(w.got, keep_last, NULL);
	assert_int_equal(last.count, 2);
	assert_int_equal(w.frames, 1);
	/* Nothing waits, so no timer runs. */
	assert_int_equal(timers_count(w.timers), 0);
	tls_tally_flush(w.tally);
	assert_int_equal(w.frames, 1);
}

static void
frames_and_rows_are_bounded(void **state)
{
	char name[32];
	const struct tlsrpt_event ev = { .domain = name };

	(void)state;
	for (unsigned i = 0; i < TLS_TALLY_ROWS + 10; i++) {
		snprintf(name, sizeof(name), "p%u.example", i);
		tls_tally_count(w.tally, &ev);
	}
	tls_tally_flush(w.tally);
	assert_int_equal(tlsrpt_rows(w.got), TLS_TALLY_ROWS);
	assert_int_equal(w.frames, TLS_TALLY_ROWS / TLS_TALLY_FRAME);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(F)	cmocka_unit_test_setup_teardown(F, setup, teardown)
		cmocka_unit_test_teardown(sessions_are_judged_by_promises,
		    teardown),
		TEST(what_nobody_takes_waits),
		TEST(frames_and_rows_are_bounded),
	};

	return cmocka_run_group_tests_name("tls_tally", tests, NULL, NULL);
}
