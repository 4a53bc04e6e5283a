/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_ledger_against.c - a ledger that is sound in itself, but not the one
 * that others hold checkpoints of: rolled back, or rewritten and signed anew;
 * and one that grows while it is verified (S19).
 */
#include "config.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "spool/consent.h"
#include "spool/ledger_private.h"
#include "spool/ledger_sign.h"
#include "tests/ledger_world.h"
#include "tests/verify_world.h"

/* ---- whoever changes all of it */

/* A copy of S's data file; the store is closed while it is made. */
static void
copy_file(struct world *w, const char *from, const char *to)
{
	char a[300], b[300], buf[65536];
	int in, out;
	ssize_t n;

	world_close(w);
	snprintf(a, sizeof(a), "%s/%s", w->dir, from);
	snprintf(b, sizeof(b), "%s/%s", w->dir, to);
	in = open(a, O_RDONLY);
	out = open(b, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	assert_true(in != -1 && out != -1);
	while ((n = read(in, buf, sizeof(buf))) > 0)
		assert_int_equal(write(out, buf, (size_t)n), n);
	close(in);
	close(out);
	world_reopen(w);
}

static struct ledger_claim
claim_of(struct world *w, const struct ledger_checkpoint *c, const char *name)
{
	struct ledger_claim claim = { .name = name };
	struct note_key key[KEY_MAX];
	size_t n = ledger_keys(w->keys, VERIFY_ORIGIN, key, &w->e);

	if (ledger_claim_read(&claim, c->text, c->len, key, n, &w->e) == -1)
		fail_msg("%s", w->e.text);
	return claim;
}

/* Put the store of an hour ago back: it is sound in itself. */
static void
a_roll_back(void **state)
{
	struct world *w = *state;
	struct verify_some s = { 10, verify_hash };
	struct ledger_checkpoint old, new;
	struct ledger_claim claim[2];
	struct ledger_verdict v;

	verify_sign(w, &old);
	copy_file(w, "subscribers/data.mdb", "old");
	world_must(w, STORE_S, verify_append, &s);
	verify_sign(w, &new);
	claim[0] = claim_of(w, &new, "new");
	claim[1] = claim_of(w, &old, "old");
	v = verify_against(w, claim, 2);
	assert_true(v.findings == 0 && v.holds == VERIFY_SIZE + 10 &&
	    v.fails == 0);
	copy_file(w, "old", "subscribers/data.mdb");
	verify_sound(w, VERIFY_SIZE, 5);
	v = verify_against(w, claim, 2);
	assert_true(v.findings == 1 && v.first == VERIFY_SIZE + 1);
	assert_true(v.holds == VERIFY_SIZE && v.fails == VERIFY_SIZE + 10);
	assert_true(!claim[0].holds && claim[1].holds);
	assert_non_null(strstr(verify_said.s, "606: new: it has 615 entries, "
	    "and here are 605"));
}

/* And go on from there with other entries, all signed with our own key. */
static void
a_rewritten_tail(void **state)
{
	struct world *w = *state;
	struct verify_some s = { 10, verify_hash }, more = { 3, verify_hash };
	struct ledger_checkpoint old, new, newer;
	struct ledger_claim claim[3];
	struct ledger_verdict v;

	verify_sign(w, &old);
	copy_file(w, "subscribers/data.mdb", "old");
	world_must(w, STORE_S, verify_append, &s);
	verify_sign(w, &new);
	world_must(w, STORE_S, verify_append, &more);
	verify_sign(w, &newer);
	claim[0] = claim_of(w, &new, "new");
	claim[1] = claim_of(w, &old, "old");
	claim[2] = claim_of(w, &newer, "newer");
	copy_file(w, "old", "subscribers/data.mdb");
	s.n = 20;
	world_must(w, STORE_S, verify_append, &s);
	verify_sign(w, &new);
	verify_sound(w, VERIFY_SIZE + 20, 5);
	v = verify_against(w, claim, 3);
	assert_true(v.findings == 2 && v.holds == VERIFY_SIZE &&
	    v.fails == VERIFY_SIZE + 10);
	assert_true(!claim[0].holds && claim[1].holds && !claim[2].holds);
	assert_non_null(strstr(verify_said.s, "new: the first 615 entries are "
	    "not those it was made of; up to 605 they are"));
}

/* A checkpoint that was signed, kept here, and is of another history. */
static void
a_tail_rewritten_without_the_key(void **state)
{
	struct world *w = *state;
	struct ledger_checkpoint before;
	struct verify_some s = { 10, verify_hash };
	struct change c;

	verify_sign(w, &before);
	copy_file(w, "subscribers/data.mdb", "old");
	world_must(w, STORE_S, verify_append, &s);
	verify_sign(w, &before);
	c = change_of(w, TABLE_META, SLICE("checkpoint", 10));
	copy_file(w, "old", "subscribers/data.mdb");
	world_must(w, STORE_S, verify_append, &s);
	world_must(w, STORE_S, change_do, &c);
	assert_true(verify_all(w).findings == 1);
	assert_non_null(strstr(verify_said.s, "the checkpoint kept here: the "
	    "first 615 entries are not"));
	change_free(&c);
}

static void
notes_of_others_are_no_claims(void **state)
{
	struct world *w = *state;
	struct note_key key[KEY_MAX];
	size_t n = ledger_keys(w->keys, "other.example/ledger", key, &w->e);
	struct ledger_checkpoint c;
	struct ledger_claim claim;

	verify_sign(w, &c);
	assert_int_equal(ledger_claim_read(&claim, c.text, c.len, key, n,
	    &w->e), -1);
	assert_int_equal(w->e.code, ERR_REFUSED);
	n = ledger_keys(w->keys, VERIFY_ORIGIN, key, &w->e);
	c.text[30] ^= 1;
	assert_int_equal(ledger_claim_read(&claim, c.text, c.len, key, n,
	    &w->e), -1);
	assert_int_equal(ledger_claim_read(&claim, "x", 1, key, n, &w->e),
	    -1);
	assert_int_equal(w->e.code, ERR_INPUT);
}

/* ---- witnesses */

static int
put_note(struct txn *t, void *arg, struct err *e)
{
	const struct strbuf *note = arg;

	return ledger_cosigned_put(t, "w0.example", SLICE(note->s,
	    note->len), e);
}

/* What lies there in a witness's name must be signed by it. */
static void
a_known_witness_has_signed(void **state)
{
	struct world *w = *state;
	const struct note_key key = ledger_witness(0);
	const struct ledger_verifying p = { .st = w->st, .finding = verify_say,
		.witness = &key, .witnesses = 1 };
	struct strbuf note, ours = STRBUF_INIT(LEDGER_NOTE_MAX);
	struct ledger_checkpoint c;
	struct ledger_verdict v;

	verify_sign(w, &c);
	note = ledger_cosigned_note(&c, 0, VERIFY_NOW / 1000);
	world_must(w, STORE_S, put_note, &note);
	assert_int_equal(ledger_verify(&p, &v, &w->e), 0);
	assert_true(v.findings == 0);
	strbuf_add(&ours, c.text, c.len);
	world_must(w, STORE_S, put_note, &ours);
	assert_int_equal(ledger_verify(&p, &v, &w->e), 0);
	assert_true(v.findings == 1);
	assert_non_null(strstr(verify_said.s, "w0.example signed: not by its "
	    "key"));
	assert_true(verify_all(w).findings == 0);
	strbuf_free(&note);
	strbuf_free(&ours);
}

/* ---- beside a writer */

static void
write_meanwhile(void *arg, uint64_t done, uint64_t of)
{
	struct world *w = arg;
	struct verify_some s = { 3, verify_hash };

	assert_true(done <= of);
	world_must(w, STORE_S, verify_append, &s);
	world_must(w, STORE_S, verify_erase, (void *)(uintptr_t)verify_hash);
}

static int
append_bulk(struct txn *t, void *arg, struct err *e)
{
	struct consent_bulk *b = consent_bulk_begin(t, e);
	struct strbuf row = STRBUF_INIT(1024);
	const uint8_t salt[CONSENT_SALT] = "salt";
	uint64_t index;
	int ret = 0;

	for (unsigned i = 0; i < *(unsigned *)arg && ret == 0; i++) {
		struct consent c = { .kind = CONSENT_ACT,
			.when_ms = VERIFY_NOW + i };
		struct ledger_entry leaf;

		strbuf_reset(&row);
		ret = consent_make(&row, salt, &c, e);
		ledger_entry_of(SLICE(row.s, row.len), &leaf);
		if (ret == 0)
			ret = consent_bulk_append(b, SLICE(row.s, row.len),
			    &leaf, &index, e);
	}
	consent_bulk_end(b);
	strbuf_free(&row);
	return ret;
}

/* Entries come, and some that were looked at go, or some that were not. */
static void
beside_a_writer(void **state)
{
	struct world *w = *state;
	const struct ledger_verifying p = { .st = w->st, .finding = verify_say,
		.progress = write_meanwhile, .arg = w };
	struct ledger_checkpoint c;
	struct ledger_verdict v;
	unsigned n = 2 * LEDGER_SLICE;

	world_must(w, STORE_S, append_bulk, &n);
	verify_sign(w, &c);
	strbuf_reset(&verify_said);
	assert_int_equal(ledger_verify(&p, &v, &w->e), 0);
	if (v.findings != 0)
		fail_msg("%s", verify_said.s);
	assert_true(v.size == VERIFY_SIZE + n);
	v = verify_all(w);
	if (v.findings != 0)
		fail_msg("%s", verify_said.s);
	assert_true(v.size > VERIFY_SIZE + n && v.erased > 5);
}

#define TEST(F) \
	cmocka_unit_test_setup_teardown(F, verify_setup, verify_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_roll_back),
		TEST(a_rewritten_tail),
		TEST(a_tail_rewritten_without_the_key),
		TEST(notes_of_others_are_no_claims),
		TEST(a_known_witness_has_signed),
		TEST(beside_a_writer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
