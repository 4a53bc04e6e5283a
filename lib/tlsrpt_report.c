/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tlsrpt_report.c - what was counted, as RFC 8460 wants to read it: JSON,
 * compressed, in a mail.
 *
 * Rows of a domain and day are gathered by policy; under each stand the sums
 * and what failed.
 */
#include "config.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <jansson.h>
#include <zlib.h>

#include "lib/cte.h"
#include "lib/date.h"
#include "lib/err.h"
#include "lib/strbuf.h"
#include "lib/tlsrpt_private.h"
#include "lib/utf8.h"

#define DAY_S		86400
#define GZIP_WINDOW	(15 + 16)	/* zlib's way to ask for RFC 1952 */
#define GZIP_LEVEL	6

/* ---- JSON */

/* Text of a peer's is not always UTF-8. */
static json_t *
json_text(const char *s, size_t len)
{
	struct strbuf b = STRBUF_INIT(4 * TLSRPT_POLICY_MAX);
	json_t *v;

	utf8_append_repaired(&b, s, len);
	v = json_stringn(b.s, b.len);
	strbuf_free(&b);
	return v;
}

static void
set_text(json_t *object, const char *key, const char *s)
{
	if (s != NULL && s[0] != '\0')
		json_object_set_new(object, key, json_text(s, strlen(s)));
}

/* The lines of a policy, or of an STS policy its mail hosts alone. */
static json_t *
policy_lines(const char *s, bool hosts)
{
	json_t *lines = json_array();
	size_t n;

	for (; *s != '\0'; s += s[n] == '\n' ? n + 1 : n) {
		size_t skip = 0;

		n = strcspn(s, "\n");
		if (n == 0 || (hosts && strncmp(s, "mx:", 3) != 0))
			continue;
		if (hosts)
			skip = 3 + strspn(s + 3, " \t");
		json_array_append_new(lines, json_text(s + skip, n - skip));
	}
	return lines;
}

static json_t *
policy_of(const struct tlsrpt_row *r)
{
	json_t *p = json_object();

	set_text(p, "policy-type", tlsrpt_policy_name(r->type));
	if (r->policy[0] != '\0')
		json_object_set_new(p, "policy-string",
		    policy_lines(r->policy, false));
	/* Of DANE it is the host that has the records (section 1.1). */
	set_text(p, "policy-domain", r->type == TLSRPT_TLSA &&
	    r->mx[0] != '\0' ? r->mx : r->domain);
	if (r->type == TLSRPT_STS && r->policy[0] != '\0')
		json_object_set_new(p, "mx-host", policy_lines(r->policy,
		    true));
	return p;
}

static json_t *
failure_of(const struct tlsrpt_row *r, const struct tlsrpt_sender *who)
{
	json_t *f = json_object();

	set_text(f, "result-type", tlsrpt_result_name(r->result));
	set_text(f, "sending-mta-ip", who->ip);
	set_text(f, "receiving-mx-hostname", r->mx);
	set_text(f, "receiving-ip", r->ip);
	json_object_set_new(f, "failed-session-count",
	    json_integer((json_int_t)r->count));
	set_text(f, "failure-reason-code", r->reason);
	return f;
}

static bool
is_of(const struct tlsrpt_row *r, const char *domain, int64_t day)
{
	return r->day == day && strcasecmp(r->domain, domain) == 0;
}

static bool
same_policy(const struct tlsrpt_row *a, const struct tlsrpt_row *b)
{
	return a->type == b->type && strcmp(a->policy, b->policy) == 0 &&
	    (a->type != TLSRPT_TLSA || strcasecmp(a->mx, b->mx) == 0);
}

/* All rows of the policy that `first` is the first row of. */
static json_t *
policy_entry(const struct tlsrpt_row *first, const struct tlsrpt_sender *who)
{
	json_t *entry = json_object(), *failures = json_array();
	uint64_t good = 0, bad = 0;
	const struct tlsrpt_row *r;

	for (r = first; r != NULL; r = TAILQ_NEXT(r, entry)) {
		if (!is_of(r, first->domain, first->day) ||
		    !same_policy(r, first))
			continue;
		if (r->result == TLSRPT_SUCCESS) {
			good += r->count;
			continue;
		}
		bad += r->count;
		json_array_append_new(failures, failure_of(r, who));
	}
	json_object_set_new(entry, "policy", policy_of(first));
	json_object_set_new(entry, "summary", json_pack("{s:I,s:I}",
	    "total-successful-session-count", (json_int_t)good,
	    "total-failure-session-count", (json_int_t)bad));
	if (json_array_size(failures) > 0)
		json_object_set_new(entry, "failure-details", failures);
	else
		json_decref(failures);
	return entry;
}

/* Was this policy told already, by a row further up? */
static bool
is_first_of_policy(const struct tlsrpt *t, const struct tlsrpt_row *row)
{
	const struct tlsrpt_row *r;

	TAILQ_FOREACH(r, &t->rows, entry) {
		if (r == row)
			return true;
		if (is_of(r, row->domain, row->day) && same_policy(r, row))
			return false;
	}
	return true;
}

static json_t *
date_range(int64_t day)
{
	char from[DATE_RFC3339_LEN + 1], to[DATE_RFC3339_LEN + 1];
	json_t *range = json_object();

	/* To the second, as the examples have it. */
	date_rfc3339(day * DAY_S * 1000, from);
	date_rfc3339(((day + 1) * DAY_S - 1) * 1000, to);
	memcpy(from + 19, "Z", 2);
	memcpy(to + 19, "Z", 2);
	set_text(range, "start-datetime", from);
	set_text(range, "end-datetime", to);
	return range;
}

static int
dump_to(const char *data, size_t len, void *arg)
{
	struct strbuf *b = arg;

	strbuf_add(b, data, len);
	return b->overflow ? -1 : 0;
}

int
tlsrpt_report(const struct tlsrpt *t, const struct tlsrpt_sender *who,
    const char *domain, int64_t day, const char *id, struct strbuf *out,
    struct err *e)
{
	json_t *report = json_object(), *policies = json_array();
	const struct tlsrpt_row *r;
	int ret = -1;

	set_text(report, "organization-name", who->organization);
	json_object_set_new(report, "date-range", date_range(day));
	set_text(report, "contact-info", who->contact);
	set_text(report, "report-id", id);
	TAILQ_FOREACH(r, &t->rows, entry)
		if (is_of(r, domain, day) && is_first_of_policy(t, r))
			json_array_append_new(policies, policy_entry(r, who));
	if (json_array_size(policies) == 0) {
		err_set(e, ERR_NOTFOUND, "%s: nothing was counted", domain);
		json_decref(policies);
		goto out;
	}
	json_object_set_new(report, "policies", policies);
	if (json_dump_callback(report, dump_to, out, JSON_COMPACT) == -1) {
		err_set(e, ERR_LIMIT, "%s: the report is too long", domain);
		goto out;
	}
	ret = 0;
out:
	json_decref(report);
	return ret;
}

/* ---- the file */

int
tlsrpt_gzip(const void *data, size_t len, struct strbuf *out, struct err *e)
{
	z_stream z = { .next_in = (Bytef *)(uintptr_t)data,
		.avail_in = (uInt)len };
	size_t room;
	char *to;
	int rc;

	if (len > TLSRPT_REPORT_MAX || deflateInit2(&z, GZIP_LEVEL, Z_DEFLATED,
	    GZIP_WINDOW, 8, Z_DEFAULT_STRATEGY) != Z_OK) {
		err_set(e, ERR_LIMIT, "gzip: too long");
		return -1;
	}
	room = deflateBound(&z, (uLong)len);
	if ((to = strbuf_reserve(out, room)) == NULL) {
		deflateEnd(&z);
		err_set(e, ERR_LIMIT, "gzip: too long");
		return -1;
	}
	z.next_out = (Bytef *)to;
	z.avail_out = (uInt)room;
	rc = deflate(&z, Z_FINISH);
	if (rc == Z_STREAM_END)
		strbuf_commit(out, room - z.avail_out);
	deflateEnd(&z);
	if (rc == Z_STREAM_END)
		return 0;
	err_set(e, ERR_LIMIT, "gzip: no room");
	return -1;
}

void
tlsrpt_file_name(struct strbuf *out, const struct tlsrpt_sender *who,
    const char *domain, int64_t day, const char *id)
{
	strbuf_addf(out, "%s!%s!%lld!%lld!%s.json.gz", who->submitter, domain,
	    (long long)(day * DAY_S), (long long)((day + 1) * DAY_S - 1), id);
}

/* ---- the mail */

/* Names of ours and of the DNS, but a field must not be broken by them. */
static bool
is_atom(const char *s)
{
	if (*s == '\0')
		return false;
	for (; *s != '\0'; s++)
		if (*s <= ' ' || *s > '~' || strchr("\"<>\\;", *s) != NULL)
			return false;
	return true;
}

int
tlsrpt_body(const struct tlsrpt_sender *who, const struct tlsrpt_about *about,
    const void *json, size_t len, struct strbuf *out, struct err *e)
{
	struct strbuf file = STRBUF_INIT(TLSRPT_REPORT_MAX + 4096);
	struct strbuf name = STRBUF_INIT(1024);
	char text[DATE_DAY_LEN + 1];
	int ret = -1;

	if (!is_atom(who->submitter) || !is_atom(about->domain) ||
	    !is_atom(about->id)) {
		err_set(e, ERR_INPUT, "a name that cannot be in a field");
		goto out;
	}
	if (tlsrpt_gzip(json, len, &file, e) == -1)
		goto out;
	tlsrpt_file_name(&name, who, about->domain, about->day, about->id);
	date_day(about->day * DAY_S * 1000, text);
	strbuf_addf(out, "--" TLSRPT_BOUNDARY "\r\n"
	    "Content-Type: text/plain; charset=us-ascii\r\n\r\n"
	    "This is an aggregate TLS report of %s (UTC)\r\n"
	    "about mail from %s to %s.\r\n\r\n", text, who->submitter,
	    about->domain);
	strbuf_addf(out, "--" TLSRPT_BOUNDARY "\r\n"
	    "Content-Type: application/tlsrpt+gzip\r\n"
	    "Content-Transfer-Encoding: base64\r\n"
	    "Content-Disposition: attachment;\r\n\tfilename=\"%s\"\r\n\r\n",
	    name.s);
	base64_encode(out, file.s, file.len);
	strbuf_adds(out, "--" TLSRPT_BOUNDARY "--\r\n");
	if (name.overflow || out->overflow) {
		err_set(e, ERR_LIMIT, "the report is too long for a mail");
		goto out;
	}
	ret = 0;
out:
	strbuf_free(&file);
	strbuf_free(&name);
	return ret;
}
