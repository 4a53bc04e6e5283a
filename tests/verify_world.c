/* SPDX-License-Identifier: Apache-2.0 */
/*
 * verify_world.c - a ledger to be tampered with.
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
#include "spool/store_private.h"
#include "tests/verify_world.h"

const uint8_t verify_hash[16] = "0123456789abcde";
const uint8_t verify_other[16] = "another address";

/* ---- a ledger */

int
verify_append(struct txn *t, void *arg, struct err *e)
{
	const struct verify_some *s = arg;

	for (unsigned i = 0; i < s->n; i++) {
		struct consent c = { .kind = CONSENT_REQUEST,
			.when_ms = VERIFY_NOW + i, .hash = SLICE(s->hash, 16),
			.address = consent_text("a@b.example") };

		if (consent_append(t, &c, NULL, e) == -1)
			return -1;
	}
	return 0;
}

int
verify_erase(struct txn *t, void *arg, struct err *e)
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

void
verify_sign(struct world *w, struct ledger_checkpoint *c)
{
	const struct ledger_signing s = { VERIFY_URL, VERIFY_NOW, false };

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

int
verify_setup(void **state)
{
	struct verify_some most = { 595, verify_hash };
	struct verify_some few = { 5, verify_other };
	struct verify_some last = { 4, verify_hash };
	struct ledger_checkpoint c;
	struct world *w;

	if (world_setup(state) != 0)
		return -1;
	w = *state;
	world_must(w, STORE_S, verify_append, &most);
	verify_sign(w, &c);
	world_must(w, STORE_S, cosign, &c);
	world_must(w, STORE_S, verify_append, &few);
	world_must(w, STORE_S, verify_erase, (void *)(uintptr_t)verify_other);
	world_must(w, STORE_S, verify_append, &last);
	verify_sign(w, &c);
	return 0;
}

/* ---- verifying */

struct strbuf verify_said;

void
verify_say(void *arg, uint64_t index, const char *text)
{
	(void)arg;
	strbuf_addf(&verify_said, "%llu: %s\n", (unsigned long long)index,
	    text);
}

struct ledger_verdict
verify_against(struct world *w, struct ledger_claim *claim, size_t n)
{
	const struct ledger_verifying p = { .st = w->st, .claim = claim,
		.claims = n, .finding = verify_say };
	struct ledger_verdict v;

	strbuf_free(&verify_said);
	strbuf_init(&verify_said, 1u << 20);
	if (ledger_verify(&p, &v, &w->e) == -1)
		fail_msg("%s", w->e.text);
	return v;
}

struct ledger_verdict
verify_all(struct world *w)
{
	return verify_against(w, NULL, 0);
}

void
verify_sound(struct world *w, uint64_t size, uint64_t erased)
{
	struct ledger_verdict v = verify_all(w);
	struct ledger_head head;
	struct txn *t;

	if (v.findings != 0)
		fail_msg("%s", verify_said.s);
	assert_true(v.size == size && v.erased == erased && v.first == 0);
	t = world_read(w, STORE_S);
	assert_int_equal(ledger_head(t, &head, &w->e), 0);
	assert_memory_equal(head.root, v.root, 32);
	txn_end(t);
}

void
verify_wrong_at(struct world *w, uint64_t first)
{
	struct ledger_verdict v = verify_all(w);

	if (v.findings == 0 || v.first != first)
		fail_msg("the first is %llu, not %llu:\n%s",
		    (unsigned long long)v.first, (unsigned long long)first,
		    verify_said.s);
}

int
verify_teardown(void **state)
{
	strbuf_free(&verify_said);
	return world_teardown(state);
}

/* ---- changing rows, and putting them back */

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

int
change_do(struct txn *t, void *arg, struct err *e)
{
	struct change *c = arg;
	struct slice v;

	strbuf_reset(&c->was);
	if (txn_get(t, c->table, key_slice(&c->key), &v, e) == 1)
		strbuf_add(&c->was, v.p, v.len);
	return put_row(t, c, &c->is, e);
}

int
change_undo(struct txn *t, void *arg, struct err *e)
{
	struct change *c = arg;

	return put_row(t, c, &c->was, e);
}

struct change
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

struct change
change_entry(struct world *w, uint64_t index)
{
	struct key k = KEY_INIT;

	key_u64(&k, index);
	return change_of(w, TABLE_CONSENT, key_slice(&k));
}

void
change_free(struct change *c)
{
	strbuf_free(&c->is);
	strbuf_free(&c->was);
}

void
change_reseal(struct strbuf *row)
{
	strbuf_truncate(row, row->len - 4);
	record_end(row);
}
