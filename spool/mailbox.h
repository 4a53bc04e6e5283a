/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mailbox.h - which subscriptions most likely end in one mailbox (T34 c).
 *
 * For limits and nothing else: who may be mailed, and who is who, goes by the
 * folded address (spool/identity.h), and no function here says anything about
 * consent.
 *
 * A mailbox is the hash16 of the canonical form of an address.  Most addresses
 * are in that form, and by_hash finds them.  The others have a row:
 *
 *	aliases		mailbox 16 | hash16 -> (nothing)
 *	crowds		mailbox 16 -> how many rows of aliases it has, if more
 *			than one
 *
 * kept as long as the address has a membership, by subscriber*.c and the
 * import, in the transaction that changes the membership.
 */
#ifndef SPOOL_MAILBOX_H
#define SPOOL_MAILBOX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "spool/identity.h"

struct err;
struct member;
struct txn;

/* The mailbox of a member, or of an address as it was typed. */
int mailbox_of_member(struct txn *t, const struct member *m,
    uint8_t mailbox_r[static ADDRESS_HASH_OCTETS], struct err *e);
/* 1; 0 when it is no address; -1. */
int mailbox_of_text(struct txn *t, const char *address,
    uint8_t mailbox_r[static ADDRESS_HASH_OCTETS], struct err *e);

/*
 * At most so many addresses with a membership has any mailbox of the store:
 * two look-ups, whatever its size.  1 when all are canonical.
 */
int mailbox_most(struct txn *t, unsigned *n_r, struct err *e);
/* The same of this mailbox: one look-up in a small table. */
int mailbox_addresses(struct txn *t,
    const uint8_t mailbox[static ADDRESS_HASH_OCTETS], unsigned *n_r,
    struct err *e);

/* All memberships of a mailbox, in O(their number). */
struct mailbox_walk {
	uint8_t		mailbox[ADDRESS_HASH_OCTETS];
	uint8_t		hash[ADDRESS_HASH_OCTETS];	/* at this address */
	uint32_t	list;		/* from this list on */
	bool		over;
};
void mailbox_walk_begin(struct mailbox_walk *w,
    const uint8_t mailbox[static ADDRESS_HASH_OCTETS]);
/* 1, 0 behind the last, -1. */
int mailbox_walk_next(struct txn *t, struct mailbox_walk *w,
    struct member *m_r, struct err *e);

/* ---- for those who write memberships: 0 or -1 */

/* An address, folded, has a membership now. */
int mailbox_enter(struct txn *t, const char *local, const char *domain,
    const uint8_t hash[static ADDRESS_HASH_OCTETS], struct err *e);
/* m is gone, from by_hash too; its address may have others. */
int mailbox_leave(struct txn *t, const struct member *m,
    const uint8_t hash[static ADDRESS_HASH_OCTETS], struct err *e);
/* The rows of a store that was written without them. */
int mailbox_upgrade(struct txn *t, struct err *e);

/* ---- check: 0, or -1 with e */

struct slice;
int mailbox_check_member(struct txn *t, const struct member *m,
    const uint8_t hash[static ADDRESS_HASH_OCTETS], struct err *e);
int mailbox_check_alias(struct txn *t, struct slice key, struct slice value,
    struct err *e);
int mailbox_check_crowd(struct txn *t, struct slice key, struct slice value,
    struct err *e);

#endif
