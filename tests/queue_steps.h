/* SPDX-License-Identifier: Apache-2.0 */
/*
 * queue_steps.h - what tests of the scheduler do again and again.
 */
#ifndef TESTS_QUEUE_STEPS_H
#define TESTS_QUEUE_STEPS_H

#include "listd/source.h"
#include "tests/queue_sim.h"

/* The log is heard only if LISTD_TEST_LOG is in the environment. */
void log_sim(void);
/* Started, its domains spread over so many sites; state is a world's. */
struct sim *begin(void **state, unsigned sites);
/* Two source addresses of the same weight, for all streams. */
extern const struct source two_sources[2];
/*
 * The same by a shaping file's overlay and a file of replies, each NULL for
 * none, with 20 connections a site, and past the pause that follows a start.
 */
struct sim *begin_shaped(void **state, unsigned sites, const char *overlay,
    const char *replies, const struct source *sources, uint16_t nsources);
/* n members of list 1 at a domain. */
void join_many(struct sim *sim, uint32_t domain, unsigned n);
/* Let the peers hold what they get, but open sessions. */
void fill_peers(struct sim *sim);
/* Answer all that is out with one result. */
void answer_all(struct sim *sim, enum ipc_result_kind result);

/* Copies that went to a site. */
unsigned delivered_at(const struct sim *sim, unsigned site);
/* Everybody counted got exactly one copy; or the test fails. */
void each_got_one(const struct sim *sim);
/* It is finished, and the figures sum to the count; or the test fails. */
void sum_is_right(struct sim *sim, uint32_t id, struct tally *v_r);

#endif
