/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_throttle.c - rolling windows: exact while they can be, never too many,
 * and the same after a restart (S44's kind of limit, T6, T50).
 */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "spool/row.h"
#include "spool/store_private.h"
#include "spool/throttle.h"
#include "tests/spool_world.h"

#define NOW	1790000000000
#define DAY	86400000ll

/* ---- pure */

static void
few_events_are_exact(void **state)
{
	struct throttle th = { .n = 0 };

	(void)state;
	throttle_add(&th, DAY, NOW, 1);
	throttle_add(&th, DAY, NOW + 1000, 1);
	throttle_add(&th, DAY, NOW + 2000, 1);
	assert_int_equal(throttle_count(&th, DAY, NOW + 2000), 3);
	assert_int_equal(throttle_count(&th, DAY, NOW + DAY - 1), 3);
	assert_int_equal(throttle_count(&th, DAY, NOW + DAY), 2);
	assert_int_equal(throttle_count(&th, DAY, NOW + DAY + 1000), 1);
	assert_int_equal(throttle_count(&th, DAY, NOW + DAY + 2000), 0);
	throttle_add(&th, DAY, NOW + DAY + 500, 1);
	assert_int_equal(th.n, 3);	/* the first was forgotten */
}

/* Whatever the pattern, no window ever holds more than is counted. */
static void
many_events_are_never_counted_short(void **state)
{
	static int64_t times[5000];
	uint64_t x = 42;
	struct throttle th = { .n = 0 };
	int64_t now = NOW;

	(void)state;
	for (size_t i = 0; i < 5000; i++) {
		uint64_t real = 0;

		x = x * 6364136223846793005u + 1442695040888963407u;
		now += (int64_t)(x >> 33) % (i % 700 < 50 ? 20 * DAY / 100 :
		    DAY / 300);
		times[i] = now;
		throttle_add(&th, DAY, now, 1);
		for (size_t k = 0; k <= i; k++)
			real += times[k] > now - DAY;
		assert_true(throttle_count(&th, DAY, now) >= real);
		assert_true(th.n <= THROTTLE_SPOTS);
		for (size_t k = 1; k < th.n; k++)
			assert_true(th.spot[k - 1].ms <= th.spot[k].ms);
	}
	assert_int_equal(throttle_count(&th, DAY, now + DAY), 0);
}

static void
a_clock_that_steps_does_no_lasting_harm(void **state)
{
	struct throttle th = { .n = 0 };

	(void)state;
	/* A mail counted while the clock was a year ahead. */
	throttle_add(&th, DAY, NOW + 365 * DAY, 1);
	assert_int_equal(throttle_count(&th, DAY, NOW), 0);
	/* An hour ahead: it happened, so it counts. */
	th.n = 0;
	throttle_add(&th, DAY, NOW + 3600000, 1);
	assert_int_equal(throttle_count(&th, DAY, NOW), 1);
	throttle_add(&th, DAY, NOW, 1);
	assert_int_equal(throttle_count(&th, DAY, NOW), 2);
	assert_int_equal(throttle_count(&th, DAY, NOW + DAY), 0);
}

static void
counts_do_not_wrap(void **state)
{
	struct throttle th = { .n = 0 };

	(void)state;
	throttle_add(&th, DAY, NOW, UINT32_MAX);
	throttle_add(&th, DAY, NOW, UINT32_MAX);
	assert_true(throttle_count(&th, DAY, NOW) == UINT32_MAX);
}

static void
networks_are_cut(void **state)
{
	static const uint8_t v4[16] = { [10] = 0xff, [11] = 0xff, 192, 0, 2,
	    77 };
	static const uint8_t v6[16] = { 0x20, 1, 0xd, 0xb8, 1, 2, 3, 4, 5, 6,
	    7, 8, 9, 10, 11, 12 };
	uint8_t out[16];

	(void)state;
	throttle_network(v4, 0, out);
	assert_memory_equal(out + 10, "\xff\xff\xc0\0\2\0", 6);
	throttle_network(v4, 1, out);
	assert_memory_equal(out + 10, "\xff\xff\xc0\0\2\0", 6);
	throttle_network(v6, 0, out);
	assert_memory_equal(out, "\x20\1\xd\xb8\1\2\0\0\0\0\0\0\0\0\0\0", 16);
	throttle_network(v6, 1, out);
	assert_memory_equal(out, "\x20\1\xd\xb8\1\2\3\4\0\0\0\0\0\0\0\0", 16);
}

/* ---- stored */

struct hit {
	struct throttle_rule rule;
	int64_t		now_ms;
};

static struct hit
one(const char *subject, int64_t now_ms)
{
	return (struct hit){ { THROTTLE_CONFIRM_MAILBOX,
	    SLICE(subject, strlen(subject)), 3, DAY }, now_ms };
}

static int
do_hit(struct txn *t, void *arg, struct err *e)
{
	const struct hit *h = arg;

	return throttle_hit(t, &h->rule, h->now_ms, 1, e);
}

static int
allowed(struct world *w, struct hit h)
{
	struct txn *t = world_read(w, STORE_S);
	int rc = throttle_check(t, &h.rule, h.now_ms, &w->e);

	txn_end(t);
	return rc;
}

static void
the_fourth_is_held_also_after_a_restart(void **state)
{
	struct world *w = *state;

	for (int i = 0; i < 3; i++) {
		struct hit h = one("ann", NOW + i);

		assert_int_equal(allowed(w, h), 1);
		world_must(w, STORE_S, do_hit, &h);
	}
	assert_int_equal(allowed(w, one("ann", NOW + 10)), 0);
	assert_int_equal(allowed(w, one("bob", NOW + 10)), 1);
	world_reopen(w);
	assert_int_equal(allowed(w, one("ann", NOW + DAY - 1)), 0);
	assert_int_equal(allowed(w, one("ann", NOW + DAY + 1000)), 1);
}

static int
do_forget(struct txn *t, void *arg, struct err *e)
{
	(void)arg;
	return throttle_forget(t, THROTTLE_CONFIRM_MAILBOX, SLICE("ann", 3),
	    e);
}

struct sweep {
	struct key	at;
	unsigned	max;
	int64_t		now_ms;
	int		rc;
};

static int
do_sweep(struct txn *t, void *arg, struct err *e)
{
	struct sweep *s = arg;

	s->rc = throttle_sweep(t, &s->at, s->max, s->now_ms, e);
	return s->rc == -1 ? -1 : 0;
}

static uint64_t
rows(struct world *w)
{
	struct txn *t = world_read(w, STORE_S);
	uint64_t n;

	assert_int_equal(txn_count(t, TABLE_THROTTLES, &n, &w->e), 0);
	txn_end(t);
	return n;
}

static void
the_sweeper_bounds_the_rows(void **state)
{
	struct world *w = *state;
	struct sweep s = { .max = 7, .now_ms = NOW + DAY };
	char name[16];

	for (int i = 0; i < 50; i++) {
		struct hit h;

		snprintf(name, sizeof(name), "s%d", i);
		h = one(name, NOW + (i % 2 != 0 ? 5000 : 0));
		world_must(w, STORE_S, do_hit, &h);
	}
	do {
		world_must(w, STORE_S, do_sweep, &s);
	} while (s.rc == 1);
	assert_int_equal(s.at.len, 0);
	assert_int_equal(rows(w), 25);
	s.now_ms += 5000;
	s.max = 1000;
	world_must(w, STORE_S, do_sweep, &s);
	assert_int_equal(rows(w), 0);
}

static void
a_subject_can_be_forgotten(void **state)
{
	struct world *w = *state;
	struct hit h = one("ann", NOW);

	for (int i = 0; i < 3; i++)
		world_must(w, STORE_S, do_hit, &h);
	assert_int_equal(allowed(w, h), 0);
	world_must(w, STORE_S, do_forget, NULL);
	assert_int_equal(allowed(w, h), 1);
	world_must(w, STORE_S, do_forget, NULL);
}

static int
do_damage(struct txn *t, void *arg, struct err *e)
{
	(void)arg;
	return txn_put(t, TABLE_THROTTLES, SLICE("\1bob", 4),
	    SLICE("garbage", 7), e);
}

static void
a_damaged_row_is_named_and_passed(void **state)
{
	struct world *w = *state;
	struct hit h = one("carol", NOW);
	struct sweep s = { .max = 10, .now_ms = NOW + DAY };

	world_must(w, STORE_S, do_hit, &h);
	world_must(w, STORE_S, do_damage, NULL);
	assert_int_equal(allowed(w, one("bob", NOW)), -1);
	assert_int_equal(w->e.code, ERR_DAMAGED);
	assert_non_null(strstr(w->e.text, "throttles 01626f62"));
	assert_int_equal(world_write(w, STORE_S, do_sweep, &s), 1);
	world_must(w, STORE_S, do_sweep, &s);
	assert_int_equal(s.rc, 0);
	assert_int_equal(rows(w), 1);	/* carol's went, bob's stays */
}

int
main(void)
{
#define TEST(F)	cmocka_unit_test_setup_teardown(F, world_setup, world_teardown)
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(few_events_are_exact),
		cmocka_unit_test(many_events_are_never_counted_short),
		cmocka_unit_test(a_clock_that_steps_does_no_lasting_harm),
		cmocka_unit_test(counts_do_not_wrap),
		cmocka_unit_test(networks_are_cut),
		TEST(the_fourth_is_held_also_after_a_restart),
		TEST(the_sweeper_bounds_the_rows),
		TEST(a_subject_can_be_forgotten),
		TEST(a_damaged_row_is_named_and_passed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
