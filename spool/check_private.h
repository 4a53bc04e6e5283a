/* SPDX-License-Identifier: Apache-2.0 */
/*
 * check_private.h - shared by check*.c.
 */
#ifndef SPOOL_CHECK_PRIVATE_H
#define SPOOL_CHECK_PRIVATE_H

#include "spool/check.h"
#include "spool/store.h"

struct content;

/* Look at one row of a table of S; 0 or -1 with e. */
int check_row(struct txn *t, enum store_table table, struct slice key,
    struct slice value, const struct content *content, struct err *e);

/*
 * Compare the counters of `counts` with the members there are.  0 or -1 with
 * ERR_DAMAGED.
 */
int check_count(struct txn *t, struct slice key, struct slice value,
    struct err *e);

/* The gaps in the ledger against the entries that explain them. */
struct check_gaps {
	uint64_t	 expected;	/* the next index */
	uint64_t	*gap, *erased;
	size_t		 ngap, nerased;
	bool		 too_many, sorted;
};

void check_gaps_free(struct check_gaps *g);
/* Told of each entry in order, with what it says is erased. */
void check_gaps_entry(struct check_gaps *g, uint64_t index,
    struct slice erased);
/* The first unexplained gap at or above index: 1 with *gap_r, or 0. */
int check_gaps_next(struct check_gaps *g, uint64_t index, uint64_t *gap_r);

#endif
