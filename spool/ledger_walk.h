/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ledger_walk.h - shared by ledger_verify.c, which walks over the entries, and
 * ledger_claims.c, which knows what must come out.
 */
#ifndef SPOOL_LEDGER_WALK_H
#define SPOOL_LEDGER_WALK_H

#include "lib/merkle.h"
#include "spool/ledger_verify.h"
#include "spool/row.h"

/* A root that the tree must have at some size. */
struct due {
	uint64_t	size;
	uint8_t		root[LEDGER_HASH];
	char		name[LEDGER_WITNESS_MAX + 32];
	bool		is_signed;	/* by the log's key */
	struct ledger_claim *claim;	/* of the caller, or NULL */
};

struct walk {
	const struct ledger_verifying *p;
	struct ledger_verdict *v;
	struct txn	*t;

	/* As kept at the beginning. */
	struct merkle_range kept;
	uint8_t		kept_root[LEDGER_HASH];
	struct due	*due;		/* by size */
	size_t		 dues, room, next;

	/* As built. */
	struct merkle_range range;
	uint8_t		built[LEDGER_HASH];
	uint64_t	sound;		/* the last signed size that was met */
	uint8_t		*open;		/* a bit for each entry */

	/* A row of `leaves`. */
	uint8_t		row[LEDGER_ROW][LEDGER_HASH];
	uint64_t	row_at;
	bool		row_read, row_there;
};

/* ledger_verify.c */
void ledger_tell(struct walk *w, uint64_t index, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
/* The entries that entry index names as erased. */
void ledger_walk_erased(struct walk *w, uint64_t index, struct slice row);

/* ledger_claims.c */
/* Read what is kept, and what was signed. */
int ledger_walk_begin(struct walk *w, struct err *e);
/* The tree has range.size leaves now. */
void ledger_walk_claims(struct walk *w);
/* After the last entry: what is kept beside the tree, and what came since. */
int ledger_walk_end(struct walk *w, struct err *e);
void ledger_walk_free(struct walk *w);

#endif
