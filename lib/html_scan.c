/* SPDX-License-Identifier: Apache-2.0 */
/*
 * html_scan.c - where in an HTML text we are, octet by octet.
 */
#include "config.h"

#include <string.h>

#include "lib/ascii.h"
#include "lib/html_scan.h"

/* Elements whose content is text until their own end tag. */
static const char *const raw_elements[] = {
	"iframe", "noembed", "noframes", "script", "style", "textarea",
	"title", "xmp",
};

/* Attributes that hold a URL which is followed or loaded. */
static const char *const url_attributes[] = {
	"action", "background", "cite", "data", "formaction", "href",
	"longdesc", "poster", "src", "usemap", "xlink:href",
};

/* Schemes behind which a value is program text, not a place. */
static const char *const code_schemes[] = {
	"data", "javascript", "vbscript",
};

#define IS_ONE_OF(list, name) \
	is_one_of(list, sizeof(list) / sizeof((list)[0]), name)

static bool
is_one_of(const char *const list[], size_t n, const char *name)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(list[i], name) == 0)
			return true;
	return false;
}

static bool
is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f';
}

static bool
is_letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static void
name_add(char name[static HTML_NAME_MAX + 1], char c)
{
	size_t n = strlen(name);

	/* A cut name keeps an octet that no known name has. */
	if (n < HTML_NAME_MAX)
		name[n + 1] = '\0';
	else
		c = '?', n--;
	name[n] = c != '\0' ? ascii_lower(c) : '?';
}

static void
emit(struct html_scan *s, enum html_event event)
{
	if (s->event != NULL)
		s->event(s->arg, event, s);
}

void
html_scan_init(struct html_scan *s)
{
	memset(s, 0, sizeof(*s));
}

/* ---- attribute values */

static void
value_begin(struct html_scan *s)
{
	s->value[0] = '\0';
	s->value_len = 0;
	s->url_settled = false;
}

static void
value_add(struct html_scan *s, char c)
{
	if (s->value_len < HTML_VALUE_MAX) {
		s->value[s->value_len] = c;
		s->value[s->value_len + 1] = '\0';
	}
	s->value_len++;
	/* Behind any of these the scheme can no longer be changed. */
	if (c == ':' || c == '/' || c == '?' || c == '#')
		s->url_settled = true;
}

static void
value_end(struct html_scan *s, enum html_state next)
{
	emit(s, HTML_ATTRIBUTE);
	s->quote = 0;
	s->state = next;
}

static bool
is_url(const struct html_scan *s)
{
	return IS_ONE_OF(url_attributes, s->attribute);
}

static bool
is_code_url(const struct html_scan *s)
{
	char scheme[16] = "";
	size_t n = 0;

	/* As browsers do: blanks and controls before and inside are nothing. */
	for (const char *p = s->value; *p != '\0' && *p != ':'; p++)
		if ((unsigned char)*p > ' ' && n < sizeof(scheme) - 1)
			scheme[n++] = ascii_lower(*p);
	scheme[n] = '\0';
	/* An entity could spell any letter of a scheme. */
	return IS_ONE_OF(code_schemes, scheme) || strchr(scheme, '&') != NULL;
}

/* Attributes that are program text or lists with their own syntax. */
static bool
is_code_attribute(const struct html_scan *s)
{
	return strncmp(s->attribute, "on", 2) == 0 ||
	    strcmp(s->attribute, "style") == 0 ||
	    strcmp(s->attribute, "srcdoc") == 0 ||
	    strcmp(s->attribute, "srcset") == 0 ||
	    strcmp(s->attribute, "ping") == 0 ||
	    strcmp(s->attribute, "content") == 0 ||
	    strchr(s->attribute, '?') != NULL;
}

/* ---- tags */

static void
tag_begin(struct html_scan *s, bool closing)
{
	s->closing = closing;
	s->self_closing = false;
	s->tag[0] = '\0';
	s->state = HTML_TAG_NAME;
}

static void
tag_end(struct html_scan *s)
{
	s->state = HTML_DATA;
	if (!s->closing && IS_ONE_OF(raw_elements, s->tag)) {
		strcpy(s->raw, s->tag);
		s->state = HTML_RAW;
		s->match = 0;
	}
	emit(s, HTML_TAG_END);
}

static void
in_data(struct html_scan *s, char c)
{
	if (c == '<') {
		s->tag_at = s->at;
		s->state = HTML_LESS_THAN;
		s->closing = false;
		return;
	}
	s->c = c;
	emit(s, HTML_TEXT);
}

static void
in_less_than(struct html_scan *s, char c)
{
	if (is_letter(c)) {
		tag_begin(s, s->closing);
		name_add(s->tag, c);
	} else if (c == '/' && !s->closing) {
		s->closing = true;
	} else if (c == '!' && !s->closing) {
		s->state = HTML_DECLARATION;
		s->match = 0;
	} else if (c == '?' || (s->closing && c != '>')) {
		s->state = HTML_BOGUS;
	} else {
		s->state = HTML_DATA;	/* "</>", or a '<' in text */
		if (!s->closing)
			in_data(s, c);
	}
}

static void
in_tag_name(struct html_scan *s, char c)
{
	if (!is_space(c) && c != '/' && c != '>') {
		name_add(s->tag, c);
		return;
	}
	s->state = HTML_BEFORE_NAME;
	emit(s, HTML_TAG_BEGIN);
	s->self_closing = c == '/';
	if (c == '>')
		tag_end(s);
}

static void
in_before_name(struct html_scan *s, char c)
{
	if (is_space(c))
		return;
	if (c == '>') {
		tag_end(s);
		return;
	}
	s->self_closing = c == '/';
	if (c == '/')
		return;
	s->attribute[0] = '\0';
	name_add(s->attribute, c);
	value_begin(s);
	s->state = HTML_ATTR_NAME;
}

static void
in_attr_name(struct html_scan *s, char c)
{
	if (c == '=') {
		s->state = HTML_BEFORE_VALUE;
	} else if (is_space(c)) {
		s->state = HTML_AFTER_NAME;
	} else if (c == '/' || c == '>') {
		value_end(s, HTML_BEFORE_NAME);
		in_before_name(s, c);
	} else {
		name_add(s->attribute, c);
	}
}

static void
in_after_name(struct html_scan *s, char c)
{
	if (c == '=') {
		s->state = HTML_BEFORE_VALUE;
	} else if (!is_space(c)) {
		value_end(s, HTML_BEFORE_NAME);
		in_before_name(s, c);
	}
}

static void
in_before_value(struct html_scan *s, char c)
{
	if (is_space(c))
		return;
	if (c == '"' || c == '\'') {
		s->quote = c;
		s->state = HTML_QUOTED;
	} else if (c == '>') {
		value_end(s, HTML_BEFORE_NAME);
		tag_end(s);
	} else {
		s->state = HTML_UNQUOTED;
		value_add(s, c);
	}
}

static void
in_unquoted(struct html_scan *s, char c)
{
	if (!is_space(c) && c != '>') {
		value_add(s, c);
		return;
	}
	value_end(s, HTML_BEFORE_NAME);
	if (c == '>')
		tag_end(s);
}

/* ---- comments and raw text */

static void
in_declaration(struct html_scan *s, char c)
{
	if (c == '-' && ++s->match == 2) {
		s->state = HTML_COMMENT;
		s->match = 2;		/* "<!-->" ends at once */
		s->conditional = false;
		s->value[0] = '\0';
		s->value_len = 0;
	} else if (c == '>') {
		s->state = HTML_DATA;
	} else if (c != '-') {
		s->state = HTML_BOGUS;
		if (c == '[')
			s->conditional = false;		/* <![endif]--> */
	}
}

static void
in_comment(struct html_scan *s, char c)
{
	if (s->value_len < 3) {
		s->value[s->value_len] = ascii_lower(c);
		s->value[++s->value_len] = '\0';
		s->conditional = strcmp(s->value, "[if") == 0;
	}
	if (c == '>' && (s->match >= 2 || s->conditional)) {
		s->state = HTML_DATA;
		return;
	}
	/* "--!>" ends a comment too. */
	if (c == '-')
		s->match++;
	else if (c != '!' || s->match < 2)
		s->match = 0;
}

/* Raw text ends at "</" and its element's name; nothing else counts. */
static void
in_raw(struct html_scan *s, char c)
{
	size_t n = strlen(s->raw);

	if (s->match >= 2 + n && (is_space(c) || c == '/' || c == '>')) {
		tag_begin(s, true);
		strcpy(s->tag, s->raw);
		s->raw[0] = '\0';
		in_tag_name(s, c);
		return;
	}
	if (c == '<') {
		s->match = 1;
		s->tag_at = s->at;
	} else if (s->match == 1 && c == '/') {
		s->match = 2;
	} else if (s->match >= 2 && s->match < 2 + n &&
	    ascii_lower(c) == s->raw[s->match - 2]) {
		s->match++;
	} else {
		s->match = 0;
	}
}

static void
feed_octet(struct html_scan *s, char c)
{
	switch (s->state) {
	case HTML_DATA:
		in_data(s, c);
		break;
	case HTML_LESS_THAN:
		in_less_than(s, c);
		break;
	case HTML_TAG_NAME:
		in_tag_name(s, c);
		break;
	case HTML_BEFORE_NAME:
	case HTML_AFTER_VALUE:
		in_before_name(s, c);
		break;
	case HTML_ATTR_NAME:
		in_attr_name(s, c);
		break;
	case HTML_AFTER_NAME:
		in_after_name(s, c);
		break;
	case HTML_BEFORE_VALUE:
		in_before_value(s, c);
		break;
	case HTML_QUOTED:
		if (c == s->quote)
			value_end(s, HTML_AFTER_VALUE);
		else
			value_add(s, c);
		break;
	case HTML_UNQUOTED:
		in_unquoted(s, c);
		break;
	case HTML_DECLARATION:
		in_declaration(s, c);
		break;
	case HTML_COMMENT:
		in_comment(s, c);
		break;
	case HTML_BOGUS:
		if (c == '>')
			s->state = HTML_DATA;
		break;
	case HTML_RAW:
		in_raw(s, c);
		break;
	}
}

void
html_scan_feed(struct html_scan *s, const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++, s->at++)
		feed_octet(s, text[i]);
}

void
html_scan_value(struct html_scan *s)
{
	switch (s->state) {
	case HTML_QUOTED:
	case HTML_UNQUOTED:
	case HTML_BEFORE_VALUE:
		if (s->state == HTML_BEFORE_VALUE)
			s->state = HTML_UNQUOTED;
		value_add(s, 'x');
		s->url_settled = true;
		break;
	case HTML_RAW:
		s->match = 0;
		break;
	case HTML_LESS_THAN:
		s->state = HTML_DATA;
		break;
	default:
		break;
	}
}

enum html_place
html_scan_place(const struct html_scan *s)
{
	switch (s->state) {
	case HTML_DATA:
		return HTML_IN_TEXT;
	case HTML_RAW:
		return strcmp(s->raw, "title") == 0 ||
		    strcmp(s->raw, "textarea") == 0 ? HTML_IN_TEXT :
		    HTML_NOWHERE;
	case HTML_QUOTED:
		if (is_code_attribute(s))
			return HTML_NOWHERE;
		if (!is_url(s))
			return HTML_IN_ATTRIBUTE;
		if (!s->url_settled)
			return s->value_len == 0 ? HTML_AT_URL : HTML_NOWHERE;
		return is_code_url(s) ? HTML_NOWHERE : HTML_IN_URL;
	default:
		return HTML_NOWHERE;
	}
}

const char *
html_scan_describe(const struct html_scan *s)
{
	switch (s->state) {
	case HTML_RAW:
		return "in a script, style or frame";
	case HTML_UNQUOTED:
	case HTML_BEFORE_VALUE:
		return "in an attribute without quotes";
	case HTML_BOGUS:
	case HTML_DECLARATION:
		return "in a declaration";
	case HTML_QUOTED:
		if (is_code_attribute(s))
			return "in an attribute that holds code or style";
		return s->url_settled ? "in a URL that holds code" :
		    "where it would choose the scheme of a URL";
	case HTML_DATA:
		return "in text";
	case HTML_COMMENT:
		return "in a comment";
	default:
		return "in the middle of a tag";
	}
}

bool
html_scan_same(const struct html_scan *a, const struct html_scan *b)
{
	if (a->state != b->state || strcmp(a->raw, b->raw) != 0)
		return false;
	switch (a->state) {
	case HTML_DATA:
		return true;
	case HTML_RAW:
	case HTML_COMMENT:
		return a->match == b->match && a->conditional ==
		    b->conditional;
	case HTML_QUOTED:
		/* The same value, or one that both can only lengthen. */
		return a->quote == b->quote && strcmp(a->tag, b->tag) == 0 &&
		    strcmp(a->attribute, b->attribute) == 0 &&
		    a->url_settled == b->url_settled &&
		    (a->value_len == 0) == (b->value_len == 0) &&
		    (!is_url(a) || is_code_url(a) == is_code_url(b));
	default:
		return false;
	}
}

bool
html_scan_between_tags(const struct html_scan *s)
{
	return s->state == HTML_DATA;
}
