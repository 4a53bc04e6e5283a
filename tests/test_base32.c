/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_base32.c - the vectors of RFC 4648, and one text for each value.
 */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "lib/base32.h"
#include "lib/strbuf.h"

#define N(a)	(sizeof(a) / sizeof((a)[0]))

/* RFC 4648 section 10, in lower case and without padding. */
static const struct {
	const char *octets, *text;
} vectors[] = {
	{ "", "" },
	{ "f", "my" },
	{ "fo", "mzxq" },
	{ "foo", "mzxw6" },
	{ "foob", "mzxw6yq" },
	{ "fooba", "mzxw6ytb" },
	{ "foobar", "mzxw6ytboi" },
};

static void
the_vectors_of_the_rfc(void **state)
{
	char text[64], octets[64];

	(void)state;
	for (size_t i = 0; i < N(vectors); i++) {
		size_t n = strlen(vectors[i].octets);
		struct strbuf b = STRBUF_INIT(100);

		base32_encode(vectors[i].octets, n, text);
		assert_string_equal(text, vectors[i].text);
		assert_int_equal(strlen(text), BASE32_LEN(n));
		base32_append(&b, vectors[i].octets, n);
		assert_string_equal(b.s, vectors[i].text);
		strbuf_free(&b);
		assert_true(base32_decode(text, strlen(text), octets, n));
		assert_memory_equal(octets, vectors[i].octets, n);
	}
}

static const struct {
	const char *why, *text;
	size_t len, size;
} refused[] = {
	{ "a character short",		"mzxw6yt",	7, 5 },
	{ "a character long",		"mzxw6ytba",	9, 5 },
	{ "padding",			"my======",	8, 1 },
	{ "padding for its length",	"m=",		2, 1 },
	{ "digit 1",			"m1",		2, 1 },
	{ "digit 8",			"m8",		2, 1 },
	{ "digit 0 for o",		"mzxw6yt0",	8, 5 },
	{ "a blank",			"m ",		2, 1 },
	{ "NUL",			"m\0",		2, 1 },
	{ "beyond ASCII",		"m\xf9",	2, 1 },
	{ "spare bits not zero",	"mz",		2, 1 },
	{ "one spare bit",		"mzxx7",	5, 3 },
};

static void
all_else_is_refused(void **state)
{
	uint8_t out[8];

	(void)state;
	for (size_t i = 0; i < N(refused); i++) {
		memset(out, 0xee, sizeof(out));
		if (base32_decode(refused[i].text, refused[i].len, out,
		    refused[i].size))
			fail_msg("accepted: %s", refused[i].why);
		for (size_t j = 0; j < refused[i].size; j++)
			assert_int_equal(out[j], 0);
	}
}

/* Two characters of lower case: one pair for each octet, and no more. */
static void
one_text_for_each_octet(void **state)
{
	bool seen[256] = { false };
	char text[3] = "", back[3] = "";
	uint8_t out;

	(void)state;
	for (int c = 0; c < 256 * 256; c++) {
		text[0] = (char)(c >> 8);
		text[1] = (char)c;
		if ((text[0] >= 'A' && text[0] <= 'Z') ||
		    (text[1] >= 'A' && text[1] <= 'Z') ||
		    !base32_decode(text, 2, &out, 1))
			continue;
		assert_false(seen[out]);
		seen[out] = true;
		base32_encode(&out, 1, back);
		assert_memory_equal(back, text, 2);
	}
	for (int i = 0; i < 256; i++)
		assert_true(seen[i]);
}

static void
either_case_reads_the_same(void **state)
{
	char out[5];

	(void)state;
	assert_true(base32_decode("MZXW6YTB", 8, out, 5));
	assert_memory_equal(out, "fooba", 5);
	assert_true(base32_decode("mZxW6yTb", 8, out, 5));
	assert_memory_equal(out, "fooba", 5);
}

static void
a_full_buffer_overflows_as_others_do(void **state)
{
	struct strbuf b = STRBUF_INIT(7);

	(void)state;
	base32_append(&b, "fooba", 5);
	assert_true(b.overflow);
	assert_int_equal(b.len, 0);
	strbuf_free(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_vectors_of_the_rfc),
		cmocka_unit_test(all_else_is_refused),
		cmocka_unit_test(one_text_for_each_octet),
		cmocka_unit_test(either_case_reads_the_same),
		cmocka_unit_test(a_full_buffer_overflows_as_others_do),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
