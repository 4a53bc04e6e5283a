/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_template_header.c - the header of every copy: what is made, what stays,
 * and that no value reaches beyond its own field.
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

#include "lib/address.h"
#include "lib/err.h"
#include "lib/header.h"
#include "tests/template_samples.h"

#define BODY	"\nHello\n"

static struct strbuf whole = STRBUF_INIT(64 << 20);
static struct strbuf value = STRBUF_INIT(1 << 20);

/* ---- R84: RFC 5322 section 3.6 on what leaves, whatever came */

static const struct {
	const char *name;
	unsigned min, max;
} counts[] = {
	{ "From", 1, 1 }, { "Date", 1, 1 }, { "To", 1, 1 },
	{ "Message-ID", 1, 1 }, { "Subject", 1, 1 }, { "Sender", 0, 1 },
	{ "Reply-To", 0, 1 }, { "In-Reply-To", 0, 1 }, { "References", 0, 1 },
	{ "MIME-Version", 1, 1 }, { "Content-Type", 1, 1 },
	{ "Content-Transfer-Encoding", 0, 1 },
	/* R34, R21, R22, R9, R149 */
	{ "List-Id", 1, 1 }, { "List-Unsubscribe", 1, 1 },
	{ "List-Unsubscribe-Post", 1, 1 }, { "List-Help", 1, 1 },
	{ "List-Owner", 1, 1 }, { "List-Subscribe", 1, 1 },
	{ "List-Post", 1, 1 }, { "Feedback-ID", 1, 1 },
	{ "CFBL-Address", 1, 1 }, { "CFBL-Feedback-ID", 1, 1 },
	{ "Listd-Checkpoint", 1, 1 },
	/* R93, T23, R84 */
	{ "Cc", 0, 0 }, { "Bcc", 0, 0 }, { "Return-Path", 0, 0 },
	{ "Received", 0, 0 }, { "DKIM-Signature", 0, 0 },
	{ "ARC-Seal", 0, 0 }, { "Authentication-Results", 0, 0 },
	{ "Precedence", 0, 0 }, { "Auto-Submitted", 0, 0 },
	{ "List-Archive", 0, 0 }, { "Resent-From", 0, 0 },
	{ "Disposition-Notification-To", 0, 0 }, { "X-Mailer", 0, 1 },
	{ "Bogus", 0, 0 },
};

static void
assert_counts(void)
{
	for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
		unsigned n = sample_field(&whole, counts[i].name, &value);

		if (n < counts[i].min || n > counts[i].max)
			fail_msg("%u times %s", n, counts[i].name);
	}
}

static void
every_copy_has_its_fields(void **state)
{
	static const char *const messages[] = {
		SAMPLE_HEAD BODY,
		SAMPLE_HEAD "Content-Type: text/html\n\n<p>x</p>\n",
		SAMPLE_HEAD "Content-Type: multipart/mixed; boundary=b\n\n"
		    "--b\n\nx\n--b--\n",
		/* All that an author could have brought along. */
		SAMPLE_HEAD
		    "Date: Mon, 1 Jan 2001 00:00:00 +0000\n"
		    "To: all@lists.example.org\nCc: b@c.example\n"
		    "Bcc: c@d.example\nMessage-ID: <old@lists.example.org>\n"
		    "Reply-To: reply@lists.example.org\n"
		    "Return-Path: <a@b.example>\n"
		    "Received: from a by b; Mon, 1 Jan 2001 00:00:00 +0000\n"
		    "DKIM-Signature: v=1\nARC-Seal: i=1\n"
		    "Authentication-Results: a; none\nPrecedence: bulk\n"
		    "Auto-Submitted: auto-generated\n"
		    "List-Unsubscribe: <https://evil.example/>\n"
		    "List-Unsubscribe-Post: List-Unsubscribe=Never\n"
		    "List-Archive: <https://evil.example/>\n"
		    "List-Id: <evil.example>\nFeedback-ID: a:b:c:evil1\n"
		    "CFBL-Address: a@evil.example\nCFBL-Feedback-ID: x\n"
		    "Listd-Checkpoint: forged\nResent-From: a@b.example\n"
		    "Disposition-Notification-To: a@b.example\n"
		    "Sender: a@b.example\nX-Mailer: Quill 1\n" BODY,
	};

	(void)state;
	for (size_t i = 0; i < sizeof(messages) / sizeof(messages[0]); i++) {
		sample_copy(messages[i], NULL, &whole);
		assert_counts();
		assert_null(strstr(whole.s, "evil"));
		assert_null(strstr(whole.s, "forged"));
	}
	assert_int_equal(sample_field(&whole, "X-Mailer", &value), 1);
	assert_string_equal(value.s, "Quill 1");
	assert_int_equal(sample_field(&whole, "Reply-To", &value), 1);
	assert_int_equal(sample_field(&whole, "Sender", &value), 0);
}

static void
values_are_exact(void **state)
{
	static const struct {
		const char *name, *want;
	} rows[] = {
		{ "From", "=?utf-8?q?J=C3=B6rg?= <joerg@lists.example.org>" },
		{ "To", "<anna@mail.example>" },
		{ "Subject", "News" },
		/* T29: the campaign's moment, never a retry's */
		{ "Date", "Tue, 26 Nov 2024 01:20:34 +0000" },
		{ "Message-ID", "<id0token@bounces.example.org>" },
		{ "List-Id", "<news.lists.example.org>" },
		{ "List-Unsubscribe", "<" SAMPLE_URL ">, "
		    "<mailto:u-mail0token@bounces.example.org>" },
		{ "List-Help", "<mailto:news-help@lists.example.org>" },
		{ "List-Owner", "<mailto:news-owner@lists.example.org>" },
		{ "List-Subscribe", "<https://lists.example.org/join/news>" },
		{ "List-Post", "NO" },
		{ "Feedback-ID", "c17:l4:o1:listd-01" },
		{ "CFBL-Address", "fbl@lists.example.org; report=arf" },
		{ "CFBL-Feedback-ID", "id0token" },
		{ "Listd-Checkpoint", "lists.example.org/log 7 abcd" },
	};

	(void)state;
	sample_copy(SAMPLE_HEAD BODY, NULL, &whole);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		sample_field(&whole, rows[i].name, &value);
		assert_string_equal(value.s, rows[i].want);
	}
	/* R22: byte by byte, on one line, one blank behind the colon */
	assert_non_null(strstr(whole.s, "\r\nList-Unsubscribe-Post: "
	    "List-Unsubscribe=One-Click\r\n"));
}

/* R37: no comment and no folding in List-Id, at its longest too. */
static void
list_id_stays_on_one_line(void **state)
{
	struct template_params p = sample_params;
	char id[256], want[300];
	struct template *t;

	(void)state;
	memset(id, 'a', sizeof(id));
	for (size_t i = 50; i < sizeof(id) - 2; i += 50)
		id[i] = '.';
	id[255] = '\0';
	p.list_id = id;
	t = sample_compile(SAMPLE_HEAD BODY, &p);
	sample_render(t, NULL, &whole);
	snprintf(want, sizeof(want), "\r\nList-Id: <%s>\r\n", id);
	assert_non_null(strstr(whole.s, want));
	template_free(t);
}

static void
what_was_not_asked_for_is_not_there(void **state)
{
	struct template_params p = sample_params;
	struct template_values v = sample_values;
	struct rendered r = RENDERED_INIT;
	struct template *t;
	static const char *const names[] = { "List-Help", "List-Owner",
	    "List-Subscribe", "Feedback-ID", "CFBL-Address",
	    "CFBL-Feedback-ID", "Listd-Checkpoint" };

	(void)state;
	p.help_uri = p.owner_uri = p.subscribe_uri = NULL;
	p.feedback_sender = p.cfbl_address = NULL;
	v.extra[0] = NULL;
	t = sample_compile(SAMPLE_HEAD BODY, &p);
	assert_int_equal(template_render(t, &v, &r, NULL), 0);
	sample_check(&r, &whole);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		assert_int_equal(sample_field(&whole, names[i], &value), 0);
	rendered_free(&r);
	template_free(t);
}

/* R84: several authors keep their Sender. */
static void
sender_stays_with_several_authors(void **state)
{
	(void)state;
	sample_copy("From: a@b.example, c@d.example\nSender: a@b.example\n"
	    "Subject: x\n" BODY, NULL, &whole);
	assert_int_equal(sample_field(&whole, "Sender", &value), 1);
}

/* Who may use them is decided elsewhere; all of them must be known there. */
static void
authors_are_told(void **state)
{
	struct strbuf many = STRBUF_INIT(10000);
	struct template *t;

	(void)state;
	t = sample_compile("From: A <a@B.example>, c@d.example\n"
	    "Reply-To: g: e@f.example, h@i.example;\nSender: x@y.example\n"
	    "Subject: x\n" BODY, &sample_params);
	assert_string_equal(template_author(t, 0)->local, "a");
	assert_string_equal(template_author(t, 0)->domain, "b.example");
	assert_string_equal(template_author(t, 1)->domain, "d.example");
	assert_string_equal(template_author(t, 2)->domain, "y.example");
	assert_null(template_author(t, 3));
	assert_string_equal(template_reply_to(t, 1)->domain, "i.example");
	assert_null(template_reply_to(t, 2));
	template_free(t);
	t = sample_compile("From: a@b.example\nSender: x@y.example\n"
	    "Subject: x\n" BODY, &sample_params);
	assert_null(template_author(t, 1));	/* Sender does not leave */
	assert_null(template_reply_to(t, 0));
	template_free(t);
	strbuf_adds(&many, "From: a@b.example\nSubject: x\nReply-To: ");
	for (int i = 0; i < TEMPLATE_AUTHORS_MAX; i++)
		strbuf_addf(&many, "%s\n a%d@b.example", i ? "," : "", i);
	strbuf_adds(&many, "\n" BODY);
	sample_refused(many.s, &sample_params, ERR_LIMIT, "too many");
	strbuf_free(&many);
}

/* ---- Subject */

static const struct {
	const char *why, *subject, *json, *want;	/* want decoded */
} subjects[] = {
	{ "a name",		"Hi {{name}}", "{\"name\":\"Anna\"}", "Hi Anna" },
	{ "in an encoded word",	"=?utf-8?q?F=C3=BCr_{{name}}!?=", "{\"name\":\"Zoë\"}", "Für Zoë!" },
	{ "next to one",	"=?utf-8?q?F=C3=BCr?= {{name}}", "{\"name\":\"Zo\"}", "Für Zo" },
	{ "a section",		"News{{#vip}} for you{{/vip}}", "{\"vip\":true}", "News for you" },
	{ "nothing",		"{{name}}", "{}", "" },
	{ "not HTML",		"{{name}}", "{\"name\":\"A & <B>\"}", "A & <B>" },
	{ "an encoded word as a value stays text", "{{name}}", "{\"name\":\"=?utf-8?q?x?=\"}", "=?utf-8?q?x?=" },
	{ "line ends",		"Hi {{name}}", "{\"name\":\"a\\r\\nBogus: 1\\n\\tb\"}", "Hi a  Bogus: 1  b" },
	{ "NUL and controls",	"Hi {{name}}", "{\"name\":\"a\\u0000b\\u001bc\\u007fd\"}", "Hi a b c d" },
	{ "C1 controls",	"Hi {{name}}", "{\"name\":\"a\\u0085b\"}", "Hi a  b" },
	{ "the list's title",	"[{{list}}] x", "{}", "[News & Views] x" },
	{ "what listd provides cannot be shadowed", "{{list}}", "{\"list\":\"x\"}", "News & Views" },
};

static void
subjects_are_encoded(void **state)
{
	struct strbuf got = STRBUF_INIT(10000), text = STRBUF_INIT(10000);

	(void)state;
	for (size_t i = 0; i < sizeof(subjects) / sizeof(subjects[0]); i++) {
		strbuf_reset(&text);
		strbuf_reset(&got);
		strbuf_addf(&text, "From: a@b.example\nSubject: %s\n" BODY,
		    subjects[i].subject);
		sample_copy(text.s, subjects[i].json, &whole);
		assert_counts();
		sample_field(&whole, "Subject", &value);
		header_decode(&got, value.s, value.len, NULL);
		if (strcmp(got.s, subjects[i].want) != 0)
			fail_msg("%s: \"%s\"", subjects[i].why, got.s);
	}
	strbuf_free(&got);
	strbuf_free(&text);
}

static void
constant_subjects_keep_their_bytes(void **state)
{
	(void)state;
	sample_copy("From: a@b.example\nSubject: =?iso-2022-jp?B?"
	    "GyRCRnxLXBsoQg==?=\n\tand more\n" BODY, NULL, &whole);
	assert_non_null(strstr(whole.s, "\r\nSubject: =?iso-2022-jp?B?"
	    "GyRCRnxLXBsoQg==?=\r\n\tand more\r\n"));
}

/* ---- what a value may not be */

static void
render_fails(const struct template *t, const struct template_values *v,
    int code, const char *say)
{
	struct rendered r = RENDERED_INIT;
	struct err e = ERR_INIT;

	if (template_render(t, v, &r, &e) != -1)
		fail_msg("rendered: %s", say);
	if ((int)e.code != code || strstr(e.text, say) == NULL)
		fail_msg("%s: %s", err_name(e.code), e.text);
	rendered_free(&r);
}

/* R93, R95: To holds one mailbox, and nothing else starts there. */
static void
hostile_addresses_are_refused(void **state)
{
	static const char *const bad[] = {
		"", "anna", "@mail.example", "anna@", "a@b.example\r\nBcc: c@d",
		"a@b.example\nX: y", "a@b.example, c@d.example",
		"a@b.example>, <c@d.example", "<a@b.example>",
		"A <a@b.example>", "a b@c.example", "a@b.example;",
		"a\x01@b.example", "a@b .example", "(x)a@b.example",
		"\"a\r\n\"@b.example",
	};
	struct template *t = sample_compile(SAMPLE_HEAD BODY, &sample_params);
	struct template_values v = sample_values;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		v.address = bad[i];
		render_fails(t, &v, ERR_INPUT, "");
	}
	v.address = "j\303rg@b.example";
	render_fails(t, &v, ERR_INPUT, "");
	template_free(t);
}

/* RFC 6532: To alone is in UTF-8, and only where the address is. */
static void
an_address_beyond_ascii_takes_smtputf8(void **state)
{
	struct template *t = sample_compile(SAMPLE_HEAD BODY, &sample_params);
	struct template_values v = sample_values;
	struct rendered r = RENDERED_INIT;
	struct err e = ERR_INIT;
	const char *to;

	(void)state;
	v.address = "j\303\266rg@b\303\274ro.example";
	if (template_render(t, &v, &r, &e) == -1)
		fail_msg("%s", e.text);
	assert_true(r.smtputf8);
	to = strstr(r.header.s, "\r\nTo: <j\303\266rg@xn--bro-hoa.example>\r\n");
	assert_non_null(to);
	for (const char *p = r.header.s; *p != '\0'; p++)
		if ((unsigned char)*p >= 0x80)
			assert_true(p > to && p < strstr(to + 2, "\r\n"));
	v.address = "jorg@b\303\274ro.example";
	assert_int_equal(template_render(t, &v, &r, &e), 0);
	assert_false(r.smtputf8);
	assert_non_null(strstr(r.header.s,
	    "\r\nTo: <jorg@xn--bro-hoa.example>\r\n"));
	rendered_free(&r);
	template_free(t);
}

static void
quoted_local_parts_are_one_mailbox(void **state)
{
	struct template *t = sample_compile(SAMPLE_HEAD BODY, &sample_params);
	struct template_values v = sample_values;
	struct rendered r = RENDERED_INIT;

	(void)state;
	v.address = "\"a, <b@c> d\"@mail.example";
	assert_int_equal(template_render(t, &v, &r, NULL), 0);
	sample_check(&r, &whole);
	sample_field(&whole, "To", &value);
	assert_string_equal(value.s, "<\"a, <b@c> d\"@mail.example>");
	rendered_free(&r);
	template_free(t);
}

static void
hostile_tokens_are_refused(void **state)
{
	static const char *const bad[] = { "", "a b", "a>", "a\r\nX: y",
	    "a@b", "a,b", "a/../b", "a%0d", "\303\266" };
	struct template *t = sample_compile(SAMPLE_HEAD BODY, &sample_params);
	char longest[TEMPLATE_TOKEN_MAX + 2];

	(void)state;
	memset(longest, 'a', sizeof(longest));
	longest[TEMPLATE_TOKEN_MAX + 1] = '\0';
	for (size_t i = 0; i <= sizeof(bad) / sizeof(bad[0]); i++) {
		const char *token = i == 0 ? longest : bad[i - 1];
		struct template_values v = sample_values;

		v.url_token = token;
		render_fails(t, &v, i == 0 ? ERR_INPUT : ERR_INPUT, "token");
		v = sample_values;
		v.mailto_token = token;
		render_fails(t, &v, ERR_INPUT, "token");
		v = sample_values;
		v.message_token = token;
		render_fails(t, &v, ERR_INPUT, "token");
	}
	template_free(t);
}

static void
hostile_extras_are_refused(void **state)
{
	struct template *t = sample_compile(SAMPLE_HEAD BODY, &sample_params);
	struct template_values v = sample_values;
	char longest[TEMPLATE_EXTRA_VALUE_MAX + 2];

	(void)state;
	v.extra[0] = "a\r\nBogus: 1";
	render_fails(t, &v, ERR_INPUT, "");
	v.extra[0] = "a\303\266";
	render_fails(t, &v, ERR_INPUT, "");
	memset(longest, 'a', sizeof(longest));
	longest[TEMPLATE_EXTRA_VALUE_MAX + 1] = '\0';
	v.extra[0] = longest;
	render_fails(t, &v, ERR_LIMIT, "Listd-Checkpoint");
	template_free(t);
}

static void
long_subjects_are_refused(void **state)
{
	struct template_values v = sample_values;
	struct template *t;
	char *name = malloc(TEMPLATE_SUBJECT_MAX + 2);

	(void)state;
	t = sample_compile("From: a@b.example\nSubject: {{name}}\n" BODY,
	    &sample_params);
	memset(name, 'a', TEMPLATE_SUBJECT_MAX + 1);
	name[TEMPLATE_SUBJECT_MAX + 1] = '\0';
	v.attributes = json_pack("{s:s}", "name", name);
	render_fails(t, &v, ERR_LIMIT, "Subject");
	json_decref((json_t *)(uintptr_t)v.attributes);
	template_free(t);
	free(name);
}

/* ---- parameters and headers that cannot be */

#define BAD(field, what, text, err_code) \
	do { \
		struct template_params p_ = sample_params; \
		p_.field = what; \
		sample_refused(SAMPLE_HEAD BODY, &p_, err_code, text); \
	} while (0)

static void
parameters_are_checked(void **state)
{
	char longest[TEMPLATE_FOOTER_MAX + 2];

	(void)state;
	BAD(list_id, NULL, "List-Id", ERR_INPUT);
	BAD(list_id, "nodot", "List-Id", ERR_INPUT);
	BAD(list_id, "a..b", "List-Id", ERR_INPUT);
	BAD(list_id, "a.b>\r\nX: y", "List-Id", ERR_INPUT);
	BAD(base_url, NULL, "base URL", ERR_INPUT);
	BAD(base_url, "http://lists.example.org", "base URL", ERR_INPUT);
	BAD(base_url, "https://", "base URL", ERR_INPUT);
	BAD(base_url, "https://a.example/", "must not end", ERR_INPUT);
	BAD(base_url, "https://a.example/ b", "base URL", ERR_INPUT);
	BAD(base_url, "https://a.example/\r\nX: y", "base URL", ERR_INPUT);
	BAD(base_url, "https://a.example>", "base URL", ERR_INPUT);
	BAD(bounce_domain, NULL, "bounce domain", ERR_INPUT);
	BAD(bounce_domain, "b\303\266.example", "bounce domain", ERR_INPUT);
	BAD(bounce_domain, "a.example\r\nX: y", "bounce domain", ERR_INPUT);
	BAD(id_domain, "a b", "Message-ID", ERR_INPUT);
	BAD(help_uri, "javascript:alert(1)", "List-Help", ERR_INPUT);
	BAD(owner_uri, "mailto:a@b>,<mailto:c@d", "List-Owner", ERR_INPUT);
	BAD(subscribe_uri, "http://a.example", "List-Subscribe", ERR_INPUT);
	BAD(feedback_sender, "four", "Feedback-ID", ERR_INPUT);
	BAD(feedback_sender, "sixteencharacter", "Feedback-ID", ERR_INPUT);
	BAD(feedback[1], "a:b", "Feedback-ID", ERR_INPUT);
	BAD(feedback[1], "a\r\nX: y", "Feedback-ID", ERR_INPUT);
	BAD(cfbl_address, "nobody", "@", ERR_INPUT);
	BAD(list_title, "\377", "title", ERR_INPUT);
	BAD(commercial, true, "postal address", ERR_REFUSED);
	memset(longest, 'a', sizeof(longest));
	longest[TEMPLATE_FOOTER_MAX + 1] = '\0';
	BAD(footer_text, longest, "footer", ERR_INPUT);
	BAD(postal_address, longest, "postal", ERR_INPUT);
	BAD(footer_text, "no link", "does not show", ERR_INPUT);
	BAD(footer_text, "{{#a}}{{unsubscribe_url}}{{/a}}", "does not show",
	    ERR_INPUT);
	BAD(footer_text, "{{unsubscribe_url", "unclosed", ERR_INPUT);
}

static void
headers_are_checked(void **state)
{
	(void)state;
	sample_refused("Subject: x\n" BODY, &sample_params, ERR_REFUSED,
	    "From header field is missing");
	sample_refused("From: a@b.example\nSubject: caf\303\251\n" BODY,
	    &sample_params, ERR_REFUSED, "S100");
	sample_refused("From: {{name}} <a@b.example>\nSubject: x\n" BODY,
	    &sample_params, ERR_INPUT, "only Subject");
	sample_refused("From: a@b.example\nX-Id: {{id}}\n" BODY,
	    &sample_params, ERR_INPUT, "only Subject");
	sample_refused("From: a@b.example\nSubject: {{name\n" BODY,
	    &sample_params, ERR_INPUT, "Subject: line 1: unclosed");
	sample_refused("From: a@b.example\nSubject: {{{name}}}\n" BODY,
	    &sample_params, ERR_INPUT, "trusted");
	sample_refused("From: a@b.example\nSubject: =?iso-2022-jp?B?"
	    "GyRCRnxLXBsoQg==?= {{name}}\n" BODY, &sample_params, ERR_INPUT,
	    "UTF-8");
	sample_refused("From: a@b.example\n\nx\ry\n", &sample_params,
	    ERR_REFUSED, "T30");
}

static void
header_size_is_bounded(void **state)
{
	struct strbuf b = STRBUF_INIT(1 << 20);

	(void)state;
	strbuf_adds(&b, SAMPLE_HEAD);
	for (int i = 0; i < TEMPLATE_FIELDS_MAX; i++)
		strbuf_addf(&b, "X-%d: y\n", i);
	strbuf_adds(&b, BODY);
	sample_refused(b.s, &sample_params, ERR_LIMIT, "header fields");
	strbuf_free(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_copy_has_its_fields),
		cmocka_unit_test(values_are_exact),
		cmocka_unit_test(list_id_stays_on_one_line),
		cmocka_unit_test(what_was_not_asked_for_is_not_there),
		cmocka_unit_test(sender_stays_with_several_authors),
		cmocka_unit_test(authors_are_told),
		cmocka_unit_test(subjects_are_encoded),
		cmocka_unit_test(constant_subjects_keep_their_bytes),
		cmocka_unit_test(hostile_addresses_are_refused),
		cmocka_unit_test(an_address_beyond_ascii_takes_smtputf8),
		cmocka_unit_test(quoted_local_parts_are_one_mailbox),
		cmocka_unit_test(hostile_tokens_are_refused),
		cmocka_unit_test(hostile_extras_are_refused),
		cmocka_unit_test(long_subjects_are_refused),
		cmocka_unit_test(parameters_are_checked),
		cmocka_unit_test(headers_are_checked),
		cmocka_unit_test(header_size_is_bounded),
	};
	int rc = cmocka_run_group_tests(tests, NULL, NULL);

	strbuf_free(&whole);
	strbuf_free(&value);
	return rc;
}
