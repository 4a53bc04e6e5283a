/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_share.c - how a campaign goes at each site.
 */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "listd/share.h"

#define HOUR	3600000ll

static const uint8_t *
key(unsigned i)
{
	static uint8_t k[SITE_KEY];

	memset(k, 0, sizeof(k));
	k[0] = (uint8_t)i;
	k[1] = 1;
	return k;
}

/* A rate is of the last minute, or of what there was of it. */
static void
a_minute_is_looked_at(void **state)
{
	struct pace p = { .last_s = 0 };

	(void)state;
	assert_int_equal(pace_per_minute(&p, HOUR), 0);
	for (int i = 0; i < 10; i++)
		pace_count(&p, HOUR + 100 * i);
	/* Ten in its first second. */
	assert_int_equal(pace_per_minute(&p, HOUR + 900), 600);
	assert_int_equal(pace_per_minute(&p, HOUR + 9900), 60);
	assert_int_equal(pace_per_minute(&p, HOUR + 59000), 10);
	assert_int_equal(pace_per_minute(&p, HOUR + 60000), 0);
	for (int s = 0; s < 200; s++)
		for (int i = 0; i < 5; i++)
			pace_count(&p, 2 * HOUR + 1000ll * s);
	assert_int_equal(pace_per_minute(&p, 2 * HOUR + 199000), 300);
	/* Half of it has passed without anything. */
	assert_int_equal(pace_per_minute(&p, 2 * HOUR + 229000), 150);
	assert_int_equal(pace_per_minute(&p, 9 * HOUR), 0);
}

static void
outcomes_go_to_their_site(void **state)
{
	struct shares *s = shares_new();

	(void)state;
	shares_begin(s, key(1), "mx.one.example", 10);
	shares_begin(s, key(2), "mx.two.example", 1);
	shares_begin(s, key(1), "mx.one.example", 5);
	assert_int_equal(s->n, 2);
	shares_outcome(s, key(1), OUTCOME_DELIVERED, HOUR);
	shares_outcome(s, key(1), OUTCOME_DEFERRED, HOUR);
	shares_outcome(s, key(1), OUTCOME_DEFERRED, HOUR);
	shares_outcome(s, key(1), OUTCOME_FAILED, HOUR);
	shares_outcome(s, NULL, OUTCOME_SUPPRESSED, HOUR);
	/* Who is deferred is still to be mailed. */
	assert_int_equal(share_left(&s->v[0]), 13);
	assert_int_equal(shares_left(s, key(1)), 13);
	/* A site of none of them has no share of its own. */
	assert_int_equal(shares_left(s, key(99)), 0);
	assert_int_equal(s->v[0].attempts[OUTCOME_DEFERRED], 2);
	assert_int_equal(share_left(&s->v[1]), 1);
	assert_int_equal(s->other.attempts[OUTCOME_SUPPRESSED], 1);
	/* Begun before a restart: more ends than were counted. */
	shares_outcome(s, key(2), OUTCOME_DELIVERED, HOUR);
	shares_outcome(s, key(2), OUTCOME_DELIVERED, HOUR);
	assert_int_equal(share_left(&s->v[1]), 0);
	assert_int_equal(pace_per_minute(&s->pace, HOUR + 59000), 5);
	shares_free(s);
}

static void
sites_are_bounded(void **state)
{
	struct shares *s = shares_new();

	(void)state;
	for (unsigned i = 0; i < 200; i++)
		shares_begin(s, key(i), "mx.example", 2);
	assert_int_equal(s->n, SHARES_MAX);
	assert_int_equal(s->other.members, 2 * (200 - SHARES_MAX));
	shares_outcome(s, key(199), OUTCOME_DELIVERED, HOUR);
	assert_int_equal(s->other.attempts[OUTCOME_DELIVERED], 1);
	shares_free(s);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_minute_is_looked_at),
		cmocka_unit_test(outcomes_go_to_their_site),
		cmocka_unit_test(sites_are_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
