/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_steering.c - limits, shares, sources and reactions, as a receiver sees
 * them: what arrives where, when, and from which address.
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

#include "lib/sys/log.h"
#include "listd/source.h"
#include "tests/queue_sim.h"

#define SECOND	1000
#define MINUTE	(60 * SECOND)
#define HOUR	(60 * MINUTE)
#define DAY	(24 * HOUR)

static struct sim *
begin(void **state, unsigned sites, const char *overlay, const char *replies,
    const struct source *sources, uint16_t nsources)
{
	struct sim *sim = sim_new(*state, 1);

	audience_reset();
	sim->sites = sites;
	sim->sources = sources;
	sim->nsources = nsources;
	sim->limits.connections_per_site = 20;
	for (unsigned d = 0; d < FAKE_DOMAINS; d++)
		sim->domain_site[d] = d % sites;
	sim_shape(sim, overlay, replies);
	sim_start(sim);
	return sim;
}

static void
join_many(struct sim *sim, uint32_t domain, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		audience_join(1, domain, sim_chance(sim));
}

static void
each_got_one(const struct sim *sim)
{
	for (size_t i = 1; i <= audience.n; i++)
		if (sim->delivered[i] != 1)
			fail_msg("subscriber %zu got %u", i,
			    sim->delivered[i]);
}

static unsigned
delivered_at(const struct sim *sim, unsigned site)
{
	unsigned n = 0;

	for (size_t i = 0; i < sim->nevents; i++)
		n += !sim->events[i].connect && sim->events[i].site == site;
	return n;
}

/* ---- limits */

/* S13: 200 domains on one set of hosts share what these accept. */
static void
a_site_gets_what_it_accepts(void **state)
{
	struct sim *sim = begin(state, 200, "[provider slow]\n"
	    "mx = mx0.example my0.example\nconnections = 3\n"
	    "messages_per_minute = 60\nconnects_per_minute = 30\n", NULL,
	    NULL, 0);
	uint32_t id;

	for (unsigned d = 1; d <= 200; d++) {
		sim->domain_site[d] = d == 200 ? 1 : 0;
		join_many(sim, d, d == 200 ? 500 : 3);
	}
	id = sim_release(sim, 0);
	for (int i = 0; i < 3; i++) {
		sim_settle(sim);
		sim_wait(sim, SECOND);
	}
	/* The other one is done before this one has got its second. */
	assert_int_equal(delivered_at(sim, 1), 500);
	assert_true(delivered_at(sim, 0) < 60);
	/* Over a crash of the queue role, too. */
	for (int i = 0; i < 40; i++) {
		sim_pass(sim, SECOND);
		sim_settle(sim);
	}
	sim_crash(sim, false);
	sim_start(sim);
	sim_until(sim, id, CAMPAIGN_FINISHED);
	each_got_one(sim);
	assert_in_range(sim_most(sim, 0, false, MINUTE), 40, 60);
	assert_true(sim_most(sim, 0, true, MINUTE) <= 30);
	sim_free(sim);
}

/* Sites of one provider share its limit; the rest of the world does not. */
static void
a_provider_shares_over_its_sites(void **state)
{
	struct sim *sim = begin(state, 40, "[provider p]\n"
	    "mx = example\nshared_connections = 4\n"
	    "shared_messages_per_minute = 120\n", NULL, NULL, 0);
	unsigned most = 0;
	uint32_t id;

	for (unsigned d = 1; d <= 40; d++)
		join_many(sim, d, 10);
	id = sim_release(sim, 0);
	for (int i = 0; i < 600; i++) {
		unsigned now = 0;

		sim_settle(sim);
		for (unsigned p = 0; p < sim->peers; p++)
			now += (unsigned)sim->peer[p].sessions;
		most = now > most ? now : most;
		sim_wait(sim, SECOND);
	}
	assert_in_range(most, 2, 4);
	sim_until(sim, id, CAMPAIGN_FINISHED);
	each_got_one(sim);
	for (size_t i = 0; i < sim->nevents; i++)
		sim->events[i].site = 0;
	assert_in_range(sim_most(sim, 0, false, MINUTE), 60, 120);
	sim_free(sim);
}

/* S30 */
static void
quiet_hours_and_no_sending(void **state)
{
	/* The simulated day begins at 08:00 UTC. */
	struct sim *sim = begin(state, 3, "[provider night]\n"
	    "mx = mx1.example my1.example\nquiet = 07:00-10:00\n"
	    "[provider never]\nmx = mx2.example my2.example\nsend = no\n",
	    NULL, NULL, 0);
	struct campaign c;
	struct tally v;
	uint32_t id;

	for (unsigned d = 1; d <= 3; d++)
		join_many(sim, d, 20);
	id = sim_release(sim, 0);
	for (int i = 0; i < 115; i++) {
		sim_settle(sim);
		sim_pass(sim, MINUTE);
	}
	assert_int_equal(delivered_at(sim, 0), 20);
	assert_int_equal(delivered_at(sim, 1), 0);
	for (int i = 0; i < 10; i++) {
		sim_settle(sim);
		sim_pass(sim, MINUTE);
	}
	assert_int_equal(delivered_at(sim, 1), 20);
	sim_until(sim, id, CAMPAIGN_FINISHED);
	v = sim_tally(sim, id, &c);
	assert_int_equal(v.delivered, 40);
	assert_int_equal(v.failed, 20);
	for (size_t i = 0; i < sim->nevents; i++)
		assert_int_not_equal(sim->events[i].site, 2);
	sim_free(sim);
}

/* ---- shares */

/* A small list is not stuck behind larger ones. */
static void
a_small_campaign_gets_through(void **state)
{
	struct sim *sim = begin(state, 1, "[provider default]\n"
	    "messages_per_minute = 600\n", NULL, NULL, 0);
	unsigned small = 0, large = 0;
	uint32_t one, two, three;

	join_many(sim, 1, 3000);
	one = sim_release(sim, 0);
	two = sim_release(sim, 0);
	for (int i = 0; i < 100; i++) {
		sim_settle(sim);
		sim_wait(sim, SECOND);
	}
	/* The third goes to those alone who are still there then. */
	for (uint64_t m = 1; m <= 500; m++)
		audience_leave(m);
	three = sim_release(sim, 0);
	for (int i = 0; i < 10; i++) {
		sim_settle(sim);
		sim_wait(sim, SECOND);
	}
	sim->nevents = 0;
	for (int i = 0; i < 300; i++) {
		sim_settle(sim);
		sim_wait(sim, SECOND);
	}
	for (size_t i = 0; i < sim->nevents; i++) {
		small += sim->events[i].campaign == three;
		large += sim->events[i].campaign == one ||
		    sim->events[i].campaign == two;
	}
	/* A third by turn, and a fifth on top: nearly half of all. */
	if (small < (small + large) * 40 / 100 ||
	    small > (small + large) * 55 / 100)
		fail_msg("%u of %u", small, small + large);
	sim_until(sim, three, CAMPAIGN_FINISHED);
	sim_free(sim);
}

#define T(F)	cmocka_unit_test_setup_teardown(F, world_setup, world_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(a_site_gets_what_it_accepts),
		T(a_provider_shares_over_its_sites),
		T(quiet_hours_and_no_sending),
		T(a_small_campaign_gets_through),
	};
	const struct log_params lp = {
		.name = "test", .socket = "/nonexistent", .level = LEVEL_INFO,
	};
	const struct log_params loud = {
		.name = "test", .to_stderr = true, .level = LEVEL_INFO,
	};

	log_open(getenv("LISTD_TEST_LOG") != NULL ? &loud : &lp);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
