/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_smtp_reply.c - what a server may say, and what it says to hurt.
 *
 * Requirements: F23 and X05 (hostile replies), X04 (nothing believed from
 * before a reset), R108 and R133 (codes), R111 and R115 (extensions).
 */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lib/enhanced.h"
#include "lib/smtp_reply.h"
#include "lib/strbuf.h"

#define LENGTH(a)	(sizeof(a) / sizeof((a)[0]))

/* What came out of one stream, one reply a line, for easy comparing. */
static void
describe(struct strbuf *out, const struct smtp_reply *r)
{
	char e[ENHANCED_TEXT_MAX];

	enhanced_format(&r->enhanced, e);
	strbuf_addf(out, "%d|%s|%s|%u\n", r->code, e, r->text, r->lines);
	assert_int_equal(strlen(r->text), r->text_len);
}

static enum smtp_reply_state
feed(struct smtp_reply_parser *p, struct strbuf *out, const char *s,
    size_t len)
{
	enum smtp_reply_state state;
	size_t taken;

	do {
		state = smtp_reply_feed(p, s, len, &taken);
		if (state == SMTP_REPLY_DONE)
			describe(out, smtp_reply_get(p));
		if (state == SMTP_REPLY_MALFORMED)
			strbuf_adds(out, "malformed\n");
		s += taken;
		len -= taken;
	} while (state == SMTP_REPLY_DONE && len > 0);
	return state;
}

static const struct {
	const char	*why, *in;
	size_t		 len;	/* 0 = strlen(in) */
	const char	*want;
} streams[] = {
	{ "the usual", "250 2.1.0 Ok\r\n", 0, "250|2.1.0|Ok|1\n" },
	{ "no enhanced code", "354 go ahead\r\n", 0, "354||go ahead|1\n" },
	{ "code alone, RFC 5321 4.2", "250\r\n", 0, "250|||1\n" },
	{ "code and blank", "250 \r\n", 0, "250|||1\n" },
	{ "only an enhanced code", "250 2.0.0\r\n", 0, "250|2.0.0||1\n" },
	{ "two lines, one blank between",
	    "550-5.1.1 no such\r\n550 5.1.1 user\r\n", 0,
	    "550|5.1.1|no such user|2\n" },
	{ "enhanced code on the second line only",
	    "550-sorry\r\n550 5.7.1 policy\r\n", 0,
	    "550|5.7.1|sorry policy|2\n" },
	{ "a second, different enhanced code is text",
	    "550-5.1.1 a\r\n550 5.7.1 b\r\n", 0,
	    "550|5.1.1|a 5.7.1 b|2\n" },
	{ "continuation line without text", "250-\r\n250-a\r\n250 b\r\n", 0,
	    "250|| a b|3\n" },
	{ "pipelined replies come one at a time",
	    "250 a\r\n550 5.1.1 b\r\n354 c\r\n", 0,
	    "250||a|1\n550|5.1.1|b|1\n354||c|1\n" },
	{ "control characters cannot reach a log", "250 a\x1b[1m\tb\x7f\r\n", 0,
	    "250||a?[1m b?|1\n" },
	{ "8-bit text stays", "550 f\xc3\xbcr\r\n", 0,
	    "550||f\xc3\xbcr|1\n" },
	{ "second digit out of grammar but in use", "571 denied\r\n", 0,
	    "571||denied|1\n" },
	{ "enhanced class need not match here", "550 4.2.2 full\r\n", 0,
	    "550|4.2.2|full|1\n" },
	{ "an address is no enhanced code", "550 5.1.1.9 host\r\n", 0,
	    "550||5.1.1.9 host|1\n" },
	{ "an incomplete reply is no reply", "250-a\r\n250", 0, "" },

	{ "code 000, F23", "000 hello\r\n", 0, "malformed\n" },
	{ "code 999, F23", "999 hello\r\n", 0, "malformed\n" },
	{ "code 199", "199 hello\r\n", 0, "malformed\n" },
	{ "code 600", "600 hello\r\n", 0, "malformed\n" },
	{ "two digits", "25 hello\r\n", 0, "malformed\n" },
	{ "four digits", "2500 hello\r\n", 0, "malformed\n" },
	{ "letters", "2x0 hello\r\n", 0, "malformed\n" },
	{ "empty line", "\r\n", 0, "malformed\n" },
	{ "text before the code", " 250 hello\r\n", 0, "malformed\n" },
	{ "no blank after the code", "250hello\r\n", 0, "malformed\n" },
	{ "codes change in a reply, F23", "250-a\r\n550 b\r\n", 0,
	    "malformed\n" },
	{ "a reply goes wrong after a good one", "250 a\r\n2 b\r\n", 0,
	    "250||a|1\nmalformed\n" },
	{ "NUL, F23", "250 a\0b\r\n", 9, "malformed\n" },
	{ "NUL first", "\0\r\n", 3, "malformed\n" },
	{ "bare LF", "250 a\n", 0, "malformed\n" },
	{ "LF alone", "\n", 0, "malformed\n" },
	{ "bare CR", "250 a\rb\r\n", 0, "malformed\n" },
	{ "CR CR LF", "250 a\r\r\n", 0, "malformed\n" },
	{ "bare LF hides a second reply", "250 a\n550 b\r\n", 0,
	    "malformed\n" },
};

/* Every stream, cut at every place, gives the same. */
static void
streams_in_any_cut(void **state)
{
	struct smtp_reply_parser *p = smtp_reply_new();
	struct strbuf out = STRBUF_INIT(65536);

	(void)state;
	for (size_t i = 0; i < LENGTH(streams); i++) {
		size_t len = streams[i].len != 0 ? streams[i].len :
		    strlen(streams[i].in);

		for (size_t cut = 0; cut <= len; cut++) {
			smtp_reply_reset(p);
			strbuf_reset(&out);
			if (feed(p, &out, streams[i].in, cut) !=
			    SMTP_REPLY_MALFORMED)
				feed(p, &out, streams[i].in + cut, len - cut);
			if (strcmp(out.s, streams[i].want) != 0)
				fail_msg("%s, cut at %zu: got %s",
				    streams[i].why, cut, out.s);
		}
		smtp_reply_reset(p);
		strbuf_reset(&out);
		for (size_t k = 0; k < len; k++)
			if (feed(p, &out, streams[i].in + k, 1) ==
			    SMTP_REPLY_MALFORMED)
				break;
		if (strcmp(out.s, streams[i].want) != 0)
			fail_msg("%s, octet by octet: got %s", streams[i].why,
			    out.s);
	}
	strbuf_free(&out);
	smtp_reply_free(p);
}

static void
a_verdict_sticks_and_says_why(void **state)
{
	struct smtp_reply_parser *p = smtp_reply_new();
	size_t taken;

	(void)state;
	assert_string_equal(smtp_reply_why(p), "");
	assert_int_equal(smtp_reply_feed(p, "999 x\r\n", 7, &taken),
	    SMTP_REPLY_MALFORMED);
	assert_true(smtp_reply_why(p)[0] != '\0');
	assert_int_equal(smtp_reply_feed(p, "250 x\r\n", 7, &taken),
	    SMTP_REPLY_MALFORMED);
	smtp_reply_reset(p);
	assert_int_equal(smtp_reply_feed(p, "250 x\r\n", 7, &taken),
	    SMTP_REPLY_DONE);
	smtp_reply_free(p);
}

/* X04: what a plaintext attacker sent before TLS is gone after a reset. */
static void
reset_forgets_a_half_reply(void **state)
{
	struct smtp_reply_parser *p = smtp_reply_new();
	size_t taken;

	(void)state;
	assert_false(smtp_reply_partial(p));
	smtp_reply_feed(p, "250-evil\r\n25", 12, &taken);
	assert_int_equal(taken, 12);
	assert_true(smtp_reply_partial(p));
	smtp_reply_reset(p);
	assert_false(smtp_reply_partial(p));
	assert_int_equal(smtp_reply_feed(p, "250 good\r\n", 10, &taken),
	    SMTP_REPLY_DONE);
	assert_string_equal(smtp_reply_get(p)->text, "good");
	smtp_reply_free(p);
}

static void
a_reply_takes_its_own_octets_only(void **state)
{
	struct smtp_reply_parser *p = smtp_reply_new();
	size_t taken;

	(void)state;
	assert_int_equal(smtp_reply_feed(p, "250 a\r\n250 b\r\n", 14, &taken),
	    SMTP_REPLY_DONE);
	assert_int_equal(taken, 7);
	assert_int_equal(smtp_reply_feed(p, "", 0, &taken), SMTP_REPLY_MORE);
	smtp_reply_free(p);
}

/* A line of exactly len octets with its CRLF. */
static void
long_line(struct strbuf *b, size_t len)
{
	strbuf_reset(b);
	strbuf_adds(b, "250 ");
	while (b->len < len - 2)
		strbuf_addc(b, 'x');
	strbuf_adds(b, "\r\n");
}

static void
line_limit_is_exact(void **state)
{
	struct smtp_reply_parser *p = smtp_reply_new();
	struct strbuf in = STRBUF_INIT(1 << 21);
	size_t taken;

	(void)state;
	long_line(&in, SMTP_REPLY_LINE_MAX);
	assert_int_equal(smtp_reply_feed(p, in.s, in.len, &taken),
	    SMTP_REPLY_DONE);
	assert_int_equal(smtp_reply_get(p)->text_len, SMTP_REPLY_LINE_MAX - 6);
	long_line(&in, SMTP_REPLY_LINE_MAX + 1);
	assert_int_equal(smtp_reply_feed(p, in.s, in.len, &taken),
	    SMTP_REPLY_MALFORMED);
	/* F23: a line of a megabyte, in pieces of a network's size. */
	smtp_reply_reset(p);
	long_line(&in, 1 << 20);
	for (size_t at = 0; at < in.len; at += 1000)
		if (smtp_reply_feed(p, in.s + at, 1000, &taken) ==
		    SMTP_REPLY_MALFORMED)
			break;
		else
			assert_true(at < SMTP_REPLY_LINE_MAX);
	strbuf_free(&in);
	smtp_reply_free(p);
}

static enum smtp_reply_state
feed_lines(struct smtp_reply_parser *p, unsigned n, const char *text)
{
	enum smtp_reply_state state = SMTP_REPLY_MORE;
	struct strbuf line = STRBUF_INIT(8192);
	size_t taken;

	smtp_reply_reset(p);
	for (unsigned i = 1; i <= n && state == SMTP_REPLY_MORE; i++) {
		strbuf_reset(&line);
		strbuf_addf(&line, "250%c%s\r\n", i < n ? '-' : ' ', text);
		state = smtp_reply_feed(p, line.s, line.len, &taken);
	}
	strbuf_free(&line);
	return state;
}

static void
lines_limit_and_text_cap(void **state)
{
	struct smtp_reply_parser *p = smtp_reply_new();
	char text[1001];

	(void)state;
	assert_int_equal(feed_lines(p, SMTP_REPLY_LINES_MAX, "x"),
	    SMTP_REPLY_DONE);
	assert_int_equal(smtp_reply_get(p)->lines, SMTP_REPLY_LINES_MAX);
	assert_int_equal(smtp_reply_get(p)->text_len,
	    2 * SMTP_REPLY_LINES_MAX - 1);
	assert_false(smtp_reply_get(p)->cut);
	assert_int_equal(feed_lines(p, SMTP_REPLY_LINES_MAX + 1, "x"),
	    SMTP_REPLY_MALFORMED);
	assert_int_equal(feed_lines(p, 10000, "x"), SMTP_REPLY_MALFORMED);

	/* The text is capped, yet the whole reply is read. */
	memset(text, 'y', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	assert_int_equal(feed_lines(p, SMTP_REPLY_LINES_MAX, text),
	    SMTP_REPLY_DONE);
	assert_int_equal(smtp_reply_get(p)->text_len, SMTP_REPLY_TEXT_MAX);
	assert_true(smtp_reply_get(p)->cut);
	assert_int_equal(smtp_reply_get(p)->lines, SMTP_REPLY_LINES_MAX);
	smtp_reply_free(p);
}

static const struct {
	const char	*in;
	size_t		 taken;
	struct enhanced	 want;
} codes[] = {
	{ "5.1.1 x", 5, { 5, 1, 1 } },
	{ "4.7.650", 7, { 4, 7, 650 } },
	{ "2.0.0", 5, { 2, 0, 0 } },
	{ "5.1.1.", 5, { 5, 1, 1 } },		/* end of a sentence */
	{ "5.1.1)", 5, { 5, 1, 1 } },
	{ "5.999.999", 9, { 5, 999, 999 } },
	{ "3.1.1", 0, { 0, 0, 0 } },		/* no such class */
	{ "5.01.1", 0, { 0, 0, 0 } },		/* R125: no leading zeros */
	{ "5.1.01", 0, { 0, 0, 0 } },
	{ "5.1.00", 0, { 0, 0, 0 } },
	{ "5.1000.1", 0, { 0, 0, 0 } },
	{ "5.1.1000", 0, { 0, 0, 0 } },
	{ "5.1.1.2", 0, { 0, 0, 0 } },
	{ "5.1.1a", 0, { 0, 0, 0 } },
	{ "5.1.", 0, { 0, 0, 0 } },
	{ "5..1", 0, { 0, 0, 0 } },
	{ "5.1", 0, { 0, 0, 0 } },
	{ "5", 0, { 0, 0, 0 } },
	{ "", 0, { 0, 0, 0 } },
};

static void
enhanced_codes(void **state)
{
	char text[ENHANCED_TEXT_MAX];
	struct enhanced e;

	(void)state;
	for (size_t i = 0; i < LENGTH(codes); i++) {
		size_t n = enhanced_parse(codes[i].in, strlen(codes[i].in),
		    &e);

		if (n != codes[i].taken || !enhanced_equal(&e, &codes[i].want))
			fail_msg("%s: took %zu", codes[i].in, n);
		enhanced_format(&e, text);
		assert_int_equal(strlen(text), n);
		assert_memory_equal(text, codes[i].in, n);
	}
}

static struct smtp_ehlo
ehlo_of(const char *s)
{
	struct smtp_reply_parser *p = smtp_reply_new();
	struct smtp_ehlo e;
	size_t taken;

	assert_int_equal(smtp_reply_feed(p, s, strlen(s), &taken),
	    SMTP_REPLY_DONE);
	smtp_ehlo_parse(smtp_reply_get(p), &e);
	smtp_reply_free(p);
	return e;
}

static void
extensions_are_read(void **state)
{
	struct smtp_ehlo e;

	(void)state;
	e = ehlo_of("250-mx.example.net at your service\r\n"
	    "250-PIPELINING\r\n250-SIZE 35882577\r\n250-8bitmime\r\n"
	    "250-STARTTLS\r\n250-ENHANCEDSTATUSCODES\r\n250-DSN\r\n"
	    "250-CHUNKING\r\n250-AUTH CRAM-MD5 LOGIN plain\r\n"
	    "250-LIMITS RCPTMAX=20 MAILMAX=5\r\n250-REQUIRETLS\r\n"
	    "250 SMTPUTF8\r\n");
	assert_true(e.pipelining && e.size && e.eightbitmime && e.starttls);
	assert_true(e.enhanced && e.dsn && e.chunking && e.smtputf8);
	assert_true(e.requiretls && e.auth_plain && e.auth_login);
	assert_int_equal(e.size_max, 35882577);
	assert_int_equal(e.rcptmax, 20);
	assert_int_equal(e.mailmax, 5);
}

/* An offer that is not understood is no offer. */
static void
odd_extensions_are_ignored(void **state)
{
	struct smtp_ehlo e;

	(void)state;
	/* A host called like a keyword, in the greeting. */
	e = ehlo_of("250-PIPELINING\r\n250 STARTTLSX\r\n");
	assert_false(e.pipelining || e.starttls);
	/* RFC 1870: SIZE alone, or 0, is no fixed maximum. */
	e = ehlo_of("250-x\r\n250 SIZE\r\n");
	assert_true(e.size);
	assert_int_equal(e.size_max, 0);
	e = ehlo_of("250-x\r\n250 SIZE 0\r\n");
	assert_int_equal(e.size_max, 0);
	e = ehlo_of("250-x\r\n250 SIZE -5\r\n");
	assert_int_equal(e.size_max, 0);
	e = ehlo_of("250-x\r\n250 SIZE 99999999999999999999\r\n");
	assert_int_equal(e.size_max, 0);
	/* RFC 9422: one to six digits, the rest is not for us. */
	e = ehlo_of("250-x\r\n"
	    "250 LIMITS RCPTMAX=0 MAILMAX=1000000 A= =1 B\r\n");
	assert_int_equal(e.rcptmax, 0);
	assert_int_equal(e.mailmax, 0);
	e = ehlo_of("250-x\r\n250 LIMITS NEW=7 mailmax=999999\r\n");
	assert_int_equal(e.mailmax, 999999);
	e = ehlo_of("250 x\r\n");
	assert_false(e.size);
}

/* A keyword cut by the cap on text must not be read as another. */
static void
a_cut_offer_is_not_half_read(void **state)
{
	struct strbuf in = STRBUF_INIT(1 << 16);
	struct smtp_ehlo e;

	(void)state;
	strbuf_adds(&in, "250-x\r\n250-PIPELINING\r\n250-");
	for (size_t i = 0; i < SMTP_REPLY_TEXT_MAX - 20; i++)
		strbuf_addc(&in, 'y');
	strbuf_adds(&in, "\r\n250 SIZE 10240000\r\n");
	e = ehlo_of(in.s);
	assert_true(e.pipelining);
	assert_false(e.size);
	assert_int_equal(e.size_max, 0);
	strbuf_free(&in);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(streams_in_any_cut),
		cmocka_unit_test(a_verdict_sticks_and_says_why),
		cmocka_unit_test(reset_forgets_a_half_reply),
		cmocka_unit_test(a_reply_takes_its_own_octets_only),
		cmocka_unit_test(line_limit_is_exact),
		cmocka_unit_test(lines_limit_and_text_cap),
		cmocka_unit_test(enhanced_codes),
		cmocka_unit_test(extensions_are_read),
		cmocka_unit_test(odd_extensions_are_ignored),
		cmocka_unit_test(a_cut_offer_is_not_half_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
