/* SPDX-License-Identifier: Apache-2.0 */
/*
 * queue_steps.c - what tests of the scheduler do again and again.
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

void
log_sim(void)
{
	const bool loud = getenv("LISTD_TEST_LOG") != NULL;
	const struct log_params p = {
		.name = "test", .socket = loud ? NULL : "/nonexistent",
		.to_stderr = loud, .level = LEVEL_INFO,
	};

	log_open(&p);
}

struct sim *
begin(void **state, unsigned sites)
{
	struct sim *sim = sim_new(*state, 1);

	audience_reset();
	sim->sites = sites;
	for (unsigned d = 0; d < FAKE_DOMAINS; d++)
		sim->domain_site[d] = sites == 0 ? 0 : d % sites;
	sim_start(sim);
	return sim;
}

const struct source two_sources[2] = {
	{ .family = 4, .ip = { 192, 0, 2, 1 }, .name = "192.0.2.1",
	    .weight = 1, .streams = SOURCE_BOTH },
	{ .family = 4, .ip = { 192, 0, 2, 2 }, .name = "192.0.2.2",
	    .weight = 1, .streams = SOURCE_BOTH },
};

struct sim *
begin_shaped(void **state, unsigned sites, const char *overlay,
    const char *replies, const struct source *sources, uint16_t nsources)
{
	struct sim *sim = sim_new(*state, 1);

	audience_reset();
	sim->sites = sites;
	sim->sources = sources;
	sim->nsources = nsources;
	sim->limits.connections_per_site = 20;
	for (unsigned d = 0; d < FAKE_DOMAINS; d++)
		sim->domain_site[d] = d % sites;
	sim_shape(sim, overlay, replies);
	sim_start(sim);
	/* What an earlier role may have sent is over by then. */
	sim_settle(sim);
	sim_pass(sim, MINUTE);
	return sim;
}

void
join_many(struct sim *sim, uint32_t domain, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		audience_join(1, domain, sim_chance(sim));
}

unsigned
delivered_at(const struct sim *sim, unsigned site)
{
	unsigned n = 0;

	for (size_t i = 0; i < sim->nevents; i++)
		n += !sim->events[i].connect && sim->events[i].site == site;
	return n;
}

void
each_got_one(const struct sim *sim)
{
	for (size_t i = 1; i <= audience.n; i++)
		if (sim->delivered[i] != 1)
			fail_msg("subscriber %zu got %u", i,
			    sim->delivered[i]);
}

void
sum_is_right(struct sim *sim, uint32_t id, struct tally *v_r)
{
	struct campaign c;

	*v_r = sim_tally(sim, id, &c);
	assert_int_equal(c.state, CAMPAIGN_FINISHED);
	assert_int_equal(tally_ended(v_r), c.count);
	assert_int_equal(v_r->deferred, 0);
}

void
fill_peers(struct sim *sim)
{
	for (int i = 0; i < 200; i++) {
		sim_turn(sim);
		while (sim_commit(sim))
			;
		for (unsigned p = 0; p < sim->peers; p++) {
			struct sim_peer *peer = &sim->peer[p];
			bool asleep = peer->nasked == 0 && peer->hello == 0;

			for (size_t k = 0; k < peer->sessions; k++)
				asleep &= peer->session[k].up &&
				    !peer->session[k].closing;
			if (!asleep)
				sim_peer_step(sim, p);
		}
	}
}

void
answer_all(struct sim *sim, enum ipc_result_kind result)
{
	for (unsigned p = 0; p < sim->peers; p++)
		while (sim->peer[p].n > 0)
			sim_answer(sim, p, 0, result);
	sim_turn(sim);
	sim_pass(sim, 25);
	sim_turn(sim);
	while (sim_commit(sim))
		sim_turn(sim);
}
