/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ledger_upgrade.c - a ledger for a store of schema 1, which had entries only.
 *
 * All in the transaction that raises the schema.  An entry that is missing was
 * erased, salt and all, so its commitment is not known any more: its leaf is
 * 32 zero octets, which no entry has.  A row that is damaged gets the leaf of
 * the octets that lie there: from now on nobody changes them unnoticed, and
 * `listctl check` names it as before.
 */
#include "config.h"

#include <string.h>

#include "lib/err.h"
#include "spool/consent.h"
#include "spool/ledger_private.h"
#include "spool/row.h"

static void
zero_leaf(struct ledger_entry *leaf)
{
	memset(leaf->commitment, 0, sizeof(leaf->commitment));
	merkle_leaf(leaf->commitment, sizeof(leaf->commitment), leaf->hash);
}

/* Leaves of erased entries, up to before `until`. */
static int
fill(struct txn *t, uint64_t *next, uint64_t until, struct err *e)
{
	struct ledger_entry none;

	zero_leaf(&none);
	for (; *next < until; ++*next)
		if (ledger_append(t, *next, &none, e) == -1)
			return -1;
	return 0;
}

static int
take(struct txn *t, struct slice key, struct slice row, uint64_t last,
    uint64_t *next, struct err *e)
{
	struct ledger_entry leaf;
	struct unpack u;
	uint64_t index;

	unpack_init(&u, key.p, key.len);
	index = unpack_u64(&u);
	if (!unpack_done(&u) || index < *next || index > last)
		return row_damaged(TABLE_CONSENT, key,
		    "no entry was given this number", e);
	if (fill(t, next, index, e) == -1)
		return -1;
	if (row.len < CONSENT_SALT + LEDGER_SEAL)
		zero_leaf(&leaf);
	else
		ledger_entry_of(row, &leaf);
	return ledger_append(t, (*next)++, &leaf, e);
}

int
ledger_upgrade(struct txn *t, struct err *e)
{
	struct slice key, row;
	uint64_t last, next = 1;
	struct cursor *c;
	int rc;

	if (txn_counter(t, COUNTER_CONSENT, &last, e) == -1 ||
	    cursor_open(t, TABLE_CONSENT, &c, e) == -1)
		return -1;
	rc = cursor_seek(c, SLICE("", 0), &key, &row, e);
	while (rc == 1) {
		if (take(t, key, row, last, &next, e) == -1)
			rc = -1;
		else
			rc = cursor_next(c, &key, &row, e);
	}
	cursor_close(c);
	return rc == -1 || last == UINT64_MAX ? -1 :
	    fill(t, &next, last + 1, e);
}
