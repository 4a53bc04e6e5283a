/* SPDX-License-Identifier: Apache-2.0 */
/*
 * store.h - open the two environments and read or change their tables.
 *
 * S holds subscribers and consent, Q the queue (spool/DESIGN section 3).  The
 * modules beside this one give the records a meaning; they reach LMDB through
 * the transactions and cursors declared here and nowhere else.
 *
 * One open per directory and process, never across fork.  Transactions belong
 * to the thread that began them.
 */
#ifndef SPOOL_STORE_H
#define SPOOL_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/err.h"
#include "lib/pack.h"

struct keyring;
struct store;
struct txn;
struct cursor;

#define STORE_SCHEMA	2	/* version this program reads and writes */
#define STORE_KEY_MAX	511	/* octets, LMDB's own limit */

enum store_env { STORE_S, STORE_Q };

enum store_table {
	/* S */
	TABLE_META, TABLE_ORGS, TABLE_ORG_NAMES, TABLE_ORG_DOMAINS,
	TABLE_LISTS, TABLE_LIST_NAMES, TABLE_DOMAINS, TABLE_DOMAIN_IDS,
	TABLE_MEMBERS, TABLE_BY_ID, TABLE_BY_HASH, TABLE_COUNTS,
	TABLE_ATTRIBUTES, TABLE_SUPPRESSIONS, TABLE_REQUESTS,
	TABLE_REQUEST_OF, TABLE_TOKENS, TABLE_NOTICES, TABLE_CONSENT,
	TABLE_CONSENT_OF,
	TABLE_THROTTLES, TABLE_ACTS, TABLE_IMPORTS, TABLE_AGGREGATES,
	TABLE_LEAVES, TABLE_TILES, TABLE_COSIGNATURES, TABLE_REVOKED,
	TABLE_INVITED,
	TABLE_ALIASES, TABLE_CROWDS,
	/* Q */
	TABLE_QMETA, TABLE_CAMPAIGNS, TABLE_CAMPAIGN_OF, TABLE_TALLIES,
	TABLE_PROGRESS, TABLE_FINISHED, TABLE_DEFERRALS, TABLE_SITES,
	TABLE_OUTBOX, TABLE_ACTIONS, TABLE_SHARES, TABLE_POLICIES,
	TABLE_TLS_COUNTS, TABLE_SLOTS,
	TABLE_LAST
};

struct store_params {
	const char	*dir;		/* data_dir */
	const struct keyring *keys;	/* borrowed; checked with the store */
	uint64_t	 map_size;	/* octets reserved for S */
	uint64_t	 map_size_queue;
	bool		 write;		/* the queue role; else read-only */
	bool		 create;	/* first run: make what is missing */
};

/*
 * Open both environments.  Before any page is trusted the files' lengths are
 * checked against their meta pages; then schema and secrets.  NULL with e:
 * ERR_DAMAGED (truncated, foreign or missing secret, schema too new, named),
 * ERR_NOTFOUND (no store and not create), ERR_SYSTEM.
 */
struct store *store_open(const struct store_params *p, struct err *e);
void store_close(struct store *st);
const struct keyring *store_keys(const struct store *st);
/*
 * The clock is not synchronised: every entry appended from now on says so
 * (S59).  From any thread.
 */
void store_set_clock_unsure(struct store *st, bool unsure);
bool store_clock_unsure(const struct store *st);
/* Random 16 octets made with the store. */
const uint8_t *store_instance(const struct store *st);
/* Clear readers that died; how many.  At start, each minute, on map full. */
int store_clear_readers(struct store *st);
/*
 * Commits since the one that the oldest reader looks at, in any process: pages
 * freed meanwhile cannot be used again.  0: nobody reads.
 */
uint64_t store_reader_lag(struct store *st, enum store_env env);
/* A table's name and environment, for messages and walks. */
const char *store_table_name(enum store_table table);
enum store_env store_table_env(enum store_table table);
/* Octets in use and reserved. */
void store_usage(struct store *st, enum store_env env, uint64_t *used_r,
    uint64_t *size_r);
/*
 * So little is left of the map that what takes room for long must wait.  was:
 * it did; then more than that must be left for it to go on.
 */
bool store_is_short(struct store *st, enum store_env env, bool was);

/*
 * Begin a read transaction on one environment: a snapshot that pins pages, so
 * hold it for a slice and never across I/O.  -1 with ERR_STORE.
 */
int txn_read(struct store *st, enum store_env env, struct txn **t_r,
    struct err *e);
void txn_end(struct txn *t);
/* The store t belongs to, for its keys. */
struct store *txn_store(struct txn *t);

/*
 * 1 found, 0 not, -1 error.  The value is borrowed until the next write or the
 * end of t.
 */
int txn_get(struct txn *t, enum store_table table, struct slice key,
    struct slice *value_r, struct err *e);
/* Writes need the transaction a writer job is given (writer.h). */
int txn_put(struct txn *t, enum store_table table, struct slice key,
    struct slice value, struct err *e);
/* As txn_put() but 0 when the key is there already, 1 when it was put. */
int txn_add(struct txn *t, enum store_table table, struct slice key,
    struct slice value, struct err *e);
/* A key larger than all in the table: packs pages full. */
int txn_append(struct txn *t, enum store_table table, struct slice key,
    struct slice value, struct err *e);
/* 1 deleted, 0 was not there, -1 error. */
int txn_del(struct txn *t, enum store_table table, struct slice key,
    struct err *e);
/* Number of rows. */
int txn_count(struct txn *t, enum store_table table, uint64_t *n_r,
    struct err *e);

/* Numbers of S that only rise; a name never written is 0. */
enum store_counter {
	COUNTER_ORG, COUNTER_LIST, COUNTER_DOMAIN, COUNTER_SUBSCRIBER,
	COUNTER_NOTICE, COUNTER_CONSENT, COUNTER_ACT, COUNTER_IMPORT,
	COUNTER_BATCH,		/* last batch of Q that S applied */
	COUNTER_CROWD,		/* most aliases that a mailbox had */
	COUNTER_HASHED,		/* last consent entry that retention passed */
	COUNTER_DEPARTURE,	/* last one of the journal (departures.h) */
	COUNTER_LAST
};

/* The last number given.  Changes are kept in t and written at its commit. */
int txn_counter(struct txn *t, enum store_counter c, uint64_t *v_r,
    struct err *e);
/* The next number, from 1. */
int txn_counter_next(struct txn *t, enum store_counter c, uint64_t *v_r,
    struct err *e);
void txn_counter_set(struct txn *t, enum store_counter c, uint64_t v);

/* Cursors end before their transaction does. */
int cursor_open(struct txn *t, enum store_table table, struct cursor **c_r,
    struct err *e);
void cursor_close(struct cursor *c);
/* First row with key >= from.  1, 0 at the end, -1. */
int cursor_seek(struct cursor *c, struct slice from, struct slice *key_r,
    struct slice *value_r, struct err *e);
int cursor_next(struct cursor *c, struct slice *key_r, struct slice *value_r,
    struct err *e);
/*
 * Put a row.  For many in order of their keys it is cheaper than txn_put(): the
 * next often belongs on the page the cursor stands on.
 */
int cursor_put(struct cursor *c, struct slice key, struct slice value,
    struct err *e);
/* As txn_add(). */
int cursor_add(struct cursor *c, struct slice key, struct slice value,
    struct err *e);
/* As txn_append(). */
int cursor_append(struct cursor *c, struct slice key, struct slice value,
    struct err *e);
/* The last row of the table; 1, 0 when it is empty, -1. */
int cursor_last(struct cursor *c, struct slice *key_r, struct slice *value_r,
    struct err *e);

/* For a strbuf or array that holds a key or value. */
#define SLICE(P, LEN)	((struct slice){ (const uint8_t *)(P), (LEN) })

#endif
