/* SPDX-License-Identifier: Apache-2.0 */
/*
 * view_ledger.c - the ledger as it is shown: texts, tiles, bundles.
 */
#include "config.h"

#include <string.h>

#include "lib/err.h"
#include "lib/strbuf.h"
#include "lib/tlog_tile.h"
#include "spool/store.h"
#include "web/view_private.h"

/* ---- which log */

enum which { NO_LOG, PRESENT, FORMER };

/* What a restore put behind the log's name, or "". */
static const char *
name_of(const char *origin)
{
	const char *p = strrchr(origin, '/');

	p = p != NULL ? p + 1 : "";
	return p[0] == 'r' && p[1] != '\0' &&
	    strspn(p + 1, "0123456789") == strlen(p + 1) ? p : "";
}

/* f is filled for FORMER.  0, -1. */
static int
find_log(struct txn *t, const char *log, enum which *which_r,
    struct ledger_former *f, struct err *e)
{
	char origin[LEDGER_ORIGIN_MAX + 1] = "";
	int rc = ledger_origin(t, origin, e);

	*which_r = PRESENT;
	if (rc == -1 || strcmp(log, name_of(origin)) == 0)
		return rc == -1 ? -1 : 0;
	*which_r = FORMER;
	for (size_t i = 0; (rc = ledger_former(t, i, f, e)) == 1; i++)
		if (strcmp(log, name_of(f->origin)) == 0)
			return 0;
	*which_r = NO_LOG;
	return rc;
}

/* ---- texts */

static int
show_former(struct txn *t, const struct ledger_former *f,
    enum view_ledger what, struct strbuf *out, struct err *e)
{
	switch (what) {
	case VIEW_CHECKPOINT:
		strbuf_add(out, f->checkpoint.p, f->checkpoint.len);
		return f->checkpoint.len > 0;
	case VIEW_COSIGNED:
		return 0;
	case VIEW_LEDGER_KEYS:
		return ledger_vkeys_ever(t, out, e);
	}
	return 0;
}

static int
show(struct txn *t, enum view_ledger what, struct strbuf *out, struct err *e)
{
	switch (what) {
	case VIEW_CHECKPOINT:
		return cosign_last(t, out, e);
	case VIEW_COSIGNED:
		return cosign_largest(t, out, e);
	case VIEW_LEDGER_KEYS:
		return ledger_vkeys_ever(t, out, e);
	}
	return 0;
}

int
view_ledger(void *arg, const char *log, enum view_ledger what,
    struct strbuf *out, struct err *e)
{
	struct view *v = arg;
	struct ledger_former f;
	enum which which;
	struct txn *t;
	int rc;

	if (view_look_begin(v, &t, e) == -1)
		return -1;
	rc = find_log(t, log, &which, &f, e);
	if (rc == 0 && which == PRESENT)
		rc = show(t, what, out, e);
	else if (rc == 0 && which == FORMER)
		rc = show_former(t, &f, what, out, e);
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
view_tile(void *arg, const char *log, const struct tlog_tile *tile,
    struct strbuf *out, struct err *e)
{
	struct view *v = arg;
	struct ledger_checkpoint c;
	struct ledger_former f;
	enum which which;
	struct txn *t;
	int rc;

	if (view_look_begin(v, &t, e) == -1)
		return -1;
	rc = find_log(t, log, &which, &f, e);
	if (rc == 0 && which != NO_LOG)
		rc = ledger_checkpoint(t, &c, e);
	if (rc == 1 && which == FORMER && f.size < c.size)
		c.size = f.size;
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
