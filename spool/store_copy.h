/* SPDX-License-Identifier: Apache-2.0 */
/*
 * store_copy.h - S and Q, record by record, into a fresh store.
 *
 * LMDB's own compacting copy carries what was deleted along in the gaps of its
 * pages; this one carries rows and nothing else, in the order of their keys,
 * so that pages pack full.  Compaction, backup and restore use it.
 *
 * The store may be written meanwhile, by a writer of this process: a slice of
 * rows at a time is read from a snapshot of its own, so none is held for long,
 * and rows that are changed behind the copy are looked at again (store_notes.h
 * says which).  After each step what lies behind is as it was in one moment,
 * and after store_copy_finish() all of it: Q first, then S at once behind it,
 * so that every batch of Q was applied to that S or is still in the outbox.
 *
 * The copy is not synced until then, and counts for nothing without its mark,
 * a file `whole` that is written last.
 */
#ifndef SPOOL_STORE_COPY_H
#define SPOOL_STORE_COPY_H

#include <stdbool.h>
#include <stdint.h>

#include "spool/store.h"

struct store_copy;

#define STORE_COPY_ROWS	8192	/* copied in one step at most */
#define STORE_COPY_NEAR	1000	/* changed rows; fewer: it has caught up */
#define STORE_COPY_NOTES (48u << 20)	/* octets of changed keys, each env */

struct store_copy_info {
	uint8_t		instance[16];
	uint64_t	source_txn[2];	/* of the snapshots, by enum store_env */
	uint64_t	rows[TABLE_LAST];
	uint64_t	before[2], after[2];	/* octets of data.mdb in use */
	int64_t		begun_ms, done_ms;	/* UTC */
	uint64_t	consent;	/* last index given in S */
};

/*
 * Begin to copy st to dir, which is made, or is empty but for an earlier copy
 * that is removed.  NULL with ERR_EXISTS (one is under way), ERR_SYSTEM (room
 * too: as much as st uses must be free where dir is), ERR_STORE.
 */
struct store_copy *store_copy_begin(struct store *st, const char *dir,
    int64_t now_ms, struct err *e);
/*
 * Copy some rows, or what changed since.  1 there is more, 0 it has caught up
 * for now, -1: ERR_AGAIN when more changes than it can keep up with.
 */
int store_copy_step(struct store_copy *c, struct err *e);
/* Rows copied so far, and of how many. */
void store_copy_progress(const struct store_copy *c, uint64_t *rows_r,
    uint64_t *of_r);
/*
 * Take over what changed last, count, sync and mark the copy whole.  compact:
 * it is to take the store's place, so nothing may be written to the store any
 * more, and in the copy nothing is due that compaction is for.
 */
int store_copy_finish(struct store_copy *c, bool compact, int64_t now_ms,
    struct store_copy_info *info_r, struct err *e);
/* Let go of the copy; one that is not whole is removed.  NULL is fine. */
void store_copy_free(struct store_copy *c);

/* The mark of the copy in dir.  1, 0 there is none, -1 it is damaged. */
int store_copy_read_mark(const char *dir, struct store_copy_info *info_r,
    struct err *e);
/* Remove the copy, or the old store, that lies in dir, and dir itself. */
int store_copy_remove(const char *dir, struct err *e);

/* ---- when compaction is due (S31) */

/*
 * In a transaction of S that deletes what must not be found again.  Remembers
 * the first such time and the last.
 */
int store_erased(struct txn *t, int64_t now_ms, struct err *e);
/*
 * first_r: since when deleted octets may lie in the store, 0 for none;
 * compacted_r: when it was compacted last, or 0.
 */
int store_compact_due(struct txn *t, int64_t *first_r, int64_t *compacted_r,
    struct err *e);

#endif
