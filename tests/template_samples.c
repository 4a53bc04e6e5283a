/* SPDX-License-Identifier: Apache-2.0 */
/*
 * template_samples.c - what the tests of templates share.
 */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <cmocka.h>
#include <gmime/gmime.h>

#include "lib/err.h"
#include "lib/mime_out.h"
#include "tests/template_samples.h"

const struct template_params sample_params = {
	.list_id = "news.lists.example.org",
	.list_title = "News & Views",
	.base_url = "https://lists.example.org",
	.bounce_domain = "bounces.example.org",
	.help_uri = "mailto:news-help@lists.example.org",
	.owner_uri = "mailto:news-owner@lists.example.org",
	.subscribe_uri = "https://lists.example.org/join/news",
	.feedback = { "c17", "l4", "o1" },
	.feedback_sender = "listd-01",
	.cfbl_address = "fbl@lists.example.org",
	.trusted = "html_block link",
	.date_ms = 1732584034000,
	.extra = { "Listd-Checkpoint" },
};

const struct template_values sample_values = {
	.address = "anna@mail.example",
	.url_token = "url0token",
	.mailto_token = "mail0token",
	.message_token = "id0token",
	.extra = { "lists.example.org/log 7 abcd" },
};

static struct lint_report report;

struct template *
sample_compile(const char *text, const struct template_params *params)
{
	struct err e = ERR_INIT;
	struct template *t;

	t = template_compile((const uint8_t *)text, strlen(text), params,
	    &report, &e);
	if (t == NULL)
		fail_msg("%s", e.text);
	return t;
}

void
sample_refused(const char *text, const struct template_params *params,
    int code, const char *say)
{
	struct err e = ERR_INIT;
	struct template *t;

	t = template_compile((const uint8_t *)text, strlen(text), params,
	    &report, &e);
	if (t != NULL)
		fail_msg("not refused: %s", say);
	if ((int)e.code != code || strstr(e.text, say) == NULL)
		fail_msg("%s: \"%s\" is not \"%s\"", err_name(e.code), e.text,
		    say);
}

/* Undo RFC 5321 section 4.5.2 and look at every octet on the way. */
static void
unstuff(const struct strbuf *wire, struct strbuf *out)
{
	const char *p = wire->s, *end = p + wire->len, *eol;

	for (; p < end; p = eol + 2) {
		eol = memmem(p, (size_t)(end - p), "\r\n", 2);
		if (eol == NULL)
			fail_msg("the body does not end in CRLF");
		if (eol - p > 998)
			fail_msg("a line of %zu octets", (size_t)(eol - p));
		if (*p == '.') {
			if (p[1] != '.')
				fail_msg("a dot that is not stuffed");
			p++;
		}
		for (const char *q = p; q < eol; q++)
			if (*q == '\r' || *q == '\n' || *q == '\0' ||
			    (unsigned char)*q >= 0x80)
				fail_msg("octet %d in the body",
				    (unsigned char)*q);
		strbuf_add(out, p, (size_t)(eol + 2 - p));
	}
}

static void
check_hash(const struct rendered *r, const struct strbuf *body)
{
	struct dkim_body_hash *h = dkim_body_hash_new(NULL);
	uint8_t want[DKIM_HASH_LEN];

	assert_non_null(h);
	dkim_body_hash_update(h, body->s, body->len);
	assert_int_equal(dkim_body_hash_final(h, want, NULL), 0);
	dkim_body_hash_free(h);
	if (memcmp(want, r->body_hash, sizeof(want)) != 0)
		fail_msg("the body's hash is wrong");
}

/* The fields are the header, end to end, and each is one. */
static void
check_header(const struct rendered *r)
{
	struct dkim_field field[TEMPLATE_FIELDS_MAX];
	struct slice body, all;
	struct strbuf copy = STRBUF_INIT(TEMPLATE_HEADER_MAX + 2);
	struct err e;
	size_t n;

	strbuf_add(&copy, r->header.s, r->header.len);
	strbuf_add(&copy, "\r\n", 2);
	all = (struct slice){ (const uint8_t *)copy.s, copy.len };
	if (dkim_message_split(all, field, TEMPLATE_FIELDS_MAX, &n, &body,
	    &e) == -1)
		fail_msg("%s", e.text);
	assert_int_equal(n, r->fields);
	assert_int_equal(body.len, 0);
	for (size_t i = 0; i < n; i++) {
		assert_int_equal(field[i].name.len, r->field[i].name.len);
		assert_memory_equal(field[i].name.p, r->field[i].name.p,
		    field[i].name.len);
		assert_int_equal(field[i].raw.len, r->field[i].raw.len);
		assert_memory_equal(field[i].raw.p, r->field[i].raw.p,
		    field[i].raw.len);
	}
	for (size_t i = 0; i < r->header.len; i++)
		if ((unsigned char)r->header.s[i] >= 0x80)
			fail_msg("8 bits in the header");
	strbuf_free(&copy);
}

void
sample_check(const struct rendered *r, struct strbuf *whole)
{
	struct strbuf wire = STRBUF_INIT(64 << 20);
	struct strbuf body = STRBUF_INIT(64 << 20);

	for (size_t i = 0; i < r->iovs; i++) {
		assert_true(r->iov[i].iov_len > 0);
		strbuf_add(&wire, r->iov[i].iov_base, r->iov[i].iov_len);
	}
	assert_int_equal(wire.len, r->wire_octets);
	unstuff(&wire, &body);
	assert_int_equal(r->octets, r->header.len + 2 + body.len);
	check_header(r);
	check_hash(r, &body);
	if (whole != NULL) {
		strbuf_reset(whole);
		strbuf_add(whole, r->header.s, r->header.len);
		strbuf_add(whole, "\r\n", 2);
		strbuf_add(whole, body.s, body.len);
	}
	strbuf_free(&wire);
	strbuf_free(&body);
}

void
sample_render(const struct template *t, const char *json,
    struct strbuf *whole)
{
	struct template_values v = sample_values;
	struct rendered r = RENDERED_INIT;
	struct err e = ERR_INIT;
	json_t *attributes = NULL;

	if (json != NULL) {
		attributes = json_loads(json, JSON_ALLOW_NUL, NULL);
		assert_non_null(attributes);
	}
	v.attributes = attributes;
	if (template_render(t, &v, &r, &e) == -1)
		fail_msg("%s", e.text);
	sample_check(&r, whole);
	rendered_free(&r);
	json_decref(attributes);
}

void
sample_copy(const char *text, const char *json, struct strbuf *whole)
{
	struct template *t = sample_compile(text, &sample_params);

	sample_render(t, json, whole);
	template_free(t);
}

struct wanted {
	unsigned	 left;
	bool		 html, found;
	struct strbuf	*out;
};

static void
on_part(GMimeObject *parent, GMimeObject *part, gpointer arg)
{
	struct wanted *w = arg;
	GMimeContentType *type = g_mime_object_get_content_type(part);
	char *text;

	(void)parent;
	if (!GMIME_IS_TEXT_PART(part) || w->found ||
	    !g_mime_content_type_is_type(type, "text",
	    w->html ? "html" : "plain") || w->left-- > 0)
		return;
	text = g_mime_text_part_get_text(GMIME_TEXT_PART(part));
	w->found = true;
	/* GMime keeps CRLF; the reference has LF. */
	for (const char *p = text; p != NULL && *p != '\0'; p++)
		if (*p != '\r')
			strbuf_addc(w->out, *p);
	g_free(text);
}

bool
sample_decode(const struct strbuf *whole, unsigned i, bool html,
    struct strbuf *out)
{
	static bool started;
	struct wanted w = { .left = i, .html = html, .out = out };
	GMimeStream *stream;
	GMimeParser *parser;
	GMimeMessage *m;

	if (!started)
		g_mime_init();
	started = true;
	strbuf_reset(out);
	stream = g_mime_stream_mem_new_with_buffer(whole->s, whole->len);
	parser = g_mime_parser_new_with_stream(stream);
	m = g_mime_parser_construct_message(parser, NULL);
	assert_non_null(m);
	g_mime_message_foreach(m, on_part, &w);
	g_object_unref(m);
	g_object_unref(parser);
	g_object_unref(stream);
	return w.found;
}

unsigned
sample_field(const struct strbuf *whole, const char *name,
    struct strbuf *value)
{
	struct mime_message *m;
	unsigned n = 0;

	m = mime_parse((const uint8_t *)whole->s, whole->len, NULL);
	assert_non_null(m);
	strbuf_reset(value);
	for (uint32_t i = 0; i < m->part[0].fields; i++)
		if (mime_field_is(&m->field[i], name) && n++ == 0)
			mime_field_unfold(&m->field[i], value);
	mime_free(m);
	return n;
}

bool
sample_load(const char *path, struct strbuf *out)
{
	char buf[4096];
	size_t n;
	FILE *f;

	strbuf_reset(out);
	if ((f = fopen(path, "rb")) == NULL)
		return false;
	while ((n = fread(buf, 1, sizeof(buf), f)) > 0)
		strbuf_add(out, buf, n);
	fclose(f);
	return true;
}
