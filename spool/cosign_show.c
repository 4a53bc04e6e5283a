/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cosign_show.c - checkpoints with their cosignatures, as others fetch them,
 * and the rows they come from.
 */
#include "config.h"

#include <string.h>

#include "lib/err.h"
#include "lib/strbuf.h"
#include "spool/cosign.h"

static bool
same(struct slice a, struct slice b)
{
	return a.len == b.len && memcmp(a.p, b.p, a.len) == 0;
}

/* Append what signs the same text and out does not have yet. */
static void
add_lines(struct strbuf *out, size_t from, const struct note *note)
{
	for (size_t i = 0; i < note->n; i++) {
		struct slice line = note->signature[i].line;

		if (memmem(out->s + from, out->len - from, line.p,
		    line.len) == NULL)
			strbuf_add(out, line.p, line.len);
	}
}

/* Behind the note at out, from an offset: all witnesses of its text. */
static int
add_witnesses(struct txn *t, struct strbuf *out, size_t from,
    struct slice text, struct err *e)
{
	char name[LEDGER_WITNESS_MAX + 1] = "";
	struct slice kept;
	struct note note;
	int rc;

	while ((rc = ledger_cosigned_next(t, name, &kept, e)) == 1)
		if (note_parse(&note, kept.p, kept.len, NULL) == 0 &&
		    same(note.text, text))
			add_lines(out, from, &note);
	return rc;
}

int
cosign_last(struct txn *t, struct strbuf *out, struct err *e)
{
	struct ledger_checkpoint c;
	struct note note;
	size_t from = out->len;
	int rc = ledger_checkpoint(t, &c, e);

	if (rc != 1)
		return rc;
	if (note_parse(&note, c.text, c.len, e) == -1)
		return -1;
	strbuf_add(out, c.text, c.len);
	return add_witnesses(t, out, from, note.text, e) == -1 ? -1 : 1;
}

int
cosign_largest(struct txn *t, struct strbuf *out, struct err *e)
{
	char name[LEDGER_WITNESS_MAX + 1] = "";
	struct slice kept, best = { NULL, 0 };
	struct checkpoint c;
	struct note note;
	uint64_t size = 0;
	size_t from = out->len;
	int rc;

	while ((rc = ledger_cosigned_next(t, name, &kept, e)) == 1)
		if (note_parse(&note, kept.p, kept.len, NULL) == 0 &&
		    checkpoint_parse(&c, note.text, NULL) == 0 &&
		    (best.p == NULL || c.size > size)) {
			best = kept;
			size = c.size;
		}
	if (rc == -1 || best.p == NULL)
		return rc;
	strbuf_add(out, best.p, best.len);
	if (note_parse(&note, best.p, best.len, e) == -1)
		return -1;
	return add_witnesses(t, out, from, note.text, e) == -1 ? -1 : 1;
}

/* ---- the check */

static int
damaged(struct err *e, const char *witness, const char *what)
{
	err_set(e, ERR_DAMAGED, "what %s cosigned %s", witness, what);
	return -1;
}

/* Some signature of the note is by a key of this name. */
static bool
has_name(const struct note *note, const char *name)
{
	for (size_t i = 0; i < note->n; i++)
		if (note->signature[i].name.len == strlen(name) &&
		    memcmp(note->signature[i].name.p, name,
		    strlen(name)) == 0)
			return true;
	return false;
}

int
cosign_row_check(struct txn *t, const char *witness, struct slice kept,
    struct err *e)
{
	struct ledger_view view = { .t = t, .err = ERR_INIT };
	struct note_key keys[KEY_MAX];
	struct ledger_head head;
	uint8_t root[LEDGER_HASH];
	struct checkpoint c;
	struct note note;
	int n = cosign_log_keys(t, keys, e);

	if (n == -1 || ledger_head(t, &head, e) == -1)
		return -1;
	if (checkpoint_open(&c, &note, kept.p, kept.len, keys, (size_t)n,
	    NULL) == -1)
		return damaged(e, witness, "is no checkpoint of this log");
	if (!has_name(&note, witness))
		return damaged(e, witness, "does not have its signature");
	if (c.size > head.size || merkle_root_at(ledger_subtree, &view,
	    c.size, root) == -1 || memcmp(root, c.root, sizeof(root)) != 0)
		return damaged(e, witness, "is not the tree that is here");
	return 0;
}
