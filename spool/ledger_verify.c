/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ledger_verify.c - the walk over the entries that builds the tree anew.
 *
 * The tree is made of the leaves, and each entry that is there is held against
 * its leaf; so one that was changed is named, and the walk goes on with the
 * tree as it was.  A leaf that was changed with its entry shows where a root
 * was signed.  What is left to be named as erased is one bit an entry.
 */
#include "config.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/checkpoint.h"
#include "lib/err.h"
#include "lib/xmalloc.h"
#include "spool/act.h"
#include "spool/consent.h"
#include "spool/ledger_private.h"
#include "spool/ledger_walk.h"

#define ALIVE	4096	/* entries between two words of progress */

int
ledger_claim_read(struct ledger_claim *c, const void *p, size_t len,
    const struct note_key *keys, size_t n, struct err *e)
{
	struct checkpoint cp;
	struct note note;

	if (checkpoint_open(&cp, &note, p, len, keys, n, e) == -1)
		return -1;
	/* That of a key, as all of them are short enough. */
	snprintf(c->origin, sizeof(c->origin), "%.*s", LEDGER_ORIGIN_MAX,
	    cp.origin);
	c->size = cp.size;
	memcpy(c->root, cp.root, sizeof(c->root));
	c->holds = false;
	return 0;
}

/* ---- telling */

void
ledger_tell(struct walk *w, uint64_t index, const char *fmt, ...)
{
	char text[256];
	va_list ap;

	if (index != 0 && (w->v->first == 0 || index < w->v->first))
		w->v->first = index;
	if (++w->v->findings > LEDGER_FINDINGS_MAX)
		return;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	w->p->finding(w->p->arg, index, text);
}

/* ---- gaps */

static bool
is_open(const struct walk *w, uint64_t index)
{
	return w->open[index / 8] >> index % 8 & 1;
}

static void
set_open(struct walk *w, uint64_t index, bool open)
{
	if (open)
		w->open[index / 8] |= (uint8_t)(1 << index % 8);
	else
		w->open[index / 8] &= (uint8_t)~(1 << index % 8);
}

/* Entry index says that `named` was erased, in the transaction that did. */
static void
close_gap(struct walk *w, uint64_t index, uint64_t named)
{
	struct slice salt, entry;

	if (named == 0 || named >= index)
		ledger_tell(w, index, "it says that entry %llu was erased, "
		    "which is not before it", (unsigned long long)named);
	else if (named <= w->v->size && is_open(w, named))
		set_open(w, named, false);
	else if (consent_get_row(w->t, named, &salt, &entry, NULL) != 0)
		ledger_tell(w, named, "it is there, but entry %llu says that "
		    "it was erased", (unsigned long long)index);
}

void
ledger_walk_erased(struct walk *w, uint64_t index, struct slice row)
{
	/* Key 39 as CBOR has it: hardly any entry names others. */
	static const char key[] = "\x18\x27";
	struct consent c;
	struct unpack u;
	struct slice entry;

	if (row.len <= CONSENT_SALT + LEDGER_SEAL)
		return;
	entry = SLICE(row.p + CONSENT_SALT,
	    row.len - CONSENT_SALT - LEDGER_SEAL);
	if (memmem(entry.p, entry.len, key, 2) == NULL)
		return;
	if (consent_decode(entry, &c, NULL) == -1) {
		ledger_tell(w, index, "it cannot be read");
		return;
	}
	/* No other kind erases: one that says so was made by hand. */
	if (c.erased.len > 0 && c.kind != CONSENT_ERASED &&
	    c.kind != CONSENT_PRUNED && c.kind != CONSENT_HASHED) {
		ledger_tell(w, index, "it names entries as erased, which none "
		    "of its kind does");
		return;
	}
	unpack_init(&u, c.erased.p, c.erased.len);
	while (u.left >= 8)
		close_gap(w, index, unpack_u64(&u));
}

/* An entry of an act holds the act's row to what it was (S10). */
static void
look_at_act(struct walk *w, uint64_t index, struct slice row)
{
	/* Version 2, kind ACT, behind the head of the map. */
	static const char begins[] = { 0, CONSENT_VERSION, 1, CONSENT_ACT };
	struct err e = ERR_INIT;
	struct slice entry;
	struct consent c;

	if (row.len <= CONSENT_SALT + LEDGER_SEAL + 1 + sizeof(begins))
		return;
	entry = SLICE(row.p + CONSENT_SALT,
	    row.len - CONSENT_SALT - LEDGER_SEAL);
	if (memcmp(entry.p + 1, begins, sizeof(begins)) == 0 &&
	    consent_decode(entry, &c, NULL) == 0 &&
	    act_check_entry(w->t, &c, &e) == -1)
		ledger_tell(w, index, "its act: %s", e.text);
}

/* Runs of entries that are missing and were not erased. */
static void
tell_gaps(struct walk *w)
{
	uint64_t from, n;

	for (uint64_t i = 1; i <= w->v->size; i += n) {
		n = 1;
		if (w->open[i / 8] == 0 && i % 8 == 0)
			n = 8;	/* bits past the last are zeros */
		else if (is_open(w, i)) {
			for (from = i; from + n <= w->v->size &&
			    is_open(w, from + n); n++)
				;
			ledger_tell(w, i, "%llu missing from here on, and no "
			    "later entry says that %s erased",
			    (unsigned long long)n, n == 1 ? "it was" :
			    "they were");
		}
	}
}

/* ---- one entry */

/* The commitment that `leaves` has for an entry.  1, 0 when it has none. */
static int
kept_leaf(struct walk *w, uint64_t index, uint8_t out[LEDGER_HASH])
{
	uint64_t row = (index - 1) / LEDGER_ROW;
	struct key k = ledger_row_key(row);
	struct slice v;

	if (!w->row_read || w->row_at != row) {
		w->row_at = row;
		w->row_read = true;
		w->row_there = txn_get(w->t, TABLE_LEAVES, key_slice(&k), &v,
		    NULL) == 1 && v.len == sizeof(w->row);
		if (w->row_there)
			memcpy(w->row, v.p, sizeof(w->row));
		else
			ledger_tell(w, 0, "the leaves of the entries from "
			    "%llu on are missing",
			    (unsigned long long)(row * LEDGER_ROW + 1));
	}
	memcpy(out, w->row[(index - 1) % LEDGER_ROW], LEDGER_HASH);
	return w->row_there;
}

/* The row of an entry against its leaf; true when hash_r is the leaf's. */
static bool
judge(struct walk *w, uint64_t index, struct slice row,
    const uint8_t *leaf, uint8_t hash_r[LEDGER_HASH])
{
	struct ledger_entry is;
	struct unpack u;
	uint8_t first;

	if (row.len <= CONSENT_SALT + LEDGER_SEAL) {
		ledger_tell(w, index, "it is too short for an entry");
		return false;
	}
	ledger_entry_of(row, &is);
	memcpy(hash_r, is.hash, LEDGER_HASH);
	if (leaf == NULL)
		return true;
	if (memcmp(is.commitment, leaf, LEDGER_HASH) != 0) {
		ledger_tell(w, index, "it is not the entry that was appended: "
		    "its commitment is not its leaf");
		return false;
	}
	if (!record_open(&u, row.p, row.len, &first))
		ledger_tell(w, index, "its seal is broken");
	return true;
}

static int
look_at_tile(void *arg, unsigned level, uint64_t n,
    const uint8_t hash[LEDGER_HASH])
{
	struct key k = ledger_tile_key(level, n);
	unsigned long long width = 1ull << 8 * level;
	struct walk *w = arg;
	struct slice v;

	if (txn_get(w->t, TABLE_TILES, key_slice(&k), &v, NULL) == 1 &&
	    v.len == LEDGER_HASH && memcmp(v.p, hash, v.len) == 0)
		return 0;
	ledger_tell(w, 0, "the tile of level %u, number %llu, is not the one "
	    "of its leaves, entries %llu to %llu", level,
	    (unsigned long long)n, n * width + 1, (n + 1) * width);
	return 0;
}

static void
grow(struct walk *w, const uint8_t hash[LEDGER_HASH])
{
	ledger_completed(&w->range, hash, look_at_tile, w);
	merkle_append(&w->range, hash);
	ledger_walk_claims(w);
}

/* The next entry, whose row is NULL when it is missing. */
static void
take(struct walk *w, const struct slice *row)
{
	uint64_t index = w->range.size + 1;
	uint8_t leaf[LEDGER_HASH], hash[LEDGER_HASH];
	bool known = kept_leaf(w, index, leaf) == 1;

	if (row == NULL) {
		set_open(w, index, true);
		w->v->erased++;
	} else {
		known = judge(w, index, *row, known ? leaf : NULL, hash) ||
		    !known;
		ledger_walk_erased(w, index, *row);
		look_at_act(w, index, *row);
	}
	if (row == NULL || !known)
		merkle_leaf(leaf, LEDGER_HASH, hash);
	grow(w, hash);
}

/* ---- slices */

/*
 * The number that a key of `consent` is; 0 for one that none has, which is
 * told.
 */
static uint64_t
index_of(struct walk *w, struct slice key)
{
	struct unpack u;
	uint64_t index;

	unpack_init(&u, key.p, key.len);
	index = unpack_u64(&u);
	if (unpack_done(&u) && index != 0)
		return index;
	ledger_tell(w, w->range.size + 1, "before it lies a row with a key of "
	    "%zu octets that no entry has", key.len);
	return 0;
}

/* 1 there is more, 0 the end, -1. */
static int
slice(struct walk *w, struct err *e)
{
	struct key from = KEY_INIT;
	struct slice key, row;
	struct cursor *c;
	uint64_t at = 0;
	int rc;

	key_u64(&from, w->range.size + 1);
	if (cursor_open(w->t, TABLE_CONSENT, &c, e) == -1)
		return -1;
	/* Keys that no entry has may lie before the first. */
	rc = w->range.size == 0 ? cursor_seek(c, SLICE("", 0), &key, &row,
	    e) : cursor_seek(c, key_slice(&from), &key, &row, e);
	for (unsigned n = 0; n < LEDGER_SLICE &&
	    w->range.size < w->v->size && rc != -1;) {
		if (rc == 1 && (at = index_of(w, key)) == 0) {
			rc = cursor_next(c, &key, &row, e);
			continue;
		}
		if (rc == 0 || at != w->range.size + 1) {
			take(w, NULL);
		} else {
			take(w, &row);
			rc = cursor_next(c, &key, &row, e);
		}
		if (++n % ALIVE == 0 && w->p->progress != NULL)
			w->p->progress(w->p->arg, w->range.size, w->v->size);
	}
	cursor_close(c);
	return rc == -1 ? -1 : w->range.size < w->v->size;
}

/* What a damaged page hides is not known; what is before it is. */
static void
tell_unread(struct walk *w, const struct err *why)
{
	ledger_tell(w, w->range.size + 1, "it cannot be read, nor what is "
	    "behind it: %s", why->text);
	w->v->size = w->range.size;
}

static int
walk(struct walk *w, struct err *e)
{
	struct err why = ERR_INIT;
	int rc;

	ledger_walk_claims(w);
	do {
		if (txn_read(w->p->st, STORE_S, &w->t, e) == -1)
			return -1;
		rc = slice(w, &why);
		w->row_read = false;
		txn_end(w->t);
	} while (rc == 1);
	if (rc == -1)
		tell_unread(w, &why);
	return 0;
}

int
ledger_verify(const struct ledger_verifying *p, struct ledger_verdict *v,
    struct err *e)
{
	struct walk w = { .p = p, .v = v };
	int ret = -1;

	*v = (struct ledger_verdict){ .size = 0 };
	if (ledger_walk_begin(&w, e) == -1)
		goto out;
	w.open = xcalloc(1, v->size / 8 + 2);
	if (walk(&w, e) == -1 || ledger_walk_end(&w, e) == -1)
		goto out;
	tell_gaps(&w);
	ret = 0;
out:
	memcpy(v->root, w.built, sizeof(v->root));
	ledger_walk_free(&w);
	free(w.open);
	return ret;
}
