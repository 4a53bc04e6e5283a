/* SPDX-License-Identifier: Apache-2.0 */
/*
 * change.h - a person's mail is to go to another address (T12).
 *
 * Wanted is only what the old address may want: who could read its mail, or
 * the operator, asked for it.  Done is what the new address confirms, and the
 * old one is told.  The request keeps the old address's hash, and of each
 * membership that is to move the entry it rested on; one that has another by
 * then - the person left and came back - does not move.  Nor does one where
 * either address is suppressed.
 *
 *	ADDRESS_ASKED	of the old address, and one of the new that follows it
 *	ADDRESS_CHANGED	of the new, for each list, following the entry that the
 *			old membership rested on; the new one rests on it
 *	REMOVED		of the old, following the one before
 *
 * No entry names both addresses, so that each can be erased without the other.
 */
#ifndef SPOOL_CHANGE_H
#define SPOOL_CHANGE_H

#include <stdint.h>

#include "spool/optin.h"

struct consent;
struct err;
struct identity;
struct ipc_evidence;
struct request;
struct txn;

#define CHANGE_LISTS_MAX	256	/* memberships that move at once */

struct change_ask {
	const struct identity *from;
	const char	*to;		/* as typed */
	uint32_t	 list;		/* 0: all of them */
	const struct ipc_evidence *evidence;
	const char	*who;		/* an operator, or NULL */
	const struct optin_limits *limits;
	int64_t		 now_ms;
	bool		 clock_unsure;
};

/*
 * Ask the new address to confirm.  ACCEPTED, or why nothing was mailed:
 * MALFORMED, ROLE, UNKNOWN (no membership that could move), SUPPRESSED (at the
 * new address), PENDING, THROTTLED.  0, or -1 as for any job.
 */
int change_ask(struct txn *t, const struct change_ask *a,
    struct optin_asked *r_r, struct err *e);

/*
 * It was confirmed: move what can be moved.  proof is the entry to come, with
 * the confirmation's evidence; who is the new address.  How many memberships
 * moved, or -1; the first entry in *consent_r.
 */
int change_apply(struct txn *t, const struct request *req,
    const struct identity *who, const struct consent *proof,
    uint64_t *consent_r, struct err *e);

#endif
