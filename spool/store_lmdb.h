/* SPDX-License-Identifier: Apache-2.0 */
/*
 * store_lmdb.h - the structs of store*.c, which alone see LMDB.
 */
#ifndef SPOOL_STORE_LMDB_H
#define SPOOL_STORE_LMDB_H

#include <sys/types.h>

#include <lmdb.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "spool/store.h"
#include "spool/store_private.h"

#define STORE_ENVS	2
#define INSTANCE_OCTETS	16

struct environment {
	MDB_env		*env;
	uint64_t	 map_size;
	uint64_t	 allocated;	/* octets of data.mdb we made sure of */
	int64_t		 short_until;	/* disk full: not asked before (ns) */
	bool		 claimed;	/* a writer runs */
	bool		 writing;	/* it has a transaction open */
	uint64_t	 writes_ended;	/* transactions of it */
	_Atomic(MDB_txn *) spare;	/* a reader, reset, for the next one */
};

struct store {
	struct environment envs[STORE_ENVS];
	MDB_dbi		 dbi[TABLE_LAST];
	const struct keyring *keys;
	uint8_t		 instance[INSTANCE_OCTETS];
	bool		 write;
	atomic_bool	 clock_unsure;
	pid_t		 pid;		/* of the process that opened it */
	dev_t		 dev;		/* the folder, for the registry */
	ino_t		 ino;
	struct store	*next;		/* in the registry */
	struct store_notes *notes;	/* NULL: nobody asks */
	struct departures *departures;	/* NULL: nobody writes them down */
	pthread_mutex_t	 lock;		/* of claimed, writing, notes */
};

enum counter_state { COUNTER_UNREAD, COUNTER_READ, COUNTER_CHANGED };

struct txn {
	struct store	*st;
	MDB_txn		*txn;
	int64_t		 deadline;
	struct txn_cache *cache[TXN_CACHES];
	struct store_notes *notes;	/* of what it changes, or NULL */
	struct {
		uint64_t		v;
		enum counter_state	state;
	} counter[COUNTER_LAST];
	enum store_env	 env;
	bool		 write;
	bool		 full;
};

struct cursor {
	struct txn	*t;
	MDB_cursor	*cursor;
	enum store_table table;
};

extern const struct store_table_info {
	const char	*name;
	enum store_env	 env;
} store_tables[TABLE_LAST];

/* ERR_STORE with what was being done and LMDB's words. */
void store_error(struct err *e, int rc, const char *what);
/* A store with nothing open yet, in the registry; store_close() frees it. */
struct store *store_alloc(const struct store_params *p, struct err *e);
/*
 * Open one environment, making it when p->create; extra flags are LMDB's.
 */
int store_open_env(struct store *st, enum store_env which,
    const struct store_params *p, unsigned extra, struct err *e);
/* Open, or for the writer make, its tables. */
int store_open_tables(struct txn *t, struct err *e);
/* Begin without looking at what was already begun: for store_open(). */
int txn_begin(struct store *st, enum store_env env, bool write,
    struct txn **t_r, struct err *e);
/* Make sure the file reaches past the pages in use, on disk. */
void store_allocate(struct store *st, enum store_env env);

#endif
