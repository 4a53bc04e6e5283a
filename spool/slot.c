/* SPDX-License-Identifier: Apache-2.0 */
/*
 * slot.c - what a mailbox was mailed lately.
 */
#include "config.h"

#include <string.h>

#include "lib/err.h"
#include "lib/strbuf.h"
#include "spool/row.h"
#include "spool/slot.h"
#include "spool/store.h"

#define SLOTS_VERSION	1
#define HASH		ADDRESS_HASH_OCTETS

static int
decode(struct slice key, struct slice value, struct slots *v, struct err *e)
{
	struct unpack u;

	v->n = 0;
	if (key.len != HASH)
		return row_damaged(TABLE_SLOTS, key, "length", e);
	if (row_open(&u, TABLE_SLOTS, key, value, SLOTS_VERSION, e) == -1)
		return -1;
	v->n = unpack_u8(&u);
	if (v->n > SLOTS_MAX) {
		v->n = 0;
		return row_damaged(TABLE_SLOTS, key, "too many", e);
	}
	for (unsigned i = 0; i < v->n; i++) {
		v->v[i].campaign = unpack_u32(&u);
		v->v[i].who = unpack_u64(&u);
		v->v[i].time_ms = unpack_i64(&u);
	}
	if (row_done(&u, TABLE_SLOTS, key, e) == 0)
		return 1;
	v->n = 0;
	return -1;
}

int
slots_get(struct txn *t, const uint8_t mailbox[static HASH],
    struct slots *v, struct err *e)
{
	struct slice value;
	int rc;

	v->n = 0;
	rc = txn_get(t, TABLE_SLOTS, SLICE(mailbox, HASH), &value, e);
	return rc == 1 ? decode(SLICE(mailbox, HASH), value, v, e) : rc;
}

int
slots_next(struct txn *t, const uint8_t *after,
    uint8_t mailbox[static HASH], struct slots *v, struct err *e)
{
	struct cursor *c = NULL;
	struct slice key, value;
	uint8_t from[HASH + 1] = { 0 };
	int rc;

	/* Right behind a key is that key with one more octet. */
	if (after != NULL)
		memcpy(from, after, HASH);
	if (cursor_open(t, TABLE_SLOTS, &c, e) == -1)
		return -1;
	rc = cursor_seek(c, SLICE(from, after != NULL ? HASH + 1 : 1), &key,
	    &value, e);
	if (rc == 1) {
		memset(mailbox, 0, HASH);
		memcpy(mailbox, key.p, key.len < HASH ? key.len : HASH);
		rc = decode(key, value, v, e);
	}
	cursor_close(c);
	return rc;
}

int
slots_put(struct txn *t, const uint8_t mailbox[static HASH],
    const struct slots *v, struct err *e)
{
	struct strbuf b = STRBUF_INIT(SLOT_VALUE_MAX);
	int rc;

	if (v->n == 0)
		return txn_del(t, TABLE_SLOTS, SLICE(mailbox, HASH), e) == -1 ?
		    -1 : 0;
	record_begin(&b, SLOTS_VERSION);
	pack_u8(&b, (uint8_t)v->n);
	for (unsigned i = 0; i < v->n; i++) {
		pack_u32(&b, v->v[i].campaign);
		pack_u64(&b, v->v[i].who);
		pack_i64(&b, v->v[i].time_ms);
	}
	rc = row_put(t, TABLE_SLOTS, SLICE(mailbox, HASH), &b, e);
	strbuf_free(&b);
	return rc;
}

int
slots_sweep(struct txn *t, uint8_t at[static HASH], unsigned max,
    int64_t now_ms, struct err *e)
{
	uint8_t mailbox[HASH];
	struct slots v;
	int rc;

	for (; max > 0; max--) {
		rc = slots_next(t, at, mailbox, &v, e);
		if (rc == 0 || (rc == -1 && e->code != ERR_DAMAGED))
			return rc;
		memcpy(at, mailbox, HASH);
		/* What cannot be read is left to check. */
		slots_expire(&v, now_ms);
		if (rc == 1 && v.n == 0 && slots_put(t, at, &v, e) == -1)
			return -1;
	}
	return 1;
}

int
slots_check(struct slice key, struct slice value, struct err *e)
{
	struct slots v;

	if (decode(key, value, &v, e) == -1)
		return -1;
	if (v.n == 0)
		return row_damaged(TABLE_SLOTS, key, "an empty row", e);
	for (unsigned i = 0; i < v.n; i++)
		if (v.v[i].who == 0 || v.v[i].time_ms <= 0)
			return row_damaged(TABLE_SLOTS, key, "a slot of "
			    "nobody", e);
	return 0;
}

void
slots_expire(struct slots *v, int64_t now_ms)
{
	unsigned n = 0;

	for (unsigned i = 0; i < v->n; i++)
		if (now_ms < v->v[i].time_ms + SLOT_MS)
			v->v[n++] = v->v[i];
	v->n = n;
}

struct slot *
slots_find(struct slots *v, uint32_t campaign, uint64_t who)
{
	for (unsigned i = 0; i < v->n; i++)
		if (v->v[i].campaign == campaign && v->v[i].who == who)
			return &v->v[i];
	return NULL;
}

void
slots_take(struct slots *v, uint32_t campaign, uint64_t who, int64_t now_ms)
{
	struct slot *s = slots_find(v, campaign, who);

	if (s == NULL && v->n < SLOTS_MAX) {
		s = &v->v[v->n++];
		s->who = 0;
	}
	if (s == NULL) {
		s = &v->v[0];
		for (unsigned i = 1; i < v->n; i++)
			if (v->v[i].time_ms < s->time_ms)
				s = &v->v[i];
	}
	/* The clock may have been set back: what is there is later. */
	if (s->campaign != campaign || s->who != who || s->time_ms < now_ms)
		*s = (struct slot){ campaign, who, now_ms };
}
