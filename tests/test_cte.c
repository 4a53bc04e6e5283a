/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_cte.c - content transfer encodings: exact output, strict input.
 */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lib/cte.h"
#include "lib/err.h"
#include "lib/strbuf.h"

#define LINE75	"123456789 123456789 123456789 123456789 123456789 " \
	"123456789 123456789 12345"

static void
names_are_read_in_any_case(void **state)
{
	(void)state;
	assert_int_equal(cte_parse("Quoted-Printable", 16), CTE_QP);
	assert_int_equal(cte_parse("BASE64", 6), CTE_BASE64);
	assert_int_equal(cte_parse("7bit", 4), CTE_7BIT);
	assert_int_equal(cte_parse("7bits", 5), CTE_UNKNOWN);
	assert_int_equal(cte_parse("", 0), CTE_UNKNOWN);
	assert_string_equal(cte_name(CTE_8BIT), "8bit");
}

/* ---- quoted-printable out */

static const struct {
	const char *why, *text, *want;
} encoded[] = {
	{ "plain text stays",		"Hello, world!", "Hello, world!" },
	{ "nothing stays nothing",	"", "" },
	{ "the escape itself",		"1+1=2", "1+1=3D2" },
	{ "UTF-8",			"Zo\303\251", "Zo=C3=A9" },
	{ "controls",			"a\033b\177", "a=1Bb=7F" },
	{ "a tab, which relaxed would change", "a\tb", "a=09b" },
	{ "blank at a line's end",	"a \r\nb", "a=20\r\nb" },
	{ "blank at the run's end",	"Dear ", "Dear=20" },
	{ "only a blank",		" ", "=20" },
	{ "blanks in a row, which relaxed would join", "a   b", "a=20=20 b" },
	{ "blank before a tab",		"a \tb", "a=20=09b" },
	{ "one blank at the start",	" a", " a" },
	{ "T30: dot at a line's start",	".\r\n..x\r\na.", "=2E\r\n=2E.x\r\na." },
	{ "From at a line's start",	"From me\nFrom\n>From x From y",
	    "=46rom me\r\nFrom\r\n>From x From y" },
	{ "a boundary of somebody's choice", "--b\r\n- b\n-\n-",
	    "=2D-b\r\n- b\r\n-\r\n=2D" },
	{ "a boundary after a soft break", LINE75 "--b", LINE75 "=\r\n=2D-b" },
	{ "every kind of line end",	"a\rb\nc\r\nd\n\re", "a\r\nb\r\nc\r\nd\r\n\r\ne" },
	{ "75 octets need no break",	LINE75, LINE75 },
	{ "76 octets do",		LINE75 "6", LINE75 "=\r\n6" },
	{ "an escape is not cut, and fits at the end",
	    "1234567890123456789012345678901234567890123456789012345678901234"
	    "56789012=", "1234567890123456789012345678901234567890123456789012"
	    "34567890123456789012=3D" },
	{ "an escape is not cut, and moves on",
	    "1234567890123456789012345678901234567890123456789012345678901234"
	    "567890123=", "123456789012345678901234567890123456789012345678901"
	    "2345678901234567890123=\r\n=3D" },
	{ "T30: a dot after a soft break", LINE75 ".x", LINE75 "=\r\n=2Ex" },
	{ "From after a soft break",	LINE75 "From x", LINE75 "=\r\n=46rom x" },
	{ "a blank before a soft break",
	    "123456789 123456789 123456789 123456789 123456789 123456789 "
	    "123456789 1234 678", "123456789 123456789 123456789 123456789 "
	    "123456789 123456789 123456789 1234 =\r\n678" },
};

static void
quoted_printable_is_exact(void **state)
{
	struct strbuf out = STRBUF_INIT(4096);
	unsigned col;

	(void)state;
	for (size_t i = 0; i < sizeof(encoded) / sizeof(encoded[0]); i++) {
		strbuf_reset(&out);
		col = 0;
		qp_encode(&out, encoded[i].text, strlen(encoded[i].text),
		    &col);
		if (strcmp(out.s, encoded[i].want) != 0)
			fail_msg("%s: \"%s\"", encoded[i].why, out.s);
	}
	strbuf_free(&out);
}

static void
runs_join_on_one_line(void **state)
{
	struct strbuf out = STRBUF_INIT(4096);
	unsigned col = 0;

	(void)state;
	qp_encode(&out, "Dear ", 5, &col);
	assert_int_equal(col, 7);
	qp_encode(&out, " .Ann", 5, &col);
	assert_int_equal(col, 12);
	qp_soft_break(&out, &col);
	assert_int_equal(col, 0);
	qp_soft_break(&out, &col);
	qp_encode(&out, ".", 1, &col);
	assert_string_equal(out.s, "Dear=20 .Ann=\r\n=2E");
	strbuf_free(&out);
}

static void
overflow_is_seen(void **state)
{
	struct strbuf out = STRBUF_INIT(8);
	unsigned col = 0;

	(void)state;
	qp_encode(&out, "123456789", 9, &col);
	assert_true(out.overflow);
	strbuf_free(&out);
}

/* ---- in */

static const struct {
	const char *why;
	enum cte cte;
	const char *text, *want;	/* want NULL: refused */
	const char *error;
} decoded[] = {
	{ "plain",		CTE_QP, "abc\r\n", "abc\r\n", NULL },
	{ "soft break",		CTE_QP, "a=\r\nb", "ab", NULL },
	{ "soft break, blanks added on the way", CTE_QP, "a= \t\r\nb", "ab", NULL },
	{ "blanks added at the end", CTE_QP, "a  \r\nb\t", "a\r\nb", NULL },
	{ "encoded blank stays", CTE_QP, "a=20\r\n", "a \r\n", NULL },
	{ "lower case digits",	CTE_QP, "=c3=a9", "\303\251", NULL },
	{ "soft break at the very end", CTE_QP, "a=", "a", NULL },
	{ "one digit",		CTE_QP, "a\r\n=A", NULL, "line 8: " },
	{ "no digit",		CTE_QP, "=zz", NULL, "line 7: " },
	{ "8-bit octet",	CTE_QP, "\303\251", NULL, "line 7: " },
	{ "nothing",		CTE_BASE64, "", "", NULL },
	{ "no padding needed",	CTE_BASE64, "YWJj", "abc", NULL },
	{ "one pad",		CTE_BASE64, "YWI=", "ab", NULL },
	{ "two pads",		CTE_BASE64, "YQ==\r\n", "a", NULL },
	{ "cut over lines",	CTE_BASE64, "Y\r\nW Jj\tYQ=\r\n=", "abca", NULL },
	{ "one pad missing",	CTE_BASE64, "YQ=", NULL, "line 7: " },
	{ "both missing",	CTE_BASE64, "YQ", NULL, "line 7: " },
	{ "one octet",		CTE_BASE64, "Y", NULL, "line 7: " },
	{ "pad too many",	CTE_BASE64, "YWI==", NULL, "line 7: " },
	{ "pad alone",		CTE_BASE64, "====", NULL, "line 7: " },
	{ "text behind the pad", CTE_BASE64, "YQ==YQ==", NULL, "line 7: " },
	{ "other letters",	CTE_BASE64, "YWJj\r\nYW-_", NULL, "line 8: " },
	{ "identity",		CTE_7BIT, "a=20", "a=20", NULL },
	{ "identity",		CTE_BINARY, "\200", "\200", NULL },
	{ "unknown",		CTE_UNKNOWN, "a", NULL, "line 7: unknown" },
};

static void
decoding_is_strict(void **state)
{
	struct strbuf out = STRBUF_INIT(4096);

	(void)state;
	for (size_t i = 0; i < sizeof(decoded) / sizeof(decoded[0]); i++) {
		struct err e = ERR_INIT;
		int rc;

		strbuf_reset(&out);
		rc = cte_decode(decoded[i].cte, decoded[i].text,
		    strlen(decoded[i].text), 7, &out, &e);
		if (decoded[i].want == NULL) {
			if (rc != -1 || e.code != ERR_INPUT ||
			    strncmp(e.text, decoded[i].error,
			    strlen(decoded[i].error)) != 0)
				fail_msg("%s: %d %s", decoded[i].why, rc,
				    e.text);
		} else if (rc != 0 || strcmp(out.s, decoded[i].want) != 0) {
			fail_msg("%s: \"%s\" %s", decoded[i].why, out.s,
			    e.text);
		}
	}
	strbuf_free(&out);
}

static void
decoding_has_a_limit(void **state)
{
	struct strbuf out = STRBUF_INIT(2);
	struct err e;

	(void)state;
	assert_int_equal(cte_decode(CTE_QP, "abc", 3, 1, &out, &e), -1);
	assert_int_equal(e.code, ERR_LIMIT);
	strbuf_free(&out);
}

/* Random octets, encoded in random runs, come back and hold every rule. */
static void
quoted_printable_round_trip(void **state)
{
	static const char spice[] = " \t=.Fr-- \n.abc";
	struct strbuf in = STRBUF_INIT(4096), enc = STRBUF_INIT(65536);
	struct strbuf back = STRBUF_INIT(4096);
	uint32_t x = 1;

	(void)state;
	for (int round = 0; round < 2000; round++) {
		unsigned col = 0;
		size_t from = 0, line = 0;

		strbuf_reset(&in);
		strbuf_reset(&enc);
		strbuf_reset(&back);
		for (unsigned i = 0; i < 300; i++) {
			x = x * 1664525 + 1013904223;
			if (x >> 31)
				strbuf_addc(&in, spice[(x >> 8) % 14]);
			else
				strbuf_addc(&in, (char)(x >> 16));
			/* The pair CRLF has rows of its own above. */
			if (in.s[in.len - 1] == '\r')
				in.s[in.len - 1] = 'r';
			if ((x >> 4) % 16 != 0)
				continue;
			qp_encode(&enc, in.s + from, in.len - from, &col);
			from = in.len;
		}
		qp_encode(&enc, in.s + from, in.len - from, &col);
		assert_true(enc.len <= qp_encoded_max(in.len) * 20);
		assert_int_equal(cte_decode(CTE_QP, enc.s, enc.len, 1, &back,
		    NULL), 0);
		for (size_t i = 0; i < enc.len; i++) {
			char c = enc.s[i], prev = i > 0 ? enc.s[i - 1] : '\n';

			assert_true(c == '\r' || c == '\n' ||
			    (c >= ' ' && c <= '~'));
			assert_false(c == '\n' && prev != '\r');
			assert_false(prev == '\r' && c != '\n');
			assert_false(c == '.' && prev == '\n');
			assert_false(c == '-' && prev == '-' && i > 1 &&
			    enc.s[i - 2] == '\n');
			assert_false(prev == ' ' && (c == ' ' || c == '\r'));
			line = c == '\n' ? 0 : line + 1;
			assert_true(line <= CTE_LINE_MAX + 1);
		}
		/* Equal, but for line ends brought to CRLF. */
		for (size_t i = 0, j = 0; i < in.len; i++, j++) {
			if (in.s[i] == '\n')
				assert_int_equal(back.s[j++], '\r');
			assert_int_equal(back.s[j], in.s[i]);
		}
	}
	strbuf_free(&in);
	strbuf_free(&enc);
	strbuf_free(&back);
}

static void
base64_is_exact(void **state)
{
	static const struct {
		const char *in, *want;
	} rows[] = {
		/* RFC 4648 section 10 */
		{ "", "" }, { "f", "Zg==\r\n" }, { "fo", "Zm8=\r\n" },
		{ "foo", "Zm9v\r\n" }, { "foob", "Zm9vYg==\r\n" },
		{ "fooba", "Zm9vYmE=\r\n" }, { "foobar", "Zm9vYmFy\r\n" },
		/* 57 octets fill a line */
		{ "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
		    "YWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFh"
		    "YWFhYWFhYWFhYWFh\r\n" },
		{ "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab",
		    "YWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFh"
		    "YWFhYWFhYWFhYWFh\r\nYg==\r\n" },
	};
	struct strbuf out = STRBUF_INIT(4096), back = STRBUF_INIT(4096);

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		strbuf_reset(&out);
		strbuf_reset(&back);
		base64_encode(&out, rows[i].in, strlen(rows[i].in));
		assert_string_equal(out.s, rows[i].want);
		assert_int_equal(cte_decode(CTE_BASE64, out.s, out.len, 1,
		    &back, NULL), 0);
		assert_string_equal(back.s, rows[i].in);
	}
	strbuf_free(&out);
	strbuf_free(&back);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_are_read_in_any_case),
		cmocka_unit_test(quoted_printable_is_exact),
		cmocka_unit_test(runs_join_on_one_line),
		cmocka_unit_test(overflow_is_seen),
		cmocka_unit_test(decoding_is_strict),
		cmocka_unit_test(decoding_has_a_limit),
		cmocka_unit_test(quoted_printable_round_trip),
		cmocka_unit_test(base64_is_exact),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
