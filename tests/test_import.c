/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_import.c - rows from elsewhere: what they may become, that suppression
 * wins, and that a slice is applied once (S19, S35, T11, R14).
 */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "spool/consent.h"
#include "spool/check.h"
#include "spool/import_private.h"
#include "spool/list.h"
#include "spool/notice.h"
#include "spool/writer.h"
#include "tests/spool_people.h"

struct begin {
	struct import	in, out;
};

static int
do_begin(struct txn *t, void *arg, struct err *e)
{
	struct begin *b = arg;

	return job_answer(import_begin(t, &b->in, NOW, &b->out, e), e);
}

static struct import
begin(struct world *w, const char *source, bool vouched, uint8_t file)
{
	struct begin b = { .in = { .list = 1, .vouched = vouched,
	    .claimed_ms = NOW - 30 * DAY, .basis = "shop order",
	    .who = "root" } };

	b.in.file[0] = file;
	snprintf(b.in.source, sizeof(b.in.source), "%s", source);
	world_must(w, STORE_S, do_begin, &b);
	return b.out;
}

struct rows {
	struct import_slice	in;
	size_t			done;
};

static int
do_rows(struct txn *t, void *arg, struct err *e)
{
	struct rows *r = arg;

	return job_answer(import_rows(t, &r->in, &r->done, e), e);
}

/* Import addresses, one a row; "" is a bad row. */
static int
feed(struct world *w, uint32_t id, uint64_t first, const char *const *list,
    size_t n)
{
	struct import_row rows[16];
	struct identity who[16];
	struct rows r = { .in = { .id = id, .first = first, .rows = rows,
	    .n = n, .now_ms = NOW } };
	int rc;

	for (size_t i = 0; i < n; i++) {
		rows[i] = (struct import_row){ .verdict = IMPORT_BAD };
		if (list[i][0] == '\0')
			continue;
		who[i] = people_identity(w, list[i]);
		import_row_of(&rows[i], &who[i], NOW - DAY, NULL);
	}
	rc = world_write(w, STORE_S, do_rows, &r);
	if (rc == 0)
		assert_int_equal(r.done, n);
	return rc;
}

static struct import
look(struct world *w, uint32_t id)
{
	struct txn *t = world_read(w, STORE_S);
	struct import im;

	assert_int_equal(import_get(t, id, &im, &w->e), 1);
	txn_end(t);
	return im;
}

static struct member
member(struct world *w, const char *address)
{
	struct identity who = people_identity(w, address);
	struct txn *t = world_read(w, STORE_S);
	struct member m;

	assert_int_equal(subscriber_find(t, 1, who.hash, &m, &w->e), 1);
	txn_end(t);
	return m;
}

/* ---- the rules */

static const char *const three[] = { "a@b.example", "B@b.example", "" };

static void
rows_without_evidence_are_not_mailed(void **state)
{
	struct world *w = *state;
	struct import im = begin(w, "our web shop", false, 1);
	struct consent c;
	struct txn *t;

	assert_int_equal(feed(w, im.id, 0, three, 3), 0);
	im = look(w, im.id);
	assert_int_equal(im.counts.rows, 3);
	assert_int_equal(im.counts.added, 2);
	assert_int_equal(im.counts.bad, 1);
	assert_int_equal(people_state(w, 1, "a@b.example"),
	    MEMBER_UNCONFIRMED);
	assert_int_equal(member(w, "b@b.example").import, im.id);
	assert_int_equal(people_gate(w, member(w, "a@b.example").subscriber),
	    GATE_NOT_COUNTED);
	t = world_read(w, STORE_S);
	assert_int_equal(consent_get(t, im.consent, &c, &w->e), 1);
	assert_int_equal(c.kind, CONSENT_IMPORT);
	assert_memory_equal(c.source.p, "our web shop", c.source.len);
	assert_int_equal(c.content.p[0], 1);
	txn_end(t);
	assert_int_equal(people_entries(w), 1);
}

static void
vouched_rows_have_an_entry_each(void **state)
{
	struct world *w = *state;
	struct import im = begin(w, "our web shop", true, 1);
	struct consent c;
	struct txn *t;

	assert_int_equal(feed(w, im.id, 0, three, 3), 0);
	assert_int_equal(people_gate(w, member(w, "a@b.example").subscriber),
	    GATE_OPEN);
	t = world_read(w, STORE_S);
	assert_int_equal(consent_get(t, member(w, "b@b.example").consent, &c,
	    &w->e), 1);
	assert_int_equal(c.kind, CONSENT_IMPORT_ROW);
	assert_int_equal(c.follows, im.consent);
	assert_int_equal(c.import, im.id);
	assert_true(c.claimed_ms == NOW - DAY);
	assert_memory_equal(c.address.p, "B@b.example", c.address.len);
	txn_end(t);
}

static const struct { const char *source; enum err_code code; } sources[] = {
	{ "public directory", ERR_REFUSED },
	{ "Purchased from X", ERR_REFUSED },
	{ "scraped", ERR_REFUSED },
	{ "forum posters", ERR_REFUSED },
	{ "", ERR_INPUT },
	{ "   ", ERR_INPUT },
	{ "shop\r\nX: y", ERR_INPUT },
	{ "shop", ERR_NONE },
};

static void
sources_that_gave_no_permission(void **state)
{
	struct world *w = *state;

	for (size_t i = 0; i < sizeof(sources) / sizeof(sources[0]); i++) {
		struct begin b = { .in = { .list = 1 } };
		int rc;

		snprintf(b.in.source, sizeof(b.in.source), "%s",
		    sources[i].source);
		rc = world_write(w, STORE_S, do_begin, &b);
		if ((rc == 0) != (sources[i].code == ERR_NONE) ||
		    w->e.code != sources[i].code)
			fail_msg("%s: %s", sources[i].source, w->e.text);
	}
}

static void
suppression_wins_and_members_stay_as_they_are(void **state)
{
	static const char *const rows[] = { "left@b.example",
	    "all@b.example", "banned@b.example", "member@b.example",
	    "abuse@b.example", "new@b.example", "NEW@b.example" };
	const struct leave ban = { .reason = SUPPRESSION_BAN,
	    .setter = SUPPRESSION_BY_DESK, .scope = SUPPRESSION_HOST,
	    .now_ms = NOW };
	struct world *w = *state;
	struct import im;
	uint64_t consent;

	people_leave(w, 1, "left@b.example", IPC_LEAVE_LIST, NOW);
	people_leave(w, 2, "all@b.example", IPC_LEAVE_ORGANIZATION, NOW);
	people_remove(w, ban, "banned@b.example");
	people_join(w, "news", "member@b.example", NOW);
	consent = member(w, "member@b.example").consent;
	im = begin(w, "shop", true, 1);
	assert_int_equal(feed(w, im.id, 0, rows, 7), 0);
	im = look(w, im.id);
	assert_int_equal(im.counts.suppressed, 3);
	assert_int_equal(im.counts.role, 1);
	assert_int_equal(im.counts.added, 1);
	assert_int_equal(im.counts.duplicate, 2);
	assert_int_equal(people_state(w, 1, "left@b.example"), 0);
	assert_int_equal(member(w, "member@b.example").consent, consent);
}

static void
evidence_later_confirms_and_a_person_outranks_it(void **state)
{
	struct world *w = *state;
	struct import im = begin(w, "shop", false, 1);

	assert_int_equal(feed(w, im.id, 0, three, 3), 0);
	/* One confirms in person. */
	people_join(w, "news", "a@b.example", NOW + HOUR);
	assert_int_equal(people_state(w, 1, "a@b.example"), MEMBER_ACTIVE);
	im = begin(w, "shop", true, 2);
	assert_int_equal(feed(w, im.id, 0, three, 3), 0);
	im = look(w, im.id);
	assert_int_equal(im.counts.confirmed, 1);
	assert_int_equal(im.counts.duplicate, 1);
	assert_int_equal(people_state(w, 1, "b@b.example"), MEMBER_ACTIVE);
}

static void
attributes_come_along(void **state)
{
	struct world *w = *state;
	struct import im = begin(w, "shop", false, 1);
	struct identity who[2] = { people_identity(w, "a@b.example"),
	    people_identity(w, "c@b.example") };
	struct import_row rows[3];
	struct rows r = { .in = { .id = im.id, .rows = rows, .n = 3,
	    .now_ms = NOW } };
	struct slice json;
	struct txn *t;

	import_row_of(&rows[0], &who[0], 0, "{\"name\":\"Ann\"}");
	import_row_of(&rows[1], &who[0], 0, "{\"name\":\"Anna\"}");
	import_row_of(&rows[2], &who[1], 0, "[1]");
	world_must(w, STORE_S, do_rows, &r);
	im = look(w, im.id);
	assert_int_equal(im.counts.added, 1);
	assert_int_equal(im.counts.updated, 1);
	assert_int_equal(im.counts.bad, 1);
	t = world_read(w, STORE_S);
	assert_int_equal(attributes_get(t, 1, &json, &w->e), 1);
	assert_memory_equal(json.p, "{\"name\":\"Anna\"}", json.len);
	txn_end(t);
}

/* ---- resuming */

static void
a_slice_is_applied_once(void **state)
{
	struct world *w = *state;
	struct import im = begin(w, "shop", true, 9), again;

	assert_int_equal(feed(w, im.id, 0, three, 2), 0);
	assert_int_equal(feed(w, im.id, 0, three, 2), 1);	/* sent again */
	assert_int_equal(w->e.code, ERR_REFUSED);
	again = begin(w, "shop", true, 9);	/* the same file, later */
	assert_int_equal(again.id, im.id);
	assert_int_equal(again.counts.rows, 2);
	assert_int_equal(feed(w, im.id, 2, three + 2, 1), 0);
	assert_int_equal(begin(w, "shop", true, 8).id, im.id + 1);
}

static int
do_end(struct txn *t, void *arg, struct err *e)
{
	return job_answer(import_end(t, *(uint32_t *)arg, IMPORT_DONE,
	    NOW + HOUR, e), e);
}

static void
an_ended_import_takes_no_rows(void **state)
{
	struct world *w = *state;
	struct import im = begin(w, "shop", true, 9);
	json_t *j;

	world_must(w, STORE_S, do_end, &im.id);
	assert_int_equal(feed(w, im.id, 0, three, 1), 1);
	assert_int_equal(w->e.code, ERR_REFUSED);
	assert_int_equal(feed(w, 99, 0, three, 1), 1);
	assert_int_equal(w->e.code, ERR_NOTFOUND);
	assert_int_equal(begin(w, "shop", true, 9).id, im.id + 1);
	im = look(w, im.id);
	j = import_json(&im);
	assert_non_null(j);
	assert_string_equal(json_string_value(json_object_get(j, "state")),
	    "done");
	assert_non_null(json_object_get(json_object_get(j, "counts"),
	    "suppressed"));
	json_decref(j);
}

static int
do_age(struct txn *t, void *arg, struct err *e)
{
	struct import *im = arg;

	im->order = IMPORT_ORDER - 1;
	return import_put(t, im, e);
}

/* Its rows came in another order: what was done is not the file's first. */
static void
one_of_another_order_is_not_taken_up(void **state)
{
	struct world *w = *state;
	struct import im = begin(w, "shop", true, 8), again;

	assert_int_equal(feed(w, im.id, 0, three, 3), 0);
	again = begin(w, "shop", true, 8);
	assert_int_equal(again.id, im.id);
	assert_int_equal(again.counts.rows, 3);
	world_must(w, STORE_S, do_age, &again);
	again = begin(w, "shop", true, 8);
	assert_int_not_equal(again.id, im.id);
	assert_int_equal(again.counts.rows, 0);
	assert_int_equal(look(w, im.id).state, IMPORT_CANCELLED);
	assert_int_equal(feed(w, again.id, 0, three, 3), 0);
	assert_int_equal(look(w, again.id).counts.added, 0);
	assert_int_equal(look(w, again.id).counts.duplicate, 2);
}

static int
do_begin_as(struct txn *t, void *arg, struct err *e)
{
	struct begin *b = arg;

	b->in.format = 1;
	return job_answer(import_begin(t, &b->in, NOW, &b->out, e), e);
}

/* The same file, read as another program's: its rows say something else. */
static void
one_of_another_format_is_not_taken_up(void **state)
{
	struct world *w = *state;
	struct import im = begin(w, "shop", true, 8);
	struct begin b = { .in = { .list = 1, .vouched = EVIDENCE_CONFIRMED,
	    .source = "shop", .who = "root" } };

	assert_int_equal(feed(w, im.id, 0, three, 3), 0);
	b.in.file[0] = 8;
	world_must(w, STORE_S, do_begin_as, &b);
	assert_int_not_equal(b.out.id, im.id);
	assert_int_equal(b.out.counts.rows, 0);
	assert_int_equal(look(w, im.id).state, IMPORT_CANCELLED);
}

static bool
tell(void *arg, const struct check_finding *f)
{
	(void)arg;
	print_error("%s %s: %s\n", f->table, f->key, f->text);
	return true;
}

/* Of joining; their mail went out long ago. */
static int
drop_notices(struct txn *t, void *arg, struct err *e)
{
	struct notice n;
	int rc;

	(void)arg;
	while ((rc = notice_next(t, 0, &n, e)) == 1)
		if (notice_del(t, n.id, e) == -1)
			return -1;
	return rc;
}

static void
store_is_sound(struct world *w)
{
	const struct check_params p = { .st = w->st, .finding = tell };
	struct check_result r;

	assert_int_equal(check_store(&p, &r, &w->e), 0);
	assert_int_equal(r.findings, 0);
}

#define MANY	(IMPORT_BATCH + 1000)

/*
 * Batches in no order, with all that a row may meet: a member of before, the
 * same person again near and far and in another batch, one who left, a role,
 * a row without an address.  The figures are those of one row after the other.
 */
static void
batches_come_to_the_same(void **state)
{
	struct world *w = *state;
	struct import im = begin(w, "shop", true, 7);
	struct import_row *rows = calloc(MANY, sizeof(*rows));
	struct identity *who = calloc(MANY, sizeof(*who));
	struct rows r = { .in = { .id = im.id, .rows = rows, .n = MANY,
	    .now_ms = NOW } };
	struct import_counts want = { .rows = MANY };
	bool seen[MANY] = { false };
	char address[64];
	unsigned dice = 1;

	people_join(w, "news", "p1@d1.example", NOW);
	people_join(w, "news", "p2@d2.example", NOW);
	people_leave(w, 1, "p2@d2.example", IPC_LEAVE_LIST, NOW);
	seen[1] = true;
	for (size_t i = 0; i < MANY; i++) {
		unsigned p = (dice = dice * 1103515245 + 12345) / 65536 % MANY;

		rows[i] = (struct import_row){ .verdict = IMPORT_BAD };
		if (i % 101 == 0) {
			want.bad++;
			continue;
		}
		if (i == 5)
			p = 2;
		snprintf(address, sizeof(address), "p%u@d%u.example", p,
		    p % 9);
		if (i % 97 == 0)
			memcpy(address, "abuse@d.example", 16);
		who[i] = people_identity(w, address);
		import_row_of(&rows[i], &who[i], 0, i % 2 == 0 ?
		    "{\"n\":\"x\"}" : NULL);
		if (rows[i].verdict == IMPORT_ROLE)
			want.role++;
		else if (p == 2)
			want.suppressed++;
		else if (!seen[p])
			want.added++;
		else if (i % 2 == 0)
			want.updated++;
		else
			want.duplicate++;
		if (rows[i].verdict == IMPORT_TAKE && p != 2)
			seen[p] = true;
	}
	assert_true(want.updated > 10 && want.duplicate > 10 &&
	    want.suppressed > 0 && want.role > 10);
	world_must(w, STORE_S, do_rows, &r);
	assert_int_equal(r.done, MANY);
	im = look(w, im.id);
	assert_memory_equal(&im.counts, &want, sizeof(want));
	assert_int_equal(people_rows(w, TABLE_MEMBERS), want.added + 1);
	world_must(w, STORE_S, drop_notices, NULL);
	store_is_sound(w);
	free(rows);
	free(who);
}

static int
one_slice(struct txn *t, void *arg, struct err *e)
{
	struct rows *r = arg;

	return import_rows(t, &r->in, &r->done, e);
}

/* A kill at any step: rows done and members agree (F03). */
static void
a_killed_slice_is_whole_or_not(void **state)
{
	struct world *w = *state;
	struct import im = begin(w, "shop", true, 9);
	struct identity who[2] = { people_identity(w, "a@b.example"),
	    people_identity(w, "b@c.example") };
	struct import_row rows[2];
	struct rows r = { .in = { .id = im.id, .rows = rows, .n = 2,
	    .now_ms = NOW } };

	import_row_of(&rows[0], &who[0], 0, NULL);
	import_row_of(&rows[1], &who[1], 0, NULL);
	for (unsigned i = 1; world_killed_at(w, STORE_S, one_slice, &r, i);
	    i++) {
		uint64_t done = look(w, im.id).counts.rows;

		assert_int_equal(people_rows(w, TABLE_MEMBERS), done);
		assert_int_equal(people_rows(w, TABLE_BY_ID), done);
		assert_int_equal(people_rows(w, TABLE_BY_HASH), done);
		assert_int_equal(people_entries(w), 1 + done);
		assert_int_equal(people_rows(w, TABLE_DOMAINS), done);
		assert_true(i < 200);
		if (done == 2)
			return;
	}
	fail_msg("never killed after the commit");
}

/* ---- taking back */

struct undo {
	uint32_t	id;
	struct member	at;
	uint64_t	removed;
	int		rc;
};

static int
do_undo(struct txn *t, void *arg, struct err *e)
{
	struct undo *u = arg;

	u->rc = import_undo(t, u->id, "root", &u->at, 2, NOW + DAY,
	    &u->removed, e);
	return job_answer(u->rc, e);
}

static void
an_undo_takes_back_what_nobody_confirmed(void **state)
{
	static const char *const rows[] = { "a@b.example", "b@b.example",
	    "c@c.example", "d@d.example" };
	struct world *w = *state;
	struct import im;
	struct undo u = { .id = 1 };
	uint64_t removed = 0;

	people_join(w, "news", "old@b.example", NOW);
	im = begin(w, "shop", true, 9);
	assert_int_equal(feed(w, im.id, 0, rows, 4), 0);
	assert_int_equal(world_write(w, STORE_S, do_undo, &u), 1);
	assert_int_equal(w->e.code, ERR_REFUSED);	/* still runs */
	people_leave(w, 1, "a@b.example", IPC_LEAVE_LIST, NOW);
	people_join(w, "news", "a@b.example", NOW + HOUR);
	world_must(w, STORE_S, do_end, &im.id);
	do {
		world_must(w, STORE_S, do_undo, &u);
		removed += u.removed;
	} while (u.rc == 1);
	assert_int_equal(removed, 3);
	assert_int_equal(people_rows(w, TABLE_MEMBERS), 2);
	assert_int_equal(people_state(w, 1, "a@b.example"), MEMBER_ACTIVE);
	assert_int_equal(look(w, im.id).state, IMPORT_UNDONE);
}

int
main(void)
{
#define TEST(F)	cmocka_unit_test_setup_teardown(F, people_setup, world_teardown)
	const struct CMUnitTest tests[] = {
		TEST(rows_without_evidence_are_not_mailed),
		TEST(vouched_rows_have_an_entry_each),
		TEST(sources_that_gave_no_permission),
		TEST(suppression_wins_and_members_stay_as_they_are),
		TEST(evidence_later_confirms_and_a_person_outranks_it),
		TEST(attributes_come_along),
		TEST(a_slice_is_applied_once),
		TEST(an_ended_import_takes_no_rows),
		TEST(one_of_another_order_is_not_taken_up),
		TEST(one_of_another_format_is_not_taken_up),
		TEST(batches_come_to_the_same),
		TEST(a_killed_slice_is_whole_or_not),
		TEST(an_undo_takes_back_what_nobody_confirmed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
