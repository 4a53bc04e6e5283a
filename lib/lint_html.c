/* SPDX-License-Identifier: Apache-2.0 */
/*
 * lint_html.c - text that a reader cannot see (R92, T32).
 *
 * A rough reader of inline styles: it knows the ways in which senders hide
 * text, follows them down the open elements, and says so once a part, and for
 * the unsubscribe link apart.  Style sheets are not applied, so silence proves
 * nothing, and a finding is no worse than SHOULD.  But where
 * {{unsubscribe_url}} stands listd adds no link of its own, so one of them must
 * not be hidden.
 */
#include "config.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "lib/ascii.h"
#include "lib/hex.h"
#include "lib/html_scan.h"
#include "lib/lint_private.h"

#define OPEN_MAX	200	/* elements open inside each other */
#define TINY_PX		7	/* type below this many pixels is not read */
#define PALE		60	/* difference of grey that is still seen */
#define NO_COLOR	(-1)

struct style {
	bool	hidden, tiny;
	int	fore, back;	/* grey, 0 to 255, or NO_COLOR */
};

struct element {
	char		tag[HTML_NAME_MAX + 1];
	struct style	style;
};

struct reader {
	struct lint	*l;
	uint32_t	 part;
	struct element	 open[OPEN_MAX];
	unsigned	 depth;
	struct style	 next;		/* of the tag being read */
	char		 href[HTML_VALUE_MAX + 1];
	bool		 said_text, said_link, in_link, in_entity;
	bool		 in_ours;	/* a link that our placeholder makes */
	bool		 ours, ours_shown;	/* there was one; one to click */
	const struct html_scan *scan;
};

/* ---- values of CSS */

static int
grey(int r, int g, int b)
{
	return (r * 299 + g * 587 + b * 114) / 1000;
}

/* Read "#rgb", "#rrggbb" or a name; NO_COLOR for all else. */
static int
read_color(const char *s)
{
	int d[6];
	int n = 0;

	if (strcmp(s, "white") == 0)
		return 255;
	if (strcmp(s, "black") == 0)
		return 0;
	if (*s++ != '#')
		return NO_COLOR;
	for (; n < 6 && hex_digit(s[n]) != -1; n++)
		d[n] = hex_digit(s[n]);
	if (s[n] != '\0' || (n != 3 && n != 6))
		return NO_COLOR;
	if (n == 3)
		return grey(d[0] * 17, d[1] * 17, d[2] * 17);
	return grey(d[0] * 16 + d[1], d[2] * 16 + d[3], d[4] * 16 + d[5]);
}

/* A number with its unit as hundredths of it, -1 when there is none. */
static int
read_number(const char *s, const char **unit_r)
{
	int whole = 0, part = 0, digits = 0;
	int scale = 10;

	for (; *s >= '0' && *s <= '9'; s++, digits++)
		whole = whole < 100000 ? whole * 10 + (*s - '0') : whole;
	if (*s == '.')
		for (s++; *s >= '0' && *s <= '9'; s++, digits++) {
			part += (*s - '0') * scale;
			scale /= 10;
		}
	*unit_r = s;
	return digits != 0 ? whole * 100 + part : -1;
}

static bool
is_tiny(const char *value)
{
	const char *unit;
	int n = read_number(value, &unit);

	if (n == -1)
		return false;
	if (strcmp(unit, "em") == 0 || strcmp(unit, "rem") == 0)
		return n * 16 < TINY_PX * 100;
	if (strcmp(unit, "%") == 0)
		return n * 16 / 100 < TINY_PX * 100;
	if (strcmp(unit, "pt") == 0)
		return n * 4 / 3 < TINY_PX * 100;
	return n < TINY_PX * 100;
}

static bool
is_about_zero(const char *value)
{
	const char *unit;
	int n = read_number(value, &unit);

	return n >= 0 && n <= 10;
}

/* One declaration, both sides in lower case and without blanks. */
static void
apply(struct style *st, const char *name, const char *value)
{
	if (strcmp(name, "display") == 0)
		st->hidden = st->hidden || strcmp(value, "none") == 0;
	else if (strcmp(name, "visibility") == 0)
		st->hidden = st->hidden || strcmp(value, "hidden") == 0 ||
		    strcmp(value, "collapse") == 0;
	else if (strcmp(name, "opacity") == 0)
		st->hidden = st->hidden || is_about_zero(value);
	else if (strcmp(name, "mso-hide") == 0)
		st->hidden = st->hidden || strcmp(value, "all") == 0;
	else if (strcmp(name, "max-height") == 0 ||
	    strcmp(name, "max-width") == 0)
		st->hidden = st->hidden || is_about_zero(value);
	else if (strcmp(name, "text-indent") == 0)
		st->hidden = st->hidden || strncmp(value, "-999", 4) == 0;
	else if (strcmp(name, "font-size") == 0)
		st->tiny = is_tiny(value);
	else if (strcmp(name, "color") == 0)
		st->fore = read_color(value);
	else if (strcmp(name, "background-color") == 0 ||
	    strcmp(name, "background") == 0)
		st->back = read_color(value);
}

/* Copy until one of stop, without blanks, in lower case, cut to size. */
static const char *
copy_until(const char *p, const char *stop, char *out, size_t size)
{
	size_t n = 0;

	for (; *p != '\0' && strchr(stop, *p) == NULL; p++) {
		char c = ascii_lower(*p);

		if (strchr(" \t\r\n", c) == NULL && n < size - 1)
			out[n++] = c;
	}
	out[n] = '\0';
	return p;
}

static void
apply_style(struct style *st, const char *css)
{
	char name[40], value[40], *important;

	while (*css != '\0') {
		css = copy_until(css, ":;", name, sizeof(name));
		if (*css == ':') {
			css = copy_until(css + 1, ";", value, sizeof(value));
			if ((important = strchr(value, '!')) != NULL)
				*important = '\0';
			apply(st, name, value);
		}
		if (*css == ';')
			css++;
	}
}

/* ---- elements */

static bool
is_void(const char *tag)
{
	static const char *const voids[] = { "area", "base", "br", "col",
	    "embed", "hr", "img", "input", "link", "meta", "source", "wbr" };

	for (size_t i = 0; i < sizeof(voids) / sizeof(voids[0]); i++)
		if (strcmp(voids[i], tag) == 0)
			return true;
	return false;
}

static struct style
current(const struct reader *r)
{
	static const struct style page = { false, false, 0, 255 };

	return r->depth > 0 ? r->open[r->depth - 1].style : page;
}

static bool
is_pale(const struct style *st)
{
	return st->fore != NO_COLOR && st->back != NO_COLOR &&
	    abs(st->fore - st->back) < PALE;
}

static const char *
how_hidden(const struct style *st)
{
	if (st->hidden)
		return "hidden by its style";
	if (st->tiny)
		return "in type too small to read";
	if (is_pale(st))
		return "in the color of its background";
	return NULL;
}

/* The placeholder's name or an author's own address both say it. */
static bool
mentions_link(const char *s)
{
	return strcasestr(s, "unsubscribe") != NULL;
}

static void
say_link(struct reader *r, const struct style *st)
{
	const char *how = how_hidden(st);

	if (how == NULL || r->said_link)
		return;
	r->said_link = true;
	lint_add(r->l, LINT_SHOULD, "T32", r->part,
	    r->l->m->part[r->part].body_line, "the unsubscribe link is %s",
	    how);
}

static void
on_attribute(struct reader *r)
{
	const struct html_scan *s = r->scan;

	if (s->closing)
		return;
	if (strcmp(s->attribute, "style") == 0)
		apply_style(&r->next, s->value);
	else if (strcmp(s->attribute, "hidden") == 0)
		r->next.hidden = true;
	else if (strcmp(s->attribute, "bgcolor") == 0)
		apply(&r->next, "background-color", s->value);
	else if (strcmp(s->attribute, "color") == 0)
		apply(&r->next, "color", s->value);
	else if (strcmp(s->attribute, "href") == 0)
		strcpy(r->href, s->value);
}

static void
close_element(struct reader *r, const char *tag)
{
	for (unsigned d = r->depth; d-- > 0; )
		if (strcmp(r->open[d].tag, tag) == 0) {
			r->depth = d;
			break;
		}
}

static void
on_tag_end(struct reader *r)
{
	const struct html_scan *s = r->scan;

	if (strcmp(s->tag, "a") == 0)
		r->in_link = r->in_ours = false;
	if (s->closing) {
		close_element(r, s->tag);
		return;
	}
	if (strcmp(s->tag, "a") == 0 && mentions_link(r->href)) {
		r->in_link = true;
		r->in_ours = strstr(r->href, "unsubscribe_url") != NULL;
		r->ours = r->ours || r->in_ours;
		if (r->next.hidden)
			say_link(r, &r->next);
	}
	if (strcmp(s->tag, "img") == 0 && r->in_ours && !r->next.hidden)
		r->ours_shown = true;
	if (is_void(s->tag) || s->self_closing || r->depth == OPEN_MAX)
		return;
	strcpy(r->open[r->depth].tag, s->tag);
	r->open[r->depth++].style = r->next;
}

/* Only text tells whether small or pale type hides anything. */
static void
on_text(struct reader *r)
{
	struct style st = current(r);
	const char *how = how_hidden(&st);

	/* "&nbsp;" and its like only keep cells open. */
	if (r->in_entity || r->scan->c == '&') {
		r->in_entity = r->scan->c != ';';
		return;
	}
	if (strchr(" \t\r\n", r->scan->c) != NULL)
		return;
	if (r->in_ours && !st.hidden)
		r->ours_shown = true;
	if (how == NULL)
		return;
	if (r->in_link)
		say_link(r, &st);
	if (r->said_text)
		return;
	r->said_text = true;
	lint_add(r->l, LINT_SHOULD, "R92", r->part,
	    r->l->m->part[r->part].body_line, "text %s; filters take it for "
	    "a trick", how);
}

static void
on_event(void *arg, enum html_event event, const struct html_scan *s)
{
	struct reader *r = arg;

	r->scan = s;
	switch (event) {
	case HTML_TAG_BEGIN:
		r->in_entity = false;
		r->next = current(r);
		r->href[0] = '\0';
		break;
	case HTML_ATTRIBUTE:
		on_attribute(r);
		break;
	case HTML_TAG_END:
		on_tag_end(r);
		break;
	case HTML_TEXT:
		on_text(r);
		break;
	}
}

void
lint_html(struct lint *l, uint32_t part, const char *text, size_t len)
{
	struct reader r = { .l = l, .part = part };
	struct html_scan s;

	html_scan_init(&s);
	s.event = on_event;
	s.arg = &r;
	html_scan_feed(&s, text, len);
	if (r.ours && !r.ours_shown)
		lint_add(l, LINT_MUST, "R92", part,
		    l->m->part[part].body_line, "the link that "
		    "{{unsubscribe_url}} makes is hidden or empty");
	if (s.state != HTML_DATA)
		lint_add(l, LINT_SHOULD, "R92", part,
		    l->m->part[part].body_line, "the HTML ends %s",
		    html_scan_describe(&s));
}
