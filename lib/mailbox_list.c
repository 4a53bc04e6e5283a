/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mailbox_list.c - the addresses of a header field, RFC 5322 section 3.4.
 *
 * One pass over the octets.  Comments are dropped where they stand; of each
 * list element there remain the text in angle brackets, if any, and the text
 * outside them: a display name before brackets, the address itself without.
 */
#include "config.h"

#include <string.h>

#include "lib/address.h"
#include "lib/err.h"
#include "lib/header.h"
#include "lib/mailhead.h"
#include "lib/strbuf.h"

struct list {
	mailhead_mailbox_fn	*fn;
	void			*arg;
	struct strbuf		 outside;	/* of the element so far */
	struct strbuf		 inside;
	bool			 brackets;	/* <> was seen */
	unsigned		 good, bad;
};

static struct slice
trimmed(const struct strbuf *b)
{
	const char *s = b->s;
	size_t n = b->len;

	while (n > 0 && s[0] == ' ') {
		s++;
		n--;
	}
	while (n > 0 && s[n - 1] == ' ')
		n--;
	return (struct slice){ (const uint8_t *)s, n };
}

/* An element is complete; empty ones are obsolete, and skipped. */
static void
end_element(struct list *l)
{
	struct slice outside = trimmed(&l->outside);
	struct slice text = l->brackets ? trimmed(&l->inside) : outside;
	struct address a;

	if (l->brackets || outside.len > 0) {
		if (address_parse((const char *)text.p, text.len,
		    ADDRESS_UTF8 | ADDRESS_ONE_LABEL | ADDRESS_LONG_LOCAL, &a,
		    NULL) == 0) {
			l->good++;
			if (l->fn != NULL)
				l->fn(l->arg, &a, l->brackets ? outside :
				    (struct slice){ text.p, 0 });
		} else {
			l->bad++;
		}
	}
	strbuf_reset(&l->outside);
	strbuf_reset(&l->inside);
	l->brackets = false;
}

/* Octets of the comment at s, 0 when it does not end. */
static size_t
comment_len(const char *s, size_t len)
{
	unsigned depth = 0;

	for (size_t i = 0; i < len; i++) {
		if (s[i] == '\\')
			i++;
		else if (s[i] == '(' && ++depth > MAILHEAD_COMMENT_MAX)
			return 0;
		else if (s[i] == ')' && --depth == 0)
			return i + 1;
	}
	return 0;
}

/* Octets of the quoted string at s, 0 when it does not end. */
static size_t
quoted_len(const char *s, size_t len)
{
	for (size_t i = 1; i < len; i++) {
		if (s[i] == '\\')
			i++;
		else if (s[i] == '"')
			return i + 1;
	}
	return 0;
}

/* Take what stands at s; 0: malformed. */
static size_t
take(struct list *l, const char *s, size_t len, bool *angle)
{
	struct strbuf *to = *angle ? &l->inside : &l->outside;
	size_t n = 1;

	switch (s[0]) {
	case '(':
		if ((n = comment_len(s, len)) != 0)
			strbuf_addc(to, ' ');
		return n;
	case '"':
		if ((n = quoted_len(s, len)) != 0)
			strbuf_add(to, s, n);
		return n;
	case '<':
		if (*angle || l->brackets)
			return 0;
		*angle = l->brackets = true;
		return 1;
	case '>':
		if (!*angle)
			return 0;
		*angle = false;
		return 1;
	case ',':
	case ';':
		/* Inside brackets they belong to an obsolete route. */
		if (*angle)
			strbuf_addc(to, s[0]);
		else
			end_element(l);
		return 1;
	case ':':
		/* The name of a group, whose members follow. */
		if (*angle)
			strbuf_addc(to, ':');
		else
			strbuf_reset(to);
		return 1;
	default:
		strbuf_addc(to, s[0]);
		return 1;
	}
}

int
mailbox_list_parse(const char *value, size_t len, mailhead_mailbox_fn *fn,
    void *arg, unsigned *bad_r, struct err *e)
{
	struct list l = { .fn = fn, .arg = arg };
	bool angle = false;
	size_t n;
	int ret = -1;

	strbuf_init(&l.outside, len);
	strbuf_init(&l.inside, len);
	for (size_t at = 0; at < len; at += n) {
		if ((n = take(&l, value + at, len - at, &angle)) == 0) {
			err_set(e, ERR_INPUT, "an address list with quotes, "
			    "comments or brackets that do not match "
			    "(RFC 5322 section 3.4)");
			goto out;
		}
		if (l.good + l.bad > MAILHEAD_ADDRESSES_MAX)
			break;
	}
	if (angle) {
		err_set(e, ERR_INPUT, "an address without its closing bracket "
		    "(RFC 5322 section 3.4)");
		goto out;
	}
	end_element(&l);
	if (l.good + l.bad > MAILHEAD_ADDRESSES_MAX) {
		err_set(e, ERR_LIMIT, "more than %d addresses in a field",
		    MAILHEAD_ADDRESSES_MAX);
		goto out;
	}
	if (bad_r != NULL)
		*bad_r = l.bad;
	ret = (int)l.good;
out:
	strbuf_free(&l.outside);
	strbuf_free(&l.inside);
	return ret;
}

struct author {
	struct address	*address;
	struct strbuf	*name;
	struct err	*e;
	bool		 failed;
};

/* A display name is words and quoted strings; the quotes are not part of it. */
static void
append_display(struct author *a, struct slice display)
{
	struct strbuf plain = STRBUF_INIT(display.len);
	const char *s = (const char *)display.p;
	bool quoted = false;

	for (size_t i = 0; i < display.len; i++) {
		if (s[i] == '"') {
			quoted = !quoted;
			continue;
		}
		if (s[i] == '\\' && quoted && i + 1 < display.len)
			i++;
		strbuf_addc(&plain, s[i]);
	}
	a->failed = header_decode(a->name, plain.s, plain.len, a->e) == -1;
	strbuf_free(&plain);
}

static void
take_author(void *arg, const struct address *address, struct slice display)
{
	struct author *a = arg;

	*a->address = *address;
	if (a->name != NULL && !a->failed) {
		strbuf_reset(a->name);
		append_display(a, display);
	}
}

int
mailhead_author(const struct mailhead *h, struct address *author_r,
    struct strbuf *name, struct err *e)
{
	const char *value = mailhead_get(h, "From", 0);
	struct address address;
	struct author a = { &address, name, e, false };
	unsigned bad;
	int n;

	if (value == NULL)
		return 0;
	if (mailhead_count(h, "From") > 1) {
		err_set(e, ERR_INPUT, "From occurs more than once (RFC 5322 "
		    "section 3.6)");
		return -1;
	}
	n = mailbox_list_parse(value, strlen(value), take_author, &a, &bad, e);
	if (n == -1 || a.failed)
		return -1;
	if (n != 1 || bad != 0) {
		err_set(e, ERR_INPUT, n + bad > 1 ? "From names more than one "
		    "address" : "From has no valid address (RFC 5322 section "
		    "3.6.2)");
		return -1;
	}
	*author_r = address;
	return 1;
}
