/* SPDX-License-Identifier: Apache-2.0 */
/*
 * list_counters.c - a list's sequence and how many members it has.
 *
 * A row of `counts` with domain 0, beside those of its domains, because they
 * change together and the list's own row stays as it is.
 */
#include "config.h"

#include "spool/list_private.h"
#include "spool/row.h"
#include "spool/store.h"

#define COUNTERS_VERSION	1

static void
counters_key(struct key *k, uint32_t id)
{
	k->len = 0;
	key_u32(k, id);
	key_u32(k, 0);
}

int
list_counters(struct txn *t, uint32_t id, struct list_counters *c,
    struct err *e)
{
	struct key k = KEY_INIT;
	struct slice value;
	struct unpack u;
	int ret;

	*c = (struct list_counters){ 0 };
	counters_key(&k, id);
	ret = txn_get(t, TABLE_COUNTS, key_slice(&k), &value, e);
	if (ret != 1)
		return ret;
	if (row_open(&u, TABLE_COUNTS, key_slice(&k), value, COUNTERS_VERSION,
	    e) == -1)
		return -1;
	c->sequence = unpack_u64(&u);
	c->left = unpack_u64(&u);
	c->active = unpack_u64(&u);
	c->all = unpack_u64(&u);
	return row_done(&u, TABLE_COUNTS, key_slice(&k), e);
}

int
list_counters_put(struct txn *t, uint32_t id, const struct list_counters *c,
    struct err *e)
{
	struct strbuf row = STRBUF_INIT(64);
	struct key k = KEY_INIT;
	int ret;

	counters_key(&k, id);
	record_begin(&row, COUNTERS_VERSION);
	pack_u64(&row, c->sequence);
	pack_u64(&row, c->left);
	pack_u64(&row, c->active);
	pack_u64(&row, c->all);
	ret = row_put(t, TABLE_COUNTS, key_slice(&k), &row, e);
	strbuf_free(&row);
	return ret;
}
