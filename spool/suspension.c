/* SPDX-License-Identifier: Apache-2.0 */
/*
 * suspension.c - what a restart must remember of a site.
 */
#include "config.h"

#include <string.h>

#include "lib/strbuf.h"
#include "spool/store.h"
#include "spool/suspension.h"

#define SUSPENSION_VERSION	1
#define ROW_MAX			1024

static int
row_decode(struct suspension *s, struct slice key, struct slice value,
    struct err *e)
{
	struct unpack u;
	uint8_t version;

	memset(s, 0, sizeof(*s));
	memcpy(s->site, key.p, key.len < SITE_KEY ? key.len : SITE_KEY);
	if (record_open(&u, value.p, value.len, &version)) {
		s->since_ms = unpack_i64(&u);
		s->until_ms = unpack_i64(&u);
		s->attempts = unpack_u16(&u);
		s->window = unpack_u16(&u);
		s->by_hand = unpack_u8(&u) != 0;
		unpack_str(&u, s->host, sizeof(s->host));
		unpack_str(&u, s->reason, sizeof(s->reason));
	}
	if (!unpack_done(&u) || key.len != SITE_KEY) {
		*s = (struct suspension){ .since_ms = 0 };
		memcpy(s->site, key.p, key.len < SITE_KEY ? key.len :
		    SITE_KEY);
		err_set(e, ERR_DAMAGED, "sites: a row is not what was written");
		return -1;
	}
	return 1;
}

int
suspension_get(struct txn *t, const uint8_t site[static SITE_KEY],
    struct suspension *s_r, struct err *e)
{
	struct slice key = SLICE(site, SITE_KEY), value;
	int rc;

	if ((rc = txn_get(t, TABLE_SITES, key, &value, e)) != 1)
		return rc;
	return row_decode(s_r, key, value, e);
}

int
suspension_next(struct txn *t, const uint8_t *site, struct suspension *s_r,
    struct err *e)
{
	uint8_t from[SITE_KEY + 1] = { 0 };
	struct cursor *c = NULL;
	struct slice key, value;
	int rc;

	/* With one more octet the key is just above that site. */
	if (site != NULL)
		memcpy(from, site, SITE_KEY);
	if (cursor_open(t, TABLE_SITES, &c, e) == -1)
		return -1;
	rc = cursor_seek(c, SLICE(from, site != NULL ? sizeof(from) : 1),
	    &key, &value, e);
	if (rc == 1)
		rc = row_decode(s_r, key, value, e);
	cursor_close(c);
	return rc;
}

int
suspension_put(struct txn *t, const struct suspension *s, struct err *e)
{
	struct strbuf b = STRBUF_INIT(ROW_MAX);
	int rc;

	record_begin(&b, SUSPENSION_VERSION);
	pack_i64(&b, s->since_ms);
	pack_i64(&b, s->until_ms);
	pack_u16(&b, s->attempts);
	pack_u16(&b, s->window);
	pack_u8(&b, s->by_hand);
	pack_str(&b, s->host);
	pack_str(&b, s->reason);
	record_end(&b);
	rc = txn_put(t, TABLE_SITES, SLICE(s->site, SITE_KEY),
	    SLICE(b.s, b.len), e);
	strbuf_free(&b);
	return rc;
}

int
suspension_del(struct txn *t, const uint8_t site[static SITE_KEY],
    struct err *e)
{
	return txn_del(t, TABLE_SITES, SLICE(site, SITE_KEY), e);
}
