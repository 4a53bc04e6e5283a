/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_pack.c - fields come back as written; short, long and damaged input is
 * told and never read past its end.
 */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "lib/pack.h"
#include "lib/strbuf.h"

static void
write_all(struct strbuf *b)
{
	pack_u8(b, 0xfe);
	pack_u16(b, 0xfedc);
	pack_u32(b, 0xfedcba98);
	pack_u64(b, 0xfedcba9876543210);
	pack_i64(b, -5);
	pack_bytes(b, "a\0b", 3);
	pack_str(b, "text");
	pack_str(b, NULL);
	pack_raw(b, "raw", 3);
}

static void
read_all(struct unpack *u)
{
	char text[8], raw[3];
	struct slice s;

	assert_int_equal(unpack_u8(u), 0xfe);
	assert_int_equal(unpack_u16(u), 0xfedc);
	assert_int_equal(unpack_u32(u), 0xfedcba98);
	assert_true(unpack_u64(u) == 0xfedcba9876543210);
	assert_true(unpack_i64(u) == -5);
	s = unpack_bytes(u);
	assert_int_equal(s.len, 3);
	assert_memory_equal(s.p, "a\0b", 3);
	unpack_str(u, text, sizeof(text));
	assert_string_equal(text, "text");
	unpack_str(u, text, sizeof(text));
	assert_string_equal(text, "");
	unpack_raw(u, raw, sizeof(raw));
	assert_memory_equal(raw, "raw", 3);
}

static void
fields_come_back(void **state)
{
	struct strbuf b = STRBUF_INIT(1000);
	struct unpack u;

	(void)state;
	write_all(&b);
	unpack_init(&u, b.s, b.len);
	read_all(&u);
	assert_true(unpack_done(&u));
	strbuf_free(&b);
}

static void
every_cut_is_noticed(void **state)
{
	struct strbuf b = STRBUF_INIT(1000);
	struct unpack u;
	char text[8], raw[3];

	(void)state;
	write_all(&b);
	for (size_t cut = 0; cut < b.len; cut++) {
		unpack_init(&u, b.s, cut);
		unpack_u8(&u), unpack_u16(&u), unpack_u32(&u), unpack_u64(&u);
		unpack_i64(&u), unpack_bytes(&u);
		unpack_str(&u, text, sizeof(text));
		unpack_str(&u, text, sizeof(text));
		unpack_raw(&u, raw, sizeof(raw));
		assert_false(unpack_done(&u));
		assert_true(u.bad);
	}
	unpack_init(&u, b.s, b.len);
	unpack_u8(&u);
	assert_false(unpack_done(&u));	/* left-over bytes are no success */
	strbuf_free(&b);
}

static const struct {
	const char *why;
	const char *bytes;
	size_t len;
} bad_strings[] = {
	{ "length passes the input",	"\0\0\0\5abc", 7 },
	{ "length near 2^32",		"\377\377\377\377abc", 7 },
	{ "NUL inside a C string",	"\0\0\0\3a\0b", 7 },
	{ "longer than the buffer",	"\0\0\0\10abcdefgh", 12 },
};

static void
bad_strings_are_refused(void **state)
{
	char out[8];
	struct unpack u;

	(void)state;
	for (size_t i = 0; i < sizeof(bad_strings) / sizeof(bad_strings[0]);
	    i++) {
		unpack_init(&u, bad_strings[i].bytes, bad_strings[i].len);
		unpack_str(&u, out, sizeof(out));
		if (!u.bad)
			fail_msg("accepted: %s", bad_strings[i].why);
		assert_string_equal(out, "");
	}
}

static void
a_seal_finds_every_flipped_bit(void **state)
{
	struct strbuf b = STRBUF_INIT(1000);
	struct unpack u;
	uint8_t version;

	(void)state;
	record_begin(&b, 7);
	pack_u32(&b, 42);
	record_end(&b);
	assert_true(record_open(&u, b.s, b.len, &version));
	assert_int_equal(version, 7);
	assert_int_equal(unpack_u32(&u), 42);
	assert_true(unpack_done(&u));
	for (size_t bit = 0; bit < b.len * 8; bit++) {
		b.s[bit / 8] ^= (char)(1 << bit % 8);
		assert_false(record_open(&u, b.s, b.len, &version));
		b.s[bit / 8] ^= (char)(1 << bit % 8);
	}
	assert_false(record_open(&u, b.s, 4, &version));
	strbuf_free(&b);
}

static void
varints_have_one_form(void **state)
{
	static const struct {
		uint64_t v;
		size_t	 len;
	} rows[] = {
		{ 0, 1 }, { 1, 1 }, { 127, 1 }, { 128, 2 }, { 16383, 2 },
		{ 16384, 3 }, { 10000000, 4 }, { UINT32_MAX, 5 },
		{ UINT64_MAX >> 1, 9 }, { UINT64_MAX, 10 },
	};
	static const struct {
		const char *why, *octets;
		size_t	 len;
	} bad[] = {
		{ "nothing", "", 0 },
		{ "cut", "\x80", 1 },
		{ "a zero too many", "\x80\x00", 2 },
		{ "a bit over 64", "\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02",
		    10 },
		{ "eleven octets", "\x80\x80\x80\x80\x80\x80\x80\x80\x80"
		    "\x80\x01", 11 },
	};
	struct unpack u;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct strbuf b = STRBUF_INIT(16);

		pack_varint(&b, rows[i].v);
		assert_int_equal(b.len, rows[i].len);
		unpack_init(&u, b.s, b.len);
		assert_true(unpack_varint(&u) == rows[i].v);
		assert_true(unpack_done(&u));
		strbuf_free(&b);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		unpack_init(&u, bad[i].octets, bad[i].len);
		assert_true(unpack_varint(&u) == 0);
		if (!u.bad)
			fail_msg("%s", bad[i].why);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(fields_come_back),
		cmocka_unit_test(varints_have_one_form),
		cmocka_unit_test(every_cut_is_noticed),
		cmocka_unit_test(bad_strings_are_refused),
		cmocka_unit_test(a_seal_finds_every_flipped_bit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
