/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_tls_count.c - how TLS went, kept over restarts until it is told: summed
 * up, due at a time of its own, bounded (RFC 8460 sections 4.1 and 4.4).
 */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "lib/err.h"
#include "lib/strbuf.h"
#include "spool/row.h"
#include "spool/tls_count.h"
#include "tests/spool_world.h"

#define DAY	INT64_C(20000)
#define DAY_MS	INT64_C(86400000)
#define NOW	(DAY * DAY_MS + 1000)

struct add {
	struct tlsrpt_event ev;
	int64_t		 now_ms;
	int		 rc;
};

static int
do_add(struct txn *t, void *arg, struct err *e)
{
	struct add *a = arg;

	a->rc = tls_count_add(t, &a->ev, a->now_ms, e);
	return a->rc == -1 ? -1 : 0;
}

/* What comes of counting n of these at now_ms. */
static int
add(struct world *w, const char *domain, const char *mx,
    enum tlsrpt_result result, uint32_t n, int64_t now_ms)
{
	struct add a = { { .when_ms = NOW, .domain = domain, .mx = mx,
		.type = TLSRPT_STS, .policy = "mode: enforce\n", .ip = "",
		.reason = "", .result = result, .count = n }, now_ms, 0 };

	world_must(w, STORE_Q, do_add, &a);
	return a.rc;
}

static int
next(struct world *w, const struct tls_count_due *at, struct tls_count_due *d)
{
	struct txn *t = world_read(w, STORE_Q);
	int rc = tls_count_next(t, at, d, &w->e);

	txn_end(t);
	return rc;
}

static uint32_t total;

static void
sum(void *arg, const struct tlsrpt_event *ev)
{
	(void)arg;
	total += ev->count;
}

static size_t
load(struct world *w, const struct tls_count_due *d)
{
	struct tlsrpt *sums = tlsrpt_new(TLS_COUNT_REPORT_MAX);
	struct txn *t = world_read(w, STORE_Q);
	size_t rows;

	assert_int_equal(tls_count_load(t, d, sums, &w->e), 0);
	txn_end(t);
	total = 0;
	tlsrpt_each(sums, sum, NULL);
	rows = tlsrpt_rows(sums);
	tlsrpt_free(sums);
	return rows;
}

static int
do_del(struct txn *t, void *arg, struct err *e)
{
	return tls_count_del(t, arg, 1, e) == -1 ? -1 : 0;
}

static void
counts_outlive_a_restart(void **state)
{
	struct world *w = *state;
	struct tls_count_due a, b, none;
	const struct tls_count_due *one;

	assert_int_equal(next(w, NULL, &a), 0);
	assert_int_equal(add(w, "a.example", "m", TLSRPT_SUCCESS, 3, NOW), 1);
	assert_int_equal(add(w, "A.Example", "M", TLSRPT_SUCCESS, 2, NOW), 1);
	assert_int_equal(add(w, "a.example", "m", TLSRPT_EXPIRED, 7, NOW), 1);
	assert_int_equal(add(w, "b.example", "m", TLSRPT_SUCCESS, 1, NOW), 1);
	world_reopen(w);
	assert_int_equal(next(w, NULL, &a), 1);
	assert_int_equal(next(w, &a, &b), 1);
	assert_int_equal(next(w, &b, &none), 0);
	assert_true(a.due_ms <= b.due_ms);
	assert_int_equal(a.day, DAY);
	one = strcmp(a.domain, "a.example") == 0 ? &a : &b;
	assert_string_equal(one->domain, "a.example");
	assert_int_equal(load(w, one), 2);
	assert_int_equal(total, 12);
	/* One after the other, and nothing of the other domain. */
	world_must(w, STORE_Q, do_del, (void *)(uintptr_t)one);
	assert_int_equal(load(w, one), 1);
	world_must(w, STORE_Q, do_del, (void *)(uintptr_t)one);
	world_must(w, STORE_Q, do_del, (void *)(uintptr_t)one);
	assert_int_equal(next(w, NULL, &a), 1);
	assert_string_equal(a.domain, "b.example");
	assert_int_equal(next(w, &a, &none), 0);
}

/* Section 4.1: not all senders, and not all reports, at the same moment. */
static void
reports_are_due_at_times_of_their_own(void **state)
{
	struct world *w = *state;
	struct txn *t = world_read(w, STORE_Q);
	int64_t low = INT64_MAX, high = 0;

	for (int i = 0; i < 200; i++) {
		char name[32];
		int64_t ms;

		snprintf(name, sizeof(name), "d%d.example", i);
		ms = tls_count_due_ms(t, name, DAY) - (DAY + 1) * DAY_MS;
		assert_true(ms > TLS_COUNT_LATE_MS && ms < 5 * 3600000);
		low = ms < low ? ms : low;
		high = ms > high ? ms : high;
	}
	assert_true(high - low > 3 * 3600000);
	txn_end(t);
}

static void
a_day_that_was_told_is_over(void **state)
{
	struct world *w = *state;
	int64_t end = (DAY + 1) * DAY_MS;

	assert_int_equal(add(w, "a.example", "m", TLSRPT_SUCCESS, 1,
	    end + TLS_COUNT_LATE_MS - 1), 1);
	assert_int_equal(add(w, "a.example", "m", TLSRPT_SUCCESS, 1,
	    end + TLS_COUNT_LATE_MS), 0);
}

static int
do_fill(struct txn *t, void *arg, struct err *e)
{
	struct tlsrpt_event ev = { .when_ms = NOW, .policy = "", .mx = "m",
		.ip = "", .reason = "", .count = 1 };
	char name[32];

	(void)arg;
	ev.domain = name;
	for (int i = 0; i < TLS_COUNTS_PLAIN_MAX; i++) {
		snprintf(name, sizeof(name), "d%d.example", i);
		if (tls_count_add(t, &ev, NOW, e) != 1)
			return -1;
	}
	/* One more domain without a policy, unless it has troubles. */
	snprintf(name, sizeof(name), "more.example");
	if (tls_count_add(t, &ev, NOW, e) != 0)
		return -1;
	ev.result = TLSRPT_VALIDATION;
	if (tls_count_add(t, &ev, NOW, e) != 1)
		return -1;
	for (int i = 1; i < TLS_COUNTS_MAX - TLS_COUNTS_PLAIN_MAX; i++) {
		snprintf(name, sizeof(name), "f%d.example", i);
		if (tls_count_add(t, &ev, NOW, e) != 1)
			return -1;
	}
	snprintf(name, sizeof(name), "last.example");
	if (tls_count_add(t, &ev, NOW, e) != 0)
		return -1;
	/* A row that is there goes on. */
	snprintf(name, sizeof(name), "f1.example");
	return tls_count_add(t, &ev, NOW, e) == 1 ? 0 : -1;
}

static void
rows_are_bounded(void **state)
{
	world_must(*state, STORE_Q, do_fill, NULL);
}

static int
do_break(struct txn *t, void *arg, struct err *e)
{
	const struct tls_count_due *d = arg;
	struct key k = KEY_INIT;

	key_u64(&k, (uint64_t)d->due_ms);
	key_raw(&k, d->domain, strlen(d->domain) + 1);
	key_u64(&k, 0);		/* comes first */
	return txn_put(t, TABLE_TLS_COUNTS, key_slice(&k), SLICE("junk", 4),
	    e);
}

/* What is broken is named, and can be passed over and deleted. */
static void
damage_is_told(void **state)
{
	struct world *w = *state;
	struct tls_count_due d, bad;

	assert_int_equal(add(w, "a.example", "m", TLSRPT_SUCCESS, 1, NOW), 1);
	assert_int_equal(next(w, NULL, &d), 1);
	world_must(w, STORE_Q, do_break, &d);
	assert_int_equal(next(w, NULL, &bad), -1);
	assert_int_equal(w->e.code, ERR_DAMAGED);
	assert_string_equal(bad.domain, "a.example");
	assert_int_equal(next(w, &bad, &d), 0);
	world_must(w, STORE_Q, do_del, &bad);
	assert_int_equal(next(w, NULL, &d), 1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(F)	cmocka_unit_test_setup_teardown(F, world_setup, world_teardown)
		TEST(counts_outlive_a_restart),
		TEST(reports_are_due_at_times_of_their_own),
		TEST(a_day_that_was_told_is_over),
		TEST(rows_are_bounded),
		TEST(damage_is_told),
	};

	return cmocka_run_group_tests_name("tls_count", tests, NULL, NULL);
}
