/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_after_data.c - copies that were sent whole and not answered, so that
 * they may have arrived (R104, RFC 1047): who gets another, and who does not.
 */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "lib/sys/log.h"
#include "tests/queue_steps.h"

#define MINUTE	60000
#define HOUR	(60 * MINUTE)

/* Ten, of whom that much is known; what arrived is counted as it left. */
static struct sim *
ten_unanswered(void **state, enum campaign_after after, uint32_t *id)
{
	struct sim *sim = begin(state, 1);
	struct campaign c;
	struct tally v;

	join_many(sim, 1, 10);
	*id = sim_release(sim, 0);
	sim_set_after(sim, *id, after);
	fill_peers(sim);
	answer_all(sim, IPC_UNANSWERED);
	v = sim_tally(sim, *id, &c);
	assert_int_equal(v.unanswered, 10);
	assert_int_equal(v.attempts, 10);
	return sim;
}

static void
copies_of_each(struct sim *sim, unsigned n)
{
	for (size_t i = 1; i <= audience.n; i++)
		assert_int_equal(sim->delivered[i], n);
}

static void
unanswered_is_sent_again(void **state)
{
	uint32_t id;
	struct sim *sim = ten_unanswered(state, CAMPAIGN_AFTER_RESEND, &id);
	struct tally v;

	sim_until(sim, id, CAMPAIGN_FINISHED);
	sum_is_right(sim, id, &v);
	assert_int_equal(v.delivered, 10);
	assert_int_equal(v.unanswered, 10);
	copies_of_each(sim, 2);
	sim_free(sim);
}

/* Never in a loop: a server that takes all and says nothing gets three. */
static void
unanswered_is_not_sent_for_ever(void **state)
{
	uint32_t id;
	struct sim *sim = ten_unanswered(state, CAMPAIGN_AFTER_RESEND, &id);
	struct tally v;

	for (int i = 0; i < 300; i++) {
		sim_pass(sim, 7 * MINUTE);
		fill_peers(sim);
		answer_all(sim, IPC_UNANSWERED);
	}
	copies_of_each(sim, CAMPAIGN_UNANSWERED_MAX);
	sim_crash(sim, true);
	sim_start(sim);
	sim_until(sim, id, CAMPAIGN_FINISHED);
	sum_is_right(sim, id, &v);
	copies_of_each(sim, CAMPAIGN_UNANSWERED_MAX);
	assert_int_equal(v.expired, 10);
	assert_int_equal(v.unanswered, 10 * CAMPAIGN_UNANSWERED_MAX);
	sim_free(sim);
}

static void
unanswered_is_assumed_to_have_arrived(void **state)
{
	uint32_t id;
	struct sim *sim = ten_unanswered(state, CAMPAIGN_AFTER_ASSUME, &id);
	struct tally v;

	sim_until(sim, id, CAMPAIGN_FINISHED);
	sum_is_right(sim, id, &v);
	assert_int_equal(v.delivered, 10);
	copies_of_each(sim, 1);
	sim_free(sim);
}

/* Held over a restart, until somebody decides or its time is over. */
static struct sim *
ten_held(void **state, uint32_t *id)
{
	struct sim *sim = ten_unanswered(state, CAMPAIGN_AFTER_HOLD, id);
	struct campaign c;

	for (int i = 0; i < 40; i++) {
		sim_pass(sim, HOUR);
		sim_settle(sim);
		if (i == 20) {
			sim_crash(sim, true);
			sim_start(sim);
		}
	}
	copies_of_each(sim, 1);
	assert_int_equal(sim_tally(sim, *id, &c).deferred, 10);
	return sim;
}

static void
held_and_then(void **state, enum campaign_after then, unsigned copies,
    unsigned delivered)
{
	uint32_t id;
	struct sim *sim = ten_held(state, &id);
	struct tally v;

	sim_set_after(sim, id, then);
	sim_until(sim, id, CAMPAIGN_FINISHED);
	sum_is_right(sim, id, &v);
	copies_of_each(sim, copies);
	assert_int_equal(v.delivered, delivered);
	assert_int_equal(v.expired, 10 - delivered);
	sim_free(sim);
}

static void
held_expires(void **state)
{
	held_and_then(state, CAMPAIGN_AFTER_HOLD, 1, 0);
}

static void
held_is_sent_again(void **state)
{
	held_and_then(state, CAMPAIGN_AFTER_RESEND, 2, 10);
}

static void
held_is_assumed_to_have_arrived(void **state)
{
	held_and_then(state, CAMPAIGN_AFTER_ASSUME, 1, 10);
}

#define T(F)	cmocka_unit_test_setup_teardown(F, world_setup, world_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(unanswered_is_sent_again),
		T(unanswered_is_not_sent_for_ever),
		T(unanswered_is_assumed_to_have_arrived),
		T(held_expires),
		T(held_is_sent_again),
		T(held_is_assumed_to_have_arrived),
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
