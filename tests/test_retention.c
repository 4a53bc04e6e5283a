/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_retention.c - thirty days after it, nothing but hashes is left of a
 * request that nobody confirmed (T53), and all of one that somebody did.
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

#include "spool/check.h"
#include "spool/consent.h"
#include "spool/list.h"
#include "spool/notice.h"
#include "spool/request.h"
#include "spool/retention.h"
#include "spool/writer.h"
#include "tests/spool_people.h"

struct hashing {
	unsigned	max;
	int64_t		now_ms;
	int		more;
	struct retention_pass pass;
};

static int
do_hash(struct txn *t, void *arg, struct err *e)
{
	struct hashing *h = arg;

	h->more = retention_hash(t, h->max, h->now_ms, e);
	return job_answer(h->more, e);
}

static void
hash_all(struct world *w, int64_t now_ms)
{
	struct hashing h = { 3, now_ms, 1, { .at = 0 } };

	for (unsigned i = 0; i < 1000 && h.more == 1; i++)
		world_must(w, STORE_S, do_hash, &h);
	assert_int_equal(h.more, 0);
}

/* Entries of an address, and how many of these have a kind. */
struct found {
	unsigned	n, kind;
};

static struct found
entries(struct world *w, const char *address, enum consent_kind kind)
{
	struct identity who = people_identity(w, address);
	struct txn *t = world_read(w, STORE_S);
	struct found f = { 0, 0 };
	struct consent c;
	uint64_t index = 0;

	while (consent_next_of(t, who.hash, index + 1, &index, &w->e) == 1) {
		assert_int_equal(consent_get(t, index, &c, &w->e), 1);
		f.n++;
		f.kind += c.kind == kind;
	}
	txn_end(t);
	return f;
}

/* Whether these octets are anywhere in the rows of a table. */
static bool
holds(struct world *w, enum store_table table, const void *p, size_t len)
{
	struct txn *t = world_read(w, STORE_S);
	struct slice key, value;
	struct cursor *c;
	bool found = false;
	int rc;

	assert_int_equal(cursor_open(t, table, &c, &w->e), 0);
	for (rc = cursor_seek(c, SLICE("", 0), &key, &value, &w->e); rc == 1;
	    rc = cursor_next(c, &key, &value, &w->e))
		found = found || memmem(value.p, value.len, p, len) != NULL;
	assert_int_equal(rc, 0);
	cursor_close(c);
	txn_end(t);
	return found;
}

static bool
tell(void *arg, const struct check_finding *f)
{
	(void)arg;
	print_error("%s %s: %s\n", f->table, f->key, f->text);
	return true;
}

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

/* By the rules of `listctl check`; the mails ended long ago. */
static void
store_is_sound(struct world *w)
{
	const struct check_params p = { .st = w->st, .finding = tell };
	struct check_result r;

	world_must(w, STORE_S, drop_notices, NULL);
	assert_int_equal(check_store(&p, &r, &w->e), 0);
	assert_int_equal(r.findings, 0);
}

#define IP4	"\xff\xff\xc0\0\2\7"	/* ::ffff:192.0.2.7, its end */

static void
nothing_but_hashes_is_left(void **state)
{
	struct world *w = *state;
	struct optin_asked a = people_ask(w, "news", "Shy@b.example",
	    "192.0.2.7", NOW);
	struct consent c;
	struct txn *t;
	uint64_t last;

	assert_int_equal(a.result, OPTIN_ACCEPTED);
	/* The same again is refused, and an entry too. */
	people_ask(w, "news", "Shy@b.example", "192.0.2.7", NOW + HOUR);
	assert_true(holds(w, TABLE_CONSENT, "Shy@", 4));
	assert_true(holds(w, TABLE_CONSENT, IP4, 6));
	hash_all(w, NOW + RETENTION_UNCONFIRMED_MS - 1);
	assert_int_equal(entries(w, "shy@b.example", CONSENT_HASHED).kind, 0);
	hash_all(w, NOW + RETENTION_UNCONFIRMED_MS + HOUR);
	assert_int_equal(entries(w, "shy@b.example", CONSENT_HASHED).n, 2);
	assert_int_equal(entries(w, "shy@b.example", CONSENT_HASHED).kind, 2);
	assert_false(holds(w, TABLE_CONSENT, "Shy@", 4));
	assert_false(holds(w, TABLE_CONSENT, "shy@", 4));
	assert_false(holds(w, TABLE_CONSENT, IP4, 6));
	assert_false(holds(w, TABLE_CONSENT, "raw", 3));
	assert_int_equal(people_rows(w, TABLE_REQUESTS), 0);
	assert_int_equal(people_rows(w, TABLE_TOKENS), 0);
	assert_int_equal(people_rows(w, TABLE_REQUEST_OF), 0);

	/* What is left says that there was one, when, where and by what. */
	t = world_read(w, STORE_S);
	assert_int_equal(consent_last(t, &last, &w->e), 0);
	assert_int_equal(consent_get(t, last - 1, &c, &w->e), 1);
	assert_int_equal(c.was, CONSENT_REQUEST);
	assert_true(c.was_ms == NOW);
	assert_int_equal(c.list, 1);
	assert_int_equal(c.org, 1);
	assert_int_equal(c.ip_hash.len, 16);
	assert_int_equal(c.erased.len, 8);
	assert_int_equal(consent_get(t, a.consent, &c, &w->e), 0);
	txn_end(t);
}

static void
a_confirmed_one_stays_whole(void **state)
{
	struct world *w = *state;
	unsigned before;

	people_join(w, "news", "ann@b.example", NOW);
	before = entries(w, "ann@b.example", CONSENT_REQUEST).n;
	/* In time, and when the request's row is long gone. */
	hash_all(w, NOW + RETENTION_UNCONFIRMED_MS + DAY);
	assert_int_equal(entries(w, "ann@b.example", CONSENT_REQUEST).kind, 1);
	assert_int_equal(entries(w, "ann@b.example", CONSENT_REQUEST).n,
	    before);
	assert_true(holds(w, TABLE_CONSENT, "ann@", 4));
	assert_int_equal(people_state(w, 1, "ann@b.example"), MEMBER_ACTIVE);
	store_is_sound(w);
}

static int
do_expire(struct txn *t, void *arg, struct err *e)
{
	uint8_t at[REQUEST_ID] = { 0 };

	return request_sweep(t, at, 1000, *(int64_t *)arg, e) == -1 ? -1 : 0;
}

/* The daemon was down for months: the rows went first. */
static void
late_is_like_in_time(void **state)
{
	struct world *w = *state;
	int64_t late = NOW + 90 * DAY;

	people_join(w, "news", "ann@b.example", NOW);
	people_ask(w, "news", "shy@b.example", NULL, NOW);
	world_must(w, STORE_S, do_expire, &late);
	assert_int_equal(people_rows(w, TABLE_REQUESTS), 0);
	hash_all(w, late);
	assert_int_equal(entries(w, "ann@b.example", CONSENT_HASHED).kind, 0);
	assert_int_equal(entries(w, "shy@b.example", CONSENT_HASHED).kind, 1);
	assert_int_equal(entries(w, "shy@b.example", CONSENT_HASHED).n, 1);
	store_is_sound(w);
}

/* Killed at any step it goes on; each entry gives way once. */
static void
it_goes_on_where_it_was_killed(void **state)
{
	struct world *w = *state;
	struct hashing h = { 3, NOW + 40 * DAY, 1, { .at = 0 } };
	char name[32];

	for (unsigned i = 0; i < 5; i++) {
		snprintf(name, sizeof(name), "p%u@b.example", i);
		people_ask(w, "news", name, NULL, NOW + i);
	}
	for (unsigned i = 1; world_killed_at(w, STORE_S, do_hash, &h, i); i++)
		;
	hash_all(w, h.now_ms);
	for (unsigned i = 0; i < 5; i++) {
		snprintf(name, sizeof(name), "p%u@b.example", i);
		assert_int_equal(entries(w, name, CONSENT_HASHED).n, 1);
		assert_int_equal(entries(w, name, CONSENT_HASHED).kind, 1);
	}
	store_is_sound(w);
}

static int
do_erase(struct txn *t, void *arg, struct err *e)
{
	struct leave_result r = { .n = 0 };
	struct identity *who = arg;
	int rc = leave_erase(t, who->hash, "root", NOW + 41 * DAY, &r, e);

	leave_result_free(&r);
	return rc == -1 ? -1 : 0;
}

/* Erasure takes the hashes too (S31). */
static void
what_is_hashed_can_be_erased(void **state)
{
	struct world *w = *state;
	struct identity who = people_identity(w, "shy@b.example");

	people_ask(w, "news", "shy@b.example", NULL, NOW);
	hash_all(w, NOW + 40 * DAY);
	world_must(w, STORE_S, do_erase, &who);
	assert_int_equal(entries(w, "shy@b.example", CONSENT_HASHED).n, 0);
	store_is_sound(w);
}

/* ---- what is kept for years, by the laws of its list */

static int
do_prune(struct txn *t, void *arg, struct err *e)
{
	struct hashing *h = arg;

	h->more = retention_prune(t, &h->pass, h->max, h->now_ms, e);
	return job_answer(h->more, e);
}

/* A whole pass; how many entries went. */
static uint64_t
prune(struct world *w, int64_t now_ms)
{
	struct hashing h = { 3, now_ms, 1, { .at = 0 } };

	for (unsigned i = 0; i < 1000 && h.more == 1; i++)
		world_must(w, STORE_S, do_prune, &h);
	assert_int_equal(h.more, 0);
	return h.pass.pruned;
}

struct setting {
	uint32_t	 list;
	const char	*value;
};

static int
do_set(struct txn *t, void *arg, struct err *e)
{
	const struct setting *s = arg;

	return list_set(t, s->list, "jurisdiction", s->value, "root", NOW, e);
}

static void
under(struct world *w, uint32_t list, const char *laws)
{
	struct setting s = { list, laws };

	world_must(w, STORE_S, do_set, &s);
}

static unsigned
count(struct world *w, const char *address)
{
	return entries(w, address, CONSENT_REQUEST).n;
}

#define YEARS	1096	/* days of a list that names no law */

/* T53, R182: three years after the last mail, and not a day before. */
static void
evidence_goes_when_its_time_is_over(void **state)
{
	struct world *w = *state;
	int64_t left = NOW + 400 * DAY;

	people_join(w, "news", "ann@b.example", NOW);
	assert_true(people_leave(w, 1, "ann@b.example", IPC_LEAVE_LIST, left));
	assert_true(count(w, "ann@b.example") >= 3);
	/* Three years after the confirmation it is not over. */
	assert_int_equal(prune(w, NOW + YEARS * DAY), 0);
	assert_int_equal(prune(w, left + YEARS * DAY - 1), 0);
	assert_true(prune(w, left + YEARS * DAY) >= 3);
	assert_int_equal(count(w, "ann@b.example"), 0);
	assert_false(holds(w, TABLE_CONSENT, "ann@", 4));
	store_is_sound(w);
	/* Nothing is pruned twice. */
	assert_int_equal(prune(w, left + 2 * YEARS * DAY), 0);
}

/* S60: evidence outlives the membership; what rests on it holds (R14). */
static void
what_rests_on_it_holds(void **state)
{
	struct world *w = *state;
	uint64_t bob = people_join(w, "news", "bob@b.example", NOW);
	int64_t late = NOW + 10 * YEARS * DAY;

	people_join(w, "news", "ann@b.example", NOW);
	people_leave(w, 1, "ann@b.example", IPC_LEAVE_LIST, NOW + DAY);
	assert_true(prune(w, late) > 0);
	assert_int_equal(count(w, "ann@b.example"), 0);
	assert_int_equal(people_rows(w, TABLE_SUPPRESSIONS), 1);
	assert_false(people_leave(w, 1, "ann@b.example", IPC_LEAVE_LIST,
	    late));
	/* A member's evidence stays as long as the membership. */
	assert_true(entries(w, "bob@b.example", CONSENT_CONFIRMED).kind == 1);
	assert_int_equal(people_gate(w, bob), GATE_OPEN);
	store_is_sound(w);
}

/* One setting for each list: of several laws the longest (T53, R192). */
static void
each_list_has_its_laws(void **state)
{
	static const struct {
		const char	*laws;
		int64_t		 days;
	} rows[] = {
		{ "jp", 31 }, { "", YEARS }, { "eu", YEARS }, { "ca", YEARS },
		{ "de", 1461 }, { "us", 1827 }, { "jp de", 1461 },
		{ "de jp ca", 1461 }, { "au jp", 2192 }, { "uk", 2192 },
	};
	struct world *w = *state;
	struct setting unknown = { 1, "jp mars" };
	int64_t left, now = NOW;
	char name[32];

	/* That of another list does not matter. */
	under(w, 2, "au");
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		snprintf(name, sizeof(name), "p%zu@b.example", i);
		people_join(w, "news", name, now);
		left = now + DAY;
		people_leave(w, 1, name, IPC_LEAVE_LIST, left);
		under(w, 1, rows[i].laws);
		now = left + rows[i].days * DAY;
		assert_int_equal(prune(w, now - 1), 0);
		assert_true(prune(w, now) > 0);
		assert_int_equal(count(w, name), 0);
	}
	store_is_sound(w);
	assert_int_not_equal(world_write(w, STORE_S, do_set, &unknown), 0);
	assert_non_null(strstr(w->e.text, "mars"));
}

/*
 * What ends a membership may be an act on another list: the clock of each
 * starts with it, or old evidence would go the day after the last mail.
 */
static void
an_act_of_wider_scope_starts_each_clock(void **state)
{
	struct world *w = *state;
	int64_t late = NOW + 5000 * DAY;
	unsigned n;

	people_join(w, "news", "ann@b.example", NOW);
	people_join(w, "club", "ann@b.example", NOW + DAY);
	n = count(w, "ann@b.example");
	assert_true(people_leave(w, 2, "ann@b.example",
	    IPC_LEAVE_ORGANIZATION, late));
	assert_int_equal(people_state(w, 1, "ann@b.example"), 0);
	assert_int_equal(prune(w, late + DAY), 0);
	assert_int_equal(count(w, "ann@b.example"), n + 1);
	assert_int_equal(prune(w, late + YEARS * DAY), n + 1);
	store_is_sound(w);
}

/* Who comes back starts anew, and keeps the old evidence too. */
static void
coming_back_stops_the_clock(void **state)
{
	struct world *w = *state;
	int64_t again = NOW + 1000 * DAY;
	unsigned n;

	people_join(w, "news", "ann@b.example", NOW);
	people_leave(w, 1, "ann@b.example", IPC_LEAVE_LIST, NOW + DAY);
	people_join(w, "news", "ann@b.example", again);
	n = count(w, "ann@b.example");
	assert_int_equal(prune(w, again + 2 * YEARS * DAY), 0);
	assert_int_equal(count(w, "ann@b.example"), n);
}

/* A HASHED entry names a gap; whoever prunes it goes on naming it. */
static void
the_hashes_go_too(void **state)
{
	struct world *w = *state;
	int64_t late = NOW + 40 * DAY;

	people_ask(w, "news", "shy@b.example", NULL, NOW);
	hash_all(w, late);
	assert_int_equal(count(w, "shy@b.example"), 1);
	assert_int_equal(prune(w, late + YEARS * DAY), 2);
	assert_int_equal(count(w, "shy@b.example"), 0);
	store_is_sound(w);
}

static void
pruning_goes_on_where_it_was_killed(void **state)
{
	struct world *w = *state;
	struct hashing h = { 3, NOW + 2 * YEARS * DAY, 1, { .at = 0 } };
	char name[32];

	for (unsigned i = 0; i < 5; i++) {
		snprintf(name, sizeof(name), "p%u@b.example", i);
		people_join(w, "news", name, NOW + i);
		people_leave(w, 1, name, IPC_LEAVE_LIST, NOW + DAY);
	}
	for (unsigned i = 1; world_killed_at(w, STORE_S, do_prune, &h, i); i++)
		;
	prune(w, h.now_ms);
	for (unsigned i = 0; i < 5; i++) {
		snprintf(name, sizeof(name), "p%u@b.example", i);
		assert_int_equal(count(w, name), 0);
	}
	store_is_sound(w);
}

int
main(void)
{
#define TEST(F)	cmocka_unit_test_setup_teardown(F, people_setup, world_teardown)
	const struct CMUnitTest tests[] = {
		TEST(nothing_but_hashes_is_left),
		TEST(a_confirmed_one_stays_whole),
		TEST(late_is_like_in_time),
		TEST(it_goes_on_where_it_was_killed),
		TEST(what_is_hashed_can_be_erased),
		TEST(evidence_goes_when_its_time_is_over),
		TEST(what_rests_on_it_holds),
		TEST(each_list_has_its_laws),
		TEST(an_act_of_wider_scope_starts_each_clock),
		TEST(coming_back_stops_the_clock),
		TEST(the_hashes_go_too),
		TEST(pruning_goes_on_where_it_was_killed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
