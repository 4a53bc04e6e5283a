/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_scheduler_parts.c - a large domain is cut by hash range into parts that
 * are walked side by side (spool/DESIGN section 8).  test_queue_crash.c lets
 * such worlds crash anywhere.
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
#include "spool/progress.h"
#include "tests/queue_sim.h"

#define HOUR	3600000

static struct sim *
begin(void **state, uint32_t part_members, unsigned members)
{
	struct sim *sim = sim_new(*state, 1);

	audience_reset();
	sim->sites = 1;
	sim->part_members = part_members;
	sim_start(sim);
	for (unsigned i = 0; i < members; i++)
		audience_join(1, 1, sim_chance(sim));
	return sim;
}

/* In how many parts its rows say it is cut (0: no row), and how many are over. */
static unsigned
parts(struct sim *sim, uint32_t id, unsigned *over_r)
{
	static uint64_t done[PROGRESS_DONE_MAX];
	struct progress_key key = { id, 0, 0 };
	struct err e = ERR_INIT;
	struct progress p;
	struct txn *t;
	unsigned n = 0;

	*over_r = 0;
	assert_int_equal(txn_read(sim->w->st, STORE_Q, &t, &e), 0);
	while (progress_next(t, &key, &e) == 1) {
		assert_int_equal(progress_get(t, &key, &p, done, &e), 1);
		assert_true(n == 0 || n == progress_parts(&p));
		n = progress_parts(&p);
		*over_r += p.over;
		key.part++;
	}
	txn_end(t);
	return n;
}

static bool
is_finished(struct sim *sim, uint32_t id)
{
	struct err e = ERR_INIT;
	struct txn *t;
	int rc;

	assert_int_equal(txn_read(sim->w->st, STORE_Q, &t, &e), 0);
	rc = progress_finished(t, id, 1, &e);
	txn_end(t);
	return rc == 1;
}

static void
each_got_one(const struct sim *sim)
{
	for (size_t i = 1; i <= audience.n; i++)
		if (sim->delivered[i] != 1)
			fail_msg("subscriber %zu got %u", i,
			    sim->delivered[i]);
}

/* Nobody's server answers: what was handed out stays out. */
static void
hand_out(struct sim *sim)
{
	for (int i = 0; i < 40; i++) {
		sim_turn(sim);
		while (sim_commit(sim))
			;
		/* Look-ups are answered; nothing that is out is. */
		for (unsigned p = 0; p < sim->peers; p++)
			if (sim->peer[p].n == 0)
				sim_peer_step(sim, p);
	}
}

static void
members_say_how_many(void **state)
{
	static const struct {
		unsigned members, per_part, parts;
	} row[] = {
		{ 200, 200, 1 },	/* no more than a part may have */
		{ 201, 200, 2 },
		{ 400, 200, 2 },
		{ 402, 200, 4 },
		{ 1000, 200, 8 },
		{ 3000, 20, 64 },	/* never more than that */
		{ 1, 20, 1 },
	};
	unsigned over;

	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		struct sim *sim = begin(state, row[i].per_part,
		    row[i].members);
		uint32_t id = sim_release(sim, 0);

		hand_out(sim);
		assert_int_equal(parts(sim, id, &over), row[i].parts);
		assert_int_equal(over, 0);
		assert_false(is_finished(sim, id));
		sim_until(sim, id, CAMPAIGN_FINISHED);
		each_got_one(sim);
		assert_int_equal(parts(sim, id, &over), 0);
		assert_true(is_finished(sim, id));
		sim_free(sim);
		world_teardown(state);
		assert_int_equal(world_setup(state), 0);
	}
}

/* What is begun goes on as it began, whatever would be decided now. */
static void
a_domain_keeps_its_parts(void **state)
{
	struct sim *sim = begin(state, 100, 1000);
	uint32_t id = sim_release(sim, 0);
	struct campaign c;
	struct tally v;
	unsigned over;

	hand_out(sim);
	assert_int_equal(parts(sim, id, &over), 16);
	sim_crash(sim, true);
	sim->part_members = 0;
	sim_start(sim);
	hand_out(sim);
	assert_int_equal(parts(sim, id, &over), 16);
	sim_until(sim, id, CAMPAIGN_FINISHED);
	for (size_t i = 1; i <= audience.n; i++)
		assert_in_range(sim->delivered[i], 1, 1 + sim->allowed[i]);
	v = sim_tally(sim, id, &c);
	assert_int_equal(v.delivered, 1000);
	sim_free(sim);
}

/* A part that is over stays so over a restart, and nobody is mailed again. */
static void
a_part_is_over_before_the_domain(void **state)
{
	struct sim *sim = begin(state, 20, 60);
	unsigned over = 0;
	struct campaign c;
	struct tally v;
	uint32_t id;

	id = sim_release(sim, 0);
	for (int i = 0; i < 200 && over == 0; i++) {
		sim_pass(sim, 25);	/* a batch's time */
		sim_turn(sim);
		while (sim_commit(sim))
			;
		sim_peer_step(sim, 0);
		sim_peer_step(sim, 1);
		if (sim->peer[0].n > 0)
			sim_answer(sim, 0, 0, IPC_DELIVERED);
		if (sim->peer[1].n > 0)
			sim_answer(sim, 1, 0, IPC_DELIVERED);
		parts(sim, id, &over);
	}
	assert_true(over > 0);
	sim_crash(sim, false);
	sim_start(sim);
	sim_until(sim, id, CAMPAIGN_FINISHED);
	for (size_t i = 1; i <= audience.n; i++)
		assert_in_range(sim->delivered[i], 1, 1 + sim->allowed[i]);
	v = sim_tally(sim, id, &c);
	assert_int_equal(v.delivered, 60);
	sim_free(sim);
}

static void
a_verdict_reaches_all_parts(void **state)
{
	struct sim *sim = begin(state, 20, 500);
	struct campaign c;
	struct tally v;
	uint32_t id;

	sim->dns[1] = SIM_DNS_NULL_MX;
	id = sim_release(sim, 0);
	sim_until(sim, id, CAMPAIGN_FINISHED);
	v = sim_tally(sim, id, &c);
	assert_int_equal(v.failed, 500);
	sim_free(sim);
}

/* send_by, with parts open and with the domain not begun. */
static void
time_ends_all_parts(void **state)
{
	for (int down = 0; down < 2; down++) {
		struct sim *sim = begin(state, 20, 500);
		struct campaign c;
	struct tally v;
		uint32_t id;

		sim->site_down[0] = down == 1;
		id = sim_release(sim, sim->utc_ms + HOUR);
		if (down == 0)
			hand_out(sim);
		for (unsigned p = 0; p < sim->peers; p++)
			while (sim->peer[p].n > 0)
				sim_answer(sim, p, 0, IPC_DEFERRED);
		sim_pass(sim, 2 * HOUR);
		sim_until(sim, id, CAMPAIGN_FINISHED);
		v = sim_tally(sim, id, &c);
		assert_int_equal(v.expired + v.delivered, 500);
		assert_true(v.expired > 0);
		sim_free(sim);
		world_teardown(state);
		assert_int_equal(world_setup(state), 0);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(members_say_how_many,
		    world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(a_domain_keeps_its_parts,
		    world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(
		    a_part_is_over_before_the_domain, world_setup,
		    world_teardown),
		cmocka_unit_test_setup_teardown(a_verdict_reaches_all_parts,
		    world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(time_ends_all_parts,
		    world_setup, world_teardown),
	};
	const struct log_params lp = {
		.name = "test", .socket = "/nonexistent", .level = LEVEL_INFO,
	};

	log_open(&lp);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
