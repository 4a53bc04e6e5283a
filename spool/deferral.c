/* SPDX-License-Identifier: Apache-2.0 */
/*
 * deferral.c - recipients that were tried and must be tried again.
 */
#include "config.h"

#include <limits.h>

#include "lib/strbuf.h"
#include "spool/deferral.h"
#include "spool/store.h"

#define DEFERRAL_VERSION	2	/* 1 ends with source, and is read */
#define KEY_MAX			32

static void
key_build(struct strbuf *b, const struct deferral *d)
{
	strbuf_reset(b);
	pack_u32(b, d->domain);
	pack_u64(b, (uint64_t)d->due_ms);
	pack_u32(b, d->campaign);
	pack_u64(b, d->h8);
	pack_u64(b, d->subscriber);
}

static int
row_decode(struct deferral *d, struct slice key, struct slice value,
    struct err *e)
{
	struct unpack k, u;
	uint8_t version;

	unpack_init(&k, key.p, key.len);
	d->domain = unpack_u32(&k);
	d->due_ms = (int64_t)unpack_u64(&k);
	d->campaign = unpack_u32(&k);
	d->h8 = unpack_u64(&k);
	d->subscriber = unpack_u64(&k);
	if (record_open(&u, value.p, value.len, &version)) {
		d->join = unpack_u64(&u);
		d->attempts = unpack_u16(&u);
		d->first_ms = unpack_i64(&u);
		d->code = unpack_u16(&u);
		unpack_enhanced(&u, d->enhanced);
		d->source = unpack_u32(&u);
		d->unanswered = version >= 2 ? unpack_u8(&u) : 0;
		d->lost = version >= 2 && unpack_u8(&u) != 0;
	}
	if (!unpack_done(&k) || !unpack_done(&u)) {
		err_set(e, ERR_DAMAGED,
		    "deferrals domain %u campaign %u: not what was written",
		    d->domain, d->campaign);
		return -1;
	}
	return 0;
}

int
deferral_put(struct txn *t, const struct deferral *d, struct err *e)
{
	struct strbuf key = STRBUF_INIT(KEY_MAX), row = STRBUF_INIT(64);
	int rc;

	key_build(&key, d);
	record_begin(&row, DEFERRAL_VERSION);
	pack_u64(&row, d->join);
	pack_u16(&row, d->attempts);
	pack_i64(&row, d->first_ms);
	pack_u16(&row, d->code);
	pack_enhanced(&row, d->enhanced);
	pack_u32(&row, d->source);
	pack_u8(&row, d->unanswered);
	pack_u8(&row, d->lost);
	record_end(&row);
	rc = txn_put(t, TABLE_DEFERRALS, SLICE(key.s, key.len),
	    SLICE(row.s, row.len), e);
	strbuf_free(&key);
	strbuf_free(&row);
	return rc;
}

int
deferral_del(struct txn *t, const struct deferral *d, struct err *e)
{
	struct strbuf key = STRBUF_INIT(KEY_MAX);
	int rc;

	key_build(&key, d);
	rc = txn_del(t, TABLE_DEFERRALS, SLICE(key.s, key.len), e);
	strbuf_free(&key);
	return rc;
}

int
deferral_get(struct txn *t, struct deferral *d, struct err *e)
{
	struct strbuf key = STRBUF_INIT(KEY_MAX);
	struct slice value;
	int rc;

	key_build(&key, d);
	rc = txn_get(t, TABLE_DEFERRALS, SLICE(key.s, key.len), &value, e);
	if (rc == 1)
		rc = row_decode(d, SLICE(key.s, key.len), value, e) == -1 ?
		    -1 : 1;
	strbuf_free(&key);
	return rc;
}

/* The first row of the table not before (domain, due). */
static int
seek(struct cursor *c, uint32_t domain, int64_t due_ms, struct slice *key,
    struct slice *value, struct err *e)
{
	struct strbuf from = STRBUF_INIT(16);
	int rc;

	pack_u32(&from, domain);
	pack_u64(&from, (uint64_t)(due_ms < 0 ? 0 : due_ms));
	rc = cursor_seek(c, SLICE(from.s, from.len), key, value, e);
	strbuf_free(&from);
	return rc;
}

/* The first row of domain, or the first behind that one. */
static int
seek_behind(struct cursor *c, uint32_t domain, const struct deferral *after,
    struct slice *key, struct slice *value, struct err *e)
{
	struct strbuf from = STRBUF_INIT(KEY_MAX + 1);
	int rc;

	if (after == NULL)
		return seek(c, domain, 0, key, value, e);
	key_build(&from, after);
	pack_u8(&from, 0);	/* a key one octet longer is just above it */
	rc = cursor_seek(c, SLICE(from.s, from.len), key, value, e);
	strbuf_free(&from);
	return rc;
}

int
deferral_due(struct txn *t, uint32_t domain, const struct deferral *after,
    int64_t until_ms, struct deferral *rows, size_t max, size_t *n_r,
    struct err *e)
{
	struct cursor *c = NULL;
	struct slice key, value;
	int rc, damaged = 0;
	size_t n = 0;

	*n_r = 0;
	if (cursor_open(t, TABLE_DEFERRALS, &c, e) == -1)
		return -1;
	rc = seek_behind(c, domain, after, &key, &value, e);
	while (rc == 1 && n < max) {
		bool good = row_decode(&rows[n], key, value, e) == 0;

		if (rows[n].domain != domain || rows[n].due_ms > until_ms)
			break;
		if (good)
			n++;
		else if (damaged < INT_MAX)
			damaged++;
		rc = cursor_next(c, &key, &value, e);
	}
	cursor_close(c);
	*n_r = n;
	return rc == -1 ? -1 : damaged;
}

int
deferral_earliest(struct txn *t, int64_t from_ms, uint32_t *domain,
    int64_t *due_r, struct err *e)
{
	struct cursor *c = NULL;
	struct slice key, value;
	struct unpack u;
	int rc;

	if (cursor_open(t, TABLE_DEFERRALS, &c, e) == -1)
		return -1;
	while ((rc = seek(c, *domain, from_ms, &key, &value, e)) == 1) {
		unpack_init(&u, key.p, key.len);
		*domain = unpack_u32(&u);
		*due_r = (int64_t)unpack_u64(&u);
		if (*due_r >= from_ms)
			break;
		/* Another domain, whose first row is earlier than asked. */
	}
	cursor_close(c);
	return rc;
}
