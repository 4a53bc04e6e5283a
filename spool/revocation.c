/* SPDX-License-Identifier: Apache-2.0 */
/*
 * revocation.c - the last entry by which an address said no.
 */
#include "config.h"

#include "lib/err.h"
#include "spool/check_private.h"
#include "spool/consent.h"
#include "spool/revocation.h"
#include "spool/row.h"
#include "spool/suppression.h"

#define KEY_LEN		(ADDRESS_HASH_OCTETS + 1 + 4)

static void
put_key(struct key *k, const uint8_t *hash, unsigned scope, uint32_t id)
{
	k->len = 0;
	key_raw(k, hash, ADDRESS_HASH_OCTETS);
	key_u8(k, (uint8_t)scope);
	key_u32(k, id);
}

/* The scope that an entry ends, and in *id_r of what; 0: none. */
static unsigned
scope_ended(const struct consent *c, uint32_t *id_r)
{
	switch (c->kind) {
	case CONSENT_UNSUBSCRIBED:
	case CONSENT_COMPLAINED:
	case CONSENT_SUPPRESSED:
	case CONSENT_REMOVED:
		break;
	case CONSENT_BOUNCED:
		if (c->scope == 0)
			return 0;	/* suspended, and may be resumed */
		break;
	default:
		return 0;
	}
	*id_r = 0;
	switch (c->scope) {
	case SUPPRESSION_HOST:
		return SUPPRESSION_HOST;
	case SUPPRESSION_ORG:
		*id_r = c->org;
		return SUPPRESSION_ORG;
	default:
		*id_r = c->list;
		return SUPPRESSION_LIST;
	}
}

bool
revocation_covers(const struct consent *c, uint32_t list, uint32_t org)
{
	uint32_t id;

	switch (scope_ended(c, &id)) {
	case SUPPRESSION_LIST: return id == list;
	case SUPPRESSION_ORG: return id == org;
	case SUPPRESSION_HOST: return true;
	default: return false;
	}
}

int
revocation_note(struct txn *t, const struct consent *c, uint64_t index,
    struct err *e)
{
	struct key k = KEY_INIT, at = KEY_INIT;
	uint32_t id;
	unsigned scope;

	if (c->hash.len != ADDRESS_HASH_OCTETS ||
	    (scope = scope_ended(c, &id)) == 0)
		return 0;
	put_key(&k, c->hash.p, scope, id);
	key_u64(&at, index);
	return txn_put(t, TABLE_REVOKED, key_slice(&k), key_slice(&at), e);
}

/* 1 with the index, 0, -1. */
static int
get(struct txn *t, const uint8_t *hash, unsigned scope, uint32_t id,
    uint64_t *index_r, struct err *e)
{
	struct key k = KEY_INIT;
	struct slice value;
	struct unpack u;
	int rc;

	put_key(&k, hash, scope, id);
	rc = txn_get(t, TABLE_REVOKED, key_slice(&k), &value, e);
	if (rc != 1)
		return rc;
	unpack_init(&u, value.p, value.len);
	*index_r = unpack_u64(&u);
	return unpack_done(&u) ? 1 : row_damaged(TABLE_REVOKED,
	    key_slice(&k), "no position", e);
}

/* The first row of an address at or after k, which it then is.  1, 0, -1. */
static int
next_of(struct txn *t, const uint8_t *hash, struct key *k, struct err *e)
{
	struct slice key, value;
	struct cursor *c;
	int rc;

	if (cursor_open(t, TABLE_REVOKED, &c, e) == -1)
		return -1;
	rc = cursor_seek(c, key_slice(k), &key, &value, e);
	if (rc == 1 && !slice_has_prefix(key, SLICE(hash,
	    ADDRESS_HASH_OCTETS)))
		rc = 0;
	if (rc == 1) {
		k->len = 0;
		key_raw(k, key.p, key.len);
	}
	cursor_close(c);
	return rc;
}

int
revocation_last(struct txn *t,
    const uint8_t hash[static ADDRESS_HASH_OCTETS], uint32_t list,
    uint32_t org, uint64_t *index_r, struct err *e)
{
	const struct { enum suppression_scope scope; uint32_t id; } look[] = {
		{ SUPPRESSION_LIST, list }, { SUPPRESSION_ORG, org },
		{ SUPPRESSION_HOST, 0 },
	};
	struct key k = KEY_INIT;
	uint64_t index = 0;
	int rc;

	*index_r = 0;
	key_raw(&k, hash, ADDRESS_HASH_OCTETS);
	/* Most people never said no: one look tells. */
	if ((rc = next_of(t, hash, &k, e)) != 1)
		return rc;
	for (size_t i = 0; i < sizeof(look) / sizeof(look[0]); i++) {
		rc = get(t, hash, look[i].scope, look[i].id, &index, e);
		if (rc == -1)
			return -1;
		if (rc == 1 && index > *index_r)
			*index_r = index;
	}
	return 0;
}

int
revocation_erase(struct txn *t,
    const uint8_t hash[static ADDRESS_HASH_OCTETS], struct err *e)
{
	struct key k;
	int rc;

	for (;;) {
		k.len = 0;
		key_raw(&k, hash, ADDRESS_HASH_OCTETS);
		if ((rc = next_of(t, hash, &k, e)) != 1)
			return rc;
		if (txn_del(t, TABLE_REVOKED, key_slice(&k), e) == -1)
			return -1;
	}
}

int
revocation_upgrade(struct txn *t, struct err *e)
{
	struct err le = ERR_INIT;
	uint64_t index = 0;
	struct consent c;
	int rc;

	while ((rc = consent_next(t, index + 1, &index, &c, &le)) != 0) {
		/* `listctl check` names what is damaged. */
		if (rc == -1 && le.code != ERR_DAMAGED) {
			err_set(e, le.code, "%s", le.text);
			return -1;
		}
		if (rc == 1 && revocation_note(t, &c, index, e) == -1)
			return -1;
		le = (struct err)ERR_INIT;
	}
	return 0;
}

/* ---- checking */

int
revocation_check_entry(struct txn *t, const struct consent *c,
    uint64_t index, struct err *e)
{
	struct key k = KEY_INIT;
	uint64_t last = 0;
	unsigned scope;
	uint32_t id;

	if (c->hash.len != ADDRESS_HASH_OCTETS ||
	    (scope = scope_ended(c, &id)) == 0)
		return 0;
	if (get(t, c->hash.p, scope, id, &last, e) == -1)
		return -1;
	if (last >= index)
		return 0;
	put_key(&k, c->hash.p, scope, id);
	return row_damaged(TABLE_REVOKED, key_slice(&k), last == 0 ?
	    "missing, but there is its entry" : "there is a later entry", e);
}

int
revocation_check_row(struct txn *t, struct slice key, struct err *e)
{
	uint64_t index, last;
	struct unpack u;
	struct consent c;
	unsigned scope;
	uint32_t id, ended;

	if (key.len != KEY_LEN)
		return row_damaged(TABLE_REVOKED, key, "key", e);
	unpack_init(&u, key.p + ADDRESS_HASH_OCTETS, 1 + 4);
	scope = unpack_u8(&u);
	id = unpack_u32(&u);
	if (get(t, key.p, scope, id, &index, e) != 1 ||
	    consent_last(t, &last, e) == -1)
		return -1;
	if (index == 0 || index > last)
		return row_damaged(TABLE_REVOKED, key,
		    "it names an entry that was never given", e);
	/* Kept long enough, it may be gone. */
	if (consent_get(t, index, &c, NULL) != 1)
		return 0;
	if (scope_ended(&c, &ended) == scope && ended == id)
		return 0;
	return row_damaged(TABLE_REVOKED, key,
	    "its entry revokes nothing of the kind", e);
}
