/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_base64.c - base64 with one spelling: the vectors of RFC 4648 section
 * 10, and what its sections 3.1 to 3.5 leave open, all refused.
 */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "lib/base64.h"
#include "lib/decimal.h"
#include "lib/strbuf.h"

static const struct {
	const char *octets, *text;
} published[] = {
	{ "", "" },
	{ "f", "Zg==" },
	{ "fo", "Zm8=" },
	{ "foo", "Zm9v" },
	{ "foob", "Zm9vYg==" },
	{ "fooba", "Zm9vYmE=" },
	{ "foobar", "Zm9vYmFy" },
	{ "\x14\xfb\x9c\x03\xd9\x7e", "FPucA9l+" },
	{ "\xff\xef\xbe", "/+++" },
};

static void
both_ways(void **state)
{
	uint8_t out[16];
	size_t n;

	(void)state;
	for (size_t i = 0; i < sizeof(published) / sizeof(*published); i++) {
		struct strbuf b = STRBUF_INIT(64);
		const char *octets = published[i].octets;
		const char *text = published[i].text;
		size_t len = strlen(octets);

		base64_put(&b, octets, len);
		assert_string_equal(b.s, text);
		assert_int_equal(b.len, BASE64_LEN(len));
		assert_true(base64_get(text, b.len, out, sizeof(out), &n));
		assert_int_equal(n, len);
		assert_memory_equal(out, octets, len);
		assert_true(base64_valid(text, b.len, &n) && n == len);
		assert_true(base64_get_exact(text, b.len, out, len));
		assert_false(base64_get_exact(text, b.len, out, len + 1));
		if (len > 0)	/* no room for the last octet */
			assert_false(base64_get(text, b.len, out, len - 1,
			    &n));
		strbuf_free(&b);
	}
}

static const struct {
	const char *why, *text;
} refused[] = {
	{ "no padding", "Zg" },
	{ "half the padding", "Zg=" },
	{ "padding alone", "====" },
	{ "three of it", "Z===" },
	{ "padding inside", "Zg==Zm9v" },
	{ "padding before", "=Zm9" },
	{ "padding, then a digit", "Zg=v" },
	{ "bits behind one octet", "Zh==" },
	{ "bits behind two octets", "Zm9=" },
	{ "all of the bits", "Zv==" },
	{ "a blank", "Zm 9v" },
	{ "a line end", "Zm9v\n" },
	{ "a line end in a quartet", "Zm9\n" },
	{ "the alphabet of URLs", "_--_" },
	{ "8 bits", "Zm9\xe9" },
	{ "one character more", "Zm9vY" },
};

static void
other_spellings_are_refused(void **state)
{
	uint8_t out[16];
	size_t n;

	(void)state;
	for (size_t i = 0; i < sizeof(refused) / sizeof(*refused); i++)
		if (base64_get(refused[i].text, strlen(refused[i].text), out,
		    sizeof(out), &n) || base64_valid(refused[i].text,
		    strlen(refused[i].text), &n))
			fail_msg("taken: %s", refused[i].why);
	assert_false(base64_valid("Zm\0v", 4, &n));
}

/* Each octet string has one text, tried on all texts of one quartet's end. */
static void
one_text_each(void **state)
{
	unsigned taken = 0;

	(void)state;
	for (unsigned a = 0; a < 256; a++)
		for (unsigned b = 0; b < 256; b++) {
			char text[5] = { 'A', 'A', (char)a, (char)b, 0 };
			struct strbuf s = STRBUF_INIT(8);
			uint8_t out[3];
			size_t n;

			if (!base64_get(text, 4, out, 3, &n))
				continue;
			taken++;
			base64_put(&s, out, n);
			assert_string_equal(s.s, text);
			strbuf_free(&s);
		}
	/* three octets: 64 * 64; two: 16 of the 64; one: 1 */
	assert_int_equal(taken, 64 * 64 + 16 + 1);
}

static const struct {
	const char	*text;
	uint64_t	 max, want;
	bool		 taken;
} numbers[] = {
	{ "0", 0, 0, true },
	{ "7", 7, 7, true },
	{ "8", 7, 0, false },
	{ "10", 9, 0, false },
	{ "255", 255, 255, true },
	{ "256", 255, 0, false },
	{ "18446744073709551615", UINT64_MAX, UINT64_MAX, true },
	{ "18446744073709551616", UINT64_MAX, 0, false },
	{ "99999999999999999999", UINT64_MAX, 0, false },
	{ "3438945738945739845734895735", UINT64_MAX, 0, false },
	{ "", 9, 0, false },
	{ "00", 9, 0, false },
	{ "01", 9, 0, false },
	{ "+1", 9, 0, false },
	{ "-1", 9, 0, false },
	{ " 1", 9, 0, false },
	{ "1 ", 9, 0, false },
	{ "0x1", 9, 0, false },
	{ "1e1", 99, 0, false },
};

static void
numbers_have_one_form(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(numbers) / sizeof(*numbers); i++) {
		uint64_t v = 42;

		if (decimal_get(numbers[i].text, strlen(numbers[i].text),
		    numbers[i].max, &v) != numbers[i].taken)
			fail_msg("%s", numbers[i].text);
		assert_true(v == (numbers[i].taken ? numbers[i].want : 42));
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(both_ways),
		cmocka_unit_test(other_spellings_are_refused),
		cmocka_unit_test(one_text_each),
		cmocka_unit_test(numbers_have_one_form),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
