/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_scheduler.c - the rules of sending, one by one: order, caps, shares,
 * verdicts on domains, restarts.
 */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "lib/strbuf.h"
#include "tests/queue_steps.h"

#define MINUTE	60000
#define HOUR	(60 * MINUTE)

/* ---- the main way */

static void
everybody_gets_one_copy(void **state)
{
	struct sim *sim = begin(state, 7);
	struct tally v;
	uint32_t id;

	join_many(sim, 1, 3000);	/* more than one window */
	for (uint32_t d = 2; d < 200; d++)
		join_many(sim, d, 1 + d % 4);
	id = sim_release(sim, 0);
	sim_until(sim, id, CAMPAIGN_FINISHED);
	each_got_one(sim);
	sum_is_right(sim, id, &v);
	assert_int_equal(v.delivered, audience.n);
	assert_int_equal(v.attempts, audience.n);
	assert_true(sim->most_at_site <= 5);
	/* Both deliver roles had their share of the sessions. */
	assert_true(sim->session_opens > 7);
	sim_free(sim);
}

/* A list of nobody, and one whose members all came too late. */
static void
nobody_is_finished_at_once(void **state)
{
	struct sim *sim = begin(state, 1);
	struct tally v;
	uint32_t id;

	audience_leave(audience_join(1, 1, 5));
	id = sim_release(sim, 0);
	join_many(sim, 1, 10);
	sim_until(sim, id, CAMPAIGN_FINISHED);
	sum_is_right(sim, id, &v);
	assert_int_equal(v.delivered + v.left, 0);
	sim_free(sim);
}

/* spool/DESIGN section 4, each line of the audience rule. */
static void
the_audience_rule(void **state)
{
	struct sim *sim = begin(state, 1);
	struct tally v;
	uint32_t id;

	join_many(sim, 1, 6);
	audience_suspend(6);		/* before: not counted */
	id = sim_release(sim, 0);
	audience_suspend(1);		/* suppressed */
	audience_leave(2);		/* left */
	audience_find(3)->suppressed = true;	/* by the gate */
	audience_join(1, 1, 77);	/* too late */
	sim_until(sim, id, CAMPAIGN_FINISHED);
	sum_is_right(sim, id, &v);
	assert_int_equal(v.delivered, 2);
	assert_int_equal(v.suppressed, 2);
	assert_int_equal(v.left, 1);
	for (uint64_t s = 1; s <= 7; s++)
		assert_int_equal(sim->delivered[s], s == 4 || s == 5);
	sim_free(sim);
}

/* ---- caps and shares */

static void
caps_hold(void **state)
{
	struct sim *sim = begin(state, 0);
	uint32_t id;

	sim->limits.connections_per_site = 3;
	scheduler_set_limits(sim->s, &sim->limits);
	join_many(sim, 1, 2000);
	id = sim_release(sim, 0);
	sim_until(sim, id, CAMPAIGN_FINISHED);
	assert_int_equal(sim->most_at_site, 3);
	each_got_one(sim);
	sim_free(sim);
}

static void
the_total_is_shared(void **state)
{
	struct sim *sim = begin(state, 100);
	uint32_t id;

	sim->limits.connections_total = 7;
	scheduler_set_limits(sim->s, &sim->limits);
	for (uint32_t d = 1; d <= 100; d++)
		join_many(sim, d, 30);
	id = sim_release(sim, 0);
	sim_until(sim, id, CAMPAIGN_FINISHED);
	assert_true(sim->most_sessions <= 7);
	assert_true(sim->most_sessions >= 6);
	each_got_one(sim);
	sim_free(sim);
}

static size_t
out_of_kind(const struct sim *sim, enum ipc_kind kind)
{
	size_t n = 0;

	for (unsigned p = 0; p < sim->peers; p++)
		for (size_t i = 0; i < sim->peer[p].n; i++)
			n += sim->peer[p].out[i].d.kind == kind;
	return n;
}

/* Notices have a share that campaigns cannot take. */
static void
notices_do_not_wait(void **state)
{
	struct sim *sim = begin(state, 1);
	struct tally v;
	uint32_t id;

	join_many(sim, 1, 3000);
	id = sim_release(sim, 0);
	fill_peers(sim);
	assert_int_equal(sim_sessions_at(sim, 0), 4);
	assert_int_equal(sim_out(sim), 4 * SCHEDULER_DEPTH);
	audience_notice(1, sim->utc_ms);
	scheduler_notices_changed(sim->s);
	fill_peers(sim);
	assert_int_equal(out_of_kind(sim, IPC_KIND_NOTICE), 1);
	assert_int_equal(sim_sessions_at(sim, 0), 5);
	sim_until(sim, id, CAMPAIGN_FINISHED);
	sum_is_right(sim, id, &v);
	assert_int_equal(sim->notices_sent[1], 1);
	assert_false(audience.notice_there[0]);
	sim_free(sim);
}

/* Two campaigns at one site take turns. */
static void
campaigns_take_turns(void **state)
{
	struct sim *sim = begin(state, 1);
	struct campaign c;
	struct tally a, b;
	uint32_t one, two;

	join_many(sim, 1, 2000);
	one = sim_release(sim, 0);
	two = sim_release(sim, 0);
	for (int i = 0; i < 3000; i++) {
		sim_turn(sim);
		sim_commit(sim);
		sim_peer_step(sim, 0);
		sim_peer_step(sim, 1);
		sim_pass(sim, 1);
	}
	a = sim_tally(sim, one, &c);
	b = sim_tally(sim, two, &c);
	assert_true(a.delivered > 500);
	assert_in_range(a.delivered - b.delivered + 100, 0, 200);
	sim_until(sim, one, CAMPAIGN_FINISHED);
	sim_until(sim, two, CAMPAIGN_FINISHED);
	sim_free(sim);
}

/* ---- verdicts on a whole domain */

/* R105, R106, T50: what the DNS says of a domain. */
static void
domains_without_mail(void **state)
{
	struct sim *sim = begin(state, 1);
	struct campaign c;
	struct tally v;
	uint32_t id;

	join_many(sim, 1, 3);
	join_many(sim, 2, 500);
	join_many(sim, 3, 40);
	join_many(sim, 4, 2);
	sim->dns[2] = SIM_DNS_NULL_MX;
	sim->dns[3] = SIM_DNS_NXDOMAIN;
	sim->dns[4] = SIM_DNS_TEMPORARY;
	id = sim_release(sim, 0);
	sim_settle(sim);
	v = sim_tally(sim, id, &c);
	assert_int_equal(v.delivered, 3);
	assert_int_equal(v.failed, 540);
	assert_int_equal(v.attempts, 3);
	assert_int_equal(c.state, CAMPAIGN_RUNNING);
	sim_pass(sim, 20 * MINUTE);
	sim->dns[4] = SIM_DNS_SITE;
	sim_until(sim, id, CAMPAIGN_FINISHED);
	sum_is_right(sim, id, &v);
	assert_int_equal(v.delivered, 5);
	sim_free(sim);
}

static void
a_domain_is_explained(void **state)
{
	struct sim *sim = begin(state, 1);
	struct scheduler_domain d;

	join_many(sim, 1, 40);
	join_many(sim, 2, 1);
	sim->dns[2] = SIM_DNS_TEMPORARY;
	sim_release(sim, 0);
	fill_peers(sim);
	d = sim_explain(sim, "d1.example");
	assert_true(d.known && d.has_site && d.windows == 1);
	assert_int_equal(d.out, sim_out(sim));
	assert_int_equal(d.waiting, 40 - d.out);
	assert_string_equal(d.site.host, "mx0.example");
	assert_int_equal(d.retry_ms, 0);
	answer_all(sim, IPC_DEFERRED);
	d = sim_explain(sim, "d1.example");
	assert_true(d.retry_ms > sim->utc_ms);
	d = sim_explain(sim, "d2.example");
	assert_true(d.lookup_ms > sim->utc_ms && !d.has_site);
	assert_string_equal(d.bind.what, "dns");
	sim_free(sim);
}

/* ---- restarts */

/* Outcomes of an old epoch are taken once, and nothing waits for them. */
static void
old_outcomes_count_once(void **state)
{
	struct sim *sim = begin(state, 1);
	struct scheduler_summary sum;
	struct tally v;
	uint32_t id;

	join_many(sim, 1, 200);
	id = sim_release(sim, 0);
	fill_peers(sim);
	for (unsigned p = 0; p < sim->peers; p++)
		for (size_t i = 0; i < sim->peer[p].n; i++)
			sim->peer[p].out[i].begun = true;
	sim_crash(sim, false);
	sim_start(sim);
	sim_until(sim, id, CAMPAIGN_FINISHED);
	/* Nobody got a second copy: all old ones were told in time. */
	sum_is_right(sim, id, &v);
	scheduler_summary(sim->s, &sum);
	assert_int_equal(sum.duplicates, 0);
	for (size_t i = 1; i <= audience.n; i++)
		assert_in_range(sim->delivered[i], 1, 2);
	sim_free(sim);
}

/* No hand-out before the deliver roles have reported, but not for ever. */
static void
a_late_role_is_not_waited_for(void **state)
{
	struct sim *sim = begin(state, 1);
	uint32_t id;

	join_many(sim, 1, 5);
	id = sim_release(sim, 0);
	sim_peer_step(sim, 0);		/* READY of the first alone */
	sim_turn(sim);
	assert_int_equal(sim->lookups, 0);
	sim_pass(sim, SCHEDULER_READY_MS);
	sim_turn(sim);
	assert_int_equal(sim->lookups, 1);
	sim_until(sim, id, CAMPAIGN_FINISHED);
	each_got_one(sim);
	sim_free(sim);
}

static void
a_deliver_role_may_die(void **state)
{
	struct sim *sim = begin(state, 3);
	uint32_t id;

	for (uint32_t d = 1; d < 50; d++)
		join_many(sim, d, 10);
	id = sim_release(sim, 0);
	fill_peers(sim);
	assert_true(sim->peer[0].n > 0);
	sim_kill_peer(sim, 0);
	sim_until(sim, id, CAMPAIGN_FINISHED);
	each_got_one(sim);		/* it had begun nothing */
	sim_free(sim);
}

/* Without a deliver role what is due waits, and nothing turns in circles. */
static void
no_role_no_haste(void **state)
{
	struct sim *sim = begin(state, 1);
	unsigned turns = 0;
	uint32_t id;

	join_many(sim, 1, 5);
	id = sim_release(sim, 0);
	fill_peers(sim);
	answer_all(sim, IPC_DEFERRED);
	for (unsigned p = 0; p < sim->peers; p++) {
		sim_kill_peer(sim, p);
		sim->peer[p].hello = 0;		/* and does not come back */
	}
	audience_notice(1, sim->utc_ms);
	scheduler_notices_changed(sim->s);
	sim_pass(sim, HOUR);
	do {
		sim_turn(sim);
		while (sim_commit(sim))
			;
		sim_pass(sim, sim->wait_ms > 0 ? sim->wait_ms : 0);
		if (++turns > 50)
			fail_msg("it turns in circles");
	} while (sim->wait_ms >= 0 && sim->wait_ms < MINUTE);
	for (unsigned p = 0; p < sim->peers; p++) {
		scheduler_peer_down(sim->s, p);
		scheduler_peer_up(sim->s, p);
	}
	sim_until(sim, id, CAMPAIGN_FINISHED);
	each_got_one(sim);
	assert_int_equal(sim->notices_sent[1], 1);
	sim_free(sim);
}

static void
drained_means_all_is_written(void **state)
{
	struct sim *sim = begin(state, 1);
	uint32_t id;

	join_many(sim, 1, 300);
	id = sim_release(sim, 0);
	fill_peers(sim);
	scheduler_drain(sim->s);
	assert_false(scheduler_drained(sim->s));
	for (int i = 0; i < 200 && !scheduler_drained(sim->s); i++) {
		sim_settle(sim);
		sim_pass(sim, 100);
	}
	assert_true(scheduler_drained(sim->s));
	sim_crash(sim, false);
	sim_start(sim);
	sim_until(sim, id, CAMPAIGN_FINISHED);
	each_got_one(sim);		/* not one of them twice */
	sim_free(sim);
}

/* ---- the start */

/* Deliver roles that take long to come are waited for, not looked for. */
static void
nobody_ready_is_no_hurry(void **state)
{
	struct sim *sim = begin(state, 1);
	int64_t wait = 0;

	join_many(sim, 1, 20);
	for (int i = 0; i < 10; i++)
		wait = scheduler_run(sim->s);
	assert_int_not_equal(wait, 0);
	sim_pass(sim, 2 * SCHEDULER_READY_MS);
	for (int i = 0; i < 10; i++)
		wait = scheduler_run(sim->s);
	assert_int_not_equal(wait, 0);
	sim_until(sim, sim_release(sim, 0), CAMPAIGN_FINISHED);
	each_got_one(sim);
	sim_free(sim);
}

/* ---- questions */

struct found {
	unsigned	 times;
	enum ipc_proof	 proof;
	char		 text[64];
};

static void
on_proof(void *arg, enum ipc_proof proof, const char *text)
{
	struct found *f = arg;

	f->times++;
	f->proof = proof;
	snprintf(f->text, sizeof(f->text), "%s", text);
}

static int
say_proven(struct sim *sim, unsigned peer, uint32_t request, uint8_t proof)
{
	struct strbuf b = STRBUF_INIT(256);
	struct err e = ERR_INIT;
	int rc;

	pack_u32(&b, request);
	pack_u8(&b, proof);
	pack_str(&b, "as it is");
	rc = scheduler_frame(sim->s, peer, IPC_PROVEN, SLICE(b.s, b.len), &e);
	strbuf_free(&b);
	return rc;
}

/* A question is answered once, whoever dies meanwhile. */
static void
a_key_is_asked_for(void **state)
{
	struct sim *sim = begin(state, 2);
	struct found f = { 0 };
	unsigned first, second;

	sim_settle(sim);
	scheduler_prove(sim->s, "example.org", on_proof, &f);
	first = sim->peer[0].question == IPC_PROVE ? 0 : 1;
	assert_int_equal(sim->peer[first].question, IPC_PROVE);
	assert_string_equal(sim->peer[first].what.name, "example.org");
	/* A verdict that there is not is a malformed frame. */
	assert_int_equal(say_proven(sim, first,
	    sim->peer[first].what.request, IPC_PROOF_UNSURE + 1), -1);
	assert_int_equal(f.times, 0);
	second = 1 - first;
	sim_kill_peer(sim, first);
	assert_int_equal(sim->peer[second].question, IPC_PROVE);
	assert_int_equal(say_proven(sim, second,
	    sim->peer[second].what.request, IPC_PROOF_FOUND), 0);
	assert_int_equal(f.times, 1);
	assert_int_equal(f.proof, IPC_PROOF_FOUND);
	assert_string_equal(f.text, "as it is");
	/* Again is nothing. */
	assert_int_equal(say_proven(sim, second,
	    sim->peer[second].what.request, IPC_PROOF_NONE), 0);
	assert_int_equal(f.times, 1);
	/* Nobody to ask: not sure, and at once. */
	scheduler_peer_down(sim->s, second);
	if (sim->peer[first].what.request != 0)
		scheduler_peer_down(sim->s, first);
	scheduler_prove(sim->s, "example.org", on_proof, &f);
	assert_int_equal(f.times, 2);
	assert_int_equal(f.proof, IPC_PROOF_UNSURE);
	scheduler_peer_up(sim->s, first);
	scheduler_peer_up(sim->s, second);
	sim_free(sim);
}

#define T(F)	cmocka_unit_test_setup_teardown(F, world_setup, world_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(everybody_gets_one_copy),
		T(nobody_is_finished_at_once),
		T(the_audience_rule),
		T(caps_hold),
		T(the_total_is_shared),
		T(notices_do_not_wait),
		T(campaigns_take_turns),
		T(a_domain_is_explained),
		T(domains_without_mail),
		T(old_outcomes_count_once),
		T(a_late_role_is_not_waited_for),
		T(a_deliver_role_may_die),
		T(no_role_no_haste),
		T(drained_means_all_is_written),
		T(nobody_ready_is_no_hurry),
		T(a_key_is_asked_for),
	};

	log_sim();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
