/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_posts.c - S32, S46: what is bulk, and what is posted too often.
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
#include "listd/posts.h"
#include "spool/campaign.h"

#define HOUR	INT64_C(3600000)
#define DAY	(24 * HOUR)
#define NOW	(20000 * DAY)

static int
begin(void **state)
{
	*state = posts_new();
	return 0;
}

static int
end(void **state)
{
	posts_free(*state);
	return 0;
}

/* A fingerprint of a message that greets as it is told to. */
static struct similar
print_of(const char *greeting, const char *text)
{
	struct similar s;
	struct err e = ERR_INIT;
	char m[2048];

	snprintf(m, sizeof(m), "Subject: x\r\n\r\n%s\r\n%s\r\n", greeting,
	    text);
	assert_int_equal(similar_of((const uint8_t *)m, strlen(m), &s, &e),
	    0);
	return s;
}

#define OFFER	"all our boats are half the price this month, oars and " \
	"sails and a bucket of paint are free with every one of them"
#define NEWS	"the bridge over the canal will be closed to lorries until " \
	"the new bearings are in place and the inspectors have been"

static uint32_t serial;

static void
released(struct posts *p, uint32_t org, uint32_t list, uint64_t count,
    int64_t at, const struct similar *print, uint32_t failed_of)
{
	struct strbuf b = STRBUF_INIT(SIMILAR_PACKED_MAX);
	struct campaign c = { .id = ++serial, .org = org, .list = list,
		.count = count, .released_ms = at, .ended_ms = at + HOUR,
		.failed_of = failed_of };

	similar_pack(&b, print);
	c.fingerprint = (struct slice){ (uint8_t *)b.s, b.len };
	posts_set(p, &c, at);
	strbuf_free(&b);
}

static uint32_t
judge(struct posts *p, uint32_t list, uint64_t count, int64_t at,
    const struct similar *print, uint64_t *similar_r)
{
	struct post x = { .campaign = ++serial, .org = 1, .list = list,
		.count = count, .released_ms = at, .print = *print };
	uint32_t excess;

	posts_judge(p, &x, similar_r, &excess);
	return excess;
}

/* S32: 50 are not bulk, 51 are; two of 30 with another greeting are. */
static void
bulk_is_summed(void **state)
{
	struct posts *p = *state;
	struct similar a = print_of("Dear Ann,", OFFER);
	struct similar b = print_of("Hello Bob!", OFFER);
	struct similar other = print_of("Dear Ann,", NEWS);
	uint64_t n;

	judge(p, 1, 50, NOW, &a, &n);
	assert_false(n > POSTS_BULK);
	judge(p, 1, 51, NOW, &a, &n);
	assert_true(n > POSTS_BULK);
	released(p, 1, 1, 30, NOW, &a, 0);
	judge(p, 2, 30, NOW + DAY, &b, &n);
	assert_int_equal(n, 60);
	judge(p, 2, 30, NOW + DAY, &other, &n);
	assert_int_equal(n, 30);
	/* Of another organization: its own. */
	released(p, 2, 9, 30, NOW, &a, 0);
	/* To those who had no copy: nobody new. */
	released(p, 1, 1, 5, NOW + HOUR, &a, 1);
	judge(p, 2, 30, NOW + DAY, &b, &n);
	assert_int_equal(n, 60);
	judge(p, 2, 30, NOW + POSTS_DAYS * DAY, &b, &n);
	assert_int_equal(n, 30);
}

/* Days of posts to so many lists each, and the index of the last campaign. */
static uint32_t
post(struct posts *p, unsigned days, unsigned lists)
{
	struct similar a = print_of("Dear Ann,", OFFER);
	uint64_t n;
	uint32_t excess = 0;

	for (unsigned d = 0; d < days; d++)
		for (uint32_t l = 1; l <= lists; l++) {
			/* They go out one after the other, within a day. */
			int64_t at = NOW + d * 2 * DAY + l * 60000;

			excess = judge(p, l, 10, at, &a, &n);
			released(p, 1, l, 10, at, &a, 0);
		}
	return excess;
}

static void
four_by_25_pass(void **state)
{
	assert_int_equal(post(*state, 4, 25), POSTS_EXCESS);
}

static void
the_fifth_is_held(void **state)
{
	assert_int_equal(post(*state, 5, 25), 2500);
}

/* The first of the fifth post is too much already. */
static void
the_first_list_of_the_fifth_is_held(void **state)
{
	struct similar a = print_of("Hi Tom,", OFFER);
	struct similar other = print_of("Hi Tom,", NEWS);
	struct posts *p = *state;
	uint64_t n;

	post(p, 4, 25);
	assert_int_equal(judge(p, 77, 1, NOW + 8 * DAY, &a, &n), 2100);
	assert_int_equal(judge(p, 77, 1, NOW + 8 * DAY, &other, &n), 100);
	/* Day 46: the first post is past, and 15 + 1 remain. */
	assert_int_equal(judge(p, 77, 1, NOW + 45 * DAY, &a, &n), 2100);
	assert_int_equal(judge(p, 77, 1, NOW + 45 * DAY + HOUR, &a, &n),
	    1600);
}

static void
one_by_401_is_held(void **state)
{
	assert_int_equal(post(*state, 1, 400), POSTS_EXCESS);
	*state = (posts_free(*state), posts_new());
	assert_int_equal(post(*state, 1, 401), 2003);	/* 20.0249... */
}

/* The same list again on one day is a post of its own. */
static void
one_list_again_and_again(void **state)
{
	struct posts *p = *state;
	struct similar a = print_of("Dear Ann,", OFFER);
	uint64_t n;

	released(p, 1, 2, 9, NOW, &a, 0);
	/* The first goes with list 2: one post to two lists. */
	for (unsigned i = 0; i < 19; i++) {
		assert_int_equal(judge(p, 1, 9, NOW + i * HOUR, &a, &n),
		    142 + 100 * i);
		released(p, 1, 1, 9, NOW + i * HOUR, &a, 0);
	}
	assert_int_equal(judge(p, 1, 9, NOW + 19 * HOUR, &a, &n), 2042);
}

/* A report to one list every day is no cross-post, until it becomes one. */
static void
a_series_of_one_list_is_none(void **state)
{
	struct posts *p = *state;
	struct similar a = print_of("Dear Ann,", OFFER);
	uint64_t n;

	for (unsigned i = 0; i < 2 * POSTS_DAYS; i++) {
		assert_int_equal(judge(p, 1, 9, NOW + i * DAY, &a, &n), 100);
		released(p, 1, 1, 9, NOW + i * DAY, &a, 0);
		/* Of another organization: its own series. */
		released(p, 2, 8, 9, NOW + i * DAY, &a, 0);
	}
	assert_true(judge(p, 2, 9, NOW + 2 * POSTS_DAYS * DAY, &a, &n) >
	    POSTS_EXCESS);
	/* It is forgotten with its window. */
	released(p, 1, 2, 9, NOW + 2 * POSTS_DAYS * DAY, &a, 0);
	assert_int_equal(judge(p, 2, 9, NOW + 3 * POSTS_DAYS * DAY - HOUR, &a,
	    &n), 100);
}

/* One that is under way counts, and a failed one not for long. */
static void
what_is_under_way_counts(void **state)
{
	struct posts *p = *state;
	struct similar a = print_of("Dear Ann,", OFFER);
	struct post x = { .campaign = ++serial, .org = 1, .list = 1,
		.count = 9, .released_ms = NOW, .print = a };
	uint64_t n;

	posts_expect(p, &x);
	assert_int_equal(judge(p, 2, 9, NOW, &a, &n), 142);
	assert_int_equal(n, 18);
	assert_int_equal(judge(p, 1, 9, NOW + 2 * POSTS_PENDING_MS, &a, &n),
	    100);
}

static void
near_are_those_of_a_day(void **state)
{
	struct posts *p = *state;
	struct similar a = print_of("Dear Ann,", OFFER);
	struct similar other = print_of("Dear Ann,", NEWS);
	const struct post *near[4];
	uint32_t id;

	released(p, 1, 1, 9, NOW, &a, 0);
	released(p, 2, 2, 9, NOW, &a, 0);	/* whoever sends */
	released(p, 1, 3, 9, NOW, &other, 0);
	released(p, 1, 4, 9, NOW + 2 * HOUR, &a, 0);
	id = serial;
	assert_int_equal(posts_near(p, id, NOW, near, 4), 2);
	assert_int_equal(near[0]->list, 1);
	assert_int_equal(near[1]->list, 2);
	/* They ended an hour after their release. */
	assert_int_equal(posts_near(p, id, NOW + HOUR, near, 4), 0);
	assert_int_equal(posts_near(p, id + 1, NOW, near, 4), 0);
}

#define T(F)	cmocka_unit_test_setup_teardown(F, begin, end)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(bulk_is_summed),
		T(four_by_25_pass),
		T(the_fifth_is_held),
		T(the_first_list_of_the_fifth_is_held),
		T(one_by_401_is_held),
		T(one_list_again_and_again),
		T(a_series_of_one_list_is_none),
		T(what_is_under_way_counts),
		T(near_are_those_of_a_day),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
