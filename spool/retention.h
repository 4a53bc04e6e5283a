/* SPDX-License-Identifier: Apache-2.0 */
/*
 * retention.h - how long entries are kept (T53, S60, R182, R186, R192).
 *
 * Thirty days after it, an entry about a request that nobody confirmed - the
 * request, one that was refused, the mail it caused - gives way to one of
 * kind HASHED: that there was such a request, when, of which list, by which
 * form, with the keyed hashes of address and IP; no address, no IP, no agent,
 * no raw request.  The new entry names the old one's index as erased, so the
 * gap is legal.  A request that was confirmed is evidence and stays whole.
 *
 * Evidence outlives the membership by the time that the laws of the list say
 * (spool/jurisdiction.h), and then goes for good; an entry of kind PRUNED names
 * the gaps, as an erasure does.  What rests on an entry that is gone, as a
 * suppression does, goes on: the entry's number is enough for it.
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

/*
 * One pass over all entries, from the first to those that are too young to be
 * pruned under any list's laws.  Zeros at its begin.
 */
struct retention_pass {
	uint64_t	at;		/* next index to look at */
	int64_t		shortest_ms;	/* of all lists; 0: not known yet */
	uint64_t	pruned;		/* so far */
};

/*
 * Look at up to max entries, and prune those whose time is over.  1 there may
 * be more, 0 the pass is at its end, -1 with the pass as it was.
 */
int retention_prune(struct txn *t, struct retention_pass *pass, unsigned max,
    int64_t now_ms, struct err *e);

#endif
