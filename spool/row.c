/* SPDX-License-Identifier: Apache-2.0 */
/*
 * row.c - keys and sealed values.
 */
#include "config.h"

#include <assert.h>
#include <string.h>

#include "lib/err.h"
#include "lib/strbuf.h"
#include "spool/row.h"

#define HEX_SHOWN	64	/* octets of a key in a message */
#define NAME_VERSION	1

void
key_raw(struct key *k, const void *p, size_t len)
{
	assert(len <= sizeof(k->b) - k->len);
	if (len != 0)
		memcpy(k->b + k->len, p, len);
	k->len += len;
}

static void
key_be(struct key *k, uint64_t v, unsigned octets)
{
	uint8_t be[8];

	for (unsigned i = 0; i < octets; i++)
		be[i] = (uint8_t)(v >> 8 * (octets - 1 - i));
	key_raw(k, be, octets);
}

void
key_u8(struct key *k, uint8_t v)
{
	key_be(k, v, 1);
}

void
key_u32(struct key *k, uint32_t v)
{
	key_be(k, v, 4);
}

void
key_u64(struct key *k, uint64_t v)
{
	key_be(k, v, 8);
}

struct slice
key_slice(const struct key *k)
{
	return (struct slice){ k->b, k->len };
}

bool
slice_has_prefix(struct slice s, struct slice prefix)
{
	return s.len >= prefix.len &&
	    memcmp(s.p, prefix.p, prefix.len) == 0;
}

bool
slice_to_text(struct slice s, char *out, size_t size)
{
	if (s.len >= size || memchr(s.p, '\0', s.len) != NULL) {
		out[0] = '\0';
		return false;
	}
	memcpy(out, s.p, s.len);
	out[s.len] = '\0';
	return true;
}

int
row_damaged(enum store_table table, struct slice key, const char *why,
    struct err *e)
{
	char hex[2 * HEX_SHOWN + 4];
	size_t n = key.len < HEX_SHOWN ? key.len : HEX_SHOWN;

	for (size_t i = 0; i < n; i++) {
		hex[2 * i] = "0123456789abcdef"[key.p[i] >> 4];
		hex[2 * i + 1] = "0123456789abcdef"[key.p[i] & 15];
	}
	memcpy(hex + 2 * n, key.len > n ? "..." : "", key.len > n ? 4 : 1);
	err_set(e, ERR_DAMAGED, "%s %s: %s", store_table_name(table), hex,
	    why);
	return -1;
}

int
row_open(struct unpack *u, enum store_table table, struct slice key,
    struct slice value, uint8_t version, struct err *e)
{
	uint8_t found;

	if (!record_open(u, value.p, value.len, &found))
		return row_damaged(table, key, "its seal is broken", e);
	if (found != version)
		return row_damaged(table, key, "a version not known here", e);
	return 0;
}

int
row_done(const struct unpack *u, enum store_table table, struct slice key,
    struct err *e)
{
	if (unpack_done(u))
		return 0;
	return row_damaged(table, key, "its fields do not fit", e);
}

int
row_put(struct txn *t, enum store_table table, struct slice key,
    struct strbuf *b, struct err *e)
{
	int ret = -1;

	record_end(b);
	if (b->overflow)
		err_set(e, ERR_STORE, "%s: a record over %zu octets",
		    store_table_name(table), b->max);
	else
		ret = txn_put(t, table, key, SLICE(b->s, b->len), e);
	strbuf_reset(b);
	return ret;
}

int
row_put_name(struct txn *t, enum store_table table, const char *name,
    uint32_t id, struct err *e)
{
	struct strbuf b = STRBUF_INIT(32);
	int ret;

	record_begin(&b, NAME_VERSION);
	pack_u32(&b, id);
	ret = row_put(t, table, SLICE(name, strlen(name)), &b, e);
	strbuf_free(&b);
	return ret;
}

int
row_find_name(struct txn *t, enum store_table table, const char *name,
    uint32_t *id_r, struct err *e)
{
	struct slice key = SLICE(name, strlen(name)), value;
	struct unpack u;
	int rc = txn_get(t, table, key, &value, e);

	if (rc != 1)
		return rc;
	if (row_open(&u, table, key, value, NAME_VERSION, e) == -1)
		return -1;
	*id_r = unpack_u32(&u);
	return row_done(&u, table, key, e) == -1 ? -1 : 1;
}
