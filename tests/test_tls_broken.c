/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_tls_broken.c - hosts whose TLS breaks are known for three days, and no
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

#include "listd/tls_broken.h"

#define NOW	INT64_C(1000)

static void
three_days(void **state)
{
	struct tls_broken *b = tls_broken_new();

	(void)state;
	assert_false(tls_broken_is(b, "mx.example", NOW));
	tls_broken_note(b, "mx.example", NOW);
	assert_true(tls_broken_is(b, "MX.Example", NOW));
	assert_false(tls_broken_is(b, "mx2.example", NOW));
	assert_false(tls_broken_is(b, "mx.example.org", NOW));
	assert_true(tls_broken_is(b, "mx.example", NOW + TLS_BROKEN_MS - 1));
	assert_false(tls_broken_is(b, "mx.example", NOW + TLS_BROKEN_MS));
	tls_broken_free(b);
	tls_broken_free(NULL);
}

static void
who_needs_tls_makes_us_forget(void **state)
{
	struct tls_broken *b = tls_broken_new();

	(void)state;
	tls_broken_note(b, "mx.example", NOW);
	tls_broken_forget(b, "other.example");
	assert_true(tls_broken_is(b, "mx.example", NOW));
	tls_broken_forget(b, "MX.example");
	assert_false(tls_broken_is(b, "mx.example", NOW));
	tls_broken_free(b);
}

/* More than there are places: the latest is there, nobody else is taken. */
static void
places_are_few(void **state)
{
	struct tls_broken *b = tls_broken_new();
	char host[300];

	(void)state;
	for (int i = 0; i < 3 * TLS_BROKEN_MAX; i++) {
		snprintf(host, sizeof(host), "mx%d.example", i);
		tls_broken_note(b, host, NOW);
		assert_true(tls_broken_is(b, host, NOW));
	}
	for (int i = 0; i < TLS_BROKEN_MAX; i++) {
		snprintf(host, sizeof(host), "good%d.example", i);
		assert_false(tls_broken_is(b, host, NOW));
	}
	memset(host, 'a', sizeof(host) - 1);	/* longer than a name can be */
	host[sizeof(host) - 1] = '\0';
	tls_broken_note(b, host, NOW);
	assert_true(tls_broken_is(b, host, NOW));
	tls_broken_free(b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(three_days),
		cmocka_unit_test(who_needs_tls_makes_us_forget),
		cmocka_unit_test(places_are_few),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
