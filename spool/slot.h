/* SPDX-License-Identifier: Apache-2.0 */
/*
 * slot.h - what a mailbox was mailed lately, where that may come near the
 * limit of similar mail in 24 hours (S44).
 *
 *	slots		mailbox 16 -> up to SLOTS_MAX of campaign u32 (0: a
 *			notice), subscriber or notice u64, time i64
 *
 * A slot is reserved before its mail is handed out and is its own from then
 * on, for retries too; its time is that of the last attempt, or its answer.  Rows are few:
 * only confirmations and notices, and campaigns' copies to mailboxes that
 * might get too much, have slots.  What is older than SLOT_MS counts nothing,
 * and a row of nothing else is swept.  Times are UTC.
 */
#ifndef SPOOL_SLOT_H
#define SPOOL_SLOT_H

#include <stddef.h>
#include <stdint.h>

#include "lib/address.h"
#include "lib/pack.h"

struct err;
struct strbuf;
struct txn;

#define SLOTS_MAX	64	/* of a mailbox; the oldest goes first */
#define SLOT_MS		(INT64_C(24) * 3600 * 1000 + 1000)
#define SLOT_VALUE_MAX	(8 + 20 * SLOTS_MAX)	/* octets of a row */

struct slot {
	uint32_t	campaign;	/* 0: a confirmation or notice */
	uint64_t	who;		/* subscriber, or notice */
	int64_t		time_ms;
};

struct slots {
	unsigned	n;
	struct slot	v[SLOTS_MAX];	/* in no order */
};

/* No row is none: 1, 0, -1 ERR_DAMAGED. */
int slots_get(struct txn *t,
    const uint8_t mailbox[static ADDRESS_HASH_OCTETS], struct slots *v_r,
    struct err *e);
/* The first row after a mailbox, of which NULL is before all: 1, 0, -1. */
int slots_next(struct txn *t, const uint8_t *after,
    uint8_t mailbox_r[static ADDRESS_HASH_OCTETS], struct slots *v_r,
    struct err *e);
/* None deletes the row.  0 or -1. */
int slots_put(struct txn *t,
    const uint8_t mailbox[static ADDRESS_HASH_OCTETS], const struct slots *v,
    struct err *e);
/*
 * Look at up to max rows after *at and delete those in which nothing counts
 * any more.  1 with *at moved on when there may be more, 0 at the end, -1.
 */
int slots_sweep(struct txn *t, uint8_t at[static ADDRESS_HASH_OCTETS],
    unsigned max, int64_t now_ms, struct err *e);
/* For check: -1 with e. */
int slots_check(struct slice key, struct slice value, struct err *e);

/* Forget what counts no more. */
void slots_expire(struct slots *v, int64_t now_ms);
/* Its slot, or NULL. */
struct slot *slots_find(struct slots *v, uint32_t campaign, uint64_t who);
/* One more, or its time anew; the oldest goes when there is no room. */
void slots_take(struct slots *v, uint32_t campaign, uint64_t who,
    int64_t now_ms);

#endif
