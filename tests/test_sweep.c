/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_sweep.c - content files that nothing names go, and no other, wherever
 * a crash left them (spool/DESIGN section 11).
 */
#include "config.h"

#include <sys/stat.h>

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "spool/campaign.h"
#include "spool/consent.h"
#include "spool/content.h"
#include "spool/import.h"
#include "spool/notice.h"
#include "spool/row.h"
#include "spool/sweep.h"
#include "tests/spool_people.h"

#define STEPS_MAX	2000	/* of one sweep here */

static struct content *content;

static int
setup(void **state)
{
	struct world *w;

	if (people_setup(state) == -1)
		return -1;
	w = *state;
	content = content_open(w->dir, true, &w->e);
	return content == NULL ? -1 : 0;
}

static int
teardown(void **state)
{
	content_close(content);
	return world_teardown(state);
}

/* The file's time of change. */
static void
set_age(struct world *w, const uint8_t *hash, int64_t changed_ms)
{
	const struct timespec at[2] = { { changed_ms / 1000, 0 },
	    { changed_ms / 1000, 0 } };
	char path[400], hex[CONTENT_HEX];

	content_hex(hash, hex);
	snprintf(path, sizeof(path), "%s/content/%.2s/%s", w->dir, hex, hex);
	assert_int_equal(utimensat(AT_FDCWD, path, at, 0), 0);
}

/* A file with these bytes that was changed two days before NOW. */
static void
put_old(struct world *w, const char *text, uint8_t *hash)
{
	assert_int_equal(content_put(content, text, strlen(text), hash,
	    &w->e), 0);
	set_age(w, hash, NOW - 2 * DAY);
}

static bool
is_there(struct world *w, const uint8_t *hash)
{
	return content_verify(content, hash, &w->e) == 1;
}

/* Up to max steps of a sweep; its last answer. */
static int
steps(struct world *w, struct sweep *s, unsigned max)
{
	int rc = 1;

	for (unsigned i = 0; i < max && rc == 1; i++)
		rc = sweep_step(s, &w->e);
	return rc;
}

/* Files that a whole sweep removes. */
static uint64_t
sweep_kept(struct world *w, int64_t keep_ms, int64_t now_ms)
{
	struct sweep *s = sweep_new(w->st, content, keep_ms, now_ms);
	uint64_t removed;

	assert_int_equal(steps(w, s, STEPS_MAX), 0);
	removed = sweep_removed(s);
	sweep_free(s);
	return removed;
}

static uint64_t
sweep(struct world *w, int64_t now_ms)
{
	return sweep_kept(w, 0, now_ms);
}

/* ---- what names files */

static int
add_campaign(struct txn *t, void *arg, struct err *e)
{
	bool existed;

	return campaign_create(t, arg, &existed, e);
}

static int
change_campaign(struct txn *t, void *arg, struct err *e)
{
	return campaign_change(t, arg, e);
}

static struct campaign
campaign(struct world *w, const uint8_t *hash)
{
	struct campaign c = { .list = 1, .org = 1, .created_ms = NOW };

	memcpy(c.content, hash, sizeof(c.content));
	world_must(w, STORE_Q, add_campaign, &c);
	return c;
}

static void
set_state(struct world *w, struct campaign *c, enum campaign_state state)
{
	c->state = state;
	if (state == CAMPAIGN_RUNNING)
		c->released_ms = NOW;
	else
		c->ended_ms = NOW;
	world_must(w, STORE_Q, change_campaign, c);
}

static int
add_notice(struct txn *t, void *arg, struct err *e)
{
	struct notice n = { .kind = NOTICE_FORWARD, .created_ms = NOW,
	    .address = "desk@acme.example" };
	uint64_t id;

	memcpy(n.content, arg, sizeof(n.content));
	return notice_add(t, &n, &id, e);
}

static int
add_entry(struct txn *t, void *arg, struct err *e)
{
	struct consent c = { .kind = CONSENT_REQUEST, .when_ms = NOW };

	memcpy(c.shown, arg, sizeof(c.shown));
	return consent_append(t, &c, NULL, e);
}

static int
add_import(struct txn *t, void *arg, struct err *e)
{
	struct import im = { .list = 1, .source = "the shop", .who = "root" };

	memcpy(im.evidence, arg, sizeof(im.evidence));
	return import_begin(t, &im, NOW, &im, e);
}

static int
drop_notice(struct txn *t, void *arg, struct err *e)
{
	(void)arg;
	return notice_del(t, 1, e) == 1 ? 0 : -1;
}

/* ---- tests */

static void
what_is_named_stays_and_the_rest_goes(void **state)
{
	struct world *w = *state;
	uint8_t mailed[32], forwarded[32], shown[32], vouched[32], lost[32],
	    fresh[32];

	put_old(w, "mailed", mailed);
	put_old(w, "forwarded", forwarded);
	put_old(w, "shown", shown);
	put_old(w, "vouched", vouched);
	put_old(w, "of a crash before the commit", lost);
	put_old(w, "adopted just now", fresh);
	set_age(w, fresh, NOW - CONTENT_KEEP_MS + MINUTE);
	campaign(w, mailed);
	world_must(w, STORE_S, add_notice, forwarded);
	world_must(w, STORE_S, add_entry, shown);
	world_must(w, STORE_S, add_import, vouched);
	assert_int_equal(sweep(w, NOW), 1);
	assert_false(is_there(w, lost));
	assert_true(is_there(w, mailed) && is_there(w, forwarded) &&
	    is_there(w, shown) && is_there(w, vouched) &&
	    is_there(w, fresh));
	/* The notice ends with its outcome, and its mail with the notice. */
	world_must(w, STORE_S, drop_notice, NULL);
	assert_int_equal(sweep(w, NOW), 1);
	assert_false(is_there(w, forwarded));
	assert_int_equal(sweep(w, NOW), 0);
}

/* T53, S60: evidence of what was mailed is kept three years. */
static void
a_campaign_keeps_its_message_for_its_time(void **state)
{
	static const struct {
		const char *why, *text;
		enum campaign_state by, end;
		int64_t keep_ms;	/* 0: for ever */
	} rows[] = {
		{ "prepared", "1", 0, 0, 0 },
		{ "planned", "2", 0, CAMPAIGN_SCHEDULED, 0 },
		{ "running", "3", CAMPAIGN_RUNNING, 0, 0 },
		{ "paused", "4", CAMPAIGN_RUNNING, CAMPAIGN_PAUSED, 0 },
		{ "finished", "5", CAMPAIGN_RUNNING, CAMPAIGN_FINISHED,
		    CAMPAIGN_KEEP_MS },
		{ "cancelled on its way", "6", CAMPAIGN_RUNNING,
		    CAMPAIGN_CANCELLED, CAMPAIGN_KEEP_MS },
		{ "refused", "7", 0, CAMPAIGN_REFUSED,
		    CAMPAIGN_UNSENT_KEEP_MS },
		{ "given up", "8", 0, CAMPAIGN_CANCELLED,
		    CAMPAIGN_UNSENT_KEEP_MS },
	};
	struct world *w = *state;
	uint8_t hash[8][32];

	for (size_t i = 0; i < 8; i++) {
		struct campaign c;

		put_old(w, rows[i].text, hash[i]);
		c = campaign(w, hash[i]);
		if (rows[i].by != 0)
			set_state(w, &c, rows[i].by);
		if (rows[i].end != 0)
			set_state(w, &c, rows[i].end);
	}
	assert_int_equal(sweep(w, NOW + CAMPAIGN_UNSENT_KEEP_MS - 1), 0);
	assert_int_equal(sweep(w, NOW + CAMPAIGN_UNSENT_KEEP_MS), 2);
	assert_int_equal(sweep(w, NOW + CAMPAIGN_KEEP_MS - 1), 0);
	assert_int_equal(sweep(w, NOW + CAMPAIGN_KEEP_MS), 2);
	for (size_t i = 0; i < 8; i++)
		if (is_there(w, hash[i]) != (rows[i].keep_ms == 0))
			fail_msg("%s", rows[i].why);
}

/* S60: or for as long as the configuration says. */
static void
a_setting_says_how_long(void **state)
{
	struct world *w = *state;
	struct campaign c;
	uint8_t hash[32];

	put_old(w, "kept for a week", hash);
	c = campaign(w, hash);
	set_state(w, &c, CAMPAIGN_RUNNING);
	set_state(w, &c, CAMPAIGN_FINISHED);
	assert_int_equal(sweep_kept(w, 7 * DAY, NOW + 7 * DAY - 1), 0);
	assert_int_equal(sweep_kept(w, 7 * DAY, NOW + 7 * DAY), 1);
	assert_false(is_there(w, hash));
}

/* A second campaign over the same bytes has its own time. */
static void
one_name_is_enough(void **state)
{
	struct world *w = *state;
	struct campaign old, again;
	uint8_t hash[32];

	put_old(w, "mailed twice", hash);
	old = campaign(w, hash);
	set_state(w, &old, CAMPAIGN_REFUSED);
	again = campaign(w, hash);
	assert_int_not_equal(old.id, again.id);
	assert_int_equal(sweep(w, NOW + CAMPAIGN_KEEP_MS), 0);
	assert_true(is_there(w, hash));
}

/*
 * Whatever step it is cut short at - the process dies, the role stops - what
 * is named is there, and the next sweep comes to the same end.
 */
static void
it_may_end_at_any_step(void **state)
{
	struct world *w = *state;
	uint8_t named[32], lost[32];
	struct sweep *s;
	unsigned n = 0;
	bool ended;

	put_old(w, "named", named);
	world_must(w, STORE_S, add_entry, named);
	do {
		put_old(w, "lost", lost);
		s = sweep_new(w->st, content, 0, NOW);
		ended = steps(w, s, n += 16) == 0;
		sweep_free(s);
		world_reopen(w);
		assert_true(is_there(w, named));
		assert_int_equal(sweep(w, NOW), !ended);
		assert_false(is_there(w, lost));
	} while (!ended);
	assert_true(n > CONTENT_FOLDERS);
}

/* A record written behind the walk's back holds its file first. */
static void
what_is_named_meanwhile_stays(void **state)
{
	struct world *w = *state;
	uint8_t late[32], again[32];
	uint64_t size;
	struct sweep *s;

	put_old(w, "late", late);
	put_old(w, "adopted again", again);
	s = sweep_new(w->st, content, 0, NOW);
	/* Past the tables, which name neither. */
	assert_int_equal(steps(w, s, CONTENT_FOLDERS + 4), 1);
	assert_int_equal(content_hold(content, late, &size, &w->e), 1);
	world_must(w, STORE_S, add_entry, late);
	assert_int_equal(content_put(content, "adopted again", 13, again,
	    &w->e), 0);
	set_age(w, late, NOW);
	set_age(w, again, NOW);
	assert_int_equal(steps(w, s, STEPS_MAX), 0);
	assert_int_equal(sweep_removed(s), 0);
	sweep_free(s);
	assert_true(is_there(w, late) && is_there(w, again));
}

static int
damage_entry(struct txn *t, void *arg, struct err *e)
{
	struct key k = KEY_INIT;

	(void)arg;
	key_u64(&k, 1);
	return txn_put(t, TABLE_CONSENT, key_slice(&k), SLICE("broken", 6),
	    e);
}

/* What can not be read may name anything. */
static void
damage_keeps_all(void **state)
{
	struct world *w = *state;
	uint8_t shown[32], lost[32];
	struct sweep *s;

	put_old(w, "shown", shown);
	put_old(w, "lost", lost);
	world_must(w, STORE_S, add_entry, shown);
	world_must(w, STORE_S, damage_entry, NULL);
	s = sweep_new(w->st, content, 0, NOW);
	assert_int_equal(steps(w, s, STEPS_MAX), -1);
	assert_int_equal(w->e.code, ERR_DAMAGED);
	sweep_free(s);
	assert_true(is_there(w, shown) && is_there(w, lost));
}

int
main(void)
{
#define TEST(F)	cmocka_unit_test_setup_teardown(F, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(what_is_named_stays_and_the_rest_goes),
		TEST(a_campaign_keeps_its_message_for_its_time),
		TEST(a_setting_says_how_long),
		TEST(one_name_is_enough),
		TEST(it_may_end_at_any_step),
		TEST(what_is_named_meanwhile_stays),
		TEST(damage_keeps_all),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
