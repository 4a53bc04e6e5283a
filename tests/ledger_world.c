/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ledger_world.c - a store with a signed ledger, and witnesses, for tests.
 */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "spool/consent.h"
#include "spool/ledger_sign.h"
#include "tests/ledger_world.h"

static int
append(struct txn *t, void *arg, struct err *e)
{
	for (unsigned i = 0; i < *(unsigned *)arg; i++) {
		struct consent c = { .kind = CONSENT_ACT,
			.when_ms = LEDGER_NOW };

		if (consent_append(t, &c, NULL, e) == -1)
			return -1;
	}
	return 0;
}

void
ledger_grow(struct world *w, unsigned n)
{
	world_must(w, STORE_S, append, &n);
}

static int
keep(struct txn *t, void *arg, struct err *e)
{
	return ledger_signed(t, arg, e);
}

void
ledger_sign_now(struct world *w, struct ledger_checkpoint *c)
{
	const struct ledger_signing s = { LEDGER_URL, LEDGER_NOW, false };

	assert_int_equal(ledger_sign(w->st, &s, c, &w->e), 1);
	world_must(w, STORE_S, keep, c);
}

static void
seed_of(unsigned number, uint8_t seed[static NOTE_KEY_OCTETS])
{
	memset(seed, 0, NOTE_KEY_OCTETS);
	seed[0] = (uint8_t)(number + 1);
}

struct note_key
ledger_witness(unsigned number)
{
	uint8_t seed[NOTE_KEY_OCTETS];
	struct note_key key;
	char name[32];

	seed_of(number, seed);
	snprintf(name, sizeof(name), "w%u.example", number);
	assert_int_equal(note_key_make(&key, NOTE_COSIGNATURE, name, seed,
	    NULL), 0);
	return key;
}

void
ledger_cosign(struct strbuf *note, unsigned number, uint64_t time)
{
	struct note_key key = ledger_witness(number);
	uint8_t seed[NOTE_KEY_OCTETS];
	struct strbuf text = STRBUF_INIT(NOTE_MAX);
	struct note n;

	seed_of(number, seed);
	assert_int_equal(note_parse(&n, note->s, note->len, NULL), 0);
	strbuf_add(&text, n.text.p, n.text.len);
	assert_int_equal(note_sign(note, &key, seed, time, text.s, text.len,
	    NULL), 0);
	strbuf_free(&text);
}

struct strbuf
ledger_cosigned_note(const struct ledger_checkpoint *c, unsigned number,
    uint64_t time)
{
	struct strbuf b = STRBUF_INIT(NOTE_MAX);

	strbuf_add(&b, c->text, c->len);
	ledger_cosign(&b, number, time);
	return b;
}
