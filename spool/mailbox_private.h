/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mailbox_private.h - between those who ask about mailboxes (mailbox.c) and
 * the rows (mailbox_index.c).
 */
#ifndef SPOOL_MAILBOX_PRIVATE_H
#define SPOOL_MAILBOX_PRIVATE_H

#include "spool/mailbox.h"
#include "spool/row.h"

#define HASH	ADDRESS_HASH_OCTETS

/* Of a folded address. */
int mailbox_hash(struct txn *t, const struct address *folded,
    uint8_t *mailbox_r, struct err *e);
void mailbox_key(struct key *k, const uint8_t *mailbox);
/* Its row of crowds: 1, 0 and *n_r is 0, -1. */
int mailbox_crowd(struct txn *t, const uint8_t *mailbox, uint32_t *n_r,
    struct err *e);
/* The first alias at or after hash: 1 with it in hash, 0, -1. */
int mailbox_alias_from(struct txn *t, const uint8_t *mailbox, uint8_t *hash,
    struct err *e);
/* The next number; false past the last. */
bool mailbox_hash_next(uint8_t *hash);

#endif
