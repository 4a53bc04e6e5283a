/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_scheduler_retries.c - what becomes of mail that was not taken: it is
 * tried again, fails or expires.
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

#define T(F)	cmocka_unit_test_setup_teardown(F, world_setup, world_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(resumed_is_not_left),
		T(a_deferral_comes_back_until_it_expires),
		T(a_row_is_due_before_its_commit),
		T(many_end_in_one_moment),
		T(many_fail_in_one_moment),
		T(permanent_failure_is_the_end),
		T(a_resend_goes_to_the_failed),
		T(fresh_mail_goes_before_retries),
		T(leaving_ends_a_deferral),
	};

	log_sim();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
