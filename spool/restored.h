/* SPDX-License-Identifier: Apache-2.0 */
/*
 * restored.h - a store that came from a backup, and who left since (T52).
 *
 * A backup brings back members who left after it was made.  So a restored
 * store says that what the journal of departures knows beyond the backup is
 * due, and nothing is sent until that was replayed, or somebody waived it by
 * name.  Both are acts, and entries of kind RESTORED.
 *
 * Replaying opens nothing and lifts nothing that stands: of each suppression
 * the journal's last word counts, and memberships that ended end again.  Who
 * came back after the backup has to ask again, for their consent is lost.
 */
#ifndef SPOOL_RESTORED_H
#define SPOOL_RESTORED_H

#include <stdbool.h>
#include <stdint.h>

struct err;
struct replay;
struct txn;

enum restored_state {
	RESTORED_NONE, RESTORED_DUE, RESTORED_DONE, RESTORED_WAIVED,
};

/* S's meta `restored`. */
struct restored {
	enum restored_state state;
	uint64_t	departure;	/* the last the backup knows of */
	uint64_t	consent;	/* its last entry */
	int64_t		backup_ms;	/* when it was made, UTC */
	int64_t		restored_ms;
};

/* State NONE when it never was.  0, or -1. */
int restored_get(struct txn *t, struct restored *r_r, struct err *e);
/*
 * In the copy that becomes the store: departures are due.  Signed checkpoints
 * may exist of what was after the backup, so the ledger goes on under another
 * name: its origin with "/r" and the seconds of now_ms, or the number before
 * plus one if that is no less.  origin: what it would have been called had it
 * signed any before the backup.
 */
int restored_begin(struct txn *t, int64_t backup_ms, const char *origin,
    const char *who, int64_t now_ms, struct err *e);
/*
 * They were replayed (DONE, so many changes), or somebody stands for it that
 * none are to be (WAIVED, who).  ERR_REFUSED when none are due.
 */
int restored_end(struct txn *t, enum restored_state how, uint64_t changes,
    const char *who, int64_t now_ms, struct err *e);

/* Is this a name, with a letter in it? */
bool restored_is_name(const char *who);

/* ---- replaying */

struct replay_counts {
	uint64_t	read;		/* records younger than the backup */
	uint64_t	damaged;	/* that do not open */
	uint64_t	suppressed;	/* set by the replay */
	uint64_t	removed;	/* memberships */
	uint64_t	erased;		/* people */
	uint64_t	lifted;		/* suppressions lifted again since */
	uint64_t	invited;	/* who was asked, and is not again */
};

/* Of what comes behind this departure. */
struct replay *replay_new(uint64_t departure);
void replay_free(struct replay *r);	/* NULL is fine */
/* What a journal says, a folder or a file (departures.h). */
int replay_add(struct replay *r, const char *path, struct err *e);
/* What the lost store itself says, where it can be read: t is its S. */
int replay_add_store(struct replay *r, struct txn *t, struct err *e);
/*
 * After the last was added: apply up to max of it, from where replay_commit()
 * was called last.  1 there is more, 0, -1.
 */
int replay_apply(struct txn *t, struct replay *r, unsigned max,
    int64_t now_ms, struct err *e);
/* What was applied is durable. */
void replay_commit(struct replay *r);
const struct replay_counts *replay_counts(const struct replay *r);

#endif
