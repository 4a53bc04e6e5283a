/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_html_scan.c - where a placeholder stands in HTML (X40).
 *
 * In each row a '@' marks the placeholder that is judged, a '~' one before it.
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

#include "lib/html_scan.h"

static const struct {
	const char *why, *html;
	enum html_place place;
} rows[] = {
	{ "plain text",		"Hello @", HTML_IN_TEXT },
	{ "between tags",	"<p class=x>@", HTML_IN_TEXT },
	{ "after an end tag",	"<p></p >@", HTML_IN_TEXT },
	{ "a '<' that is text",	"1 < 2 @", HTML_IN_TEXT },
	{ "an end tag of nothing", "</>@", HTML_IN_TEXT },
	{ "title",		"<title>@", HTML_IN_TEXT },
	{ "textarea",		"<TextArea>@", HTML_IN_TEXT },
	{ "after a comment",	"<!-- <a href=\" -->@", HTML_IN_TEXT },
	{ "after an empty comment", "<!-->@", HTML_IN_TEXT },
	{ "after another",	"<!--->@", HTML_IN_TEXT },
	{ "comment ended by --!>", "<!-- x --!>@", HTML_IN_TEXT },
	{ "after a declaration", "<!DOCTYPE html>@", HTML_IN_TEXT },
	{ "in a conditional comment", "<!--[if mso]><p>@", HTML_IN_TEXT },
	{ "behind its end",	"<!--[if mso]><p><![endif]-->@", HTML_IN_TEXT },
	{ "after a script",	"<script>\"</b>\"</script>@", HTML_IN_TEXT },
	{ "after a style",	"<style>a{}</STYLE\n>@", HTML_IN_TEXT },
	{ "'>' inside quotes",	"<p title=\">\">@", HTML_IN_TEXT },
	{ "self-closing",	"<br/>@", HTML_IN_TEXT },
	{ "another value before", "<p>~ and @", HTML_IN_TEXT },

	{ "quoted",		"<p title=\"a @", HTML_IN_ATTRIBUTE },
	{ "apostrophes",	"<p title = '@", HTML_IN_ATTRIBUTE },
	{ "second attribute",	"<p id=x\ntitle=\"@", HTML_IN_ATTRIBUTE },
	{ "right after a quote", "<p id=\"x\"title=\"@", HTML_IN_ATTRIBUTE },
	{ "alt of an image",	"<img src=\"http://h/\" alt=\"@", HTML_IN_ATTRIBUTE },
	{ "like href, but not",	"<a hrefs=\"@", HTML_IN_ATTRIBUTE },

	{ "path",		"<a href=\"https://h/@", HTML_IN_URL },
	{ "query",		"<a href='https://h/?a=@", HTML_IN_URL },
	{ "host",		"<img src=\"https://@", HTML_IN_URL },
	{ "relative path",	"<a href=\"/@", HTML_IN_URL },
	{ "mailto",		"<a href=\"mailto:@", HTML_IN_URL },
	{ "behind a whole URL",	"<a href=\"~?x=@", HTML_IN_URL },
	{ "capitals",		"<A HREF=\"HTTPS://h/@", HTML_IN_URL },
	{ "in a conditional comment", "<!--[if mso]><v:rect href=\"http://@", HTML_IN_URL },

	{ "chooses the scheme",	"<a href=\"@", HTML_AT_URL },
	{ "and of an image",	"<img src='@", HTML_AT_URL },
	{ "of a form",		"<form action=\"@", HTML_AT_URL },

	{ "completes the scheme", "<a href=\"java@", HTML_NOWHERE },
	{ "in a script URL",	"<a href=\"javascript:x(@", HTML_NOWHERE },
	{ "capitals and blanks", "<a href=\" Java\nScript:@", HTML_NOWHERE },
	{ "spelled with an entity", "<a href=\"java&#115;cript:@", HTML_NOWHERE },
	{ "data URL",		"<img src=\"data:text/html,@", HTML_NOWHERE },
	{ "no quotes",		"<a title=@", HTML_NOWHERE },
	{ "no quotes, later",	"<a title=x@", HTML_NOWHERE },
	{ "event handler",	"<p onclick=\"f('@", HTML_NOWHERE },
	{ "style",		"<p style=\"color:@", HTML_NOWHERE },
	{ "srcset",		"<img srcset=\"@", HTML_NOWHERE },
	{ "refresh",		"<meta http-equiv=refresh content=\"0;url=@", HTML_NOWHERE },
	{ "script",		"<script>var a = \"@", HTML_NOWHERE },
	{ "script that looks closed", "<script>\"</scriptx>\" @", HTML_NOWHERE },
	{ "style element",	"<style>a { color: @", HTML_NOWHERE },
	{ "comment",		"<!-- @", HTML_NOWHERE },
	{ "comment, not ended",	"<!-- -- > @", HTML_NOWHERE },
	{ "declaration",	"<!DOCTYPE @", HTML_NOWHERE },
	{ "processing instruction", "<?php @", HTML_NOWHERE },
	{ "tag name",		"<@", HTML_NOWHERE },
	{ "rest of a tag name",	"<b@", HTML_NOWHERE },
	{ "end tag",		"</@", HTML_NOWHERE },
	{ "attribute name",	"<b @", HTML_NOWHERE },
	{ "rest of it",		"<b on@", HTML_NOWHERE },
	{ "after a name",	"<b title @", HTML_NOWHERE },
	{ "after a value",	"<b title=\"x\"@", HTML_NOWHERE },
	{ "a name too long to know",
	    "<p o234567890123456789012345678901234567890=\"@", HTML_NOWHERE },
};

static void
places_are_known(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct html_scan s;
		const char *p = rows[i].html;

		html_scan_init(&s);
		for (; *p != '@'; p++) {
			if (*p == '~')
				html_scan_value(&s);
			else
				html_scan_feed(&s, p, 1);
		}
		if (html_scan_place(&s) != rows[i].place)
			fail_msg("%s: %d, %s", rows[i].why,
			    html_scan_place(&s), html_scan_describe(&s));
	}
}

/* The same scanner whether fed whole or in single octets. */
static void
pieces_do_not_matter(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		size_t len = strlen(rows[i].html) - 1;
		struct html_scan whole, parts;

		html_scan_init(&whole);
		html_scan_init(&parts);
		html_scan_feed(&whole, rows[i].html, len);
		for (size_t k = 0; k < len; k++)
			html_scan_feed(&parts, rows[i].html + k, 1);
		assert_memory_equal(&whole, &parts, sizeof(whole));
	}
}

static void
same_means_the_same(void **state)
{
	static const struct {
		const char *a, *b;
		bool same;
	} pairs[] = {
		{ "<p>", "<b>text", true },
		{ "<p title=\"", "<p title=\"", true },
		{ "<p title=\"x", "<p title='x", false },
		{ "<a href=\"", "<a href=\"https:", false },
		{ "<a href=\"http:", "<a href=\"https:", true },
		{ "<a href=\"http:", "<a href=\"data:", false },
		{ "<p", "<p", false },
		{ "x", "<!-- x", false },
		{ "<style>", "<script>", false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
		struct html_scan a, b;

		html_scan_init(&a);
		html_scan_init(&b);
		html_scan_feed(&a, pairs[i].a, strlen(pairs[i].a));
		html_scan_feed(&b, pairs[i].b, strlen(pairs[i].b));
		if (html_scan_same(&a, &b) != pairs[i].same)
			fail_msg("%s and %s", pairs[i].a, pairs[i].b);
	}
}

static char events[1000];

static void
note_event(void *arg, enum html_event event, const struct html_scan *s)
{
	size_t n = strlen(events);
	char *out = events + n;
	size_t room = sizeof(events) - n;

	assert_string_equal(arg, "arg");
	switch (event) {
	case HTML_TAG_BEGIN:
		snprintf(out, room, "(%s%s %zu ", s->closing ? "/" : "",
		    s->tag, s->tag_at);
		break;
	case HTML_ATTRIBUTE:
		snprintf(out, room, "%s=%s ", s->attribute, s->value);
		break;
	case HTML_TAG_END:
		snprintf(out, room, "%s)", s->self_closing ? "/" : "");
		break;
	case HTML_TEXT:
		snprintf(out, room, "%c", s->c);
		break;
	}
}

static void
events_tell_the_markup(void **state)
{
	static char arg[] = "arg";
	static const char text[] = "a<P Class=\"x y\" id=z checked>b<br/></p\n>"
	    "<!-- c --><style>d</style>e";
	struct html_scan s;

	(void)state;
	html_scan_init(&s);
	s.event = note_event;
	s.arg = arg;
	html_scan_feed(&s, text, strlen(text));
	assert_string_equal(events, "a(p 1 class=x y id=z checked= )b"
	    "(br 30 /)(/p 35 )(style 50 )(/style 58 )e");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(places_are_known),
		cmocka_unit_test(pieces_do_not_matter),
		cmocka_unit_test(same_means_the_same),
		cmocka_unit_test(events_tell_the_markup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
