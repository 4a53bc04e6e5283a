/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_template_body.c - the body of every copy.
 *
 * Each copy made here passes sample_check(): CRLF, 7 bits, line lengths, dots,
 * and a body hash equal to that of octets canonicalized independently.  What
 * people will read is compared, decoded by GMime, with plain Mustache.
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

#include "lib/charset.h"
#include "lib/cte.h"
#include "lib/err.h"
#include "lib/html_scan.h"
#include "lib/mime_out.h"
#include "lib/mustache.h"
#include "tests/template_samples.h"

#define TEXT_FOOTER "\n-- \nYou get this because you subscribed to " \
	"News & Views.\nUnsubscribe: " SAMPLE_URL "\n"
#define HTML_FOOTER "<p>You get this because you subscribed to " \
	"News &amp; Views. <a href=\"" SAMPLE_URL "\">Unsubscribe</a></p>\n"

static struct strbuf whole = STRBUF_INIT(64 << 20);
static struct strbuf text = STRBUF_INIT(64 << 20);
static struct strbuf want = STRBUF_INIT(64 << 20);

/* ---- copies to the last octet */

static const struct {
	const char *name, *json;
} golden[] = {
	{ "plain", "{\"name\":\"Zo\303\253 & <Co>\"}" },
	{ "newsletter", "{\"name\":\"Anna\",\"vip\":true,\"city\":"
	    "\"Sankt P\303\266lten\",\"items\":[{\"title\":\"One\",\"id\":1},"
	    "{\"title\":\"Two & three\",\"id\":\"a b\"}]}" },
	{ "japanese", "{}" },
	{ "signed", "{}" },
};

static void
copies_are_golden(void **state)
{
	const char *src = getenv("LISTD_SRCDIR");
	struct template_params p = sample_params;
	struct strbuf eml = STRBUF_INIT(1 << 20), out = STRBUF_INIT(1 << 20);
	char path[4096];

	(void)state;
	p.commercial = true;
	p.postal_address = "News Ltd\n1 Example Road\nExampleton";
	for (size_t i = 0; i < sizeof(golden) / sizeof(golden[0]); i++) {
		struct template *t;

		snprintf(path, sizeof(path), "%s/tests/data/template/%s.eml",
		    src != NULL ? src : ".", golden[i].name);
		assert_true(sample_load(path, &eml));
		snprintf(path, sizeof(path), "%s/tests/data/template/%s.copy",
		    src != NULL ? src : ".", golden[i].name);
		assert_true(sample_load(path, &out));
		t = sample_compile(eml.s, &p);
		sample_render(t, golden[i].json, &whole);
		template_free(t);
		if (whole.len != out.len ||
		    memcmp(whole.s, out.s, out.len) != 0)
			fail_msg("%s:\n%s", golden[i].name, whole.s);
	}
	strbuf_free(&eml);
	strbuf_free(&out);
}

/* ---- against a slow reference */

/* What plain Mustache makes of source, listd's values as data. */
static void
reference(const char *source, const char *json, bool html,
    struct strbuf *out)
{
	struct mustache_params mp = { .context = html ? MUSTACHE_HTML :
	    MUSTACHE_TEXT };
	json_t *root = json_loads(json, 0, NULL);
	struct mustache_data data = { root, NULL };
	struct strbuf crlf = STRBUF_INIT(1 << 20);
	struct mustache *m;

	assert_non_null(root);
	json_object_set_new(root, "address", json_string("anna@mail.example"));
	json_object_set_new(root, "list", json_string("News & Views"));
	json_object_set_new(root, "message_id",
	    json_string("id0token@bounces.example.org"));
	json_object_set_new(root, "unsubscribe_url", json_string(SAMPLE_URL));
	m = mustache_compile(source, strlen(source), &mp, NULL);
	assert_non_null(m);
	assert_int_equal(mustache_render(m, &data, &crlf, NULL), 0);
	mustache_free(m);
	json_decref(root);
	strbuf_reset(out);
	for (size_t i = 0; i < crlf.len; i++) {
		if (crlf.s[i] == '\r' && crlf.s[i + 1] == '\n')
			continue;
		strbuf_addc(out, crlf.s[i] == '\r' ? '\n' : crlf.s[i]);
	}
	strbuf_free(&crlf);
}

/* A message of one part, source (UTF-8) in that charset and encoding. */
static void
make_message(const char *source, const char *type, const char *charset,
    enum cte cte, struct strbuf *out)
{
	struct strbuf raw = STRBUF_INIT(1 << 20);
	struct err e = ERR_INIT;
	unsigned col = 0;

	if (charset_from_utf8(charset, source, strlen(source), &raw, &e) == -1)
		fail_msg("%s", e.text);
	strbuf_reset(out);
	strbuf_addf(out, SAMPLE_HEAD "Content-Type: %s; charset=%s\n"
	    "Content-Transfer-Encoding: %s\n\n", type, charset,
	    cte_name(cte));
	if (cte == CTE_QP)
		qp_encode(out, raw.s, raw.len, &col);
	else if (cte == CTE_BASE64)
		base64_encode(out, raw.s, raw.len);
	else
		strbuf_add(out, raw.s, raw.len);
	strbuf_free(&raw);
}

static const char *const sources[] = {
	"Dear {{name}},\n\nthis is news.\n\n{{unsubscribe_url}}\n",
	"{{name}}{{unsubscribe_url}}{{name}}\n",
	"no placeholder but {{unsubscribe_url}}\n",
	"{{unsubscribe_url}}\n{{#items}}\n- {{title}} ({{.}})\n{{/items}}\n"
	    "{{^items}}\nnothing\n{{/items}}\n",
	"{{unsubscribe_url}}\n{{name}}",
	"{{unsubscribe_url}}\n{{#vip}}bye{{/vip}}",
	"{{unsubscribe_url}}\n{{name}}\n\n\n",
	"{{unsubscribe_url}}\n{{none}}\n",
	"{{unsubscribe_url}} {{name}} \n  {{name}}  {{name}}\t{{name}}\n",
	".{{name}}\n{{name}}.\n.\n..\n{{unsubscribe_url}}\nFrom {{name}}\n",
	"-{{none}}-b\n--b\n{{none}}--b--\n-\n{{unsubscribe_url}}\n",
	"{{unsubscribe_url}} a long line that has to be broken softly, well "
	    "before {{name}} and once more behind {{name}}, as long as it "
	    "takes to pass two lines of seventy-six {{name}}\n",
	"{{unsubscribe_url}}={{name}}=3D=\n=\n",
	"{{! a comment }}\n{{unsubscribe_url}}{{! and }} another\n",
	"{{message_id}} {{address}} {{list}} {{unsubscribe_url}}\n",
};

static const char *const datas[] = {
	"{}",
	"{\"name\":\"Anna\",\"vip\":true,\"items\":[{\"title\":\"a\"}]}",
	"{\"name\":\"\",\"items\":[]}",
	"{\"name\":\" \",\"items\":[{\"title\":\" x \"},{\"title\":\"\"}]}",
	"{\"name\":\"Zo\303\253 \344\275\240\345\245\275 \360\237\230\200\"}",
	"{\"name\":\"a\\nb\\r\\n.c\\rd\\n\",\"items\":[\"x\\n.\",\"-\"]}",
	"{\"name\":\".\",\"items\":[1,2.5,null,false]}",
	"{\"name\":\"--b\\n--b--\\n\"}",
	"{\"name\":\"\\tx\\t \"}",
	"{\"name\":\"=3D=\\n\"}",
	"{\"name\":\"From me\"}",
	"{\"name\":\"12345678901234567890123456789012345678901234567890123456"
	    "789012345678901234567890123456789012345678901234567890\"}",
};

static void
decoded_text_is_plain_mustache(void **state)
{
	static const struct {
		const char *charset;
		enum cte cte;
	} forms[] = {
		{ "utf-8", CTE_7BIT }, { "utf-8", CTE_QP },
		{ "utf-8", CTE_BASE64 }, { "us-ascii", CTE_7BIT },
		{ "iso-8859-1", CTE_QP }, { "iso-2022-jp", CTE_7BIT },
		{ "utf-16be", CTE_BASE64 },
	};
	struct strbuf eml = STRBUF_INIT(1 << 20), ended = STRBUF_INIT(1 << 20);

	(void)state;
	for (size_t s = 0; s < sizeof(sources) / sizeof(sources[0]); s++)
	for (size_t f = 0; f < sizeof(forms) / sizeof(forms[0]); f++) {
		struct template *t;

		/* A message's last line always ends. */
		strbuf_reset(&ended);
		strbuf_adds(&ended, sources[s]);
		if (ended.s[ended.len - 1] != '\n')
			strbuf_addc(&ended, '\n');
		make_message(sources[s], "text/plain", forms[f].charset,
		    forms[f].cte, &eml);
		t = sample_compile(eml.s, &sample_params);
		assert_int_equal(template_visible_links(t), 1);
		for (size_t d = 0; d < sizeof(datas) / sizeof(datas[0]); d++) {
			sample_render(t, datas[d], &whole);
			assert_true(sample_decode(&whole, 0, false, &text));
			reference(ended.s, datas[d], false, &want);
			if (strcmp(text.s, want.s) != 0)
				fail_msg("source %zu, form %zu, data %zu:\n"
				    "\"%s\"\nis not\n\"%s\"\n%s", s, f, d,
				    text.s, want.s, whole.s);
		}
		template_free(t);
	}
	strbuf_free(&eml);
	strbuf_free(&ended);
}

static const char *const pages[] = {
	"<html><body><p title=\"{{name}}\">Dear {{name}}</p>"
	    "<a href=\"{{unsubscribe_url}}\">leave</a></body></html>\n",
	"<a href='{{unsubscribe_url}}'>{{#items}}<b>{{title}}</b>{{/items}}"
	    "{{^items}}<i>{{name}}</i>{{/items}}</a>\n",
	"<title>{{name}}</title>\n<a href=\"{{unsubscribe_url}}\">x</a>"
	    "<!-- \" --><p>{{name}}\n",
};

static void
decoded_html_is_plain_mustache(void **state)
{
	struct strbuf eml = STRBUF_INIT(1 << 20);

	(void)state;
	for (size_t s = 0; s < sizeof(pages) / sizeof(pages[0]); s++) {
		struct template *t;

		make_message(pages[s], "text/html", "utf-8", CTE_QP, &eml);
		t = sample_compile(eml.s, &sample_params);
		for (size_t d = 0; d < sizeof(datas) / sizeof(datas[0]); d++) {
			sample_render(t, datas[d], &whole);
			assert_true(sample_decode(&whole, 0, true, &text));
			reference(pages[s], datas[d], true, &want);
			if (strcmp(text.s, want.s) != 0)
				fail_msg("page %zu, data %zu:\n\"%s\"\nis not"
				    "\n\"%s\"", s, d, text.s, want.s);
		}
		template_free(t);
	}
	strbuf_free(&eml);
}

/* ---- footers */

static const struct {
	const char *why, *part, *want;	/* want: decoded, LF */
	bool html;
} footers[] = {
	{ "plain text", "Content-Type: text/plain\n\nHello\n",
	    "Hello\n" TEXT_FOOTER, false },
	{ "no line end", "Content-Type: text/plain\n\nHello",
	    "Hello\n" TEXT_FOOTER, false },
	{ "no type at all", "\nHello\n", "Hello\n" TEXT_FOOTER, false },
	{ "nothing but the footer", "Content-Type: text/plain\n\n",
	    TEXT_FOOTER, false },
	{ "base64", "Content-Type: text/plain; charset=utf-8\n"
	    "Content-Transfer-Encoding: base64\n\nSGVsbMO2\n",
	    "Hell\303\266\n" TEXT_FOOTER, false },
	{ "soft break at the end", "Content-Type: text/plain\n"
	    "Content-Transfer-Encoding: quoted-printable\n\nHello=\n",
	    "Hello\n" TEXT_FOOTER, false },
	{ "flowed: the paragraph in front stays alone",
	    "Content-Type: text/plain; format=flowed\n\nHello \n",
	    "Hello \n" TEXT_FOOTER, false },
	{ "the link is there", "Content-Type: text/plain\n\n"
	    "Leave: {{unsubscribe_url}}\n", "Leave: " SAMPLE_URL "\n", false },
	{ "only in a section", "Content-Type: text/plain\n\n{{#a}}"
	    "{{unsubscribe_url}}{{/a}}x\n", "x\n" TEXT_FOOTER, false },
	{ "only as part of another URL", "Content-Type: text/plain\n\n"
	    "http://a.example/?{{unsubscribe_url}}\n",
	    "http://a.example/?https%3A%2F%2Flists.example.org%2Fu%2Furl0token"
	    "\n" TEXT_FOOTER, false },
	{ "HTML without body", "Content-Type: text/html\n\n<p>x</p>\n",
	    "<p>x</p>\n" HTML_FOOTER, true },
	{ "before </body>", "Content-Type: text/html\n\n<html><body>x"
	    "</body></html>\n", "<html><body>x" HTML_FOOTER
	    "</body></html>\n", true },
	{ "any case, blanks", "Content-Type: text/html\n\n<BODY>x</BODY\n>\n",
	    "<BODY>x" HTML_FOOTER "</BODY\n>\n", true },
	{ "before </html> when there is no </body>",
	    "Content-Type: text/html\n\n<html>x</html>\n",
	    "<html>x" HTML_FOOTER "</html>\n", true },
	{ "not in a comment", "Content-Type: text/html\n\n<body>x<!--"
	    "</body>--></body>\n", "<body>x<!--</body>-->" HTML_FOOTER
	    "</body>\n", true },
	{ "not in a script", "Content-Type: text/html\n\n<script>\"</body>\""
	    "</script><p>x\n", "<script>\"</body>\"</script><p>x\n"
	    HTML_FOOTER, true },
	{ "not in a section", "Content-Type: text/html\n\n{{^a}}x</body>"
	    "{{/a}}y\n", "x</body>y\n" HTML_FOOTER, true },
	{ "behind placeholders", "Content-Type: text/html\n\n<body>{{! {{ }}"
	    "{{#a}}z{{/a}}{{a}}x</body>\n", "<body>x" HTML_FOOTER
	    "</body>\n", true },
	{ "a link in the text alone does not do for HTML",
	    "Content-Type: text/html\n\n<p>{{unsubscribe_url}}</p>\n",
	    "<p>" SAMPLE_URL "</p>\n" HTML_FOOTER, true },
	{ "nor one for Outlook alone", "Content-Type: text/html\n\n"
	    "<!--[if mso]><a href=\"{{unsubscribe_url}}\">x</a><![endif]-->y\n",
	    "<!--[if mso]><a href=\"" SAMPLE_URL "\">x</a><![endif]-->y\n"
	    HTML_FOOTER, true },
	{ "but one behind it", "Content-Type: text/html\n\n"
	    "<!--[if mso]>z<![endif]--><a href=\"{{unsubscribe_url}}\">x</a>\n",
	    "<!--[if mso]>z<![endif]--><a href=\"" SAMPLE_URL "\">x</a>\n",
	    true },
};

static void
footers_stand_where_they_should(void **state)
{
	struct strbuf eml = STRBUF_INIT(10000);

	(void)state;
	for (size_t i = 0; i < sizeof(footers) / sizeof(footers[0]); i++) {
		struct template *t;

		strbuf_reset(&eml);
		strbuf_addf(&eml, SAMPLE_HEAD "%s", footers[i].part);
		t = sample_compile(eml.s, &sample_params);
		assert_int_equal(template_visible_links(t), 1);
		assert_true(template_is_personal(t));
		sample_render(t, "{}", &whole);
		template_free(t);
		assert_true(sample_decode(&whole, 0, footers[i].html, &text));
		if (strcmp(text.s, footers[i].want) != 0)
			fail_msg("%s: \"%s\"", footers[i].why, text.s);
	}
	strbuf_free(&eml);
}

/* S33: the postal address, in every text, once. */
static void
commercial_mail_shows_its_address(void **state)
{
	struct template_params p = sample_params;
	struct template *t;

	(void)state;
	p.commercial = true;
	p.postal_address = "A & B {{x}}\r\n1 Road\nTown\n";
	t = sample_compile(SAMPLE_HEAD "Content-Type: multipart/alternative; "
	    "boundary=b\n\n--b\n\nx\n--b\nContent-Type: text/html\n\n<p>x</p>"
	    "\n--b--\n", &p);
	assert_int_equal(template_visible_links(t), 2);
	sample_render(t, NULL, &whole);
	template_free(t);
	sample_decode(&whole, 0, false, &text);
	assert_string_equal(text.s, "x\n" TEXT_FOOTER
	    "A & B {{x}}\n1 Road\nTown\n\n");
	sample_decode(&whole, 0, true, &text);
	assert_string_equal(text.s, "<p>x</p>\n" HTML_FOOTER "<p>A &amp; B "
	    "&#123;&#123;x&#125;&#125;<br>\n1 Road<br>\nTown</p>\n");

	t = sample_compile(SAMPLE_HEAD "\n{{postal_address}} "
	    "{{unsubscribe_url}}\n", &p);
	sample_render(t, NULL, &whole);
	template_free(t);
	sample_decode(&whole, 0, false, &text);
	assert_string_equal(text.s, "A & B {{x}}\n1 Road\nTown\n "
	    SAMPLE_URL "\n");
}

static void
footers_can_be_an_owners(void **state)
{
	struct template_params p = sample_params;
	struct template *t;

	(void)state;
	p.footer_text = "> Abmelden {{unsubscribe_url}} \nFrom {{address}}";
	p.footer_html = "<p><a href=\"{{unsubscribe_url}}\">Tsch\303\274ss</a>";
	t = sample_compile(SAMPLE_HEAD "Content-Type: text/plain; "
	    "format=flowed\n\nx\n", &p);
	sample_render(t, NULL, &whole);
	template_free(t);
	/* RFC 3676: stuffed, and no line flows into the next. */
	sample_decode(&whole, 0, false, &text);
	assert_string_equal(text.s, "x\n\n-- \n > Abmelden " SAMPLE_URL
	    "\n From anna@mail.example\n");
	t = sample_compile(SAMPLE_HEAD "Content-Type: text/html\n\nx\n", &p);
	sample_render(t, NULL, &whole);
	template_free(t);
	sample_decode(&whole, 0, true, &text);
	assert_string_equal(text.s, "x\n<p><a href=\"" SAMPLE_URL
	    "\">Tsch\303\274ss</a>\n");
}

/* ---- charsets: the part's own as long as everything fits in it */

static const struct {
	const char *why, *source, *charset, *title, *want;
} charsets[] = {
	{ "ASCII stays",	"Hello\n", "us-ascii", "News", "us-ascii" },
	{ "Latin-1 stays",	"caf\303\251\n", "iso-8859-1", "Caf\303\251s", "utf-8" },
	{ "Latin-1 stays when values are ASCII", "caf\303\251\n", "iso-8859-1", "News", "iso-8859-1" },
	{ "a name may be anything", "{{name}}\n", "iso-8859-1", "News", "utf-8" },
	{ "ASCII and a name",	"{{name}}\n", "us-ascii", "News", "utf-8" },
	{ "Japanese stays",	"\346\227\245\346\234\254\n", "iso-2022-jp", "News", "iso-2022-jp" },
	{ "the title does not fit", "x\n", "iso-8859-1", "\346\227\245", "utf-8" },
	{ "16 bits do not go through SMTP", "x\n", "utf-16be", "News", "utf-8" },
};

static void
charsets_are_kept_where_they_can(void **state)
{
	struct strbuf eml = STRBUF_INIT(10000);

	(void)state;
	for (size_t i = 0; i < sizeof(charsets) / sizeof(charsets[0]); i++) {
		struct template_params p = sample_params;
		struct mime_message *m;
		struct template *t;

		p.list_title = charsets[i].title;
		make_message(charsets[i].source, "text/plain",
		    charsets[i].charset, CTE_BASE64, &eml);
		t = sample_compile(eml.s, &p);
		sample_render(t, "{\"name\":\"\346\227\245\"}", &whole);
		template_free(t);
		m = mime_parse((const uint8_t *)whole.s, whole.len, NULL);
		if (strcmp(m->part[0].charset, charsets[i].want) != 0)
			fail_msg("%s: %s", charsets[i].why,
			    m->part[0].charset);
		mime_free(m);
		sample_decode(&whole, 0, false, &text);
		assert_non_null(strstr(text.s, charsets[i].title));
	}
	strbuf_free(&eml);
}

static void
html_says_its_new_charset(void **state)
{
	(void)state;
	sample_copy(SAMPLE_HEAD "Content-Type: text/html; charset=windows-1252;"
	    "\n x=y\nContent-Transfer-Encoding: 8bit\n\n<META http-equiv="
	    "\"Content-Type\" content=\"text/html; charset=windows-1252\">"
	    "<meta name=x><meta charset='windows-1252'>{{name}}\200\n",
	    "{\"name\":\"\346\227\245\"}", &whole);
	sample_decode(&whole, 0, true, &text);
	assert_string_equal(text.s, "<META http-equiv=\"Content-Type\" "
	    "content=\"text/html; charset=utf-8\"><meta name=x><meta "
	    "charset='utf-8'>\346\227\245\342\202\254\n" HTML_FOOTER);
	/* The other parameters stay. */
	assert_non_null(strstr(whole.s, "x=y"));
}

/* ---- what is not touched */

#define MIXED	SAMPLE_HEAD "Content-Type: multipart/mixed; boundary=b\n\n" \
	"preamble {{x}}\n--b\n\nHi {{name}}\n--b\n"

static const char *const untouched[] = {
	/* Octets that canonicalization and dot-stuffing change. */
	"Content-Type: text/plain; name=a.txt\r\nContent-Disposition: "
	    "attachment;\r\n\tfilename=\"a.txt\"\r\n\r\n.x  y \t \r\n..\r\n"
	    "{{name}} \r\n\r\n\r\nend",
	"Content-Type: text/html\r\nContent-Disposition: inline; "
	    "filename=a.html\r\n\r\n<p>{{name}}  {{",
	"Content-Type: application/pdf\r\nContent-Transfer-Encoding: base64"
	    "\r\n\r\nJVBERi0xLjMKMyAwIG9iago8PC9UeXBlIC9QYWdlPj4KZW5kb2JqCg==",
	"Content-Type: text/calendar\r\n\r\nBEGIN:VCALENDAR {{name}}",
	"Content-Type: message/rfc822\r\n\r\nFrom: {{name}}\r\n\r\n.\r\n",
	/* R96: signed and encrypted, whatever is inside. */
	"Content-Type: multipart/signed; boundary=s; micalg=pgp-sha256;\r\n"
	    " protocol=\"application/pgp-signature\"\r\n\r\npre\r\n--s\r\n"
	    "Content-Type: text/plain\r\n\r\nDear {{name}},  \r\n.\r\n\r\n"
	    "--s\r\nContent-Type: application/pgp-signature\r\n\r\n-----BEGIN "
	    "PGP SIGNATURE-----\r\n\r\n--s--\r\nafter",
	"Content-Type: multipart/encrypted; boundary=s;\r\n protocol="
	    "\"application/pgp-encrypted\"\r\n\r\n--s\r\n\r\n{{\r\n--s--",
	"Content-Type: application/pkcs7-mime; smime-type=signed-data\r\n"
	    "Content-Transfer-Encoding: base64\r\n\r\ne3s=",
};

static void
other_parts_stay_to_the_octet(void **state)
{
	struct strbuf eml = STRBUF_INIT(10000), part = STRBUF_INIT(10000);

	(void)state;
	for (size_t i = 0; i < sizeof(untouched) / sizeof(untouched[0]); i++) {
		strbuf_reset(&eml);
		strbuf_reset(&part);
		strbuf_addf(&part, "\r\n--b\r\n%s\r\n--b--\r\n", untouched[i]);
		strbuf_addf(&eml, MIXED "%s\n--b--\nepilogue {{y}}\n",
		    untouched[i]);
		sample_copy(eml.s, "{\"name\":\"Anna\"}", &whole);
		if (memmem(whole.s, whole.len, part.s, part.len) == NULL)
			fail_msg("changed:\n%s\nto\n%s", part.s, whole.s);
		assert_true(sample_decode(&whole, 0, false, &text));
		assert_string_equal(text.s, "Hi Anna\n" TEXT_FOOTER);
		assert_null(strstr(whole.s, "preamble"));
		assert_null(strstr(whole.s, "epilogue"));
	}
	strbuf_free(&eml);
	strbuf_free(&part);
}

/* R96, R92: a message signed as a whole is one part, and the link another. */
static void
signed_messages_have_the_link_behind_them(void **state)
{
	static const unsigned footer[] = { 1, 1, 0 };	/* which text it is */
	struct template *t;

	(void)state;
	for (size_t i = 5; i < 8; i++) {
		struct strbuf eml = STRBUF_INIT(10000);
		struct strbuf part = STRBUF_INIT(10000);

		strbuf_addf(&eml, SAMPLE_HEAD "%s\r\n", untouched[i]);
		strbuf_addf(&part, "\r\n\r\n--=_listd_0\r\n%s\r\n\r\n"
		    "--=_listd_0\r\nContent-Type: text/plain;", untouched[i]);
		t = sample_compile(eml.s, &sample_params);
		assert_int_equal(template_visible_links(t), 1);
		assert_true(template_is_personal(t));
		template_free(t);
		sample_copy(eml.s, NULL, &whole);
		if (memmem(whole.s, whole.len, part.s, part.len) == NULL)
			fail_msg("changed:\n%s\nto\n%s", part.s, whole.s);
		assert_true(sample_decode(&whole, footer[i - 5], false,
		    &text));
		assert_string_equal(text.s, TEXT_FOOTER);
		strbuf_free(&eml);
		strbuf_free(&part);
	}
	/* What is signed may hold any line, our boundary too. */
	sample_copy(SAMPLE_HEAD "Content-Type: multipart/signed; boundary=s\n\n"
	    "--s\n\n--=_listd_0\n--s--\n", NULL, &whole);
	assert_non_null(strstr(whole.s, "boundary=\"=_listd_1\""));
	sample_refused(SAMPLE_HEAD "Content-Type: image/png\nContent-Transfer-"
	    "Encoding: base64\n\nYQ==\n", &sample_params, ERR_INPUT,
	    "no text in which");
	sample_refused(SAMPLE_HEAD "Content-Disposition: attachment\n\nx\n",
	    &sample_params, ERR_INPUT, "no text in which");
}

/* R50: what a hop could not pass is encoded before it is signed. */
static void
eight_bit_parts_are_encoded(void **state)
{
	struct strbuf raw = STRBUF_INIT(1000);
	struct mime_message *m;

	(void)state;
	sample_copy(MIXED "Content-Type: text/csv; charset=iso-8859-1\n"
	    "Content-Disposition: attachment\nContent-Transfer-Encoding: 8bit"
	    "\n\ncaf\351;.\n.\n--b\nContent-Type: image/x-y\n"
	    "Content-Transfer-Encoding: 8bit\n\n\377x\n--b--\n", NULL, &whole);
	m = mime_parse((const uint8_t *)whole.s, whole.len, NULL);
	assert_int_equal(m->parts, 4);
	assert_int_equal(m->part[2].cte, CTE_QP);
	assert_string_equal(m->part[2].charset, "iso-8859-1");
	assert_int_equal(mime_body_decode(m, 2, &raw, NULL), 0);
	assert_string_equal(raw.s, "caf\351;.\r\n.");
	assert_int_equal(m->part[3].cte, CTE_BASE64);
	strbuf_reset(&raw);
	assert_int_equal(mime_body_decode(m, 3, &raw, NULL), 0);
	assert_string_equal(raw.s, "\377x");
	mime_free(m);
	strbuf_free(&raw);
	sample_refused(MIXED "Content-Type: message/rfc822\nContent-Transfer-"
	    "Encoding: 8bit\n\nFrom: a@b.example\n\ncaf\351\n--b--\n",
	    &sample_params, ERR_REFUSED, "part 2 holds 8-bit");
	sample_refused(MIXED "Content-Type: multipart/signed; boundary=s\n"
	    "Content-Transfer-Encoding: 8bit\n\n--s\n"
	    "Content-Type: text/plain; charset=iso-8859-1\n"
	    "Content-Transfer-Encoding: 8bit\n\ncaf\351\n--s--\n--b--\n",
	    &sample_params, ERR_REFUSED, "part 2 holds 8-bit");
}

static void
nested_multiparts_keep_their_shape(void **state)
{
	struct mime_message *m;

	(void)state;
	sample_copy(SAMPLE_HEAD "Content-Type: multipart/mixed; boundary=o\n\n"
	    "--o\nContent-Type: multipart/alternative; boundary=i\n\n--i\n\n"
	    "p {{name}}\n--i\nContent-Type: multipart/related; boundary=r\n\n"
	    "--r\nContent-Type: text/html\n\n<b>{{name}}</b>\n--r\n"
	    "Content-Type: image/png\nContent-Transfer-Encoding: base64\n\n"
	    "YQ==\n--r--\n--i--\n--o\nContent-Type: text/plain\n\nend\n--o--"
	    "\n", "{\"name\":\"--r\\n--i--\\n--o--\"}", &whole);
	m = mime_parse((const uint8_t *)whole.s, whole.len, NULL);
	assert_int_equal(m->parts, 7);
	assert_int_equal(m->defects, 0);
	assert_string_equal(m->part[3].type, "multipart/related");
	assert_string_equal(m->part[6].type, "text/plain");
	mime_free(m);
	/* A link in every text part. */
	assert_true(sample_decode(&whole, 1, false, &text));
	assert_string_equal(text.s, "end\n" TEXT_FOOTER);
	assert_true(sample_decode(&whole, 0, true, &text));
	assert_string_equal(text.s, "<b>--r\n--i--\n--o--</b>\n" HTML_FOOTER);
}

/* ---- places (X40) */

static const struct {
	const char *html, *json, *want;	/* want NULL: refused with say */
	const char *say;
} placed[] = {
	{ "<a href=\"https://a.example/?n={{n}}&amp;x\">", "{\"n\":\"a&b=c/d \303\266\"}",
	    "<a href=\"https://a.example/?n=a%26b%3Dc%2Fd%20%C3%B6&amp;x\">", NULL },
	{ "<a href=\"{{link}}\">", "{\"link\":\"https://a.example/?b&c\"}",
	    "<a href=\"https://a.example/?b&amp;c\">", NULL },
	{ "{{{html_block}}}{{html_block}}", "{\"html_block\":\"<b>&</b>\"}",
	    "<b>&</b>&lt;b&gt;&amp;&lt;/b&gt;", NULL },
	{ "<p title='{{n}}'>", "{\"n\":\"' onclick='x\"}",
	    "<p title='&#39; onclick=&#39;x'>", NULL },
	{ "<a href=\"https://a.example/?{{#n}}a={{.}}{{/n}}\">", "{\"n\":[1,2]}",
	    "<a href=\"https://a.example/?a=1a=2\">", NULL },
	{ "<a href=\"{{n}}\">", NULL, NULL, "line 1: {{n}} stands where it would choose" },
	{ "<a href=\"x{{n}}\">", NULL, NULL, "choose the scheme" },
	{ "<a href={{n}}>", NULL, NULL, "without quotes" },
	{ "<a href=\"javascript:{{n}}\">", NULL, NULL, "holds code" },
	{ "<p style=\"color:{{n}}\">", NULL, NULL, "code or style" },
	{ "<p onclick=\"{{n}}\">", NULL, NULL, "code or style" },
	{ "<script>{{n}}</script>", NULL, NULL, "script" },
	{ "\n<!-- {{n}} -->", NULL, NULL, "line 2: {{n}} stands in a comment" },
	{ "<{{n}}>", NULL, NULL, "middle of a tag" },
	{ "<p {{n}}>", NULL, NULL, "middle of a tag" },
	{ "<p {{#n}}title=\"x\"{{/n}}>", NULL, NULL, "place of the markup" },
	{ "{{#n}}<p title=\"{{/n}}\">", NULL, NULL, "place of the markup" },
	{ "<p title=\"{{{html_block}}}\">", NULL, NULL, "unescaped inside" },
	{ "{{{n}}}", NULL, NULL, "trusted" },
	{ "<p", NULL, NULL, "the HTML ends" },
	{ "{{#n}}", NULL, NULL, "part 0, line 1: {{#n}} is never closed" },
};

static void
values_stay_in_their_place(void **state)
{
	struct strbuf eml = STRBUF_INIT(10000);

	(void)state;
	for (size_t i = 0; i < sizeof(placed) / sizeof(placed[0]); i++) {
		strbuf_reset(&eml);
		strbuf_addf(&eml, SAMPLE_HEAD "Content-Type: text/html\n\n%s\n",
		    placed[i].html);
		if (placed[i].want == NULL) {
			sample_refused(eml.s, &sample_params, ERR_INPUT,
			    placed[i].say);
			continue;
		}
		sample_copy(eml.s, placed[i].json, &whole);
		sample_decode(&whole, 0, true, &text);
		if (strncmp(text.s, placed[i].want, strlen(placed[i].want)) !=
		    0)
			fail_msg("%s: %s", placed[i].html, text.s);
	}
	strbuf_free(&eml);
}

static void
urls_in_plain_text_are_escaped(void **state)
{
	(void)state;
	sample_copy(SAMPLE_HEAD "\nhttps://a.example/{{n}}?q={{n}} {{n}} "
	    "(see http://b.example){{n}} x:/{{n}} {{unsubscribe_url}}\n",
	    "{\"n\":\"a b/\"}", &whole);
	sample_decode(&whole, 0, false, &text);
	assert_string_equal(text.s, "https://a.example/a%20b%2F?q=a%20b%2F "
	    "a b/ (see http://b.example)a b/ x:/a b/ " SAMPLE_URL "\n");
}

/* ---- injection (X02, X40, X41, R95): every value, at every place */

static const char *const hostile[] = {
	"\\r\\nBcc: victim@mail.example", "\\nX: y\\n\\nbody", "\\r.\\r\\n",
	"\\r\\n.\\r\\nMAIL FROM:<a@b>", "\\n.\\n", "\\r.\\r", ".\\u0000.",
	"\\n--b\\nContent-Type: text/html\\n\\n<b>x", "--b--", "\\n--b--\\n",
	"<script>alert(1)</script>", "\\\" onmouseover=\\\"x", "' x='",
	"javascript:alert(1)", "--><b>", "]]><b>", "</title><b>", "&lt;b&gt;",
	"=?utf-8?q?=0D=0AX:_y?=", "{{unsubscribe_url}}", "{{/a}}{{#b}}",
	"%0d%0aX: y", "\\u0085X: y", "\\u2028X: y", "\\u001b[2J", "=0D=0A.",
	"=\\r\\n", " ", "   ", "\\t", "-- ", "From x", "\\ud83d\\ude00",
	"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
	"", "null",
};

#define EVERYWHERE "From: a@b.example\nSubject: {{v}} and {{v}}\n" \
	"MIME-Version: 1.0\n" \
	"Content-Type: multipart/alternative; boundary=b\n\n" \
	"--b\n\n{{v}}\n.{{v}}\nx {{v}} y\nhttps://a.example/{{v}}\n" \
	"{{#v}}[{{.}}]{{/v}}{{v}}{{v}}\n--b\n" \
	"Content-Type: text/html; charset=us-ascii\n\n<title>{{v}}</title>" \
	"<p title=\"{{v}}\" class='{{v}}'>{{v}}</p>\n{{v}}\n" \
	"<a href=\"https://a.example/{{v}}?{{v}}#{{v}}\">{{v}}</a>\n" \
	"<!--[if mso]><p>{{v}}</p><![endif]-->\n--b--\n"

/* The markup of a text: its tags and attribute names, in order. */
static void
note_markup(void *arg, enum html_event event, const struct html_scan *s)
{
	struct strbuf *out = arg;

	if (event == HTML_TAG_BEGIN)
		strbuf_addf(out, "<%s%s", s->closing ? "/" : "", s->tag);
	else if (event == HTML_ATTRIBUTE)
		strbuf_addf(out, " %s", s->attribute);
	else if (event == HTML_TAG_END)
		strbuf_addc(out, '>');
}

static void
markup_of(const struct strbuf *html, struct strbuf *out)
{
	struct html_scan s;

	strbuf_reset(out);
	html_scan_init(&s);
	s.event = note_markup;
	s.arg = out;
	html_scan_feed(&s, html->s, html->len);
	assert_true(html_scan_between_tags(&s));
}

/* Field names, parts and markup of a copy, as one text. */
static void
shape_of(const struct strbuf *copy, struct strbuf *out)
{
	struct strbuf markup = STRBUF_INIT(1 << 20);
	struct mime_message *m;

	m = mime_parse((const uint8_t *)copy->s, copy->len, NULL);
	assert_non_null(m);
	assert_int_equal(m->defects, 0);
	strbuf_reset(out);
	for (uint32_t p = 0; p < m->parts; p++) {
		const struct mime_part *part = &m->part[p];

		strbuf_addf(out, "%s:", part->type);
		for (uint32_t i = 0; i < part->fields; i++)
			strbuf_addf(out, " %.*s",
			    (int)m->field[part->first_field + i].name.len,
			    (const char *)m->field[part->first_field +
			    i].name.p);
		/* R88: no line of quoted-printable over 76 octets. */
		for (size_t i = 0, col = 0; part->cte == CTE_QP &&
		    i < part->body.len; i++) {
			col = part->body.p[i] == '\n' ? 0 : col + 1;
			assert_true(col <= CTE_LINE_MAX + 1);
		}
	}
	mime_free(m);
	assert_true(sample_decode(copy, 0, true, &text));
	markup_of(&text, &markup);
	strbuf_add(out, markup.s, markup.len);
	strbuf_free(&markup);
}

static void
no_value_changes_the_shape(void **state)
{
	struct template *t = sample_compile(EVERYWHERE, &sample_params);
	struct strbuf benign = STRBUF_INIT(1 << 20);
	struct strbuf shape = STRBUF_INIT(1 << 20);
	char json[1000];

	(void)state;
	sample_render(t, "{\"v\":\"plain\"}", &whole);
	shape_of(&whole, &benign);
	for (size_t i = 0; i < sizeof(hostile) / sizeof(hostile[0]); i++) {
		/* jansson takes \u0000 only when asked to. */
		json_t *root;
		struct template_values v = sample_values;
		struct rendered r = RENDERED_INIT;
		struct err e = ERR_INIT;

		snprintf(json, sizeof(json), "{\"v\":\"%s\"}", hostile[i]);
		root = json_loads(json, JSON_ALLOW_NUL, NULL);
		assert_non_null(root);
		v.attributes = root;
		if (template_render(t, &v, &r, &e) == -1)
			fail_msg("%s: %s", hostile[i], e.text);
		sample_check(&r, &whole);
		shape_of(&whole, &shape);
		if (strcmp(shape.s, benign.s) != 0)
			fail_msg("%s:\n%s\n%s", hostile[i], shape.s,
			    whole.s);
		assert_null(strstr(whole.s, "victim@mail.example\r\nX"));
		rendered_free(&r);
		json_decref(root);
	}
	template_free(t);
	strbuf_free(&benign);
	strbuf_free(&shape);
}

/* ---- sizes, reuse */

static void
copies_are_bounded(void **state)
{
	struct strbuf eml = STRBUF_INIT(2 << 20);
	struct template_values v = sample_values;
	struct rendered r = RENDERED_INIT;
	struct err e = ERR_INIT;
	struct template *t;

	(void)state;
	strbuf_adds(&eml, SAMPLE_HEAD "\n{{#a}}");
	for (int i = 0; i < 10000; i++)
		strbuf_adds(&eml, "12345678901234567890123456789012345678901"
		    "234567890123456789012345678\n");
	strbuf_adds(&eml, "{{/a}}{{^b}}{{#c}}{{#c}}{{#c}}{{d}}{{/c}}{{/c}}"
	    "{{/c}}{{/b}}\n");
	t = sample_compile(eml.s, &sample_params);
	v.attributes = json_loads("{\"a\":[1,2,3,4,5,6,7,8,9,0,1,2,3,4,5],"
	    "\"b\":1}", 0, NULL);
	assert_int_equal(template_render(t, &v, &r, &e), -1);
	assert_int_equal(e.code, ERR_LIMIT);
	json_decref((json_t *)(uintptr_t)v.attributes);
	v.attributes = json_loads("{\"a\":[1,2,3,4,5,6,7,8,9,0],\"b\":1}", 0,
	    NULL);
	assert_int_equal(template_render(t, &v, &r, &e), 0);
	sample_check(&r, NULL);
	json_decref((json_t *)(uintptr_t)v.attributes);
	/* Lists in lists that write nothing. */
	v.attributes = json_pack("{s:o}", "c", json_array());
	for (int i = 0; i < 200; i++)
		json_array_append_new(json_object_get(v.attributes, "c"),
		    json_integer(i));
	assert_int_equal(template_render(t, &v, &r, &e), -1);
	assert_non_null(strstr(e.text, "steps"));
	json_decref((json_t *)(uintptr_t)v.attributes);
	rendered_free(&r);
	template_free(t);
	strbuf_free(&eml);
}

/* The steady path: the memory of one copy does for the next. */
static void
memory_is_used_again(void **state)
{
	struct template *t = sample_compile(EVERYWHERE, &sample_params);
	struct template_values v = sample_values;
	struct rendered r = RENDERED_INIT;
	struct iovec *iov = NULL;
	uint8_t first[DKIM_HASH_LEN];
	char *header = NULL;

	(void)state;
	for (int i = 0; i < 100; i++) {
		v.attributes = json_pack("{s:s}", "v", i % 2 ? "b" : "aaaa");
		assert_int_equal(template_render(t, &v, &r, NULL), 0);
		json_decref((json_t *)(uintptr_t)v.attributes);
		if (i == 0) {
			iov = r.iov;
			header = r.header.s;
			memcpy(first, r.body_hash, sizeof(first));
		}
		assert_ptr_equal(iov, r.iov);
		assert_ptr_equal(header, r.header.s);
		if (i % 2 == 0)
			assert_memory_equal(first, r.body_hash, sizeof(first));
		else
			assert_memory_not_equal(first, r.body_hash,
			    sizeof(first));
		sample_check(&r, NULL);
	}
	rendered_free(&r);
	template_free(t);
}

/* After a failure the same memory makes the next copy. */
static void
a_failure_leaves_no_trace(void **state)
{
	struct template *t = sample_compile(EVERYWHERE, &sample_params);
	struct template_values v = sample_values, bad = sample_values;
	struct rendered r = RENDERED_INIT;

	(void)state;
	bad.address = "a\n@b";
	assert_int_equal(template_render(t, &bad, &r, NULL), -1);
	assert_int_equal(template_render(t, &v, &r, NULL), 0);
	sample_check(&r, NULL);
	rendered_free(&r);
	template_free(t);
}

/* RFC 3030: BDAT sends the octets as they are. */
static void
bdat_is_not_stuffed(void **state)
{
	static const char eml[] = MIXED "Content-Type: text/plain\n"
	    "Content-Disposition: attachment\n\n.one\n..two\n--b--\n";
	struct template *t = sample_compile(eml, &sample_params);
	struct template_values v = sample_values;
	struct rendered r = RENDERED_INIT;
	struct strbuf wire = STRBUF_INIT(10000);
	uint8_t hash[DKIM_HASH_LEN];
	size_t octets;

	(void)state;
	assert_int_equal(template_render(t, &v, &r, NULL), 0);
	sample_check(&r, &whole);
	memcpy(hash, r.body_hash, sizeof(hash));
	octets = r.octets;
	assert_int_equal(r.wire_octets + r.header.len + 2, r.octets + 2);
	v.bdat = true;
	assert_int_equal(template_render(t, &v, &r, NULL), 0);
	assert_int_equal(r.octets, octets);
	assert_int_equal(r.wire_octets + r.header.len + 2, r.octets);
	assert_memory_equal(hash, r.body_hash, sizeof(hash));
	strbuf_add(&wire, r.header.s, r.header.len);
	strbuf_add(&wire, "\r\n", 2);
	for (size_t i = 0; i < r.iovs; i++)
		strbuf_add(&wire, r.iov[i].iov_base, r.iov[i].iov_len);
	assert_int_equal(wire.len, whole.len);
	assert_memory_equal(wire.s, whole.s, wire.len);
	strbuf_free(&wire);
	rendered_free(&r);
	template_free(t);
}

/* ---- notices */

static const struct template_notice notice = {
	.from_name = "News & Views", .from = "news@lists.example.org",
	.reply_to = "c-abc@bounces.example.org",
	.subject = "Please confirm {{list}}",
	.text = "Somebody, perhaps you ({{address}}, {{name}}),\nasked for "
	    "{{list}}.\n\n{{confirm_url}}\n{{^none}}\n{{/none}}\n.\n",
	.auto_submitted = "auto-generated",
	.list_id = "news.lists.example.org", .list_title = "News",
	.id_domain = "bounces.example.org",
	.extra = { "Form-Sub" }, .text_max = 2048,
};

static int
render_notice(const struct template_notice *n, const char *name,
    struct err *e)
{
	struct template_values v = { .address = "anna@mail.example",
	    .message_token = "id0", .date_ms = 1732584034000,
	    .extra = { "v=1; ip=192.0.2.7" } };
	struct rendered r = RENDERED_INIT;
	struct template *t;
	int rc;

	t = template_compile_notice(n, e);
	if (t == NULL)
		return -1;
	v.attributes = json_pack("{s:s,s:s}", "name", name, "confirm_url",
	    "https://lists.example.org/c/tok");
	rc = template_render(t, &v, &r, e);
	if (rc == 0)
		sample_check(&r, &whole);
	json_decref((json_t *)(uintptr_t)v.attributes);
	rendered_free(&r);
	template_free(t);
	return rc;
}

static void
notices_leave_by_the_same_builder(void **state)
{
	struct err e = ERR_INIT;

	(void)state;
	assert_int_equal(render_notice(&notice, "X\r\n\r\nBuy this!\tnow",
	    &e), 0);
	assert_string_equal(whole.s,
	    "From: News & Views <news@lists.example.org>\r\n"
	    "Reply-To: c-abc@bounces.example.org\r\n"
	    "To: <anna@mail.example>\r\n"
	    "Subject: Please confirm News\r\n"
	    "Date: Tue, 26 Nov 2024 01:20:34 +0000\r\n"
	    "Message-ID: <id0@bounces.example.org>\r\n"
	    "MIME-Version: 1.0\r\n"
	    "Content-Type: text/plain; charset=utf-8\r\n"
	    "Content-Transfer-Encoding: quoted-printable\r\n"
	    "Auto-Submitted: auto-generated\r\n"
	    "List-Id: <news.lists.example.org>\r\n"
	    "Form-Sub: v=1; ip=192.0.2.7\r\n"
	    "\r\n"
	    "Somebody, perhaps you (anna@mail.example=\r\n"
	    ",=20X=20=20=20 Buy this!=09now=\r\n"
	    "),\r\nasked for=20News=\r\n"
	    "=2E\r\n\r\nhttps://lists.example.org/c/tok\r\n=2E\r\n");
}

/* A report has its body made already; only its header is the builder's. */
static void
notices_may_have_a_made_body(void **state)
{
	static const char *const bad[] = { "a\nb\r\n", "a\rb\r\n",
		"\303\251\r\n" };
	static const char body[] = "--cut\r\n\r\n{{name}}\r\n--cut--\r\n";
	struct template_notice n = notice;
	struct err e = ERR_INIT;

	(void)state;
	n.text = "";
	n.media_type = "multipart/report; boundary=\"cut\"";
	n.body = (struct slice){ (const uint8_t *)body, sizeof(body) - 1 };
	assert_int_equal(render_notice(&n, "x", &e), 0);
	assert_non_null(strstr(whole.s, "Content-Type: multipart/report; "
	    "boundary=\"cut\"\r\nContent-Transfer-Encoding: 7bit\r\n"));
	assert_non_null(strstr(whole.s, body));
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		n.body = (struct slice){ (const uint8_t *)bad[i],
		    strlen(bad[i]) };
		assert_int_equal(render_notice(&n, "x", &e), -1);
		assert_int_equal(e.code, ERR_INPUT);
	}
}

static void
notices_are_checked(void **state)
{
	struct template_notice n = notice;
	struct err e = ERR_INIT;
	char name[2049];

	(void)state;
	memset(name, 'a', sizeof(name) - 1);
	name[2048] = '\0';
	assert_int_equal(render_notice(&n, name, &e), -1);
	assert_int_equal(e.code, ERR_LIMIT);
	n.from = "nobody";
	assert_int_equal(render_notice(&n, "x", &e), -1);
	n = notice;
	n.from_name = "A\r\nX: y";
	assert_int_equal(render_notice(&n, "x", &e), -1);
	n = notice;
	n.text = "{{{confirm_url}}}";
	assert_int_equal(render_notice(&n, "x", &e), -1);
	n = notice;
	n.text = "\377";
	assert_int_equal(render_notice(&n, "x", &e), -1);
	n = notice;
	n.id_domain = NULL;
	assert_int_equal(render_notice(&n, "x", &e), -1);
	n = notice;
	n.auto_submitted = "a\r\nX: y";
	assert_int_equal(render_notice(&n, "x", &e), -1);
	n = notice;
	n.subject = "{{a";
	assert_int_equal(render_notice(&n, "x", &e), -1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(copies_are_golden),
		cmocka_unit_test(decoded_text_is_plain_mustache),
		cmocka_unit_test(decoded_html_is_plain_mustache),
		cmocka_unit_test(footers_stand_where_they_should),
		cmocka_unit_test(commercial_mail_shows_its_address),
		cmocka_unit_test(footers_can_be_an_owners),
		cmocka_unit_test(charsets_are_kept_where_they_can),
		cmocka_unit_test(html_says_its_new_charset),
		cmocka_unit_test(other_parts_stay_to_the_octet),
		cmocka_unit_test(signed_messages_have_the_link_behind_them),
		cmocka_unit_test(eight_bit_parts_are_encoded),
		cmocka_unit_test(nested_multiparts_keep_their_shape),
		cmocka_unit_test(values_stay_in_their_place),
		cmocka_unit_test(urls_in_plain_text_are_escaped),
		cmocka_unit_test(no_value_changes_the_shape),
		cmocka_unit_test(copies_are_bounded),
		cmocka_unit_test(memory_is_used_again),
		cmocka_unit_test(a_failure_leaves_no_trace),
		cmocka_unit_test(bdat_is_not_stuffed),
		cmocka_unit_test(notices_leave_by_the_same_builder),
		cmocka_unit_test(notices_may_have_a_made_body),
		cmocka_unit_test(notices_are_checked),
	};
	int rc = cmocka_run_group_tests(tests, NULL, NULL);

	strbuf_free(&whole);
	strbuf_free(&text);
	strbuf_free(&want);
	return rc;
}
