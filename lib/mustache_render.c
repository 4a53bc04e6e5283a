/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mustache_render.c - walk a compiled template with one person's values.
 *
 * The walk is a loop with its own stack of contexts, one for the root and one
 * for each open section.  It allocates nothing.  Steps are counted, because
 * lists inside lists could make a walk long that writes nothing.
 */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/err.h"
#include "lib/mustache_private.h"

/* A value found: JSON, or the text of a builtin; neither when missing. */
struct found {
	const json_t		*json;
	const struct slice	*text;
};

struct frame {
	struct found	 ctx;
	const json_t	*list;	/* being iterated, or NULL */
	size_t		 next;	/* index in it of the element after ctx */
};

struct walk {
	const struct mustache		*m;
	const struct mustache_data	*data;
	struct frame			 stack[MUSTACHE_DEPTH_MAX + 1];
	unsigned			 depth;		/* top of stack */
	char				 number[40];
};

/*
 * Octets that cannot stand as they are: one bit each for 0x00-0x7f by 32,
 * and one word for everything above.
 */
static const uint32_t special[][5] = {
	[MUSTACHE_TEXT] = { 0xffffd9ff, 0, 0, 0x80000000, 0 },
	[MUSTACHE_LINE] = { 0xfffffdff, 0, 0, 0x80000000, 0 },
	[MUSTACHE_HTML] = { 0xffffd9ff, 0x500000c4, 0, 0x80000000, 0 },
	[MUSTACHE_URL] = { 0xffffffff, 0xfc009fff, 0x78000001, 0xb8000001,
	    0xffffffff },
	[MUSTACHE_HEADER] = { 0xffffffff, 0, 0, 0x80000000, 0 },
};

bool
mustache_is_special(enum mustache_context context, uint8_t c)
{
	return special[context][c < 0x80 ? c >> 5 : 4] >> (c & 31) & 1;
}

size_t
mustache_escape_octet(enum mustache_context context, uint8_t c,
    char out[static MUSTACHE_ESCAPED_MAX])
{
	static const char hex[] = "0123456789ABCDEF";
	const char *as = " ";

	if (context == MUSTACHE_URL) {
		out[0] = '%';
		out[1] = hex[c >> 4];
		out[2] = hex[c & 15];
		return 3;
	}
	switch (c) {
	case '&': as = "&amp;"; break;
	case '<': as = "&lt;"; break;
	case '>': as = "&gt;"; break;
	case '"': as = "&quot;"; break;
	case '\'': as = "&#39;"; break;
	}
	/* Every other special octet is a control, and becomes the space. */
	memcpy(out, as, strlen(as));
	return strlen(as);
}

void
mustache_escape(struct strbuf *out, enum mustache_context context,
    const char *p, size_t len)
{
	char as[MUSTACHE_ESCAPED_MAX];
	size_t run;

	while (len > 0) {
		for (run = 0; run < len; run++)
			if (mustache_is_special(context, (uint8_t)p[run]))
				break;
		strbuf_add(out, p, run);
		if (run == len)
			break;
		strbuf_add(out, as, mustache_escape_octet(context,
		    (uint8_t)p[run], as));
		p += run + 1;
		len -= run + 1;
	}
}

static size_t
part_len(const char *p, const char *end)
{
	const char *dot = memchr(p, '.', (size_t)(end - p));

	return (size_t)((dot != NULL ? dot : end) - p);
}

/*
 * The first part is looked for from the innermost context outwards; the rest
 * of a dotted name only inside what was found.
 */
static struct found
look_up(const struct walk *w, const struct mustache_op *op)
{
	const char *p = op->text, *end = op->text + op->len;
	struct found none = { NULL, NULL }, at = none;
	size_t len;

	if (op->builtin >= 0)
		return (struct found){ NULL, &w->data->builtin[op->builtin] };
	if (op->parts == 0)
		return w->stack[w->depth].ctx;
	len = part_len(p, end);
	for (unsigned d = w->depth + 1; d-- > 0 && at.json == NULL; )
		at.json = json_object_getn(w->stack[d].ctx.json, p, len);
	for (unsigned i = 1; i < op->parts && at.json != NULL; i++) {
		p += len + 1;
		len = part_len(p, end);
		at.json = json_object_getn(at.json, p, len);
	}
	return at;
}

static bool
is_true(const struct found *f)
{
	if (f->text != NULL)
		return f->text->len > 0;
	switch (f->json != NULL ? json_typeof(f->json) : JSON_NULL) {
	case JSON_NULL:
	case JSON_FALSE:
		return false;
	case JSON_ARRAY:
		return json_array_size(f->json) > 0;
	case JSON_STRING:
		return json_string_length(f->json) > 0;
	default:
		return true;
	}
}

/* The shortest decimal that reads back as the same number. */
static size_t
format_real(char *out, size_t size, double v)
{
	for (int digits = 15; digits <= 17; digits++) {
		snprintf(out, size, "%.*g", digits, v);
		if (strtod(out, NULL) == v)
			break;
	}
	return strlen(out);
}

static struct slice
text_of(struct walk *w, const struct found *f)
{
	struct slice s = { (const uint8_t *)w->number, 0 };

	if (f->text != NULL)
		return *f->text;
	switch (f->json != NULL ? json_typeof(f->json) : JSON_NULL) {
	case JSON_STRING:
		s.p = (const uint8_t *)json_string_value(f->json);
		s.len = json_string_length(f->json);
		break;
	case JSON_INTEGER:
		snprintf(w->number, sizeof(w->number),
		    "%" JSON_INTEGER_FORMAT, json_integer_value(f->json));
		s.len = strlen(w->number);
		break;
	case JSON_REAL:
		s.len = format_real(w->number, sizeof(w->number),
		    json_real_value(f->json));
		break;
	case JSON_TRUE:
		s = (struct slice){ (const uint8_t *)"true", 4 };
		break;
	case JSON_FALSE:
		s = (struct slice){ (const uint8_t *)"false", 5 };
		break;
	default:
		break;
	}
	return s;
}

/* Enter or skip the section at op index i; the index to go on with. */
static size_t
enter(struct walk *w, size_t i)
{
	const struct mustache_op *op = &w->m->op[i];
	struct found f = look_up(w, op);
	struct frame *top;

	if (is_true(&f) != (op->type == MUSTACHE_SECTION))
		return (size_t)op->peer + 1;
	top = &w->stack[++w->depth];
	*top = (struct frame){ .ctx = w->stack[w->depth - 1].ctx };
	if (op->type == MUSTACHE_SECTION) {
		top->ctx = f;
		if (f.json != NULL && json_is_array(f.json)) {
			top->list = f.json;
			top->ctx.json = json_array_get(f.json, 0);
			top->next = 1;
		}
	}
	return i + 1;
}

/* At the end of a section: the next element of its list, or out of it. */
static size_t
leave(struct walk *w, size_t i)
{
	struct frame *top = &w->stack[w->depth];

	if (top->list != NULL && top->next < json_array_size(top->list)) {
		top->ctx.json = json_array_get(top->list, top->next++);
		return (size_t)w->m->op[i].peer + 1;
	}
	w->depth--;
	return i + 1;
}

int
mustache_walk(const struct mustache *m, const struct mustache_data *data,
    const struct mustache_sink *sink, void *arg, struct err *e)
{
	struct walk w = { .m = m, .data = data };
	struct found f;
	struct slice s;
	size_t steps = 0;

	w.stack[0].ctx.json = data->root;
	for (size_t i = 0; i < m->ops; ) {
		if (++steps > MUSTACHE_STEPS_MAX) {
			err_set(e, ERR_LIMIT, "line %u: rendering takes more "
			    "than %d steps", (unsigned)m->op[i].line,
			    MUSTACHE_STEPS_MAX);
			return -1;
		}
		switch (m->op[i].type) {
		case MUSTACHE_LITERAL:
			if (sink->literal(arg, i++) == -1)
				return -1;
			break;
		case MUSTACHE_VARIABLE:
			f = look_up(&w, &m->op[i]);
			s = text_of(&w, &f);
			if (sink->value(arg, i++, (const char *)s.p,
			    s.len) == -1)
				return -1;
			break;
		case MUSTACHE_SECTION:
		case MUSTACHE_INVERTED:
			i = enter(&w, i);
			break;
		case MUSTACHE_END:
			i = leave(&w, i);
			break;
		}
	}
	return 0;
}

struct plain {
	const struct mustache	*m;
	struct strbuf		*out;
};

static int
plain_literal(void *arg, size_t op)
{
	const struct plain *p = arg;

	strbuf_add(p->out, p->m->op[op].text, p->m->op[op].len);
	return 0;
}

static int
plain_value(void *arg, size_t op, const char *text, size_t len)
{
	const struct plain *p = arg;

	if (p->m->op[op].raw)
		strbuf_add(p->out, text, len);
	else
		mustache_escape(p->out, p->m->op[op].context, text, len);
	return 0;
}

int
mustache_render(const struct mustache *m, const struct mustache_data *data,
    struct strbuf *out, struct err *e)
{
	static const struct mustache_sink sink = { plain_literal,
	    plain_value };
	struct plain p = { m, out };

	if (mustache_walk(m, data, &sink, &p, e) == -1)
		return -1;
	if (out->overflow) {
		err_set(e, ERR_LIMIT, "rendered text is longer than %zu "
		    "octets", out->max);
		return -1;
	}
	return 0;
}
