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
/*
 * Many new members, of whom the caller knows that they are none, best in the
 * order of `members`; their rows of by_hash are the caller's.
 */
struct member_bulk;
struct member_bulk *member_bulk_begin(struct txn *t, struct err *e);
void member_bulk_end(struct member_bulk *b);	/* NULL is fine */
/*
 * m has list, domain, h8, both locals, state, consent, created_ms and import;
 * subscriber, join and change are set here.  json: attributes that are known
 * to be fit, or NULL.
 */
int member_bulk_insert(struct member_bulk *b, struct member *m,
    const char *json, struct err *e);
/* The sealed record of attributes in b, in place of what was there. */
void attributes_encode(struct strbuf *b, struct slice json);

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
