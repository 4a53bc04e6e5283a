/* SPDX-License-Identifier: Apache-2.0 */
/*
 * store_private.h - what the writer and the tests of spool/ need of the store
 * and nobody else: write transactions, room, and the step hook.
 */
#ifndef SPOOL_STORE_PRIVATE_H
#define SPOOL_STORE_PRIVATE_H

#include <sys/types.h>

#include <stdbool.h>
#include <stdint.h>

#include "spool/store.h"

/*
 * How much may still be written.  Bulk work ends at STORE_ROOM_SHORT, what
 * people ask for at STORE_ROOM_RESERVE; what takes people off lists, and what
 * became of deliveries, goes on to the end.
 */
enum store_room { STORE_ROOM_PLENTY, STORE_ROOM_SHORT, STORE_ROOM_RESERVE };

/* One writer at a time per environment; false when there is one. */
bool store_claim_writer(struct store *st, enum store_env env);
void store_release_writer(struct store *st, enum store_env env);

/* Begin the write transaction; waits for a writer of another process. */
int txn_write(struct store *st, enum store_env env, struct txn **t_r,
    struct err *e);
/*
 * Commit with a sync and release t, whatever comes of it.  -1 with ERR_AGAIN
 * when there was no room (nothing changed), ERR_STORE when the store must not
 * be trusted any more.
 */
int txn_commit(struct txn *t, struct err *e);
void txn_abort(struct txn *t);
/* True once a write in t met the end of the map or too many pages. */
bool txn_is_full(const struct txn *t);
bool txn_is_write(const struct txn *t);
/*
 * What spool/ keeps with a write transaction: written by flush before the
 * commit, and then, or when t is given up, released by drop.
 */
struct txn_cache {
	int	(*flush)(struct txn *t, struct txn_cache *c, struct err *e);
	void	(*done)(struct txn_cache *c);	/* it is durable; or NULL */
	void	(*drop)(struct txn_cache *c);
};
enum txn_keeps { TXN_COUNTS, TXN_LEDGER, TXN_DEPARTURES, TXN_CACHES };
void txn_set_cache(struct txn *t, enum txn_keeps what, struct txn_cache *c);
struct txn_cache *txn_cache(const struct txn *t, enum txn_keeps what);
/* Pages that rows of a table lie on, as t sees it; 0 when not known. */
uint64_t txn_pages(struct txn *t, enum store_table table);
/* Room as t sees it. */
enum store_room txn_room(struct txn *t);
/*
 * Let what the last commits freed be used again: LMDB keeps it for two more.
 * False when even that did not fit.
 */
bool store_free_pages(struct store *st, enum store_env env);
/* Until when a bulk job may run (monotonic ns); 0: no limit. */
void txn_set_deadline(struct txn *t, int64_t ns);
int64_t txn_deadline(const struct txn *t);

/*
 * Refuse a data file that is shorter than its meta pages say, or that has none
 * of LMDB's.  Reading past the end of a mapped file kills the process, so this
 * is looked at before LMDB maps it.  -1 with ERR_DAMAGED naming path.
 */
int store_file_check(int fd, const char *path, struct err *e);

/* The last transaction whose commit the file holds, which nobody writes. */
int store_file_txn(int fd, const char *path, uint64_t *txn_r, struct err *e);

/* The journal of departures; NULL: none (spool/departures.h). */
struct departures;
struct departures *store_departures(const struct store *st);
void store_set_departures(struct store *st, struct departures *d);

/* The meta rows: small named values.  1, 0 or -1; *len is in and out. */
int meta_get(struct txn *t, enum store_table table, const char *name,
    void *out, size_t size, struct err *e);
int meta_put(struct txn *t, enum store_table table, const char *name,
    const void *p, size_t size, struct err *e);

/* Tests kill the process or fail the write here; NULL in the daemon. */
extern void (*store_step_hook)(const char *what);

#endif
