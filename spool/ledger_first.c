/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ledger_first.c - what the first checkpoint may go on from.
 *
 * A ledger is signed while it is empty, so one that has entries and no
 * checkpoint lost it, perhaps to somebody who changed the entries too.  Two
 * have entries before they can have one: that of a store of schema 1, whose
 * tree the upgrade makes, and one that was restored before it was signed.  Both
 * get a row that says of what tree this is so, with a MAC by the ledger's key:
 * nobody makes one with the store alone.  The first checkpoint takes it away.
 */
#include "config.h"

#include <string.h>

#include "lib/err.h"
#include "lib/keyring.h"
#include "spool/ledger_private.h"
#include "spool/row.h"
#include "spool/store_private.h"

#define META_FIRST	"first"
#define FIRST_VERSION	1
#define FIRST_LABEL	"listd ledger first v1"
#define INSTANCE	16
#define ROW_OCTETS	(8 + LEDGER_HASH + 1 + KEY_MAC_OCTETS)

static const struct slice row_key = { (const uint8_t *)META_FIRST,
	sizeof(META_FIRST) - 1 };

static bool
mac_of(struct txn *t, const struct ledger_head *head, uint8_t key_id,
    uint8_t mac[static KEY_MAC_OCTETS])
{
	struct strbuf b = STRBUF_INIT(INSTANCE + 8 + LEDGER_HASH);
	struct store *st = txn_store(t);
	bool ok;

	pack_raw(&b, store_instance(st), INSTANCE);
	pack_u64(&b, head->size);
	pack_raw(&b, head->root, LEDGER_HASH);
	ok = store_keys(st) != NULL && keyring_mac(store_keys(st), KEY_LEDGER,
	    key_id, FIRST_LABEL, b.s, b.len, mac);
	strbuf_free(&b);
	return ok;
}

int
ledger_first_put(struct txn *t, struct err *e)
{
	struct strbuf b = STRBUF_INIT(ROW_OCTETS + 16);
	const struct keyring *keys = store_keys(txn_store(t));
	uint8_t mac[KEY_MAC_OCTETS], id;
	struct ledger_head head;
	int ret;

	/* Without its key nothing will be signed either. */
	id = keys != NULL ? keyring_current(keys, KEY_LEDGER) : 0;
	if (ledger_head(t, &head, e) == -1)
		return -1;
	if (id == 0 || !mac_of(t, &head, id, mac))
		return 0;
	record_begin(&b, FIRST_VERSION);
	pack_u64(&b, head.size);
	pack_raw(&b, head.root, LEDGER_HASH);
	pack_u8(&b, id);
	pack_raw(&b, mac, sizeof(mac));
	ret = row_put(t, TABLE_META, row_key, &b, e);
	strbuf_free(&b);
	return ret;
}

int
ledger_first(struct txn *t, struct ledger_head *head, struct err *e)
{
	uint8_t mac[KEY_MAC_OCTETS], kept[KEY_MAC_OCTETS], id;
	struct slice value;
	struct unpack u;
	int rc = txn_get(t, TABLE_META, row_key, &value, e);

	if (rc != 1)
		return rc;
	if (row_open(&u, TABLE_META, row_key, value, FIRST_VERSION, e) == -1)
		return -1;
	head->size = unpack_u64(&u);
	unpack_raw(&u, head->root, LEDGER_HASH);
	id = unpack_u8(&u);
	unpack_raw(&u, kept, sizeof(kept));
	if (row_done(&u, TABLE_META, row_key, e) == -1)
		return -1;
	if (mac_of(t, head, id, mac) && memcmp(mac, kept, sizeof(mac)) == 0)
		return 1;
	return row_damaged(TABLE_META, row_key,
	    "the ledger's key did not make it", e);
}

int
ledger_first_del(struct txn *t, struct err *e)
{
	return txn_del(t, TABLE_META, row_key, e) == -1 ? -1 : 0;
}
