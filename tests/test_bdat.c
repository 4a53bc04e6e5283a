/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_bdat.c - which hosts are sent to by BDAT, after what they answered.
 */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "listd/bdat.h"

static void
say(struct bdat_hosts *h, const char *host, unsigned taken, unsigned refused)
{
	for (; refused > 0; refused--)
		bdat_rcpt(h, host, true);
	for (; taken > 0; taken--)
		bdat_rcpt(h, host, false);
}

/* What was answered, and whether BDAT is used after it. */
static const struct {
	const char	*why;
	unsigned	 taken, refused, taken_after;
	bool		 may;
} rows[] = {
	{ "nothing is known: as it is offered", 0, 0, 0, true },
	{ "one refusal says little", 0, 1, 0, true },
	{ "of few, two are too many", 0, 2, 0, false },
	{ "three in a hundred may be", 97, 3, 0, true },
	{ "four in a hundred are too many", 96, 4, 0, false },
	{ "and at two still are", 96, 4, 100, false },
	{ "until it is one", 96, 4, 300, true },
	{ "what is long past counts little", 900, 100, 4000, true },
};

static void
a_share_of_refusals(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct bdat_hosts *h = bdat_hosts_new();

		/* The refusals first: a share is told at every answer. */
		say(h, "mx.example", rows[i].taken, 0);
		say(h, "mx.example", rows[i].taken_after, rows[i].refused);
		if (bdat_may(h, "MX.example", 0) != rows[i].may)
			fail_msg("%s", rows[i].why);
		assert_true(bdat_may(h, "other.example", 0));
		bdat_hosts_free(h);
	}
}

static void
one_that_does_not_know_it(void **state)
{
	struct bdat_hosts *h = bdat_hosts_new();

	(void)state;
	bdat_broken(h, "mx.example", 5);
	say(h, "mx.example", 10000, 0);
	assert_false(bdat_may(h, "mx.example", 5));
	assert_false(bdat_may(h, "mx.example", 4 + BDAT_BROKEN_MS));
	assert_true(bdat_may(h, "mx.example", 5 + BDAT_BROKEN_MS));
	assert_true(bdat_may(h, "mx2.example", 5));
	bdat_hosts_free(h);
}

/* However many there are: the table does not grow, and forgets. */
static void
more_hosts_than_places(void **state)
{
	struct bdat_hosts *h = bdat_hosts_new();
	char name[16];
	unsigned off = 0;

	(void)state;
	for (unsigned i = 0; i < 20 * BDAT_HOSTS; i++) {
		snprintf(name, sizeof(name), "mx%u", i);
		say(h, name, 0, 5);
		assert_false(bdat_may(h, name, 0));
	}
	for (unsigned i = 0; i < 20 * BDAT_HOSTS; i++) {
		snprintf(name, sizeof(name), "mx%u", i);
		off += !bdat_may(h, name, 0);
	}
	assert_true(off > BDAT_HOSTS / 2 && off <= BDAT_HOSTS);
	bdat_hosts_free(h);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_share_of_refusals),
		cmocka_unit_test(one_that_does_not_know_it),
		cmocka_unit_test(more_hosts_than_places),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
