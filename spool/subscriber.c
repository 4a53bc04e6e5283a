/* SPDX-License-Identifier: Apache-2.0 */
/*
 * subscriber.c - memberships of lists, and the indexes that are kept in step.
 *
 *	members		list | domain | h8 | folded local part -> the record
 *	by_id		subscriber -> list, domain, h8
 *	by_hash		hash16 | list -> domain, h8
 *	counts		list | domain -> active u32, all u32
 *
 * The indexes hold a position and not the local part, which the row's own key
 * has; two local parts with the same h8 are told apart by id or hash.
 */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "lib/strbuf.h"
#include "lib/xmalloc.h"
#include "spool/departures.h"
#include "spool/mailbox.h"
#include "spool/store.h"
#include "spool/subscriber_private.h"

#define MEMBER_VERSION	2
#define MEMBER_FIXED	1	/* an older form: every field in full */
#define DOMAIN_VERSION	1
/* Beside state and why: their fields follow. */
#define HAS_BOUNCES	0x80
#define HAS_PAST	0x08

static const char *const state_names[] = {
	[MEMBER_UNCONFIRMED] = "unconfirmed", [MEMBER_ACTIVE] = "active",
	[MEMBER_SUSPENDED] = "suspended",
};

const char *
member_state_name(enum member_state s)
{
	return s >= MEMBER_UNCONFIRMED && s <= MEMBER_SUSPENDED ?
	    state_names[s] : "unknown";
}

/* ---- keys and values */

void
member_position(struct key *k, uint32_t list, uint32_t domain, uint64_t h8)
{
	k->len = 0;
	key_u32(k, list);
	key_u32(k, domain);
	key_u64(k, h8);
}

static void
member_key(struct key *k, const struct member *m)
{
	member_position(k, m->list, m->domain, m->h8);
	key_raw(k, m->folded, strlen(m->folded));
}

static void
hash_key(struct key *k, const uint8_t *hash, uint32_t list)
{
	k->len = 0;
	key_raw(k, hash, ADDRESS_HASH_OCTETS);
	key_u32(k, list);
}

static void
id_key(struct key *k, uint64_t subscriber)
{
	k->len = 0;
	key_u64(k, subscriber);
}

static void
member_encode(struct strbuf *b, const struct member *m)
{
	const struct member_bounces *n = &m->bounces;
	bool differs = strcmp(m->local, m->folded) != 0;
	bool bounced = n->hard_days != 0 || n->soft_days != 0;

	record_begin(b, MEMBER_VERSION);
	pack_varint(b, m->subscriber);
	pack_varint(b, m->join);
	pack_varint(b, m->change - m->join);
	pack_varint(b, m->consent);
	pack_u8(b, (uint8_t)(m->state | m->why << 4 |
	    (bounced ? HAS_BOUNCES : 0) | (m->past.n > 0 ? HAS_PAST : 0)));
	pack_varint(b, (uint64_t)m->created_ms);
	pack_varint(b, m->import);
	if (bounced) {
		pack_u32(b, n->hard_first);
		pack_u32(b, n->hard_last);
		pack_u32(b, n->soft_first);
		pack_u32(b, n->soft_last);
		pack_u8(b, n->hard_days);
		pack_u8(b, n->soft_days);
	}
	if (m->past.n > 0)
		pack_u8(b, m->past.n);
	for (unsigned i = 0; i < m->past.n; i++) {
		pack_varint(b, m->past.v[i].join);
		pack_varint(b, m->past.v[i].until);
	}
	pack_raw(b, m->local, differs ? strlen(m->local) : 0);
}

static bool
read_key(struct slice key, struct member *m)
{
	struct unpack u;
	struct slice rest;

	unpack_init(&u, key.p, key.len);
	m->list = unpack_u32(&u);
	m->domain = unpack_u32(&u);
	m->h8 = unpack_u64(&u);
	rest = unpack_rest(&u);
	return !u.bad && rest.len > 0 &&
	    slice_to_text(rest, m->folded, sizeof(m->folded));
}

static void
read_bounces(struct unpack *u, struct member_bounces *n)
{
	n->hard_first = unpack_u32(u);
	n->hard_last = unpack_u32(u);
	n->soft_first = unpack_u32(u);
	n->soft_last = unpack_u32(u);
	n->hard_days = unpack_u8(u);
	n->soft_days = unpack_u8(u);
}

static void
read_past(struct unpack *u, struct member_past *p)
{
	p->n = unpack_u8(u);
	if (p->n == 0 || p->n > MEMBER_PASTS) {
		p->n = 0;
		u->bad = true;
	}
	for (unsigned i = 0; i < p->n; i++) {
		p->v[i].join = unpack_varint(u);
		p->v[i].until = unpack_varint(u);
	}
}

/* Everything before the bounces; what state, why and flags are. */
static uint8_t
read_fields(struct unpack *u, struct member *m)
{
	uint64_t import;
	uint8_t states;

	m->subscriber = unpack_varint(u);
	m->join = unpack_varint(u);
	m->change = m->join + unpack_varint(u);
	m->consent = unpack_varint(u);
	states = unpack_u8(u);
	m->created_ms = (int64_t)unpack_varint(u);
	import = unpack_varint(u);
	m->import = (uint32_t)import;
	if (import > UINT32_MAX)
		u->bad = true;
	return states;
}

static uint8_t
read_fixed(struct unpack *u, struct member *m)
{
	uint8_t states;

	m->subscriber = unpack_u64(u);
	m->join = unpack_u64(u);
	m->change = unpack_u64(u);
	m->consent = unpack_u64(u);
	states = unpack_u8(u);
	m->created_ms = unpack_i64(u);
	m->import = unpack_u32(u);
	return states;
}

int
member_decode(struct slice key, struct slice value, struct member *m,
    struct err *e)
{
	struct unpack u;
	struct slice typed;
	uint8_t states, version = value.len > 0 && value.p[0] ==
	    MEMBER_FIXED ? MEMBER_FIXED : MEMBER_VERSION;

	if (!read_key(key, m))
		return row_damaged(TABLE_MEMBERS, key, "key", e);
	if (row_open(&u, TABLE_MEMBERS, key, value, version, e) == -1)
		return -1;
	states = version == MEMBER_FIXED ? read_fixed(&u, m) :
	    read_fields(&u, m);
	m->state = states & 7;
	m->why = states >> 4 & 7;
	m->bounces = (struct member_bounces){ 0 };
	m->past = (struct member_past){ .n = 0 };
	if ((states & HAS_BOUNCES) != 0)
		read_bounces(&u, &m->bounces);
	if ((states & HAS_PAST) != 0)
		read_past(&u, &m->past);
	typed = unpack_rest(&u);
	if (typed.len == 0)
		typed = SLICE(m->folded, strlen(m->folded));
	if (u.bad || m->state < MEMBER_UNCONFIRMED ||
	    m->state > MEMBER_SUSPENDED || m->why > MEMBER_WHY_DESK ||
	    !slice_to_text(typed, m->local, sizeof(m->local)))
		return row_damaged(TABLE_MEMBERS, key, "fields", e);
	return 1;
}

static int
member_put(struct txn *t, const struct member *m, struct err *e)
{
	struct strbuf row = STRBUF_INIT(1024);
	struct key k = KEY_INIT;
	int ret;

	member_key(&k, m);
	member_encode(&row, m);
	ret = row_put(t, TABLE_MEMBERS, key_slice(&k), &row, e);
	strbuf_free(&row);
	return ret;
}

/* ---- domains */

int
domain_find(struct txn *t, const char *domain, uint32_t *id, struct err *e)
{
	struct slice key = SLICE(domain, strlen(domain)), value;
	struct unpack u;
	int ret = txn_get(t, TABLE_DOMAINS, key, &value, e);

	if (ret != 1)
		return ret;
	if (row_open(&u, TABLE_DOMAINS, key, value, DOMAIN_VERSION, e) == -1)
		return -1;
	*id = unpack_u32(&u);
	return row_done(&u, TABLE_DOMAINS, key, e) == -1 ? -1 : 1;
}

int
domain_intern(struct txn *t, const char *domain, uint32_t *id, struct err *e)
{
	struct strbuf row = STRBUF_INIT(512);
	struct key k = KEY_INIT;
	uint64_t next;
	int ret = domain_find(t, domain, id, e);

	if (ret != 0)
		return ret == 1 ? 0 : -1;
	if (txn_counter_next(t, COUNTER_DOMAIN, &next, e) == -1)
		return -1;
	if (next >= UINT32_MAX) {
		err_set(e, ERR_LIMIT, "the numbers of domains are used up");
		return -1;
	}
	*id = (uint32_t)next;
	record_begin(&row, DOMAIN_VERSION);
	pack_u32(&row, *id);
	ret = row_put(t, TABLE_DOMAINS, SLICE(domain, strlen(domain)), &row,
	    e);
	if (ret == 0) {
		key_u32(&k, *id);
		record_begin(&row, DOMAIN_VERSION);
		pack_str(&row, domain);
		ret = row_put(t, TABLE_DOMAIN_IDS, key_slice(&k), &row, e);
	}
	strbuf_free(&row);
	return ret;
}

int
domain_name(struct txn *t, uint32_t id, char out[static 256], struct err *e)
{
	struct key k = KEY_INIT;
	struct slice value;
	struct unpack u;
	int ret;

	key_u32(&k, id);
	ret = txn_get(t, TABLE_DOMAIN_IDS, key_slice(&k), &value, e);
	if (ret != 1)
		return ret;
	if (row_open(&u, TABLE_DOMAIN_IDS, key_slice(&k), value,
	    DOMAIN_VERSION, e) == -1)
		return -1;
	unpack_str(&u, out, 256);
	return row_done(&u, TABLE_DOMAIN_IDS, key_slice(&k), e) == -1 ? -1 : 1;
}

/* ---- finding */

int
subscriber_hash(struct txn *t, const struct member *m,
    uint8_t hash[static ADDRESS_HASH_OCTETS], struct err *e)
{
	struct address a;
	struct key k = KEY_INIT;
	int ret = domain_name(t, m->domain, a.domain, e);

	if (ret == 0) {
		member_key(&k, m);
		row_damaged(TABLE_MEMBERS, key_slice(&k), "no such domain", e);
	}
	if (ret != 1)
		return -1;
	memcpy(a.local, m->folded, sizeof(a.local));
	return address_hash(store_keys(txn_store(t)), &a, hash, e);
}

static int
has_hash(struct txn *t, const struct member *m, const uint8_t *hash,
    struct err *e)
{
	uint8_t own[ADDRESS_HASH_OCTETS];

	if (subscriber_hash(t, m, own, e) == -1)
		return -1;
	return memcmp(own, hash, sizeof(own)) == 0;
}

/* Whom to look for at a position: the first that is given. */
struct wanted {
	uint64_t	 subscriber;
	const char	*local;		/* folded */
	const uint8_t	*hash;
};

static int
is_wanted(struct txn *t, const struct wanted *w, const struct member *m,
    struct err *e)
{
	if (w->subscriber != 0)
		return m->subscriber == w->subscriber;
	if (w->local != NULL)
		return strcmp(m->folded, w->local) == 0;
	return has_hash(t, m, w->hash, e);
}

static int
find_at(struct txn *t, const struct key *position, const struct wanted *w,
    struct member *m, struct err *e)
{
	struct cursor *c = NULL;
	struct slice key, value;
	int ret, same = 0;

	if (cursor_open(t, TABLE_MEMBERS, &c, e) == -1)
		return -1;
	ret = cursor_seek(c, key_slice(position), &key, &value, e);
	for (; ret == 1; ret = cursor_next(c, &key, &value, e)) {
		if (!slice_has_prefix(key, key_slice(position))) {
			ret = 0;
			break;
		}
		if ((ret = member_decode(key, value, m, e)) == -1)
			break;
		if ((same = is_wanted(t, w, m, e)) != 0)
			break;
	}
	cursor_close(c);
	return same != 0 ? same : ret;
}

int
subscriber_at(struct txn *t, uint32_t list, uint32_t domain, uint64_t h8,
    uint64_t subscriber, struct member *m, struct err *e)
{
	const struct wanted w = { .subscriber = subscriber };
	struct key k = KEY_INIT;

	if (subscriber == 0)
		return 0;
	member_position(&k, list, domain, h8);
	return find_at(t, &k, &w, m, e);
}

int
subscriber_get(struct txn *t, uint64_t subscriber, struct member *m,
    struct err *e)
{
	const struct wanted w = { .subscriber = subscriber };
	struct key k = KEY_INIT, position = KEY_INIT;
	struct slice value;
	int ret;

	id_key(&k, subscriber);
	ret = txn_get(t, TABLE_BY_ID, key_slice(&k), &value, e);
	if (ret != 1)
		return ret;
	if (value.len != MEMBER_PREFIX)
		return row_damaged(TABLE_BY_ID, key_slice(&k), "length", e);
	key_raw(&position, value.p, value.len);
	return find_at(t, &position, &w, m, e);
}

static int
find(struct txn *t, uint32_t list, const struct wanted *w,
    const uint8_t hash[static ADDRESS_HASH_OCTETS], struct member *m,
    struct err *e)
{
	struct key k = KEY_INIT, position = KEY_INIT;
	struct slice value;
	int ret;

	hash_key(&k, hash, list);
	ret = txn_get(t, TABLE_BY_HASH, key_slice(&k), &value, e);
	if (ret != 1)
		return ret;
	if (value.len != MEMBER_PREFIX - 4)
		return row_damaged(TABLE_BY_HASH, key_slice(&k), "length", e);
	key_u32(&position, list);
	key_raw(&position, value.p, value.len);
	return find_at(t, &position, w, m, e);
}

int
subscriber_find(struct txn *t, uint32_t list,
    const uint8_t hash[static ADDRESS_HASH_OCTETS], struct member *m,
    struct err *e)
{
	const struct wanted w = { .hash = hash };

	return find(t, list, &w, hash, m, e);
}

int
subscriber_next_of(struct txn *t,
    const uint8_t hash[static ADDRESS_HASH_OCTETS], uint32_t list,
    struct member *m, struct err *e)
{
	return subscriber_next_local(t, hash, list, NULL, m, e);
}

int
subscriber_next_local(struct txn *t,
    const uint8_t hash[static ADDRESS_HASH_OCTETS], uint32_t list,
    const char *local, struct member *m, struct err *e)
{
	const struct wanted w = { .local = local, .hash = hash };
	struct key from = KEY_INIT;
	struct cursor *c = NULL;
	struct slice key, value;
	struct unpack u;
	int ret;

	hash_key(&from, hash, list);
	if (cursor_open(t, TABLE_BY_HASH, &c, e) == -1)
		return -1;
	ret = cursor_seek(c, key_slice(&from), &key, &value, e);
	if (ret == 1 && (key.len != from.len ||
	    memcmp(key.p, hash, ADDRESS_HASH_OCTETS) != 0))
		ret = 0;
	if (ret == 1) {
		unpack_init(&u, key.p + ADDRESS_HASH_OCTETS, 4);
		list = unpack_u32(&u);
	}
	cursor_close(c);
	return ret == 1 ? find(t, list, &w, hash, m, e) : ret;
}

/* ---- changes */

static int
put_indexes(struct txn *t, const struct member *m, const uint8_t *hash,
    struct err *e)
{
	struct key k = KEY_INIT, position = KEY_INIT;

	member_position(&position, m->list, m->domain, m->h8);
	id_key(&k, m->subscriber);
	if (txn_append(t, TABLE_BY_ID, key_slice(&k), key_slice(&position),
	    e) == -1)
		return -1;
	hash_key(&k, hash, m->list);
	return txn_put(t, TABLE_BY_HASH, key_slice(&k),
	    SLICE(position.b + 4, position.len - 4), e);
}

static int
insert(struct txn *t, const struct subscriber_new *n,
    struct member *m, struct err *e)
{
	bool active = n->state == MEMBER_ACTIVE;

	if ((!active && n->state != MEMBER_UNCONFIRMED) ||
	    (active && n->consent == 0)) {
		err_set(e, ERR_REFUSED, "nobody becomes a member without "
		    "a consent entry");
		return -1;
	}
	*m = (struct member){ .list = n->list, .h8 = n->who->h8,
		.consent = n->consent, .state = n->state,
		.created_ms = n->now_ms, .import = n->import };
	memcpy(m->folded, n->who->folded.local, sizeof(m->folded));
	memcpy(m->local, n->who->typed.local, sizeof(m->local));
	if (domain_intern(t, n->who->folded.domain, &m->domain, e) == -1 ||
	    txn_counter_next(t, COUNTER_SUBSCRIBER, &m->subscriber, e) == -1 ||
	    count_change(t, m, active, 1, false, &m->change, e) == -1)
		return -1;
	m->join = active ? m->change : 0;
	if (member_put(t, m, e) == -1 ||
	    put_indexes(t, m, n->who->hash, e) == -1 ||
	    mailbox_enter(t, m->folded, n->who->folded.domain, n->who->hash,
	    e) == -1)
		return -1;
	return 1;
}

int
subscriber_add(struct txn *t, const struct subscriber_new *n,
    struct member *m, struct err *e)
{
	int ret = subscriber_find(t, n->list, n->who->hash, m, e);

	if (ret != 0)
		return ret == 1 ? 0 : -1;
	return insert(t, n, m, e);
}

/* ---- many at once */

struct member_bulk {
	struct txn	*t;
	struct cursor	*members, *by_id, *attributes;
	struct strbuf	 row;
};

struct member_bulk *
member_bulk_begin(struct txn *t, struct err *e)
{
	struct member_bulk *b = xcalloc(1, sizeof(*b));

	b->t = t;
	strbuf_init(&b->row, SUBSCRIBER_ATTRIBUTES_MAX + 64);
	if (cursor_open(t, TABLE_MEMBERS, &b->members, e) == 0 &&
	    cursor_open(t, TABLE_BY_ID, &b->by_id, e) == 0 &&
	    cursor_open(t, TABLE_ATTRIBUTES, &b->attributes, e) == 0)
		return b;
	member_bulk_end(b);
	return NULL;
}

void
member_bulk_end(struct member_bulk *b)
{
	if (b == NULL)
		return;
	cursor_close(b->members);
	cursor_close(b->by_id);
	cursor_close(b->attributes);
	strbuf_free(&b->row);
	free(b);
}

int
member_bulk_insert(struct member_bulk *b, struct member *m, const char *json,
    struct err *e)
{
	bool active = m->state == MEMBER_ACTIVE;
	struct key k = KEY_INIT, id = KEY_INIT, position = KEY_INIT;

	if (txn_counter_next(b->t, COUNTER_SUBSCRIBER, &m->subscriber,
	    e) == -1 || count_change(b->t, m, active, 1, false, &m->change,
	    e) == -1)
		return -1;
	m->join = active ? m->change : 0;
	member_key(&k, m);
	member_encode(&b->row, m);
	record_end(&b->row);
	if (cursor_put(b->members, key_slice(&k), SLICE(b->row.s,
	    b->row.len), e) == -1)
		return -1;
	member_position(&position, m->list, m->domain, m->h8);
	id_key(&id, m->subscriber);
	if (cursor_append(b->by_id, key_slice(&id), key_slice(&position),
	    e) == -1)
		return -1;
	if (json == NULL)
		return 0;
	attributes_encode(&b->row, SLICE(json, strlen(json)));
	return cursor_append(b->attributes, key_slice(&id), SLICE(b->row.s,
	    b->row.len), e);
}

/* ---- changes of state */

/* spool/DESIGN section 4, "Legal changes". */
static bool
change_is_legal(enum member_state from, enum member_state to)
{
	if (to == MEMBER_ACTIVE)
		return from == MEMBER_UNCONFIRMED || from == MEMBER_SUSPENDED;
	return to == MEMBER_SUSPENDED && from == MEMBER_ACTIVE;
}

/* It was ACTIVE until it was suspended, and is about to be again. */
static void
remember_past(struct member *m)
{
	struct member_past *p = &m->past;

	if (m->state != MEMBER_SUSPENDED)
		return;
	if (p->n == MEMBER_PASTS)
		memmove(&p->v[0], &p->v[1], --p->n * sizeof(p->v[0]));
	p->v[p->n].join = m->join;
	p->v[p->n++].until = m->change;
}

int
subscriber_set_state(struct txn *t, struct member *m,
    enum member_state state, enum member_why why, uint64_t consent,
    struct err *e)
{
	int active = (state == MEMBER_ACTIVE) - (m->state == MEMBER_ACTIVE);

	if (!change_is_legal(m->state, state) ||
	    (state == MEMBER_ACTIVE && consent == 0 && m->consent == 0)) {
		err_set(e, ERR_REFUSED, "a membership does not go from %s "
		    "to %s so", member_state_name(m->state),
		    member_state_name(state));
		return -1;
	}
	if (state == MEMBER_ACTIVE)
		remember_past(m);
	if (count_change(t, m, active, 0, false, &m->change, e) == -1)
		return -1;
	if (state == MEMBER_ACTIVE) {
		m->join = m->change;
		m->bounces = (struct member_bounces){ 0 };
	}
	m->state = state;
	m->why = state == MEMBER_SUSPENDED ? why : MEMBER_WHY_NONE;
	/* What suspends a membership is not what it rests on. */
	if (consent != 0 && state == MEMBER_ACTIVE)
		m->consent = consent;
	return member_put(t, m, e);
}

int
subscriber_set_bounces(struct txn *t, const struct member *m, struct err *e)
{
	return member_put(t, m, e);
}

int
subscriber_remove(struct txn *t, const struct member *m, struct err *e)
{
	uint8_t hash[ADDRESS_HASH_OCTETS];

	if (subscriber_hash(t, m, hash, e) == -1)
		return -1;
	return subscriber_remove_of(t, m, hash, e);
}

int
subscriber_remove_of(struct txn *t, const struct member *m,
    const uint8_t hash[static ADDRESS_HASH_OCTETS], struct err *e)
{
	struct key k = KEY_INIT;
	uint64_t sequence;

	hash_key(&k, hash, m->list);
	if (departure_ended(t, m->list, hash, e) == -1 ||
	    txn_del(t, TABLE_BY_HASH, key_slice(&k), e) == -1 ||
	    mailbox_leave(t, m, hash, e) == -1)
		return -1;
	id_key(&k, m->subscriber);
	if (txn_del(t, TABLE_BY_ID, key_slice(&k), e) == -1 ||
	    txn_del(t, TABLE_ATTRIBUTES, key_slice(&k), e) == -1)
		return -1;
	member_key(&k, m);
	if (txn_del(t, TABLE_MEMBERS, key_slice(&k), e) == -1)
		return -1;
	/* Whoever was ever counted may be missing from a running campaign. */
	return count_change(t, m, -(m->state == MEMBER_ACTIVE), -1,
	    m->join != 0, &sequence, e);
}
