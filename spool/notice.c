/* SPDX-License-Identifier: Apache-2.0 */
/*
 * notice.c - mail that a change in S causes.
 */
#include "config.h"

#include <string.h>

#include "lib/err.h"
#include "spool/notice.h"
#include "spool/row.h"
#include "spool/subscriber.h"

#define NOTICE_VERSION	1
#define NOTICE_ROW_MAX	512

static struct key
notice_key(uint64_t id)
{
	struct key k = KEY_INIT;

	key_u64(&k, id);
	return k;
}

static int
notice_put(struct txn *t, const struct notice *n, struct err *e)
{
	struct strbuf b = STRBUF_INIT(NOTICE_ROW_MAX);
	struct key k = notice_key(n->id);
	int ret;

	record_begin(&b, NOTICE_VERSION);
	pack_u8(&b, (uint8_t)n->kind);
	pack_u32(&b, n->list);
	pack_u32(&b, n->domain);
	pack_u64(&b, n->subscriber);
	pack_raw(&b, n->request, sizeof(n->request));
	pack_raw(&b, n->content, sizeof(n->content));
	pack_i64(&b, n->created_ms);
	pack_u16(&b, n->attempts);
	pack_i64(&b, n->first_ms);
	pack_i64(&b, n->due_ms);
	pack_str(&b, n->address);
	ret = row_put(t, TABLE_NOTICES, key_slice(&k), &b, e);
	strbuf_free(&b);
	return ret;
}

static int
notice_decode(struct slice key, struct slice value, struct notice *n,
    struct err *e)
{
	struct unpack u;
	uint8_t kind;

	unpack_init(&u, key.p, key.len);
	n->id = unpack_u64(&u);
	if (row_open(&u, TABLE_NOTICES, key, value, NOTICE_VERSION, e) == -1)
		return -1;
	kind = unpack_u8(&u);
	if (kind < NOTICE_CONFIRM || kind > NOTICE_ACCESS)
		u.bad = true;
	n->kind = (enum notice_kind)kind;
	n->list = unpack_u32(&u);
	n->domain = unpack_u32(&u);
	n->subscriber = unpack_u64(&u);
	unpack_raw(&u, n->request, sizeof(n->request));
	unpack_raw(&u, n->content, sizeof(n->content));
	n->created_ms = unpack_i64(&u);
	n->attempts = unpack_u16(&u);
	n->first_ms = unpack_i64(&u);
	n->due_ms = unpack_i64(&u);
	unpack_str(&u, n->address, sizeof(n->address));
	return row_done(&u, TABLE_NOTICES, key, e);
}

bool
notice_asks(enum notice_kind kind)
{
	return kind == NOTICE_CONFIRM || kind == NOTICE_OWNER ||
	    kind == NOTICE_INVITE || kind == NOTICE_CHANGE ||
	    kind == NOTICE_ACCESS;
}

int
notice_add(struct txn *t, const struct notice *n, uint64_t *id_r,
    struct err *e)
{
	struct notice copy = *n;
	struct address a;

	if (address_parse(n->address, strlen(n->address), ADDRESS_UTF8, &a,
	    e) == -1)
		return -1;
	if (domain_intern(t, a.domain, &copy.domain, e) == -1 ||
	    txn_counter_next(t, COUNTER_NOTICE, &copy.id, e) == -1)
		return -1;
	copy.due_ms = n->created_ms;
	copy.attempts = 0;
	copy.first_ms = 0;
	if (notice_put(t, &copy, e) == -1)
		return -1;
	*id_r = copy.id;
	return 0;
}

int
notice_get(struct txn *t, uint64_t id, struct notice *n_r, struct err *e)
{
	struct key k = notice_key(id);
	struct slice value;
	int rc = txn_get(t, TABLE_NOTICES, key_slice(&k), &value, e);

	if (rc == 1 && notice_decode(key_slice(&k), value, n_r, e) == -1)
		return -1;
	return rc;
}

int
notice_next(struct txn *t, uint64_t id, struct notice *n_r, struct err *e)
{
	struct key k = notice_key(id);
	struct slice key, value;
	struct cursor *c;
	int rc;

	if (cursor_open(t, TABLE_NOTICES, &c, e) == -1)
		return -1;
	rc = cursor_seek(c, key_slice(&k), &key, &value, e);
	if (rc == 1 && notice_decode(key, value, n_r, e) == -1)
		rc = -1;
	cursor_close(c);
	return rc;
}

int
notice_defer(struct txn *t, uint64_t id, int64_t when_ms, int64_t due_ms,
    struct err *e)
{
	struct notice n;
	int rc = notice_get(t, id, &n, e);

	if (rc != 1)
		return rc;	/* gone: nothing waits for it */
	if (n.attempts < UINT16_MAX)
		n.attempts++;
	if (n.first_ms == 0)
		n.first_ms = when_ms;
	n.due_ms = due_ms;
	return notice_put(t, &n, e);
}

int
notice_del(struct txn *t, uint64_t id, struct err *e)
{
	struct key k = notice_key(id);

	return txn_del(t, TABLE_NOTICES, key_slice(&k), e);
}
