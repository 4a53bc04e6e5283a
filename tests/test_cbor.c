/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_cbor.c - the examples of RFC 8949 appendix A that are in our data
 * model, and every form that is not the deterministic one (section 4.2.1).
 */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "lib/cbor.h"
#include "lib/strbuf.h"

#define X(BYTES)	BYTES, sizeof(BYTES) - 1

/* ---- integers, appendix A */

static const struct {
	bool		negative;	/* -1 - n */
	uint64_t	n;
	const char	*bytes;
	size_t		len;
} integers[] = {
	{ false, 0,			X("\x00") },
	{ false, 1,			X("\x01") },
	{ false, 10,			X("\x0a") },
	{ false, 23,			X("\x17") },
	{ false, 24,			X("\x18\x18") },
	{ false, 25,			X("\x18\x19") },
	{ false, 100,			X("\x18\x64") },
	{ false, 1000,			X("\x19\x03\xe8") },
	{ false, 1000000,		X("\x1a\x00\x0f\x42\x40") },
	{ false, 1000000000000,
	    X("\x1b\x00\x00\x00\xe8\xd4\xa5\x10\x00") },
	{ false, UINT64_MAX,
	    X("\x1b\xff\xff\xff\xff\xff\xff\xff\xff") },
	{ true, 0,			X("\x20") },		/* -1 */
	{ true, 9,			X("\x29") },		/* -10 */
	{ true, 99,			X("\x38\x63") },	/* -100 */
	{ true, 999,			X("\x39\x03\xe7") },	/* -1000 */
	{ true, UINT64_MAX,
	    X("\x3b\xff\xff\xff\xff\xff\xff\xff\xff") },
	/* the edges of each width */
	{ false, 255,			X("\x18\xff") },
	{ false, 256,			X("\x19\x01\x00") },
	{ false, 65535,			X("\x19\xff\xff") },
	{ false, 65536,			X("\x1a\x00\x01\x00\x00") },
	{ false, UINT32_MAX,		X("\x1a\xff\xff\xff\xff") },
	{ false, (uint64_t)UINT32_MAX + 1,
	    X("\x1b\x00\x00\x00\x01\x00\x00\x00\x00") },
};

static void
integers_have_one_form(void **state)
{
	struct strbuf b = STRBUF_INIT(100);
	struct cbor_item it;
	struct cbor c;

	(void)state;
	for (size_t i = 0; i < sizeof(integers) / sizeof(integers[0]); i++) {
		strbuf_reset(&b);
		if (integers[i].negative)
			cbor_put_nint(&b, integers[i].n);
		else
			cbor_put_uint(&b, integers[i].n);
		assert_int_equal(b.len, integers[i].len);
		assert_memory_equal(b.s, integers[i].bytes, b.len);
		cbor_init(&c, b.s, b.len);
		it = cbor_next(&c);
		assert_int_equal(it.type, integers[i].negative ? CBOR_NINT :
		    CBOR_UINT);
		assert_true(it.value == integers[i].n);
		assert_true(cbor_done(&c));
	}
	strbuf_reset(&b);
	cbor_put_int(&b, INT64_MIN);
	assert_memory_equal(b.s, "\x3b\x7f\xff\xff\xff\xff\xff\xff\xff", 9);
	strbuf_reset(&b);
	cbor_put_int(&b, 5);
	assert_memory_equal(b.s, "\x05", 1);
	strbuf_free(&b);
}

/* ---- whole documents, appendix A */

static const struct {
	const char	*why;
	const char	*bytes;
	size_t		len;
	/* what cbor_next() says: u n b t a m o 0, and a value */
	const char	*items;
} good[] = {
	{ "false",		X("\xf4"),		"o0" },
	{ "true",		X("\xf5"),		"o1" },
	{ "null",		X("\xf6"),		"0" },
	{ "h''",		X("\x40"),		"b0" },
	{ "h'01020304'",	X("\x44\x01\x02\x03\x04"), "b4" },
	{ "\"\"",		X("\x60"),		"t0" },
	{ "\"IETF\"",		X("\x64IETF"),		"t4" },
	{ "\"\\u00fc\"",	X("\x62\xc3\xbc"),	"t2" },
	{ "U+10151",		X("\x64\xf0\x90\x85\x91"), "t4" },
	{ "[]",			X("\x80"),		"a0" },
	{ "[1, 2, 3]",		X("\x83\x01\x02\x03"),	"a3u1u2u3" },
	{ "[1, [2, 3], [4, 5]]", X("\x83\x01\x82\x02\x03\x82\x04\x05"),
	    "a3u1a2u2u3a2u4u5" },
	{ "[1..25]",
	    X("\x98\x19\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x0d"
	    "\x0e\x0f\x10\x11\x12\x13\x14\x15\x16\x17\x18\x18\x18\x19"),
	    "a25u1u2u3u4u5u6u7u8u9u10u11u12u13u14u15u16u17u18u19u20u21u22u23"
	    "u24u25" },
	{ "{}",			X("\xa0"),		"m0" },
	{ "{1: 2, 3: 4}",	X("\xa2\x01\x02\x03\x04"), "m2u1u2u3u4" },
	{ "{1: [], 2: {}}",	X("\xa2\x01\x80\x02\xa0"), "m2u1a0u2m0" },
	{ "{0: {7: 1}, 9: -1}",	X("\xa2\x00\xa1\x07\x01\x09\x20"),
	    "m2u0m1u7u1u9n0" },
};

static void
describe(struct cbor *c, struct strbuf *out)
{
	static const char letters[] = "?unbtamo0";

	while (!cbor_done(c)) {
		struct cbor_item it = cbor_next(c);

		if (it.type == CBOR_BAD) {
			strbuf_addf(out, "?%s", cbor_why(c));
			return;
		}
		strbuf_addc(out, letters[it.type]);
		if (it.type != CBOR_NULL)
			strbuf_addf(out, "%llu", (unsigned long long)it.value);
	}
}

static void
documents_are_read(void **state)
{
	struct strbuf out = STRBUF_INIT(1000);
	struct cbor c;

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		strbuf_reset(&out);
		cbor_init(&c, good[i].bytes, good[i].len);
		describe(&c, &out);
		if (strcmp(out.s, good[i].items) != 0)
			fail_msg("%s: %s", good[i].why, out.s);
		cbor_init(&c, good[i].bytes, good[i].len);
		assert_true(cbor_skip(&c));
		assert_true(cbor_done(&c));
		for (size_t cut = 0; cut < good[i].len; cut++) {
			cbor_init(&c, good[i].bytes, cut);
			assert_false(cbor_skip(&c) && cbor_done(&c));
			assert_string_not_equal(cbor_why(&c), "");
		}
	}
	strbuf_free(&out);
}

/* ---- refused */

static const struct {
	const char	*why;
	const char	*bytes;
	size_t		len;
} refused[] = {
	{ "23 in two octets",		X("\x18\x17") },
	{ "255 in three",		X("\x19\x00\xff") },
	{ "65535 in five",		X("\x1a\x00\x00\xff\xff") },
	{ "2^32-1 in nine",	X("\x1b\x00\x00\x00\x00\xff\xff\xff\xff") },
	{ "-1 in two octets",		X("\x38\x00") },
	{ "length of a text too long",	X("\x78\x01" "a") },
	{ "length of an array",		X("\x98\x01\x01") },
	{ "indefinite bytes",		X("\x5f\x41\x01\xff") },
	{ "indefinite text",		X("\x7f\x61" "a\xff") },
	{ "indefinite array",		X("\x9f\x01\xff") },
	{ "indefinite map",		X("\xbf\x01\x02\xff") },
	{ "a break alone",		X("\xff") },
	{ "reserved 28",		X("\x1c") },
	{ "reserved 30",		X("\xfe") },
	{ "keys out of order",		X("\xa2\x03\x04\x01\x02") },
	{ "a key twice",		X("\xa2\x01\x02\x01\x02") },
	{ "a text as key",		X("\xa1\x61" "a\x01") },
	{ "a negative key",		X("\xa1\x20\x01") },
	{ "a map as key",		X("\xa1\xa0\x01") },
	{ "inner keys out of order",	X("\xa1\x01\xa2\x02\x00\x01\x00") },
	{ "overlong UTF-8",		X("\x62\xc0\x80") },
	{ "surrogate in UTF-8",		X("\x63\xed\xa0\x80") },
	{ "a tag",			X("\xc0\x01") },
	{ "half float",			X("\xf9\x3c\x00") },
	{ "double",	X("\xfb\x3f\xf1\x99\x99\x99\x99\x99\x9a") },
	{ "undefined",			X("\xf7") },
	{ "simple 16",			X("\xf0") },
	{ "simple 255",			X("\xf8\xff") },
	{ "simple 20 in two octets",	X("\xf8\x14") },
	{ "empty",			X("") },
	{ "two items",			X("\x01\x01") },
	{ "bytes past the end",		X("\x5b\xff\xff\xff\xff\xff\xff\xff"
	    "\xff") },
	{ "an array past the end",	X("\x9b\xff\xff\xff\xff\xff\xff\xff"
	    "\xff") },
	{ "a map past the end",		X("\xbb\x80\x00\x00\x00\x00\x00\x00"
	    "\x00\x01\x01") },
	{ "map without its last value",	X("\xa1\x01") },
};

static void
other_forms_are_refused(void **state)
{
	struct cbor c;

	(void)state;
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
		cbor_init(&c, refused[i].bytes, refused[i].len);
		if (cbor_skip(&c) && cbor_done(&c))
			fail_msg("accepted: %s", refused[i].why);
	}
}

static void
depth_has_a_limit(void **state)
{
	char nested[CBOR_DEPTH_MAX + 1];
	struct cbor c;

	(void)state;
	memset(nested, '\x81', sizeof(nested));
	nested[CBOR_DEPTH_MAX - 1] = '\x01';
	cbor_init(&c, nested, CBOR_DEPTH_MAX);
	assert_true(cbor_skip(&c) && cbor_done(&c));
	nested[CBOR_DEPTH_MAX - 1] = '\x81';
	nested[CBOR_DEPTH_MAX] = '\x01';
	cbor_init(&c, nested, CBOR_DEPTH_MAX + 1);
	assert_false(cbor_skip(&c));
	assert_string_equal(cbor_why(&c), "too deep");
}

static void
skipping_passes_over_one_item(void **state)
{
	/* {1: [[2], {3: h'00'}], 4: 5} */
	static const char doc[] =
	    "\xa2\x01\x82\x81\x02\xa1\x03\x41\x00\x04\x05";
	struct cbor c;

	(void)state;
	cbor_init(&c, doc, sizeof(doc) - 1);
	assert_int_equal(cbor_next(&c).type, CBOR_MAP);
	assert_int_equal(cbor_next(&c).value, 1);
	assert_true(cbor_skip(&c));
	assert_int_equal(cbor_next(&c).value, 4);
	assert_true(cbor_skip(&c));
	assert_true(cbor_done(&c));
	assert_false(cbor_skip(&c));	/* nothing is left */
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(integers_have_one_form),
		cmocka_unit_test(documents_are_read),
		cmocka_unit_test(other_forms_are_refused),
		cmocka_unit_test(depth_has_a_limit),
		cmocka_unit_test(skipping_passes_over_one_item),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
