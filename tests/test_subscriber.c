/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_subscriber.c - memberships and their indexes stay in step, the queue
 * order is walked completely, suppressions win by strength.
 *
 * A random walk of joins, suspensions, returns and leavings is checked against
 * an array that knows nothing of keys and hashes.
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
#include "spool/list_private.h"
#include "spool/subscriber.h"
#include "spool/suppression.h"
#include "tests/spool_world.h"

#define LIST	7u
#define PEOPLE	60
#define STEPS	3000

struct person {
	struct identity	who;
	struct member	m;
	bool		member;
};

static struct person people[PEOPLE];

static uint32_t
next_random(uint64_t *x)
{
	*x = *x * 6364136223846793005u + 1442695040888963407u;
	return (uint32_t)(*x >> 33);
}

static void
make_people(const struct keyring *keys)
{
	struct err e = ERR_INIT;
	char text[64];

	for (unsigned i = 0; i < PEOPLE; i++) {
		int n = snprintf(text, sizeof(text), "Person.%u@d%u.example",
		    i, i % 3);

		assert_int_equal(identity_parse(keys, text, (size_t)n,
		    0, &people[i].who, &e), 0);
		people[i].member = false;
	}
}

static void
step(struct txn *t, struct person *p, uint32_t what)
{
	struct subscriber_new n = { .list = LIST, .who = &p->who,
		.state = what & 1 ? MEMBER_ACTIVE : MEMBER_UNCONFIRMED,
		.consent = what & 1 ? 5 : 0, .now_ms = 1000 };
	struct err e = ERR_INIT;

	if (!p->member) {
		assert_int_equal(subscriber_add(t, &n, &p->m, &e), 1);
		p->member = true;
		return;
	}
	assert_int_equal(subscriber_add(t, &n, &p->m, &e), 0);
	if (what % 3 == 0) {
		assert_int_equal(subscriber_remove(t, &p->m, &e), 0);
		p->member = false;
	} else if (p->m.state == MEMBER_ACTIVE) {
		assert_int_equal(subscriber_set_state(t, &p->m,
		    MEMBER_SUSPENDED, MEMBER_WHY_UNKNOWN, 0, &e), 0);
	} else {
		uint64_t before = p->m.join;

		assert_int_equal(subscriber_set_state(t, &p->m,
		    MEMBER_ACTIVE, MEMBER_WHY_NONE, 9, &e), 0);
		assert_true(p->m.join > before);
	}
}

/* Each finder and count agrees with the model. */
static void
compare(struct txn *t)
{
	struct list_counters c;
	struct subscriber_domain d[8];
	struct err e = ERR_INIT;
	uint64_t active = 0, all = 0, dactive = 0, dall = 0;
	size_t n;

	for (unsigned i = 0; i < PEOPLE; i++) {
		struct person *p = &people[i];
		struct member m;

		assert_int_equal(subscriber_find(t, LIST, p->who.hash, &m,
		    &e), p->member);
		if (!p->member)
			continue;
		all++;
		active += m.state == MEMBER_ACTIVE;
		assert_int_equal(m.state, p->m.state);
		assert_string_equal(m.local, p->who.typed.local);
		assert_int_equal(subscriber_get(t, m.subscriber, &m, &e), 1);
		assert_string_equal(m.folded, p->who.folded.local);
		assert_int_equal(subscriber_at(t, LIST, m.domain, m.h8,
		    m.subscriber, &m, &e), 1);
		assert_int_equal(subscriber_next_of(t, p->who.hash, 1, &m,
		    &e), 1);
	}
	assert_int_equal(list_counters(t, LIST, &c, &e), 0);
	assert_int_equal(c.active, active);
	assert_int_equal(c.all, all);
	assert_int_equal(subscriber_domains(t, LIST, 1, d, 8, &n, &e), 0);
	for (size_t i = 0; i < n; i++) {
		dactive += d[i].active;
		dall += d[i].all;
	}
	assert_int_equal(dactive, active);
	assert_int_equal(dall, all);
}

/* Windows of any size give every row once, in order of r. */
static void
walk_windows(struct txn *t, uint64_t start)
{
	struct subscriber_domain d[8];
	struct subscriber_row rows[16];
	struct err e = ERR_INIT;
	size_t nd, n;

	assert_int_equal(subscriber_domains(t, LIST, 1, d, 8, &nd, &e), 0);
	for (size_t i = 0; i < nd; i++) {
		uint64_t lo = 0, last = 0;
		size_t seen = 0;
		bool end = false;

		while (!end) {
			assert_int_equal(subscriber_window(t, LIST,
			    d[i].domain, start, lo, rows, 16, &n, &end, &e),
			    0);
			for (size_t k = 0; k < n; k++) {
				assert_true(seen == 0 || rows[k].r > last);
				assert_true(rows[k].r == rows[k].h8 - start);
				last = rows[k].r;
				seen++;
			}
			lo = last + 1;
			assert_true(seen <= PEOPLE);
		}
		assert_int_equal(seen, d[i].all);
	}
}

static int
walk(struct txn *t, void *arg, struct err *e)
{
	uint64_t x = 42;

	(void)arg;
	(void)e;
	make_people(store_keys(txn_store(t)));
	for (unsigned i = 0; i < STEPS; i++) {
		uint32_t r = next_random(&x);

		step(t, &people[r % PEOPLE], r >> 8);
		if (i % 100 == 0)
			compare(t);
	}
	compare(t);
	walk_windows(t, 0);
	walk_windows(t, 1);
	walk_windows(t, UINT64_MAX);
	walk_windows(t, UINT64_MAX / 2);
	return 0;
}

static void
memberships_stay_in_step(void **state)
{
	world_must(*state, STORE_S, walk, NULL);
}

static int
illegal(struct txn *t, void *arg, struct err *e)
{
	struct subscriber_new n = { .list = LIST, .who = &people[0].who,
		.state = MEMBER_ACTIVE, .consent = 0 };
	struct member m;

	(void)arg;
	make_people(store_keys(txn_store(t)));
	/* S19: nobody is ACTIVE without an entry. */
	assert_int_equal(subscriber_add(t, &n, &m, e), -1);
	assert_int_equal(e->code, ERR_REFUSED);
	n.state = MEMBER_SUSPENDED;
	n.consent = 4;
	assert_int_equal(subscriber_add(t, &n, &m, e), -1);
	n.state = MEMBER_UNCONFIRMED;
	n.consent = 0;
	assert_int_equal(subscriber_add(t, &n, &m, e), 1);
	assert_int_equal(m.join, 0);
	/* It does not become ACTIVE without one either. */
	assert_int_equal(subscriber_set_state(t, &m, MEMBER_ACTIVE,
	    MEMBER_WHY_NONE, 0, e), -1);
	assert_int_equal(subscriber_set_state(t, &m, MEMBER_SUSPENDED,
	    MEMBER_WHY_DESK, 0, e), -1);
	return 0;
}

static void
what_design_forbids_is_refused(void **state)
{
	world_must(*state, STORE_S, illegal, NULL);
}

/* ---- suppressions */

static const struct {
	const char *why;
	enum suppression_reason first, second, kept;
} strengths[] = {
	{ "a bounce does not hide a complaint", SUPPRESSION_COMPLAINT,
	    SUPPRESSION_BOUNCE, SUPPRESSION_COMPLAINT },
	{ "a complaint outranks an unsubscribe", SUPPRESSION_UNSUBSCRIBE,
	    SUPPRESSION_COMPLAINT, SUPPRESSION_COMPLAINT },
	{ "an owner's block gives way to the person's", SUPPRESSION_OWNER,
	    SUPPRESSION_UNSUBSCRIBE, SUPPRESSION_UNSUBSCRIBE },
	{ "a ban stays", SUPPRESSION_BAN, SUPPRESSION_DESK, SUPPRESSION_BAN },
};

static const struct {
	const char *why;
	enum suppression_scope scope;
	enum suppression_reason reason;
	enum suppression_setter by;
	int result;
} lifts[] = {
	{ "one's own unsubscribe", SUPPRESSION_LIST,
	    SUPPRESSION_UNSUBSCRIBE, SUPPRESSION_BY_PERSON, 1 },
	{ "all lists: stays for the others", SUPPRESSION_ORG,
	    SUPPRESSION_UNSUBSCRIBE, SUPPRESSION_BY_PERSON, -1 },
	{ "a complaint is the desk's (T11)", SUPPRESSION_LIST,
	    SUPPRESSION_COMPLAINT, SUPPRESSION_BY_PERSON, -1 },
	{ "an owner cannot lift a person's (T11)", SUPPRESSION_LIST,
	    SUPPRESSION_UNSUBSCRIBE, SUPPRESSION_BY_OWNER, -1 },
	{ "an owner's own", SUPPRESSION_LIST, SUPPRESSION_OWNER,
	    SUPPRESSION_BY_OWNER, 1 },
	{ "the desk lifts all", SUPPRESSION_HOST, SUPPRESSION_BAN,
	    SUPPRESSION_BY_DESK, 1 },
};

static struct suppression
suppress(unsigned i, enum suppression_scope scope,
    enum suppression_reason reason)
{
	struct suppression s = { .scope = scope, .id = scope ==
		SUPPRESSION_HOST ? 0 : LIST, .reason = reason,
		.setter = SUPPRESSION_BY_DESK, .when_ms = 7, .consent = 100 };

	memcpy(s.hash, people[i].who.hash, sizeof(s.hash));
	return s;
}

static int
suppressions(struct txn *t, void *arg, struct err *e)
{
	struct suppression s, got;
	unsigned i, k;

	(void)arg;
	make_people(store_keys(txn_store(t)));
	for (i = 0; i < sizeof(strengths) / sizeof(strengths[0]); i++) {
		s = suppress(i, SUPPRESSION_LIST, strengths[i].first);
		assert_int_equal(suppression_add(t, &s, e), 1);
		s = suppress(i, SUPPRESSION_LIST, strengths[i].second);
		assert_int_not_equal(suppression_add(t, &s, e), -1);
		assert_int_equal(suppression_get(t, s.hash, s.scope, s.id,
		    &got, e), 1);
		if (got.reason != strengths[i].kept)
			fail_msg("%s", strengths[i].why);
	}
	for (k = 0; k < sizeof(lifts) / sizeof(lifts[0]); k++, i++) {
		s = suppress(i, lifts[k].scope, lifts[k].reason);
		assert_int_equal(suppression_add(t, &s, e), 1);
		if (suppression_lift(t, s.hash, s.scope, s.id, lifts[k].by,
		    e) != lifts[k].result)
			fail_msg("%s", lifts[k].why);
	}
	/* "All lists" does not stand against a younger confirmation. */
	s = suppress(i, SUPPRESSION_ORG, SUPPRESSION_UNSUBSCRIBE);
	assert_int_equal(suppression_add(t, &s, e), 1);
	assert_int_equal(suppression_blocks(t, s.hash, 1, LIST, 99, &got, e),
	    1);
	assert_int_equal(suppression_blocks(t, s.hash, 1, LIST, 101, &got, e),
	    0);
	assert_int_equal(suppression_blocks_request(t, s.hash, 1, LIST, &got,
	    e), 0);
	return 0;
}

static void
the_stronger_reason_stays_and_few_may_lift(void **state)
{
	world_must(*state, STORE_S, suppressions, NULL);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(memberships_stay_in_step,
		    world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(what_design_forbids_is_refused,
		    world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(
		    the_stronger_reason_stays_and_few_may_lift, world_setup,
		    world_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
