/* SPDX-License-Identifier: Apache-2.0 */
/*
 * deferral.h - recipients that were tried and must be tried again.
 *
 * Rows lie by domain, then by due time, so that a dead domain's due rows never
 * stand before those of another.  Put and deleted only in the batch that
 * carries the outcome (spool/DESIGN section 9).  No row holds an address, so
 * that erasing a person leaves nothing behind here.
 */
#ifndef SPOOL_DEFERRAL_H
#define SPOOL_DEFERRAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct err;
struct txn;

/* In place of a reply's code: what a row waits for that was not tried now. */
#define DEFERRAL_FREQUENCY	1	/* recipient_per_day, S8 */
#define DEFERRAL_SIMILAR	2	/* similar mail in 24 hours, S44 */

struct deferral {
	/* the key */
	uint32_t	domain;
	int64_t		due_ms;		/* UTC, not below 0 */
	uint32_t	campaign;
	uint64_t	h8;
	uint64_t	subscriber;
	/* the value */
	uint64_t	join;		/* a member with another one is new */
	uint16_t	attempts;	/* 0: begun, its first one not over */
	int64_t		first_ms;	/* UTC of the first attempt */
	uint16_t	code;		/* the last reply, or a cause */
	uint16_t		enhanced[3];
	uint32_t	source;		/* hint: which address sent it */
	uint8_t		unanswered;	/* attempts whose content was sent whole */
	bool		lost;		/* the last attempt was one of them */
};

int deferral_put(struct txn *t, const struct deferral *d, struct err *e);
/* By the key in d.  1 deleted, 0 was not there, -1. */
int deferral_del(struct txn *t, const struct deferral *d, struct err *e);
/* By the key in d_r, the rest of which is filled.  1, 0, -1. */
int deferral_get(struct txn *t, struct deferral *d_r, struct err *e);
/*
 * Copy up to max rows of domain that are due until until_ms, in the order of
 * their keys: the first there are, or with after those behind that one.  Many
 * may be due in the same moment, so a time is no place to go on from.
 *
 * Returns how many damaged rows were passed over, with e for the last of them,
 * or -1 when the table cannot be read.
 */
int deferral_due(struct txn *t, uint32_t domain,
    const struct deferral *after, int64_t until_ms, struct deferral *rows,
    size_t max, size_t *n_r, struct err *e);
/*
 * Skip-scan: the first domain with an id >= *domain that has a row due from
 * from_ms on, and the earliest such time.  1, 0 past the last, -1.
 */
int deferral_earliest(struct txn *t, int64_t from_ms, uint32_t *domain,
    int64_t *due_r, struct err *e);

#endif
