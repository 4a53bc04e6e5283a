/* SPDX-License-Identifier: Apache-2.0 */
/*
 * subscriber_private.h - rows of `members`, shared by the files that change
 * them and walk them.
 */
#ifndef SPOOL_SUBSCRIBER_PRIVATE_H
#define SPOOL_SUBSCRIBER_PRIVATE_H

#include "spool/row.h"
#include "spool/subscriber.h"

#define MEMBER_PREFIX	16	/* octets of list, domain and h8 in a key */

/* The key up to h8. */
void member_position(struct key *k, uint32_t list, uint32_t domain,
    uint64_t h8);
/* 1, or -1 with ERR_DAMAGED. */
int member_decode(struct slice key, struct slice value, struct member *m_r,
    struct err *e);
/* subscriber_add() for who knows that there is no such member. */
int subscriber_insert(struct txn *t, const struct subscriber_new *n,
    struct member *m_r, struct err *e);

/* ---- counts.c */

/*
 * Take the list's next sequence number and move its counters and those of the
 * member's domain.  0 or -1.
 */
int count_change(struct txn *t, const struct member *m, int active, int all,
    bool left, uint64_t *sequence_r, struct err *e);
/* Before reading `counts` itself in a transaction that may write. */
int counts_flush(struct txn *t, struct err *e);
/* Fills active and all.  1, or -1 with ERR_DAMAGED. */
int member_count_decode(struct slice key, struct slice value,
    struct subscriber_domain *n_r, struct err *e);

#endif
