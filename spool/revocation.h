/* SPDX-License-Identifier: Apache-2.0 */
/*
 * revocation.h - the last entry by which an address said no, by scope.
 *
 * `revoked`: hash16 | scope u8 | id u32 -> index u64 of the latest entry that
 * ended what the address had confirmed for a list, an organization or the host
 * (id 0).  consent_append() writes it with the entry.  The gate reads what an
 * address said later too, and trusts this only to say no: for entries that are
 * gone when their time was over, and past the number that it reads.  It is a
 * position in the entries and no suppression: those may be lifted, and a
 * confirmation from before stays ended.
 */
#ifndef SPOOL_REVOCATION_H
#define SPOOL_REVOCATION_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/address.h"

struct consent;
struct err;
struct txn;

/* Does an entry end what its address had confirmed for list, of org? */
bool revocation_covers(const struct consent *c, uint32_t list, uint32_t org);
/*
 * Note what an entry with this index revokes, if it does: an unsubscribe, a
 * complaint, a removal, a suppression, or a bounce that set one.  0 or -1.
 */
int revocation_note(struct txn *t, const struct consent *c, uint64_t index,
    struct err *e);
/* The last index that covers the list, or its organization; 0: none. */
int revocation_last(struct txn *t,
    const uint8_t hash[static ADDRESS_HASH_OCTETS], uint32_t list,
    uint32_t org, uint64_t *index_r, struct err *e);
/* Forget an address all of whose entries are erased.  0 or -1. */
int revocation_erase(struct txn *t,
    const uint8_t hash[static ADDRESS_HASH_OCTETS], struct err *e);
/* For a store of schema 1: note what its entries say.  0 or -1. */
int revocation_upgrade(struct txn *t, struct err *e);

#endif
