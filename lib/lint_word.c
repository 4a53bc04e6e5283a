/* SPDX-License-Identifier: Apache-2.0 */
/*
 * lint_word.c - encoded words: where they may be and how they are made (R88).
 */
#include "config.h"

#include <string.h>

#include "lib/charset.h"
#include "lib/cte.h"
#include "lib/header.h"
#include "lib/lint_private.h"

/* One encoded word, cut at its question marks. */
struct word {
	const char	*p;		/* "=?" */
	size_t		 len;		/* to and with "?=" */
	char		 charset[CHARSET_NAME_MAX + 1];
	char		 encoding;
	struct slice	 text;
};

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* Where in a structured field "=?" was found. */
enum place { PLACE_FREE, PLACE_QUOTED, PLACE_ANGLE };

/* Step place over one octet. */
static enum place
step(enum place place, char c)
{
	switch (place) {
	case PLACE_FREE:
		return c == '"' ? PLACE_QUOTED : c == '<' ? PLACE_ANGLE :
		    PLACE_FREE;
	case PLACE_QUOTED:
		return c == '"' ? PLACE_FREE : PLACE_QUOTED;
	default:
		return c == '>' ? PLACE_FREE : PLACE_ANGLE;
	}
}

/* Cut the word at p; false when it only begins like one. */
static bool
cut_word(const char *p, const char *end, struct word *w)
{
	const char *set = p + 2, *enc, *text, *stop;
	size_t n;

	if ((enc = memchr(set, '?', (size_t)(end - set))) == NULL ||
	    end - enc < 5 || enc[2] != '?')
		return false;
	text = enc + 3;
	if ((stop = memmem(text, (size_t)(end - text), "?=", 2)) == NULL)
		return false;
	for (const char *q = set; q < stop; q++)
		if (is_blank(*q))
			return false;
	w->p = p;
	w->len = (size_t)(stop + 2 - p);
	w->encoding = enc[1];
	w->text = (struct slice){ (const uint8_t *)text,
	    (size_t)(stop - text) };
	/* RFC 2231 section 5: the charset may carry a language. */
	for (n = 0; set + n < enc && set[n] != '*'; n++)
		;
	w->charset[0] = '\0';
	if (n == 0 || n > CHARSET_NAME_MAX)
		return false;
	memcpy(w->charset, set, n);
	w->charset[n] = '\0';
	return true;
}

/* Q of RFC 2047 section 4.2 is quoted-printable, but for '_'. */
static int
decode_q(struct slice text, struct strbuf *out)
{
	struct strbuf qp = STRBUF_INIT(HEADER_DECODE_MAX);
	int rc;

	for (size_t i = 0; i < text.len; i++) {
		if (text.p[i] == '_')
			strbuf_add(&qp, "=20", 3);
		else
			strbuf_add(&qp, text.p + i, 1);
	}
	/* An escape that is cut off would pass for a soft break. */
	rc = qp.len > 0 && qp.s[qp.len - 1] == '=' ? -1 :
	    cte_decode(CTE_QP, qp.s, qp.len, 1, out, NULL);
	strbuf_free(&qp);
	return rc;
}

static void
check_content(struct lint *l, uint32_t part, const struct mime_field *f,
    const struct word *w)
{
	struct strbuf raw = STRBUF_INIT(HEADER_DECODE_MAX);
	struct strbuf utf8 = STRBUF_INIT(HEADER_DECODE_MAX);
	enum charset_kind kind = charset_kind(w->charset);
	int rc = -1;

	if (w->encoding == 'B' || w->encoding == 'b')
		rc = cte_decode(CTE_BASE64, (const char *)w->text.p,
		    w->text.len, 1, &raw, NULL);
	else if (w->encoding == 'Q' || w->encoding == 'q')
		rc = decode_q(w->text, &raw);
	if (rc == -1)
		lint_add(l, LINT_MUST, "R88", part, f->line, "an encoded word "
		    "in %.*s cannot be decoded (RFC 2047 section 4)",
		    (int)f->name.len, (const char *)f->name.p);
	else if (kind == CHARSET_UNKNOWN)
		lint_add(l, LINT_SHOULD, "R88", part, f->line, "an encoded "
		    "word in the unknown charset %s", w->charset);
	else if (charset_to_utf8(w->charset, raw.s, raw.len, &utf8, NULL) ==
	    -1)
		lint_add(l, LINT_MUST, "R88", part, f->line, "an encoded word "
		    "in %.*s is not whole characters of %s (RFC 2047 section "
		    "5)", (int)f->name.len, (const char *)f->name.p,
		    w->charset);
	strbuf_free(&raw);
	strbuf_free(&utf8);
}

/* Octets of the line around p, without its CRLF. */
static size_t
line_around(const struct mime_field *f, const char *p)
{
	const char *from = p, *to = p;
	const char *start = (const char *)f->raw.p, *end = start + f->raw.len;

	while (from > start && from[-1] != '\n')
		from--;
	while (to < end && *to != '\r')
		to++;
	return (size_t)(to - from);
}

static void
check_form(struct lint *l, uint32_t part, const struct mime_field *f,
    const struct word *w)
{
	const char *begin = (const char *)f->value.p;
	const char *end = begin + f->value.len;

	if (w->len > HEADER_WORD_MAX)
		lint_add(l, LINT_MUST, "R88", part, f->line, "an encoded word "
		    "of %zu octets in %.*s; %d is the most (RFC 2047 section "
		    "2)", w->len, (int)f->name.len, (const char *)f->name.p,
		    HEADER_WORD_MAX);
	if (line_around(f, w->p) > HEADER_LINE_ENCODED)
		lint_add(l, LINT_SHOULD, "R88", part, f->line, "a line with "
		    "encoded words longer than %d octets",
		    HEADER_LINE_ENCODED);
	if ((w->p > begin && !is_blank(w->p[-1]) && w->p[-1] != '(') ||
	    (w->p + w->len < end && !is_blank(w->p[w->len]) &&
	    strchr(")<,;", w->p[w->len]) == NULL))
		lint_add(l, LINT_SHOULD, "R88", part, f->line, "an encoded "
		    "word in %.*s touches other text and will not be decoded",
		    (int)f->name.len, (const char *)f->name.p);
}

enum field_kind { FIELD_TEXT, FIELD_MAILBOXES, FIELD_PARAMETERS, FIELD_NO };

static enum field_kind
kind_of(const struct mime_field *f)
{
	static const struct {
		const char *name;
		enum field_kind kind;
	} kinds[] = {
		{ "From", FIELD_MAILBOXES }, { "To", FIELD_MAILBOXES },
		{ "Cc", FIELD_MAILBOXES }, { "Bcc", FIELD_MAILBOXES },
		{ "Sender", FIELD_MAILBOXES },
		{ "Reply-To", FIELD_MAILBOXES },
		{ "Content-Type", FIELD_PARAMETERS },
		{ "Content-Disposition", FIELD_PARAMETERS },
		{ "Date", FIELD_NO }, { "Message-ID", FIELD_NO },
		{ "In-Reply-To", FIELD_NO }, { "References", FIELD_NO },
		{ "Received", FIELD_NO }, { "Return-Path", FIELD_NO },
		{ "MIME-Version", FIELD_NO },
		{ "Content-Transfer-Encoding", FIELD_NO },
		{ "Content-ID", FIELD_NO },
	};

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (mime_field_is(f, kinds[i].name))
			return kinds[i].kind;
	return FIELD_TEXT;
}

/* R6: an encoded word where none is allowed (RFC 2047 section 5). */
static void
check_place(struct lint *l, uint32_t part, const struct mime_field *f,
    enum field_kind kind, enum place place)
{
	if (kind == FIELD_NO)
		lint_add(l, LINT_MUST, "R88", part, f->line, "%.*s must not "
		    "hold encoded words (RFC 2047 section 5)",
		    (int)f->name.len, (const char *)f->name.p);
	else if (kind == FIELD_PARAMETERS)
		lint_add(l, LINT_SHOULD, "R89", part, f->line, "an encoded "
		    "word in a parameter of %.*s; RFC 2231 has another form",
		    (int)f->name.len, (const char *)f->name.p);
	else if (kind == FIELD_MAILBOXES && place == PLACE_QUOTED)
		lint_add(l, LINT_MUST, "R88", part, f->line, "an encoded word "
		    "inside quotes in %.*s (RFC 2047 section 5 (3))",
		    (int)f->name.len, (const char *)f->name.p);
	else if (kind == FIELD_MAILBOXES && place == PLACE_ANGLE)
		lint_add(l, LINT_MUST, "R88", part, f->line, "an encoded word "
		    "inside an address in %.*s (RFC 2047 section 5 (3))",
		    (int)f->name.len, (const char *)f->name.p);
}

void
lint_encoded_words(struct lint *l, uint32_t part, const struct mime_field *f)
{
	const char *p = (const char *)f->value.p, *end = p + f->value.len;
	enum field_kind kind = kind_of(f);
	enum place place = PLACE_FREE;
	struct word w;

	while (end - p >= 2) {
		if (p[0] == '=' && p[1] == '?' && cut_word(p, end, &w)) {
			check_place(l, part, f, kind, place);
			if (kind == FIELD_TEXT || kind == FIELD_MAILBOXES)
				check_form(l, part, f, &w);
			check_content(l, part, f, &w);
			p += w.len;
			continue;
		}
		/* What begins like a word and is none stays as it is read. */
		if (*p == '\\' && place == PLACE_QUOTED)
			p++;
		else
			place = step(place, *p);
		p++;
	}
}
