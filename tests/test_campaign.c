/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_campaign.c - campaign rows: the same send twice is one campaign (P5),
 * only legal changes of state are stored, figures come back.
 */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "lib/strbuf.h"
#include "spool/campaign.h"
#include "spool/qmeta.h"
#include "tests/spool_world.h"

static struct campaign
sample(void)
{
	struct campaign c = {
		.list = 7, .org = 3, .as_of = 100, .count = 90,
		.left_base = 5, .start = 0xfedcba9876543210, .created_ms = 11,
		.released_ms = 12, .date_ms = 13, .send_at_ms = 14,
		.send_by_ms = 15, .ended_ms = 16, .created_by = "root",
		.changed_by = "owner", .changed_ms = 17,
		.after = CAMPAIGN_AFTER_HOLD,
		.params = SLICE("{}", 2), .findings = SLICE("[1]", 3),
		.fingerprint = SLICE("print", 5), .similar = 51,
		.excess = 2001, .excess_allowed = true,
	};

	memset(c.content, 0xab, sizeof(c.content));
	return c;
}

struct create {
	struct campaign	c;
	bool		existed;
};

static int
create(struct txn *t, void *arg, struct err *e)
{
	struct create *a = arg;

	return campaign_create(t, &a->c, &a->existed, e);
}

static int
change(struct txn *t, void *arg, struct err *e)
{
	return campaign_change(t, arg, e);
}

static uint32_t
create_one(struct world *w, uint32_t list, uint8_t content)
{
	struct create a = { .c = sample() };

	a.c.list = list;
	memset(a.c.content, content, sizeof(a.c.content));
	world_must(w, STORE_Q, create, &a);
	return a.c.id;
}

static int
set_state(struct world *w, uint32_t id, enum campaign_state s)
{
	struct txn *t = world_read(w, STORE_Q);
	struct campaign c;

	assert_int_equal(campaign_get(t, id, &c, &w->e), 1);
	campaign_detach(&c);
	txn_end(t);
	c.state = s;
	return world_write(w, STORE_Q, change, &c);
}

static void
rows_come_back(void **state)
{
	struct world *w = *state;
	struct create a = { .c = sample() };
	struct campaign c, want = sample();
	struct txn *t;

	world_must(w, STORE_Q, create, &a);
	assert_int_equal(a.c.id, 1);
	assert_false(a.existed);
	world_reopen(w);
	t = world_read(w, STORE_Q);
	assert_int_equal(campaign_get(t, 1, &c, &w->e), 1);
	assert_int_equal(c.state, CAMPAIGN_PREPARING);
	assert_int_equal(c.params.len, 2);
	assert_memory_equal(c.findings.p, "[1]", 3);
	want.id = 1;
	want.state = c.state;
	want.params = c.params;
	want.findings = c.findings;
	assert_int_equal(c.fingerprint.len, 5);
	assert_memory_equal(c.fingerprint.p, "print", 5);
	assert_true(c.similar == 51 && c.excess == 2001 && c.excess_allowed);
	assert_memory_equal(c.content, want.content, CAMPAIGN_HASH);
	assert_true(c.start == want.start && c.as_of == want.as_of &&
	    c.count == want.count && c.left_base == want.left_base);
	assert_true(c.created_ms == 11 && c.released_ms == 12 &&
	    c.date_ms == 13 && c.send_at_ms == 14 && c.send_by_ms == 15 &&
	    c.ended_ms == 16 && c.changed_ms == 17);
	assert_int_equal(c.after, CAMPAIGN_AFTER_HOLD);
	assert_string_equal(c.created_by, "root");
	assert_string_equal(c.changed_by, "owner");
	assert_int_equal(campaign_get(t, 2, &c, &w->e), 0);
	txn_end(t);
}

/* As they were written before there were fingerprints. */
static int
put_old(struct txn *t, void *arg, struct err *e)
{
	struct strbuf b = STRBUF_INIT(1024);
	uint8_t key[4] = { 0, 0, 0, 9 };
	int rc;

	(void)arg;
	record_begin(&b, 2);
	pack_u32(&b, 7);
	pack_u32(&b, 3);
	pack_u8(&b, CAMPAIGN_RUNNING);
	for (int i = 0; i < CAMPAIGN_HASH; i++)
		pack_u8(&b, 1);
	pack_u32(&b, 0);
	for (int i = 0; i < 10; i++)
		pack_u64(&b, 1);
	pack_str(&b, "root");
	pack_str(&b, "root");
	pack_i64(&b, 17);
	pack_bytes(&b, "{}", 2);
	pack_bytes(&b, "[]", 2);
	pack_u8(&b, CAMPAIGN_AFTER_HOLD);
	record_end(&b);
	rc = txn_put(t, TABLE_CAMPAIGNS, SLICE(key, 4), SLICE(b.s, b.len), e);
	strbuf_free(&b);
	return rc;
}

static void
old_rows_have_no_fingerprint(void **state)
{
	struct world *w = *state;
	struct campaign c;
	struct txn *t;

	world_must(w, STORE_Q, put_old, NULL);
	t = world_read(w, STORE_Q);
	assert_int_equal(campaign_get(t, 9, &c, &w->e), 1);
	assert_int_equal(c.after, CAMPAIGN_AFTER_HOLD);
	assert_int_equal(c.fingerprint.len, 0);
	assert_true(c.similar == 0 && c.excess == 0 && !c.excess_allowed);
	txn_end(t);
}

/* P5, F30: a second send of the same content to the same list is a no-op. */
static void
same_send_is_one_campaign(void **state)
{
	struct world *w = *state;
	struct create a = { .c = sample() };
	uint32_t id = create_one(w, 1, 0x11);

	assert_int_not_equal(create_one(w, 2, 0x11), id);
	assert_int_not_equal(create_one(w, 1, 0x12), id);
	assert_int_equal(create_one(w, 1, 0x11), id);
	a.c.list = 1;
	memset(a.c.content, 0x11, CAMPAIGN_HASH);
	world_must(w, STORE_Q, create, &a);
	assert_true(a.existed);
	assert_int_equal(set_state(w, id, CAMPAIGN_RUNNING), 0);
	assert_int_equal(set_state(w, id, CAMPAIGN_FINISHED), 0);
	assert_int_equal(create_one(w, 1, 0x11), id);
}

static void
refused_and_cancelled_may_come_again(void **state)
{
	struct world *w = *state;
	uint32_t a = create_one(w, 1, 0x11), b;

	assert_int_equal(set_state(w, a, CAMPAIGN_REFUSED), 0);
	b = create_one(w, 1, 0x11);
	assert_int_not_equal(a, b);
	assert_int_equal(create_one(w, 1, 0x11), b);
	assert_int_equal(set_state(w, b, CAMPAIGN_RUNNING), 0);
	assert_int_equal(set_state(w, b, CAMPAIGN_CANCELLED), 0);
	assert_int_not_equal(create_one(w, 1, 0x11), b);
}

static void
a_resend_of_the_failed_is_new(void **state)
{
	struct world *w = *state;
	struct create a = { .c = sample() };
	uint32_t id = create_one(w, 7, 0xab);

	a.c.failed_of = id;
	world_must(w, STORE_Q, create, &a);
	assert_false(a.existed);
	assert_int_equal(a.c.id, id + 1);
	/* and does not take over the identity */
	assert_int_equal(create_one(w, 7, 0xab), id);
}

/* spool/DESIGN section 7, every pair. */
static void
only_legal_changes(void **state)
{
	static const char *const table[CAMPAIGN_STATES] = {
		/*		   to: -PRSRPCF */
		[0] =			"........",
		[CAMPAIGN_PREPARING] =	"..xxx.x.",
		[CAMPAIGN_REFUSED] =	"........",
		[CAMPAIGN_SCHEDULED] =	"....x.x.",
		[CAMPAIGN_RUNNING] =	".....xxx",
		[CAMPAIGN_PAUSED] =	"....x.xx",
		[CAMPAIGN_CANCELLED] =	"........",
		[CAMPAIGN_FINISHED] =	"........",
	};
	struct world *w = *state;
	struct campaign c = sample();
	uint32_t id = create_one(w, 1, 1);

	for (int from = 0; from < CAMPAIGN_STATES; from++)
		for (int to = 0; to < CAMPAIGN_STATES; to++)
			if (campaign_legal(from, to) !=
			    (table[from][to] == 'x'))
				fail_msg("%d to %d", from, to);
	assert_int_equal(set_state(w, id, CAMPAIGN_PAUSED), 1);
	assert_int_equal(w->e.code, ERR_REFUSED);
	assert_int_equal(set_state(w, id, CAMPAIGN_RUNNING), 0);
	assert_int_equal(set_state(w, id, CAMPAIGN_RUNNING), 0);
	c.id = 99;
	c.state = CAMPAIGN_RUNNING;
	assert_int_equal(world_write(w, STORE_Q, change, &c), 1);
	assert_int_equal(w->e.code, ERR_NOTFOUND);
}

static void
limits_are_told(void **state)
{
	static const uint8_t big[CAMPAIGN_PARAMS_MAX + 1];
	struct world *w = *state;
	struct create a = { .c = sample() };

	a.c.params = SLICE(big, sizeof(big));
	assert_int_equal(world_write(w, STORE_Q, create, &a), 1);
	assert_int_equal(w->e.code, ERR_LIMIT);
	a.c.params.len--;
	world_must(w, STORE_Q, create, &a);
}

static void
campaigns_are_walked(void **state)
{
	struct world *w = *state;
	struct campaign c;
	struct txn *t;
	uint32_t after = 0, n = 0;

	for (uint8_t i = 1; i <= 5; i++)
		create_one(w, 1, i);
	t = world_read(w, STORE_Q);
	for (; campaign_next(t, after, &c, &w->e) == 1; after = c.id)
		n++;
	assert_int_equal(n, 5);
	assert_int_equal(after, 5);
	assert_int_equal(campaign_next(t, UINT32_MAX, &c, &w->e), 0);
	txn_end(t);
}

static int
put_tally(struct txn *t, void *arg, struct err *e)
{
	return tally_put(t, 4, arg, e);
}

static void
figures_come_back(void **state)
{
	struct world *w = *state;
	struct tally v = { 1, 2, 3, 4, 5, 6, 7, 8 }, got;
	struct txn *t;

	world_must(w, STORE_Q, put_tally, &v);
	t = world_read(w, STORE_Q);
	assert_int_equal(tally_get(t, 4, &got, &w->e), 0);
	assert_memory_equal(&got, &v, sizeof(v));
	assert_int_equal(tally_ended(&got), 15);
	assert_int_equal(tally_get(t, 5, &got, &w->e), 0);
	assert_int_equal(tally_ended(&got), 0);
	txn_end(t);
}

/* Rows of before there were the last fields. */
static int
put_version_1(struct txn *t, void *arg, struct err *e)
{
	static const uint8_t key[4] = { 0, 0, 0, 1 };
	struct strbuf b = STRBUF_INIT(1024);
	uint8_t content[CAMPAIGN_HASH] = { 1 };
	int rc;

	(void)arg;
	record_begin(&b, 1);
	for (uint64_t i = 1; i <= 7; i++)
		pack_u64(&b, i);
	record_end(&b);
	rc = txn_put(t, TABLE_TALLIES, SLICE(key, 4), SLICE(b.s, b.len), e);
	strbuf_reset(&b);
	record_begin(&b, 1);
	pack_u32(&b, 7);
	pack_u32(&b, 3);
	pack_u8(&b, CAMPAIGN_RUNNING);
	pack_raw(&b, content, sizeof(content));
	pack_u32(&b, 0);
	for (uint64_t i = 0; i < 10; i++)
		pack_u64(&b, i);
	pack_str(&b, "root");
	pack_str(&b, "owner");
	pack_i64(&b, 17);
	pack_bytes(&b, "{}", 2);
	pack_bytes(&b, "[]", 2);
	record_end(&b);
	if (rc == 0)
		rc = txn_put(t, TABLE_CAMPAIGNS, SLICE(key, 4),
		    SLICE(b.s, b.len), e);
	strbuf_free(&b);
	return rc;
}

static void
rows_of_version_1_are_read(void **state)
{
	struct world *w = *state;
	struct campaign c;
	struct tally v;
	struct txn *t;

	world_must(w, STORE_Q, put_version_1, NULL);
	t = world_read(w, STORE_Q);
	assert_int_equal(campaign_get(t, 1, &c, &w->e), 1);
	assert_string_equal(c.changed_by, "owner");
	assert_int_equal(c.after, CAMPAIGN_AFTER_RESEND);
	assert_int_equal(tally_get(t, 1, &v, &w->e), 0);
	assert_int_equal(v.attempts, 7);
	assert_int_equal(v.unanswered, 0);
	txn_end(t);
}

static void
names_of_what_is_done_after_data(void **state)
{
	enum campaign_after after;

	(void)state;
	for (unsigned i = 0; i < CAMPAIGN_AFTERS; i++) {
		assert_true(campaign_after_find(campaign_after_name(
		    (enum campaign_after)i), &after));
		assert_int_equal(after, i);
	}
	assert_false(campaign_after_find("", &after));
	assert_false(campaign_after_find("retry", &after));
}

static int
damage(struct txn *t, void *arg, struct err *e)
{
	static const uint8_t key[4] = { 0, 0, 0, 1 };

	(void)arg;
	return txn_put(t, TABLE_CAMPAIGNS, SLICE(key, 4), SLICE("junk", 4), e);
}

/* P6, P12: named, not guessed at. */
static void
damage_is_named(void **state)
{
	struct world *w = *state;
	struct campaign c;
	struct txn *t;

	create_one(w, 1, 1);
	world_must(w, STORE_Q, damage, NULL);
	t = world_read(w, STORE_Q);
	assert_int_equal(campaign_get(t, 1, &c, &w->e), -1);
	assert_int_equal(w->e.code, ERR_DAMAGED);
	assert_non_null(strstr(w->e.text, "campaigns 1"));
	txn_end(t);
}

static int
count_up(struct txn *t, void *arg, struct err *e)
{
	return qmeta_next(t, QMETA_EPOCH, arg, e);
}

static void
counters_rise(void **state)
{
	struct world *w = *state;
	uint64_t v;

	world_must(w, STORE_Q, count_up, &v);
	assert_int_equal(v, 1);
	world_reopen(w);
	world_must(w, STORE_Q, count_up, &v);
	assert_int_equal(v, 2);
}

#define T(F)	cmocka_unit_test_setup_teardown(F, world_setup, world_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(rows_come_back),
		T(old_rows_have_no_fingerprint),
		T(same_send_is_one_campaign),
		T(refused_and_cancelled_may_come_again),
		T(a_resend_of_the_failed_is_new),
		T(only_legal_changes),
		T(limits_are_told),
		T(campaigns_are_walked),
		T(figures_come_back),
		T(names_of_what_is_done_after_data),
		T(rows_of_version_1_are_read),
		T(damage_is_named),
		T(counters_rise),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
