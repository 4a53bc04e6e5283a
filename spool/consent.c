/* SPDX-License-Identifier: Apache-2.0 */
/*
 * consent.c - the table of consent entries.
 */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>
#include <openssl/rand.h>

#include "lib/err.h"
#include "lib/strbuf.h"
#include "lib/xmalloc.h"
#include "spool/consent.h"
#include "spool/ledger_private.h"
#include "spool/raw_mask.h"
#include "spool/revocation.h"
#include "spool/row.h"
#include "spool/store_copy.h"

#define SEAL_OCTETS	4	/* of record_end() */
#define ROW_USUAL	512	/* octets to begin a row with */
#define INDEX_OCTETS	8

static struct key
index_key(uint64_t index)
{
	struct key k = KEY_INIT;

	key_u64(&k, index);
	return k;
}

static struct key
of_key(const uint8_t hash[static 16], uint64_t index)
{
	struct key k = KEY_INIT;

	key_raw(&k, hash, 16);
	key_u64(&k, index);
	return k;
}

int
consent_commitment(const uint8_t salt[static CONSENT_SALT],
    struct slice entry, uint8_t out[static CONSENT_COMMITMENT], struct err *e)
{
	EVP_MD_CTX *md = EVP_MD_CTX_new();
	bool ok = md != NULL && EVP_DigestInit_ex(md, EVP_sha256(), NULL) &&
	    EVP_DigestUpdate(md, salt, CONSENT_SALT) &&
	    EVP_DigestUpdate(md, entry.p, entry.len) &&
	    EVP_DigestFinal_ex(md, out, NULL);

	EVP_MD_CTX_free(md);
	if (ok)
		return 0;
	err_set(e, ERR_CRYPTO, "no SHA-256");
	return -1;
}

int
consent_make(struct strbuf *out, const uint8_t salt[static CONSENT_SALT],
    const struct consent *c, struct err *e)
{
	size_t from = out->len;

	strbuf_add(out, salt, CONSENT_SALT);
	if (consent_encode(out, c, e) == -1)
		return -1;
	record_end_from(out, from);
	if (!out->overflow)
		return 0;
	err_set(e, ERR_LIMIT, "no memory for an entry");
	return -1;
}

int
consent_salt(uint8_t salt[static CONSENT_SALT], struct err *e)
{
	if (RAND_bytes(salt, CONSENT_SALT) == 1)
		return 0;
	err_set(e, ERR_CRYPTO, "no random octets for a salt");
	return -1;
}

static int
make_row(struct txn *t, struct strbuf *row, const struct consent *c,
    struct err *e)
{
	struct strbuf kept = STRBUF_INIT(c->raw.len + 1);
	uint8_t salt[CONSENT_SALT], hash[32];
	struct consent marked = *c;
	int ret = -1;

	marked.clock_unsure |= store_clock_unsure(txn_store(t));
	strbuf_reserve(row, ROW_USUAL);
	if (consent_salt(salt, e) == 0 &&
	    raw_mask(t, &marked, &kept, hash, e) == 0)
		ret = consent_make(row, salt, &marked, e);
	strbuf_free(&kept);
	return ret;
}

struct consent_bulk {
	struct txn	*t;
	struct cursor	*c;
};

struct consent_bulk *
consent_bulk_begin(struct txn *t, struct err *e)
{
	struct consent_bulk *b = xmalloc(sizeof(*b));

	b->t = t;
	if (cursor_open(t, TABLE_CONSENT, &b->c, e) == 0)
		return b;
	free(b);
	return NULL;
}

void
consent_bulk_end(struct consent_bulk *b)
{
	if (b == NULL)
		return;
	cursor_close(b->c);
	free(b);
}

int
consent_bulk_append(struct consent_bulk *b, struct slice row,
    const struct ledger_entry *leaf, uint64_t *index_r, struct err *e)
{
	struct key k;

	if (txn_counter_next(b->t, COUNTER_CONSENT, index_r, e) == -1)
		return -1;
	k = index_key(*index_r);
	return cursor_append(b->c, key_slice(&k), row, e) == -1 ? -1 :
	    ledger_append(b->t, *index_r, leaf, e);
}

int
consent_append(struct txn *t, const struct consent *c, uint64_t *index_r,
    struct err *e)
{
	struct strbuf row = STRBUF_INIT(CONSENT_SALT + CONSENT_ENTRY_MAX +
	    SEAL_OCTETS);
	struct ledger_entry leaf;
	struct key k, of;
	uint64_t index;
	int ret = -1;

	if (make_row(t, &row, c, e) == -1 ||
	    txn_counter_next(t, COUNTER_CONSENT, &index, e) == -1)
		goto out;
	k = index_key(index);
	ledger_entry_of(SLICE(row.s, row.len), &leaf);
	if (txn_append(t, TABLE_CONSENT, key_slice(&k), SLICE(row.s, row.len),
	    e) == -1 || ledger_append(t, index, &leaf, e) == -1)
		goto out;
	if (c->hash.len == 16) {
		of = of_key(c->hash.p, index);
		if (txn_put(t, TABLE_CONSENT_OF, key_slice(&of), SLICE("", 0),
		    e) == -1 || revocation_note(t, c, index, e) == -1)
			goto out;
	}
	/* What it says is gone still lies in pages, until compaction. */
	if ((c->kind == CONSENT_ERASED || c->erased.len > 0) &&
	    store_erased(t, c->when_ms, e) == -1)
		goto out;
	if (index_r != NULL)
		*index_r = index;
	ret = 0;
out:
	strbuf_free(&row);
	return ret;
}

int
consent_append_made(struct txn *t, struct slice row,
    const struct ledger_entry *leaf, const uint8_t hash[static 16],
    uint64_t *index_r, struct err *e)
{
	struct consent_bulk *b = consent_bulk_begin(t, e);
	struct key of;
	int rc;

	if (b == NULL)
		return -1;
	rc = consent_bulk_append(b, row, leaf, index_r, e);
	consent_bulk_end(b);
	if (rc == -1)
		return -1;
	of = of_key(hash, *index_r);
	return txn_put(t, TABLE_CONSENT_OF, key_slice(&of), SLICE("", 0), e);
}

int
consent_get_row(struct txn *t, uint64_t index, struct slice *salt_r,
    struct slice *entry_r, struct err *e)
{
	struct key k = index_key(index);
	struct slice v;
	struct unpack u;
	uint8_t first;
	int rc = txn_get(t, TABLE_CONSENT, key_slice(&k), &v, e);

	if (rc != 1)
		return rc;
	/* The salt's first octet stands where others have a version. */
	if (!record_open(&u, v.p, v.len, &first) || u.left < CONSENT_SALT)
		return row_damaged(TABLE_CONSENT, key_slice(&k),
		    "its seal is broken", e);
	*salt_r = (struct slice){ v.p, CONSENT_SALT };
	*entry_r = (struct slice){ v.p + CONSENT_SALT,
	    u.left + 1 - CONSENT_SALT };
	return 1;
}

int
consent_get(struct txn *t, uint64_t index, struct consent *c_r,
    struct err *e)
{
	struct key k = index_key(index);
	struct err le = ERR_INIT;
	struct slice salt, entry;
	int rc = consent_get_row(t, index, &salt, &entry, e);

	if (rc != 1)
		return rc;
	if (consent_decode(entry, c_r, &le) == -1)
		return row_damaged(TABLE_CONSENT, key_slice(&k), le.text, e);
	return 1;
}

int
consent_next(struct txn *t, uint64_t from, uint64_t *index_r,
    struct consent *c_r, struct err *e)
{
	struct key k = index_key(from);
	struct slice key, value;
	struct cursor *c;
	struct unpack u;
	int rc;

	if (cursor_open(t, TABLE_CONSENT, &c, e) == -1)
		return -1;
	rc = cursor_seek(c, key_slice(&k), &key, &value, e);
	cursor_close(c);
	if (rc != 1)
		return rc;
	unpack_init(&u, key.p, key.len);
	*index_r = unpack_u64(&u);
	return consent_get(t, *index_r, c_r, e);
}

int
consent_next_of(struct txn *t, const uint8_t hash[static 16], uint64_t from,
    uint64_t *index_r, struct err *e)
{
	struct key k = of_key(hash, from);
	struct slice key, value;
	struct cursor *c;
	struct unpack u;
	int rc;

	if (cursor_open(t, TABLE_CONSENT_OF, &c, e) == -1)
		return -1;
	rc = cursor_seek(c, key_slice(&k), &key, &value, e);
	if (rc == 1 && (key.len != k.len ||
	    !slice_has_prefix(key, SLICE(hash, 16))))
		rc = 0;
	if (rc == 1) {
		unpack_init(&u, key.p + 16, 8);
		*index_r = unpack_u64(&u);
	}
	cursor_close(c);
	return rc;
}

int
consent_last(struct txn *t, uint64_t *index_r, struct err *e)
{
	return txn_counter(t, COUNTER_CONSENT, index_r, e);
}

int
consent_remove(struct txn *t, uint64_t index, struct slice hash,
    struct err *e)
{
	struct key k = index_key(index), of;

	if (txn_del(t, TABLE_CONSENT, key_slice(&k), e) == -1)
		return -1;
	if (hash.len != 16)
		return 0;
	of = of_key(hash.p, index);
	return txn_del(t, TABLE_CONSENT_OF, key_slice(&of), e) == -1 ? -1 : 0;
}

static int
by_index(const void *a, const void *b)
{
	return memcmp(a, b, INDEX_OCTETS);
}

int
consent_erase(struct txn *t, const uint8_t hash[static 16],
    struct strbuf *erased, size_t max, struct err *e)
{
	struct consent c;
	uint64_t index;
	int rc = 1;

	for (size_t n = 0; n < max && rc == 1; n++) {
		rc = consent_next_of(t, hash, 0, &index, e);
		if (rc != 1)
			break;
		/* A gap that it names is named by the erasure from now on. */
		if (consent_get(t, index, &c, NULL) == 1 && c.erased.len > 0)
			strbuf_add(erased, c.erased.p, c.erased.len);
		pack_u64(erased, index);
		if (consent_remove(t, index, SLICE(hash, 16), e) == -1)
			return -1;
	}
	if (rc == 0 && revocation_erase(t, hash, e) == -1)
		return -1;
	qsort(erased->s, erased->len / INDEX_OCTETS, INDEX_OCTETS, by_index);
	return rc;
}
