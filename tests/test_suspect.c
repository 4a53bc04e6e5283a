/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_suspect.c - one who is always refused with words about us does not hold
 * up the others; and a site that refuses everybody costs nobody an attempt.
 */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "listd/source.h"
#include "listd/suspect.h"
#include "tests/queue_steps.h"

#define MINUTE	60000
#define HOUR	(60 * MINUTE)

/* ---- whose affair it is */

static void
got_through(struct suspects *v, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		suspects_heard(v, 1000 + i);
}

static void
verdicts(void **state)
{
	struct suspects *v = NULL;

	(void)state;
	suspects_heard(NULL, 1);
	assert_int_equal(suspects_since(NULL, 1), 0);
	/* Everybody in turn: it is the site. */
	for (unsigned i = 0; i < 20; i++)
		assert_int_equal(suspects_refused(&v, 1 + i % 5),
		    SUSPECT_SITE);
	assert_true(suspects_since(v, 1) < suspects_since(v, 2));
	/* Others got through, but not everybody. */
	got_through(v, 1);
	assert_int_equal(suspects_refused(&v, 2), SUSPECT_OWN);
	/* Nobody else to try. */
	assert_int_equal(suspects_refused(&v, 2), SUSPECT_OWN);
	/* Many got through, and only this one did not. */
	got_through(v, SUSPECT_SURE);
	assert_int_equal(suspects_refused(&v, 2), SUSPECT_ALONE);
	assert_int_equal(suspects_refused(&v, 2), SUSPECT_ALONE);
	got_through(v, SUSPECT_SURE);
	assert_int_equal(suspects_refused(&v, 3), SUSPECT_OWN);
	/* Who gets through is none any more. */
	suspects_heard(v, 3);
	assert_int_equal(suspects_since(v, 3), 0);
	assert_int_equal(suspects_refused(&v, 3), SUSPECT_SITE);
	/* The oldest is forgotten. */
	for (unsigned i = 0; i < SUSPECTS_MAX; i++)
		suspects_refused(&v, 100 + i);
	assert_int_equal(suspects_since(v, 2), 0);
	assert_true(suspects_since(v, 100) > 0);
	suspects_free(v);
}

/* ---- what follows */

static struct sim *
begin_refusing(void **state, unsigned members, uint64_t whom, uint32_t *id)
{
	struct sim *sim = begin(state, 1);

	sim->limits.connections_per_site = 1;
	scheduler_set_limits(sim->s, &sim->limits);
	join_many(sim, 1, members);
	sim->refused = whom;
	*id = sim_release(sim, 0);
	return sim;
}

static void
pass(struct sim *sim, int64_t ms)
{
	for (int64_t at = 0; at < ms; at += MINUTE) {
		sim_settle(sim);
		sim_pass(sim, MINUTE);
	}
}

/* A connection at a time, so that each refusal stops the site. */
static void
one_of_many(void **state)
{
	uint32_t id;
	struct sim *sim = begin_refusing(state, 300, 150, &id);
	struct scheduler_summary sum;
	struct campaign c;
	struct tally v;

	pass(sim, 30 * MINUTE);
	v = sim_tally(sim, id, &c);
	assert_int_equal(v.delivered, 299);
	assert_int_equal(v.deferred, 1);
	/* It goes on as any deferral does. */
	pass(sim, 3 * HOUR);
	v = sim_tally(sim, id, &c);
	assert_in_range(v.attempts, 302, 306);
	sim->refused = 0;
	sim_until(sim, id, CAMPAIGN_FINISHED);
	each_got_one(sim);
	sum_is_right(sim, id, &v);
	assert_int_equal(v.delivered, 300);
	/* What was known of it is forgotten in the end. */
	for (int i = 0; i < 7; i++)
		pass(sim, HOUR);
	scheduler_summary(sim->s, &sum);
	assert_int_equal(sum.sites, 0);
	sim_free(sim);
}

/* Mail for others that comes later is not stopped by it any more. */
static void
once_known_it_stops_nobody(void **state)
{
	uint32_t id, next;
	struct sim *sim = begin_refusing(state, 300, 150, &id);
	unsigned opens;
	struct campaign c;
	struct tally v;

	pass(sim, 30 * MINUTE);
	sim->refused = 150;
	next = sim_release(sim, 0);
	opens = sim->session_opens;
	sim_settle(sim);
	pass(sim, 20 * MINUTE);
	v = sim_tally(sim, next, &c);
	assert_int_equal(v.delivered, 299);
	assert_in_range(sim->session_opens - opens, 1, 12);
	sim_free(sim);
}

static void
a_site_that_refuses_everybody(void **state)
{
	uint32_t id;
	struct sim *sim = begin_refusing(state, 60, SIM_EVERYBODY, &id);
	struct campaign c;
	struct tally v;

	pass(sim, 10 * HOUR);
	v = sim_tally(sim, id, &c);
	assert_int_equal(v.attempts, 0);
	assert_int_equal(v.deferred, 0);
	/* 5, 10, 20, 40 min, 1, 2, 4, 4 h: that it answers is no progress. */
	assert_in_range(sim->session_opens, 6, 10);
	sim->refused = 0;
	sim_until(sim, id, CAMPAIGN_FINISHED);
	each_got_one(sim);
	sim_free(sim);
}

/* Who is alone there is tried as often as any other deferral. */
static void
one_who_is_alone(void **state)
{
	uint32_t id;
	struct sim *sim = begin_refusing(state, 1, 1, &id);
	struct campaign c;
	struct tally v;

	pass(sim, 6 * HOUR);
	v = sim_tally(sim, id, &c);
	assert_in_range(v.attempts, 2, 8);
	assert_int_equal(v.deferred, 1);
	for (int i = 0; i < 60; i++)
		pass(sim, HOUR);
	v = sim_tally(sim, id, &c);
	assert_int_equal(v.expired, 1);
	assert_int_equal(c.state, CAMPAIGN_FINISHED);
	sim_free(sim);
}

static void
a_notice(void **state)
{
	uint32_t id;
	struct sim *sim = begin_refusing(state, 100, SIM_NOTICES, &id);

	audience_notice(1, sim->utc_ms);
	scheduler_notices_changed(sim->s);
	pass(sim, HOUR);
	sim_until(sim, id, CAMPAIGN_FINISHED);
	each_got_one(sim);
	assert_true(audience.notice_there[0]);
	sim->refused = 0;
	pass(sim, 3 * HOUR);
	assert_int_equal(sim->notices_sent[1], 1);
	sim_free(sim);
}

static unsigned
connects_by(const struct sim *sim, uint8_t source)
{
	unsigned n = 0;

	for (size_t i = 0; i < sim->nevents; i++)
		n += sim->events[i].connect && sim->events[i].source == source;
	return n;
}

/*
 * One of two source addresses is refused, after its connections came up: it
 * rests longer and longer, and the other goes on.
 */
static void
a_source_that_is_refused(void **state)
{
	static const struct source sources[] = {
		{ .family = 4, .ip = { 127, 0, 0, 1 }, .weight = 1,
		    .streams = SOURCE_BOTH },
		{ .family = 4, .ip = { 127, 0, 0, 2 }, .weight = 1,
		    .streams = SOURCE_BOTH },
	};
	struct sim *sim = sim_new(*state, 1);
	struct campaign c;
	struct tally v;
	uint32_t id;

	audience_reset();
	sim->sites = 1;
	for (unsigned d = 0; d < FAKE_DOMAINS; d++)
		sim->domain_site[d] = 0;
	sim->sources = sources;
	sim->nsources = 2;
	sim->source_refused = 2;
	sim_shape(sim, "[provider default]\nmessages_per_minute = 2\n", NULL);
	sim_start(sim);
	join_many(sim, 1, 2000);
	id = sim_release(sim, 0);
	pass(sim, 4 * HOUR);
	v = sim_tally(sim, id, &c);
	assert_in_range(v.delivered, 200, 500);
	/* 5, 10, 20, 40 min, 1, 2 h; not every five minutes. */
	assert_in_range(connects_by(sim, 2), 5, 20);
	sim_free(sim);
}

#define T(F)	cmocka_unit_test_setup_teardown(F, world_setup, world_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(verdicts),
		T(one_of_many),
		T(once_known_it_stops_nobody),
		T(a_site_that_refuses_everybody),
		T(one_who_is_alone),
		T(a_notice),
		T(a_source_that_is_refused),
	};

	log_sim();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
