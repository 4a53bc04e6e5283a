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
#include "lib/mailhead.h"
#include "lib/utf8.h"

/* The name as people see it: quotes off, encoded words decoded. */
static void
display_name(struct slice display, struct strbuf *out)
{
	struct strbuf plain = STRBUF_INIT(MIME_HEADER_MAX);

	for (size_t i = 0; i < display.len; i++) {
		if (display.p[i] == '"')
			continue;
		if (display.p[i] == '\\' && i + 1 < display.len)
			i++;
		strbuf_addc(&plain, (char)display.p[i]);
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
    const struct address *a, struct slice display)
{
	static const char *const fakes[] = { "re:", "fw:", "fwd:" };
	struct strbuf name = STRBUF_INIT(HEADER_DECODE_MAX);
	struct strbuf own = STRBUF_INIT(ADDRESS_TEXT_MAX);
	const char *what = NULL;
	uint32_t c;
	size_t n;

	display_name(display, &name);
	address_format(&own, a);
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
	if (strchr(name.s, '@') != NULL && strcasecmp(name.s, own.s) != 0)
		what = "holds another address";
	if (strstr(name.s, "{{") != NULL)
		what = "has a placeholder; it names the sender, not the "
		    "recipient";
	if (what != NULL)
		lint_add(l, LINT_SHOULD, "R7", 0, f->line, "the display name "
		    "in From %s", what);
	strbuf_free(&name);
	strbuf_free(&own);
}

struct visit {
	struct lint			*l;
	const struct mime_field		*f;
};

static void
on_mailbox(void *arg, const struct address *a, struct slice display)
{
	struct visit *v = arg;
	const struct mime_field *f = v->f;

	if (mime_field_is(f, "From"))
		check_display_name(v->l, f, a, display);
	/* Replies and the MX of the sender are looked for there. */
	if (strchr(a->domain, '.') == NULL || !utf8_is_ascii(a->local,
	    strlen(a->local)))
		lint_add(v->l, LINT_MUST, "R84", 0, f->line, "%.*s has an "
		    "address that mail cannot reach everywhere",
		    (int)f->name.len, (const char *)f->name.p);
}

/* Mailboxes in f, good and bad; what is bad is said when strict. */
static unsigned
check_list(struct lint *l, const struct mime_field *f, bool strict)
{
	struct strbuf value = STRBUF_INIT(MIME_HEADER_MAX);
	struct visit v = { l, f };
	struct err e = ERR_INIT;
	unsigned bad = 0;
	int n;

	mime_field_unfold(f, &value);
	n = mailbox_list_parse(value.s, value.len, strict ? on_mailbox : NULL,
	    &v, &bad, &e);
	if (strict && n == -1)
		lint_add(l, LINT_MUST, "R84", 0, f->line, "%.*s is %s",
		    (int)f->name.len, (const char *)f->name.p, e.text);
	else if (strict && bad > 0)
		lint_add(l, LINT_MUST, "R84", 0, f->line, "%.*s has %u that "
		    "is no address (RFC 5322 section 3.4)", (int)f->name.len,
		    (const char *)f->name.p, bad);
	else if (strict && n == 0)
		lint_add(l, LINT_MUST, "R84", 0, f->line, "%.*s has no "
		    "address", (int)f->name.len, (const char *)f->name.p);
	strbuf_free(&value);
	return n > 0 ? (unsigned)n + bad : bad;
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
