/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_dormancy.c - a list that was silent for a year is refused a plain
 * campaign, and is awake after a reminder (S69).
 */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "lib/date.h"
#include "spool/campaign.h"
#include "spool/consent.h"
#include "spool/dormancy.h"
#include "spool/subscriber.h"
#include "tests/control_world.h"

#define MESSAGE	"From: news@example.org\nSubject: %d\n\nHello\n"

struct fate {
	uint32_t	 id;
	uint64_t	 delivered;
	bool		 over;
};

static int
do_fate(struct txn *t, void *arg, struct err *e)
{
	const struct fate *f = arg;
	struct tally v = { .delivered = f->delivered,
	    .failed = f->over && f->delivered == 0 };
	struct campaign c;

	if (tally_put(t, f->id, &v, e) == -1 ||
	    campaign_get(t, f->id, &c, e) != 1)
		return -1;
	if (!f->over)
		return 0;
	c.state = CAMPAIGN_FINISHED;
	c.ended_ms = c.released_ms + 1000;
	return campaign_change(t, &c, e);
}

/* Send the i-th message; true when it is on its way. */
static bool
try_one(struct queue *q, int i, bool reminder, uint32_t *id_r)
{
	char message[128];
	struct answer *a;
	bool sent;

	*id_r = 0;
	snprintf(message, sizeof(message), MESSAGE, i);
	a = cw_call(q, "campaign send", "LIST", "news", "<FILE", message,
	    reminder ? "--reminder" : NULL, "", NULL);
	sent = a->status == 0;
	if (!sent && (a->status != STATUS_NO ||
	    strstr(a->text, "--reminder") == NULL))
		fail_msg("status %d: %s", a->status, a->text);
	if (sent)
		*id_r = (uint32_t)number_of(last_of(a), "id");
	answer_free(a);
	return sent;
}

/* The same, and it reached somebody. */
static bool
send_one(struct queue *q, int i, bool reminder)
{
	struct fate f = { .delivered = 1 };

	if (!try_one(q, i, reminder, &f.id))
		return false;
	world_must(q->w, STORE_Q, do_fate, &f);
	return true;
}

static void
months_pass(struct queue *q, int months)
{
	q->now_ms = date_add_months(q->now_ms, months);
}

static struct campaign
last_campaign(struct queue *q, json_t **params_r)
{
	struct txn *t = world_read(q->w, STORE_Q);
	struct campaign c = { .id = 0 }, last;

	while (campaign_next(t, c.id, &c, NULL) == 1)
		last = c;
	*params_r = json_loadb((const char *)last.params.p, last.params.len,
	    0, NULL);
	txn_end(t);
	return last;
}

static void
a_year_of_silence(void **state)
{
	struct queue *q = *state;
	json_t *params;

	cw_member(q, cw_ready_list(q, "news"), "alice@example.com");
	assert_true(send_one(q, 1, false));
	months_pass(q, 11);
	assert_true(send_one(q, 2, false));
	months_pass(q, 13);
	assert_false(send_one(q, 3, false));
	assert_true(send_one(q, 3, true));
	last_campaign(q, &params);
	assert_true(json_is_true(json_object_get(params, "reminder")));
	json_decref(params);
	/* Now it is awake. */
	months_pass(q, 1);
	assert_true(send_one(q, 4, false));
	last_campaign(q, &params);
	assert_null(json_object_get(params, "reminder"));
	json_decref(params);
	/* To the day. */
	months_pass(q, 12);
	q->now_ms -= 1;
	assert_true(send_one(q, 5, false));
	months_pass(q, 12);
	assert_false(send_one(q, 6, false));
	q->conf.dormant_months = 24;
	assert_true(send_one(q, 6, false));
}

/* What reached nobody reminded nobody; what goes on is about to. */
static void
who_heard_nothing_was_not_reminded(void **state)
{
	struct queue *q = *state;
	struct fate f = { .over = true };

	cw_member(q, cw_ready_list(q, "news"), "alice@example.com");
	assert_true(send_one(q, 1, false));
	months_pass(q, 13);
	assert_true(try_one(q, 2, true, &f.id));
	assert_true(try_one(q, 3, false, &(uint32_t){ 0 }));
	world_must(q->w, STORE_Q, do_fate, &f);
	assert_false(send_one(q, 4, false));
	assert_true(try_one(q, 5, true, &f.id));
	f.delivered = 1;
	world_must(q->w, STORE_Q, do_fate, &f);
	assert_true(send_one(q, 6, false));
}

/* What was never mailed is as old as its members. */
static void
the_first_campaign(void **state)
{
	struct queue *q = *state;
	uint32_t list = cw_ready_list(q, "news");

	months_pass(q, 30);
	cw_member(q, list, "young@example.com");
	months_pass(q, 11);
	assert_true(send_one(q, 1, false));
}

static void
the_first_to_old_members(void **state)
{
	struct queue *q = *state;
	uint32_t list = cw_ready_list(q, "news");

	cw_member(q, list, "old@example.com");
	months_pass(q, 13);
	cw_member(q, list, "young@example.com");
	assert_false(send_one(q, 1, false));
	assert_true(send_one(q, 1, true));
}

static enum campaign_state
state_of(struct queue *q, uint32_t id)
{
	struct txn *t = world_read(q->w, STORE_Q);
	struct campaign c;

	assert_int_equal(campaign_get(t, id, &c, NULL), 1);
	txn_end(t);
	return c.state;
}

/* The watch over planned campaigns looks again. */
static void
minutes_pass(struct queue *q)
{
	for (int i = 0; i < 3; i++) {
		q->mono_ms += 61000;
		for (int k = 0; k < 50; k++)
			cw_turn(q);
	}
}

/* One that was planned waits while its list sleeps. */
static void
plans(void **state)
{
	struct queue *q = *state;
	struct answer *a;
	uint32_t id;

	cw_member(q, cw_ready_list(q, "news"), "alice@example.com");
	assert_true(send_one(q, 1, false));	/* 2025-11-24 */
	a = cw_call(q, "campaign send", "LIST", "news", "<FILE",
	    "From: news@example.org\nSubject: x\n\nx\n", "--at", "2026-12-20",
	    NULL);
	assert_int_equal(a->status, 0);
	id = (uint32_t)number_of(last_of(a), "id");
	answer_free(a);
	months_pass(q, 13);
	minutes_pass(q);
	assert_int_equal(state_of(q, id), CAMPAIGN_SCHEDULED);
	assert_true(send_one(q, 2, true));
	minutes_pass(q);
	assert_int_equal(state_of(q, id), CAMPAIGN_RUNNING);
}

/* A test goes to nobody who forgot. */
static void
tests_are_no_matter(void **state)
{
	struct queue *q = *state;
	struct answer *a;

	cw_member(q, cw_ready_list(q, "news"), "alice@example.com");
	assert_true(send_one(q, 1, false));
	months_pass(q, 13);
	a = cw_call(q, "campaign send", "LIST", "news", "<FILE",
	    "From: news@example.org\nSubject: y\n\nx\n", "--test",
	    "alice@example.com", NULL);
	assert_null(strstr(a->text, "--reminder"));
	answer_free(a);
}

/* ---- since when somebody is a member */

struct member_of {
	struct consent	c;
	int64_t		all_ms;
	uint64_t	subscriber;
};

static int
do_member(struct txn *t, void *arg, struct err *e)
{
	struct member_of *j = arg;
	struct identity who;
	struct subscriber_new n = { .list = 1, .who = &who,
	    .state = MEMBER_ACTIVE, .now_ms = 1700000000000 };
	struct member m;

	if (identity_parse(store_keys(txn_store(t)), "a@b.example", 11, 0,
	    &who, e) == -1)
		return -1;
	j->c.list = 1;
	j->c.hash = SLICE(who.hash, sizeof(who.hash));
	/* What the import says of all its rows. */
	if (j->all_ms != 0) {
		const struct consent all = { .kind = CONSENT_IMPORT,
			.when_ms = 1, .claimed_ms = j->all_ms };

		if (consent_append(t, &all, &j->c.follows, e) == -1)
			return -1;
	}
	if (consent_append(t, &j->c, &n.consent, e) == -1 ||
	    subscriber_add(t, &n, &m, e) == -1)
		return -1;
	j->subscriber = m.subscriber;
	return 0;
}

static void
since_when(void **state)
{
	static const struct {
		struct consent	c;
		int64_t		all_ms, want;
	} rows[] = {
		{ { .kind = CONSENT_CONFIRMED, .when_ms = 5 }, 0, 5 },
		{ { .kind = CONSENT_IMPORT_ROW, .when_ms = 5,
		    .claimed_ms = 3 }, 2, 3 },
		{ { .kind = CONSENT_IMPORT_ROW, .when_ms = 5 }, 2, 2 },
		{ { .kind = CONSENT_IMPORT_ROW, .when_ms = 5 }, 0,
		    1700000000000 },
	};
	struct queue *q = *state;
	struct txn *t;
	int64_t since;

	cw_ready_list(q, "news");
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct member_of j = { .c = rows[i].c,
			.all_ms = rows[i].all_ms };
		struct member m;

		world_must(q->w, STORE_S, do_member, &j);
		t = world_read(q->w, STORE_S);
		assert_int_equal(dormancy_member_since(t, j.subscriber,
		    &since, NULL), 1);
		assert_int_equal(since, rows[i].want);
		assert_int_equal(subscriber_get(t, j.subscriber, &m, NULL),
		    1);
		txn_end(t);
		EXPECT(0, q, "subscriber remove", "LIST", "news", "ADDR",
		    "a@b.example", NULL);
	}
	t = world_read(q->w, STORE_S);
	assert_int_equal(dormancy_member_since(t, 999, &since, NULL), 0);
	txn_end(t);
}

int
main(void)
{
#define TEST(F) cmocka_unit_test_setup_teardown(F, control_world_setup, \
    control_world_teardown)
	const struct CMUnitTest tests[] = {
		TEST(a_year_of_silence),
		TEST(who_heard_nothing_was_not_reminded),
		TEST(the_first_campaign),
		TEST(the_first_to_old_members),
		TEST(plans),
		TEST(tests_are_no_matter),
		TEST(since_when),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
