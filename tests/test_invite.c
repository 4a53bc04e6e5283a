/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_invite.c - imported people are asked once, within the limits of all
 * confirmations, and an undo takes back what rests on an import (S35, T11).
 */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "spool/check.h"
#include "spool/consent.h"
#include "spool/import.h"
#include "spool/invite.h"
#include "spool/notice.h"
#include "spool/retention.h"
#include "spool/writer.h"
#include "tests/spool_people.h"

#define MONTH	(30 * DAY)

/* ---- imports of a few addresses */

struct imported {
	struct import	im;
	const char *const *address;
	size_t		 n;
};

static int
do_import(struct txn *t, void *arg, struct err *e)
{
	struct imported *i = arg;
	struct import_row rows[8];
	struct identity who[8];
	struct import_slice s = { .rows = rows, .n = i->n, .now_ms = NOW };
	struct import begun;
	size_t done;

	for (size_t k = 0; k < i->n; k++) {
		if (identity_parse(store_keys(txn_store(t)), i->address[k],
		    strlen(i->address[k]), 0, &who[k], e) == -1)
			return -1;
		import_row_of(&rows[k], &who[k], 0, "{\"a\":1}");
	}
	if (import_begin(t, &i->im, NOW, &begun, e) == -1)
		return -1;
	i->im = begun;
	s.id = begun.id;
	if (import_rows(t, &s, &done, e) == -1)
		return -1;
	return import_end(t, begun.id, IMPORT_DONE, NOW, e);
}

static uint32_t
import(struct world *w, enum evidence vouched, const char *const *address,
    size_t n)
{
	static uint8_t number;
	struct imported i = { .address = address, .n = n, .im = { .list = 1,
	    .source = "shop", .who = "root", .vouched = vouched,
	    .file = { ++number } } };

	world_must(w, STORE_S, do_import, &i);
	return i.im.id;
}

static int
do_undo(struct txn *t, void *arg, struct err *e)
{
	uint32_t id = *(uint32_t *)arg;
	struct member at = { .list = 0 };
	uint64_t removed;
	int rc;

	while ((rc = import_undo(t, id, "root", &at, 1, NOW + DAY, &removed,
	    e)) == 1)
		;
	return job_answer(rc, e);
}

/* ---- asking */

struct asking_all {
	struct invite	 v;
	struct invite_counts counts;
};

static int
do_invite(struct txn *t, void *arg, struct err *e)
{
	struct asking_all *a = arg;
	struct member at = { .list = 0 }, m;
	size_t done = 1;
	int rc;

	while (done == 1 &&
	    (rc = subscriber_next(t, a->v.list, &at, &m, e)) == 1) {
		at = m;
		if (invite_members(t, &a->v, &m, 1, &a->counts, &done,
		    e) == -1)
			return -1;
	}
	return 0;
}

static struct invite_counts
invite(struct world *w, uint32_t import, int64_t now_ms)
{
	struct asking_all a = { .v = { .list = 1, .org = 1, .import = import,
	    .limits = &people_limits, .who = "root", .now_ms = now_ms } };

	world_must(w, STORE_S, do_invite, &a);
	return a.counts;
}

static struct notice
only_notice(struct world *w)
{
	struct txn *t = world_read(w, STORE_S);
	struct notice n;

	assert_int_equal(people_rows(w, TABLE_NOTICES), 1);
	assert_int_equal(notice_next(t, 0, &n, &w->e), 1);
	txn_end(t);
	return n;
}

static enum gate_verdict
gate_of(struct world *w, uint64_t notice, int64_t now_ms)
{
	struct txn *t = world_read(w, STORE_S);
	enum gate_verdict v;

	assert_int_equal(gate_check_notice(t, notice, now_ms, &v, NULL,
	    &w->e), 0);
	txn_end(t);
	return v;
}

static const char *const one[] = { "a@b.example" };

static void
who_confirms_becomes_a_member(void **state)
{
	struct world *w = *state;
	uint32_t id = import(w, EVIDENCE_NONE, one, 1);
	char token[TOKEN_CONFIRM_LEN + 1];
	struct optin_confirmed done;
	struct invite_counts n = invite(w, 0, NOW);
	struct notice mail = only_notice(w);
	struct consent c;
	struct txn *t;
	uint64_t index;

	assert_int_equal(n.invited, 1);
	assert_int_equal(mail.kind, NOTICE_INVITE);
	assert_string_equal(mail.address, "a@b.example");
	assert_int_equal(gate_of(w, mail.id, NOW), GATE_OPEN);
	people_are_sound(w);
	/* To have been asked is no consent (S19). */
	assert_int_equal(people_state(w, 1, "a@b.example"),
	    MEMBER_UNCONFIRMED);
	people_token(w, mail.id, token);
	done = people_confirm(w, token, "192.0.2.1", NOW + HOUR);
	assert_int_equal(done.result, OPTIN_CONFIRMED);
	assert_int_equal(people_state(w, 1, "a@b.example"), MEMBER_ACTIVE);
	assert_int_equal(people_gate(w, done.subscriber), GATE_OPEN);

	/* From the confirmation back to where the address came from. */
	t = world_read(w, STORE_S);
	assert_int_equal(consent_get(t, done.consent, &c, &w->e), 1);
	index = c.follows;
	assert_int_equal(consent_get(t, index, &c, &w->e), 1);
	assert_int_equal(c.kind, CONSENT_INVITED);
	assert_int_equal(c.import, id);
	assert_memory_equal(c.setter.p, "root", 4);
	assert_int_equal(consent_get(t, c.follows, &c, &w->e), 1);
	assert_int_equal(c.kind, CONSENT_IMPORT);
	txn_end(t);
}

static int
do_retain(struct txn *t, void *arg, struct err *e)
{
	int64_t now = *(int64_t *)arg;
	int rc;

	while ((rc = retention_hash(t, 100, now, e)) == 1)
		;
	return rc;
}

/* Neither time, nor an undo, nor another import makes it twice. */
static void
nobody_is_asked_twice(void **state)
{
	struct world *w = *state;
	uint32_t id = import(w, EVIDENCE_NONE, one, 1);
	int64_t later = NOW + 2 * MONTH;

	assert_int_equal(invite(w, 0, NOW).invited, 1);
	assert_int_equal(invite(w, 0, NOW).before, 1);
	world_must(w, STORE_S, do_retain, &later);
	/* Who never answered is reduced to a hash ... */
	assert_int_equal(people_rows(w, TABLE_REQUESTS), 0);
	assert_int_equal(invite(w, 0, later).before, 1);
	assert_int_equal(invite(w, 0, NOW + 1000 * DAY).before, 1);
	world_must(w, STORE_S, do_undo, &id);
	assert_int_equal(people_state(w, 1, "a@b.example"), 0);
	id = import(w, EVIDENCE_NONE, one, 1);
	assert_int_equal(invite(w, id, NOW + 1000 * DAY).before, 1);
	assert_int_equal(people_rows(w, TABLE_INVITED), 1);
}

static void
who_may_not_be_asked(void **state)
{
	static const char *const rows[] = { "left@b.example",
	    "asked@b.example", "member@b.example", "new@b.example",
	    "banned@b.example" };
	struct world *w = *state;
	const struct leave ban = { .reason = SUPPRESSION_BAN,
	    .setter = SUPPRESSION_BY_DESK, .scope = SUPPRESSION_HOST,
	    .now_ms = NOW };
	struct invite_counts n;
	uint32_t id = import(w, EVIDENCE_NONE, rows, 5);

	people_ask(w, "news", "asked@b.example", NULL, NOW);
	people_join(w, "news", "member@b.example", NOW);
	/* Suppressed since, and for another list of the organization. */
	people_leave(w, 2, "left@b.example", IPC_LEAVE_ORGANIZATION, NOW);
	people_remove(w, ban, "banned@b.example");
	n = invite(w, id + 1, NOW);
	assert_int_equal(n.invited, 0);		/* of another import */
	n = invite(w, id, NOW);
	assert_int_equal(n.invited, 1);
	assert_int_equal(n.pending, 1);
	n = invite(w, 0, NOW);
	assert_int_equal(n.invited, 0);
	assert_int_equal(n.before, 1);
	assert_int_equal(people_state(w, 1, "left@b.example"), 0);
	assert_int_equal(people_state(w, 1, "banned@b.example"), 0);
}

/* A suppression that removes no member: R14. */
static int
do_suppress(struct txn *t, void *arg, struct err *e)
{
	struct suppression s = { .scope = SUPPRESSION_ORG, .id = 1,
	    .reason = SUPPRESSION_COMPLAINT, .setter = SUPPRESSION_BY_PERSON,
	    .when_ms = NOW };

	memcpy(s.hash, arg, sizeof(s.hash));
	return suppression_add(t, &s, e) == -1 ? -1 : 0;
}

static void
suppression_wins(void **state)
{
	struct world *w = *state;
	struct identity who = people_identity(w, one[0]);
	struct invite_counts n;

	import(w, EVIDENCE_NONE, one, 1);
	world_must(w, STORE_S, do_suppress, who.hash);
	n = invite(w, 0, NOW);
	assert_int_equal(n.suppressed, 1);
	assert_int_equal(n.invited, 0);
	assert_int_equal(people_rows(w, TABLE_NOTICES), 0);
}

/* T6: the limits are those of all confirmations together. */
static void
limits_hold(void **state)
{
	static const char *const rows[] = { "a@b.example", "c@b.example",
	    "d@b.example", "e@f.example", "g@f.example" };
	struct world *w = *state;
	struct optin_limits before = people_limits;
	struct invite_counts n;

	import(w, EVIDENCE_NONE, rows, 5);
	people_limits.domain_hour = 2;
	people_limits.list_hour = 4;
	n = invite(w, 0, NOW);
	assert_int_equal(n.invited, 4);
	assert_int_equal(n.throttled, 1);
	assert_false(n.full);
	n = invite(w, 0, NOW + HOUR / 2);
	assert_true(n.full);
	assert_int_equal(n.invited, 0);
	/* An hour later they go on. */
	n = invite(w, 0, NOW + HOUR + SECOND);
	assert_int_equal(n.invited, 1);
	assert_int_equal(n.before, 4);
	people_limits = before;
}

/* ---- undo */

static struct import
look(struct world *w, uint32_t id)
{
	struct txn *t = world_read(w, STORE_S);
	struct import im;

	assert_int_equal(import_get(t, id, &im, &w->e), 1);
	txn_end(t);
	return im;
}

/* What was sent out asks in vain; who answered in time stays. */
static void
an_undo_ends_invitations(void **state)
{
	static const char *const rows[] = { "yes@b.example",
	    "mute@b.example" };
	struct world *w = *state;
	char token[2][TOKEN_CONFIRM_LEN + 1];
	uint32_t id = import(w, EVIDENCE_NONE, rows, 2);
	struct consent c = { .kind = 0 };
	struct notice n;
	struct txn *t;
	uint64_t mute = 0, index, last;

	assert_int_equal(invite(w, id, NOW).invited, 2);
	t = world_read(w, STORE_S);
	for (uint64_t at = 0; notice_next(t, at, &n, &w->e) == 1;
	    at = n.id + 1) {
		bool yes = strcmp(n.address, rows[0]) == 0;

		people_token(w, n.id, token[!yes]);
		if (!yes)
			mute = n.id;
	}
	txn_end(t);
	assert_int_equal(people_confirm(w, token[0], NULL,
	    NOW + HOUR).result, OPTIN_CONFIRMED);
	world_must(w, STORE_S, do_undo, &id);
	assert_int_equal(people_state(w, 1, "yes@b.example"), MEMBER_ACTIVE);
	assert_int_equal(people_state(w, 1, "mute@b.example"), 0);
	assert_int_equal(gate_of(w, mute, NOW + HOUR), GATE_LEFT);
	assert_int_equal(people_confirm(w, token[1], NULL,
	    NOW + 2 * HOUR).result, OPTIN_VOID);
	assert_int_equal(look(w, id).state, IMPORT_UNDONE);
	assert_int_equal(look(w, id).undone, 1);
	t = world_read(w, STORE_S);
	assert_int_equal(consent_last(t, &last, &w->e), 0);
	for (uint64_t at = 1; at <= last && c.kind != CONSENT_IMPORT_UNDONE;
	    at = index + 1)
		assert_int_equal(consent_next(t, at, &index, &c, &w->e), 1);
	assert_int_equal(c.kind, CONSENT_IMPORT_UNDONE);
	assert_int_equal(c.count, 1);
	assert_int_equal(c.follows, look(w, id).consent);
	txn_end(t);
	/* It is not done twice. */
	assert_int_equal(world_write(w, STORE_S, do_undo, &id), 1);
	assert_int_equal(w->e.code, ERR_REFUSED);
}

/* Who was unconfirmed and was vouched for by it alone is so again. */
static void
an_undo_gives_back_who_was_unconfirmed(void **state)
{
	struct world *w = *state;
	uint32_t first = import(w, EVIDENCE_NONE, one, 1);
	uint32_t second = import(w, EVIDENCE_CONFIRMED, one, 1);
	struct identity who = people_identity(w, one[0]);
	struct slice json;
	struct member m;
	struct txn *t;

	assert_int_equal(people_state(w, 1, one[0]), MEMBER_ACTIVE);
	world_must(w, STORE_S, do_undo, &second);
	assert_int_equal(people_state(w, 1, one[0]), MEMBER_UNCONFIRMED);
	t = world_read(w, STORE_S);
	assert_int_equal(subscriber_find(t, 1, who.hash, &m, &w->e), 1);
	assert_int_equal(m.import, first);
	assert_int_equal(m.consent, look(w, first).consent);
	assert_int_equal(attributes_get(t, m.subscriber, &json, &w->e), 1);
	txn_end(t);
	people_are_sound(w);
	world_must(w, STORE_S, do_undo, &first);
	assert_int_equal(people_state(w, 1, one[0]), 0);
}

int
main(void)
{
#define TEST(F)	cmocka_unit_test_setup_teardown(F, people_setup, world_teardown)
	const struct CMUnitTest tests[] = {
		TEST(who_confirms_becomes_a_member),
		TEST(nobody_is_asked_twice),
		TEST(who_may_not_be_asked),
		TEST(suppression_wins),
		TEST(limits_hold),
		TEST(an_undo_ends_invitations),
		TEST(an_undo_gives_back_who_was_unconfirmed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
