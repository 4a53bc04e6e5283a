/* SPDX-License-Identifier: Apache-2.0 */
/*
 * act.h - what operators did: who, when, verb, on what, old and new.
 *
 * Append-only, and each row carries a MAC over itself and the MAC of the row
 * before it, under the ledger key: a row that is altered, dropped or moved is
 * found, and nobody without the key can make the chain fit again (S10, T49).
 * A consent entry of kind ACT has the row's hash, so that whoever has the key
 * can not do so either without changing the ledger (spool/consent.h).
 */
#ifndef SPOOL_ACT_H
#define SPOOL_ACT_H

#include <stdint.h>

struct consent;
struct err;
struct txn;

#define ACT_HASH	32	/* octets of SHA-256 */
#define ACT_WHO_MAX	128	/* octets; longer texts are cut */
#define ACT_VERB_MAX	64
#define ACT_OBJECT_MAX	400
#define ACT_VALUE_MAX	1024	/* of old and of new */

struct act {
	uint64_t	index;
	uint64_t	entry;		/* consent entry with its hash, or 0 */
	int64_t		when_ms;
	char		who[ACT_WHO_MAX + 1];
	char		verb[ACT_VERB_MAX + 1];		/* "list set from" */
	char		object[ACT_OBJECT_MAX + 1];	/* "list news" */
	char		old[ACT_VALUE_MAX + 1];
	char		new[ACT_VALUE_MAX + 1];
};

/*
 * Append the act and its entry; longer texts are cut, old and new may be NULL.
 */
int act_note(struct txn *t, const char *who, int64_t when_ms, const char *verb,
    const char *object, const char *old, const char *new, struct err *e);
/* The first with an index >= index.  1, 0, -1. */
int act_next(struct txn *t, uint64_t index, struct act *a_r, struct err *e);

struct act_walk {
	uint64_t	index;		/* next to be looked at */
	uint8_t		mac[32];	/* of the row before it */
};

/*
 * Go on with a walk, zeroed at first, over at most max rows.  1 there is more,
 * 0 whole and sound, -1: ERR_DAMAGED and walk->index is the first bad row, or
 * another error.
 */
int act_verify(struct txn *t, struct act_walk *walk, unsigned max,
    struct err *e);
/*
 * The way back, for who walks the entries: is the act that an entry of kind
 * ACT names there, and the one it was?  0, or -1 ERR_DAMAGED.
 */
int act_check_entry(struct txn *t, const struct consent *c, struct err *e);

#endif
