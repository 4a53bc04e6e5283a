/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_progress.c - the rows that say how far sending has come: open domains,
 * finished ones, deferrals, the outbox and suspended sites.
 */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "lib/strbuf.h"
#include "spool/deferral.h"
#include "spool/outbox.h"
#include "spool/progress.h"
#include "spool/suspension.h"
#include "tests/spool_world.h"

/* ---- progress and finished */

static int
put_progress(struct txn *t, void *arg, struct err *e)
{
	static const uint64_t done[] = { 5, 9, 0xffffffffffffffff };
	const struct progress p = {
		.node = 1, .first = 0, .last = UINT64_MAX, .lo = 10, .hi = 20,
		.hi_all = true, .ndone = 3, .done = done,
	};
	struct strbuf b = STRBUF_INIT(256);
	int rc;

	progress_encode(&b, &p);
	rc = progress_put(t, arg, SLICE(b.s, b.len), e);
	strbuf_free(&b);
	return rc;
}

static int
finish(struct txn *t, void *arg, struct err *e)
{
	return progress_finish(t, arg, e);
}

static void
an_open_domain_comes_back(void **state)
{
	struct world *w = *state;
	struct progress_key key = { 3, 77, 0 }, walk = { 3, 0, 0 };
	uint64_t done[PROGRESS_DONE_MAX];
	struct progress p;
	struct txn *t;

	world_must(w, STORE_Q, put_progress, &key);
	t = world_read(w, STORE_Q);
	assert_int_equal(progress_get(t, &key, &p, done, &w->e), 1);
	assert_true(p.node == 1 && p.first == 0 && p.last == UINT64_MAX);
	assert_true(p.lo == 10 && p.hi == 20 && p.hi_all && p.ndone == 3);
	assert_true(p.done[0] == 5 && p.done[2] == UINT64_MAX);
	assert_int_equal(progress_next(t, &walk, &w->e), 1);
	assert_int_equal(walk.domain, 77);
	walk.domain++;
	assert_int_equal(progress_next(t, &walk, &w->e), 0);
	key.campaign = 4;
	assert_int_equal(progress_get(t, &key, &p, done, &w->e), 0);
	txn_end(t);
}

struct part_row {
	struct progress_key key;
	struct progress	 p;
};

static int
put_part(struct txn *t, void *arg, struct err *e)
{
	const struct part_row *r = arg;
	struct strbuf b = STRBUF_INIT(256);
	int rc;

	progress_encode(&b, &r->p);
	rc = progress_put(t, &r->key, SLICE(b.s, b.len), e);
	strbuf_free(&b);
	return rc;
}

/* Parts meet without a gap and are all of the space. */
static void
parts_cover_all(void **state)
{
	uint64_t first, last, next;
	struct progress p;

	(void)state;
	for (unsigned n = 1; n <= PROGRESS_PARTS_MAX; n *= 2) {
		next = 0;
		for (unsigned i = 0; i < n; i++) {
			progress_range(n, i, &first, &last);
			assert_true(first == next && last > first);
			p.first = first;
			p.last = last;
			assert_int_equal(progress_parts(&p), n);
			next = last + 1;
		}
		assert_true(last == UINT64_MAX);
	}
}

/* A row whose points are not those of its part would skip people: P6. */
static void
a_part_has_its_own_points(void **state)
{
	static const struct {
		uint16_t part;
		uint64_t first, last;
		int rc;
	} row[] = {
		{ 0, 0, UINT64_MAX, 1 },
		{ 1, UINT64_C(1) << 63, UINT64_MAX, 1 },
		{ 0, UINT64_C(1) << 63, UINT64_MAX, -1 },  /* that of 1 */
		{ 2, UINT64_C(1) << 63, UINT64_MAX, -1 },  /* there are two */
		{ 0, 0, UINT64_MAX - 1, -1 },		   /* one is left out */
		{ 0, 0, UINT64_MAX / 3, -1 },		   /* no power of two */
		{ 0, 5, 5, -1 },
		{ 0, 9, 5, -1 },
		{ 0, 0, UINT64_MAX >> 6, 1 },
		{ 0, 0, UINT64_MAX >> 7, -1 },		   /* too many */
	};
	struct world *w = *state;
	uint64_t done[PROGRESS_DONE_MAX];
	struct progress p;
	struct txn *t;

	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		struct part_row r = {
			{ 3, 77, row[i].part },
			{ .first = row[i].first, .last = row[i].last,
			  .over = true },
		};

		world_must(w, STORE_Q, put_part, &r);
		t = world_read(w, STORE_Q);
		assert_int_equal(progress_get(t, &r.key, &p, done, &w->e),
		    row[i].rc);
		assert_true(row[i].rc != 1 || p.over);
		txn_end(t);
		w->e = (struct err)ERR_INIT;
	}
}

static void
finishing_turns_the_row_into_a_bit(void **state)
{
	struct world *w = *state;
	static const uint32_t ids[] = { 0, 1, 7, 8, 4095, 4096, 1000000 };
	struct progress_key key = { 3, 0, 0 };
	uint64_t done[PROGRESS_DONE_MAX];
	struct progress p;
	struct txn *t;

	for (size_t i = 0; i < sizeof(ids) / sizeof(ids[0]); i++) {
		key.domain = ids[i];
		world_must(w, STORE_Q, put_progress, &key);
		world_must(w, STORE_Q, finish, &key);
	}
	world_must(w, STORE_Q, finish, &key);	/* again changes nothing */
	t = world_read(w, STORE_Q);
	for (size_t i = 0; i < sizeof(ids) / sizeof(ids[0]); i++) {
		key.domain = ids[i];
		assert_int_equal(progress_get(t, &key, &p, done, &w->e), 0);
		assert_int_equal(progress_finished(t, 3, ids[i], &w->e), 1);
		assert_int_equal(progress_finished(t, 4, ids[i], &w->e), 0);
	}
	assert_int_equal(progress_finished(t, 3, 2, &w->e), 0);
	assert_int_equal(progress_finished(t, 3, 4097, &w->e), 0);
	txn_end(t);
}

static int
sweep_some(struct txn *t, void *arg, struct err *e)
{
	int *more = arg;

	*more = progress_sweep(t, 3, 2, e);
	return *more == -1 ? -1 : 0;
}

static void
what_is_over_is_forgotten(void **state)
{
	struct world *w = *state;
	struct progress_key key = { 3, 1, 0 }, other = { 4, 2, 0 };
	uint64_t done[PROGRESS_DONE_MAX];
	struct progress p;
	struct txn *t;
	int more, rounds = 0;

	for (; key.domain < 20000; key.domain += 5000)
		world_must(w, STORE_Q, put_progress, &key);
	world_must(w, STORE_Q, put_progress, &other);
	world_must(w, STORE_Q, finish, &other);
	other.domain++;
	world_must(w, STORE_Q, put_progress, &other);
	key.domain = 1;
	world_must(w, STORE_Q, finish, &key);
	do {
		world_must(w, STORE_Q, sweep_some, &more);
		assert_true(++rounds < 10);
	} while (more == 1);
	t = world_read(w, STORE_Q);
	key.domain = 0;
	assert_int_equal(progress_next(t, &key, &w->e), 0);
	assert_int_equal(progress_finished(t, 3, 1, &w->e), 0);
	assert_int_equal(progress_finished(t, 4, 2, &w->e), 1);
	assert_int_equal(progress_get(t, &other, &p, done, &w->e), 1);
	txn_end(t);
}

/* ---- deferrals */

static struct deferral
deferral(uint32_t domain, int64_t due, uint32_t campaign, uint64_t subscriber)
{
	struct deferral d = {
		.domain = domain, .due_ms = due, .campaign = campaign,
		.h8 = 0x1122334455667788, .subscriber = subscriber, .join = 6,
		.attempts = 2, .first_ms = 5, .code = 451,
		.enhanced = { 4, 7, 1 }, .source = 9,
		.unanswered = 2, .lost = true,
	};

	return d;
}

static int
put_deferral(struct txn *t, void *arg, struct err *e)
{
	return deferral_put(t, arg, e);
}

static int
del_deferral(struct txn *t, void *arg, struct err *e)
{
	return deferral_del(t, arg, e) == 1 ? 0 : 1;
}

static void
put_some(struct world *w)
{
	struct deferral rows[] = {
		deferral(5, 300, 1, 30), deferral(5, 100, 1, 10),
		deferral(5, 200, 2, 20), deferral(9, 50, 1, 5),
		deferral(9, 5000, 1, 500),
	};

	for (size_t i = 0; i < 5; i++)
		world_must(w, STORE_Q, put_deferral, &rows[i]);
}

static void
due_rows_come_in_order(void **state)
{
	struct world *w = *state;
	struct deferral got[8], after;
	struct txn *t;
	size_t n;

	put_some(w);
	t = world_read(w, STORE_Q);
	assert_int_equal(deferral_due(t, 5, NULL, 250, got, 8, &n, &w->e), 0);
	assert_int_equal(n, 2);
	assert_int_equal(got[0].subscriber, 10);
	assert_int_equal(got[1].subscriber, 20);
	assert_true(got[0].due_ms == 100 && got[0].campaign == 1 &&
	    got[0].h8 == 0x1122334455667788 &&
	    got[0].join == 6 && got[0].attempts == 2 &&
	    got[0].first_ms == 5 && got[0].code == 451 &&
	    got[0].enhanced[1] == 7 && got[0].source == 9 &&
	    got[0].unanswered == 2 && got[0].lost);
	after = got[0];
	assert_int_equal(deferral_due(t, 5, &after, 9999, got, 8, &n,
	    &w->e), 0);
	assert_int_equal(n, 2);
	assert_int_equal(got[0].subscriber, 20);
	assert_int_equal(deferral_due(t, 5, NULL, 9999, got, 1, &n, &w->e), 0);
	assert_int_equal(n, 1);
	assert_int_equal(deferral_due(t, 6, NULL, 9999, got, 8, &n, &w->e), 0);
	assert_int_equal(n, 0);
	txn_end(t);
}

/* The heap of due times is rebuilt at start by one seek a domain. */
static void
earliest_of_each_domain(void **state)
{
	struct world *w = *state;
	uint32_t domain = 0;
	int64_t due;
	struct txn *t;

	put_some(w);
	t = world_read(w, STORE_Q);
	assert_int_equal(deferral_earliest(t, 0, &domain, &due, &w->e), 1);
	assert_true(domain == 5 && due == 100);
	domain++;
	assert_int_equal(deferral_earliest(t, 0, &domain, &due, &w->e), 1);
	assert_true(domain == 9 && due == 50);
	domain++;
	assert_int_equal(deferral_earliest(t, 0, &domain, &due, &w->e), 0);
	domain = 0;
	assert_int_equal(deferral_earliest(t, 301, &domain, &due, &w->e), 1);
	assert_true(domain == 9 && due == 5000);
	txn_end(t);
}

static void
a_row_is_found_and_deleted(void **state)
{
	struct world *w = *state;
	struct deferral d = deferral(5, 200, 2, 20);
	struct txn *t;

	put_some(w);
	d.attempts = 0;
	t = world_read(w, STORE_Q);
	assert_int_equal(deferral_get(t, &d, &w->e), 1);
	assert_int_equal(d.attempts, 2);
	txn_end(t);
	world_must(w, STORE_Q, del_deferral, &d);
	assert_int_equal(world_write(w, STORE_Q, del_deferral, &d), 1);
	t = world_read(w, STORE_Q);
	assert_int_equal(deferral_get(t, &d, &w->e), 0);
	d = deferral(5, 100, 1, 99);
	assert_int_equal(deferral_get(t, &d, &w->e), 0);
	txn_end(t);
}

/* ---- outbox */

struct boxed {
	uint64_t	batch;
	struct slice	bytes, mails;
};

static int
put_batch(struct txn *t, void *arg, struct err *e)
{
	struct boxed *b = arg;

	return outbox_put(t, b->batch, b->bytes, b->mails, e);
}

static int
del_batch(struct txn *t, void *arg, struct err *e)
{
	struct boxed *b = arg;

	return outbox_del(t, b->batch, e) == 1 ? 0 : 1;
}

static void
batches_of_every_size(void **state)
{
	static uint8_t bytes[3 * OUTBOX_PART + 1];
	static const size_t sizes[] = {
		1, OUTBOX_PART - 1, OUTBOX_PART, OUTBOX_PART + 1,
		2 * OUTBOX_PART, sizeof(bytes),
	};
	struct world *w = *state;
	struct strbuf out = STRBUF_INIT(1 << 20);
	struct boxed b = { .bytes = { bytes, 0 } };
	uint64_t batch = 0;
	struct txn *t;

	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)(i * 7 + i / 251);
	for (size_t i = 0; i < 6; i++) {
		b.batch = 10 + i;
		b.bytes.len = sizes[i];
		world_must(w, STORE_Q, put_batch, &b);
	}
	t = world_read(w, STORE_Q);
	for (size_t i = 0; i < 6; i++) {
		assert_int_equal(outbox_next(t, &batch, &out, &w->e), 1);
		assert_int_equal(batch, 10 + i);
		assert_int_equal(out.len, sizes[i]);
		assert_memory_equal(out.s, bytes, sizes[i]);
	}
	assert_int_equal(outbox_next(t, &batch, &out, &w->e), 0);
	txn_end(t);
	b.batch = 12;
	world_must(w, STORE_Q, del_batch, &b);
	assert_int_equal(world_write(w, STORE_Q, del_batch, &b), 1);
	t = world_read(w, STORE_Q);
	batch = 11;
	assert_int_equal(outbox_next(t, &batch, &out, &w->e), 1);
	assert_int_equal(batch, 13);
	txn_end(t);
	strbuf_free(&out);
}

/* What a batch's mails say lies beside it and goes with it. */
static void
mails_lie_beside_a_batch(void **state)
{
	static uint8_t bytes[2 * OUTBOX_PART], mails[2 * OUTBOX_PART + 1];
	struct world *w = *state;
	struct strbuf out = STRBUF_INIT(1 << 20);
	struct boxed b = { .batch = 1, .bytes = { bytes, sizeof(bytes) },
		.mails = { mails, sizeof(mails) } };
	uint64_t batch = 0;
	struct txn *t;

	memset(mails, 7, sizeof(mails));
	world_must(w, STORE_Q, put_batch, &b);
	b.batch = 2;
	b.mails.len = 0;
	world_must(w, STORE_Q, put_batch, &b);
	t = world_read(w, STORE_Q);
	assert_int_equal(outbox_next(t, &batch, &out, &w->e), 1);
	assert_int_equal(out.len, sizeof(bytes));
	assert_int_equal(outbox_mails(t, 1, &out, &w->e), 0);
	assert_int_equal(out.len, sizeof(mails));
	assert_memory_equal(out.s, mails, sizeof(mails));
	assert_int_equal(outbox_mails(t, 2, &out, &w->e), 0);
	assert_int_equal(out.len, 0);
	txn_end(t);
	b.batch = 1;
	world_must(w, STORE_Q, del_batch, &b);
	t = world_read(w, STORE_Q);
	assert_int_equal(outbox_mails(t, 1, &out, &w->e), 0);
	assert_int_equal(out.len, 0);
	txn_end(t);
	strbuf_free(&out);
}

static int
lose_a_part(struct txn *t, void *arg, struct err *e)
{
	static const uint8_t key[10] = { 0, 0, 0, 0, 0, 0, 0, 1, 0, 1 };

	(void)arg;
	return txn_del(t, TABLE_OUTBOX, SLICE(key, 10), e) == 1 ? 0 : -1;
}

static void
a_batch_with_a_hole_is_damage(void **state)
{
	static uint8_t bytes[3 * OUTBOX_PART];
	struct world *w = *state;
	struct strbuf out = STRBUF_INIT(1 << 20);
	struct boxed b = { .batch = 1, .bytes = { bytes, sizeof(bytes) } };
	uint64_t batch = 0;
	struct txn *t;

	world_must(w, STORE_Q, put_batch, &b);
	world_must(w, STORE_Q, lose_a_part, NULL);
	t = world_read(w, STORE_Q);
	assert_int_equal(outbox_next(t, &batch, &out, &w->e), -1);
	assert_int_equal(w->e.code, ERR_DAMAGED);
	txn_end(t);
	strbuf_free(&out);
}

/* ---- sites */

static int
put_site(struct txn *t, void *arg, struct err *e)
{
	return suspension_put(t, arg, e);
}

static int
del_site(struct txn *t, void *arg, struct err *e)
{
	return suspension_del(t, arg, e) == 1 ? 0 : 1;
}

static int
damage_site(struct txn *t, void *arg, struct err *e)
{
	const struct suspension *s = arg;

	return txn_put(t, TABLE_SITES, SLICE(s->site, SITE_KEY),
	    SLICE("junk", 4), e);
}

static void
suspended_sites_come_back(void **state)
{
	struct world *w = *state;
	struct suspension s = {
		.since_ms = 5, .until_ms = SUSPENSION_FOREVER, .attempts = 3,
		.window = 4, .by_hand = true, .host = "mx.example",
		.reason = "421 not now",
	}, got;
	struct txn *t;

	memset(s.site, 0, SITE_KEY);
	world_must(w, STORE_Q, put_site, &s);
	memset(s.site, 0xff, SITE_KEY);
	world_must(w, STORE_Q, put_site, &s);
	t = world_read(w, STORE_Q);
	assert_int_equal(suspension_get(t, s.site, &got, &w->e), 1);
	assert_memory_equal(&got, &s, sizeof(s));
	assert_int_equal(suspension_next(t, NULL, &got, &w->e), 1);
	assert_int_equal(got.site[0], 0);
	assert_int_equal(suspension_next(t, got.site, &got, &w->e), 1);
	assert_int_equal(got.site[0], 0xff);
	assert_int_equal(suspension_next(t, got.site, &got, &w->e), 0);
	txn_end(t);
	world_must(w, STORE_Q, del_site, &s);
	assert_int_equal(world_write(w, STORE_Q, del_site, &s), 1);
	memset(s.site, 0, SITE_KEY);
	world_must(w, STORE_Q, damage_site, &s);
	t = world_read(w, STORE_Q);
	memset(&got, 0xaa, sizeof(got));
	assert_int_equal(suspension_next(t, NULL, &got, &w->e), -1);
	assert_int_equal(w->e.code, ERR_DAMAGED);
	assert_memory_equal(got.site, s.site, SITE_KEY);
	txn_end(t);
}

#define T(F)	cmocka_unit_test_setup_teardown(F, world_setup, world_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(an_open_domain_comes_back),
		T(parts_cover_all),
		T(a_part_has_its_own_points),
		T(finishing_turns_the_row_into_a_bit),
		T(what_is_over_is_forgotten),
		T(due_rows_come_in_order),
		T(earliest_of_each_domain),
		T(a_row_is_found_and_deleted),
		T(batches_of_every_size),
		T(mails_lie_beside_a_batch),
		T(a_batch_with_a_hole_is_damage),
		T(suspended_sites_come_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
