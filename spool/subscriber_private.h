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
/* Fills active and all.  1, or -1 with ERR_DAMAGED. */
int member_count_decode(struct slice key, struct slice value,
    struct subscriber_domain *n_r, struct err *e);

#endif
