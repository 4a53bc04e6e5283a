/* SPDX-License-Identifier: Apache-2.0 */
/*
 * throttle.c - rolling windows on disk.
 *
 * Row: kind u8 | subject -> window i64, n u8, n times { time i64, count u32 }.
 */
#include "config.h"

#include <string.h>

#include "lib/err.h"
#include "spool/check_private.h"
#include "spool/row.h"
#include "spool/throttle.h"

#define THROTTLE_VERSION 1
#define ROW_MAX		512

/* ---- pure */

static bool
is_live(const struct throttle_spot *s, int64_t window_ms, int64_t now_ms)
{
	return s->ms > now_ms - window_ms && s->ms <= now_ms + window_ms;
}

uint64_t
throttle_count(const struct throttle *th, int64_t window_ms, int64_t now_ms)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < th->n; i++)
		if (is_live(&th->spot[i], window_ms, now_ms))
			sum += th->spot[i].count;
	return sum;
}

static void
join(struct throttle_spot *into, const struct throttle_spot *s)
{
	into->count = s->count > UINT32_MAX - into->count ? UINT32_MAX :
	    into->count + s->count;
}

/* Give up one spot: of the nearest neighbours the later one counts for both. */
static void
make_room(struct throttle *th)
{
	size_t best = 0;

	for (size_t i = 1; i + 1 < th->n; i++)
		if (th->spot[i + 1].ms - th->spot[i].ms <
		    th->spot[best + 1].ms - th->spot[best].ms)
			best = i;
	join(&th->spot[best + 1], &th->spot[best]);
	memmove(&th->spot[best], &th->spot[best + 1],
	    (th->n - best - 1) * sizeof(th->spot[0]));
	th->n--;
}

void
throttle_add(struct throttle *th, int64_t window_ms, int64_t now_ms,
    uint32_t n)
{
	struct throttle_spot fresh = { now_ms, n };
	size_t kept = 0;

	for (size_t i = 0; i < th->n; i++) {
		struct throttle_spot s = th->spot[i];

		if (!is_live(&s, window_ms, now_ms))
			continue;
		/* The clock stepped back: those ahead count as now. */
		if (s.ms >= now_ms)
			join(&fresh, &s);
		else
			th->spot[kept++] = s;
	}
	th->n = kept;
	if (th->n == THROTTLE_SPOTS)
		make_room(th);
	th->spot[th->n++] = fresh;
}

void
throttle_network(const uint8_t ip[static 16], int fine, uint8_t out[static 16])
{
	static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };
	bool v4 = memcmp(ip, mapped, sizeof(mapped)) == 0;
	size_t kept = v4 ? 15 : fine ? 8 : 6;

	memset(out, 0, 16);
	memcpy(out, ip, kept);
}

/* ---- stored */

static struct key
throttle_key(enum throttle_kind kind, struct slice subject)
{
	struct key k = KEY_INIT;

	key_u8(&k, (uint8_t)kind);
	key_raw(&k, subject.p, subject.len);
	return k;
}

static int
decode(struct slice key, struct slice value, struct throttle *th,
    int64_t *window_r, struct err *e)
{
	struct unpack u;

	if (row_open(&u, TABLE_THROTTLES, key, value, THROTTLE_VERSION,
	    e) == -1)
		return -1;
	*window_r = unpack_i64(&u);
	th->n = unpack_u8(&u);
	if (th->n > THROTTLE_SPOTS)
		u.bad = true;
	for (size_t i = 0; i < th->n && !u.bad; i++) {
		th->spot[i].ms = unpack_i64(&u);
		th->spot[i].count = unpack_u32(&u);
	}
	return row_done(&u, TABLE_THROTTLES, key, e);
}

/* What is stored; empty when nothing is. */
static int
load(struct txn *t, const struct key *k, struct throttle *th, struct err *e)
{
	struct slice value;
	int64_t window_ms;
	int rc = txn_get(t, TABLE_THROTTLES, key_slice(k), &value, e);

	th->n = 0;
	if (rc != 1)
		return rc;
	return decode(key_slice(k), value, th, &window_ms, e);
}

int
throttle_check(struct txn *t, const struct throttle_rule *rule,
    int64_t now_ms, struct err *e)
{
	struct key k = throttle_key(rule->kind, rule->subject);
	struct throttle th;

	if (load(t, &k, &th, e) == -1)
		return -1;
	return throttle_count(&th, rule->window_ms, now_ms) < rule->limit;
}

int
throttle_hit(struct txn *t, const struct throttle_rule *rule, int64_t now_ms,
    uint32_t n, struct err *e)
{
	struct key k = throttle_key(rule->kind, rule->subject);
	struct strbuf b = STRBUF_INIT(ROW_MAX);
	struct throttle th;
	int ret;

	if (load(t, &k, &th, e) == -1)
		return -1;
	throttle_add(&th, rule->window_ms, now_ms, n);
	record_begin(&b, THROTTLE_VERSION);
	pack_i64(&b, rule->window_ms);
	pack_u8(&b, (uint8_t)th.n);
	for (size_t i = 0; i < th.n; i++) {
		pack_i64(&b, th.spot[i].ms);
		pack_u32(&b, th.spot[i].count);
	}
	ret = row_put(t, TABLE_THROTTLES, key_slice(&k), &b, e);
	strbuf_free(&b);
	return ret;
}

int
throttle_forget(struct txn *t, enum throttle_kind kind, struct slice subject,
    struct err *e)
{
	struct key k = throttle_key(kind, subject);

	return txn_del(t, TABLE_THROTTLES, key_slice(&k), e) == -1 ? -1 : 0;
}

/*
 * The first row from `at`, its key copied, also when it is damaged.  1, 0, -1.
 */
static int
first_from(struct txn *t, const struct key *at, struct key *found,
    struct throttle *th, int64_t *window_r, struct err *e)
{
	struct slice key, value;
	struct cursor *c;
	int rc;

	if (cursor_open(t, TABLE_THROTTLES, &c, e) == -1)
		return -1;
	rc = cursor_seek(c, key_slice(at), &key, &value, e);
	if (rc == 1) {
		found->len = 0;
		key_raw(found, key.p, key.len);
		if (decode(key, value, th, window_r, e) == -1)
			rc = -1;
	}
	cursor_close(c);
	return rc;
}

int
throttle_sweep(struct txn *t, struct key *at, unsigned max, int64_t now_ms,
    struct err *e)
{
	struct throttle th;
	struct key found;
	int64_t window_ms;
	int rc;

	for (; max > 0; max--) {
		found.len = 0;
		rc = first_from(t, at, &found, &th, &window_ms, e);
		*at = found;
		if (rc == 0)
			return 0;
		if (at->len < STORE_KEY_MAX)
			key_u8(at, 0);	/* the next key there could be */
		if (rc == -1)
			return -1;
		if (throttle_count(&th, window_ms, now_ms) == 0 &&
		    txn_del(t, TABLE_THROTTLES, key_slice(&found), e) == -1)
			return -1;
	}
	return 1;
}

int
throttle_check_row(struct slice key, struct slice value, struct err *e)
{
	struct throttle th;
	int64_t window_ms;

	if (key.p[0] == 0 || key.p[0] >= THROTTLE_KINDS)
		return row_damaged(TABLE_THROTTLES, key, "no such kind", e);
	if (decode(key, value, &th, &window_ms, e) == -1)
		return -1;
	if (window_ms <= 0)
		return row_damaged(TABLE_THROTTLES, key, "no window", e);
	for (size_t i = 1; i < th.n; i++)
		if (th.spot[i].ms < th.spot[i - 1].ms)
			return row_damaged(TABLE_THROTTLES, key,
			    "its times are not in order", e);
	return 0;
}
