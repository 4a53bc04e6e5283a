/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_explain.c - what the mail for a domain waits for: each thing that can
 * hold it back, and who says so.
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

#define MINUTE	60000
#define HOUR	(60 * MINUTE)
#define DAY	(24 * HOUR)

/* Domains 1, 3, ... go to site 0, the others to site 1. */
static struct sim *
begin(void **state, const char *overlay, const char *replies,
    const struct source *source)
{
	struct sim *sim = sim_new(*state, 1);

	audience_reset();
	sim->sites = 2;
	sim->sources = source;
	sim->nsources = source != NULL;
	sim->limits.connections_per_site = 20;
	for (unsigned d = 1; d < FAKE_DOMAINS; d++)
		sim->domain_site[d] = (d - 1) % 2;
	sim_shape(sim, overlay, replies);
	sim_start(sim);
	sim_settle(sim);
	sim_pass(sim, MINUTE);
	return sim;
}

static void
join_many(struct sim *sim, uint32_t domain, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		audience_join(1, domain, sim_chance(sim));
}

static void
must_bind(struct sim *sim, const char *domain, const char *what,
    const char *why)
{
	struct scheduler_domain v = sim_explain(sim, domain);

	if (strcmp(v.bind.what, what) != 0 ||
	    strstr(v.bind.why, why) == NULL)
		fail_msg("%s, wanted %s: %s", what, v.bind.what, v.bind.why);
}

/* ---- limits: what is out stays out, so that they are full */

/* S13: each names the file and line, or the setting, that says so. */
static const struct limit_row {
	const char	*overlay;
	unsigned	 per_site, total;	/* of the configuration */
	const char	*what, *why;
} limit_rows[] = {
	{ "[provider default]\nconnections = 3\n", 20, 500,
	    "connections", "overlay:2" },
	{ "", 3, 500, "connections", "connections_per_site" },
	{ "", 20, 2, "connections_total", "all 2 of the configuration" },
	{ "[provider p]\nmx = example\nshared_connections = 3\n", 20, 500,
	    "shared_connections", "overlay:3" },
	{ "[provider default]\nmessages_per_minute = 60\n", 20, 500,
	    "messages_per_minute", "overlay:2" },
	{ "[provider p]\nmx = example\nshared_messages_per_minute = 60\n", 20,
	    500, "shared_messages_per_minute", "overlay:3" },
	{ "[provider default]\nconnects_per_minute = 1\n", 20, 500,
	    "connects_per_minute", "overlay:2" },
	{ "[provider p]\nmx = example\nshared_connects_per_minute = 1\n", 20,
	    500, "shared_connects_per_minute", "overlay:3" },
	{ "", 20, 500, "nothing", "as fast as it is answered" },
};

static void
a_limit_binds(void **state)
{
	for (size_t i = 0; i < sizeof(limit_rows) / sizeof(limit_rows[0]);
	    i++) {
		const struct limit_row *row = &limit_rows[i];
		struct sim *sim = begin(state, row->overlay, NULL, NULL);
		struct scheduler_path path;
		struct scheduler_domain v;
		size_t at = 0;

		sim->limits.connections_per_site = row->per_site;
		sim->limits.connections_total = row->total;
		scheduler_set_limits(sim->s, &sim->limits);
		join_many(sim, 1, strcmp(row->what, "nothing") == 0 ? 10 :
		    300);
		sim->no_answers = true;
		sim_release(sim, 0);
		sim_settle(sim);
		must_bind(sim, "d1.example", row->what, row->why);
		/* The path says the same. */
		v = sim_explain(sim, "d1.example");
		assert_true(scheduler_path_next(sim->s, v.site.key, &at,
		    &path));
		assert_string_equal(path.bind.what, row->what);
		sim_free(sim);
		world_teardown(state);
		world_setup(state);
	}
}

/* The window of connections, before any came up and after one was refused. */
static void
the_window_binds(void **state)
{
	struct sim *sim = begin(state, "", NULL, NULL);

	join_many(sim, 1, 1000);
	sim->no_answers = true;
	sim_release(sim, 0);
	for (int i = 0; sim->session_opens == 0; i++) {
		assert_true(i < 1000);
		sim_turn(sim);
		while (sim_commit(sim))
			;
		sim_pass(sim, 5);
		for (unsigned p = 0; p < sim->peers; p++)
			if (sim->peer[p].nasked > 0)
				sim_peer_step(sim, p);
	}
	must_bind(sim, "d1.example", "window", "2 connections to begin with");
	for (unsigned p = 0; p < sim->peers; p++)
		if (sim->peer[p].sessions > 0)
			sim_peer_step(sim, p);
	sim->site_down[0] = true;
	sim_settle(sim);
	must_bind(sim, "d1.example", "window", "it refused more than");
	sim_free(sim);
}

/* ---- what comes before a site */

static void
nobody_and_nothing(void **state)
{
	struct sim *sim = begin(state, "", NULL, NULL);
	struct scheduler_domain v;

	/* Its site is told all the same: d0.example was never mailed. */
	v = sim_explain(sim, "d0.example");
	assert_false(v.known);
	assert_true(v.has_site);
	assert_string_equal(v.site.host, "mx0.example");
	must_bind(sim, "d0.example", "nothing", "nobody has an address");
	join_many(sim, 1, 1);
	must_bind(sim, "d1.example", "nothing", "no mail for it waits");
	sim_free(sim);
}

static void
a_campaign_binds(void **state)
{
	struct sim *sim = begin(state, "", NULL, NULL);
	struct scheduler_domain v;
	uint32_t id;

	join_many(sim, 1, 10);
	id = sim_release(sim, 0);
	sim_set_state(sim, id, CAMPAIGN_PAUSED);
	sim_settle(sim);
	must_bind(sim, "d1.example", "campaign", "it is paused");
	v = sim_explain(sim, "d1.example");
	assert_true(v.has_site);
	sim_set_state(sim, id, CAMPAIGN_RUNNING);
	audience.held = true;
	sim_settle(sim);
	must_bind(sim, "d1.example", "campaign", "organization is held");
	sim_free(sim);
}

static void
the_dns_binds(void **state)
{
	struct sim *sim = begin(state, "", NULL, NULL);
	struct scheduler_domain v;

	join_many(sim, 1, 10);
	sim->dns[1] = SIM_DNS_TEMPORARY;
	sim_release(sim, 0);
	sim_settle(sim);
	must_bind(sim, "d1.example", "dns", "does not answer");
	/* It does again, and is asked again in time. */
	sim->dns[1] = SIM_DNS_SITE;
	must_bind(sim, "d1.example", "dns", "is asked again");
	v = sim_explain(sim, "d1.example");
	assert_true(v.has_site && v.lookup_ms > sim->utc_ms);
	sim_free(sim);
}

static void
the_role_binds(void **state)
{
	struct sim *sim = begin(state, "", NULL, NULL);

	join_many(sim, 1, 10);
	sim_crash(sim, false);
	sim_start(sim);
	sim_release(sim, 0);
	must_bind(sim, "d1.example", "role", "not ready");
	/* What the role before it may have sent is over by then. */
	sim_pass(sim, MINUTE);
	sim_settle(sim);
	must_bind(sim, "d1.example", "nothing", "no mail for it waits");
	sim_free(sim);
}

/* ---- a site, or a path of it, is closed */

/* S30: also when nothing is left of what was not to be sent. */
static void
do_not_send_binds(void **state)
{
	struct sim *sim = begin(state, "[provider never]\n"
	    "mx = mx0.example my0.example\nsend = no\n", NULL, NULL);
	uint32_t id;

	join_many(sim, 1, 10);
	must_bind(sim, "d1.example", "send", "overlay:3");
	id = sim_release(sim, 0);
	sim_until(sim, id, CAMPAIGN_FINISHED);
	must_bind(sim, "d1.example", "send", "overlay:3");
	sim_free(sim);
}

static void
hold_site(void *arg, const struct scheduler_site *v, enum ipc_dns status,
    const char *why)
{
	struct sim *sim = arg;
	char key[33];

	if (v == NULL)
		fail_msg("no site: %u %s", status, why);
	for (int i = 0; i < 16; i++)
		snprintf(key + 2 * i, 3, "%02x", v->key[i]);
	assert_true(scheduler_site_suspend(sim->s, key, "by hand"));
}

static void
durable(void *arg, bool ok)
{
	assert_true(ok);
	*(bool *)arg = true;
}

/*
 * Before anything was sent there, by a domain's name; and once that is answered
 * it holds over a restart.
 */
static void
a_suspension_binds(void **state)
{
	struct sim *sim = begin(state, "", NULL, NULL);
	struct scheduler_domain v;
	bool told = false;
	uint32_t id;

	join_many(sim, 1, 10);
	join_many(sim, 2, 10);
	assert_false(scheduler_site_suspend(sim->s, "d1.example", "by hand"));
	scheduler_lookup_site(sim->s, "d1.example", hold_site, sim);
	for (unsigned p = 0; p < sim->peers; p++)
		sim_peer_step(sim, p);
	sim->auto_commit = false;
	scheduler_when_durable(sim->s, durable, &told);
	for (int i = 0; !told; i++) {
		assert_true(i < 10);
		sim_turn(sim);
		assert_false(told);
		sim_commit(sim);
		sim_turn(sim);
	}
	sim_crash(sim, false);
	sim->auto_commit = true;
	sim_start(sim);
	sim_pass(sim, MINUTE);	/* as above */
	id = sim_release(sim, 0);
	sim_settle(sim);
	for (unsigned i = 1; i <= 20; i++)
		assert_int_equal(sim->delivered[i], i > 10);
	must_bind(sim, "d1.example", "suspended", "by hand");
	v = sim_explain(sim, "d1.example");
	assert_true(v.site.by_hand && v.site.domains == 1);
	assert_true(scheduler_site_resume(sim->s, "mx0.example"));
	sim_until(sim, id, CAMPAIGN_FINISHED);
	sim_free(sim);
}

/* A site that refuses us rests; when an action lasts longer, that binds. */
static void
a_rest_or_a_reaction_binds(void **state)
{
	struct sim *sim = begin(state, "", "[class too-much]\n"
	    "enhanced = 4.7.28\ncategory = rate\n[reaction silence]\n"
	    "class = too-much\naction = suspend\nfor = 2h\n", NULL);

	join_many(sim, 1, 10);
	join_many(sim, 2, 10);
	sim->site_down[0] = sim->site_down[1] = true;
	sim->refusal = "4.3.2 not now";
	sim_release(sim, 0);
	sim_settle(sim);
	must_bind(sim, "d1.example", "rest", "not now");
	sim->refusal = "4.7.28 unusual rate of mail";
	sim_pass(sim, 10 * MINUTE);
	sim_settle(sim);
	must_bind(sim, "d1.example", "reaction", "silence: ");
	must_bind(sim, "d1.example", "reaction", "4.7.28");
	sim_free(sim);
}

static void
quiet_hours_bind(void **state)
{
	/* The simulated day begins at 08:00 UTC. */
	struct sim *sim = begin(state, "[provider default]\n"
	    "quiet = 07:00-10:00\n", NULL, NULL);

	join_many(sim, 1, 10);
	sim_release(sim, 0);
	sim_settle(sim);
	must_bind(sim, "d1.example", "quiet", "overlay:2");
	sim_free(sim);
}

/* R16 */
static void
a_warm_up_binds(void **state)
{
	static const struct source cold = { .family = 4, .ip = { 192, 0, 2,
	    1 }, .name = "192.0.2.1", .weight = 1, .streams = SOURCE_BOTH,
	    .warm_from = 1800000000000 / DAY };
	struct sim *sim = begin(state, "[provider default]\n"
	    "warmup = 1:20 2:none\n", NULL, &cold);

	join_many(sim, 1, 100);
	sim_release(sim, 0);
	for (int i = 0; i < 100; i++) {
		sim_settle(sim);
		sim_pass(sim, 100);
	}
	must_bind(sim, "d1.example", "warmup", "20 of 20");
	must_bind(sim, "d1.example", "warmup", "overlay:2");
	sim_free(sim);
}

/* ---- what was tried */

static struct sim *
tried(void **state, uint32_t *id, enum campaign_after after,
    enum ipc_result_kind result)
{
	struct sim *sim = begin(state, "", NULL, NULL);

	join_many(sim, 1, 5);
	*id = sim_release(sim, 0);
	sim_set_after(sim, *id, after);
	sim->no_answers = true;
	sim_settle(sim);
	for (unsigned p = 0; p < sim->peers; p++)
		while (sim->peer[p].n > 0)
			sim_answer(sim, p, 0, result);
	sim_settle(sim);
	return sim;
}

static void
a_retry_binds(void **state)
{
	uint32_t id;
	struct sim *sim = tried(state, &id, CAMPAIGN_AFTER_RESEND,
	    IPC_DEFERRED);
	struct scheduler_domain v;

	must_bind(sim, "d1.example", "retry", "answered 450");
	v = sim_explain(sim, "d1.example");
	assert_true(v.has_site && v.retry_ms > sim->utc_ms);
	/* Nobody resolves for that what is suspended meanwhile. */
	sim_set_state(sim, id, CAMPAIGN_PAUSED);
	must_bind(sim, "d1.example", "campaign", "it is paused");
	sim_free(sim);
}

/* S8: of a second campaign nobody gets a copy on the same day. */
static void
what_is_enough_a_day_binds(void **state)
{
	struct sim *sim = begin(state, "", NULL, NULL);

	sim->limits.recipient_per_day = 1;
	scheduler_set_limits(sim->s, &sim->limits);
	join_many(sim, 1, 5);
	sim_until(sim, sim_release(sim, 0), CAMPAIGN_FINISHED);
	sim_release(sim, 0);
	sim_settle(sim);
	must_bind(sim, "d1.example", "recipient_per_day", "1 of the");
	sim_free(sim);
}

/* R104 */
static void
what_is_not_answered_binds(void **state)
{
	uint32_t id;
	struct sim *sim = tried(state, &id, CAMPAIGN_AFTER_HOLD,
	    IPC_UNANSWERED);

	must_bind(sim, "d1.example", "after_data", "--after-data");
	sim_free(sim);
}

#define T(F)	cmocka_unit_test_setup_teardown(F, world_setup, world_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(a_limit_binds),
		T(the_window_binds),
		T(nobody_and_nothing),
		T(a_campaign_binds),
		T(the_dns_binds),
		T(the_role_binds),
		T(do_not_send_binds),
		T(a_suspension_binds),
		T(a_rest_or_a_reaction_binds),
		T(quiet_hours_bind),
		T(a_warm_up_binds),
		T(a_retry_binds),
		T(what_is_enough_a_day_binds),
		T(what_is_not_answered_binds),
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
