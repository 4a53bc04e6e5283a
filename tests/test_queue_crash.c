/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_queue_crash.c - thousands of small worlds in which everything goes
 * wrong at random: the queue role dies at any point of a commit, deliver roles
 * die, people leave and join, sites close, the DNS fails, campaigns are paused
 * (R118, P2, P3, F30).
 *
 * At the end of each world: the five ends sum to the count at release; each
 * counted recipient who could be mailed was; and nobody has more copies than
 * one and one for each crash that found a copy of theirs open.  Some campaigns
 * are cancelled in the midst of it; of those each person who got a copy has an
 * outcome, unless the deliver role died with it or they left since.
 *
 * LISTD_SIM_SEEDS=N runs more worlds, LISTD_SIM_SEED=N only that one.
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

#define SEEDS		300	/* worlds of a normal run */
#define STORE_SEEDS	50	/* worlds that share one store */
#define STEPS		1200	/* things that happen while trouble lasts */

#define HOUR		3600000

struct told {
	struct sim	*sim;
	bool		 done;
	uint64_t	 who;
};

/* What is known of each member when all is over. */
static bool excused[FAKE_MEMBERS + 1];	/* left, suspended or refused */

static void
make_people(struct sim *sim)
{
	unsigned domains = 1 + sim_chance(sim) % 20;

	sim->sites = 1 + sim_chance(sim) % 5;
	for (uint32_t d = 1; d <= domains; d++) {
		unsigned n = sim_chance(sim) % 8;

		sim->domain_site[d] = (unsigned)(sim_chance(sim) %
		    sim->sites);
		sim->dns[d] = SIM_DNS_SITE;
		if (sim_chance(sim) % 10 == 0)
			n = sim_chance(sim) % 150;
		while (n-- > 0)
			audience_join(1, d, sim_chance(sim) % 8 == 0 ?
			    sim_chance(sim) % 4 : sim_chance(sim));
	}
	audience.domains = domains;
	/* Large domains go in parts, of which some may be empty. */
	sim->part_members = sim_chance(sim) % 2 == 0 ? 20 : 0;
}

static void
told(void *arg, const struct scheduler_recalled *r)
{
	struct told *t = arg;

	(void)r;
	t->done = true;
}

static uint64_t
anybody(struct sim *sim)
{
	return audience.n == 0 ? 0 : 1 + sim_chance(sim) % audience.n;
}

static struct told recalls[256];
static unsigned nrecalls;

static void
somebody_leaves(struct sim *sim)
{
	uint64_t who = anybody(sim);
	struct told *t = &recalls[nrecalls++ % 256];

	if (who == 0)
		return;
	excused[who] = true;
	audience_leave(who);
	t->done = false;
	scheduler_recall(sim->s, 0, &who, 1, told, t);
}

static void
answer_somehow(struct sim *sim)
{
	unsigned p = (unsigned)(sim_chance(sim) % sim->peers);
	struct sim_peer *peer = &sim->peer[p];
	size_t i;

	if (peer->n == 0 || peer->hello != 0)
		return;
	i = sim_chance(sim) % peer->n;
	if (audience_find(peer->out[i].d.subscriber)->gone)
		return;		/* the gate, in sim_peer_step() */
	switch (sim_chance(sim) % 4) {
	case 0:
		peer->out[i].begun = true;
		break;
	case 1:
		peer->out[i].begun = true;
		sim_answer(sim, p, i, IPC_DEFERRED);
		break;
	case 2:
		if (sim_chance(sim) % 8 == 0) {
			excused[peer->out[i].d.subscriber] = true;
			sim_answer(sim, p, i, IPC_FAILED);
		}
		break;
	default:
		peer->out[i].begun = true;
		sim_answer(sim, p, i, IPC_DELIVERED);
	}
}

static void
trouble(struct sim *sim, uint32_t id, bool losses)
{
	uint64_t who = anybody(sim);
	uint32_t d = 1 + (uint32_t)(sim_chance(sim) % audience.domains);
	unsigned what = (unsigned)(sim_chance(sim) % 16);
	struct campaign c;

	if (!losses && (what == 1 || what == 2 || what == 3 || what == 5))
		what = 0;
	switch (what) {
	case 0:
		sim_crash(sim, sim_chance(sim) % 2 == 0);
		sim_start(sim);
		break;
	case 1:
		sim_kill_peer(sim, (unsigned)(sim_chance(sim) % sim->peers));
		break;
	case 2:
	case 3:
		somebody_leaves(sim);
		break;
	case 4:
		if (audience.n < FAKE_MEMBERS - 1)
			excused[audience_join(1, d, sim_chance(sim))] = true;
		break;
	case 5:
		if (who != 0) {
			excused[who] = true;
			audience_suspend(who);
		}
		break;
	case 6:
		sim->site_down[sim_chance(sim) % sim->sites] ^= true;
		break;
	case 7:
		sim->dns[d] = sim->dns[d] == SIM_DNS_SITE ?
		    SIM_DNS_TEMPORARY : SIM_DNS_SITE;
		break;
	case 8:
		sim_tally(sim, id, &c);
		if (c.state == CAMPAIGN_RUNNING)
			sim_set_state(sim, id, CAMPAIGN_PAUSED);
		else if (c.state == CAMPAIGN_PAUSED)
			sim_set_state(sim, id, CAMPAIGN_RUNNING);
		break;
	case 9:
		audience.held ^= true;
		scheduler_holds_changed(sim->s);
		break;
	case 10:
		if (sim_chance(sim) % 2 == 0)
			scheduler_site_suspend(sim->s, "mx0.example", "x");
		else
			scheduler_site_resume(sim->s, "mx0.example");
		break;
	case 11:
		sim_pass(sim, (int64_t)(sim_chance(sim) % (2 * HOUR)));
		break;
	case 12:
		sim->domain_site[d] = (unsigned)(sim_chance(sim) %
		    sim->sites);
		break;
	default:
		sim_pass(sim, (int64_t)(sim_chance(sim) % 1000));
	}
}

static void
mend(struct sim *sim, uint32_t id)
{
	struct campaign c;

	memset(sim->site_down, 0, sizeof(sim->site_down));
	memset(sim->dns, 0, sizeof(sim->dns));
	audience.held = false;
	scheduler_site_resume(sim->s, "mx0.example");
	sim_tally(sim, id, &c);
	if (c.state == CAMPAIGN_PAUSED)
		sim_set_state(sim, id, CAMPAIGN_RUNNING);
	scheduler_holds_changed(sim->s);
}

static void
check(struct sim *sim, uint32_t id, uint64_t seed)
{
	struct campaign c;
	struct tally v = sim_tally(sim, id, &c);
	uint64_t copies = 0, people = 0;

	if (tally_ended(&v) != c.count || v.deferred != 0)
		fail_msg("seed %llu: %llu ended of %llu, %llu deferred",
		    (unsigned long long)seed,
		    (unsigned long long)tally_ended(&v),
		    (unsigned long long)c.count,
		    (unsigned long long)v.deferred);
	for (uint64_t i = 1; i <= audience.n; i++) {
		const struct fake_member *m = audience_find(i);

		copies += sim->delivered[i];
		people += sim->delivered[i] > 0;
		if (m->join > c.as_of && sim->delivered[i] > 0)
			fail_msg("seed %llu: %llu came too late and got one",
			    (unsigned long long)seed, (unsigned long long)i);
		if (sim->delivered[i] == 0 && !excused[i] && v.expired == 0)
			fail_msg("seed %llu: %llu was skipped",
			    (unsigned long long)seed, (unsigned long long)i);
		if (sim->delivered[i] > 1 + sim->allowed[i])
			fail_msg("seed %llu: %llu has %u copies, %u crashes",
			    (unsigned long long)seed, (unsigned long long)i,
			    sim->delivered[i], sim->allowed[i]);
	}
	/* Each copy is one outcome, but for those a crash has lost. */
	if (v.delivered > copies)
		fail_msg("seed %llu: %llu delivered, %llu copies",
		    (unsigned long long)seed,
		    (unsigned long long)v.delivered,
		    (unsigned long long)copies);
	if (v.left > audience.left - c.left_base)
		fail_msg("seed %llu: %llu left, only %llu went",
		    (unsigned long long)seed, (unsigned long long)v.left,
		    (unsigned long long)(audience.left - c.left_base));
}

/* As the chores of a minute do. */
static int
settle(struct txn *t, void *arg, struct err *e)
{
	return campaign_settle(t, *(const uint32_t *)arg, e);
}

/* Its end is not its own: what was accepted until then counts. */
static void
check_cancelled(struct sim *sim, uint32_t id, uint64_t seed)
{
	struct campaign c;
	struct tally v;
	uint64_t people = 0;

	sim_settle(sim);
	sim_pass(sim, HOUR);
	sim_settle(sim);
	world_must(sim->w, STORE_Q, settle, &id);
	v = sim_tally(sim, id, &c);
	for (uint64_t i = 1; i <= audience.n; i++)
		people += sim->delivered[i] > 0;
	if (c.state != CAMPAIGN_CANCELLED)
		check(sim, id, seed);	/* it had ended before */
	else if (v.delivered != people || tally_ended(&v) > c.count ||
	    !scheduler_is_told(sim->s, id))
		fail_msg("seed %llu: %llu delivered, %llu people",
		    (unsigned long long)seed,
		    (unsigned long long)v.delivered,
		    (unsigned long long)people);
}

static void
one_world(struct world *w, uint64_t seed, uint64_t *batch)
{
	struct sim *sim = sim_new(w, seed);
	unsigned calm = 4 + sim_chance(sim) % 60;
	/* One world in five; never in the others. */
	unsigned cancel_at = seed % 5 == 0 ? (unsigned)(seed * 7 % STEPS) :
	    STEPS;
	uint32_t id;

	sim->effects_batch = *batch;
	audience_reset();
	memset(excused, 0, sizeof(excused));
	make_people(sim);
	sim_start(sim);
	id = sim_release(sim, sim_chance(sim) % 6 == 0 ? sim->utc_ms +
	    (int64_t)(sim_chance(sim) % (30 * HOUR)) : 0);
	sim->auto_commit = false;
	for (unsigned i = 0; i < STEPS; i++) {
		if (i == cancel_at)
			sim_set_state(sim, id, CAMPAIGN_CANCELLED);
		if (sim_chance(sim) % calm == 0)
			trouble(sim, id, cancel_at == STEPS);
		switch (sim_chance(sim) % 4) {
		case 0:
			sim_turn(sim);
			break;
		case 1:
			sim_commit(sim);
			break;
		case 2:
			sim_peer_step(sim, (unsigned)(sim_chance(sim) %
			    sim->peers));
			break;
		default:
			answer_somehow(sim);
		}
	}
	sim->auto_commit = true;
	mend(sim, id);
	if (cancel_at < STEPS) {
		check_cancelled(sim, id, seed);
	} else {
		sim_until(sim, id, CAMPAIGN_FINISHED);
		check(sim, id, seed);
	}
	sim_settle(sim);
	*batch = sim->effects_batch;
	sim_free(sim);
}

static uint64_t
setting(const char *name, uint64_t otherwise)
{
	const char *v = getenv(name);

	return v == NULL ? otherwise : strtoull(v, NULL, 10);
}

static void
worlds(uint64_t from, uint64_t to)
{
	void *state = NULL;
	uint64_t batch = 0;

	for (uint64_t seed = from; seed <= to; seed++) {
		if (state == NULL && world_setup(&state) != 0)
			fail_msg("no store");
		log_text(LEVEL_NOTICE, "sim", "world %llu",
		    (unsigned long long)seed);
		one_world(state, seed, &batch);
		if (seed % STORE_SEEDS == 0 || seed == to) {
			world_teardown(&state);
			state = NULL;
			batch = 0;
		}
	}
}

static void
nobody_is_skipped(void **state)
{
	uint64_t only = setting("LISTD_SIM_SEED", 0);

	(void)state;
	if (only != 0)
		worlds(only, only);
	else
		worlds(1, setting("LISTD_SIM_SEEDS", SEEDS));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nobody_is_skipped),
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
