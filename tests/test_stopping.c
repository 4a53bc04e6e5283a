/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_stopping.c - a campaign is paused, resumed and cancelled in one write,
 * however many wait, and its figures stay exact meanwhile.
 */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "lib/sys/log.h"
#include "spool/deferral.h"
#include "spool/progress.h"
#include "tests/queue_sim.h"

#define HOUR	3600000
#define DOMAINS	200
#define ROUNDS	10000

struct waiting {
	uint32_t	campaign;
	uint64_t	n;
	int64_t		now_ms;
};

/* What is left of a campaign when each of n was tried once. */
static int
defer_all(struct txn *t, void *arg, struct err *e)
{
	const struct waiting *w = arg;
	struct tally v = { .deferred = w->n, .attempts = w->n };
	struct deferral d = { .campaign = w->campaign, .attempts = 1,
	    .join = 1, .first_ms = w->now_ms, .due_ms = w->now_ms + HOUR };
	struct campaign c;

	if (campaign_get(t, w->campaign, &c, e) != 1)
		return -1;
	c.count = w->n;
	for (uint32_t i = 1; i <= DOMAINS; i++) {
		const struct progress_key key = { w->campaign, i, 0 };

		if (progress_finish(t, &key, e) == -1)
			return -1;
	}
	for (uint64_t i = 0; i < w->n; i++) {
		d.domain = 1 + (uint32_t)(i * DOMAINS / w->n);
		d.h8 = i * 0x9e3779b97f4a7c15;
		d.subscriber = 1000000 + i;
		if (deferral_put(t, &d, e) == -1)
			return -1;
	}
	return campaign_change(t, &c, e) == -1 ? -1 :
	    tally_put(t, w->campaign, &v, e);
}

/* A scheduler that finds n who wait. */
static struct sim *
begin(void **state, struct waiting *w)
{
	struct sim *sim = sim_new(*state, 1);

	audience_reset();
	for (unsigned i = 1; i <= DOMAINS; i++)
		audience_join(1, i, sim_chance(sim));
	sim->sites = 1;
	sim_start(sim);
	w->campaign = sim_release(sim, 0);
	w->now_ms = sim->utc_ms;
	sim_crash(sim, false);
	world_must(sim->w, STORE_Q, defer_all, w);
	sim_start(sim);
	sim_settle(sim);
	return sim;
}

static uint64_t
rows(struct sim *sim)
{
	struct txn *t = world_read(sim->w, STORE_Q);
	uint64_t n;

	assert_int_equal(txn_count(t, TABLE_DEFERRALS, &n, &sim->w->e), 0);
	txn_end(t);
	return n;
}

/* All of them wait still, in the store and in the figures. */
static void
all_wait(struct sim *sim, const struct waiting *w,
    enum campaign_state wanted)
{
	struct scheduler_summary sum;
	struct campaign c;
	struct tally v = sim_tally(sim, w->campaign, &c);

	assert_int_equal(c.state, wanted);
	assert_int_equal(v.deferred, w->n);
	assert_int_equal(tally_ended(&v), 0);
	assert_int_equal(rows(sim), w->n);
	scheduler_summary(sim->s, &sum);
	assert_int_equal(sum.deferred, w->n);
	assert_int_equal(sum.open, 0);
}

/* The row of the campaign is written, and nothing else; nor asked for. */
static void
set_state(struct sim *sim, const struct waiting *w, enum campaign_state to)
{
	size_t jobs = sim->njobs;

	sim_set_state(sim, w->campaign, to);
	assert_int_equal(sim->njobs, jobs);
	assert_int_equal(rows(sim), w->n);
}

static void
stop(void **state, uint64_t n)
{
	struct waiting w = { .n = n };
	struct sim *sim = begin(state, &w);
	struct campaign c;
	struct tally v;

	all_wait(sim, &w, CAMPAIGN_RUNNING);
	for (int i = 0; i < 3; i++) {
		set_state(sim, &w, CAMPAIGN_PAUSED);
		all_wait(sim, &w, CAMPAIGN_PAUSED);
		sim_settle(sim);
		all_wait(sim, &w, CAMPAIGN_PAUSED);
		set_state(sim, &w, CAMPAIGN_RUNNING);
		sim_settle(sim);
		all_wait(sim, &w, CAMPAIGN_RUNNING);
	}
	set_state(sim, &w, CAMPAIGN_CANCELLED);
	v = sim_tally(sim, w.campaign, &c);
	assert_int_equal(c.count - tally_ended(&v), n);
	/* Their rows go by and by, and the figures do not change with it. */
	for (int i = 0; i < ROUNDS && rows(sim) > 0; i++)
		sim_settle(sim);
	assert_int_equal(rows(sim), 0);
	v = sim_tally(sim, w.campaign, &c);
	assert_int_equal(c.state, CAMPAIGN_CANCELLED);
	assert_int_equal(c.count - tally_ended(&v), n);
	assert_int_equal(sim_out(sim), 0);
	sim_free(sim);
}

static void
few_are_stopped(void **state)
{
	stop(state, 500);
}

static void
many_are_stopped_the_same_way(void **state)
{
	stop(state, 100000);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(few_are_stopped, world_setup,
		    world_teardown),
		cmocka_unit_test_setup_teardown(many_are_stopped_the_same_way,
		    world_setup, world_teardown),
	};
	const struct log_params quiet = { .name = "test", .to_stderr = true,
	    .level = LEVEL_ERROR };

	log_open(&quiet);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
