/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tls_count.c - how TLS went, by day and domain, until its report is due.
 *
 *	due u64 | domain NUL | row u64 -> struct tlsrpt_event
 *
 * due follows from domain and day alone, and row from what tells rows apart.
 */
#include "config.h"

#include <string.h>

#include <xxhash.h>

#include "lib/ascii.h"
#include "lib/err.h"
#include "lib/strbuf.h"
#include "spool/row.h"
#include "spool/store.h"
#include "spool/tls_count.h"

#define COUNT_VERSION	1
#define ROW_MAX		4096
#define DAY_MS		INT64_C(86400000)
#define FIRST_MS	900000		/* past the end of the day */
#define SPREAD_MS	14400000

int64_t
tls_count_due_ms(struct txn *t, const char *domain, int64_t day)
{
	/* The store's own number: no two hosts have the same hours. */
	uint64_t seed = XXH3_64bits_withSeed(store_instance(txn_store(t)), 16,
	    (uint64_t)day);

	return (day + 1) * DAY_MS + FIRST_MS + (int64_t)(XXH3_64bits_withSeed(
	    domain, strlen(domain), seed) % SPREAD_MS);
}

static struct key
key_of_domain(int64_t due_ms, const char *domain)
{
	struct key k = KEY_INIT;

	key_u64(&k, (uint64_t)due_ms);
	key_raw(&k, domain, strlen(domain) + 1);
	return k;
}

static uint64_t
row_of(const struct tlsrpt_event *ev)
{
	struct strbuf b = STRBUF_INIT(ROW_MAX);
	char mx[TLSRPT_NAME_MAX + 1];
	uint64_t n;

	memcpy(mx, ev->mx, strlen(ev->mx) + 1);
	ascii_lower_all(mx);
	pack_u8(&b, (uint8_t)ev->type);
	pack_u8(&b, (uint8_t)ev->result);
	pack_str(&b, mx);
	pack_str(&b, ev->policy);
	n = XXH3_64bits(b.s, b.len);
	strbuf_free(&b);
	return n;
}

/* What stands in a key; false when it is none of ours. */
static bool
key_read(struct slice key, struct tls_count_due *d)
{
	struct unpack u;
	size_t n;

	if (key.len < 8 + 2 + 8 || key.len > 8 + sizeof(d->domain) + 8)
		return false;
	unpack_init(&u, key.p, key.len);
	d->due_ms = (int64_t)unpack_u64(&u);
	n = key.len - 16;
	memcpy(d->domain, key.p + 8, n);
	return memchr(d->domain, '\0', n) == d->domain + n - 1;
}

int
tls_count_decode(struct tlsrpt_told *told, struct slice key,
    struct slice value, struct err *e)
{
	struct tls_count_due d;
	struct unpack u;

	if (!key_read(key, &d))
		return row_damaged(TABLE_TLS_COUNTS, key, "no domain", e);
	if (row_open(&u, TABLE_TLS_COUNTS, key, value, COUNT_VERSION, e) == -1)
		return -1;
	tlsrpt_unpack(&u, told);
	if (row_done(&u, TABLE_TLS_COUNTS, key, e) == -1)
		return -1;
	if (strcmp(told->domain, d.domain) != 0)
		return row_damaged(TABLE_TLS_COUNTS, key, "another domain", e);
	return 1;
}

/* May there be another row for this? */
static int
has_room(struct txn *t, const struct tlsrpt_event *ev, struct err *e)
{
	uint64_t n, max = ev->type == TLSRPT_NO_POLICY &&
	    ev->result == TLSRPT_SUCCESS ? TLS_COUNTS_PLAIN_MAX :
	    TLS_COUNTS_MAX;

	return txn_count(t, TABLE_TLS_COUNTS, &n, e) == -1 ? -1 : n < max;
}

int
tls_count_add(struct txn *t, const struct tlsrpt_event *told, int64_t now_ms,
    struct err *e)
{
	struct strbuf b = STRBUF_INIT(ROW_MAX);
	int64_t day = tlsrpt_day(told->when_ms);
	struct tlsrpt_event ev = *told;
	struct tlsrpt_told there;
	char name[TLSRPT_NAME_MAX + 1];
	struct slice value;
	struct key k;
	int rc;

	if (day < 0 || now_ms >= (day + 1) * DAY_MS + TLS_COUNT_LATE_MS)
		return 0;
	memcpy(name, ev.domain, strlen(ev.domain) + 1);
	ascii_lower_all(name);
	ev.domain = name;
	ev.when_ms = day * DAY_MS;
	k = key_of_domain(tls_count_due_ms(t, name, day), name);
	key_u64(&k, row_of(&ev));
	if ((rc = txn_get(t, TABLE_TLS_COUNTS, key_slice(&k), &value, e)) == 1)
		rc = tls_count_decode(&there, key_slice(&k), value, e);
	else if (rc == 0 && (rc = has_room(t, &ev, e)) == 1)
		there.ev.count = 0;
	if (rc != 1)
		return rc;
	ev.count += there.ev.count;
	record_begin(&b, COUNT_VERSION);
	tlsrpt_pack(&b, &ev);
	rc = row_put(t, TABLE_TLS_COUNTS, key_slice(&k), &b, e);
	strbuf_free(&b);
	return rc == -1 ? -1 : 1;
}

/* ---- what is due */

int
tls_count_next(struct txn *t, const struct tls_count_due *at,
    struct tls_count_due *d, struct err *e)
{
	static const uint8_t last[8] = { 255, 255, 255, 255, 255, 255, 255,
		255 };
	struct key from = KEY_INIT;
	struct cursor *c = NULL;
	struct slice key, value;
	struct tlsrpt_told told;
	int rc;

	if (at != NULL) {
		from = key_of_domain(at->due_ms, at->domain);
		key_raw(&from, last, sizeof(last));
		key_u8(&from, 0);
	}
	if (cursor_open(t, TABLE_TLS_COUNTS, &c, e) == -1)
		return -1;
	*d = (struct tls_count_due){ 0 };
	rc = cursor_seek(c, key_slice(&from), &key, &value, e);
	if (rc == 1 && (!key_read(key, d) ||
	    tls_count_decode(&told, key, value, e) == -1))
		rc = -1;
	if (rc == 1)
		d->day = tlsrpt_day(told.ev.when_ms);
	cursor_close(c);
	return rc;
}

int
tls_count_load(struct txn *t, const struct tls_count_due *d,
    struct tlsrpt *sums, struct err *e)
{
	struct key from = key_of_domain(d->due_ms, d->domain);
	struct cursor *c = NULL;
	struct slice key, value;
	struct tlsrpt_told told;
	int rc;

	if (cursor_open(t, TABLE_TLS_COUNTS, &c, e) == -1)
		return -1;
	rc = cursor_seek(c, key_slice(&from), &key, &value, e);
	while (rc == 1 && slice_has_prefix(key, key_slice(&from)) &&
	    tlsrpt_rows(sums) < TLS_COUNT_REPORT_MAX) {
		if (tls_count_decode(&told, key, value, e) == -1) {
			rc = -1;
			break;
		}
		tlsrpt_count(sums, &told.ev);
		rc = cursor_next(c, &key, &value, e);
	}
	cursor_close(c);
	return rc == -1 ? -1 : 0;
}

/* The first key of these rows: 1, 0, -1. */
static int
first_key(struct txn *t, const struct key *prefix, struct key *found,
    struct err *e)
{
	struct cursor *c = NULL;
	struct slice key, value;
	int rc;

	if (cursor_open(t, TABLE_TLS_COUNTS, &c, e) == -1)
		return -1;
	rc = cursor_seek(c, key_slice(prefix), &key, &value, e);
	if (rc == 1 && !slice_has_prefix(key, key_slice(prefix)))
		rc = 0;
	found->len = 0;
	if (rc == 1)
		key_raw(found, key.p, key.len);
	cursor_close(c);
	return rc;
}

int
tls_count_del(struct txn *t, const struct tls_count_due *d, unsigned max,
    struct err *e)
{
	struct key from = key_of_domain(d->due_ms, d->domain), found;
	int rc = 1;

	for (; max > 0 && rc == 1; max--) {
		rc = first_key(t, &from, &found, e);
		if (rc == 1 && txn_del(t, TABLE_TLS_COUNTS, key_slice(&found),
		    e) == -1)
			return -1;
	}
	return rc;
}
