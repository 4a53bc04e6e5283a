/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ledger.h - the tree over the consent entries, and its signed checkpoints.
 *
 * The entries of `consent` (spool/consent.h) are the leaves of a log as RFC
 * 9162 section 2.1 has it: leaf n is entry n + 1, and its data the entry's
 * commitment SHA-256(salt | entry), 32 octets, which stays when the entry is
 * erased.  The tree grows in the transaction that appends the entry, by
 * consent_append() and consent_bulk_append() and nothing else, and its size
 * and root lie in each commit that changed it.
 *
 * Rows: `leaves` holds the commitments, LEDGER_ROW of them in one; `tiles` the
 * roots of complete subtrees of 256^level leaves, from level 1 on; meta
 * `ledger` size, root and the subtrees of the right edge.  Whatever else a
 * proof wants is hashed from these: at most 128 of them for a node.
 *
 * All of this may be called with a read transaction, or in a job; there it
 * sees what the transaction itself appended.
 */
#ifndef SPOOL_LEDGER_H
#define SPOOL_LEDGER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "spool/store.h"

struct strbuf;

#define LEDGER_HASH		32	/* octets of commitments and nodes */
#define LEDGER_SEAL		4	/* octets behind an entry, not hashed */
#define LEDGER_ROW		16	/* commitments in a row of `leaves` */
#define LEDGER_TILE		256	/* leaves of a tile */
#define LEDGER_ORIGIN_MAX	67	/* octets of an origin */
#define LEDGER_NOTE_MAX		300	/* of our signed checkpoint: 400 in
					 * base64 */
#define LEDGER_COSIGNED_MAX	8192	/* of a note with cosignatures */
#define LEDGER_WITNESS_MAX	255	/* of a witness's name */

/* Of one entry: what goes into the tree, and lies in it. */
struct ledger_entry {
	uint8_t		commitment[LEDGER_HASH];
	uint8_t		hash[LEDGER_HASH];	/* of the leaf */
};

/*
 * Of a row of `consent`: salt, entry, seal (consent_make()), at least
 * LEDGER_SEAL octets.  Needs no store, so that many can be made elsewhere.
 */
void ledger_entry_of(struct slice row, struct ledger_entry *entry_r);

struct ledger_head {
	uint64_t	size;		/* leaves: the last entry's index */
	uint8_t		root[LEDGER_HASH];
};

/* Size and root as t sees them; of an empty log SHA-256(""). */
int ledger_head(struct txn *t, struct ledger_head *head_r, struct err *e);

/* The commitment of an entry, be it erased or not.  1, 0 never given, -1. */
int ledger_leaf(struct txn *t, uint64_t index,
    uint8_t commitment_r[static LEDGER_HASH], struct err *e);
/*
 * The commitments of leaves first (from 0) to first + n - 1, all of which must
 * be there.  0, or -1 with ERR_NOTFOUND or ERR_DAMAGED.
 */
int ledger_leaves(struct txn *t, uint64_t first, size_t n,
    uint8_t (*commitments_r)[LEDGER_HASH], struct err *e);
/*
 * The first width hashes of tile n of a level, as C2SP tlog-tiles counts them:
 * level 0 has the hashes of leaves, level l roots of 256^l leaves each.  All
 * must be there.  0, or -1 with ERR_NOTFOUND or ERR_DAMAGED.
 */
int ledger_tile(struct txn *t, unsigned level, uint64_t n, unsigned width,
    uint8_t (*hashes_r)[LEDGER_HASH], struct err *e);

/* What ledger_subtree() reads from, and why it said -1. */
struct ledger_view {
	struct txn	*t;
	struct err	 err;
};

/*
 * A merkle_subtree_fn (lib/merkle.h) for merkle_root_at(), merkle_inclusion()
 * and merkle_consistency(); view is a struct ledger_view.  0, -1.
 */
int ledger_subtree(void *view, unsigned level, uint64_t n,
    uint8_t hash_r[static LEDGER_HASH]);

/* ---- checkpoints */

struct ledger_checkpoint {
	uint64_t	size;
	uint8_t		root[LEDGER_HASH];
	int64_t		when_ms;	/* UTC, by the machine's clock */
	bool		clock_unsure;	/* which was not synchronised */
	size_t		len;
	char		text[LEDGER_NOTE_MAX + 1];	/* the signed note */
};

/*
 * The checkpoint signed last; its signature is not checked.  1, 0 when none
 * was signed yet, -1.
 */
int ledger_checkpoint(struct txn *t, struct ledger_checkpoint *c_r,
    struct err *e);
/* What the log is called, fixed when it was signed first.  1, 0, -1. */
int ledger_origin(struct txn *t, char origin_r[static LEDGER_ORIGIN_MAX + 1],
    struct err *e);
/*
 * The verifier keys (lib/signed_note.h) of the log, for who may not see its
 * secrets: lines with their ends, the one that signs now first; borrowed from
 * t.  1, 0 when nothing was signed yet, -1.
 */
int ledger_vkeys(struct txn *t, struct slice *lines_r, struct err *e);

/* ---- names it had before */

/*
 * A log that came from a backup goes on under another name
 * (spool/restored.h).  What was signed under the old one of the first `size`
 * leaves is of this log too; what was signed of more is not, for those leaves
 * were lost.
 */
struct ledger_former {
	char		origin[LEDGER_ORIGIN_MAX + 1];
	uint64_t	size;		/* leaves that the restore brought */
	int64_t		restored_ms;	/* UTC */
	/* Borrowed from t. */
	struct slice	vkeys;		/* as ledger_vkeys() has them */
	struct slice	checkpoint;	/* the last that is kept; or empty */
};

/* The nth, from 0, the newest first.  1, 0, -1. */
int ledger_former(struct txn *t, size_t n, struct ledger_former *f_r,
    struct err *e);
/* The one of this name.  1, 0, -1. */
int ledger_former_named(struct txn *t, const char *origin,
    struct ledger_former *f_r, struct err *e);
/* ledger_vkeys(), then those of all former names.  1, 0, -1. */
int ledger_vkeys_ever(struct txn *t, struct strbuf *out, struct err *e);

/* ---- cosignatures of witnesses */

/*
 * Keep the note that a witness of this name signed, in place of an earlier
 * one.  ERR_LIMIT over LEDGER_WITNESS_MAX or LEDGER_COSIGNED_MAX.
 */
int ledger_cosigned_put(struct txn *t, const char *witness,
    struct slice note, struct err *e);
/* Of this witness, borrowed from t.  1, 0, -1. */
int ledger_cosigned(struct txn *t, const char *witness, struct slice *note_r,
    struct err *e);
/*
 * The first witness behind name ("" for the first of all), which is replaced;
 * note_r is borrowed from t.  1, 0, -1.
 */
int ledger_cosigned_next(struct txn *t,
    char name[static LEDGER_WITNESS_MAX + 1], struct slice *note_r,
    struct err *e);
/* Forget them all: they are of a log that this one is no more. */
int ledger_cosigned_clear(struct txn *t, struct err *e);

#endif
