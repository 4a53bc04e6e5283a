/* SPDX-License-Identifier: Apache-2.0 */
/*
 * departures.h - a journal of who left, beside the store (T52).
 *
 * A backup knows nothing of who left after it was made.  So every suppression
 * that is set or lifted, and every membership that ends, is written to
 * departures/ as well, a folder that survives the loss of the store and can be
 * shipped elsewhere: keyed hashes, no addresses.
 *
 * Records of DEPARTURE_OCTETS each, sealed (lib/pack.h), in append-only files
 * NNNNNNNN.log of 16 MB, which may be joined by cat(1).  Each has a number,
 * which rises by one with S; a store says up to which it knows.  What takes
 * people off is written before the commit, a lift behind it: so the journal
 * may know of a departure that was not committed, never of a lift.  A file is
 * synced within DEPARTURES_SYNC_MS of its last record, by a thread of its own:
 * the end of the process loses nothing, and of a power cut that takes S along
 * with it the last moments may be missing.
 */
#ifndef SPOOL_DEPARTURES_H
#define SPOOL_DEPARTURES_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/address.h"
#include "spool/suppression.h"

struct departures;
struct store;

#define DEPARTURES_DIR		"departures"	/* below data_dir */
#define DEPARTURE_OCTETS	53
#define DEPARTURES_FILE_MAX	(16u << 20)
#define DEPARTURES_SYNC_MS	100

enum departure_kind {
	DEPARTURE_SET = 1,	/* a suppression */
	DEPARTURE_LIFTED,
	DEPARTURE_ENDED,	/* a membership; id is the list */
	DEPARTURE_ERASED,	/* all of a person; no id */
	DEPARTURE_INVITED,	/* nobody left, but was asked, once; id is the
				 * list (spool/invite.h) */
	DEPARTURE_KINDS
};

struct departure {
	uint64_t	number;		/* given by departure_note() */
	enum departure_kind kind;
	int64_t		when_ms;	/* UTC; 0: now, by the machine */
	enum suppression_scope scope;	/* of SET and LIFTED */
	uint32_t	id;
	enum suppression_reason reason;	/* of SET, or 0 */
	enum suppression_setter setter;	/* of SET and LIFTED */
	uint8_t		hash[ADDRESS_HASH_OCTETS];
	uint64_t	consent;	/* last entry of S then; given too */
};

/*
 * Open the journal in dir, which is made when missing, to go on behind its last
 * whole record.  NULL with ERR_SYSTEM.
 */
struct departures *departures_open(const char *dir, struct err *e);
/* Synced; no transaction of the store it was given to may be open. */
void departures_close(struct departures *d);
/* What could not be written since this was asked last: 1 and e, or 0. */
int departures_trouble(struct departures *d, struct err *e);
/* From here on st writes to d, borrowed; NULL ends it. */
void departures_use(struct store *st, struct departures *d);

/*
 * In a transaction of S: this comes with its commit.  Nothing to do when its
 * store has no journal.
 */
int departure_note(struct txn *t, const struct departure *d, struct err *e);

/* A person was erased; the membership of this address ends. */
int departure_erased(struct txn *t,
    const uint8_t hash[static ADDRESS_HASH_OCTETS], struct err *e);
int departure_ended(struct txn *t, uint32_t list,
    const uint8_t hash[static ADDRESS_HASH_OCTETS], struct err *e);

/* This address was asked for a list, which is once in all lives of a store. */
int departure_invited(struct txn *t, uint32_t list,
    const uint8_t hash[static ADDRESS_HASH_OCTETS], struct err *e);

/* 0 to go on, -1 to end with e. */
typedef int departure_fn(void *arg, const struct departure *d, struct err *e);
/*
 * All records in path, a folder or one file, in order.  *damaged_r counts
 * those that do not open.  0, or -1: ERR_NOTFOUND, ERR_SYSTEM or fn's.
 */
int departures_read(const char *path, departure_fn *fn, void *arg,
    uint64_t *damaged_r, struct err *e);

/*
 * Does the journal in path go on from what a backup knows, without a gap?
 * after: the last number the backup knows; its record has to be there, and to
 * be the one that own has, a journal of the backup's store.  1 and the last
 * number; 0 and e: some are missing, or damaged; -1 and e: it does not join on,
 * being empty or of another store (ERR_REFUSED), or cannot be read.
 */
int departures_join(const char *path, const char *own, uint64_t after,
    uint64_t *last_r, struct err *e);

/*
 * A mark in the folder of a store that was restored and does not know yet who
 * left since: its journal is whole and says too little.
 */
#define DEPARTURES_DUE		"due"
int departures_set_due(const char *dir, bool due, struct err *e);
bool departures_are_due(const char *dir);

#endif
