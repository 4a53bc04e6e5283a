/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_scheduler_stops.c - what halts or ends a campaign before all of it is
 * out: pauses, cancels, holds, its time, and the recalls that follow.
 */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/queue_steps.h"

#define MINUTE	60000
#define HOUR	(60 * MINUTE)

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

/* Past its time as well: it expires when it is set free. */
static void
a_held_list_may_be_late(void **state)
{
	struct sim *sim = begin(state, 1);
	struct tally v;
	uint32_t id;

	join_many(sim, 1, 10);
	audience.held = true;
	id = sim_release(sim, sim->utc_ms + HOUR);
	sim_settle(sim);
	sim_pass(sim, HOUR);
	sim_turn(sim);
	sim_settle(sim);
	sim_turn(sim);
	assert_true(sim->wait_ms > 0);
	audience.held = false;
	scheduler_holds_changed(sim->s);
	sim_until(sim, id, CAMPAIGN_FINISHED);
	sum_is_right(sim, id, &v);
	assert_int_equal(v.expired, 10);
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

/* How many were sent to, by what the deliver roles did. */
static uint64_t
accepted(const struct sim *sim)
{
	uint64_t n = 0;

	for (size_t i = 1; i <= audience.n; i++)
		n += sim->delivered[i];
	return n;
}

/* Content of everything that is out is on its way: no recall reaches it. */
static void
begin_all(struct sim *sim)
{
	for (unsigned p = 0; p < sim->peers; p++)
		for (size_t i = 0; i < sim->peer[p].n; i++)
			sim->peer[p].out[i].begun = true;
}

enum crash { CRASH_BEFORE, CRASH_AFTER, CRASH_TWICE };

/*
 * Half of what is out was answered and its commit is lost, half is answered
 * after the crash; before, or in the midst of which, it was cancelled.
 */
static struct sim *
cancel_and_crash(void **state, bool retries, enum crash when)
{
	struct sim *sim = begin(state, 2);
	struct scheduler_summary sum;
	struct campaign c;
	struct tally v;
	uint32_t id;

	sim->part_members = 50;
	join_many(sim, 1, 120);
	join_many(sim, 2, 7);
	id = sim_release(sim, 0);
	fill_peers(sim);
	if (retries) {
		answer_all(sim, IPC_DEFERRED);
		sim_pass(sim, 20 * MINUTE);
		fill_peers(sim);
	} else {
		answer_all(sim, IPC_DELIVERED);
		fill_peers(sim);
	}
	assert_true(sim_out(sim) > 4);
	begin_all(sim);
	sim->auto_commit = false;
	for (size_t i = sim_out(sim) / 2; i > 0; i--)
		sim_answer(sim, sim->peer[0].n > 0 ? 0 : 1, 0,
		    IPC_DELIVERED);
	sim_turn(sim);
	if (when != CRASH_BEFORE)
		sim_set_state(sim, id, CAMPAIGN_CANCELLED);
	sim_crash(sim, false);
	sim_start(sim);
	for (int i = 0; i < 3; i++)	/* all that it does before it hears */
		sim_turn(sim);
	if (when == CRASH_BEFORE)
		sim_set_state(sim, id, CAMPAIGN_CANCELLED);
	sim_turn(sim);
	assert_false(scheduler_is_told(sim->s, id));
	if (when == CRASH_TWICE) {
		for (int i = 0; i < 5; i++)
			sim_peer_step(sim, 0);
		sim_turn(sim);
		sim_crash(sim, sim_chance(sim) % 2 == 0);
		sim_start(sim);
	}
	sim->auto_commit = true;
	sim_settle(sim);
	v = sim_tally(sim, id, &c);
	assert_int_equal(c.state, CAMPAIGN_CANCELLED);
	assert_int_equal(v.delivered, accepted(sim));
	assert_int_equal(v.deferred, 0);
	assert_true(tally_ended(&v) < c.count);
	scheduler_summary(sim->s, &sum);
	assert_int_equal(sum.campaigns, 0);
	assert_int_equal(sum.duplicates, 0);
	assert_true(scheduler_is_told(sim->s, id));
	sim_pass(sim, HOUR);
	sim_settle(sim);
	scheduler_summary(sim->s, &sum);
	assert_int_equal(sum.domains_deferred, 0);
	assert_int_equal(accepted(sim), v.delivered);
	return sim;
}

/* What was accepted counts, though the campaign and the queue role ended. */
static void
cancelled_counts_through_a_crash(void **state)
{
	sim_free(cancel_and_crash(state, false, CRASH_AFTER));
}

static void
cancelled_after_a_crash_counts(void **state)
{
	sim_free(cancel_and_crash(state, false, CRASH_BEFORE));
}

static void
cancelled_counts_through_two_crashes(void **state)
{
	sim_free(cancel_and_crash(state, false, CRASH_TWICE));
}

static void
cancelled_retries_count_through_a_crash(void **state)
{
	sim_free(cancel_and_crash(state, true, CRASH_AFTER));
}

static void
cancelled_retries_after_a_crash_count(void **state)
{
	sim_free(cancel_and_crash(state, true, CRASH_BEFORE));
}

/* ---- send_by */

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

/* Nobody wants it any more, whether it is resumed or not. */
static void
send_by_ends_a_paused_one(void **state)
{
	struct sim *sim = begin(state, 2);
	struct scheduler_recalled r = { 0, 0 };
	struct campaign c;
	struct tally v;
	uint32_t id;

	join_many(sim, 1, 20);		/* deferred once */
	id = sim_release(sim, sim->utc_ms + 2 * HOUR);
	fill_peers(sim);
	answer_all(sim, IPC_DEFERRED);
	join_many(sim, 2, 30);		/* no recipients of it */
	sim_pass(sim, 20 * MINUTE);
	fill_peers(sim);
	assert_true(sim_out(sim) > 0);
	sim_set_state(sim, id, CAMPAIGN_PAUSED);
	scheduler_recall(sim->s, id, NULL, 0, done_recall, &r);
	sim_settle(sim);
	sim_pass(sim, 99 * MINUTE);
	sim_settle(sim);
	v = sim_tally(sim, id, &c);
	assert_int_equal(c.state, CAMPAIGN_PAUSED);
	assert_int_equal(tally_ended(&v), 0);
	/* The timer is set for it, nothing else wakes it. */
	sim_turn(sim);
	assert_in_range(sim->wait_ms, 1, MINUTE);
	sim_pass(sim, MINUTE);
	sim_until(sim, id, CAMPAIGN_FINISHED);
	sum_is_right(sim, id, &v);
	assert_int_equal(v.expired, 20);
	assert_int_equal(v.deferred, 0);
	sim_free(sim);
}

/* The same of domains that nobody began, past its time while it was down. */
static void
send_by_is_kept_over_a_restart(void **state)
{
	struct sim *sim = begin(state, 2);
	struct tally v;
	uint32_t id;

	join_many(sim, 1, 1500);
	join_many(sim, 2, 30);
	id = sim_release(sim, sim->utc_ms + HOUR);
	sim_set_state(sim, id, CAMPAIGN_PAUSED);
	sim_settle(sim);
	sim_crash(sim, false);
	sim_pass(sim, 2 * HOUR);
	sim_start(sim);
	sim_until(sim, id, CAMPAIGN_FINISHED);
	sum_is_right(sim, id, &v);
	assert_int_equal(v.expired, 1530);
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

static unsigned
site_of_out(const struct sim *sim, const struct ipc_delivery *d)
{
	return sim->domain_site[audience_find(d->subscriber)->domain];
}

/* What is out at a site; the first of each peer begins if begin says so. */
static unsigned
out_at(struct sim *sim, unsigned site, bool begin, unsigned *begun_r)
{
	unsigned n = 0;

	*begun_r = 0;
	for (unsigned p = 0; p < sim->peers; p++) {
		bool first = begin;

		for (size_t i = 0; i < sim->peer[p].n; i++) {
			if (site_of_out(sim, &sim->peer[p].out[i].d) != site)
				continue;
			if (first)
				sim->peer[p].out[i].begun = true;
			first = false;
			*begun_r += sim->peer[p].out[i].begun;
			n++;
		}
	}
	return n;
}

/* S7: what had begun goes on, all else at the site comes back. */
static void
a_suspension_recalls_its_site(void **state)
{
	struct sim *sim = begin(state, 2);
	struct scheduler_recalled r = { 99, 99 };
	unsigned begun, out, other, none;
	uint32_t id;

	join_many(sim, 1, 40);
	join_many(sim, 2, 40);
	id = sim_release(sim, 0);
	fill_peers(sim);
	out = out_at(sim, 0, true, &begun);
	other = out_at(sim, 1, false, &none);
	assert_true(begun > 0 && out > begun && other > 0);

	scheduler_recall_site(sim->s, "other.example", done_recall, &r);
	assert_true(r.dropped == 0 && r.begun == 0);
	assert_true(scheduler_site_suspend(sim->s, "mx0.example", "by hand"));
	r.dropped = 99;
	sim->no_answers = true;
	scheduler_recall_site(sim->s, "mx0.example", done_recall, &r);
	assert_int_equal(r.dropped, 99);
	sim_settle(sim);
	assert_int_equal(r.begun, begun);
	assert_int_equal(r.dropped, out - begun);
	assert_int_equal(out_at(sim, 0, false, &begun), r.begun);
	assert_true(out_at(sim, 1, false, &none) >= other);

	sim->no_answers = false;
	assert_true(scheduler_site_resume(sim->s, "mx0.example"));
	sim_until(sim, id, CAMPAIGN_FINISHED);
	each_got_one(sim);
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

#define T(F)	cmocka_unit_test_setup_teardown(F, world_setup, world_teardown)

/* S42: who is a member by force alone gets nothing, and it is counted. */
static void
forged_members_get_nothing(void **state)
{
	struct sim *sim = begin(state, 1);
	struct scheduler_summary sum;
	struct tally v;
	uint32_t id;

	join_many(sim, 1, 30);
	for (uint64_t who = 5; who <= 7; who++)
		audience_find(who)->forged = true;
	id = sim_release(sim, 0);
	sim_until(sim, id, CAMPAIGN_FINISHED);
	sum_is_right(sim, id, &v);
	assert_int_equal(v.delivered, 27);
	assert_int_equal(v.suppressed, 3);
	for (uint64_t who = 5; who <= 7; who++)
		assert_int_equal(sim->delivered[who], 0);
	scheduler_summary(sim->s, &sum);
	assert_int_equal(sum.no_consent, 3);
	sim_free(sim);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(cancelled_has_no_deferred),
		T(cancelled_counts_through_a_crash),
		T(cancelled_after_a_crash_counts),
		T(cancelled_counts_through_two_crashes),
		T(cancelled_retries_count_through_a_crash),
		T(cancelled_retries_after_a_crash_count),
		T(retries_end_with_their_campaign),
		T(retries_expire_with_their_campaign),
		T(retries_wait_with_their_campaign),
		T(send_by_ends_it),
		T(send_by_reaches_what_is_out),
		T(send_by_ends_a_paused_one),
		T(send_by_is_kept_over_a_restart),
		T(pause_and_resume),
		T(cancel_stops_it),
		T(a_held_list_waits),
		T(a_held_list_may_be_late),
		T(a_recall_is_answered_in_time),
		T(a_recall_without_answer_ends),
		T(recalls_may_meet),
		T(a_suspension_recalls_its_site),
		T(forged_members_get_nothing),
	};

	log_sim();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
