/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dsn_status.c - the groups of fields of a delivery or feedback report.
 *
 * RFC 3464 section 2: one group about the message, then one for each
 * recipient, each ended by an empty line.  Groups have the form of a header
 * section, so mailhead reads them.
 */
#include "config.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "lib/address.h"
#include "lib/dsn_private.h"
#include "lib/hex.h"
#include "lib/mailhead.h"
#include "lib/pack.h"
#include "lib/utf8.h"

static struct slice
trim(const char *s, size_t len)
{
	while (len > 0 && (s[0] == ' ' || s[0] == '\t')) {
		s++;
		len--;
	}
	while (len > 0 && (s[len - 1] == ' ' || s[len - 1] == '\t'))
		len--;
	return (struct slice){ (const uint8_t *)s, len };
}

/*
 * "type; value", RFC 3464 section 2.1.2: cut the type off, which is a word
 * without anything an address needs.  A value without a type is taken whole.
 */
static struct slice
typed_value(const char *s, size_t len, struct slice *type_r)
{
	const char *semicolon = len != 0 ? memchr(s, ';', len) : NULL;
	size_t n = semicolon != NULL ? (size_t)(semicolon - s) : 0;

	*type_r = (struct slice){ (const uint8_t *)s, 0 };
	if (n == 0 || memchr(s, '@', n) != NULL || memchr(s, '"', n) != NULL)
		return trim(s, len);
	*type_r = trim(s, n);
	return trim(semicolon + 1, len - n - 1);
}

/* RFC 6533 section 3: \x{HEX} is a character; octets taken, or 0. */
static size_t
unescape(const char *s, size_t len, uint32_t *c_r)
{
	uint32_t c = 0;
	size_t i;

	if (len < 5 || strncasecmp(s, "\\x{", 3) != 0)
		return 0;
	for (i = 3; i < len && i < 9 && hex_digit(s[i]) != -1; i++)
		c = c << 4 | (uint32_t)hex_digit(s[i]);
	if (i == 3 || i == len || s[i] != '}' || c < 0x20 || c > 0x10ffff ||
	    (c >= 0xd800 && c <= 0xdfff))
		return 0;
	*c_r = c;
	return i + 1;
}

void
dsn_copy(char *out, size_t size, const char *s, size_t len)
{
	if (len >= size)
		len = size - 1;
	for (size_t i = 0; i < len; i++)
		out[i] = (unsigned char)s[i] < 0x20 || s[i] == 0x7f ? '?' :
		    s[i];
	out[len] = '\0';
}

bool
dsn_copy_address(char out[DSN_ADDRESS_MAX + 1], const char *s, size_t len)
{
	struct strbuf plain = STRBUF_INIT(DSN_ADDRESS_MAX);
	struct slice type, v = typed_value(s, len, &type);
	struct address a;
	size_t n;
	uint32_t c;
	bool ok;

	if (v.len >= 2 && v.p[0] == '<' && v.p[v.len - 1] == '>') {
		v.p++;
		v.len -= 2;
	}
	s = (const char *)v.p;
	for (size_t i = 0; i < v.len; i += n) {
		if ((n = unescape(s + i, v.len - i, &c)) != 0) {
			utf8_append(&plain, c);
		} else {
			strbuf_addc(&plain, s[i]);
			n = 1;
		}
	}
	/* A word about the address is no address, "@host" (seen) is none. */
	ok = !plain.overflow && address_parse(plain.s, plain.len,
	    ADDRESS_UTF8 | ADDRESS_ONE_LABEL | ADDRESS_LONG_LOCAL, &a,
	    NULL) == 0;
	if (ok)
		dsn_copy(out, DSN_ADDRESS_MAX + 1, plain.s, plain.len);
	strbuf_free(&plain);
	return ok;
}

static void
copy_field(char *out, size_t size, const struct mailhead *h,
    const char *name)
{
	const char *value = mailhead_get(h, name, 0);
	struct slice type, v;

	if (value == NULL)
		return;
	v = typed_value(value, strlen(value), &type);
	dsn_copy(out, size, (const char *)v.p, v.len);
}

static enum dsn_action
action_of(const struct mailhead *h, const struct enhanced *status)
{
	static const struct {
		const char	*name;
		enum dsn_action	 action;
	} actions[] = {
		{ "failed", DSN_FAILED },	{ "delayed", DSN_DELAYED },
		{ "delivered", DSN_DELIVERED },	{ "relayed", DSN_RELAYED },
		{ "expanded", DSN_EXPANDED },
	};
	const char *value = mailhead_get(h, "Action", 0);

	for (size_t i = 0; value != NULL &&
	    i < sizeof(actions) / sizeof(actions[0]); i++)
		if (mailhead_token_is(value, actions[i].name))
			return actions[i].action;
	/* A misspelt field was seen beside a 5.x.x, which leaves no doubt. */
	return value == NULL && status->class == 5 ? DSN_FAILED :
	    DSN_ACTION_NONE;
}

/* One group; false when it is about no recipient. */
static bool
take_group(struct dsn_report *r, const struct mailhead *h)
{
	const char *final = mailhead_get(h, "Final-Recipient", 0);
	const char *original = mailhead_get(h, "Original-Recipient", 0);
	const char *said = mailhead_get(h, "Diagnostic-Code", 0);
	const char *status = mailhead_get(h, "Status", 0);
	struct dsn_recipient *rcpt;
	struct slice type, text = { NULL, 0 };
	size_t n = 0;

	if ((final == NULL && original == NULL) ||
	    (rcpt = dsn_report_add(r)) == NULL)
		return false;
	if (status != NULL)
		n = enhanced_parse(status, strlen(status),
		    &rcpt->status_field);
	rcpt->action = action_of(h, &rcpt->status_field);
	if (final != NULL)
		dsn_copy_address(rcpt->final, final, strlen(final));
	if (original != NULL)
		dsn_copy_address(rcpt->original, original, strlen(original));
	copy_field(rcpt->remote_mta, sizeof(rcpt->remote_mta), h,
	    "Remote-MTA");
	if (said != NULL)
		text = typed_value(said, strlen(said), &type);
	/* Some put the words in a comment behind the status. */
	if (text.len == 0 && status != NULL)
		text = trim(status + n, strlen(status) - n);
	dsn_judge(rcpt, text.p != NULL ? (const char *)text.p : "", text.len,
	    dsn_stage_find((const char *)text.p, text.len));
	return true;
}

bool
dsn_status_read(struct dsn_report *r, const struct strbuf *status)
{
	size_t at = 0;
	bool found = false;

	while (at < status->len && r->recipients < DSN_RECIPIENTS_MAX) {
		struct mailhead *h = mailhead_parse(status->s + at,
		    status->len - at, NULL);

		if (h == NULL)
			break;
		if (r->reporting_mta[0] == '\0')
			copy_field(r->reporting_mta,
			    sizeof(r->reporting_mta), h, "Reporting-MTA");
		if (r->arrival[0] == '\0')
			copy_field(r->arrival, sizeof(r->arrival), h,
			    "Arrival-Date");
		if (r->envelope_id[0] == '\0')
			copy_field(r->envelope_id, sizeof(r->envelope_id), h,
			    "Original-Envelope-Id");
		found = take_group(r, h) || found;
		at += mailhead_body_at(h);
		mailhead_free(h);
	}
	return found;
}

static bool
starts_field(const char *s, size_t len)
{
	static const char *const names[] = {
		"Reporting-MTA:", "Original-Recipient:", "Final-Recipient:",
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (len >= strlen(names[i]) &&
		    strncasecmp(s, names[i], strlen(names[i])) == 0)
			return true;
	return false;
}

bool
dsn_status_locate(const struct strbuf *text, struct strbuf *status)
{
	bool inside = false;
	size_t at = 0, n;

	while (at < text->len) {
		const char *s = text->s + at;
		const char *lf = memchr(s, '\n', text->len - at);

		n = lf != NULL ? (size_t)(lf - s) + 1 : text->len - at;
		inside = inside || starts_field(s, n);
		/* A boundary, which may have a blank before it. */
		if (inside && (strncmp(s, "--", 2) == 0 ||
		    strncmp(s, " --", 3) == 0))
			break;
		if (inside)
			strbuf_add(status, s, n);
		at += n;
	}
	return inside;
}

static bool
is_complaint(const char *type)
{
	/* RFC 5965 section 7.3, and opt-out of its drafts; not-spam and
	 * auth-failure (RFC 6591) accuse nobody. */
	static const char *const types[] = {
		"abuse", "fraud", "virus", "other", "opt-out", "opt-out-list",
		"miscategorized",
	};

	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
		if (mailhead_token_is(type, types[i]))
			return true;
	return false;
}

static void
add_complaint(struct dsn_report *r, bool complaint, const char *address)
{
	char plain[DSN_ADDRESS_MAX + 1] = "";
	struct dsn_recipient *rcpt;

	if (address != NULL)
		dsn_copy_address(plain, address, strlen(address));
	/* The same person in two fields is one. */
	for (unsigned i = 0; i < r->recipients; i++)
		if (strcasecmp(r->recipient[i].address, plain) == 0)
			return;
	if ((rcpt = dsn_report_add(r)) == NULL)
		return;
	rcpt->verdict = complaint ? DSN_VERDICT_COMPLAINT : DSN_VERDICT_NONE;
	memcpy(rcpt->original, plain, sizeof(plain));
	memcpy(rcpt->address, plain, sizeof(plain));
}

static void
take_only(void *arg, const struct address *address, struct slice display)
{
	struct strbuf *to = arg;

	(void)display;
	strbuf_reset(to);
	address_format(to, address);
}

/* Our copies name one recipient in To, so a returned one tells whose it is. */
static void
add_enclosed(struct dsn_report *r, bool complaint,
    const struct dsn_parts *parts)
{
	struct strbuf to = STRBUF_INIT(2 * DSN_ADDRESS_MAX);
	struct mailhead *h = mailhead_parse(parts->original.s,
	    parts->original.len, NULL);
	const char *value = h != NULL ? mailhead_get(h, "To", 0) : NULL;

	if (value != NULL && mailbox_list_parse(value, strlen(value),
	    take_only, &to, NULL, NULL) != 1)
		strbuf_reset(&to);
	add_complaint(r, complaint, to.len != 0 ? to.s : NULL);
	mailhead_free(h);
	strbuf_free(&to);
}

void
dsn_feedback_read(struct dsn_report *r, const struct dsn_parts *parts)
{
	static const char *const fields[] = {
		"Original-Rcpt-To", "Removal-Recipient",
	};
	struct mailhead *h = mailhead_parse(parts->feedback.s,
	    parts->feedback.len, NULL);
	const char *type, *value;
	bool complaint;

	r->kind = DSN_COMPLAINT;
	if (h == NULL)
		return;
	type = mailhead_get(h, "Feedback-Type", 0);
	complaint = type != NULL && is_complaint(type);
	if (type != NULL)
		dsn_copy(r->feedback_type, sizeof(r->feedback_type), type,
		    strlen(type));
	for (size_t k = 0; k < sizeof(fields) / sizeof(fields[0]); k++)
		for (unsigned i = 0; (value = mailhead_get(h, fields[k],
		    i)) != NULL && i < DSN_RECIPIENTS_MAX; i++)
			add_complaint(r, complaint, value);
	if (r->recipients == 0 && mailhead_count(h, "Redacted-Address") == 0)
		add_enclosed(r, complaint, parts);
	else if (r->recipients == 0)
		add_complaint(r, complaint, NULL);
	mailhead_free(h);
}
