/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_report.c - what strangers typed stays text in a report (T31), in both
 * of its forms.
 */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "lib/report.h"
#include "lib/utf8.h"

#define N(a)	(sizeof(a) / sizeof((a)[0]))

static const struct {
	const char *why, *in, *out;
	bool lines;
} hostile[] = {
	{ "plain", "Ann \xc3\x84", "Ann \xc3\x84", false },
	{ "a terminal's commands", "a\033[2Jb", "a<U+001B>[2Jb", false },
	{ "a line of its own", "a\nStatus: ok", "a<U+000A>Status: ok", false },
	{ "lines, where they may be", "a\r\nb\tc\n", "a\nb    c\n", true },
	{ "a CR alone overwrites", "ok\rno", "ok<U+000D>no", true },
	{ "turned around", "\xe2\x80\xaetxt.exe", "<U+202E>txt.exe", false },
	{ "isolated", "\xe2\x81\xa6", "<U+2066>", false },
	{ "of no width", "a\xe2\x80\x8b" "b", "a<U+200B>b", false },
	{ "C1 in UTF-8", "\xc2\x9b", "<U+009B>", false },
	{ "no UTF-8", "\xff", "\xef\xbf\xbd", false },
	{ "a tag of Unicode", "\xf3\xa0\x81\x81", "<U+E0041>", false },
	{ "a line separator", "\xe2\x80\xa8", "<U+2028>", false },
};

static struct slice
slice_of(const char *s)
{
	return (struct slice){ (const uint8_t *)s, strlen(s) };
}

static void
no_character_does_more_than_show_itself(void **state)
{
	(void)state;
	for (size_t i = 0; i < N(hostile); i++) {
		struct strbuf b = STRBUF_INIT(1024);

		report_clean(&b, slice_of(hostile[i].in), hostile[i].lines);
		if (strcmp(b.s, hostile[i].out) != 0)
			fail_msg("%s: %s", hostile[i].why, b.s);
		strbuf_free(&b);
	}
}

static void
html_has_no_markup_but_ours(void **state)
{
	static const char bad[] = "</pre><script src=x onerror='a' b=\"c\">&";
	struct report r;

	(void)state;
	report_begin(&r, bad);
	report_heading(&r, bad);
	report_entry(&r, bad);
	report_say(&r, "%s", bad);
	report_value(&r, bad, slice_of(bad));
	report_block(&r, bad, slice_of(bad));
	report_end(&r);
	assert_null(strstr(r.html.s, "<script"));
	assert_null(strstr(r.html.s, "onerror='"));
	assert_null(strstr(r.html.s, "b=\"c\""));
	assert_non_null(strstr(r.html.s, "&lt;/pre&gt;&lt;script src=x "
	    "onerror=&#39;a&#39; b=&quot;c&quot;&gt;&amp;"));
	assert_true(utf8_valid(r.html.s, r.html.len));
	report_free(&r);
}

/* No line of what is quoted passes for one of the report. */
static void
a_block_is_marked(void **state)
{
	struct report r;

	(void)state;
	report_begin(&r, "Report");
	report_block(&r, "the request", slice_of("a\r\n\r\n* No. 7\r\n"));
	report_end(&r);
	assert_string_equal(r.text.s, "Report\n======\n\n  the request\n"
	    "    | a\n    | \n    | * No. 7\n");
	report_free(&r);
}

static void
paragraphs_are_broken_at_blanks(void **state)
{
	struct report r;
	char words[400];

	(void)state;
	memset(words, 'w', sizeof(words));
	words[sizeof(words) - 1] = '\0';
	for (size_t i = 9; i < 300; i += 10)
		words[i] = ' ';
	report_begin(&r, "R");
	report_say(&r, "%s", words);
	for (const char *p = r.text.s; *p != '\0'; p += strcspn(p, "\n") + 1)
		assert_true(strcspn(p, "\n") <= 100);
	assert_non_null(strstr(r.text.s, "wwwww\nwwwww"));
	report_free(&r);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_character_does_more_than_show_itself),
		cmocka_unit_test(html_has_no_markup_but_ours),
		cmocka_unit_test(a_block_is_marked),
		cmocka_unit_test(paragraphs_are_broken_at_blanks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
