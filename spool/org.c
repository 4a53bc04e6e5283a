/* SPDX-License-Identifier: Apache-2.0 */
/*
 * org.c - organizations.
 */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "lib/err.h"
#include "spool/act.h"
#include "spool/org.h"
#include "spool/row.h"
#include "spool/store.h"
#include "spool/writer.h"

#define ORG_VERSION	1
#define ORG_ROW_MAX	256

const char *
org_state_name(enum org_state s)
{
	switch (s) {
	case ORG_ACTIVE: return "active";
	case ORG_HELD: return "held";
	case ORG_SUSPENDED: return "suspended";
	case ORG_TERMINATED: return "terminated";
	}
	return "unknown";
}

int
org_name_check(const char *name, struct err *e)
{
	size_t len = strlen(name);

	if (len == 0 || len > ORG_NAME_MAX ||
	    strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-") != len ||
	    name[0] == '-' || name[len - 1] == '-') {
		err_set(e, ERR_INPUT, "an organization's name is 1 to %d "
		    "letters a-z, digits and inner hyphens", ORG_NAME_MAX);
		return -1;
	}
	return 0;
}

static struct key
org_key(uint32_t id)
{
	struct key k = KEY_INIT;

	key_u32(&k, id);
	return k;
}

static int
org_put(struct txn *t, const struct org *o, struct err *e)
{
	struct strbuf b = STRBUF_INIT(ORG_ROW_MAX);
	struct key k = org_key(o->id);
	int ret;

	record_begin(&b, ORG_VERSION);
	pack_u8(&b, (uint8_t)o->state);
	pack_i64(&b, o->created_ms);
	pack_str(&b, o->name);
	ret = row_put(t, TABLE_ORGS, key_slice(&k), &b, e);
	strbuf_free(&b);
	return ret;
}

static int
org_decode(struct slice key, struct slice value, struct org *o_r,
    struct err *e)
{
	struct unpack u;

	if (row_open(&u, TABLE_ORGS, key, value, ORG_VERSION, e) == -1)
		return -1;
	o_r->state = (enum org_state)unpack_u8(&u);
	o_r->created_ms = unpack_i64(&u);
	unpack_str(&u, o_r->name, sizeof(o_r->name));
	if (o_r->state < ORG_ACTIVE || o_r->state > ORG_TERMINATED)
		u.bad = true;
	if (row_done(&u, TABLE_ORGS, key, e) == -1)
		return -1;
	unpack_init(&u, key.p, key.len);
	o_r->id = unpack_u32(&u);
	return 0;
}

int
org_get(struct txn *t, uint32_t id, struct org *o_r, struct err *e)
{
	struct key k = org_key(id);
	struct slice value;
	int rc = txn_get(t, TABLE_ORGS, key_slice(&k), &value, e);

	if (rc == 1 && org_decode(key_slice(&k), value, o_r, e) == -1)
		return -1;
	return rc;
}

int
org_find(struct txn *t, const char *name, struct org *o_r, struct err *e)
{
	uint32_t id;
	int rc = row_find_name(t, TABLE_ORG_NAMES, name, &id, e);

	if (rc != 1)
		return rc;
	rc = org_get(t, id, o_r, e);
	if (rc == 0)
		return row_damaged(TABLE_ORG_NAMES, SLICE(name, strlen(name)),
		    "its organization is missing", e);
	return rc;
}

int
org_next(struct txn *t, uint32_t id, struct org *o_r, struct err *e)
{
	struct key k = org_key(id);
	struct slice key, value;
	struct cursor *c;
	int rc;

	if (cursor_open(t, TABLE_ORGS, &c, e) == -1)
		return -1;
	rc = cursor_seek(c, key_slice(&k), &key, &value, e);
	if (rc == 1 && org_decode(key, value, o_r, e) == -1)
		rc = -1;
	cursor_close(c);
	return rc;
}

int
org_create(struct txn *t, const char *name, const char *who, int64_t now_ms,
    uint32_t *id_r, struct err *e)
{
	struct org o = { .state = ORG_ACTIVE, .created_ms = now_ms }, old;
	char object[ORG_NAME_MAX + 5];
	uint64_t id;
	int rc;

	if (org_name_check(name, e) == -1)
		return -1;
	if ((rc = org_find(t, name, &old, e)) == -1)
		return -1;
	if (rc == 1) {
		err_set(e, ERR_EXISTS, "the organization %s exists", name);
		return -1;
	}
	if (txn_counter_next(t, COUNTER_ORG, &id, e) == -1)
		return -1;
	if (id > UINT32_MAX) {
		err_set(e, ERR_LIMIT, "no more organizations");
		return -1;
	}
	o.id = (uint32_t)id;
	snprintf(o.name, sizeof(o.name), "%s", name);
	snprintf(object, sizeof(object), "org %s", name);
	if (org_put(t, &o, e) == -1 ||
	    row_put_name(t, TABLE_ORG_NAMES, name, o.id, e) == -1 ||
	    act_note(t, who, now_ms, "org create", object, NULL, NULL, e) == -1)
		return -1;
	*id_r = o.id;
	return 0;
}

int
org_set_state(struct txn *t, uint32_t id, enum org_state state,
    const char *who, int64_t now_ms, struct err *e)
{
	char object[ORG_NAME_MAX + 5];
	enum org_state old;
	struct org o;
	int rc = org_get(t, id, &o, e);

	if (rc == 0)
		err_set(e, ERR_NOTFOUND, "no organization %u", id);
	if (rc != 1)
		return -1;
	if (o.state == ORG_TERMINATED && state != ORG_TERMINATED) {
		err_set(e, ERR_REFUSED, "the organization %s is terminated",
		    o.name);
		return -1;
	}
	old = o.state;
	o.state = state;
	snprintf(object, sizeof(object), "org %s", o.name);
	if (org_put(t, &o, e) == -1)
		return -1;
	return act_note(t, who, now_ms, "org state", object,
	    org_state_name(old), org_state_name(state), e);
}

/* ---- the first start */

static int
apply_default(struct txn *t, void *arg, struct err *e)
{
	const int64_t *now_ms = arg;
	struct org o;
	uint32_t id;
	int ret = org_next(t, 1, &o, e);

	if (ret != 0)
		return ret == 1 ? 0 : -1;
	return org_create(t, ORG_DEFAULT, "first start", *now_ms, &id, e);
}

int
org_make_default(struct store *st, int64_t now_ms, struct err *e)
{
	struct job job = { .apply = apply_default, .arg = &now_ms,
		.lane = WRITER_URGENT };

	return writer_run(st, STORE_S, &job, e) == JOB_DONE ? 0 : -1;
}
