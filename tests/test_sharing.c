/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_sharing.c - limits that several sites share, while data and reactions
 * change under them.
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

static struct sim *
sim_of_two_sources(void **state, const char *replies)
{
	struct sim *sim = sim_new(*state, 1);

	audience_reset();
	sim->sites = 4;
	sim->sources = two_sources;
	sim->nsources = 2;
	sim->limits.connections_per_site = 20;
	for (unsigned d = 0; d < FAKE_DOMAINS; d++)
		sim->domain_site[d] = d % 4;
	sim_shape(sim, "[provider p]\nmx = example\n", replies);
	sim_start(sim);
	return sim;
}

/* Turns of so many seconds; the most sessions at a site in any of them. */
static unsigned
most_sessions_at(struct sim *sim, unsigned site, int seconds)
{
	unsigned most = 0, now;

	for (int i = 0; i < seconds; i++) {
		sim_settle(sim);
		now = sim_sessions_at(sim, site);
		most = now > most ? now : most;
		sim_pass(sim, SECOND);
	}
	return most;
}

static const char two_of_one[] = "[provider p]\nmx = example\n"
    "shared_connections = 2\nconnections = 8\n";
static const char one_is_anothers[] = "[provider p]\n"
    "mx = mx1.example my1.example\nshared_connections = 2\n"
    "connections = 8\n[provider q]\nmx = mx0.example my0.example\n"
    "shared_connections = 3\nconnections = 8\n";

/*
 * New data say that a site with open connections is another provider's: it
 * leaves that one's limit as it is, and is no longer bound by it.
 */
static void
a_site_changes_its_provider(void **state)
{
	struct sim *sim = begin_shaped(state, 2, two_of_one, NULL, NULL, 0);
	unsigned opens;
	uint32_t id;

	join_many(sim, 1, 2000);	/* at site 1 */
	join_many(sim, 2, 2000);	/* at site 0 */
	id = sim_release(sim, 0);
	sim->no_answers = true;
	most_sessions_at(sim, 0, 30);
	assert_int_equal(sim_sessions_at(sim, 0) + sim_sessions_at(sim, 1), 2);
	sim_shape(sim, one_is_anothers, NULL);
	assert_int_equal(most_sessions_at(sim, 0, 60), 3);
	assert_int_equal(sim_sessions_at(sim, 1), 2);
	/* And back: those that are open count there, so no more is opened. */
	sim_shape(sim, two_of_one, NULL);
	opens = sim->session_opens;
	most_sessions_at(sim, 0, 60);
	assert_int_equal(sim->session_opens, opens);
	sim_kill_peer(sim, 0);
	sim_kill_peer(sim, 1);
	most_sessions_at(sim, 0, 60);
	assert_int_equal(sim_sessions_at(sim, 0) + sim_sessions_at(sim, 1), 2);
	sim->no_answers = false;
	sim_until(sim, id, CAMPAIGN_FINISHED);
	each_got_one(sim);
	sim_free(sim);
}

/* Domains with and without a policy about TLS, or known by name, share. */
static void
sites_with_the_same_hosts_share_the_least(void **state)
{
	struct sim *sim = begin_shaped(state, 1, "[provider few]\n"
	    "domain = d3.example\nconnections = 2\n", NULL, NULL, 0);
	uint32_t id;

	sim->domain_tls[2] = IPC_TLS_VERIFIED;
	/* The one that asks for least is there to the end. */
	for (unsigned d = 1; d <= 3; d++)
		join_many(sim, d, d == 3 ? 300 : 50);
	id = sim_release(sim, 0);
	sim->no_answers = true;
	assert_int_equal(most_sessions_at(sim, 0, 30), 2);
	/* Other data come, and the sites look at them in some order. */
	sim_shape(sim, "[provider few]\ndomain = d3.example\n"
	    "connections = 3\n", NULL);
	assert_int_equal(most_sessions_at(sim, 0, 30), 3);
	sim_shape(sim, "[provider few]\ndomain = d3.example\n"
	    "messages_per_minute = 60\n", NULL);
	sim->no_answers = false;
	sim_settle(sim);	/* what was out before is not counted */
	assert_true(delivered_at(sim, 0) < 30);
	sim->nevents = 0;
	sim_until(sim, id, CAMPAIGN_FINISHED);
	each_got_one(sim);
	assert_in_range(sim_most(sim, 0, false, MINUTE), 20, 60);
	sim_free(sim);
}

/* Answer what is out with a refusal, once. */
static void
refuse_one(struct sim *sim)
{
	for (unsigned p = 0; p < sim->peers; p++)
		if (sim->peer[p].n > 0) {
			sim_answer(sim, p, 0, IPC_FAILED);
			return;
		}
}

/* What one says of its hosts holds for all who share them. */
static void
a_reaction_holds_for_the_hosts(void **state)
{
	struct sim *sim = begin_shaped(state, 1, "", "[class busy]\ncode = 550\n"
	    "category = rate\n[reaction slow]\nclass = busy\n"
	    "action = connections 1\naction = messages-per-connection 7\n"
	    "for = 1h\n", NULL, 0);
	uint32_t id;

	sim->domain_tls[2] = IPC_TLS_VERIFIED;
	join_many(sim, 1, 1000);
	join_many(sim, 2, 1000);
	id = sim_release(sim, 0);
	sim->no_answers = true;
	assert_in_range(most_sessions_at(sim, 0, 30), 4, 20);
	refuse_one(sim);
	sim_kill_peer(sim, 0);
	sim_kill_peer(sim, 1);
	assert_int_equal(most_sessions_at(sim, 0, 60), 1);
	assert_int_equal(sim->last_open.messages, 7);
	sim->no_answers = false;
	sim_until(sim, id, CAMPAIGN_FINISHED);
	sim_free(sim);
}

/* ---- the same best host, and other hosts behind it */

#define OWN	8	/* domains, d1.example and on */

static uint32_t
release_to_own(struct sim *sim, unsigned members)
{
	for (unsigned d = 1; d <= OWN; d++) {
		sim->dns[d] = SIM_DNS_OWN;
		join_many(sim, d, members);
	}
	return sim_release(sim, 0);
}

static bool
waits_for_the_best(struct sim *sim, const char *what)
{
	char name[32];

	for (unsigned d = 1; d <= OWN; d++) {
		struct scheduler_domain v;

		snprintf(name, sizeof(name), "d%u.example", d);
		v = sim_explain(sim, name);
		if (strcmp(v.bind.what, what) == 0 && strstr(v.bind.why,
		    "mx0.example, for all whose best host it is: ") != NULL &&
		    strstr(v.bind.why, "overlay:2") != NULL)
			return true;
	}
	return false;
}

/* One whom a row names has what that says, and is not counted with them. */
static void
sites_with_the_same_best_host_share_it(void **state)
{
	struct sim *sim = begin_shaped(state, 1, "[provider default]\n"
	    "connections = 3\n", NULL, NULL, 0);
	uint32_t id = release_to_own(sim, 60);

	sim->no_answers = true;
	assert_int_equal(most_sessions_at(sim, 0, 60), 3);
	assert_true(waits_for_the_best(sim, "connections"));
	sim_shape(sim, "[provider default]\nconnections = 3\n"
	    "[provider known]\nmx = my0-2.example mx0.example\n"
	    "connections = 2\n", NULL);
	sim_kill_peer(sim, 0);
	sim_kill_peer(sim, 1);
	assert_int_equal(most_sessions_at(sim, 0, 60), 5);
	sim_shape(sim, "[provider default]\nconnections = 1\n", NULL);
	sim_kill_peer(sim, 0);
	sim_kill_peer(sim, 1);
	assert_int_equal(most_sessions_at(sim, 0, 60), 1);
	/* Each has its turn. */
	sim->no_answers = false;
	sim_until(sim, id, CAMPAIGN_FINISHED);
	each_got_one(sim);
	sim_free(sim);
}

static void
a_best_host_has_one_rate(void **state)
{
	struct sim *sim = begin_shaped(state, 1, "[provider default]\n"
	    "messages_per_minute = 60\n", NULL, NULL, 0);
	uint32_t id = release_to_own(sim, 20);

	sim_settle(sim);
	assert_true(waits_for_the_best(sim, "messages_per_minute"));
	sim_until(sim, id, CAMPAIGN_FINISHED);
	each_got_one(sim);
	assert_in_range(sim_most(sim, 0, false, MINUTE), 20, 60);
	sim_free(sim);
}

/* What one of them is held to by its replies is no word about the others. */
static void
a_reaction_is_not_for_the_best_host(void **state)
{
	struct sim *sim = begin_shaped(state, 1, "[provider default]\n"
	    "connections = 6\n", "[class busy]\ncode = 550\n"
	    "category = rate\n[reaction slow]\nclass = busy\n"
	    "action = connections 1\nfor = 1h\n", NULL, 0);
	uint32_t id = release_to_own(sim, 200);

	sim->no_answers = true;
	assert_in_range(most_sessions_at(sim, 0, 60), 4, 6);
	refuse_one(sim);
	sim_kill_peer(sim, 0);
	sim_kill_peer(sim, 1);
	assert_in_range(most_sessions_at(sim, 0, 60), 4, 6);
	sim->no_answers = false;
	sim_until(sim, id, CAMPAIGN_FINISHED);
	sim_free(sim);
}

/* ---- after a silence */

static const char silence[] =
    "[class too-much]\nenhanced = 4.7.28\ncategory = rate\n"
    "[reaction silence]\nclass = too-much\nscope = provider\n"
    "action = suspend\nfor = 600s\nrestart = 1\ngrow = 1\n";

/* One step of everybody; at no moment more than one that is not up yet. */
static unsigned
step_and_count(struct sim *sim, unsigned up_before)
{
	unsigned all = 0, up = 0;

	sim_turn(sim);
	while (sim_commit(sim))
		;
	for (unsigned p = 0; p < sim->peers; p++)
		for (size_t i = 0; i < sim->peer[p].sessions; i++) {
			all++;
			up += sim->peer[p].session[i].up;
		}
	assert_true(all <= up + 1);
	assert_true(up <= up_before + 1);
	for (unsigned p = 0; p < sim->peers; p++)
		if (sim->peer[p].nasked > 0 || sim->peer[p].hello != 0)
			sim_peer_step(sim, p);
	sim_pass(sim, 100);
	if (all > up) {		/* it comes up after a while */
		sim_pass(sim, SECOND);
		for (unsigned p = 0; p < sim->peers; p++)
			sim_peer_step(sim, p);
	}
	return up;
}

/*
 * R5: no connection for 600 s, then 1, 2, 3 over all sites and all sources of
 * the provider; a restart of the queue role begins with one again.
 */
static void
silence_then_one_two_three(void **state)
{
	struct sim *sim = sim_of_two_sources(state, silence);
	int64_t refused;
	unsigned opens, up = 0;
	uint32_t id;

	for (unsigned d = 1; d <= 4; d++)
		join_many(sim, d, 500);
	for (unsigned i = 0; i < 4; i++)
		sim->site_down[i] = true;
	sim->refusal = "4.7.28 unusual rate of mail";
	id = sim_release(sim, 0);
	sim_settle(sim);
	refused = sim->mono_ms;
	opens = sim->session_opens;
	memset(sim->site_down, 0, sizeof(sim->site_down));
	sim->no_answers = true;
	while (sim->session_opens == opens) {
		sim_pass(sim, SECOND);
		sim_turn(sim);
		while (sim_commit(sim))
			;
		for (unsigned p = 0; p < sim->peers; p++)
			if (sim->peer[p].nasked > 0)
				sim_peer_step(sim, p);
		assert_true(sim->mono_ms - refused < 700 * SECOND);
	}
	assert_true(sim->mono_ms - refused >= 600 * SECOND);
	for (int i = 0; i < 200 && up < 3; i++)
		up = step_and_count(sim, up);
	assert_int_equal(up, 3);
	sim_crash(sim, false);
	sim_start(sim);
	up = 0;
	for (int i = 0; i < 400 && up < 10; i++)
		up = step_and_count(sim, up);
	assert_int_equal(up, 10);
	sim->no_answers = false;
	sim_until(sim, id, CAMPAIGN_FINISHED);
	sim_free(sim);
}

/* ---- where it goes */

static unsigned
delivered_to(const struct sim *sim, uint32_t domain)
{
	unsigned n = 0;

	for (size_t i = 0; i < sim->nevents; i++)
		n += !sim->events[i].connect && audience_find(
		    sim->events[i].who)->domain == domain;
	return n;
}

/* S30: from the reload on, by hosts or by the name of the domain. */
static void
nothing_goes_where_nothing_may_go(void **state)
{
	struct sim *sim = begin_shaped(state, 2, "", NULL, NULL, 0);
	struct campaign c;
	struct tally v;
	uint32_t id;

	join_many(sim, 1, 400);		/* at site 1 */
	join_many(sim, 2, 400);		/* at site 0, as */
	join_many(sim, 4, 400);
	id = sim_release(sim, 0);
	sim->no_answers = true;
	most_sessions_at(sim, 0, 30);
	assert_true(sim_sessions_at(sim, 0) > 1);
	assert_true(sim_sessions_at(sim, 1) > 1);
	sim_shape(sim, "[provider never]\nmx = mx1.example my1.example\n"
	    "domain = d2.example\nsend = no\n", NULL);
	sim_settle(sim);		/* what was out comes back */
	assert_int_equal(sim_sessions_at(sim, 1), 0);
	sim->no_answers = false;
	sim_until(sim, id, CAMPAIGN_FINISHED);
	assert_int_equal(delivered_to(sim, 1), 0);
	assert_int_equal(delivered_to(sim, 2), 0);
	assert_int_equal(delivered_to(sim, 4), 400);
	v = sim_tally(sim, id, &c);
	assert_int_equal(v.delivered, 400);
	assert_int_equal(v.failed, 800);
	sim_free(sim);
}

/* Retries, and a notice, wait there too. */
static void
what_waits_is_turned_away(void **state)
{
	struct sim *sim = begin_shaped(state, 1, "", NULL, NULL, 0);
	struct campaign c;
	struct tally v;
	uint32_t id;

	join_many(sim, 1, 40);
	id = sim_release(sim, 0);
	sim->no_answers = true;
	most_sessions_at(sim, 0, 5);
	for (unsigned p = 0; p < sim->peers; p++)
		while (sim->peer[p].n > 0)
			sim_answer(sim, p, 0, IPC_DEFERRED);
	sim_settle(sim);
	most_sessions_at(sim, 0, 600);
	audience_notice(1, sim->utc_ms);
	scheduler_notices_changed(sim->s);
	sim_settle(sim);
	assert_true(sim_out(sim) > 20);
	sim_shape(sim, "[provider default]\nsend = no\n", NULL);
	sim_settle(sim);
	sim->no_answers = false;
	sim_until(sim, id, CAMPAIGN_FINISHED);
	most_sessions_at(sim, 0, 600);
	v = sim_tally(sim, id, &c);
	assert_int_equal(v.failed, 40);
	assert_int_equal(sim->notices_sent[1], 0);
	assert_false(audience.notice_there[0]);
	sim_free(sim);
}

/* The data come to know a domain by its name, while it is sent to. */
static void
a_domain_becomes_somebody(void **state)
{
	struct sim *sim = begin_shaped(state, 1, "", NULL, NULL, 0);
	uint32_t id;

	join_many(sim, 1, 2000);
	join_many(sim, 2, 300);
	id = sim_release(sim, 0);
	sim->no_answers = true;
	most_sessions_at(sim, 0, 5);
	sim_shape(sim, "[provider slow]\ndomain = d2.example\n"
	    "messages_per_minute = 60\n", NULL);
	sim->no_answers = false;
	sim_settle(sim);		/* what was out before */
	assert_true(delivered_to(sim, 2) < 200);
	sim->nevents = 0;
	most_sessions_at(sim, 0, 60);
	assert_in_range(sim_most(sim, 0, false, MINUTE), 20, 60);
	assert_true(delivered_to(sim, 2) > 0);
	sim_until(sim, id, CAMPAIGN_FINISHED);
	each_got_one(sim);
	sim_free(sim);
}

static unsigned
sent_at(const struct sim *sim, unsigned site)
{
	unsigned n = 0;

	for (size_t i = 0; i < sim->nevents; i++)
		n += !sim->events[i].connect && sim->events[i].site == site;
	return n;
}

static void
pass_minutes(struct sim *sim, unsigned n)
{
	for (sim_settle(sim); n > 0; n--) {
		sim_pass(sim, MINUTE);
		sim_settle(sim);
	}
}

/*
 * The MX of a domain moves since its old host is gone: that is seen by the
 * first probe that finds the DNS answering, by first attempts and retries.
 */
static void
an_mx_moves_from_a_dead_site(void **state)
{
	struct sim *sim = begin_shaped(state, 2, "", NULL, NULL, 0);
	uint32_t id;

	join_many(sim, 2, 2000);	/* at site 0, and open for long, as */
	join_many(sim, 4, 300);
	id = sim_release(sim, 0);
	sim->no_answers = true;
	most_sessions_at(sim, 0, 5);
	assert_true(sim_out(sim) > 40);
	sim->site_down[0] = true;
	for (unsigned p = 0; p < sim->peers; p++) {
		for (int i = 0; i < 20 && sim->peer[p].n > 0; i++)
			sim_answer(sim, p, 0, IPC_DEFERRED);
		sim_kill_peer(sim, p);
	}
	sim->no_answers = false;
	sim_settle(sim);
	sim->nevents = 0;
	sim->dns[2] = SIM_DNS_TEMPORARY;
	pass_minutes(sim, 30);
	assert_int_equal(sent_at(sim, 1), 0);
	sim->dns[2] = SIM_DNS_SITE;
	sim->domain_site[2] = 1;
	pass_minutes(sim, 50);
	assert_true(delivered_to(sim, 2) > 1900);
	assert_int_equal(delivered_to(sim, 4), 0);
	sim->site_down[0] = false;
	sim_until(sim, id, CAMPAIGN_FINISHED);
	assert_int_equal(sent_at(sim, 1), delivered_to(sim, 2));
	each_got_one(sim);
	sim_free(sim);
}

/* It moves while the old site takes mail: after an hour, by its TTL. */
static void
an_mx_moves_from_a_living_site(void **state)
{
	struct sim *sim = begin_shaped(state, 2, "[provider default]\n"
	    "messages_per_minute = 1\n", NULL, NULL, 0);
	uint32_t id;
	unsigned sent;

	join_many(sim, 2, 300);		/* at site 0 */
	id = sim_release(sim, 0);
	pass_minutes(sim, 10);
	assert_true(sent_at(sim, 0) > 5);
	sim->dns[2] = SIM_DNS_NXDOMAIN;
	pass_minutes(sim, 60);
	sim->dns[2] = SIM_DNS_TEMPORARY;
	pass_minutes(sim, 60);
	assert_true(sent_at(sim, 0) > 100);
	sim->dns[2] = SIM_DNS_SITE;
	sim->domain_site[2] = 1;
	pass_minutes(sim, 10);
	sent = sent_at(sim, 0);
	assert_true(sent_at(sim, 1) > 0);
	assert_true(sim->lookups < 30);
	sim_until(sim, id, CAMPAIGN_FINISHED);
	assert_int_equal(sent_at(sim, 0), sent);
	assert_int_equal(sent_at(sim, 1), 300 - sent);
	each_got_one(sim);
	sim_free(sim);
}

/* What the deliver role is told of a connection. */
static void
grants_say_what_the_data_say(void **state)
{
	struct sim *sim = begin_shaped(state, 1, "[provider p]\nmx = example\n"
	    "idle_seconds = 7\nbroken_tls_hours = 720\nbdat = no\n"
	    "messages_per_connection = 100000\n", NULL, NULL, 0);
	uint32_t id;

	sim->limits.messages_per_connection = 0;
	scheduler_set_limits(sim->s, &sim->limits);
	join_many(sim, 1, 3);
	id = sim_release(sim, 0);
	sim_until(sim, id, CAMPAIGN_FINISHED);
	assert_int_equal(sim->last_open.idle_ms, 7000);
	assert_int_equal(sim->last_open.broken_tls_hours, 720);
	assert_int_equal(sim->last_open.bdat, IPC_BDAT_NO);
	assert_int_equal(sim->last_open.messages, UINT16_MAX);
	sim_free(sim);
}

#define T(F)	cmocka_unit_test_setup_teardown(F, world_setup, world_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(a_site_changes_its_provider),
		T(sites_with_the_same_hosts_share_the_least),
		T(a_reaction_holds_for_the_hosts),
		T(sites_with_the_same_best_host_share_it),
		T(a_best_host_has_one_rate),
		T(a_reaction_is_not_for_the_best_host),
		T(silence_then_one_two_three),
		T(nothing_goes_where_nothing_may_go),
		T(what_waits_is_turned_away),
		T(a_domain_becomes_somebody),
		T(an_mx_moves_from_a_dead_site),
		T(an_mx_moves_from_a_living_site),
		T(grants_say_what_the_data_say),
	};
	log_sim();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
