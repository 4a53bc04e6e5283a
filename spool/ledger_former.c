/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ledger_former.c - the names that the log had before it was restored.
 *
 * Copies of mails, checkpoints and files of evidence that were made under
 * them stay where they are, so their keys are published for ever.
 */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "lib/err.h"
#include "lib/xmalloc.h"
#include "spool/ledger_private.h"
#include "spool/ledger_sign.h"
#include "spool/row.h"
#include "spool/store_private.h"

#define META_FORMER	"former"
#define FORMER_VERSION	1
#define NAMES_MAX	1000	/* more than restored.c gives */
#define NAME_OCTETS	(LEDGER_ORIGIN_MAX + KEY_MAX * (NOTE_VKEY_MAX + 1) + \
			LEDGER_NOTE_MAX + 64)

static const struct slice row_key = { (const uint8_t *)META_FORMER,
	sizeof(META_FORMER) - 1 };

/* ---- reading */

static void
take(struct unpack *u, struct ledger_former *f)
{
	unpack_str(u, f->origin, sizeof(f->origin));
	f->size = unpack_u64(u);
	f->restored_ms = unpack_i64(u);
	f->vkeys = unpack_bytes(u);
	f->checkpoint = unpack_bytes(u);
}

int
ledger_former(struct txn *t, size_t n, struct ledger_former *f,
    struct err *e)
{
	struct slice value;
	struct unpack u;
	size_t at = 0;
	int rc = txn_get(t, TABLE_META, row_key, &value, e);

	if (rc != 1)
		return rc;
	if (row_open(&u, TABLE_META, row_key, value, FORMER_VERSION, e) == -1)
		return -1;
	while (u.left > 0 && at <= n) {
		take(&u, f);
		at++;
	}
	if ((u.bad || u.left == 0) && row_done(&u, TABLE_META, row_key, e) == -1)
		return -1;
	return at > n;
}

int
ledger_former_named(struct txn *t, const char *origin,
    struct ledger_former *f, struct err *e)
{
	size_t n = 0;
	int rc;

	while ((rc = ledger_former(t, n, f, e)) == 1 &&
	    strcmp(f->origin, origin) != 0)
		n++;
	return rc;
}

/*
 * From our secrets and the name: what the row itself says are its keys is
 * anybody's who can write to the disk.  0, -1.
 */
static int
add_keys(struct txn *t, const char *origin, struct note_key **keys,
    size_t *n, struct err *e)
{
	size_t more;

	*keys = xreallocarray(*keys, *n + KEY_MAX, sizeof(**keys));
	more = ledger_keys(store_keys(txn_store(t)), origin, *keys + *n, e);
	*n += more;
	return more == 0 ? -1 : 0;
}

size_t
ledger_keys_ever(struct txn *t, struct note_key **keys_r, struct err *e)
{
	char origin[LEDGER_ORIGIN_MAX + 1];
	struct note_key *keys = xcalloc(KEY_MAX, sizeof(*keys));
	struct ledger_former f;
	int rc = ledger_origin(t, origin, e);
	size_t n = 0;

	*keys_r = NULL;
	if (rc == 1 && (n = ledger_keys(store_keys(txn_store(t)), origin,
	    keys, e)) == 0)
		rc = -1;
	for (size_t i = 0; rc != -1 && (rc = ledger_former(t, i, &f,
	    e)) == 1; i++)
		rc = add_keys(t, f.origin, &keys, &n, e);
	if (rc == -1 || n == 0) {
		free(keys);
		return 0;
	}
	*keys_r = keys;
	return n;
}

int
ledger_vkeys_ever(struct txn *t, struct strbuf *out, struct err *e)
{
	struct ledger_former f;
	struct slice lines;
	int rc = ledger_vkeys(t, &lines, e);

	if (rc != 1)
		return rc;
	strbuf_add(out, lines.p, lines.len);
	for (size_t i = 0; (rc = ledger_former(t, i, &f, e)) == 1; i++)
		strbuf_add(out, f.vkeys.p, f.vkeys.len);
	return rc == -1 ? -1 : 1;
}

/* ---- another name */

/* What is to be known of the log as it was called. */
static int
describe(struct txn *t, const char *origin, int64_t now_ms,
    struct strbuf *b, struct err *e)
{
	struct ledger_checkpoint c = { .len = 0 };
	struct ledger_head head;
	struct slice lines = { NULL, 0 };

	if (ledger_head(t, &head, e) == -1 ||
	    ledger_vkeys(t, &lines, e) == -1 ||
	    ledger_checkpoint(t, &c, e) == -1)
		return -1;
	pack_str(b, origin);
	pack_u64(b, head.size);
	pack_i64(b, now_ms);
	pack_bytes(b, lines.p, lines.len);
	pack_bytes(b, c.text, c.len);
	return 0;
}

/* The newest first, before those that are there. */
static int
keep_former(struct txn *t, const char *origin, int64_t now_ms,
    struct err *e)
{
	struct strbuf b = STRBUF_INIT(NAMES_MAX * NAME_OCTETS);
	struct slice value, rest = { NULL, 0 };
	struct unpack u;
	int rc = txn_get(t, TABLE_META, row_key, &value, e);

	if (rc == 1) {
		rc = row_open(&u, TABLE_META, row_key, value, FORMER_VERSION,
		    e);
		rest = rc == -1 ? rest : unpack_rest(&u);
	}
	record_begin(&b, FORMER_VERSION);
	if (rc != -1)
		rc = describe(t, origin, now_ms, &b, e);
	strbuf_add(&b, rest.p, rest.len);
	if (rc != -1)
		rc = row_put(t, TABLE_META, row_key, &b, e);
	strbuf_free(&b);
	return rc == -1 ? -1 : 0;
}

int
ledger_rename(struct txn *t, const char *was, const char *is,
    int64_t now_ms, struct err *e)
{
	char origin[LEDGER_ORIGIN_MAX + 1];
	int rc = ledger_origin(t, origin, e);

	/* It may have signed after the backup, and not before. */
	if (rc == 0)
		rc = ledger_origin_put(t, was, e);
	if (rc == -1 || ledger_vkeys_put(t, e) == -1 ||
	    keep_former(t, was, now_ms, e) == -1)
		return -1;
	/* What witnesses signed is of the name that it had. */
	return ledger_origin_put(t, is, e) == -1 ||
	    ledger_vkeys_put(t, e) == -1 ||
	    ledger_cosigned_clear(t, e) == -1 ? -1 : 0;
}
