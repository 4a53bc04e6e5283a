/* SPDX-License-Identifier: Apache-2.0 */
/*
 * check_private.h - shared by check*.c, and what the owners of records look at
 * for them.
 */
#ifndef SPOOL_CHECK_PRIVATE_H
#define SPOOL_CHECK_PRIVATE_H

#include "lib/merkle.h"
#include "spool/act.h"
#include "spool/check.h"
#include "spool/row.h"

struct consent;
struct list_counters;

/* Rows of one list and domain, counted as they pass. */
struct check_group {
	uint32_t	list, domain;
	uint64_t	active, all;
	uint64_t	unread;		/* whose state is not known */
};

/* What a slice knows of the list whose members pass. */
struct check_list {
	bool		known;
	uint32_t	id;
	bool		exists;
	uint64_t	sequence;
};

/* Entries that are missing, until an erasure names them. */
struct check_gaps {
	uint64_t	next;		/* the index that should come */
	uint64_t	*missing;	/* ascending */
	bool		*named;
	size_t		n, size;
	uint64_t	untold;		/* past CHECK_GAPS_MAX */
};

/* A content file that a row names. */
struct check_file {
	enum store_table table;
	struct key	key;
	uint8_t		hash[32];
};

#define CHECK_ALIVE	256	/* rows between two words of progress */
#define CHECK_FILES	256	/* that wait to be read, after the slice */
#define CHECK_SEEN	32768	/* hashes remembered as read, a power of two */

struct check {
	const struct check_params *p;
	struct check_result *r;
	bool		 stop;		/* finding() said so */
	uint64_t	 begun;		/* rows before this table */
	unsigned	 alive;		/* calls of check_alive() */

	/* The slice. */
	struct txn	*t;		/* of the table's environment */
	struct txn	*s;		/* of S; t when that is S's */
	enum store_table table;
	struct key	 last;		/* the row looked at last */

	struct check_list list;
	struct check_group group;
	struct check_gaps gaps;
	struct merkle_range tree;	/* of the leaves looked at */
	struct act_walk	 acts;
	uint64_t	 batch;		/* of the outbox, looked at last */
	unsigned	 part;

	struct check_file file[CHECK_FILES];
	size_t		 nfiles;
	uint8_t		 (*seen)[32];
	size_t		 nseen;
};

/* A row of a table; what is wrong is told, not returned. */
typedef void check_fn(struct check *c, struct slice key, struct slice value);
/* After the last row, still inside its transaction. */
typedef void check_end_fn(struct check *c);

/* Called for each row that is looked at, wherever. */
void check_alive(struct check *c);
void check_tell(struct check *c, enum store_table table, struct slice key,
    const char *fmt, ...) __attribute__((format(printf, 4, 5)));
/* What a function of spool/ said of a row. */
void check_tell_err(struct check *c, enum store_table table,
    struct slice key, const struct err *e);
/*
 * The answer rc of a finder (1, 0, -1): true for 1; -1 is told as its error,
 * 0 as `missing` unless that is NULL.
 */
bool check_found(struct check *c, int rc, const char *missing,
    struct slice key, const struct err *e);
/* True when a key has this many octets, else told. */
bool check_key_len(struct check *c, struct slice key, size_t len);
/*
 * True when key can be one and lies above *last, which then becomes it.  A
 * walk over pages that are garbage may else go round for ever.
 */
bool check_ascends(struct key *last, struct slice key);
/* The row names a content file, unless hash is zeros. */
void check_names_file(struct check *c, struct slice key,
    const uint8_t hash[static 32]);
/* An integer at the beginning of a key. */
uint32_t check_u32(struct slice key, size_t at);
uint64_t check_u64(struct slice key, size_t at);

/* ---- by table */

check_fn check_domains, check_domain_ids, check_members, check_by_id,
    check_by_hash, check_counts, check_attributes, check_aliases,
    check_crowds;
check_end_fn check_members_end;

check_fn check_orgs, check_org_names, check_org_domains, check_lists,
    check_list_names, check_acts, check_imports, check_meta;
check_end_fn check_acts_end;

check_fn check_suppressions, check_requests, check_request_of, check_tokens,
    check_notices, check_consent, check_consent_of, check_throttles,
    check_aggregates, check_revoked, check_invited;
check_end_fn check_consent_end;
void check_gaps_free(struct check_gaps *g);

check_fn check_leaves, check_tiles, check_cosignatures;
check_end_fn check_leaves_end, check_tiles_end;

check_fn check_qmeta, check_campaigns, check_campaign_of, check_tallies,
    check_progress, check_finished, check_deferrals, check_sites,
    check_outbox, check_actions, check_shares, check_policies,
    check_tls_counts, check_slots;
check_end_fn check_qmeta_end;
/* The log, outside of any transaction. */
int check_outcomes(struct check *c, struct err *e);

/* ---- in the modules that own the records: 0, or -1 with e */

/*
 * A row of `requests`, `request_of` or `tokens`, and the way between them; on
 * -1 *table and *key are those of the row at fault.
 */
int request_check_row(struct txn *t, enum store_table *table,
    struct key *key, struct slice value, struct err *e);
/* An entry that revokes has its row, and a row its entry. */
int revocation_check_entry(struct txn *t, const struct consent *c,
    uint64_t index, struct err *e);
int revocation_check_row(struct txn *t, struct slice key, struct err *e);
int throttle_check_row(struct slice key, struct slice value, struct err *e);
int optin_aggregate_check_row(struct slice key, struct slice value,
    struct err *e);
int invite_check_row(struct slice key, struct slice value, struct err *e);
/*
 * The row at walk->index is bad: go on with the next that stands behind one
 * whose MAC can be read.  1, 0 when there is none, -1.
 */
int act_walk_skip(struct txn *t, struct act_walk *walk, struct err *e);

#endif
