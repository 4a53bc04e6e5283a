/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_limit.c - connections and rates that several sites may share: as we
 * count, as the receiver counts, and over a restart.
 */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "listd/limit.h"

#define SECOND	INT64_C(1000000)
#define MINUTE	(60 * SECOND)
#define DOTS	20000

static int64_t dots[DOTS];
static unsigned ndots;

static int
by_time(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return (x > y) - (x < y);
}

/* The most in any minute, by the receiver's count. */
static unsigned
most_in_a_minute(void)
{
	unsigned most = 0, from = 0;

	qsort(dots, ndots, sizeof(dots[0]), by_time);
	for (unsigned i = 0; i < ndots; i++) {
		while (dots[from] <= dots[i] - MINUTE)
			from++;
		if (i - from + 1 > most)
			most = i - from + 1;
	}
	return most;
}

/*
 * Send as much as may be for minutes, each message arriving and ending after
 * up to late_us; with a new limit at every restart_us.
 */
static void
press_with(unsigned connections, uint32_t n, int64_t late_us,
    int64_t restart_us, int minutes)
{
	const struct limit_values v = { .messages_per_minute = n,
		.connections = connections };
	int64_t on_way[DOTS], now = 0, began = 0;
	struct limit *l = limit_new(1, 0);
	unsigned out = 0, chance = 7;

	limit_set(l, &v, 0);
	ndots = 0;
	while (now < minutes * MINUTE) {
		for (unsigned i = 0; i < out; i++)
			if (on_way[i] <= now) {
				on_way[i--] = on_way[--out];
				limit_message_over(l, true, now);
			}
		if (restart_us != 0 && now - began >= restart_us && out == 0) {
			limit_free(l);
			l = limit_new(1, began = now);
			limit_set(l, &v, now);
		}
		while (limit_message_wait(l, true, now) == 0) {
			limit_message(l, now);
			chance = chance * 1103515245 + 12345;
			on_way[out++] = now + late_us * (chance >> 16 & 255) /
			    256;
			assert_true(ndots < DOTS);
			dots[ndots++] = on_way[out - 1];
		}
		now += 7000;
	}
	while (out-- > 0)
		limit_message_over(l, true, now);
	limit_free(l);
}

static void
press(uint32_t n, int64_t late_us, int64_t restart_us, int minutes)
{
	press_with(0, n, late_us, restart_us, minutes);
}

/* S13: n a minute means n, however late they arrive. */
static void
never_more_than_n_arrive_in_a_minute(void **state)
{
	static const struct { uint32_t n; int64_t late; } rows[] = {
		{ 1, 0 }, { 1, 50 * SECOND }, { 3, 20 * SECOND },
		{ 9, SECOND }, { 10, 0 }, { 10, 30 * SECOND },
		{ 60, 0 }, { 60, 59 * SECOND }, { 600, 10 * SECOND },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		press(rows[i].n, rows[i].late, 0, 10);
		if (most_in_a_minute() > rows[i].n)
			fail_msg("row %zu: %u in a minute", i,
			    most_in_a_minute());
		/* And not much less when nothing is late. */
		if (rows[i].late == 0)
			assert_true(ndots + 1 >= rows[i].n * 10 * 8 / 10);
	}
}

/* No more is kept back than so many connections hold: 8 each. */
static void
few_connections_keep_little_back(void **state)
{
	static const struct { unsigned connections; int64_t late; } rows[] = {
		{ 1, 0 }, { 10, 0 }, { 10, SECOND / 2 }, { 10, 30 * SECOND },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		press_with(rows[i].connections, 6000, rows[i].late, 0, 3);
		assert_true(most_in_a_minute() <= 6000);
		/* A burst is paid for by the pace after it (lib/gcra.h). */
		if (rows[i].late < SECOND)
			assert_in_range(ndots, 3 * 5800 - 100, 18000);
	}
	/* At a rate that is low for them a tenth is less than what they hold. */
	press_with(10, 60, 59 * SECOND, 0, 10);
	assert_in_range(most_in_a_minute(), 6, 60);
}

/* Fewer connections do not call back what the others have on its way. */
static void
what_is_on_its_way_still_counts(void **state)
{
	struct limit_values v = { .messages_per_minute = 6000,
		.connections = 50 };
	struct limit *l = limit_new(1, -MINUTE);
	unsigned sent = 0;

	(void)state;
	limit_set(l, &v, 0);
	for (int64_t now = 0; l->out < 400; now += SECOND)
		while (l->out < 400 && limit_message_wait(l, true, now) == 0)
			limit_message(l, now);
	v.connections = 2;
	limit_set(l, &v, 10 * SECOND);
	/* 400 arrive now, and as many more as it lets go. */
	for (int64_t now = 10 * SECOND; now < 70 * SECOND; now += SECOND / 100) {
		if (l->out > 0)
			limit_message_over(l, true, now);
		for (; limit_message_wait(l, true, now) == 0; sent++)
			limit_message(l, now);
	}
	assert_in_range(sent, 4000, 5600);
	while (l->out > 0)
		limit_message_over(l, true, 0);
	limit_free(l);
}

static void
a_restart_gives_nothing_extra(void **state)
{
	(void)state;
	press(60, 0, 5 * SECOND, 10);
	assert_in_range(most_in_a_minute(), 20, 60);
	press(2, 0, 45 * SECOND, 10);
	assert_in_range(most_in_a_minute(), 1, 2);
}

/*
 * A queue role that dies again and again, with up to late_us between what it
 * lets go and what arrives: messages and connects of any minute.
 */
static void
die_often(uint32_t n, int64_t late_us, bool connects)
{
	const struct limit_values v = { 0, connects ? 0 : n,
		connects ? n : 0 };
	struct limit *l = limit_new(1, 0);
	int64_t now = 0, dies = 0, last = 0;
	unsigned chance = 11;

	limit_set(l, &v, 0);
	for (ndots = 0; now < 20 * MINUTE; now += 9000) {
		if (now >= dies && now >= last) {
			/* What was out has ended: only then it goes on. */
			while (l->out > 0)
				limit_message_over(l, true, now);
			limit_free(l);
			limit_set(l = limit_new(1, now), &v, now);
			chance = chance * 1103515245 + 12345;
			dies = now + (chance >> 16) % 40 * SECOND;
		}
		while (now < dies && (connects ? limit_connect_wait(l, now) :
		    limit_message_wait(l, true, now)) == 0) {
			chance = chance * 1103515245 + 12345;
			dots[ndots] = now + late_us * (chance >> 16 & 255) /
			    256;
			last = dots[ndots] > last ? dots[ndots] : last;
			assert_true(++ndots < DOTS);
			if (connects)
				limit_connect(l, now);
			else
				limit_message(l, now);
		}
		while (connects && l->sessions > 0)
			limit_disconnect(l);
	}
	while (l->out > 0)
		limit_message_over(l, true, now);
	limit_free(l);
}

static void
no_life_adds_to_the_last_one(void **state)
{
	static const struct { uint32_t n; int64_t late; bool connects; }
	rows[] = {
		{ 1, 0, false }, { 9, SECOND, false }, { 60, 0, false },
		{ 60, 20 * SECOND, false }, { 600, 5 * SECOND, false },
		{ 1, 0, true }, { 10, 0, true }, { 100, 0, true },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		die_often(rows[i].n, rows[i].late, rows[i].connects);
		if (most_in_a_minute() > rows[i].n)
			fail_msg("row %zu: %u in a minute", i,
			    most_in_a_minute());
		assert_true(rows[i].n < 60 || ndots > rows[i].n);
	}
}

static void
what_was_not_sent_is_given_back(void **state)
{
	const struct limit_values v = { .messages_per_minute = 600 };
	struct limit *l = limit_new(1, -MINUTE);

	(void)state;
	limit_set(l, &v, 0);
	for (int i = 0; i < 5000; i++) {
		assert_int_equal(limit_message_wait(l, true, 0), 0);
		limit_message(l, 0);
		limit_message_over(l, false, 0);
	}
	limit_free(l);
}

/* 10 % of a burst is there for a notice when campaigns took all they may. */
static void
notices_find_some_left(void **state)
{
	const struct limit_values v = { .messages_per_minute = 6000 };
	struct limit *l = limit_new(1, -MINUTE);
	unsigned campaigns = 0, notices = 0;

	(void)state;
	limit_set(l, &v, 0);
	for (; limit_message_wait(l, false, 0) == 0; campaigns++)
		limit_message(l, 0);
	for (; limit_message_wait(l, true, 0) == 0; notices++)
		limit_message(l, 0);
	assert_in_range(campaigns, 70, 95);
	assert_in_range(notices, 5, 15);
	while (l->out > 0)
		limit_message_over(l, true, 0);
	limit_free(l);
}

static void
connections_are_counted(void **state)
{
	const struct limit_values v = { .connections = 3,
		.connects_per_minute = 100 };
	struct limit *l = limit_new(1, -MINUTE);

	(void)state;
	limit_set(l, &v, 0);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(limit_connect_wait(l, 0), 0);
		limit_connect(l, 0);
	}
	assert_int_equal(limit_connect_wait(l, 0), -1);
	limit_disconnect(l);
	assert_int_equal(limit_connect_wait(l, 0), 0);
	limit_disconnect(l);
	limit_disconnect(l);
	/* And how often: a hundred a minute, whatever the pattern. */
	ndots = 0;
	for (int64_t now = 0; now < 5 * MINUTE; now += 10000)
		while (limit_connect_wait(l, now) == 0) {
			limit_connect(l, now);
			limit_disconnect(l);
			dots[ndots++] = now;
		}
	assert_in_range(most_in_a_minute(), 80, 100);
	limit_free(l);
}

/* A session whose first addresses are dead made more than it was granted. */
static void
connects_that_nobody_asked_for_count(void **state)
{
	const struct limit_values v = { .connects_per_minute = 100 };
	struct limit *l = limit_new(1, -MINUTE);

	(void)state;
	limit_set(l, &v, 0);
	ndots = 0;
	for (int64_t now = 0; now < 10 * MINUTE; now += 10000)
		while (limit_connect_wait(l, now) == 0) {
			limit_connect(l, now);
			limit_connects_made(l, 31, now);
			limit_disconnect(l);
			for (int i = 0; i < 32; i++)
				dots[ndots++] = now;
		}
	/* The last session may have begun with one left. */
	assert_true(most_in_a_minute() <= 100 + 31);
	assert_in_range(ndots, 800, 1000);
	limit_free(l);
}

/* Who shares a limit may ask for different values: the least of each. */
static void
the_least_that_is_asked_for_holds(void **state)
{
	const struct limit_values wide = { 20, 6000, 100 }, few = { 2, 0, 0 },
	    slow = { 0, 60, 200 };
	struct limit *l = limit_new(1, -MINUTE);
	struct limit_use a, b, c;

	(void)state;
	limit_use(l, &a, &wide, 0);
	assert_int_equal(l->v.connections, 20);
	limit_use(l, &b, &few, 0);
	limit_use(l, &c, &slow, 0);
	assert_int_equal(l->v.connections, 2);
	assert_int_equal(l->v.messages_per_minute, 60);
	assert_int_equal(l->v.connects_per_minute, 100);
	/* In whatever order they speak. */
	a.v.connects_per_minute = 50;
	limit_uses_changed(l, 0);
	assert_int_equal(l->v.connections, 2);
	assert_int_equal(l->v.connects_per_minute, 50);
	limit_use_end(l, &b, 0);
	assert_int_equal(l->v.connections, 20);
	limit_use_end(l, &a, 0);
	assert_int_equal(l->v.connections, 0);
	assert_int_equal(l->v.connects_per_minute, 200);
	/* Until somebody else comes. */
	limit_use_end(l, &c, 0);
	assert_int_equal(l->v.messages_per_minute, 60);
	limit_use(l, &a, &wide, 0);
	assert_int_equal(l->v.messages_per_minute, 6000);
	limit_free(l);
}

/* Before the reload there was no rate: what went then has used it up. */
static void
a_new_rate_begins_with_what_went_last(void **state)
{
	const struct limit_values none = { 0, 0, 0 }, v = { 0, 600, 0 };
	struct limit *l = limit_new(1, -10 * MINUTE);

	(void)state;
	limit_set(l, &none, 0);
	assert_int_equal(limit_message_wait(l, true, 0), 0);
	limit_message(l, 0);
	limit_message_over(l, true, 0);
	limit_set(l, &v, SECOND / 100);
	assert_true(limit_message_wait(l, true, SECOND / 100) > 0);
	assert_int_equal(limit_message_wait(l, true, MINUTE), 0);
	/* Likewise what went elsewhere, by one who shares it from now on. */
	limit_used(l, MINUTE);
	assert_true(limit_message_wait(l, true, MINUTE) > 0);
	limit_free(l);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(never_more_than_n_arrive_in_a_minute),
		cmocka_unit_test(few_connections_keep_little_back),
		cmocka_unit_test(what_is_on_its_way_still_counts),
		cmocka_unit_test(a_restart_gives_nothing_extra),
		cmocka_unit_test(no_life_adds_to_the_last_one),
		cmocka_unit_test(what_was_not_sent_is_given_back),
		cmocka_unit_test(notices_find_some_left),
		cmocka_unit_test(connections_are_counted),
		cmocka_unit_test(connects_that_nobody_asked_for_count),
		cmocka_unit_test(the_least_that_is_asked_for_holds),
		cmocka_unit_test(a_new_rate_begins_with_what_went_last),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
