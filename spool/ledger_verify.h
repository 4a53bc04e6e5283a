/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ledger_verify.h - build the tree anew from the entries, and say where it is
 * not the one that was kept and signed.
 *
 * Each entry must have the commitment that is its leaf; one that is missing
 * must be named as erased by a later one; leaves, tiles, right edge and root
 * must be of one tree, which goes on from every checkpoint that was signed: the
 * one kept here, those of witnesses, and those that the caller brings from
 * outside.  So who changes the store finds no way around the checkpoints, and
 * who has the key too none around those that others hold.
 *
 * It may run beside a daemon: what is looked at ends where the ledger ended at
 * the beginning.
 */
#ifndef SPOOL_LEDGER_VERIFY_H
#define SPOOL_LEDGER_VERIFY_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/signed_note.h"
#include "spool/ledger.h"

#define LEDGER_SLICE		16384	/* entries of one transaction */
#define LEDGER_FINDINGS_MAX	100	/* told; more are counted */

/* A checkpoint that somebody holds. */
struct ledger_claim {
	const char	*name;		/* for findings; borrowed */
	char		origin[LEDGER_ORIGIN_MAX + 1];	/* the log's name */
	uint64_t	size;
	uint8_t		root[LEDGER_HASH];
	bool		holds;		/* filled: the tree goes on from it */
};

/*
 * Read a signed checkpoint of the log of these keys.  -1 with ERR_INPUT when
 * it is none, ERR_REFUSED when another log signed it or nobody.
 */
int ledger_claim_read(struct ledger_claim *c, const void *note, size_t len,
    const struct note_key *keys, size_t n, struct err *e);

struct ledger_verifying {
	struct store	*st;		/* opened with the ledger's secrets */
	struct ledger_claim *claim;	/* from outside; in any order */
	size_t		 claims;
	/* Whose cosignatures are verified too; others' need but ours. */
	const struct note_key *witness;
	size_t		 witnesses;
	/*
	 * Nothing appends and nothing signs, for no daemon runs: entries
	 * behind the last signed checkpoint are a finding.
	 */
	bool		 still;
	/* Told of what is wrong; index 0: it is of no single entry. */
	void		(*finding)(void *arg, uint64_t index,
			    const char *text);
	/* Told now and then how many entries were looked at; or NULL. */
	void		(*progress)(void *arg, uint64_t done, uint64_t of);
	void		*arg;
};

struct ledger_verdict {
	uint64_t	size;		/* entries, those erased too */
	uint8_t		root[LEDGER_HASH];	/* as it was built */
	uint64_t	erased;
	uint64_t	signed_size;	/* of the last checkpoint kept here */
	/*
	 * Entries behind it and behind what a witness signed: whoever writes
	 * to the disk could have made them, with leaves and root to fit.
	 */
	uint64_t	unvouched;
	uint64_t	findings;
	uint64_t	first;		/* wrong entry; 0: none, or not known */
	/*
	 * Of the claims: the largest size that holds, and the smallest that
	 * does not; 0: none.
	 */
	uint64_t	holds, fails;
};

/* 0 when it came to its end, whatever it found; -1 when it did not. */
int ledger_verify(const struct ledger_verifying *p, struct ledger_verdict *v_r,
    struct err *e);

#endif
