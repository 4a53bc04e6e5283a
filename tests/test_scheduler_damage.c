/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_scheduler_damage.c - what is broken holds up nothing else: damaged rows,
 * copies that cannot be made, a full map, frames of junk.
 */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "spool/row.h"
#include "tests/queue_steps.h"

#define MINUTE	60000
#define HOUR	(60 * MINUTE)

/* ---- damaged rows */

static int
damage_deferral(struct txn *t, void *arg, struct err *e)
{
	struct slice key, value;
	struct cursor *c;
	struct key k = KEY_INIT;
	int rc;

	(void)arg;
	if (cursor_open(t, TABLE_DEFERRALS, &c, e) == -1)
		return -1;
	rc = cursor_seek(c, SLICE("", 0), &key, &value, e);
	if (rc == 1)
		key_raw(&k, key.p, key.len);
	cursor_close(c);
	return rc == 1 ? txn_put(t, TABLE_DEFERRALS, key_slice(&k),
	    SLICE("junk", 4), e) : -1;
}

/* P6: a damaged row stays for people to look at; those behind it go on. */
static void
a_damaged_row_holds_up_no_other(void **state)
{
	struct sim *sim = begin(state, 1);
	struct campaign c;
	uint32_t id;

	join_many(sim, 1, 10);
	id = sim_release(sim, 0);
	fill_peers(sim);
	answer_all(sim, IPC_DEFERRED);
	assert_int_equal(sim_tally(sim, id, &c).deferred, 10);
	world_must(sim->w, STORE_Q, damage_deferral, NULL);
	sim_crash(sim, false);
	sim_start(sim);
	for (int i = 0; i < 60; i++) {
		sim_pass(sim, MINUTE);
		sim_settle(sim);
	}
	assert_int_equal(sim_tally(sim, id, &c).delivered, 9);
	assert_int_equal(c.state, CAMPAIGN_RUNNING);
	sim_free(sim);
}

/* P6: of a domain whose name cannot be read nothing is known, so it waits. */
static void
a_damaged_domain_is_not_guessed_at(void **state)
{
	struct sim *sim = begin(state, 2);
	struct campaign c;
	struct tally v;
	uint32_t id;

	join_many(sim, 1, 10);
	join_many(sim, 2, 10);
	id = sim_release(sim, 0);
	fill_peers(sim);
	answer_all(sim, IPC_DEFERRED);
	audience.bad_domain = 1;
	for (int i = 0; i < 60; i++) {
		sim_pass(sim, MINUTE);
		sim_settle(sim);
	}
	v = sim_tally(sim, id, &c);
	assert_true(v.failed == 0 && v.delivered == 10 && v.deferred == 10);
	audience.bad_domain = 0;	/* mended */
	sim_until(sim, id, CAMPAIGN_FINISHED);
	each_got_one(sim);
	sim_free(sim);
}

/* P6: nor may a damaged notice keep back the confirmations of all others. */
static void
a_damaged_notice_holds_up_no_other(void **state)
{
	struct sim *sim = begin(state, 1);

	audience_join(1, 1, 1);
	audience_notice(1, sim->utc_ms);
	audience.bad_notice = audience_notice(1, sim->utc_ms);
	audience_notice(1, sim->utc_ms);
	scheduler_notices_changed(sim->s);
	sim_settle(sim);
	assert_int_equal(sim->notices_sent[1], 1);
	assert_int_equal(sim->notices_sent[2], 0);
	assert_int_equal(sim->notices_sent[3], 1);
	audience_notice(1, sim->utc_ms);
	scheduler_notices_changed(sim->s);
	sim_settle(sim);
	assert_int_equal(sim->notices_sent[4], 1);
	sim_free(sim);
}

static int
damage_tally(struct txn *t, void *arg, struct err *e)
{
	const uint32_t id = *(uint32_t *)arg;
	const uint8_t key[4] = { 0, 0, (uint8_t)(id >> 8), (uint8_t)id };

	return txn_put(t, TABLE_TALLIES, SLICE(key, 4), SLICE("junk", 4), e);
}

/* P6: damage stops the campaign it belongs to, aloud, and nothing else. */
static void
damage_stops_one_campaign(void **state)
{
	struct sim *sim = begin(state, 1);
	uint32_t bad, good;

	join_many(sim, 1, 50);
	bad = sim_release(sim, 0);
	good = sim_release(sim, 0);
	world_must(sim->w, STORE_Q, damage_tally, &bad);
	sim_crash(sim, false);
	sim_start(sim);
	sim_until(sim, good, CAMPAIGN_FINISHED);
	each_got_one(sim);
	sim_free(sim);
}

/* ---- copies that cannot be made */

/*
 * A campaign whose copies can not be made waits with its reason, writes no
 * row and costs nobody an attempt; mended, it goes on by itself.
 */
static void
what_can_not_be_made_is_held(void **state)
{
	struct sim *sim = begin(state, 1);
	struct scheduler_progress p;
	struct campaign c;
	struct tally v;
	uint32_t id;

	join_many(sim, 1, 5);
	id = sim_release(sim, 0);
	fill_peers(sim);
	answer_all(sim, IPC_DEFERRED);		/* with rows of their own */
	assert_int_equal(sim_tally(sim, id, &c).deferred, 5);
	join_many(sim, 2, 3);
	id = sim_release(sim, 0);
	fill_peers(sim);
	sim->unmade = "content ab/ab: No such file or directory";
	for (unsigned i = 0; i < 20; i++) {
		answer_all(sim, IPC_DEFERRED);
		sim_pass(sim, 10000);
		fill_peers(sim);
	}
	answer_all(sim, IPC_DEFERRED);
	assert_true(scheduler_progress(sim->s, id, &p));
	assert_true(p.held);
	assert_string_equal(p.why, sim->unmade);
	v = sim_tally(sim, id, &c);
	assert_int_equal(c.state, CAMPAIGN_RUNNING);
	assert_int_equal(v.deferred + v.attempts, 0);
	sim->unmade = NULL;
	sim_until(sim, id, CAMPAIGN_FINISHED);
	sum_is_right(sim, id, &v);
	assert_int_equal(v.delivered, c.count);
	sim_free(sim);
}

/* For ever broken, it ends when its time is over, in full figures. */
static void
what_is_never_mended_expires(void **state)
{
	struct sim *sim = begin(state, 1);
	struct campaign c;
	struct tally v;
	uint32_t id;

	join_many(sim, 1, 5);
	id = sim_release(sim, sim->utc_ms + HOUR);
	sim->unmade = "no key for the author's domain";
	for (unsigned i = 0; i < 100; i++) {
		fill_peers(sim);
		answer_all(sim, IPC_DEFERRED);
		sim_pass(sim, 60000);
	}
	v = sim_tally(sim, id, &c);
	assert_int_equal(c.state, CAMPAIGN_FINISHED);
	assert_int_equal(v.expired, 5);
	sim_free(sim);
}

/* ---- a full map */

/* Rows of campaigns long over, so that little of the map is left. */
static int
fill_up(struct txn *t, void *arg, struct err *e)
{
	static const uint8_t row[512];
	uint32_t *campaign = arg;

	for (int i = 0; i < 64; i++, ++*campaign) {
		const uint8_t key[8] = { 1, (uint8_t)(*campaign >> 16),
		    (uint8_t)(*campaign >> 8), (uint8_t)*campaign };

		if (txn_put(t, TABLE_FINISHED, SLICE(key, 8),
		    SLICE(row, sizeof(row)), e) == -1)
			return -1;
	}
	return 0;
}

/*
 * P7, F11: deferred rows fill the map.  First attempts stop while there is
 * room for outcomes and retries, and go on by themselves when those end.
 */
static void
a_full_map_is_got_over(void **state)
{
	struct world *w = *state;
	uint32_t id, filled = 0;
	uint64_t used = 0, size;
	unsigned tries = 0;
	struct campaign c;
	struct tally v;
	struct sim *sim;

	w->map_size = 4u << 20;
	world_reopen(w);
	while (used < 2600u << 10) {
		world_must(w, STORE_Q, fill_up, &filled);
		store_usage(w->st, STORE_Q, &used, &size);
	}
	sim = begin(state, 1);
	join_many(sim, 1, 4000);
	id = sim_release(sim, 0);
	/* Until nothing has gone out for two seconds. */
	for (unsigned quiet = 0; quiet < 20; quiet++) {
		assert_true(++tries < 1000);
		fill_peers(sim);
		if (sim_out(sim) > 0)
			quiet = 0;
		answer_all(sim, IPC_DEFERRED);
		sim_pass(sim, 75);
	}
	assert_in_range(sim_tally(sim, id, &c).deferred, 1000, 3999);
	for (int i = 0; i < 60; i++) {
		sim_pass(sim, 10000);
		sim_settle(sim);
	}
	sim_until(sim, id, CAMPAIGN_FINISHED);
	sum_is_right(sim, id, &v);
	assert_int_equal(v.delivered, 4000);
	sim_free(sim);
}

/* ---- frames */

/* Whatever a deliver role sends, the worst is that its channel closes. */
static void
bad_frames_are_refused(void **state)
{
	struct sim *sim = begin(state, 1);
	static uint8_t junk[512];
	struct err e = ERR_INIT;
	uint32_t id;

	join_many(sim, 1, 50);
	id = sim_release(sim, 0);
	fill_peers(sim);
	for (uint16_t type = IPC_READY; type <= IPC_RECALLED + 1; type++)
		for (size_t len = 0; len < sizeof(junk); len += 7) {
			for (size_t i = 0; i < len; i++)
				junk[i] = (uint8_t)sim_chance(sim);
			/* A junk id is not an error, a junk length is. */
			(void)scheduler_frame(sim->s, 0, type,
			    SLICE(junk, len), &e);
		}
	assert_int_equal(scheduler_frame(sim->s, 0, IPC_OUTCOME,
	    SLICE("x", 1), &e), -1);
	assert_int_equal(e.code, ERR_INPUT);
	sim_until(sim, id, CAMPAIGN_FINISHED);
	each_got_one(sim);
	sim_free(sim);
}

#define T(F)	cmocka_unit_test_setup_teardown(F, world_setup, world_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(what_can_not_be_made_is_held),
		T(what_is_never_mended_expires),
		T(a_damaged_row_holds_up_no_other),
		T(a_damaged_domain_is_not_guessed_at),
		T(a_damaged_notice_holds_up_no_other),
		T(damage_stops_one_campaign),
		T(a_full_map_is_got_over),
		T(bad_frames_are_refused),
	};

	log_sim();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
