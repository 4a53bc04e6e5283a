/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mailbox.c - which subscriptions most likely end in one mailbox: the
 * questions.
 */
#include "config.h"

#include <string.h>

#include "lib/err.h"
#include "spool/mailbox_private.h"
#include "spool/row.h"
#include "spool/store.h"
#include "spool/subscriber_private.h"

/* ---- which mailbox */

int
mailbox_of_member(struct txn *t, const struct member *m,
    uint8_t mailbox_r[static HASH], struct err *e)
{
	struct address a;
	struct key k = KEY_INIT;
	int rc = domain_name(t, m->domain, a.domain, e);

	if (rc == 0) {
		key_u32(&k, m->domain);
		row_damaged(TABLE_DOMAIN_IDS, key_slice(&k), "missing", e);
	}
	if (rc != 1)
		return -1;
	memcpy(a.local, m->folded, sizeof(a.local));
	return mailbox_hash(t, &a, mailbox_r, e);
}

int
mailbox_of_text(struct txn *t, const char *address,
    uint8_t mailbox_r[static HASH], struct err *e)
{
	struct identity who;

	if (identity_parse(store_keys(txn_store(t)), address, strlen(address),
	    ADDRESS_UTF8, &who, e) == -1)
		return e->code == ERR_INPUT || e->code == ERR_LIMIT ? 0 : -1;
	memcpy(mailbox_r, who.mailbox, HASH);
	return 1;
}

int
mailbox_most(struct txn *t, unsigned *n_r, struct err *e)
{
	uint64_t aliases, crowds, most;

	*n_r = 1;
	if (txn_count(t, TABLE_ALIASES, &aliases, e) == -1 ||
	    txn_count(t, TABLE_CROWDS, &crowds, e) == -1 ||
	    txn_counter(t, COUNTER_CROWD, &most, e) == -1)
		return -1;
	if (crowds > 0)
		*n_r = most < UINT32_MAX ? (unsigned)most + 1 : UINT32_MAX;
	else if (aliases > 0)
		*n_r = 2;
	return 0;
}

int
mailbox_addresses(struct txn *t, const uint8_t mailbox[static HASH],
    unsigned *n_r, struct err *e)
{
	uint32_t n;
	int rc = mailbox_crowd(t, mailbox, &n, e);

	*n_r = rc == 1 ? n + 1 : 2;
	return rc == -1 ? -1 : 0;
}

/* ---- walking */

void
mailbox_walk_begin(struct mailbox_walk *w, const uint8_t mailbox[static HASH])
{
	*w = (struct mailbox_walk){ .list = 0 };
	memcpy(w->mailbox, mailbox, HASH);
	memcpy(w->hash, mailbox, HASH);
}

int
mailbox_walk_next(struct txn *t, struct mailbox_walk *w, struct member *m,
    struct err *e)
{
	bool canonical = memcmp(w->hash, w->mailbox, HASH) == 0;
	int rc;

	while (!w->over) {
		if ((rc = subscriber_next_of(t, w->hash, w->list, m, e)) != 0) {
			w->list = rc == 1 ? m->list + 1 : 0;
			return rc;
		}
		/* First the canonical address itself, then its aliases. */
		w->list = 0;
		if (canonical)
			memset(w->hash, 0, HASH);
		else if (!mailbox_hash_next(w->hash))
			break;
		canonical = false;
		if ((rc = mailbox_alias_from(t, w->mailbox, w->hash, e)) == -1)
			return -1;
		w->over = rc == 0;
	}
	w->over = true;
	return 0;
}

/* ---- check */

int
mailbox_check_member(struct txn *t, const struct member *m,
    const uint8_t hash[static HASH], struct err *e)
{
	uint8_t mailbox[HASH];
	struct key k = KEY_INIT;
	struct slice value;
	int rc;

	if (mailbox_of_member(t, m, mailbox, e) == -1)
		return -1;
	if (memcmp(mailbox, hash, HASH) == 0)
		return 0;
	mailbox_key(&k, mailbox);
	key_raw(&k, hash, HASH);
	if ((rc = txn_get(t, TABLE_ALIASES, key_slice(&k), &value, e)) == 0)
		return row_damaged(TABLE_ALIASES, key_slice(&k), "missing, "
		    "but there is its member", e);
	return rc == 1 ? 0 : -1;
}

int
mailbox_check_alias(struct txn *t, struct slice key, struct slice value,
    struct err *e)
{
	uint8_t mailbox[HASH], hash[HASH];
	struct member m;
	int rc;

	if (key.len != 2 * HASH || value.len != 0)
		return row_damaged(TABLE_ALIASES, key, "length", e);
	memcpy(hash, key.p + HASH, HASH);
	if ((rc = subscriber_next_of(t, hash, 0, &m, e)) == 0)
		return row_damaged(TABLE_ALIASES, key, "its address has no "
		    "membership", e);
	if (rc == -1 || mailbox_of_member(t, &m, mailbox, e) == -1)
		return -1;
	if (memcmp(mailbox, key.p, HASH) != 0)
		return row_damaged(TABLE_ALIASES, key, "it is not the "
		    "mailbox of its address", e);
	return 0;
}

int
mailbox_check_crowd(struct txn *t, struct slice key, struct slice value,
    struct err *e)
{
	uint8_t mailbox[HASH], at[HASH] = { 0 };
	uint32_t n, found = 0;
	uint64_t most;
	int rc;

	(void)value;
	if (key.len != HASH)
		return row_damaged(TABLE_CROWDS, key, "length", e);
	memcpy(mailbox, key.p, HASH);
	if (mailbox_crowd(t, mailbox, &n, e) != 1 ||
	    txn_counter(t, COUNTER_CROWD, &most, e) == -1)
		return -1;
	while ((rc = mailbox_alias_from(t, mailbox, at, e)) == 1) {
		found++;
		if (!mailbox_hash_next(at))
			break;
	}
	if (rc == -1)
		return -1;
	if (n < 2 || n != found || n > most)
		return row_damaged(TABLE_CROWDS, key, "it does not count its "
		    "aliases", e);
	return 0;
}
