/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_ledger_verify.c - whoever changes, drops, inserts or reorders entries,
 * or anything of the tree over them, is found, and the first wrong entry is
 * named; a rewritten tail and a roll-back are found by a checkpoint that was
 * held outside (S19, S31).
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

#include "lib/strbuf.h"
#include "spool/consent.h"
#include "spool/ledger_private.h"
#include "spool/ledger_sign.h"
#include "spool/ledger_verify.h"
#include "spool/store_private.h"
#include "tests/ledger_world.h"
#include "tests/spool_world.h"

#define URL	"https://lists.example.org"
#define ORIGIN	"lists.example.org/ledger"
#define NOW	1790000000000

static const uint8_t hash[16] = "0123456789abcde";
static const uint8_t other[16] = "another address";

/* ---- a ledger */

struct some {
	unsigned	n;
	const uint8_t	*hash;
};

static int
append_some(struct txn *t, void *arg, struct err *e)
{
	const struct some *s = arg;

	for (unsigned i = 0; i < s->n; i++) {
		struct consent c = { .kind = CONSENT_REQUEST,
			.when_ms = NOW + i, .hash = SLICE(s->hash, 16),
			.address = consent_text("a@b.example") };

		if (consent_append(t, &c, NULL, e) == -1)
			return -1;
	}
	return 0;
}

static int
erase(struct txn *t, void *arg, struct err *e)
{
	struct strbuf erased = STRBUF_INIT(1u << 16);
	struct consent c = { .kind = CONSENT_ERASED };
	int ret = -1;

	if (consent_erase(t, arg, &erased, 5, e) != -1) {
		c.erased = SLICE(erased.s, erased.len);
		ret = consent_append(t, &c, NULL, e);
	}
	strbuf_free(&erased);
	return ret;
}

static int
keep(struct txn *t, void *arg, struct err *e)
{
	return ledger_signed(t, arg, e);
}

static void
sign(struct world *w, struct ledger_checkpoint *c)
{
	const struct ledger_signing s = { URL, NOW, false };

	if (ledger_sign(w->st, &s, c, &w->e) == -1)
		fail_msg("%s", w->e.text);
	world_must(w, STORE_S, keep, c);
}

static int
cosign(struct txn *t, void *arg, struct err *e)
{
	const struct ledger_checkpoint *c = arg;

	return ledger_cosigned_put(t, "w.example", SLICE(c->text, c->len), e);
}

#define SIZE	605	/* 600 entries, 5 of them erased by the 601st, 4 more */
#define ERASER	601

static int
set_up(void **state)
{
	struct some most = { 595, hash }, few = { 5, other }, last = { 4,
		hash };
	struct ledger_checkpoint c;
	struct world *w;

	if (world_setup(state) != 0)
		return -1;
	w = *state;
	world_must(w, STORE_S, append_some, &most);
	sign(w, &c);
	world_must(w, STORE_S, cosign, &c);
	world_must(w, STORE_S, append_some, &few);
	world_must(w, STORE_S, erase, (void *)(uintptr_t)other);
	world_must(w, STORE_S, append_some, &last);
	sign(w, &c);
	return 0;
}

/* ---- verifying */

static struct strbuf said;

static void
say(void *arg, uint64_t index, const char *text)
{
	(void)arg;
	strbuf_addf(&said, "%llu: %s\n", (unsigned long long)index, text);
}

static struct ledger_verdict
verify_against(struct world *w, struct ledger_claim *claim, size_t n)
{
	const struct ledger_verifying p = { .st = w->st, .claim = claim,
		.claims = n, .finding = say };
	struct ledger_verdict v;

	strbuf_free(&said);
	strbuf_init(&said, 1u << 20);
	if (ledger_verify(&p, &v, &w->e) == -1)
		fail_msg("%s", w->e.text);
	return v;
}

static struct ledger_verdict
verify(struct world *w)
{
	return verify_against(w, NULL, 0);
}

static void
sound(struct world *w, uint64_t size, uint64_t erased)
{
	struct ledger_verdict v = verify(w);
	struct ledger_head head;
	struct txn *t;

	if (v.findings != 0)
		fail_msg("%s", said.s);
	assert_true(v.size == size && v.erased == erased && v.first == 0);
	t = world_read(w, STORE_S);
	assert_int_equal(ledger_head(t, &head, &w->e), 0);
	assert_memory_equal(head.root, v.root, 32);
	txn_end(t);
}

static void
wrong_at(struct world *w, uint64_t first)
{
	struct ledger_verdict v = verify(w);

	if (v.findings == 0 || v.first != first)
		fail_msg("the first is %llu, not %llu:\n%s",
		    (unsigned long long)v.first, (unsigned long long)first,
		    said.s);
}

static void
a_sound_one(void **state)
{
	struct world *w = *state;
	struct ledger_verdict v;

	sound(w, SIZE, 5);
	v = verify(w);
	assert_true(v.signed_size == SIZE && v.holds == 0 && v.fails == 0);
}

static void
an_empty_one(void **state)
{
	struct ledger_checkpoint c;
	struct world *w = *state;

	sound(w, 0, 0);
	sign(w, &c);
	sound(w, 0, 0);
}

/* ---- changing rows, and putting them back */

struct change {
	enum store_table table;
	struct key	key;
	struct strbuf	is, was;	/* empty: there is none */
};

static int
put_row(struct txn *t, const struct change *c, const struct strbuf *v,
    struct err *e)
{
	if (v->len == 0)
		return txn_del(t, c->table, key_slice(&c->key), e) == -1 ? -1 :
		    0;
	return txn_put(t, c->table, key_slice(&c->key), SLICE(v->s, v->len),
	    e);
}

static int
do_change(struct txn *t, void *arg, struct err *e)
{
	struct change *c = arg;
	struct slice v;

	strbuf_reset(&c->was);
	if (txn_get(t, c->table, key_slice(&c->key), &v, e) == 1)
		strbuf_add(&c->was, v.p, v.len);
	return put_row(t, c, &c->is, e);
}

static int
undo(struct txn *t, void *arg, struct err *e)
{
	struct change *c = arg;

	return put_row(t, c, &c->was, e);
}

static struct change
change_of(struct world *w, enum store_table table, struct slice key)
{
	struct change c = { .table = table, .is = STRBUF_INIT(1u << 17),
		.was = STRBUF_INIT(1u << 17) };
	struct txn *t = world_read(w, STORE_S);
	struct slice v;

	key_raw(&c.key, key.p, key.len);
	if (txn_get(t, table, key, &v, &w->e) == 1)
		strbuf_add(&c.is, v.p, v.len);
	txn_end(t);
	return c;
}

static struct change
change_entry(struct world *w, uint64_t index)
{
	struct key k = KEY_INIT;

	key_u64(&k, index);
	return change_of(w, TABLE_CONSENT, key_slice(&k));
}

static void
change_free(struct change *c)
{
	strbuf_free(&c->is);
	strbuf_free(&c->was);
}

static void
reseal(struct strbuf *row)
{
	strbuf_truncate(row, row->len - 4);
	record_end(row);
}

/* Those that tests pick: at the borders of rows, tiles and commits too. */
static const uint64_t picked[] = { 1, 2, 16, 17, 255, 256, 257, 300, 512, 513,
	594, 595, 602, 604, SIZE };
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
				reseal(&c.is);
			world_must(w, STORE_S, do_change, &c);
			wrong_at(w, picked[i]);
			world_must(w, STORE_S, undo, &c);
			strbuf_reset(&c.is);
			strbuf_add(&c.is, c.was.s, c.was.len);
		}
		c.is.s[c.is.len - 1] ^= 1;
		world_must(w, STORE_S, do_change, &c);
		wrong_at(w, picked[i]);
		strbuf_truncate(&c.was, c.was.len);
		world_must(w, STORE_S, undo, &c);
		change_free(&c);
	}
	sound(w, SIZE, 5);
}

static void
a_dropped_entry(void **state)
{
	struct world *w = *state;

	for (size_t i = 0; i < PICKED; i++) {
		struct change c = change_entry(w, picked[i]);

		strbuf_reset(&c.is);
		world_must(w, STORE_S, do_change, &c);
		wrong_at(w, picked[i]);
		assert_non_null(strstr(said.s, "1 missing"));
		world_must(w, STORE_S, undo, &c);
		change_free(&c);
	}
}

/* With the entry that names them, the gaps are no longer legal. */
static void
an_erasure_that_is_gone(void **state)
{
	struct world *w = *state;
	struct change c = change_entry(w, ERASER);

	strbuf_reset(&c.is);
	world_must(w, STORE_S, do_change, &c);
	wrong_at(w, 596);
	assert_non_null(strstr(said.s, "596: 6 missing"));
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
		world_must(w, STORE_S, do_change, &a);
		world_must(w, STORE_S, do_change, &b);
		wrong_at(w, picked[i]);
		world_must(w, STORE_S, undo, &a);
		world_must(w, STORE_S, undo, &b);
		change_free(&a);
		change_free(&b);
	}
}

/* An entry is put where there is none: behind the last, far away, in a gap. */
static void
an_inserted_entry(void **state)
{
	static const struct { uint64_t at, first; } rows[] = {
		{ SIZE + 1, SIZE + 1 }, { UINT64_MAX, UINT64_MAX },
		{ 597, 597 }, { 0, 1 },
	};
	struct world *w = *state;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct change from = change_entry(w, 7);
		struct change c = change_entry(w, rows[i].at);

		strbuf_reset(&c.is);
		strbuf_add(&c.is, from.is.s, from.is.len);
		world_must(w, STORE_S, do_change, &c);
		wrong_at(w, rows[i].first);
		world_must(w, STORE_S, undo, &c);
		change_free(&c);
		change_free(&from);
	}
}

/* The erased entry itself, which somebody had kept. */
static void
an_erased_entry_that_came_back(void **state)
{
	struct world *w = *state;
	struct some s = { 1, other };
	struct ledger_checkpoint cp;
	struct change c;
	uint64_t index = SIZE + 1;

	world_must(w, STORE_S, append_some, &s);
	c = change_entry(w, index);
	world_must(w, STORE_S, erase, (void *)(uintptr_t)other);
	sign(w, &cp);
	sound(w, SIZE + 2, 6);
	world_must(w, STORE_S, do_change, &c);
	wrong_at(w, index);
	assert_non_null(strstr(said.s, "it is there, but entry 607"));
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
		world_must(w, STORE_S, do_change, &c);
		wrong_at(w, rows[i].first);
		world_must(w, STORE_S, undo, &c);
		change_free(&c);
	}
	change_free(&from);
}

/* Entries are taken from the end, with the rest as it was. */
static void
a_truncated_table(void **state)
{
	struct world *w = *state;

	for (uint64_t i = SIZE; i > SIZE - 4; i--) {
		struct change c = change_entry(w, i);

		strbuf_reset(&c.is);
		world_must(w, STORE_S, do_change, &c);
		change_free(&c);
		wrong_at(w, i);
	}
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
		world_must(w, STORE_S, do_change, &c);
		if (verify(w).findings == 0)
			fail_msg("%u: a change of %s is not found", i,
			    store_table_name(table));
		world_must(w, STORE_S, undo, &c);
		change_free(&c);
	}
	sound(w, SIZE, 5);
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
			reseal(&c.is);
			world_must(w, STORE_S, do_change, &c);
			if (verify(w).findings == 0)
				fail_msg("%s at %zu", names[i], at);
			world_must(w, STORE_S, undo, &c);
			c.is.s[at] ^= 2;
		}
		change_free(&c);
	}
}

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
	size_t n = ledger_keys(w->keys, ORIGIN, key, &w->e);

	if (ledger_claim_read(&claim, c->text, c->len, key, n, &w->e) == -1)
		fail_msg("%s", w->e.text);
	return claim;
}

/* Put the store of an hour ago back: it is sound in itself. */
static void
a_roll_back(void **state)
{
	struct world *w = *state;
	struct some s = { 10, hash };
	struct ledger_checkpoint old, new;
	struct ledger_claim claim[2];
	struct ledger_verdict v;

	sign(w, &old);
	copy_file(w, "subscribers/data.mdb", "old");
	world_must(w, STORE_S, append_some, &s);
	sign(w, &new);
	claim[0] = claim_of(w, &new, "new");
	claim[1] = claim_of(w, &old, "old");
	v = verify_against(w, claim, 2);
	assert_true(v.findings == 0 && v.holds == SIZE + 10 && v.fails == 0);
	copy_file(w, "old", "subscribers/data.mdb");
	sound(w, SIZE, 5);
	v = verify_against(w, claim, 2);
	assert_true(v.findings == 1 && v.first == SIZE + 1);
	assert_true(v.holds == SIZE && v.fails == SIZE + 10);
	assert_true(!claim[0].holds && claim[1].holds);
	assert_non_null(strstr(said.s, "606: new: it has 615 entries, and "
	    "here are 605"));
}

/* And go on from there with other entries, all signed with our own key. */
static void
a_rewritten_tail(void **state)
{
	struct world *w = *state;
	struct some s = { 10, hash }, more = { 3, hash };
	struct ledger_checkpoint old, new, newer;
	struct ledger_claim claim[3];
	struct ledger_verdict v;

	sign(w, &old);
	copy_file(w, "subscribers/data.mdb", "old");
	world_must(w, STORE_S, append_some, &s);
	sign(w, &new);
	world_must(w, STORE_S, append_some, &more);
	sign(w, &newer);
	claim[0] = claim_of(w, &new, "new");
	claim[1] = claim_of(w, &old, "old");
	claim[2] = claim_of(w, &newer, "newer");
	copy_file(w, "old", "subscribers/data.mdb");
	s.n = 20;
	world_must(w, STORE_S, append_some, &s);
	sign(w, &new);
	sound(w, SIZE + 20, 5);
	v = verify_against(w, claim, 3);
	assert_true(v.findings == 2 && v.holds == SIZE &&
	    v.fails == SIZE + 10);
	assert_true(!claim[0].holds && claim[1].holds && !claim[2].holds);
	assert_non_null(strstr(said.s, "new: the first 615 entries are not "
	    "those it was made of; up to 605 they are"));
}

/* A checkpoint that was signed, kept here, and is of another history. */
static void
a_tail_rewritten_without_the_key(void **state)
{
	struct world *w = *state;
	struct ledger_checkpoint before;
	struct some s = { 10, hash };
	struct change c;

	sign(w, &before);
	copy_file(w, "subscribers/data.mdb", "old");
	world_must(w, STORE_S, append_some, &s);
	sign(w, &before);
	c = change_of(w, TABLE_META, SLICE("checkpoint", 10));
	copy_file(w, "old", "subscribers/data.mdb");
	world_must(w, STORE_S, append_some, &s);
	world_must(w, STORE_S, do_change, &c);
	assert_true(verify(w).findings == 1);
	assert_non_null(strstr(said.s, "the checkpoint kept here: the first "
	    "615 entries are not"));
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

	sign(w, &c);
	assert_int_equal(ledger_claim_read(&claim, c.text, c.len, key, n,
	    &w->e), -1);
	assert_int_equal(w->e.code, ERR_REFUSED);
	n = ledger_keys(w->keys, ORIGIN, key, &w->e);
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
	const struct ledger_verifying p = { .st = w->st, .finding = say,
		.witness = &key, .witnesses = 1 };
	struct strbuf note, ours = STRBUF_INIT(LEDGER_NOTE_MAX);
	struct ledger_checkpoint c;
	struct ledger_verdict v;

	sign(w, &c);
	note = ledger_cosigned_note(&c, 0, NOW / 1000);
	world_must(w, STORE_S, put_note, &note);
	assert_int_equal(ledger_verify(&p, &v, &w->e), 0);
	assert_true(v.findings == 0);
	strbuf_add(&ours, c.text, c.len);
	world_must(w, STORE_S, put_note, &ours);
	assert_int_equal(ledger_verify(&p, &v, &w->e), 0);
	assert_true(v.findings == 1);
	assert_non_null(strstr(said.s, "w0.example signed: not by its key"));
	assert_true(verify(w).findings == 0);
	strbuf_free(&note);
	strbuf_free(&ours);
}

/* ---- beside a writer */

static void
write_meanwhile(void *arg, uint64_t done, uint64_t of)
{
	struct world *w = arg;
	struct some s = { 3, hash };

	assert_true(done <= of);
	world_must(w, STORE_S, append_some, &s);
	world_must(w, STORE_S, erase, (void *)(uintptr_t)hash);
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
		struct consent c = { .kind = CONSENT_ACT, .when_ms = NOW + i };
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
	const struct ledger_verifying p = { .st = w->st, .finding = say,
		.progress = write_meanwhile, .arg = w };
	struct ledger_checkpoint c;
	struct ledger_verdict v;
	unsigned n = 2 * LEDGER_SLICE;

	world_must(w, STORE_S, append_bulk, &n);
	sign(w, &c);
	strbuf_reset(&said);
	assert_int_equal(ledger_verify(&p, &v, &w->e), 0);
	if (v.findings != 0)
		fail_msg("%s", said.s);
	assert_true(v.size == SIZE + n);
	v = verify(w);
	if (v.findings != 0)
		fail_msg("%s", said.s);
	assert_true(v.size > SIZE + n && v.erased > 5);
}

static int
tear_down(void **state)
{
	strbuf_free(&said);
	return world_teardown(state);
}

#define TEST(F) cmocka_unit_test_setup_teardown(F, set_up, tear_down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_sound_one),
		cmocka_unit_test_setup_teardown(an_empty_one, world_setup,
		    tear_down),
		TEST(a_changed_entry),
		TEST(a_dropped_entry),
		TEST(an_erasure_that_is_gone),
		TEST(reordered_entries),
		TEST(an_inserted_entry),
		TEST(an_erased_entry_that_came_back),
		TEST(a_key_of_another_length),
		TEST(a_truncated_table),
		TEST(any_octet_of_any_row),
		TEST(sealed_lies),
		TEST(a_roll_back),
		TEST(a_rewritten_tail),
		TEST(a_tail_rewritten_without_the_key),
		TEST(notes_of_others_are_no_claims),
		TEST(a_known_witness_has_signed),
		TEST(beside_a_writer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
