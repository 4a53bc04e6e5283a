/* SPDX-License-Identifier: Apache-2.0 */
/*
 * template_place.c - where every placeholder stands, hence how it is escaped.
 *
 * The literals are read in order as if every section showed once.  That is
 * enough because a section must leave HTML where it found it: then it makes
 * no difference whether it shows not at all or many times.
 */
#include "config.h"

#include <string.h>

#include "lib/err.h"
#include "lib/html_scan.h"
#include "lib/template_private.h"

bool
template_is_trusted(const void *list, const char *name, size_t len)
{
	const char *p = list;
	size_t n;

	while (p != NULL && *(p += strspn(p, " ,\t")) != '\0') {
		n = strcspn(p, " ,\t");
		if (n == len && memcmp(p, name, len) == 0)
			return true;
		p += n;
	}
	return false;
}

struct placer {
	struct mustache			*m;
	const struct mustache_op	*op;
	size_t				 ops;
	const struct source		*s;
	const char			*trusted;
	struct places			*r;
	struct err			*e;
};

static int
refuse(struct placer *pl, size_t i, const char *why)
{
	const struct mustache_op *op = &pl->op[i];

	err_set(pl->e, ERR_INPUT, "%sline %u: {{%.*s}} stands %s",
	    pl->s->where, (unsigned)op->line, (int)op->len, op->text, why);
	return -1;
}

/* ---- plain text */

/*
 * Read one literal; *url tells whether it ends inside a URL, and *word holds
 * how many octets of "://" the current word has shown.
 */
static void
follow_url(const char *text, size_t len, bool *url, unsigned *matched)
{
	static const char mark[] = "://";

	for (size_t i = 0; i < len; i++) {
		char c = text[i];

		if ((unsigned char)c <= ' ' || strchr("<>\"()[]", c) != NULL) {
			*url = false;
			*matched = 0;
		} else if (c == mark[*matched]) {
			if (++*matched == 3) {
				*url = true;
				*matched = 0;
			}
		} else {
			*matched = c == ':';
		}
	}
}

static int
place_text(struct placer *pl)
{
	bool url = false;
	unsigned matched = 0;

	for (size_t i = 0; i < pl->ops; i++) {
		const struct mustache_op *op = &pl->op[i];

		if (op->type == MUSTACHE_LITERAL) {
			follow_url(op->text, op->len, &url, &matched);
			continue;
		}
		if (op->type != MUSTACHE_VARIABLE)
			continue;
		mustache_set_context(pl->m, i, url ? MUSTACHE_URL :
		    pl->s->line ? MUSTACHE_LINE : MUSTACHE_TEXT);
		if (op->depth == 0 && !url) {
			pl->r->link |= op->builtin == BUILTIN_UNSUBSCRIBE_URL;
			pl->r->postal |= op->builtin == BUILTIN_POSTAL_ADDRESS;
		}
	}
	return 0;
}

/* ---- HTML */

/* Can the variable be the whole of a URL, its scheme too? */
static bool
may_choose_scheme(const struct placer *pl, const struct mustache_op *op)
{
	return op->builtin == BUILTIN_UNSUBSCRIBE_URL ||
	    (op->builtin == -1 && template_is_trusted(pl->trusted, op->text,
	    op->len));
}

static int
place_variable(struct placer *pl, size_t i, const struct html_scan *scan)
{
	const struct mustache_op *op = &pl->op[i];
	enum html_place place = html_scan_place(scan);

	if (place == HTML_NOWHERE ||
	    (place == HTML_AT_URL && !may_choose_scheme(pl, op)))
		return refuse(pl, i, html_scan_describe(scan));
	if (op->raw && place != HTML_IN_TEXT)
		return refuse(pl, i, "unescaped inside a tag");
	mustache_set_context(pl->m, i, place == HTML_IN_URL ? MUSTACHE_URL :
	    MUSTACHE_HTML);
	if (op->depth > 0 || scan->conditional)
		return 0;
	if (place == HTML_AT_URL && op->builtin == BUILTIN_UNSUBSCRIBE_URL &&
	    strcmp(scan->tag, "a") == 0 && strcmp(scan->attribute, "href") == 0)
		pl->r->link = true;
	if (place == HTML_IN_TEXT && scan->state == HTML_DATA &&
	    op->builtin == BUILTIN_POSTAL_ADDRESS)
		pl->r->postal = true;
	return 0;
}

static int
place_html(struct placer *pl)
{
	struct html_scan scan, start[MUSTACHE_DEPTH_MAX];
	unsigned depth = 0;

	html_scan_init(&scan);
	for (size_t i = 0; i < pl->ops; i++) {
		const struct mustache_op *op = &pl->op[i];

		switch (op->type) {
		case MUSTACHE_LITERAL:
			html_scan_feed(&scan, op->text, op->len);
			break;
		case MUSTACHE_VARIABLE:
			if (place_variable(pl, i, &scan) == -1)
				return -1;
			html_scan_value(&scan);
			break;
		case MUSTACHE_SECTION:
		case MUSTACHE_INVERTED:
			start[depth++] = scan;
			break;
		case MUSTACHE_END:
			if (!html_scan_same(&start[--depth], &scan))
				return refuse(pl, i, "at another place of the "
				    "markup than its section began");
			break;
		}
	}
	if (!html_scan_between_tags(&scan) && pl->ops > 0) {
		err_set(pl->e, ERR_INPUT, "%sthe HTML ends %s", pl->s->where,
		    html_scan_describe(&scan));
		return -1;
	}
	return 0;
}

int
template_place(struct mustache *m, const struct source *s,
    const char *trusted, struct places *r, struct err *e)
{
	struct placer pl = { .m = m, .s = s, .trusted = trusted, .r = r,
	    .e = e };

	pl.op = mustache_ops(m, &pl.ops);
	*r = (struct places){ false, false };
	return s->html ? place_html(&pl) : place_text(&pl);
}
