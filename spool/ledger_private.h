/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ledger_private.h - how the ledger grows: for consent.c, store.c, and the
 * siblings of ledger.c.
 */
#ifndef SPOOL_LEDGER_PRIVATE_H
#define SPOOL_LEDGER_PRIVATE_H

#include "lib/merkle.h"
#include "spool/ledger.h"
#include "spool/row.h"

/*
 * Append the leaf of entry `index`, which must be the next; else ERR_DAMAGED.
 * Rows that are not full, size and root are written at the commit.
 */
int ledger_append(struct txn *t, uint64_t index,
    const struct ledger_entry *entry, struct err *e);
/* What lies in meta `ledger`; zeros, and the root of nothing, without one. */
int ledger_load(struct txn *t, struct merkle_range *range_r,
    uint8_t root_r[static LEDGER_HASH], struct err *e);
/*
 * Make leaves and tiles of the entries of a store that had none.  An entry
 * that is missing, for it was erased, gets a leaf of 32 zero octets.
 */
int ledger_upgrade(struct txn *t, struct err *e);

/*
 * What the first checkpoint may go on from, for a ledger that has entries
 * before it has one: size and root are what t sees.
 */
int ledger_first_put(struct txn *t, struct err *e);
/* 1, 0 none, -1: also when the ledger's key did not make it. */
int ledger_first(struct txn *t, struct ledger_head *head_r, struct err *e);
int ledger_first_del(struct txn *t, struct err *e);

/*
 * Told each tile that the next leaf completes, the lowest first: the root of
 * one is the last leaf of the one above.  0, or -1 as soon as fn said so.
 */
typedef int ledger_tile_fn(void *arg, unsigned level, uint64_t n,
    const uint8_t hash[static LEDGER_HASH]);
int ledger_completed(const struct merkle_range *r,
    const uint8_t leaf[static LEDGER_HASH], ledger_tile_fn *fn, void *arg);
/* Keep a checkpoint as the last one; the log's name. */
int ledger_checkpoint_put(struct txn *t, const struct ledger_checkpoint *c,
    struct err *e);
int ledger_origin_put(struct txn *t, const char *origin, struct err *e);
/*
 * The log, which was called `was` as far as anybody knows, goes on under
 * another name.  What was signed under the old one is kept
 * (ledger_former()), but for cosignatures.
 */
int ledger_rename(struct txn *t, const char *was, const char *is,
    int64_t now_ms, struct err *e);
/* Keep the verifier keys that the store's secrets and its origin make. */
int ledger_vkeys_put(struct txn *t, struct err *e);
/* Whether the verifier keys kept are not those; e says in what way. */
bool ledger_vkeys_differ(struct txn *t, struct err *e);

/* Keys of `leaves` and `tiles`. */
struct key ledger_row_key(uint64_t row);
struct key ledger_tile_key(unsigned level, uint64_t n);

#endif
