/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_control_evidence.c - the verb evidence export: what it takes, and that
 * each making is on record with who ordered what (S21, S52, S72).
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

#include "lib/strbuf.h"
#include "spool/act.h"
#include "spool/consent.h"
#include "spool/identity.h"
#include "spool/ledger_sign.h"
#include "tests/control_world.h"

#define ANN	"ann@quiet.example"

static int
append(struct txn *t, void *arg, struct err *e)
{
	return consent_append(t, arg, NULL, e);
}

static int
keep(struct txn *t, void *arg, struct err *e)
{
	return ledger_signed(t, arg, e);
}

static int
cosigned(struct txn *t, void *arg, struct err *e)
{
	const struct strbuf *note = arg;

	return ledger_cosigned_put(t, "witness.example", SLICE(note->s,
	    note->len), e);
}

/* Sign, as the daemon does, and let a witness do so: nobody waits then. */
static void
sign(struct queue *q)
{
	static const uint8_t seed[NOTE_KEY_OCTETS] = { 4 };
	const struct ledger_signing s = { "https://l.example", 1, false };
	struct strbuf note = STRBUF_INIT(NOTE_MAX);
	struct ledger_checkpoint c;
	struct note_key key;
	struct note n;

	assert_int_equal(ledger_sign(q->w->st, &s, &c, &q->w->e), 1);
	world_must(q->w, STORE_S, keep, &c);
	strbuf_add(&note, c.text, c.len);
	assert_int_equal(note_parse(&n, c.text, c.len, NULL), 0);
	assert_int_equal(note_key_make(&key, NOTE_COSIGNATURE,
	    "witness.example", seed, NULL), 0);
	assert_int_equal(note_sign(&note, &key, seed, 1, n.text.p, n.text.len,
	    NULL), 0);
	world_must(q->w, STORE_S, cosigned, &note);
	strbuf_free(&note);
}

/* Ann is a member and complains; the number of that entry as text. */
static void
complain(struct queue *q, char number[static 24])
{
	uint32_t list = cw_ready_list(q, "news");
	struct identity ann;
	struct consent c = { .kind = CONSENT_COMPLAINED, .when_ms = 1000,
		.list = list, .address = consent_text(ANN) };
	struct txn *t;
	uint64_t last;

	cw_member(q, list, ANN);
	assert_int_equal(identity_parse(q->w->keys, ANN, strlen(ANN), 0, &ann,
	    NULL), 0);
	c.hash = SLICE(ann.hash, sizeof(ann.hash));
	world_must(q->w, STORE_S, append, &c);
	t = world_read(q->w, STORE_S);
	assert_int_equal(consent_last(t, &last, NULL), 0);
	txn_end(t);
	snprintf(number, 24, "%llu", (unsigned long long)last);
	sign(q);
}

/* The last entry and the last act. */
static void
check_last(struct queue *q, const char *note, const char *object,
    const char *ordered)
{
	struct txn *t = world_read(q->w, STORE_S);
	struct act a = { .index = 0 }, next;
	struct consent c;
	uint64_t last;

	while (act_next(t, a.index + 1, &next, NULL) == 1)
		a = next;
	assert_string_equal(a.verb, "evidence export");
	assert_string_equal(a.object, object);
	assert_string_equal(a.new, ordered);
	assert_int_equal(consent_last(t, &last, NULL), 0);
	/* The act's own entry is behind that of the export. */
	assert_int_equal(consent_get(t, last - 1, &c, NULL), 1);
	assert_int_equal(c.kind, CONSENT_EXPORTED);
	assert_int_equal(c.note.len, strlen(note));
	assert_memory_equal(c.note.p, note, c.note.len);
	assert_true(c.setter.len > 0);
	txn_end(t);
}

static void
an_order_is_kept(void **state)
{
	struct queue *q = *state;
	char number[24], note[64], ordered[128];
	struct answer *a;
	json_t *o;

	complain(q, number);
	o = cw_must(q, &a, "evidence export", "--complaint", number,
	    "<output", "", NULL);
	assert_int_equal(number_of(o, "entries"), 0);
	answer_free(a);
	snprintf(note, sizeof(note), "complaint %s", number);
	check_last(q, note, note, "");
	o = cw_must(q, &a, "evidence export", "--complaint", number,
	    "--disclose", "court, 7/26", "<output", "", NULL);
	assert_true(number_of(o, "entries") >= 2);
	answer_free(a);
	snprintf(ordered, sizeof(ordered), "%s; complaints disclosed: court, "
	    "7/26", note);
	check_last(q, ordered, note, "court, 7/26");
}

/* An act names nobody; the address leads to the entry all the same. */
static void
an_address_is_kept_by_its_hash(void **state)
{
	struct queue *q = *state;
	char number[24];
	struct answer *a;
	struct txn *t;
	struct act act;

	complain(q, number);
	cw_must(q, &a, "evidence export", "ADDR", ANN, "<output", "", NULL);
	answer_free(a);
	t = world_read(q->w, STORE_S);
	for (uint64_t i = 1; act_next(t, i, &act, NULL) == 1;
	    i = act.index + 1)
		assert_null(strstr(act.object, "ann"));
	txn_end(t);
	a = cw_call(q, "subscriber history", "ADDR", ANN, NULL);
	assert_int_equal(a->status, 0);
	assert_string_equal(text_of(last_of(a), "kind"), "exported");
	answer_free(a);
}

/* More than a file holds: it can be asked for in parts, and that is kept. */
static void
an_address_is_narrowed(void **state)
{
	static const char *const asked[][4] = {
		{ "--list", "quiet" },
		{ "--period", "2000-01-01..2000-01-02" },
	};
	struct queue *q = *state;
	char number[24];
	struct answer *a;

	complain(q, number);
	cw_ready_list(q, "quiet");
	for (size_t i = 0; i < sizeof(asked) / sizeof(asked[0]); i++)
		EXPECT(STATUS_NO, q, "evidence export", "ADDR", ANN,
		    asked[i][0], asked[i][1], "<output", "", NULL);
	cw_must(q, &a, "evidence export", "ADDR", ANN, "--period",
	    "2000-01-01..2200-01-01", "--org", "default", "<output", "",
	    NULL);
	assert_string_equal(text_of(last_of(a), "about"), "address; period "
	    "2000-01-01..2200-01-01; organization default");
	answer_free(a);
}

static void
what_it_does_not_take(void **state)
{
	static const char *const wrong[][4] = {
		{ "--complaint", "x" }, { "--complaint", "0" },
		{ "--period", "2026" }, { "--period", "a..b" },
		{ "--list", "news" },
		{ "--complaint", "1", "--list", "news" },
		{ "--trace", "x", "--complaint", "1" },
		{ "--complaint", "1", "--disclose", "" },
	};
	struct queue *q = *state;
	char number[24];

	complain(q, number);
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		EXPECT(STATUS_USAGE, q, "evidence export", "<output", "",
		    wrong[i][0], wrong[i][1], wrong[i][2], wrong[i][3], NULL);
	EXPECT(STATUS_USAGE, q, "evidence export", "ADDR", ANN, NULL);
	EXPECT(STATUS_NO, q, "evidence export", "ADDR", "bob@quiet.example",
	    "<output", "", NULL);
	EXPECT(STATUS_NO, q, "evidence export", "--complaint", "1",
	    "<output", "", NULL);
	EXPECT(STATUS_NO, q, "evidence export", "--trace", "<1@other.example>",
	    "<output", "", NULL);
}

#define T(FN)	cmocka_unit_test_setup_teardown(FN, control_world_setup, \
    control_world_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(an_order_is_kept),
		T(an_address_is_kept_by_its_hash),
		T(an_address_is_narrowed),
		T(what_it_does_not_take),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
