/* SPDX-License-Identifier: Apache-2.0 */
/*
 * template_footer.c - put under a text, or over it, what the law and receivers
 * ask for.
 *
 * Footers are added to a text's source, before it is compiled, so that they
 * share its charset, its encoding and its rules.  In plain text they stand
 * behind a signature mark; in format=flowed (RFC 3676) no line of theirs can
 * join a paragraph.  In HTML they stand before the last </body>.
 */
#include "config.h"

#include <string.h>

#include "lib/err.h"
#include "lib/html_scan.h"
#include "lib/template_private.h"

static const char default_text[] =
    "You get this because you subscribed to {{#list}}{{list}}{{/list}}"
    "{{^list}}this list{{/list}}.\r\n"
    "Unsubscribe: {{unsubscribe_url}}\r\n";

static const char default_html[] =
    "<p>You get this because you subscribed to {{#list}}{{list}}{{/list}}"
    "{{^list}}this list{{/list}}. "
    "<a href=\"{{unsubscribe_url}}\">Unsubscribe</a></p>\r\n";

/* S69: nobody remembers a list that was silent for a year. */
static const char reminder_text[] =
    "{{#list}}{{list}}{{/list}}{{^list}}This list{{/list}} has not written "
    "for a long time.\r\n"
    "You get this because you subscribed to it{{#member_since}} on "
    "{{member_since}}{{/member_since}}.\r\n"
    "If you do not want its mail any more, leave here:\r\n"
    "{{unsubscribe_url}}\r\n";

static const char reminder_html[] =
    "<p>{{#list}}{{list}}{{/list}}{{^list}}This list{{/list}} has not "
    "written for a long time. You get this because you subscribed to it"
    "{{#member_since}} on {{member_since}}{{/member_since}}. If you do not "
    "want its mail any more, <a href=\"{{unsubscribe_url}}\">leave it "
    "here</a>.</p>\r\n<hr>\r\n";

/* Append a text with CRLF line ends, and one at its end. */
static void
add_lines(struct strbuf *out, const char *text, bool flowed)
{
	size_t n;

	while (*text != '\0') {
		n = strcspn(text, "\r\n");
		/* RFC 3676 section 4.4 and 4.1: stuffing, and no soft end. */
		if (flowed && (*text == ' ' || *text == '>' ||
		    strncmp(text, "From ", 5) == 0))
			strbuf_addc(out, ' ');
		strbuf_add(out, text, n);
		while (flowed && out->len > 0 && out->s[out->len - 1] == ' ')
			strbuf_truncate(out, out->len - 1);
		strbuf_add(out, "\r\n", 2);
		text += n;
		if (text[0] == '\r' && text[1] == '\n')
			text++;
		if (*text != '\0')
			text++;
	}
}

/* What stays as it is in HTML text and is no placeholder. */
static void
add_html_literal(struct strbuf *out, const char *p, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if (p[i] == '{' || p[i] == '}')
			strbuf_addf(out, "&#%d;", p[i]);
		else
			mustache_escape(out, MUSTACHE_HTML, p + i, 1);
	}
}

static void
add_html_postal(struct strbuf *out, const char *postal)
{
	bool first = true;
	size_t n;

	strbuf_adds(out, "<p>");
	for (; *postal != '\0'; postal += n) {
		postal += strspn(postal, "\r\n");
		n = strcspn(postal, "\r\n");
		if (n == 0)
			break;
		if (!first)
			strbuf_adds(out, "<br>\r\n");
		first = false;
		add_html_literal(out, postal, n);
	}
	strbuf_adds(out, "</p>\r\n");
}

/* ---- where HTML ends */

struct body_end {
	size_t	 at;		/* octet in the source, SIZE_MAX: none */
	size_t	 begin;		/* behind <body>, or </head>; likewise */
	bool	 in_body;	/* begin is that of <body> */
	size_t	 base;		/* in the source, of the scanner's octet 0 */
	unsigned depth;		/* sections open here */
};

static void
on_tag(void *arg, enum html_event event, const struct html_scan *s)
{
	struct body_end *b = arg;

	if (event == HTML_TAG_END && b->depth == 0 && !s->conditional &&
	    !b->in_body && strcmp(s->tag, s->closing ? "head" :
	    "body") == 0) {
		b->begin = b->base + s->at + 1;
		b->in_body = !s->closing;
	}
	if (event == HTML_TAG_BEGIN && s->closing && b->depth == 0 &&
	    !s->conditional && (strcmp(s->tag, "body") == 0 ||
	    (strcmp(s->tag, "html") == 0 && b->at == SIZE_MAX)))
		b->at = b->base + s->tag_at;
}

/*
 * The end: before the last </body> (or the first </html> when there is none),
 * or at the end.  The source has compiled before, so each "{{" has its "}}".
 */
static struct body_end
find_body(const struct strbuf *text)
{
	struct body_end b = { .at = SIZE_MAX, .begin = SIZE_MAX };
	const char *p = text->s, *end = p + text->len, *open, *close;
	struct html_scan s;

	html_scan_init(&s);
	s.event = on_tag;
	s.arg = &b;
	while ((open = memmem(p, (size_t)(end - p), "{{", 2)) != NULL &&
	    (close = memmem(open, (size_t)(end - open), "}}", 2)) != NULL) {
		html_scan_feed(&s, p, (size_t)(open - p));
		if (open[2] == '#' || open[2] == '^')
			b.depth++;
		else if (open[2] == '/')
			b.depth -= b.depth > 0;
		else if (open[2] != '!')
			html_scan_value(&s);
		p = close + 2;
		p += open[2] == '{' && p < end && *p == '}';
		/* tag_at counts what was fed; tags are not. */
		b.base = (size_t)(p - text->s) - s.at;
	}
	html_scan_feed(&s, p, (size_t)(end - p));
	if (b.at == SIZE_MAX)
		b.at = text->len;
	return b;
}

static int
insert(struct source *s, size_t at, const struct strbuf *what, struct err *e)
{
	struct strbuf whole = STRBUF_INIT(MUSTACHE_TEXT_MAX);

	strbuf_add(&whole, s->text.s, at);
	strbuf_add(&whole, what->s, what->len);
	strbuf_add(&whole, s->text.s + at, s->text.len - at);
	if (whole.overflow) {
		err_set(e, ERR_LIMIT, "%stext longer than %u octets", s->where,
		    MUSTACHE_TEXT_MAX);
		strbuf_free(&whole);
		return -1;
	}
	strbuf_free(&s->text);
	s->text = whole;
	return 0;
}

static int
html_footer(struct source *s, const struct template_params *p, bool link,
    bool postal, struct err *e)
{
	struct strbuf out = STRBUF_INIT(2 * TEMPLATE_FOOTER_MAX * 6);
	size_t at = find_body(&s->text).at;
	int ret;

	if (at == s->text.len && at > 0 && s->text.s[at - 1] != '\n')
		strbuf_adds(&out, "\r\n");
	if (!link)
		add_lines(&out, p->footer_html != NULL ? p->footer_html :
		    default_html, false);
	if (!postal && strstr(out.s, "{{postal_address}}") == NULL)
		add_html_postal(&out, p->postal_address);
	ret = insert(s, at, &out, e);
	strbuf_free(&out);
	return ret;
}

static int
text_footer(struct source *s, const struct template_params *p, bool link,
    bool postal, struct err *e)
{
	struct strbuf out = STRBUF_INIT(4 * TEMPLATE_FOOTER_MAX);
	int ret;

	if (s->text.len > 0 && s->text.s[s->text.len - 1] != '\n')
		strbuf_adds(&out, "\r\n");
	strbuf_adds(&out, "\r\n-- \r\n");
	if (!link)
		add_lines(&out, p->footer_text != NULL ? p->footer_text :
		    default_text, s->flowed);
	if (!postal && strstr(out.s, "{{postal_address}}") == NULL)
		strbuf_adds(&out, "{{postal_address}}\r\n");
	ret = insert(s, s->text.len, &out, e);
	strbuf_free(&out);
	return ret;
}

int
template_footer(struct source *s, const struct template_params *p, bool link,
    bool postal, struct err *e)
{
	return s->html ? html_footer(s, p, link, postal, e) :
	    text_footer(s, p, link, postal, e);
}

int
template_reminder(struct source *s, struct err *e)
{
	struct strbuf out = STRBUF_INIT(TEMPLATE_FOOTER_MAX);
	size_t at = s->html ? find_body(&s->text).begin : 0;
	int ret;

	if (at == SIZE_MAX)
		at = 0;
	add_lines(&out, s->html ? reminder_html : reminder_text, s->flowed);
	if (!s->html)
		strbuf_adds(&out, "\r\n");
	ret = insert(s, at, &out, e);
	strbuf_free(&out);
	return ret;
}
