/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_leave.c - leaving is whole, once, and needs nothing but the hash; a
 * random life of people and lists agrees with a plain model of it.
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
#include "spool/list.h"
#include "spool/notice.h"
#include "spool/row.h"
#include "spool/suppression.h"
#include "spool/writer.h"
#include "tests/spool_people.h"

static int
suppressed(struct world *w, const char *address,
    enum suppression_scope scope, uint32_t id)
{
	struct identity who = people_identity(w, address);
	struct txn *t = world_read(w, STORE_S);
	struct suppression s;
	int rc = suppression_get(t, who.hash, scope, id, &s, &w->e);

	txn_end(t);
	assert_int_not_equal(rc, -1);
	return rc == 1 ? (int)s.reason : 0;
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

/* ---- one click */

struct click {
	struct ipc_unsubscribe	in;
	struct leave_result	out;
};

static int
do_click(struct txn *t, void *arg, struct err *e)
{
	struct click *c = arg;

	return job_answer(leave_unsubscribe(t, &c->in, NOW + HOUR, &c->out,
	    e), e);
}

static struct click
click(struct world *w, uint32_t list, const char *address,
    enum ipc_leave scope)
{
	struct identity who = people_identity(w, address);
	struct click c = { .in = { .list = list, .scope = scope,
	    .campaign = 77, .evidence = { .when_ms = NOW + HOUR,
	    .channel = "one-click", .port = 99 } } };

	memcpy(c.in.hash, who.hash, sizeof(c.in.hash));
	world_must(w, STORE_S, do_click, &c);
	return c;
}

static void
one_click_is_one_event(void **state)
{
	struct world *w = *state;
	uint64_t id = people_join(w, "news", "Ann@b.example", NOW);
	struct click c;
	struct consent entry;
	uint64_t entries;
	struct txn *t;

	people_join(w, "club", "ann@b.example", NOW);
	c = click(w, 1, "ann@b.example", IPC_LEAVE_LIST);
	assert_true(c.out.changed);
	assert_int_equal(c.out.n, 1);
	assert_int_equal(c.out.gone[0].subscriber, id);
	assert_int_equal(c.out.gone[0].list, 1);
	t = world_read(w, STORE_S);
	entry = last_entry(w, t);
	assert_int_equal(entry.kind, CONSENT_UNSUBSCRIBED);
	assert_int_equal(entry.campaign, 77);
	assert_int_equal(entry.port, 99);
	assert_int_equal(entry.subscriber, id);
	txn_end(t);
	leave_result_free(&c.out);
	assert_int_equal(people_gate(w, id), GATE_LEFT);
	assert_int_equal(suppressed(w, "ann@b.example", SUPPRESSION_LIST, 1),
	    SUPPRESSION_UNSUBSCRIBE);
	/* T17: that list, and no other. */
	assert_int_equal(people_state(w, 2, "ann@b.example"), MEMBER_ACTIVE);
	entries = people_rows(w, TABLE_CONSENT);
	c = click(w, 1, "ann@b.example", IPC_LEAVE_LIST);	/* R31 */
	assert_false(c.out.changed);
	assert_int_equal(people_rows(w, TABLE_CONSENT), entries);
	leave_result_free(&c.out);
}

static int
remove_list(struct txn *t, void *arg, struct err *e)
{
	(void)arg;
	return list_set_state(t, 1, LIST_REMOVED, "root", NOW, e);
}

/* T15, R32: the link outlives list, campaign and member. */
static void
it_works_when_nothing_else_is_left(void **state)
{
	struct world *w = *state;
	struct click c;

	world_must(w, STORE_S, remove_list, NULL);
	c = click(w, 1, "gone@b.example", IPC_LEAVE_LIST);
	assert_true(c.out.changed);
	assert_int_equal(suppressed(w, "gone@b.example", SUPPRESSION_LIST, 1),
	    SUPPRESSION_UNSUBSCRIBE);
	leave_result_free(&c.out);
	/* A list that never was here, as after a restore elsewhere. */
	c = click(w, 4000, "gone@b.example", IPC_LEAVE_ORGANIZATION);
	assert_true(c.out.changed);
	assert_int_equal(suppressed(w, "gone@b.example", SUPPRESSION_LIST,
	    4000), SUPPRESSION_UNSUBSCRIBE);
	leave_result_free(&c.out);
}

static int
do_purge(struct txn *t, void *arg, struct err *e)
{
	*(int *)arg = leave_list(t, 1, 2, NOW, e);
	return job_answer(*(int *)arg, e);
}

static void
a_removed_list_loses_its_members(void **state)
{
	struct world *w = *state;
	char name[32];
	int rc;

	for (unsigned i = 0; i < 5; i++) {
		snprintf(name, sizeof(name), "p%u@b.example", i);
		people_join(w, "news", name, NOW);
	}
	people_join(w, "club", "p0@b.example", NOW);
	assert_int_equal(world_write(w, STORE_S, do_purge, &rc), 1);
	assert_int_equal(w->e.code, ERR_REFUSED);
	world_must(w, STORE_S, remove_list, NULL);
	for (unsigned i = 0; i < 3; i++) {
		world_must(w, STORE_S, do_purge, &rc);
		assert_int_equal(rc, i < 2);
	}
	assert_int_equal(people_rows(w, TABLE_MEMBERS), 1);
	assert_int_equal(people_state(w, 2, "p0@b.example"), MEMBER_ACTIVE);
}

struct tidying {
	uint32_t	list;
	int		more;
};

static int
do_tidy(struct txn *t, void *arg, struct err *e)
{
	struct tidying *s = arg;

	s->more = leave_removed(t, &s->list, 2, NOW, e);
	return job_answer(s->more, e);
}

/* Entries of an address that are of this kind. */
static unsigned
entries_of(struct world *w, const char *address, enum consent_kind kind)
{
	struct identity who = people_identity(w, address);
	struct txn *t = world_read(w, STORE_S);
	struct consent c;
	uint64_t index = 0;
	unsigned n = 0;

	while (consent_next_of(t, who.hash, index + 1, &index, &w->e) == 1) {
		assert_int_equal(consent_get(t, index, &c, &w->e), 1);
		n += c.kind == kind;
	}
	txn_end(t);
	return n;
}

/*
 * Killed at any step, and begun anew from nothing but the store, it comes to
 * the same end: nobody on the list, one entry each, their links working.
 */
static void
a_removed_list_is_tidied_whatever_dies(void **state)
{
	struct world *w = *state;
	struct tidying s;
	struct click c;
	char name[32];
	unsigned steps = 1;

	for (unsigned i = 0; i < 5; i++) {
		snprintf(name, sizeof(name), "p%u@b.example", i);
		people_join(w, "news", name, NOW);
	}
	people_join(w, "club", "p0@b.example", NOW);
	s = (struct tidying){ 0, 0 };
	world_must(w, STORE_S, do_tidy, &s);
	assert_int_equal(s.more, 0);	/* no list is removed */
	world_must(w, STORE_S, remove_list, NULL);
	do {
		s = (struct tidying){ 0, 0 };
	} while (world_killed_at(w, STORE_S, do_tidy, &s, steps++));
	assert_true(steps > 10);
	do {
		s.list = 0;
		world_must(w, STORE_S, do_tidy, &s);
	} while (s.more == 1);
	assert_int_equal(people_rows(w, TABLE_MEMBERS), 1);
	assert_int_equal(people_state(w, 2, "p0@b.example"), MEMBER_ACTIVE);
	for (unsigned i = 0; i < 5; i++) {
		snprintf(name, sizeof(name), "p%u@b.example", i);
		assert_int_equal(entries_of(w, name, CONSENT_REMOVED), 1);
		assert_int_equal(suppressed(w, name, SUPPRESSION_LIST, 1), 0);
		c = click(w, 1, name, IPC_LEAVE_LIST);
		assert_true(c.out.changed);
		leave_result_free(&c.out);
		assert_int_equal(suppressed(w, name, SUPPRESSION_LIST, 1),
		    SUPPRESSION_UNSUBSCRIBE);
	}
}

static void
all_lists_of_the_sender_and_no_other(void **state)
{
	struct world *w = *state;
	struct click c;

	people_join(w, "news", "a@b.example", NOW);
	people_join(w, "other", "a@b.example", NOW);
	assert_int_equal(people_ask(w, "club", "a@b.example", NULL,
	    NOW).result, OPTIN_ACCEPTED);
	c = click(w, 1, "a@b.example", IPC_LEAVE_ORGANIZATION);
	assert_int_equal(c.out.n, 1);
	leave_result_free(&c.out);
	assert_int_equal(people_state(w, 1, "a@b.example"), 0);
	assert_int_equal(people_state(w, 3, "a@b.example"), MEMBER_ACTIVE);
	assert_int_equal(suppressed(w, "a@b.example", SUPPRESSION_ORG, 1),
	    SUPPRESSION_UNSUBSCRIBE);
	/* The pending request for the club went with it. */
	c = click(w, 2, "a@b.example", IPC_LEAVE_ORGANIZATION);
	assert_false(c.out.changed);
	leave_result_free(&c.out);
}

static void
a_complaint_closes_the_whole_sender(void **state)
{
	struct world *w = *state;
	const struct leave l = { .reason = SUPPRESSION_COMPLAINT,
	    .setter = SUPPRESSION_BY_SYSTEM, .scope = SUPPRESSION_ORG,
	    .list = 1, .now_ms = NOW };

	people_join(w, "news", "a@b.example", NOW);
	people_join(w, "club", "a@b.example", NOW);
	assert_true(people_remove(w, l, "a@b.example"));
	assert_int_equal(people_rows(w, TABLE_MEMBERS), 0);
	assert_int_equal(suppressed(w, "a@b.example", SUPPRESSION_ORG, 1),
	    SUPPRESSION_COMPLAINT);
	/* A later unsubscribe does not hide the complaint. */
	people_leave(w, 1, "a@b.example", IPC_LEAVE_ORGANIZATION, NOW);
	assert_int_equal(suppressed(w, "a@b.example", SUPPRESSION_ORG, 1),
	    SUPPRESSION_COMPLAINT);
	assert_int_equal(people_ask(w, "club", "a@b.example", NULL,
	    NOW + DAY).result, OPTIN_SUPPRESSED);
}

static void
an_owner_may_remove_without_a_block(void **state)
{
	struct world *w = *state;
	const struct leave l = { .reason = SUPPRESSION_OWNER,
	    .setter = SUPPRESSION_BY_OWNER, .scope = SUPPRESSION_LIST,
	    .list = 1, .now_ms = NOW, .who = "ann", .keep_open = true };
	struct txn *t;
	struct consent c;

	people_join(w, "news", "a@b.example", NOW);
	assert_true(people_remove(w, l, "a@b.example"));
	assert_int_equal(people_rows(w, TABLE_MEMBERS), 0);
	assert_int_equal(people_rows(w, TABLE_SUPPRESSIONS), 0);
	assert_false(people_remove(w, l, "a@b.example"));
	t = world_read(w, STORE_S);
	c = last_entry(w, t);
	assert_int_equal(c.kind, CONSENT_REMOVED);
	assert_memory_equal(c.setter.p, "ann", 3);
	txn_end(t);
}

/* A kill anywhere leaves all of it or nothing (F03, P4). */
static void
leaving_is_whole(void **state)
{
	struct world *w = *state;
	struct identity who = people_identity(w, "a@b.example");
	struct click c = { .in = { .list = 1,
	    .scope = IPC_LEAVE_ORGANIZATION } };
	uint64_t entries;

	memcpy(c.in.hash, who.hash, sizeof(c.in.hash));
	people_join(w, "news", "a@b.example", NOW);
	people_join(w, "club", "a@b.example", NOW);
	entries = people_rows(w, TABLE_CONSENT);
	for (unsigned i = 1; world_killed_at(w, STORE_S, do_click, &c, i);
	    i++) {
		uint64_t left = people_rows(w, TABLE_SUPPRESSIONS);

		assert_int_equal(people_rows(w, TABLE_MEMBERS), 2 - 2 * left);
		assert_int_equal(people_rows(w, TABLE_BY_ID), 2 - 2 * left);
		assert_int_equal(people_rows(w, TABLE_BY_HASH), 2 - 2 * left);
		assert_int_equal(people_rows(w, TABLE_CONSENT), entries +
		    left);
		assert_true(i < 100);
		if (left == 1)
			return;		/* killed after the commit */
	}
	fail_msg("the hook never killed after the commit");
}

/* ---- erasure (S31) */

struct erase_job {
	struct identity		who;
	struct leave_result	out;
};

static int
do_erase(struct txn *t, void *arg, struct err *e)
{
	struct erase_job *j = arg;

	return job_answer(leave_erase(t, j->who.hash, "root", NOW + DAY,
	    &j->out, e), e);
}

/* Whether any live row of S holds text, in any case. */
static bool
found_anywhere(struct world *w, const char *text)
{
	struct txn *t = world_read(w, STORE_S);
	struct slice k, v;
	struct cursor *c;
	bool found = false;

	for (enum store_table i = 0; i < TABLE_QMETA; i++) {
		assert_int_equal(cursor_open(t, i, &c, &w->e), 0);
		for (int rc = cursor_seek(c, SLICE("", 0), &k, &v, &w->e);
		    rc == 1; rc = cursor_next(c, &k, &v, &w->e)) {
			found = found || memmem(k.p, k.len, text,
			    strlen(text)) != NULL || memmem(v.p, v.len, text,
			    strlen(text)) != NULL;
		}
		cursor_close(c);
	}
	txn_end(t);
	return found;
}

static void
an_erased_person_is_nowhere(void **state)
{
	struct world *w = *state;
	struct erase_job j = { .who = people_identity(w,
	    "erwin@b.example") };
	uint64_t entries;
	struct consent c;
	struct txn *t;

	people_join(w, "news", "Erwin@b.example", NOW);
	people_join(w, "other", "erwin@b.example", NOW);
	people_ask(w, "club", "erwin@b.example", NULL, NOW);
	people_leave(w, 3, "erwin@b.example", IPC_LEAVE_LIST, NOW + HOUR);
	people_join(w, "news", "other@b.example", NOW);
	assert_true(found_anywhere(w, "rwin"));
	entries = people_rows(w, TABLE_CONSENT);
	world_must(w, STORE_S, do_erase, &j);
	assert_true(j.out.changed);
	assert_int_equal(j.out.n, 1);
	assert_false(found_anywhere(w, "rwin"));
	t = world_read(w, STORE_S);
	c = last_entry(w, t);
	assert_int_equal(c.kind, CONSENT_ERASED);
	assert_int_equal(c.count, 6);
	assert_int_equal(c.erased.len, 48);
	assert_int_equal(c.hash.len, 0);
	txn_end(t);
	assert_int_equal(people_rows(w, TABLE_CONSENT), entries - 6 + 1);
	/* What the person had stays, and nobody brings them back. */
	assert_int_equal(suppressed(w, "erwin@b.example", SUPPRESSION_LIST,
	    3), SUPPRESSION_UNSUBSCRIBE);
	assert_int_equal(suppressed(w, "erwin@b.example", SUPPRESSION_ORG,
	    1), SUPPRESSION_ERASURE);
	world_must(w, STORE_S, do_erase, &j);
	assert_false(j.out.changed);
	leave_result_free(&j.out);
	/* But themselves. */
	assert_int_equal(people_gate(w, people_join(w, "news",
	    "erwin@b.example", NOW + 2 * DAY)), GATE_OPEN);
}

/* One who asks to be erased, twice: by whom they can not be had any more. */
static void
erased_for(struct world *w, const char *address, unsigned org1,
    unsigned org2)
{
	struct erase_job j = { .who = people_identity(w, address) };
	bool known = org1 != 0 || org2 != 0;

	world_must(w, STORE_S, do_erase, &j);
	assert_int_equal(j.out.changed, known);
	assert_int_equal(suppressed(w, address, SUPPRESSION_ORG, 1), org1);
	assert_int_equal(suppressed(w, address, SUPPRESSION_ORG, 2), org2);
	world_must(w, STORE_S, do_erase, &j);
	assert_false(j.out.changed);
	leave_result_free(&j.out);
}

/* Row of the list that says no, when nothing else is left of it. */
static int
suppress_list(struct txn *t, void *arg, struct err *e)
{
	const struct identity *who = arg;
	struct suppression s = { .scope = SUPPRESSION_LIST, .id = 3,
	    .reason = SUPPRESSION_IMPORT, .setter = SUPPRESSION_BY_OWNER,
	    .when_ms = NOW };

	memcpy(s.hash, who->hash, sizeof(s.hash));
	return suppression_add(t, &s, e) == -1 ? -1 : 0;
}

static void
whoever_had_the_erased_has_them_no_more(void **state)
{
	const unsigned erased = SUPPRESSION_ERASURE;
	const struct leave complaint = { .reason = SUPPRESSION_COMPLAINT,
	    .setter = SUPPRESSION_BY_SYSTEM, .scope = SUPPRESSION_ORG,
	    .list = 1, .now_ms = NOW };
	struct world *w = *state;
	struct identity old = people_identity(w, "old@b.example");

	/* Left, then erased: list 2 is of the same organization. */
	people_join(w, "news", "left@b.example", NOW);
	people_leave(w, 1, "left@b.example", IPC_LEAVE_LIST,
	    NOW + HOUR);
	erased_for(w, "left@b.example", erased, 0);
	/* Asked, and never confirmed. */
	people_ask(w, "other", "asked@b.example", NULL, NOW);
	erased_for(w, "asked@b.example", 0, erased);
	/* Of who left before all entries went there is a row alone. */
	world_must(w, STORE_S, suppress_list, &old);
	erased_for(w, "old@b.example", 0, erased);
	/* A complaint says more, and says it still. */
	people_join(w, "news", "angry@b.example", NOW);
	people_join(w, "other", "angry@b.example", NOW);
	assert_true(people_remove(w, complaint, "angry@b.example"));
	erased_for(w, "angry@b.example", SUPPRESSION_COMPLAINT, erased);
	/* Nobody learns of who was never here. */
	erased_for(w, "never@b.example", 0, 0);
}

/* ---- a random life against a model */

#define PEOPLE	5
#define LISTS	3

struct model {
	enum member_state state[PEOPLE][LISTS];
	bool		list_off[PEOPLE][LISTS];	/* own unsubscribe */
	bool		banned[PEOPLE];
	uint64_t	left[LISTS];
	uint64_t	sequence[LISTS];
};

static uint32_t
next_random(uint64_t *x)
{
	*x = *x * 6364136223846793005u + 1442695040888963407u;
	return (uint32_t)(*x >> 33);
}

static void
name_of(unsigned person, char out[static 32])
{
	snprintf(out, 32, "person%u@d%u.example", person, person % 2);
}

struct move {
	struct identity who;
	uint32_t	list;
	enum member_state to;
	bool		legal;
};

static int
do_move(struct txn *t, void *arg, struct err *e)
{
	struct move *m = arg;
	struct member row;

	if (subscriber_find(t, m->list, m->who.hash, &row, e) != 1)
		return 1;
	return job_answer(subscriber_set_state(t, &row, m->to,
	    m->to == MEMBER_SUSPENDED ? MEMBER_WHY_UNKNOWN : MEMBER_WHY_NONE,
	    0, e), e);
}

static void
agree(struct world *w, const struct model *m)
{
	char name[32];

	for (unsigned l = 0; l < LISTS; l++) {
		struct list_counters c;
		uint64_t all = 0, active = 0;
		struct txn *t = world_read(w, STORE_S);

		assert_int_equal(list_counters(t, l + 1, &c, &w->e) == -1, 0);
		txn_end(t);
		for (unsigned p = 0; p < PEOPLE; p++) {
			name_of(p, name);
			assert_int_equal(people_state(w, l + 1, name),
			    m->state[p][l]);
			all += m->state[p][l] != 0;
			active += m->state[p][l] == MEMBER_ACTIVE;
		}
		assert_int_equal(c.all, all);
		assert_int_equal(c.active, active);
		assert_int_equal(c.left, m->left[l]);
		assert_true(c.sequence >= m->sequence[l]);
	}
}

/* Ask, and confirm if the door is open. */
static void
try_join(struct world *w, struct model *m, unsigned p, unsigned l,
    int64_t now_ms)
{
	static const char *const lists[] = { "news", "club", "other" };
	char name[32], token[TOKEN_CONFIRM_LEN + 1];
	struct optin_asked a;

	name_of(p, name);
	a = people_ask(w, lists[l], name, NULL, now_ms);
	if (m->banned[p]) {
		assert_int_equal(a.result, OPTIN_SUPPRESSED);
	} else if (m->state[p][l] == MEMBER_ACTIVE) {
		assert_int_equal(a.result, OPTIN_MEMBER);
	} else {
		assert_int_equal(a.result, OPTIN_ACCEPTED);
		people_token(w, a.notice, token);
		assert_int_equal(people_confirm(w, token, NULL,
		    now_ms + 1).result, OPTIN_CONFIRMED);
		m->state[p][l] = MEMBER_ACTIVE;
	}
}

static void
go(struct model *m, unsigned p, unsigned l)
{
	m->left[l] += m->state[p][l] != 0;
	m->state[p][l] = 0;
}

static void
a_random_life_agrees_with_its_model(void **state)
{
	const struct leave ban = { .reason = SUPPRESSION_BAN,
	    .setter = SUPPRESSION_BY_DESK, .scope = SUPPRESSION_HOST };
	struct world *w = *state;
	struct model m = { .banned = { false } };
	uint64_t x = 20260921;
	int64_t now = NOW;
	char name[32];

	for (int step = 0; step < 400; step++) {
		unsigned p = next_random(&x) % PEOPLE;
		unsigned l = next_random(&x) % LISTS;
		struct move mv = { .list = l + 1 };
		struct leave gone = ban;

		now += 8 * DAY;	/* past every limit but the rules */
		name_of(p, name);
		mv.who = people_identity(w, name);
		switch (next_random(&x) % 10) {
		case 0: case 1: case 2: case 3:
			try_join(w, &m, p, l, now);
			break;
		case 4:
			people_leave(w, l + 1, name, IPC_LEAVE_LIST, now);
			go(&m, p, l);
			break;
		case 5:
			people_leave(w, l + 1, name, IPC_LEAVE_ORGANIZATION,
			    now);
			go(&m, p, l);
			if (l < 2)
				go(&m, p, 1 - l);
			break;
		case 6: case 7:
			mv.to = MEMBER_SUSPENDED;
			mv.legal = m.state[p][l] == MEMBER_ACTIVE;
			break;
		case 8:
			mv.to = MEMBER_ACTIVE;
			mv.legal = m.state[p][l] == MEMBER_SUSPENDED;
			break;
		case 9:
			if (p < 3)
				break;	/* keep some who are never banned */
			gone.now_ms = now;
			people_remove(w, gone, name);
			m.banned[p] = true;
			for (l = 0; l < LISTS; l++)
				go(&m, p, l);
			break;
		}
		if (mv.to != 0) {
			assert_int_equal(world_write(w, STORE_S, do_move,
			    &mv), mv.legal ? 0 : 1);
			if (mv.legal)
				m.state[p][l] = mv.to;
		}
		if (step % 50 == 0)
			world_reopen(w);
		agree(w, &m);
	}
}

int
main(void)
{
#define TEST(F)	cmocka_unit_test_setup_teardown(F, people_setup, world_teardown)
	const struct CMUnitTest tests[] = {
		TEST(one_click_is_one_event),
		TEST(it_works_when_nothing_else_is_left),
		TEST(a_removed_list_loses_its_members),
		TEST(a_removed_list_is_tidied_whatever_dies),
		TEST(all_lists_of_the_sender_and_no_other),
		TEST(a_complaint_closes_the_whole_sender),
		TEST(an_owner_may_remove_without_a_block),
		TEST(leaving_is_whole),
		TEST(an_erased_person_is_nowhere),
		TEST(whoever_had_the_erased_has_them_no_more),
		TEST(a_random_life_agrees_with_its_model),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
