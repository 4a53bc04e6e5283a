/* SPDX-License-Identifier: Apache-2.0 */
/*
 * suppression.c - who is not written to, where, and why.
 */
#include "config.h"

#include <string.h>

#include "lib/err.h"
#include "lib/strbuf.h"
#include "spool/departures.h"
#include "spool/row.h"
#include "spool/store.h"
#include "spool/suppression.h"

#define SUPPRESSION_VERSION	1

static const char *const reason_names[SUPPRESSION_REASONS] = {
	[0] = "none", [SUPPRESSION_OWNER] = "owner",
	[SUPPRESSION_IMPORT] = "import",
	[SUPPRESSION_UNSUBSCRIBE] = "unsubscribe",
	[SUPPRESSION_BOUNCE] = "bounce", [SUPPRESSION_ERASURE] = "erasure",
	[SUPPRESSION_COMPLAINT] = "complaint", [SUPPRESSION_DESK] = "desk",
	[SUPPRESSION_BAN] = "ban",
};

const char *
suppression_reason_name(enum suppression_reason r)
{
	return r < SUPPRESSION_REASONS ? reason_names[r] : "none";
}

enum suppression_reason
suppression_reason_find(const char *name)
{
	for (unsigned i = 1; i < SUPPRESSION_REASONS; i++)
		if (strcmp(reason_names[i], name) == 0)
			return i;
	return 0;
}

const char *
suppression_scope_name(enum suppression_scope s)
{
	switch (s) {
	case SUPPRESSION_LIST: return "list";
	case SUPPRESSION_ORG: return "org";
	case SUPPRESSION_HOST: return "host";
	}
	return "none";
}

/* ---- rows */

static void
put_key(struct key *k, const uint8_t *hash, enum suppression_scope scope,
    uint32_t id)
{
	k->len = 0;
	key_raw(k, hash, ADDRESS_HASH_OCTETS);
	key_u8(k, (uint8_t)scope);
	key_u32(k, id);
}

static int
decode(struct slice key, struct slice value, struct suppression *s,
    struct err *e)
{
	struct unpack k, u;

	unpack_init(&k, key.p, key.len);
	unpack_raw(&k, s->hash, sizeof(s->hash));
	s->scope = unpack_u8(&k);
	s->id = unpack_u32(&k);
	if (!unpack_done(&k) || s->scope < SUPPRESSION_LIST ||
	    s->scope > SUPPRESSION_HOST)
		return row_damaged(TABLE_SUPPRESSIONS, key, "key", e);
	if (row_open(&u, TABLE_SUPPRESSIONS, key, value, SUPPRESSION_VERSION,
	    e) == -1)
		return -1;
	s->reason = unpack_u8(&u);
	s->setter = unpack_u8(&u);
	s->when_ms = unpack_i64(&u);
	s->consent = unpack_u64(&u);
	if (s->reason == 0 || s->reason >= SUPPRESSION_REASONS ||
	    s->setter < SUPPRESSION_BY_PERSON ||
	    s->setter > SUPPRESSION_BY_SYSTEM)
		u.bad = true;
	return row_done(&u, TABLE_SUPPRESSIONS, key, e) == -1 ? -1 : 1;
}

int
suppression_get(struct txn *t,
    const uint8_t hash[static ADDRESS_HASH_OCTETS],
    enum suppression_scope scope, uint32_t id, struct suppression *s,
    struct err *e)
{
	struct key k = KEY_INIT;
	struct slice value;
	int ret;

	put_key(&k, hash, scope, id);
	ret = txn_get(t, TABLE_SUPPRESSIONS, key_slice(&k), &value, e);
	return ret == 1 ? decode(key_slice(&k), value, s, e) : ret;
}

/* The same, for after a loss of the store. */
static int
journal(struct txn *t, enum departure_kind kind, const struct suppression *s,
    enum suppression_setter setter, struct err *e)
{
	struct departure d = { .kind = kind, .scope = s->scope, .id = s->id,
		.reason = s->reason, .setter = setter, .when_ms =
		kind == DEPARTURE_SET ? s->when_ms : 0 };

	memcpy(d.hash, s->hash, sizeof(d.hash));
	return departure_note(t, &d, e);
}

int
suppression_add(struct txn *t, const struct suppression *s, struct err *e)
{
	struct strbuf row = STRBUF_INIT(128);
	struct suppression old;
	struct key k = KEY_INIT;
	int ret = suppression_get(t, s->hash, s->scope, s->id, &old, e);

	/*
	 * As strong a reason stands: it stays, for a bounce must not hide a
	 * complaint.  But a person who left again after coming back left now:
	 * the later time is what a younger confirmation is compared with.
	 */
	if (ret == -1 || (ret == 1 && (old.reason > s->reason ||
	    (old.reason == s->reason &&
	    s->reason != SUPPRESSION_UNSUBSCRIBE))))
		return ret == -1 ? -1 : 0;
	put_key(&k, s->hash, s->scope, s->id);
	record_begin(&row, SUPPRESSION_VERSION);
	pack_u8(&row, (uint8_t)s->reason);
	pack_u8(&row, (uint8_t)s->setter);
	pack_i64(&row, s->when_ms);
	pack_u64(&row, s->consent);
	ret = row_put(t, TABLE_SUPPRESSIONS, key_slice(&k), &row, e);
	strbuf_free(&row);
	if (ret == 0 && journal(t, DEPARTURE_SET, s, s->setter, e) == -1)
		ret = -1;
	return ret == -1 ? -1 : 1;
}

/* ---- what blocks */

/* A person's own will: to leave, or to be forgotten. */
static bool
own_unsubscribe(const struct suppression *s)
{
	return s->scope != SUPPRESSION_HOST &&
	    (s->reason == SUPPRESSION_UNSUBSCRIBE ||
	    (s->reason == SUPPRESSION_ERASURE &&
	    s->setter == SUPPRESSION_BY_PERSON));
}

/* Most people have none: one look tells.  1 there are some, 0, -1. */
static int
has_any(struct txn *t, const uint8_t hash[static ADDRESS_HASH_OCTETS],
    struct err *e)
{
	struct slice key, value;
	struct cursor *c;
	int rc;

	if (cursor_open(t, TABLE_SUPPRESSIONS, &c, e) == -1)
		return -1;
	rc = cursor_seek(c, SLICE(hash, ADDRESS_HASH_OCTETS), &key, &value, e);
	if (rc == 1)
		rc = slice_has_prefix(key, SLICE(hash, ADDRESS_HASH_OCTETS));
	cursor_close(c);
	return rc;
}

/*
 * The widest row for which `counts` is true.  consent is what a membership
 * rests on; request says that a confirmation is to be mailed.
 */
static int
find_block(struct txn *t,
    const uint8_t hash[static ADDRESS_HASH_OCTETS], uint32_t list, uint32_t org,
    uint64_t consent, bool request, struct suppression *s, struct err *e)
{
	const struct { enum suppression_scope scope; uint32_t id; } look[] = {
		{ SUPPRESSION_HOST, 0 }, { SUPPRESSION_ORG, org },
		{ SUPPRESSION_LIST, list },
	};

	int some = has_any(t, hash, e);

	if (some != 1)
		return some;
	for (size_t i = 0; i < sizeof(look) / sizeof(look[0]); i++) {
		int ret;

		if (look[i].scope != SUPPRESSION_HOST && look[i].id == 0)
			continue;
		ret = suppression_get(t, hash, look[i].scope, look[i].id, s,
		    e);
		if (ret == -1)
			return -1;
		if (ret == 0 || (request && own_unsubscribe(s)))
			continue;
		/* "All lists" does not stand against a later confirmation. */
		if (s->scope == SUPPRESSION_ORG && own_unsubscribe(s) &&
		    consent > s->consent)
			continue;
		return 1;
	}
	return 0;
}

int
suppression_blocks(struct txn *t,
    const uint8_t hash[static ADDRESS_HASH_OCTETS], uint32_t list,
    uint32_t org, uint64_t consent, struct suppression *s, struct err *e)
{
	return find_block(t, hash, list, org, consent, false, s, e);
}

int
suppression_blocks_request(struct txn *t,
    const uint8_t hash[static ADDRESS_HASH_OCTETS], uint32_t list,
    uint32_t org, struct suppression *s, struct err *e)
{
	return find_block(t, hash, list, org, 0, true, s, e);
}

/* ---- lifting */

static bool
may_lift(const struct suppression *s, enum suppression_setter by)
{
	switch (by) {
	case SUPPRESSION_BY_DESK:
	case SUPPRESSION_BY_SYSTEM:
		return true;
	case SUPPRESSION_BY_PERSON:
		return s->scope == SUPPRESSION_LIST && own_unsubscribe(s);
	case SUPPRESSION_BY_OWNER:
		return s->scope == SUPPRESSION_LIST &&
		    (s->reason == SUPPRESSION_OWNER ||
		    s->reason == SUPPRESSION_IMPORT);
	}
	return false;
}

int
suppression_lift(struct txn *t,
    const uint8_t hash[static ADDRESS_HASH_OCTETS],
    enum suppression_scope scope, uint32_t id, enum suppression_setter by,
    struct err *e)
{
	struct suppression s;
	struct key k = KEY_INIT;
	int ret = suppression_get(t, hash, scope, id, &s, e);

	if (ret != 1)
		return ret;
	if (!may_lift(&s, by)) {
		err_set(e, ERR_REFUSED, "a suppression for \"%s\" is not "
		    "theirs to lift", suppression_reason_name(s.reason));
		return -1;
	}
	put_key(&k, hash, scope, id);
	return journal(t, DEPARTURE_LIFTED, &s, by, e) == -1 ? -1 :
	    txn_del(t, TABLE_SUPPRESSIONS, key_slice(&k), e);
}

int
suppression_next(struct txn *t, struct suppression *s, struct err *e)
{
	struct key k = KEY_INIT;
	struct cursor *c = NULL;
	struct slice key, value;
	int ret;

	put_key(&k, s->hash, s->scope, s->id);
	if (cursor_open(t, TABLE_SUPPRESSIONS, &c, e) == -1)
		return -1;
	ret = cursor_seek(c, key_slice(&k), &key, &value, e);
	if (ret == 1 && key.len == k.len && memcmp(key.p, k.b, k.len) == 0)
		ret = cursor_next(c, &key, &value, e);
	if (ret == 1)
		ret = decode(key, value, s, e);
	cursor_close(c);
	return ret;
}
