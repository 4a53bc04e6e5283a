/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_ledger_former.c - a log that came from a backup has another name, and
 * what was signed under the old one is still known as its own.
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

#include "lib/checkpoint.h"
#include "lib/keyring.h"
#include "spool/consent.h"
#include "spool/ledger_sign.h"
#include "spool/ledger_verify.h"
#include "spool/restored.h"
#include "spool/row.h"
#include "tests/ledger_world.h"

#define BACKUP	300	/* entries of it */

static int
append(struct txn *t, void *arg, struct err *e)
{
	for (unsigned i = 0; i < *(unsigned *)arg; i++) {
		struct consent c = { .kind = CONSENT_EXPORTED,
			.when_ms = LEDGER_NOW };

		if (consent_append(t, &c, NULL, e) == -1)
			return -1;
	}
	return 0;
}

static void
grow(struct world *w, unsigned n)
{
	world_must(w, STORE_S, append, &n);
}

static int
restore(struct txn *t, void *arg, struct err *e)
{
	(void)arg;
	return restored_begin(t, LEDGER_NOW, LEDGER_ORIGIN, "root",
	    LEDGER_NOW, e);
}

static struct strbuf	said = STRBUF_INIT(65536);

static void
tell(void *arg, uint64_t index, const char *text)
{
	(void)arg;
	strbuf_addf(&said, "%llu: %s\n", (unsigned long long)index, text);
}

static struct ledger_verdict
verify(struct world *w, struct ledger_claim *claim, size_t n)
{
	const struct ledger_verifying p = { .st = w->st, .claim = claim,
		.claims = n, .finding = tell };
	struct ledger_verdict v;

	strbuf_reset(&said);
	assert_int_equal(ledger_verify(&p, &v, &w->e), 0);
	return v;
}

/* A note as somebody outside holds it, read by the keys that are kept. */
static struct ledger_claim
claim_of(struct world *w, const char *text, size_t len)
{
	struct txn *t = world_read(w, STORE_S);
	struct ledger_claim c = { .name = "held" };
	struct note_key *keys;
	size_t n = ledger_keys_ever(t, &keys, &w->e);

	txn_end(t);
	assert_true(n > 0);
	if (ledger_claim_read(&c, text, len, keys, n, &w->e) == -1)
		fail_msg("%s", w->e.text);
	free(keys);
	return c;
}

/* One that the lost log signed under the old name, of what is not here. */
static struct ledger_claim
of_the_lost_log(struct world *w, uint64_t size)
{
	const uint8_t *seed = keyring_find(store_keys(w->st), KEY_LEDGER,
	    KEY_CURRENT);
	struct checkpoint cp = { .origin = LEDGER_ORIGIN, .size = size,
		.root = "another tree" };
	struct strbuf text = STRBUF_INIT(NOTE_MAX);
	struct strbuf note = STRBUF_INIT(NOTE_MAX);
	struct ledger_claim c;
	struct note_key key;

	checkpoint_format(&cp, &text);
	assert_int_equal(note_key_make(&key, NOTE_ED25519, LEDGER_ORIGIN,
	    seed, &w->e), 0);
	assert_int_equal(note_make(&note, &key, seed, text.s, text.len,
	    &w->e), 0);
	c = claim_of(w, note.s, note.len);
	strbuf_free(&text);
	strbuf_free(&note);
	return c;
}

static void
what_is_older_still_verifies(void **state)
{
	struct world *w = *state;
	struct ledger_checkpoint old, new;
	struct ledger_claim c[2];
	struct ledger_verdict v;

	grow(w, BACKUP);
	ledger_sign_now(w, &old);
	grow(w, 5);
	world_must(w, STORE_S, restore, NULL);
	/* Before anything is signed under the new name. */
	v = verify(w, NULL, 0);
	assert_string_equal(said.s, "");
	c[0] = claim_of(w, old.text, old.len);
	v = verify(w, c, 1);
	assert_true(v.findings == 0 && v.holds == BACKUP && c[0].holds);

	ledger_sign_now(w, &new);
	grow(w, 300);
	c[0] = claim_of(w, old.text, old.len);
	c[1] = claim_of(w, new.text, new.len);
	assert_string_equal(c[0].origin, LEDGER_ORIGIN);
	assert_string_not_equal(c[1].origin, LEDGER_ORIGIN);
	v = verify(w, c, 2);
	assert_true(v.findings == 0 && v.holds == new.size);
	assert_true(c[0].holds && c[1].holds);
}

static const struct {
	const char	*why;
	uint64_t	 size;
	const char	*said;
} lost[] = {
	{ "of what came back, and another tree", BACKUP + 5,
	    "held: the first 305 entries are not those" },
	{ "one more than came back", BACKUP + 6,
	    "held: made before the restore of 2026-09-21T14:13:20.000Z; "
	    "its 306 entries are more than the 305 that came back" },
	{ "longer than the log is now", 5000,
	    "its 5000 entries are more than the 305 that came back" },
};

static void
what_was_lost_is_told_apart(void **state)
{
	struct world *w = *state;
	struct ledger_checkpoint c;

	grow(w, BACKUP);
	ledger_sign_now(w, &c);
	grow(w, 5);
	world_must(w, STORE_S, restore, NULL);
	grow(w, 20);
	ledger_sign_now(w, &c);
	for (size_t i = 0; i < sizeof(lost) / sizeof(lost[0]); i++) {
		struct ledger_claim claim = of_the_lost_log(w, lost[i].size);
		struct ledger_verdict v = verify(w, &claim, 1);

		if (v.findings != 1 || v.fails != lost[i].size ||
		    v.holds != 0 || claim.holds ||
		    strstr(said.s, lost[i].said) == NULL)
			fail_msg("%s: %s", lost[i].why, said.s);
	}
}

/* A log that was restored twice has two former names, the newest first. */
static void
all_its_names_are_published(void **state)
{
	struct world *w = *state;
	struct strbuf lines = STRBUF_INIT(65536);
	struct ledger_checkpoint c[3];
	struct ledger_former f;
	char second[LEDGER_ORIGIN_MAX + 1];
	struct note_key key;
	struct txn *t;
	const char *p;

	for (unsigned i = 0; i < 3; i++) {
		grow(w, 10);
		ledger_sign_now(w, &c[i]);
		if (i < 2)
			world_must(w, STORE_S, restore, NULL);
	}
	t = world_read(w, STORE_S);
	assert_int_equal(ledger_former(t, 0, &f, &w->e), 1);
	memcpy(second, f.origin, sizeof(second));
	assert_true(f.size == c[1].size && f.restored_ms == LEDGER_NOW);
	assert_int_equal(f.checkpoint.len, c[1].len);
	assert_memory_equal(f.checkpoint.p, c[1].text, c[1].len);
	assert_int_equal(ledger_former(t, 1, &f, &w->e), 1);
	assert_string_equal(f.origin, LEDGER_ORIGIN);
	assert_true(f.size == c[0].size);
	assert_int_equal(ledger_former(t, 2, &f, &w->e), 0);
	assert_int_equal(ledger_former_named(t, second, &f, &w->e), 1);
	assert_string_equal(f.origin, second);
	assert_int_equal(ledger_former_named(t, "b.example", &f, &w->e), 0);

	assert_int_equal(ledger_vkeys_ever(t, &lines, &w->e), 1);
	p = lines.s;
	for (unsigned i = 3; i-- > 0; p = strchr(p, '\n') + 1) {
		struct checkpoint cp;
		struct note note;

		assert_int_equal(note_key_parse(&key, p, strcspn(p, "\n"),
		    &w->e), 0);
		assert_int_equal(checkpoint_open(&cp, &note, c[i].text,
		    c[i].len, &key, 1, &w->e), 0);
	}
	assert_string_equal(p, "");
	txn_end(t);
	strbuf_free(&lines);
}

static int
restore_at(struct txn *t, void *arg, struct err *e)
{
	return restored_begin(t, LEDGER_NOW, LEDGER_ORIGIN, "root",
	    *(int64_t *)arg, e);
}

static void
name_of(struct world *w, char origin[static LEDGER_ORIGIN_MAX + 1])
{
	struct txn *t = world_read(w, STORE_S);

	assert_int_equal(ledger_origin(t, origin, &w->e), 1);
	txn_end(t);
}

/* Two logs that go on from one backup have two names. */
static void
a_backup_restored_twice(void **state)
{
	char a[LEDGER_ORIGIN_MAX + 1], b[LEDGER_ORIGIN_MAX + 1];
	int64_t at = LEDGER_NOW, later = LEDGER_NOW + 60000;
	struct world *w = *state, *other;
	void *p;

	world_setup(&p);
	other = p;
	world_must(w, STORE_S, restore_at, &at);
	world_must(other, STORE_S, restore_at, &later);
	name_of(w, a);
	name_of(other, b);
	assert_string_equal(a, LEDGER_ORIGIN "/r1790000000");
	assert_string_equal(b, LEDGER_ORIGIN "/r1790000060");
	/* And again, by a clock that went back. */
	world_must(other, STORE_S, restore_at, &at);
	name_of(other, b);
	assert_string_equal(b, LEDGER_ORIGIN "/r1790000061");
	world_teardown(&p);
}

static int
restore_long(struct txn *t, void *arg, struct err *e)
{
	return restored_begin(t, LEDGER_NOW, arg, "root", LEDGER_NOW, e);
}

/* A name that leaves no room is no reason to restore nothing. */
static void
a_long_name(void **state)
{
	char a[LEDGER_ORIGIN_MAX + 1], long_one[LEDGER_ORIGIN_MAX + 1];
	struct world *w = *state;
	struct ledger_former f;
	struct txn *t;

	memset(long_one, 'a', LEDGER_ORIGIN_MAX);
	long_one[LEDGER_ORIGIN_MAX] = '\0';
	memcpy(long_one + LEDGER_ORIGIN_MAX - 7, "/ledger", 7);
	world_must(w, STORE_S, restore_long, long_one);
	name_of(w, a);
	assert_memory_equal(a, "listd.", 6);
	assert_non_null(strstr(a, "/ledger/r1790000000"));
	t = world_read(w, STORE_S);
	assert_int_equal(ledger_former(t, 0, &f, &w->e), 1);
	assert_string_equal(f.origin, long_one);
	txn_end(t);
}

/* A backup of before the first signature: the lost log may have signed. */
static void
a_backup_without_a_name(void **state)
{
	struct world *w = *state;
	struct ledger_claim claim;
	struct ledger_verdict v;

	grow(w, 4);
	world_must(w, STORE_S, restore, NULL);
	claim = of_the_lost_log(w, 9);
	v = verify(w, &claim, 1);
	assert_true(v.fails == 9);
	assert_non_null(strstr(said.s, "made before the restore"));
}

static int
break_row(struct txn *t, void *arg, struct err *e)
{
	struct slice key = SLICE("former", 6), value;
	struct strbuf b = STRBUF_INIT(65536);
	int ret;

	assert_int_equal(txn_get(t, TABLE_META, key, &value, e), 1);
	strbuf_add(&b, value.p, value.len);
	b.s[*(size_t *)arg % b.len] ^= 1;
	ret = txn_put(t, TABLE_META, key, (struct slice){
	    (const uint8_t *)b.s, b.len }, e);
	strbuf_free(&b);
	return ret;
}

static void
a_broken_row_is_told(void **state)
{
	struct world *w = *state;
	struct ledger_checkpoint c;
	struct ledger_former f;
	struct txn *t;

	grow(w, 4);
	ledger_sign_now(w, &c);
	world_must(w, STORE_S, restore, NULL);
	for (size_t at = 0; at < 250; at += 7) {
		world_must(w, STORE_S, break_row, &at);
		t = world_read(w, STORE_S);
		assert_int_equal(ledger_former(t, 0, &f, &w->e), -1);
		assert_int_equal(w->e.code, ERR_DAMAGED);
		txn_end(t);
		assert_true(verify(w, NULL, 0).findings > 0);
		world_must(w, STORE_S, break_row, &at);
	}
	assert_true(verify(w, NULL, 0).findings == 0);
}

/* A name with a key of somebody who can write to the disk. */
static int
put_theirs(struct txn *t, void *arg, struct err *e)
{
	struct strbuf b = STRBUF_INIT(1024), line = STRBUF_INIT(1024);
	int ret;

	note_key_format(arg, &line);
	strbuf_addc(&line, '\n');
	record_begin(&b, 1);
	pack_str(&b, LEDGER_ORIGIN);
	pack_u64(&b, 4);
	pack_i64(&b, LEDGER_NOW);
	pack_bytes(&b, line.s, line.len);
	pack_bytes(&b, "", 0);
	ret = row_put(t, TABLE_META, SLICE("former", 6), &b, e);
	strbuf_free(&line);
	strbuf_free(&b);
	return ret;
}

static void
a_key_that_is_none_of_ours_is_not_believed(void **state)
{
	struct world *w = *state;
	struct ledger_checkpoint c;
	struct note_key theirs, *keys;
	struct txn *t;
	size_t n;

	grow(w, 4);
	ledger_sign_now(w, &c);
	world_must(w, STORE_S, restore, NULL);
	assert_int_equal(note_key_make(&theirs, NOTE_ED25519, LEDGER_ORIGIN,
	    (const uint8_t *)"a seed that somebody else has !!", &w->e), 0);
	world_must(w, STORE_S, put_theirs, &theirs);
	t = world_read(w, STORE_S);
	n = ledger_keys_ever(t, &keys, &w->e);
	txn_end(t);
	assert_true(n >= 2);
	for (size_t i = 0; i < n; i++)
		assert_memory_not_equal(keys[i].pub, theirs.pub, 32);
	free(keys);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(f)	cmocka_unit_test_setup_teardown(f, world_setup, world_teardown)
		TEST(what_is_older_still_verifies),
		TEST(what_was_lost_is_told_apart),
		TEST(all_its_names_are_published),
		TEST(a_backup_restored_twice),
		TEST(a_long_name),
		TEST(a_backup_without_a_name),
		TEST(a_broken_row_is_told),
		TEST(a_key_that_is_none_of_ours_is_not_believed),
	};
	int ret = cmocka_run_group_tests(tests, NULL, NULL);

	strbuf_free(&said);
	return ret;
}
