/* SPDX-License-Identifier: Apache-2.0 */
/*
 * quota.h - so many messages in a day or an hour, whatever happens.
 *
 * The count is committed ahead of need, a twentieth of the quota at a time:
 * after a crash some of it may be lost, and never is more sent than was
 * allowed.  Periods are those of UTC, named by their number since 1970.
 */
#ifndef LISTD_QUOTA_H
#define LISTD_QUOTA_H

#include <stdbool.h>
#include <stdint.h>

#include "spool/steering.h"

struct scheduler;

struct quota {
	struct source_share row;	/* as stored: its count is ahead */
	uint64_t	 sent;
	uint64_t	 durable;	/* so many may be by what is on disk */
	uint64_t	 serial;	/* of the batch that has row; 0: none */
};

/* What the store said of it. */
void quota_load(struct quota *q, const struct source_share *row);
/* In another period than the one it is of it begins anew. */
void quota_turn(struct quota *q, int64_t period);
/*
 * May one more of max be sent in this period, by what is on disk?  If only the
 * disk is behind, the next batch catches up.
 */
bool quota_is_open(struct scheduler *s, struct quota *q, uint64_t max);
void quota_take(struct quota *q);
/* One that was taken in that period was not sent. */
void quota_give(struct quota *q, int64_t period);
/* A batch is durable.  True when that allows more. */
bool quota_durable(const struct scheduler *s, struct quota *q);

#endif
