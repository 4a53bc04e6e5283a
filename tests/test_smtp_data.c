/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_smtp_data.c - where a message ends, and where it does not.
 *
 * R173 and X01: two readers that disagree about the end of a message are one
 * smuggled message apart.  Every stream is fed in every cut.
 */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lib/smtp_data.h"
#include "lib/strbuf.h"

#define LENGTH(a)	(sizeof(a) / sizeof((a)[0]))

/*
 * Feed s[len] and gather the content.  Stops at the end of the message, and
 * then adds "|" and what was left over.
 */
static enum smtp_data_result
feed(struct smtp_data *d, struct strbuf *out, const char *s, size_t len)
{
	enum smtp_data_result r = SMTP_DATA_MORE;
	struct slice chunk;
	size_t taken;

	while (len > 0) {
		r = smtp_data_feed(d, s, len, &taken, &chunk);
		strbuf_add(out, chunk.p, chunk.len);
		assert_true(taken <= len);
		s += taken;
		len -= taken;
		if (r == SMTP_DATA_END) {
			strbuf_addc(out, '|');
			strbuf_add(out, s, len);
			return r;
		}
		if (r == SMTP_DATA_BARE)
			return r;
		assert_true(r == (chunk.len > 0 ? SMTP_DATA_CHUNK :
		    SMTP_DATA_MORE));
		assert_true(r == SMTP_DATA_CHUNK || len == 0);
	}
	return r;
}

#define BARE	NULL	/* want: the session must end */

static const struct {
	const char	*why, *in;
	size_t		 len;	/* 0 = strlen(in) */
	const char	*want;
} streams[] = {
	{ "a message", "a\r\nb\r\n.\r\n", 0, "a\r\nb\r\n|" },
	{ "empty message", ".\r\n", 0, "|" },
	{ "one empty line", "\r\n.\r\n", 0, "\r\n|" },
	{ "stuffed dot", "..\r\n.\r\n", 0, ".\r\n|" },
	{ "stuffed dots", "..a\r\n...\r\n.\r\n", 0, ".a\r\n..\r\n|" },
	{ "dot before text loses itself", ".a\r\n.\r\n", 0, "a\r\n|" },
	{ "dot inside a line", "a.b\r\n.\r\n", 0, "a.b\r\n|" },
	{ "dot at the end of a line", "a.\r\n.\r\n", 0, "a.\r\n|" },
	{ "what follows is the next command", "a\r\n.\r\nQUIT\r\n", 0,
	    "a\r\n|QUIT\r\n" },
	{ "dot and blank is text", "a\r\n. \r\n.\r\n", 0, "a\r\n \r\n|" },
	{ "dot and NUL is text", "a\r\n.\0\r\n", 7, "a\r\n" },
	{ "NUL before the dot is text", "a\r\n\0.\r\n", 7, "a\r\n" },
	{ "next line (U+0085) is no line end", "a\xc2\x85.\xc2\x85\r\n.\r\n",
	    0, "a\xc2\x85.\xc2\x85\r\n|" },
	{ "line separator (U+2028) is no line end",
	    "a\xe2\x80\xa8.\xe2\x80\xa8\r\n.\r\n", 0,
	    "a\xe2\x80\xa8.\xe2\x80\xa8\r\n|" },
	{ "vertical tab and form feed are no line ends",
	    "a\v.\v\f.\f\r\n.\r\n", 0, "a\v.\v\f.\f\r\n|" },

	/* The forms by which messages were smuggled, and their kin. */
	{ "LF . LF", "a\n.\nMAIL", 0, BARE },
	{ "LF . CRLF", "a\n.\r\nMAIL", 0, BARE },
	{ "CRLF . LF", "a\r\n.\nMAIL", 0, BARE },
	{ "CR . CR", "a\r.\rMAIL", 0, BARE },
	{ "CR . CRLF", "a\r.\r\nMAIL", 0, BARE },
	{ "CRLF . CR", "a\r\n.\rMAIL", 0, BARE },
	{ "CR . LF", "a\r.\nMAIL", 0, BARE },
	{ "LF . CR", "a\n.\rMAIL", 0, BARE },
	{ "CRLF . CR CRLF", "a\r\n.\r\r\nMAIL", 0, BARE },
	{ "CR CRLF . CRLF", "a\r\r\n.\r\nMAIL", 0, BARE },
	{ "CRLF CR . CRLF", "a\r\n\r.\r\nMAIL", 0, BARE },
	{ "CRLF LF . CRLF", "a\r\n\n.\r\nMAIL", 0, BARE },
	{ "LF LF . LF LF", "a\n\n.\n\nMAIL", 0, BARE },
	{ "CR NUL LF", "a\r\0\n.\r\n", 8, BARE },
	{ "LF CR . LF CR", "a\n\r.\n\rMAIL", 0, BARE },
	{ "CRLF . CR NUL LF", "a\r\n.\r\0\n", 8, BARE },
	{ "stuffed dot, bare LF", "a\r\n..\nMAIL", 0, BARE },
	{ "bare LF in a line", "a\nb\r\n.\r\n", 0, BARE },
	{ "bare CR in a line", "a\rb\r\n.\r\n", 0, BARE },
	{ "bare LF first", "\na\r\n.\r\n", 0, BARE },
	{ "bare LF after the first dot", ".\n", 0, BARE },
};

static bool
same_in_cut(size_t i, size_t len, size_t a, size_t b, struct strbuf *out)
{
	const size_t at[] = { 0, a, b, len };
	enum smtp_data_result r = SMTP_DATA_MORE;
	const char *s = streams[i].in;
	struct smtp_data d;

	smtp_data_begin(&d);
	strbuf_reset(out);
	for (int k = 0; k < 3 && r != SMTP_DATA_BARE; k++) {
		if (r == SMTP_DATA_END)
			strbuf_add(out, s + at[k], at[k + 1] - at[k]);
		else if (at[k] < at[k + 1])
			r = feed(&d, out, s + at[k], at[k + 1] - at[k]);
	}
	if (streams[i].want == BARE)
		return r == SMTP_DATA_BARE;
	/* Rows with a NUL have no end and say what stands before it. */
	if (streams[i].len != 0)
		return r == SMTP_DATA_CHUNK && strcmp(out->s,
		    streams[i].want) == 0;
	return r == SMTP_DATA_END && strcmp(out->s, streams[i].want) == 0;
}

static void
ends_in_any_cut(void **state)
{
	struct strbuf out = STRBUF_INIT(4096);

	(void)state;
	for (size_t i = 0; i < LENGTH(streams); i++) {
		size_t len = streams[i].len != 0 ? streams[i].len :
		    strlen(streams[i].in);

		/* Two cuts, so that even a lone octet stands between. */
		for (size_t a = 0; a <= len; a++)
			for (size_t b = a; b <= len; b++)
				if (!same_in_cut(i, len, a, b, &out))
					fail_msg("%s, cut at %zu, %zu: %s",
					    streams[i].why, a, b, out.s);
	}
	strbuf_free(&out);
}

static struct smtp_data
facts_of(const char *s, size_t len)
{
	struct strbuf out = STRBUF_INIT(1 << 20);
	struct smtp_data d;

	smtp_data_begin(&d);
	assert_int_equal(feed(&d, &out, s, len), SMTP_DATA_END);
	assert_int_equal(d.octets, out.len - 1);
	strbuf_free(&out);
	return d;
}

#define FACTS(s)	facts_of((s), sizeof(s) - 1)

static void
facts_are_counted(void **state)
{
	struct smtp_data d;

	(void)state;
	d = FACTS("Subject: a\r\n\r\nlonger line here\r\n.\r\n");
	assert_int_equal(d.longest_line, 16);
	assert_int_equal(d.hops, 0);
	assert_false(d.nul || d.eight_bit);
	/* A stuffed dot does not count, RFC 5321 section 4.5.3.1.6. */
	d = FACTS("...\r\n.\r\n");
	assert_int_equal(d.longest_line, 2);
	assert_true(FACTS("a\0b\r\n.\r\n").nul);
	assert_true(FACTS("\xc3\xbc\r\n.\r\n").eight_bit);
}

/* R163: only fields of the message's own header section are hops. */
static void
hops_are_counted(void **state)
{
	(void)state;
	assert_int_equal(FACTS("Received: a\r\n.\r\n").hops, 1);
	assert_int_equal(FACTS("RECEIVED:a\r\nreceived: b\r\n.\r\n").hops, 2);
	assert_int_equal(FACTS("Received: a\r\n\tb\r\n Received: c\r\n.\r\n")
	    .hops, 1);
	assert_int_equal(FACTS("Received-SPF: a\r\nX-Received: b\r\n.\r\n")
	    .hops, 0);
	assert_int_equal(FACTS("A: b\r\n\r\nReceived: quoted\r\n.\r\n").hops,
	    0);
	assert_int_equal(FACTS("\r\nReceived: a\r\n.\r\n").hops, 0);
	/* A dot that stuffing added is not part of the name. */
	assert_int_equal(FACTS(".Received: a\r\n.\r\n").hops, 1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ends_in_any_cut),
		cmocka_unit_test(facts_are_counted),
		cmocka_unit_test(hops_are_counted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
