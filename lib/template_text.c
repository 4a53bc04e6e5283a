/* SPDX-License-Identifier: Apache-2.0 */
/*
 * template_text.c - one body text: compiled, footed, encoded.
 */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/charset.h"
#include "lib/err.h"
#include "lib/template_private.h"
#include "lib/utf8.h"

static struct mustache *
compile_source(struct compiler *c, const struct source *s,
    struct places *places)
{
	const char *trusted = c->p != NULL ? c->p->trusted : NULL;
	const struct mustache_params mp = {
		.context = s->html ? MUSTACHE_HTML : MUSTACHE_TEXT,
		.builtin = template_builtins, .builtins = BUILTINS,
		.trusted = template_is_trusted, .trusted_arg = trusted,
	};
	struct mustache *m;
	struct err why = ERR_INIT;

	m = mustache_compile(s->text.s, s->text.len, &mp, &why);
	if (m == NULL) {
		err_set(c->e, why.code, "%s%s", s->where, why.text);
		return NULL;
	}
	if (template_place(m, s, trusted, places, c->e) == -1) {
		mustache_free(m);
		return NULL;
	}
	return m;
}

/* A campaign's text must show the link, and a postal address if commercial. */
static int
add_footer(struct compiler *c, struct source *s, struct mustache **m,
    const struct places *have)
{
	bool postal = have->postal || !c->p->commercial;
	struct places now;

	if (template_footer(s, c->p, have->link, postal, c->e) == -1)
		return -1;
	s->footed = true;
	mustache_free(*m);
	if ((*m = compile_source(c, s, &now)) == NULL)
		return -1;
	if (!now.link) {
		err_set(c->e, ERR_INPUT, "%sthe footer does not show "
		    "{{unsubscribe_url}}%s", s->where, s->html ?
		    " in the href of an <a>" : "");
		return -1;
	}
	return 0;
}

/* After the footers, which are added where the author shows no link. */
static int
add_reminder(struct compiler *c, struct source *s, struct mustache **m)
{
	struct places now;

	if (template_reminder(s, c->e) == -1)
		return -1;
	s->headed = true;
	mustache_free(*m);
	*m = compile_source(c, s, &now);
	return *m == NULL ? -1 : 0;
}

struct mustache *
template_text_compile(struct compiler *c, struct source *s)
{
	struct places have;
	struct mustache *m;
	int rc = 0;

	if ((m = compile_source(c, s, &have)) == NULL)
		return NULL;
	if (c->m != NULL && !s->footed && (!have.link ||
	    (c->p->commercial && !have.postal)))
		rc = add_footer(c, s, &m, &have);
	if (rc == 0 && c->m != NULL && c->p->reminder && !s->headed)
		rc = add_reminder(c, s, &m);
	if (rc == 0)
		return m;
	mustache_free(m);
	return NULL;
}

/* In the tag at p (its '<'): where the value behind "charset=" lies. */
static bool
find_charset(const char *p, struct slice *value_r)
{
	const char *end = strchr(p, '>'), *at = strcasestr(p, "charset=");
	size_t n;

	if (at == NULL || end == NULL || at > end)
		return false;
	at += 8;
	at += strspn(at, "\"'");
	n = strcspn(at, "\"' \t\r\n;/>");
	*value_r = (struct slice){ (const uint8_t *)at, n };
	return n > 0;
}

int
template_text_retarget(struct source *s, struct err *e)
{
	struct strbuf out = STRBUF_INIT(MUSTACHE_TEXT_MAX);
	const char *p = s->text.s, *tag;
	struct slice value;
	int changed = 0;

	while ((tag = strcasestr(p, "<meta")) != NULL) {
		const char *stop = tag + 5;

		if (find_charset(tag, &value)) {
			stop = (const char *)value.p;
			strbuf_add(&out, p, (size_t)(stop - p));
			strbuf_adds(&out, "utf-8");
			p = stop + value.len;
			changed = 1;
			continue;
		}
		strbuf_add(&out, p, (size_t)(stop - p));
		p = stop;
	}
	strbuf_adds(&out, p);
	if (out.overflow) {
		err_set(e, ERR_LIMIT, "%stext longer than %u octets", s->where,
		    MUSTACHE_TEXT_MAX);
		strbuf_free(&out);
		return -1;
	}
	strbuf_free(&s->text);
	s->text = out;
	return changed;
}

/* Is what the builtin shows ASCII in every copy? */
static bool
is_ascii_builtin(const struct template *t, int builtin)
{
	const char *s = "";

	if (builtin == BUILTIN_LIST)
		s = t->list_title;
	else if (builtin == BUILTIN_POSTAL_ADDRESS)
		s = t->postal_address;
	else if (builtin == -1)
		return false;
	return s == NULL || utf8_is_ascii(s, strlen(s));
}

bool
template_text_fits(struct compiler *c, const struct mustache *m,
    const char *charset)
{
	struct strbuf out = STRBUF_INIT(4 * MUSTACHE_TEXT_MAX);
	const struct mustache_op *op;
	bool fits = true;
	size_t n;

	op = mustache_ops(m, &n);
	for (size_t i = 0; i < n && fits; i++) {
		strbuf_reset(&out);
		if (op[i].type == MUSTACHE_LITERAL)
			fits = charset_from_utf8(charset, op[i].text,
			    op[i].len, &out, NULL) == 0;
		else if (op[i].type == MUSTACHE_VARIABLE)
			fits = is_ascii_builtin(c->t, op[i].builtin);
	}
	strbuf_free(&out);
	return fits;
}

static int
encode_literal(struct compiler *c, const struct mustache_op *op,
    const char *charset, struct run *run)
{
	struct strbuf out = STRBUF_INIT(4 * MUSTACHE_TEXT_MAX);
	struct template *t = c->t;
	size_t at = t->bytes.len;
	unsigned col = 0;
	int ret = -1;

	if (charset_from_utf8(charset, op->text, op->len, &out, c->e) == -1)
		goto out;
	qp_encode(&t->bytes, out.s, out.len, &col);
	run->wire = (struct span){ (uint32_t)at,
	    (uint32_t)(t->bytes.len - at) };
	run->raw = run->canon = run->wire;
	run->end_col = (uint8_t)col;
	run->begins_line = out.len > 0 && (out.s[0] == '\r' ||
	    out.s[0] == '\n');
	ret = 0;
out:
	strbuf_free(&out);
	return ret;
}

int
template_text_encode(struct compiler *c, struct mustache *m,
    const char *charset)
{
	const struct mustache_op *op;
	struct template *t = c->t;
	struct text *bigger, text = { .m = m };
	size_t n;

	op = mustache_ops(m, &n);
	text.run = calloc(n != 0 ? n : 1, sizeof(*text.run));
	bigger = reallocarray(t->text, t->texts + 1, sizeof(*bigger));
	if (bigger != NULL)
		t->text = bigger;
	if (text.run == NULL || bigger == NULL) {
		err_set(c->e, ERR_SYSTEM, "no memory for a template");
		mustache_free(m);
		free(text.run);
		return -1;
	}
	t->text[t->texts++] = text;	/* from here on the template's */
	for (size_t i = 0; i < n; i++)
		if (op[i].type == MUSTACHE_LITERAL && encode_literal(c, &op[i],
		    charset, &text.run[i]) == -1)
			return -1;
	if (template_flush(c) == -1)
		return -1;
	return template_add_segment(c, true, t->texts - 1);
}
