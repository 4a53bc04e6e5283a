/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_scheduler.c - the rules of sending, one by one: order, caps, retries,
 * pauses, verdicts on domains, recalls, restarts.
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

#include "lib/strbuf.h"
#include "lib/sys/log.h"
#include "spool/row.h"
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

/* ---- retries */

/* R102: 5, 10, 20, 40 min, 1 h, 2 h, then 4 h, until 48 h; R103. */
static void
a_deferral_comes_back_until_it_expires(void **state)
{
	static const int minutes[] = { 5, 10, 20, 40, 60, 120, 240 };
	struct sim *sim = begin(state, 1);
	int64_t last, first;
	struct tally v;
	unsigned tries = 0;
	uint32_t id;

	join_many(sim, 1, 1);
	id = sim_release(sim, 0);
	fill_peers(sim);
	first = last = sim->utc_ms;
	while (sim_out(sim) == 1) {
		int64_t waited = 0;
		unsigned step = tries < 6 ? tries : 6;

		assert_int_equal(sim->peer[0].n + sim->peer[1].n, 1);
		tries++;
		answer_all(sim, IPC_DEFERRED);
		for (; sim_out(sim) == 0 && waited < 5 * HOUR;
		    waited += 30000) {
			sim_pass(sim, 30000);
			fill_peers(sim);
		}
		if (sim_out(sim) == 1 && sim->utc_ms - first <
		    47ll * HOUR)
			assert_in_range(sim->utc_ms - last,
			    minutes[step] * (int64_t)MINUTE * 85 / 100,
			    minutes[step] * (int64_t)MINUTE * 115 / 100 +
			    60000);
		if (tries == 4) {	/* it survives a restart */
			sim_crash(sim, false);
			sim_start(sim);
			fill_peers(sim);
		}
		last = sim->utc_ms;
	}
	sim_until(sim, id, CAMPAIGN_FINISHED);
	sum_is_right(sim, id, &v);
	assert_int_equal(v.expired, 1);
	assert_in_range(tries, 15, 20);
	assert_true(last - first > 47ll * HOUR);
	sim_free(sim);
}

/*
 * A row comes due, and its campaign's time is over, before the batch that puts
 * it is durable: who looks for it then sees none, and must look again.
 */
static void
a_row_is_due_before_its_commit(void **state)
{
	struct sim *sim = begin(state, 1);
	struct campaign c;
	uint32_t id;

	join_many(sim, 1, 1);
	id = sim_release(sim, sim->utc_ms + HOUR);
	fill_peers(sim);
	assert_int_equal(sim_out(sim), 1);
	for (unsigned p = 0; p < sim->peers; p++)
		if (sim->peer[p].n > 0)
			sim_answer(sim, p, 0, IPC_DEFERRED);
	sim_turn(sim);
	sim_pass(sim, 25);
	sim_turn(sim);			/* the batch is on its way */
	sim_pass(sim, HOUR);
	for (int i = 0; i < 20; i++) {	/* they look for it */
		sim_turn(sim);
		for (unsigned p = 0; p < sim->peers; p++)
			sim_peer_step(sim, p);
	}
	while (sim_commit(sim))
		sim_turn(sim);
	sim_settle(sim);
	sim_pass(sim, 1000);
	sim_settle(sim);
	sim_tally(sim, id, &c);
	assert_int_equal(c.state, CAMPAIGN_FINISHED);
	sim_free(sim);
}

/*
 * All that is still deferred near the end of a campaign's time is due in the
 * same millisecond, the last one: none of it may be passed over.
 */
static void
many_end_in_one_moment(void **state)
{
	struct sim *sim = begin(state, 1);
	struct tally v;
	struct campaign c;
	int64_t end = sim->utc_ms + MINUTE;
	uint32_t id;

	join_many(sim, 1, 1500);
	id = sim_release(sim, end);
	for (int i = 0; i < 400; i++) {
		fill_peers(sim);
		answer_all(sim, IPC_DEFERRED);
	}
	assert_true(sim->utc_ms < end);
	assert_int_equal(sim_tally(sim, id, &c).deferred, 1500);
	sim_until(sim, id, CAMPAIGN_FINISHED);
	sum_is_right(sim, id, &v);
	assert_int_equal(v.expired, 1500);
	assert_true(sim->utc_ms < end + MINUTE);
	sim_free(sim);
}

/* The same, with a domain that is gone when they are due. */
static void
many_fail_in_one_moment(void **state)
{
	struct sim *sim = begin(state, 1);
	struct campaign c;
	struct tally v;
	uint32_t id, paused;

	join_many(sim, 1, 300);
	paused = sim_release(sim, 0);
	id = sim_release(sim, 0);
	for (int i = 0; i < 200; i++) {
		fill_peers(sim);
		answer_all(sim, IPC_DEFERRED);
	}
	assert_int_equal(sim_tally(sim, id, &c).deferred, 300);
	sim_set_state(sim, paused, CAMPAIGN_PAUSED);
	sim->dns[1] = SIM_DNS_NXDOMAIN;
	sim_until(sim, id, CAMPAIGN_FINISHED);
	sum_is_right(sim, id, &v);
	assert_int_equal(v.failed, 300);
	assert_int_equal(sim_tally(sim, paused, &c).deferred, 300);
	sim_free(sim);
}

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

static void
permanent_failure_is_the_end(void **state)
{
	struct sim *sim = begin(state, 1);
	struct tally v;
	uint32_t id;

	join_many(sim, 1, 3);
	id = sim_release(sim, 0);
	fill_peers(sim);
	answer_all(sim, IPC_FAILED);
	sim_until(sim, id, CAMPAIGN_FINISHED);
	sum_is_right(sim, id, &v);
	assert_int_equal(v.failed, 3);
	assert_int_equal(v.attempts, 3);
	sim_free(sim);
}

/* resend-failed: a new campaign over those who failed, and nobody else. */
static void
a_resend_goes_to_the_failed(void **state)
{
	struct sim *sim = begin(state, 1);
	struct tally v;
	uint32_t id;

	join_many(sim, 1, 40);
	id = sim_release(sim, 0);
	fill_peers(sim);
	answer_all(sim, IPC_FAILED);
	sim_until(sim, id, CAMPAIGN_FINISHED);
	sum_is_right(sim, id, &v);
	assert_in_range(v.failed, 1, 39);
	/* One of them leaves, one more joins. */
	for (uint64_t i = 1; i <= 40; i++)
		if (sim->delivered[i] == 0) {
			audience_leave(i);
			sim->delivered[i] = 1;
			break;
		}
	join_many(sim, 1, 1);
	id = sim_resend(sim, id);
	sim_crash(sim, false);
	sim_start(sim);
	sim_until(sim, id, CAMPAIGN_FINISHED);
	for (uint64_t i = 1; i <= 41; i++)
		assert_int_equal(sim->delivered[i], i <= 40);
	sum_is_right(sim, id, &v);
	assert_int_equal(v.left, 1);
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

/* At most a quarter goes to retries while fresh mail waits. */
static void
fresh_mail_goes_before_retries(void **state)
{
	struct sim *sim = begin(state, 1);
	unsigned fresh = 0, retry = 0;

	join_many(sim, 1, 3000);
	sim_release(sim, 0);
	for (int i = 0; i < 12; i++) {
		fill_peers(sim);
		answer_all(sim, IPC_DEFERRED);
	}
	sim_pass(sim, 6 * MINUTE);
	for (int i = 0; i < 12; i++) {
		fill_peers(sim);
		for (unsigned p = 0; p < sim->peers; p++)
			for (size_t k = 0; k < sim->peer[p].n; k++) {
				fresh += sim->peer[p].out[k].d.attempt == 1;
				retry += sim->peer[p].out[k].d.attempt > 1;
			}
		answer_all(sim, IPC_DELIVERED);
	}
	assert_true(retry > 0);
	assert_in_range(retry * 100 / (fresh + retry), 15, 26);
	sim_free(sim);
}

/* S22: who leaves while a copy is deferred never gets it. */
static void
leaving_ends_a_deferral(void **state)
{
	struct sim *sim = begin(state, 1);
	struct tally v;
	uint32_t id;

	join_many(sim, 1, 2);
	id = sim_release(sim, 0);
	fill_peers(sim);
	answer_all(sim, IPC_DEFERRED);
	audience_leave(1);
	audience_suspend(2);
	sim_until(sim, id, CAMPAIGN_FINISHED);
	sum_is_right(sim, id, &v);
	assert_int_equal(v.left, 1);
	assert_int_equal(v.suppressed, 1);
	assert_int_equal(sim->delivered[1] + sim->delivered[2], 0);
	sim_free(sim);
}

/* Suspended and resumed while it runs is not to have left. */
static void
resumed_is_not_left(void **state)
{
	struct sim *sim = begin(state, 1);
	struct tally v;
	uint32_t id;

	join_many(sim, 1, 5);
	audience_suspend(5);
	id = sim_release(sim, 0);	/* counts four */
	audience_suspend(1);
	audience_resume(1);
	audience_resume(5);		/* but never was counted */
	fill_peers(sim);
	assert_int_equal(sim_out(sim), 4);
	answer_all(sim, IPC_DEFERRED);
	audience_suspend(2);
	audience_resume(2);		/* with a deferral */
	audience_suspend(3);		/* stays so */
	audience_leave(4);
	sim_until(sim, id, CAMPAIGN_FINISHED);
	sum_is_right(sim, id, &v);
	assert_int_equal(v.delivered, 2);
	assert_int_equal(v.suppressed, 1);
	assert_int_equal(v.left, 1);
	assert_int_equal(sim->delivered[1] + sim->delivered[2], 2);
	assert_int_equal(sim->delivered[5], 0);
	sim_free(sim);
}

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

/* Nobody waits for a cancelled one, whatever was on its way to disk. */
static void
cancelled_has_no_deferred(void **state)
{
	struct sim *sim = begin(state, 1);
	struct campaign c;
	struct tally v;
	uint32_t id;

	join_many(sim, 1, 8);
	id = sim_release(sim, 0);
	fill_peers(sim);
	answer_all(sim, IPC_DEFERRED);
	assert_int_equal(sim_tally(sim, id, &c).deferred, 8);
	sim_pass(sim, 20 * 60000);
	fill_peers(sim);
	assert_true(sim_out(sim) > 0);		/* their second attempts */
	sim_set_state(sim, id, CAMPAIGN_CANCELLED);
	assert_int_equal(sim_tally(sim, id, &c).deferred, 0);
	while (sim_out(sim) > 4)
		sim_answer(sim, sim->peer[0].n > 0 ? 0 : 1, 0,
		    IPC_DELIVERED);
	answer_all(sim, IPC_DEFERRED);
	sim_settle(sim);
	v = sim_tally(sim, id, &c);
	assert_int_equal(v.deferred, 0);
	assert_true(tally_ended(&v) < c.count);
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

/* The campaign's send_by closes what is left, whatever it waits for. */
static void
send_by_ends_it(void **state)
{
	struct sim *sim = begin(state, 3);
	struct campaign c;
	struct tally v;
	uint32_t id;

	join_many(sim, 3, 5);		/* site 0: deferred */
	join_many(sim, 1, 2500);	/* site 1: down */
	join_many(sim, 2, 7);		/* no DNS */
	sim->site_down[1] = true;
	sim->dns[2] = SIM_DNS_TEMPORARY;
	id = sim_release(sim, sim->utc_ms + 3 * HOUR);
	fill_peers(sim);
	answer_all(sim, IPC_DEFERRED);
	for (int i = 0; i < 10; i++) {
		sim_pass(sim, 17 * MINUTE);
		fill_peers(sim);
		answer_all(sim, IPC_DEFERRED);
	}
	v = sim_tally(sim, id, &c);
	assert_int_equal(tally_ended(&v), 0);
	sim_pass(sim, HOUR);
	sim_until(sim, id, CAMPAIGN_FINISHED);
	sum_is_right(sim, id, &v);
	assert_int_equal(v.expired, 2512);
	sim_free(sim);
}

/* Begun goes on; what only waited with a session has its end at once. */
static void
send_by_reaches_what_is_out(void **state)
{
	struct sim *sim = begin(state, 1);
	unsigned begun = 0;
	struct tally v;
	uint32_t id;
	size_t out;

	join_many(sim, 1, 200);
	id = sim_release(sim, sim->utc_ms + HOUR);
	fill_peers(sim);
	out = sim_out(sim);
	for (unsigned p = 0; p < sim->peers; p++)
		if (sim->peer[p].n > 0) {
			sim->peer[p].out[0].begun = true;
			begun++;
		}
	assert_in_range(begun, 1, out - 1);
	sim_pass(sim, HOUR);
	sim_until(sim, id, CAMPAIGN_FINISHED);
	sum_is_right(sim, id, &v);
	assert_int_equal(v.delivered, begun);
	assert_int_equal(v.expired, 200 - begun);
	sim_free(sim);
}

/* ---- pause, cancel, hold */

static void
done_recall(void *arg, const struct scheduler_recalled *r)
{
	*(struct scheduler_recalled *)arg = *r;
}

/*
 * Retries that were read and wait at their site belong to their campaign
 * still: what pauses, cancels or ends it is true for them too.
 */
static struct sim *
retries_at_site(void **state, uint32_t *id, int64_t send_by_ms)
{
	struct sim *sim = begin(state, 1);

	sim->limits.connections_per_site = 1;
	scheduler_set_limits(sim->s, &sim->limits);
	join_many(sim, 1, 60);
	*id = sim_release(sim, send_by_ms == 0 ? 0 : sim->utc_ms +
	    send_by_ms);
	for (int i = 0; i < 60; i++) {
		fill_peers(sim);
		answer_all(sim, IPC_DEFERRED);
	}
	assert_int_equal(sim_out(sim), 0);
	sim_pass(sim, 8 * MINUTE);
	fill_peers(sim);
	/* Fewer are out than came due: the others wait in memory. */
	assert_in_range(sim_out(sim), 1, 59);
	return sim;
}

static void
retries_wait_with_their_campaign(void **state)
{
	struct scheduler_recalled r = { 0, 0 };
	struct tally v;
	uint32_t id;
	struct sim *sim = retries_at_site(state, &id, 0);

	sim_set_state(sim, id, CAMPAIGN_PAUSED);
	scheduler_recall(sim->s, id, NULL, 0, done_recall, &r);
	for (int i = 0; i < 20; i++) {
		sim_settle(sim);
		sim_pass(sim, MINUTE);
	}
	for (size_t i = 1; i <= audience.n; i++)
		assert_int_equal(sim->delivered[i], 0);
	sim_set_state(sim, id, CAMPAIGN_RUNNING);
	sim_until(sim, id, CAMPAIGN_FINISHED);
	each_got_one(sim);
	sum_is_right(sim, id, &v);
	sim_free(sim);
}

static void
retries_end_with_their_campaign(void **state)
{
	struct scheduler_recalled r = { 0, 0 };
	struct scheduler_summary sum;
	uint32_t id;
	struct sim *sim = retries_at_site(state, &id, 0);

	sim_set_state(sim, id, CAMPAIGN_CANCELLED);
	scheduler_recall(sim->s, id, NULL, 0, done_recall, &r);
	for (int i = 0; i < 20; i++) {
		sim_settle(sim);
		sim_pass(sim, MINUTE);
	}
	for (size_t i = 1; i <= audience.n; i++)
		assert_int_equal(sim->delivered[i], 0);
	scheduler_summary(sim->s, &sum);
	assert_int_equal(sum.campaigns, 0);
	sim_free(sim);
}

/* R102: none goes out after the end, and the end needs no later look. */
static void
retries_expire_with_their_campaign(void **state)
{
	struct tally v;
	uint32_t id;
	struct sim *sim = retries_at_site(state, &id, 10 * MINUTE);
	size_t out = sim_out(sim);

	sim_pass(sim, 3 * MINUTE);
	sim_turn(sim);
	assert_int_equal(sim_out(sim), out);
	sim_kill_peer(sim, 0);		/* what was out comes back */
	answer_all(sim, IPC_DEFERRED);
	for (int i = 0; i < 10; i++) {
		fill_peers(sim);
		assert_int_equal(sim_out(sim), 0);
	}
	sum_is_right(sim, id, &v);
	assert_int_equal(v.expired, 60);
	sim_free(sim);
}

/* S7, S49: nothing goes out while it is paused, all of it afterwards. */
static void
pause_and_resume(void **state)
{
	struct sim *sim = begin(state, 2);
	struct scheduler_recalled r = { 0, 0 };
	struct tally v;
	uint32_t id;
	size_t out;

	join_many(sim, 1, 300);
	join_many(sim, 2, 300);
	id = sim_release(sim, 0);
	fill_peers(sim);
	out = sim_out(sim);
	assert_true(out > 0);
	sim_set_state(sim, id, CAMPAIGN_PAUSED);
	scheduler_recall(sim->s, id, NULL, 0, done_recall, &r);
	sim_settle(sim);
	assert_int_equal(r.dropped, out);
	assert_int_equal(r.begun, 0);
	assert_int_equal(sim_out(sim), 0);
	for (int i = 0; i < 50; i++) {
		sim_pass(sim, HOUR);
		sim_settle(sim);
	}
	for (size_t i = 1; i <= audience.n; i++)
		assert_int_equal(sim->delivered[i], 0);
	sim_set_state(sim, id, CAMPAIGN_RUNNING);
	sim_until(sim, id, CAMPAIGN_FINISHED);
	each_got_one(sim);
	sum_is_right(sim, id, &v);
	sim_free(sim);
}

static void
cancel_stops_it(void **state)
{
	struct sim *sim = begin(state, 1);
	struct scheduler_recalled r = { 0, 0 };
	struct scheduler_summary sum;
	struct campaign c;
	uint32_t id;

	join_many(sim, 1, 500);
	id = sim_release(sim, 0);
	fill_peers(sim);
	answer_all(sim, IPC_DEFERRED);
	fill_peers(sim);
	sim_set_state(sim, id, CAMPAIGN_CANCELLED);
	scheduler_recall(sim->s, id, NULL, 0, done_recall, &r);
	for (int i = 0; i < 20; i++) {
		sim_settle(sim);
		sim_pass(sim, HOUR);
	}
	for (size_t i = 1; i <= audience.n; i++)
		assert_int_equal(sim->delivered[i], 0);
	scheduler_summary(sim->s, &sum);
	assert_int_equal(sum.campaigns, 0);
	assert_int_equal(sum.waiting, 0);
	assert_int_equal(sum.domains_deferred, 0);
	sim_tally(sim, id, &c);
	assert_int_equal(c.state, CAMPAIGN_CANCELLED);
	sim_free(sim);
}

static void
a_held_list_waits(void **state)
{
	struct sim *sim = begin(state, 1);
	struct campaign c;
	struct tally v;
	uint32_t id;

	join_many(sim, 1, 100);
	audience.held = true;
	id = sim_release(sim, 0);
	for (int i = 0; i < 100; i++) {
		sim_settle(sim);
		sim_pass(sim, MINUTE);
	}
	v = sim_tally(sim, id, &c);
	assert_int_equal(tally_ended(&v) + v.deferred, 0);
	/* Held is asked again by time, not by every turn. */
	assert_true(audience.gate_calls < 2000);
	audience.held = false;
	scheduler_holds_changed(sim->s);
	sim_until(sim, id, CAMPAIGN_FINISHED);
	each_got_one(sim);
	sim_free(sim);
}

/* ---- recalls: P4 */

static void
a_recall_is_answered_in_time(void **state)
{
	struct sim *sim = begin(state, 1);
	struct scheduler_recalled r = { 99, 99 };
	uint64_t who;
	uint32_t id;

	join_many(sim, 1, 3);
	id = sim_release(sim, 0);
	fill_peers(sim);
	assert_int_equal(sim_out(sim), 3);

	/* Nothing of it is out: at once. */
	who = 4711;
	scheduler_recall(sim->s, 0, &who, 1, done_recall, &r);
	assert_true(r.dropped == 0 && r.begun == 0);

	/* Not begun: it comes back, and the gate ends it. */
	who = sim->peer[0].n > 0 ? sim->peer[0].out[0].d.subscriber :
	    sim->peer[1].out[0].d.subscriber;
	audience_leave(who);
	r.dropped = 99;
	scheduler_recall(sim->s, 0, &who, 1, done_recall, &r);
	assert_int_equal(r.dropped, 99);
	sim_settle(sim);
	assert_true(r.dropped == 1 && r.begun == 0);
	assert_int_equal(sim->delivered[who], 0);
	sim_until(sim, id, CAMPAIGN_FINISHED);
	sim_free(sim);
}

static void
a_recall_without_answer_ends(void **state)
{
	struct sim *sim = begin(state, 1);
	struct scheduler_recalled r = { 99, 99 };
	struct scheduler_summary sum;
	uint64_t who = 1;

	join_many(sim, 1, 1);
	sim_release(sim, 0);
	fill_peers(sim);
	assert_int_equal(sim_out(sim), 1);
	sim->ignore_recalls = true;
	scheduler_recall(sim->s, 0, &who, 1, done_recall, &r);
	sim_turn(sim);
	assert_in_range(sim->wait_ms, 1, SCHEDULER_RECALL_MS);
	sim_pass(sim, SCHEDULER_RECALL_MS - 1);
	sim_turn(sim);
	assert_int_equal(r.begun, 99);
	sim_pass(sim, 1);
	sim_turn(sim);
	assert_true(r.dropped == 0 && r.begun == 1);
	scheduler_summary(sim->s, &sum);
	assert_int_equal(sum.begun, 1);
	sim_free(sim);
}

/* Two that ask for the same delivery both wait for its answer. */
static void
recalls_may_meet(void **state)
{
	struct sim *sim = begin(state, 1);
	struct scheduler_recalled a = { 99, 99 }, b = { 99, 99 };
	uint64_t who = 1;
	uint32_t id;

	join_many(sim, 1, 1);
	id = sim_release(sim, 0);
	fill_peers(sim);
	scheduler_recall(sim->s, id, NULL, 0, done_recall, &a);
	scheduler_recall(sim->s, 0, &who, 1, done_recall, &b);
	assert_true(a.dropped == 99 && b.dropped == 99);
	sim_settle(sim);
	assert_true(a.dropped == 1 && b.dropped == 1);
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
		T(resumed_is_not_left),
		T(what_can_not_be_made_is_held),
		T(what_is_never_mended_expires),
		T(cancelled_has_no_deferred),
		T(notices_do_not_wait),
		T(campaigns_take_turns),
		T(a_deferral_comes_back_until_it_expires),
		T(a_row_is_due_before_its_commit),
		T(retries_end_with_their_campaign),
		T(retries_expire_with_their_campaign),
		T(retries_wait_with_their_campaign),
		T(many_end_in_one_moment),
		T(many_fail_in_one_moment),
		T(a_damaged_row_holds_up_no_other),
		T(a_damaged_domain_is_not_guessed_at),
		T(a_damaged_notice_holds_up_no_other),
		T(permanent_failure_is_the_end),
		T(a_resend_goes_to_the_failed),
		T(a_domain_is_explained),
		T(fresh_mail_goes_before_retries),
		T(leaving_ends_a_deferral),
		T(domains_without_mail),
		T(send_by_ends_it),
		T(send_by_reaches_what_is_out),
		T(pause_and_resume),
		T(cancel_stops_it),
		T(a_held_list_waits),
		T(a_recall_is_answered_in_time),
		T(a_recall_without_answer_ends),
		T(recalls_may_meet),
		T(old_outcomes_count_once),
		T(a_late_role_is_not_waited_for),
		T(a_deliver_role_may_die),
		T(no_role_no_haste),
		T(drained_means_all_is_written),
		T(damage_stops_one_campaign),
		T(a_full_map_is_got_over),
		T(bad_frames_are_refused),
		T(nobody_ready_is_no_hurry),
		T(a_key_is_asked_for),
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
