/* SPDX-License-Identifier: Apache-2.0 */
/*
 * subscriber_walk.c - memberships read in order: as the send queue, by list,
 * by domain; and the attributes beside them.
 *
 * A domain is walked in r = h8 - start (mod 2^64): first the keys from the
 * point on to the end of the domain, then, round the end, those from its
 * beginning up to start.
 */
#include "config.h"

#include <jansson.h>
#include <string.h>

#include "lib/strbuf.h"
#include "spool/store.h"
#include "spool/subscriber_private.h"

#define ATTRIBUTES_VERSION	1

struct window {
	struct cursor		*c;
	uint32_t		 list, domain;
	uint64_t		 start;
	struct subscriber_row	*rows;
	size_t			 max, n;
	bool			 full;	/* a row did not fit */
};

static void
take_row(struct window *w, const struct member *m)
{
	struct subscriber_row *row = &w->rows[w->n++];

	row->r = m->h8 - w->start;
	row->h8 = m->h8;
	row->subscriber = m->subscriber;
	row->join = m->join;
	row->change = m->change;
	row->state = m->state;
	row->past = m->past;
	memcpy(row->local, m->local, sizeof(row->local));
}

/* Rows of the domain with first <= h8 <= last. */
static int
walk_range(struct window *w, uint64_t first, uint64_t last, struct err *e)
{
	struct key from = KEY_INIT;
	struct slice key, value, prefix;
	struct member m;
	int ret;

	member_position(&from, w->list, w->domain, first);
	prefix = SLICE(from.b, MEMBER_PREFIX - 8);
	ret = cursor_seek(w->c, key_slice(&from), &key, &value, e);
	for (; ret == 1; ret = cursor_next(w->c, &key, &value, e)) {
		if (!slice_has_prefix(key, prefix))
			return 0;
		if (member_decode(key, value, &m, e) == -1)
			return -1;
		if (m.h8 > last)
			return 0;
		if (w->n == w->max) {
			w->full = true;
			return 0;
		}
		take_row(w, &m);
	}
	return ret;
}

/*
 * When rows were left out, those of the last r may be among them: leave that
 * r to the next window.  A whole window of one r does not happen with a keyed
 * hash of 64 bits; should it, going on is better than standing still.
 */
static void
keep_points_whole(struct window *w)
{
	size_t n = w->n;

	if (!w->full)
		return;
	while (n > 0 && w->rows[n - 1].r == w->rows[w->n - 1].r)
		n--;
	if (n > 0)
		w->n = n;
}

int
subscriber_window(struct txn *t, uint32_t list, uint32_t domain,
    uint64_t start, uint64_t lo, struct subscriber_row *rows, size_t max,
    size_t *n_r, bool *end_r, struct err *e)
{
	struct window w = { .list = list, .domain = domain, .start = start,
		.rows = rows, .max = max };
	uint64_t point = start + lo;
	bool wrapped = point < start;
	int ret = 0;

	if (cursor_open(t, TABLE_MEMBERS, &w.c, e) == -1)
		return -1;
	if (!wrapped)
		ret = walk_range(&w, point, UINT64_MAX, e);
	if (ret == 0 && !w.full && start > 0)
		ret = walk_range(&w, wrapped ? point : 0, start - 1, e);
	cursor_close(w.c);
	if (ret == -1)
		return -1;
	keep_points_whole(&w);
	*n_r = w.n;
	*end_r = !w.full;
	return 0;
}

int
subscriber_domains(struct txn *t, uint32_t list, uint32_t from,
    struct subscriber_domain *rows, size_t max, size_t *n_r, struct err *e)
{
	struct key k = KEY_INIT;
	struct cursor *c = NULL;
	struct slice key, value;
	struct unpack u;
	int ret;

	*n_r = 0;
	key_u32(&k, list);
	key_u32(&k, from);
	if (counts_flush(t, e) == -1 ||
	    cursor_open(t, TABLE_COUNTS, &c, e) == -1)
		return -1;
	ret = max > 0 ? cursor_seek(c, key_slice(&k), &key, &value, e) : 0;
	for (; ret == 1; ret = cursor_next(c, &key, &value, e)) {
		if (key.len != 8 || !slice_has_prefix(key, SLICE(k.b, 4))) {
			ret = 0;
			break;
		}
		unpack_init(&u, key.p + 4, 4);
		rows[*n_r].domain = unpack_u32(&u);
		if ((ret = member_count_decode(key, value, &rows[*n_r],
		    e)) == -1)
			break;
		if (++*n_r == max)
			break;
	}
	cursor_close(c);
	return ret == -1 ? -1 : 0;
}

int
subscriber_next(struct txn *t, uint32_t list, const struct member *after,
    struct member *m, struct err *e)
{
	struct key from = KEY_INIT;
	struct cursor *c = NULL;
	struct slice key, value;
	int ret;

	member_position(&from, list, after->domain, after->h8);
	key_raw(&from, after->folded, strlen(after->folded));
	if (cursor_open(t, TABLE_MEMBERS, &c, e) == -1)
		return -1;
	ret = cursor_seek(c, key_slice(&from), &key, &value, e);
	/* Standing on the row of before: one further. */
	if (ret == 1 && key.len == from.len &&
	    memcmp(key.p, from.b, key.len) == 0)
		ret = cursor_next(c, &key, &value, e);
	if (ret == 1 && !slice_has_prefix(key, SLICE(from.b, 4)))
		ret = 0;
	if (ret == 1)
		ret = member_decode(key, value, m, e);
	cursor_close(c);
	return ret;
}

/* ---- attributes */

int
attributes_get(struct txn *t, uint64_t subscriber, struct slice *json,
    struct err *e)
{
	struct key k = KEY_INIT;
	struct slice value;
	struct unpack u;
	int ret;

	key_u64(&k, subscriber);
	ret = txn_get(t, TABLE_ATTRIBUTES, key_slice(&k), &value, e);
	if (ret != 1)
		return ret;
	if (row_open(&u, TABLE_ATTRIBUTES, key_slice(&k), value,
	    ATTRIBUTES_VERSION, e) == -1)
		return -1;
	*json = unpack_bytes(&u);
	return row_done(&u, TABLE_ATTRIBUTES, key_slice(&k), e) == -1 ? -1 : 1;
}

static int
check_attributes(struct slice json, struct err *e)
{
	json_t *v;

	if (json.len > SUBSCRIBER_ATTRIBUTES_MAX) {
		err_set(e, ERR_LIMIT, "attributes pass %d octets",
		    SUBSCRIBER_ATTRIBUTES_MAX);
		return -1;
	}
	v = json_loadb((const char *)json.p, json.len,
	    JSON_REJECT_DUPLICATES, NULL);
	if (!json_is_object(v)) {
		json_decref(v);
		err_set(e, ERR_INPUT, "attributes are no JSON object");
		return -1;
	}
	json_decref(v);
	return 0;
}

void
attributes_encode(struct strbuf *b, struct slice json)
{
	record_begin(b, ATTRIBUTES_VERSION);
	pack_bytes(b, json.p, json.len);
	record_end(b);
}

int
attributes_put(struct txn *t, uint64_t subscriber, struct slice json,
    struct err *e)
{
	struct strbuf row = STRBUF_INIT(SUBSCRIBER_ATTRIBUTES_MAX + 64);
	struct key k = KEY_INIT;
	int ret;

	key_u64(&k, subscriber);
	if (json.len == 0)
		return txn_del(t, TABLE_ATTRIBUTES, key_slice(&k), e) == -1 ?
		    -1 : 0;
	if (check_attributes(json, e) == -1)
		return -1;
	record_begin(&row, ATTRIBUTES_VERSION);
	pack_bytes(&row, json.p, json.len);
	ret = row_put(t, TABLE_ATTRIBUTES, key_slice(&k), &row, e);
	strbuf_free(&row);
	return ret;
}

/* ---- who it is */

int
subscriber_identity(struct txn *t, const struct member *m,
    struct identity *who, struct err *e)
{
	struct address typed;
	int rc = domain_name(t, m->domain, typed.domain, e);

	if (rc == 0)
		err_set(e, ERR_DAMAGED, "a member's domain is missing");
	if (rc != 1)
		return -1;
	memcpy(typed.local, m->local, sizeof(typed.local));
	return identity_of(store_keys(txn_store(t)), &typed, who, e);
}
