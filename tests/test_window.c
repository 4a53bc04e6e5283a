/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_window.c - the walk of one domain, and a machine that crashes at
 * random: nobody is skipped, and only what was open is given twice (R118).
 */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "listd/retry.h"
#include "listd/window.h"
#include "spool/progress.h"

#define SEEDS	1000

static uint64_t
mix(uint64_t *x)
{
	uint64_t z = *x += 0x9e3779b97f4a7c15;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
	z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
	return z ^ (z >> 31);
}

/* ---- by hand */

static int owner[8];

static void
nothing_is_ready_before_its_commit(void **state)
{
	struct window *w = window_new(0, 4, 0, UINT64_MAX);
	uint64_t done[PROGRESS_DONE_MAX], a, b;
	struct progress p;

	(void)state;
	assert_int_equal(window_room(w), 4);
	a = window_feed(w, 10, 1, &owner[0]);
	b = window_feed(w, 20, 2, &owner[1]);
	window_fed_to(w, 21);
	assert_null(window_take(w));
	assert_int_equal(window_waiting(w), 2);
	assert_true(window_dirty(w));
	window_row(w, &p, done);
	assert_true(p.lo == 10 && p.hi == 21 && !p.hi_all && p.ndone == 0);
	window_feed(w, 30, 3, &owner[2]);	/* after the row was taken */
	window_fed_to(w, 31);
	window_committed(w);
	assert_int_equal(window_ready(w), 2);
	assert_ptr_equal(window_take(w), &owner[0]);
	assert_ptr_equal(window_take(w), &owner[1]);
	assert_null(window_take(w));
	window_done(w, b);
	window_row(w, &p, done);
	assert_true(p.lo == 10 && p.hi == 31 && p.ndone == 1 && done[0] == 2);
	window_back(w, a);
	assert_ptr_equal(window_take(w), &owner[0]);
	window_done(w, a);
	window_fed_all(w);
	window_row(w, &p, done);
	assert_true(p.lo == 30 && p.hi_all && p.ndone == 0);
	assert_false(window_finished(w));
	window_committed(w);
	assert_ptr_equal(window_take(w), &owner[2]);
	window_done(w, 2);
	assert_true(window_finished(w));
	window_free(w);
}

/* R117: one delivery that hangs after its dot must not stop the domain. */
static void
a_straggler_is_named(void **state)
{
	struct window *w = window_new(5, 3, 0, UINT64_MAX);
	uint64_t done[PROGRESS_DONE_MAX];
	struct progress p;

	(void)state;
	assert_int_equal(window_hash(w), 5);
	for (uint64_t i = 0; i < 3; i++)
		window_feed(w, i, i + 1, &owner[i]);
	window_fed_to(w, 3);
	assert_int_equal(window_hash(w), 8);
	assert_int_equal(window_room(w), 0);
	window_row(w, &p, done);
	window_committed(w);
	for (int i = 0; i < 3; i++)
		window_take(w);
	window_done(w, 1);
	window_done(w, 2);
	assert_ptr_equal(window_straggler(w), &owner[0]);
	window_done(w, 0);
	assert_null(window_straggler(w));
	window_row(w, &p, done);
	assert_true(p.lo == 3 && p.ndone == 0);
	assert_int_equal(window_room(w), 3);
	window_free(w);
}

static void
an_empty_domain_finishes(void **state)
{
	struct window *w = window_new(1, 8, 0, UINT64_MAX);

	(void)state;
	window_fed_to(w, 1000);
	assert_false(window_finished(w));
	window_fed_all(w);
	assert_true(window_finished(w) && window_dirty(w));
	assert_int_equal(window_room(w), 0);
	window_free(w);
}

/* ---- at random */

#define MEMBERS	300

struct member {
	uint64_t	r, id;
	unsigned	given;		/* times handed out */
	bool		ended;		/* a durable outcome */
	bool		open;		/* handed out, not durable */
	bool		batched;	/* outcome in a batch not committed */
	uint64_t	number;
};

struct sim {
	struct member	m[MEMBERS];
	size_t		n;
	struct window	*w;
	uint64_t	seed;
	/* what is on disk */
	bool		has_row, finished;
	struct progress	row;
	uint64_t	done[PROGRESS_DONE_MAX];
	unsigned	again, allowed;	/* duplicates, and what was open */
};

static int
r_order(const void *a, const void *b)
{
	const struct member *x = a, *y = b;

	return (x->r > y->r) - (x->r < y->r);
}

static void
sim_members(struct sim *s)
{
	bool crowded = mix(&s->seed) % 4 == 0;

	s->n = mix(&s->seed) % MEMBERS;
	for (size_t i = 0; i < s->n; i++) {
		/* Crowded: many members share one hash. */
		s->m[i].r = crowded ? mix(&s->seed) % 20 : mix(&s->seed);
		s->m[i].id = 1000 + i;
	}
	if (s->n > 2) {
		s->m[0].r = 0;
		s->m[1].r = UINT64_MAX;
	}
	qsort(s->m, s->n, sizeof(s->m[0]), r_order);
}

static void
sim_feed(struct sim *s)
{
	size_t want = window_room(s->w), i = 0;
	uint64_t last = 0;

	if (want == 0)
		return;
	if (!window_reloading(s->w) && want > 1)
		want = 1 + mix(&s->seed) % want;
	while (i < s->n && s->m[i].r < window_fed(s->w))
		i++;
	for (; i < s->n; i++) {
		if (want == 0 && s->m[i].r != last) {
			window_fed_to(s->w, last + 1);
			return;
		}
		last = s->m[i].r;
		s->m[i].number = window_feed(s->w, last, s->m[i].id, &s->m[i]);
		if (want > 0)
			want--;
	}
	window_fed_all(s->w);
}

static void
sim_open(struct sim *s)
{
	size_t cap = 1 + mix(&s->seed) % 40;

	if (!s->has_row) {
		s->w = window_new(77, cap, 0, UINT64_MAX);
		return;
	}
	s->w = window_load(77, cap, &s->row);
	while (window_reloading(s->w))
		sim_feed(s);
}

static void
sim_give(struct sim *s)
{
	struct member *m = window_take(s->w);

	if (m == NULL)
		return;
	assert_true(s->has_row && (s->row.hi_all || m->r < s->row.hi));
	assert_false(m->ended);
	if (m->given > 0)
		s->again++;
	m->given++;
	m->open = true;
}

static void
sim_outcome(struct sim *s)
{
	struct member *m = s->n > 0 ? &s->m[mix(&s->seed) % s->n] : NULL;

	if (m == NULL || !m->open || m->batched)
		return;
	if (mix(&s->seed) % 5 == 0) {
		window_back(s->w, m->number);
		m->open = false;
		if (--m->given > 0)	/* it was not tried */
			s->again--;
		return;
	}
	m->batched = true;
	window_done(s->w, m->number);
}

/* One batch, durable or not (the process dies in the commit). */
static void
sim_commit(struct sim *s, bool durable)
{
	uint64_t done[PROGRESS_DONE_MAX];
	struct progress p;

	if (!window_dirty(s->w))
		return;
	if (window_finished(s->w)) {
		s->finished = durable;
	} else {
		window_row(s->w, &p, done);
		assert_true(p.ndone <= WINDOW_MAX);
	}
	if (!durable)
		return;
	for (size_t i = 0; i < s->n; i++)
		if (s->m[i].batched) {
			s->m[i].batched = s->m[i].open = false;
			s->m[i].ended = true;
		}
	if (s->finished)
		return;
	s->row = p;
	memcpy(s->done, done, p.ndone * sizeof(done[0]));
	s->row.done = s->done;
	s->has_row = true;
	window_committed(s->w);
}

static void
sim_crash(struct sim *s)
{
	for (size_t i = 0; i < s->n; i++) {
		if (s->m[i].open)
			s->allowed++;
		s->m[i].open = s->m[i].batched = false;
	}
	window_free(s->w);
	sim_open(s);
}

static void
sim_run(uint64_t seed)
{
	struct sim *s = calloc(1, sizeof(*s));
	unsigned steps = 0;

	s->seed = seed;
	sim_members(s);
	sim_open(s);
	for (; !s->finished; steps++) {
		/* After many steps only progress, so that it ends. */
		uint64_t what = mix(&s->seed) % (steps < 2000 ? 64 : 60);

		if (what < 10)
			sim_feed(s);
		else if (what < 30)
			sim_give(s);
		else if (what < 50)
			sim_outcome(s);
		else if (what < 60)
			sim_commit(s, true);
		else if (what == 60)
			sim_crash(s);
		else if (what == 61) {
			sim_commit(s, false);
			s->finished = false;
			sim_crash(s);
		} else if (what == 62)
			(void)window_straggler(s->w);
		if (steps > 1000000)
			fail_msg("seed %llu does not end",
			    (unsigned long long)seed);
	}
	for (size_t i = 0; i < s->n; i++)
		if (!s->m[i].ended || s->m[i].given == 0)
			fail_msg("seed %llu: member %zu was skipped",
			    (unsigned long long)seed, i);
	if (s->again > s->allowed)
		fail_msg("seed %llu: %u again, %u were open",
		    (unsigned long long)seed, s->again, s->allowed);
	window_free(s->w);
	free(s);
}

static void
crashes_at_random(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= SEEDS; seed++)
		sim_run(seed);
}

/* ---- the schedule of retries (R102, requirements section 4) */

static void
retries_follow_the_schedule(void **state)
{
	static const int minutes[] = { 5, 10, 20, 40, 60, 120, 240, 240, 240 };
	uint64_t seed = 1;

	(void)state;
	for (unsigned i = 0; i < sizeof(minutes) / sizeof(minutes[0]); i++) {
		int64_t base = minutes[i] * INT64_C(60000);

		assert_int_equal(retry_wait_ms(i + 1, 0), base * 85 / 100);
		assert_int_equal(retry_wait_ms(i + 1, UINT32_MAX),
		    base * 115 / 100);
		assert_in_range(retry_wait_ms(i + 1, 1u << 31), base - 1,
		    base + 1);
		for (int k = 0; k < 1000; k++)
			assert_in_range(retry_wait_ms(i + 1,
			    (uint32_t)mix(&seed)), base * 85 / 100,
			    base * 115 / 100);
	}
	assert_int_equal(retry_wait_ms(0, 0), retry_wait_ms(1, 0));
	assert_int_equal(retry_wait_ms(UINT32_MAX, 0), retry_wait_ms(9, 0));
}

static void
expiry_is_the_earliest(void **state)
{
	const int64_t hour = 3600000;

	(void)state;
	assert_int_equal(retry_expiry_ms(1000, 48 * hour, 0),
	    1000 + 48 * hour);
	assert_int_equal(retry_expiry_ms(1000, 48 * hour, 5000), 5000);
	assert_int_equal(retry_expiry_ms(1000, 48 * hour, INT64_MAX),
	    1000 + 48 * hour);
	/* never more than five days, whatever was configured */
	assert_int_equal(retry_expiry_ms(0, 1000 * hour, 0), 120 * hour);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_is_ready_before_its_commit),
		cmocka_unit_test(a_straggler_is_named),
		cmocka_unit_test(an_empty_domain_finishes),
		cmocka_unit_test(crashes_at_random),
		cmocka_unit_test(retries_follow_the_schedule),
		cmocka_unit_test(expiry_is_the_earliest),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
