/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dkim_verify_scan.c - what a DKIM-Signature field says, before anything is
 * verified (RFC 6376 sections 3.5 and 6.1.1).
 */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "lib/dkim_verify.h"
#include "lib/dkim_verify_private.h"
#include "lib/err.h"

#define IDENTITY_MAX	254	/* octets of i=: an address, RFC 5321 */
#define DKIM_KEY_LABEL	"_domainkey"

void
dkim_judge(struct dkim_signature *sig, enum dkim_verdict verdict,
    const char *reason)
{
	sig->verdict = verdict;
	sig->reason = reason;
}

static bool
malformed(struct dkim_signature *sig, const char *reason)
{
	dkim_judge(sig, DKIM_VERDICT_MALFORMED, reason);
	return false;
}

static bool
is_space(uint8_t c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* h= to covered: names in small letters, blanks gone, none of them empty. */
static bool
read_covered(struct dkim_signature *sig, struct slice h)
{
	size_t n = 0;
	bool empty = true;

	if (h.len >= DKIM_COVERED_MAX)
		return false;
	for (size_t i = 0; i < h.len; i++) {
		uint8_t c = h.p[i];

		if (is_space(c))
			continue;
		if (c == ':' && empty)
			return false;
		empty = c == ':';
		if (c >= 'A' && c <= 'Z')
			c = (uint8_t)(c + ('a' - 'A'));
		sig->covered[n++] = (char)c;
	}
	sig->covered[n] = '\0';
	return !empty;
}

static bool
read_name(struct slice value, char out[static DKIM_DOMAIN_MAX + 1])
{
	if (!dkim_name_valid(value, false))
		return false;
	memcpy(out, value.p, value.len);
	out[value.len] = '\0';
	return true;
}

/* t=, x= and l=, each a number when there. */
static bool
read_numbers(const struct dkim_tags *tags, struct dkim_signature *sig)
{
	const struct slice *t = dkim_tags_find(tags, "t");
	const struct slice *x = dkim_tags_find(tags, "x");
	const struct slice *l = dkim_tags_find(tags, "l");
	uint64_t length;

	if ((t != NULL && !dkim_tag_number(*t, &sig->t)) ||
	    (x != NULL && !dkim_tag_number(*x, &sig->x)) ||
	    (l != NULL && !dkim_tag_number(*l, &length)))
		return malformed(sig, "t=, x= or l= is no number");
	if (t != NULL && x != NULL && sig->x <= sig->t)
		return malformed(sig, "x= does not come after t=");
	sig->partial = l != NULL;
	return true;
}

static bool
is_hex(uint8_t c)
{
	return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'F');
}

/*
 * i= is the domain of d= or one below it, after an '@' that a local part in
 * dkim-quoted-printable may stand before (RFC 6376 sections 2.11 and 3.5).
 */
static bool
identity_valid(struct slice i, const char *domain)
{
	size_t at = i.len, len = strlen(domain);
	struct slice name;

	if (i.len > IDENTITY_MAX)
		return false;
	while (at > 0 && i.p[at - 1] != '@')
		at--;
	for (size_t k = 0; k < at; k++)
		if (i.p[k] == '=' && (at - k < 3 || !is_hex(i.p[k + 1]) ||
		    !is_hex(i.p[k + 2])))
			return false;
	name = (struct slice){ i.p + at, i.len - at };
	return at > 0 && dkim_name_valid(name, false) && name.len >= len &&
	    strncasecmp((const char *)name.p + name.len - len, domain,
	    len) == 0 && (name.len == len || name.p[name.len - len - 1] ==
	    '.');
}

static bool
read_algorithm(struct slice a, struct dkim_signature *sig)
{
	if (dkim_tag_is(a, "rsa-sha256")) {
		sig->type = DKIM_KEY_RSA;
	} else if (dkim_tag_is(a, "ed25519-sha256")) {
		sig->type = DKIM_KEY_ED25519;
	} else if (dkim_tag_is(a, "rsa-sha1")) {
		dkim_judge(sig, DKIM_VERDICT_WEAK, "rsa-sha1 (RFC 8301)");
		return false;
	} else {
		return malformed(sig, "a= is unknown");
	}
	return true;
}

/* The tags that a signature must have; false when it is judged already. */
static bool
read_tags(const struct dkim_tags *tags, struct dkim_signature *sig)
{
	static const char *const names[] = { "v", "a", "b", "bh", "d", "h",
	    "s" };
	const struct slice *value[sizeof(names) / sizeof(names[0])];
	const struct slice *i_tag = dkim_tags_find(tags, "i");

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		value[i] = dkim_tags_find(tags, names[i]);
		if (value[i] == NULL || value[i]->len == 0)
			return malformed(sig, "a required tag is missing");
	}
	if (!dkim_tag_is(*value[0], "1"))
		return malformed(sig, "v= is not 1");
	if (!read_name(*value[4], sig->domain) ||
	    !read_name(*value[6], sig->selector))
		return malformed(sig, "d= or s= is no name");
	if (i_tag != NULL && !identity_valid(*i_tag, sig->domain))
		return malformed(sig, "i= is no identity of d=");
	if (!read_covered(sig, *value[5]))
		return malformed(sig, "h= is no list of names");
	if (dkim_signature_covers(sig, "from") == 0)
		return malformed(sig, "h= does not name From");
	return read_numbers(tags, sig) && read_algorithm(*value[1], sig);
}

static void
read_signature(struct slice raw, uint64_t now, struct dkim_signature *sig)
{
	const uint8_t *colon = memchr(raw.p, ':', raw.len);
	struct dkim_tags tags;

	sig->verdict = DKIM_VERDICT_UNTESTED;
	sig->reason = "not tested";
	if (raw.len > DKIM_SIGNATURE_FIELD_MAX) {
		malformed(sig, "the field is too long");
		return;
	}
	/* dkim_message_split() saw the colon and the CRLF at the end. */
	if (dkim_tags_parse(&tags, colon + 1,
	    raw.len - 2 - (size_t)(colon + 1 - raw.p), NULL) == -1) {
		malformed(sig, "no list of tags");
		return;
	}
	if (!read_tags(&tags, sig))
		return;
	if (sig->x != 0 && sig->x <= now)
		dkim_judge(sig, DKIM_VERDICT_EXPIRED, "x= has passed");
}

bool
dkim_field_is(const struct dkim_field *f, const char *name)
{
	return f->name.len == strlen(name) &&
	    strncasecmp((const char *)f->name.p, name, f->name.len) == 0;
}

int
dkim_scan_message(struct slice message, uint64_t now, struct dkim_scan *s,
    struct dkim_report *report, struct err *e)
{
	bool from = false;

	report->n = report->ignored = 0;
	if (message.len > DKIM_VERIFY_OCTETS) {
		err_set(e, ERR_LIMIT, "message of over %u octets",
		    DKIM_VERIFY_OCTETS);
		return -1;
	}
	if (dkim_message_split(message, s->field, DKIM_VERIFY_FIELDS, &s->n,
	    &s->body, e) == -1)
		return -1;
	for (size_t i = 0; i < s->n; i++) {
		from = from || dkim_field_is(&s->field[i], "From");
		if (!dkim_field_is(&s->field[i], DKIM_FIELD_NAME))
			continue;
		if (report->n == DKIM_VERIFY_SIGNATURES) {
			report->ignored++;
			continue;
		}
		report->sig[report->n] = (struct dkim_signature){ 0 };
		read_signature(s->field[i].raw, now,
		    &report->sig[report->n++]);
	}
	if (!from) {
		err_set(e, ERR_INPUT, "the message has no From field");
		return -1;
	}
	return 0;
}

int
dkim_verify_scan(struct slice message, uint64_t now,
    struct dkim_report *report_r, struct err *e)
{
	struct dkim_scan s = { .field = calloc(DKIM_VERIFY_FIELDS,
	    sizeof(*s.field)) };
	int ret;

	if (s.field == NULL) {
		err_sys(e, "dkim scan");
		return -1;
	}
	ret = dkim_scan_message(message, now, &s, report_r, e);
	free(s.field);
	return ret;
}

bool
dkim_signature_key_name(const struct dkim_signature *sig,
    char name_r[static DKIM_DOMAIN_MAX + 1])
{
	int n = snprintf(name_r, DKIM_DOMAIN_MAX + 1, "%s." DKIM_KEY_LABEL
	    ".%s", sig->selector, sig->domain);

	return n > 0 && n <= DKIM_DOMAIN_MAX;
}

size_t
dkim_signature_covers(const struct dkim_signature *sig, const char *name)
{
	size_t len = strlen(name), count = 0;

	for (const char *p = sig->covered; *p != '\0';) {
		size_t n = strcspn(p, ":");

		count += n == len && strncasecmp(p, name, n) == 0;
		p += n;
		p += *p == ':';
	}
	return count;
}

bool
dkim_verify_covers(const struct dkim_report *report, const char *name)
{
	for (size_t i = 0; i < report->n; i++)
		if (report->sig[i].verdict == DKIM_VERDICT_PASS &&
		    dkim_signature_covers(&report->sig[i], name) > 0)
			return true;
	return false;
}

const char *
dkim_verdict_result(enum dkim_verdict verdict)
{
	switch (verdict) {
	case DKIM_VERDICT_PASS:
		return "pass";
	case DKIM_VERDICT_HEADER_CHANGED:
	case DKIM_VERDICT_BODY_CHANGED:
	case DKIM_VERDICT_EXPIRED:
		return "fail";
	case DKIM_VERDICT_WEAK:
		return "policy";
	case DKIM_VERDICT_MALFORMED:
	case DKIM_VERDICT_NO_KEY:
	case DKIM_VERDICT_KEY_REVOKED:
	case DKIM_VERDICT_KEY_UNUSABLE:
		return "permerror";
	case DKIM_VERDICT_KEY_LATER:
		return "temperror";
	case DKIM_VERDICT_UNTESTED:
		break;
	}
	return "neutral";
}
