/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cosign.c - what witnesses say of our checkpoints.
 */
#include "config.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "lib/err.h"
#include "lib/strbuf.h"
#include "lib/xmalloc.h"
#include "spool/cosign.h"

/* A note under examination; too large for a stack. */
struct cosign {
	struct txn		*t;
	struct note		 note;
	struct checkpoint	 at;
	struct note_key		 log[KEY_MAX];
	size_t			 logs;
};

int
cosign_log_keys(struct txn *t, struct note_key keys[static KEY_MAX],
    struct err *e)
{
	struct slice lines;
	int n = 0, rc = ledger_vkeys(t, &lines, e);

	if (rc != 1)
		return rc;
	while (lines.len > 0 && n < KEY_MAX) {
		const uint8_t *end = memchr(lines.p, '\n', lines.len);
		size_t len = end == NULL ? lines.len :
		    (size_t)(end - lines.p);

		if (note_key_parse(&keys[n++], (const char *)lines.p, len,
		    e) == -1) {
			if (e != NULL)
				e->code = ERR_DAMAGED;
			return -1;
		}
		len += end != NULL;
		lines.p += len;
		lines.len -= len;
	}
	return n;
}

/* ---- judging */

/* A NOTE_SIGNED among the log's keys, and no NOTE_FORGED. */
static bool
is_ours(const struct cosign *c)
{
	bool is = false;

	for (size_t i = 0; i < c->logs; i++)
		switch (note_verify(&c->note, &c->log[i], NULL)) {
		case NOTE_SIGNED:
			is = is || strcmp(c->log[i].name, c->at.origin) == 0;
			break;
		case NOTE_FORGED:
			return false;
		case NOTE_UNSIGNED:
			break;
		}
	return is;
}

/* 1: our tree had this root at this size; 0; -1. */
static int
is_our_tree(struct txn *t, const struct checkpoint *at, struct err *e)
{
	struct ledger_view view = { .t = t, .err = ERR_INIT };
	struct ledger_head head;
	uint8_t root[MERKLE_HASH];

	if (ledger_head(t, &head, e) == -1)
		return -1;
	if (at->size > head.size)
		return 0;
	if (merkle_root_at(ledger_subtree, &view, at->size, root) == -1) {
		err_set(e, view.err.code, "%s", view.err.text);
		return -1;
	}
	return memcmp(root, at->root, sizeof(root)) == 0;
}

/* Whether this note says more than the one that is kept of a witness. */
enum age { AGE_OLD, AGE_SAME, AGE_NEW };

static int
compare(struct cosign *c, const struct note_key *witness, uint64_t time,
    enum age *age_r, struct err *e)
{
	struct checkpoint was;
	struct slice kept;
	struct note note;
	uint64_t then;
	int rc = ledger_cosigned(c->t, witness->name, &kept, e);

	*age_r = AGE_NEW;
	if (rc != 1)
		return rc;
	/* What cannot be read, or is by a key that was changed, gives way. */
	if (note_parse(&note, kept.p, kept.len, NULL) == -1 ||
	    checkpoint_parse(&was, note.text, NULL) == -1 ||
	    note_verify(&note, witness, &then) != NOTE_SIGNED)
		return 0;
	if (strcmp(was.origin, c->at.origin) != 0)
		return 0;
	if (was.size != c->at.size)
		*age_r = was.size > c->at.size ? AGE_OLD : AGE_NEW;
	else
		*age_r = then >= time ? AGE_SAME : AGE_NEW;
	return 0;
}

/* ---- keeping */

static bool
is_by(const struct note_signature *s, const struct note *note,
    const struct note_key *key)
{
	struct note one = { .text = note->text, .n = 1,
		.signature = { *s } };

	return note_verify(&one, key, NULL) == NOTE_SIGNED;
}

/* The checkpoint with our signatures and the witness's, and no others. */
static int
keep(struct cosign *c, const struct note_key *witness, struct err *e)
{
	struct strbuf b = STRBUF_INIT(LEDGER_COSIGNED_MAX);
	int ret = -1;

	strbuf_add(&b, c->note.text.p, c->note.text.len);
	strbuf_addc(&b, '\n');
	for (size_t i = 0; i < c->note.n; i++) {
		const struct note_signature *s = &c->note.signature[i];
		bool wanted = is_by(s, &c->note, witness);

		for (size_t k = 0; k < c->logs && !wanted; k++)
			wanted = is_by(s, &c->note, &c->log[k]);
		if (wanted)
			strbuf_add(&b, s->line.p, s->line.len);
	}
	if (b.overflow)
		err_set(e, ERR_LIMIT, "a checkpoint with cosignatures of "
		    "more than %d octets", LEDGER_COSIGNED_MAX);
	else
		ret = ledger_cosigned_put(c->t, witness->name,
		    (struct slice){ (const uint8_t *)b.s, b.len }, e);
	strbuf_free(&b);
	return ret;
}

/* With each witness that has signed; COSIGN_OTHER when all know better. */
static int
each_witness(struct cosign *c, const struct cosign_witnesses *w, bool write,
    enum cosign_verdict *v_r, struct err *e)
{
	uint64_t time;
	enum age age;

	*v_r = COSIGN_OTHER;
	for (size_t i = 0; i < w->n; i++) {
		if (note_verify(&c->note, &w->key[i], &time) != NOTE_SIGNED)
			continue;
		if (compare(c, &w->key[i], time, &age, e) == -1)
			return -1;
		if (age != AGE_OLD)
			*v_r = COSIGN_GOOD;
		if (age == AGE_NEW && write && keep(c, &w->key[i], e) == -1)
			return -1;
	}
	return 0;
}

/* Whether a witness has signed, and none is misused. */
static bool
is_witnessed(const struct cosign *c, const struct cosign_witnesses *w)
{
	bool is = false;

	for (size_t i = 0; i < w->n; i++)
		switch (note_verify(&c->note, &w->key[i], NULL)) {
		case NOTE_SIGNED:
			is = true;
			break;
		case NOTE_FORGED:
			return false;
		case NOTE_UNSIGNED:
			break;
		}
	return is;
}

static int
judge(struct cosign *c, const struct cosign_witnesses *w, struct slice note,
    bool write, enum cosign_verdict *v_r, struct err *e)
{
	int rc;

	*v_r = COSIGN_MALFORMED;
	if (note_parse(&c->note, note.p, note.len, NULL) == -1 ||
	    checkpoint_parse(&c->at, c->note.text, NULL) == -1)
		return 0;
	*v_r = COSIGN_STRANGER;
	if ((rc = cosign_log_keys(c->t, c->log, e)) == -1)
		return -1;
	c->logs = (size_t)rc;
	if (!is_ours(c) || !is_witnessed(c, w))
		return 0;
	*v_r = COSIGN_OTHER;
	if ((rc = is_our_tree(c->t, &c->at, e)) != 1)
		return rc;
	return each_witness(c, w, write, v_r, e);
}

static int
run(struct txn *t, const struct cosign_witnesses *w, struct slice note,
    bool write, enum cosign_verdict *v_r, struct err *e)
{
	struct cosign *c = xcalloc(1, sizeof(*c));
	int ret;

	assert(w->n <= COSIGN_WITNESSES_MAX);
	c->t = t;
	ret = judge(c, w, note, write, v_r, e);
	free(c);
	return ret;
}

int
cosign_check(struct txn *t, const struct cosign_witnesses *w,
    struct slice note, enum cosign_verdict *v_r, struct err *e)
{
	return run(t, w, note, false, v_r, e);
}

int
cosign_keep(struct txn *t, const struct cosign_witnesses *w,
    struct slice note, enum cosign_verdict *v_r, struct err *e)
{
	return run(t, w, note, true, v_r, e);
}
