/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_ledger.c - the tree over the entries: it has the root of its leaves
 * after every commit, however they came in and whatever died in between; its
 * proofs hold; and a store of schema 1 gets one (S19, S31, P5).
 */
#include "config.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/merkle.h"
#include "lib/strbuf.h"
#include "spool/consent.h"
#include "spool/ledger_private.h"
#include "spool/row.h"
#include "spool/store_private.h"
#include "tests/spool_world.h"

static const uint8_t hash[16] = "0123456789abcde";

static struct consent
entry(uint64_t n)
{
	return (struct consent){ .kind = CONSENT_REQUEST,
	    .when_ms = 1790000000000 + (int64_t)n, .list = 1,
	    .hash = SLICE(hash, 16), .address = consent_text("a@b.example") };
}

/* ---- what the tree must be, from the entries themselves */

/* An entry's own commitment; zeros when it is gone. */
static void
commitment(struct txn *t, uint64_t index, uint8_t out[32])
{
	struct slice salt, e;
	int rc = consent_get_row(t, index, &salt, &e, NULL);

	memset(out, 0, 32);
	if (rc == 1)
		assert_int_equal(consent_commitment(salt.p, e, out, NULL), 0);
}

/* Root, leaves, tiles and nodes are those of the entries.  Its size. */
static uint64_t
sound(struct world *w)
{
	struct txn *t = world_read(w, STORE_S);
	struct ledger_view view = { .t = t };
	struct merkle_range r = { .size = 0 };
	uint8_t leaf[32], h[32], got[32];
	struct ledger_head head;
	uint64_t last;

	assert_int_equal(ledger_head(t, &head, &w->e), 0);
	assert_int_equal(consent_last(t, &last, &w->e), 0);
	assert_true(head.size == last);
	for (uint64_t i = 1; i <= last; i++) {
		assert_int_equal(ledger_leaf(t, i, leaf, &w->e), 1);
		commitment(t, i, h);
		assert_memory_equal(leaf, h, 32);
		merkle_leaf(leaf, 32, h);
		assert_true(merkle_append(&r, h));
	}
	merkle_root(&r, h);
	assert_memory_equal(h, head.root, 32);
	if (merkle_root_at(ledger_subtree, &view, last, got) == -1)
		fail_msg("%s", view.err.text);
	assert_memory_equal(h, got, 32);
	assert_int_equal(ledger_leaf(t, last + 1, leaf, &w->e), 0);
	assert_int_equal(ledger_leaf(t, 0, leaf, &w->e), 0);
	txn_end(t);
	return last;
}

/* ---- growing */

struct some {
	unsigned	n;
	unsigned	fail_after;	/* then say -1; 0: never */
};

static int
append_some(struct txn *t, void *arg, struct err *e)
{
	const struct some *s = arg;

	for (unsigned i = 0; i < s->n; i++) {
		struct consent c = entry(i);

		if (consent_append(t, &c, NULL, e) == -1)
			return -1;
		if (s->fail_after != 0 && i + 1 == s->fail_after) {
			err_set(e, ERR_STORE, "as asked for");
			return -1;
		}
	}
	return 0;
}

static int
bulk_some(struct txn *t, void *arg, struct err *e)
{
	const struct some *s = arg;
	struct consent_bulk *b = consent_bulk_begin(t, e);
	struct strbuf row = STRBUF_INIT(1024);
	uint8_t salt[CONSENT_SALT];
	uint64_t index;
	int ret = b == NULL ? -1 : 0;

	for (unsigned i = 0; i < s->n && ret == 0; i++) {
		struct consent c = { .kind = CONSENT_IMPORT_ROW, .list = 1 };
		struct ledger_entry leaf;

		strbuf_reset(&row);
		ret = consent_salt(salt, e) == -1 ||
		    consent_make(&row, salt, &c, e) == -1 ? -1 : 0;
		ledger_entry_of(SLICE(row.s, row.len), &leaf);
		if (ret == 0)
			ret = consent_bulk_append(b, SLICE(row.s, row.len),
			    &leaf, &index, e);
	}
	consent_bulk_end(b);
	strbuf_free(&row);
	return ret;
}

static void
an_empty_one_has_the_root_of_nothing(void **state)
{
	struct world *w = *state;
	struct txn *t = world_read(w, STORE_S);
	struct ledger_head head;
	struct ledger_checkpoint c;
	uint8_t h[1][32];

	assert_int_equal(ledger_head(t, &head, &w->e), 0);
	assert_true(head.size == 0);
	assert_memory_equal(head.root, "\xe3\xb0\xc4\x42\x98\xfc\x1c\x14", 8);
	assert_int_equal(ledger_leaf(t, 1, h[0], &w->e), 0);
	assert_int_equal(ledger_leaves(t, 0, 1, h, &w->e), -1);
	assert_int_equal(w->e.code, ERR_NOTFOUND);
	assert_int_equal(ledger_checkpoint(t, &c, &w->e), 0);
	txn_end(t);
	assert_true(sound(w) == 0);
}

/* Rows that fill, tiles that do, and commits on all sides of both. */
static void
it_is_sound_after_every_commit(void **state)
{
	struct world *w = *state;
	struct some s = { 0 };
	uint64_t size = 0;

	for (unsigned n = 1; n < 40; n++) {
		s.n = n;
		world_must(w, STORE_S, n % 3 == 0 ? bulk_some : append_some,
		    &s);
		size += n;
		assert_true(sound(w) == size);
		if (n % 10 == 0)
			world_reopen(w);
	}
}

static void
what_is_undone_leaves_nothing(void **state)
{
	struct world *w = *state;
	struct some s = { 30, 0 }, bad = { 300, 270 };

	world_must(w, STORE_S, append_some, &s);
	assert_int_equal(world_write(w, STORE_S, append_some, &bad), 1);
	assert_true(sound(w) == 30);
	world_must(w, STORE_S, append_some, &s);
	assert_true(sound(w) == 60);
}

/* Wherever the writer dies: all of a commit or nothing of it (P5). */
static void
a_writer_may_die_anywhere(void **state)
{
	struct world *w = *state;
	struct some s = { 250, 0 }, more = { 9, 0 };
	uint64_t was, size = 250;
	unsigned n = 1;

	world_must(w, STORE_S, append_some, &s);
	for (bool killed = true; killed; n++) {
		was = size;
		killed = world_killed_at(w, STORE_S, append_some, &more, n);
		size = sound(w);
		assert_true(size == was || size == was + 9);
	}
	/* Three puts an entry, and those of the commit. */
	assert_true(n > 9 * 2 && size > 250);
}

/* A row of the tree is gone: no entry without its leaf goes in any more. */
static int
lose_row(struct txn *t, void *arg, struct err *e)
{
	struct key k = ledger_row_key(*(uint64_t *)arg);

	return txn_del(t, TABLE_LEAVES, key_slice(&k), e) == 1 ? 0 : -1;
}

static void
a_damaged_edge_takes_no_entry(void **state)
{
	struct world *w = *state;
	struct some s = { 20, 0 };
	uint64_t row = 1;

	world_must(w, STORE_S, append_some, &s);
	world_must(w, STORE_S, lose_row, &row);
	assert_int_equal(world_write(w, STORE_S, append_some, &s), 1);
	assert_non_null(strstr(w->e.text, "leaves"));
}

static int
wrong_index(struct txn *t, void *arg, struct err *e)
{
	struct ledger_entry leaf = { .hash = "" };

	return ledger_append(t, *(uint64_t *)arg, &leaf, e);
}

static void
leaves_come_in_order(void **state)
{
	struct world *w = *state;
	struct some s = { 5, 0 };

	world_must(w, STORE_S, append_some, &s);
	for (uint64_t i = 0; i < 10; i++) {
		if (i == 6)
			continue;
		assert_int_equal(world_write(w, STORE_S, wrong_index, &i), 1);
		assert_int_equal(w->e.code, ERR_DAMAGED);
	}
	assert_true(sound(w) == 5);
}

/* ---- reading */

static int
look_inside(struct txn *t, void *arg, struct err *e)
{
	struct some s = { 300, 0 };
	struct ledger_view view = { .t = t };
	struct ledger_head head;
	uint8_t leaf[32], h[32];

	(void)arg;
	if (append_some(t, &s, e) == -1)
		return -1;
	assert_int_equal(ledger_head(t, &head, e), 0);
	assert_true(head.size == 300);
	assert_int_equal(ledger_leaf(t, 300, leaf, e), 1);
	commitment(t, 300, h);
	assert_memory_equal(h, leaf, 32);
	assert_int_equal(merkle_root_at(ledger_subtree, &view, 300, h), 0);
	assert_memory_equal(h, head.root, 32);
	return append_some(t, &s, e);
}

static void
a_transaction_sees_what_it_appended(void **state)
{
	struct world *w = *state;

	world_must(w, STORE_S, look_inside, NULL);
	assert_true(sound(w) == 600);
}

static void
prove(struct txn *t, uint64_t index, uint64_t size)
{
	struct ledger_view view = { .t = t };
	uint8_t leaf[32], root[32], old[32];
	struct merkle_proof p;

	assert_int_equal(ledger_leaf(t, index + 1, leaf, NULL), 1);
	merkle_leaf(leaf, 32, leaf);
	if (merkle_root_at(ledger_subtree, &view, size, root) == -1 ||
	    merkle_inclusion(ledger_subtree, &view, index, size, &p) == -1)
		fail_msg("%s", view.err.text);
	assert_true(merkle_verify_inclusion(leaf, index, size, &p, root));
	assert_int_equal(merkle_root_at(ledger_subtree, &view, index, old), 0);
	assert_int_equal(merkle_consistency(ledger_subtree, &view, index,
	    size, &p), 0);
	assert_true(merkle_verify_consistency(index, size, &p, old, root));
}

/* 65,536 leaves are a tile of the second level. */
static void
proofs_hold_over_two_levels_of_tiles(void **state)
{
	static const uint64_t sizes[] = { 1, 2, 255, 256, 257, 511, 4096,
		65535, 65536, 65537, 65800 };
	struct world *w = *state;
	struct some s = { 13160, 0 };
	uint8_t tile[LEDGER_TILE][32], h[32];
	struct ledger_view view;
	struct txn *t;
	uint64_t n;

	for (int i = 0; i < 5; i++)
		world_must(w, STORE_S, bulk_some, &s);
	assert_true(sound(w) == 65800);
	t = world_read(w, STORE_S);
	assert_int_equal(txn_count(t, TABLE_TILES, &n, &w->e), 0);
	assert_int_equal(n, 257 + 1);
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
		for (uint64_t k = 0; k < sizes[i]; k += 1 + sizes[i] / 23)
			prove(t, k, sizes[i]);
	/* As tiles are published: full ones, and the edge. */
	view = (struct ledger_view){ .t = t };
	assert_int_equal(ledger_tile(t, 1, 0, 256, tile, &w->e), 0);
	assert_int_equal(ledger_subtree(&view, 8, 200, h), 0);
	assert_memory_equal(tile[200], h, 32);
	assert_int_equal(ledger_tile(t, 0, 257, 8, tile, &w->e), 0);
	assert_int_equal(ledger_subtree(&view, 0, 65799, h), 0);
	assert_memory_equal(tile[7], h, 32);
	assert_int_equal(ledger_tile(t, 2, 0, 1, tile, &w->e), 0);
	assert_int_equal(ledger_tile(t, 0, 257, 9, tile, &w->e), -1);
	assert_int_equal(w->e.code, ERR_NOTFOUND);
	assert_int_equal(ledger_tile(t, 1, 1, 2, tile, &w->e), -1);
	assert_int_equal(ledger_tile(t, 2, 0, 2, tile, &w->e), -1);
	assert_int_equal(ledger_tile(t, 9, 0, 1, tile, &w->e), -1);
	assert_int_equal(ledger_tile(t, 0, UINT64_MAX, 1, tile, &w->e), -1);
	assert_int_equal(ledger_subtree(&view, 63, 1, h), -1);
	assert_int_equal(ledger_subtree(&view, 64, 0, h), -1);
	assert_int_equal(ledger_subtree(&view, 0, UINT64_MAX, h), -1);
	txn_end(t);
}

/* ---- erasure */

static int
erase_all(struct txn *t, void *arg, struct err *e)
{
	struct strbuf *erased = arg;
	struct consent c = { .kind = CONSENT_ERASED };

	if (consent_erase(t, hash, erased, 1000, e) == -1)
		return -1;
	c.erased = SLICE(erased->s, erased->len);
	return consent_append(t, &c, NULL, e);
}

static void
an_erased_entry_keeps_its_leaf(void **state)
{
	struct world *w = *state;
	struct strbuf erased = STRBUF_INIT(1u << 16);
	struct some s = { 3, 0 };
	struct ledger_head head;
	uint8_t before[3][32], after[4][32];
	struct txn *t;

	world_must(w, STORE_S, append_some, &s);
	t = world_read(w, STORE_S);
	assert_int_equal(ledger_leaves(t, 0, 3, before, &w->e), 0);
	txn_end(t);
	world_must(w, STORE_S, erase_all, &erased);
	t = world_read(w, STORE_S);
	assert_int_equal(ledger_head(t, &head, &w->e), 0);
	assert_true(head.size == 4);
	assert_int_equal(ledger_leaves(t, 0, 4, after, &w->e), 0);
	assert_memory_equal(before, after, sizeof(before));
	commitment(t, 1, before[0]);
	assert_memory_equal(before[0], (uint8_t[32]){ 0 }, 32);
	txn_end(t);
	strbuf_free(&erased);
}

/* ---- a store that had no ledger */

static int
empty_table(struct txn *t, enum store_table table, struct err *e)
{
	struct slice key, value;
	struct cursor *c;
	struct key k;
	int rc;

	for (;;) {
		if (cursor_open(t, table, &c, e) == -1)
			return -1;
		rc = cursor_seek(c, SLICE("", 0), &key, &value, e);
		k.len = 0;
		if (rc == 1)
			key_raw(&k, key.p, key.len);
		cursor_close(c);
		if (rc != 1)
			return rc;
		if (txn_del(t, table, key_slice(&k), e) != 1)
			return -1;
	}
}

/* As schema 1 had it. */
static int
go_back(struct txn *t, void *arg, struct err *e)
{
	(void)arg;
	return empty_table(t, TABLE_LEAVES, e) == -1 ||
	    empty_table(t, TABLE_TILES, e) == -1 ||
	    txn_del(t, TABLE_META, SLICE("ledger", 6), e) == -1 ||
	    meta_put(t, TABLE_META, "schema", "\0\0\0\1", 4, e) == -1 ?
	    -1 : 0;
}

static unsigned steps_left;

static void
die_at_last_step(const char *what)
{
	(void)what;
	if (--steps_left == 0)
		kill(getpid(), SIGKILL);
}

/* Open, and so upgrade, in a child that dies at its n-th step. */
static bool
killed_in_open(struct world *w, unsigned n)
{
	pid_t pid = fork();
	int status;

	assert_true(pid != -1);
	if (pid == 0) {
		steps_left = n;
		store_step_hook = die_at_last_step;
		_exit(world_open(w, true, false) != NULL ? 0 : 3);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	if (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL)
		return true;
	assert_int_equal(status, 0);
	return false;
}

static void
an_older_store_is_upgraded_whole(void **state)
{
	struct world *w = *state;
	struct strbuf erased = STRBUF_INIT(1u << 16);
	struct some s = { 700, 0 }, bulk = { 300, 0 };
	struct ledger_head first;
	struct txn *t;
	unsigned n = 1;

	world_must(w, STORE_S, append_some, &s);
	world_must(w, STORE_S, erase_all, &erased);
	world_must(w, STORE_S, bulk_some, &bulk);
	world_must(w, STORE_S, go_back, NULL);
	world_close(w);
	assert_null(world_open(w, false, false));
	assert_int_equal(w->e.code, ERR_DAMAGED);
	assert_non_null(strstr(w->e.text, "schema 1"));
	assert_non_null(strstr(w->e.text, "knows 2"));
	while (killed_in_open(w, n))
		n += n < 4 ? 1 : 7;
	assert_true(n > 700 / LEDGER_ROW);
	/* Those erased before have leaves of zeros: sound() wants that. */
	world_reopen(w);
	assert_true(sound(w) == 700 + 1 + 300);
	/* Which may be signed, although nothing was. */
	t = world_read(w, STORE_S);
	assert_int_equal(ledger_first(t, &first, &w->e), 1);
	assert_true(first.size == 700 + 1 + 300);
	txn_end(t);
	world_must(w, STORE_S, append_some, &s);
	assert_true(sound(w) == 700 + 1 + 300 + 700);
	strbuf_free(&erased);
}

static void
an_older_store_without_entries(void **state)
{
	struct world *w = *state;
	struct some s = { 1, 0 };

	world_must(w, STORE_S, go_back, NULL);
	world_reopen(w);
	assert_true(sound(w) == 0);
	world_must(w, STORE_S, append_some, &s);
	assert_true(sound(w) == 1);
}

/* An entry behind the last number given is none of ours. */
static int
lower_counter(struct txn *t, void *arg, struct err *e)
{
	txn_counter_set(t, COUNTER_CONSENT, 3);
	return go_back(t, arg, e);
}

static void
an_older_store_that_is_damaged_is_refused(void **state)
{
	struct world *w = *state;
	struct some s = { 5, 0 };

	world_must(w, STORE_S, append_some, &s);
	world_must(w, STORE_S, lower_counter, NULL);
	world_close(w);
	assert_null(world_open(w, true, false));
	assert_int_equal(w->e.code, ERR_DAMAGED);
	assert_non_null(strstr(w->e.text, "consent"));
}

/* ---- cosignatures */

struct cosigned {
	const char	*witness;
	size_t		len;
};

static int
cosign(struct txn *t, void *arg, struct err *e)
{
	static const uint8_t note[LEDGER_COSIGNED_MAX + 1];
	const struct cosigned *c = arg;

	return ledger_cosigned_put(t, c->witness, SLICE(note, c->len), e) == 0
	    ? 0 : 1;
}

static void
cosignatures_are_kept_by_witness(void **state)
{
	struct world *w = *state;
	struct cosigned a = { "w1.example/w", 100 }, b = { "w2.example", 7 };
	struct cosigned bad = { "x", LEDGER_COSIGNED_MAX + 1 };
	char name[LEDGER_WITNESS_MAX + 1] = "", longer[300];
	struct slice note;
	struct txn *t;

	world_must(w, STORE_S, cosign, &a);
	world_must(w, STORE_S, cosign, &b);
	a.len = LEDGER_COSIGNED_MAX;
	world_must(w, STORE_S, cosign, &a);
	assert_int_equal(world_write(w, STORE_S, cosign, &bad), 1);
	memset(longer, 'w', sizeof(longer));
	longer[LEDGER_WITNESS_MAX + 1] = '\0';
	bad = (struct cosigned){ longer, 1 };
	assert_int_equal(world_write(w, STORE_S, cosign, &bad), 1);
	assert_int_equal(w->e.code, ERR_LIMIT);
	t = world_read(w, STORE_S);
	assert_int_equal(ledger_cosigned_next(t, name, &note, &w->e), 1);
	assert_string_equal(name, a.witness);
	assert_int_equal(note.len, a.len);
	assert_int_equal(ledger_cosigned_next(t, name, &note, &w->e), 1);
	assert_string_equal(name, b.witness);
	assert_int_equal(ledger_cosigned_next(t, name, &note, &w->e), 0);
	assert_int_equal(ledger_cosigned(t, "w2.example", &note, &w->e), 1);
	assert_int_equal(note.len, b.len);
	assert_int_equal(ledger_cosigned(t, "w3.example", &note, &w->e), 0);
	txn_end(t);
}

#define TEST(F) cmocka_unit_test_setup_teardown(F, world_setup, world_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(an_empty_one_has_the_root_of_nothing),
		TEST(it_is_sound_after_every_commit),
		TEST(what_is_undone_leaves_nothing),
		TEST(a_writer_may_die_anywhere),
		TEST(a_damaged_edge_takes_no_entry),
		TEST(leaves_come_in_order),
		TEST(a_transaction_sees_what_it_appended),
		TEST(proofs_hold_over_two_levels_of_tiles),
		TEST(an_erased_entry_keeps_its_leaf),
		TEST(an_older_store_is_upgraded_whole),
		TEST(an_older_store_without_entries),
		TEST(an_older_store_that_is_damaged_is_refused),
		TEST(cosignatures_are_kept_by_witness),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
