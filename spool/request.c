/* SPDX-License-Identifier: Apache-2.0 */
/*
 * request.c - pending confirmations.
 */
#include "config.h"

#include <string.h>

#include "lib/err.h"
#include "spool/check_private.h"
#include "spool/list.h"
#include "spool/request.h"
#include "spool/row.h"

#define REQUEST_VERSION	1
#define ID_VERSION	1
#define REQUEST_ROW_MAX	32768
#define OF_PREFIX	(ADDRESS_HASH_OCTETS + 4 + 1)

static struct key
of_key(const struct request *r)
{
	struct key k = KEY_INIT;

	key_raw(&k, r->hash, sizeof(r->hash));
	key_u32(&k, r->list);
	key_u8(&k, (uint8_t)r->purpose);
	key_u64(&k, (uint64_t)r->created_ms);
	return k;
}

static void
request_encode(struct strbuf *b, const struct request *r)
{
	record_begin(b, REQUEST_VERSION);
	pack_u32(b, r->list);
	pack_u8(b, (uint8_t)r->purpose);
	pack_u8(b, (uint8_t)r->state);
	pack_raw(b, r->hash, sizeof(r->hash));
	pack_raw(b, r->token, sizeof(r->token));
	pack_raw(b, r->network, sizeof(r->network));
	pack_i64(b, r->created_ms);
	pack_i64(b, r->expires_ms);
	pack_i64(b, r->mailed_ms);
	pack_u32(b, r->mails);
	pack_u64(b, r->consent);
	pack_str(b, r->address);
	pack_bytes(b, r->attributes.p, r->attributes.len);
}

static int
request_decode(struct slice key, struct slice value, struct request *r,
    struct err *e)
{
	struct unpack u;
	uint8_t purpose, state;

	if (row_open(&u, TABLE_REQUESTS, key, value, REQUEST_VERSION, e) == -1)
		return -1;
	r->list = unpack_u32(&u);
	purpose = unpack_u8(&u);
	state = unpack_u8(&u);
	r->purpose = (enum token_confirm_use)purpose;
	r->state = (enum request_state)state;
	unpack_raw(&u, r->hash, sizeof(r->hash));
	unpack_raw(&u, r->token, sizeof(r->token));
	unpack_raw(&u, r->network, sizeof(r->network));
	r->created_ms = unpack_i64(&u);
	r->expires_ms = unpack_i64(&u);
	r->mailed_ms = unpack_i64(&u);
	r->mails = unpack_u32(&u);
	r->consent = unpack_u64(&u);
	unpack_str(&u, r->address, sizeof(r->address));
	r->attributes = unpack_bytes(&u);
	if (purpose >= TOKEN_CONFIRM_USES || state < REQUEST_PENDING ||
	    state > REQUEST_VOID || key.len != REQUEST_ID)
		u.bad = true;
	if (row_done(&u, TABLE_REQUESTS, key, e) == -1)
		return -1;
	memcpy(r->id, key.p, REQUEST_ID);
	return 0;
}

int
request_save(struct txn *t, const struct request *r, struct err *e)
{
	struct strbuf b = STRBUF_INIT(REQUEST_ROW_MAX);
	int ret;

	/* Encoded before the put, which ends what r borrows. */
	request_encode(&b, r);
	ret = row_put(t, TABLE_REQUESTS, SLICE(r->id, REQUEST_ID), &b, e);
	strbuf_free(&b);
	return ret;
}

static int
put_id(struct txn *t, enum store_table table, struct slice key,
    const uint8_t id[static REQUEST_ID], struct err *e)
{
	struct strbuf b = STRBUF_INIT(64);
	int ret;

	record_begin(&b, ID_VERSION);
	pack_raw(&b, id, REQUEST_ID);
	ret = row_put(t, table, key, &b, e);
	strbuf_free(&b);
	return ret;
}

int
request_add(struct txn *t, const struct request *r, struct err *e)
{
	struct key of = of_key(r);

	if (request_save(t, r, e) == -1 ||
	    put_id(t, TABLE_TOKENS, SLICE(r->token, sizeof(r->token)), r->id,
	    e) == -1)
		return -1;
	return put_id(t, TABLE_REQUEST_OF, key_slice(&of), r->id, e);
}

/* ---- finding */

int
request_get(struct txn *t, const uint8_t id[static REQUEST_ID],
    struct request *r_r, struct err *e)
{
	struct slice key = SLICE(id, REQUEST_ID), value;
	int rc = txn_get(t, TABLE_REQUESTS, key, &value, e);

	if (rc == 1 && request_decode(key, value, r_r, e) == -1)
		return -1;
	return rc;
}

/* The request that a row of `tokens` or `request_of` leads to. */
static int
follow(struct txn *t, enum store_table table, struct slice key,
    struct slice value, struct request *r_r, struct err *e)
{
	uint8_t id[REQUEST_ID];
	struct unpack u;
	int rc;

	if (row_open(&u, table, key, value, ID_VERSION, e) == -1)
		return -1;
	unpack_raw(&u, id, sizeof(id));
	if (row_done(&u, table, key, e) == -1)
		return -1;
	rc = request_get(t, id, r_r, e);
	if (rc == 0)
		return row_damaged(table, key, "its request is missing", e);
	return rc;
}

int
request_by_hash(struct txn *t, const uint8_t token[static TOKEN_HASH_OCTETS],
    struct request *r_r, struct err *e)
{
	struct slice key = SLICE(token, TOKEN_HASH_OCTETS), value;
	int rc = txn_get(t, TABLE_TOKENS, key, &value, e);

	return rc == 1 ? follow(t, TABLE_TOKENS, key, value, r_r, e) : rc;
}

int
request_by_token(struct txn *t, const char *token, struct request *r_r,
    struct err *e)
{
	uint8_t hash[TOKEN_HASH_OCTETS];

	if (!token_hash(token, strlen(token), hash))
		return 0;
	return request_by_hash(t, hash, r_r, e);
}

/*
 * The first request of `request_of` with a key from *at that begins with
 * prefix octets of it; *at becomes the next key.  1, 0, -1.
 */
static int
next_of(struct txn *t, struct key *at, size_t prefix, struct request *r_r,
    struct err *e)
{
	struct slice key, value;
	struct cursor *c;
	int rc;

	if (cursor_open(t, TABLE_REQUEST_OF, &c, e) == -1)
		return -1;
	rc = cursor_seek(c, key_slice(at), &key, &value, e);
	if (rc == 1 && !slice_has_prefix(key, SLICE(at->b, prefix)))
		rc = 0;
	if (rc == 1) {
		rc = follow(t, TABLE_REQUEST_OF, key, value, r_r, e);
		at->len = 0;
		key_raw(at, key.p, key.len);
		key_u8(at, 0);
	}
	cursor_close(c);
	return rc;
}

int
request_of(struct txn *t, const uint8_t hash[static ADDRESS_HASH_OCTETS],
    uint32_t list, enum token_confirm_use purpose, struct request *r_r,
    struct err *e)
{
	struct key at = KEY_INIT;
	struct request r;
	int rc, found = 0;

	key_raw(&at, hash, ADDRESS_HASH_OCTETS);
	key_u32(&at, list);
	key_u8(&at, (uint8_t)purpose);
	/* A handful at most: one in seven days, kept for a month. */
	while ((rc = next_of(t, &at, OF_PREFIX, &r, e)) == 1) {
		*r_r = r;
		found = 1;
	}
	return rc == -1 ? -1 : found;
}

bool
request_is_used_up(const struct request *r, int64_t now_ms)
{
	return now_ms >= r->expires_ms || (r->state == REQUEST_CONFIRMED &&
	    (r->purpose == TOKEN_CONFIRM_SUBSCRIPTION ||
	    r->purpose == TOKEN_CONFIRM_OWNER));
}

int
request_next_of(struct txn *t, const uint8_t hash[static
    ADDRESS_HASH_OCTETS], struct request_walk *w, struct request *r_r,
    struct err *e)
{
	struct key at = KEY_INIT;
	int rc;

	if (w->n == 0)
		key_raw(&at, hash, ADDRESS_HASH_OCTETS);
	else
		key_raw(&at, w->at, w->n);
	rc = next_of(t, &at, ADDRESS_HASH_OCTETS, r_r, e);
	if (rc == 1 && at.len <= sizeof(w->at)) {
		memcpy(w->at, at.b, at.len);
		w->n = at.len;
	}
	return rc;
}

/* ---- ends */

/* 1 when r is of this list, or of this organization, or of any. */
static int
concerns(struct txn *t, const struct request *r, uint32_t list, uint32_t org,
    struct err *e)
{
	enum list_state state;
	uint32_t of;
	int rc;

	if (list != 0 || org == 0)
		return list == 0 || r->list == list;
	rc = list_brief(t, r->list, &of, &state, e);
	return rc == 1 ? of == org : rc;
}

int
request_void(struct txn *t, const uint8_t hash[static ADDRESS_HASH_OCTETS],
    uint32_t list, uint32_t org, bool dry, struct err *e)
{
	struct key at = KEY_INIT;
	struct request r;
	int rc, mine, n = 0;

	key_raw(&at, hash, ADDRESS_HASH_OCTETS);
	while ((rc = next_of(t, &at, ADDRESS_HASH_OCTETS, &r, e)) == 1) {
		if (r.state != REQUEST_PENDING ||
		    r.purpose != TOKEN_CONFIRM_SUBSCRIPTION)
			continue;
		if ((mine = concerns(t, &r, list, org, e)) == -1)
			return -1;
		if (mine == 0)
			continue;
		n++;
		r.state = REQUEST_VOID;
		if (!dry && request_save(t, &r, e) == -1)
			return -1;
	}
	return rc == -1 ? -1 : n;
}

int
request_del(struct txn *t, const struct request *r, struct err *e)
{
	struct key of = of_key(r);

	if (txn_del(t, TABLE_REQUEST_OF, key_slice(&of), e) == -1 ||
	    txn_del(t, TABLE_TOKENS, SLICE(r->token, sizeof(r->token)),
	    e) == -1)
		return -1;
	return txn_del(t, TABLE_REQUESTS, SLICE(r->id, REQUEST_ID), e) == -1 ?
	    -1 : 0;
}

int
request_erase(struct txn *t, const uint8_t hash[static ADDRESS_HASH_OCTETS],
    struct err *e)
{
	struct key at = KEY_INIT;
	struct request r;
	int rc, n = 0;

	key_raw(&at, hash, ADDRESS_HASH_OCTETS);
	while ((rc = next_of(t, &at, ADDRESS_HASH_OCTETS, &r, e)) == 1) {
		if (request_del(t, &r, e) == -1)
			return -1;
		n++;
	}
	return rc == -1 ? -1 : n;
}

/*
 * The first request with an id above *id, which becomes its; also of one that
 * is damaged, so that the walk gets past it.  1, 0, -1.
 */
static int
next_by_id(struct txn *t, uint8_t id[static REQUEST_ID],
    struct request *r_r, struct err *e)
{
	struct slice key, value;
	struct key at = KEY_INIT;
	struct cursor *c;
	int rc;

	key_raw(&at, id, REQUEST_ID);
	key_u8(&at, 0);
	if (cursor_open(t, TABLE_REQUESTS, &c, e) == -1)
		return -1;
	rc = cursor_seek(c, key_slice(&at), &key, &value, e);
	if (rc == 1) {
		memcpy(id, key.p, key.len < REQUEST_ID ? key.len : REQUEST_ID);
		if (request_decode(key, value, r_r, e) == -1)
			rc = -1;
	}
	cursor_close(c);
	return rc;
}

int
request_sweep(struct txn *t, uint8_t at[static REQUEST_ID], unsigned max,
    int64_t now_ms, struct err *e)
{
	struct request r;
	int rc;

	for (; max > 0; max--) {
		rc = next_by_id(t, at, &r, e);
		if (rc == 0)
			memset(at, 0, REQUEST_ID);
		if (rc != 1)
			return rc;
		if (now_ms - REQUEST_KEEP_MS >= r.expires_ms) {
			rc = request_del(t, &r, e);
		} else if (r.state == REQUEST_PENDING &&
		    now_ms >= r.expires_ms) {
			r.state = REQUEST_EXPIRED;
			rc = request_save(t, &r, e);
		}
		if (rc == -1)
			return -1;
	}
	return 1;
}

/* ---- looking whether the three tables agree */

/* That the index row *key of *table leads to id. */
static int
leads_to(struct txn *t, enum store_table table, const struct key *key,
    const uint8_t id[static REQUEST_ID], struct err *e)
{
	struct request r;
	struct slice value;
	int rc = txn_get(t, table, key_slice(key), &value, e);

	if (rc == 0)
		return row_damaged(table, key_slice(key), "missing, but "
		    "there is its request", e);
	if (rc == -1 || follow(t, table, key_slice(key), value, &r, e) == -1)
		return -1;
	if (memcmp(r.id, id, REQUEST_ID) != 0)
		return row_damaged(table, key_slice(key), "it leads to "
		    "another request", e);
	return 0;
}

int
request_check_row(struct txn *t, enum store_table *table, struct key *key,
    struct slice value, struct err *e)
{
	struct request r;
	struct key of, token = KEY_INIT;
	int rc = *table == TABLE_REQUESTS ?
	    request_decode(key_slice(key), value, &r, e) :
	    follow(t, *table, key_slice(key), value, &r, e);

	if (rc == -1)
		return -1;
	of = of_key(&r);
	key_raw(&token, r.token, sizeof(r.token));
	if (*table == TABLE_REQUESTS) {
		*table = TABLE_TOKENS;
		*key = token;
		if (leads_to(t, *table, key, r.id, e) == -1)
			return -1;
		*table = TABLE_REQUEST_OF;
		*key = of;
		return leads_to(t, *table, key, r.id, e);
	}
	if (*table == TABLE_TOKENS)
		of = token;
	if (key->len != of.len || memcmp(key->b, of.b, of.len) != 0)
		return row_damaged(*table, key_slice(key), "its request is "
		    "another's", e);
	return 0;
}
