/* SPDX-License-Identifier: Apache-2.0 */
/*
 * store_room.c - how full the map and the disk are, and who reads.
 *
 * Pages in use are those of the tables, which LMDB counts as it goes; free
 * ones inside the file are not counted, for they will be used again.  The
 * file is kept allocated a stretch past its last page: so a full disk is met
 * by that call and not by a commit, unsubscribes go on in what is there
 * already, and a file cut short is told from one whose last pages LMDB had
 * no reason to write.
 */
#include "config.h"

#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "lib/strbuf.h"
#include "spool/store_lmdb.h"

#define AHEAD_OCTETS	(16u << 20)	/* allocated past the last page */
#define AHEAD_SHARE	8		/* but at most an eighth of the map */
#define SHORT_RETRY_NS	1000000000ll	/* a full disk is asked again */
#define RESERVE_SHARE	16		/* of the map, kept from bulk work */
#define RESERVE_MAX	(256u << 20)	/* octets; half for requests too */
/*
 * A commit writes each page it changes anew, at the worst one for each row,
 * and what it frees stays so for two more: three of 4,096 rows.
 */
#define COMMITS_MIN	(48u << 20)
#define COMMITS_SHARE	4		/* but at most a quarter of the map */
#define META_VALUE_MAX	256

static int64_t
mono_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000000ll + ts.tv_nsec;
}

static uint64_t
smaller(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

void
store_allocate(struct store *st, enum store_env env)
{
	struct environment *en = &st->envs[env];
	MDB_envinfo info;
	MDB_stat stat;
	uint64_t end, want, ahead = AHEAD_OCTETS;
	int fd, rc;

	if (mdb_env_info(en->env, &info) != 0 ||
	    mdb_env_stat(en->env, &stat) != 0)
		return;
	ahead = smaller(ahead, info.me_mapsize / AHEAD_SHARE);
	end = ((uint64_t)info.me_last_pgno + 1) * stat.ms_psize;
	if (en->allocated >= end + ahead / 2 ||
	    en->allocated >= info.me_mapsize)
		return;
	if (en->short_until != 0 && mono_ns() < en->short_until)
		return;
	want = smaller(end + ahead, info.me_mapsize);
	if (mdb_env_get_fd(en->env, &fd) != 0)
		return;
	rc = fallocate(fd, 0, (off_t)en->allocated,
	    (off_t)(want - en->allocated));
	if (rc == -1 && (errno == EOPNOTSUPP || errno == ENOSYS))
		rc = ftruncate(fd, (off_t)want);
	if (rc == 0)
		en->allocated = want;
	en->short_until = rc == 0 ? 0 : mono_ns() + SHORT_RETRY_NS;
}

/* Pages of all tables as t sees them. */
static uint64_t
pages_in_use(struct txn *t, unsigned *page_size_r)
{
	uint64_t n = 2;		/* the meta pages */
	MDB_stat s;

	*page_size_r = 4096;
	/* 0 is LMDB's own table of free pages, 1 the one of tables. */
	for (MDB_dbi own = 0; own < 2; own++)
		if (mdb_stat(t->txn, own, &s) == 0) {
			n += s.ms_branch_pages + s.ms_leaf_pages +
			    s.ms_overflow_pages;
			*page_size_r = s.ms_psize;
		}
	for (size_t i = 0; i < TABLE_LAST; i++)
		if (store_tables[i].env == t->env &&
		    mdb_stat(t->txn, t->st->dbi[i], &s) == 0)
			n += s.ms_branch_pages + s.ms_leaf_pages +
			    s.ms_overflow_pages;
	return n;
}

static uint64_t
reserve_of(const struct environment *en)
{
	return smaller(en->map_size / RESERVE_SHARE, RESERVE_MAX);
}

enum store_room
txn_room(struct txn *t)
{
	struct environment *en = &t->st->envs[t->env];
	unsigned page_size;
	uint64_t used, left, reserve;

	/* With nothing let in there is no commit after which to ask again. */
	if (en->short_until != 0)
		store_allocate(t->st, t->env);
	used = pages_in_use(t, &page_size) * page_size;
	left = used < en->map_size ? en->map_size - used : 0;
	reserve = reserve_of(en);
	if (left < reserve / 2 || en->short_until != 0)
		return STORE_ROOM_RESERVE;
	return left < reserve ? STORE_ROOM_SHORT : STORE_ROOM_PLENTY;
}

void
store_usage(struct store *st, enum store_env env, uint64_t *used_r,
    uint64_t *size_r)
{
	struct txn *t;
	unsigned page_size;

	*used_r = 0;
	*size_r = st->envs[env].map_size;
	if (txn_read(st, env, &t, NULL) == -1)
		return;
	*used_r = pages_in_use(t, &page_size) * page_size;
	txn_end(t);
}

bool
store_is_short(struct store *st, enum store_env env, bool was)
{
	uint64_t used, size, keep = reserve_of(&st->envs[env]);

	store_usage(st, env, &used, &size);
	if (keep < COMMITS_MIN)
		keep = COMMITS_MIN;
	keep = smaller(keep, size / COMMITS_SHARE);
	return used + keep + (was ? keep / 4 : 0) > size;
}

int
store_clear_readers(struct store *st)
{
	int dead, n = 0;

	for (size_t i = 0; i < STORE_ENVS; i++)
		if (mdb_reader_check(st->envs[i].env, &dead) == 0)
			n += dead;
	return n;
}

/* A line of LMDB's own list: process, thread, transaction or a dash. */
static int
look_at_reader(const char *line, void *arg)
{
	uint64_t *oldest = arg;
	unsigned long long txn;

	if (sscanf(line, "%*d %*s %llu", &txn) == 1 && txn < *oldest)
		*oldest = txn;
	return 0;
}

uint64_t
store_reader_lag(struct store *st, enum store_env env)
{
	uint64_t oldest = UINT64_MAX;
	MDB_envinfo info;

	if (mdb_reader_list(st->envs[env].env, look_at_reader, &oldest) < 0 ||
	    oldest == UINT64_MAX ||
	    mdb_env_info(st->envs[env].env, &info) != 0 ||
	    info.me_last_txnid < oldest)
		return 0;
	return info.me_last_txnid - oldest;
}

/* Put the first row of a table again: the least that a commit can hold. */
static int
put_first_again(struct txn *t, enum store_table table)
{
	struct strbuf k = STRBUF_INIT(STORE_KEY_MAX);
	struct strbuf v = STRBUF_INIT(META_VALUE_MAX);
	struct slice key, value;
	struct cursor *c;
	int rc = -1;

	if (cursor_open(t, table, &c, NULL) == -1)
		return -1;
	if (cursor_seek(c, SLICE("", 0), &key, &value, NULL) == 1) {
		strbuf_add(&k, key.p, key.len);
		strbuf_add(&v, value.p, value.len);
		if (!k.overflow && !v.overflow)
			rc = 0;
	}
	cursor_close(c);
	if (rc == 0)
		rc = txn_put(t, table, SLICE(k.s, k.len), SLICE(v.s, v.len),
		    NULL);
	strbuf_free(&k);
	strbuf_free(&v);
	return rc;
}

static bool
small_commit(struct store *st, enum store_env env)
{
	struct txn *t;

	if (txn_write(st, env, &t, NULL) == -1)
		return false;
	if (put_first_again(t, env == STORE_S ? TABLE_META : TABLE_QMETA) ==
	    -1) {
		txn_abort(t);
		return false;
	}
	return txn_commit(t, NULL) == 0;
}

bool
store_free_pages(struct store *st, enum store_env env)
{
	return small_commit(st, env) && small_commit(st, env);
}
