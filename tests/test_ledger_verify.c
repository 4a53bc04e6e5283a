/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_ledger_verify.c - whoever changes, drops, inserts or reorders entries,
 * or anything of the tree over them, is found from the store alone, and the
 * first wrong entry is named (S19, S31).
 */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "spool/consent.h"
#include "spool/ledger_sign.h"
#include "tests/verify_world.h"

static void
a_sound_one(void **state)
{
	struct world *w = *state;
	struct ledger_verdict v;

	verify_sound(w, VERIFY_SIZE, 5);
	v = verify_all(w);
	assert_true(v.signed_size == VERIFY_SIZE && v.holds == 0 &&
	    v.fails == 0);
}

static void
an_empty_one(void **state)
{
	struct ledger_checkpoint c;
	struct world *w = *state;

	verify_sound(w, 0, 0);
	verify_sign(w, &c);
	verify_sound(w, 0, 0);
}

/* At the borders of rows, tiles and commits too. */
static const uint64_t picked[] = { 1, 2, 16, 17, 255, 256, 257, 300, 512, 513,
	594, 595, 602, 604, VERIFY_SIZE };
#define PICKED	(sizeof(picked) / sizeof(picked[0]))

static void
a_changed_entry(void **state)
{
	struct world *w = *state;

	for (size_t i = 0; i < PICKED; i++) {
		struct change c = change_entry(w, picked[i]);

		/* One octet of the salt, of the entry, of the seal. */
		for (size_t at = 3; at < c.is.len; at += 40) {
			c.is.s[at] ^= 1;
			if (at % 80 == 3)
				change_reseal(&c.is);
			world_must(w, STORE_S, change_do, &c);
			verify_wrong_at(w, picked[i]);
			world_must(w, STORE_S, change_undo, &c);
			strbuf_reset(&c.is);
			strbuf_add(&c.is, c.was.s, c.was.len);
		}
		c.is.s[c.is.len - 1] ^= 1;
		world_must(w, STORE_S, change_do, &c);
		verify_wrong_at(w, picked[i]);
		strbuf_truncate(&c.was, c.was.len);
		world_must(w, STORE_S, change_undo, &c);
		change_free(&c);
	}
	verify_sound(w, VERIFY_SIZE, 5);
}

static void
a_dropped_entry(void **state)
{
	struct world *w = *state;

	for (size_t i = 0; i < PICKED; i++) {
		struct change c = change_entry(w, picked[i]);

		strbuf_reset(&c.is);
		world_must(w, STORE_S, change_do, &c);
		verify_wrong_at(w, picked[i]);
		assert_non_null(strstr(verify_said.s, "1 missing"));
		world_must(w, STORE_S, change_undo, &c);
		change_free(&c);
	}
}

/* With the entry that names them, the gaps are no longer legal. */
static void
an_erasure_that_is_gone(void **state)
{
	struct world *w = *state;
	struct change c = change_entry(w, VERIFY_ERASER);

	strbuf_reset(&c.is);
	world_must(w, STORE_S, change_do, &c);
	verify_wrong_at(w, 596);
	assert_non_null(strstr(verify_said.s, "596: 6 missing"));
	change_free(&c);
}

static void
reordered_entries(void **state)
{
	struct world *w = *state;

	for (size_t i = 0; i + 1 < PICKED; i++) {
		struct change a = change_entry(w, picked[i]);
		struct change b = change_entry(w, picked[i + 1]);
		struct strbuf x = a.is;

		a.is = b.is;
		b.is = x;
		world_must(w, STORE_S, change_do, &a);
		world_must(w, STORE_S, change_do, &b);
		verify_wrong_at(w, picked[i]);
		world_must(w, STORE_S, change_undo, &a);
		world_must(w, STORE_S, change_undo, &b);
		change_free(&a);
		change_free(&b);
	}
}

/* An entry is put where there is none: behind the last, far away, in a gap. */
static void
an_inserted_entry(void **state)
{
	static const struct { uint64_t at, first; } rows[] = {
		{ VERIFY_SIZE + 1, VERIFY_SIZE + 1 },
		{ UINT64_MAX, UINT64_MAX }, { 597, 597 }, { 0, 1 },
	};
	struct world *w = *state;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct change from = change_entry(w, 7);
		struct change c = change_entry(w, rows[i].at);

		strbuf_reset(&c.is);
		strbuf_add(&c.is, from.is.s, from.is.len);
		world_must(w, STORE_S, change_do, &c);
		verify_wrong_at(w, rows[i].first);
		world_must(w, STORE_S, change_undo, &c);
		change_free(&c);
		change_free(&from);
	}
}

/* The erased entry itself, which somebody had kept. */
static void
an_erased_entry_that_came_back(void **state)
{
	struct world *w = *state;
	struct verify_some s = { 1, verify_other };
	struct ledger_checkpoint cp;
	struct change c;
	uint64_t index = VERIFY_SIZE + 1;

	world_must(w, STORE_S, verify_append, &s);
	c = change_entry(w, index);
	world_must(w, STORE_S, verify_erase, (void *)(uintptr_t)verify_other);
	verify_sign(w, &cp);
	verify_sound(w, VERIFY_SIZE + 2, 6);
	world_must(w, STORE_S, change_do, &c);
	verify_wrong_at(w, index);
	assert_non_null(strstr(verify_said.s, "it is there, but entry 607"));
	change_free(&c);
}

static void
a_key_of_another_length(void **state)
{
	struct world *w = *state;
	struct change from = change_entry(w, 7);
	static const struct { const char *key; size_t len; uint64_t first; }
	    rows[] = {
		{ "\0\0\0\0\0\0\1", 7, 256 },
		{ "\0\0\0\0\0\0\0\7x", 9, 8 },
		{ "\xff", 1, 0 },
		{ "\xff\xff\xff\xff\xff\xff\xff\xff\xff", 9, UINT64_MAX },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct change c = change_of(w, TABLE_CONSENT, SLICE(
		    rows[i].key, rows[i].len));

		strbuf_add(&c.is, from.is.s, from.is.len);
		world_must(w, STORE_S, change_do, &c);
		verify_wrong_at(w, rows[i].first);
		world_must(w, STORE_S, change_undo, &c);
		change_free(&c);
	}
	change_free(&from);
}

/* Entries are taken from the end, with the rest as it was. */
static void
a_truncated_table(void **state)
{
	struct world *w = *state;

	for (uint64_t i = VERIFY_SIZE; i > VERIFY_SIZE - 4; i--) {
		struct change c = change_entry(w, i);

		strbuf_reset(&c.is);
		world_must(w, STORE_S, change_do, &c);
		change_free(&c);
		verify_wrong_at(w, i);
	}
}

/* ---- whoever makes the tree fit */

/* Entries appended without the key are as sound as ours, but unsigned. */
static struct ledger_verdict
verify_still(struct world *w)
{
	const struct ledger_verifying p = { .st = w->st, .still = true,
		.finding = verify_say };
	struct ledger_verdict v;

	strbuf_reset(&verify_said);
	assert_int_equal(ledger_verify(&p, &v, &w->e), 0);
	return v;
}

/* arg is the kind that names entry 7. */
static int
forge_erasure(struct txn *t, void *arg, struct err *e)
{
	static const uint8_t named[8] = { [7] = 7 };
	struct consent c = { .kind = *(enum consent_kind *)arg,
		.when_ms = VERIFY_NOW, .erased = SLICE(named, 8) };

	return consent_append(t, &c, NULL, e);
}

static void
a_forged_erasure_whose_leaf_fits(void **state)
{
	enum consent_kind kind = CONSENT_ERASED;
	struct world *w = *state;
	struct change c = change_entry(w, 7);
	struct ledger_checkpoint cp;
	struct ledger_verdict v;

	assert_int_equal(verify_still(w).findings, 0);
	strbuf_reset(&c.is);
	world_must(w, STORE_S, change_do, &c);
	world_must(w, STORE_S, forge_erasure, &kind);
	v = verify_still(w);
	assert_true(v.findings == 1 && v.unvouched == 1 &&
	    v.signed_size == VERIFY_SIZE);
	assert_non_null(strstr(verify_said.s, "entries 606 to 606 are behind "
	    "the last signed checkpoint"));
	/* A daemon is a second behind: that is counted. */
	v = verify_all(w);
	assert_true(v.findings == 0 && v.unvouched == 1);
	verify_sign(w, &cp);
	v = verify_still(w);
	assert_true(v.findings == 0 && v.unvouched == 0);
	change_free(&c);
}

/* A root that nobody signed vouches for nothing, wherever it holds. */
static void
an_unsigned_root_is_no_witness(void **state)
{
	struct verify_some s = { 3, verify_hash };
	struct world *w = *state;
	struct ledger_claim claim = { .size = VERIFY_SIZE + 9,
		.name = "theirs" };
	struct ledger_verdict v;

	world_must(w, STORE_S, verify_append, &s);
	v = verify_against(w, &claim, 1);
	assert_true(v.findings == 1 && v.unvouched == 3);
	claim.size = VERIFY_SIZE + 3;
	verify_against(w, &claim, 1);
	assert_non_null(strstr(verify_said.s, "theirs: the first 608 entries "
	    "are not those it was made of; up to 605 they are"));
}

static void
what_is_no_erasure_erases_nothing(void **state)
{
	enum consent_kind kind = CONSENT_ACT;
	struct world *w = *state;
	struct change c = change_entry(w, 7);
	struct ledger_checkpoint cp;

	strbuf_reset(&c.is);
	world_must(w, STORE_S, change_do, &c);
	world_must(w, STORE_S, forge_erasure, &kind);
	verify_sign(w, &cp);
	verify_wrong_at(w, 7);
	assert_non_null(strstr(verify_said.s, "606: it names entries as "
	    "erased, which none of its kind does"));
	change_free(&c);
}

/* ---- any octet of any row */

static const struct {
	enum store_table table;
	const char	*meta;		/* a row of that name; NULL: any */
} watched[] = {
	{ TABLE_CONSENT, NULL }, { TABLE_LEAVES, NULL }, { TABLE_TILES, NULL },
	{ TABLE_COSIGNATURES, NULL },
	{ TABLE_META, "ledger" }, { TABLE_META, "checkpoint" },
	{ TABLE_META, "origin" }, { TABLE_META, "vkeys" },
	{ TABLE_META, "last.consent" },
};

static uint32_t
draw(uint32_t below)
{
	static uint32_t x = 2463534242u;

	x ^= x << 13;
	x ^= x >> 17;
	x ^= x << 5;
	return x % below;
}

/* The n-th row of a table. */
static struct change
nth_row(struct world *w, enum store_table table, uint64_t n)
{
	struct txn *t = world_read(w, STORE_S);
	struct slice key, v;
	struct cursor *c;
	struct key k = KEY_INIT;
	int rc;

	assert_int_equal(cursor_open(t, table, &c, &w->e), 0);
	rc = cursor_seek(c, SLICE("", 0), &key, &v, &w->e);
	while (rc == 1 && n-- > 0)
		rc = cursor_next(c, &key, &v, &w->e);
	assert_int_equal(rc, 1);
	key_raw(&k, key.p, key.len);
	cursor_close(c);
	txn_end(t);
	return change_of(w, table, key_slice(&k));
}

static void
any_octet_of_any_row(void **state)
{
	struct world *w = *state;

	for (unsigned i = 0; i < 2000; i++) {
		size_t which = draw(sizeof(watched) / sizeof(watched[0]));
		enum store_table table = watched[which].table;
		const char *meta = watched[which].meta;
		struct txn *t = world_read(w, STORE_S);
		struct change c;
		uint64_t rows;

		assert_int_equal(txn_count(t, table, &rows, &w->e), 0);
		txn_end(t);
		c = meta != NULL ? change_of(w, table, SLICE(meta,
		    strlen(meta))) : nth_row(w, table, draw((uint32_t)rows));
		switch (draw(4)) {
		case 0:		/* gone; what nobody signed may be missing */
			if (table != TABLE_COSIGNATURES)
				strbuf_reset(&c.is);
			else
				c.is.s[0] ^= 1;
			break;
		case 1:		/* longer */
			strbuf_addc(&c.is, 'x');
			break;
		default:
			c.is.s[draw((uint32_t)c.is.len)] ^=
			    (char)(1 << draw(8));
		}
		world_must(w, STORE_S, change_do, &c);
		if (verify_all(w).findings == 0)
			fail_msg("%u: a change of %s is not found", i,
			    store_table_name(table));
		world_must(w, STORE_S, change_undo, &c);
		change_free(&c);
	}
	verify_sound(w, VERIFY_SIZE, 5);
}

/* Meta rows whose seals are right, but not what they say. */
static void
sealed_lies(void **state)
{
	static const char *const names[] = { "ledger", "checkpoint",
		"last.consent" };
	struct world *w = *state;

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		struct change c = change_of(w, TABLE_META, SLICE(names[i],
		    strlen(names[i])));

		for (size_t at = 1; at < 9 + 32 && at + 4 < c.is.len;
		    at += 3) {
			c.is.s[at] ^= 2;
			change_reseal(&c.is);
			world_must(w, STORE_S, change_do, &c);
			if (verify_all(w).findings == 0)
				fail_msg("%s at %zu", names[i], at);
			world_must(w, STORE_S, change_undo, &c);
			c.is.s[at] ^= 2;
		}
		change_free(&c);
	}
}

#define TEST(F) \
	cmocka_unit_test_setup_teardown(F, verify_setup, verify_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_sound_one),
		cmocka_unit_test_setup_teardown(an_empty_one, world_setup,
		    verify_teardown),
		TEST(a_changed_entry),
		TEST(a_dropped_entry),
		TEST(an_erasure_that_is_gone),
		TEST(reordered_entries),
		TEST(an_inserted_entry),
		TEST(an_erased_entry_that_came_back),
		TEST(a_key_of_another_length),
		TEST(a_truncated_table),
		TEST(a_forged_erasure_whose_leaf_fits),
		TEST(an_unsigned_root_is_no_witness),
		TEST(what_is_no_erasure_erases_nothing),
		TEST(any_octet_of_any_row),
		TEST(sealed_lies),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
