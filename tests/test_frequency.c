/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_frequency.c - S8: one person is not written to more often than
 * recipient_per_day says, whatever lists the campaigns go to.
 */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lib/sys/log.h"
#include "tests/queue_sim.h"

#define MINUTE	60000
#define HOUR	(60 * MINUTE)
#define DAY	(24ll * HOUR)
#define CAP	3
#define LISTS	8

/* In every list the person P; in each one more, who is in no other. */
static uint64_t person[LISTS + 1], other[LISTS + 1];

static struct sim *
begin(void **state, unsigned cap)
{
	struct sim *sim = sim_new(*state, 1);

	audience_reset();
	sim->sites = 1;
	sim->limits.recipient_per_day = cap;
	sim_start(sim);
	for (uint32_t l = 1; l <= LISTS; l++) {
		person[l] = audience_join(l, 1, 77);
		other[l] = audience_join(l, 1, 1000 + l);
	}
	return sim;
}

static uint32_t
send_to(struct sim *sim, uint32_t list)
{
	uint32_t id;

	sim->list = list;
	id = sim_release(sim, sim->utc_ms + 4 * DAY);
	sim_settle(sim);
	return id;
}

static unsigned
copies(const struct sim *sim)
{
	unsigned n = 0;

	for (uint32_t l = 1; l <= LISTS; l++)
		n += sim->delivered[person[l]];
	return n;
}

/* The last one is held, over a restart too, and goes when its place is free. */
static void
one_more_than_the_cap_waits(void **state)
{
	struct sim *sim = begin(state, CAP);
	int64_t first = sim->utc_ms;
	uint32_t id = 0;

	for (uint32_t l = 1; l <= CAP + 1; l++) {
		id = send_to(sim, l);
		sim_pass(sim, MINUTE);
	}
	assert_int_equal(copies(sim), CAP);
	assert_int_equal(sim->delivered[person[CAP + 1]], 0);
	/* It keeps nobody else. */
	assert_int_equal(sim->delivered[other[CAP + 1]], 1);
	sim_crash(sim, true);
	sim_start(sim);
	sim_settle(sim);
	sim_pass(sim, first + DAY - 2 * MINUTE - sim->utc_ms);
	sim_settle(sim);
	assert_int_equal(copies(sim), CAP);
	sim_until(sim, id, CAMPAIGN_FINISHED);
	assert_int_equal(sim->delivered[person[CAP + 1]], 1);
	assert_true(sim->utc_ms >= first + DAY);
	assert_int_equal(sim_tally(sim, id, &(struct campaign){ 0 }).attempts,
	    2);
	sim_free(sim);
}

/* Two that go on at the same time never wait for each other. */
static void
campaigns_side_by_side_all_end(void **state)
{
	struct sim *sim = begin(state, CAP);
	uint32_t id[LISTS];
	int64_t first = sim->utc_ms;

	sim->site_down[0] = true;
	for (uint32_t l = 1; l <= LISTS; l++)
		id[l - 1] = send_to(sim, l);
	sim->site_down[0] = false;
	for (unsigned i = 0; i < LISTS; i++)
		sim_until(sim, id[i], CAMPAIGN_FINISHED);
	assert_int_equal(copies(sim), LISTS);
	/* Eight at three a day. */
	assert_true(sim->utc_ms - first >= 2 * DAY);
	sim_free(sim);
}

/* A copy that was to be there by then is not sent late. */
static void
what_waits_may_expire(void **state)
{
	struct sim *sim = begin(state, 1);
	struct campaign c;
	uint32_t id;

	send_to(sim, 1);
	sim->list = 2;
	id = sim_release(sim, sim->utc_ms + HOUR);
	sim_until(sim, id, CAMPAIGN_FINISHED);
	assert_int_equal(sim->delivered[person[2]], 0);
	assert_int_equal(sim->delivered[other[2]], 1);
	assert_int_equal(sim_tally(sim, id, &c).expired, 1);
	sim_free(sim);
}

/* Who was no member then had no copy then. */
static void
only_who_was_meant_is_counted(void **state)
{
	struct sim *sim = begin(state, 1);
	uint64_t late;

	send_to(sim, 1);
	late = audience_join(1, 1, 4711);	/* after that campaign */
	audience_join(2, 1, 4711);
	send_to(sim, 2);
	assert_int_equal(sim->delivered[late + 1], 1);
	assert_int_equal(sim->delivered[person[2]], 0);
	sim_free(sim);
}

/* What goes to those alone who failed is no second copy. */
static void
a_resend_counts_nothing(void **state)
{
	struct sim *sim = begin(state, 1);
	uint32_t id, again;

	sim->list = 1;
	id = sim_release(sim, 0);
	while (sim_out(sim) < 2) {
		sim_turn(sim);
		while (sim_commit(sim))
			;
		for (unsigned p = 0; p < sim->peers; p++)
			if (sim->peer[p].n == 0)
				sim_peer_step(sim, p);
	}
	for (unsigned p = 0; p < sim->peers; p++)
		while (sim->peer[p].n > 0)
			sim_answer(sim, p, 0, IPC_FAILED);
	sim_until(sim, id, CAMPAIGN_FINISHED);
	sim_pass(sim, 2 * DAY);
	again = sim_resend(sim, id);
	sim_until(sim, again, CAMPAIGN_FINISHED);
	assert_int_equal(sim->delivered[person[1]], 1);
	send_to(sim, 2);
	assert_int_equal(sim->delivered[person[2]], 1);
	sim_free(sim);
}

static void
no_cap_is_no_cap(void **state)
{
	struct sim *sim = begin(state, 0);

	for (uint32_t l = 1; l <= LISTS; l++)
		send_to(sim, l);
	assert_int_equal(copies(sim), LISTS);
	sim_free(sim);
}

#define T(F)	cmocka_unit_test_setup_teardown(F, world_setup, world_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(one_more_than_the_cap_waits),
		T(campaigns_side_by_side_all_end),
		T(what_waits_may_expire),
		T(only_who_was_meant_is_counted),
		T(a_resend_counts_nothing),
		T(no_cap_is_no_cap),
	};
	const struct log_params lp = {
		.name = "test", .socket = "/nonexistent", .level = LEVEL_INFO,
	};

	log_open(&lp);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
