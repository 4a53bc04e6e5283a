/* SPDX-License-Identifier: Apache-2.0 */
/*
 * progress.c - how far a campaign has come in each domain.
 */
#include "config.h"

#include <string.h>

#include "lib/strbuf.h"
#include "spool/progress.h"
#include "spool/store.h"

#define PROGRESS_VERSION	1
#define CHUNK_VERSION		1
#define ROW_KEY			10	/* octets of a key of `progress` */
#define CHUNK_KEY		8	/* octets of a key of `finished` */

/* What a row says of its hi; numbers that lie in the store. */
enum { STATE_OPEN, STATE_ALL, STATE_OVER, STATES };

void
progress_range(unsigned parts, unsigned part, uint64_t *first,
    uint64_t *last)
{
	/* Of one part it is all, which has no width in 64 bits. */
	uint64_t width = parts == 1 ? 0 : UINT64_MAX / parts + 1;

	*first = width * part;
	*last = *first + (width - 1);
}

unsigned
progress_parts(const struct progress *p)
{
	return (unsigned)(UINT64_MAX / (p->last - p->first));
}

/* Whether the row's points are those of its part. */
static bool
is_part(const struct progress *p, unsigned part)
{
	uint64_t first, last;
	unsigned parts;

	if (p->last <= p->first || p->last - p->first <
	    UINT64_MAX / PROGRESS_PARTS_MAX)
		return false;
	parts = progress_parts(p);
	progress_range(parts, part, &first, &last);
	return (parts & (parts - 1)) == 0 && part < parts &&
	    p->first == first && p->last == last;
}

void
progress_encode(struct strbuf *b, const struct progress *p)
{
	record_begin(b, PROGRESS_VERSION);
	pack_u32(b, p->node);
	pack_u64(b, p->first);
	pack_u64(b, p->last);
	pack_u64(b, p->lo);
	pack_u64(b, p->hi);
	pack_u8(b, p->over ? STATE_OVER : p->hi_all ? STATE_ALL : STATE_OPEN);
	pack_u32(b, (uint32_t)p->ndone);
	for (size_t i = 0; i < p->ndone; i++)
		pack_u64(b, p->done[i]);
	record_end(b);
}

static void
put32(uint8_t *at, uint32_t v)
{
	for (int i = 0; i < 4; i++)
		at[i] = (uint8_t)(v >> (24 - 8 * i));
}

static struct slice
row_key(uint8_t key[static ROW_KEY], const struct progress_key *k)
{
	put32(key, k->campaign);
	put32(key + 4, k->domain);
	key[8] = (uint8_t)(k->part >> 8);
	key[9] = (uint8_t)k->part;
	return SLICE(key, ROW_KEY);
}

int
progress_put(struct txn *t, const struct progress_key *key, struct slice row,
    struct err *e)
{
	uint8_t k[ROW_KEY];

	return txn_put(t, TABLE_PROGRESS, row_key(k, key), row, e);
}

int
progress_get(struct txn *t, const struct progress_key *key,
    struct progress *p, uint64_t *done, struct err *e)
{
	uint8_t k[ROW_KEY], version, state;
	struct slice value;
	struct unpack u;
	int rc;

	rc = txn_get(t, TABLE_PROGRESS, row_key(k, key), &value, e);
	if (rc != 1)
		return rc;
	memset(p, 0, sizeof(*p));
	if (record_open(&u, value.p, value.len, &version)) {
		p->node = unpack_u32(&u);
		p->first = unpack_u64(&u);
		p->last = unpack_u64(&u);
		p->lo = unpack_u64(&u);
		p->hi = unpack_u64(&u);
		state = unpack_u8(&u);
		p->hi_all = state != STATE_OPEN;
		p->over = state == STATE_OVER;
		p->ndone = unpack_u32(&u);
		if (p->ndone > PROGRESS_DONE_MAX || state >= STATES ||
		    !is_part(p, key->part))
			u.bad = true;
		for (size_t i = 0; i < p->ndone && !u.bad; i++)
			done[i] = unpack_u64(&u);
	}
	if (!unpack_done(&u)) {
		err_set(e, ERR_DAMAGED,
		    "progress campaign %u domain %u: not what was written",
		    key->campaign, key->domain);
		return -1;
	}
	p->done = done;
	return 1;
}

int
progress_next(struct txn *t, struct progress_key *key, struct err *e)
{
	struct cursor *c = NULL;
	struct slice found, value;
	struct unpack u;
	uint8_t k[ROW_KEY];
	int rc;

	if (cursor_open(t, TABLE_PROGRESS, &c, e) == -1)
		return -1;
	rc = cursor_seek(c, row_key(k, key), &found, &value, e);
	if (rc == 1) {
		unpack_init(&u, found.p, found.len);
		if (unpack_u32(&u) != key->campaign) {
			rc = 0;
		} else {
			key->domain = unpack_u32(&u);
			key->part = unpack_u16(&u);
		}
	}
	cursor_close(c);
	return rc;
}

/* ---- finished domains */

int
progress_chunk(struct txn *t, uint32_t campaign, uint32_t chunk,
    uint8_t bits[static PROGRESS_CHUNK], struct err *e)
{
	uint8_t key[CHUNK_KEY], version;
	struct slice value;
	struct unpack u;
	int rc;

	memset(bits, 0, PROGRESS_CHUNK);
	put32(key, campaign);
	put32(key + 4, chunk);
	rc = txn_get(t, TABLE_FINISHED, SLICE(key, sizeof(key)), &value, e);
	if (rc != 1)
		return rc;
	if (record_open(&u, value.p, value.len, &version))
		unpack_raw(&u, bits, PROGRESS_CHUNK);
	if (!unpack_done(&u)) {
		err_set(e, ERR_DAMAGED,
		    "finished campaign %u chunk %u: not what was written",
		    campaign, chunk);
		return -1;
	}
	return 0;
}

static bool
chunk_bit(const uint8_t *bits, uint32_t domain)
{
	uint32_t at = domain % PROGRESS_CHUNK_BITS;

	return (bits[at / 8] >> (at % 8) & 1) != 0;
}

int
progress_finished(struct txn *t, uint32_t campaign, uint32_t domain,
    struct err *e)
{
	uint8_t bits[PROGRESS_CHUNK];

	if (progress_chunk(t, campaign, domain / PROGRESS_CHUNK_BITS, bits,
	    e) == -1)
		return -1;
	return chunk_bit(bits, domain);
}

int
progress_finish(struct txn *t, const struct progress_key *key, struct err *e)
{
	uint32_t chunk = key->domain / PROGRESS_CHUNK_BITS;
	uint32_t at = key->domain % PROGRESS_CHUNK_BITS;
	uint8_t bits[PROGRESS_CHUNK], k[ROW_KEY], ck[CHUNK_KEY];
	struct strbuf b = STRBUF_INIT(PROGRESS_CHUNK + 16);
	struct progress_key part = *key;
	int rc = -1;

	if (progress_chunk(t, key->campaign, chunk, bits, e) == -1)
		goto out;
	for (part.part = 0; part.part <= key->part; part.part++)
		if (txn_del(t, TABLE_PROGRESS, row_key(k, &part), e) == -1)
			goto out;
	bits[at / 8] |= (uint8_t)(1u << (at % 8));
	put32(ck, key->campaign);
	put32(ck + 4, chunk);
	record_begin(&b, CHUNK_VERSION);
	pack_raw(&b, bits, sizeof(bits));
	record_end(&b);
	rc = txn_put(t, TABLE_FINISHED, SLICE(ck, sizeof(ck)),
	    SLICE(b.s, b.len), e);
out:
	strbuf_free(&b);
	return rc;
}

/* Delete the first row of table whose key begins with campaign: 1, 0, -1. */
static int
sweep_one(struct txn *t, enum store_table table, uint32_t campaign,
    struct err *e)
{
	struct cursor *c = NULL;
	struct slice key, value;
	uint8_t from[4], found[ROW_KEY];
	size_t len = 0;
	int rc;

	put32(from, campaign);
	if (cursor_open(t, table, &c, e) == -1)
		return -1;
	rc = cursor_seek(c, SLICE(from, sizeof(from)), &key, &value, e);
	if (rc == 1 && (key.len > sizeof(found) || key.len < sizeof(from) ||
	    memcmp(key.p, from, sizeof(from)) != 0))
		rc = 0;
	if (rc == 1) {
		len = key.len;
		memcpy(found, key.p, len);
	}
	cursor_close(c);
	return rc == 1 ? txn_del(t, table, SLICE(found, len), e) : rc;
}

int
progress_sweep(struct txn *t, uint32_t campaign, unsigned max, struct err *e)
{
	static const enum store_table tables[] = {
		TABLE_PROGRESS, TABLE_FINISHED,
	};
	int rc;

	for (unsigned i = 0; i < 2; i++)
		do {
			if (max-- == 0)
				return 1;
			rc = sweep_one(t, tables[i], campaign, e);
			if (rc == -1)
				return -1;
		} while (rc == 1);
	return 0;
}
