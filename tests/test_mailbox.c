/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_mailbox.c - T34 c: the subscriptions of a mailbox are found by any of
 * its addresses, the index is kept in step, and consent knows nothing of it;
 * and what a mailbox was mailed (spool/slot.h).
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

#include "lib/err.h"
#include "spool/mailbox.h"
#include "spool/row.h"
#include "spool/slot.h"
#include "tests/spool_people.h"

/* Memberships in the mailbox of an address. */
static unsigned
found(struct world *w, const char *address)
{
	struct txn *t = world_read(w, STORE_S);
	uint8_t mailbox[ADDRESS_HASH_OCTETS], own[ADDRESS_HASH_OCTETS];
	struct mailbox_walk walk;
	struct member m;
	unsigned n = 0;
	int rc;

	assert_int_equal(mailbox_of_text(t, address, mailbox, &w->e), 1);
	mailbox_walk_begin(&walk, mailbox);
	while ((rc = mailbox_walk_next(t, &walk, &m, &w->e)) == 1) {
		assert_int_equal(mailbox_of_member(t, &m, own, &w->e), 0);
		assert_memory_equal(own, mailbox, sizeof(own));
		assert_true(++n < 100);
	}
	assert_int_equal(rc, 0);
	txn_end(t);
	return n;
}

static unsigned
most(struct world *w)
{
	struct txn *t = world_read(w, STORE_S);
	unsigned n;

	assert_int_equal(mailbox_most(t, &n, &w->e), 0);
	txn_end(t);
	return n;
}

static unsigned
addresses(struct world *w, const char *address)
{
	struct txn *t = world_read(w, STORE_S);
	uint8_t mailbox[ADDRESS_HASH_OCTETS];
	unsigned n;

	assert_int_equal(mailbox_of_text(t, address, mailbox, &w->e), 1);
	assert_int_equal(mailbox_addresses(t, mailbox, &n, &w->e), 0);
	txn_end(t);
	return n;
}

static void
plain_addresses_have_no_rows(void **state)
{
	struct world *w = *state;

	people_join(w, "news", "ann@one.example", NOW);
	people_join(w, "club", "ann@one.example", NOW);
	people_join(w, "news", "annlee@gmail.com", NOW);
	assert_int_equal(people_rows(w, TABLE_ALIASES), 0);
	assert_int_equal(most(w), 1);
	assert_int_equal(found(w, "Ann+x@one.example"), 2);
	assert_int_equal(found(w, "a.n.n.lee@googlemail.com"), 1);
	assert_int_equal(found(w, "bob@one.example"), 0);
}

static void
aliases_are_found_and_go(void **state)
{
	struct world *w = *state;

	people_join(w, "news", "annlee@gmail.com", NOW);
	people_join(w, "news", "ann.lee@gmail.com", NOW);
	assert_int_equal(most(w), 2);
	assert_int_equal(people_rows(w, TABLE_CROWDS), 0);
	people_join(w, "club", "ann.lee@gmail.com", NOW);
	people_join(w, "other", "annlee+shop@googlemail.com",
	    NOW + 2 * DAY);
	assert_int_equal(people_rows(w, TABLE_ALIASES), 2);
	assert_int_equal(people_rows(w, TABLE_CROWDS), 1);
	assert_int_equal(most(w), 3);
	assert_int_equal(addresses(w, "annlee@gmail.com"), 3);
	assert_int_equal(addresses(w, "bob@gmail.com"), 2);
	assert_int_equal(found(w, "a.nnlee@gmail.com"), 4);
	/* They are strangers to each other for anything but limits. */
	assert_int_equal(people_state(w, 3, "ann.lee@gmail.com"), 0);
	people_leave(w, 1, "ann.lee@gmail.com", IPC_LEAVE_LIST, NOW + 3 * DAY);
	assert_int_equal(found(w, "annlee@gmail.com"), 3);
	assert_int_equal(people_state(w, 1, "annlee@gmail.com"),
	    MEMBER_ACTIVE);
	/* Its row goes with its last membership. */
	assert_int_equal(people_rows(w, TABLE_ALIASES), 2);
	people_leave(w, 2, "ann.lee@gmail.com", IPC_LEAVE_LIST, NOW + 3 * DAY);
	assert_int_equal(people_rows(w, TABLE_ALIASES), 1);
	assert_int_equal(people_rows(w, TABLE_CROWDS), 0);
	assert_int_equal(found(w, "annlee@gmail.com"), 2);
	assert_int_equal(most(w), 2);
	people_leave(w, 3, "annlee+shop@googlemail.com", IPC_LEAVE_LIST,
	    NOW + 3 * DAY);
	assert_int_equal(people_rows(w, TABLE_ALIASES), 0);
	assert_int_equal(most(w), 1);
}

static int
do_erase(struct txn *t, void *arg, struct err *e)
{
	const struct identity *who = arg;
	struct leave_result out = { .n = 0 };
	int rc = leave_erase(t, who->hash, "desk", NOW + 5, &out, e);

	leave_result_free(&out);
	return rc;
}

static void
erasure_takes_the_rows(void **state)
{
	struct world *w = *state;
	struct identity who = people_identity(w, "ann+a@one.example");

	people_join(w, "news", "ann+a@one.example", NOW);
	people_join(w, "club", "ann+a@one.example", NOW);
	people_join(w, "news", "ann+b@one.example", NOW);
	assert_int_equal(people_rows(w, TABLE_CROWDS), 1);
	world_must(w, STORE_S, do_erase, &who);
	assert_int_equal(people_rows(w, TABLE_ALIASES), 1);
	assert_int_equal(people_rows(w, TABLE_CROWDS), 0);
	assert_int_equal(found(w, "ann@one.example"), 1);
}

/* ---- many at random, against an array */

#define PEOPLE	24

struct toggle {
	const struct identity *who;
	uint32_t	 list;
	bool		 join;
};

static int
do_toggle(struct txn *t, void *arg, struct err *e)
{
	const struct toggle *g = arg;
	const struct subscriber_new n = { .list = g->list, .who = g->who,
	    .state = MEMBER_ACTIVE, .consent = 1, .now_ms = NOW };
	struct member m;

	if (g->join)
		return subscriber_add(t, &n, &m, e) == 1 ? 0 : -1;
	if (subscriber_find(t, g->list, g->who->hash, &m, e) != 1)
		return -1;
	return subscriber_remove(t, &m, e);
}

static void
a_walk_stays_in_step(void **state)
{
	static const char *const forms[][2] = { { "p", "@one.example" },
	    { "p", "+x@one.example" }, { "p", "+y@one.example" },
	    { "p.", "@gmail.com" }, { "p", "@gmail.com" },
	    { "p", "@googlemail.com" } };
	struct world *w = *state;
	bool member[PEOPLE][6][2] = { { { false } } };
	struct identity who;
	struct toggle toggle;
	uint64_t x = 4711;
	char a[64];

	for (unsigned step = 0; step < 400; step++) {
		unsigned p, f, l, n = 0;

		x = x * 6364136223846793005u + 1442695040888963407u;
		p = (unsigned)(x >> 33) % PEOPLE;
		f = (unsigned)(x >> 40) % 6;
		l = (unsigned)(x >> 50) & 1;
		snprintf(a, sizeof(a), "%s%u%s", forms[f][0], p, forms[f][1]);
		who = people_identity(w, a);
		toggle = (struct toggle){ &who, l + 1, !member[p][f][l] };
		world_must(w, STORE_S, do_toggle, &toggle);
		member[p][f][l] = !member[p][f][l];
		/* Of one mailbox are the first three, and the last three. */
		for (unsigned i = f < 3 ? 0 : 3; i < (f < 3 ? 3u : 6u); i++)
			n += member[p][i][0] + member[p][i][1];
		assert_int_equal(found(w, a), n);
		assert_true(most(w) >= addresses(w, a) ||
		    addresses(w, a) == 2);
	}
}

/* ---- import, and stores without the rows */

static int
drop_rows(struct txn *t, void *arg, struct err *e)
{
	struct cursor *c = NULL;
	struct slice key, value;
	struct key k;
	int rc;

	(void)arg;
	for (;;) {
		if (cursor_open(t, TABLE_ALIASES, &c, e) == -1)
			return -1;
		rc = cursor_seek(c, SLICE("\0", 1), &key, &value, e);
		k.len = 0;
		if (rc == 1)
			key_raw(&k, key.p, key.len);
		cursor_close(c);
		if (rc != 1 || txn_del(t, TABLE_ALIASES, key_slice(&k),
		    e) == -1)
			return rc;
	}
}

static int
do_upgrade(struct txn *t, void *arg, struct err *e)
{
	(void)arg;
	return mailbox_upgrade(t, e);
}

static void
an_older_store_gets_its_rows(void **state)
{
	struct world *w = *state;

	people_join(w, "news", "ann+a@one.example", NOW);
	people_join(w, "club", "ann+a@one.example", NOW);
	people_join(w, "news", "bob@one.example", NOW);
	world_must(w, STORE_S, drop_rows, NULL);
	assert_int_equal(found(w, "ann@one.example"), 0);
	world_must(w, STORE_S, do_upgrade, NULL);
	assert_int_equal(people_rows(w, TABLE_ALIASES), 1);
	assert_int_equal(found(w, "ann@one.example"), 2);
}

/* ---- slots */

static const uint8_t box[16] = { 1, 2, 3 };

static int
put_slots(struct txn *t, void *arg, struct err *e)
{
	return slots_put(t, box, arg, e);
}

static int
sweep(struct txn *t, void *arg, struct err *e)
{
	uint8_t at[16] = { 0 };

	return slots_sweep(t, at, 10, *(const int64_t *)arg, e);
}

static void
slots_are_kept_a_day_and_a_second(void **state)
{
	struct world *w = *state;
	struct slots v = { .n = 0 }, back;
	int64_t now = NOW + DAY + SECOND - 1;
	struct txn *t;

	slots_take(&v, 7, 9, NOW);
	slots_take(&v, 0, 3, NOW);
	slots_take(&v, 7, 9, NOW - 5);	/* T50: set back */
	assert_int_equal(v.n, 2);
	assert_true(slots_find(&v, 7, 9)->time_ms == NOW);
	assert_null(slots_find(&v, 7, 8));
	world_must(w, STORE_Q, put_slots, &v);
	world_must(w, STORE_Q, sweep, &now);
	t = world_read(w, STORE_Q);
	assert_int_equal(slots_get(t, box, &back, &w->e), 1);
	txn_end(t);
	assert_int_equal(back.n, 2);
	for (unsigned i = 0; i < 2; i++)
		assert_true(back.v[i].campaign == v.v[i].campaign &&
		    back.v[i].who == v.v[i].who &&
		    back.v[i].time_ms == v.v[i].time_ms);
	slots_expire(&back, now);
	assert_int_equal(back.n, 2);
	slots_expire(&back, now + 1);
	assert_int_equal(back.n, 0);
	now++;
	world_must(w, STORE_Q, sweep, &now);
	t = world_read(w, STORE_Q);
	assert_int_equal(slots_get(t, box, &back, &w->e), 0);
	txn_end(t);
}

static void
the_oldest_slot_gives_way(void **state)
{
	struct slots v = { .n = 0 };

	(void)state;
	for (unsigned i = 0; i < SLOTS_MAX + 1; i++)
		slots_take(&v, 1, i + 1, NOW + i);
	assert_int_equal(v.n, SLOTS_MAX);
	assert_null(slots_find(&v, 1, 1));
	assert_non_null(slots_find(&v, 1, SLOTS_MAX + 1));
}

#define T(F)	cmocka_unit_test_setup_teardown(F, people_setup, world_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(plain_addresses_have_no_rows),
		T(aliases_are_found_and_go),
		T(erasure_takes_the_rows),
		T(a_walk_stays_in_step),
		T(an_older_store_gets_its_rows),
		T(slots_are_kept_a_day_and_a_second),
		cmocka_unit_test(the_oldest_slot_gives_way),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
