/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_notices.c - confirmations and their like: when they go, and when it is
 * too late for them.
 */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "spool/notice.h"
#include "tests/queue_steps.h"

#define MINUTE	60000
#define HOUR	(60 * MINUTE)

/* A site that is known and suspended by hand. */
static struct sim *
begin_suspended(void **state)
{
	struct sim *sim = begin(state, 1);

	join_many(sim, 1, 1);
	sim_release(sim, 0);
	fill_peers(sim);
	assert_true(scheduler_site_suspend(sim->s, "mx0.example", "by hand"));
	sim_settle(sim);
	return sim;
}

static void
pass_hours(struct sim *sim, int hours)
{
	for (int i = 0; i < 4 * hours; i++) {
		sim_pass(sim, HOUR / 4);
		sim_settle(sim);
	}
}

/* It waits while its site is suspended, and goes when it no longer is. */
static void
one_waits_for_its_site(void **state)
{
	struct sim *sim = begin_suspended(state);

	audience_notice(1, sim->utc_ms);
	scheduler_notices_changed(sim->s);
	pass_hours(sim, 20);
	assert_int_equal(sim->notices_sent[1], 0);
	assert_true(audience.notice_there[0]);
	assert_true(scheduler_site_resume(sim->s, "mx0.example"));
	sim_settle(sim);
	sim_pass(sim, 6 * MINUTE);
	sim_settle(sim);
	assert_int_equal(sim->notices_sent[1], 1);
	sim_free(sim);
}

/* It has moved to other hosts meanwhile, which nobody suspended. */
static void
one_is_looked_for_elsewhere(void **state)
{
	struct sim *sim = begin_suspended(state);

	sim->sites = 2;
	audience_notice(1, sim->utc_ms);
	scheduler_notices_changed(sim->s);
	pass_hours(sim, 1);
	assert_int_equal(sim->notices_sent[1], 0);
	sim->domain_site[1] = 1;
	pass_hours(sim, 2);
	assert_int_equal(sim->notices_sent[1], 1);
	sim_free(sim);
}

static void
it_is_too_late(struct sim *sim)
{
	audience_notice(1, sim->utc_ms);
	scheduler_notices_changed(sim->s);
	pass_hours(sim, 23);
	assert_true(audience.notice_there[0]);
	pass_hours(sim, 2);
	assert_false(audience.notice_there[0]);
	assert_int_equal(sim->notices_sent[1], 0);
}

static void
one_expires_at_a_suspended_site(void **state)
{
	struct sim *sim = begin_suspended(state);

	it_is_too_late(sim);
	assert_true(scheduler_site_resume(sim->s, "mx0.example"));
	pass_hours(sim, 1);
	assert_int_equal(sim->notices_sent[1], 0);
	sim_free(sim);
}

/* Nothing is wrong with it; the one minute of the day is always missed. */
static void
one_expires_at_a_closed_site(void **state)
{
	struct sim *sim = begin(state, 1);

	sim_shape(sim, "[provider default]\n"
	    "quiet = 06:00-05:59\n", NULL);
	it_is_too_late(sim);
	sim_free(sim);
}

/* Out when its time is over: what is said of it then counts. */
static void
one_that_is_out_ends_by_its_outcome(void **state)
{
	struct sim *sim = begin(state, 1);

	audience_notice(1, sim->utc_ms);
	scheduler_notices_changed(sim->s);
	fill_peers(sim);
	assert_int_equal(sim_out(sim), 1);
	sim_pass(sim, 25 * HOUR);
	fill_peers(sim);
	assert_int_equal(sim_out(sim), 1);
	assert_true(audience.notice_there[0]);
	answer_all(sim, IPC_DEFERRED);
	sim_settle(sim);
	assert_false(audience.notice_there[0]);
	assert_int_equal(sim->notices_sent[1], 0);
	sim_free(sim);
}

static void
on_test(void *arg, const struct ipc_outcome *o, const char *why)
{
	assert_null(o);
	strncpy(arg, why, 99);
}

/* Whoever asked for a test is told at once why there is none. */
static void
a_test_does_not_wait(void **state)
{
	struct sim *sim = begin_suspended(state);
	char why[100] = "";
	const struct scheduler_test t = { .campaign = 1, .list = 1,
		.local = "me", .domain = "d1.example", .done = on_test,
		.arg = why };

	scheduler_test(sim->s, &t);
	sim_settle(sim);
	assert_string_equal(why, "its site rests: by hand");
	sim_free(sim);
}

#define T(F)	cmocka_unit_test_setup_teardown(F, world_setup, world_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(one_waits_for_its_site),
		T(one_is_looked_for_elsewhere),
		T(one_expires_at_a_suspended_site),
		T(one_expires_at_a_closed_site),
		T(one_that_is_out_ends_by_its_outcome),
		T(a_test_does_not_wait),
	};

	log_sim();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
