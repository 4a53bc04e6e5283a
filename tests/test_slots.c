/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_slots.c - S44, T34, T37, T50, T58: one mailbox gets no more than ten
 * mails that say the same in any 24 hours, whatever lists, campaigns and
 * addresses they come by; and who is far from that costs nothing.
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

#include "lib/sys/log.h"
#include "spool/slot.h"
#include "tests/queue_sim.h"

#define SECOND	1000
#define MINUTE	(60 * SECOND)
#define HOUR	(60 * MINUTE)
#define DAY	(24ll * HOUR)
#define LISTS	14
#define BOX	4711	/* a mailbox with many addresses */

#define OFFER	"all our boats are half the price this month, oars and " \
	"sails and a bucket of paint are free with every one of them"
#define NEWS	"the bridge over the canal will be closed to lorries until " \
	"the new bearings are in place and the inspectors have been"

/* In every list the person P, by one address; and one more, in no other. */
static uint64_t person[LISTS + 1], other[LISTS + 1];

static struct sim *
begin(void **state)
{
	struct sim *sim = sim_new(*state, 1);

	audience_reset();
	sim->sites = 1;
	sim_start(sim);
	for (uint32_t l = 1; l <= LISTS; l++) {
		person[l] = audience_join(l, 1, 77);
		other[l] = audience_join(l, 1, 1000 + l);
	}
	return sim;
}

static uint32_t
send_to(struct sim *sim, uint32_t list, const char *text)
{
	uint32_t id;

	sim->list = list;
	sim->text = text;
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

static uint64_t
looks(const struct sim *sim)
{
	struct scheduler_summary r;

	scheduler_summary(sim->s, &r);
	return r.looks;
}

/* A greeting and a token of its own for each. */
static const char *
changed(uint32_t i)
{
	static char text[512];

	snprintf(text, sizeof(text), "Dear Ann%c Lee%c,\r\n" OFFER
	    " https://x.example/?c=%u until %u.11.2026", 'a' + (int)i % 26,
	    'k' + (int)i % 9, i * 7919, i + 1);
	return text;
}

static void
restart(struct sim *sim)
{
	sim_crash(sim, true);
	sim_start(sim);
	sim_settle(sim);
}

/*
 * Ten pass; the eleventh is held, over a restart too, and goes when the first
 * is 24 hours and a second old.
 */
static void
the_eleventh_waits(void **state)
{
	struct sim *sim = begin(state);
	int64_t first = sim->utc_ms;
	uint32_t id = 0;

	for (uint32_t l = 1; l <= 11; l++) {
		id = send_to(sim, l, changed(l));
		sim_pass(sim, MINUTE);
	}
	assert_int_equal(copies(sim), 10);
	assert_int_equal(sim->delivered[person[11]], 0);
	/* It keeps nobody else. */
	assert_int_equal(sim->delivered[other[11]], 1);
	assert_string_equal(sim_explain(sim, "d1.example").bind.what,
	    "similar");
	restart(sim);
	sim_pass(sim, first + DAY - sim->utc_ms);
	sim_settle(sim);
	assert_int_equal(copies(sim), 10);
	assert_string_equal(sim_explain(sim, "d1.example").bind.what,
	    "similar");
	sim_pass(sim, first + DAY + 3 * SECOND - sim->utc_ms);
	sim_settle(sim);
	assert_int_equal(sim->delivered[person[11]], 1);
	assert_true(sim->utc_ms >= first + DAY + SECOND);
	sim_until(sim, id, CAMPAIGN_FINISHED);
	/* A slot and a wait are no attempts. */
	assert_int_equal(sim_tally(sim, id, &(struct campaign){ 0 }).attempts,
	    2);
	sim_free(sim);
}

/* Ten a day: no 24 hours have more, and every one of them is delivered. */
static void
no_day_has_more(void **state)
{
	struct sim *sim = begin(state);
	int64_t at[3 * LISTS];
	size_t n = 0;
	uint32_t id[LISTS + 1];

	for (uint32_t l = 1; l <= LISTS; l++) {
		id[l] = send_to(sim, l, changed(l));
		sim_pass(sim, HOUR);
	}
	for (uint32_t l = 1; l <= LISTS; l++)
		sim_until(sim, id[l], CAMPAIGN_FINISHED);
	assert_int_equal(copies(sim), LISTS);
	for (size_t i = 0; i < sim->nevents; i++)
		for (uint32_t l = 1; l <= LISTS; l++)
			if (!sim->events[i].connect &&
			    sim->events[i].who == person[l])
				at[n++] = sim->events[i].at_ms;
	assert_int_equal(n, LISTS);
	for (size_t i = 10; i < n; i++)
		assert_true(at[i] - at[i - 10] >= DAY + SECOND);
	sim_free(sim);
}

/* What says something else is not counted. */
static void
other_issues_go(void **state)
{
	struct sim *sim = begin(state);

	for (uint32_t l = 1; l <= 11; l++)
		send_to(sim, l, l % 2 == 0 ? OFFER : NEWS);
	assert_int_equal(copies(sim), 11);
	assert_int_equal(looks(sim), 0);
	sim_free(sim);
}

/* Nobody is looked at while there are ten. */
static void
ordinary_campaigns_never_look(void **state)
{
	struct sim *sim = begin(state);

	for (uint32_t i = 0; i < 500; i++)
		audience_join(1, 1 + i % 50, 90000 + i);
	for (uint32_t l = 1; l <= 10; l++)
		send_to(sim, l, OFFER);
	assert_int_equal(copies(sim), 10);
	assert_int_equal(looks(sim), 0);
	assert_int_equal(audience.mailbox_reads, 0);
	/* Of those without a fingerprint, however many, nobody. */
	for (uint32_t l = 1; l <= LISTS; l++)
		send_to(sim, l, NULL);
	assert_int_equal(looks(sim), 0);
	assert_int_equal(audience.mailbox_reads, 0);
	sim_free(sim);
}

/* similar_per_day of the configuration may ask for less. */
static void
a_lower_limit_is_kept(void **state)
{
	struct sim *sim = begin(state);

	sim->limits.similar_per_day = 3;
	scheduler_set_limits(sim->s, &sim->limits);
	for (uint32_t l = 1; l <= 5; l++)
		send_to(sim, l, changed(l));
	assert_int_equal(copies(sim), 3);
	sim_free(sim);
}

/* Others than the crowded mailbox are asked for, and not looked at. */
static void
a_crowd_costs_its_own(void **state)
{
	struct sim *sim = begin(state);

	for (uint32_t i = 0; i < 11; i++)
		audience_alias(audience_join(1, 1, 20000 + i), BOX);
	for (uint32_t i = 0; i < 100; i++)
		audience_join(1, 1, 90000 + i);
	send_to(sim, 1, OFFER);
	assert_true(looks(sim) > 0 && looks(sim) < 40);
	sim_free(sim);
}

/* One campaign to eleven addresses of one mailbox. */
static void
eleven_aliases_of_one(void **state)
{
	struct sim *sim = begin(state);
	uint64_t alias[11];
	int64_t first = sim->utc_ms;
	unsigned n = 0;
	uint32_t id;

	for (unsigned i = 0; i < 11; i++) {
		alias[i] = audience_join(1, 1 + i % 3, 20000 + i);
		audience_alias(alias[i], BOX);
	}
	id = send_to(sim, 1, NULL);	/* it is like itself */
	for (unsigned i = 0; i < 11; i++)
		n += sim->delivered[alias[i]];
	assert_int_equal(n, 10);
	restart(sim);
	sim_pass(sim, first + DAY - sim->utc_ms);
	sim_settle(sim);
	for (unsigned i = n = 0; i < 11; i++)
		n += sim->delivered[alias[i]];
	assert_int_equal(n, 10);
	sim_until(sim, id, CAMPAIGN_FINISHED);
	for (unsigned i = 0; i < 11; i++)
		assert_int_equal(sim->delivered[alias[i]], 1);
	assert_true(sim->utc_ms >= first + DAY + SECOND);
	sim_free(sim);
}

/* Over lists and addresses: five campaigns to three addresses. */
static void
lists_and_aliases_are_multiplied(void **state)
{
	struct sim *sim = begin(state);
	uint64_t alias[5][3];
	unsigned n = 0;

	for (uint32_t l = 0; l < 5; l++)
		for (unsigned i = 0; i < 3; i++) {
			alias[l][i] = audience_join(l + 1, 1, 30000 + i);
			audience_alias(alias[l][i], BOX);
		}
	for (uint32_t l = 0; l < 5; l++)
		send_to(sim, l + 1, changed(l));
	for (uint32_t l = 0; l < 5; l++)
		for (unsigned i = 0; i < 3; i++)
			n += sim->delivered[alias[l][i]];
	assert_int_equal(n, 10);
	/* Nobody else is held: the person, the strangers. */
	for (uint32_t l = 1; l <= 5; l++)
		assert_true(sim->delivered[person[l]] == 1 &&
		    sim->delivered[other[l]] == 1);
	sim_free(sim);
}

/* Crashes, with and without the commit, give no mailbox one more. */
static void
a_crash_wastes_a_slot_at_most(void **state)
{
	struct sim *sim = begin(state);
	uint64_t alias[12];
	unsigned n = 0;

	for (unsigned i = 0; i < 12; i++) {
		alias[i] = audience_join(1, 1 + i % 4, 20000 + i);
		audience_alias(alias[i], BOX);
	}
	sim->list = 1;
	sim->text = OFFER;
	sim_release(sim, sim->utc_ms + 4 * DAY);
	for (unsigned round = 0; round < 30; round++) {
		for (unsigned i = 0; i <= round % 7; i++) {
			sim_turn(sim);
			if (i % 2 == 0)
				sim_commit(sim);
			for (unsigned p = 0; p < sim->peers; p++)
				sim_peer_step(sim, p);
			sim_pass(sim, 20);
		}
		sim_crash(sim, round % 3 != 0);
		sim_start(sim);
	}
	sim_settle(sim);
	sim_pass(sim, HOUR);
	sim_settle(sim);
	for (unsigned i = 0; i < 12; i++)
		n += sim->delivered[alias[i]] > 0;
	assert_true(n <= 10);
	assert_true(n >= 8);
	sim_free(sim);
}

/* Of the last attempts of each of n, the last or the first. */
static int64_t
last_time(const struct sim *sim, const uint64_t *who, unsigned n, bool latest)
{
	int64_t found = -1;

	for (unsigned k = 0; k < n; k++) {
		int64_t at = 0;

		for (size_t i = 0; i < sim->nevents; i++)
			if (!sim->events[i].connect &&
			    sim->events[i].who == who[k])
				at = sim->events[i].at_ms;
		if (found == -1 || (at > found) == latest)
			found = at;
	}
	return found;
}

/*
 * A retry goes by its own slot, however long it takes; and what counts is when
 * it came.
 */
static void
a_retry_keeps_its_slot(void **state)
{
	struct sim *sim = begin(state);
	uint64_t alias[11];
	unsigned n = 0;

	for (unsigned i = 0; i < 11; i++) {
		alias[i] = audience_join(1, 1, 20000 + i);
		audience_alias(alias[i], BOX);
	}
	sim->refused = SIM_EVERYBODY;
	send_to(sim, 1, OFFER);
	for (unsigned i = 0; i < 12; i++) {
		sim_pass(sim, HOUR);
		sim_settle(sim);
	}
	sim->refused = 0;
	for (unsigned i = 0; i < 10; i++) {
		sim_pass(sim, HOUR);
		sim_settle(sim);
	}
	for (unsigned i = 0; i < 11; i++)
		n += sim->delivered[alias[i]];
	assert_int_equal(n, 10);
	/* The last one waits for these, which came late. */
	sim_pass(sim, 8 * HOUR);
	sim_settle(sim);
	for (unsigned i = n = 0; i < 11; i++)
		n += sim->delivered[alias[i]];
	assert_int_equal(n, 10);
	for (unsigned i = 0; i < 24 && n < 11; i++) {
		sim_pass(sim, HOUR);
		sim_settle(sim);
		for (unsigned k = n = 0; k < 11; k++)
			n += sim->delivered[alias[k]];
	}
	assert_int_equal(n, 11);
	assert_true(last_time(sim, alias, 11, true) -
	    last_time(sim, alias, 11, false) >= DAY + SECOND);
	sim_free(sim);
}

/* T50: the clock is set back while the role is down. */
static void
a_step_back_frees_nothing(void **state)
{
	struct sim *sim = begin(state);

	for (uint32_t l = 1; l <= 11; l++)
		send_to(sim, l, changed(l));
	sim_crash(sim, true);
	sim->utc_ms -= 3 * HOUR;
	sim_start(sim);
	sim_settle(sim);
	for (unsigned i = 0; i < 24; i++) {
		sim_pass(sim, HOUR);
		sim_settle(sim);
		assert_int_equal(copies(sim), 10);
	}
	sim_free(sim);
}

/* ---- T58: confirmations and notices */

static void
notice_to(struct sim *sim, uint64_t mailbox, enum notice_kind kind)
{
	uint64_t n = audience_notice(1, sim->utc_ms);

	audience.notice[n - 1].kind = kind;
	audience.notice_mailbox[n - 1] = mailbox;
	scheduler_notices_changed(sim->s);
	sim_settle(sim);
	sim_pass(sim, SECOND);
	sim_settle(sim);
}

static unsigned
notices_sent(const struct sim *sim)
{
	unsigned n = 0;

	for (size_t i = 1; i <= audience.notices; i++)
		n += sim->notices_sent[i];
	return n;
}

static void
notices_are_held_likewise(void **state)
{
	struct sim *sim = begin(state);

	for (unsigned i = 0; i < 12; i++)
		notice_to(sim, BOX, i % 2 == 0 ? NOTICE_CONFIRM :
		    NOTICE_ALREADY);
	assert_int_equal(notices_sent(sim), 10);
	/* To others they go, and what somebody else wrote to this one. */
	notice_to(sim, BOX + 1, NOTICE_CONFIRM);
	notice_to(sim, BOX, NOTICE_FORWARD);
	assert_int_equal(notices_sent(sim), 12);
	restart(sim);
	sim_pass(sim, HOUR);
	sim_settle(sim);
	assert_int_equal(notices_sent(sim), 12);
	sim_free(sim);
}

/* Six campaigns, three confirmations and a notice: ten; then nothing. */
static void
all_kinds_are_counted_together(void **state)
{
	struct sim *sim = begin(state);
	int64_t first = sim->utc_ms;

	for (uint32_t l = 1; l <= LISTS; l++)
		audience_alias(person[l], BOX);
	for (uint32_t l = 1; l <= 6; l++)
		send_to(sim, l, changed(l));
	for (unsigned i = 0; i < 4; i++)
		notice_to(sim, BOX, i < 3 ? NOTICE_CONFIRM : NOTICE_HELP);
	assert_int_equal(copies(sim), 6);
	assert_int_equal(notices_sent(sim), 4);
	send_to(sim, 7, changed(7));
	notice_to(sim, BOX, NOTICE_CONFIRM);
	assert_int_equal(copies(sim), 6);
	assert_int_equal(notices_sent(sim), 4);
	/* What says something else goes: four notices are not ten. */
	send_to(sim, 8, NEWS);
	assert_int_equal(copies(sim), 7);
	sim_pass(sim, first + DAY + MINUTE - sim->utc_ms);
	sim_settle(sim);
	assert_int_equal(sim->delivered[person[7]], 1);
	sim_free(sim);
}

static void
an_erased_mailbox_has_no_row(void **state)
{
	struct sim *sim = begin(state);
	uint8_t mailbox[ADDRESS_HASH_OCTETS] = { 0 };
	uint64_t box = BOX;
	struct slots v;
	struct txn *t;

	memcpy(mailbox, &box, sizeof(box));
	notice_to(sim, BOX, NOTICE_CONFIRM);
	t = world_read(sim->w, STORE_Q);
	assert_int_equal(slots_get(t, mailbox, &v, &sim->w->e), 1);
	txn_end(t);
	scheduler_mailbox_erased(sim->s, mailbox);
	sim_pass(sim, SECOND);
	sim_settle(sim);
	t = world_read(sim->w, STORE_Q);
	assert_int_equal(slots_get(t, mailbox, &v, &sim->w->e), 0);
	txn_end(t);
	sim_free(sim);
}

#define T(F)	cmocka_unit_test_setup_teardown(F, world_setup, world_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(the_eleventh_waits),
		T(no_day_has_more),
		T(other_issues_go),
		T(ordinary_campaigns_never_look),
		T(a_lower_limit_is_kept),
		T(a_crowd_costs_its_own),
		T(eleven_aliases_of_one),
		T(lists_and_aliases_are_multiplied),
		T(a_crash_wastes_a_slot_at_most),
		T(a_retry_keeps_its_slot),
		T(a_step_back_frees_nothing),
		T(notices_are_held_likewise),
		T(all_kinds_are_counted_together),
		T(an_erased_mailbox_has_no_row),
	};
	const struct log_params lp = {
		.name = "test", .socket = "/nonexistent", .level = LEVEL_INFO,
	};

	log_open(&lp);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
