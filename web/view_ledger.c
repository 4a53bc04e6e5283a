/* SPDX-License-Identifier: Apache-2.0 */
/*
 * view_ledger.c - the ledger as it is shown: texts, tiles, bundles.
 */
#include "config.h"

#include "lib/err.h"
#include "lib/strbuf.h"
#include "lib/tlog_tile.h"
#include "spool/store.h"
#include "web/view_private.h"

int
view_ledger(void *arg, enum view_ledger what, struct strbuf *out,
    struct err *e)
{
	struct view *v = arg;
	struct txn *t;
	int rc = -1;

	if (view_look_begin(v, &t, e) == -1)
		return -1;
	switch (what) {
	case VIEW_CHECKPOINT:
		rc = cosign_last(t, out, e);
		break;
	case VIEW_COSIGNED:
		rc = cosign_largest(t, out, e);
		break;
	case VIEW_LEDGER_KEYS:
		rc = ledger_vkeys_ever(t, out, e);
		break;
	}
	view_look_end(v, t);
	return rc;
}

/* ---- tiles */

static int
add_entries(struct txn *t, const struct tlog_tile *tile, struct strbuf *out,
    struct err *e)
{
	uint8_t leaf[TLOG_TILE_WIDTH][LEDGER_HASH];

	if (ledger_leaves(t, tile->n * TLOG_TILE_WIDTH, tile->width, leaf,
	    e) == -1)
		return -1;
	for (size_t i = 0; i < tile->width; i++)
		tlog_tile_entry(out, leaf[i], LEDGER_HASH);
	return 1;
}

static int
add_tile(struct txn *t, const struct tlog_tile *tile, struct strbuf *out,
    struct err *e)
{
	uint8_t hash[TLOG_TILE_WIDTH][LEDGER_HASH];

	if (tile->entries)
		return add_entries(t, tile, out, e);
	if (ledger_tile(t, tile->level, tile->n, tile->width, hash, e) == -1)
		return -1;
	strbuf_add(out, hash, (size_t)tile->width * LEDGER_HASH);
	return 1;
}

int
view_tile(void *arg, const struct tlog_tile *tile, struct strbuf *out,
    struct err *e)
{
	struct view *v = arg;
	struct ledger_checkpoint c;
	struct txn *t;
	int rc;

	if (view_look_begin(v, &t, e) == -1)
		return -1;
	rc = ledger_checkpoint(t, &c, e);
	if (rc == 1 && tile->width > tlog_tile_width(tile->level, tile->n,
	    c.size))
		rc = 0;
	if (rc == 1)
		rc = add_tile(t, tile, out, e);
	view_look_end(v, t);
	return rc;
}

int
view_cosign(void *arg, const struct cosign_witnesses *w, struct slice note,
    enum cosign_verdict *v_r, struct err *e)
{
	struct view *v = arg;
	struct txn *t;
	int ret;

	if (view_look_begin(v, &t, e) == -1)
		return -1;
	ret = cosign_check(t, w, note, v_r, e);
	view_look_end(v, t);
	return ret;
}
