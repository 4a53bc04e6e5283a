/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sts_policy.c - what domains have promised about TLS (MTA-STS, RFC 8461).
 */
#include "config.h"

#include <string.h>

#include "lib/ascii.h"
#include "lib/err.h"
#include "lib/strbuf.h"
#include "spool/row.h"
#include "spool/store.h"
#include "spool/sts_policy.h"

#define POLICY_VERSION	1
#define ROW_MAX		(MTA_STS_MX_MAX * (MTA_STS_NAME_MAX + 8) + 256)

/* The domain in lower case; false when it can be none. */
static bool
fold(const char *domain, char out[static STS_POLICY_DOMAIN_MAX + 1])
{
	size_t len = strlen(domain);

	if (len == 0 || len > STS_POLICY_DOMAIN_MAX)
		return false;
	memcpy(out, domain, len + 1);
	ascii_lower_all(out);
	return true;
}

int
sts_policy_decode(struct mta_sts_kept *k, struct slice key,
    struct slice value, struct err *e)
{
	struct unpack u;

	if (key.len == 0 || key.len > STS_POLICY_DOMAIN_MAX)
		return row_damaged(TABLE_POLICIES, key, "no domain", e);
	if (row_open(&u, TABLE_POLICIES, key, value, POLICY_VERSION, e) == -1)
		return -1;
	mta_sts_unpack(&u, k);
	return row_done(&u, TABLE_POLICIES, key, e) == -1 ? -1 : 1;
}

int
sts_policy_get(struct txn *t, const char *domain, struct mta_sts_kept *k,
    struct err *e)
{
	char name[STS_POLICY_DOMAIN_MAX + 1];
	struct slice key, value;
	int rc;

	if (!fold(domain, name))
		return 0;
	key = SLICE(name, strlen(name));
	if ((rc = txn_get(t, TABLE_POLICIES, key, &value, e)) != 1)
		return rc;
	return sts_policy_decode(k, key, value, e);
}

int
sts_policy_put(struct txn *t, const char *domain,
    const struct mta_sts_kept *k, struct err *e)
{
	char name[STS_POLICY_DOMAIN_MAX + 1];
	struct strbuf b = STRBUF_INIT(ROW_MAX);
	struct slice key, value;
	uint64_t n;
	int rc;

	if (!fold(domain, name))
		return 0;
	key = SLICE(name, strlen(name));
	if (txn_count(t, TABLE_POLICIES, &n, e) == -1)
		return -1;
	if (n >= STS_POLICIES_MAX &&
	    (rc = txn_get(t, TABLE_POLICIES, key, &value, e)) != 1)
		return rc;
	record_begin(&b, POLICY_VERSION);
	mta_sts_pack(&b, k);
	rc = row_put(t, TABLE_POLICIES, key, &b, e);
	strbuf_free(&b);
	return rc == -1 ? -1 : 1;
}

/* The first row from at on: 1 with its key and when its time is over. */
static int
first_from(struct txn *t, const struct key *at, struct key *found,
    int64_t *expires_r, struct err *e)
{
	static struct mta_sts_kept k;	/* 16 KB, in the writer's thread */
	struct cursor *c = NULL;
	struct slice key, value;
	int rc;

	if (cursor_open(t, TABLE_POLICIES, &c, e) == -1)
		return -1;
	rc = cursor_seek(c, key_slice(at), &key, &value, e);
	if (rc == 1) {
		key_raw(found, key.p, key.len);
		rc = sts_policy_decode(&k, key, value, e);
		*expires_r = k.expires_ms;
	}
	cursor_close(c);
	return rc;
}

int
sts_policy_sweep(struct txn *t, struct key *at, unsigned max, int64_t now_ms,
    struct err *e)
{
	struct key found;
	int64_t expires_ms = INT64_MAX;
	int rc;

	for (; max > 0; max--) {
		found.len = 0;
		rc = first_from(t, at, &found, &expires_ms, e);
		*at = found;
		if (rc == 0)
			return 0;
		if (at->len < STORE_KEY_MAX)
			key_u8(at, 0);	/* the next key there could be */
		if (rc == -1)
			return -1;
		if (now_ms >= expires_ms &&
		    txn_del(t, TABLE_POLICIES, key_slice(&found), e) == -1)
			return -1;
	}
	return 1;
}
