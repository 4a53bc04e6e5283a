/* SPDX-License-Identifier: Apache-2.0 */
/*
 * store_txn.c - transactions, rows and cursors over LMDB.
 *
 * Tables never use MDB_DUPSORT: its deletes have been mended three times since
 * 0.9.24.  Keys that belong together share a prefix instead.
 */
#include "config.h"

#include <assert.h>
#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/strbuf.h"
#include "lib/xmalloc.h"
#include "spool/store_lmdb.h"
#include "spool/store_notes.h"

#define META_VALUE_MAX	256	/* octets of a meta row */
#define META_VERSION	1

void (*store_step_hook)(const char *what);

static const char *const counter_names[COUNTER_LAST] = {
	[COUNTER_ORG] = "last.org",
	[COUNTER_LIST] = "last.list",
	[COUNTER_DOMAIN] = "last.domain",
	[COUNTER_SUBSCRIBER] = "last.subscriber",
	[COUNTER_NOTICE] = "last.notice",
	[COUNTER_CONSENT] = "last.consent",
	[COUNTER_ACT] = "last.act",
	[COUNTER_IMPORT] = "last.import",
	[COUNTER_BATCH] = "last.batch",
	[COUNTER_CROWD] = "most.aliases",
	[COUNTER_HASHED] = "last.hashed",
	[COUNTER_DEPARTURE] = "last.departure",
};

static void
step(const char *what)
{
	if (store_step_hook != NULL)
		store_step_hook(what);
}

void
store_error(struct err *e, int rc, const char *what)
{
	err_set(e, ERR_STORE, "%s: %s", what, mdb_strerror(rc));
}

/* Fill e for a failed call on a table and note when it was for room. */
static int
failed(struct txn *t, enum store_table table, const char *what, int rc,
    struct err *e)
{
	char text[64];

	if (rc == MDB_MAP_FULL || rc == MDB_TXN_FULL)
		t->full = true;
	snprintf(text, sizeof(text), "%s: %s", store_tables[table].name, what);
	store_error(e, rc, text);
	return -1;
}

static MDB_val
val(struct slice s)
{
	return (MDB_val){ s.len, (void *)(uintptr_t)s.p };
}

static struct slice
slice(MDB_val v)
{
	return (struct slice){ v.mv_data, v.mv_size };
}

/* ---- transactions */

/*
 * LMDB allocates a few kilobytes for each transaction, so a reader that has
 * ended is kept for the next one.  Reset, it holds no page back.
 */
static int
begin_read(struct environment *en, MDB_txn **txn_r)
{
	int rc;

	if ((*txn_r = atomic_exchange(&en->spare, NULL)) == NULL)
		return mdb_txn_begin(en->env, NULL, MDB_RDONLY, txn_r);
	if ((rc = mdb_txn_renew(*txn_r)) != 0)
		mdb_txn_abort(*txn_r);
	return rc;
}

static void
end_read(struct environment *en, MDB_txn *txn)
{
	mdb_txn_reset(txn);
	if ((txn = atomic_exchange(&en->spare, txn)) != NULL)
		mdb_txn_abort(txn);
}

int
txn_begin(struct store *st, enum store_env env, bool write,
    struct txn **t_r, struct err *e)
{
	struct txn *t = xcalloc(1, sizeof(*t));
	int rc;

	*t_r = NULL;
	rc = write ? mdb_txn_begin(st->envs[env].env, NULL, 0, &t->txn) :
	    begin_read(&st->envs[env], &t->txn);
	if (rc != 0) {
		store_error(e, rc, "begin");
		free(t);
		return -1;
	}
	t->st = st;
	t->env = env;
	if ((t->write = write))
		t->notes = store_notes_enter(st, env);
	*t_r = t;
	return 0;
}

int
txn_read(struct store *st, enum store_env env, struct txn **t_r,
    struct err *e)
{
	return txn_begin(st, env, false, t_r, e);
}

int
txn_write(struct store *st, enum store_env env, struct txn **t_r,
    struct err *e)
{
	assert(st->write);
	step("begin");
	return txn_begin(st, env, true, t_r, e);
}

static void
txn_free(struct txn *t)
{
	for (size_t i = 0; i < TXN_CACHES; i++)
		if (t->cache[i] != NULL)
			t->cache[i]->drop(t->cache[i]);
	if (t->write)
		store_notes_leave(t->st, t->env, t->notes);
	free(t);
}

void
txn_abort(struct txn *t)
{
	if (t == NULL)
		return;
	if (t->write)
		mdb_txn_abort(t->txn);
	else
		end_read(&t->st->envs[t->env], t->txn);
	txn_free(t);
}

void
txn_end(struct txn *t)
{
	assert(t == NULL || !t->write);
	txn_abort(t);
}

static int
flush_caches(struct txn *t, struct err *e)
{
	for (size_t i = 0; i < TXN_CACHES; i++)
		if (t->cache[i] != NULL &&
		    t->cache[i]->flush(t, t->cache[i], e) == -1)
			return -1;
	return 0;
}

static int
flush_counters(struct txn *t, struct err *e)
{
	for (enum store_counter c = 0; c < COUNTER_LAST; c++) {
		uint8_t be[8];

		if (t->counter[c].state != COUNTER_CHANGED)
			continue;
		for (int i = 0; i < 8; i++)
			be[i] = (uint8_t)(t->counter[c].v >> (56 - 8 * i));
		if (meta_put(t, TABLE_META, counter_names[c], be, sizeof(be),
		    e) == -1)
			return -1;
	}
	return 0;
}

/*
 * ENOSPC and EDQUOT come from writing the pages, before the meta page that
 * would make them count: nothing has changed, and the next transaction writes
 * the same free pages anew.  Should the meta page itself have failed, LMDB
 * refuses every later transaction, and that ends the process.
 */
int
txn_commit(struct txn *t, struct err *e)
{
	struct store *st = t->st;
	enum store_env env = t->env;
	bool write = t->write;
	int rc;

	if (flush_caches(t, e) == -1 || flush_counters(t, e) == -1) {
		if (t->full && e != NULL)
			e->code = ERR_AGAIN;
		txn_abort(t);
		return -1;
	}
	step("commit");
	rc = mdb_txn_commit(t->txn);
	for (size_t i = 0; rc == 0 && i < TXN_CACHES; i++)
		if (t->cache[i] != NULL && t->cache[i]->done != NULL)
			t->cache[i]->done(t->cache[i]);
	txn_free(t);
	if (rc == 0) {
		step("committed");
		if (write)
			store_allocate(st, env);
		return 0;
	}
	if (rc == MDB_MAP_FULL || rc == MDB_TXN_FULL || rc == ENOSPC ||
	    rc == EDQUOT)
		err_set(e, ERR_AGAIN, "no room: %s", mdb_strerror(rc));
	else
		store_error(e, rc, "commit");
	return -1;
}

bool
txn_is_write(const struct txn *t)
{
	return t->write;
}

void
txn_set_cache(struct txn *t, enum txn_keeps what, struct txn_cache *c)
{
	assert(t->write && t->cache[what] == NULL);
	t->cache[what] = c;
}

struct txn_cache *
txn_cache(const struct txn *t, enum txn_keeps what)
{
	return t->cache[what];
}

struct store *
txn_store(struct txn *t)
{
	return t->st;
}

bool
txn_is_full(const struct txn *t)
{
	return t->full;
}

void
txn_set_deadline(struct txn *t, int64_t ns)
{
	t->deadline = ns;
}

int64_t
txn_deadline(const struct txn *t)
{
	return t->deadline;
}

/* ---- rows */

/* Before the change, so that none can be committed without. */
static void
note(struct txn *t, enum store_table table, struct slice key)
{
	if (t->notes != NULL)
		store_notes_add(t->notes, t->env, mdb_txn_id(t->txn), table,
		    key);
}

int
txn_get(struct txn *t, enum store_table table, struct slice key,
    struct slice *value_r, struct err *e)
{
	MDB_val k = val(key), v;
	int rc;

	assert(store_tables[table].env == t->env);
	*value_r = (struct slice){ NULL, 0 };
	if (key.len == 0 || key.len > STORE_KEY_MAX)
		return 0;	/* no row can have such a key */
	rc = mdb_get(t->txn, t->st->dbi[table], &k, &v);
	if (rc == MDB_NOTFOUND)
		return 0;
	if (rc != 0)
		return failed(t, table, "get", rc, e);
	*value_r = slice(v);
	return 1;
}

/* 1 put, 0 there already (with MDB_NOOVERWRITE), -1. */
static int
put(struct txn *t, enum store_table table, struct slice key,
    struct slice value, unsigned flags, struct err *e)
{
	MDB_val k = val(key), v = val(value);
	int rc;

	assert(t->write && store_tables[table].env == t->env);
	step(store_tables[table].name);
	note(t, table, key);
	rc = mdb_put(t->txn, t->st->dbi[table], &k, &v, flags);
	if (rc == MDB_KEYEXIST && (flags & MDB_NOOVERWRITE) != 0)
		return 0;
	if (rc != 0)
		return failed(t, table, "put", rc, e);
	return 1;
}

int
txn_put(struct txn *t, enum store_table table, struct slice key,
    struct slice value, struct err *e)
{
	return put(t, table, key, value, 0, e) == -1 ? -1 : 0;
}

int
txn_add(struct txn *t, enum store_table table, struct slice key,
    struct slice value, struct err *e)
{
	return put(t, table, key, value, MDB_NOOVERWRITE, e);
}

int
txn_append(struct txn *t, enum store_table table, struct slice key,
    struct slice value, struct err *e)
{
	return put(t, table, key, value, MDB_APPEND, e) == -1 ? -1 : 0;
}

int
txn_del(struct txn *t, enum store_table table, struct slice key,
    struct err *e)
{
	MDB_val k = val(key);
	int rc;

	assert(t->write && store_tables[table].env == t->env);
	if (key.len == 0 || key.len > STORE_KEY_MAX)
		return 0;
	step(store_tables[table].name);
	note(t, table, key);
	rc = mdb_del(t->txn, t->st->dbi[table], &k, NULL);
	if (rc == MDB_NOTFOUND)
		return 0;
	return rc == 0 ? 1 : failed(t, table, "del", rc, e);
}

int
txn_count(struct txn *t, enum store_table table, uint64_t *n_r,
    struct err *e)
{
	MDB_stat s;
	int rc = mdb_stat(t->txn, t->st->dbi[table], &s);

	assert(store_tables[table].env == t->env);
	*n_r = 0;
	if (rc != 0)
		return failed(t, table, "count", rc, e);
	*n_r = s.ms_entries;
	return 0;
}

uint64_t
txn_pages(struct txn *t, enum store_table table)
{
	MDB_stat s;

	assert(store_tables[table].env == t->env);
	return mdb_stat(t->txn, t->st->dbi[table], &s) == 0 ?
	    s.ms_leaf_pages : 0;
}

/* ---- cursors */

int
cursor_open(struct txn *t, enum store_table table, struct cursor **c_r,
    struct err *e)
{
	struct cursor *c = xcalloc(1, sizeof(*c));
	int rc;

	assert(store_tables[table].env == t->env);
	*c_r = NULL;
	rc = mdb_cursor_open(t->txn, t->st->dbi[table], &c->cursor);
	if (rc != 0) {
		free(c);
		return failed(t, table, "cursor", rc, e);
	}
	c->t = t;
	c->table = table;
	*c_r = c;
	return 0;
}

void
cursor_close(struct cursor *c)
{
	if (c == NULL)
		return;
	mdb_cursor_close(c->cursor);
	free(c);
}

static int
move(struct cursor *c, MDB_cursor_op op, MDB_val *k, struct slice *key_r,
    struct slice *value_r, struct err *e)
{
	MDB_val v;
	int rc = mdb_cursor_get(c->cursor, k, &v, op);

	*key_r = *value_r = (struct slice){ NULL, 0 };
	if (rc == MDB_NOTFOUND)
		return 0;
	if (rc != 0)
		return failed(c->t, c->table, "cursor", rc, e);
	*key_r = slice(*k);
	*value_r = slice(v);
	return 1;
}

int
cursor_seek(struct cursor *c, struct slice from, struct slice *key_r,
    struct slice *value_r, struct err *e)
{
	MDB_val k = val(from);

	assert(from.len <= STORE_KEY_MAX);
	return move(c, from.len == 0 ? MDB_FIRST : MDB_SET_RANGE, &k, key_r,
	    value_r, e);
}

int
cursor_next(struct cursor *c, struct slice *key_r, struct slice *value_r,
    struct err *e)
{
	MDB_val k;

	return move(c, MDB_NEXT, &k, key_r, value_r, e);
}

/* 1 put, 0 there already (with MDB_NOOVERWRITE), -1. */
static int
put_at(struct cursor *c, struct slice key, struct slice value, unsigned flags,
    struct err *e)
{
	MDB_val k = val(key), v = val(value);
	int rc;

	assert(c->t->write);
	step(store_tables[c->table].name);
	note(c->t, c->table, key);
	rc = mdb_cursor_put(c->cursor, &k, &v, flags);
	if (rc == MDB_KEYEXIST && (flags & MDB_NOOVERWRITE) != 0)
		return 0;
	return rc == 0 ? 1 : failed(c->t, c->table, "put", rc, e);
}

int
cursor_put(struct cursor *c, struct slice key, struct slice value,
    struct err *e)
{
	return put_at(c, key, value, 0, e) == -1 ? -1 : 0;
}

int
cursor_add(struct cursor *c, struct slice key, struct slice value,
    struct err *e)
{
	return put_at(c, key, value, MDB_NOOVERWRITE, e);
}

int
cursor_append(struct cursor *c, struct slice key, struct slice value,
    struct err *e)
{
	return put_at(c, key, value, MDB_APPEND, e) == -1 ? -1 : 0;
}

int
cursor_last(struct cursor *c, struct slice *key_r, struct slice *value_r,
    struct err *e)
{
	MDB_val k;

	return move(c, MDB_LAST, &k, key_r, value_r, e);
}

/* ---- meta rows */

int
meta_get(struct txn *t, enum store_table table, const char *name, void *out,
    size_t size, struct err *e)
{
	struct slice v;
	struct unpack u;
	uint8_t version;
	int rc = txn_get(t, table, SLICE(name, strlen(name)), &v, e);

	if (rc != 1)
		return rc;
	if (record_open(&u, v.p, v.len, &version) && version == META_VERSION &&
	    u.left == size) {
		unpack_raw(&u, out, size);
		return 1;
	}
	err_set(e, ERR_DAMAGED, "meta: the value of %s is damaged", name);
	return -1;
}

int
meta_put(struct txn *t, enum store_table table, const char *name,
    const void *p, size_t size, struct err *e)
{
	struct strbuf b = STRBUF_INIT(META_VALUE_MAX);
	int ret;

	record_begin(&b, META_VERSION);
	pack_raw(&b, p, size);
	record_end(&b);
	assert(!b.overflow);
	ret = txn_put(t, table, SLICE(name, strlen(name)), SLICE(b.s, b.len),
	    e);
	strbuf_free(&b);
	return ret;
}

/* ---- counters */

int
txn_counter(struct txn *t, enum store_counter c, uint64_t *v_r, struct err *e)
{
	uint8_t be[8] = { 0 };
	uint64_t v = 0;

	assert(t->env == STORE_S && c < COUNTER_LAST);
	if (t->counter[c].state == COUNTER_UNREAD) {
		*v_r = 0;
		if (meta_get(t, TABLE_META, counter_names[c], be, sizeof(be),
		    e) == -1)
			return -1;
		for (int i = 0; i < 8; i++)
			v = v << 8 | be[i];
		t->counter[c].v = v;
		t->counter[c].state = COUNTER_READ;
	}
	*v_r = t->counter[c].v;
	return 0;
}

void
txn_counter_set(struct txn *t, enum store_counter c, uint64_t v)
{
	assert(t->env == STORE_S && t->write && c < COUNTER_LAST);
	t->counter[c].v = v;
	t->counter[c].state = COUNTER_CHANGED;
}

int
txn_counter_next(struct txn *t, enum store_counter c, uint64_t *v_r,
    struct err *e)
{
	if (txn_counter(t, c, v_r, e) == -1)
		return -1;
	txn_counter_set(t, c, ++*v_r);
	return 0;
}
