/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_steering.c - limits, shares and sources, as a receiver sees them: what
 * arrives where, when, and from which address.
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
#include "lib/sys/log.h"
#include "listd/source.h"
#include "tests/queue_steps.h"

#define SECOND	1000
#define MINUTE	(60 * SECOND)
#define HOUR	(60 * MINUTE)
#define DAY	(24 * HOUR)

/* ---- limits */

/* S13: 200 domains on one set of hosts share what these accept. */
static void
a_site_gets_what_it_accepts(void **state)
{
	struct sim *sim = begin_shaped(state, 200, "[provider slow]\n"
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

/*
 * One domain's last resort is another's own host: each has its hosts in its
 * own order, and they share what these accept.
 */
static void
each_domain_has_its_order_of_hosts(void **state)
{
	struct sim *sim = begin_shaped(state, 1, "[provider slow]\n"
	    "mx = mx0.example my0.example\nmessages_per_minute = 60\n", NULL,
	    NULL, 0);
	uint32_t id;

	for (unsigned d = 1; d <= 20; d++) {
		sim->dns[d] = d % 2 ? SIM_DNS_SITE : SIM_DNS_SWAPPED;
		join_many(sim, d, 10);
	}
	id = sim_release(sim, 0);
	sim_until(sim, id, CAMPAIGN_FINISHED);
	each_got_one(sim);
	assert_in_range(sim_most(sim, 0, false, MINUTE), 40, 60);
	sim_free(sim);
}

/* What a session makes on its way to a host that answers is paid for. */
static void
dead_hosts_use_up_connects(void **state)
{
	struct sim *sim = begin_shaped(state, 1, "[provider slow]\n"
	    "mx = mx0.example my0.example\nmessages_per_minute = 9\n"
	    "connects_per_minute = 60\n"
	    "broken_tls_hours = 5\n", NULL, NULL, 0);
	uint32_t id;

	join_many(sim, 1, 30);
	sim->connects = 59;	/* so one session a minute */
	id = sim_release(sim, 0);
	for (int i = 0; i < 400; i++) {
		sim_settle(sim);
		sim_pass(sim, 3 * SECOND);	/* idle ones are closed */
	}
	sim_until(sim, id, CAMPAIGN_FINISHED);
	assert_in_range(sim_most(sim, 0, true, MINUTE), 1, 2);
	assert_int_equal(sim->last_open.broken_tls_hours, 5);
	sim_free(sim);
}

/* Sites of one provider share its limit; the rest of the world does not. */
static void
a_provider_shares_over_its_sites(void **state)
{
	struct sim *sim = begin_shaped(state, 40, "[provider p]\n"
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
	struct sim *sim = begin_shaped(state, 3, "[provider night]\n"
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
	struct sim *sim = begin_shaped(state, 1, "[provider default]\n"
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

/* ---- sources */

static const struct source unequal[] = {
	{ .family = 4, .ip = { 192, 0, 2, 1 }, .name = "192.0.2.1",
	    .ehlo = "one.example", .weight = 3, .streams = SOURCE_CAMPAIGNS },
	{ .family = 4, .ip = { 192, 0, 2, 2 }, .name = "192.0.2.2",
	    .ehlo = "two.example", .weight = 1, .streams = SOURCE_BOTH },
};

/* By weight, the same for the same delivery, and notices by their own. */
static void
sources_share_by_weight(void **state)
{
	struct sim *sim = begin_shaped(state, 1, "[provider default]\n"
	    "messages_per_minute = 600000\n", NULL, unequal, 2);
	unsigned by[3] = { 0 };
	uint32_t id;

	join_many(sim, 1, 2000);
	id = sim_release(sim, 0);
	audience_notice(1, sim->utc_ms);
	scheduler_notices_changed(sim->s);
	sim_until(sim, id, CAMPAIGN_FINISHED);
	each_got_one(sim);
	assert_int_equal(sim->notices_sent[1], 1);
	for (size_t i = 0; i < sim->nevents; i++) {
		const struct sim_event *v = &sim->events[i];

		if (v->connect)
			continue;
		assert_in_range(v->source, 1, 2);
		if (v->kind == IPC_KIND_NOTICE)
			assert_int_equal(v->source, 2);
		else
			by[v->source]++;
	}
	assert_in_range(by[1], 1300, 1700);	/* three of four */
	assert_true(strcmp(sim->last_open.ehlo, sim->last_open.source_ip[3] ==
	    1 ? "one.example" : "two.example") == 0);
	sim_free(sim);
}

/* A retry, and a retry after a restart, comes from the same address. */
static void
retries_keep_their_source(void **state)
{
	struct sim *sim = begin_shaped(state, 1, "", NULL, unequal, 2);
	static uint8_t first[200 + 1];
	unsigned again = 0;
	uint32_t id;

	memset(first, 0, sizeof(first));
	join_many(sim, 1, 100);
	id = sim_release(sim, 0);
	for (int i = 0; i < 400; i++) {
		sim_turn(sim);
		while (sim_commit(sim))
			;
		sim_pass(sim, 5);
		for (unsigned p = 0; p < sim->peers; p++) {
			struct sim_peer *peer = &sim->peer[p];

			if (peer->n == 0 || peer->nasked > 0 ||
			    !peer->session[0].up) {
				sim_peer_step(sim, p);
				continue;
			}
			for (size_t k = 0; k < peer->sessions; k++)
				if (peer->session[k].id ==
				    peer->out[0].session &&
				    peer->out[0].d.attempt == 1)
					first[peer->out[0].d.subscriber] =
					    peer->session[k].source;
			sim_answer(sim, p, 0, IPC_DEFERRED);
		}
	}
	sim_crash(sim, false);
	sim_start(sim);
	sim->nevents = 0;
	sim_until(sim, id, CAMPAIGN_FINISHED);
	for (size_t i = 0; i < sim->nevents; i++) {
		const struct sim_event *v = &sim->events[i];

		if (v->connect || first[v->who] == 0)
			continue;
		assert_int_equal(v->source, first[v->who]);
		again++;
	}
	assert_true(again > 30);
	sim_free(sim);
}

/* R16: so many a day, the rest by the warm one, over restarts. */
static void
a_warm_up_has_its_share_of_the_day(void **state)
{
	struct source sources[2];
	struct sim *sim;
	unsigned cold = 0;
	uint32_t id;

	memcpy(sources, unequal, sizeof(sources));
	sources[0].warm_from = 1800000000000 / DAY;	/* today */
	sim = begin_shaped(state, 1, "[provider default]\nwarmup = 1:40 2:80 "
	    "3:none\n", NULL, sources, 2);
	join_many(sim, 1, 1000);
	id = sim_release(sim, 0);
	for (int i = 0; i < 10; i++) {
		sim_turn(sim);
		sim_commit(sim);
		sim_peer_step(sim, 0);
		sim_peer_step(sim, 1);
		sim_pass(sim, 5);
	}
	sim_crash(sim, true);
	sim_start(sim);
	sim_until(sim, id, CAMPAIGN_FINISHED);
	each_got_one(sim);
	for (size_t i = 0; i < sim->nevents; i++)
		cold += !sim->events[i].connect &&
		    sim->events[i].source == 1;
	assert_in_range(cold, 20, 40);
	sim_free(sim);
}

/* ---- what is told */

/* Which value binds, and who says so. */
static void
what_binds_is_told(void **state)
{
	struct sim *sim = begin_shaped(state, 1, "[provider default]\n"
	    "connections = 7\n", NULL, NULL, 0);
	struct scheduler_path path;
	struct scheduler_site site;
	size_t at = 0;

	join_many(sim, 1, 100);
	sim_release(sim, 0);
	for (int i = 0; i < 20; i++) {
		sim_turn(sim);
		sim_commit(sim);
		sim_peer_step(sim, 0);
		sim_peer_step(sim, 1);
		sim_pass(sim, 5);
	}
	assert_true(scheduler_site_next(sim->s, &at, &site));
	at = 0;
	assert_true(scheduler_path_next(sim->s, site.key, &at, &path));
	assert_string_equal(path.value[0].name, "connections");
	assert_int_equal(path.value[0].value, 7);
	assert_non_null(strstr(path.value[0].why, "overlay:2"));
	sim->limits.connections_per_site = 3;
	scheduler_set_limits(sim->s, &sim->limits);
	at = 0;
	assert_true(scheduler_path_next(sim->s, site.key, &at, &path));
	assert_int_equal(path.value[0].value, 3);
	assert_non_null(strstr(path.value[0].why, "connections_per_site"));
	assert_false(scheduler_path_next(sim->s, site.key, &at, &path));
	/* What nobody set in the configuration binds nothing. */
	sim->limits.connections_per_site = 0;
	sim->limits.messages_per_connection = 0;
	scheduler_set_limits(sim->s, &sim->limits);
	sim_shape(sim, "[provider default]\nconnections = 25\n"
	    "messages_per_connection = 1000\n", NULL);
	at = 0;
	assert_true(scheduler_path_next(sim->s, site.key, &at, &path));
	assert_int_equal(path.value[0].value, 25);
	assert_int_equal(path.value[6].value, 1000);
	sim_free(sim);
}

#define T(F)	cmocka_unit_test_setup_teardown(F, world_setup, world_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(a_site_gets_what_it_accepts),
		T(dead_hosts_use_up_connects),
		T(each_domain_has_its_order_of_hosts),
		T(a_provider_shares_over_its_sites),
		T(quiet_hours_and_no_sending),
		T(a_small_campaign_gets_through),
		T(sources_share_by_weight),
		T(retries_keep_their_source),
		T(a_warm_up_has_its_share_of_the_day),
		T(what_binds_is_told),
	};
	log_sim();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
