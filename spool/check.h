/* SPDX-License-Identifier: Apache-2.0 */
/*
 * check.h - walk the whole store and say what is wrong with it.
 *
 * Seals, records, whether tables agree with each other, the chain of acts, the
 * gaps that erasure left in the ledger, and the content files that rows name.
 * It goes on past what it finds (P12).  Transactions are renewed every
 * CHECK_SLICE rows; two tables are always compared inside one, so a store at
 * work gives no false finding.  A page of LMDB's own that is garbage can kill
 * the process: who is not sure of the file runs this in a child.
 */
#ifndef SPOOL_CHECK_H
#define SPOOL_CHECK_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/pack.h"

struct content;
struct err;
struct store;
struct txn;

#define CHECK_SLICE	10000		/* rows of one transaction */
#define CHECK_KEY_HEX	1023		/* characters of a key in a finding */

struct check_finding {
	const char	*table;
	char		key[CHECK_KEY_HEX];	/* hex */
	char		text[512];
};

/*
 * One row, looked at by who owns its records: 0 sound, -1 with e saying what
 * is wrong.
 */
typedef int check_row_fn(struct txn *t, struct slice key, struct slice value,
    struct err *e);

struct check_params {
	struct store	*st;
	const struct content *content;	/* NULL: files are not looked at */
	/* Told of each finding; false stops the walk. */
	bool		(*finding)(void *arg, const struct check_finding *f);
	/* Told now and then; may be NULL. */
	void		(*progress)(void *arg, const char *table, uint64_t rows);
	void		*arg;
	/*
	 * For the tables of Q, indexed by enum store_table, TABLE_LAST of
	 * them; NULL: only the seal is checked.  So is NULL for the array.
	 */
	check_row_fn	*const *queue_rows;
};

struct check_result {
	uint64_t	rows;		/* looked at */
	uint64_t	findings;
};

/* 0 when the walk came to its end, whatever it found; -1 when it did not. */
int check_store(const struct check_params *p, struct check_result *r_r,
    struct err *e);

#endif
