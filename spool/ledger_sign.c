/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ledger_sign.c - signing the head of the ledger.
 *
 * What is signed is read in a read transaction, which sees a commit when it is
 * synced and not before: so no checkpoint is ever of a size that a crash could
 * take back.  It must go on from the last one, and where the tree at that size
 * has another root nothing is signed any more: who holds the old one could
 * prove that we have two histories.  What is kept as the last one must be
 * signed by us, for who can write to the disk can write a root to fit.
 */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "lib/checkpoint.h"
#include "lib/err.h"
#include "lib/keyring.h"
#include "spool/ledger_private.h"
#include "spool/ledger_sign.h"
#include "spool/row.h"

#define ORIGIN_SUFFIX	"/ledger"

void
ledger_origin_of(const char *url_base, const uint8_t instance[static 16],
    char origin[static LEDGER_ORIGIN_MAX + 1])
{
	const char *p = strstr(url_base, "://");
	size_t len;

	p = p != NULL ? p + 3 : url_base;
	len = (size_t)snprintf(origin, LEDGER_ORIGIN_MAX + 1, "%s%s", p,
	    ORIGIN_SUFFIX);
	if (len <= LEDGER_ORIGIN_MAX && note_name_valid(origin, len))
		return;
	/* Too long for a header, or no name of a key: any other is as good. */
	strcpy(origin, "listd.");
	for (int i = 0; i < 16; i++)
		snprintf(origin + 6 + 2 * i, 3, "%02x", instance[i]);
	strcat(origin, ORIGIN_SUFFIX);
}

size_t
ledger_keys(const struct keyring *keys, const char *origin,
    struct note_key out[static KEY_MAX], struct err *e)
{
	size_t n = keyring_count(keys, KEY_LEDGER);

	if (n == 0)
		err_set(e, ERR_NOTFOUND, "there is no ledger key");
	for (size_t i = 0; i < n; i++)
		if (note_key_make(&out[i], NOTE_ED25519, origin,
		    keyring_find(keys, KEY_LEDGER, keyring_id(keys,
		    KEY_LEDGER, i)), e) == -1)
			return 0;
	return n;
}

/* ---- making one */

/* What one is made from: all of one moment. */
struct facts {
	char		origin[LEDGER_ORIGIN_MAX + 1];
	struct ledger_head head;
	struct ledger_checkpoint last;
	bool		any;		/* one was signed before */
};

/* The tree goes on from what was signed last. */
static int
goes_on(struct txn *t, const struct facts *f, struct err *e)
{
	struct ledger_view view = { .t = t };
	uint8_t root[LEDGER_HASH];

	if (f->last.size > f->head.size) {
		err_set(e, ERR_DAMAGED, "the ledger has %llu leaves, and a "
		    "checkpoint of %llu was signed",
		    (unsigned long long)f->head.size,
		    (unsigned long long)f->last.size);
		return -1;
	}
	if (merkle_root_at(ledger_subtree, &view, f->last.size, root) == -1) {
		*e = view.err;
		return -1;
	}
	if (memcmp(root, f->last.root, sizeof(root)) == 0)
		return 0;
	err_set(e, ERR_DAMAGED, "the first %llu leaves of the ledger are not "
	    "those that were signed", (unsigned long long)f->last.size);
	return -1;
}

/* The size and root that the last one kept is of were signed by us. */
static int
is_ours(struct txn *t, const struct ledger_checkpoint *c, struct err *e)
{
	char origin[LEDGER_ORIGIN_MAX + 1];
	struct slice name = { (const uint8_t *)c->text, strcspn(c->text,
	    "\n") };
	struct note_key keys[KEY_MAX];
	struct checkpoint cp;
	struct note note;
	size_t n;

	/* That of before a restore has the name of then. */
	if (!slice_to_text(name, origin, sizeof(origin)) ||
	    (n = ledger_keys(store_keys(txn_store(t)), origin, keys,
	    NULL)) == 0 || checkpoint_open(&cp, &note, c->text, c->len, keys,
	    n, NULL) == -1 || cp.size != c->size ||
	    memcmp(cp.root, c->root, sizeof(cp.root)) != 0) {
		err_set(e, ERR_DAMAGED, "the ledger's key did not sign the "
		    "checkpoint that is kept of it");
		return -1;
	}
	return 0;
}

/* What the first checkpoint goes on from; 1, 0 from nothing, -1. */
static int
read_first(struct txn *t, struct facts *f, struct err *e)
{
	struct ledger_head first;
	int rc = ledger_first(t, &first, e);

	if (rc == 0 && f->head.size > 0) {
		err_set(e, ERR_DAMAGED, "the ledger has %llu entries and the "
		    "checkpoint of it is gone: nothing vouches for them, and "
		    "none is signed", (unsigned long long)f->head.size);
		return -1;
	}
	if (rc == 1) {
		f->last.size = first.size;
		memcpy(f->last.root, first.root, sizeof(first.root));
	}
	return rc;
}

static int
read_facts(struct store *st, const char *url_base, struct facts *f,
    struct err *e)
{
	struct txn *t;
	int rc;

	if (txn_read(st, STORE_S, &t, e) == -1)
		return -1;
	rc = ledger_origin(t, f->origin, e);
	if (rc == 0)
		ledger_origin_of(url_base, store_instance(st), f->origin);
	if (rc != -1)
		rc = ledger_head(t, &f->head, e);
	if (rc != -1)
		rc = ledger_checkpoint(t, &f->last, e);
	f->any = rc == 1;
	if (rc == 1 && is_ours(t, &f->last, e) == -1)
		rc = -1;
	else if (rc == 0)
		rc = read_first(t, f, e);
	if (rc == 1)
		rc = goes_on(t, f, e);
	txn_end(t);
	return rc == -1 ? -1 : 0;
}

static int
make(const struct keyring *keys, const struct facts *f,
    struct ledger_checkpoint *c, struct err *e)
{
	const uint8_t *seed = keyring_find(keys, KEY_LEDGER, KEY_CURRENT);
	struct strbuf text = STRBUF_INIT(LEDGER_NOTE_MAX);
	struct strbuf note = STRBUF_INIT(LEDGER_NOTE_MAX);
	struct checkpoint cp = { .size = f->head.size };
	struct note_key key;
	int ret = -1;

	memcpy(cp.origin, f->origin, strlen(f->origin) + 1);
	memcpy(cp.root, f->head.root, sizeof(cp.root));
	checkpoint_format(&cp, &text);
	if (seed == NULL)
		err_set(e, ERR_NOTFOUND, "there is no ledger key");
	else if (note_key_make(&key, NOTE_ED25519, f->origin, seed, e) == 0)
		ret = note_make(&note, &key, seed, text.s, text.len, e);
	if (ret == 0 && (text.overflow || note.overflow)) {
		err_set(e, ERR_LIMIT, "the checkpoint is too long");
		ret = -1;
	}
	if (ret == 0) {
		c->size = cp.size;
		memcpy(c->root, cp.root, sizeof(c->root));
		c->len = note.len;
		memcpy(c->text, note.s, note.len);
		c->text[note.len] = '\0';
	}
	strbuf_free(&text);
	strbuf_free(&note);
	return ret;
}

int
ledger_sign(struct store *st, const struct ledger_signing *s,
    struct ledger_checkpoint *c, struct err *e)
{
	struct facts f;

	if (read_facts(st, s->url_base, &f, e) == -1 ||
	    make(store_keys(st), &f, c, e) == -1)
		return -1;
	c->when_ms = s->now_ms;
	c->clock_unsure = s->clock_unsure;
	/* Ed25519 has but one signature of a key for a text. */
	return !f.any || strcmp(c->text, f.last.text) != 0;
}

/* ---- keeping it */

/* The name as the note begins with it. */
static int
keep_origin(struct txn *t, const struct ledger_checkpoint *c, struct err *e)
{
	char origin[LEDGER_ORIGIN_MAX + 1];
	struct slice s = { (const uint8_t *)c->text, strcspn(c->text, "\n") };
	int rc = ledger_origin(t, origin, e);

	if (rc != 0)
		return rc == -1 ? -1 : 0;
	if (!slice_to_text(s, origin, sizeof(origin))) {
		err_set(e, ERR_INPUT, "no origin in a checkpoint");
		return -1;
	}
	return ledger_origin_put(t, origin, e);
}

int
ledger_signed(struct txn *t, const struct ledger_checkpoint *c, struct err *e)
{
	struct ledger_checkpoint last;
	int rc = ledger_checkpoint(t, &last, e);

	if (rc == -1 || (rc == 1 && last.size > c->size))
		return rc == -1 ? -1 : 0;
	if (keep_origin(t, c, e) == -1 || ledger_vkeys_put(t, e) == -1 ||
	    (rc == 0 && ledger_first_del(t, e) == -1))
		return -1;
	return ledger_checkpoint_put(t, c, e);
}
