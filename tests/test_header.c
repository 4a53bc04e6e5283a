/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_header.c - fields as they should look on the wire; nothing injected by
 * any value (R95, X41); what is encoded decodes to itself, by our reader and
 * by GMime's, each word alone too (R88).
 */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#include <gmime/gmime.h>

#include "lib/address.h"
#include "lib/err.h"
#include "lib/header.h"
#include "lib/strbuf.h"
#include "lib/utf8.h"

#define N(a)	(sizeof(a) / sizeof((a)[0]))

#define X10	"xxxxxxxxxx"
#define X50	X10 X10 X10 X10 X10
#define X70	X50 X10 X10
#define A46	"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define REI	"\xe4\xbe\x8b"
#define REI5	REI REI REI REI REI
#define REI10	REI5 REI5
#define REI10_B64 "5L6L5L6L5L6L5L6L5L6L5L6L5L6L5L6L5L6L5L6L"

static const struct {
	const char *why, *value, *field;
} texts[] = {
	{ "plain", "Hello", "Subject: Hello\r\n" },
	{ "empty", "", "Subject:\r\n" },
	{ "blanks inside stay", "a  b   c", "Subject: a  b   c\r\n" },
	{ "78 octets are one line", X50 " 123456789012345678",
	    "Subject: " X50 " 123456789012345678\r\n" },
	{ "79 octets are two", X50 " 1234567890123456789 y",
	    "Subject: " X50 "\r\n 1234567890123456789 y\r\n" },
	{ "a run of blanks begins the next line", X50 "   12345678901234567",
	    "Subject: " X50 "\r\n   12345678901234567\r\n" },
	{ "a long word is not broken", X70 X70 " y",
	    "Subject: " X70 X70 "\r\n y\r\n" },
	{ "never a fold after the colon", X70 X10,
	    "Subject: " X70 X10 "\r\n" },
	{ "words around the encoded one stay readable",
	    "Gr\xc3\xbc\xc3\x9f" "e from here",
	    "Subject: =?utf-8?B?R3LDvMOfZQ==?= from here\r\n" },
	{ "one span from first to last", "a \xc3\xa9 b \xc3\xa9 c",
	    "Subject: a =?utf-8?B?w6kgYiDDqQ==?= c\r\n" },
	{ "Q where it is shorter", "Caf\xc3\xa9-Sommerprogramm",
	    "Subject: =?utf-8?Q?Caf=C3=A9-Sommerprogramm?=\r\n" },
	{ "B where it is shorter", "\xe4\xbe\x8b\xe4\xbe\x8b",
	    "Subject: =?utf-8?B?5L6L5L6L?=\r\n" },
	{ "blanks at the ends would get lost", " a b ",
	    "Subject: =?utf-8?Q?_a_b_?=\r\n" },
	{ "blanks between text and word are kept", "a   \xc3\xa9   b",
	    "Subject: a =?utf-8?B?ICDDqSAg?= b\r\n" },
	{ "nothing passes for an encoded word", "say =?utf-8?Q?hi?= now",
	    "Subject: say =?utf-8?B?PT91dGYtOD9RP2hpPz0=?= now\r\n" },
	{ "question marks alone are plain", "a=b ?=", "Subject: a=b ?=\r\n" },
	{ "padding in the last word alone", "A" REI10 REI10 REI10,
	    "Subject: =?utf-8?Q?A?= =?utf-8?B?" REI10_B64 "?=\r\n"
	    " =?utf-8?B?" REI10_B64 "5L6L5L6L5L6L5L6L5L6L?=\r\n"
	    " =?utf-8?B?5L6L5L6L5L6L5L6L5L6L?=\r\n" },
	/* There is room for three of its four octets. */
	{ "no character is split",
	    A46 "\xf0\x9f\x93\xac" "bbbbbbbbbbbbbbb",
	    "Subject: =?utf-8?Q?" A46 "?=\r\n"
	    " =?utf-8?Q?=F0=9F=93=ACbbbbbbbbbbbbbbb?=\r\n" },
};

static void
text_fields(void **state)
{
	struct strbuf b = STRBUF_INIT(10000);
	struct err e;

	(void)state;
	for (size_t i = 0; i < N(texts); i++) {
		strbuf_reset(&b);
		if (header_field_text(&b, "Subject", texts[i].value,
		    strlen(texts[i].value), &e) == -1)
			fail_msg("%s: %s", texts[i].why, e.text);
		assert_string_equal(b.s, texts[i].field);
	}
	strbuf_free(&b);
}

static const struct {
	const char *why, *display, *local, *field;
} mailboxes[] = {
	{ "address alone", "", "jane", "From: jane@example.org\r\n" },
	{ "atoms", "Jane Doe", "jane",
	    "From: Jane Doe <jane@example.org>\r\n" },
	{ "a dot needs quotes", "Jane D.", "jane",
	    "From: \"Jane D.\" <jane@example.org>\r\n" },
	{ "specials and pairs", "Doe, \"J\" \\o/ <x@y>", "jane",
	    "From: \"Doe, \\\"J\\\" \\\\o/ <x@y>\" <jane@example.org>\r\n" },
	{ "two blanks need quotes", "Jane  Doe", "jane",
	    "From: \"Jane  Doe\" <jane@example.org>\r\n" },
	{ "never an encoded word in quotes", "J\xc3\xa9r\xc3\xb4me, \"me\"",
	    "jane", "From: =?utf-8?B?SsOpcsO0bWUsICJtZSI=?= "
	    "<jane@example.org>\r\n" },
	{ "Q by the rules for phrases", "\xc3\x89 (x), <y>; z.org",
	    "jane", "From: =?utf-8?B?w4kgKHgpLCA8eT47IHoub3Jn?= "
	    "<jane@example.org>\r\n" },
	{ "looks encoded", "=?utf-8?Q?hi?=", "jane",
	    "From: =?utf-8?B?PT91dGYtOD9RP2hpPz0=?= <jane@example.org>\r\n" },
	{ "quoted local part", "Jane", "\"jane doe\"",
	    "From: Jane <\"jane doe\"@example.org>\r\n" },
	{ "folds before the address", X50 " " X10, "jane",
	    "From: " X50 " " X10 "\r\n <jane@example.org>\r\n" },
	{ "too long for quotes", X70 ".", "jane",
	    "From: =?utf-8?Q?xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
	    "xxxxxxxxxxxxx?=\r\n =?utf-8?Q?xxxxxxxxxxxx=2E?= "
	    "<jane@example.org>\r\n" },
};

static void
mailbox_fields(void **state)
{
	struct strbuf b = STRBUF_INIT(10000);
	struct address a = { .domain = "example.org" };
	struct err e;

	(void)state;
	for (size_t i = 0; i < N(mailboxes); i++) {
		strbuf_reset(&b);
		strcpy(a.local, mailboxes[i].local);
		if (header_field_mailbox(&b, "From", mailboxes[i].display,
		    strlen(mailboxes[i].display), &a, &e) == -1)
			fail_msg("%s: %s", mailboxes[i].why, e.text);
		assert_string_equal(b.s, mailboxes[i].field);
	}
	strbuf_free(&b);
}

static const struct {
	const char *why, *value, *field;
} raws[] = {
	{ "as it is", "bulk", "X: bulk\r\n" },
	{ "blanks at the ends go", "  a b ", "X: a b\r\n" },
	{ "empty", "   ", "X:\r\n" },
	{ "folds at a blank", X70 " <y>", "X: " X70 " <y>\r\n" },
	{ "folds at a blank past 78", X70 " <yyyy>",
	    "X: " X70 "\r\n <yyyy>\r\n" },
	{ "folds after a comma, and adds a blank",
	    "<https://a.example/" X50 ">,<mailto:u@b.example>",
	    "X: <https://a.example/" X50 ">,\r\n <mailto:u@b.example>\r\n" },
	{ "no blank added where it fits", "<a>,<b>", "X: <a>,<b>\r\n" },
	/* RFC 2369 section 2: white space in a URI is not for us to add. */
	{ "never inside <>", "<https://a.example/," X50 ",x y," X50 ">, <b>",
	    "X: <https://a.example/," X50 ",x y," X50 ">,\r\n <b>\r\n" },
	{ "never inside quotes", "a=\"" X50 " \\\" <,> " X50 "\" b",
	    "X: a=\"" X50 " \\\" <,> " X50 "\"\r\n b\r\n" },
};

static void
raw_fields(void **state)
{
	struct strbuf b = STRBUF_INIT(10000);
	struct err e;

	(void)state;
	for (size_t i = 0; i < N(raws); i++) {
		strbuf_reset(&b);
		if (header_field_raw(&b, "X", raws[i].value,
		    strlen(raws[i].value), &e) == -1)
			fail_msg("%s: %s", raws[i].why, e.text);
		assert_string_equal(b.s, raws[i].field);
	}
	strbuf_free(&b);
}

/* ---- R95, X41: the corpus of injections, into every kind of field */

static const struct {
	const char *why, *value;
	size_t len;
} injections[] = {
	{ "CR LF", "x\r\nBcc: all@example.org", 23 },
	{ "CR LF at the end", "x\r\n", 3 },
	{ "LF", "x\nBcc: y", 8 },
	{ "CR", "x\rBcc: y", 8 },
	{ "the end of the header", "\r\n\r\n<html>", 10 },
	{ "a folded line of ours", "x\r\n y", 5 },
	{ "NUL", "x\0y", 3 },
	{ "tab", "x\ty", 3 },
	{ "vertical tab", "x\vy", 3 },
	{ "escape", "x\x1b[2Jy", 6 },
	{ "DEL", "x\x7fy", 3 },
	{ "next line, C1", "x\xc2\x85y", 4 },
	{ "CR in an overlong form", "x\xc0\x8dy", 4 },
	{ "an octet of latin-1", "x\xe9y", 3 },
	{ "a cut character", "x\xe2\x82", 3 },
};

static void
expect_refusal(int rc, const struct strbuf *b, const struct err *e,
    const char *why)
{
	if (rc != -1)
		fail_msg("accepted: %s", why);
	assert_int_equal(e->code, ERR_INPUT);
	assert_string_equal(b->s, "A: b\r\n");
}

static void
injections_are_refused(void **state)
{
	const struct address fine = { "a", "b.example" };
	struct strbuf b = STRBUF_INIT(1000);
	struct address bad;
	struct err e;
	int rc;

	(void)state;
	strbuf_adds(&b, "A: b\r\n");
	for (size_t i = 0; i < N(injections); i++) {
		const char *why = injections[i].why, *v = injections[i].value;
		size_t len = injections[i].len;

		rc = header_field_text(&b, "Subject", v, len, &e);
		expect_refusal(rc, &b, &e, why);
		rc = header_field_mailbox(&b, "Reply-To", v, len, &fine, &e);
		expect_refusal(rc, &b, &e, why);
		rc = header_field_raw(&b, "List-Id", v, len, &e);
		expect_refusal(rc, &b, &e, why);
		if (memchr(v, '\0', len) != NULL)
			continue;
		rc = header_field_text(&b, v, "value", 5, &e);
		expect_refusal(rc, &b, &e, why);
		/* An address that did not come from address_parse(). */
		bad = fine;
		memcpy(bad.local, v, len + 1);
		rc = header_field_mailbox(&b, "To", "x", 1, &bad, &e);
		expect_refusal(rc, &b, &e, why);
		bad = fine;
		memcpy(bad.domain, v, len + 1);
		rc = header_field_mailbox(&b, "To", "", 0, &bad, &e);
		expect_refusal(rc, &b, &e, why);
	}
	rc = header_field_text(&b, "", "value", 5, &e);
	expect_refusal(rc, &b, &e, "empty name");
	rc = header_field_text(&b, "Bcc: x", "value", 5, &e);
	expect_refusal(rc, &b, &e, "colon in the name");
	rc = header_field_text(&b, "Bcc x", "value", 5, &e);
	expect_refusal(rc, &b, &e, "blank in the name");
	rc = header_field_text(&b, "Subj\xc3\xa9t", "value", 5, &e);
	expect_refusal(rc, &b, &e, "name beyond ASCII");
	strbuf_free(&b);
}

static void
limits(void **state)
{
	static char big[HEADER_VALUE_MAX + 1];
	struct strbuf b = STRBUF_INIT(4 * HEADER_VALUE_MAX);
	struct strbuf small = STRBUF_INIT(20), text = STRBUF_INIT(70000);
	char name[HEADER_NAME_MAX + 2];
	struct err e;

	(void)state;
	memset(big, 'x', sizeof(big));
	/* A word that no line can hold is encoded, if it is text. */
	assert_int_equal(header_field_text(&b, "Subject", big,
	    HEADER_VALUE_MAX, &e), 0);
	assert_int_equal(header_decode(&text, b.s + 9, b.len - 9, &e), 0);
	assert_int_equal(text.len, HEADER_VALUE_MAX);
	strbuf_reset(&b);
	assert_int_equal(header_field_text(&b, "Subject", big, sizeof(big),
	    &e), -1);
	assert_int_equal(e.code, ERR_LIMIT);
	assert_int_equal(header_field_raw(&b, "X", big, HEADER_LINE_MAX - 3,
	    &e), 0);
	assert_int_equal(b.len, HEADER_LINE_MAX + 2);
	strbuf_reset(&b);
	assert_int_equal(header_field_raw(&b, "X", big, HEADER_LINE_MAX - 2,
	    &e), -1);
	assert_int_equal(e.code, ERR_LIMIT);
	assert_int_equal(b.len, 0);

	memset(name, 'N', sizeof(name));
	name[HEADER_NAME_MAX] = '\0';
	assert_int_equal(header_field_text(&b, name, "\xc3\xa9", 2, &e), 0);
	name[HEADER_NAME_MAX] = 'N';
	name[HEADER_NAME_MAX + 1] = '\0';
	assert_int_equal(header_field_text(&b, name, "x", 1, &e), -1);

	strbuf_adds(&small, "A: b\r\n");
	assert_int_equal(header_field_text(&small, "Subject", "Hello", 5,
	    &e), -1);
	assert_int_equal(e.code, ERR_LIMIT);
	assert_string_equal(small.s, "A: b\r\n");

	strbuf_reset(&text);
	for (int i = 0; i < HEADER_DECODE_MAX; i++)
		strbuf_addc(&text, 'x');
	strbuf_free(&b);
	strbuf_init(&b, HEADER_DECODE_MAX);
	assert_int_equal(header_decode(&b, text.s, text.len, &e), 0);
	assert_int_equal(header_decode(&b, "x", 1, &e), -1);	/* full */
	assert_int_equal(e.code, ERR_LIMIT);
	strbuf_reset(&b);
	strbuf_addc(&text, 'x');
	assert_int_equal(header_decode(&b, text.s, text.len, &e), -1);
	assert_int_equal(e.code, ERR_LIMIT);
	strbuf_free(&b);
	strbuf_free(&small);
	strbuf_free(&text);
}

/* ---- properties over random text */

static uint64_t seed = 20261123;

static uint32_t
next_random(uint32_t below)
{
	seed = seed * 6364136223846793005u + 1442695040888963407u;
	return (uint32_t)(seed >> 33) % below;
}

/* Text of every width of character, heavy on what is hard to carry. */
static void
random_text(struct strbuf *b)
{
	static const char hard[] = "  ==?" "?__\"\\<>,.;:()@aZ0";
	size_t n = next_random(120);

	strbuf_reset(b);
	while (n-- > 0) {
		uint32_t c;

		switch (next_random(8)) {
		case 0:
			c = 0xa0 + next_random(0x700);
			break;
		case 1:
			c = 0x800 + next_random(0xd000);
			break;
		case 2:
			c = 0xe000 + next_random(0x2000);
			break;
		case 3:
			c = 0x10000 + next_random(0x100000);
			break;
		case 4:
		case 5:
			c = (uint8_t)hard[next_random(sizeof(hard) - 1)];
			break;
		case 6:
			strbuf_adds(b, "=?utf-8?Q?");
			c = 'x';
			break;
		default:
			c = 0x20 + next_random(0x5f);
		}
		/* Not what check_wire() takes for damage. */
		utf8_append(b, c != 0xfffd ? c : 0xfffc);
	}
	for (n = 0; n < 3 && next_random(2); n++)
		strbuf_addc(b, ' ');
}

/* No line is too long, all is printable, each encoded word stands alone. */
static void
check_wire(const struct strbuf *b)
{
	struct strbuf word = STRBUF_INIT(1000), text = STRBUF_INIT(1000);
	const char *p = b->s, *end = b->s + b->len, *eol;
	struct err e;

	while (p < end) {
		const char *w = p;

		assert_non_null(eol = strstr(p, "\r\n"));
		assert_true(eol - p <= HEADER_LINE_FOLD);
		for (const char *c = p; c < eol; c++)
			assert_true(*c >= 0x20 && *c <= 0x7e);
		assert_int_equal(p[strspn(p, " ")] == '\r', 0);
		while ((w = strstr(w, "=?")) != NULL && w < eol) {
			const char *q = strstr(w + 10, "?=");

			assert_non_null(q);
			assert_true(eol - p <= HEADER_LINE_ENCODED);
			assert_true(q + 2 - w <= HEADER_WORD_MAX);
			strbuf_reset(&word);
			strbuf_reset(&text);
			strbuf_add(&word, w, (size_t)(q + 2 - w));
			assert_null(strchr(word.s, ' '));
			assert_int_equal(header_decode(&text, word.s,
			    word.len, &e), 0);
			assert_null(strstr(text.s, "\xef\xbf\xbd"));
			assert_true(text.len > 0);
			w = q + 2;
		}
		p = eol + 2;
	}
	strbuf_free(&word);
	strbuf_free(&text);
}

static void
what_is_encoded_decodes_to_itself(void **state)
{
	struct strbuf v = STRBUF_INIT(5000), b = STRBUF_INIT(20000);
	struct strbuf back = STRBUF_INIT(5000);
	struct err e;

	(void)state;
	for (int i = 0; i < 20000; i++) {
		random_text(&v);
		strbuf_reset(&b);
		strbuf_reset(&back);
		assert_int_equal(header_field_text(&b, "Subject", v.s, v.len,
		    &e), 0);
		assert_memory_equal(b.s, "Subject:", 8);
		check_wire(&b);
		if (v.len == 0)
			continue;
		assert_int_equal(header_decode(&back, b.s + 9, b.len - 9,
		    &e), 0);
		if (back.len != v.len || memcmp(back.s, v.s, v.len) != 0)
			fail_msg("[%s] became [%s] by [%s]", v.s, back.s,
			    b.s);
	}
	strbuf_free(&v);
	strbuf_free(&b);
	strbuf_free(&back);
}

/* Somebody else's reader must see the same name and address. */
static void
gmime_reads_the_same(void **state)
{
	struct strbuf v = STRBUF_INIT(5000), b = STRBUF_INIT(20000);
	struct address a = { "\"a <b>\"", "example.org" };
	struct err e;

	(void)state;
	g_mime_init();
	for (int i = 0; i < 2000; i++) {
		InternetAddressList *list;
		InternetAddress *ia;
		char *text, *flat;

		random_text(&v);
		/* It trims names. */
		if (v.len == 0 || v.s[0] == ' ' || v.s[v.len - 1] == ' ')
			continue;
		strbuf_reset(&b);
		assert_int_equal(header_field_text(&b, "Subject", v.s, v.len,
		    &e), 0);
		strbuf_truncate(&b, b.len - 2);
		flat = g_mime_utils_header_unfold(b.s + 9);
		text = g_mime_utils_header_decode_text(NULL, flat);
		assert_string_equal(text, v.s);
		g_free(text);
		g_free(flat);

		strbuf_reset(&b);
		assert_int_equal(header_field_mailbox(&b, "From", v.s, v.len,
		    &a, &e), 0);
		check_wire(&b);
		list = internet_address_list_parse(NULL, b.s + 5);
		assert_int_equal(internet_address_list_length(list), 1);
		ia = internet_address_list_get_address(list, 0);
		assert_string_equal(internet_address_mailbox_get_addr(
		    INTERNET_ADDRESS_MAILBOX(ia)), "\"a <b>\"@example.org");
		assert_string_equal(internet_address_get_name(ia), v.s);
		g_object_unref(list);
	}
	g_mime_shutdown();
	strbuf_free(&v);
	strbuf_free(&b);
}

/* ---- reading what others write */

static const struct {
	const char *why, *value, *text;
} found[] = {
	/* RFC 2047 section 8. */
	{ "8.1", "=?ISO-8859-1?Q?a?=", "a" },
	{ "8.2", "=?ISO-8859-1?Q?a?= b", "a b" },
	{ "8.3", "=?ISO-8859-1?Q?a?= =?ISO-8859-1?Q?b?=", "ab" },
	{ "8.4", "=?ISO-8859-1?Q?a?=  =?ISO-8859-1?Q?b?=", "ab" },
	{ "8.5", "=?ISO-8859-1?Q?a?=\r\n    =?ISO-8859-1?Q?b?=", "ab" },
	{ "8.6", "=?ISO-8859-1?Q?a_b?=", "a b" },
	{ "8.7", "=?ISO-8859-1?Q?a?= =?ISO-8859-2?Q?_b?=",
	    "a =?ISO-8859-2?Q?_b?=" },	/* a charset we do not know */
	{ "names of section 8", "=?ISO-8859-1?Q?Keld_J=F8rn_Simonsen?=",
	    "Keld J\xc3\xb8rn Simonsen" },
	{ "B of section 8", "=?ISO-8859-1?B?SWYgeW91IGNhbiByZWFkIHRoaXMgeW8="
	    "?=", "If you can read this yo" },
	{ "language of RFC 2231", "=?us-ascii*en-us?q?hi?=", "hi" },
	{ "iso-8859-15", "=?ISO-8859-15?Q?=A4=BD?=", "\xe2\x82\xac\xc5\x93" },
	{ "windows-1252", "=?windows-1252?Q?=80=93=81=E9?=",
	    "\xe2\x82\xac\xe2\x80\x9c\xef\xbf\xbd\xc3\xa9" },
	{ "plain", "plain text", "plain text" },
	{ "folded", "a\r\n b\n\tc", "a b c" },
	{ "blanks kept", " a  b ", " a  b " },
	{ "a character over two words", "=?utf-8?Q?=E2=82?= =?utf-8?B?rA==?=",
	    "\xe2\x82\xac" },
	{ "inside a word", "(=?utf-8?Q?=C3=A9?=)", "(\xc3\xa9)" },
	{ "padding forgotten", "=?utf-8?B?w6k?=", "\xc3\xa9" },
	{ "lower case", "=?UTF8?b?w6k=?=", "\xc3\xa9" },
	{ "empty word", "a =?utf-8?Q?" "?= b", "a  b" },
	{ "UTF-8 as it is (RFC 6532)", "caf\xc3\xa9", "caf\xc3\xa9" },
	{ "latin-1 as it is", "caf\xe9", "caf\xef\xbf\xbd" },
	{ "ill-formed in a word", "=?utf-8?Q?caf=E9?=", "caf\xef\xbf\xbd" },
	/* What is decoded injects nothing. */
	{ "CR LF in a word", "=?utf-8?Q?a=0D=0ABcc:_x?=", "a  Bcc: x" },
	{ "NUL in a word", "=?utf-8?B?YQBi?=", "a\xef\xbf\xbd" "b" },
	{ "C1 in latin-1", "=?iso-8859-1?Q?a=85b?=", "a\xef\xbf\xbd" "b" },
	{ "CR alone", "a\rb", "a b" },
	/* Words that are none stay as they are. */
	{ "charset unknown", "=?x-none?Q?a?=", "=?x-none?Q?a?=" },
	{ "encoding unknown", "=?utf-8?X?a?=", "=?utf-8?X?a?=" },
	{ "not hexadecimal", "=?utf-8?Q?=GG?=", "=?utf-8?Q?=GG?=" },
	{ "cut hexadecimal", "=?utf-8?Q?a=C?=", "=?utf-8?Q?a=C?=" },
	{ "not base64", "=?utf-8?B?a*b?=", "=?utf-8?B?a*b?=" },
	{ "one digit of base64 too many", "=?utf-8?B?YWJja?=",
	    "=?utf-8?B?YWJja?=" },
	{ "blank inside", "=?utf-8?Q?a b?=", "=?utf-8?Q?a b?=" },
	{ "no end", "=?utf-8?Q?ab", "=?utf-8?Q?ab" },
	{ "no end at all", "=?", "=?" },
};

static void
values_are_decoded(void **state)
{
	struct strbuf b = STRBUF_INIT(1000);
	struct err e;

	(void)state;
	for (size_t i = 0; i < N(found); i++) {
		strbuf_reset(&b);
		assert_int_equal(header_decode(&b, found[i].value,
		    strlen(found[i].value), &e), 0);
		if (strcmp(b.s, found[i].text) != 0)
			fail_msg("%s: [%s]", found[i].why, b.s);
	}
	strbuf_free(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(text_fields),
		cmocka_unit_test(mailbox_fields),
		cmocka_unit_test(raw_fields),
		cmocka_unit_test(injections_are_refused),
		cmocka_unit_test(limits),
		cmocka_unit_test(what_is_encoded_decodes_to_itself),
		cmocka_unit_test(gmime_reads_the_same),
		cmocka_unit_test(values_are_decoded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
