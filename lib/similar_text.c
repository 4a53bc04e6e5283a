/* SPDX-License-Identifier: Apache-2.0 */
/*
 * similar_text.c - what a message shows, as paragraphs of plain text.
 *
 * Of alternatives the one in HTML is taken, which most people see, so that a
 * message means the same with and without a copy in plain text.
 */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "lib/charset.h"
#include "lib/err.h"
#include "lib/header.h"
#include "lib/html_scan.h"
#include "lib/mime_out.h"
#include "lib/similar_private.h"
#include "lib/utf8.h"

#define ENTITY_MAX	31	/* octets of a character reference */

/* Elements that end no paragraph. */
static const char *const inline_elements[] = {
	"a", "abbr", "b", "bdi", "bdo", "big", "br", "cite", "code", "dfn",
	"em", "font", "i", "img", "ins", "kbd", "mark", "nobr", "q", "s",
	"small", "span", "strike", "strong", "sub", "sup", "time", "tt", "u",
	"var", "wbr",
};

/* U+00A0 to U+00FF, as HTML 4 names them. */
static const char *const latin1_names[96] = {
	"nbsp", "iexcl", "cent", "pound", "curren", "yen", "brvbar", "sect",
	"uml", "copy", "ordf", "laquo", "not", "shy", "reg", "macr", "deg",
	"plusmn", "sup2", "sup3", "acute", "micro", "para", "middot", "cedil",
	"sup1", "ordm", "raquo", "frac14", "frac12", "frac34", "iquest",
	"Agrave", "Aacute", "Acirc", "Atilde", "Auml", "Aring", "AElig",
	"Ccedil", "Egrave", "Eacute", "Ecirc", "Euml", "Igrave", "Iacute",
	"Icirc", "Iuml", "ETH", "Ntilde", "Ograve", "Oacute", "Ocirc",
	"Otilde", "Ouml", "times", "Oslash", "Ugrave", "Uacute", "Ucirc",
	"Uuml", "Yacute", "THORN", "szlig", "agrave", "aacute", "acirc",
	"atilde", "auml", "aring", "aelig", "ccedil", "egrave", "eacute",
	"ecirc", "euml", "igrave", "iacute", "icirc", "iuml", "eth", "ntilde",
	"ograve", "oacute", "ocirc", "otilde", "ouml", "divide", "oslash",
	"ugrave", "uacute", "ucirc", "uuml", "yacute", "thorn", "yuml",
};

static const struct {
	const char	*name;
	uint32_t	 c;
} other_names[] = {
	{ "OElig", 0x152 }, { "Scaron", 0x160 }, { "amp", '&' },
	{ "apos", '\'' }, { "euro", 0x20ac }, { "gt", '>' }, { "lrm", 0x200e },
	{ "lt", '<' }, { "oelig", 0x153 }, { "quot", '"' }, { "rlm", 0x200f },
	{ "scaron", 0x161 }, { "zwj", 0x200d }, { "zwnj", 0x200c },
};

/* ---- character references */

/* The digits of "#123" or "#x7b"; 0 when it is no such thing. */
static uint32_t
numbered(const char *name)
{
	unsigned base = name[1] == 'x' || name[1] == 'X' ? 16 : 10, digit;
	uint32_t c = 0;

	for (name += base == 16 ? 2 : 1; *name != '\0'; name++) {
		if (*name >= '0' && *name <= '9')
			digit = (unsigned)(*name - '0');
		else if ((*name | 32) >= 'a' && (*name | 32) <= 'f')
			digit = (unsigned)((*name | 32) - 'a') + 10;
		else
			return 0;
		if (digit >= base || c > 0x10ffff)
			return 0;
		c = c * base + digit;
	}
	return c > 0x10ffff || (c >= 0xd800 && c < 0xe000) ? 0 : c;
}

static uint32_t
referred(const char *name)
{
	if (name[0] == '#')
		return numbered(name);
	for (uint32_t i = 0; i < 96; i++)
		if (strcmp(latin1_names[i], name) == 0)
			return 0xa0 + i;
	for (size_t i = 0; i < sizeof(other_names) / sizeof(other_names[0]);
	    i++)
		if (strcmp(other_names[i].name, name) == 0)
			return other_names[i].c;
	return 0;
}

/* Append text with its references resolved; one not known parts words. */
static void
resolve(struct strbuf *out, const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		const char *semicolon = NULL;
		char name[ENTITY_MAX + 1];
		uint32_t c;
		size_t n;

		if (text[i] == '&')
			semicolon = memchr(text + i, ';', len - i <
			    ENTITY_MAX ? len - i : ENTITY_MAX);
		if (semicolon == NULL) {
			strbuf_addc(out, text[i]);
			continue;
		}
		n = (size_t)(semicolon - (text + i)) - 1;
		memcpy(name, text + i + 1, n);
		name[n] = '\0';
		c = referred(name);
		utf8_append(out, c >= ' ' ? c : ' ');
		i += n + 1;
	}
}

/* ---- placeholders */

static bool
holds(const char *text, size_t len, const char *what)
{
	return memmem(text, len, what, strlen(what)) != NULL;
}

static bool
is_of_frame(const char *tag, size_t len)
{
	return holds(tag, len, "unsubscribe_url") ||
	    holds(tag, len, "postal_address");
}

/* Append text, a blank for each placeholder in it. */
static void
without_placeholders(struct strbuf *out, const char *text, size_t len)
{
	const char *end = text + len, *open, *close;

	while ((open = memmem(text, (size_t)(end - text), "{{", 2)) != NULL &&
	    (close = memmem(open, (size_t)(end - open), "}}", 2)) != NULL) {
		strbuf_add(out, text, (size_t)(open - text));
		strbuf_addc(out, is_of_frame(open, (size_t)(close - open)) ?
		    SIMILAR_FRAME : ' ');
		text = close + 2;
	}
	strbuf_add(out, text, (size_t)(end - text));
}

/* ---- plain text */

/* Empty lines part paragraphs; what would pass for our marks is a blank. */
void
similar_plain(struct similar_text *out, const char *text, size_t len)
{
	struct strbuf bare = STRBUF_INIT(SIMILAR_TEXT_MAX);
	bool empty = false;

	without_placeholders(&bare, text, len < SIMILAR_TEXT_MAX ? len :
	    SIMILAR_TEXT_MAX);
	for (size_t i = 0; i < bare.len; i++) {
		char c = bare.s[i];

		if (c == '\n') {
			strbuf_addc(&out->text, empty ? SIMILAR_PARAGRAPH :
			    '\n');
			empty = true;
			continue;
		}
		/* '>' of a quotation and the like is no text. */
		if (c != ' ' && c != '\t' && c != '\r')
			empty = false;
		strbuf_addc(&out->text, c == SIMILAR_PARAGRAPH ? ' ' : c);
	}
	strbuf_addc(&out->text, SIMILAR_PARAGRAPH);
	strbuf_free(&bare);
}

/* ---- HTML */

struct page {
	struct strbuf	 text;		/* references not yet resolved */
	struct similar_text *out;
	unsigned	 breaks;	/* <br> one behind the other */
};

static bool
is_inline(const char *tag)
{
	for (size_t i = 0; i < sizeof(inline_elements) /
	    sizeof(inline_elements[0]); i++)
		if (strcmp(inline_elements[i], tag) == 0)
			return true;
	return false;
}

static void
on_tag(struct page *p, const struct html_scan *s)
{
	if (strcmp(s->tag, "br") == 0) {
		/* Two of them are an empty line. */
		strbuf_addc(&p->text, ++p->breaks == 2 ? SIMILAR_PARAGRAPH :
		    '\n');
	} else if (!is_inline(s->tag)) {
		strbuf_addc(&p->text, SIMILAR_PARAGRAPH);
	}
}

/* A link out marks its paragraph; a picture is known by name and words. */
static void
on_attribute(struct page *p, const struct html_scan *s)
{
	size_t len = strcspn(s->value, "?#");

	if (strcmp(s->attribute, "href") == 0) {
		if (is_of_frame(s->value, strlen(s->value)))
			strbuf_addc(&p->text, SIMILAR_FRAME);
	} else if (strcmp(s->tag, "img") == 0 &&
	    (strcmp(s->attribute, "alt") == 0 ||
	    strcmp(s->attribute, "src") == 0)) {
		/* The path's parts are words here, not a URL. */
		for (size_t i = 0; i < len; i++)
			strbuf_addc(&p->out->other, s->value[i] == '/' ||
			    s->value[i] == ':' ? ' ' : s->value[i]);
		strbuf_addc(&p->out->other, SIMILAR_PARAGRAPH);
	}
}

static void
on_html(void *arg, enum html_event event, const struct html_scan *s)
{
	struct page *p = arg;

	switch (event) {
	case HTML_TAG_BEGIN:
		on_tag(p, s);
		return;
	case HTML_ATTRIBUTE:
		on_attribute(p, s);
		return;
	case HTML_TEXT:
		if (s->c != ' ' && s->c != '\n' && s->c != '\r' &&
		    s->c != '\t')
			p->breaks = 0;
		strbuf_addc(&p->text, s->c == '\n' || s->c == '\r' ||
		    s->c == SIMILAR_PARAGRAPH ? ' ' : s->c);
		return;
	case HTML_TAG_END:
		return;
	}
}

void
similar_html(struct similar_text *out, const char *text, size_t len)
{
	struct page p = { STRBUF_INIT(SIMILAR_TEXT_MAX), out, 0 };
	struct strbuf bare = STRBUF_INIT(SIMILAR_TEXT_MAX);
	struct html_scan s;

	html_scan_init(&s);
	s.event = on_html;
	s.arg = &p;
	html_scan_feed(&s, text, len);
	without_placeholders(&bare, p.text.s, p.text.len);
	resolve(&out->text, bare.s, bare.len);
	strbuf_addc(&out->text, SIMILAR_PARAGRAPH);
	strbuf_free(&bare);
	strbuf_free(&p.text);
}

/* ---- parts */

/* What is no text counts by its bytes, as much as the least text does. */
static void
add_opaque(struct similar_text *out, const struct mime_message *m,
    uint32_t part)
{
	const struct slice body = m->part[part].body;

	for (unsigned i = 0; i < SIMILAR_FEW; i++) {
		uint64_t h = similar_hash(i, body.p, body.len);

		/* A word, for a number might be taken for a token. */
		for (unsigned k = 0; k < 8; k++, h >>= 4)
			strbuf_addc(&out->other, (char)('a' + (h & 15)));
		strbuf_addc(&out->other, SIMILAR_PARAGRAPH);
	}
}

static bool
is_html(const struct mime_part *p)
{
	return strcmp(p->type, "text/html") == 0;
}

static void
add_leaf(struct similar_text *out, const struct mime_message *m,
    uint32_t part)
{
	struct strbuf octets = STRBUF_INIT(MIME_MESSAGE_MAX);
	struct strbuf text = STRBUF_INIT(4 * SIMILAR_TEXT_MAX);
	const struct mime_part *p = &m->part[part];
	struct err e = ERR_INIT;

	if (p->disposition == MIME_ATTACHMENT ||
	    (!is_html(p) && strcmp(p->type, "text/plain") != 0 &&
	    p->type[0] != '\0') || mime_body_decode(m, part, &octets,
	    &e) == -1 || charset_to_utf8(p->charset, octets.s, octets.len,
	    &text, &e) == -1)
		add_opaque(out, m, part);
	else if (is_html(p))
		similar_html(out, text.s, text.len);
	else
		similar_plain(out, text.s, text.len);
	strbuf_free(&octets);
	strbuf_free(&text);
}

/* Parts lie in the order of the text, those inside one behind it. */
static uint32_t
behind(const struct mime_message *m, uint32_t part)
{
	uint32_t i = part + 1;

	while (i < m->parts && m->part[i].depth > m->part[part].depth)
		i++;
	return i;
}

/* The alternative to take: the last that has HTML, else the first. */
static uint32_t
best_of(const struct mime_message *m, uint32_t part)
{
	uint32_t best = m->part[part].child;

	for (uint32_t c = best; c != 0; c = m->part[c].next) {
		uint32_t end = behind(m, c);

		for (uint32_t i = c; i < end; i++)
			if (is_html(&m->part[i]))
				best = c;
	}
	return best;
}

static void
add_parts(struct similar_text *out, const struct mime_message *m)
{
	for (uint32_t i = 0, best; i < m->parts; i++) {
		const struct mime_part *p = &m->part[i];

		/* Of alternatives the others are passed over. */
		if (i > 0 && strcmp(m->part[p->parent].type,
		    "multipart/alternative") == 0 &&
		    (best = best_of(m, p->parent)) != i) {
			i = behind(m, i) - 1;
			continue;
		}
		if (!p->multipart)
			add_leaf(out, m, i);
	}
}

static void
add_subject(struct similar_text *out, const struct mime_message *m)
{
	const struct mime_field *f = mime_field_find(m, 0, "Subject");
	struct strbuf raw = STRBUF_INIT(MIME_HEADER_MAX);
	struct strbuf text = STRBUF_INIT(MIME_HEADER_MAX);
	struct err e = ERR_INIT;

	if (f != NULL) {
		mime_field_unfold(f, &raw);
		if (header_decode(&text, raw.s, raw.len, &e) == 0)
			without_placeholders(&out->other, text.s, text.len);
		strbuf_addc(&out->other, SIMILAR_PARAGRAPH);
	}
	strbuf_free(&raw);
	strbuf_free(&text);
}

int
similar_text(const uint8_t *data, size_t len, struct similar_text *out,
    struct err *e)
{
	struct mime_message *m = mime_parse(data, len, e);

	if (m == NULL)
		return -1;
	add_parts(out, m);
	add_subject(out, m);
	mime_free(m);
	return 0;
}
