/* SPDX-License-Identifier: Apache-2.0 */
/*
 * act.c - the chain of operators' acts.
 *
 * Row: index u64 -> version, time i64, id of the key u8, entry u64, who, verb,
 * object, old, new, MAC 32, check.  The MAC is over the MAC of the row before
 * it (32 zeros at first), the index, and the fields up to it.  The entry has
 * the SHA-256 of all of it but the check.  A row of version 1 has no entry.
 */
#include "config.h"

#include <string.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>

#include "lib/err.h"
#include "lib/keyring.h"
#include "lib/utf8.h"
#include "spool/act.h"
#include "spool/check_private.h"
#include "spool/consent.h"
#include "spool/row.h"

#define ACT_VERSION	2
#define ACT_OLD		1	/* version of rows that have no entry */
#define ACT_LABEL	"listd act v1"
#define ACT_ROW_MAX	8192
#define MAC		KEY_MAC_OCTETS
#define ENTRY_AT	10	/* octets before the entry: version, time, id */

static struct key
act_key(uint64_t index)
{
	struct key k = KEY_INIT;

	key_u64(&k, index);
	return k;
}

/* Append text cut at max octets, at a character. */
static void
pack_cut(struct strbuf *b, const char *text, size_t max)
{
	size_t len = text != NULL ? strlen(text) : 0;

	if (len > max) {
		len = max;
		while (len > max - UTF8_OCTETS_MAX &&
		    ((unsigned char)text[len] & 0xc0) == 0x80)
			len--;
	}
	pack_bytes(b, text, len);
}

static int
act_mac(struct txn *t, uint8_t key_id, const uint8_t before[static MAC],
    uint64_t index, struct slice fields, uint8_t mac[static MAC],
    struct err *e)
{
	struct strbuf b = STRBUF_INIT(ACT_ROW_MAX + MAC + 8);
	const struct keyring *keys = store_keys(txn_store(t));
	bool ok;

	pack_raw(&b, before, MAC);
	pack_u64(&b, index);
	pack_raw(&b, fields.p, fields.len);
	ok = !b.overflow && keys != NULL && keyring_mac(keys, KEY_LEDGER,
	    key_id, ACT_LABEL, b.s, b.len, mac);
	strbuf_free(&b);
	if (ok)
		return 0;
	err_set(e, ERR_CRYPTO, "no MAC for an act: the ledger key %u is "
	    "missing", key_id);
	return -1;
}

static int
act_open(struct unpack *u, struct slice key, struct slice value,
    struct err *e)
{
	bool old = value.len > 0 && value.p[0] == ACT_OLD;

	return row_open(u, TABLE_ACTS, key, value, old ? ACT_OLD : ACT_VERSION,
	    e);
}

/* The MAC at the end of a row's fields.  1, 0 no such row, -1. */
static int
mac_of(struct txn *t, uint64_t index, uint8_t mac[static MAC], struct err *e)
{
	struct key k = act_key(index);
	struct slice v;
	struct unpack u;
	int rc;

	memset(mac, 0, MAC);
	if (index == 0)
		return 1;	/* before the first */
	rc = txn_get(t, TABLE_ACTS, key_slice(&k), &v, e);
	if (rc != 1)
		return rc;
	if (act_open(&u, key_slice(&k), v, e) == -1)
		return -1;
	if (u.left < MAC)
		return row_damaged(TABLE_ACTS, key_slice(&k), "too short", e);
	memcpy(mac, u.p + u.left - MAC, MAC);
	return 1;
}

static int
act_hash(struct slice row, uint8_t out[static ACT_HASH], struct err *e)
{
	if (EVP_Digest(row.p, row.len, out, NULL, EVP_sha256(), NULL) == 1)
		return 0;
	err_set(e, ERR_CRYPTO, "no SHA-256");
	return -1;
}

/* The entry that has the hash of the row, in the ledger with all others. */
static int
append_entry(struct txn *t, struct consent *c, struct slice row,
    uint64_t entry, struct err *e)
{
	uint8_t hash[ACT_HASH];
	uint64_t given;

	c->act_hash = SLICE(hash, sizeof(hash));
	if (act_hash(row, hash, e) == -1 ||
	    consent_append(t, c, &given, e) == -1)
		return -1;
	if (given == entry)
		return 0;
	err_set(e, ERR_STORE, "an act's entry got another number");
	return -1;
}

int
act_note(struct txn *t, const char *who, int64_t when_ms, const char *verb,
    const char *object, const char *old, const char *new, struct err *e)
{
	struct strbuf b = STRBUF_INIT(ACT_ROW_MAX);
	const struct keyring *keys = store_keys(txn_store(t));
	struct consent c = { .kind = CONSENT_ACT, .when_ms = when_ms,
	    .setter = consent_text(who), .note = consent_text(verb) };
	uint8_t mac[MAC], key_id;
	uint64_t entry;
	struct key k;
	int rc, ret = -1;

	if (txn_counter_next(t, COUNTER_ACT, &c.act, e) == -1 ||
	    consent_last(t, &entry, e) == -1)
		return -1;
	k = act_key(c.act);
	if ((rc = mac_of(t, c.act - 1, mac, e)) != 1)
		return rc == -1 ? -1 : row_damaged(TABLE_ACTS, key_slice(&k),
		    "the row before it is missing", e);
	key_id = keys != NULL ? keyring_current(keys, KEY_LEDGER) : 0;
	record_begin(&b, ACT_VERSION);
	pack_i64(&b, when_ms);
	pack_u8(&b, key_id);
	pack_u64(&b, ++entry);
	pack_cut(&b, who, ACT_WHO_MAX);
	pack_cut(&b, verb, ACT_VERB_MAX);
	pack_cut(&b, object, ACT_OBJECT_MAX);
	pack_cut(&b, old, ACT_VALUE_MAX);
	pack_cut(&b, new, ACT_VALUE_MAX);
	if (act_mac(t, key_id, mac, c.act, SLICE(b.s, b.len), mac, e) == 0) {
		pack_raw(&b, mac, MAC);
		ret = append_entry(t, &c, SLICE(b.s, b.len), entry, e);
	}
	if (ret == 0)
		ret = row_put(t, TABLE_ACTS, key_slice(&k), &b, e);
	strbuf_free(&b);
	return ret;
}

static int
act_decode(struct slice key, struct slice value, struct act *a_r,
    struct err *e)
{
	uint8_t mac[MAC];
	struct unpack u;

	if (act_open(&u, key, value, e) == -1)
		return -1;
	a_r->when_ms = unpack_i64(&u);
	unpack_u8(&u);
	a_r->entry = value.p[0] == ACT_OLD ? 0 : unpack_u64(&u);
	unpack_str(&u, a_r->who, sizeof(a_r->who));
	unpack_str(&u, a_r->verb, sizeof(a_r->verb));
	unpack_str(&u, a_r->object, sizeof(a_r->object));
	unpack_str(&u, a_r->old, sizeof(a_r->old));
	unpack_str(&u, a_r->new, sizeof(a_r->new));
	unpack_raw(&u, mac, sizeof(mac));
	return row_done(&u, TABLE_ACTS, key, e);
}

int
act_next(struct txn *t, uint64_t index, struct act *a_r, struct err *e)
{
	struct key k = act_key(index);
	struct slice key, value;
	struct cursor *c;
	struct unpack u;
	int rc;

	if (cursor_open(t, TABLE_ACTS, &c, e) == -1)
		return -1;
	rc = cursor_seek(c, key_slice(&k), &key, &value, e);
	if (rc == 1) {
		unpack_init(&u, key.p, key.len);
		a_r->index = unpack_u64(&u);
		if (act_decode(key, value, a_r, e) == -1)
			rc = -1;
	}
	cursor_close(c);
	return rc;
}

/* ---- verifying */

/* The entry of a row of this version says so; fields has all but the check. */
static int
verify_entry(struct txn *t, struct slice key, uint64_t act,
    struct slice fields, struct err *e)
{
	uint8_t hash[ACT_HASH];
	struct consent c;
	struct unpack u;
	int rc;

	if (fields.p[0] == ACT_OLD)
		return 0;
	unpack_init(&u, fields.p + ENTRY_AT, fields.len - ENTRY_AT);
	if ((rc = consent_get(t, unpack_u64(&u), &c, e)) == -1 ||
	    act_hash(fields, hash, e) == -1)
		return -1;
	if (rc == 0)
		return row_damaged(TABLE_ACTS, key, "its consent entry is "
		    "missing", e);
	if (c.kind != CONSENT_ACT || c.act != act ||
	    c.act_hash.len != ACT_HASH ||
	    memcmp(c.act_hash.p, hash, ACT_HASH) != 0)
		return row_damaged(TABLE_ACTS, key, "its consent entry says "
		    "another act", e);
	return 0;
}

/* Check one row against the MAC before it, which becomes its own. */
static int
verify_one(struct txn *t, uint64_t index, uint8_t mac[static MAC],
    struct err *e)
{
	struct key k = act_key(index);
	struct slice v, fields;
	uint8_t want[MAC];
	struct unpack u;
	int rc = txn_get(t, TABLE_ACTS, key_slice(&k), &v, e);

	if (rc == 0)
		return row_damaged(TABLE_ACTS, key_slice(&k), "missing", e);
	if (rc == -1 || act_open(&u, key_slice(&k), v, e) == -1)
		return -1;
	if (u.left < MAC + ENTRY_AT + 8)
		return row_damaged(TABLE_ACTS, key_slice(&k), "too short", e);
	/* The fields begin with the version, one octet before u. */
	fields = (struct slice){ u.p - 1, u.left + 1 };
	if (act_mac(t, u.p[8], mac, index,
	    (struct slice){ fields.p, fields.len - MAC }, want, e) == -1)
		return -1;
	if (CRYPTO_memcmp(want, u.p + u.left - MAC, MAC) != 0)
		return row_damaged(TABLE_ACTS, key_slice(&k),
		    "it does not follow the act before it", e);
	memcpy(mac, want, MAC);
	return verify_entry(t, key_slice(&k), index, fields, e);
}

int
act_check_entry(struct txn *t, const struct consent *c, struct err *e)
{
	struct key k = act_key(c->act);
	uint8_t hash[ACT_HASH];
	struct unpack u;
	struct slice v;
	int rc;

	if (c->act_hash.len != ACT_HASH)
		return 0;	/* of before acts had entries */
	if ((rc = txn_get(t, TABLE_ACTS, key_slice(&k), &v, e)) == 0)
		return row_damaged(TABLE_ACTS, key_slice(&k), "missing, but "
		    "there is its consent entry", e);
	if (rc == -1 || act_open(&u, key_slice(&k), v, e) == -1 ||
	    act_hash((struct slice){ u.p - 1, u.left + 1 }, hash, e) == -1)
		return -1;
	if (memcmp(hash, c->act_hash.p, ACT_HASH) != 0)
		return row_damaged(TABLE_ACTS, key_slice(&k), "it is not "
		    "what its consent entry says", e);
	return 0;
}

int
act_verify(struct txn *t, struct act_walk *walk, unsigned max, struct err *e)
{
	uint64_t last;

	if (txn_counter(t, COUNTER_ACT, &last, e) == -1)
		return -1;
	if (walk->index == 0)
		walk->index = 1;
	for (; walk->index <= last && max > 0; walk->index++, max--)
		if (verify_one(t, walk->index, walk->mac, e) == -1)
			return -1;
	return walk->index <= last;
}

/* The number of the first row from index on.  1, 0, -1. */
static int
next_index(struct txn *t, uint64_t *index, struct err *e)
{
	struct key k = act_key(*index);
	struct slice key, value;
	struct cursor *c;
	struct unpack u;
	int rc;

	if (cursor_open(t, TABLE_ACTS, &c, e) == -1)
		return -1;
	rc = cursor_seek(c, key_slice(&k), &key, &value, e);
	unpack_init(&u, key.p, key.len);
	if (rc == 1)
		*index = unpack_u64(&u);
	cursor_close(c);
	return rc;
}

/*
 * A row whose own MAC can be read lets the next one be judged; where it can
 * not, the next stands for itself and is not judged.
 */
int
act_walk_skip(struct txn *t, struct act_walk *walk, struct err *e)
{
	uint64_t index;
	int rc;

	for (;;) {
		if (mac_of(t, walk->index, walk->mac, NULL) == 1) {
			walk->index++;
			return 1;
		}
		if (walk->index == UINT64_MAX)
			return 0;
		index = walk->index + 1;
		if ((rc = next_index(t, &index, e)) != 1) {
			walk->index = UINT64_MAX;
			return rc;
		}
		walk->index = index;
	}
}
