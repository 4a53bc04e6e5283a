/* SPDX-License-Identifier: Apache-2.0 */
/*
 * queue_sim_private.h - what queue_sim.c needs of queue_sim_peers.c.
 */
#ifndef TESTS_QUEUE_SIM_PRIVATE_H
#define TESTS_QUEUE_SIM_PRIVATE_H

#include "tests/queue_sim.h"

/* A frame from the scheduler to a peer; arg is the sim. */
void sim_send(void *arg, unsigned peer, uint16_t type, const struct strbuf *b);
/* Forget the i-th delivery of a peer. */
void sim_drop_out(struct sim_peer *p, size_t i);
/* Answer the oldest look-up that a peer was asked for. */
void sim_answer_lookup(struct sim *sim, unsigned peer);

#endif
