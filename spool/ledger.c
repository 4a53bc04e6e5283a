/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ledger.c - the tree of the ledger: its rows, growing it, reading from it.
 *
 * A write transaction keeps the right edge of the tree and the last row of
 * `leaves`, and puts them at its commit, so that an import hashes once an
 * entry and puts a row once in sixteen.  A row of `leaves` has its full length
 * from the first leaf on, the rest zeros, so that the next leaf changes octets
 * in place and splits no page.  No row is sealed but the one of meta: whatever
 * is wrong in them, the root does not follow from them.
 */
/* As in lib/merkle.c: the way to hash that neither allocates nor fails. */
#define OPENSSL_SUPPRESS_DEPRECATED

#include "config.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/sha.h>

#include "lib/err.h"
#include "lib/xmalloc.h"
#include "spool/ledger_private.h"
#include "spool/row.h"
#include "spool/store_private.h"

#define META_LEDGER	"ledger"
#define META_VERSION	1
#define META_MAX	(16 + 65 * LEDGER_HASH)	/* octets of its value */
#define TILE_BITS	8	/* LEDGER_TILE is 2^8 */
#define ROW_OCTETS	(LEDGER_ROW * LEDGER_HASH)
#define FOLD_MAX	128	/* hashes that one node is made of */

_Static_assert(LEDGER_HASH == MERKLE_HASH, "one hash");
_Static_assert(LEDGER_TILE == 1 << TILE_BITS, "a tile");
_Static_assert(LEDGER_TILE % LEDGER_ROW == 0, "whole rows make a tile");

/* Of one write transaction. */
struct growing {
	struct txn_cache base;		/* first */
	struct merkle_range range;
	uint8_t		row[LEDGER_ROW][LEDGER_HASH];	/* the last one */
	bool		stored;		/* a row of its number lies there */
	bool		changed;
};

struct key
ledger_row_key(uint64_t row)
{
	struct key k = KEY_INIT;

	key_u64(&k, row);
	return k;
}

struct key
ledger_tile_key(unsigned level, uint64_t n)
{
	struct key k = KEY_INIT;

	key_u8(&k, (uint8_t)level);
	key_u64(&k, n);
	return k;
}

/* ---- size, root and right edge */

static struct slice
meta_key(void)
{
	return SLICE(META_LEDGER, strlen(META_LEDGER));
}

int
ledger_load(struct txn *t, struct merkle_range *r,
    uint8_t root[static LEDGER_HASH], struct err *e)
{
	struct slice value;
	struct unpack u;
	int rc = txn_get(t, TABLE_META, meta_key(), &value, e);

	r->size = 0;
	merkle_root(r, root);
	if (rc != 1)
		return rc;
	if (row_open(&u, TABLE_META, meta_key(), value, META_VERSION, e) == -1)
		return -1;
	r->size = unpack_u64(&u);
	unpack_raw(&u, root, LEDGER_HASH);
	for (unsigned i = 0; i < 64; i++)
		if (r->size >> i & 1)
			unpack_raw(&u, r->hash[i], LEDGER_HASH);
	return row_done(&u, TABLE_META, meta_key(), e);
}

static int
save(struct txn *t, const struct merkle_range *r, struct err *e)
{
	struct strbuf b = STRBUF_INIT(META_MAX);
	uint8_t root[LEDGER_HASH];
	int ret;

	merkle_root(r, root);
	record_begin(&b, META_VERSION);
	pack_u64(&b, r->size);
	pack_raw(&b, root, sizeof(root));
	for (unsigned i = 0; i < 64; i++)
		if (r->size >> i & 1)
			pack_raw(&b, r->hash[i], LEDGER_HASH);
	ret = row_put(t, TABLE_META, meta_key(), &b, e);
	strbuf_free(&b);
	return ret;
}

/* ---- growing */

void
ledger_entry_of(struct slice row, struct ledger_entry *entry)
{
	SHA256_CTX ctx;

	SHA256_Init(&ctx);
	SHA256_Update(&ctx, row.p, row.len - LEDGER_SEAL);
	SHA256_Final(entry->commitment, &ctx);
	merkle_leaf(entry->commitment, LEDGER_HASH, entry->hash);
}

/* The row that the last leaf of g lies in, or the next one will. */
static int
put_row(struct txn *t, struct growing *g, uint64_t row, struct err *e)
{
	struct key k = ledger_row_key(row);
	struct slice v = SLICE(g->row, ROW_OCTETS);

	return g->stored ? txn_put(t, TABLE_LEAVES, key_slice(&k), v, e) :
	    txn_append(t, TABLE_LEAVES, key_slice(&k), v, e);
}

static int
flush(struct txn *t, struct txn_cache *base, struct err *e)
{
	struct growing *g = (struct growing *)base;

	if (!g->changed)
		return 0;
	if (g->range.size % LEDGER_ROW != 0) {
		if (put_row(t, g, g->range.size / LEDGER_ROW, e) == -1)
			return -1;
		g->stored = true;
	}
	if (save(t, &g->range, e) == -1)
		return -1;
	g->changed = false;
	return 0;
}

static void
drop(struct txn_cache *base)
{
	free(base);
}

/* The last row of `leaves`, unless the next leaf begins one. */
static int
load_row(struct txn *t, struct growing *g, struct err *e)
{
	struct key k = ledger_row_key(g->range.size / LEDGER_ROW);
	struct slice v;
	int rc;

	if (g->range.size % LEDGER_ROW == 0)
		return 0;
	rc = txn_get(t, TABLE_LEAVES, key_slice(&k), &v, e);
	if (rc == -1)
		return -1;
	if (rc == 0 || v.len != ROW_OCTETS)
		return row_damaged(TABLE_LEAVES, key_slice(&k),
		    rc == 0 ? "missing" : "not as long as a row is", e);
	memcpy(g->row, v.p, ROW_OCTETS);
	g->stored = true;
	return 0;
}

static struct growing *
growing_of(struct txn *t, struct err *e)
{
	struct growing *g = (struct growing *)txn_cache(t, TXN_LEDGER);
	uint8_t root[LEDGER_HASH];

	if (g != NULL)
		return g;
	g = xcalloc(1, sizeof(*g));
	if (ledger_load(t, &g->range, root, e) == -1 ||
	    load_row(t, g, e) == -1) {
		free(g);
		return NULL;
	}
	g->base.flush = flush;
	g->base.drop = drop;
	txn_set_cache(t, TXN_LEDGER, &g->base);
	return g;
}

/* The edge has all but the last of the nodes that a tile is hashed from. */
int
ledger_completed(const struct merkle_range *r,
    const uint8_t leaf[static LEDGER_HASH], ledger_tile_fn *fn, void *arg)
{
	uint64_t n = r->size;
	uint8_t h[LEDGER_HASH];

	memcpy(h, leaf, sizeof(h));
	for (unsigned level = 1; n % LEDGER_TILE == LEDGER_TILE - 1; level++) {
		const uint8_t (*left)[LEDGER_HASH] =
		    &r->hash[(level - 1) * TILE_BITS];

		for (unsigned i = 0; i < TILE_BITS; i++)
			merkle_node(left[i], h, h);
		n /= LEDGER_TILE;
		if (fn(arg, level, n, h) == -1)
			return -1;
	}
	return 0;
}

struct putting {
	struct txn	*t;
	struct err	*e;
};

static int
put_tile(void *arg, unsigned level, uint64_t n,
    const uint8_t hash[static LEDGER_HASH])
{
	struct key k = ledger_tile_key(level, n);
	const struct putting *p = arg;

	return txn_put(p->t, TABLE_TILES, key_slice(&k), SLICE(hash,
	    LEDGER_HASH), p->e);
}

int
ledger_append(struct txn *t, uint64_t index, const struct ledger_entry *entry,
    struct err *e)
{
	struct growing *g = growing_of(t, e);
	struct putting putting = { t, e };
	size_t at;

	if (g == NULL)
		return -1;
	if (index != g->range.size + 1) {
		err_set(e, ERR_DAMAGED, "entry %llu comes to a ledger of %llu",
		    (unsigned long long)index,
		    (unsigned long long)g->range.size);
		return -1;
	}
	at = g->range.size % LEDGER_ROW;
	memcpy(g->row[at], entry->commitment, LEDGER_HASH);
	if (at == LEDGER_ROW - 1) {
		if (put_row(t, g, g->range.size / LEDGER_ROW, e) == -1)
			return -1;
		g->stored = false;
		memset(g->row, 0, sizeof(g->row));
	}
	if (ledger_completed(&g->range, entry->hash, put_tile,
	    &putting) == -1)
		return -1;
	if (!merkle_append(&g->range, entry->hash)) {
		err_set(e, ERR_LIMIT, "the ledger is full");
		return -1;
	}
	g->changed = true;
	return 0;
}

/* ---- reading */

/* What t appended is there for who reads from it. */
static int
flush_first(struct txn *t, struct err *e)
{
	struct txn_cache *c = txn_is_write(t) ? txn_cache(t, TXN_LEDGER) :
	    NULL;

	return c != NULL ? c->flush(t, c, e) : 0;
}

int
ledger_head(struct txn *t, struct ledger_head *head, struct err *e)
{
	struct merkle_range r;

	if (flush_first(t, e) == -1 ||
	    ledger_load(t, &r, head->root, e) == -1)
		return -1;
	head->size = r.size;
	return 0;
}

/* A row of `leaves`, or -1. */
static int
get_row(struct txn *t, uint64_t row, struct slice *v_r, struct err *e)
{
	struct key k = ledger_row_key(row);
	int rc = txn_get(t, TABLE_LEAVES, key_slice(&k), v_r, e);

	if (rc == 1 && v_r->len == ROW_OCTETS)
		return 0;
	if (rc != -1)
		row_damaged(TABLE_LEAVES, key_slice(&k), rc == 0 ? "missing" :
		    "not as long as a row is", e);
	return -1;
}

int
ledger_leaves(struct txn *t, uint64_t first, size_t n,
    uint8_t (*out)[LEDGER_HASH], struct err *e)
{
	struct ledger_head head;
	struct slice v;

	if (ledger_head(t, &head, e) == -1)
		return -1;
	if (first > head.size || n > head.size - first) {
		err_set(e, ERR_NOTFOUND, "the ledger has %llu leaves",
		    (unsigned long long)head.size);
		return -1;
	}
	while (n > 0) {
		size_t at = first % LEDGER_ROW;
		size_t some = LEDGER_ROW - at < n ? LEDGER_ROW - at : n;

		if (get_row(t, first / LEDGER_ROW, &v, e) == -1)
			return -1;
		memcpy(out, v.p + at * LEDGER_HASH, some * LEDGER_HASH);
		first += some;
		out += some;
		n -= some;
	}
	return 0;
}

int
ledger_leaf(struct txn *t, uint64_t index,
    uint8_t commitment[static LEDGER_HASH], struct err *e)
{
	struct ledger_head head;
	struct slice v;

	if (ledger_head(t, &head, e) == -1)
		return -1;
	if (index == 0 || index > head.size)
		return 0;
	if (get_row(t, (index - 1) / LEDGER_ROW, &v, e) == -1)
		return -1;
	memcpy(commitment, v.p + (index - 1) % LEDGER_ROW * LEDGER_HASH,
	    LEDGER_HASH);
	return 1;
}

/* Roots of complete subtrees of 256^level leaves; of level 0, leaf hashes. */
static int
get_hashes(struct txn *t, unsigned level, uint64_t first, size_t n,
    uint8_t (*out)[LEDGER_HASH], struct err *e)
{
	if (level == 0) {
		if (ledger_leaves(t, first, n, out, e) == -1)
			return -1;
		for (size_t i = 0; i < n; i++)
			merkle_leaf(out[i], LEDGER_HASH, out[i]);
		return 0;
	}
	if (flush_first(t, e) == -1)
		return -1;
	for (size_t i = 0; i < n; i++) {
		struct key k = ledger_tile_key(level, first + i);
		struct slice v;
		int rc = txn_get(t, TABLE_TILES, key_slice(&k), &v, e);

		if (rc == 0)
			err_set(e, ERR_NOTFOUND, "tiles: none of level %u, "
			    "number %llu", level,
			    (unsigned long long)(first + i));
		if (rc != 1)
			return -1;
		if (v.len != LEDGER_HASH)
			return row_damaged(TABLE_TILES, key_slice(&k),
			    "not as long as a hash is", e);
		memcpy(out[i], v.p, LEDGER_HASH);
	}
	return 0;
}

int
ledger_tile(struct txn *t, unsigned level, uint64_t n, unsigned width,
    uint8_t (*hashes)[LEDGER_HASH], struct err *e)
{
	if (level < 64 / TILE_BITS && width <= LEDGER_TILE &&
	    n <= UINT64_MAX / LEDGER_TILE - 1)
		return get_hashes(t, level, n * LEDGER_TILE, width, hashes, e);
	err_set(e, ERR_NOTFOUND, "no ledger has such a tile");
	return -1;
}

int
ledger_subtree(void *arg, unsigned level, uint64_t n,
    uint8_t out[static LEDGER_HASH])
{
	struct ledger_view *view = arg;
	uint8_t h[FOLD_MAX][LEDGER_HASH];
	unsigned up = level % TILE_BITS;
	size_t width = (size_t)1 << up;

	if (level >= 64 || n >= UINT64_MAX >> up) {
		err_set(&view->err, ERR_NOTFOUND, "no ledger has such a node");
		return -1;
	}
	if (get_hashes(view->t, level / TILE_BITS, n << up, width, h,
	    &view->err) == -1)
		return -1;
	for (; width > 1; width /= 2)
		for (size_t i = 0; i < width / 2; i++)
			merkle_node(h[2 * i], h[2 * i + 1], h[i]);
	memcpy(out, h[0], LEDGER_HASH);
	return 0;
}
