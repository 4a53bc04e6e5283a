/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ledger_checkpoint.c - what was signed: the log's name, its last checkpoint,
 * and the cosignatures of witnesses.
 */
#include "config.h"

#include <string.h>

#include "lib/err.h"
#include "spool/ledger_private.h"
#include "spool/ledger_sign.h"
#include "spool/row.h"
#include "spool/store_private.h"

#define META_CHECKPOINT		"checkpoint"
#define META_ORIGIN		"origin"
#define META_VKEYS		"vkeys"
#define CHECKPOINT_VERSION	1
#define ORIGIN_VERSION		1
#define VKEYS_VERSION		1
#define COSIGNED_VERSION	1
#define ROW_SLACK		128	/* octets of a row beside its text */
#define VKEYS_MAX		(KEY_MAX * (NOTE_VKEY_MAX + 1))

static struct slice
text_slice(const char *s)
{
	return SLICE(s, strlen(s));
}

/* ---- our own */

int
ledger_checkpoint(struct txn *t, struct ledger_checkpoint *c, struct err *e)
{
	struct slice key = text_slice(META_CHECKPOINT), value;
	struct unpack u;
	int rc = txn_get(t, TABLE_META, key, &value, e);

	if (rc != 1)
		return rc;
	if (row_open(&u, TABLE_META, key, value, CHECKPOINT_VERSION, e) == -1)
		return -1;
	c->size = unpack_u64(&u);
	unpack_raw(&u, c->root, sizeof(c->root));
	c->when_ms = unpack_i64(&u);
	c->clock_unsure = unpack_u8(&u) != 0;
	unpack_str(&u, c->text, sizeof(c->text));
	c->len = strlen(c->text);
	return row_done(&u, TABLE_META, key, e) == -1 ? -1 : 1;
}

int
ledger_checkpoint_put(struct txn *t, const struct ledger_checkpoint *c,
    struct err *e)
{
	struct strbuf b = STRBUF_INIT(LEDGER_NOTE_MAX + ROW_SLACK);
	int ret;

	record_begin(&b, CHECKPOINT_VERSION);
	pack_u64(&b, c->size);
	pack_raw(&b, c->root, sizeof(c->root));
	pack_i64(&b, c->when_ms);
	pack_u8(&b, c->clock_unsure);
	pack_bytes(&b, c->text, c->len);
	ret = row_put(t, TABLE_META, text_slice(META_CHECKPOINT), &b, e);
	strbuf_free(&b);
	return ret;
}

int
ledger_origin(struct txn *t, char origin[static LEDGER_ORIGIN_MAX + 1],
    struct err *e)
{
	struct slice key = text_slice(META_ORIGIN), value;
	struct unpack u;
	int rc = txn_get(t, TABLE_META, key, &value, e);

	if (rc != 1)
		return rc;
	if (row_open(&u, TABLE_META, key, value, ORIGIN_VERSION, e) == -1)
		return -1;
	unpack_str(&u, origin, LEDGER_ORIGIN_MAX + 1);
	return row_done(&u, TABLE_META, key, e) == -1 ? -1 : 1;
}

int
ledger_origin_put(struct txn *t, const char *origin, struct err *e)
{
	struct strbuf b = STRBUF_INIT(LEDGER_ORIGIN_MAX + ROW_SLACK);
	int ret;

	record_begin(&b, ORIGIN_VERSION);
	pack_str(&b, origin);
	ret = row_put(t, TABLE_META, text_slice(META_ORIGIN), &b, e);
	strbuf_free(&b);
	return ret;
}

int
ledger_vkeys(struct txn *t, struct slice *lines, struct err *e)
{
	struct slice key = text_slice(META_VKEYS), value;
	struct unpack u;
	int rc = txn_get(t, TABLE_META, key, &value, e);

	if (rc != 1)
		return rc;
	if (row_open(&u, TABLE_META, key, value, VKEYS_VERSION, e) == -1)
		return -1;
	*lines = unpack_bytes(&u);
	return row_done(&u, TABLE_META, key, e) == -1 ? -1 : 1;
}

/* The line of each key, the current one's when it is asked for. */
static void
add_lines(struct strbuf *b, const struct keyring *keys,
    const struct note_key *key, size_t n, bool current)
{
	uint8_t now = keyring_current(keys, KEY_LEDGER);

	for (size_t i = 0; i < n; i++) {
		if ((keyring_id(keys, KEY_LEDGER, i) == now) != current)
			continue;
		note_key_format(&key[i], b);
		strbuf_addc(b, '\n');
	}
}

/* The lines as they should be. */
static int
make_lines(struct txn *t, struct strbuf *lines, struct err *e)
{
	const struct keyring *keys = store_keys(txn_store(t));
	char origin[LEDGER_ORIGIN_MAX + 1];
	struct note_key key[KEY_MAX];
	int rc = ledger_origin(t, origin, e);
	size_t n;

	if (rc == 0)
		err_set(e, ERR_NOTFOUND, "the ledger has no name");
	if (rc != 1 || (n = ledger_keys(keys, origin, key, e)) == 0)
		return -1;
	add_lines(lines, keys, key, n, true);
	add_lines(lines, keys, key, n, false);
	return 0;
}

bool
ledger_vkeys_differ(struct txn *t, struct err *e)
{
	struct strbuf lines = STRBUF_INIT(VKEYS_MAX);
	struct slice kept;
	int rc = make_lines(t, &lines, e) == -1 ? -1 :
	    ledger_vkeys(t, &kept, e);
	bool same = rc == 1 && kept.len == lines.len &&
	    memcmp(kept.p, lines.s, kept.len) == 0;

	if (rc != -1 && !same)
		err_set(e, ERR_DAMAGED, rc == 0 ? "missing" :
		    "not those of the secrets");
	strbuf_free(&lines);
	return !same;
}

int
ledger_vkeys_put(struct txn *t, struct err *e)
{
	struct strbuf b = STRBUF_INIT(VKEYS_MAX + ROW_SLACK);
	struct strbuf lines = STRBUF_INIT(VKEYS_MAX);
	int ret = 0;

	/* They change with the keys, once in years. */
	if (ledger_vkeys_differ(t, NULL)) {
		ret = make_lines(t, &lines, e);
		record_begin(&b, VKEYS_VERSION);
		pack_bytes(&b, lines.s, lines.len);
		if (ret == 0)
			ret = row_put(t, TABLE_META, text_slice(META_VKEYS),
			    &b, e);
	}
	strbuf_free(&lines);
	strbuf_free(&b);
	return ret;
}

/* ---- of witnesses */

static int
decode(struct slice key, struct slice value, struct slice *note_r,
    struct err *e)
{
	struct unpack u;

	if (row_open(&u, TABLE_COSIGNATURES, key, value, COSIGNED_VERSION,
	    e) == -1)
		return -1;
	*note_r = unpack_bytes(&u);
	return row_done(&u, TABLE_COSIGNATURES, key, e) == -1 ? -1 : 1;
}

int
ledger_cosigned_put(struct txn *t, const char *witness, struct slice note,
    struct err *e)
{
	struct strbuf b = STRBUF_INIT(LEDGER_COSIGNED_MAX + ROW_SLACK);
	size_t len = strlen(witness);
	int ret;

	if (len == 0 || len > LEDGER_WITNESS_MAX ||
	    note.len > LEDGER_COSIGNED_MAX) {
		err_set(e, ERR_LIMIT, "a cosigned checkpoint of %zu octets "
		    "from a witness whose name has %zu", note.len, len);
		return -1;
	}
	record_begin(&b, COSIGNED_VERSION);
	pack_bytes(&b, note.p, note.len);
	ret = row_put(t, TABLE_COSIGNATURES, text_slice(witness), &b, e);
	strbuf_free(&b);
	return ret;
}

int
ledger_cosigned(struct txn *t, const char *witness, struct slice *note_r,
    struct err *e)
{
	struct slice key = text_slice(witness), value;
	int rc = txn_get(t, TABLE_COSIGNATURES, key, &value, e);

	return rc != 1 ? rc : decode(key, value, note_r, e);
}

int
ledger_cosigned_next(struct txn *t, char name[static LEDGER_WITNESS_MAX + 1],
    struct slice *note_r, struct err *e)
{
	struct slice key, value, from = text_slice(name);
	struct cursor *c;
	int rc;

	if (cursor_open(t, TABLE_COSIGNATURES, &c, e) == -1)
		return -1;
	rc = cursor_seek(c, from, &key, &value, e);
	if (rc == 1 && key.len == from.len &&
	    memcmp(key.p, from.p, from.len) == 0)
		rc = cursor_next(c, &key, &value, e);
	if (rc == 1) {
		rc = decode(key, value, note_r, e);
		if (rc == 1 && !slice_to_text(key, name,
		    LEDGER_WITNESS_MAX + 1))
			rc = row_damaged(TABLE_COSIGNATURES, key,
			    "no witness has such a name", e);
	}
	cursor_close(c);
	return rc;
}

int
ledger_cosigned_clear(struct txn *t, struct err *e)
{
	char name[LEDGER_WITNESS_MAX + 1];
	struct slice key, value;
	struct cursor *c;
	int rc;

	/* Damaged ones too: rows are looked at by their keys alone. */
	for (;;) {
		if (cursor_open(t, TABLE_COSIGNATURES, &c, e) == -1)
			return -1;
		rc = cursor_seek(c, text_slice(""), &key, &value, e);
		if (rc == 1 && !slice_to_text(key, name, sizeof(name)))
			rc = row_damaged(TABLE_COSIGNATURES, key,
			    "no witness has such a name", e);
		cursor_close(c);
		if (rc != 1)
			return rc;
		if (txn_del(t, TABLE_COSIGNATURES, text_slice(name), e) == -1)
			return -1;
	}
}
