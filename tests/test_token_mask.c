/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_token_mask.c - no token stays in what is kept of a mail (S39), and who
 * can make it again gets the mail back as it was sent (S70).
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

#include "lib/token_mask.h"

#define N(a)	(sizeof(a) / sizeof((a)[0]))

#define TOKEN	"abcdefghij234567klmnopqrst"
#define MASKED	"**************************"

static const struct {
	const char *why, *mail, *kept;
	size_t count;
} rows[] = {
	{ "nothing in it", "Dear reader\r\n", "Dear reader\r\n", 0 },
	{ "empty", "", "", 0 },
	{ "a link", "https://a.example/c/" TOKEN "\r\n",
	    "https://a.example/c/" MASKED "\r\n", 1 },
	{ "at both ends", TOKEN " " TOKEN, MASKED " " MASKED, 2 },
	{ "behind a false start", "abcabcdefghij" TOKEN,
	    "abcabcdefghij" MASKED, 1 },
	{ "over a soft line break", "/c/abcdefghi=\r\nj234567klmnopqrst.",
	    "/c/*********=\r\n*****************.", 1 },
	{ "a hard line break parts it", "abcdefghi\r\nj234567klmnopqrst",
	    "abcdefghi\r\nj234567klmnopqrst", 0 },
	{ "cut short", "abcdefghij234567klmnopqrs",
	    "abcdefghij234567klmnopqrs", 0 },
	{ "cut short in a soft line break", "abcdefghi=\r",
	    "abcdefghi=\r", 0 },
};

static void
tokens_are_masked_and_put_back(void **state)
{
	char buf[256];

	(void)state;
	for (size_t i = 0; i < N(rows); i++) {
		size_t len = strlen(rows[i].mail);

		memcpy(buf, rows[i].mail, len + 1);
		if (token_mask(buf, len, TOKEN) != rows[i].count)
			fail_msg("%s", rows[i].why);
		assert_string_equal(buf, rows[i].kept);
		assert_int_equal(token_unmask(buf, len, TOKEN),
		    rows[i].count);
		assert_string_equal(buf, rows[i].mail);
	}
}

static const struct {
	const char *why, *text;
	bool is;
} shapes[] = {
	{ "one", TOKEN, true },
	{ "one of many characters", TOKEN "aaaa", true },
	{ "in capitals", "ABCDEFGHIJ234567KLMNOPQRST", true },
	{ "over a soft line break", "abcdefghi=\r\nj234567klmnopqrst", true },
	{ "behind one", "=\r\n" TOKEN, false },
	{ "too short", "abcdefghij234567klmnopqrs", false },
	{ "not of the alphabet", "abcdefghij134567klmnopqrst", false },
	{ "empty", "", false },
};

static void
shapes_are_told(void **state)
{
	char out[TOKEN_CONFIRM_LEN + 1];

	(void)state;
	for (size_t i = 0; i < N(shapes); i++) {
		if (token_look(shapes[i].text, strlen(shapes[i].text), out) !=
		    shapes[i].is)
			fail_msg("%s", shapes[i].why);
		if (shapes[i].is)
			assert_string_equal(out, TOKEN);
	}
}

/* A relay may fold the case of an address; then it is masked all the same. */
static void
case_does_not_hide_one(void **state)
{
	char buf[] = "To: C-ABCDEFGHIJ234567KLMNOPQRST@b.example";

	(void)state;
	assert_int_equal(token_mask(buf, strlen(buf), TOKEN), 1);
	assert_string_equal(buf, "To: C-" MASKED "@b.example");
}

/* Nothing past the end is looked at or written: sanitizers watch. */
static void
ends_are_ends(void **state)
{
	(void)state;
	for (size_t len = 0; len <= strlen(TOKEN) + 3; len++) {
		char *p = malloc(len + 1), *q = malloc(len == 0 ? 1 : len);

		assert_true(p != NULL && q != NULL);
		snprintf(p, len + 1, "abcd=\r\nefghij234567klmnopqrst");
		memcpy(q, p, len);
		assert_int_equal(token_mask(q, len, TOKEN),
		    len == strlen(TOKEN) + 3);
		free(p);
		free(q);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tokens_are_masked_and_put_back),
		cmocka_unit_test(shapes_are_told),
		cmocka_unit_test(case_does_not_hide_one),
		cmocka_unit_test(ends_are_ends),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
