/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_mime_param.c - Content-Type and its kin: values and parameters.
 */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lib/mime_param.h"
#include "lib/strbuf.h"

static const struct {
	const char *why, *text, *name;
	int rc;
	const char *value;
} rows[] = {
	{ "a token",		"text/plain; charset=utf-8", "charset", 1, "utf-8" },
	{ "no blank",		"text/plain;charset=utf-8", "charset", 1, "utf-8" },
	{ "any case",		"text/plain; CharSet=utf-8", "charset", 1, "utf-8" },
	{ "quoted",		"a/b; c=\"d e\"", "c", 1, "d e" },
	{ "quoted pair",	"a/b; c=\"d\\\"e\\\\\"", "c", 1, "d\"e\\" },
	{ "empty in quotes",	"a/b; c=\"\"", "c", 1, "" },
	{ "a ';' in quotes",	"a/b; c=\"d;e=f\"; e=g", "e", 1, "g" },
	{ "folded",		"a/b;\r\n\tc=\"d\r\n e\"", "c", 1, "d e" },
	{ "comments (RFC 2045 5.1)", "(x) a/b (\\)(y)) ; (z) c (=) = d (;)", "c", 1, "d" },
	{ "not there",		"a/b; c=d", "e", 0, NULL },
	{ "no parameters",	"a/b", "c", 0, NULL },
	{ "';' at the end",	"a/b; c=d;", "c", 1, "d" },
	{ "name of another",	"a/b; xc=d", "c", 0, NULL },
	{ "continued (RFC 2231 3)", "m/e; u*0=\"ftp://\"; u*1=\"h/x\"", "u", 1, "ftp://h/x" },
	{ "extended (RFC 2231 4)", "a/x; t*=us-ascii'en-us'This%20is%20%2A%2A", "t", 1, "This is **" },
	{ "both (RFC 2231 4.1)", "a/x; t*0*=us-ascii'en'This%20is%20even; "
	    "t*1*=%20more%20; t*2=\"isn't it!\"", "t", 1, "This is even more isn't it!" },
	{ "continued out of order", "a/x; t*1=b; t*0=a", "t", 1, "ab" },
	{ "a gap ends it",	"a/x; t*0=a; t*2=c", "t", 1, "a" },
	{ "empty",		"", "c", -1, NULL },
	{ "only a comment",	"(a/b)", "c", -1, NULL },
	{ "quote not closed",	"a/b; c=\"d", "c", -1, NULL },
	{ "comment not closed",	"a/b; (c=d", "c", -1, NULL },
	{ "no value",		"a/b; c=", "c", -1, NULL },
	{ "no '='",		"a/b; charset utf-8", "charset", -1, NULL },
	{ "blank in the type",	"a/b c/d; c=d", "c", -1, NULL },
	{ "two values",		"a/b; c=d e", "c", -1, NULL },
	{ "text behind a quote", "a/b; c=\"d\"e", "c", -1, NULL },
};

static void
parameters_are_found(void **state)
{
	struct strbuf out = STRBUF_INIT(4096);

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		int rc;

		strbuf_reset(&out);
		rc = mime_param_find(rows[i].text, strlen(rows[i].text),
		    rows[i].name, &out);
		if (rc != rows[i].rc || (rc == 1 &&
		    strcmp(out.s, rows[i].value) != 0))
			fail_msg("%s: %d \"%s\"", rows[i].why, rc, out.s);
	}
	strbuf_free(&out);
}

static void
the_value_in_front_is_trimmed(void **state)
{
	struct mime_param_iter it;
	struct slice main;

	(void)state;
	assert_true(mime_param_begin(&it, " (c) text/html ; x=y", 20, &main));
	assert_int_equal(main.len, 9);
	assert_memory_equal(main.p, "text/html", 9);
}

static void
values_have_a_limit(void **state)
{
	struct strbuf text = STRBUF_INIT(1 << 20), out = STRBUF_INIT(1 << 20);

	(void)state;
	strbuf_adds(&text, "a/b; c=\"");
	for (int i = 0; i < MIME_PARAM_MAX; i++)
		strbuf_addc(&text, 'x');
	strbuf_addc(&text, '"');
	assert_int_equal(mime_param_find(text.s, text.len, "c", &out), 1);
	text.s[text.len - 1] = 'x';
	strbuf_addc(&text, '"');
	assert_int_equal(mime_param_find(text.s, text.len, "c", &out), -1);
	strbuf_reset(&text);
	strbuf_reset(&out);
	strbuf_adds(&text, "a/b");
	for (int i = 0; i < 2 * MIME_PARAM_PIECES_MAX; i++)
		strbuf_addf(&text, "; c*%d=x", i);
	assert_int_equal(mime_param_find(text.s, text.len, "c", &out), 1);
	assert_int_equal(out.len, MIME_PARAM_PIECES_MAX);
	strbuf_free(&text);
	strbuf_free(&out);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(parameters_are_found),
		cmocka_unit_test(the_value_in_front_is_trimmed),
		cmocka_unit_test(values_have_a_limit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
