/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_mailhead.c - header sections as they arrive, and as they attack.
 *
 * Requirements: X12 (size and time), X22 (one From), X41 (nothing in a value
 * can become a line), T18 (the author of a command).
 */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lib/address.h"
#include "lib/err.h"
#include "lib/mailhead.h"
#include "lib/strbuf.h"

#define LENGTH(a)	(sizeof(a) / sizeof((a)[0]))

static struct mailhead *
head_of(const char *s)
{
	struct err e = ERR_INIT;
	struct mailhead *h = mailhead_parse(s, strlen(s), &e);

	if (h == NULL)
		fail_msg("%s", e.text);
	return h;
}

static void
fields_are_found(void **state)
{
	static const char in[] = "Subject: one\r\n"
	    "X-Fold: a\r\n\tb\r\n   c  \r\n"
	    "X-Empty:\r\n"
	    "SUBJECT : two\r\n"
	    "no field at all\r\n"
	    "X-Odd: a\tb\x01\x7f\r\n"
	    "\r\n"
	    "Subject: body\r\n";
	struct mailhead *h = head_of(in);
	const char *name, *value;

	(void)state;
	assert_string_equal(mailhead_get(h, "subject", 0), "one");
	assert_string_equal(mailhead_get(h, "subject", 1), "two");
	assert_null(mailhead_get(h, "subject", 2));
	assert_int_equal(mailhead_count(h, "Subject"), 2);
	assert_string_equal(mailhead_get(h, "X-Fold", 0), "a b c");
	assert_string_equal(mailhead_get(h, "X-Empty", 0), "");
	assert_string_equal(mailhead_get(h, "X-Odd", 0), "a b??");
	assert_null(mailhead_get(h, "X-None", 0));
	assert_int_equal(mailhead_stray_lines(h), 1);
	assert_string_equal(in + mailhead_body_at(h), "Subject: body\r\n");
	assert_int_equal(mailhead_field(h, 0, &name, &value), 1);
	assert_string_equal(name, "Subject");
	assert_int_equal(mailhead_field(h, 4, &name, &value), 1);
	assert_string_equal(name, "X-Odd");
	assert_int_equal(mailhead_field(h, 5, &name, &value), 0);
	mailhead_free(h);
}

static const struct {
	const char	*why, *in;
	const char	*subject;	/* NULL: there is none */
	size_t		 body_at;
	unsigned	 stray;
} shapes[] = {
	{ "nothing", "", NULL, 0, 0 },
	{ "only a body", "\r\nSubject: x\r\n", NULL, 2, 0 },
	{ "LF line ends", "Subject: x\n\nbody", "x", 12, 0 },
	{ "mixed line ends", "A: b\r\nSubject: x\n y\r\n\nbody", "x y", 22,
	    0 },
	{ "no empty line", "Subject: x", "x", 10, 0 },
	{ "mbox line first", "From a@b Mon Sep 20\nSubject: x\n\n", "x", 32,
	    0 },
	{ "mbox line later is stray", "A: b\nFrom a@b Mon\nSubject: x\n\n",
	    "x", 30, 1 },
	{ "continuation of nothing", " x\nSubject: x\n\n", "x", 15, 1 },
	{ "blanks are no empty line", "Subject: x\n \t\n y\n\n", "x y", 18,
	    0 },
	{ "no name", ": x\nSubject: x\n\n", "x", 16, 1 },
	{ "8-bit name", "S\xc3\xbc: x\nSubject: x\n\n", "x", 19, 1 },
	{ "CR inside", "Subject: a\rb\n\n", "a?b", 14, 0 },
};

static void
shapes_that_arrive(void **state)
{
	(void)state;
	for (size_t i = 0; i < LENGTH(shapes); i++) {
		struct mailhead *h = head_of(shapes[i].in);
		const char *s = mailhead_get(h, "Subject", 0);

		if ((s == NULL) != (shapes[i].subject == NULL) ||
		    (s != NULL && strcmp(s, shapes[i].subject) != 0) ||
		    mailhead_body_at(h) != shapes[i].body_at ||
		    mailhead_stray_lines(h) != shapes[i].stray)
			fail_msg("%s: %s, body %zu, stray %u", shapes[i].why,
			    s, mailhead_body_at(h), mailhead_stray_lines(h));
		mailhead_free(h);
	}
}

static void
nul_cuts_nothing(void **state)
{
	static const char in[] = "Subject: a\0b\r\nTo: c\r\n\r\n";
	struct mailhead *h = mailhead_parse(in, sizeof(in) - 1, NULL);

	(void)state;
	assert_string_equal(mailhead_get(h, "Subject", 0), "a?b");
	assert_string_equal(mailhead_get(h, "To", 0), "c");
	mailhead_free(h);
}

static void
limits_are_exact(void **state)
{
	struct strbuf b = STRBUF_INIT(1 << 20);
	struct err e = ERR_INIT;
	struct mailhead *h;

	(void)state;
	/* Octets, with the empty line. */
	strbuf_adds(&b, "A: ");
	while (b.len < MAILHEAD_MAX - 2)
		strbuf_addc(&b, 'x');
	strbuf_adds(&b, "\n\n");
	h = mailhead_parse(b.s, b.len, &e);
	assert_non_null(h);
	assert_int_equal(mailhead_body_at(h), MAILHEAD_MAX);
	assert_int_equal(mailhead_longest_line(h), MAILHEAD_MAX - 2);
	mailhead_free(h);
	b.s[b.len - 1] = 'B';
	strbuf_adds(&b, ": c\n\n");
	assert_null(mailhead_parse(b.s, b.len, &e));
	assert_int_equal(e.code, ERR_LIMIT);
	/* A body of any size is not looked at. */
	strbuf_reset(&b);
	strbuf_adds(&b, "A: b\n\n");
	while (b.len < 2 * MAILHEAD_MAX)
		strbuf_addc(&b, 'x');
	h = mailhead_parse(b.s, b.len, &e);
	assert_non_null(h);
	mailhead_free(h);
	/* Fields. */
	strbuf_reset(&b);
	for (int i = 0; i < MAILHEAD_FIELDS_MAX; i++)
		strbuf_adds(&b, "A:b\n");
	h = mailhead_parse(b.s, b.len, &e);
	assert_non_null(h);
	assert_int_equal(mailhead_count(h, "a"), MAILHEAD_FIELDS_MAX);
	mailhead_free(h);
	strbuf_adds(&b, "A:b\n");
	assert_null(mailhead_parse(b.s, b.len, &e));
	assert_int_equal(e.code, ERR_LIMIT);
	strbuf_free(&b);
}

static void
decoded_text_and_parameters(void **state)
{
	struct mailhead *h = head_of("Subject: =?utf-8?Q?J=C3=BCrgen?= x\n"
	    "Content-Type: multipart/report;\n"
	    " report-type=\"delivery-status\"\n"
	    "X: =\n\n");
	struct strbuf out = STRBUF_INIT(1000);
	struct err e = ERR_INIT;

	(void)state;
	assert_int_equal(mailhead_text(h, "Subject", &out, &e), 1);
	assert_string_equal(out.s, "J\xc3\xbcrgen x");
	assert_int_equal(mailhead_text(h, "Comments", &out, &e), 0);
	strbuf_reset(&out);
	assert_int_equal(mailhead_param(h, "Content-Type", "report-type",
	    &out), 1);
	assert_string_equal(out.s, "delivery-status");
	assert_int_equal(mailhead_param(h, "Content-Type", "x", &out), 0);
	assert_int_equal(mailhead_param(h, "None", "x", &out), 0);
	assert_int_equal(mailhead_param(h, "X", "x", &out), -1);
	strbuf_free(&out);
	mailhead_free(h);
}

static void
tokens(void **state)
{
	(void)state;
	assert_true(mailhead_token_is("no", "no"));
	assert_true(mailhead_token_is("NO; x=y", "no"));
	assert_true(mailhead_token_is("no (really)", "no"));
	assert_true(mailhead_token_is("no(really)", "no"));
	assert_false(mailhead_token_is("none", "no"));
	assert_false(mailhead_token_is("", "no"));
	assert_false(mailhead_token_is(NULL, "no"));
}

static void
message_ids(void **state)
{
	struct mailhead *h = head_of("References: <a@b> (c) <d@e>\n <f@g>\n"
	    "In-Reply-To: Your message of <x y@z> < <h@i>\n"
	    "Message-ID: <>\n\n");
	struct slice id;

	(void)state;
	assert_true(mailhead_msgid(h, "References", 0, &id));
	assert_int_equal(id.len, 3);
	assert_memory_equal(id.p, "a@b", 3);
	assert_true(mailhead_msgid(h, "References", 2, &id));
	assert_memory_equal(id.p, "f@g", 3);
	assert_false(mailhead_msgid(h, "References", 3, &id));
	assert_true(mailhead_msgid(h, "In-Reply-To", 0, &id));
	assert_memory_equal(id.p, "h@i", 3);
	assert_false(mailhead_msgid(h, "Message-ID", 0, &id));
	assert_false(mailhead_msgid(h, "None", 0, &id));
	mailhead_free(h);
}

struct gathered {
	struct strbuf text;
};

static void
gather(void *arg, const struct address *a, struct slice display)
{
	struct gathered *g = arg;

	strbuf_add(&g->text, display.p, display.len);
	strbuf_addf(&g->text, "<%s@%s>", a->local, a->domain);
}

static const struct {
	const char	*why, *in;
	const char	*want;		/* NULL: malformed */
	unsigned	 bad;
} lists[] = {
	{ "bare", "a@b.example", "<a@b.example>", 0 },
	{ "named", "Jane Doe <a@b.example>", "Jane Doe<a@b.example>", 0 },
	{ "quoted name with comma", "\"Doe, Jane\" <a@b.example>",
	    "\"Doe, Jane\"<a@b.example>", 0 },
	{ "two", "a@b.example, c <d@e.example>",
	    "<a@b.example>c<d@e.example>", 0 },
	{ "old form, name in a comment", "a@b.example (Jane, Doe)",
	    "<a@b.example>", 0 },
	{ "comment in brackets", "J <a@b.example(x)>", "J<a@b.example>", 0 },
	{ "nested comment with escapes", "(a (b \\) c) d) a@b.example",
	    "<a@b.example>", 0 },
	{ "group", "friends: a@b.example, c@d.example; , e@f.example",
	    "<a@b.example><c@d.example><e@f.example>", 0 },
	{ "empty group", "undisclosed-recipients:;", "", 0 },
	{ "empty elements", ",, a@b.example,,", "<a@b.example>", 0 },
	{ "nothing", "", "", 0 },
	{ "quoted local part", "\"a@b, c\"@d.example",
	    "<\"a@b, c\"@d.example>", 0 },
	{ "quoted bracket", "\"<x@y.example>\" <a@b.example>",
	    "\"<x@y.example>\"<a@b.example>", 0 },
	{ "IDN and UTF-8", "\xc3\xbc@m\xc3\xbcnchen.example",
	    "<\xc3\xbc@xn--mnchen-3ya.example>", 0 },
	{ "bad one among good ones", "a@b.example, c d@e.example",
	    "<a@b.example>", 1 },
	{ "empty brackets", "MAILER-DAEMON <>", "", 1 },
	{ "source route", "<@x.example,@y.example:a@b.example>", "", 1 },
	{ "brackets not closed", "<a@b.example", NULL, 0 },
	{ "brackets not opened", "a@b.example>", NULL, 0 },
	{ "brackets twice", "<a@b.example> <c@d.example>", NULL, 0 },
	{ "brackets in brackets", "<<a@b.example>>", NULL, 0 },
	{ "quotes not closed", "\"a <b@c.example>", NULL, 0 },
	{ "comment not closed", "(a <b@c.example>", NULL, 0 },
	{ "escape at the end", "\"a\\", NULL, 0 },
};

static void
address_lists(void **state)
{
	struct gathered g = { STRBUF_INIT(4096) };

	(void)state;
	for (size_t i = 0; i < LENGTH(lists); i++) {
		unsigned bad = 0;
		int n;

		strbuf_reset(&g.text);
		n = mailbox_list_parse(lists[i].in, strlen(lists[i].in),
		    gather, &g, &bad, NULL);
		if ((n == -1) != (lists[i].want == NULL))
			fail_msg("%s: %d", lists[i].why, n);
		if (n == -1)
			continue;
		if (strcmp(g.text.s, lists[i].want) != 0 ||
		    bad != lists[i].bad)
			fail_msg("%s: %s, %u bad", lists[i].why, g.text.s,
			    bad);
	}
	strbuf_free(&g.text);
}

static void
address_limits(void **state)
{
	struct strbuf b = STRBUF_INIT(1 << 20);
	struct err e = ERR_INIT;

	(void)state;
	for (int i = 0; i < MAILHEAD_ADDRESSES_MAX; i++)
		strbuf_adds(&b, i != 0 ? ",a@b.example" : "a@b.example");
	assert_int_equal(mailbox_list_parse(b.s, b.len, NULL, NULL, NULL, &e),
	    MAILHEAD_ADDRESSES_MAX);
	strbuf_adds(&b, ",x");
	assert_int_equal(mailbox_list_parse(b.s, b.len, NULL, NULL, NULL, &e),
	    -1);
	assert_int_equal(e.code, ERR_LIMIT);
	/* X12: parentheses cost no stack. */
	strbuf_reset(&b);
	for (int i = 0; i < MAILHEAD_COMMENT_MAX; i++)
		strbuf_addc(&b, '(');
	for (int i = 0; i < MAILHEAD_COMMENT_MAX; i++)
		strbuf_addc(&b, ')');
	strbuf_adds(&b, "a@b.example");
	assert_int_equal(mailbox_list_parse(b.s, b.len, NULL, NULL, NULL, &e),
	    1);
	strbuf_reset(&b);
	for (int i = 0; i < 500000; i++)
		strbuf_addc(&b, '(');
	assert_int_equal(mailbox_list_parse(b.s, b.len, NULL, NULL, NULL, &e),
	    -1);
	strbuf_free(&b);
}

static const struct {
	const char	*why, *in;
	int		 ret;
	const char	*local, *name;
} authors[] = {
	{ "usual", "From: a@b.example\n", 1, "a", "" },
	{ "name", "From: =?utf-8?q?J=C3=BCrgen?= <a@b.example>\n", 1, "a",
	    "J\xc3\xbcrgen" },
	{ "quoted name", "From: \"Doe, \\\"J\\\"\" <a@b.example>\n", 1, "a",
	    "Doe, \"J\"" },
	{ "none", "To: a@b.example\n", 0, "", "" },
	{ "two fields (X22)", "From: a@b.example\nFrom: c@d.example\n", -1,
	    "", "" },
	{ "two addresses (X22)", "From: a@b.example, c@d.example\n", -1, "",
	    "" },
	{ "one good, one bad", "From: a@b.example, c\n", -1, "", "" },
	{ "null", "From: <>\n", -1, "", "" },
	{ "empty", "From:\n", -1, "", "" },
	{ "broken", "From: \"a <b@c.example>\n", -1, "", "" },
};

static void
the_author(void **state)
{
	struct strbuf name = STRBUF_INIT(1000);

	(void)state;
	for (size_t i = 0; i < LENGTH(authors); i++) {
		struct mailhead *h = head_of(authors[i].in);
		struct err e = ERR_INIT;
		struct address a;
		int n;

		strbuf_reset(&name);
		n = mailhead_author(h, &a, &name, &e);
		if (n != authors[i].ret)
			fail_msg("%s: %d", authors[i].why, n);
		if (n == 1) {
			assert_string_equal(a.local, authors[i].local);
			assert_string_equal(name.s, authors[i].name);
		}
		assert_true((n == -1) == (e.code != ERR_NONE));
		mailhead_free(h);
	}
	strbuf_free(&name);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(fields_are_found),
		cmocka_unit_test(shapes_that_arrive),
		cmocka_unit_test(nul_cuts_nothing),
		cmocka_unit_test(limits_are_exact),
		cmocka_unit_test(decoded_text_and_parameters),
		cmocka_unit_test(tokens),
		cmocka_unit_test(message_ids),
		cmocka_unit_test(address_lists),
		cmocka_unit_test(address_limits),
		cmocka_unit_test(the_author),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
