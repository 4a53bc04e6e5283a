/* SPDX-License-Identifier: Apache-2.0 */
/*
 * deliver_link.h - what a deliver role tells queue, in order and not lost.
 *
 * Frames leave in the order of what happened.  One that the channel refuses
 * because it is full waits, and so does all behind it, until there is room.
 *
 * Outcomes travel many in a frame, and each frame is kept until queue says
 * that it is durable (IPC_OUTCOME_ACK): a queue role that was started again is
 * sent all that its forerunner may not have written down.
 */
#ifndef LISTD_DELIVER_LINK_H
#define LISTD_DELIVER_LINK_H

#include <stddef.h>
#include <stdint.h>

#include "lib/ipc.h"

struct deliver_link;
struct err;
struct strbuf;

#define DELIVER_LINK_BATCH	64	/* outcomes of one frame */

/*
 * send puts a frame into the channel: 0, or -1 with ERR_AGAIN when it is full;
 * what it refuses for another reason is logged, if it is not ERR_REFUSED (the
 * peer is gone), and lost.
 */
struct deliver_link *deliver_link_new(int (*send)(void *arg, uint16_t type,
    const struct strbuf *b, struct err *e), void *arg);
/* NULL is fine. */
void deliver_link_free(struct deliver_link *l);

/* An answer that stands by itself.  Dropped when no queue role is up. */
void deliver_link_send(struct deliver_link *l, uint16_t type,
    const struct strbuf *b);
/*
 * What happened after all outcomes so far.  Dropped when the queue role does
 * not know the work it speaks of.
 */
void deliver_link_report(struct deliver_link *l, uint16_t type,
    const struct strbuf *b);
/* Add an outcome; it leaves with the next flush, or when a frame is full. */
void deliver_link_outcome(struct deliver_link *l,
    const struct ipc_outcome *o);
void deliver_link_flush(struct deliver_link *l);

/* The work from here on is of this epoch. */
void deliver_link_epoch(struct deliver_link *l, uint64_t epoch);
/* A channel stands: frames may be sent, outcomes not yet. */
void deliver_link_up(struct deliver_link *l);
/* Queue knows our old work: everything unacknowledged, from the first. */
void deliver_link_ready(struct deliver_link *l);
/* The channel is gone: only outcomes wait for the next. */
void deliver_link_down(struct deliver_link *l);
/* The channel has room again. */
void deliver_link_room(struct deliver_link *l);
/* Outcomes up to seq are durable. */
void deliver_link_acknowledged(struct deliver_link *l, uint64_t seq);

/* Frames the channel has not taken yet. */
size_t deliver_link_backlog(const struct deliver_link *l);

#endif
