/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_utf8.c - each code point there and back, and nothing but code points.
 */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "lib/err.h"
#include "lib/strbuf.h"
#include "lib/utf8.h"

#define N(a)	(sizeof(a) / sizeof((a)[0]))

static void
each_code_point_comes_back(void **state)
{
	struct strbuf b = STRBUF_INIT(8);
	uint32_t back;

	(void)state;
	for (uint32_t c = 0; c <= 0x10ffff; c++) {
		if (c == 0xd800)
			c = 0xe000;
		strbuf_reset(&b);
		utf8_append(&b, c);
		if (utf8_next(b.s, b.len, &back) != b.len || back != c)
			fail_msg("U+%04x", c);
		for (size_t cut = 0; cut < b.len; cut++)
			if (utf8_next(b.s, cut, NULL) != 0)
				fail_msg("U+%04x cut to %zu", c, cut);
	}
	strbuf_free(&b);
}

/* Of all three-octet strings, as many are UTF-8 as counting says. */
static void
nothing_but_code_points(void **state)
{
	/* Code points of one, two and three octets, surrogates apart. */
	const long one = 128, two = 1920, three = 61440;
	long valid = 0;
	char s[3];

	(void)state;
	for (uint32_t v = 0; v < 1u << 24; v++) {
		s[0] = (char)(v >> 16);
		s[1] = (char)(v >> 8);
		s[2] = (char)v;
		valid += utf8_valid(s, 3);
	}
	assert_int_equal(valid, one * one * one + 2 * one * two + three);
}

/* Repair by maximal subparts: the examples of the Unicode standard 3.9. */
#define R	"\xef\xbf\xbd"
static const struct {
	const char *why, *text, *repaired;
} bad[] = {
	{ "overlong",		"\xc0\xaf\xe0\x80\xbf\xf0\x81\x82\x41",
	    R R R R R R R R "A" },
	{ "surrogates",		"\xed\xa0\x80\xed\xbf\xbf\xed\xaf\x41",
	    R R R R R R R R "A" },
	{ "beyond, and strays",	"\xf4\x91\x92\x93\xff\x41\x80\xbf\x42",
	    R R R R R "A" R R "B" },
	{ "cut",		"\xe1\x80\xe2\xf0\x91\x92\xf1\xbf\x41",
	    R R R R "A" },
	{ "cut at the end",	"a\xe2\x82", "a" R },
	{ "five octets",	"\xf8\x88\x80\x80\x80", R R R R R },
};

static void
ill_formed_text_is_told_and_repaired(void **state)
{
	struct strbuf b = STRBUF_INIT(100);
	struct err e = ERR_INIT;

	(void)state;
	for (size_t i = 0; i < N(bad); i++) {
		size_t len = strlen(bad[i].text);

		strbuf_reset(&b);
		if (utf8_valid(bad[i].text, len))
			fail_msg("valid: %s", bad[i].why);
		assert_int_equal(utf8_nfc(&b, bad[i].text, len, &e), -1);
		assert_int_equal(e.code, ERR_INPUT);
		utf8_append_repaired(&b, bad[i].text, len);
		assert_string_equal(b.s, bad[i].repaired);
		assert_true(utf8_valid(b.s, b.len));
	}
	strbuf_free(&b);
}

static const struct {
	const char *why, *text, *nfc;
} forms[] = {
	{ "ASCII",		"abc", "abc" },
	{ "composes",		"e\xcc\x81", "\xc3\xa9" },
	{ "composed already",	"\xc3\xa9", "\xc3\xa9" },
	{ "ohm sign is omega",	"\xe2\x84\xa6", "\xce\xa9" },
	{ "order of marks",	"d\xcc\x87\xcc\xa3", "\xe1\xb8\x8d\xcc\x87" },
	{ "Hangul",		"\xe1\x84\x92\xe1\x85\xa1\xe1\x86\xab",
	    "\xed\x95\x9c" },
	{ "no compatibility",	"\xef\xac\x81", "\xef\xac\x81" },
};

static void
normalization_form_c(void **state)
{
	struct strbuf b = STRBUF_INIT(100), small = STRBUF_INIT(2);
	struct err e = ERR_INIT;

	(void)state;
	for (size_t i = 0; i < N(forms); i++) {
		strbuf_reset(&b);
		assert_int_equal(utf8_nfc(&b, forms[i].text,
		    strlen(forms[i].text), &e), 0);
		if (strcmp(b.s, forms[i].nfc) != 0)
			fail_msg("%s", forms[i].why);
	}
	assert_int_equal(utf8_nfc(&small, "abc", 3, &e), -1);
	assert_int_equal(e.code, ERR_LIMIT);
	strbuf_free(&b);
	strbuf_free(&small);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_code_point_comes_back),
		cmocka_unit_test(nothing_but_code_points),
		cmocka_unit_test(ill_formed_text_is_told_and_repaired),
		cmocka_unit_test(normalization_form_c),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
