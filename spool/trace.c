/* SPDX-License-Identifier: Apache-2.0 */
/*
 * trace.c - from something of ours that a mail carries to whom it was sent.
 */
#include "config.h"

#include <string.h>

#include "lib/err.h"
#include "lib/ipc.h"
#include "lib/keyring.h"
#include "lib/token.h"
#include "spool/consent.h"
#include "spool/identity.h"
#include "spool/notice.h"
#include "spool/store.h"
#include "spool/subscriber.h"
#include "spool/trace.h"

#define SLICE_ROWS	4096	/* entries of one transaction */

/* ---- tokens in a text */

static bool
is_base32(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	    (c >= '2' && c <= '7');
}

static bool
take_delivery(const struct keyring *keys, const char *p, size_t len,
    struct trace *t)
{
	struct token_delivery d;

	if (!token_delivery_parse(keys, TOKEN_MESSAGE_ID, p, len, &d) &&
	    !token_delivery_parse(keys, TOKEN_VERP, p, len, &d))
		return false;
	if (d.campaign & IPC_NOTICE_BIT) {
		t->notice = d.campaign & ~IPC_NOTICE_BIT;
		return true;
	}
	t->campaign = (uint32_t)d.campaign;
	t->subscriber = d.subscriber;
	return true;
}

static bool
take_leave(const struct keyring *keys, const char *p, size_t len,
    struct trace *t)
{
	struct token_unsubscribe u;

	if (!token_url_parse(keys, p, len, &u) &&
	    !token_mailto_parse(keys, p, len, &u))
		return false;
	t->list = u.list;
	t->campaign = u.campaign;
	memcpy(t->hash, u.address, sizeof(t->hash));
	t->has_hash = true;
	return true;
}

bool
trace_parse(const struct keyring *keys, const char *text, struct trace *t)
{
	size_t len = strnlen(text, TRACE_TEXT_MAX);

	memset(t, 0, sizeof(*t));
	for (size_t at = 0; at < len;) {
		size_t n = 0;

		while (at + n < len && is_base32(text[at + n]))
			n++;
		if (n == 0) {
			at++;
			continue;
		}
		if (take_delivery(keys, text + at, n, t) ||
		    take_leave(keys, text + at, n, t))
			return true;
		at += n;
	}
	return false;
}

/* ---- in the store */

/* While the row is there: 1, 0, -1. */
static int
by_row(struct txn *txn, struct trace *t, struct err *e)
{
	struct identity who;
	struct notice n;
	struct member m;
	int rc;

	if (t->notice != 0) {
		if ((rc = notice_get(txn, t->notice, &n, e)) != 1)
			return rc;
		if (identity_parse(store_keys(txn_store(txn)), n.address,
		    strlen(n.address), ADDRESS_UTF8, &who, e) == -1)
			return -1;
		memcpy(t->hash, who.hash, sizeof(t->hash));
		t->list = n.list;
		return 1;
	}
	if ((rc = subscriber_get(txn, t->subscriber, &m, e)) != 1)
		return rc;
	t->list = m.list;
	return subscriber_hash(txn, &m, t->hash, e) == -1 ? -1 : 1;
}

static bool
speaks_of(const struct keyring *keys, const struct consent *c,
    const struct trace *t)
{
	struct trace of;
	char text[256];

	if (c->hash.len != sizeof(t->hash))
		return false;
	if (t->subscriber != 0)
		return c->subscriber == t->subscriber;
	if (c->message_id.len == 0 || c->message_id.len >= sizeof(text))
		return false;
	memcpy(text, c->message_id.p, c->message_id.len);
	text[c->message_id.len] = '\0';
	return trace_parse(keys, text, &of) && of.notice == t->notice;
}

/* Look at some entries from *at on.  1 found, 2 there are more, 0, -1. */
static int
walk(struct txn *txn, uint64_t *at, struct trace *t, struct err *e)
{
	const struct keyring *keys = store_keys(txn_store(txn));
	struct consent c;
	uint64_t index;
	int rc = 1;

	for (int i = 0; i < SLICE_ROWS; i++) {
		if ((rc = consent_next(txn, *at, &index, &c, e)) != 1)
			return rc;
		*at = index + 1;
		if (!speaks_of(keys, &c, t))
			continue;
		memcpy(t->hash, c.hash.p, sizeof(t->hash));
		t->list = c.list;
		return 1;
	}
	return 2;
}

int
trace_find(struct store *st, struct trace *t, const _Atomic bool *stop,
    struct err *e)
{
	uint64_t at = 0;
	struct txn *txn;
	int rc;

	if (t->has_hash)
		return 1;
	if (txn_read(st, STORE_S, &txn, e) == -1)
		return -1;
	rc = by_row(txn, t, e);
	txn_end(txn);
	if (rc == 0)
		rc = 2;
	while (rc == 2) {
		if (stop != NULL && *stop) {
			err_set(e, ERR_AGAIN, "the daemon stops");
			return -1;
		}
		if (txn_read(st, STORE_S, &txn, e) == -1)
			return -1;
		rc = walk(txn, &at, t, e);
		txn_end(txn);
	}
	t->has_hash = rc == 1;
	return rc;
}
