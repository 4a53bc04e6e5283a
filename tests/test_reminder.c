/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_reminder.c - what stands over each text of a list that was silent for
 * long (S69): why, since when, and how to leave.
 */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "lib/err.h"
#include "tests/template_samples.h"

#define TEXT_HEAD(SINCE) \
	"News & Views has not written for a long time.\n" \
	"You get this because you subscribed to it" SINCE ".\n" \
	"If you do not want its mail any more, leave here:\n" \
	SAMPLE_URL "\n\n"
#define HTML_HEAD(SINCE) \
	"<p>News &amp; Views has not written for a long time. You get this " \
	"because you subscribed to it" SINCE ". If you do not want its mail " \
	"any more, <a href=\"" SAMPLE_URL "\">leave it here</a>.</p>\n<hr>\n"
#define ON	" on 2024-02-03"

static struct strbuf whole = STRBUF_INIT(1 << 20);
static struct strbuf text = STRBUF_INIT(1 << 20);

/* Compile with a reminder and render, with a day or without. */
static void
copy(const char *source, const char *since)
{
	struct template_params p = sample_params;
	struct template_values v = sample_values;
	struct rendered r = RENDERED_INIT;
	struct template *t;
	struct err e = ERR_INIT;

	p.reminder = true;
	t = sample_compile(source, &p);
	v.member_since = since;
	if (template_render(t, &v, &r, &e) == -1)
		fail_msg("%s", e.text);
	sample_check(&r, &whole);
	rendered_free(&r);
	template_free(t);
}

static void
over_plain_text(void **state)
{
	(void)state;
	copy(SAMPLE_HEAD "\nHello\n", "2024-02-03");
	sample_decode(&whole, 0, false, &text);
	assert_memory_equal(text.s, TEXT_HEAD(ON) "Hello\n",
	    sizeof(TEXT_HEAD(ON) "Hello\n") - 1);
	/* The footer is what it always is. */
	assert_non_null(strstr(text.s, "-- \nYou get this because"));
	/* Who is no member, as in a test, is told no day. */
	copy(SAMPLE_HEAD "\nHello {{unsubscribe_url}}\n", NULL);
	sample_decode(&whole, 0, false, &text);
	assert_string_equal(text.s, TEXT_HEAD("") "Hello " SAMPLE_URL "\n");
}

static const struct {
	const char *why, *before, *source, *after;
} places[] = {
	{ "a whole page", "<html><head><title>x</title></head><body "
	    "class=\"a\">", "<html><head><title>x</title></head><body "
	    "class=\"a\"><p>x</p></body></html>", "<p>x</p>" },
	{ "no body tag", "<head></head>", "<head></head><p>x</p>",
	    "<p>x</p>" },
	{ "a fragment", "", "<p>x</p>", "<p>x</p>" },
	{ "a value before the body", "<title>A</title><body>",
	    "<title>{{name}}</title><body><p>x</p>", "<p>x</p>" },
	{ "a body in a comment", "<!-- <body> -->\n<body>",
	    "<!-- <body> -->\n<body><p>x</p>", "<p>x</p>" },
};

static void
over_html(void **state)
{
	struct strbuf source = STRBUF_INIT(8192), want = STRBUF_INIT(8192);

	(void)state;
	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		struct template_params p = sample_params;
		struct template *t;

		strbuf_reset(&source);
		strbuf_reset(&want);
		strbuf_addf(&source, SAMPLE_HEAD "Content-Type: text/html\n\n"
		    "%s\n", places[i].source);
		strbuf_addf(&want, "%s" HTML_HEAD("") "%s", places[i].before,
		    places[i].after);
		p.reminder = true;
		t = sample_compile(source.s, &p);
		sample_render(t, "{\"name\":\"A\"}", &whole);
		template_free(t);
		sample_decode(&whole, 0, true, &text);
		if (strncmp(text.s, want.s, want.len) != 0)
			fail_msg("%s: \"%s\"", places[i].why, text.s);
	}
	strbuf_free(&source);
	strbuf_free(&want);
}

/* Each text has it, in its own charset and form. */
static void
over_every_part(void **state)
{
	(void)state;
	copy(SAMPLE_HEAD "Content-Type: multipart/alternative; boundary=b\n\n"
	    "--b\nContent-Type: text/plain; charset=iso-8859-1; "
	    "format=flowed\n\nx\n--b\nContent-Type: text/html\n\n"
	    "<body>x</body>\n--b--\n", "2024-02-03");
	sample_decode(&whole, 0, false, &text);
	assert_int_equal(strncmp(text.s, TEXT_HEAD(ON) "x",
	    strlen(TEXT_HEAD(ON) "x")), 0);
	sample_decode(&whole, 0, true, &text);
	assert_int_equal(strncmp(text.s, "<body>" HTML_HEAD(ON) "x",
	    strlen("<body>" HTML_HEAD(ON) "x")), 0);
}

/* R96: what is signed stays; the part behind it says it. */
static void
behind_a_signed_message(void **state)
{
	(void)state;
	copy(SAMPLE_HEAD "Content-Type: multipart/signed; boundary=s; "
	    "protocol=\"application/pgp-signature\"; micalg=pgp-sha256\n\n"
	    "--s\nContent-Type: text/plain\n\nsigned\n--s\nContent-Type: "
	    "application/pgp-signature\n\nx\n--s--\n", "2024-02-03");
	assert_non_null(strstr(whole.s, "\r\nsigned\r\n"));
	sample_decode(&whole, 1, false, &text);
	assert_int_equal(strncmp(text.s, TEXT_HEAD(ON),
	    strlen(TEXT_HEAD(ON))), 0);
}

/* No other campaign has it, and no attribute can say another day. */
static void
in_no_other_campaign(void **state)
{
	(void)state;
	sample_copy(SAMPLE_HEAD "\nx{{member_since}}\n",
	    "{\"member_since\":\"1999-01-01\"}", &whole);
	sample_decode(&whole, 0, false, &text);
	assert_int_equal(strncmp(text.s, "x\n", 2), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(over_plain_text),
		cmocka_unit_test(over_html),
		cmocka_unit_test(over_every_part),
		cmocka_unit_test(behind_a_signed_message),
		cmocka_unit_test(in_no_other_campaign),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
