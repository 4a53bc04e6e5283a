/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_import_dry.c - a dry run tells the counts that the import gives
 * afterwards, whatever its rows meet in the store and in each other.
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

#include "spool/import_dry.h"
#include "spool/writer.h"
#include "tests/spool_people.h"

#define ROWS	3000
#define RUN	700	/* rows that are sorted together */
#define PEOPLE	1200	/* so that most come more than once */

struct file {
	struct import	 im;
	struct import_row row[ROWS];
	struct identity	 who[ROWS];
};

static unsigned dice;

static unsigned
throw(unsigned n)
{
	return (dice = dice * 1103515245 + 12345) / 65536 % n;
}

static int
do_begin(struct txn *t, void *arg, struct err *e)
{
	struct file *f = arg;
	struct import begun;

	if (import_begin(t, &f->im, NOW, &begun, e) == -1)
		return job_answer(-1, e);
	f->im = begun;
	return 0;
}

/* In slices, as a file is written. */
static int
do_rows(struct txn *t, void *arg, struct err *e)
{
	struct file *f = arg;
	struct import_slice s = { .id = f->im.id, .now_ms = NOW };
	size_t done;

	while (s.first < ROWS) {
		s.rows = f->row + s.first;
		s.n = ROWS - s.first < RUN ? ROWS - s.first : RUN;
		if (import_rows(t, &s, &done, e) == -1)
			return -1;
		s.first += done;
	}
	return 0;
}

static int
by_verdict(const void *a, const void *b)
{
	const struct import_row *x = a, *y = b;

	return (x->verdict > y->verdict) - (x->verdict < y->verdict);
}

static void
make_rows(struct world *w, struct file *f, bool ends)
{
	char address[64];

	for (size_t i = 0; i < ROWS; i++) {
		struct import_row *row = &f->row[i];
		unsigned p = throw(PEOPLE);

		snprintf(address, sizeof(address), "%s%u@d%u.example",
		    throw(50) == 0 ? "abuse" : "p", p, p % 7);
		if (strncmp(address, "abuse", 5) == 0)
			snprintf(address, sizeof(address), "abuse@d.example");
		f->who[i] = people_identity(w, address);
		import_row_of(row, &f->who[i], throw(3) == 0 ? 0 :
		    NOW - throw(400) * DAY, throw(2) == 0 ? "{\"a\":1}" :
		    NULL);
		row->unvouched = throw(4) == 0;
		if (throw(40) == 0)
			row->verdict = throw(2) == 0 ? IMPORT_BAD :
			    IMPORT_REFUSED;
		else if (ends && row->verdict == IMPORT_TAKE && throw(3) == 0)
			row->verdict = throw(2) == 0 ? IMPORT_LEFT :
			    IMPORT_CLEANED;
	}
	/* As in a run: who is taken before who had left (IMPORT_ORDER). */
	for (size_t i = 0; i < ROWS; i += RUN)
		qsort(f->row + i, ROWS - i < RUN ? ROWS - i : RUN,
		    sizeof(f->row[0]), by_verdict);
}

/* Members, people who asked, who left, and who bounced, of before. */
static void
people_before(struct world *w)
{
	char address[64];

	for (unsigned p = 0; p < PEOPLE; p += 9) {
		snprintf(address, sizeof(address), "p%u@d%u.example", p,
		    p % 7);
		if (p % 4 == 3) {
			people_ask(w, "news", address, NULL, NOW - p * HOUR);
			continue;
		}
		people_join(w, "news", address, NOW - p * HOUR);
		if (p % 4 == 1)
			people_leave(w, 1, address, p % 8 == 1 ?
			    IPC_LEAVE_LIST : IPC_LEAVE_ORGANIZATION, NOW);
	}
}

static struct import_counts
foretell(struct world *w, struct file *f)
{
	struct txn *t = world_read(w, STORE_S);
	struct import_dry *d = import_dry_new(&f->im, 1);
	struct import_counts n;

	for (size_t i = 0; i < ROWS; i++)
		assert_int_equal(import_dry_row(d, t, &f->row[i], &w->e), 0);
	assert_true(import_dry_exact(d));
	n = *import_dry_counts(d);
	import_dry_free(d);
	txn_end(t);
	return n;
}

static void
what_is_foretold_comes(struct world *w, enum evidence vouched, bool ends)
{
	static uint8_t number;
	struct file *f = calloc(1, sizeof(*f));
	struct import_counts told;
	struct import im;
	struct txn *t;

	f->im = (struct import){ .list = 1, .vouched = vouched,
	    .source = "shop", .who = "root", .file = { ++number } };
	make_rows(w, f, ends);
	told = foretell(w, f);
	world_must(w, STORE_S, do_begin, f);
	world_must(w, STORE_S, do_rows, f);
	t = world_read(w, STORE_S);
	assert_int_equal(import_get(t, f->im.id, &im, &w->e), 1);
	txn_end(t);
	assert_memory_equal(&im.counts, &told, sizeof(told));
	assert_int_equal(told.rows, ROWS);
	assert_true(told.added + told.duplicate + told.updated > 100);
	if (ends)
		assert_true(told.unsubscribed > 10 && told.cleaned > 10 &&
		    told.suppressed > 10);
	free(f);
}

static void
counts_are_foretold(void **state)
{
	struct world *w = *state;

	dice = 1;
	people_before(w);
	what_is_foretold_comes(w, EVIDENCE_NONE, false);
	what_is_foretold_comes(w, EVIDENCE_CONFIRMED, false);
}

static void
counts_with_ends_are_foretold(void **state)
{
	struct world *w = *state;

	dice = 7;
	people_before(w);
	what_is_foretold_comes(w, EVIDENCE_CONFIRMED, true);
	what_is_foretold_comes(w, EVIDENCE_NONE, true);
}

int
main(void)
{
#define TEST(F)	cmocka_unit_test_setup_teardown(F, people_setup, world_teardown)
	const struct CMUnitTest tests[] = {
		TEST(counts_are_foretold),
		TEST(counts_with_ends_are_foretold),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
