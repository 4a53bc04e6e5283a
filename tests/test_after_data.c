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

#include "lib/sys/ring.h"
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
	/* A doubt that is more than a repetition is not taken lightly. */
	for (unsigned p = 0; p < sim->peers; p++)
		for (size_t i = 0; i < sim->peer[p].n; i++)
			assert_int_equal(sim->peer[p].out[i].d.by_data,
			    after != CAMPAIGN_AFTER_RESEND);
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

/* ---- a deliver role dies (its slots in the ring) */

/*
 * Five of what it had were past their final dot and arrived.  What it had not,
 * or had in another life, is passed over.
 */
static void
die_past_the_dot(struct sim *sim, unsigned peer)
{
	struct sim_peer *p = &sim->peer[peer];

	assert_true(p->n > 5);
	for (size_t i = 0; i < 5; i++) {
		struct ring_entry entry = { p->out[i].d.campaign,
			p->out[i].d.subscriber, (uint32_t)sim->epoch - 1,
			RING_DOT };

		scheduler_peer_past_dot(sim->s, peer, &entry);
		entry.epoch++;
		scheduler_peer_past_dot(sim->s, 1 - peer, &entry);
		scheduler_peer_past_dot(sim->s, peer, &entry);
		scheduler_peer_past_dot(sim->s, peer, &entry);
		sim->delivered[entry.subscriber]++;
	}
	sim_kill_peer(sim, peer);
}

static struct sim *
begin_and_die(void **state, enum campaign_after after, uint32_t *id)
{
	struct sim *sim = begin(state, 1);

	join_many(sim, 1, 100);
	*id = sim_release(sim, 0);
	sim_set_after(sim, *id, after);
	fill_peers(sim);
	die_past_the_dot(sim, 0);
	return sim;
}

/* How many got two copies; everybody got one. */
static unsigned
got_two(const struct sim *sim)
{
	unsigned n = 0;

	for (size_t i = 1; i <= audience.n; i++) {
		assert_in_range(sim->delivered[i], 1, 2);
		n += sim->delivered[i] == 2;
	}
	return n;
}

static void
a_dead_role_s_dots_are_sent_again(void **state)
{
	uint32_t id;
	struct sim *sim = begin_and_die(state, CAMPAIGN_AFTER_RESEND, &id);
	struct tally v;

	sim_until(sim, id, CAMPAIGN_FINISHED);
	sum_is_right(sim, id, &v);
	assert_int_equal(v.delivered, 100);
	assert_int_equal(v.unanswered, 5);
	assert_int_equal(got_two(sim), 5);
	sim_free(sim);
}

static void
a_dead_role_s_dots_are_assumed_to_have_arrived(void **state)
{
	uint32_t id;
	struct sim *sim = begin_and_die(state, CAMPAIGN_AFTER_ASSUME, &id);
	struct tally v;

	sim_until(sim, id, CAMPAIGN_FINISHED);
	sum_is_right(sim, id, &v);
	assert_int_equal(v.delivered, 100);
	each_got_one(sim);
	sim_free(sim);
}

static void
a_dead_role_s_dots_are_held(void **state)
{
	uint32_t id;
	struct sim *sim = begin_and_die(state, CAMPAIGN_AFTER_HOLD, &id);
	struct campaign c;
	struct tally v;

	for (int i = 0; i < 10; i++) {
		sim_settle(sim);
		sim_pass(sim, HOUR);
	}
	v = sim_tally(sim, id, &c);
	assert_int_equal(v.delivered, 95);
	assert_int_equal(v.deferred, 5);
	each_got_one(sim);
	sim_free(sim);
}

/* A notice that may have arrived goes again, and not at once. */
static void
a_dead_role_s_notice_waits(void **state)
{
	struct sim *sim = begin(state, 1);
	struct ring_entry entry = { 0, 1, 0, RING_DOT };

	entry.epoch = (uint32_t)sim->epoch;
	audience_notice(1, sim->utc_ms);
	scheduler_notices_changed(sim->s);
	fill_peers(sim);
	assert_int_equal(sim_out(sim), 1);
	for (unsigned p = 0; p < sim->peers; p++) {
		scheduler_peer_past_dot(sim->s, p, &entry);
		sim_kill_peer(sim, p);
	}
	sim_settle(sim);
	assert_int_equal(sim->notices_sent[1], 0);
	sim_pass(sim, 6 * MINUTE);
	sim_settle(sim);
	assert_int_equal(sim->notices_sent[1], 1);
	sim_free(sim);
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
		T(a_dead_role_s_dots_are_sent_again),
		T(a_dead_role_s_dots_are_assumed_to_have_arrived),
		T(a_dead_role_s_dots_are_held),
		T(a_dead_role_s_notice_waits),
	};

	log_sim();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
