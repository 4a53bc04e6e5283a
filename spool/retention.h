/* SPDX-License-Identifier: Apache-2.0 */
/*
 * retention.h - what never was confirmed is reduced to hashes (T53, S60).
 *
 * Thirty days after it, an entry about a request that nobody confirmed - the
 * request, one that was refused, the mail it caused - gives way to one of
 * kind HASHED: that there was such a request, when, of which list, by which
 * form, with the keyed hashes of address and IP; no address, no IP, no agent,
 * no raw request.  The new entry names the old one's index as erased, so the
 * gap is legal.  A request that was confirmed is evidence and stays whole.
 */
#ifndef SPOOL_RETENTION_H
#define SPOOL_RETENTION_H

#include <stdint.h>

struct err;
struct txn;

#define RETENTION_UNCONFIRMED_MS (30ll * 24 * 3600 * 1000)

/*
 * Look at up to max entries from where the last call came to.  1 there may be
 * more, 0 the rest is younger, -1.
 */
int retention_hash(struct txn *t, unsigned max, int64_t now_ms,
    struct err *e);

#endif
