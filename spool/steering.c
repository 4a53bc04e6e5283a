/* SPDX-License-Identifier: Apache-2.0 */
/*
 * steering.c - what a restart must remember of how mail is steered.
 */
#include "config.h"

#include <string.h>

#include "lib/strbuf.h"
#include "spool/steering.h"
#include "spool/store.h"

#define SHARE_VERSION	1
#define KEY_MAX		(4 + SHARE_SOURCE_MAX + 1)

static struct slice
key_of_id(uint8_t key[static 8], uint64_t id)
{
	for (int i = 0; i < 8; i++)
		key[i] = (uint8_t)(id >> (56 - 8 * i));
	return SLICE(key, 8);
}

int
action_put(struct txn *t, uint64_t id, struct slice record, struct err *e)
{
	uint8_t key[8];

	return txn_put(t, TABLE_ACTIONS, key_of_id(key, id), record, e);
}

int
action_del(struct txn *t, uint64_t id, struct err *e)
{
	uint8_t key[8];

	return txn_del(t, TABLE_ACTIONS, key_of_id(key, id), e);
}

int
action_next(struct txn *t, uint64_t *id, struct slice *record, struct err *e)
{
	uint8_t from[8];
	struct cursor *c = NULL;
	struct slice key;
	struct unpack u;
	int rc;

	if (cursor_open(t, TABLE_ACTIONS, &c, e) == -1)
		return -1;
	rc = cursor_seek(c, key_of_id(from, *id), &key, record, e);
	if (rc == 1) {
		unpack_init(&u, key.p, key.len);
		*id = unpack_u64(&u);
	}
	cursor_close(c);
	return rc;
}

static size_t
share_key(uint8_t key[static KEY_MAX], const struct source_share *v)
{
	size_t len = strlen(v->source);

	for (int i = 0; i < 4; i++)
		key[i] = (uint8_t)(v->provider >> (24 - 8 * i));
	memcpy(key + 4, v->source, len);
	return 4 + len;
}

int
source_share_put(struct txn *t, const struct source_share *v, struct err *e)
{
	struct strbuf b = STRBUF_INIT(256);
	uint8_t key[KEY_MAX];
	size_t len = share_key(key, v);
	int rc;

	record_begin(&b, SHARE_VERSION);
	pack_i64(&b, v->day);
	pack_u64(&b, v->count);
	record_end(&b);
	rc = txn_put(t, TABLE_SHARES, SLICE(key, len), SLICE(b.s, b.len), e);
	strbuf_free(&b);
	return rc;
}

int
source_share_decode(struct source_share *v, struct slice key,
    struct slice value, struct err *e)
{
	struct unpack u;
	uint8_t version;
	size_t len = key.len < 4 ? 0 : key.len - 4;

	memset(v, 0, sizeof(*v));
	unpack_init(&u, key.p, key.len);
	v->provider = unpack_u32(&u);
	if (len <= SHARE_SOURCE_MAX && len > 0)
		memcpy(v->source, (const uint8_t *)key.p + 4, len);
	if (record_open(&u, value.p, value.len, &version)) {
		v->day = unpack_i64(&u);
		v->count = unpack_u64(&u);
	}
	if (unpack_done(&u) && key.len >= 4 && len <= SHARE_SOURCE_MAX)
		return 1;
	v->day = 0;
	v->count = 0;
	err_set(e, ERR_DAMAGED, "shares: a row is not what was written");
	return -1;
}

int
source_share_next(struct txn *t, const struct source_share *after,
    struct source_share *v, struct err *e)
{
	uint8_t from[KEY_MAX + 1] = { 0 };
	struct cursor *c = NULL;
	struct slice key, value;
	size_t len = 1;
	int rc;

	/* With one more octet the key is just behind that one. */
	if (after != NULL)
		len = share_key(from, after) + 1;
	if (cursor_open(t, TABLE_SHARES, &c, e) == -1)
		return -1;
	rc = cursor_seek(c, SLICE(from, len), &key, &value, e);
	if (rc == 1)
		rc = source_share_decode(v, key, value, e);
	cursor_close(c);
	return rc;
}
