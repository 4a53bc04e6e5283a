/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_reacting.c - what follows from refusals: silence, and campaigns that
 * stop until a person says otherwise, as a receiver sees it.
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
#include "tests/queue_steps.h"

#define SECOND	1000
#define MINUTE	(60 * SECOND)
#define HOUR	(60 * MINUTE)

static const char silence[] =
    "[class too-much]\nenhanced = 4.7.28\ncategory = rate\n"
    "[reaction silence]\nclass = too-much\naction = suspend\n"
    "for = 600s\nrestart = 1\ngrow = 1\n";

/* R5: ten minutes of silence, then one connection, and one more each time. */
static void
silence_then_one_more_each_time(void **state)
{
	struct sim *sim = begin_shaped(state, 1, "", silence, NULL, 0);
	const struct reaction_action *a;
	int64_t refused;
	unsigned opens;
	size_t at = 0;
	uint32_t id;

	join_many(sim, 1, 3000);
	sim->site_down[0] = true;
	sim->refusal = "4.7.28 unusual rate of mail";
	id = sim_release(sim, 0);
	sim_settle(sim);
	refused = sim->mono_ms;
	assert_true(scheduler_action_next(sim->s, &at, &a));
	assert_non_null(strstr(a->reply, "4.7.28"));
	opens = sim->session_opens;
	sim->site_down[0] = false;
	for (int i = 0; i < 9; i++) {
		sim_pass(sim, MINUTE);
		sim_settle(sim);
		if (i == 4) {		/* a restart changes nothing */
			sim_crash(sim, false);
			sim_start(sim);
		}
	}
	assert_int_equal(sim->session_opens, opens);
	sim->nevents = 0;
	while (sim->session_opens == opens) {
		sim_turn(sim);
		while (sim_commit(sim))
			;
		for (unsigned p = 0; p < sim->peers; p++)
			if (sim->peer[p].nasked > 0 || sim->peer[p].hello)
				sim_peer_step(sim, p);
		sim_pass(sim, SECOND);
	}
	assert_true(sim->mono_ms - refused >= 600 * SECOND);
	assert_true(sim->mono_ms - refused < 660 * SECOND);
	/* Nothing more until that one is up. */
	for (int i = 0; i < 20; i++) {
		sim_turn(sim);
		sim_pass(sim, 50);
	}
	assert_int_equal(sim->session_opens, opens + 1);
	at = 0;
	assert_false(scheduler_action_next(sim->s, &at, &a));
	sim_until(sim, id, CAMPAIGN_FINISHED);
	each_got_one(sim);
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

/* A campaign of 1,000 that two refusals have stopped. */
static struct sim *
begin_and_stop(void **state, int64_t send_by_ms, uint32_t *id)
{
	struct sim *sim = begin_shaped(state, 1, "", "[class fault]\n"
	    "code = 550\ncategory = auth\n"
	    "[reaction stop]\nclass = fault\nwhen = 2 in 1h\n"
	    "action = stop-campaign\n", NULL, 0);

	join_many(sim, 1, 1000);
	*id = sim_release(sim, send_by_ms == 0 ? 0 : sim->utc_ms +
	    send_by_ms);
	for (int i = 0, said = 0; said < 2; i++) {
		assert_true(i < 1000);
		sim_turn(sim);
		while (sim_commit(sim))
			;
		if (sim_out(sim) > 2 && i > 20) {
			refuse_one(sim);
			said++;
		} else {
			sim_peer_step(sim, 0);
			sim_peer_step(sim, 1);
		}
		sim_pass(sim, 5);
	}
	/* What is out would be refused as well: it is called back. */
	assert_true(sim_out(sim) > 0);
	assert_int_equal(sim->peer[0].nrecalls + sim->peer[1].nrecalls,
	    sim_out(sim) + 1);
	sim_settle(sim);
	return sim;
}

/* Stopped until a person says otherwise, a restart or not. */
static void
a_campaign_is_stopped(void **state)
{
	uint32_t id;
	struct sim *sim = begin_and_stop(state, 0, &id);
	struct scheduler_progress pr;
	const struct reaction_action *a;
	unsigned done;
	size_t at = 0;

	done = delivered_at(sim, 0);
	assert_true(done < 990);
	assert_true(scheduler_progress(sim->s, id, &pr));
	assert_non_null(strstr(pr.why, "reaction"));
	sim_crash(sim, false);
	sim_start(sim);
	sim_pass(sim, HOUR);
	sim_settle(sim);
	assert_int_equal(delivered_at(sim, 0), done);
	assert_true(scheduler_action_next(sim->s, &at, &a));
	assert_true(scheduler_action_cancel(sim->s, a->id));
	sim_until(sim, id, CAMPAIGN_FINISHED);
	assert_int_equal(delivered_at(sim, 0), 998);
	sim_free(sim);
}

static void
nothing_stops(struct sim *sim)
{
	const struct reaction_action *a;
	size_t at = 0;
	struct txn *t;
	uint64_t n;

	assert_false(scheduler_action_next(sim->s, &at, &a));
	t = world_read(sim->w, STORE_Q);
	assert_int_equal(txn_count(t, TABLE_ACTIONS, &n, &sim->w->e), 0);
	txn_end(t);
	assert_int_equal(n, 0);
}

/* What stops a campaign for ever is not kept longer than that. */
static void
a_stop_ends_with_its_campaign(void **state)
{
	const struct reaction_action *a;
	size_t at = 0;
	uint32_t id;
	struct sim *sim = begin_and_stop(state, HOUR, &id);

	assert_true(scheduler_action_next(sim->s, &at, &a));
	sim_pass(sim, HOUR);
	sim_until(sim, id, CAMPAIGN_FINISHED);
	sim_settle(sim);
	nothing_stops(sim);
	sim_free(sim);
}

static void
a_stop_ends_with_a_cancelled_campaign(void **state)
{
	uint32_t id;
	struct sim *sim = begin_and_stop(state, 0, &id);

	sim_set_state(sim, id, CAMPAIGN_CANCELLED);
	sim_settle(sim);
	nothing_stops(sim);
	sim_free(sim);
}

/* What was out when it was cancelled may be refused as well. */
static void
a_cancelled_campaign_is_not_stopped(void **state)
{
	const struct reaction_action *a;
	size_t at = 0;
	uint32_t id;
	struct sim *sim = begin_and_stop(state, 0, &id);

	assert_true(scheduler_action_next(sim->s, &at, &a));
	assert_true(scheduler_action_cancel(sim->s, a->id));
	for (int i = 0; i < 10 && sim_out(sim) < 3; i++) {
		sim_turn(sim);
		while (sim_commit(sim))
			;
	}
	assert_true(sim_out(sim) >= 3);
	sim_set_state(sim, id, CAMPAIGN_CANCELLED);
	refuse_one(sim);
	refuse_one(sim);
	sim_settle(sim);
	nothing_stops(sim);
	sim_free(sim);
}

/* Queue died before it was written down. */
static void
a_stop_of_no_campaign_goes_at_the_start(void **state)
{
	const struct reaction_action *a;
	size_t at = 0;
	uint32_t id;
	struct sim *sim = begin_and_stop(state, 0, &id);

	sim_set_state(sim, id, CAMPAIGN_CANCELLED);
	sim_crash(sim, false);
	sim_start(sim);
	assert_false(scheduler_action_next(sim->s, &at, &a));
	sim_settle(sim);
	nothing_stops(sim);
	sim_free(sim);
}

/*
 * R4 in a 4yz: nobody is deferred for it, and yet the campaign that drew it
 * stops.  A refusal of a connection as such is no campaign's.
 */
static void
a_sites_refusal_counts_for_its_campaign(void **state)
{
	struct sim *sim = begin_shaped(state, 4, "", "[class fault]\n"
	    "enhanced = 4.7.26\ncategory = auth\nscheduler = site\n"
	    "[reaction stop]\nclass = fault\nwhen = 3 in 1h\n"
	    "action = stop-campaign\n", NULL, 0);
	struct scheduler_progress pr;
	struct scheduler_summary all;
	uint32_t id;

	for (unsigned d = 0; d < 4; d++) {
		join_many(sim, d + 1, 50);
		sim->site_down[d] = true;
	}
	sim->refusal = "4.7.26 not authenticated";
	id = sim_release(sim, 0);
	sim_settle(sim);
	assert_true(scheduler_progress(sim->s, id, &pr));
	assert_string_equal(pr.why, "");
	sim->blamed = id;
	sim_pass(sim, HOUR);
	sim_settle(sim);
	assert_true(scheduler_progress(sim->s, id, &pr));
	assert_non_null(strstr(pr.why, "reaction"));
	scheduler_summary(sim->s, &all);
	assert_int_equal(all.deferred, 0);
	sim_free(sim);
}

#define T(F)	cmocka_unit_test_setup_teardown(F, world_setup, world_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(silence_then_one_more_each_time),
		T(a_campaign_is_stopped),
		T(a_stop_ends_with_its_campaign),
		T(a_stop_ends_with_a_cancelled_campaign),
		T(a_cancelled_campaign_is_not_stopped),
		T(a_stop_of_no_campaign_goes_at_the_start),
		T(a_sites_refusal_counts_for_its_campaign),
	};
	log_sim();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
