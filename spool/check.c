/* SPDX-License-Identifier: Apache-2.0 */
/*
 * check.c - walk the whole store.
 */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/err.h"
#include "spool/act.h"
#include "spool/check_private.h"
#include "spool/consent.h"
#include "spool/row.h"

#define ACTS_SLICE	1000	/* acts of one transaction */

struct check {
	const struct check_params *p;
	struct check_result *r;
	struct check_gaps gaps;
	bool		 stopped;
};

static void
tell(struct check *c, enum store_table table, struct slice key,
    const char *text)
{
	struct check_finding f = { .table = store_table_name(table) };
	size_t n = key.len;

	if (n > (CHECK_KEY_HEX - 1) / 2)
		n = (CHECK_KEY_HEX - 1) / 2;
	for (size_t i = 0; i < n; i++)
		snprintf(f.key + 2 * i, 3, "%02x", key.p[i]);
	snprintf(f.text, sizeof(f.text), "%s", text);
	c->r->findings++;
	if (!c->p->finding(c->p->arg, &f))
		c->stopped = true;
}

/* ---- rows */

static int
seal_alone(enum store_table table, struct slice key, struct slice value,
    struct err *e)
{
	struct unpack u;
	uint8_t version;

	if (record_open(&u, value.p, value.len, &version))
		return 0;
	return row_damaged(table, key, "its seal is broken", e);
}

static int
look_at(struct check *c, struct txn *t, enum store_table table,
    struct slice key, struct slice value, struct err *e)
{
	check_row_fn *const *hooks = c->p->queue_rows;

	if (store_table_env(table) == STORE_S)
		return check_row(t, table, key, value, c->p->content, e);
	if (hooks != NULL && hooks[table] != NULL)
		return hooks[table](t, key, value, e);
	return seal_alone(table, key, value, e);
}

/* The walk over entries sees where indexes are missing. */
static void
watch_gaps(struct check *c, struct txn *t, struct slice key)
{
	struct consent entry;
	struct unpack u;
	uint64_t index;

	unpack_init(&u, key.p, key.len);
	index = unpack_u64(&u);
	if (consent_get(t, index, &entry, NULL) != 1)
		entry.erased = SLICE("", 0);
	check_gaps_entry(&c->gaps, index, entry.erased);
}

/* In the moment that the last entry was seen: are there indexes after it? */
static void
watch_end(struct check *c, struct txn *t)
{
	uint64_t last;

	if (consent_last(t, &last, NULL) == 0)
		check_gaps_entry(&c->gaps, last + 1, SLICE("", 0));
}

/*
 * One transaction's rows of a table from *at on.  1 there are more, 0 the
 * end, -1.
 */
static int
walk_slice(struct check *c, enum store_table table, struct key *at,
    struct err *e)
{
	struct cursor *cur = NULL;
	struct slice key, value;
	struct txn *t;
	struct err le;
	int rc;

	if (txn_read(c->p->st, store_table_env(table), &t, e) == -1)
		return -1;
	rc = cursor_open(t, table, &cur, e);
	if (rc == 0)
		rc = cursor_seek(cur, key_slice(at), &key, &value, e);
	for (unsigned n = 0; rc == 1 && n < CHECK_SLICE && !c->stopped; n++) {
		le = (struct err)ERR_INIT;
		if (look_at(c, t, table, key, value, &le) == -1)
			tell(c, table, key, le.text);
		if (table == TABLE_CONSENT && key.len == 8)
			watch_gaps(c, t, key);
		c->r->rows++;
		at->len = 0;
		key_raw(at, key.p, key.len);
		rc = cursor_next(cur, &key, &value, e);
	}
	cursor_close(cur);
	if (rc == 0 && table == TABLE_CONSENT)
		watch_end(c, t);
	txn_end(t);
	/* Go on behind the last key; one of full length has no next but it. */
	if (rc == 1 && at->len < STORE_KEY_MAX)
		key_u8(at, 0);
	return rc;
}

static void
walk_table(struct check *c, enum store_table table)
{
	struct key at = KEY_INIT;
	struct err e = ERR_INIT;
	int rc;

	do {
		rc = walk_slice(c, table, &at, &e);
		if (c->p->progress != NULL)
			c->p->progress(c->p->arg, store_table_name(table),
			    c->r->rows);
	} while (rc == 1 && !c->stopped);
	/* LMDB itself does not get further in this table. */
	if (rc == -1)
		tell(c, table, key_slice(&at), e.text);
}

/* ---- chains */

static void
walk_acts(struct check *c)
{
	struct act_walk walk = { .index = 0 };
	struct key k = KEY_INIT;
	struct err e = ERR_INIT;
	struct txn *t;
	int rc;

	if (store_keys(c->p->st) == NULL)
		return;		/* the chain is under a key */
	do {
		if (txn_read(c->p->st, STORE_S, &t, &e) == -1)
			rc = -1;
		else
			rc = act_verify(t, &walk, ACTS_SLICE, &e);
		txn_end(t);
	} while (rc == 1);
	if (rc == 0)
		return;
	key_u64(&k, walk.index);
	tell(c, TABLE_ACTS, key_slice(&k), e.text);
}

static void
tell_gaps(struct check *c)
{
	struct key k;
	uint64_t gap = 0;

	while (!c->stopped && check_gaps_next(&c->gaps, gap + 1, &gap) == 1) {
		k.len = 0;
		key_u64(&k, gap);
		tell(c, TABLE_CONSENT, key_slice(&k),
		    "missing, and no erasure entry names it");
	}
	if (c->gaps.too_many)
		tell(c, TABLE_CONSENT, SLICE("", 0), "more gaps than can be "
		    "compared: not all were");
}

int
check_store(const struct check_params *p, struct check_result *r_r,
    struct err *e)
{
	struct check c = { .p = p, .r = r_r };

	(void)e;
	*r_r = (struct check_result){ 0 };
	for (enum store_table i = 0; i < TABLE_LAST && !c.stopped; i++)
		walk_table(&c, i);
	if (!c.stopped)
		walk_acts(&c);
	if (!c.stopped)
		tell_gaps(&c);
	check_gaps_free(&c.gaps);
	return 0;
}
