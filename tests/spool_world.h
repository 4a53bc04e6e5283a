/* SPDX-License-Identifier: Apache-2.0 */
/*
 * spool_world.h - a store in a folder of its own, for the tests of spool/.
 */
#ifndef TESTS_SPOOL_WORLD_H
#define TESTS_SPOOL_WORLD_H

#include "lib/err.h"
#include "spool/store.h"

struct keyring;

#define WORLD_MAP	(64u << 20)	/* octets of each environment */

struct world {
	char		 dir[256];
	struct keyring	*keys;
	struct store	*st;		/* open for writing, or NULL */
	uint64_t	 map_size;
	struct err	 e;		/* of the last call */
};

/* cmocka's setup and teardown; *state is the struct world. */
int world_setup(void **state);
int world_teardown(void **state);

/* Close the store if it is open. */
void world_close(struct world *w);
/* Close and open it again. */
void world_reopen(struct world *w);
/* Open for reading or writing with the world's keys; NULL with w->e. */
struct store *world_open(struct world *w, bool write, bool create);
/* Keys that every run has alike; seed tells two sets apart. */
struct keyring *world_keys(unsigned seed);

/* Apply fn in a write transaction of env; its result, durable when 0. */
typedef int world_fn(struct txn *t, void *arg, struct err *e);
int world_write(struct world *w, enum store_env env, world_fn *fn, void *arg);
/* As world_write() but anything but 0 fails the test. */
void world_must(struct world *w, enum store_env env, world_fn *fn, void *arg);
/* A read transaction that must begin. */
struct txn *world_read(struct world *w, enum store_env env);

/*
 * Run fn in a child that opens the store for itself and is killed at its
 * n-th step (from 1).  True when it was killed, false when fn came to its end
 * before.
 */
bool world_killed_at(struct world *w, enum store_env env, world_fn *fn,
    void *arg, unsigned n);

#endif
