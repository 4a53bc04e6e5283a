/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_phrases.c - every phrase that is there is found, and no other.
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

#include "lib/err.h"
#include "lib/phrases.h"
#include "lib/xmalloc.h"

#define LEN(a)	(sizeof(a) / sizeof((a)[0]))

static const char *const phrases[] = {
	"he", "she", "his", "hers", "try  again", "[TSS04]", "\xc3\xa9t\xc3",
	"aaa", "a", "server\tbusy",
};

/* Bits are those of phrases, in order. */
static const struct {
	const char	*why, *text;
	unsigned	 found;
} rows[] = {
	{ "nothing", "", 0 },
	{ "none of them", "zzz", 0 },
	{ "one within another, by a fallback", "ushers", 1 | 2 | 8 },
	{ "either case", "HIS", 4 },
	{ "a run of blanks is one", "try \t  AGAIN later", 16 | 256 },
	{ "no blank is not one", "tryagain", 256 },
	{ "signs are themselves", "421 [tss04] x", 32 },
	{ "octets above 127", "\xc3\xa9t\xc3\xa9", 64 },
	{ "overlapping", "aaaa", 128 | 256 },
	{ "a tab in a phrase", "Server busy", 512 },
	{ "nearly", "serve busy [TSS0", 0 },
};

static struct phrases *
make(void)
{
	struct phrases *p = phrases_new();
	struct err e = ERR_INIT;
	uint16_t n;

	for (size_t i = 0; i < LEN(phrases); i++) {
		assert_int_equal(phrases_add(p, phrases[i], &n, &e), 0);
		assert_int_equal(n, i);
	}
	assert_int_equal(phrases_add(p, "HERS", &n, &e), 0);
	assert_int_equal(n, 3);		/* the same one */
	phrases_ready(p);
	return p;
}

static void
all_are_found(void **state)
{
	struct phrases *p = make();
	struct phrases_found f;

	(void)state;
	for (size_t i = 0; i < LEN(rows); i++) {
		phrases_find(p, rows[i].text, strlen(rows[i].text), &f);
		for (size_t n = 0; n < LEN(phrases); n++)
			if (phrases_has(&f, (uint16_t)n) !=
			    ((rows[i].found >> n & 1) != 0))
				fail_msg("%s: \"%s\"", rows[i].why,
				    phrases[n]);
	}
	phrases_free(p);
}

static void
none_at_all(void **state)
{
	struct phrases *p = phrases_new();
	struct phrases_found f;

	(void)state;
	phrases_ready(p);
	phrases_find(p, "text", 4, &f);
	assert_false(f.any);
	assert_false(phrases_has(&f, 0));
	phrases_free(p);
	phrases_free(NULL);
}

/* The limits, and that all of so many are still found. */
static void
limits(void **state)
{
	struct phrases *p = phrases_new();
	struct phrases_found f;
	struct err e = ERR_INIT;
	char text[32], *big;
	uint16_t n;

	(void)state;
	assert_int_equal(phrases_add(p, "", &n, &e), -1);
	assert_int_equal(e.code, ERR_INPUT);
	assert_int_equal(phrases_add(p, " \t ", &n, &e), -1);
	for (int i = 0; i < PHRASES_MAX; i++) {
		snprintf(text, sizeof(text), "p%dq", i);
		assert_int_equal(phrases_add(p, text, &n, &e), 0);
	}
	assert_int_equal(phrases_add(p, "one more", &n, &e), -1);
	assert_int_equal(e.code, ERR_LIMIT);
	phrases_ready(p);
	for (int i = 0; i < PHRASES_MAX; i++) {
		snprintf(text, sizeof(text), "xxp%dqp", i);
		phrases_find(p, text, strlen(text), &f);
		assert_true(phrases_has(&f, (uint16_t)i));
		assert_false(phrases_has(&f, (uint16_t)((i + 1) %
		    PHRASES_MAX)));
	}
	phrases_free(p);

	p = phrases_new();
	big = xmalloc(PHRASES_OCTETS_MAX + 1);
	memset(big, 'b', PHRASES_OCTETS_MAX);
	big[PHRASES_OCTETS_MAX] = '\0';
	assert_int_equal(phrases_add(p, big, &n, &e), -1);
	big[PHRASES_OCTETS_MAX - 1] = '\0';
	assert_int_equal(phrases_add(p, big, &n, &e), 0);
	phrases_ready(p);
	phrases_find(p, big, strlen(big), &f);
	assert_true(phrases_has(&f, n));
	free(big);
	phrases_free(p);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_are_found),
		cmocka_unit_test(none_at_all),
		cmocka_unit_test(limits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
