/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_memo.c - what is remembered of hosts is known until its time, and no
 * longer (S88).
 */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "listd/memo.h"

#define NOW	INT64_C(1000)
#define LATER	INT64_C(90000)

static void
until_its_time(void **state)
{
	struct memo *m = memo_new();

	(void)state;
	assert_false(memo_has(m, "mx.example", NOW));
	memo_note(m, "mx.example", LATER);
	assert_true(memo_has(m, "MX.Example", NOW));
	assert_false(memo_has(m, "mx2.example", NOW));
	assert_false(memo_has(m, "mx.example.org", NOW));
	assert_true(memo_has(m, "mx.example", LATER - 1));
	assert_false(memo_has(m, "mx.example", LATER));
	memo_free(m);
	memo_free(NULL);
}

static void
what_is_forgotten(void **state)
{
	struct memo *m = memo_new();

	(void)state;
	memo_note(m, "mx.example", LATER);
	memo_forget(m, "other.example");
	assert_true(memo_has(m, "mx.example", NOW));
	memo_forget(m, "MX.example");
	assert_false(memo_has(m, "mx.example", NOW));
	memo_free(m);
}

/* More than there are places: the latest is there, nobody else is taken. */
static void
places_are_few(void **state)
{
	struct memo *m = memo_new();
	char host[300];

	(void)state;
	for (int i = 0; i < 3 * MEMO_PLACES; i++) {
		snprintf(host, sizeof(host), "mx%d.example", i);
		memo_note(m, host, LATER);
		assert_true(memo_has(m, host, NOW));
	}
	for (int i = 0; i < MEMO_PLACES; i++) {
		snprintf(host, sizeof(host), "good%d.example", i);
		assert_false(memo_has(m, host, NOW));
	}
	memset(host, 'a', sizeof(host) - 1);	/* longer than a name can be */
	host[sizeof(host) - 1] = '\0';
	memo_note(m, host, LATER);
	assert_true(memo_has(m, host, NOW));
	memo_free(m);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(until_its_time),
		cmocka_unit_test(what_is_forgotten),
		cmocka_unit_test(places_are_few),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
