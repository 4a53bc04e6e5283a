/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_effect.c - a batch is applied once, bounces count by days, and the end
 * of a notice leaves its entry (R126-R128, T43, S38).
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

#include "spool/consent.h"
#include "spool/effect.h"
#include "spool/notice.h"
#include "spool/row.h"
#include "spool/writer.h"
#include "tests/spool_people.h"

struct batch {
	uint64_t	number;
	const struct effect *v;
	size_t		n;
	int		rc;
	enum err_code	code;
};

static int
do_batch(struct txn *t, void *arg, struct err *e)
{
	struct batch *b = arg;

	b->rc = effect_apply(t, b->number, b->v, b->n, e);
	b->code = e->code;
	return b->rc == -1 ? -1 : 0;
}

static uint64_t batches;

static void
apply(struct world *w, struct effect v)
{
	struct batch b = { .v = &v, .n = 1 };

	b.number = ++batches;
	world_must(w, STORE_S, do_batch, &b);
	assert_int_equal(b.rc, 1);
}

static int
setup(void **state)
{
	batches = 0;
	return people_setup(state);
}

static struct member
member(struct world *w, uint64_t subscriber)
{
	struct txn *t = world_read(w, STORE_S);
	struct member m;

	assert_int_equal(subscriber_get(t, subscriber, &m, &w->e), 1);
	txn_end(t);
	return m;
}

static struct consent
last_entry(struct world *w, struct txn *t)
{
	struct consent c;
	uint64_t last;

	assert_int_equal(consent_last(t, &last, &w->e), 0);
	assert_int_equal(consent_get(t, last, &c, &w->e), 1);
	return c;
}

static bool
says(struct slice s, const char *text)
{
	return s.len == strlen(text) && memcmp(s.p, text, s.len) == 0;
}

/* ---- bounces */

static void
a_refusal_in_our_own_session_suspends_at_once(void **state)
{
	struct world *w = *state;
	uint64_t id = people_join(w, "news", "a@b.example", NOW);
	struct consent c;
	struct txn *t;

	apply(w, (struct effect){ .kind = EFFECT_HARD, .subscriber = id,
	    .when_ms = NOW + HOUR, .campaign = 5, .code = 550,
	    .enhanced = { 5, 1, 1 }, .host = "mx.b.example",
	    .text = "no such user <rcpt>" });
	assert_int_equal(member(w, id).state, MEMBER_SUSPENDED);
	assert_int_equal(member(w, id).why, MEMBER_WHY_UNKNOWN);
	assert_int_equal(people_gate(w, id), GATE_NOT_COUNTED);
	t = world_read(w, STORE_S);
	c = last_entry(w, t);
	assert_int_equal(c.kind, CONSENT_BOUNCED);
	assert_int_equal(c.code, 550);
	assert_true(says(c.enhanced, "5.1.1"));
	assert_true(says(c.reply, "no such user <rcpt>"));
	assert_int_equal(c.campaign, 5);
	assert_int_equal(c.org, 1);
	txn_end(t);
	/* Another sign changes no state and leaves no second entry. */
	apply(w, (struct effect){ .kind = EFFECT_HARD, .subscriber = id,
	    .when_ms = NOW + 2 * DAY });
	assert_int_equal(member(w, id).bounces.hard_days, 2);
	t = world_read(w, STORE_S);
	assert_true(last_entry(w, t).when_ms == NOW + HOUR);
	txn_end(t);
}

/* Reports by mail: hours after NOW, and whether the last one suspends. */
static const struct {
	const char	*why;
	uint16_t	code, enhanced[3];
	int		hours[4];
	bool		suspended;
} reports[] = {
	{ "user unknown by its status (R127)", 0, { 5, 1, 1 }, { 0, -1 },
	    true },
	{ "a domain that takes no mail", 0, { 5, 1, 10 }, { 0, -1 }, true },
	{ "by the reply that it quotes", 550, { 0, 0, 0 }, { 0, -1 }, true },
	{ "by both", 550, { 5, 1, 1 }, { 0, -1 }, true },
	{ "words alone never do at once (R126)", 0, { 0 }, { 0, -1 }, false },
	{ "a code that leaves a doubt", 450, { 4, 1, 1 }, { 0, -1 }, false },
	{ "many on one day count as one (T43)", 0, { 0 }, { 0, 1, 2, -1 },
	    false },
	{ "the next day, but within 24 h", 0, { 0 }, { 0, 15, -1 }, false },
	{ "a day later", 0, { 0 }, { 0, 24, -1 }, true },
	{ "the second too soon, the third not", 0, { 0 }, { 0, 15, 30, -1 },
	    true },
	{ "two a month apart are two times one", 0, { 0 }, { 0, 721, -1 },
	    false },
	{ "and the second of these counts again", 0, { 0 },
	    { 0, 721, 760, -1 }, true },
};

static void
reports_are_clear_or_must_persist(void **state)
{
	struct world *w = *state;

	for (size_t i = 0; i < sizeof(reports) / sizeof(reports[0]); i++) {
		char address[32];
		uint64_t id;

		snprintf(address, sizeof(address), "r%zu@b.example", i);
		id = people_join(w, "news", address, NOW);
		for (size_t k = 0; reports[i].hours[k] != -1; k++) {
			assert_int_equal(member(w, id).state, MEMBER_ACTIVE);
			apply(w, (struct effect){ .kind = EFFECT_HARD,
			    .subscriber = id, .reported = true,
			    .code = reports[i].code, .enhanced = {
				reports[i].enhanced[0],
				reports[i].enhanced[1],
				reports[i].enhanced[2] },
			    .when_ms = NOW + reports[i].hours[k] * HOUR });
		}
		if ((member(w, id).state == MEMBER_SUSPENDED) !=
		    reports[i].suspended)
			fail_msg("%s", reports[i].why);
	}
}

static void
soft_ones_count_days_and_suspend_nobody(void **state)
{
	struct world *w = *state;
	uint64_t id = people_join(w, "news", "a@b.example", NOW);

	for (int h = 0; h < 24 * 8; h += 6)
		apply(w, (struct effect){ .kind = EFFECT_SOFT,
		    .subscriber = id, .when_ms = NOW + h * HOUR });
	assert_in_range(member(w, id).bounces.soft_days, 8, 9);
	assert_int_equal(member(w, id).state, MEMBER_ACTIVE);
	assert_int_equal(member(w, id).bounces.hard_days, 0);
	apply(w, (struct effect){ .kind = EFFECT_SOFT, .subscriber = id,
	    .when_ms = NOW + 60 * DAY });
	assert_int_equal(member(w, id).bounces.soft_days, 1);
	/* Nobody there any more: passed over. */
	apply(w, (struct effect){ .kind = EFFECT_HARD, .subscriber = 999,
	    .when_ms = NOW });
}

/* ---- once */

static void
a_batch_is_applied_once(void **state)
{
	struct world *w = *state;
	uint64_t id = people_join(w, "news", "a@b.example", NOW), last;
	const struct effect v[] = {
		{ .kind = EFFECT_SOFT, .subscriber = id, .when_ms = NOW },
		{ .kind = EFFECT_SOFT, .subscriber = id,
		    .when_ms = NOW + 2 * DAY },
	};
	struct batch b = { .number = 7, .v = v, .n = 2 };
	struct txn *t;

	world_must(w, STORE_S, do_batch, &b);
	assert_int_equal(b.rc, 1);
	world_reopen(w);
	world_must(w, STORE_S, do_batch, &b);	/* again after a crash */
	assert_int_equal(b.rc, 0);
	assert_int_equal(member(w, id).bounces.soft_days, 2);
	b.number = 6;
	world_must(w, STORE_S, do_batch, &b);
	assert_int_equal(b.rc, 0);
	t = world_read(w, STORE_S);
	assert_int_equal(effect_last(t, &last, &w->e), 0);
	assert_int_equal(last, 7);
	txn_end(t);
}

static void
a_kill_at_any_step_applies_all_or_nothing(void **state)
{
	struct world *w = *state;
	uint64_t a = people_join(w, "news", "a@b.example", NOW);
	uint64_t b = people_join(w, "club", "b@b.example", NOW), last;
	const struct effect v[] = {
		{ .kind = EFFECT_HARD, .subscriber = a, .when_ms = NOW },
		{ .kind = EFFECT_HARD, .subscriber = b, .when_ms = NOW },
	};
	struct batch batch = { .number = 1, .v = v, .n = 2 };

	for (unsigned i = 1; world_killed_at(w, STORE_S, do_batch, &batch, i);
	    i++) {
		struct txn *t = world_read(w, STORE_S);

		assert_int_equal(effect_last(t, &last, &w->e), 0);
		txn_end(t);
		assert_int_equal(member(w, a).state == MEMBER_SUSPENDED, last);
		assert_int_equal(member(w, b).state == MEMBER_SUSPENDED, last);
		assert_true(i < 100);
		if (last == 1)
			return;
	}
	fail_msg("never killed after the commit");
}

static int
break_member(struct txn *t, void *arg, struct err *e)
{
	struct slice k, v;
	struct cursor *c;
	struct key key = KEY_INIT;
	int rc;

	(void)arg;
	if (cursor_open(t, TABLE_MEMBERS, &c, e) == -1)
		return -1;
	rc = cursor_seek(c, SLICE("", 0), &k, &v, e);
	key_raw(&key, k.p, k.len);
	cursor_close(c);
	return rc == 1 ? txn_put(t, TABLE_MEMBERS, key_slice(&key),
	    SLICE("broken", 6), e) : -1;
}

static void
a_damaged_record_does_not_stop_the_batch(void **state)
{
	struct world *w = *state;
	uint64_t a = people_join(w, "news", "a@b.example", NOW);
	uint64_t b = people_join(w, "club", "b@b.example", NOW);
	const struct effect v[] = {
		{ .kind = EFFECT_HARD, .subscriber = a, .when_ms = NOW },
		{ .kind = EFFECT_HARD, .subscriber = b, .when_ms = NOW },
	};
	struct batch batch = { .number = 1, .v = v, .n = 2 };

	world_must(w, STORE_S, break_member, NULL);	/* a's: list 1 */
	world_must(w, STORE_S, do_batch, &batch);
	assert_int_equal(batch.rc, 1);
	assert_int_equal(batch.code, ERR_DAMAGED);	/* P6: not in silence */
	assert_int_equal(member(w, b).state, MEMBER_SUSPENDED);
}

/* ---- notices */

static void
a_confirmation_sent_is_recorded(void **state)
{
	struct world *w = *state;
	struct optin_asked a = people_ask(w, "news", "a@b.example", NULL,
	    NOW);
	struct request r;
	struct consent c;
	struct notice n;
	struct txn *t;

	apply(w, (struct effect){ .kind = EFFECT_NOTICE_DEFERRED,
	    .notice = a.notice, .when_ms = NOW + MINUTE,
	    .due_ms = NOW + 6 * MINUTE });
	t = world_read(w, STORE_S);
	assert_int_equal(notice_get(t, a.notice, &n, &w->e), 1);
	assert_int_equal(n.attempts, 1);
	assert_true(n.first_ms == NOW + MINUTE);
	assert_true(n.due_ms == NOW + 6 * MINUTE);
	txn_end(t);
	apply(w, (struct effect){ .kind = EFFECT_NOTICE_SENT,
	    .notice = a.notice, .when_ms = NOW + 6 * MINUTE, .code = 250,
	    .enhanced = { 2, 0, 0 }, .host = "mx.b.example [192.0.2.1]",
	    .text = "2.0.0 Ok: queued as 4F", .message_id = "<m@h>",
	    .mail = SLICE("To: a", 5), .mail_hash = { 1, 2, 3 } });
	t = world_read(w, STORE_S);
	assert_int_equal(notice_get(t, a.notice, &n, &w->e), 0);
	c = last_entry(w, t);
	assert_int_equal(c.kind, CONSENT_MAIL_SENT);	/* S38 */
	assert_int_equal(c.follows, a.consent);
	assert_true(says(c.reply, "2.0.0 Ok: queued as 4F"));
	assert_true(says(c.host, "mx.b.example [192.0.2.1]"));
	assert_true(says(c.message_id, "<m@h>"));
	assert_true(says(c.mail, "To: a"));		/* S70 */
	assert_int_equal(c.mail_hash.len, 32);
	assert_memory_equal(c.mail_hash.p, "\1\2\3\0", 4);
	assert_int_equal(request_get(t, c.request.p, &r, &w->e), 1);
	assert_true(r.mailed_ms == NOW + 6 * MINUTE);
	assert_int_equal(r.mails, 1);
	txn_end(t);
	/* The outcome a second time finds nothing to do. */
	apply(w, (struct effect){ .kind = EFFECT_NOTICE_SENT,
	    .notice = a.notice, .when_ms = NOW + HOUR });
	assert_int_equal(people_entries(w), 2);
}

static void
other_ends_of_notices(void **state)
{
	struct world *w = *state;
	struct optin_asked a = people_ask(w, "news", "a@b.example", NULL,
	    NOW);
	struct optin_asked d = people_ask(w, "news", "d@b.example", NULL,
	    NOW);
	struct optin_asked m;
	struct txn *t;

	apply(w, (struct effect){ .kind = EFFECT_NOTICE_FAILED,
	    .notice = a.notice, .when_ms = NOW, .code = 550 });
	t = world_read(w, STORE_S);
	assert_int_equal(last_entry(w, t).kind, CONSENT_MAIL_FAILED);
	txn_end(t);
	apply(w, (struct effect){ .kind = EFFECT_NOTICE_DROPPED,
	    .notice = d.notice, .when_ms = NOW });
	assert_int_equal(people_rows(w, TABLE_NOTICES), 0);
	assert_int_equal(people_entries(w), 3);
	people_join(w, "club", "m@b.example", NOW);
	m = people_ask(w, "club", "m@b.example", NULL, NOW + HOUR);
	apply(w, (struct effect){ .kind = EFFECT_NOTICE_SENT,
	    .notice = m.notice, .when_ms = NOW + HOUR });
	t = world_read(w, STORE_S);
	assert_int_equal(last_entry(w, t).kind, CONSENT_ALREADY);
	txn_end(t);
}

/* A confirmation is asked of the gate right before MAIL, as all mail is. */
static void
the_gate_knows_notices(void **state)
{
	struct world *w = *state;
	struct optin_asked a;
	enum gate_verdict v;
	struct txn *t;

	people_leave(w, 1, "a@b.example", IPC_LEAVE_LIST, NOW - DAY);
	a = people_ask(w, "news", "a@b.example", NULL, NOW);
	t = world_read(w, STORE_S);
	assert_int_equal(gate_check_notice(t, a.notice, NOW, &v, NULL,
	    &w->e), 0);
	assert_int_equal(v, GATE_OPEN);	/* only their own unsubscribe */
	assert_int_equal(gate_check_notice(t, a.notice, NOW + 72 * HOUR, &v,
	    NULL, &w->e), 0);
	assert_int_equal(v, GATE_LEFT);	/* the token is dead */
	assert_int_equal(gate_check_notice(t, 999, NOW, &v, NULL, &w->e), 0);
	assert_int_equal(v, GATE_LEFT);
	txn_end(t);
	people_leave(w, 1, "a@b.example", IPC_LEAVE_LIST, NOW + HOUR);
	t = world_read(w, STORE_S);
	assert_int_equal(gate_check_notice(t, a.notice, NOW + HOUR, &v, NULL,
	    &w->e), 0);
	assert_int_equal(v, GATE_LEFT);	/* void since */
	txn_end(t);
}

int
main(void)
{
#define TEST(F)	cmocka_unit_test_setup_teardown(F, setup, world_teardown)
	const struct CMUnitTest tests[] = {
		TEST(a_refusal_in_our_own_session_suspends_at_once),
		TEST(reports_are_clear_or_must_persist),
		TEST(soft_ones_count_days_and_suspend_nobody),
		TEST(a_batch_is_applied_once),
		TEST(a_kill_at_any_step_applies_all_or_nothing),
		TEST(a_damaged_record_does_not_stop_the_batch),
		TEST(a_confirmation_sent_is_recorded),
		TEST(other_ends_of_notices),
		TEST(the_gate_knows_notices),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
