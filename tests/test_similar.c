/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_similar.c - T37: what is substantively the same, and what is not.
 *
 * tests/data/similar has the messages; README there says what they are.
 */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lib/err.h"
#include "lib/similar.h"
#include "lib/strbuf.h"

/* Room on both sides of SIMILAR_PERCENT, so that a pair is no near thing. */
#define SAME_MIN	80
#define OTHER_MAX	55

static const struct {
	const char *why, *a, *b;
} same[] = {
	{ "another greeting, baked in", "en-promo", "en-promo-greeting" },
	{ "other tracking ids",		"en-promo", "en-promo-tracking" },
	{ "another date, subject too",	"en-promo", "en-promo-date" },
	{ "other blanks and markup",	"en-promo", "en-promo-space" },
	{ "blocks in another order",	"en-promo", "en-promo-order" },
	{ "characters nobody sees",	"en-promo", "en-promo-zero" },
	{ "one word",			"en-promo", "en-promo-word" },
	{ "plain text alone",		"en-promo", "en-promo-plain" },
	{ "several of these",	"en-promo-greeting", "en-promo-zero" },
	{ "word and order",		"en-promo-word", "en-promo-order" },
	{ "plain, greeted by title and name", "de-weekly-1", "de-weekly-1b" },
	{ "HTML with references",	"de-weekly-1", "de-weekly-1-html" },
	{ "French: a word and the date", "fr-invite", "fr-invite-word" },
	{ "Spanish: greeting, day",	"es-weekly-1", "es-weekly-1b" },
	{ "Japanese: a name, a word",	"ja-weekly-1", "ja-weekly-1b" },
	{ "Chinese: name, dates, token", "zh-promo", "zh-promo-b" },
	{ "Korean: a name, a word",	"ko-weekly-1", "ko-weekly-1b" },
	{ "Russian: name, date, a word", "ru-fair", "ru-fair-b" },
	{ "Thai: a word among no blanks", "th-promo", "th-promo-b" },
	{ "pictures with tracking",	"pictures-1", "pictures-1b" },
	{ "the same attachment",	"attached-1", "attached-1b" },
	{ "three lines and another day", "short-1", "short-1b" },
};

static const struct {
	const char *why, *a, *b;
} other[] = {
	{ "two issues in a long frame",	"en-weekly-1", "en-weekly-2" },
	{ "two offers, one template",	"en-sale-1", "en-sale-2" },
	{ "more frame than news",	"en-notice-1", "en-notice-2" },
	{ "two German issues",		"de-weekly-1", "de-weekly-2" },
	{ "two Spanish issues",		"es-weekly-1", "es-weekly-2" },
	{ "two Japanese issues",	"ja-weekly-1", "ja-weekly-2" },
	{ "two Chinese offers",		"zh-promo", "zh-promo-2" },
	{ "pictures alone, others",	"pictures-1", "pictures-2" },
	{ "the same line, another attachment", "attached-1", "attached-2" },
	{ "two short notes",		"short-1", "short-2" },
	{ "two languages",		"fr-invite", "es-weekly-1" },
};

static void
of_file(const char *name, struct similar *s)
{
	const char *dir = getenv("LISTD_SRCDIR");
	struct err e = ERR_INIT;
	char path[512];
	static char data[1 << 16];
	size_t n;
	FILE *f;

	snprintf(path, sizeof(path), "%s/tests/data/similar/%s.eml",
	    dir != NULL ? dir : ".", name);
	if ((f = fopen(path, "rb")) == NULL)
		fail_msg("%s is missing", path);
	n = fread(data, 1, sizeof(data), f);
	fclose(f);
	if (similar_of((const uint8_t *)data, n, s, &e) == -1)
		fail_msg("%s: %s", name, e.text);
	assert_true(s->n > 0);
}

static unsigned
percent(const char *a, const char *b)
{
	struct similar x, y;

	of_file(a, &x);
	of_file(b, &y);
	assert_int_equal(similar_percent(&x, &y), similar_percent(&y, &x));
	assert_int_equal(similar_is(&x, &y), similar_percent(&x, &y) >=
	    SIMILAR_PERCENT);
	return similar_percent(&x, &y);
}

static void
the_same_is_found(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(same) / sizeof(same[0]); i++) {
		unsigned p = percent(same[i].a, same[i].b);

		if (p < SAME_MIN)
			fail_msg("%s: %u %%", same[i].why, p);
	}
}

static void
others_are_not_merged(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(other) / sizeof(other[0]); i++) {
		unsigned p = percent(other[i].a, other[i].b);

		if (p > OTHER_MAX)
			fail_msg("%s: %u %%", other[i].why, p);
	}
}

/* ---- a line at a time */

static unsigned
of_bodies(const char *type, const char *a, const char *b)
{
	struct similar s[2];
	const char *body[2] = { a, b };
	struct err e = ERR_INIT;
	char m[2048];

	for (int i = 0; i < 2; i++) {
		snprintf(m, sizeof(m), "Subject: x\r\nContent-Type: %s; "
		    "charset=utf-8\r\n\r\n%s\r\n", type, body[i]);
		assert_int_equal(similar_of((const uint8_t *)m, strlen(m),
		    &s[i], &e), 0);
	}
	return similar_percent(&s[0], &s[1]);
}

#define LONG	"one two three four five six seven eight nine ten eleven " \
	"twelve thirteen fourteen fifteen "

static const struct {
	const char *why, *type, *a, *b;
	bool equal;
} lines[] = {
	{ "case and forms", "text/plain", LONG "Straße ﬁne",
	    LONG "STRASSE FINE", true },
	{ "punctuation", "text/plain", LONG "red, green", LONG "red - green!",
	    true },
	{ "a placeholder", "text/plain", LONG "{{first_name}} red",
	    LONG "red", true },
	{ "a URL's query", "text/plain", LONG "see https://x.example/?a=1 on",
	    LONG "see https://x.example/?a=2 on", true },
	{ "a URL in brackets", "text/plain", LONG "see (www.x.example/9) on",
	    LONG "see (www.x.example/7) on", true },
	{ "an address of mail", "text/plain", LONG "for ann.lee+x@a.example",
	    LONG "for bob@b.example", true },
	{ "a token", "text/plain", LONG "code 7fa9c2e1d0 red",
	    LONG "code 00ab12cd34 red", true },
	{ "a long number", "text/plain", LONG "order 10002345 red",
	    LONG "order 99999991 red", true },
	{ "a price counts", "text/plain", LONG "only 19.99 red",
	    LONG "only 24.99 red", false },
	{ "a date of figures", "text/plain", LONG "on 23.11.2026 red",
	    LONG "on 7.1.2027 red", true },
	{ "an ISO date and a time", "text/plain",
	    LONG "on 2026-11-23 at 10:30 red",
	    LONG "on 2027-01-02 at 23:59:59 red", true },
	{ "a date of words", "text/plain", LONG "on 23rd of November 2026 red",
	    LONG "on 1st of May 2027 red", true },
	{ "a footer of ours", "text/plain", LONG
	    "\r\n\r\nLeave us by {{unsubscribe_url}} now please do",
	    LONG "\r\n\r\nOr go away with {{unsubscribe_url}} some day",
	    true },
	{ "a greeting of one line", "text/plain", "Hi Ann,\r\n" LONG,
	    "Dear Mr. O'Neill-Smith:\r\n" LONG, true },
	{ "no greeting, but its word", "text/plain", LONG "dear me",
	    LONG "dear you", false },
	{ "a comment", "text/html", "<p>" LONG "<!-- a -->red",
	    "<p>" LONG "red", true },
	{ "a script", "text/html", "<script>one</script><p>" LONG,
	    "<p>" LONG, true },
	{ "inline markup", "text/html", "<p>" LONG "<b>r</b>ed",
	    "<p>" LONG "red", true },
	{ "a reference", "text/html", "<p>" LONG "caf&eacute; &#x62;",
	    "<p>" LONG "café b", true },
	{ "a soft hyphen", "text/html", "<p>" LONG "re&shy;d",
	    "<p>" LONG "red", true },
};

static void
a_line_at_a_time(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		unsigned p = of_bodies(lines[i].type, lines[i].a, lines[i].b);

		if ((p == 100) != lines[i].equal)
			fail_msg("%s: %u %%", lines[i].why, p);
	}
}

/* The lowest of many stand for all: within a few of a hundred. */
static void
long_texts_are_sampled(void **state)
{
	static char text[2][100000];
	static uint8_t m[100100];
	struct similar s[2];
	struct err e = ERR_INIT;

	(void)state;
	for (int v = 0; v < 2; v++) {
		size_t n = 0;

		/* Of 4,000 paragraphs of three words 3,000 are the same. */
		for (unsigned i = 0; i < 4000; i++)
			n += (size_t)snprintf(text[v] + n, sizeof(text[v]) -
			    n, "w%u %s x%u\n\n", i, i % 4 == 0 ?
			    v == 0 ? "red" : "blue" : "green", i % 7);
		n = (size_t)snprintf((char *)m, sizeof(m), "\r\n%s", text[v]);
		assert_int_equal(similar_of(m, n, &s[v], &e), 0);
		assert_int_equal(s[v].n, SIMILAR_SKETCH);
	}
	/* 3,000 of 5,000. */
	assert_in_range(similar_percent(&s[0], &s[1]), 48, 72);
}

/* No text takes more than its length: this one a run of half a million. */
static void
a_run_without_blanks_is_read_once(void **state)
{
	static const char head[] = "Content-Transfer-Encoding: quoted-"
	    "printable\r\n\r\n";
	size_t max = 800000, n = sizeof(head) - 1;
	char *m = malloc(max + 80);	/* the last line may pass it */
	struct similar s;
	struct err e = ERR_INIT;

	(void)state;
	memcpy(m, head, n);
	while (n < max) {
		for (unsigned i = 0; i < 35; i++, n += 2)
			memcpy(m + n, "a.", 2);
		memcpy(m + n, "=\r\n", 3);
		n += 3;
	}
	assert_int_equal(similar_of((const uint8_t *)m, n, &s, &e), 0);
	assert_int_equal(s.n, 1);
	free(m);
}

static void
nothing_is_like_nothing(void **state)
{
	struct similar s;
	struct err e = ERR_INIT;

	(void)state;
	assert_int_equal(similar_of((const uint8_t *)"\r\n\r\n", 4, &s, &e),
	    0);
	assert_int_equal(s.n, 0);
	assert_false(similar_is(&s, &s));
	assert_int_equal(similar_of((const uint8_t *)"\r\na\rb", 5, &s, &e),
	    -1);
	assert_int_equal(e.code, ERR_INPUT);
}

static void
stored_and_read_back(void **state)
{
	struct strbuf b = STRBUF_INIT(SIMILAR_PACKED_MAX);
	struct similar s, back;

	(void)state;
	of_file("en-weekly-1", &s);
	similar_pack(&b, &s);
	assert_false(b.overflow);
	assert_true(similar_unpack((struct slice){ (uint8_t *)b.s, b.len },
	    &back));
	assert_int_equal(similar_percent(&s, &back), 100);
	for (size_t cut = 0; cut < b.len; cut++)
		assert_false(similar_unpack((struct slice){ (uint8_t *)b.s,
		    cut }, &back));
	/* Out of order: nobody wrote that. */
	b.s[2] = b.s[3] = b.s[4] = b.s[5] = (char)0xff;
	assert_false(similar_unpack((struct slice){ (uint8_t *)b.s, b.len },
	    &back));
	assert_int_equal(back.n, 0);
	strbuf_free(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_same_is_found),
		cmocka_unit_test(others_are_not_merged),
		cmocka_unit_test(a_line_at_a_time),
		cmocka_unit_test(long_texts_are_sampled),
		cmocka_unit_test(a_run_without_blanks_is_read_once),
		cmocka_unit_test(nothing_is_like_nothing),
		cmocka_unit_test(stored_and_read_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
