/* SPDX-License-Identifier: Apache-2.0 */
/*
 * store_notes.c - which rows were changed, while somebody wants to know.
 *
 * A copy of the store that is made while the writer works (store_copy.c) looks
 * again at every row that was written behind it.  Each put and delete leaves
 * its table and key here, with the number of its transaction, before the
 * commit: so a snapshot and all notes up to the snapshot's number tell of the
 * same changes.  A note of a transaction that was given up costs a look.
 */
#include "config.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "lib/xmalloc.h"
#include "spool/store_lmdb.h"
#include "spool/store_notes.h"

#define FIRST_OCTETS	65536

struct noted {
	uint8_t		*p;
	size_t		 len, cap;
	uint64_t	 wait;		/* transactions ended before the first
					 * that was noted whole */
};

struct store_notes {
	struct store	*st;
	size_t		 max;		/* octets for each environment */
	unsigned	 refs;		/* under st->lock */
	pthread_mutex_t	 lock;		/* of all below */
	struct noted	 env[STORE_ENVS];
	bool		 over;
};

/* What lies before each key. */
struct head {
	uint64_t	txn;
	uint16_t	len;
	uint8_t		table;
};

struct store_notes *
store_notes_begin(struct store *st, size_t max, struct err *e)
{
	struct store_notes *n = xcalloc(1, sizeof(*n));

	n->st = st;
	n->max = max;
	n->refs = 1;
	pthread_mutex_init(&n->lock, NULL);
	pthread_mutex_lock(&st->lock);
	if (st->notes != NULL) {
		pthread_mutex_unlock(&st->lock);
		pthread_mutex_destroy(&n->lock);
		free(n);
		err_set(e, ERR_EXISTS, "the store is being copied already");
		return NULL;
	}
	for (size_t i = 0; i < STORE_ENVS; i++)
		n->env[i].wait = st->envs[i].writes_ended +
		    st->envs[i].writing;
	st->notes = n;
	pthread_mutex_unlock(&st->lock);
	return n;
}

/* With st->lock held. */
static void
unref(struct store_notes *n)
{
	if (n == NULL || --n->refs > 0)
		return;
	for (size_t i = 0; i < STORE_ENVS; i++)
		free(n->env[i].p);
	pthread_mutex_destroy(&n->lock);
	free(n);
}

void
store_notes_end(struct store_notes *n)
{
	struct store *st;

	if (n == NULL)
		return;
	st = n->st;
	pthread_mutex_lock(&st->lock);
	st->notes = NULL;
	unref(n);
	pthread_mutex_unlock(&st->lock);
}

bool
store_notes_ready(struct store_notes *n, enum store_env env)
{
	struct store *st = n->st;
	bool ready;

	pthread_mutex_lock(&st->lock);
	ready = st->envs[env].writes_ended >= n->env[env].wait;
	pthread_mutex_unlock(&st->lock);
	return ready;
}

/* ---- the writer's side */

struct store_notes *
store_notes_enter(struct store *st, enum store_env env)
{
	struct store_notes *n;

	pthread_mutex_lock(&st->lock);
	st->envs[env].writing = true;
	if ((n = st->notes) != NULL)
		n->refs++;
	pthread_mutex_unlock(&st->lock);
	return n;
}

void
store_notes_leave(struct store *st, enum store_env env, struct store_notes *n)
{
	pthread_mutex_lock(&st->lock);
	st->envs[env].writing = false;
	st->envs[env].writes_ended++;
	unref(n);
	pthread_mutex_unlock(&st->lock);
}

/* Room for len octets more; false: there is none. */
static bool
reserve(const struct store_notes *n, struct noted *d, size_t len)
{
	size_t cap = d->cap != 0 ? d->cap : FIRST_OCTETS;

	if (len > n->max - d->len)
		return false;
	while (cap < d->len + len)
		cap *= 2;
	if (cap != d->cap) {
		d->p = xreallocarray(d->p, cap, 1);
		d->cap = cap;
	}
	return true;
}

void
store_notes_add(struct store_notes *n, enum store_env env, uint64_t txn,
    enum store_table table, struct slice key)
{
	struct head h = { txn, (uint16_t)key.len, (uint8_t)table };
	struct noted *d = &n->env[env];

	assert(key.len <= STORE_KEY_MAX && table <= UINT8_MAX);
	pthread_mutex_lock(&n->lock);
	if (!n->over && reserve(n, d, sizeof(h) + key.len)) {
		memcpy(d->p + d->len, &h, sizeof(h));
		if (key.len > 0)
			memcpy(d->p + d->len + sizeof(h), key.p, key.len);
		d->len += sizeof(h) + key.len;
	} else {
		n->over = true;
	}
	pthread_mutex_unlock(&n->lock);
}

/* ---- the copier's side */

/* Octets and number of the notes up to transaction txn. */
static size_t
up_to(const struct noted *d, uint64_t txn, size_t *n_r)
{
	struct head h;
	size_t at = 0;

	for (*n_r = 0; at < d->len; (*n_r)++) {
		memcpy(&h, d->p + at, sizeof(h));
		if (h.txn > txn)
			break;
		at += sizeof(h) + h.len;
	}
	return at;
}

static int
compare(const void *a, const void *b)
{
	const struct store_note *x = a, *y = b;
	size_t len = x->key.len < y->key.len ? x->key.len : y->key.len;
	int c;

	if (x->table != y->table)
		return x->table < y->table ? -1 : 1;
	if ((c = memcmp(x->key.p, y->key.p, len)) != 0)
		return c;
	return (x->key.len > y->key.len) - (x->key.len < y->key.len);
}

/* Point at each, in order and once. */
static void
sort(struct store_noted *out, size_t n)
{
	struct head h;
	size_t at = 0, k = 0;

	out->v = xcalloc(n, sizeof(*out->v));
	for (size_t i = 0; i < n; i++) {
		memcpy(&h, out->octets + at, sizeof(h));
		out->v[i].table = (enum store_table)h.table;
		out->v[i].key = SLICE(out->octets + at + sizeof(h), h.len);
		at += sizeof(h) + h.len;
	}
	qsort(out->v, n, sizeof(*out->v), compare);
	for (size_t i = 0; i < n; i++)
		if (k == 0 || compare(&out->v[k - 1], &out->v[i]) != 0)
			out->v[k++] = out->v[i];
	out->n = k;
}

int
store_notes_take(struct store_notes *n, enum store_env env, uint64_t txn,
    struct store_noted *out, struct err *e)
{
	struct noted *d = &n->env[env];
	size_t len = 0, count = 0;
	bool over;

	*out = (struct store_noted){ NULL, NULL, 0 };
	pthread_mutex_lock(&n->lock);
	over = n->over;
	if (!over && (len = up_to(d, txn, &count)) > 0) {
		out->octets = xmalloc(len);
		memcpy(out->octets, d->p, len);
		memmove(d->p, d->p + len, d->len - len);
		d->len -= len;
	}
	pthread_mutex_unlock(&n->lock);
	if (over) {
		err_set(e, ERR_AGAIN, "more was changed meanwhile than can be "
		    "kept in mind");
		return -1;
	}
	if (count > 0)
		sort(out, count);
	return 0;
}

void
store_noted_free(struct store_noted *n)
{
	free(n->octets);
	free(n->v);
	*n = (struct store_noted){ NULL, NULL, 0 };
}
