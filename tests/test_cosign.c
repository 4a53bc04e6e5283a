/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_cosign.c - cosignatures of witnesses: only ours, only of our tree,
 * only what is newer, and nothing kept that nobody we know has signed.
 */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "lib/err.h"
#include "spool/restored.h"
#include "tests/ledger_world.h"

#define T0	1790000000u

static struct note_key known[3];
static const struct cosign_witnesses witnesses = { known, 2 };

static int
set_up(void **state)
{
	for (unsigned i = 0; i < 3; i++)
		known[i] = ledger_witness(i);
	return world_setup(state);
}

struct posting {
	const struct strbuf	*note;
	const struct cosign_witnesses *w;
	enum cosign_verdict	 v;
};

static int
apply(struct txn *t, void *arg, struct err *e)
{
	struct posting *p = arg;

	return cosign_keep(t, p->w, (struct slice){
	    (const uint8_t *)p->note->s, p->note->len }, &p->v, e);
}

/* What becomes of a note, which is judged the same before. */
static enum cosign_verdict
post_to(struct world *w, const struct strbuf *note,
    const struct cosign_witnesses *who)
{
	struct posting p = { .note = note, .w = who };
	struct txn *t = world_read(w, STORE_S);
	enum cosign_verdict v;

	assert_int_equal(cosign_check(t, who, (struct slice){
	    (const uint8_t *)note->s, note->len }, &v, &w->e), 0);
	txn_end(t);
	world_must(w, STORE_S, apply, &p);
	assert_int_equal(p.v, v);
	return v;
}

static enum cosign_verdict
post(struct world *w, const struct strbuf *note)
{
	return post_to(w, note, &witnesses);
}

/* The time of what is kept of a witness, 0 when nothing is. */
static uint64_t
kept(struct world *w, unsigned number, uint64_t *size_r, size_t *lines_r)
{
	struct txn *t = world_read(w, STORE_S);
	struct note_key key = ledger_witness(number);
	struct checkpoint c = { .size = 0 };
	struct note n = { .n = 0 };
	struct slice row;
	uint64_t time = 0;

	if (ledger_cosigned(t, key.name, &row, &w->e) == 1) {
		assert_int_equal(note_open(&n, row.p, row.len, &key, 1,
		    &w->e), 0);
		assert_int_equal(note_verify(&n, &key, &time), NOTE_SIGNED);
		assert_int_equal(checkpoint_parse(&c, n.text, &w->e), 0);
	}
	txn_end(t);
	*size_r = c.size;
	if (lines_r != NULL)
		*lines_r = n.n;
	return time;
}

static void
the_newest_of_each_is_kept(void **state)
{
	struct world *w = *state;
	struct ledger_checkpoint c1;
	struct strbuf old, twice;
	uint64_t size;

	ledger_grow(w, 300);
	ledger_sign_now(w, &c1);

	old = ledger_cosigned_note(&c1, 0, T0);
	assert_int_equal(post(w, &old), COSIGN_GOOD);
	assert_true(kept(w, 0, &size, NULL) == T0 && size == 300);
	assert_true(kept(w, 1, &size, NULL) == 0);

	/* the same again is good, and changes nothing */
	assert_int_equal(post(w, &old), COSIGN_GOOD);
	/* seen again later: that is newer; seen earlier: it is not */
	twice = ledger_cosigned_note(&c1, 0, T0 + 60);
	assert_int_equal(post(w, &twice), COSIGN_GOOD);
	assert_true(kept(w, 0, &size, NULL) == T0 + 60);
	assert_int_equal(post(w, &old), COSIGN_GOOD);
	assert_true(kept(w, 0, &size, NULL) == T0 + 60);

	/* each witness has its own; and it lasts */
	strbuf_free(&old);
	old = ledger_cosigned_note(&c1, 1, T0);
	assert_int_equal(post(w, &old), COSIGN_GOOD);
	world_reopen(w);
	assert_true(kept(w, 1, &size, NULL) == T0 && size == 300);
	strbuf_free(&old);
	strbuf_free(&twice);
}

/* Whatever the clock of the witness says. */
static void
a_larger_tree_wins(void **state)
{
	struct world *w = *state;
	struct ledger_checkpoint c1, c2;
	struct strbuf old, newer;
	uint64_t size;

	ledger_grow(w, 300);
	ledger_sign_now(w, &c1);
	ledger_grow(w, 5);
	ledger_sign_now(w, &c2);
	old = ledger_cosigned_note(&c1, 0, T0);
	assert_int_equal(post(w, &old), COSIGN_GOOD);
	newer = ledger_cosigned_note(&c2, 0, T0 - 1000);
	assert_int_equal(post(w, &newer), COSIGN_GOOD);
	assert_true(kept(w, 0, &size, NULL) == T0 - 1000 && size == 305);
	assert_int_equal(post(w, &old), COSIGN_OTHER);
	assert_true(kept(w, 0, &size, NULL) == T0 - 1000);
	strbuf_free(&old);
	strbuf_free(&newer);
}

static void
only_known_signatures_are_kept(void **state)
{
	struct world *w = *state;
	struct ledger_checkpoint c;
	struct strbuf b;
	uint64_t size;
	size_t lines;

	ledger_grow(w, 3);
	ledger_sign_now(w, &c);
	b = ledger_cosigned_note(&c, 2, T0);	/* of a stranger */
	assert_int_equal(post(w, &b), COSIGN_STRANGER);
	ledger_cosign(&b, 0, T0);
	ledger_cosign(&b, 1, T0 + 1);
	assert_int_equal(post(w, &b), COSIGN_GOOD);
	assert_true(kept(w, 0, &size, &lines) == T0 && lines == 2);
	assert_true(kept(w, 1, &size, &lines) == T0 + 1 && lines == 2);
	assert_true(kept(w, 2, &size, NULL) == 0);

	/* nobody is known: all are strangers */
	assert_int_equal(post_to(w, &b, &(struct cosign_witnesses){ NULL,
	    0 }), COSIGN_STRANGER);
	strbuf_free(&b);
}

static void
what_is_not_signed_is_refused(void **state)
{
	struct world *w = *state;
	struct ledger_checkpoint c;
	struct strbuf good, b = STRBUF_INIT(NOTE_MAX);
	struct note n;
	uint64_t size;

	ledger_grow(w, 3);
	ledger_sign_now(w, &c);
	good = ledger_cosigned_note(&c, 0, T0);

	/* no note; a note that is no checkpoint */
	strbuf_adds(&b, "hello\n");
	assert_int_equal(post(w, &b), COSIGN_MALFORMED);
	strbuf_adds(&b, "\n\xe2\x80\x94 x AAAAAAA=\n");
	assert_int_equal(post(w, &b), COSIGN_MALFORMED);
	strbuf_reset(&b);
	assert_int_equal(post(w, &b), COSIGN_MALFORMED);

	/* our signature alone, the witness's alone, either one bent */
	strbuf_add(&b, c.text, c.len);
	assert_int_equal(post(w, &b), COSIGN_STRANGER);
	assert_int_equal(note_parse(&n, good.s, good.len, NULL), 0);
	strbuf_reset(&b);
	strbuf_add(&b, n.text.p, n.text.len);
	strbuf_addc(&b, '\n');
	strbuf_add(&b, n.signature[1].line.p, n.signature[1].line.len);
	assert_int_equal(post(w, &b), COSIGN_STRANGER);
	strbuf_reset(&b);
	strbuf_add(&b, good.s, good.len);
	b.s[b.len - 40] = b.s[b.len - 40] == 'A' ? 'B' : 'A';
	assert_int_equal(post(w, &b), COSIGN_STRANGER);
	strbuf_reset(&b);
	strbuf_add(&b, good.s, good.len);
	b.s[c.len - 40] = b.s[c.len - 40] == 'A' ? 'B' : 'A';
	assert_int_equal(post(w, &b), COSIGN_STRANGER);
	strbuf_free(&b);
	strbuf_free(&good);
	assert_true(kept(w, 0, &size, NULL) == 0);
}

static void
only_our_tree_counts(void **state)
{
	struct world *w = *state;
	uint8_t seed[NOTE_KEY_OCTETS];
	struct ledger_checkpoint c;
	struct strbuf b = STRBUF_INIT(NOTE_MAX), text = STRBUF_INIT(NOTE_MAX);
	struct checkpoint at;
	struct note_key key;
	struct note n;
	uint64_t size;

	ledger_grow(w, 3);
	ledger_sign_now(w, &c);
	assert_int_equal(note_parse(&n, c.text, c.len, NULL), 0);
	assert_int_equal(checkpoint_parse(&at, n.text, NULL), 0);
	memcpy(seed, keyring_find(w->keys, KEY_LEDGER, KEY_CURRENT),
	    sizeof(seed));
	assert_int_equal(note_key_make(&key, NOTE_ED25519, LEDGER_ORIGIN,
	    seed, NULL), 0);

	/* what our own key signed, in another life of this store */
	for (unsigned i = 0; i < 3; i++) {
		struct checkpoint other = at;

		if (i == 0)
			other.size = 4;			/* not reached */
		else if (i == 1)
			other.root[0] ^= 1;		/* another history */
		else
			other.size = 2;			/* not its root */
		strbuf_reset(&text);
		checkpoint_format(&other, &text);
		strbuf_reset(&b);
		assert_int_equal(note_make(&b, &key, seed, text.s, text.len,
		    NULL), 0);
		ledger_cosign(&b, 0, T0);
		assert_int_equal(post(w, &b), COSIGN_OTHER);
	}

	/* in the name of another log, by our key */
	assert_int_equal(note_key_make(&key, NOTE_ED25519, "other.example",
	    seed, NULL), 0);
	strcpy(at.origin, "other.example");
	strbuf_reset(&text);
	checkpoint_format(&at, &text);
	strbuf_reset(&b);
	assert_int_equal(note_make(&b, &key, seed, text.s, text.len, NULL),
	    0);
	ledger_cosign(&b, 0, T0);
	assert_int_equal(post(w, &b), COSIGN_STRANGER);
	assert_true(kept(w, 0, &size, NULL) == 0);
	strbuf_free(&b);
	strbuf_free(&text);
}

static void
before_the_first_checkpoint(void **state)
{
	struct world *w = *state;
	struct strbuf b = STRBUF_INIT(NOTE_MAX);
	struct txn *t;

	strbuf_adds(&b, LEDGER_ORIGIN "\n0\n"
	    "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n\n"
	    "\xe2\x80\x94 x AAAAAAA=\n");
	assert_int_equal(post(w, &b), COSIGN_STRANGER);
	strbuf_reset(&b);
	t = world_read(w, STORE_S);
	assert_int_equal(cosign_last(t, &b, &w->e), 0);
	assert_int_equal(cosign_largest(t, &b, &w->e), 0);
	assert_int_equal(b.len, 0);
	txn_end(t);
	strbuf_free(&b);
}

/* Which of the witnesses signed what is shown; its size. */
static uint64_t
shown(struct world *w, bool largest, unsigned *who_r)
{
	struct txn *t = world_read(w, STORE_S);
	struct strbuf b = STRBUF_INIT(COSIGN_OUT_MAX);
	struct note_key log[KEY_MAX];
	struct checkpoint c;
	struct note n;
	int logs;

	assert_int_equal((largest ? cosign_largest : cosign_last)(t, &b,
	    &w->e), 1);
	logs = cosign_log_keys(t, log, &w->e);
	assert_true(logs >= 1);
	assert_int_equal(checkpoint_open(&c, &n, b.s, b.len, log,
	    (size_t)logs, &w->e), 0);
	*who_r = 0;
	for (unsigned i = 0; i < 3; i++)
		*who_r |= (unsigned)(note_verify(&n, &known[i], NULL) ==
		    NOTE_SIGNED) << i;
	assert_int_equal(n.n, 1 + (*who_r & 1) + (*who_r >> 1 & 1));
	txn_end(t);
	strbuf_free(&b);
	return c.size;
}

static void
what_is_shown_has_its_cosignatures(void **state)
{
	struct world *w = *state;
	struct ledger_checkpoint c1, c2;
	struct strbuf b;
	unsigned who;

	ledger_grow(w, 10);
	ledger_sign_now(w, &c1);
	assert_true(shown(w, false, &who) == 10 && who == 0);
	b = ledger_cosigned_note(&c1, 1, T0);
	assert_int_equal(post(w, &b), COSIGN_GOOD);
	ledger_cosign(&b, 0, T0 + 5);
	assert_int_equal(post(w, &b), COSIGN_GOOD);
	strbuf_free(&b);
	assert_true(shown(w, false, &who) == 10 && who == 3);
	assert_true(shown(w, true, &who) == 10 && who == 3);

	/* the log goes on: what witnesses saw is what it was */
	ledger_grow(w, 1);
	ledger_sign_now(w, &c2);
	assert_true(shown(w, false, &who) == 11 && who == 0);
	assert_true(shown(w, true, &who) == 10 && who == 3);
	b = ledger_cosigned_note(&c2, 1, T0 + 9);
	assert_int_equal(post(w, &b), COSIGN_GOOD);
	strbuf_free(&b);
	assert_true(shown(w, false, &who) == 11 && who == 2);
	assert_true(shown(w, true, &who) == 11 && who == 2);
}

static int
restore(struct txn *t, void *arg, struct err *e)
{
	(void)arg;
	return restored_begin(t, LEDGER_NOW, LEDGER_ORIGIN, "root",
	    LEDGER_NOW, e);
}

/* A restored ledger has another name, and begins with no witness of it. */
static void
a_restored_ledger_has_none(void **state)
{
	struct world *w = *state;
	struct ledger_checkpoint c1, c2;
	struct strbuf old, b;
	uint64_t size;

	ledger_grow(w, 10);
	ledger_sign_now(w, &c1);
	for (unsigned i = 0; i < 2; i++) {
		b = ledger_cosigned_note(&c1, i, T0);
		assert_int_equal(post(w, &b), COSIGN_GOOD);
		strbuf_free(&b);
	}
	world_must(w, STORE_S, restore, NULL);
	assert_true(kept(w, 0, &size, NULL) == 0);
	assert_true(kept(w, 1, &size, NULL) == 0);
	ledger_sign_now(w, &c2);
	old = ledger_cosigned_note(&c1, 0, T0 + 1);
	assert_int_equal(post(w, &old), COSIGN_STRANGER);
	b = ledger_cosigned_note(&c2, 0, T0);
	assert_int_equal(post(w, &b), COSIGN_GOOD);
	assert_true(kept(w, 0, &size, NULL) == T0 && size == c2.size);
	strbuf_free(&old);
	strbuf_free(&b);
}

/* ---- the check of the store */

static int
put_row(struct txn *t, void *arg, struct err *e)
{
	const struct strbuf *b = arg;

	return ledger_cosigned_put(t, "w0.example", (struct slice){
	    (const uint8_t *)b->s, b->len }, e);
}

static int
row_check(struct world *w, struct strbuf *b)
{
	struct txn *t;
	int rc;

	world_must(w, STORE_S, put_row, b);
	t = world_read(w, STORE_S);
	rc = cosign_row_check(t, "w0.example", (struct slice){
	    (const uint8_t *)b->s, b->len }, &w->e);
	txn_end(t);
	return rc;
}

static void
rows_are_checked(void **state)
{
	struct world *w = *state;
	struct ledger_checkpoint c;
	struct strbuf b, other = STRBUF_INIT(NOTE_MAX);

	ledger_grow(w, 3);
	ledger_sign_now(w, &c);
	b = ledger_cosigned_note(&c, 0, T0);
	assert_int_equal(row_check(w, &b), 0);
	strbuf_add(&other, c.text, c.len);	/* no cosignature in it */
	assert_int_equal(row_check(w, &other), -1);
	assert_int_equal(w->e.code, ERR_DAMAGED);
	b.s[strlen(LEDGER_ORIGIN) + 1] = '4';	/* another size */
	assert_int_equal(row_check(w, &b), -1);
	assert_int_equal(w->e.code, ERR_DAMAGED);
	strbuf_free(&b);
	strbuf_free(&other);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(f)	cmocka_unit_test_setup_teardown(f, set_up, world_teardown)
		TEST(the_newest_of_each_is_kept),
		TEST(a_larger_tree_wins),
		TEST(only_known_signatures_are_kept),
		TEST(what_is_not_signed_is_refused),
		TEST(only_our_tree_counts),
		TEST(before_the_first_checkpoint),
		TEST(what_is_shown_has_its_cosignatures),
		TEST(a_restored_ledger_has_none),
		TEST(rows_are_checked),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
