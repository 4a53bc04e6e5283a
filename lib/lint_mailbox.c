/* SPDX-License-Identifier: Apache-2.0 */
/*
 * lint_mailbox.c - From and its kin: how many, whether mail can come from
 * them, and what their names pretend.
 */
#include "config.h"

#include <string.h>
#include <strings.h>

#include "lib/address.h"
#include "lib/err.h"
#include "lib/header.h"
#include "lib/lint_private.h"
#include "lib/utf8.h"

/* One mailbox of a list (RFC 5322 section 3.4). */
struct mailbox {
	struct strbuf	phrase;		/* as written, without comments */
	struct strbuf	address;	/* between < and >, or all there is */
};

#define MAILBOX_INIT	{ STRBUF_INIT(MIME_HEADER_MAX), \
	    STRBUF_INIT(MIME_HEADER_MAX) }

static void
mailbox_free(struct mailbox *b)
{
	strbuf_free(&b->phrase);
	strbuf_free(&b->address);
}

static bool
is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* Step over a comment, with those inside it. */
static const char *
skip_comment(const char *p, const char *end)
{
	unsigned depth = 0;

	for (; p < end; p++) {
		if (*p == '\\' && p + 1 < end)
			p++;
		else if (*p == '(')
			depth++;
		else if (*p == ')' && --depth == 0)
			return p + 1;
	}
	return end;
}

/* Append a quoted string with its quotes; folds in it are nothing. */
static const char *
take_quoted(const char *p, const char *end, struct strbuf *out)
{
	strbuf_addc(out, *p++);
	for (; p < end && *p != '"'; p++) {
		if (*p == '\\' && p + 1 < end)
			strbuf_addc(out, *p++);
		if (*p != '\r' && *p != '\n')
			strbuf_addc(out, *p);
	}
	strbuf_addc(out, '"');
	return p < end ? p + 1 : end;
}

static void
trim(struct strbuf *b)
{
	size_t n = 0;

	while (b->len > 0 && is_space(b->s[b->len - 1]))
		strbuf_truncate(b, b->len - 1);
	while (n < b->len && is_space(b->s[n]))
		n++;
	strbuf_consume(b, n);
}

/*
 * Read the next mailbox at *p.  A group's name is dropped and its members
 * count; an empty entry is skipped.  False at the end.
 */
static bool
next_mailbox(const char **p, const char *end, struct mailbox *b)
{
	bool angle = false, had_angle = false;
	const char *q = *p;

	strbuf_reset(&b->phrase);
	strbuf_reset(&b->address);
	while (q < end) {
		struct strbuf *to = angle ? &b->address : &b->phrase;

		if (*q == '"') {
			q = take_quoted(q, end, to);
		} else if (*q == '(') {
			q = skip_comment(q, end);
		} else if (*q == '<') {
			angle = had_angle = true;
			q++;
		} else if (*q == '>') {
			angle = false;
			q++;
		} else if (!angle && *q == ':') {
			strbuf_reset(&b->phrase);
			q++;
		} else if (!angle && (*q == ',' || *q == ';')) {
			q++;
			if (b->phrase.len != 0 || had_angle)
				break;
		} else {
			if (*q != '\r' && *q != '\n')
				strbuf_addc(to, *q);
			q++;
		}
	}
	*p = q;
	trim(&b->phrase);
	trim(&b->address);
	if (!had_angle) {
		strbuf_add(&b->address, b->phrase.s, b->phrase.len);
		strbuf_reset(&b->phrase);
	}
	return b->address.len != 0 || had_angle;
}

/* The name as people see it: quotes off, encoded words decoded. */
static void
display_name(const struct mailbox *b, struct strbuf *out)
{
	struct strbuf plain = STRBUF_INIT(MIME_HEADER_MAX);

	for (size_t i = 0; i < b->phrase.len; i++) {
		if (b->phrase.s[i] == '"')
			continue;
		if (b->phrase.s[i] == '\\' && i + 1 < b->phrase.len)
			i++;
		strbuf_addc(&plain, b->phrase.s[i]);
	}
	header_decode(out, plain.s, plain.len, NULL);
	strbuf_free(&plain);
}

/* Marks that mail clients use for badges, and pictures of all kinds. */
static bool
is_badge(uint32_t c)
{
	return (c >= 0x2600 && c <= 0x27bf) || (c >= 0x2b00 && c <= 0x2bff) ||
	    (c >= 0x1f000 && c <= 0x1faff) || c == 0x2122 || c == 0xae;
}

/* "(2)", as clients show how many mails a thread has. */
static bool
has_count(const char *s)
{
	for (; (s = strchr(s, '(')) != NULL; s++) {
		size_t n = strspn(s + 1, "0123456789");

		if (n > 0 && s[1 + n] == ')')
			return true;
	}
	return false;
}

/* R7, after the examples of Gmail's sender guidelines. */
static void
check_display_name(struct lint *l, const struct mime_field *f,
    const struct mailbox *b)
{
	static const char *const fakes[] = { "re:", "fw:", "fwd:" };
	struct strbuf name = STRBUF_INIT(HEADER_DECODE_MAX);
	const char *what = NULL;
	uint32_t c;
	size_t n;

	display_name(b, &name);
	for (size_t i = 0; i < sizeof(fakes) / sizeof(fakes[0]); i++)
		if (strncasecmp(name.s, fakes[i], strlen(fakes[i])) == 0)
			what = "looks like an answer or a forward";
	if (has_count(name.s))
		what = "looks like the count of a thread";
	for (size_t i = 0; i < name.len; i += n) {
		if ((n = utf8_next(name.s + i, name.len - i, &c)) == 0)
			break;
		if (is_badge(c))
			what = "has a mark that could pass for a badge";
	}
	if (strchr(name.s, '@') != NULL &&
	    strcasecmp(name.s, b->address.s) != 0)
		what = "holds another address";
	if (strstr(name.s, "{{") != NULL)
		what = "has a placeholder; it names the sender, not the "
		    "recipient";
	if (what != NULL)
		lint_add(l, LINT_SHOULD, "R7", 0, f->line, "the display name "
		    "in From %s", what);
	strbuf_free(&name);
}

/* Mailboxes in f; each must be one that SMTP can name when strict. */
static unsigned
check_list(struct lint *l, const struct mime_field *f, bool strict)
{
	const char *p = (const char *)f->value.p, *end = p + f->value.len;
	struct mailbox b = MAILBOX_INIT;
	struct address parsed;
	struct err e;
	unsigned n = 0;

	while (next_mailbox(&p, end, &b)) {
		n++;
		if (mime_field_is(f, "From"))
			check_display_name(l, f, &b);
		if (strict && address_parse(b.address.s, b.address.len, 0,
		    &parsed, &e) == -1)
			lint_add(l, LINT_MUST, "R84", 0, f->line, "%.*s: %s",
			    (int)f->name.len, (const char *)f->name.p, e.text);
	}
	mailbox_free(&b);
	return n;
}

static void
check_field(struct lint *l, const struct mime_field *f)
{
	unsigned n;

	if (mime_field_is(f, "To") || mime_field_is(f, "Cc")) {
		if (check_list(l, f, false) > 1)
			lint_add(l, LINT_MAY, "R93", 0, f->line, "several "
			    "recipients in %.*s; every copy names its own "
			    "alone", (int)f->name.len,
			    (const char *)f->name.p);
		return;
	}
	if (!mime_field_is(f, "From") && !mime_field_is(f, "Sender") &&
	    !mime_field_is(f, "Reply-To"))
		return;
	n = check_list(l, f, true);
	if (n == 0)
		lint_add(l, LINT_MUST, "R84", 0, f->line, "%.*s has no "
		    "address", (int)f->name.len, (const char *)f->name.p);
	if (n > 1 && mime_field_is(f, "Sender"))
		lint_add(l, LINT_MUST, "R84", 0, f->line, "Sender has %u "
		    "addresses; it must have one (RFC 5322 section 3.6.2)", n);
	if (n > 1 && mime_field_is(f, "From")) {
		lint_add(l, LINT_SHOULD, "R6", 0, f->line, "From has %u "
		    "addresses; large receivers refuse that", n);
		if (mime_field_find(l->m, 0, "Sender") == NULL)
			lint_add(l, LINT_MUST, "R84", 0, f->line, "From has "
			    "%u addresses and there is no Sender (RFC 5322 "
			    "section 3.6.2)", n);
	}
}

void
lint_mailboxes(struct lint *l)
{
	const struct mime_part *top = &l->m->part[0];

	for (uint32_t i = 0; i < top->fields; i++)
		check_field(l, &l->m->field[top->first_field + i]);
}
