/* SPDX-License-Identifier: Apache-2.0 */
/*
 * effect.h - what a batch of outcomes in Q means for S.
 *
 * Applied once by number: S keeps the last batch it applied, in the same
 * transaction (spool/DESIGN section 10 b).  What an effect was for may be gone
 * by then; it is passed over.
 */
#ifndef SPOOL_EFFECT_H
#define SPOOL_EFFECT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/pack.h"

struct err;
struct txn;

enum effect_kind {
	EFFECT_HARD = 1,	/* the mailbox does not exist (5.1.1 ...) */
	EFFECT_SOFT,		/* full, give-up of a 4.x.x: may mend */
	EFFECT_NOTICE_SENT,
	EFFECT_NOTICE_DEFERRED,
	EFFECT_NOTICE_FAILED,
	EFFECT_NOTICE_DROPPED,	/* the gate closed: its point is gone */
};

/* Texts are borrowed, and may be NULL. */
struct effect {
	enum effect_kind kind;
	uint64_t	subscriber;	/* HARD, SOFT */
	uint64_t	notice;		/* NOTICE_* */
	uint32_t	campaign;
	int64_t		when_ms;
	int64_t		due_ms;		/* DEFERRED: next attempt */
	/*
	 * By a returned report and not by a reply to us.  Then code and
	 * enhanced are what it quotes; without either, HARD has words alone to
	 * rest on, and must come again.
	 */
	bool		reported;
	uint16_t	code;
	uint16_t	enhanced[3];
	const char	*host;
	const char	*text;
	const char	*message_id;
	/* SENT: the mail with its token masked, and its hash; or none. */
	struct slice	mail;
	uint8_t		mail_hash[32];
};

/* The last batch S has; 0 before the first. */
int effect_last(struct txn *t, uint64_t *batch_r, struct err *e);
/*
 * Apply a batch: 1 applied, 0 S had it already, -1.  Batches come in order.
 * Where a record is damaged the others are applied and e says ERR_DAMAGED.
 */
int effect_apply(struct txn *t, uint64_t batch, const struct effect *v,
    size_t n, struct err *e);
/*
 * One bounce outside of a batch: a report by mail whose MAC was right.
 * *suspended_r says whether the member was suspended by it.
 */
int effect_bounce(struct txn *t, const struct effect *v, bool *suspended_r,
    struct err *e);

#endif
