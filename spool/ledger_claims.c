/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ledger_claims.c - what the tree must agree with: size, root and right edge
 * as kept, checkpoints of ours, of witnesses and from outside.
 */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/checkpoint.h"
#include "lib/date.h"
#include "lib/err.h"
#include "lib/xmalloc.h"
#include "spool/consent.h"
#include "spool/ledger_private.h"
#include "spool/ledger_sign.h"
#include "spool/ledger_walk.h"

#define DUES_FIRST	16
#define ROW_OCTETS	(LEDGER_ROW * LEDGER_HASH)

/* ---- what is due */

static struct due *
add_due(struct walk *w, uint64_t size, const uint8_t root[LEDGER_HASH],
    bool is_signed)
{
	struct due *d;

	if (w->dues == w->room) {
		w->room = w->room == 0 ? DUES_FIRST : 2 * w->room;
		w->due = xreallocarray(w->due, w->room, sizeof(*w->due));
	}
	d = &w->due[w->dues++];
	*d = (struct due){ .size = size, .is_signed = is_signed };
	memcpy(d->root, root, sizeof(d->root));
	return d;
}

static int
by_size(const void *a, const void *b)
{
	const struct due *x = a, *y = b;

	return (x->size > y->size) - (x->size < y->size);
}

/* Without a checkpoint: what the first one may go on from, or nothing. */
static void
add_first(struct walk *w)
{
	struct err e = ERR_INIT;
	struct ledger_head head;
	int rc = ledger_first(w->t, &head, &e);

	if (rc == 1)
		snprintf(add_due(w, head.size, head.root, true)->name,
		    sizeof(((struct due *)0)->name), "the tree before the "
		    "first checkpoint");
	if (rc == 1 && w->v->size > 0)
		ledger_tell(w, 0, "no checkpoint is kept here yet: listd "
		    "signs one when it starts");
	else if (rc == -1)
		ledger_tell(w, 0, "what the first checkpoint goes on from: "
		    "%s", e.text);
	else if (w->v->size > 0)
		ledger_tell(w, 0, "the checkpoint that was kept here is gone: "
		    "nothing vouches for these entries, and listd signs them "
		    "no more");
}

/* The root that was signed last. */
static void
add_checkpoint(struct walk *w, const struct note_key *keys, size_t n)
{
	struct ledger_checkpoint c;
	struct ledger_claim signed_one;
	struct err e = ERR_INIT;
	int rc = ledger_checkpoint(w->t, &c, &e);

	if (rc == 1 && n > 0)
		rc = ledger_claim_read(&signed_one, c.text, c.len, keys, n,
		    &e) == -1 ? -1 : 1;
	if (rc == -1) {
		ledger_tell(w, 0, "the checkpoint kept here: %s", e.text);
		return;
	}
	if (rc == 0) {
		add_first(w);
		return;
	}
	if (n == 0)
		return;		/* its name is gone, which was told */
	if (signed_one.size != c.size ||
	    memcmp(signed_one.root, c.root, sizeof(c.root)) != 0)
		ledger_tell(w, 0, "the checkpoint kept here is not as it was "
		    "signed");
	w->v->signed_size = signed_one.size;
	snprintf(add_due(w, signed_one.size, signed_one.root, true)->name,
	    sizeof(((struct due *)0)->name), "the checkpoint kept here");
}

/* A witness that we know has signed it. */
static bool
is_cosigned(const struct walk *w, const char *name, struct slice p)
{
	struct note note;

	for (size_t i = 0; i < w->p->witnesses; i++)
		if (strcmp(w->p->witness[i].name, name) == 0)
			return note_parse(&note, p.p, p.len, NULL) == 0 &&
			    note_verify(&note, &w->p->witness[i], NULL) ==
			    NOTE_SIGNED;
	return true;
}

static void
add_cosigned(struct walk *w, const struct note_key *keys, size_t n)
{
	char name[LEDGER_WITNESS_MAX + 1] = "";
	struct ledger_claim c;
	struct err e = ERR_INIT;
	struct slice note;
	int rc;

	while ((rc = ledger_cosigned_next(w->t, name, &note, &e)) == 1) {
		if (ledger_claim_read(&c, note.p, note.len, keys, n,
		    &e) == -1) {
			ledger_tell(w, 0, "what witness %s signed: %s", name,
			    e.text);
			continue;
		}
		if (!is_cosigned(w, name, note))
			ledger_tell(w, 0, "what witness %s signed: not by its "
			    "key", name);
		snprintf(add_due(w, c.size, c.root, true)->name,
		    sizeof(((struct due *)0)->name), "what witness %s signed",
		    name);
	}
	if (rc == -1)
		ledger_tell(w, 0, "what witnesses signed: %s", e.text);
}

/*
 * The log's keys, from its names and our secrets; *keys is to be freed.  How
 * many; 0 when there is no name, which only a ledger that nothing was signed
 * of may lack.
 */
static size_t
find_keys(struct walk *w, struct note_key **keys)
{
	char origin[LEDGER_ORIGIN_MAX + 1];
	struct ledger_checkpoint c;
	struct err e = ERR_INIT;
	int rc = ledger_origin(w->t, origin, &e);
	size_t n = rc != 1 ? 0 : ledger_keys_ever(w->t, keys, &e);

	if (n == 0 && (rc != 0 || ledger_checkpoint(w->t, &c, NULL) == 1))
		ledger_tell(w, 0, "the ledger's name and keys: %s", rc == 0 ?
		    "missing" : e.text);
	if (n > 0 && ledger_vkeys_differ(w->t, &e))
		ledger_tell(w, 0, "the verifier keys kept here: %s", e.text);
	return n;
}

/*
 * How far to walk: to the last number that anything here says was given, but
 * no number makes it much longer than there are rows.
 */
static uint64_t
size_of(struct walk *w, uint64_t last)
{
	uint64_t size = w->kept.size > last ? w->kept.size : last;
	uint64_t rows = 0, entries = 0, bound;

	if (txn_count(w->t, TABLE_LEAVES, &rows, NULL) == -1 ||
	    txn_count(w->t, TABLE_CONSENT, &entries, NULL) == -1)
		return 0;
	bound = 2 * (rows * LEDGER_ROW + entries) + 2 * LEDGER_TILE;
	if (size <= bound)
		return size;
	ledger_tell(w, 0, "%llu entries would be more than there are rows for",
	    (unsigned long long)size);
	return bound;
}

/* Size and root as kept, and the last number given. */
static void
read_size(struct walk *w)
{
	struct err why = ERR_INIT;
	uint64_t last;

	if (ledger_load(w->t, &w->kept, w->kept_root, &why) == -1) {
		ledger_tell(w, 0, "size and root: %s", why.text);
		w->kept.size = 0;
	} else {
		snprintf(add_due(w, w->kept.size, w->kept_root, false)->name,
		    sizeof(((struct due *)0)->name), "the root kept here");
	}
	if (consent_last(w->t, &last, &why) == -1) {
		ledger_tell(w, 0, "the last number given: %s", why.text);
		last = w->kept.size;
	}
	if (last != w->kept.size)
		ledger_tell(w, 0, "it has %llu leaves, and %llu entries were "
		    "appended", (unsigned long long)w->kept.size,
		    (unsigned long long)last);
	w->v->size = size_of(w, last);
}

/*
 * One that was made before the log was restored, of more than came back, can
 * only fail, however long the log is now.
 */
static bool
is_lost(struct walk *w, const struct ledger_claim *c)
{
	char when[DATE_RFC3339_LEN + 1];
	struct ledger_former f;
	struct err e = ERR_INIT;
	int rc = ledger_former_named(w->t, c->origin, &f, &e);

	if (rc == -1)
		ledger_tell(w, 0, "the names the ledger had: %s", e.text);
	if (rc != 1 || c->size <= f.size)
		return false;
	date_rfc3339(f.restored_ms, when);
	ledger_tell(w, 0, "%.100s: made before the restore of %s; its %llu "
	    "entries are more than the %llu that came back, and those behind "
	    "were lost", c->name, when, (unsigned long long)c->size,
	    (unsigned long long)f.size);
	if (w->v->fails == 0 || c->size < w->v->fails)
		w->v->fails = c->size;
	return true;
}

int
ledger_walk_begin(struct walk *w, struct err *e)
{
	struct note_key *keys = NULL;
	size_t n;

	if (txn_read(w->p->st, STORE_S, &w->t, e) == -1)
		return -1;
	read_size(w);
	n = find_keys(w, &keys);
	add_checkpoint(w, keys, n);
	if (n > 0)
		add_cosigned(w, keys, n);
	free(keys);
	for (size_t i = 0; i < w->p->claims; i++) {
		struct ledger_claim *c = &w->p->claim[i];

		if (is_lost(w, c))
			continue;
		snprintf(add_due(w, c->size, c->root, true)->name,
		    sizeof(((struct due *)0)->name), "%.250s", c->name);
		w->due[w->dues - 1].claim = c;
	}
	txn_end(w->t);
	qsort(w->due, w->dues, sizeof(*w->due), by_size);
	return 0;
}

/* ---- on the way */

/* One that is of the caller. */
static void
settle(struct walk *w, struct due *d, bool holds)
{
	if (d->claim == NULL)
		return;
	d->claim->holds = holds;
	if (holds)
		w->v->holds = d->size;
	else if (w->v->fails == 0 || d->size < w->v->fails)
		w->v->fails = d->size;
}

void
ledger_walk_claims(struct walk *w)
{
	uint64_t size = w->range.size;

	while (w->next < w->dues && w->due[w->next].size == size) {
		struct due *d = &w->due[w->next++];
		uint8_t root[LEDGER_HASH];
		bool holds;

		merkle_root(&w->range, root);
		holds = memcmp(root, d->root, sizeof(root)) == 0;
		settle(w, d, holds);
		if (holds && d->is_signed)
			w->sound = size;
		if (!holds)
			ledger_tell(w, 0, "%s: the first %llu entries are not "
			    "those it was made of; up to %llu they are",
			    d->name, (unsigned long long)size,
			    (unsigned long long)w->sound);
	}
	/* What is kept of the edge, for the next leaf. */
	if (size != w->kept.size)
		return;
	for (unsigned i = 0; i < 64; i++)
		if ((size >> i & 1) && memcmp(w->range.hash[i],
		    w->kept.hash[i], LEDGER_HASH) != 0)
			ledger_tell(w, 0, "the right edge kept here is not "
			    "the one of the leaves, at 2^%u", i);
}

/* ---- at the end */

/* Rows behind the last entry, and erasures that came since. */
static int
look_behind(struct walk *w, uint64_t size, struct err *e)
{
	struct key from = KEY_INIT;
	struct slice key, row;
	struct cursor *c;
	int rc;

	key_u64(&from, w->v->size + 1);
	if (cursor_open(w->t, TABLE_CONSENT, &c, e) == -1)
		return -1;
	rc = cursor_seek(c, key_slice(&from), &key, &row, e);
	for (; rc == 1; rc = cursor_next(c, &key, &row, e)) {
		struct unpack u;
		uint64_t index;

		unpack_init(&u, key.p, key.len);
		index = unpack_u64(&u);
		if (!unpack_done(&u) || index > size)
			ledger_tell(w, index, "it was put behind the last "
			    "one");
		else
			ledger_walk_erased(w, index, row);
	}
	cursor_close(c);
	return rc;
}

/* No leaf lies behind the last, and no tile is too many. */
static void
look_at_rows(struct walk *w, uint64_t size)
{
	static const uint8_t none[LEDGER_HASH];
	uint64_t rows = size / LEDGER_ROW, n, due = 0;
	struct key k = ledger_row_key(rows);
	struct slice v;

	if (size % LEDGER_ROW != 0 && txn_get(w->t, TABLE_LEAVES,
	    key_slice(&k), &v, NULL) == 1 && v.len == ROW_OCTETS)
		for (size_t i = size % LEDGER_ROW; i < LEDGER_ROW; i++)
			if (memcmp(v.p + i * LEDGER_HASH, none,
			    sizeof(none)) != 0)
				ledger_tell(w, size + 1, "there is a leaf "
				    "behind the last one");
	rows += size % LEDGER_ROW != 0;
	if (txn_count(w->t, TABLE_LEAVES, &n, NULL) == 0 && n != rows)
		ledger_tell(w, 0, "%llu rows of leaves, not %llu",
		    (unsigned long long)n, (unsigned long long)rows);
	for (uint64_t s = size; s /= LEDGER_TILE;)
		due += s;
	if (txn_count(w->t, TABLE_TILES, &n, NULL) == 0 && n != due)
		ledger_tell(w, 0, "%llu tiles, not %llu",
		    (unsigned long long)n, (unsigned long long)due);
}

/* Whoever can write to the disk can append, and make the tree fit. */
static void
tell_unvouched(struct walk *w)
{
	if (w->v->size <= w->sound)
		return;
	w->v->unvouched = w->v->size - w->sound;
	if (w->p->still)
		ledger_tell(w, 0, "entries %llu to %llu are behind the last "
		    "signed checkpoint: nothing vouches for them",
		    (unsigned long long)w->sound + 1,
		    (unsigned long long)w->v->size);
}

int
ledger_walk_end(struct walk *w, struct err *e)
{
	struct err why = ERR_INIT;
	struct ledger_head head;

	for (; w->next < w->dues; w->next++) {
		struct due *d = &w->due[w->next];

		settle(w, d, false);
		ledger_tell(w, w->v->size + 1, "%s: it has %llu entries, and "
		    "here are %llu: those behind were taken away", d->name,
		    (unsigned long long)d->size,
		    (unsigned long long)w->v->size);
	}
	tell_unvouched(w);
	merkle_root(&w->range, w->built);
	if (txn_read(w->p->st, STORE_S, &w->t, e) == -1)
		return -1;
	if (ledger_head(w->t, &head, NULL) == -1 || head.size < w->v->size)
		head.size = w->v->size;		/* told at the beginning */
	if (look_behind(w, head.size, &why) == -1)
		ledger_tell(w, 0, "what is behind the last entry: %s",
		    why.text);
	look_at_rows(w, head.size);
	txn_end(w->t);
	return 0;
}

void
ledger_walk_free(struct walk *w)
{
	free(w->due);
}
