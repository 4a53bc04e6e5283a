/* SPDX-License-Identifier: Apache-2.0 */
/*
 * lint_header.c - the header fields: how often, in which octets, what for.
 */
#include "config.h"

#include <string.h>
#include <strings.h>

#include "lib/date.h"
#include "lib/header.h"
#include "lib/lint_private.h"

/*
 * RFC 5322 section 3.6, for a message as its author hands it in: Date and
 * Message-ID are made by listd.  The MIME fields follow RFC 2045 section 3.
 */
static const struct {
	const char *name;
	unsigned min, max;
	const char *rule;
} counts[] = {
	{ "Date",		0, 1, "R84" },
	{ "From",		1, 1, "S99" },
	{ "Sender",		0, 1, "R84" },
	{ "Reply-To",		0, 1, "R84" },
	{ "To",			0, 1, "R84" },
	{ "Cc",			0, 1, "R84" },
	{ "Bcc",		0, 1, "R84" },
	{ "Message-ID",		0, 1, "R84" },
	{ "In-Reply-To",	0, 1, "R84" },
	{ "References",		0, 1, "R84" },
	{ "Subject",		0, 1, "R84" },
	{ "MIME-Version",	0, 1, "R90" },
};

/* At most one of each in every part (RFC 2045 section 3). */
static const char *const single_in_parts[] = {
	"Content-Type", "Content-Transfer-Encoding", "Content-ID",
	"Content-Description", "Content-Disposition",
};

/* What listd makes or removes, so that an author's own has no effect. */
static const struct {
	const char *name;	/* a '*' at the end: any that begins so */
	const char *rule, *why;
} dropped[] = {
	{ "List-*",		"R34", "is made by listd" },
	{ "Feedback-ID",	"R9", "is made by listd" },
	{ "CFBL-*",		"R149", "is made by listd" },
	{ "Bcc",		"R93", "does not leave" },
	{ "Cc",			"R93", "does not leave: a copy has one recipient" },
	{ "Return-Path",	"R84", "belongs to the receiver" },
	{ "Received",		"R84", "belongs to the way the message came" },
	{ "DKIM-Signature",	"T23", "would not fit what is sent" },
	{ "ARC-*",		"T23", "would not fit what is sent" },
	{ "Authentication-Results", "T23", "belongs to a receiver" },
	{ "Precedence",		"R84", "is not sent" },
	{ "Resent-*",		"R84", "belongs to the way the message came" },
};

static unsigned
count_fields(const struct mime_message *m, uint32_t part, const char *name,
    const struct mime_field **second_r)
{
	const struct mime_part *p = &m->part[part];
	unsigned n = 0;

	*second_r = NULL;
	for (uint32_t i = 0; i < p->fields; i++) {
		const struct mime_field *f = &m->field[p->first_field + i];

		if (mime_field_is(f, name) && ++n == 2)
			*second_r = f;
	}
	return n;
}

static void
check_counts(struct lint *l)
{
	const struct mime_field *second;

	for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
		unsigned n = count_fields(l->m, 0, counts[i].name, &second);

		if (n < counts[i].min)
			lint_add(l, LINT_MUST, counts[i].rule, 0, 0, "the %s "
			    "header field is missing", counts[i].name);
		else if (n > counts[i].max)
			lint_add(l, LINT_MUST, "R84", 0, second->line,
			    "%u %s header fields; %u is the most (RFC 5322 "
			    "section 3.6)", n, counts[i].name, counts[i].max);
	}
	for (uint32_t p = 0; p < l->m->parts; p++)
		for (size_t i = 0; i < sizeof(single_in_parts) /
		    sizeof(single_in_parts[0]); i++)
			if (count_fields(l->m, p, single_in_parts[i],
			    &second) > 1)
				lint_add(l, LINT_MUST, "R90", p, second->line,
				    "more than one %s", single_in_parts[i]);
}

/* What listd provides is noted, so that nobody wonders. */
static void
check_absent(struct lint *l)
{
	const struct mime_field *f;
	struct strbuf value = STRBUF_INIT(MIME_HEADER_MAX);

	if (mime_field_find(l->m, 0, "Date") == NULL)
		lint_add(l, LINT_MAY, "R84", 0, 0, "Date is missing; the "
		    "release of the campaign gives it");
	if (mime_field_find(l->m, 0, "Message-ID") == NULL)
		lint_add(l, LINT_MAY, "R86", 0, 0, "Message-ID is missing; "
		    "every copy gets its own");
	if (mime_field_find(l->m, 0, "Subject") == NULL)
		lint_add(l, LINT_SHOULD, "R6", 0, 0, "Subject is missing");
	f = mime_field_find(l->m, 0, "MIME-Version");
	if (f != NULL) {
		mime_field_unfold(f, &value);
		if (strncmp(value.s, "1.0", 3) != 0)
			lint_add(l, LINT_SHOULD, "R90", 0, f->line,
			    "MIME-Version is not 1.0");
	} else if (mime_field_find(l->m, 0, "Content-Type") != NULL ||
	    mime_field_find(l->m, 0, "Content-Transfer-Encoding") != NULL) {
		lint_add(l, LINT_SHOULD, "R90", 0, 0, "MIME-Version is "
		    "missing although the message uses MIME (RFC 2045 "
		    "section 4)");
	}
	strbuf_free(&value);
}

/* S100, R6, R95: a header is printable ASCII and blanks. */
static void
check_octets(struct lint *l, uint32_t part, const struct mime_field *f)
{
	const char *p = (const char *)f->raw.p;
	bool high = false, control = false, blank_line = false;

	for (size_t i = 0, start = 0; i < f->raw.len; i++) {
		if ((unsigned char)p[i] >= 0x80)
			high = true;
		else if (p[i] == '\n') {
			blank_line = blank_line || (i > start &&
			    strspn(p + start, " \t\r") >= i - start);
			start = i + 1;
		} else if ((p[i] < 0x20 || p[i] == 0x7f) && p[i] != '\t' &&
		    p[i] != '\r')
			control = true;
	}
	if (high)
		lint_add(l, LINT_MUST, "S100", part, f->line, "raw 8-bit text "
		    "in %.*s; it must be encoded words (RFC 2047)",
		    (int)f->name.len, (const char *)f->name.p);
	if (control)
		lint_add(l, LINT_MUST, "R95", part, f->line, "a control "
		    "character in %.*s", (int)f->name.len,
		    (const char *)f->name.p);
	if (blank_line)
		lint_add(l, LINT_MUST, "R85", part, f->line, "a line of "
		    "blanks inside %.*s (RFC 5322 section 3.2.2)",
		    (int)f->name.len, (const char *)f->name.p);
}

static bool
name_matches(const struct mime_field *f, const char *pattern)
{
	size_t n = strlen(pattern);

	if (pattern[n - 1] != '*')
		return mime_field_is(f, pattern);
	return f->name.len >= n - 1 &&
	    strncasecmp((const char *)f->name.p, pattern, n - 1) == 0;
}

static void
check_dropped(struct lint *l)
{
	const struct mime_part *top = &l->m->part[0];
	unsigned received = 0;

	for (uint32_t i = 0; i < top->fields; i++) {
		const struct mime_field *f =
		    &l->m->field[top->first_field + i];

		received += mime_field_is(f, "Received");
		for (size_t k = 0; k < sizeof(dropped) / sizeof(dropped[0]);
		    k++)
			if (name_matches(f, dropped[k].name))
				lint_add(l, LINT_MAY, dropped[k].rule, 0,
				    f->line, "the author's %.*s is left out: "
				    "it %s", (int)f->name.len,
				    (const char *)f->name.p, dropped[k].why);
	}
	if (received > LINT_RECEIVED_MAX)
		lint_add(l, LINT_SHOULD, "R6", 0, 0, "%u Received fields; a "
		    "message that has come so far may be in a loop",
		    received);
}

static void
check_date(struct lint *l)
{
	const struct mime_field *f = mime_field_find(l->m, 0, "Date");
	unsigned faults = 0;
	int64_t ms;

	if (f == NULL)
		return;
	if (date_parse_rfc5322((const char *)f->value.p, f->value.len, &ms,
	    &faults, NULL) == -1)
		lint_add(l, LINT_MAY, "R87", 0, f->line, "Date is not a date "
		    "(RFC 5322 section 3.3); it is replaced");
	else if (faults & DATE_WRONG_WEEKDAY)
		lint_add(l, LINT_MAY, "R87", 0, f->line, "Date names the "
		    "wrong weekday; it is replaced");
}

static void
check_message_id(struct lint *l)
{
	const struct mime_field *f = mime_field_find(l->m, 0, "Message-ID");
	struct strbuf v = STRBUF_INIT(MIME_HEADER_MAX);
	const char *at;

	if (f == NULL)
		return;
	mime_field_unfold(f, &v);
	at = strchr(v.s, '@');
	if (v.len < 5 || v.s[0] != '<' || v.s[v.len - 1] != '>' ||
	    at == NULL || at == v.s + 1 || at == v.s + v.len - 2 ||
	    strpbrk(v.s, " \t()") != NULL || strchr(at + 1, '@') != NULL)
		lint_add(l, LINT_MAY, "R6", 0, f->line, "Message-ID is not "
		    "<left@right> (RFC 5322 section 3.6.4); it is replaced");
	strbuf_free(&v);
}

/* R7: a mail that answers nothing pretends to. */
static void
check_subject(struct lint *l)
{
	static const char *const fakes[] = { "re:", "fw:", "fwd:", "aw:",
	    "wg:", "[fwd:" };
	const struct mime_field *f = mime_field_find(l->m, 0, "Subject");
	struct strbuf text = STRBUF_INIT(HEADER_DECODE_MAX);

	if (f == NULL || header_decode(&text, (const char *)f->value.p,
	    f->value.len, NULL) == -1)
		goto out;
	if (strspn(text.s, " ") == text.len)
		lint_add(l, LINT_SHOULD, "R6", 0, f->line, "Subject is "
		    "empty");
	for (size_t i = 0; i < sizeof(fakes) / sizeof(fakes[0]); i++)
		if (strncasecmp(text.s + strspn(text.s, " "), fakes[i],
		    strlen(fakes[i])) == 0 &&
		    mime_field_find(l->m, 0, "In-Reply-To") == NULL &&
		    mime_field_find(l->m, 0, "References") == NULL)
			lint_add(l, LINT_SHOULD, "R7", 0, f->line, "Subject "
			    "begins with \"%s\" but the message answers "
			    "nothing", fakes[i]);
out:
	strbuf_free(&text);
}

void
lint_header(struct lint *l)
{
	check_counts(l);
	check_absent(l);
	check_dropped(l);
	check_date(l);
	check_message_id(l);
	check_subject(l);
	for (uint32_t p = 0; p < l->m->parts; p++) {
		const struct mime_part *part = &l->m->part[p];

		for (uint32_t i = 0; i < part->fields; i++) {
			check_octets(l, p,
			    &l->m->field[part->first_field + i]);
			lint_encoded_words(l, p,
			    &l->m->field[part->first_field + i]);
		}
	}
}
