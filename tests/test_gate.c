/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_gate.c - the table of spool/DESIGN section 4, and that no flag, only an
 * entry, opens the gate (S15, S19, S42, S45).
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

#include "lib/strbuf.h"
#include "spool/consent.h"
#include "spool/list.h"
#include "spool/org.h"
#include "spool/revocation.h"
#include "spool/row.h"
#include "spool/suppression.h"
#include "spool/writer.h"
#include "tests/spool_people.h"

static enum gate_verdict
ask(struct world *w, uint64_t subscriber, uint64_t as_of)
{
	struct txn *t = world_read(w, STORE_S);
	struct gate_question q = { .as_of = as_of };
	enum gate_verdict v;
	struct member m, seen;

	assert_int_equal(subscriber_get(t, subscriber, &m, &w->e), 1);
	q.list = m.list;
	q.domain = m.domain;
	q.h8 = m.h8;
	q.subscriber = subscriber;
	assert_int_equal(gate_check(t, &q, &v, &seen, &w->e), 0);
	assert_int_equal(seen.subscriber, subscriber);
	txn_end(t);
	return v;
}

static uint64_t
sequence(struct world *w)
{
	struct txn *t = world_read(w, STORE_S);
	struct list_counters c;

	assert_int_equal(list_counters(t, 1, &c, &w->e), 0);
	txn_end(t);
	return c.sequence;
}

struct move {
	uint64_t		subscriber;
	enum member_state	to;
	enum member_why		why;
};

static int
do_move(struct txn *t, void *arg, struct err *e)
{
	const struct move *mv = arg;
	struct member m;

	if (subscriber_get(t, mv->subscriber, &m, e) != 1)
		return -1;
	return subscriber_set_state(t, &m, mv->to, mv->why, 0, e);
}

static void
sequence_decides_who_was_meant(void **state)
{
	struct world *w = *state;
	uint64_t before = sequence(w), id, joined, suspended;
	struct move mv = { .to = MEMBER_SUSPENDED, .why = MEMBER_WHY_UNKNOWN };

	id = people_join(w, "news", "a@b.example", NOW);
	joined = sequence(w);
	assert_int_equal(ask(w, id, before), GATE_NOT_COUNTED);
	assert_int_equal(ask(w, id, joined), GATE_OPEN);
	mv.subscriber = id;
	world_must(w, STORE_S, do_move, &mv);
	suspended = sequence(w);
	assert_int_equal(ask(w, id, before), GATE_NOT_COUNTED);
	assert_int_equal(ask(w, id, joined), GATE_SUSPENDED);
	assert_int_equal(ask(w, id, suspended), GATE_NOT_COUNTED);
	/* Back: for what counted it, and for what is released from now on. */
	mv.to = MEMBER_ACTIVE;
	world_must(w, STORE_S, do_move, &mv);
	assert_int_equal(ask(w, id, before), GATE_NOT_COUNTED);
	assert_int_equal(ask(w, id, joined), GATE_OPEN);
	assert_int_equal(ask(w, id, suspended), GATE_NOT_COUNTED);
	assert_int_equal(ask(w, id, sequence(w)), GATE_OPEN);
	mv.to = MEMBER_SUSPENDED;
	world_must(w, STORE_S, do_move, &mv);
	assert_int_equal(ask(w, id, joined), GATE_SUSPENDED);
	/* Only so many times are kept. */
	for (int i = 0; i < 2 * MEMBER_PASTS; i++) {
		mv.to = i % 2 == 0 ? MEMBER_ACTIVE : MEMBER_SUSPENDED;
		world_must(w, STORE_S, do_move, &mv);
	}
	mv.to = MEMBER_ACTIVE;
	world_must(w, STORE_S, do_move, &mv);
	assert_int_equal(ask(w, id, joined), GATE_NOT_COUNTED);
	assert_int_equal(ask(w, id, sequence(w)), GATE_OPEN);
	people_leave(w, 1, "a@b.example", IPC_LEAVE_LIST, NOW);
	assert_int_equal(people_gate(w, id), GATE_LEFT);
}

static int
block(struct txn *t, void *arg, struct err *e)
{
	return suppression_add(t, arg, e) == -1 ? -1 : 0;
}

static int
unblock(struct txn *t, void *arg, struct err *e)
{
	const struct suppression *s = arg;

	return suppression_lift(t, s->hash, s->scope, s->id,
	    SUPPRESSION_BY_DESK, e) == -1 ? -1 : 0;
}

static const struct {
	enum suppression_scope	scope;
	uint32_t		id;
	enum gate_verdict	v;
} blocks[] = {
	{ SUPPRESSION_LIST, 1, GATE_SUPPRESSED_LIST },
	{ SUPPRESSION_LIST, 2, GATE_OPEN },
	{ SUPPRESSION_ORG, 1, GATE_SUPPRESSED_ORG },
	{ SUPPRESSION_ORG, 2, GATE_OPEN },
	{ SUPPRESSION_HOST, 0, GATE_SUPPRESSED_HOST },
};

/* A row alone, as one that came while a copy was under way (T19). */
static void
each_scope_closes_it(void **state)
{
	struct world *w = *state;
	uint64_t id = people_join(w, "news", "a@b.example", NOW);
	struct identity who = people_identity(w, "a@b.example");

	for (size_t i = 0; i < sizeof(blocks) / sizeof(blocks[0]); i++) {
		struct suppression s = { .scope = blocks[i].scope,
		    .id = blocks[i].id, .reason = SUPPRESSION_COMPLAINT,
		    .setter = SUPPRESSION_BY_SYSTEM, .when_ms = NOW };

		memcpy(s.hash, who.hash, sizeof(s.hash));
		world_must(w, STORE_S, block, &s);
		assert_int_equal(people_gate(w, id), blocks[i].v);
		world_must(w, STORE_S, unblock, &s);
		assert_int_equal(people_gate(w, id), GATE_OPEN);
	}
}

static int
list_state(struct txn *t, void *arg, struct err *e)
{
	return list_set_state(t, 1, (enum list_state)*(int *)arg, "root", NOW,
	    e);
}

static int
org_state(struct txn *t, void *arg, struct err *e)
{
	return org_set_state(t, 1, (enum org_state)*(int *)arg, "root", NOW,
	    e);
}

/* S7, S49: held mail waits, and goes when the hold ends. */
static void
a_hold_is_not_the_end(void **state)
{
	int states[] = { LIST_HELD, LIST_SUSPENDED, LIST_ACTIVE };
	int orgs[] = { ORG_HELD, ORG_SUSPENDED, ORG_ACTIVE };
	struct world *w = *state;
	uint64_t id = people_join(w, "news", "a@b.example", NOW);

	for (size_t i = 0; i < 3; i++) {
		world_must(w, STORE_S, list_state, &states[i]);
		assert_int_equal(people_gate(w, id), i < 2 ? GATE_HELD :
		    GATE_OPEN);
	}
	for (size_t i = 0; i < 3; i++) {
		world_must(w, STORE_S, org_state, &orgs[i]);
		assert_int_equal(people_gate(w, id), i < 2 ? GATE_HELD :
		    GATE_OPEN);
	}
}

/* ---- a member whom nothing bears out */

struct forged {
	struct world	*w;
	struct consent	 c;
	bool		 no_entry;
	uint64_t	 subscriber;
};

static int
forge(struct txn *t, void *arg, struct err *e)
{
	struct forged *f = arg;
	struct identity who = people_identity(f->w, "forged@b.example");
	struct subscriber_new n = { .list = 1, .who = &who,
	    .state = MEMBER_ACTIVE, .consent = 4242, .now_ms = NOW };
	struct member m;

	if (f->c.hash.len == 1)		/* their own */
		f->c.hash = SLICE(who.hash, sizeof(who.hash));
	if (!f->no_entry && consent_append(t, &f->c, &n.consent, e) == -1)
		return -1;
	if (subscriber_add(t, &n, &m, e) != 1)
		return -1;
	f->subscriber = m.subscriber;
	return 0;
}

static const uint8_t stranger[16] = "somebody else's";

#define OWN	{ stranger, 1 }

static const struct {
	const char	*why;
	struct consent	 c;
	bool		 no_entry;
	enum gate_verdict v;
} forgeries[] = {
	{ "no entry at all", { .kind = 0 }, true, GATE_NO_CONSENT },
	{ "a request is no consent", { .kind = CONSENT_REQUEST, .list = 1,
	    .hash = OWN }, false, GATE_NO_CONSENT },
	{ "an unsubscribe even less", { .kind = CONSENT_UNSUBSCRIBED,
	    .list = 1, .hash = OWN }, false, GATE_NO_CONSENT },
	{ "the beginning of an import", { .kind = CONSENT_IMPORT, .list = 1,
	    .hash = OWN }, false, GATE_NO_CONSENT },
	{ "for another list (S36)", { .kind = CONSENT_CONFIRMED, .list = 2,
	    .hash = OWN }, false, GATE_NO_CONSENT },
	{ "of another person", { .kind = CONSENT_CONFIRMED, .list = 1,
	    .hash = { stranger, 16 } }, false, GATE_NO_CONSENT },
	{ "of nobody", { .kind = CONSENT_CONFIRMED, .list = 1 }, false,
	    GATE_NO_CONSENT },
	{ "for another organization (S36)", { .kind = CONSENT_CONFIRMED,
	    .list = 1, .org = 2, .hash = OWN }, false, GATE_NO_CONSENT },
	{ "for no organization", { .kind = CONSENT_CONFIRMED, .list = 1,
	    .hash = OWN }, false, GATE_NO_CONSENT },
	{ "to resume is not to ask", { .kind = CONSENT_RESUMED, .list = 1,
	    .org = 1, .hash = OWN }, false, GATE_NO_CONSENT },
	{ "the real thing", { .kind = CONSENT_CONFIRMED, .list = 1, .org = 1,
	    .hash = OWN }, false, GATE_OPEN },
	{ "vouched for", { .kind = CONSENT_IMPORT_ROW, .list = 1, .org = 1,
	    .hash = OWN }, false, GATE_OPEN },
};

static void
a_flag_without_its_entry_opens_nothing(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(forgeries) / sizeof(forgeries[0]); i++) {
		struct forged f = { .c = forgeries[i].c,
		    .no_entry = forgeries[i].no_entry };
		enum gate_verdict v;
		void *own;

		assert_int_equal(people_setup(&own), 0);
		f.w = own;
		f.c.when_ms = NOW;
		world_must(f.w, STORE_S, forge, &f);
		v = people_gate(f.w, f.subscriber);
		if (v != forgeries[i].v)
			fail_msg("%s: %s", forgeries[i].why,
			    gate_verdict_name(v));
		world_teardown(&own);
	}
}

/* ---- what was said later */

/* A member by force, resting on an entry that was sound once. */
struct revived {
	struct world	*w;
	uint32_t	 list;
	const char	*address;
	struct consent	 later;		/* kind 0: none */
	uint64_t	 consent;	/* in: it rests on; out: the later */
	uint64_t	 subscriber;
};

static int
revive(struct txn *t, void *arg, struct err *e)
{
	struct revived *r = arg;
	struct identity who = people_identity(r->w, r->address);
	struct subscriber_new n = { .list = r->list, .who = &who,
	    .state = MEMBER_ACTIVE, .consent = r->consent, .now_ms = NOW };
	struct member m;

	r->later.hash = SLICE(who.hash, sizeof(who.hash));
	if (r->later.kind != 0 &&
	    consent_append(t, &r->later, &r->consent, e) == -1)
		return -1;
	if (r->later.kind == CONSENT_RESUMED)
		n.consent = r->consent;
	if (subscriber_find(t, r->list, who.hash, &m, e) == 1 &&
	    subscriber_remove(t, &m, e) == -1)
		return -1;
	if (subscriber_add(t, &n, &m, e) != 1)
		return -1;
	r->subscriber = m.subscriber;
	return 0;
}

static uint64_t
consent_of_member(struct world *w, uint64_t subscriber)
{
	struct txn *t = world_read(w, STORE_S);
	struct member m;

	assert_int_equal(subscriber_get(t, subscriber, &m, &w->e), 1);
	txn_end(t);
	return m.consent;
}

#define LATER(KIND, LIST, ORG, SCOPE) \
	{ .kind = KIND, .list = LIST, .org = ORG, .scope = SCOPE }

static const struct {
	const char	*why;
	struct consent	 later;
	enum gate_verdict v;
} later[] = {
	{ "nothing", { .kind = 0 }, GATE_OPEN },
	{ "unsubscribed", LATER(CONSENT_UNSUBSCRIBED, 1, 1,
	    SUPPRESSION_LIST), GATE_NO_CONSENT },
	{ "from another list", LATER(CONSENT_UNSUBSCRIBED, 2, 1,
	    SUPPRESSION_LIST), GATE_OPEN },
	{ "from all lists, by one of them", LATER(CONSENT_UNSUBSCRIBED, 2, 1,
	    SUPPRESSION_ORG), GATE_NO_CONSENT },
	{ "of another organization", LATER(CONSENT_UNSUBSCRIBED, 3, 2,
	    SUPPRESSION_ORG), GATE_OPEN },
	{ "complained of", LATER(CONSENT_COMPLAINED, 2, 1,
	    SUPPRESSION_ORG), GATE_NO_CONSENT },
	{ "barred from the host", LATER(CONSENT_SUPPRESSED, 0, 0,
	    SUPPRESSION_HOST), GATE_NO_CONSENT },
	{ "taken off with the list", LATER(CONSENT_REMOVED, 1, 1, 0),
	    GATE_NO_CONSENT },
	{ "suspended for a bounce", LATER(CONSENT_BOUNCED, 1, 1, 0),
	    GATE_OPEN },
	{ "barred for bounces", LATER(CONSENT_BOUNCED, 1, 1,
	    SUPPRESSION_LIST), GATE_NO_CONSENT },
	{ "asked again", LATER(CONSENT_REQUEST, 1, 1, 0), GATE_OPEN },
};

static void
what_was_revoked_stays_so(void **state)
{
	struct world *w = *state;

	for (size_t i = 0; i < sizeof(later) / sizeof(later[0]); i++) {
		char address[32];
		struct revived r = { .w = w, .list = 1, .address = address,
		    .later = later[i].later };
		enum gate_verdict v;

		snprintf(address, sizeof(address), "p%zu@b%zu.example", i, i);
		r.consent = consent_of_member(w, people_join(w, "news",
		    address, NOW + (int64_t)i * DAY));
		world_must(w, STORE_S, revive, &r);
		v = people_gate(w, r.subscriber);
		if (v != later[i].v)
			fail_msg("%s: %s", later[i].why, gate_verdict_name(v));
	}
}

static int
forget_revocations(struct txn *t, void *arg, struct err *e)
{
	return revocation_erase(t, arg, e);
}

static int
upgrade(struct txn *t, void *arg, struct err *e)
{
	(void)arg;
	return revocation_upgrade(t, e);
}

static uint64_t
last_revocation(struct world *w, const struct identity *who)
{
	struct txn *t = world_read(w, STORE_S);
	uint64_t index;

	assert_int_equal(revocation_last(t, who->hash, 1, 1, &index, &w->e),
	    0);
	txn_end(t);
	return index;
}

/*
 * What is put back as it was before an unsubscribe, or a store from before,
 * has the entries alone: they say it again.
 */
static void
entries_say_again_who_revoked(void **state)
{
	struct world *w = *state;
	struct identity who = people_identity(w, "a@b.example");
	struct revived r = { .w = w, .list = 1, .address = "a@b.example" };

	r.consent = consent_of_member(w, people_join(w, "news",
	    "a@b.example", NOW));
	r.later = (struct consent)LATER(CONSENT_UNSUBSCRIBED, 2, 1,
	    SUPPRESSION_ORG);
	world_must(w, STORE_S, revive, &r);
	assert_int_equal(people_gate(w, r.subscriber), GATE_NO_CONSENT);
	world_must(w, STORE_S, forget_revocations, who.hash);
	assert_int_equal(last_revocation(w, &who), 0);
	assert_int_equal(people_gate(w, r.subscriber), GATE_NO_CONSENT);
	world_must(w, STORE_S, upgrade, NULL);
	assert_int_equal(last_revocation(w, &who), r.consent);
	assert_int_equal(people_gate(w, r.subscriber), GATE_NO_CONSENT);
}

static int
append_many(struct txn *t, void *arg, struct err *e)
{
	const struct consent *c = arg;

	for (int i = 0; i < GATE_LOOK_MAX; i++)
		if (consent_append(t, c, NULL, e) == -1)
			return -1;
	return 0;
}

static int
append_one(struct txn *t, void *arg, struct err *e)
{
	return consent_append(t, arg, NULL, e);
}

/* Who asks in another's name often enough neither ends it nor hides an end. */
static void
many_entries_behind_it(void **state)
{
	struct world *w = *state;
	struct identity who = people_identity(w, "a@b.example");
	struct consent c = LATER(CONSENT_REQUEST_REFUSED, 1, 1, 0);
	uint64_t id = people_join(w, "news", "a@b.example", NOW);

	c.hash = SLICE(who.hash, sizeof(who.hash));
	world_must(w, STORE_S, append_many, &c);
	assert_int_equal(people_gate(w, id), GATE_OPEN);
	c.kind = CONSENT_UNSUBSCRIBED;
	c.scope = SUPPRESSION_LIST;
	world_must(w, STORE_S, append_one, &c);
	assert_int_equal(people_gate(w, id), GATE_NO_CONSENT);
}

/* An entry written by who asks nobody: sealed, and of the address. */
struct rewritten {
	struct revived	 r;
	uint64_t	 index;
	struct consent	 as;
};

static int
rewrite(struct txn *t, void *arg, struct err *e)
{
	struct rewritten *f = arg;
	struct identity who = people_identity(f->r.w, f->r.address);
	struct strbuf row = STRBUF_INIT(CONSENT_ENTRY_MAX);
	uint8_t salt[CONSENT_SALT] = { 0 };
	struct slice old, entry;
	struct key k = KEY_INIT;
	int ret = -1;

	f->as.hash = SLICE(who.hash, sizeof(who.hash));
	if (consent_get_row(t, f->index, &old, &entry, e) == 1)
		memcpy(salt, old.p, sizeof(salt));
	key_u64(&k, f->index);
	if (consent_make(&row, salt, &f->as, e) == 0)
		ret = txn_put(t, TABLE_CONSENT, key_slice(&k),
		    SLICE(row.s, row.len), e);
	strbuf_free(&row);
	return ret == -1 ? -1 : revive(t, &f->r, e);
}

static int
drop_entry(struct txn *t, void *arg, struct err *e)
{
	const struct key *k = arg;

	return txn_del(t, TABLE_CONSENT, key_slice(k), e) == 1 ? 0 : -1;
}

/* S42: its leaf says whether an entry is the one that was appended. */
static void
a_forged_entry_opens_nothing(void **state)
{
	struct world *w = *state;
	struct optin_asked a = people_ask(w, "news", "a@b.example", NULL, NOW);
	struct rewritten f = { .r = { .w = w, .list = 1, .address =
	    "a@b.example", .consent = a.consent }, .index = a.consent };

	/* What asked is made what confirmed. */
	f.as = (struct consent){ .kind = CONSENT_CONFIRMED, .when_ms = NOW,
	    .list = 1, .org = 1 };
	world_must(w, STORE_S, rewrite, &f);
	assert_int_equal(people_gate(w, f.r.subscriber), GATE_NO_CONSENT);
	/* What resumes one that was made what confirmed. */
	f.r.consent = a.consent;
	f.r.later = (struct consent)LATER(CONSENT_RESUMED, 1, 1, 0);
	f.r.later.follows = a.consent;
	world_must(w, STORE_S, revive, &f.r);
	assert_int_equal(people_gate(w, f.r.subscriber), GATE_NO_CONSENT);
	/* One behind the last that was given. */
	f.r.later.kind = 0;
	f.r.consent = f.index = a.consent + 1000;
	world_must(w, STORE_S, rewrite, &f);
	assert_int_equal(people_gate(w, f.r.subscriber), GATE_NO_CONSENT);
}

/* The same of an entry that ended it: made harmless, or gone. */
static void
a_forged_end_is_one(void **state)
{
	struct world *w = *state;
	struct identity who = people_identity(w, "a@b.example");
	struct rewritten f = { .r = { .w = w, .list = 1, .address =
	    "a@b.example" } };
	uint64_t yes = consent_of_member(w, people_join(w, "news",
	    "a@b.example", NOW));
	struct key k = KEY_INIT;

	f.r.consent = yes;
	f.r.later = (struct consent)LATER(CONSENT_UNSUBSCRIBED, 1, 1,
	    SUPPRESSION_LIST);
	world_must(w, STORE_S, revive, &f.r);
	world_must(w, STORE_S, forget_revocations, who.hash);
	f.index = f.r.consent;
	f.r.consent = yes;
	f.r.later.kind = 0;
	f.as = (struct consent){ .kind = CONSENT_REQUEST_REFUSED,
	    .when_ms = NOW, .list = 1, .org = 1 };
	world_must(w, STORE_S, rewrite, &f);
	assert_int_equal(people_gate(w, f.r.subscriber), GATE_NO_CONSENT);
	key_u64(&k, f.index);
	world_must(w, STORE_S, drop_entry, &k);
	assert_int_equal(people_gate(w, f.r.subscriber), GATE_NO_CONSENT);
}

/* To resume counts by the confirmation it follows, and only while it holds. */
static void
resumed_as_far_as_confirmed(void **state)
{
	struct world *w = *state;
	uint64_t id = people_join(w, "news", "a@b.example", NOW), confirmed;
	struct revived r = { .w = w, .list = 1, .address = "a@b.example",
	    .later = LATER(CONSENT_RESUMED, 1, 1, 0) };

	r.later.follows = confirmed = consent_of_member(w, id);
	world_must(w, STORE_S, revive, &r);
	assert_int_equal(people_gate(w, r.subscriber), GATE_OPEN);
	/* Not one after another: only a confirmation confirms. */
	r.later.follows = r.consent;
	world_must(w, STORE_S, revive, &r);
	assert_int_equal(people_gate(w, r.subscriber), GATE_NO_CONSENT);
	r.later.follows = confirmed - 1;	/* the request */
	world_must(w, STORE_S, revive, &r);
	assert_int_equal(people_gate(w, r.subscriber), GATE_NO_CONSENT);
	r.later = (struct consent)LATER(CONSENT_UNSUBSCRIBED, 1, 1,
	    SUPPRESSION_LIST);
	r.consent = confirmed;
	world_must(w, STORE_S, revive, &r);
	r.later = (struct consent)LATER(CONSENT_RESUMED, 1, 1, 0);
	r.later.follows = confirmed;
	world_must(w, STORE_S, revive, &r);
	assert_int_equal(people_gate(w, r.subscriber), GATE_NO_CONSENT);
}

static int
drop_row(struct txn *t, void *arg, struct err *e)
{
	struct member m;

	if (subscriber_get(t, *(uint64_t *)arg, &m, e) != 1)
		return -1;
	return subscriber_remove(t, &m, e);
}

static int
set_purpose(struct txn *t, void *arg, struct err *e)
{
	return list_set(t, 1, "purpose", arg, "root", NOW, e);
}

static void
purpose_is(struct world *w, const char *purpose, int rc)
{
	assert_int_equal(world_write(w, STORE_S, set_purpose,
	    (void *)(uintptr_t)purpose), rc);
}

/* S36: what was asked for one purpose is no yes to another. */
static void
consent_is_for_a_purpose(void **state)
{
	struct world *w = *state;
	struct optin_asked a = people_ask(w, "news", "a@b.example", NULL,
	    NOW);
	struct revived r = { .w = w, .list = 1, .address = "b@b.example" };
	char token[TOKEN_CONFIRM_LEN + 1];
	struct consent c;
	struct txn *t;
	uint64_t id;

	purpose_is(w, "a monthly letter", 0);
	people_token(w, a.notice, token);
	assert_int_equal(people_confirm(w, token, NULL, NOW + HOUR).result,
	    OPTIN_VOID);
	id = people_join(w, "news", "b@b.example", NOW + HOUR);
	r.consent = consent_of_member(w, id);
	t = world_read(w, STORE_S);
	assert_int_equal(consent_get(t, r.consent, &c, &w->e), 1);
	assert_memory_equal(c.purpose.p, "a monthly letter", c.purpose.len);
	txn_end(t);
	/* Not while there is somebody who consented to it. */
	purpose_is(w, "advertisements", 1);
	people_leave(w, 1, "b@b.example", IPC_LEAVE_LIST, NOW + 2 * HOUR);
	purpose_is(w, "advertisements", 0);
	id = people_join(w, "news", "c@b.example", NOW + 3 * HOUR);
	assert_int_equal(people_gate(w, id), GATE_OPEN);
	/* By force; and what was said for the old one opens nothing. */
	r.address = "a@b.example";
	r.later = (struct consent){ .kind = CONSENT_CONFIRMED, .list = 1,
	    .org = 1 };
	world_must(w, STORE_S, revive, &r);
	r.later = (struct consent){ .kind = 0 };
	world_must(w, STORE_S, revive, &r);
	assert_int_equal(people_gate(w, r.subscriber), GATE_OPEN);
	people_leave(w, 1, "c@b.example", IPC_LEAVE_LIST, NOW + 4 * HOUR);
	world_must(w, STORE_S, drop_row, &r.subscriber);
	purpose_is(w, "a monthly letter", 0);
	world_must(w, STORE_S, revive, &r);
	assert_int_equal(people_gate(w, r.subscriber), GATE_NO_CONSENT);
}

/* S36: a list that is copied brings nobody's consent with it. */
static void
a_copied_list_has_no_members(void **state)
{
	static const struct { uint32_t list; const char *what; } to[] = {
		{ 2, "another list" }, { 3, "another organization" },
	};
	struct world *w = *state;
	char address[3][32];
	uint64_t consent[3];

	for (int i = 0; i < 3; i++) {
		snprintf(address[i], sizeof(address[i]), "p%d@b.example", i);
		consent[i] = consent_of_member(w, people_join(w, "news",
		    address[i], NOW));
	}
	for (size_t k = 0; k < 2; k++)
		for (int i = 0; i < 3; i++) {
			struct revived r = { .w = w, .list = to[k].list,
			    .address = address[i], .consent = consent[i] };

			world_must(w, STORE_S, revive, &r);
			if (people_gate(w, r.subscriber) != GATE_NO_CONSENT)
				fail_msg("it passed to %s", to[k].what);
		}
}

static int
erase_entry(struct txn *t, void *arg, struct err *e)
{
	struct strbuf gone = STRBUF_INIT(1000);
	int rc = consent_erase(t, arg, &gone, 100, e);

	strbuf_free(&gone);
	return rc;
}

static void
an_erased_entry_closes_it(void **state)
{
	struct world *w = *state;
	uint64_t id = people_join(w, "news", "a@b.example", NOW);
	struct identity who = people_identity(w, "a@b.example");

	world_must(w, STORE_S, erase_entry, who.hash);
	assert_int_equal(people_gate(w, id), GATE_NO_CONSENT);
}

int
main(void)
{
#define TEST(F)	cmocka_unit_test_setup_teardown(F, people_setup, world_teardown)
	const struct CMUnitTest tests[] = {
		TEST(sequence_decides_who_was_meant),
		TEST(each_scope_closes_it),
		TEST(a_hold_is_not_the_end),
		cmocka_unit_test(a_flag_without_its_entry_opens_nothing),
		TEST(what_was_revoked_stays_so),
		TEST(entries_say_again_who_revoked),
		TEST(many_entries_behind_it),
		TEST(a_forged_entry_opens_nothing),
		TEST(a_forged_end_is_one),
		TEST(resumed_as_far_as_confirmed),
		TEST(consent_is_for_a_purpose),
		TEST(a_copied_list_has_no_members),
		TEST(an_erased_entry_closes_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
