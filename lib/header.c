/* SPDX-License-Identifier: Apache-2.0 */
/*
 * header.c - write header fields.
 *
 * struct field is the gate: field_put() lets printable ASCII pass and nothing
 * else, field_fold() and field_end() write the only CR LF, and the first
 * refusal sticks until field_end() undoes the whole field.
 */
#include "config.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "lib/address.h"
#include "lib/err.h"
#include "lib/header.h"
#include "lib/header_private.h"
#include "lib/strbuf.h"
#include "lib/utf8.h"

struct field {
	struct strbuf	*out;
	size_t		 start;		/* of the field in out */
	size_t		 column;	/* octets on this line so far */
	size_t		 fold;		/* column that lines should keep to */
	bool		 first;		/* nothing stands after the colon yet */
	bool		 too_long;	/* a line passed HEADER_LINE_MAX */
	bool		 bad;		/* something not printable came */
};

/* ---- the gate */

static void
field_put(struct field *f, const char *p, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (p[i] < 0x20 || p[i] > 0x7e)
			f->bad = true;
	f->column += len;
	if (f->column > HEADER_LINE_MAX)
		f->too_long = true;
	if (!f->bad && !f->too_long)
		strbuf_add(f->out, p, len);
}

static void
field_fold(struct field *f)
{
	if (!f->bad && !f->too_long)
		strbuf_add(f->out, "\r\n", 2);
	f->column = 0;
}

static int
field_begin(struct field *f, struct strbuf *out, const char *name,
    size_t value_len, struct err *e)
{
	size_t len = strlen(name);

	*f = (struct field){ .out = out, .start = out->len,
	    .fold = HEADER_LINE_FOLD, .first = true };
	if (len == 0 || len > HEADER_NAME_MAX || strchr(name, ':') != NULL ||
	    strchr(name, ' ') != NULL) {
		err_set(e, ERR_INPUT, "not the name of a header field "
		    "(RFC 5322 section 2.2)");
		return -1;
	}
	if (value_len > HEADER_VALUE_MAX) {
		err_set(e, ERR_LIMIT, "%s: value longer than %d octets", name,
		    HEADER_VALUE_MAX);
		return -1;
	}
	field_put(f, name, len);
	field_put(f, ":", 1);
	return 0;
}

static int
field_end(struct field *f, const char *name, struct err *e)
{
	strbuf_add(f->out, "\r\n", 2);
	if (!f->bad && !f->too_long && !f->out->overflow)
		return 0;
	if (f->bad)
		err_set(e, ERR_INPUT, "header field %s: a character that is "
		    "not printable ASCII", name);
	else if (f->too_long)
		err_set(e, ERR_LIMIT, "%s: a line longer than %d octets "
		    "(RFC 5322 section 2.1.1)", name, HEADER_LINE_MAX);
	else
		err_set(e, ERR_LIMIT, "%s: no room for the field", name);
	strbuf_truncate(f->out, f->start);
	return -1;
}

/* ---- pieces, each put on the line or on a new one */

/* One piece that must not be broken, after gap blanks. */
static void
field_piece(struct field *f, size_t gap, const char *p, size_t len)
{
	if (!f->first && f->column + gap + len > f->fold) {
		field_fold(f);
		gap = gap > 0 ? gap : 1;
	}
	for (; gap > 0; gap--)
		field_put(f, " ", 1);
	field_put(f, p, len);
	f->first = false;
}

static size_t
span_blanks(const char *p, size_t len)
{
	size_t n = 0;

	while (n < len && p[n] == ' ')
		n++;
	return n;
}

/* Plain text, whose blanks stay as they are; one blank comes before it. */
static void
field_plain(struct field *f, const char *p, size_t len)
{
	size_t gap = 1, n;

	while (len > 0) {
		for (n = 0; n < len && p[n] != ' '; n++)
			;
		field_piece(f, gap, p, n);
		p += n;
		len -= n;
		gap = span_blanks(p, len);
		p += gap;
		len -= gap;
	}
}

/*
 * Encoded words, a blank before each.  A word takes what fits of the line,
 * but a line with little left is not begun.
 */
static void
field_encoded(struct field *f, const char *p, size_t len)
{
	char word[HEADER_WORD_MAX];
	bool base64 = encoded_word_prefers_b(p, len);
	size_t room, n, taken;

	f->fold = HEADER_LINE_ENCODED;
	while (len > 0) {
		if (f->column + 1 + ENCODED_WORD_LEAST > f->fold && !f->first)
			field_fold(f);
		room = f->fold - f->column - 1;
		if (room > HEADER_WORD_MAX)
			room = HEADER_WORD_MAX;
		n = encoded_word_write(word, room, base64, p, len, &taken);
		field_put(f, " ", 1);
		field_put(f, word, n);
		f->first = false;
		p += taken;
		len -= taken;
	}
}

/* ---- values */

static int
check_text(const char *name, const char *p, size_t len, struct err *e)
{
	uint32_t c;
	size_t n;

	for (; len > 0; p += n, len -= n) {
		if ((n = utf8_next(p, len, &c)) == 0) {
			err_set(e, ERR_INPUT, "header field %s: not UTF-8 "
			    "(RFC 3629)", name);
			return -1;
		}
		if (c < 0x20 || (c >= 0x7f && c < 0xa0)) {
			err_set(e, ERR_INPUT, "header field %s: control "
			    "character U+%04X", name, c);
			return -1;
		}
	}
	return 0;
}

/* Whether the octet at i cannot be left as it is in unstructured text. */
static bool
needs_encoding(const char *p, size_t len, size_t i)
{
	if (p[i] == ' ')
		return i == 0 || i == len - 1;
	return (p[i] & 0x80) != 0 ||
	    (p[i] == '=' && i + 1 < len && p[i + 1] == '?');
}

/*
 * Find what has to be encoded, widened to whole words.  A run of blanks at
 * its border goes in but for the outermost one, which parts it from the text.
 * False when there is nothing to encode.
 */
static bool
encoded_span(const char *p, size_t len, size_t *from_r, size_t *to_r)
{
	size_t from = 0, to = len;

	while (from < len && !needs_encoding(p, len, from))
		from++;
	if (from == len)
		return false;
	while (!needs_encoding(p, len, to - 1))
		to--;
	while (from > 0 && p[from - 1] != ' ')
		from--;
	while (from > 1 && p[from - 1] == ' ' && p[from - 2] == ' ')
		from--;
	while (to < len && p[to] != ' ')
		to++;
	while (to + 1 < len && p[to] == ' ' && p[to + 1] == ' ')
		to++;
	*from_r = from;
	*to_r = to;
	return true;
}

int
header_field_text(struct strbuf *out, const char *name, const char *value,
    size_t len, struct err *e)
{
	size_t from = len, to = len;
	struct field f;

	if (field_begin(&f, out, name, len, e) == -1 ||
	    check_text(name, value, len, e) == -1)
		goto refuse;
	if (!encoded_span(value, len, &from, &to)) {
		field_plain(&f, value, len);
	} else {
		f.fold = HEADER_LINE_ENCODED;
		if (from > 0)
			field_plain(&f, value, from - 1);
		field_encoded(&f, value + from, to - from);
		if (to < len)
			field_plain(&f, value + to + 1, len - to - 1);
	}
	if (f.too_long && !f.bad) {
		/* A word or a run of blanks longer than a line may be. */
		strbuf_truncate(out, f.start);
		if (field_begin(&f, out, name, len, e) == -1)
			goto refuse;
		field_encoded(&f, value, len);
	}
	return field_end(&f, name, e);
refuse:
	strbuf_truncate(out, f.start);
	return -1;
}

/* Whether p[len] is atoms with single blanks between, a phrase as it is. */
static bool
is_phrase(const char *p, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if (p[i] == ' ' && i > 0 && i < len - 1 && p[i - 1] != ' ')
			continue;
		if ((p[i] >= 'a' && p[i] <= 'z') ||
		    (p[i] >= 'A' && p[i] <= 'Z') ||
		    (p[i] >= '0' && p[i] <= '9') ||
		    (p[i] != '\0' && strchr("!#$%&'*+-/=?^_`{|}~", p[i])))
			continue;
		return false;
	}
	return true;
}

/* The display name in the form it needs (RFC 5322 3.2.5, RFC 2047 5 (3)). */
static void
field_display(struct field *f, const char *p, size_t len)
{
	char quoted[HEADER_LINE_FOLD];
	size_t room = f->fold - f->column - 1, i, n = 0;

	if (!utf8_is_ascii(p, len) || memmem(p, len, "=?", 2) != NULL) {
		field_encoded(f, p, len);
		return;
	}
	if (is_phrase(p, len)) {
		field_plain(f, p, len);
		return;
	}
	quoted[n++] = '"';
	for (i = 0; i < len && n + 3 <= room; i++) {
		if (p[i] == '"' || p[i] == '\\')
			quoted[n++] = '\\';
		quoted[n++] = p[i];
	}
	if (i < len) {			/* encoded words can be folded */
		field_encoded(f, p, len);
		return;
	}
	quoted[n++] = '"';
	field_piece(f, 1, quoted, n);
}

int
header_field_mailbox(struct strbuf *out, const char *name,
    const char *display, size_t len, const struct address *a, struct err *e)
{
	struct strbuf spec = STRBUF_INIT(2 + sizeof(struct address));
	struct field f;
	int ret = -1;

	if (field_begin(&f, out, name, len, e) == -1 ||
	    check_text(name, display, len, e) == -1) {
		strbuf_truncate(out, f.start);
		return -1;
	}
	if (len > 0) {
		field_display(&f, display, len);
		strbuf_addc(&spec, '<');
		address_format(&spec, a);
		strbuf_addc(&spec, '>');
	} else {
		address_format(&spec, a);
	}
	field_piece(&f, 1, spec.s, spec.len);
	if (spec.overflow)
		f.out->overflow = true;
	ret = field_end(&f, name, e);
	strbuf_free(&spec);
	return ret;
}

/* Octets of the piece at p: to a blank, or past a comma, neither inside. */
static size_t
raw_piece(const char *p, size_t len)
{
	bool angle = false, quote = false;

	for (size_t i = 0; i < len; i++) {
		if (quote && p[i] == '\\')
			i++;
		else if (p[i] == '"' && !angle)
			quote = !quote;
		else if (quote)
			continue;
		else if (p[i] == '<' || p[i] == '>')
			angle = p[i] == '<';
		else if (p[i] == ' ' && !angle)
			return i;
		else if (p[i] == ',' && !angle)
			return i + 1;
	}
	return len;
}

int
header_field_raw(struct strbuf *out, const char *name, const char *value,
    size_t len, struct err *e)
{
	struct field f;
	size_t gap, n;

	if (field_begin(&f, out, name, len, e) == -1) {
		strbuf_truncate(out, f.start);
		return -1;
	}
	while (len > 0 && value[len - 1] == ' ')
		len--;
	gap = span_blanks(value, len);
	value += gap;
	len -= gap;
	for (gap = 1; len > 0;) {
		n = raw_piece(value, len);
		field_piece(&f, gap, value, n);
		value += n;
		len -= n;
		gap = span_blanks(value, len);
		value += gap;
		len -= gap;
	}
	return field_end(&f, name, e);
}
