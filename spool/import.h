/* SPDX-License-Identifier: Apache-2.0 */
/*
 * import.h - members from elsewhere, in slices that can be resumed.
 *
 * Where rows come from is said before the first (S35), and a row may say it of
 * itself; what is no permission is refused (provenance.h).  Rows are
 * UNCONFIRMED, not mailed, unless the operator vouches for evidence, and then
 * each gets an entry that says so.  Who unsubscribed or bounced where the rows
 * come from is suppressed here.  Suppression wins over every row (T11, R14).
 */
#ifndef SPOOL_IMPORT_H
#define SPOOL_IMPORT_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/pack.h"
#include "spool/identity.h"
#include "spool/provenance.h"

struct err;
struct member;
struct strbuf;
struct txn;

#define IMPORT_BATCH	4096	/* rows between two looks at the clock ... */
#define IMPORT_BATCH_BUSY 128	/* ... while others may wait */
/*
 * How the rows of a file are put in runs and sorted.  One that was cut short
 * can be taken up only by who gives its rows in the same order; whoever
 * changes that changes this.
 */
#define IMPORT_ORDER	2	/* 1: runs of 16384 rows each */
/*
 * Pages that a slice may change, and so hold in memory until its commit.  In a
 * large store each row changes a page of its own in three tables.
 */
#define IMPORT_PAGES_MAX 8192
#define IMPORT_TEXT_MAX	PROVENANCE_TEXT_MAX	/* of source and basis */

enum import_state {
	IMPORT_RUNNING = 1, IMPORT_DONE, IMPORT_CANCELLED, IMPORT_UNDONE,
};

struct import_counts {
	uint64_t	rows;		/* read so far, bad ones too */
	uint64_t	added;
	uint64_t	confirmed;	/* of a member that was UNCONFIRMED */
	uint64_t	updated;	/* a member; attributes replaced */
	uint64_t	duplicate;	/* a member, as the row says */
	uint64_t	suppressed;
	uint64_t	role;		/* refused as abuse@ and its like */
	uint64_t	bad;		/* no address in it */
	uint64_t	unconfirmed;	/* of those added: not vouched for */
	uint64_t	refused;	/* its own source or basis */
	uint64_t	unsubscribed;	/* suppressed: had left elsewhere */
	uint64_t	cleaned;	/* suppressed: bounced elsewhere */
	uint64_t	newer;		/* had, but confirmed here since */
};

struct import {
	uint32_t	id, list;
	enum import_state state;
	enum evidence	vouched;	/* for each row, or NONE */
	uint8_t		format;		/* listd/import_format.h */
	uint8_t		status;		/* of its rows, likewise */
	uint8_t		order;		/* IMPORT_ORDER when it began */
	uint8_t		file[32];	/* SHA-256 of what is imported */
	uint8_t		evidence[32];	/* content file, or zeros */
	int64_t		started_ms, ended_ms;
	int64_t		claimed_ms;	/* --date, or 0 */
	uint64_t	consent;	/* the entry of its begin */
	struct import_counts counts;
	uint64_t	undone;		/* members taken back */
	char		source[IMPORT_TEXT_MAX + 1];
	char		basis[IMPORT_TEXT_MAX + 1];
	char		who[129];
	/* Of the one who imports, and not kept in the record: */
	uint8_t		shown[32];	/* what those vouched for were told:
					 * content, or zeros */
	bool		clock_unsure;	/* entries of its rows say so */
};

const char *import_state_name(enum import_state s);

/*
 * Begin, or take up the one of this list and file that did not end; then
 * im_r->counts.rows says from where.  One of another order is cancelled, and
 * what it brought is met again as members.  im gives list, vouched, file,
 * evidence, claimed_ms, source, basis, who.  -1 with ERR_INPUT, ERR_NOTFOUND,
 * or ERR_REFUSED for the source.
 */
int import_begin(struct txn *t, const struct import *im, int64_t now_ms,
    struct import *im_r, struct err *e);
/* 1, 0, -1. */
int import_get(struct txn *t, uint32_t id, struct import *im_r,
    struct err *e);
int import_next(struct txn *t, uint32_t id, struct import *im_r,
    struct err *e);

enum import_verdict {
	IMPORT_TAKE,
	IMPORT_BAD,		/* no address in it, or attributes unfit */
	IMPORT_ROLE,		/* abuse@ and its like */
	IMPORT_REFUSED,		/* its own source or basis is none */
	IMPORT_LEFT,		/* had unsubscribed: hash alone */
	IMPORT_CLEANED,		/* had bounced: hash alone */
};

/* A row as far as it can be judged without the store; texts are borrowed. */
struct import_row {
	enum import_verdict verdict;	/* the rest is of IMPORT_TAKE */
	bool		unvouched;	/* though its import is vouched for */
	uint64_t	h8;
	uint8_t		hash[ADDRESS_HASH_OCTETS];
	const char	*domain, *local;	/* folded */
	const char	*typed_domain, *typed_local;
	int64_t		claimed_ms;	/* asked, left or bounced then; or 0 */
	const char	*attributes;	/* JSON object, or NULL */
	const struct provenance *own;	/* or NULL */
	struct slice	entry;		/* import_row_entry(), or empty */
	const struct ledger_entry *leaf;	/* ledger_entry_of() it */
};

/* What a row says, borrowed from who and attributes, and its verdict. */
void import_row_of(struct import_row *row, const struct identity *who,
    int64_t claimed_ms, const char *attributes);
/*
 * Append to out the row of the consent entry that a vouched row will have, so
 * that the writer need not make it.  im has begun; org is its list's, now_ms
 * that of the slice; salt has CONSENT_SALT random octets.  0 or -1.
 */
int import_row_entry(struct strbuf *out, const struct import *im,
    uint32_t org, int64_t now_ms, const struct import_row *row,
    const uint8_t *salt, struct err *e);

/*
 * Whether a member of the list confirmed here after the row says that they had
 * left or bounced elsewhere.  1, 0, -1.
 */
int import_row_newer(struct txn *t, uint32_t list,
    const struct import_row *row, struct err *e);

struct import_slice {
	uint32_t	id;
	uint64_t	first;		/* rows done before; else ERR_REFUSED */
	size_t		before;		/* of them, in this transaction */
	const struct import_row *rows;
	size_t		n;
	int64_t		now_ms;
};

/*
 * Apply rows, as many as the transaction's time allows and at least the first
 * batch of it; *done_r says how many.  They are best sorted by domain and h8.
 * -1 with ERR_NOTFOUND, or ERR_REFUSED: the import is over, or other rows are
 * due.
 */
int import_rows(struct txn *t, const struct import_slice *s, size_t *done_r,
    struct err *e);
int import_end(struct txn *t, uint32_t id, enum import_state state,
    int64_t now_ms, struct err *e);
/*
 * Take back what an import added and nobody confirmed since, from *at on
 * (zeros first), at most max looked at; who was unconfirmed before is so again.
 * 1 there is more, 0 done and the import's state is IMPORT_UNDONE, -1:
 * ERR_NOTFOUND, ERR_REFUSED (it runs, or was undone).
 */
int import_undo(struct txn *t, uint32_t id, const char *who,
    struct member *at, unsigned max, int64_t now_ms, uint64_t *removed_r,
    struct err *e);
/*
 * Let go of the evidence file of an import that is over: it names others than
 * who was to be erased from it.  The entries go on naming it by its hash, so
 * who holds a copy can show it; the sweeper removes ours.  -1 ERR_NOTFOUND (no
 * import, or no file), ERR_REFUSED (it runs).
 */
int import_drop_evidence(struct txn *t, uint32_t id, const char *who,
    int64_t now_ms, struct err *e);
/* A new JSON object, or NULL. */
json_t *import_json(const struct import *im);
json_t *import_counts_json(const struct import_counts *n);

/*
 * Source and basis ("" for none), and whether that may be vouched for with v:
 * ERR_INPUT for what is no text, ERR_REFUSED for no permission (S35).
 */
int import_check(const char *source, const char *basis, enum evidence v,
    struct err *e);

#endif
