/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_gcra.c - no span of a period holds more than was allowed (S13), at the
 * edges too: bursts, huge rates, a clock that steps back, a rate that changes.
 */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lib/gcra.h"

#define LEN(a)	(sizeof(a) / sizeof((a)[0]))
#define TAKES	4000

static const struct {
	const char	*why;
	uint64_t	 n;
	int64_t		 period_us;
	uint64_t	 burst;
	int64_t		 interval_us, tolerance_us;
} rates[] = {
	{ "one a second", 1, GCRA_SECOND, 1, GCRA_SECOND, 0 },
	{ "100 a second, as shipped", 6000, GCRA_MINUTE, 1, 10000, 0 },
	{ "rounded up, never above the rate", 7, GCRA_MINUTE, 1, 8571429, 0 },
	{ "a burst is paid for by the pace", 60, GCRA_MINUTE, 11, 1200000,
	    12000000 },
	{ "all at once, then one a period", 10, GCRA_MINUTE, 10, GCRA_MINUTE,
	    9 * GCRA_MINUTE },
	{ "a burst above n is n", 10, GCRA_MINUTE, 99, GCRA_MINUTE,
	    9 * GCRA_MINUTE },
	{ "nothing at all is one", 0, GCRA_SECOND, 0, GCRA_SECOND, 0 },
	{ "more than one a microsecond is that", 5000000, GCRA_SECOND, 1, 1,
	    0 },
	{ "as huge as it gets", UINT64_MAX, GCRA_PERIOD_MAX, UINT64_MAX, 1,
	    GCRA_BURST_MAX - 1 },
	{ "no period", 10, 0, 1, 1, 0 },
	{ "a period above a day is a day", 1, INT64_MAX, 1, GCRA_PERIOD_MAX,
	    0 },
};

static void
rates_are_what_they_say(void **state)
{
	(void)state;
	for (size_t i = 0; i < LEN(rates); i++) {
		struct gcra_rate r = gcra_rate(rates[i].n,
		    rates[i].period_us, rates[i].burst);

		if (r.interval_us != rates[i].interval_us ||
		    r.tolerance_us != rates[i].tolerance_us)
			fail_msg("%s: %lld %lld", rates[i].why,
			    (long long)r.interval_us,
			    (long long)r.tolerance_us);
	}
}

/* Take whenever it is allowed; the times, and then every span is counted. */
static void
no_span_holds_more(void **state)
{
	static int64_t at[TAKES];

	(void)state;
	for (size_t i = 0; i < 6; i++) {
		struct gcra_rate r = gcra_rate(rates[i].n,
		    rates[i].period_us, rates[i].burst);
		uint64_t n = rates[i].n, burst = rates[i].burst;
		struct gcra g = { 0 };
		int64_t now = INT64_C(1700000000000000), wait;
		size_t first = 0;

		if (burst > n)
			burst = n;
		for (size_t t = 0; t < TAKES; t++) {
			while ((wait = gcra_take(&g, &r, now)) != 0) {
				assert_int_equal(wait, gcra_wait(&g, &r,
				    now));
				now += wait;
			}
			at[t] = now;
			/* Pauses let bursts come again. */
			if (t % 500 == 499)
				now += 3 * rates[i].period_us;
			while (at[first] <= at[t] - rates[i].period_us)
				first++;
			if (t - first + 1 > n)
				fail_msg("%s: %zu in a period", rates[i].why,
				    t - first + 1);
		}
		/* And it is used: the burst came at once. */
		assert_int_equal(at[burst - 1], at[0]);
	}
}

static void
no_more_is_waited_than_needed(void **state)
{
	struct gcra_rate r = gcra_rate(60, GCRA_MINUTE, 1);
	struct gcra g = { 0 };

	(void)state;
	assert_int_equal(gcra_wait(&g, &r, 1000), 0);
	assert_int_equal(gcra_take(&g, &r, 1000), 0);
	assert_int_equal(gcra_take(&g, &r, 1000), GCRA_SECOND);
	assert_int_equal(gcra_take(&g, &r, 1000 + GCRA_SECOND - 1), 1);
	/* Asking takes nothing. */
	assert_int_equal(gcra_take(&g, &r, 1000 + GCRA_SECOND), 0);
	/* What was not used may be taken again. */
	gcra_give(&g, &r);
	assert_int_equal(gcra_take(&g, &r, 1000 + GCRA_SECOND), 0);
	/* Time that went unused is not saved up. */
	assert_int_equal(gcra_take(&g, &r, 100 * GCRA_SECOND), 0);
	assert_int_equal(gcra_take(&g, &r, 100 * GCRA_SECOND), GCRA_SECOND);
}

static void
clock_steps_back(void **state)
{
	struct gcra_rate r = gcra_rate(60, GCRA_MINUTE, 11);
	struct gcra g = { 0 };
	int64_t now = INT64_C(1700000000000000), wait;

	(void)state;
	for (int i = 0; i < 11; i++)
		assert_int_equal(gcra_take(&g, &r, now), 0);
	/* A year: at most one interval is waited. */
	now -= 365 * GCRA_PERIOD_MAX;
	wait = gcra_take(&g, &r, now);
	assert_int_equal(wait, r.interval_us);
	assert_int_equal(gcra_take(&g, &r, now + wait), 0);
	/* And forward: nothing is in the way. */
	assert_int_equal(gcra_take(&g, &r, INT64_C(1900000000000000)), 0);
}

static void
rate_changes(void **state)
{
	struct gcra_rate slow = gcra_rate(1, GCRA_MINUTE, 1);
	struct gcra_rate fast = gcra_rate(60, GCRA_MINUTE, 1);
	struct gcra g = { 0 };
	int64_t now = INT64_C(1700000000000000);

	(void)state;
	/* Half a unit is owed, and stays half a unit at the new pace. */
	assert_int_equal(gcra_take(&g, &slow, now), 0);
	now += GCRA_MINUTE / 2;
	gcra_change(&g, &slow, &fast, now);
	assert_int_equal(gcra_wait(&g, &fast, now), GCRA_SECOND / 2);
	gcra_change(&g, &fast, &slow, now);
	assert_int_equal(gcra_wait(&g, &slow, now), GCRA_MINUTE / 2);
	/* Nobody told: still no longer than one interval of the new rate. */
	assert_int_equal(gcra_wait(&g, &fast, now), GCRA_SECOND);
	/* Nothing owed, nothing changes. */
	memset(&g, 0, sizeof(g));
	gcra_change(&g, &slow, &fast, now);
	assert_int_equal(gcra_wait(&g, &fast, now), 0);
}

/* Two that share a rate, changed in the middle, get as much as each other. */
static void
change_is_fair(void **state)
{
	struct gcra_rate a = gcra_rate(120, GCRA_MINUTE, 1);
	struct gcra_rate b = gcra_rate(30, GCRA_MINUTE, 1);
	struct gcra g[2] = { { 0 }, { 0 } };
	int64_t now = INT64_C(1700000000000000);
	int n[2] = { 0, 0 };

	(void)state;
	for (int t = 0; t < 6000; t++, now += 10000) {
		const struct gcra_rate *r = t < 3000 ? &a : &b;

		if (t == 3000) {
			gcra_change(&g[0], &a, &b, now);
			gcra_change(&g[1], &a, &b, now);
		}
		/* The second is always asked a little later. */
		for (int i = 0; i < 2; i++)
			n[i] += gcra_take(&g[i], r, now + i * 5000) == 0;
	}
	assert_in_range(n[0], 74, 76);
	assert_in_range(n[1], n[0] - 1, n[0] + 1);
}

/* Whatever moment it holds, it does no harm. */
static void
any_state_is_safe(void **state)
{
	static const int64_t tats[] = { INT64_MIN, INT64_MIN + 1, -1, 0,
		INT64_MAX };
	struct gcra_rate r = gcra_rate(10, GCRA_MINUTE, 3);
	struct gcra_rate other = gcra_rate(1, GCRA_PERIOD_MAX, 1);

	(void)state;
	for (size_t i = 0; i < LEN(tats); i++) {
		struct gcra g = { tats[i] };

		gcra_give(&g, &r);
		assert_in_range(gcra_wait(&g, &r, GCRA_SECOND), 0,
		    r.interval_us);
		gcra_change(&g, &r, &other, GCRA_SECOND);
		(void)gcra_take(&g, &other, GCRA_SECOND);
		assert_in_range(gcra_wait(&g, &other, GCRA_SECOND), 0,
		    other.interval_us);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rates_are_what_they_say),
		cmocka_unit_test(no_span_holds_more),
		cmocka_unit_test(no_more_is_waited_than_needed),
		cmocka_unit_test(clock_steps_back),
		cmocka_unit_test(rate_changes),
		cmocka_unit_test(change_is_fair),
		cmocka_unit_test(any_state_is_safe),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
