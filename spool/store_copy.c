/* SPDX-License-Identifier: Apache-2.0 */
/*
 * store_copy.c - S and Q, record by record, into a fresh store.
 *
 * Each side stands at a key of a table.  Rows up to there are as in the
 * snapshot of the last step; later ones will be read when their turn comes,
 * so changes there need not be kept in mind.
 */
#include "config.h"

#include <sys/stat.h>
#include <sys/statvfs.h>

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/xmalloc.h"
#include "spool/row.h"
#include "spool/store_copy.h"
#include "spool/store_copy_private.h"
#include "spool/store_lmdb.h"
#include "spool/store_notes.h"

#define STEP_OCTETS	(4u << 20)	/* of values, in one step */
#define APPLY_ROWS	16384		/* changed rows in one transaction */
#define ROOM_SPARE	(64u << 20)	/* octets, left free on the disk */

/* One environment's way. */
struct side {
	enum store_table at;		/* TABLE_LAST: past the last */
	struct key	 last;		/* copied of it; empty: none */
};

struct store_copy {
	struct store	*src, *dst;
	struct store_notes *notes;
	struct side	 side[STORE_ENVS];
	char		 dir[STORE_COPY_PATH];
	uint64_t	 rows, of;
	size_t		 changed;	/* rows looked at again, last step */
	int64_t		 begun_ms;
	bool		 synced;	/* once, when all was there */
	bool		 whole;
};

/* ---- begin */

static enum store_table
next_table(enum store_env env, enum store_table from)
{
	while (from < TABLE_LAST && store_tables[from].env != env)
		from++;
	return from;
}

static uint64_t
octets_in_use(struct store *st, enum store_env env)
{
	MDB_envinfo info;
	MDB_stat stat;

	if (mdb_env_info(st->envs[env].env, &info) != 0 ||
	    mdb_env_stat(st->envs[env].env, &stat) != 0)
		return 0;
	return ((uint64_t)info.me_last_pgno + 1) * stat.ms_psize;
}

static int
check_room(struct store *st, const char *dir, struct err *e)
{
	uint64_t need = ROOM_SPARE, used, size;
	struct statvfs v;

	for (enum store_env i = 0; i < STORE_ENVS; i++) {
		store_usage(st, i, &used, &size);
		need += used;
	}
	if (statvfs(dir, &v) == -1) {
		err_sys(e, "%s", dir);
		return -1;
	}
	if ((uint64_t)v.f_bavail * v.f_frsize >= need)
		return 0;
	err_set(e, ERR_SYSTEM, "%s: a copy of the store needs %llu MB, and "
	    "%llu are free", dir, (unsigned long long)(need >> 20),
	    (unsigned long long)((uint64_t)v.f_bavail * v.f_frsize >> 20));
	return -1;
}

/* An empty store without instance, schema or anything else. */
static struct store *
open_fresh(struct store *src, const char *dir, struct err *e)
{
	const struct store_params p = {
		.dir = dir, .write = true, .create = true,
		.map_size = src->envs[STORE_S].map_size,
		.map_size_queue = src->envs[STORE_Q].map_size,
	};
	struct store *st = store_alloc(&p, e);
	struct txn *t;

	if (st == NULL)
		return NULL;
	for (enum store_env i = 0; i < STORE_ENVS; i++) {
		if (store_open_env(st, i, &p, MDB_NOSYNC, e) == -1 ||
		    txn_write(st, i, &t, e) == -1)
			goto fail;
		if (store_open_tables(t, e) == -1) {
			txn_abort(t);
			goto fail;
		}
		if (txn_commit(t, e) == -1)
			goto fail;
	}
	return st;
fail:
	store_close(st);
	return NULL;
}

static int
count_all(struct store_copy *c, struct err *e)
{
	struct txn *t;
	uint64_t n;

	for (enum store_env i = 0; i < STORE_ENVS; i++) {
		if (txn_read(c->src, i, &t, e) == -1)
			return -1;
		for (enum store_table k = next_table(i, 0); k < TABLE_LAST;
		    k = next_table(i, k + 1))
			c->of += txn_count(t, k, &n, e) == 0 ? n : 0;
		txn_end(t);
	}
	return 0;
}

struct store_copy *
store_copy_begin(struct store *st, const char *dir, int64_t now_ms,
    struct err *e)
{
	struct store_copy *c = xcalloc(1, sizeof(*c));

	c->src = st;
	c->begun_ms = now_ms;
	if ((size_t)snprintf(c->dir, sizeof(c->dir), "%s", dir) >=
	    sizeof(c->dir) - 32) {
		err_set(e, ERR_LIMIT, "%s: the name is too long", dir);
		free(c);
		return NULL;
	}
	c->notes = store_notes_begin(st, STORE_COPY_NOTES, e);
	if (c->notes == NULL) {
		free(c);
		return NULL;
	}
	for (enum store_env i = 0; i < STORE_ENVS; i++)
		c->side[i].at = next_table(i, 0);
	if (store_copy_remove(dir, e) == -1 || mkdir(dir, 0750) == -1) {
		if (e != NULL && e->code == ERR_NONE)
			err_sys(e, "%s: mkdir", dir);
		goto fail;
	}
	if (check_room(st, dir, e) == -1 || count_all(c, e) == -1 ||
	    (c->dst = open_fresh(st, dir, e)) == NULL)
		goto fail;
	return c;
fail:
	store_copy_free(c);
	return NULL;
}

/* ---- rows that were changed behind us */

static bool
is_behind(const struct side *s, const struct store_note *n)
{
	size_t len;
	int cmp;

	if (n->table != s->at)
		return n->table < s->at;
	len = n->key.len < s->last.len ? n->key.len : s->last.len;
	cmp = memcmp(n->key.p, s->last.b, len);
	return s->last.len > 0 &&
	    (cmp < 0 || (cmp == 0 && n->key.len <= s->last.len));
}

/* As it is in from. */
static int
copy_row(struct txn *from, struct txn *to, const struct store_note *n,
    struct err *e)
{
	struct slice value;
	int rc = txn_get(from, n->table, n->key, &value, e);

	if (rc == 1)
		return txn_put(to, n->table, n->key, value, e);
	if (rc == 0)
		return txn_del(to, n->table, n->key, e) == -1 ? -1 : 0;
	return -1;
}

/* Rows [at, end) of what was noted. */
static int
apply_some(struct store_copy *c, struct txn *from,
    const struct store_noted *noted, size_t at, size_t end, struct err *e)
{
	struct txn *to;

	if (txn_write(c->dst, from->env, &to, e) == -1)
		return -1;
	for (size_t i = at; i < end; i++) {
		if (!is_behind(&c->side[from->env], &noted->v[i]))
			continue;
		c->changed++;
		if (copy_row(from, to, &noted->v[i], e) == -1) {
			txn_abort(to);
			return -1;
		}
	}
	return txn_commit(to, e);
}

static int
catch_up(struct store_copy *c, struct txn *from, struct err *e)
{
	struct store_noted noted;
	int rc = 0;

	if (store_notes_take(c->notes, from->env, mdb_txn_id(from->txn),
	    &noted, e) == -1)
		return -1;
	for (size_t at = 0; at < noted.n && rc == 0; at += APPLY_ROWS)
		rc = apply_some(c, from, &noted, at, at + APPLY_ROWS <
		    noted.n ? at + APPLY_ROWS : noted.n, e);
	store_noted_free(&noted);
	return rc;
}

/* ---- rows whose turn it is */

/* Up to *rows more of the table at hand.  1 it goes on, 0 it is done, -1. */
static int
append_rows(struct store_copy *c, struct side *s, struct cursor *in,
    struct cursor *out, unsigned *rows, struct err *e)
{
	struct slice key, value, last = key_slice(&s->last);
	size_t octets = 0;
	int rc = cursor_seek(in, last, &key, &value, e);

	if (rc == 1 && last.len > 0 && key.len == last.len &&
	    memcmp(key.p, last.p, key.len) == 0)
		rc = cursor_next(in, &key, &value, e);
	while (rc == 1 && *rows > 0 && octets < STEP_OCTETS) {
		if (cursor_append(out, key, value, e) == -1)
			return -1;
		s->last.len = 0;
		key_raw(&s->last, key.p, key.len);
		octets += key.len + value.len;
		--*rows;
		c->rows++;
		rc = cursor_next(in, &key, &value, e);
	}
	if (octets >= STEP_OCTETS)
		*rows = 0;
	return rc;
}

/* Some of one table.  1, 0 the table is done, -1. */
static int
append_table(struct store_copy *c, struct txn *from, struct txn *to,
    unsigned *rows, struct err *e)
{
	struct side *s = &c->side[from->env];
	struct cursor *in = NULL, *out = NULL;
	int rc = -1;

	if (cursor_open(from, s->at, &in, e) == 0 &&
	    cursor_open(to, s->at, &out, e) == 0)
		rc = append_rows(c, s, in, out, rows, e);
	cursor_close(in);
	cursor_close(out);
	return rc;
}

static int
append(struct store_copy *c, struct txn *from, struct err *e)
{
	struct side *s = &c->side[from->env];
	unsigned rows = STORE_COPY_ROWS;
	struct txn *to;
	int rc;

	if (txn_write(c->dst, from->env, &to, e) == -1)
		return -1;
	while (rows > 0 && s->at < TABLE_LAST) {
		if ((rc = append_table(c, from, to, &rows, e)) == -1) {
			txn_abort(to);
			return -1;
		}
		if (rc == 0) {
			s->at = next_table(from->env, s->at + 1);
			s->last.len = 0;
		}
	}
	return txn_commit(to, e);
}

static int
step_side(struct store_copy *c, enum store_env env, bool *appended,
    struct err *e)
{
	struct txn *from;
	int rc;

	if (txn_read(c->src, env, &from, e) == -1)
		return -1;
	rc = catch_up(c, from, e);
	if (rc == 0 && !*appended && c->side[env].at < TABLE_LAST) {
		*appended = true;
		rc = append(c, from, e);
	}
	txn_end(from);
	return rc;
}

int
store_copy_step(struct store_copy *c, struct err *e)
{
	bool appended = false;

	for (enum store_env i = 0; i < STORE_ENVS; i++)
		if (!store_notes_ready(c->notes, i))
			return 1;
	c->changed = 0;
	for (enum store_env i = 0; i < STORE_ENVS; i++)
		if (step_side(c, i, &appended, e) == -1)
			return -1;
	if (appended || c->changed >= STORE_COPY_NEAR)
		return 1;
	/* Most of it reaches the disk while nobody waits. */
	for (enum store_env i = 0; i < STORE_ENVS && !c->synced; i++)
		mdb_env_sync(c->dst->envs[i].env, 1);
	if (c->synced)
		return 0;
	c->synced = true;
	return 1;
}

void
store_copy_progress(const struct store_copy *c, uint64_t *rows_r,
    uint64_t *of_r)
{
	*rows_r = c->rows;
	*of_r = c->of > c->rows ? c->of : c->rows;
}

/* ---- the end */

static int
compare_counts(struct store_copy *c, struct txn *from,
    struct store_copy_info *info, struct err *e)
{
	enum store_env env = from->env;
	struct txn *to;
	uint64_t n, m;
	int rc = 0;

	if (txn_read(c->dst, env, &to, e) == -1)
		return -1;
	for (enum store_table k = next_table(env, 0); k < TABLE_LAST &&
	    rc == 0; k = next_table(env, k + 1)) {
		rc = txn_count(from, k, &n, e) == -1 ||
		    txn_count(to, k, &m, e) == -1 ? -1 : 0;
		info->rows[k] = n;
		if (rc == 0 && n != m) {
			err_set(e, ERR_STORE, "%s: %llu rows were copied of "
			    "%llu", store_tables[k].name,
			    (unsigned long long)m, (unsigned long long)n);
			rc = -1;
		}
	}
	txn_end(to);
	return rc;
}

/* Both snapshots, Q's first; then nothing lies between them but moments. */
static int
last_round(struct store_copy *c, struct store_copy_info *info, struct err *e)
{
	struct txn *from[STORE_ENVS] = { NULL, NULL };
	int rc = -1;

	if (txn_read(c->src, STORE_Q, &from[STORE_Q], e) == 0 &&
	    txn_read(c->src, STORE_S, &from[STORE_S], e) == 0)
		rc = txn_counter(from[STORE_S], COUNTER_CONSENT,
		    &info->consent, e);
	for (enum store_env i = 0; i < STORE_ENVS && rc == 0; i++) {
		info->source_txn[i] = mdb_txn_id(from[i]->txn);
		rc = catch_up(c, from[i], e) == -1 ||
		    compare_counts(c, from[i], info, e) == -1 ? -1 : 0;
	}
	for (enum store_env i = 0; i < STORE_ENVS; i++)
		txn_end(from[i]);
	return rc;
}

static int
settle_due(struct store_copy *c, int64_t now_ms, struct err *e)
{
	struct txn *t;

	if (txn_write(c->dst, STORE_S, &t, e) == -1)
		return -1;
	if (store_erased_before(t, c->begun_ms, now_ms, e) == -1) {
		txn_abort(t);
		return -1;
	}
	return txn_commit(t, e);
}

static int
sync_all(struct store_copy *c, struct store_copy_info *info, struct err *e)
{
	int rc;

	for (enum store_env i = 0; i < STORE_ENVS; i++) {
		info->before[i] = octets_in_use(c->src, i);
		info->after[i] = octets_in_use(c->dst, i);
		if ((rc = mdb_env_sync(c->dst->envs[i].env, 1)) != 0) {
			store_error(e, rc, "sync of the copy");
			return -1;
		}
	}
	store_close(c->dst);
	c->dst = NULL;
	return store_copy_sync_dirs(c->dir, e);
}

int
store_copy_finish(struct store_copy *c, bool compact, int64_t now_ms,
    struct store_copy_info *info_r, struct err *e)
{
	struct store_copy_info info = { .begun_ms = c->begun_ms,
		.done_ms = now_ms };

	for (enum store_env i = 0; i < STORE_ENVS; i++) {
		if (c->side[i].at == TABLE_LAST)
			continue;
		err_set(e, ERR_AGAIN, "the copy was not finished");
		return -1;
	}
	memcpy(info.instance, c->src->instance, sizeof(info.instance));
	if (last_round(c, &info, e) == -1 ||
	    (compact && settle_due(c, now_ms, e) == -1) ||
	    sync_all(c, &info, e) == -1 ||
	    store_copy_write_mark(c->dir, &info, e) == -1)
		return -1;
	c->whole = true;
	if (info_r != NULL)
		*info_r = info;
	return 0;
}

void
store_copy_free(struct store_copy *c)
{
	if (c == NULL)
		return;
	store_notes_end(c->notes);
	store_close(c->dst);
	if (!c->whole)
		store_copy_remove(c->dir, NULL);
	free(c);
}
