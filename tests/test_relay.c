/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_relay.c - several smarthosts, each by its own terms, as they see it:
 * what arrives at which, when, and what waits.
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

#include "lib/reactions.h"
#include "listd/source.h"
#include "tests/queue_steps.h"

#define SECOND	1000
#define MINUTE	(60 * SECOND)
#define HOUR	(60 * MINUTE)
#define MORNING	8	/* the simulated day begins at that hour of UTC */

/* Sites of the simulation: those below are the recipients' own. */
#define ONE	100
#define TWO	101
#define THREE	102

#define RELAY(N, PREFERENCE, WEIGHT)					\
	.name = "mx" #N ".relay.example:587",				\
	.host = "mx" #N ".relay.example",				\
	.preference = (PREFERENCE), .weight = (WEIGHT)

static struct sim *
begin_from(void **state, uint16_t nsources, const char *overlay,
    const char *replies, const struct scheduler_relay *relays, size_t n)
{
	struct sim *sim = sim_new(*state, 1);

	audience_reset();
	sim->sources = two_sources;
	sim->nsources = nsources;
	sim->sites = 2;
	sim->relays = relays;
	sim->nrelays = n;
	sim->limits.connections_per_site = 100;
	sim->limits.connections_total = 100;
	for (unsigned d = 0; d < FAKE_DOMAINS; d++)
		sim->domain_site[d] = d % 2;
	sim_shape(sim, overlay, replies);
	sim_start(sim);
	/* What an earlier role may have sent is over by then. */
	sim_settle(sim);
	sim_pass(sim, MINUTE);
	return sim;
}

static struct sim *
begin_with(void **state, const char *overlay, const char *replies,
    const struct scheduler_relay *relays, size_t n)
{
	return begin_from(state, 0, overlay, replies, relays, n);
}

static unsigned
arrived(const struct sim *sim, unsigned site)
{
	unsigned n = 0;

	for (size_t i = 0; i < sim->nevents; i++)
		n += !sim->events[i].connect && sim->events[i].site == site;
	return n;
}

/* So many settled steps of a second. */
static void
go_on(struct sim *sim, unsigned seconds)
{
	for (unsigned i = 0; i < seconds; i++) {
		sim_settle(sim);
		sim_pass(sim, SECOND);
	}
	sim_settle(sim);
}

static void
go_on_hours(struct sim *sim, unsigned hours)
{
	for (unsigned i = 0; i < hours * 60; i++) {
		sim_settle(sim);
		sim_pass(sim, MINUTE);
	}
	sim_settle(sim);
}

static void
must_bind(struct sim *sim, const char *what, const char *why)
{
	struct scheduler_domain v = sim_explain(sim, "d1.example");

	if (strcmp(v.bind.what, what) != 0 ||
	    strstr(v.bind.why, why) == NULL)
		fail_msg("%s, wanted %s: %s", what, v.bind.what, v.bind.why);
}

/* ---- which one */

/* Nobody's MX is asked for, and three of four copies go by the heavier. */
static void
they_share_by_weight(void **state)
{
	static const struct scheduler_relay relays[] = {
		{ RELAY(100, 1, 3) }, { RELAY(101, 1, 1) },
		{ RELAY(102, 2, 50) },
	};
	struct sim *sim = begin_with(state, "", NULL, relays, 3);
	uint32_t id;

	for (unsigned d = 1; d <= 50; d++)
		join_many(sim, d, 40);
	id = sim_release(sim, 0);
	sim_until(sim, id, CAMPAIGN_FINISHED);
	each_got_one(sim);
	assert_int_equal(sim->lookups, 0);
	assert_int_equal(arrived(sim, ONE) + arrived(sim, TWO), 2000);
	assert_in_range(arrived(sim, ONE), 1350, 1650);
	assert_true(sim->last_open.relay);
	assert_int_equal(sim->last_open.n, 1);
	sim_free(sim);
}

/* The next preference stands in while the first one refuses us. */
static void
the_next_one_stands_in(void **state)
{
	static const struct scheduler_relay relays[] = {
		{ RELAY(100, 0, 1) }, { RELAY(101, 1, 1) },
	};
	struct sim *sim = begin_with(state, "", NULL, relays, 2);
	unsigned before;
	uint32_t id;

	join_many(sim, 1, 100);
	sim->site_down[ONE] = true;
	id = sim_release(sim, 0);
	sim_until(sim, id, CAMPAIGN_FINISHED);
	assert_int_equal(arrived(sim, TWO), 100);
	/* It is tried again by the schedule of retries, and takes all then. */
	sim->site_down[ONE] = false;
	go_on_hours(sim, 1);
	before = arrived(sim, TWO);
	id = sim_release(sim, 0);
	sim_until(sim, id, CAMPAIGN_FINISHED);
	assert_int_equal(arrived(sim, TWO), before);
	assert_int_equal(arrived(sim, ONE), 100);
	sim_free(sim);
}

/* ---- limits */

/* Each keeps its own, over all deliver roles and all source addresses. */
static void
each_has_its_own_limits(void **state)
{
	static const struct scheduler_relay relays[] = {
		{ RELAY(100, 1, 1), .connections = 2,
		    .messages_per_connection = 7 },
		{ RELAY(101, 1, 1), .connections = 5,
		    .messages_per_minute = 60 },
	};
	struct sim *sim = begin_from(state, 2, "", NULL, relays, 2);
	unsigned most[2] = { 0, 0 };
	uint32_t id;

	for (unsigned d = 1; d <= 20; d++)
		join_many(sim, d, 50);
	id = sim_release(sim, 0);
	for (int i = 0; i < 3000; i++) {
		sim_turn(sim);
		while (sim_commit(sim))
			;
		for (unsigned k = 0; k < 2; k++)
			if (sim_sessions_at(sim, ONE + k) > most[k])
				most[k] = sim_sessions_at(sim, ONE + k);
		sim_peer_step(sim, 0);
		sim_peer_step(sim, 1);
		sim_pass(sim, 5);
		if (sim->last_open.host[0].name[4] == '0')
			assert_int_equal(sim->last_open.messages, 7);
	}
	sim_until(sim, id, CAMPAIGN_FINISHED);
	each_got_one(sim);
	assert_int_equal(most[0], 2);
	assert_in_range(most[1], 1, 5);
	assert_true(arrived(sim, TWO) > 0);
	assert_true(sim_most(sim, TWO, false, MINUTE) <= 60);
	sim_free(sim);
}

/*
 * A row of the shaping data is found by a relay's name, without its port; of
 * the others nothing is believed but what the configuration says.
 */
static void
rows_match_its_name(void **state)
{
	static const struct scheduler_relay relays[] = {
		{ RELAY(100, 1, 1) }, { RELAY(101, 1, 1), .connections = 40 },
	};
	struct sim *sim = begin_with(state, "[provider fast]\n"
	    "mx = relay.example\n[provider mine]\nmx = mx100.relay.example\n"
	    "connections = 3\nmessages_per_connection = 5000\n"
	    "[provider default]\nconnections = 2\nmessages_per_minute = 10\n",
	    NULL, relays, 2);
	struct scheduler_path path;
	struct scheduler_site site;
	size_t at = 0;
	uint32_t id;

	join_many(sim, 1, 500);
	id = sim_release(sim, 0);
	for (int i = 0; i < 20; i++) {
		sim_turn(sim);
		sim_commit(sim);
		sim_pass(sim, 5);
	}
	assert_true(scheduler_site_next(sim->s, &at, &site));
	at = 0;
	assert_true(scheduler_path_next(sim->s, site.key, &at, &path));
	assert_string_equal(path.relay, "mx100.relay.example:587");
	assert_int_equal(path.value[0].value, 3);
	assert_non_null(strstr(path.value[0].why, "overlay:5"));
	assert_int_equal(path.value[1].value, 0);
	assert_int_equal(path.value[6].value, 5000);
	assert_true(scheduler_path_next(sim->s, site.key, &at, &path));
	assert_string_equal(path.relay, "mx101.relay.example:587");
	assert_int_equal(path.value[0].value, 40);
	assert_non_null(strstr(path.value[0].why, "mx101.relay.example:587"));
	assert_int_equal(path.value[1].value, 0);
	assert_int_equal(path.value[6].value, 100);
	assert_false(scheduler_path_next(sim->s, site.key, &at, &path));
	sim_until(sim, id, CAMPAIGN_FINISHED);
	sim_free(sim);
}

/* S30: what is said of a domain holds whatever the way there is. */
static void
rows_of_domains_hold_too(void **state)
{
	static const struct scheduler_relay relays[] = {
		{ RELAY(100, 1, 1) }, { RELAY(101, 1, 1) },
	};
	struct sim *sim = begin_with(state, "[provider never]\n"
	    "domain = d2.example\nsend = no\n[provider slow]\n"
	    "domain = d3.example\nmessages_per_minute = 30\n", NULL, relays,
	    2);
	struct campaign c;
	struct tally v;
	uint32_t id;

	for (unsigned d = 1; d <= 3; d++)
		join_many(sim, d, 100);
	id = sim_release(sim, 0);
	go_on(sim, 5);
	v = sim_tally(sim, id, &c);
	assert_int_equal(v.failed, 100);
	assert_in_range(arrived(sim, ONE) + arrived(sim, TWO), 100, 110);
	go_on(sim, 60);
	assert_in_range(arrived(sim, ONE) + arrived(sim, TWO), 120, 140);
	sim_until(sim, id, CAMPAIGN_FINISHED);
	assert_int_equal(arrived(sim, ONE) + arrived(sim, TWO), 200);
	sim_free(sim);
}

/* ---- quotas */

/* Small steps until so many arrived at the first, and more is out. */
static void
step_until(struct sim *sim, unsigned n)
{
	for (int i = 0; arrived(sim, ONE) < n; i++) {
		assert_true(i < 1000);
		sim_turn(sim);
		while (sim_commit(sim))
			;
		sim_peer_step(sim, 0);
		sim_peer_step(sim, 1);
		sim_pass(sim, 5);
	}
}

/* None is passed, over crashes of the queue role; mail waits, and says so. */
static void
quotas_hold_over_restarts(void **state)
{
	static const struct scheduler_relay relays[] = {
		{ RELAY(100, 0, 1), .messages_per_hour = 100 },
		{ RELAY(101, 1, 1), .messages_per_hour = 60,
		    .messages_per_day = 90 },
	};
	struct sim *sim = begin_with(state, "", NULL, relays, 2);
	uint32_t id;

	join_many(sim, 1, 2500);
	id = sim_release(sim, 0);
	go_on(sim, 10);
	assert_int_equal(arrived(sim, ONE), 100);
	assert_int_equal(arrived(sim, TWO), 60);
	must_bind(sim, "quota", "mx100.relay.example:587 has had its "
	    "messages_per_hour=100");
	sim_crash(sim, false);
	sim_start(sim);
	go_on(sim, 600);
	assert_int_equal(arrived(sim, ONE), 100);
	assert_int_equal(arrived(sim, TWO), 60);
	/*
	 * What was committed ahead is lost, and in the next hour what is out
	 * when the role dies.
	 */
	go_on_hours(sim, 1);
	assert_int_equal(arrived(sim, ONE), 200);
	assert_in_range(arrived(sim, TWO), 90 - 5, 90);
	while (sim->utc_ms % HOUR >= MINUTE)
		sim_pass(sim, SECOND);
	step_until(sim, 230);
	sim_crash(sim, true);
	sim_start(sim);
	go_on(sim, 600);
	assert_in_range(arrived(sim, ONE), 230, 300);
	assert_true(arrived(sim, TWO) <= 90);
	/* The day of the second one begins anew. */
	go_on_hours(sim, 24 - MORNING);
	assert_true(arrived(sim, TWO) > 90);
	sim_until(sim, id, CAMPAIGN_FINISHED);
	sim_free(sim);
}

/* What was not tried is given back: all of it can be used. */
static void
what_comes_back_is_not_counted(void **state)
{
	static const struct scheduler_relay relays[] = {
		{ RELAY(100, 0, 1), .messages_per_day = 50 },
	};
	struct sim *sim = begin_with(state, "", NULL, relays, 1);
	uint32_t id;

	join_many(sim, 1, 200);
	sim->site_down[ONE] = true;
	id = sim_release(sim, 0);
	go_on(sim, 60);
	assert_int_equal(arrived(sim, ONE), 0);
	must_bind(sim, "rest", "refused");
	sim->site_down[ONE] = false;
	go_on_hours(sim, 1);
	assert_int_equal(arrived(sim, ONE), 50);
	sim_set_state(sim, id, CAMPAIGN_CANCELLED);
	sim_settle(sim);
	sim_free(sim);
}

/* ---- what follows from refusals, and from a reload */

/* A suspension by a reaction is of the relay that said so. */
static void
a_reaction_is_for_one_relay(void **state)
{
	static const struct scheduler_relay relays[] = {
		{ RELAY(100, 0, 1) }, { RELAY(101, 1, 1) },
	};
	struct sim *sim = begin_with(state, "", "[class too-much]\n"
	    "enhanced = 4.7.28\ncategory = rate\n[reaction silence]\n"
	    "class = too-much\naction = suspend\nfor = 6h\n", relays, 2);
	const struct reaction_action *a;
	size_t at = 0;
	uint32_t id;

	join_many(sim, 1, 300);
	sim->site_down[ONE] = true;
	sim->refusal = "4.7.28 unusual rate of mail";
	id = sim_release(sim, 0);
	sim_settle(sim);
	sim->site_down[ONE] = false;
	assert_true(scheduler_action_next(sim->s, &at, &a));
	assert_false(scheduler_action_next(sim->s, &at, &a));
	sim_until(sim, id, CAMPAIGN_FINISHED);
	assert_int_equal(arrived(sim, TWO), 300);
	assert_int_equal(arrived(sim, ONE), 0);
	sim_free(sim);
}

/*
 * From MX to relays, to others, and back, in the middle of it: all arrives,
 * once, and nothing more is granted to where nothing is to go.
 */
static void
a_reload_changes_the_way(void **state)
{
	static const struct scheduler_relay relays[] = {
		{ RELAY(100, 1, 1) }, { RELAY(101, 1, 1) },
	}, other[] = { { RELAY(102, 1, 1) } };
	struct sim *sim = begin_with(state, "", NULL, NULL, 0);
	unsigned seen[4];
	uint32_t id;

	for (unsigned d = 1; d <= 100; d++)
		join_many(sim, d, 20);
	id = sim_release(sim, 0);
	for (unsigned k = 0; k < 4; k++) {
		size_t mark = sim->nevents;

		for (int i = 0; i < 150; i++) {
			sim_turn(sim);
			while (sim_commit(sim))
				;
			if (sim_out(sim) > 4 && i % 7 == 0)
				sim_answer(sim, sim->peer[0].n > 0 ? 0 : 1, 0,
				    IPC_DEFERRED);
			sim_peer_step(sim, 0);
			sim_peer_step(sim, 1);
			sim_pass(sim, 5);
		}
		/* What came for the way before is not granted any more. */
		for (size_t i = mark; i < sim->nevents; i++) {
			unsigned site = sim->events[i].site;

			if (sim->events[i].connect)
				assert_true(k == 1 ? site == ONE ||
				    site == TWO : k == 2 ? site == THREE :
				    site < ONE);
		}
		seen[k] = (unsigned)(sim->nevents - mark);
		assert_true(seen[k] > 20);
		if (k < 3)
			scheduler_set_relays(sim->s, k == 0 ? relays : other,
			    k == 0 ? 2 : k == 1 ? 1 : 0);
	}
	sim_until(sim, id, CAMPAIGN_FINISHED);
	each_got_one(sim);
	sim_free(sim);
}

#define T(F)	cmocka_unit_test_setup_teardown(F, world_setup, world_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(they_share_by_weight),
		T(the_next_one_stands_in),
		T(each_has_its_own_limits),
		T(rows_match_its_name),
		T(rows_of_domains_hold_too),
		T(quotas_hold_over_restarts),
		T(what_comes_back_is_not_counted),
		T(a_reaction_is_for_one_relay),
		T(a_reload_changes_the_way),
	};

	log_sim();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
