/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mailhead.c - read the header section of a message that somebody sent us.
 */
#include "config.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "lib/err.h"
#include "lib/header.h"
#include "lib/mailhead.h"
#include "lib/mime_param.h"
#include "lib/strbuf.h"
#include "lib/xmalloc.h"

/* Offsets into the text, which may move while it grows. */
struct field {
	size_t	name, value;
};

struct mailhead {
	struct strbuf	 text;		/* names and values, each with a NUL */
	struct field	*field;
	unsigned	 fields, room;
	size_t		 body_at, longest_line;
	unsigned	 stray_lines;
};

void
mailhead_free(struct mailhead *h)
{
	if (h == NULL)
		return;
	strbuf_free(&h->text);
	free(h->field);
	free(h);
}

/*
 * Octets of a field's name at line[len], RFC 5322 section 2.2; blanks before
 * the colon are obsolete (section 4.5.8) and stepped over.  0: not a field.
 */
static size_t
name_len(const char *line, size_t len, size_t *colon_r)
{
	size_t n = 0, colon;

	while (n < len && line[n] > 0x20 && line[n] < 0x7f && line[n] != ':')
		n++;
	for (colon = n; colon < len && (line[colon] == ' ' ||
	    line[colon] == '\t');)
		colon++;
	if (n == 0 || colon == len || line[colon] != ':')
		return 0;
	*colon_r = colon;
	return n;
}

/* Append to a value, behind a blank where a line was folded. */
static void
add_value(struct mailhead *h, const char *s, size_t len)
{
	size_t from;

	while (len > 0 && (s[0] == ' ' || s[0] == '\t')) {
		s++;
		len--;
	}
	while (len > 0 && (s[len - 1] == ' ' || s[len - 1] == '\t'))
		len--;
	if (len == 0)
		return;
	if (h->text.len > h->field[h->fields - 1].value)
		strbuf_addc(&h->text, ' ');
	from = h->text.len;
	strbuf_add(&h->text, s, len);
	for (; from < h->text.len; from++) {
		char c = h->text.s[from];

		if (c == '\t')
			h->text.s[from] = ' ';
		else if ((unsigned char)c < 0x20 || c == 0x7f)
			h->text.s[from] = '?';
	}
}

/* The NUL of the value before is added late, as the value may go on. */
static bool
add_field(struct mailhead *h, const char *line, size_t n)
{
	if (h->fields == MAILHEAD_FIELDS_MAX)
		return false;
	if (h->fields == h->room) {
		h->room = h->room != 0 ? 2 * h->room : 32;
		h->field = xreallocarray(h->field, h->room,
		    sizeof(*h->field));
	}
	if (h->fields > 0)
		strbuf_addc(&h->text, '\0');
	h->field[h->fields].name = h->text.len;
	strbuf_add(&h->text, line, n);
	strbuf_addc(&h->text, '\0');
	h->field[h->fields++].value = h->text.len;
	return true;
}

static bool
take_line(struct mailhead *h, const char *line, size_t len, bool first)
{
	size_t colon, n;

	if (len > h->longest_line)
		h->longest_line = len;
	if (line[0] == ' ' || line[0] == '\t') {
		if (h->fields > 0)
			add_value(h, line, len);
		else
			h->stray_lines++;
		return true;
	}
	if (first && len > 5 && memcmp(line, "From ", 5) == 0)
		return true;
	if ((n = name_len(line, len, &colon)) == 0) {
		h->stray_lines++;
		return true;
	}
	if (!add_field(h, line, n))
		return false;
	add_value(h, line + colon + 1, len - colon - 1);
	return true;
}

struct mailhead *
mailhead_parse(const void *message, size_t len, struct err *e)
{
	struct mailhead *h = xcalloc(1, sizeof(*h));
	const char *s = message, *lf;
	size_t at = 0, n;

	/* A NUL after each name and value, beyond what they had. */
	strbuf_init(&h->text, MAILHEAD_MAX + 2 * MAILHEAD_FIELDS_MAX);
	while (at < len) {
		lf = memchr(s + at, '\n', len - at);
		n = lf != NULL ? (size_t)(lf - s) - at : len - at;
		h->body_at = at + n + (lf != NULL);
		if (h->body_at > MAILHEAD_MAX) {
			err_set(e, ERR_LIMIT, "the header section has more "
			    "than %d octets", MAILHEAD_MAX);
			goto fail;
		}
		if (n > 0 && s[at + n - 1] == '\r')
			n--;
		if (n == 0)
			return h;
		if (!take_line(h, s + at, n, at == 0)) {
			err_set(e, ERR_LIMIT, "more than %d header fields",
			    MAILHEAD_FIELDS_MAX);
			goto fail;
		}
		if (h->text.overflow) {
			err_set(e, ERR_LIMIT, "no memory for the header");
			goto fail;
		}
		at = h->body_at;
	}
	h->body_at = len;
	return h;
fail:
	mailhead_free(h);
	return NULL;
}

size_t
mailhead_body_at(const struct mailhead *h)
{
	return h->body_at;
}

size_t
mailhead_longest_line(const struct mailhead *h)
{
	return h->longest_line;
}

unsigned
mailhead_stray_lines(const struct mailhead *h)
{
	return h->stray_lines;
}

const char *
mailhead_get(const struct mailhead *h, const char *name, unsigned n)
{
	for (unsigned i = 0; i < h->fields; i++)
		if (strcasecmp(h->text.s + h->field[i].name, name) == 0 &&
		    n-- == 0)
			return h->text.s + h->field[i].value;
	return NULL;
}

unsigned
mailhead_count(const struct mailhead *h, const char *name)
{
	unsigned n = 0;

	for (unsigned i = 0; i < h->fields; i++)
		n += strcasecmp(h->text.s + h->field[i].name, name) == 0;
	return n;
}

int
mailhead_field(const struct mailhead *h, unsigned i, const char **name_r,
    const char **value_r)
{
	if (i >= h->fields)
		return 0;
	*name_r = h->text.s + h->field[i].name;
	*value_r = h->text.s + h->field[i].value;
	return 1;
}

int
mailhead_text(const struct mailhead *h, const char *name, struct strbuf *out,
    struct err *e)
{
	const char *value = mailhead_get(h, name, 0);

	if (value == NULL)
		return 0;
	return header_decode(out, value, strlen(value), e) == -1 ? -1 : 1;
}

bool
mailhead_token_is(const char *value, const char *word)
{
	size_t n = strlen(word);

	return value != NULL && strncasecmp(value, word, n) == 0 &&
	    (value[n] == '\0' || strchr(" ;(", value[n]) != NULL);
}

int
mailhead_param(const struct mailhead *h, const char *name, const char *param,
    struct strbuf *out)
{
	const char *value = mailhead_get(h, name, 0);

	if (value == NULL)
		return 0;
	return mime_param_find(value, strlen(value), param, out);
}

bool
mailhead_msgid(const struct mailhead *h, const char *name, unsigned n,
    struct slice *id_r)
{
	const char *value = mailhead_get(h, name, 0), *end;

	while (value != NULL && (value = strchr(value, '<')) != NULL) {
		value++;
		end = value + strcspn(value, "<> ");
		/* What was folded or cut inside is no identifier. */
		if (*end == '>' && end > value && n-- == 0) {
			*id_r = (struct slice){ (const uint8_t *)value,
			    (size_t)(end - value) };
			return true;
		}
		value = end;
	}
	return false;
}
