/* SPDX-License-Identifier: Apache-2.0 */
/*
 * list.c - the rows of lists.
 */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "lib/address.h"
#include "lib/err.h"
#include "spool/act.h"
#include "spool/list_private.h"
#include "spool/org.h"
#include "spool/row.h"

#define LIST_VERSION	1
#define LIST_ROW_MAX	16384

const char *
list_state_name(enum list_state s)
{
	switch (s) {
	case LIST_ACTIVE: return "active";
	case LIST_HELD: return "held";
	case LIST_SUSPENDED: return "suspended";
	case LIST_REMOVED: return "removed";
	}
	return "unknown";
}

static struct key
list_key(uint32_t id)
{
	struct key k = KEY_INIT;

	key_u32(&k, id);
	return k;
}

#define LIST_STRINGS	10	/* of a row, name to texts */

/* Organization and state come first: list_brief() reads no further. */
int
list_put(struct txn *t, const struct list *l, struct err *e)
{
	struct strbuf b = STRBUF_INIT(LIST_ROW_MAX);
	struct key k = list_key(l->id);
	int ret;

	record_begin(&b, LIST_VERSION);
	pack_u32(&b, l->org);
	pack_u8(&b, (uint8_t)l->state);
	pack_i64(&b, l->created_ms);
	pack_u8(&b, l->open);
	pack_u8(&b, l->commercial);
	pack_i64(&b, l->owner_ms);
	pack_u32(&b, l->confirm_per_hour);
	pack_u32(&b, l->max_message);
	pack_str(&b, l->name);
	pack_str(&b, l->title);
	pack_str(&b, l->from);
	pack_str(&b, l->from_name);
	pack_str(&b, l->reply_to);
	pack_str(&b, l->owner);
	pack_str(&b, l->postal);
	pack_str(&b, l->language);
	pack_str(&b, l->trusted);
	pack_str(&b, l->texts);
	pack_u8(&b, (uint8_t)l->tls);
	pack_str(&b, l->jurisdiction);
	pack_u64(&b, l->purpose_since);
	pack_str(&b, l->collection);
	pack_str(&b, l->purpose);
	pack_str(&b, l->leaving);
	pack_str(&b, l->revocation);
	ret = row_put(t, TABLE_LISTS, key_slice(&k), &b, e);
	strbuf_free(&b);
	return ret;
}

static bool
unpack_bool(struct unpack *u)
{
	uint8_t v = unpack_u8(u);

	if (v > 1)
		u->bad = true;
	return v == 1;
}

static enum list_state
unpack_state(struct unpack *u)
{
	uint8_t v = unpack_u8(u);

	if (v < LIST_ACTIVE || v > LIST_REMOVED)
		u->bad = true;
	return (enum list_state)v;
}

/* Rows that were written before the setting was known end here. */
static uint32_t
unpack_tls(struct unpack *u)
{
	uint8_t v = u->left > 0 ? unpack_u8(u) : LIST_TLS_OPPORTUNISTIC;

	if (v > LIST_TLS_VERIFIED)
		u->bad = true;
	return v;
}

static void
unpack_answers(struct unpack *u, struct list *l)
{
	l->purpose_since = 0;
	if (u->left == 0) {		/* as above */
		list_answer(l);
		return;
	}
	l->purpose_since = unpack_u64(u);
	unpack_str(u, l->collection, sizeof(l->collection));
	unpack_str(u, l->purpose, sizeof(l->purpose));
	unpack_str(u, l->leaving, sizeof(l->leaving));
	unpack_str(u, l->revocation, sizeof(l->revocation));
}

static int
list_decode(struct slice key, struct slice value, struct list *l,
    struct err *e)
{
	struct unpack u;

	if (row_open(&u, TABLE_LISTS, key, value, LIST_VERSION, e) == -1)
		return -1;
	l->org = unpack_u32(&u);
	l->state = unpack_state(&u);
	l->created_ms = unpack_i64(&u);
	l->open = unpack_bool(&u);
	l->commercial = unpack_bool(&u);
	l->owner_ms = unpack_i64(&u);
	l->confirm_per_hour = unpack_u32(&u);
	l->max_message = unpack_u32(&u);
	unpack_str(&u, l->name, sizeof(l->name));
	unpack_str(&u, l->title, sizeof(l->title));
	unpack_str(&u, l->from, sizeof(l->from));
	unpack_str(&u, l->from_name, sizeof(l->from_name));
	unpack_str(&u, l->reply_to, sizeof(l->reply_to));
	unpack_str(&u, l->owner, sizeof(l->owner));
	unpack_str(&u, l->postal, sizeof(l->postal));
	unpack_str(&u, l->language, sizeof(l->language));
	unpack_str(&u, l->trusted, sizeof(l->trusted));
	unpack_str(&u, l->texts, sizeof(l->texts));
	l->tls = unpack_tls(&u);
	l->jurisdiction[0] = '\0';
	if (u.left > 0)		/* as above */
		unpack_str(&u, l->jurisdiction, sizeof(l->jurisdiction));
	unpack_answers(&u, l);
	if (row_done(&u, TABLE_LISTS, key, e) == -1)
		return -1;
	unpack_init(&u, key.p, key.len);
	l->id = unpack_u32(&u);
	return 0;
}

/* ---- finding */

int
list_get(struct txn *t, uint32_t id, struct list *l_r, struct err *e)
{
	struct key k = list_key(id);
	struct slice value;
	int rc = txn_get(t, TABLE_LISTS, key_slice(&k), &value, e);

	if (rc == 1 && list_decode(key_slice(&k), value, l_r, e) == -1)
		return -1;
	return rc;
}

int
list_brief(struct txn *t, uint32_t id, uint32_t *org_r,
    enum list_state *state_r, struct err *e)
{
	struct key k = list_key(id);
	struct slice value;
	struct unpack u;
	int rc = txn_get(t, TABLE_LISTS, key_slice(&k), &value, e);

	if (rc != 1)
		return rc;
	if (row_open(&u, TABLE_LISTS, key_slice(&k), value, LIST_VERSION,
	    e) == -1)
		return -1;
	*org_r = unpack_u32(&u);
	*state_r = unpack_state(&u);
	return u.bad ? row_done(&u, TABLE_LISTS, key_slice(&k), e) : 1;
}

/*
 * Pass over the texts without copying them, up to what follows tls: this is
 * asked for each delivery.
 */
static void
pass_to_tail(struct unpack *u, uint32_t *org_r, enum list_state *state_r,
    enum list_tls *tls_r)
{
	*org_r = unpack_u32(u);
	*state_r = unpack_state(u);
	unpack_i64(u);			/* created */
	unpack_bool(u);			/* open */
	unpack_bool(u);			/* commercial */
	unpack_i64(u);			/* owner confirmed */
	unpack_u32(u);			/* confirmations */
	unpack_u32(u);			/* octets */
	for (int i = 0; i < LIST_STRINGS; i++)
		unpack_bytes(u);
	*tls_r = (enum list_tls)unpack_tls(u);
}

/* 1 with u at the tail of the row, 0, -1. */
static int
open_tail(struct txn *t, uint32_t id, struct unpack *u, uint32_t *org_r,
    enum list_state *state_r, enum list_tls *tls_r, struct err *e)
{
	struct key k = list_key(id);
	struct slice value;
	int rc = txn_get(t, TABLE_LISTS, key_slice(&k), &value, e);

	if (rc != 1)
		return rc;
	if (row_open(u, TABLE_LISTS, key_slice(&k), value, LIST_VERSION,
	    e) == -1)
		return -1;
	pass_to_tail(u, org_r, state_r, tls_r);
	return u->bad ? row_done(u, TABLE_LISTS, key_slice(&k), e) : 1;
}

int
list_tls(struct txn *t, uint32_t id, enum list_tls *tls_r, struct err *e)
{
	enum list_state state;
	struct unpack u;
	uint32_t org;

	return open_tail(t, id, &u, &org, &state, tls_r, e);
}

int
list_gate(struct txn *t, uint32_t id, uint32_t *org_r,
    enum list_state *state_r, uint64_t *purpose_since_r, struct err *e)
{
	struct key k = list_key(id);
	enum list_tls tls;
	struct unpack u;
	int rc = open_tail(t, id, &u, org_r, state_r, &tls, e);

	*purpose_since_r = 0;
	if (rc != 1)
		return rc;
	if (u.left > 0)
		unpack_bytes(&u);	/* jurisdiction */
	if (u.left > 0)
		*purpose_since_r = unpack_u64(&u);
	return u.bad ? row_done(&u, TABLE_LISTS, key_slice(&k), e) : 1;
}

int
list_find(struct txn *t, const char *name, struct list *l_r, struct err *e)
{
	uint32_t id;
	int rc = row_find_name(t, TABLE_LIST_NAMES, name, &id, e);

	if (rc != 1)
		return rc;
	rc = list_get(t, id, l_r, e);
	if (rc == 0)
		return row_damaged(TABLE_LIST_NAMES, SLICE(name, strlen(name)),
		    "its list is missing", e);
	return rc;
}

int
list_next(struct txn *t, uint32_t id, struct list *l_r, struct err *e)
{
	struct key k = list_key(id);
	struct slice key, value;
	struct cursor *c;
	int rc;

	if (cursor_open(t, TABLE_LISTS, &c, e) == -1)
		return -1;
	rc = cursor_seek(c, key_slice(&k), &key, &value, e);
	if (rc == 1 && list_decode(key, value, l_r, e) == -1)
		rc = -1;
	cursor_close(c);
	return rc;
}

/* list_get() for those who need it there: -1 ERR_NOTFOUND when it is not. */
int
list_must(struct txn *t, uint32_t id, struct list *l_r, struct err *e)
{
	int rc = list_get(t, id, l_r, e);

	if (rc == 0)
		err_set(e, ERR_NOTFOUND, "no list %u", id);
	return rc == 1 ? 0 : -1;
}

/* ---- making */

/* A name is free when nobody ever had it. */
static int
check_free(struct txn *t, const struct list_new *n, struct err *e)
{
	struct slice value;
	struct org o;
	int rc;

	rc = txn_get(t, TABLE_LIST_NAMES, SLICE(n->name, strlen(n->name)),
	    &value, e);
	if (rc == 1)
		err_set(e, ERR_EXISTS, "the list %s exists, or did", n->name);
	if (rc != 0)
		return -1;
	rc = org_get(t, n->org, &o, e);
	if (rc == 0)
		err_set(e, ERR_NOTFOUND, "no organization %u", n->org);
	return rc == 1 ? 0 : -1;
}

/* Fill what n gives, each checked as list_set() would. */
static int
fill(struct list *l, const struct list_new *n, struct err *e)
{
	const struct { const char *setting, *value; } given[] = {
		{ "from", n->from },
		{ "owner", n->owner != NULL ? n->owner : n->from },
		{ "title", n->title },
		{ "postal-address", n->postal },
	};

	snprintf(l->name, sizeof(l->name), "%s", n->name);
	snprintf(l->title, sizeof(l->title), "%s", n->name);
	snprintf(l->language, sizeof(l->language), "en");
	for (size_t i = 0; i < sizeof(given) / sizeof(given[0]); i++)
		if (given[i].value != NULL && list_change(l, given[i].setting,
		    given[i].value, e) == -1)
			return -1;
	list_answer(l);
	return 0;
}

int
list_create(struct txn *t, const struct list_new *n, const char *who,
    int64_t now_ms, uint32_t *id_r, struct err *e)
{
	struct list l = { .org = n->org, .state = LIST_ACTIVE, .open = true,
	    .commercial = true, .created_ms = now_ms };
	char object[LIST_NAME_MAX + 6];
	uint64_t id;

	if (list_name_check(n->name, e) == -1 || fill(&l, n, e) == -1 ||
	    check_free(t, n, e) == -1)
		return -1;
	if (txn_counter_next(t, COUNTER_LIST, &id, e) == -1)
		return -1;
	if (id > UINT32_MAX) {
		err_set(e, ERR_LIMIT, "no more lists");
		return -1;
	}
	l.id = (uint32_t)id;
	snprintf(object, sizeof(object), "list %s", l.name);
	if (list_put(t, &l, e) == -1 ||
	    row_put_name(t, TABLE_LIST_NAMES, l.name, l.id, e) == -1 ||
	    act_note(t, who, now_ms, "list create", object, NULL, l.from,
	    e) == -1)
		return -1;
	*id_r = l.id;
	return 0;
}

/* ---- changing */

int
list_set_state(struct txn *t, uint32_t id, enum list_state state,
    const char *who, int64_t now_ms, struct err *e)
{
	char object[LIST_NAME_MAX + 6];
	enum list_state old;
	struct list l;

	if (list_must(t, id, &l, e) == -1)
		return -1;
	if (l.state == LIST_REMOVED && state != LIST_REMOVED) {
		err_set(e, ERR_REFUSED, "the list %s is removed", l.name);
		return -1;
	}
	old = l.state;
	l.state = state;
	snprintf(object, sizeof(object), "list %s", l.name);
	if (list_put(t, &l, e) == -1)
		return -1;
	return act_note(t, who, now_ms, "list state", object,
	    list_state_name(old), list_state_name(state), e);
}

int
list_owner_confirmed(struct txn *t, uint32_t id, int64_t now_ms,
    struct err *e)
{
	struct list l;

	if (list_must(t, id, &l, e) == -1)
		return -1;
	l.owner_ms = now_ms;
	return list_put(t, &l, e);
}
