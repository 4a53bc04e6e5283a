/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mailbox_index.c - the rows that lead from a mailbox to its addresses.
 */
#include "config.h"

#include <string.h>

#include "lib/err.h"
#include "lib/strbuf.h"
#include "spool/mailbox_private.h"
#include "spool/row.h"
#include "spool/store.h"
#include "spool/subscriber.h"

#define CROWD_VERSION	1

int
mailbox_hash(struct txn *t, const struct address *folded, uint8_t *mailbox_r,
    struct err *e)
{
	struct address canonical;

	address_canonical(folded, &canonical);
	return address_hash(store_keys(txn_store(t)), &canonical, mailbox_r,
	    e);
}

/* ---- crowds */

void
mailbox_key(struct key *k, const uint8_t *mailbox)
{
	k->len = 0;
	key_raw(k, mailbox, HASH);
}

int
mailbox_crowd(struct txn *t, const uint8_t *mailbox, uint32_t *n_r,
    struct err *e)
{
	struct key k = KEY_INIT;
	struct slice value;
	struct unpack u;
	int rc;

	*n_r = 0;
	mailbox_key(&k, mailbox);
	rc = txn_get(t, TABLE_CROWDS, key_slice(&k), &value, e);
	if (rc != 1)
		return rc;
	if (row_open(&u, TABLE_CROWDS, key_slice(&k), value, CROWD_VERSION,
	    e) == -1)
		return -1;
	*n_r = unpack_u32(&u);
	return row_done(&u, TABLE_CROWDS, key_slice(&k), e) == -1 ? -1 : 1;
}

/* The largest there ever was is kept, as long as there is one at all. */
static int
crowd_put(struct txn *t, const uint8_t *mailbox, uint32_t n, struct err *e)
{
	struct strbuf b = STRBUF_INIT(16);
	struct key k = KEY_INIT;
	uint64_t most;
	int rc;

	mailbox_key(&k, mailbox);
	if (n < 2)
		return txn_del(t, TABLE_CROWDS, key_slice(&k), e) == -1 ? -1 :
		    0;
	if (txn_counter(t, COUNTER_CROWD, &most, e) == -1)
		return -1;
	if (n > most)
		txn_counter_set(t, COUNTER_CROWD, n);
	record_begin(&b, CROWD_VERSION);
	pack_u32(&b, n);
	rc = row_put(t, TABLE_CROWDS, key_slice(&k), &b, e);
	strbuf_free(&b);
	return rc;
}

/* ---- aliases */

int
mailbox_alias_from(struct txn *t, const uint8_t *mailbox, uint8_t *hash,
    struct err *e)
{
	struct key k = KEY_INIT;
	struct cursor *c = NULL;
	struct slice key, value;
	int rc;

	mailbox_key(&k, mailbox);
	key_raw(&k, hash, HASH);
	if (cursor_open(t, TABLE_ALIASES, &c, e) == -1)
		return -1;
	rc = cursor_seek(c, key_slice(&k), &key, &value, e);
	if (rc == 1 && (key.len != 2 * HASH ||
	    memcmp(key.p, mailbox, HASH) != 0))
		rc = 0;
	if (rc == 1)
		memcpy(hash, key.p + HASH, HASH);
	cursor_close(c);
	return rc;
}

bool
mailbox_hash_next(uint8_t *hash)
{
	for (int i = HASH - 1; i >= 0; i--)
		if (++hash[i] != 0)
			return true;
	return false;
}

/* Has it another alias than this one? */
static int
has_other(struct txn *t, const uint8_t *mailbox, const uint8_t *hash,
    struct err *e)
{
	uint8_t at[HASH] = { 0 };
	int rc = mailbox_alias_from(t, mailbox, at, e);

	if (rc != 1 || memcmp(at, hash, HASH) != 0)
		return rc;
	return mailbox_hash_next(at) ?
	    mailbox_alias_from(t, mailbox, at, e) : 0;
}

static int
enter(struct txn *t, const struct address *folded, const uint8_t *hash,
    struct err *e)
{
	uint8_t mailbox[HASH];
	struct key k = KEY_INIT;
	uint32_t n;
	int rc;

	if (mailbox_hash(t, folded, mailbox, e) == -1)
		return -1;
	mailbox_key(&k, mailbox);
	key_raw(&k, hash, HASH);
	if ((rc = txn_add(t, TABLE_ALIASES, key_slice(&k), SLICE("", 0),
	    e)) != 1)
		return rc;
	if ((rc = mailbox_crowd(t, mailbox, &n, e)) == -1)
		return -1;
	if (rc == 1)
		return crowd_put(t, mailbox, n + 1, e);
	if ((rc = has_other(t, mailbox, hash, e)) != 1)
		return rc;
	return crowd_put(t, mailbox, 2, e);
}

int
mailbox_enter(struct txn *t, const char *local, const char *domain,
    const uint8_t hash[static HASH], struct err *e)
{
	struct address a;

	if (address_is_canonical(local, domain))
		return 0;
	memcpy(a.local, local, strlen(local) + 1);
	memcpy(a.domain, domain, strlen(domain) + 1);
	return enter(t, &a, hash, e);
}

static int
leave(struct txn *t, const struct address *folded, const uint8_t *hash,
    struct err *e)
{
	uint8_t mailbox[HASH];
	struct key k = KEY_INIT;
	uint32_t n;
	int rc;

	if (mailbox_hash(t, folded, mailbox, e) == -1)
		return -1;
	mailbox_key(&k, mailbox);
	key_raw(&k, hash, HASH);
	if ((rc = txn_del(t, TABLE_ALIASES, key_slice(&k), e)) != 1)
		return rc;
	if ((rc = mailbox_crowd(t, mailbox, &n, e)) != 1)
		return rc;
	return crowd_put(t, mailbox, n - 1, e);
}

int
mailbox_leave(struct txn *t, const struct member *m,
    const uint8_t hash[static HASH], struct err *e)
{
	struct address a;
	struct member other;
	int rc = domain_name(t, m->domain, a.domain, e);

	if (rc != 1 || address_is_canonical(m->folded, a.domain))
		return rc == -1 ? -1 : 0;
	if ((rc = subscriber_next_of(t, hash, 0, &other, e)) != 0)
		return rc == -1 ? -1 : 0;
	memcpy(a.local, m->folded, sizeof(a.local));
	return leave(t, &a, hash, e);
}

/* By its key alone: the record may be of any version. */
static int
upgrade_row(struct txn *t, struct slice key, uint32_t *id, struct address *a,
    struct err *e)
{
	uint8_t hash[HASH];
	struct unpack u;
	uint32_t domain;
	int rc;

	unpack_init(&u, key.p, key.len);
	unpack_u32(&u);
	domain = unpack_u32(&u);
	unpack_u64(&u);
	if (u.bad || !slice_to_text(unpack_rest(&u), a->local,
	    sizeof(a->local)))
		return row_damaged(TABLE_MEMBERS, key, "key", e);
	if (domain != *id) {
		if ((rc = domain_name(t, domain, a->domain, e)) == 0)
			row_damaged(TABLE_MEMBERS, key, "no such domain", e);
		if (rc != 1)
			return -1;
		*id = domain;
	}
	if (address_is_canonical(a->local, a->domain))
		return 0;
	if (address_hash(store_keys(txn_store(t)), a, hash, e) == -1)
		return -1;
	return enter(t, a, hash, e);
}

int
mailbox_upgrade(struct txn *t, struct err *e)
{
	struct slice key, value;
	struct cursor *c = NULL;
	struct address a;
	uint32_t id = 0;
	int rc;

	if (cursor_open(t, TABLE_MEMBERS, &c, e) == -1)
		return -1;
	rc = cursor_seek(c, SLICE("\0", 1), &key, &value, e);
	while (rc == 1) {
		if (upgrade_row(t, key, &id, &a, e) == -1)
			rc = -1;
		else
			rc = cursor_next(c, &key, &value, e);
	}
	cursor_close(c);
	return rc;
}
