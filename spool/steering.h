/* SPDX-License-Identifier: Apache-2.0 */
/*
 * steering.h - what a restart must remember of how mail is steered.
 *
 * actions	what followed from refusals and holds for a while: a sealed
 *		record of lib/reactions.h under the number of the action
 * shares	how many messages a source that is being warmed up has sent
 *		(or, up to a little more, may have) to a provider today
 */
#ifndef SPOOL_STEERING_H
#define SPOOL_STEERING_H

#include <stdint.h>

#include "lib/pack.h"

struct err;
struct txn;

#define SHARE_SOURCE_MAX	63	/* octets of a source's name */

int action_put(struct txn *t, uint64_t id, struct slice record,
    struct err *e);
/* 1 deleted, 0 was not there, -1. */
int action_del(struct txn *t, uint64_t id, struct err *e);
/*
 * The first with an id of at least *id, which becomes its; the record is
 * borrowed until the transaction ends.  1, 0, -1.
 */
int action_next(struct txn *t, uint64_t *id, struct slice *record_r,
    struct err *e);

struct source_share {
	uint32_t	provider;	/* shaping_key(), 0: none in particular */
	char		source[SHARE_SOURCE_MAX + 1];
	int64_t		day;		/* of UTC, days since 1970 */
	uint64_t	count;
};

int source_share_put(struct txn *t, const struct source_share *v,
    struct err *e);
/*
 * The first behind after (NULL: of all).  1, 0, -1; with ERR_DAMAGED provider
 * and source of v_r say which one it is.
 */
int source_share_next(struct txn *t, const struct source_share *after,
    struct source_share *v_r, struct err *e);

/* A row of the table, as source_share_next() reads it: 1 or -1. */
int source_share_decode(struct source_share *v_r, struct slice key,
    struct slice value, struct err *e);

#endif
