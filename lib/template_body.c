/* SPDX-License-Identifier: Apache-2.0 */
/*
 * template_body.c - the body of a message as runs and texts.
 *
 * The tree of parts is written again in its order: boundaries and part headers
 * as they came, bodies either verbatim or as templates.  What is in front of
 * the first boundary and behind the last is dropped; nobody is shown it.
 */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "lib/charset.h"
#include "lib/err.h"
#include "lib/header.h"
#include "lib/mime_param.h"
#include "lib/template_private.h"
#include "lib/utf8.h"

/* ---- runs */

/* The end of the line at p, behind its CRLF. */
static const char *
line_end(const char *p, const char *end)
{
	const char *eol = memmem(p, (size_t)(end - p), "\r\n", 2);

	return eol != NULL ? eol + 2 : end;
}

/* RFC 5321 section 4.5.2. */
static bool
dot_stuff(const char *p, size_t len, struct strbuf *out)
{
	const char *end = p + len, *next;
	bool changed = false;

	for (; p < end; p = next) {
		next = line_end(p, end);
		if (*p == '.') {
			strbuf_addc(out, '.');
			changed = true;
		}
		strbuf_add(out, p, (size_t)(next - p));
	}
	return changed;
}

/* One line in relaxed form (RFC 6376 section 3.4.4), its CRLF apart. */
static void
relax_line(const char *p, size_t len, struct strbuf *out)
{
	while (len > 0 && (p[len - 1] == ' ' || p[len - 1] == '\t'))
		len--;
	for (size_t i = 0; i < len; i++) {
		if (p[i] != ' ' && p[i] != '\t')
			strbuf_addc(out, p[i]);
		else if (p[i + 1] != ' ' && p[i + 1] != '\t')
			strbuf_addc(out, ' ');
	}
}

static bool
relax(const char *p, size_t len, struct strbuf *out)
{
	const char *start = p, *end = p + len, *next;

	for (; p < end; p = next) {
		size_t n;

		next = line_end(p, end);
		n = (size_t)(next - p);
		if (n >= 2 && next[-1] == '\n') {
			relax_line(p, n - 2, out);
			strbuf_add(out, "\r\n", 2);
		} else {
			relax_line(p, n, out);
		}
	}
	return out->len != len || memcmp(out->s, start, len) != 0;
}

int
template_flush(struct compiler *c)
{
	struct strbuf other = STRBUF_INIT(2 * TEMPLATE_COPY_MAX);
	struct template *t = c->t;
	struct run *run, *bigger;

	if (c->pending.len == 0)
		return 0;
	bigger = reallocarray(t->run, t->runs + 1, sizeof(*bigger));
	if (bigger == NULL) {
		err_set(c->e, ERR_SYSTEM, "no memory for a template");
		return -1;
	}
	t->run = bigger;
	run = &t->run[t->runs++];
	*run = (struct run){ .begins_line = c->pending.s[0] == '\r' };
	run->raw = template_add(t, c->pending.s, c->pending.len);
	run->wire = run->canon = run->raw;
	if (dot_stuff(c->pending.s, c->pending.len, &other))
		run->wire = template_add(t, other.s, other.len);
	strbuf_reset(&other);
	if (relax(c->pending.s, c->pending.len, &other))
		run->canon = template_add(t, other.s, other.len);
	if (other.overflow)
		t->bytes.overflow = true;
	strbuf_free(&other);
	strbuf_reset(&c->pending);
	return template_add_segment(c, false, t->runs - 1);
}

/* ---- part headers */

static bool
is_content_field(const struct mime_field *f)
{
	return f->name.len > 8 && strncasecmp((const char *)f->name.p,
	    "Content-", 8) == 0;
}

static void
add_raw_field(struct strbuf *out, const struct mime_field *f)
{
	strbuf_add(out, f->raw.p, f->raw.len);
	if (f->raw.len < 2 || f->raw.p[f->raw.len - 1] != '\n')
		strbuf_add(out, "\r\n", 2);
}

/* Content-Type with another charset; all other parameters stay. */
static int
add_type(struct compiler *c, uint32_t part, const char *charset,
    struct strbuf *out)
{
	const struct mime_field *f = mime_field_find(c->m, part,
	    "Content-Type");
	struct strbuf old = STRBUF_INIT(MIME_HEADER_MAX);
	struct strbuf value = STRBUF_INIT(MIME_HEADER_MAX);
	struct mime_param_iter it;
	struct mime_param p;
	struct slice type;
	int ret;

	strbuf_addf(&value, "%s; charset=%s", c->m->part[part].type, charset);
	if (f != NULL) {
		mime_field_unfold(f, &old);
		mime_param_begin(&it, old.s, old.len, &type);
		while (mime_param_next(&it, &p) == 1)
			if (p.name.len != 7 || strncasecmp((const char *)
			    p.name.p, "charset", 7) != 0)
				strbuf_addf(&value, "; %.*s=%.*s",
				    (int)p.name.len, (const char *)p.name.p,
				    (int)p.raw.len, (const char *)p.raw.p);
	}
	ret = header_field_raw(out, "Content-Type", value.s, value.len, c->e);
	strbuf_free(&old);
	strbuf_free(&value);
	return ret;
}

/*
 * The fields of a part to out, of the message itself only Content-*.  With
 * charset the body was written anew in it; with cte it was encoded anew.
 */
static int
add_fields(struct compiler *c, uint32_t part, const char *charset,
    const char *cte, struct strbuf *out)
{
	const struct mime_part *p = &c->m->part[part];

	for (uint32_t i = 0; i < p->fields; i++) {
		const struct mime_field *f =
		    &c->m->field[p->first_field + i];

		if (part == 0 && !is_content_field(f))
			continue;
		if (mime_field_is(f, "Content-Length") ||
		    (cte != NULL && (mime_field_is(f, "Content-MD5") ||
		    mime_field_is(f, "Content-Transfer-Encoding"))) ||
		    (charset != NULL && mime_field_is(f, "Content-Type")))
			continue;
		add_raw_field(out, f);
	}
	if (charset != NULL && add_type(c, part, charset, out) == -1)
		return -1;
	if (cte != NULL)
		return header_field_raw(out, "Content-Transfer-Encoding", cte,
		    strlen(cte), c->e);
	return 0;
}

/* ... and, but for the message itself, the empty line into the body. */
static int
add_head(struct compiler *c, uint32_t part, const char *charset,
    const char *cte)
{
	if (part == 0 && !c->wrapped)
		return add_fields(c, part, charset, cte, &c->mime);
	if (add_fields(c, part, charset, cte, &c->pending) == -1)
		return -1;
	strbuf_add(&c->pending, "\r\n", 2);
	return 0;
}

/* ---- what a part is */

/* R96: what a signature covers, or nobody can read. */
static bool
is_opaque(const struct mime_part *p)
{
	static const char *const types[] = { "multipart/signed",
	    "multipart/encrypted", "application/pkcs7-mime",
	    "application/x-pkcs7-mime" };

	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
		if (strcmp(p->type, types[i]) == 0)
			return true;
	return false;
}

static bool
is_file(const struct mime_message *m, uint32_t part)
{
	const struct mime_field *f = mime_field_find(m, part,
	    "Content-Disposition");
	struct strbuf name = STRBUF_INIT(MIME_PARAM_MAX);
	bool named;

	named = f != NULL && mime_param_find((const char *)f->value.p,
	    f->value.len, "filename", &name) == 1;
	strbuf_free(&name);
	return named || m->part[part].disposition == MIME_ATTACHMENT;
}

static bool
is_text(const struct mime_part *p)
{
	return strcmp(p->type, "text/plain") == 0 ||
	    strcmp(p->type, "text/html") == 0;
}

/* ---- bodies */

/* R50: 8-bit content as base64 or, for text, quoted-printable. */
static int
add_encoded(struct compiler *c, uint32_t part)
{
	const struct mime_part *p = &c->m->part[part];
	char path[LINT_PART_MAX];
	unsigned col = 0;

	if (p->multipart || strncmp(p->type, "message/", 8) == 0 ||
	    is_opaque(p)) {
		mime_part_path(c->m, part, path, sizeof(path));
		err_set(c->e, ERR_REFUSED, "part %s holds 8-bit octets and "
		    "must not be encoded; make it 7bit (R50)", path);
		return -1;
	}
	if (strncmp(p->type, "text/", 5) != 0) {
		if (add_head(c, part, NULL, "base64") == -1)
			return -1;
		base64_encode(&c->pending, p->body.p, p->body.len);
		return 0;
	}
	if (add_head(c, part, NULL, "quoted-printable") == -1)
		return -1;
	qp_encode(&c->pending, (const char *)p->body.p, p->body.len, &col);
	return 0;
}

static int
add_verbatim(struct compiler *c, uint32_t part)
{
	const struct mime_part *p = &c->m->part[part];

	if (!slice_is_ascii(p->body))
		return add_encoded(c, part);
	if (add_head(c, part, NULL, NULL) == -1)
		return -1;
	strbuf_add(&c->pending, p->body.p, p->body.len);
	return 0;
}

/* The charset a text is written in: its own if it can be, else UTF-8. */
static const char *
choose_charset(struct compiler *c, uint32_t part, const struct mustache *m)
{
	const char *own = c->m->part[part].charset;

	switch (charset_kind(own)) {
	case CHARSET_ASCII:
		own = "us-ascii";
		break;
	case CHARSET_OTHER:
		break;
	default:
		return "utf-8";
	}
	return template_text_fits(c, m, own) ? own : "utf-8";
}

static int
read_source(struct compiler *c, uint32_t part, struct source *s)
{
	const struct mime_part *p = &c->m->part[part];
	struct strbuf raw = STRBUF_INIT(MIME_MESSAGE_MAX);
	struct err why = ERR_INIT;
	char path[LINT_PART_MAX];
	int ret = -1;

	*s = (struct source){ .text = STRBUF_INIT(MUSTACHE_TEXT_MAX),
	    .html = strcmp(p->type, "text/html") == 0, .flowed = p->flowed };
	mime_part_path(c->m, part, path, sizeof(path));
	snprintf(s->where, sizeof(s->where), "part %s, ", path);
	if (mime_body_decode(c->m, part, &raw, &why) == -1 ||
	    charset_to_utf8(p->charset, raw.s, raw.len, &s->text, &why) ==
	    -1) {
		err_set(c->e, why.code, "%s%s", s->where, why.text);
		goto out;
	}
	/* A message ends its last line; a part ends where its boundary is. */
	if (part == 0 && s->text.len > 0 &&
	    s->text.s[s->text.len - 1] != '\n')
		strbuf_add(&s->text, "\r\n", 2);
	ret = 0;
out:
	strbuf_free(&raw);
	return ret;
}

/* A part's text as a template, and the charset it is to be written in. */
static struct mustache *
compile_text(struct compiler *c, uint32_t part, const char **charset_r)
{
	struct mustache *m = NULL;
	struct source s;
	int rc = 0;

	*charset_r = "utf-8";
	if (read_source(c, part, &s) == 0)
		m = template_text_compile(c, &s);
	if (m != NULL) {
		*charset_r = choose_charset(c, part, m);
		/* HTML may name its charset a second time, inside. */
		if (s.html && strcmp(*charset_r, "utf-8") == 0)
			rc = template_text_retarget(&s, c->e);
	}
	if (rc != 0) {
		mustache_free(m);
		m = rc == 1 ? template_text_compile(c, &s) : NULL;
	}
	strbuf_free(&s.text);
	return m;
}

static int
add_text(struct compiler *c, uint32_t part)
{
	const char *charset;
	struct mustache *m = compile_text(c, part, &charset);

	if (m == NULL)
		return -1;
	c->t->links++;
	if (add_head(c, part, charset, "quoted-printable") == -1) {
		mustache_free(m);
		return -1;
	}
	return template_text_encode(c, m, charset);
}

static int add_part(struct compiler *c, uint32_t part);

static int
add_multipart(struct compiler *c, uint32_t part)
{
	const struct mime_part *p = &c->m->part[part];

	if (add_head(c, part, NULL, NULL) == -1)
		return -1;
	for (uint32_t i = p->child; i != 0; i = c->m->part[i].next) {
		strbuf_addf(&c->pending, "%s--%s\r\n", i != p->child ? "\r\n" :
		    "", p->boundary);
		if (add_part(c, i) == -1)
			return -1;
	}
	strbuf_addf(&c->pending, "\r\n--%s--", p->boundary);
	return 0;
}

/* As deep as mime_parse() allows. */
static int
add_part(struct compiler *c, uint32_t part)
{
	const struct mime_part *p = &c->m->part[part];

	if (is_opaque(p))
		return add_verbatim(c, part);
	if (p->multipart)
		return add_multipart(c, part);
	if (is_text(p) && !is_file(c->m, part))
		return add_text(c, part);
	return add_verbatim(c, part);
}

/* ---- a message that is sealed as a whole */

/* Is there a text that may be changed?  *sealed_r: one that may not. */
static bool
has_text(const struct mime_message *m, uint32_t part, bool *sealed_r)
{
	const struct mime_part *p = &m->part[part];
	bool found = false;

	if (is_opaque(p)) {
		*sealed_r = true;
		return false;
	}
	if (!p->multipart)
		return is_text(p) && !is_file(m, part);
	for (uint32_t i = p->child; i != 0; i = m->part[i].next)
		found = has_text(m, i, sealed_r) || found;
	return found;
}

/* "=_" stands in no quoted-printable or base64 (RFC 2045 section 6.7). */
static void
choose_boundary(const struct mime_message *m, char *out, size_t size)
{
	struct slice body = m->part[0].body;
	unsigned i = 0;

	do
		snprintf(out, size, "=_listd_%u", i++);
	while (memmem(body.p, body.len, out, strlen(out)) != NULL);
}

static int
add_footer_part(struct compiler *c)
{
	struct source s = { .text = STRBUF_INIT(MUSTACHE_TEXT_MAX),
		.where = "the footer, " };
	struct mustache *m = template_text_compile(c, &s);

	strbuf_free(&s.text);
	if (m == NULL)
		return -1;
	strbuf_adds(&c->pending, "Content-Type: text/plain; charset=utf-8\r\n"
	    "Content-Transfer-Encoding: quoted-printable\r\n\r\n");
	c->t->links++;
	return template_text_encode(c, m, "utf-8");
}

/* R92, R96: the message as it is, and behind it a part with the footer. */
static int
add_wrapped(struct compiler *c)
{
	char boundary[32], type[80];

	c->wrapped = true;
	choose_boundary(c->m, boundary, sizeof(boundary));
	snprintf(type, sizeof(type), "multipart/mixed; boundary=\"%s\"",
	    boundary);
	if (header_field_raw(&c->mime, "Content-Type", type, strlen(type),
	    c->e) == -1)
		return -1;
	strbuf_addf(&c->pending, "--%s\r\n", boundary);
	if (add_part(c, 0) == -1)
		return -1;
	strbuf_addf(&c->pending, "\r\n--%s\r\n", boundary);
	if (add_footer_part(c) == -1)
		return -1;
	strbuf_addf(&c->pending, "\r\n--%s--\r\n", boundary);
	return 0;
}

int
template_body_compile(struct compiler *c)
{
	bool sealed = false;

	if (has_text(c->m, 0, &sealed)) {
		if (add_part(c, 0) == -1)
			return -1;
		if (c->m->part[0].multipart)
			strbuf_add(&c->pending, "\r\n", 2);
	} else if (!sealed) {
		err_set(c->e, ERR_INPUT, "the message has no text in which "
		    "the unsubscribe link could stand (R92)");
		return -1;
	} else if (add_wrapped(c) == -1)
		return -1;
	return template_flush(c);
}
