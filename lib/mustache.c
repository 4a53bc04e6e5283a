/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mustache.c - compile Mustache text to a flat list of operations.
 *
 * The source is cut at its tags.  Literals and names are copied into one
 * buffer; a literal that touches the one before it grows that one, so two
 * literals never follow each other, which the message encoder relies on.
 * While compiling, op.text is NULL and op.peer of a literal or name holds its
 * offset in the buffer, which may still move.
 */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "lib/err.h"
#include "lib/mustache_private.h"
#include "lib/xmalloc.h"

struct compiler {
	struct mustache			*m;
	const struct mustache_params	*params;
	const char			*src, *end;
	const char			*pos;	/* first octet not yet used */
	size_t				*offset;	/* of each op's text */
	size_t				 cap;		/* of op and offset */
	uint32_t			 line;		/* of pos */
	uint32_t			 open[MUSTACHE_DEPTH_MAX];
	unsigned			 depth;
	struct err			*e;
};

/* One tag as found: all pointers into the source. */
struct tag {
	const char	*begin, *end;	/* with its braces */
	char		 sigil;		/* # ^ / ! & { or 0 */
	const char	*name;
	size_t		 len;
};

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t';
}

static bool
is_space(char c)
{
	return is_blank(c) || c == '\r' || c == '\n';
}

static bool
is_name_octet(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	    (c >= '0' && c <= '9') || c == '_' || c == '-' ||
	    (unsigned char)c >= 0x80;
}

static uint32_t
count_lines(const char *from, const char *to)
{
	uint32_t n = 0;

	for (; from < to; from++)
		n += *from == '\n';
	return n;
}

/* Find text in [p, end). */
static const char *
find(const char *p, const char *end, const char *text, size_t len)
{
	return memmem(p, (size_t)(end - p), text, len);
}

static int
grow(struct compiler *c)
{
	size_t cap = c->cap != 0 ? c->cap * 2 : 16;
	struct mustache_op *op;
	size_t *offset;

	op = reallocarray(c->m->op, cap, sizeof(*op));
	if (op != NULL)
		c->m->op = op;
	offset = reallocarray(c->offset, cap, sizeof(*offset));
	if (offset != NULL)
		c->offset = offset;
	if (op == NULL || offset == NULL) {
		err_set(c->e, ERR_SYSTEM, "no memory for a template");
		return -1;
	}
	c->cap = cap;
	return 0;
}

static int
add_op(struct compiler *c, enum mustache_op_type type, const char *text,
    size_t len)
{
	struct mustache *m = c->m;
	struct mustache_op *op;

	if (type == MUSTACHE_LITERAL) {
		if (len == 0)
			return 0;
		op = m->ops > 0 ? &m->op[m->ops - 1] : NULL;
		if (op != NULL && op->type == MUSTACHE_LITERAL) {
			strbuf_add(&m->bytes, text, len);
			op->len += len;
			return 0;
		}
	}
	if (m->ops == MUSTACHE_OPS_MAX) {
		err_set(c->e, ERR_LIMIT, "line %u: more than %d tags",
		    (unsigned)c->line, MUSTACHE_OPS_MAX);
		return -1;
	}
	if (m->ops == c->cap && grow(c) == -1)
		return -1;
	op = &m->op[m->ops];
	*op = (struct mustache_op){ .type = type, .builtin = -1,
	    .context = c->params->context, .line = c->line, .len = len,
	    .depth = (uint16_t)c->depth };
	c->offset[m->ops++] = m->bytes.len;
	strbuf_add(&m->bytes, text, len);
	return 0;
}

static int
tag_error(struct compiler *c, const char *why, const struct tag *t)
{
	err_set(c->e, ERR_INPUT, "line %u: %s \"{{%.*s\"",
	    (unsigned)c->line, why,
	    (int)(t->end - t->begin - 2 > 60 ? 60 : t->end - t->begin - 2),
	    t->begin + 2);
	return -1;
}

/* Read the tag at t->begin: its end, kind and trimmed name. */
static int
read_tag(struct compiler *c, struct tag *t)
{
	const char *p = t->begin + 2, *close = "}}", *stop;

	t->sigil = 0;
	t->end = c->end;
	if (p < c->end && strchr("#^/!&{=>$<", *p) != NULL && *p != '\0')
		t->sigil = *p++;
	if (t->sigil == '{')
		close = "}}}";
	if ((stop = find(p, c->end, close, strlen(close))) == NULL)
		return tag_error(c, "unclosed tag", t);
	t->end = stop + strlen(close);
	while (p < stop && is_space(*p))
		p++;
	while (stop > p && is_space(stop[-1]))
		stop--;
	t->name = p;
	t->len = (size_t)(stop - p);
	switch (t->sigil) {
	case '=':
		return tag_error(c, "delimiters cannot be changed:", t);
	case '>':
		return tag_error(c, "partials are not supported:", t);
	case '$':
	case '<':
		return tag_error(c, "inheritance is not supported:", t);
	default:
		return 0;
	}
}

/* Check a name and count its parts; "." alone has none. */
static int
check_name(struct compiler *c, const struct tag *t, uint8_t *parts_r)
{
	unsigned parts = 1;

	if (t->len == 0)
		return tag_error(c, "tag without a name:", t);
	if (t->len > MUSTACHE_NAME_MAX) {
		err_set(c->e, ERR_LIMIT, "line %u: name longer than %d octets",
		    (unsigned)c->line, MUSTACHE_NAME_MAX);
		return -1;
	}
	if (t->len == 1 && t->name[0] == '.') {
		*parts_r = 0;
		return 0;
	}
	for (size_t i = 0; i < t->len; i++) {
		if (is_name_octet(t->name[i]))
			continue;
		/* A dot stands between two parts and nowhere else. */
		if (t->name[i] != '.' || i == 0 || i + 1 == t->len ||
		    t->name[i - 1] == '.')
			return tag_error(c, "bad name in", t);
		parts++;
	}
	if (parts > MUSTACHE_PARTS_MAX) {
		err_set(c->e, ERR_LIMIT, "line %u: more than %d parts in a "
		    "name", (unsigned)c->line, MUSTACHE_PARTS_MAX);
		return -1;
	}
	*parts_r = (uint8_t)parts;
	return 0;
}

static int16_t
find_builtin(const struct mustache_params *p, const char *name, size_t len)
{
	for (size_t i = 0; i < p->builtins; i++)
		if (strlen(p->builtin[i]) == len &&
		    memcmp(p->builtin[i], name, len) == 0)
			return (int16_t)i;
	return -1;
}

static int
add_named(struct compiler *c, const struct tag *t, enum mustache_op_type type)
{
	struct mustache_op *op;
	uint8_t parts;

	if (check_name(c, t, &parts) == -1 ||
	    add_op(c, type, t->name, t->len) == -1)
		return -1;
	op = &c->m->op[c->m->ops - 1];
	op->parts = parts;
	op->builtin = find_builtin(c->params, t->name, t->len);
	if (t->sigil == '{' || t->sigil == '&') {
		op->raw = c->params->trusted != NULL && op->builtin == -1 &&
		    c->params->trusted(c->params->trusted_arg, t->name,
		    t->len);
		if (!op->raw)
			return tag_error(c, "only a trusted attribute may "
			    "stand unescaped:", t);
	}
	return 0;
}

static int
open_section(struct compiler *c, const struct tag *t)
{
	if (c->depth == MUSTACHE_DEPTH_MAX) {
		err_set(c->e, ERR_LIMIT, "line %u: sections nested deeper "
		    "than %d", (unsigned)c->line, MUSTACHE_DEPTH_MAX);
		return -1;
	}
	if (add_named(c, t, t->sigil == '#' ? MUSTACHE_SECTION :
	    MUSTACHE_INVERTED) == -1)
		return -1;
	c->open[c->depth++] = (uint32_t)(c->m->ops - 1);
	return 0;
}

static int
close_section(struct compiler *c, const struct tag *t)
{
	const struct mustache_op *start;
	uint32_t at;

	if (c->depth == 0)
		return tag_error(c, "nothing is open for", t);
	at = c->open[--c->depth];
	start = &c->m->op[at];
	if (start->len != t->len || memcmp(c->m->bytes.s + c->offset[at],
	    t->name, t->len) != 0) {
		err_set(c->e, ERR_INPUT, "line %u: {{/%.*s}} closes "
		    "{{%c%.*s}} of line %u", (unsigned)c->line, (int)t->len,
		    t->name, start->type == MUSTACHE_SECTION ? '#' : '^',
		    (int)start->len, c->m->bytes.s + c->offset[at],
		    (unsigned)start->line);
		return -1;
	}
	if (add_named(c, t, MUSTACHE_END) == -1)
		return -1;
	c->m->op[c->m->ops - 1].peer = at;
	c->m->op[at].peer = (uint32_t)(c->m->ops - 1);
	return 0;
}

/*
 * A section tag or comment alone on its line takes the whole line with it.
 * Narrow *before (end of the literal in front) and *after when that is so.
 */
static void
widen_standalone(const struct compiler *c, const struct tag *t,
    const char **before, const char **after)
{
	const char *p = t->begin, *q = t->end;

	if (t->sigil == 0 || t->sigil == '{' || t->sigil == '&')
		return;
	while (p > c->src && is_blank(p[-1]))
		p--;
	if (p > c->src && p[-1] != '\n')
		return;
	while (q < c->end && is_blank(*q))
		q++;
	if (q + 1 < c->end && q[0] == '\r' && q[1] == '\n')
		q += 2;
	else if (q < c->end && *q == '\n')
		q++;
	else if (q < c->end)
		return;
	*before = p;
	*after = q;
}

static int
compile_tag(struct compiler *c, const struct tag *t)
{
	switch (t->sigil) {
	case '!':
		return 0;
	case '#':
	case '^':
		return open_section(c, t);
	case '/':
		return close_section(c, t);
	default:
		return add_named(c, t, MUSTACHE_VARIABLE);
	}
}

static int
compile_all(struct compiler *c)
{
	const char *before, *after;
	struct tag t;

	while ((t.begin = find(c->pos, c->end, "{{", 2)) != NULL) {
		c->line += count_lines(c->pos, t.begin);
		if (read_tag(c, &t) == -1)
			return -1;
		before = t.begin;
		after = t.end;
		widen_standalone(c, &t, &before, &after);
		if (add_op(c, MUSTACHE_LITERAL, c->pos,
		    (size_t)(before - c->pos)) == -1 ||
		    compile_tag(c, &t) == -1)
			return -1;
		c->line += count_lines(t.begin, after);
		c->pos = after;
	}
	if (c->depth > 0) {
		const struct mustache_op *op =
		    &c->m->op[c->open[c->depth - 1]];

		err_set(c->e, ERR_INPUT, "line %u: {{%c%.*s}} is never closed",
		    (unsigned)op->line, op->type == MUSTACHE_SECTION ? '#' :
		    '^', (int)op->len, c->m->bytes.s +
		    c->offset[c->open[c->depth - 1]]);
		return -1;
	}
	return add_op(c, MUSTACHE_LITERAL, c->pos, (size_t)(c->end - c->pos));
}

struct mustache *
mustache_compile(const char *text, size_t len,
    const struct mustache_params *params, struct err *e)
{
	struct mustache *m, *ret = NULL;
	struct compiler c = { .params = params, .src = text,
	    .end = text + len, .pos = text, .line = 1, .e = e };

	if (len > MUSTACHE_TEXT_MAX) {
		err_set(e, ERR_LIMIT, "line 1: template longer than %u octets",
		    MUSTACHE_TEXT_MAX);
		return NULL;
	}
	c.m = m = xcalloc(1, sizeof(*m));
	/* What is copied is a part of the source, so this cannot be passed. */
	strbuf_init(&m->bytes, len);
	if (compile_all(&c) == -1)
		goto out;
	if (m->bytes.overflow) {
		err_set(e, ERR_SYSTEM, "no memory for a template");
		goto out;
	}
	for (size_t i = 0; i < m->ops; i++)
		m->op[i].text = m->bytes.s + c.offset[i];
	ret = m;
	m = NULL;
out:
	free(c.offset);
	mustache_free(m);
	return ret;
}

void
mustache_free(struct mustache *m)
{
	if (m == NULL)
		return;
	free(m->op);
	strbuf_free(&m->bytes);
	free(m);
}

const struct mustache_op *
mustache_ops(const struct mustache *m, size_t *count_r)
{
	*count_r = m->ops;
	return m->op;
}

void
mustache_set_context(struct mustache *m, size_t op,
    enum mustache_context context)
{
	m->op[op].context = context;
}

bool
mustache_is_constant(const struct mustache *m)
{
	return m->ops == 0 ||
	    (m->ops == 1 && m->op[0].type == MUSTACHE_LITERAL);
}
