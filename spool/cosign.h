/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cosign.h - what witnesses say of our checkpoints.
 *
 * A witness looks at the checkpoints of a log, makes sure that each goes on
 * from the one before, and signs what it saw (c2sp.org/tlog-cosignature).
 * With such signatures nobody, and least of all who runs the log, can show
 * one history to one person and another to the next.
 *
 * Of each witness of the configuration the last one is kept in `cosignatures`
 * (spool/ledger.h), as a signed note of its own: the checkpoint's lines, our
 * signature and the witness's, and nothing else that came with them.
 */
#ifndef SPOOL_COSIGN_H
#define SPOOL_COSIGN_H

#include <stddef.h>

#include "lib/checkpoint.h"
#include "lib/keyring.h"
#include "spool/ledger.h"

#define COSIGN_OUT_MAX	65536	/* octets of what the two below write */

/* Who may cosign; n is at most COSIGN_WITNESSES_MAX, names differ. */
#define COSIGN_WITNESSES_MAX	16
struct cosign_witnesses {
	const struct note_key	*key;
	size_t			 n;
};

enum cosign_verdict {
	COSIGN_GOOD,		/* new, or kept already */
	COSIGN_MALFORMED,	/* no signed checkpoint */
	COSIGN_STRANGER,	/* not signed by us and by a witness */
	/*
	 * Signed, but not what lies in the store: its size was never reached
	 * or had another root, or the witness has seen a larger one since.
	 */
	COSIGN_OTHER,
};

/* Judge a note in any transaction.  0 with the verdict, or -1. */
int cosign_check(struct txn *t, const struct cosign_witnesses *w,
    struct slice note, enum cosign_verdict *v_r, struct err *e);
/* The same, and keep it when it is good. */
int cosign_keep(struct txn *t, const struct cosign_witnesses *w,
    struct slice note, enum cosign_verdict *v_r, struct err *e);

/*
 * The public keys of the log, as many as there are; 0 when nothing was signed
 * yet, -1.
 */
int cosign_log_keys(struct txn *t, struct note_key keys_r[static KEY_MAX],
    struct err *e);

/*
 * Append the last checkpoint with the cosignatures that are for it, or the
 * largest one that a witness has signed, with the signatures of all who have.
 * 1, 0 there is none, -1.
 */
int cosign_last(struct txn *t, struct strbuf *out, struct err *e);
int cosign_largest(struct txn *t, struct strbuf *out, struct err *e);

/*
 * Judge a row of `cosignatures` by what lies in the store: 0, or -1 with
 * ERR_DAMAGED.  Not by its witness's key, which the store does not have.
 */
int cosign_row_check(struct txn *t, const char *witness, struct slice note,
    struct err *e);

#endif
