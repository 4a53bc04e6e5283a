/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_scheduler_sites.c - sites and their paths: when they rest, who is asked
 * next, what is kept for whom, and how far ahead domains are resolved.
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

#include "listd/source.h"
#include "spool/row.h"
#include "spool/suspension.h"
#include "tests/queue_steps.h"

#define SECOND	1000
#define MINUTE	(60 * SECOND)
#define HOUR	(60 * MINUTE)

/* ---- what is kept for one path */

/*
 * A retry that its source may not send yet is all that waits there: the site
 * stays until it is sent.
 */
static void
a_lone_retry_keeps_its_site(void **state)
{
	struct sim *sim = begin_shaped(state, 1, "[provider default]\n"
	    "messages_per_minute = 1\n", NULL, two_sources, 2);
	unsigned deferred = 0;
	uint32_t id;

	join_many(sim, 1, 8);
	id = sim_release(sim, 0);
	for (int i = 0; i < 200 && deferred < 8; i++) {
		fill_peers(sim);
		deferred += (unsigned)sim_out(sim);
		answer_all(sim, IPC_DEFERRED);
		sim_pass(sim, 10 * SECOND);
	}
	assert_int_equal(deferred, 8);
	sim_until(sim, id, CAMPAIGN_FINISHED);
	each_got_one(sim);
	assert_true(sim_most(sim, 0, false, MINUTE) <= 2);
	sim_free(sim);
}

/* Of the members so far two stay whose copies leave by one source. */
static void
leave_two_of_one_source(uint32_t campaign)
{
	unsigned kept = 0;

	for (size_t i = 1; i <= audience.n; i++)
		if (source_score(&two_sources[0], i, campaign) <
		    source_score(&two_sources[1], i, campaign) ||
		    kept++ >= 2)
			audience_leave(i);
}

/* What waits for a path that closes goes when that is over. */
static void
what_is_kept_survives_quiet_hours(void **state)
{
	struct sim *sim = begin_shaped(state, 1, "[provider default]\n"
	    "messages_per_minute = 1\n", NULL, two_sources, 2);
	uint32_t id;

	join_many(sim, 1, 12);
	leave_two_of_one_source(1);
	id = sim_release(sim, 0);
	assert_int_equal(id, 1);
	for (int i = 0; i < 20 && sim->attempts < 2; i++) {
		fill_peers(sim);
		answer_all(sim, IPC_DEFERRED);
		sim_pass(sim, 10 * SECOND);
	}
	sim_pass(sim, 10 * MINUTE);
	/* One retry is out, and the other waits behind it. */
	fill_peers(sim);
	assert_int_equal(sim->attempts, 3);
	assert_int_equal(sim_out(sim), 1);
	sim_settle(sim);
	sim_shape(sim, "[provider default]\nmessages_per_minute = 1\n"
	    "quiet = 08:00-09:00\n", NULL);
	for (int i = 0; i < 40; i++) {
		sim_settle(sim);
		sim_pass(sim, MINUTE);
	}
	assert_int_equal(sim->attempts, 3);
	sim_until(sim, id, CAMPAIGN_FINISHED);
	assert_int_equal(sim->attempts, 4);
	sim_free(sim);
}

/* ---- how sites rest */

/* R117: one slow site does not hold up the others. */
static void
a_dead_site_stops_nobody_else(void **state)
{
	struct sim *sim = begin(state, 2);
	struct campaign c;
	struct tally v;
	uint32_t id;

	join_many(sim, 1, 100);		/* site 1 */
	join_many(sim, 2, 100);		/* site 0 */
	sim->site_down[1] = true;
	id = sim_release(sim, 0);
	sim_settle(sim);
	v = sim_tally(sim, id, &c);
	assert_int_equal(v.delivered, 100);
	assert_int_equal(v.deferred, 0);	/* no rows for a site */
	assert_int_equal(v.attempts, 100);
	sim_wait(sim, HOUR);
	sim->site_down[1] = false;
	sim_until(sim, id, CAMPAIGN_FINISHED);
	each_got_one(sim);
	sim_free(sim);
}

/* The pause of a site follows the schedule and survives a restart. */
static void
site_pauses_grow(void **state)
{
	static const int minutes[] = { 5, 10, 20, 40, 60, 120, 240, 240 };
	struct sim *sim = begin(state, 1);
	unsigned opens;
	uint32_t id;

	join_many(sim, 1, 50);
	sim->site_down[0] = true;
	id = sim_release(sim, 0);
	sim_settle(sim);
	for (unsigned i = 0; i < 8; i++) {
		int64_t base = minutes[i] * (int64_t)MINUTE, waited = 0;

		if (i == 3) {
			sim_crash(sim, false);
			sim_start(sim);
		}
		opens = sim->session_opens;
		while (sim->session_opens == opens) {
			sim_pass(sim, 10000);
			waited += 10000;
			sim_settle(sim);
			if (waited > 5 * HOUR)
				fail_msg("pause %u does not end", i);
		}
		assert_in_range(waited, base * 85 / 100,
		    base * 115 / 100 + 10000);
		/* One connection is enough to see that it is down. */
		assert_int_equal(sim->session_opens, opens + 1);
	}
	sim->site_down[0] = false;
	sim_until(sim, id, CAMPAIGN_FINISHED);
	each_got_one(sim);
	sim_free(sim);
}

static void
a_site_can_be_suspended(void **state)
{
	struct sim *sim = begin(state, 1);
	struct scheduler_site site;
	size_t at = 0;
	uint32_t id;

	join_many(sim, 1, 400);
	id = sim_release(sim, 0);
	for (int i = 0; i < 8; i++) {
		sim_turn(sim);
		sim_commit(sim);
		sim_peer_step(sim, 0);
		sim_peer_step(sim, 1);
	}
	assert_false(scheduler_site_suspend(sim->s, "other.example", "x"));
	assert_true(scheduler_site_suspend(sim->s, "mx0.example", "by hand"));
	sim_settle(sim);
	assert_int_equal(sim_out(sim), 0);
	sim_crash(sim, false);
	sim_start(sim);
	sim_settle(sim);
	for (int i = 0; i < 100; i++) {
		sim_pass(sim, HOUR);
		sim_settle(sim);
	}
	assert_int_equal(sim_out(sim), 0);
	assert_true(scheduler_site_next(sim->s, &at, &site));
	assert_string_equal(site.host, "mx0.example");
	assert_true(site.by_hand);
	assert_string_equal(site.reason, "by hand");
	assert_false(scheduler_site_next(sim->s, &at, &site));
	assert_true(scheduler_site_resume(sim->s, "mx0.example"));
	sim_until(sim, id, CAMPAIGN_FINISHED);
	each_got_one(sim);
	sim_free(sim);
}

static int
damage_first_site(struct txn *t, void *arg, struct err *e)
{
	struct suspension sus;

	(void)arg;
	if (suspension_next(t, NULL, &sus, e) != 1)
		return -1;
	return txn_put(t, TABLE_SITES, SLICE(sus.site, SITE_KEY),
	    SLICE("junk", 4), e);
}

/* P6: what cannot be read may have said that nothing is to be sent there. */
static void
a_damaged_suspension_holds(void **state)
{
	struct sim *sim = begin(state, 1);
	uint32_t id;

	join_many(sim, 1, 40);
	id = sim_release(sim, 0);
	fill_peers(sim);
	assert_true(scheduler_site_suspend(sim->s, "mx0.example", "by hand"));
	answer_all(sim, IPC_DEFERRED);
	sim_crash(sim, true);
	world_must(sim->w, STORE_Q, damage_first_site, NULL);
	sim_start(sim);
	for (int i = 0; i < 10; i++) {
		sim_settle(sim);
		sim_pass(sim, HOUR);
	}
	assert_int_equal(sim_out(sim), 0);
	assert_true(scheduler_site_resume(sim->s, "mx0.example"));
	sim_until(sim, id, CAMPAIGN_FINISHED);
	each_got_one(sim);
	sim_free(sim);
}

/* A person suspends it while it is asked whether it is back. */
static void
a_suspension_outlives_the_probe(void **state)
{
	struct sim *sim = begin_shaped(state, 1, "", NULL,
	    two_sources, 1);
	struct scheduler_site site;
	size_t at = 0;

	join_many(sim, 1, 50);
	sim->site_down[0] = true;
	sim_release(sim, 0);
	sim_settle(sim);
	sim->site_down[0] = false;
	while (sim->peer[0].sessions + sim->peer[1].sessions == 0) {
		sim_pass(sim, MINUTE);
		sim_turn(sim);
	}
	assert_true(scheduler_site_suspend(sim->s, "mx0.example", "by hand"));
	sim_settle(sim);
	sim_crash(sim, false);
	sim_start(sim);
	sim_settle(sim);
	assert_true(scheduler_site_next(sim->s, &at, &site));
	assert_true(site.by_hand);
	assert_string_equal(site.reason, "by hand");
	assert_int_equal(site.until_ms, SUSPENSION_FOREVER);
	sim_free(sim);
}

/* R11: so many a connection, and each ends with a 421. */
static void
enough_for_one_connection(void **state)
{
	struct sim *sim = begin_shaped(state, 1, "", NULL,
	    two_sources, 1);
	struct scheduler_summary sum;
	int64_t began;
	uint32_t id;

	sim->limits.connections_per_site = 1;
	scheduler_set_limits(sim->s, &sim->limits);
	sim->enough = true;
	sim->enough_after = 5;
	join_many(sim, 1, 60);
	began = sim->mono_ms;
	id = sim_release(sim, 0);
	sim_until(sim, id, CAMPAIGN_FINISHED);
	each_got_one(sim);
	assert_true(sim->mono_ms - began < MINUTE);
	assert_int_equal(sim->session_opens, 12);
	/* With nothing taken before it, it is us. */
	sim->enough_after = 0;
	sim_pass(sim, MINUTE);		/* its connects of one are used up */
	sim_release(sim, 0);
	sim_settle(sim);
	scheduler_summary(sim->s, &sum);
	assert_int_equal(sum.sites_paused, 1);
	assert_int_equal(sim->session_opens, 13);
	sim_free(sim);
}

static unsigned
connects_from(const struct sim *sim, uint8_t source)
{
	unsigned n = 0;

	for (size_t i = 0; i < sim->nevents; i++)
		n += sim->events[i].connect &&
		    sim->events[i].source == source;
	return n;
}

/* The address a copy should leave by gets no answer; the other one does. */
static void
a_source_without_a_way_is_got_past(void **state)
{
	struct sim *sim = begin_shaped(state, 1, "", NULL,
	    two_sources, 2);
	struct scheduler_summary sum;
	int64_t began = sim->mono_ms;
	uint32_t id;

	join_many(sim, 1, 12);
	leave_two_of_one_source(1);
	sim->source_down = 1;
	id = sim_release(sim, 0);
	sim_until(sim, id, CAMPAIGN_FINISHED);
	assert_true(sim->mono_ms - began < MINUTE);
	assert_in_range(connects_from(sim, 1), 1, 2);
	scheduler_summary(sim->s, &sum);
	assert_int_equal(sum.sites_paused, 0);
	sim_free(sim);
}

/* All were refused, and the first of them still is: the next one asks. */
static void
each_source_asks_in_turn(void **state)
{
	static const unsigned minutes[] = { 5, 10 };
	struct sim *sim = begin_shaped(state, 1, "", NULL,
	    two_sources, 2);
	struct scheduler_site site;
	size_t at = 0;
	uint32_t id;

	join_many(sim, 1, 12);
	leave_two_of_one_source(1);
	sim->site_down[0] = true;
	id = sim_release(sim, 0);
	for (size_t i = 0; i < 2; i++) {
		sim->nevents = 0;
		sim_settle(sim);
		/* It speaks, so nobody else goes there at once. */
		assert_int_equal(connects_from(sim, 1) +
		    connects_from(sim, 2), 1);
		assert_int_equal(connects_from(sim, i == 0 ? 1 : 2), 1);
		sim_pass(sim, minutes[i] * MINUTE * 12 / 10);
	}
	at = 0;
	assert_true(scheduler_site_next(sim->s, &at, &site));
	assert_int_equal(site.troubles, 2);
	/* The third is from the first again, and gets no answer. */
	sim->site_down[0] = false;
	sim->source_down = 1;
	sim->nevents = 0;
	sim_settle(sim);
	assert_int_equal(connects_from(sim, 1), 1);
	assert_int_equal(connects_from(sim, 2), 0);
	sim_pass(sim, 25 * MINUTE);
	sim_settle(sim);
	assert_true(connects_from(sim, 2) > 0);
	sim_until(sim, id, CAMPAIGN_FINISHED);
	sim_free(sim);
}

/* ---- how far ahead domains are resolved */

static void
join_each(unsigned from, unsigned to)
{
	for (unsigned d = from; d <= to; d++)
		audience_join(1, d, d * 0x9e3779b97f4a7c15);
}

/* Answer what is asked, and nothing else. */
static void
answer_lookups(struct sim *sim)
{
	bool any = true;

	while (any) {
		sim_turn(sim);
		any = false;
		for (unsigned p = 0; p < sim->peers; p++)
			for (; sim->peer[p].nasked > 0; any = true)
				sim_peer_step(sim, p);
	}
}

/* More domains than are resolved ahead end with their campaigns. */
static void
cancelled_domains_are_no_supply(void **state)
{
	struct sim *sim = begin_shaped(state, 2, "", NULL,
	    two_sources, 1);
	uint32_t id;

	join_each(1, 250);
	for (int i = 0; i < 64; i++) {
		id = sim_release(sim, 0);
		answer_lookups(sim);
		sim_set_state(sim, id, CAMPAIGN_CANCELLED);
		sim_settle(sim);
	}
	memset(sim->delivered, 0, sizeof(sim->delivered));
	sim_until(sim, sim_release(sim, 0), CAMPAIGN_FINISHED);
	each_got_one(sim);
	sim_free(sim);
}

/* And so do those of campaigns that wait. */
static void
paused_domains_are_no_supply(void **state)
{
	struct sim *sim = begin_shaped(state, 250, "", NULL,
	    two_sources, 1);
	uint32_t id, first = 0;

	join_each(1, 250);
	for (int i = 0; i < 20; i++) {
		id = sim_release(sim, 0);
		first = first == 0 ? id : first;
		for (int k = 0; k < 100 && sim->peer[0].nasked +
		    sim->peer[1].nasked < 240; k++)
			sim_turn(sim);
		sim_set_state(sim, id, CAMPAIGN_PAUSED);
		answer_lookups(sim);
	}
	sim_until(sim, sim_release(sim, 0), CAMPAIGN_FINISHED);
	each_got_one(sim);
	/* They are all there still. */
	sim_set_state(sim, first, CAMPAIGN_RUNNING);
	sim_until(sim, first, CAMPAIGN_FINISHED);
	for (size_t i = 1; i <= audience.n; i++)
		assert_int_equal(sim->delivered[i], 2);
	sim_free(sim);
}

/* So many campaigns wait for those sites that are closed until 10:00. */
static void
closed_sites_hold_up_nobody(void **state, const char *overlay)
{
	struct sim *sim = begin_shaped(state, 1000, overlay, NULL,
	    two_sources, 1);
	struct scheduler_summary sum;
	struct campaign c;
	struct tally v;
	uint32_t id[8];

	/* Those of the first twenty domains are open; they come last. */
	for (unsigned d = 0; d < FAKE_DOMAINS; d++)
		sim->domain_site[d] = d >= 900 ? d - 900 : d + 20;
	join_each(1, 919);
	for (size_t i = 0; i < 8; i++)
		id[i] = sim_release(sim, i == 7 ? sim->utc_ms + HOUR : 0);
	for (int i = 0; i < 30; i++) {
		sim_settle(sim);
		sim_wait(sim, MINUTE);
	}
	scheduler_summary(sim->s, &sum);
	assert_in_range(sum.sites, 500, 540);
	for (size_t i = 0; i < 8; i++) {
		v = sim_tally(sim, id[i], &c);
		assert_int_equal(c.state, CAMPAIGN_RUNNING);
		assert_int_equal(v.delivered, 20);
	}
	/* The last of them expires, the others are sent when it is time. */
	for (size_t i = 0; i < 8; i++)
		sim_until(sim, id[i], CAMPAIGN_FINISHED);
	v = sim_tally(sim, id[7], &c);
	assert_int_equal(v.delivered, 20);
	assert_int_equal(v.expired, 899);
	for (size_t i = 1; i <= 899; i++)
		assert_int_equal(sim->delivered[i], 7);
	sim_free(sim);
}

static const char open_ones[] = "[provider day]\nquiet = none\nmx =";

/* An overlay: what is said of others, and twenty sites that are open. */
static const char *
overlay_of(const char *others)
{
	static char text[4096];
	size_t n = (size_t)snprintf(text, sizeof(text), "%s%s", others,
	    open_ones);

	for (unsigned i = 0; i < 20; i++)
		n += (size_t)snprintf(text + n, sizeof(text) - n,
		    " mx%u.example my%u.example", i, i);
	snprintf(text + n, sizeof(text) - n, "\n");
	return text;
}

static void
a_closed_provider_holds_up_nobody(void **state)
{
	closed_sites_hold_up_nobody(state, overlay_of("[provider night]\n"
	    "mx = example\nquiet = 07:00-10:00\n"));
}

static void
quiet_hours_of_all_hold_up_nobody(void **state)
{
	closed_sites_hold_up_nobody(state, overlay_of("[provider default]\n"
	    "quiet = 07:00-10:00\n"));
}

/* ---- who has longest to go */

/*
 * One connection for three sites: who gets it when the first is done with it?
 * At site 1 is one large domain, at site 2 so many small ones.
 */
static unsigned
next_connected(void **state, unsigned small, const char *overlay)
{
	struct sim *sim = begin_shaped(state, 3, overlay, NULL,
	    two_sources, 1);
	unsigned site = 0;
	uint32_t id;

	sim->limits.connections_total = 1;
	scheduler_set_limits(sim->s, &sim->limits);
	for (unsigned d = 2; d < FAKE_DOMAINS; d++)
		sim->domain_site[d] = d == FAKE_DOMAINS - 1 ? 0 : 2;
	join_many(sim, FAKE_DOMAINS - 1, 20);
	sim_release(sim, 0);
	fill_peers(sim);
	assert_int_equal(sim_sessions_at(sim, 0), 1);
	join_many(sim, 1, 1500);
	join_each(2, small + 1);
	id = sim_release(sim, 0);
	answer_lookups(sim);
	assert_int_equal(sim->session_opens, 1);
	sim->nevents = 0;
	sim_until(sim, id, CAMPAIGN_FINISHED);
	for (size_t i = 0; i < sim->nevents && site == 0; i++)
		if (sim->events[i].connect)
			site = sim->events[i].site;
	sim_free(sim);
	return site;
}

/* 1500 members, of whom few are in memory, against 200. */
static void
members_tell_who_is_next(void **state)
{
	assert_int_equal(next_connected(state, 200, ""), 1);
}

/* A minute or two against ten, by what the provider takes of all. */
static void
shared_limits_tell_who_is_next(void **state)
{
	assert_int_equal(next_connected(state, 10, "[provider slow]\n"
	    "mx = mx2.example my2.example\n"
	    "shared_messages_per_minute = 1\n"), 2);
}

#define T(F)	cmocka_unit_test_setup_teardown(F, world_setup, world_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(a_lone_retry_keeps_its_site),
		T(what_is_kept_survives_quiet_hours),
		T(a_dead_site_stops_nobody_else),
		T(site_pauses_grow),
		T(a_site_can_be_suspended),
		T(a_damaged_suspension_holds),
		T(a_suspension_outlives_the_probe),
		T(enough_for_one_connection),
		T(a_source_without_a_way_is_got_past),
		T(each_source_asks_in_turn),
		T(cancelled_domains_are_no_supply),
		T(paused_domains_are_no_supply),
		T(a_closed_provider_holds_up_nobody),
		T(quiet_hours_of_all_hold_up_nobody),
		T(members_tell_who_is_next),
		T(shared_limits_tell_who_is_next),
	};

	log_sim();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
