/* SPDX-License-Identifier: Apache-2.0 */
/*
 * lint_part.c - the parts: encodings, charsets, and what an alternative is.
 */
#include "config.h"

#include <string.h>

#include "lib/charset.h"
#include "lib/err.h"
#include "lib/lint_private.h"
#include "lib/mime_param.h"
#include "lib/utf8.h"

static bool
is_text(const struct mime_part *p)
{
	return strncmp(p->type, "text/", 5) == 0;
}

/* A text that people read, not a file. */
static bool
is_body(const struct mime_part *p, const char *type)
{
	return strcmp(p->type, type) == 0 &&
	    p->disposition != MIME_ATTACHMENT;
}

static bool
is_blank_text(const struct strbuf *b)
{
	return strspn(b->s, " \t\r\n") == b->len;
}

/* ---- transfer encodings */

static void
check_encoding(struct lint *l, uint32_t part)
{
	const struct mime_part *p = &l->m->part[part];

	if (p->multipart)
		return;
	if (p->cte == CTE_BINARY)
		lint_add(l, LINT_MUST, "R90", part, p->line, "binary content "
		    "does not pass SMTP; encode it as base64 (RFC 3030)");
	if (p->cte == CTE_7BIT && !slice_is_ascii(p->body))
		lint_add(l, LINT_MUST, "T30", part, p->body_line, "8-bit "
		    "octets in a part that says or implies 7bit");
	if (p->cte > CTE_BINARY && p->cte != CTE_UNKNOWN &&
	    strcmp(p->type, "message/rfc822") == 0)
		lint_add(l, LINT_MUST, "R90", part, p->line, "a message/rfc822"
		    " part must not be encoded (RFC 2046 section 5.2.1)");
}

/* The decoded body as UTF-8; false when something was wrong and said. */
static bool
decode_text(struct lint *l, uint32_t part, struct strbuf *utf8)
{
	const struct mime_part *p = &l->m->part[part];
	struct strbuf raw = STRBUF_INIT(MIME_MESSAGE_MAX);
	struct err e = ERR_INIT;
	bool ok = false;

	if (p->cte == CTE_UNKNOWN)
		goto out;
	if (mime_body_decode(l->m, part, &raw, &e) == -1) {
		lint_add(l, LINT_MUST, "R90", part, p->body_line, "the body "
		    "cannot be decoded: %s", e.text);
		goto out;
	}
	if (!is_text(p))
		goto out;
	if (charset_kind(p->charset) == CHARSET_UNKNOWN) {
		lint_add(l, LINT_SHOULD, "R90", part, p->line, "unknown "
		    "charset \"%s\"", p->charset);
		goto out;
	}
	/* 8-bit text that says 7bit was reported; once is enough. */
	if (charset_to_utf8(p->charset, raw.s, raw.len, utf8, &e) == -1) {
		if (p->cte != CTE_7BIT || slice_is_ascii(p->body))
			lint_add(l, LINT_MUST, "R90", part, p->body_line,
			    "the text does not fit its charset: %s", e.text);
		goto out;
	}
	if (memchr(utf8->s, '\0', utf8->len) != NULL) {
		lint_add(l, LINT_MUST, "T30", part, p->body_line, "a NUL in "
		    "the text");
		goto out;
	}
	ok = true;
out:
	strbuf_free(&raw);
	return ok;
}

static void
check_content(struct lint *l, uint32_t part)
{
	const struct mime_part *p = &l->m->part[part];
	struct strbuf text = STRBUF_INIT(3 * MIME_MESSAGE_MAX);
	bool alternative = part != 0 && strcmp(l->m->part[p->parent].type,
	    "multipart/alternative") == 0;

	if (!p->multipart && decode_text(l, part, &text)) {
		if (is_body(p, "text/plain") && is_blank_text(&text))
			lint_add(l, alternative ? LINT_MUST : LINT_SHOULD,
			    "R91", part, p->body_line, "the plain text is "
			    "empty");
		if (is_body(p, "text/html"))
			lint_html(l, part, text.s, text.len);
	}
	strbuf_free(&text);
}

/* ---- alternatives */

static bool
has_file_name(const struct mime_message *m, uint32_t part)
{
	static const char *const where[][2] = {
		{ "Content-Disposition", "filename" },
		{ "Content-Type", "name" },
	};
	struct strbuf name = STRBUF_INIT(MIME_PARAM_MAX);
	bool found = false;

	for (size_t i = 0; i < 2 && !found; i++) {
		const struct mime_field *f = mime_field_find(m, part,
		    where[i][0]);

		strbuf_reset(&name);
		found = f != NULL && mime_param_find((const char *)f->value.p,
		    f->value.len, where[i][1], &name) == 1;
	}
	strbuf_free(&name);
	return found;
}

/* A form of the same text has no name of its own and asks for no saving. */
static bool
is_file(const struct mime_message *m, uint32_t part)
{
	const struct mime_part *p = &m->part[part];
	static const char *const files[] = { "application/pdf",
	    "application/octet-stream", "application/zip",
	    "application/msword" };

	if (p->multipart)
		return false;
	if (p->disposition == MIME_ATTACHMENT)
		return true;
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++)
		if (strcmp(p->type, files[i]) == 0)
			return true;
	/* The name of a message/external-body is of what lies elsewhere. */
	return !is_text(p) && strncmp(p->type, "message/", 8) != 0 &&
	    has_file_name(m, part);
}

/* S101, R91, RFC 2046 section 5.1.4. */
static void
check_alternative(struct lint *l, uint32_t part)
{
	const struct mime_part *p = &l->m->part[part];
	bool richer = false, first_child = true;

	if (strcmp(p->type, "multipart/alternative") != 0)
		return;
	for (uint32_t i = p->child; i != 0; i = l->m->part[i].next) {
		const struct mime_part *c = &l->m->part[i];

		/* A type that cannot be read was said, and says nothing. */
		if (!c->typed && mime_field_find(l->m, i, "Content-Type") !=
		    NULL)
			continue;
		if (is_file(l->m, i))
			lint_add(l, LINT_MUST, "S101", i, c->line, "an "
			    "attachment (%s) inside multipart/alternative is "
			    "not another form of the same text; use "
			    "multipart/mixed", c->type);
		else if (strcmp(c->type, "text/plain") == 0 && richer)
			lint_add(l, LINT_MUST, "R91", i, c->line, "the plain "
			    "text is not the first alternative; readers take "
			    "the last they know");
		else if (first_child && strcmp(c->type, "text/plain") != 0)
			lint_add(l, LINT_SHOULD, "R91", i, c->line, "the "
			    "first alternative is %s, not plain text",
			    c->type);
		if (strcmp(c->type, "text/plain") != 0)
			richer = true;
		first_child = false;
	}
}

/* R96: what is signed is sent as it is, and somebody may have hoped else. */
static void
check_sealed(struct lint *l, uint32_t part)
{
	const struct mime_part *p = &l->m->part[part];

	if (strcmp(p->type, "multipart/signed") == 0 &&
	    memmem(p->body.p, p->body.len, "{{", 2) != NULL)
		lint_add(l, LINT_SHOULD, "R96", part, p->body_line, "a "
		    "placeholder in a signed part; it is sent as it stands");
}

/* T32: who reads plain text must find the link too. */
static void
check_plain_exists(struct lint *l)
{
	bool plain = false, html = false;

	for (uint32_t i = 0; i < l->m->parts; i++) {
		plain = plain || is_body(&l->m->part[i], "text/plain");
		html = html || is_body(&l->m->part[i], "text/html");
	}
	if (html && !plain)
		lint_add(l, LINT_SHOULD, "T32", 0, 0, "HTML without a plain "
		    "text alternative");
}

void
lint_parts(struct lint *l)
{
	for (uint32_t i = 0; i < l->m->parts; i++) {
		check_encoding(l, i);
		check_content(l, i);
		check_alternative(l, i);
		check_sealed(l, i);
	}
	check_plain_exists(l);
}
