/* SPDX-License-Identifier: Apache-2.0 */
/*
 * counts.c - how many members a list, and a domain of it, has.
 *
 * `counts` has a row for each domain of a list, and under domain 0 one for the
 * list itself, with its sequence.  Each change of a membership moves both, so
 * the write transaction keeps the few it works on and writes them at its
 * commit: an import of a million rows of one domain puts each row once a
 * slice.  Readers of the table inside a write transaction flush first.
 */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "lib/xmalloc.h"
#include "spool/list_private.h"
#include "spool/row.h"
#include "spool/store_private.h"
#include "spool/subscriber_private.h"

#define LIST_VERSION	1
#define DOMAIN_VERSION	1
#define SLOTS		8

struct slot {
	uint32_t	list, domain;	/* list 0: empty */
	bool		changed;
	struct list_counters c;		/* of a domain: active and all */
};

struct counts_cache {
	struct txn_cache base;		/* first */
	struct slot	 slot[SLOTS];
	unsigned	 next;		/* the slot to give up next */
};

static struct key
counts_key(uint32_t list, uint32_t domain)
{
	struct key k = KEY_INIT;

	key_u32(&k, list);
	key_u32(&k, domain);
	return k;
}

/* ---- rows */

int
member_count_decode(struct slice key, struct slice value,
    struct subscriber_domain *n, struct err *e)
{
	struct unpack u;

	if (row_open(&u, TABLE_COUNTS, key, value, DOMAIN_VERSION, e) == -1)
		return -1;
	n->active = unpack_u32(&u);
	n->all = unpack_u32(&u);
	return row_done(&u, TABLE_COUNTS, key, e) == -1 ? -1 : 1;
}

static int
list_decode(struct slice key, struct slice value, struct list_counters *c,
    struct err *e)
{
	struct unpack u;

	if (row_open(&u, TABLE_COUNTS, key, value, LIST_VERSION, e) == -1)
		return -1;
	c->sequence = unpack_u64(&u);
	c->left = unpack_u64(&u);
	c->active = unpack_u64(&u);
	c->all = unpack_u64(&u);
	return row_done(&u, TABLE_COUNTS, key, e) == -1 ? -1 : 1;
}

/* Zeros when there is no row. */
static int
load(struct txn *t, uint32_t list, uint32_t domain, struct list_counters *c,
    struct err *e)
{
	struct key k = counts_key(list, domain);
	struct subscriber_domain n = { .domain = domain };
	struct slice value;
	int rc = txn_get(t, TABLE_COUNTS, key_slice(&k), &value, e);

	*c = (struct list_counters){ 0 };
	if (rc != 1)
		return rc;
	if (domain == 0)
		return list_decode(key_slice(&k), value, c, e);
	rc = member_count_decode(key_slice(&k), value, &n, e);
	c->active = n.active;
	c->all = n.all;
	return rc;
}

/* A domain without members has no row. */
static int
save(struct txn *t, const struct slot *s, struct err *e)
{
	struct key k = counts_key(s->list, s->domain);
	struct strbuf row = STRBUF_INIT(64);
	int ret;

	if (s->domain != 0 && s->c.all == 0)
		return txn_del(t, TABLE_COUNTS, key_slice(&k), e) == -1 ?
		    -1 : 0;
	record_begin(&row, s->domain == 0 ? LIST_VERSION : DOMAIN_VERSION);
	if (s->domain == 0) {
		pack_u64(&row, s->c.sequence);
		pack_u64(&row, s->c.left);
		pack_u64(&row, s->c.active);
		pack_u64(&row, s->c.all);
	} else {
		pack_u32(&row, (uint32_t)s->c.active);
		pack_u32(&row, (uint32_t)s->c.all);
	}
	ret = row_put(t, TABLE_COUNTS, key_slice(&k), &row, e);
	strbuf_free(&row);
	return ret;
}

/* ---- the cache of a write transaction */

static int
flush(struct txn *t, struct txn_cache *base, struct err *e)
{
	struct counts_cache *c = (struct counts_cache *)base;

	for (size_t i = 0; i < SLOTS; i++) {
		if (!c->slot[i].changed)
			continue;
		if (save(t, &c->slot[i], e) == -1)
			return -1;
		c->slot[i].changed = false;
	}
	return 0;
}

static void
drop(struct txn_cache *base)
{
	free(base);
}

static struct counts_cache *
cache_of(struct txn *t)
{
	struct counts_cache *c = (struct counts_cache *)txn_cache(t,
	    TXN_COUNTS);

	if (c == NULL) {
		c = xcalloc(1, sizeof(*c));
		c->base.flush = flush;
		c->base.drop = drop;
		txn_set_cache(t, TXN_COUNTS, &c->base);
	}
	return c;
}

/* The slot of a row, filled; NULL with e. */
static struct slot *
slot_of(struct txn *t, uint32_t list, uint32_t domain, struct err *e)
{
	struct counts_cache *c = cache_of(t);
	struct slot *s;

	for (size_t i = 0; i < SLOTS; i++)
		if (c->slot[i].list == list && c->slot[i].domain == domain)
			return &c->slot[i];
	s = &c->slot[c->next];
	if (s->changed && save(t, s, e) == -1)
		return NULL;
	*s = (struct slot){ .list = 0 };
	if (load(t, list, domain, &s->c, e) == -1)
		return NULL;
	c->next = (c->next + 1) % SLOTS;
	s->list = list;
	s->domain = domain;
	return s;
}

int
counts_flush(struct txn *t, struct err *e)
{
	struct txn_cache *c = txn_is_write(t) ? txn_cache(t, TXN_COUNTS) :
	    NULL;

	return c != NULL ? c->flush(t, c, e) : 0;
}

/* ---- use */

int
list_counters(struct txn *t, uint32_t id, struct list_counters *c_r,
    struct err *e)
{
	struct slot *s;

	if (!txn_is_write(t))
		return load(t, id, 0, c_r, e) == -1 ? -1 : 0;
	*c_r = (struct list_counters){ 0 };
	if ((s = slot_of(t, id, 0, e)) == NULL)
		return -1;
	*c_r = s->c;
	return 0;
}

int
count_change(struct txn *t, const struct member *m, int active, int all,
    bool left, uint64_t *sequence_r, struct err *e)
{
	struct slot *s = slot_of(t, m->list, 0, e);

	if (s == NULL)
		return -1;
	*sequence_r = ++s->c.sequence;
	s->c.active += (uint64_t)(int64_t)active;
	s->c.all += (uint64_t)(int64_t)all;
	s->c.left += left;
	s->changed = true;
	if (active == 0 && all == 0)
		return 0;
	if ((s = slot_of(t, m->list, m->domain, e)) == NULL)
		return -1;
	s->c.active += (uint64_t)(int64_t)active;
	s->c.all += (uint64_t)(int64_t)all;
	s->changed = true;
	return 0;
}
