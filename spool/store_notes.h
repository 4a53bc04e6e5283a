/* SPDX-License-Identifier: Apache-2.0 */
/*
 * store_notes.h - which rows were changed, while somebody wants to know; for
 * store_copy.c and the transactions.
 */
#ifndef SPOOL_STORE_NOTES_H
#define SPOOL_STORE_NOTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "spool/store.h"

struct store_notes;

struct store_note {
	enum store_table table;
	struct slice	 key;
};

/* In the order of tables and keys, each row once. */
struct store_noted {
	uint8_t		*octets;
	struct store_note *v;
	size_t		 n;
};

/*
 * From here on every change is noted, in at most max octets for each
 * environment.  NULL with ERR_EXISTS when somebody does so already.
 */
struct store_notes *store_notes_begin(struct store *st, size_t max,
    struct err *e);
void store_notes_end(struct store_notes *n);	/* NULL is fine */
/*
 * The transaction that ran at the begin has ended, so a snapshot taken from
 * now on holds all that was not noted.
 */
bool store_notes_ready(struct store_notes *n, enum store_env env);
/*
 * Take the notes of all transactions up to txn, that of a snapshot.  -1 with
 * ERR_AGAIN when there were too many to be kept.
 */
int store_notes_take(struct store_notes *n, enum store_env env, uint64_t txn,
    struct store_noted *out, struct err *e);
void store_noted_free(struct store_noted *n);

/* Of a write transaction: begin (NULL: nobody asks), change, end. */
struct store_notes *store_notes_enter(struct store *st, enum store_env env);
void store_notes_add(struct store_notes *n, enum store_env env, uint64_t txn,
    enum store_table table, struct slice key);
void store_notes_leave(struct store *st, enum store_env env,
    struct store_notes *n);

#endif
